/* SPDX-License-Identifier: Apache-2.0 */
/* A hash table of entries that grows and shrinks a little at each operation.
 *
 * The caller owns the entries: it embeds struct dict_entry, fills in key and key_size, and gives
 * the memory back after dict_remove. No entry ever moves.
 *
 *   struct item { struct dict_entry entry; cop_term value; ... };
 *
 *   dict_init(&keys, memory);
 *   item = (struct item *)dict_find(&keys, dict_hash(key, size), key, size);
 */
#ifndef KV_DICT_H
#define KV_DICT_H

#include "memory.h"

#include <stdbool.h>
#include <stdint.h>

struct dict_entry {
    struct dict_entry *next; /* in the chain of its bucket */
    uint64_t hash;
    const char *key; /* not ours; must live as long as the entry */
    size_t key_size;
};

struct dict_table {
    struct dict_entry **buckets; /* NULL: no table */
    size_t mask;                 /* number of buckets, a power of two, less one */
    size_t count;
};

struct dict {
    struct dict_table now;  /* the only table, unless a rehash goes on */
    struct dict_table next; /* where its entries move to */
    size_t moved;           /* buckets of `now` below this are empty */
    struct memory memory;
};

void dict_init(struct dict *dict, struct memory memory);
/* Give back the tables; the entries are the caller's. */
void dict_done(struct dict *dict);
size_t dict_count(const struct dict *dict);

/* NULL when there is none. hash is hash_key of the key. */
struct dict_entry *dict_find(struct dict *dict, uint64_t hash, const char *key, size_t key_size);
/* The key must not be there. */
void dict_add(struct dict *dict, struct dict_entry *entry);
/* The entry must be there. */
void dict_remove(struct dict *dict, struct dict_entry *entry);

/* Visit the entries of one bucket and return the cursor of the next; 0 begins and 0 ends. An entry
 * that is there from the first call to the last is visited at least once, whatever is added,
 * removed or rehashed between the calls. visit may remove the entry it is given. */
typedef void dict_visit(struct dict_entry *entry, void *arg);
uint64_t dict_scan(struct dict *dict, uint64_t cursor, dict_visit *visit, void *arg);

#endif
