/* SPDX-License-Identifier: Apache-2.0 */
/* Hash tables: set, bag, duplicate_bag. Layer 4.
 *
 * A table is one stripe, or many where many write: small tables, by the low bits of the hash, each
 * with a lock for writers and linear hashing of its own: buckets are added one at a time, and the
 * one that is split is the only one that is touched. Buckets lie in segments of doubling size,
 * which never move.
 *
 * A chain holds the rows of a key side by side, the newest first. `changes` of a stripe is odd
 * while more than one link in it changes: a bucket is split, or somebody writes to a bag. A reader
 * looks again when it has changed meanwhile. */
#include <stdlib.h>

#include "ets/table.h"

enum { STRIPES_MAX = 64, STRIPE_BITS = 6, FIRST = 8, FIRST_BITS = 3, SEGMENTS = 40, LOAD_MAX = 1 };

typedef struct cop__row *_Atomic bucket;

struct stripe {
    _Alignas(64) struct cop__spinlock lock;
    _Atomic(uint32_t) changes;
    _Atomic(uint64_t) buckets; /* in use */
    bucket *_Atomic segments[SEGMENTS];
    _Atomic(int64_t) size, bytes;
    int64_t rows; /* dead ones too */
};

struct rows {
    size_t count; /* of stripes, a power of two */
    struct stripe stripes[];
};

static size_t stripes_of(const struct cop__table *table)
{
    return ((const struct rows *)table->rows)->count;
}

static struct stripe *stripe_of(const struct cop__table *table, uint64_t hash)
{
    struct rows *rows = table->rows;

    return &rows->stripes[hash & (rows->count - 1)];
}

/* The first segment has FIRST buckets, and each further one as many as all before it. */
static bucket *bucket_at(struct stripe *stripe, uint64_t index)
{
    unsigned segment = 0;
    uint64_t begin = 0;

    if (index >= FIRST) {
        unsigned bits = 63 - (unsigned)__builtin_clzll(index);

        segment = bits - FIRST_BITS + 1;
        begin = UINT64_C(1) << bits;
    }
    /* acquire: pairs with the release of who made it */
    return &atomic_load_explicit(&stripe->segments[segment], memory_order_acquire)[index - begin];
}

/* Of `buckets` buckets, the first `buckets - power` of which have been split. */
static uint64_t index_of(uint64_t hash, uint64_t buckets)
{
    unsigned bits = 63 - (unsigned)__builtin_clzll(buckets);
    uint64_t power = UINT64_C(1) << bits, rest = hash >> STRIPE_BITS;
    uint64_t index = rest & (2 * power - 1);

    return index < buckets ? index : rest & (power - 1);
}

static bucket *bucket_of(struct stripe *stripe, uint64_t hash)
{
    return bucket_at(
        stripe, index_of(hash, atomic_load_explicit(&stripe->buckets, memory_order_acquire)));
}

static struct cop__row *next_of(bucket *link)
{
    return atomic_load_explicit(link, memory_order_acquire); /* pairs with the release in put */
}

static void put(bucket *link, struct cop__row *row)
{
    atomic_store_explicit(link, row, memory_order_release);
}

/* Relaxed sums under the lock; read by anyone. */
static void count(struct stripe *stripe, const struct cop__row *row, int sign)
{
    atomic_store_explicit(&stripe->size,
        atomic_load_explicit(&stripe->size, memory_order_relaxed) + sign, memory_order_relaxed);
    atomic_store_explicit(&stripe->bytes,
        atomic_load_explicit(&stripe->bytes, memory_order_relaxed) +
            sign * (int64_t)cop__row_size(row),
        memory_order_relaxed);
}

static bool has_key(
    const struct cop__table *table, const struct cop__row *row, cop_term key, uint64_t hash)
{
    cop_term other = cop__row_key(row, table->key_position);

    return row->hash == hash && (other.word == key.word || cop_identical(other, key));
}

/* --- Beginning and end ------------------------------------------------------------------------ */

static bucket *new_segment(uint64_t count)
{
    return calloc(count, sizeof(bucket));
}

static bool init(struct cop__table *table)
{
    size_t count = table->access != COP_PUBLIC ? 1 : table->write_concurrency ? STRIPES_MAX : 16;
    size_t size = offsetof(struct rows, stripes) + count * sizeof(struct stripe);
    struct rows *rows = aligned_alloc(64, (size + 63) & ~(size_t)63);

    if (!rows)
        return false;
    memset(rows, 0, size);
    rows->count = count;
    table->rows = rows;
    for (size_t i = 0; i < count; i++) {
        bucket *segment = new_segment(FIRST);

        if (!segment)
            return false; /* free knows what there is */
        atomic_init(&rows->stripes[i].segments[0], segment);
        atomic_init(&rows->stripes[i].buckets, FIRST);
    }
    return true;
}

/* From the last bucket on; `buckets` says how far it is. */
static bool free_rows(struct cop__thr *self, struct cop__table *table, size_t budget)
{
    struct rows *rows = table->rows;

    for (size_t i = 0; rows && i < rows->count; i++) {
        struct stripe *stripe = &rows->stripes[i];
        uint64_t buckets = atomic_load(&stripe->buckets);

        while (buckets > 0) {
            bucket *last = bucket_at(stripe, buckets - 1);
            struct cop__row *row = next_of(last);

            if (budget == 0) {
                atomic_store(&stripe->buckets, buckets);
                return false;
            }
            budget--;
            if (row) {
                put(last, next_of(&row->next));
                cop__row_free(self, row);
            } else {
                buckets--;
            }
        }
        atomic_store(&stripe->buckets, 0);
        for (size_t j = 0; j < SEGMENTS; j++) {
            free(atomic_load(&stripe->segments[j]));
            atomic_store(&stripe->segments[j], NULL);
        }
    }
    free(rows);
    table->rows = NULL;
    return true;
}

/* --- Locks, and reading without
 * ------------------------------------------------------------------------------------ */

static void change(struct stripe *stripe)
{
    atomic_store_explicit(&stripe->changes,
        atomic_load_explicit(&stripe->changes, memory_order_relaxed) + 1, memory_order_relaxed);
    atomic_thread_fence(memory_order_release); /* odd comes before what changes */
}

static void changed(struct stripe *stripe)
{
    atomic_store_explicit(&stripe->changes,
        atomic_load_explicit(&stripe->changes, memory_order_relaxed) + 1, memory_order_release);
}

static void lock_key(struct cop__table *table, uint64_t hash)
{
    struct stripe *stripe = stripe_of(table, hash);

    cop__spin_lock(&stripe->lock);
    if (cop__table_is_bag(table))
        change(stripe);
}

static void unlock_key(struct cop__table *table, uint64_t hash)
{
    struct stripe *stripe = stripe_of(table, hash);

    if (cop__table_is_bag(table))
        changed(stripe);
    cop__spin_unlock(&stripe->lock);
}

static void lock_all(struct cop__table *table)
{
    for (uint64_t i = 0; i < stripes_of(table); i++)
        lock_key(table, i);
}

static void unlock_all(struct cop__table *table)
{
    for (uint64_t i = 0; i < stripes_of(table); i++)
        unlock_key(table, i);
}

/* --- Finding ---------------------------------------------------------------------------------- */

static struct cop__row *live_from(
    const struct cop__table *table, struct cop__row *row, cop_term key, uint64_t hash)
{
    while (row && (!has_key(table, row, key, hash) || cop__row_is_dead(row)))
        row = next_of(&row->next);
    return row;
}

static uint32_t begin_read(const struct cop__table *table, uint64_t hash)
{
    struct stripe *stripe = stripe_of(table, hash);
    uint32_t changes;

    /* acquire: pairs with the release in changed */
    while ((changes = atomic_load_explicit(&stripe->changes, memory_order_acquire)) % 2)
        cop__pause();
    return changes;
}

static bool end_read(const struct cop__table *table, uint64_t hash, uint32_t changes)
{
    atomic_thread_fence(memory_order_acquire); /* the chain was read before the counter is */
    return atomic_load_explicit(&stripe_of(table, hash)->changes, memory_order_relaxed) == changes;
}

static struct cop__row *find(const struct cop__table *table, cop_term key, uint64_t hash)
{
    return live_from(table, next_of(bucket_of(stripe_of(table, hash), hash)), key, hash);
}

static struct cop__row *find_more(
    const struct cop__table *table, const struct cop__row *row, cop_term key, uint64_t hash)
{
    return live_from(table, next_of((bucket *)(uintptr_t)&row->next), key, hash);
}

/* --- Splitting -------------------------------------------------------------------------------- */

/* The chain of one bucket becomes two. Rows of a key stay side by side and in order. */
static void divide(bucket *old, bucket *fresh, uint64_t fresh_index, uint64_t buckets)
{
    struct cop__row *row = next_of(old);
    bucket *stay = old, *go = fresh;

    while (row) {
        struct cop__row *next = next_of(&row->next);
        bucket **end = index_of(row->hash, buckets) == fresh_index ? &go : &stay;

        put(*end, row);
        *end = &row->next;
        row = next;
    }
    put(stay, NULL);
    put(go, NULL);
}

static void split(const struct cop__table *table, struct stripe *stripe)
{
    uint64_t buckets = atomic_load_explicit(&stripe->buckets, memory_order_relaxed);
    unsigned bits = 63 - (unsigned)__builtin_clzll(buckets);
    uint64_t power = UINT64_C(1) << bits;
    bool is_bag = cop__table_is_bag(table); /* then it is being changed already */

    if (buckets == power) { /* it begins a segment */
        bucket *segment = new_segment(power);

        if (!segment)
            return; /* chains grow instead */
        atomic_store_explicit(
            &stripe->segments[bits - FIRST_BITS + 1], segment, memory_order_release);
    }
    if (!is_bag)
        change(stripe);
    divide(bucket_at(stripe, buckets - power), bucket_at(stripe, buckets), buckets, buckets + 1);
    atomic_store_explicit(&stripe->buckets, buckets + 1, memory_order_release);
    if (!is_bag)
        changed(stripe);
}

/* --- Writing ---------------------------------------------------------------------------------- */

/* The link that leads to the row. */
static bucket *link_to(struct stripe *stripe, const struct cop__row *row)
{
    bucket *link = bucket_of(stripe, row->hash);

    while (next_of(link) != row)
        link = &next_of(link)->next;
    return link;
}

/* Before the rows of its key, else at the front. */
static bool insert(struct cop__thr *self, struct cop__table *table, struct cop__row *row)
{
    struct stripe *stripe = stripe_of(table, row->hash);
    cop_term key = cop__row_key(row, table->key_position);
    bucket *front = bucket_of(stripe, row->hash), *link = front;

    (void)self;
    if (cop__table_is_bag(table))
        while (next_of(link) && !has_key(table, next_of(link), key, row->hash))
            link = &next_of(link)->next;
    if (!next_of(link))
        link = front;
    atomic_store_explicit(&row->next, next_of(link), memory_order_relaxed);
    put(link, row);
    count(stripe, row, 1);
    stripe->rows++;
    if (stripe->rows >
            (int64_t)(LOAD_MAX * atomic_load_explicit(&stripe->buckets, memory_order_relaxed)) &&
        !atomic_load_explicit(&table->fixes, memory_order_relaxed))
        split(table, stripe);
    return true;
}

static void replace(
    struct cop__thr *self, struct cop__table *table, struct cop__row *old, struct cop__row *row)
{
    struct stripe *stripe = stripe_of(table, old->hash);

    atomic_store_explicit(&row->next, next_of(&old->next), memory_order_relaxed);
    put(link_to(stripe, old), row);
    count(stripe, old, -1);
    count(stripe, row, 1);
    cop__row_retire(self, old);
}

static void unlink_row(struct cop__thr *self, struct stripe *stripe, struct cop__row *row)
{
    put(link_to(stripe, row), next_of(&row->next));
    stripe->rows--;
    cop__row_retire(self, row);
}

static void remove_row(struct cop__thr *self, struct cop__table *table, struct cop__row *row)
{
    struct stripe *stripe = stripe_of(table, row->hash);

    count(stripe, row, -1);
    if (atomic_load_explicit(&table->fixes, memory_order_relaxed))
        atomic_store_explicit(&row->dead, 1, memory_order_relaxed);
    else
        unlink_row(self, stripe, row);
}

static void clear(struct cop__thr *self, struct cop__table *table)
{
    struct rows *rows = table->rows;

    for (size_t i = 0; i < rows->count; i++) {
        struct stripe *stripe = &rows->stripes[i];
        uint64_t buckets = atomic_load_explicit(&stripe->buckets, memory_order_relaxed);

        for (uint64_t j = 0; j < buckets; j++) {
            struct cop__row *row = next_of(bucket_at(stripe, j));

            put(bucket_at(stripe, j), NULL);
            while (row) {
                struct cop__row *next = next_of(&row->next);

                cop__row_retire(self, row);
                row = next;
            }
        }
        atomic_store_explicit(&stripe->size, 0, memory_order_relaxed);
        atomic_store_explicit(&stripe->bytes, 0, memory_order_relaxed);
        stripe->rows = 0;
    }
}

static void purge_stripe(
    struct cop__thr *self, const struct cop__table *table, struct stripe *stripe)
{
    uint64_t buckets = atomic_load_explicit(&stripe->buckets, memory_order_relaxed);

    if (stripe->rows == atomic_load_explicit(&stripe->size, memory_order_relaxed))
        return;
    for (uint64_t j = 0; j < buckets; j++) {
        struct cop__row *row = next_of(bucket_at(stripe, j));

        while (row && !atomic_load_explicit(&table->fixes, memory_order_relaxed)) {
            struct cop__row *next = next_of(&row->next);

            if (cop__row_is_dead(row))
                unlink_row(self, stripe, row);
            row = next;
        }
    }
}

static void purge(struct cop__thr *self, struct cop__table *table)
{
    for (uint64_t i = 0; i < stripes_of(table); i++) {
        lock_key(table, i);
        purge_stripe(self, table, stripe_of(table, i));
        unlock_key(table, i);
    }
}

/* --- Walking ---------------------------------------------------------------------------------- */

static struct cop__row *first_live(struct cop__row *row)
{
    while (row && cop__row_is_dead(row))
        row = next_of(&row->next);
    return row;
}

/* The first row from this bucket on. */
static struct cop__row *from_bucket(const struct cop__table *table, size_t i, uint64_t j)
{
    for (; i < stripes_of(table); i++, j = 0) {
        struct stripe *stripe = stripe_of(table, i);
        uint64_t buckets = atomic_load_explicit(&stripe->buckets, memory_order_acquire);

        for (; j < buckets; j++) {
            struct cop__row *row = first_live(next_of(bucket_at(stripe, j)));

            if (row)
                return row;
        }
    }
    return NULL;
}

/* On a hash table both ends are the same (ETS-28). */
static struct cop__row *end(const struct cop__table *table, bool last)
{
    (void)last;
    return from_bucket(table, 0, 0);
}

/* A deleted key is known as long as the table is fixed (ETS-30). */
static struct cop__row *neighbour(
    const struct cop__table *table, cop_term key, uint64_t hash, bool before, bool *ret_known)
{
    struct stripe *stripe = stripe_of(table, hash);
    uint64_t index = index_of(hash, atomic_load_explicit(&stripe->buckets, memory_order_acquire));
    struct cop__row *row = next_of(bucket_at(stripe, index));

    (void)before;
    while (row && !has_key(table, row, key, hash))
        row = next_of(&row->next);
    *ret_known = row != NULL;
    if (!row)
        return NULL;
    while (row && (has_key(table, row, key, hash) || cop__row_is_dead(row)))
        row = next_of(&row->next);
    return row ? row : from_bucket(table, hash & (stripes_of(table) - 1), index + 1);
}

static bool add_to_page(struct cop__page *page, struct cop__row *row)
{
    if (page->count == page->room) {
        size_t room = page->room ? 2 * page->room : 2 * COP__PAGE_ROWS;
        struct cop__row **rows = realloc(page->rows, room * sizeof(*rows));

        if (!rows)
            return false;
        page->rows = rows;
        page->room = room;
    }
    page->rows[page->count++] = row;
    return true;
}

/* Whole buckets, until there is a page of rows. */
static bool page(const struct cop__table *table, struct cop__cursor *cursor, struct cop__page *page)
{
    page->count = 0;
    for (size_t seen = 0; cursor->stripe < stripes_of(table);
         cursor->stripe++, cursor->bucket = 0) {
        struct stripe *stripe = stripe_of(table, cursor->stripe);

        while (cursor->bucket < atomic_load_explicit(&stripe->buckets, memory_order_acquire)) {
            if (page->count >= COP__PAGE_ROWS || seen++ >= 4 * COP__PAGE_ROWS)
                return true;
            for (struct cop__row *row = next_of(bucket_at(stripe, cursor->bucket++)); row;
                 row = next_of(&row->next))
                if (!cop__row_is_dead(row) && !add_to_page(page, row))
                    return false;
        }
    }
    cursor->ended = true;
    return true;
}

static int64_t size(const struct cop__table *table)
{
    int64_t sum = 0;

    for (uint64_t i = 0; i < stripes_of(table); i++)
        sum += atomic_load_explicit(&stripe_of(table, i)->size, memory_order_relaxed);
    return sum;
}

static int64_t bytes(const struct cop__table *table)
{
    int64_t sum = (int64_t)(stripes_of(table) * sizeof(struct stripe));

    for (uint64_t i = 0; i < stripes_of(table); i++) {
        struct stripe *stripe = stripe_of(table, i);

        sum += atomic_load_explicit(&stripe->bytes, memory_order_relaxed);
        sum += (int64_t)(atomic_load_explicit(&stripe->buckets, memory_order_relaxed) *
                         sizeof(bucket));
    }
    return sum;
}

static size_t slots(const struct cop__table *table)
{
    size_t sum = 0;

    for (uint64_t i = 0; i < stripes_of(table); i++)
        sum += atomic_load_explicit(&stripe_of(table, i)->buckets, memory_order_relaxed);
    return sum;
}

const struct cop__table_kind cop__hash_table = {
    .init = init,
    .lock_key = lock_key,
    .unlock_key = unlock_key,
    .lock_all = lock_all,
    .unlock_all = unlock_all,
    .begin_read = begin_read,
    .end_read = end_read,
    .find = find,
    .find_more = find_more,
    .insert = insert,
    .replace = replace,
    .remove = remove_row,
    .clear = clear,
    .purge = purge,
    .neighbour = neighbour,
    .end = end,
    .page = page,
    .size = size,
    .bytes = bytes,
    .slots = slots,
    .free = free_rows,
};
