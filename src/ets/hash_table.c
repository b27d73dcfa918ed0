/* SPDX-License-Identifier: Apache-2.0 */
/* Hash tables: set, bag, duplicate_bag. Layer 4.
 *
 * A table is a number of stripes, by the low bits of the hash, each with a lock for writers and an
 * open-addressing array of {hash, row}. A row that is a pair of immediates, in a set, has no block:
 * it lies in its place itself, so that a look touches one line of memory, and not two. The place of
 * an entry is given by the high bits of its hash, and entries are kept in the order of their hashes
 * (what is in the way moves up), so:
 *
 *   - a look that finds a higher hash, or nothing, has seen enough, and it has touched one line;
 *   - a walk goes by hashes, not by places, and may go on in an array that has grown meanwhile;
 *   - an array is copied into a larger one from left to right, without a look at any row.
 *
 * An entry is one key; the rows of a key are a chain, the newest first. `changes` of a stripe is
 * odd while entries move, or somebody writes to a bag: a reader looks again when it has changed. */
#include <stdlib.h>

#include "base/reserve.h"
#include "base/pages.h"
#include "ets/table.h"
#include "proc/retire.h"

enum { STRIPES_MAX = 64, STRIPES = 16, FIRST_BITS = 3, BITS_MAX = 40, LARGE_SIZE = 1 << 18 };

struct slot {
    _Atomic(uint64_t) hash; /* 0: empty */
    struct cop__row *_Atomic row;
    _Atomic(uint64_t) pair[2]; /* where row says so */
};

/* In the place of a row: the pair is it; it was, and is dead (ETS-T5). */
static struct cop__row pair_here, dead_pair;

/* Places for 2^bits entries, and some more for those that move up at the end: the last one stays
 * empty. */
struct array {
    unsigned bits;
    size_t last;
    size_t size; /* bytes */
    struct slot slots[];
};

struct stripe {
    _Alignas(64) struct cop__spinlock lock;
    _Atomic(uint32_t) changes;
    struct array *_Atomic array; /* NULL: there was nothing yet */
    _Atomic(int64_t) size, bytes;
    int64_t entries;
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

static struct array *array_of(const struct stripe *stripe)
{
    return atomic_load_explicit(&stripe->array, memory_order_acquire); /* pairs with grow */
}

static size_t home_of(const struct array *array, uint64_t hash)
{
    return hash >> (64 - array->bits);
}

static uint64_t hash_at(const struct array *array, size_t i)
{
    /* acquire: pairs with the release in set_slot; the row is there when the hash is */
    return atomic_load_explicit(&array->slots[i].hash, memory_order_acquire);
}

static struct cop__row *row_at(const struct array *array, size_t i)
{
    return atomic_load_explicit(&array->slots[i].row, memory_order_acquire);
}

static uint64_t element_at(const struct array *array, size_t i, size_t position)
{
    return atomic_load_explicit(&array->slots[i].pair[position - 1], memory_order_relaxed);
}

static void set_element(struct array *array, size_t i, size_t position, uint64_t word)
{
    atomic_store_explicit(&array->slots[i].pair[position - 1], word, memory_order_relaxed);
}

static bool is_pair(const struct cop__row *row)
{
    return row == &pair_here || row == &dead_pair;
}

/* A row, or a view of one, that has or will have no block in this table. */
static bool goes_in_place(const struct cop__table *table, const struct cop__row *row)
{
    return table->type == COP_SET && cop__row_is_pair(row);
}

/* What is written to a place; hash and row last. */
static void set_slot(struct array *array, size_t i, uint64_t hash, struct cop__row *row,
    uint64_t first, uint64_t second)
{
    set_element(array, i, 1, first);
    set_element(array, i, 2, second);
    atomic_store_explicit(&array->slots[i].row, row, memory_order_release);
    atomic_store_explicit(&array->slots[i].hash, hash, memory_order_release);
}

static void move_slot(struct array *to, size_t i, const struct array *from, size_t j)
{
    set_slot(
        to, i, hash_at(from, j), row_at(from, j), element_at(from, j, 1), element_at(from, j, 2));
}

/* A new row takes a place that is empty, or has only what is given up. A pair moves in, and its
 * block is not needed any more. */
static void put_slot(struct cop__thr *self, const struct cop__table *table, struct array *array,
    size_t i, struct cop__row *row)
{
    if (goes_in_place(table, row)) {
        set_slot(array, i, row->hash, &pair_here, row->tree[1], row->tree[2]);
        cop__row_free(self, row);
    } else {
        set_slot(array, i, row->hash, row, 0, 0);
    }
}

static struct cop__row *view_of(const struct array *array, size_t i, struct cop__view *space)
{
    return cop__row_view(
        space, hash_at(array, i), element_at(array, i, 1), element_at(array, i, 2));
}

static struct cop__row *next_of(const struct cop__row *row)
{
    return atomic_load_explicit(&row->next, memory_order_acquire);
}

/* Relaxed sums under the lock; read by anyone. A pair takes nothing beside its place. */
static void count(
    const struct cop__table *table, struct stripe *stripe, const struct cop__row *row, int sign)
{
    int64_t bytes = goes_in_place(table, row) ? 0 : (int64_t)cop__row_size(row);

    atomic_store_explicit(&stripe->size,
        atomic_load_explicit(&stripe->size, memory_order_relaxed) + sign, memory_order_relaxed);
    atomic_store_explicit(&stripe->bytes,
        atomic_load_explicit(&stripe->bytes, memory_order_relaxed) + sign * bytes,
        memory_order_relaxed);
}

/* The row in this place. */
static bool has_key(const struct cop__table *table, const struct array *array, size_t i,
    const struct cop__row *row, cop_term key)
{
    cop_term other;

    if (is_pair(row))
        return element_at(array, i, table->key_position) == key.word;
    other = cop__row_key(row, table->key_position);
    return other.word == key.word || cop_identical(other, key);
}

/* --- Beginning and end ------------------------------------------------------------------------ */

static struct array *new_array(unsigned bits)
{
    size_t places = (size_t)1 << bits, more = places < 64 ? places : 64 + places / 256;
    size_t size = sizeof(struct array) + (places + more + 1) * sizeof(struct slot);
    struct array *array = cop__pages_new(size);

    if (array) {
        array->bits = bits;
        array->last = places + more;
        array->size = size;
    }
    return array;
}

static void drop_array(struct array *array)
{
    if (array)
        cop__pages_free(array, array->size);
}

static void free_array(struct cop__thr *self, void *array)
{
    (void)self;
    drop_array(array);
}

static bool init(struct cop__table *table)
{
    size_t count = table->write_concurrency ? STRIPES_MAX : STRIPES;
    size_t size = offsetof(struct rows, stripes) + count * sizeof(struct stripe);
    struct rows *rows = aligned_alloc(64, (size + 63) & ~(size_t)63);

    if (!rows)
        rows = cop__must_have(size);
    if (!rows)
        return false;
    memset(rows, 0, size);
    rows->count = count;
    table->rows = rows;
    return true;
}

/* From the last place on; `last` says how far it is. */
static bool free_some(struct cop__thr *self, struct array *array, size_t *budget)
{
    for (;;) {
        struct cop__row *row = row_at(array, array->last), *next;

        if (is_pair(row)) {
            row = NULL;
            *budget -= *budget > 0;
        }
        for (; row; row = next) {
            next = next_of(row);
            cop__row_free(self, row);
            *budget -= *budget > 0;
        }
        atomic_store_explicit(&array->slots[array->last].row, NULL, memory_order_relaxed);
        if (array->last == 0)
            return true;
        array->last--;
        if (*budget == 0)
            return false;
        *budget -= array->last % 16 == 0;
    }
}

static bool free_rows(struct cop__thr *self, struct cop__table *table, size_t budget)
{
    struct rows *rows = table->rows;

    for (size_t i = 0; rows && i < rows->count; i++) {
        struct array *array = array_of(&rows->stripes[i]);

        if (array && !free_some(self, array, &budget))
            return false;
        drop_array(array);
        atomic_store(&rows->stripes[i].array, NULL);
    }
    cop__must_free(rows);
    table->rows = NULL;
    return true;
}

/* --- Locks, and reading without --------------------------------------------------------------- */

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

/* Entries are about to move; who writes to a bag has said so already. */
static void begin_move(const struct cop__table *table, struct stripe *stripe)
{
    if (!cop__table_is_bag(table))
        change(stripe);
}

static void end_move(const struct cop__table *table, struct stripe *stripe)
{
    if (!cop__table_is_bag(table))
        changed(stripe);
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

static uint32_t begin_read_of(const struct stripe *stripe)
{
    uint32_t changes, tries = 0;

    /* acquire: pairs with the release in changed */
    while ((changes = atomic_load_explicit(&stripe->changes, memory_order_acquire)) % 2) {
        cop__pause();
        if (++tries % 128 == 0)
            sched_yield(); /* the writer may have lost its core */
    }
    return changes;
}

static bool end_read_of(const struct stripe *stripe, uint32_t changes)
{
    atomic_thread_fence(memory_order_acquire); /* what was read came before the counter */
    return atomic_load_explicit(&stripe->changes, memory_order_relaxed) == changes;
}

static uint32_t begin_read(const struct cop__table *table, uint64_t hash)
{
    return begin_read_of(stripe_of(table, hash));
}

static bool end_read(const struct cop__table *table, uint64_t hash, uint32_t changes)
{
    return end_read_of(stripe_of(table, hash), changes);
}

/* --- Finding ---------------------------------------------------------------------------------- */

enum { NOWHERE = -1 };

/* The place of a key. */
static int64_t place_of(
    const struct cop__table *table, const struct array *array, cop_term key, uint64_t hash)
{
    uint64_t there;

    for (size_t i = home_of(array, hash); (there = hash_at(array, i)) && there <= hash; i++) {
        const struct cop__row *row = there == hash ? row_at(array, i) : NULL;

        if (row && has_key(table, array, i, row, key))
            return (int64_t)i;
        if (i == array->last)
            break;
    }
    return NOWHERE;
}

static struct cop__row *first_live(struct cop__row *row)
{
    while (row && cop__row_is_dead(row))
        row = next_of(row);
    return row;
}

/* The first live row of a place, or a view of the pair there. */
static struct cop__row *live_at(const struct array *array, size_t i, struct cop__view *space)
{
    struct cop__row *row = row_at(array, i);

    if (row == &pair_here)
        return view_of(array, i, space);
    return row == &dead_pair ? NULL : first_live(row);
}

static struct cop__row *find(
    const struct cop__table *table, cop_term key, uint64_t hash, struct cop__view *space)
{
    const struct array *array = array_of(stripe_of(table, hash));
    int64_t place = array ? place_of(table, array, key, hash) : NOWHERE;

    return place == NOWHERE ? NULL : live_at(array, (size_t)place, space);
}

static struct cop__row *find_more(
    const struct cop__table *table, const struct cop__row *row, cop_term key, uint64_t hash)
{
    (void)table, (void)key, (void)hash;
    return first_live(next_of(row));
}

/* --- Places ----------------------------------------------------------------------------------- */

/* Where an entry of this hash comes, after those of the same. */
static size_t place_for(const struct array *array, uint64_t hash)
{
    size_t i = home_of(array, hash);

    while (hash_at(array, i) && hash_at(array, i) <= hash)
        i++;
    return i;
}

/* False: there is no room at the end. */
static bool put_in(struct cop__thr *self, const struct cop__table *table, struct stripe *stripe,
    struct array *array, struct cop__row *row)
{
    size_t at = place_for(array, row->hash), end = at;
    bool moves;

    while (hash_at(array, end))
        end++;
    if (end >= array->last)
        return false;
    moves = end > at;
    if (moves) {
        begin_move(table, stripe);
        for (size_t i = end; i > at; i--)
            move_slot(array, i, array, i - 1);
    }
    put_slot(self, table, array, at, row);
    if (moves)
        end_move(table, stripe);
    return true;
}

/* Those after it that are not at home move down. */
static void take_out(const struct cop__table *table, struct stripe *stripe, size_t at)
{
    struct array *array = array_of(stripe);
    size_t end = at;

    begin_move(table, stripe);
    while (hash_at(array, end + 1) && home_of(array, hash_at(array, end + 1)) <= end)
        end++;
    for (size_t i = at; i < end; i++)
        move_slot(array, i, array, i + 1);
    atomic_store_explicit(&array->slots[end].hash, 0, memory_order_release);
    atomic_store_explicit(&array->slots[end].row, NULL, memory_order_release);
    end_move(table, stripe);
    stripe->entries--;
}

/* From left to right: entries come in the order of their hashes. False: they do not fit. */
static bool copy_entries(struct array *to, const struct array *from)
{
    size_t at = 0;

    for (size_t i = 0; i < from->last; i++) {
        uint64_t hash = hash_at(from, i);

        if (!hash)
            continue;
        if (at < home_of(to, hash))
            at = home_of(to, hash);
        if (at >= to->last)
            return false;
        move_slot(to, at++, from, i);
    }
    return true;
}

/* Large ones are not left to wait until there is more to be freed. */
static void retire_array(struct cop__thr *self, struct array *array)
{
    bool is_large = array->size >= LARGE_SIZE;

    cop__retire(self, array, free_array);
    if (is_large)
        cop__retire_push(self);
}

static bool grow(struct cop__thr *self, struct stripe *stripe)
{
    struct array *old = array_of(stripe), *array = NULL;
    unsigned bits = old ? old->bits + 1 : FIRST_BITS;

    for (; bits < BITS_MAX; bits++) {
        array = new_array(bits);
        if (!array)
            return false;
        if (!old || copy_entries(array, old))
            break;
        drop_array(array); /* hashes that lie too close together */
        array = NULL;
    }
    if (!array)
        return false;
    atomic_store_explicit(&stripe->array, array, memory_order_release);
    if (old)
        retire_array(self, old);
    return true;
}

/* --- Writing ---------------------------------------------------------------------------------- */

static bool is_full(const struct stripe *stripe)
{
    const struct array *array = array_of(stripe);

    return !array || (stripe->entries + 1) * 8 > (int64_t)5 << array->bits;
}

/* A row of a place takes it anew; what was there is not in a chain. */
static void put_over(struct cop__thr *self, const struct cop__table *table, struct stripe *stripe,
    size_t place, struct cop__row *row)
{
    struct array *array = array_of(stripe);
    struct cop__row *old = row_at(array, place);
    bool was_pair = is_pair(old), is_pair_now = goes_in_place(table, row);

    if (old == &pair_here && is_pair_now) { /* the key is the same: one store */
        size_t other = 3 - table->key_position;

        set_element(array, place, other, row->tree[other]);
        cop__row_free(self, row);
        return;
    }
    if (was_pair || is_pair_now)
        begin_move(table, stripe); /* what a reader has seen of the pair may not be one */
    put_slot(self, table, array, place, row);
    if (was_pair || is_pair_now)
        end_move(table, stripe);
    if (!was_pair)
        cop__row_retire(self, old);
}

static bool insert(struct cop__thr *self, struct cop__table *table, struct cop__row *row)
{
    struct stripe *stripe = stripe_of(table, row->hash);
    struct array *array = array_of(stripe);
    int64_t place =
        array ? place_of(table, array, cop__row_key(row, table->key_position), row->hash) : NOWHERE;

    if (place != NOWHERE) { /* of a bag; else a dead one is there */
        count(table, stripe, row, 1);
        if (cop__table_is_bag(table)) {
            atomic_store_explicit(&row->next, row_at(array, (size_t)place), memory_order_relaxed);
            atomic_store_explicit(&array->slots[place].row, row, memory_order_release);
            stripe->rows++;
        } else {
            put_over(self, table, stripe, (size_t)place, row);
        }
        return true;
    }
    if (is_full(stripe) && !grow(self, stripe))
        return false;
    count(table, stripe, row, 1);
    while (!put_in(self, table, stripe, array_of(stripe), row))
        if (!grow(self, stripe)) {
            count(table, stripe, row, -1);
            return false;
        }
    stripe->entries++;
    stripe->rows++;
    return true;
}

/* The link that leads to a row of the entry at this place. */
static struct cop__row *_Atomic *link_to(
    struct array *array, size_t place, const struct cop__row *row)
{
    struct cop__row *_Atomic *link = &array->slots[place].row;
    struct cop__row *at;

    while ((at = atomic_load_explicit(link, memory_order_relaxed)) != row)
        link = &at->next;
    return link;
}

static void replace(
    struct cop__thr *self, struct cop__table *table, struct cop__row *old, struct cop__row *row)
{
    struct stripe *stripe = stripe_of(table, old->hash);
    struct array *array = array_of(stripe);
    size_t place =
        (size_t)place_of(table, array, cop__row_key(old, table->key_position), old->hash);

    count(table, stripe, old, -1);
    count(table, stripe, row, 1);
    if (!cop__table_is_bag(table)) {
        put_over(self, table, stripe, place, row);
        return;
    }
    atomic_store_explicit(&row->next, next_of(old), memory_order_relaxed);
    atomic_store_explicit(link_to(array, place, old), row, memory_order_release);
    cop__row_retire(self, old);
}

/* Out of its chain; true: the entry at this place went with it. row: as it is in the place. */
static bool unlink_row(struct cop__thr *self, const struct cop__table *table, struct stripe *stripe,
    size_t place, struct cop__row *row)
{
    struct array *array = array_of(stripe);
    bool pair = is_pair(row), alone = pair || (row_at(array, place) == row && !next_of(row));

    if (alone)
        take_out(table, stripe, place);
    else
        atomic_store_explicit(link_to(array, place, row), next_of(row), memory_order_release);
    stripe->rows--;
    if (!pair)
        cop__row_retire(self, row);
    return alone;
}

static void remove_row(struct cop__thr *self, struct cop__table *table, struct cop__row *row)
{
    struct stripe *stripe = stripe_of(table, row->hash);
    struct array *array = array_of(stripe);
    size_t place =
        (size_t)place_of(table, array, cop__row_key(row, table->key_position), row->hash);
    bool fixed = atomic_load_explicit(&table->fixes, memory_order_relaxed);

    count(table, stripe, row, -1);
    if (!fixed)
        unlink_row(self, table, stripe, place, cop__row_is_view(row) ? row_at(array, place) : row);
    else if (cop__row_is_view(row))
        atomic_store_explicit(&array->slots[place].row, &dead_pair, memory_order_release);
    else
        atomic_store_explicit(&row->dead, 1, memory_order_relaxed);
}

/* One store, as a reader may be on it: what it sees is one number or the other. */
static bool add(struct cop__table *table, cop_term key, uint64_t hash, int64_t n, cop_term *ret_sum)
{
    struct array *array = array_of(stripe_of(table, hash));
    int64_t place = array ? place_of(table, array, key, hash) : NOWHERE, sum;
    size_t other = 3 - table->key_position;
    cop_term old;

    if (place == NOWHERE || row_at(array, (size_t)place) != &pair_here)
        return false;
    old = cop__word(element_at(array, (size_t)place, other));
    if (!cop__is_small(old) || __builtin_add_overflow(cop__small_value(old), n, &sum) ||
        !cop__fits_small(sum))
        return false;
    *ret_sum = cop__small(sum);
    set_element(array, (size_t)place, other, ret_sum->word);
    return true;
}

static void clear(struct cop__thr *self, struct cop__table *table)
{
    struct rows *rows = table->rows;

    for (size_t i = 0; i < rows->count; i++) {
        struct stripe *stripe = &rows->stripes[i];
        struct array *array = array_of(stripe);

        atomic_store_explicit(&stripe->array, NULL, memory_order_release);
        for (size_t j = 0; array && j < array->last; j++)
            for (struct cop__row *row = row_at(array, j), *next; row && !is_pair(row); row = next) {
                next = next_of(row);
                cop__row_retire(self, row);
            }
        if (array)
            retire_array(self, array);
        atomic_store_explicit(&stripe->size, 0, memory_order_relaxed);
        atomic_store_explicit(&stripe->bytes, 0, memory_order_relaxed);
        stripe->rows = stripe->entries = 0;
    }
}

static void purge_stripe(
    struct cop__thr *self, const struct cop__table *table, struct stripe *stripe)
{
    struct array *array = array_of(stripe);
    bool gone;

    if (stripe->rows == atomic_load_explicit(&stripe->size, memory_order_relaxed))
        return;
    for (size_t i = 0; i < array->last; i += !gone) { /* what follows moves into its place */
        gone = false;
        for (struct cop__row *row = row_at(array, i), *next; row && !gone; row = next) {
            next = is_pair(row) ? NULL : next_of(row);
            if (atomic_load_explicit(&table->fixes, memory_order_relaxed))
                return;
            if (row == &dead_pair || cop__row_is_dead(row))
                gone = unlink_row(self, table, stripe, i, row);
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

/* The first live row of a stripe from this place on. */
static struct cop__row *from_place(const struct array *array, size_t i)
{
    for (; array && i < array->last; i++) {
        struct cop__row *row = hash_at(array, i) ? live_at(array, i, NULL) : NULL;

        if (row)
            return row;
    }
    return NULL;
}

static struct cop__row *from_stripe(const struct cop__table *table, size_t i)
{
    struct cop__row *row = NULL;
    uint32_t begun;

    for (; !row && i < stripes_of(table); i++) {
        const struct stripe *stripe = stripe_of(table, i);

        do {
            begun = begin_read_of(stripe);
            row = from_place(array_of(stripe), 0);
        } while (!end_read_of(stripe, begun));
    }
    return row;
}

/* On a hash table both ends are the same (ETS-28). */
static struct cop__row *end(const struct cop__table *table, bool last)
{
    (void)last;
    return from_stripe(table, 0);
}

/* A deleted key is known as long as the table is fixed (ETS-30). */
static struct cop__row *neighbour(
    const struct cop__table *table, cop_term key, uint64_t hash, bool before, bool *ret_known)
{
    const struct array *array = array_of(stripe_of(table, hash));
    int64_t place = array ? place_of(table, array, key, hash) : NOWHERE;
    struct cop__row *row;

    (void)before;
    *ret_known = place != NOWHERE;
    if (place == NOWHERE)
        return NULL;
    row = from_place(array, (size_t)place + 1);
    return row ? row : from_stripe(table, (hash & (stripes_of(table) - 1)) + 1);
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

/* Entries after the hash *at, until there is a page of rows or the stripe ends: *at is the hash of
 * the last, or UINT64_MAX at the end. */
static bool add_entries(const struct array *array, uint64_t *at, struct cop__page *page)
{
    size_t i = *at ? home_of(array, *at) : 0, seen = 0;
    uint64_t last = *at;

    for (; i < array->last; i++) {
        uint64_t hash = hash_at(array, i);

        if (!hash || hash <= *at)
            continue;
        if (hash != last && (page->count >= COP__PAGE_ROWS || seen++ >= 4 * COP__PAGE_ROWS)) {
            *at = last;
            return true;
        }
        last = hash;
        for (struct cop__row *row = live_at(array, i, NULL); row; row = first_live(next_of(row)))
            if (!add_to_page(page, row))
                return false;
    }
    *at = UINT64_MAX;
    return true;
}

static bool page(const struct cop__table *table, struct cop__cursor *cursor, struct cop__page *page)
{
    page->count = 0;
    for (; cursor->stripe < stripes_of(table); cursor->stripe++, cursor->bucket = 0) {
        const struct stripe *stripe = stripe_of(table, cursor->stripe);
        const struct array *array;
        size_t before = page->count;
        uint64_t at;
        uint32_t begun;

        if (page->count >= COP__PAGE_ROWS)
            return true;
        do {
            begun = begin_read_of(stripe);
            page->count = before;
            at = cursor->bucket;
            array = array_of(stripe);
            if (!array)
                at = UINT64_MAX;
            else if (!add_entries(array, &at, page))
                return false;
        } while (!end_read_of(stripe, begun));
        if (at != UINT64_MAX) {
            cursor->bucket = at;
            return true;
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

static size_t slots(const struct cop__table *table)
{
    size_t sum = 0;

    for (uint64_t i = 0; i < stripes_of(table); i++) {
        const struct array *array = array_of(stripe_of(table, i));

        sum += array ? (size_t)1 << array->bits : 0;
    }
    return sum;
}

static int64_t bytes(const struct cop__table *table)
{
    int64_t sum =
        (int64_t)(stripes_of(table) * sizeof(struct stripe) + slots(table) * sizeof(struct slot));

    for (uint64_t i = 0; i < stripes_of(table); i++)
        sum += atomic_load_explicit(&stripe_of(table, i)->bytes, memory_order_relaxed);
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
    .add = add,
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
