/* SPDX-License-Identifier: Apache-2.0 */
/* A table, and what its two kinds (hash_table.c, ordered_table.c) do for the operations in ets.c.
 *
 *   ETS-T1  Readers take no lock: they find rows inside one enter/leave bracket, which keeps what
 * they can see from being freed (proc/retire.h), and copy them before they leave. ETS-T2  A row is
 * never changed but for `next` and `dead` (a pair in its place: but for its value). What replaces
 * it takes its place with one store, so a reader sees the old object or the new one. ETS-T3  Who
 * writes holds the lock of the key (lock_key), or of all keys (lock_all). Nothing is raised and
 * nothing yields while a lock is held: what may fail is made before. ETS-T4  `several` is odd while
 * objects of more than one key are written; who begins to read then waits. So no reader sees some
 * of them. ETS-T5  While `fixes` is not 0 buckets are not split and deleted rows only marked. */
#ifndef COP_ETS_TABLE_H
#define COP_ETS_TABLE_H

#include <coppice/ets.h>

#include "base/lock.h"
#include "ets/row.h"
#include "proc/park.h"
#include "proc/proc.h"

struct cop__table;

/* A place in a walk over all rows, page by page, over many brackets. */
struct cop__cursor {
    bool started, ended, backwards;
    size_t stripe;   /* of a hash table: where it is */
    uint64_t bucket; /* and the last hash that was seen there */
    cop_term key;    /* of an ordered one: the last that was seen; lives for the turn */
};

enum { COP__PAGE_ROWS = 64 };

struct cop__page {
    struct cop__row **rows; /* readable until the bracket ends */
    size_t count, room;
    bool lent; /* rows is not of malloc */
};

struct cop__table_kind {
    bool (*init)(struct cop__table *table); /* false: no memory */
    void (*lock_key)(struct cop__table *table, uint64_t hash);
    void (*unlock_key)(struct cop__table *table, uint64_t hash);
    void (*lock_all)(struct cop__table *table);
    void (*unlock_all)(struct cop__table *table);
    /* What was found in between holds if end_read says so. */
    uint32_t (*begin_read)(const struct cop__table *table, uint64_t hash);
    bool (*end_read)(const struct cop__table *table, uint64_t hash, uint32_t begun);
    /* The first live row of a key, and the others of it (bags): newest first. Locked, with space
     * for a view; or reading, and space NULL. */
    struct cop__row *(*find)(
        const struct cop__table *table, cop_term key, uint64_t hash, struct cop__view *space);
    struct cop__row *(*find_more)(
        const struct cop__table *table, const struct cop__row *row, cop_term key, uint64_t hash);
    /* Locked. The row's hash is set. replace and remove retire the old one; false: no memory. */
    bool (*insert)(struct cop__thr *self, struct cop__table *table, struct cop__row *row);
    void (*replace)(struct cop__thr *self, struct cop__table *table, struct cop__row *old,
        struct cop__row *row);
    void (*remove)(struct cop__thr *self, struct cop__table *table, struct cop__row *row);
    /* The usual counter: add a small integer to the other element of a pair, if that stays one.
     * *ret_sum as a term. false: it is none, and nothing has changed. Locked. NULL: the kind has no
     * pairs. */
    bool (*add)(
        struct cop__table *table, cop_term key, uint64_t hash, int64_t n, cop_term *ret_sum);
    void (*clear)(struct cop__thr *self, struct cop__table *table); /* all locked */
    void (*purge)(struct cop__thr *self, struct cop__table *table); /* what is dead; not locked */
    /* The live row before or after the key; NULL: none. *ret_known: the key is there. */
    struct cop__row *(*neighbour)(
        const struct cop__table *table, cop_term key, uint64_t hash, bool before, bool *ret_known);
    struct cop__row *(*end)(const struct cop__table *table, bool last);
    /* The next page of live rows; false: no memory. */
    bool (*page)(
        const struct cop__table *table, struct cop__cursor *cursor, struct cop__page *page);
    int64_t (*size)(const struct cop__table *table);
    int64_t (*bytes)(const struct cop__table *table);
    size_t (*slots)(const struct cop__table *table);
    /* Nobody can see it: free some rows. True: all is freed. */
    bool (*free)(struct cop__thr *self, struct cop__table *table, size_t rows);
};

extern const struct cop__table_kind cop__hash_table, cop__ordered_table;

struct cop__fixer {
    struct cop__resource resource; /* of the process that fixed it */
    struct cop__fixer *next;
    struct cop__table *table;
    uint64_t pid;
    int64_t count;
    bool listed; /* in the process's list */
};

/* What the owner's list of resources has of a table; given away, it goes over. */
struct cop__hold {
    struct cop__resource resource;
    struct cop__table *table;
    bool listed; /* in the owner's list */
};

struct cop__table {
    const struct cop__table_kind *kind;
    _Atomic(uint64_t) owner; /* pid */
    uint64_t id;             /* word of the reference */
    enum cop_table_type type;
    enum cop_table_access access;
    size_t key_position; /* from 1 */
    bool named, read_concurrency, write_concurrency, compressed;
    _Atomic(uint32_t) name;    /* atom */
    _Atomic(uint32_t) several; /* ETS-T4 */
    _Atomic(uint32_t) fixes;   /* ETS-T5 */
    _Atomic(bool) deleted;
    _Atomic(uint32_t) references; /* registry, fixers, holds: the struct goes with the last */
    void *rows;                   /* of the kind */
    struct cop__table *next_doomed;

    struct cop__spinlock lock; /* what follows */
    struct cop__hold *hold;
    uint64_t heir;              /* pid, 0: none */
    struct cop__row *heir_data; /* {Data} */
    struct cop__fixer *fixers;
    int64_t fixed_since_ms;
};

static inline bool cop__table_is_bag(const struct cop__table *table)
{
    return table->type == COP_BAG || table->type == COP_DUPLICATE_BAG;
}

/* Are these the same key (ETS-13)? */
static inline bool cop__same_key(const struct cop__table *table, cop_term a, cop_term b)
{
    return a.word == b.word ||
           (table->type == COP_ORDERED_SET ? cop_equal(a, b) : cop_identical(a, b));
}

/* rt odd. NULL: there is none with this name or reference. */
struct cop__table *cop__table_find(cop_term id);
void cop__table_release(struct cop__thr *self, struct cop__table *table);

#endif
