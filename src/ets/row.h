/* SPDX-License-Identifier: Apache-2.0 */
/* A row: one object of a table, a block of its own that is never changed once others can see it. */
#ifndef COP_ETS_ROW_H
#define COP_ETS_ROW_H

#include "base/block.h"
#include "proc/types.h"
#include "term/layout.h"

struct cop__row {
    struct cop__row *_Atomic next; /* in its chain, of a hash table */
    uint64_t hash;                 /* of the key, in a hash table */
    struct cop__counted *counted;  /* binaries of the tree */
    uint32_t words;
    uint8_t class;
    _Atomic(uint8_t) dead; /* deleted while the table is fixed: only a place in the order */
    uint64_t tree[];       /* a tuple */
};

/* A pair of immediates lies in the place of its row in a hash table, and has no block. What finds
 * it makes such a view of it, with space for it from the caller, or in the heap of the turn: it
 * lives as long as that, and shows what was there then. */
enum { COP__PAIR_WORDS = 3, COP__VIEW_LENT = 0xfd, COP__VIEW_IN_HEAP = 0xfe }; /* classes */
struct cop__view {
    _Alignas(struct cop__row) unsigned char row[sizeof(struct cop__row) +
                                                COP__PAIR_WORDS * sizeof(uint64_t)];
};

static inline bool cop__row_is_view(const struct cop__row *row)
{
    return row->class == COP__VIEW_LENT || row->class == COP__VIEW_IN_HEAP;
}

static inline bool cop__row_is_pair(const struct cop__row *row)
{
    return row->tree[0] == cop__header(COP__TUPLE, 2) &&
           cop__is_immediate(cop__word(row->tree[1])) && cop__is_immediate(cop__word(row->tree[2]));
}

/* space NULL: in the heap of the turn, which may raise. */
struct cop__row *cop__row_view(
    struct cop__view *space, uint64_t hash, uint64_t first, uint64_t second);

/* rt odd. NULL: no memory. */
struct cop__row *cop__row_new(struct cop__thr *self, cop_term object);
void cop__row_free(struct cop__thr *self, void *row);
void cop__row_retire(struct cop__thr *self, struct cop__row *row);
/* A copy in the heap of the turn. rt odd; the row is one that can be read. */
cop_term cop__row_copy(const struct cop__row *row);

static inline cop_term cop__row_object(const struct cop__row *row)
{
    return cop__from_box(row->tree);
}

static inline cop_term cop__row_key(const struct cop__row *row, size_t key_position)
{
    return cop__word(row->tree[key_position]);
}

static inline bool cop__row_is_dead(const struct cop__row *row)
{
    return atomic_load_explicit(&row->dead, memory_order_relaxed);
}

/* Bytes that info(memory) counts. */
static inline size_t cop__row_size(const struct cop__row *row)
{
    return sizeof(*row) + row->words * sizeof(uint64_t);
}

#endif
