/* SPDX-License-Identifier: Apache-2.0 */
/* Persistent terms. Layer 4.
 *
 * An item is one block: key and value, never changed, counted by the table and by each turn or
 * message that has its value. Readers walk an open-addressing array of items without a lock, as
 * those of tables do (proc/retire.h); a writer, of which there is one at a time, puts a pointer in
 * its place, and makes a new array when that is full. */
#include <coppice/persistent_term.h>

#include <stdlib.h>

#include "base/lock.h"
#include "base/raise.h"
#include "proc/park.h"
#include "proc/retire.h"
#include "term/copy.h"
#include "term/hash.h"

enum { SHARED_WORDS_MIN = 16, FIRST_BITS = 4 };

struct item {
    struct cop__shared shared;
    struct cop__counted *counted; /* binaries of the two terms */
    uint64_t hash;
    size_t size;       /* of the block, in bytes */
    size_t copy_words; /* that a reader needs */
    cop_term key, value;
    uint64_t seal[COP__SEAL_WORDS];
    uint64_t trees[]; /* of the value, then of the key */
};

struct array {
    unsigned bits;
    struct item *_Atomic slots[];
};

static struct item erased; /* stands in the place of one, so that a look goes on */

static struct {
    struct cop__spinlock lock; /* of writers */
    struct array *_Atomic array;
    size_t used; /* slots that are not empty, erased ones too */
    size_t count, bytes;
} terms;

static void release(struct cop__shared *shared)
{
    struct item *item = (struct item *)shared;

    cop__counted_release_all(item->counted);
    free(item);
}

static struct item *new_item(cop_term key, cop_term value)
{
    size_t value_words = cop__term_words(value), key_words = cop__term_words(key);
    size_t size = sizeof(struct item) + (value_words + key_words) * sizeof(uint64_t);
    struct item *item = malloc(size);

    if (!item)
        cop__raise("system_limit", "no memory for a persistent term");
    *item = (struct item){ .shared = { .release = release }, .size = size };
    atomic_init(&item->shared.refs, 1);
    item->hash = cop__hash_secret(key);
    item->value = cop__term_copy(value, item->trees, &item->counted);
    item->key = cop__term_copy(key, item->trees + value_words, &item->counted);
    if (value_words >= SHARED_WORDS_MIN)
        cop__seal(item->trees, &item->shared);
    item->copy_words = cop__term_words_to_send(item->value);
    return item;
}

/* --- The array -------------------------------------------------------------------------------- */

static size_t slots_of(const struct array *array)
{
    return (size_t)1 << array->bits;
}

static struct item *item_at(const struct array *array, size_t i)
{
    return atomic_load_explicit(&array->slots[i], memory_order_acquire); /* pairs with set */
}

static void set(struct array *array, size_t i, struct item *item)
{
    atomic_store_explicit(&array->slots[i], item, memory_order_release);
}

/* The place of a key, or the empty one where a look for it ends; what is there is read once, since
 * a reader may not find it there again. */
static size_t place_of(
    const struct array *array, cop_term key, uint64_t hash, struct item **ret_item)
{
    size_t i = hash >> (64 - array->bits);

    while ((*ret_item = item_at(array, i))) {
        if (*ret_item != &erased && (*ret_item)->hash == hash &&
            cop_identical((*ret_item)->key, key))
            break;
        i = (i + 1) & (slots_of(array) - 1);
    }
    return i;
}

static struct array *array_now(void)
{
    return atomic_load_explicit(&terms.array, memory_order_acquire);
}

static struct item *find(cop_term key, uint64_t hash)
{
    const struct array *array = array_now();
    struct item *item = NULL;

    if (array)
        place_of(array, key, hash, &item);
    return item;
}

static void free_array(struct cop__thr *self, void *array)
{
    (void)self;
    free(array);
}

static void free_item(struct cop__thr *self, void *item)
{
    (void)self;
    cop__shared_release(&((struct item *)item)->shared);
}

/* With the lock: room for one more, without those that were erased. False: no memory. *ret_old is
 * to be retired. */
static bool make_room(struct array **ret_old)
{
    struct array *old = array_now(), *array;
    unsigned bits = FIRST_BITS;

    if (old && (terms.used + 1) * 2 <= slots_of(old))
        return true;
    while ((terms.count + 1) * 3 > (size_t)1 << bits)
        bits++;
    array = calloc(1, sizeof *array + ((size_t)1 << bits) * sizeof array->slots[0]);
    if (!array)
        return false;
    array->bits = bits;
    for (size_t i = 0; old && i < slots_of(old); i++) {
        struct item *item = item_at(old, i), *none;

        if (item && item != &erased)
            set(array, place_of(array, item->key, item->hash, &none), item);
    }
    atomic_store_explicit(&terms.array, array, memory_order_release);
    terms.used = terms.count;
    *ret_old = old;
    return true;
}

/* --- Writing ---------------------------------------------------------------------------------- */

enum put { PUT_DONE, PUT_OTHER, PUT_NO_MEMORY };

/* With the lock; *item is then what is to be let go: itself, the old one, or nothing. */
static enum put put_in(struct item **item, bool only_new, struct array **ret_old)
{
    struct item *old, *new = *item;
    struct array *array;
    size_t place;

    if (!make_room(ret_old))
        return PUT_NO_MEMORY;
    array = array_now();
    place = place_of(array, new->key, new->hash, &old);
    if (old && cop_identical(old->value, new->value))
        return PUT_DONE;
    if (old && only_new)
        return PUT_OTHER;
    set(array, place, new);
    terms.used += !old;
    terms.count += !old;
    terms.bytes += new->size - (old ? old->size : 0);
    *item = old;
    return PUT_DONE;
}

static bool put(cop_term key, cop_term value, bool only_new)
{
    struct item *item = new_item(key, value);
    struct array *old_array = NULL;
    struct cop__thr *self = (struct cop__thr *)cop__enter();
    enum put result;

    cop__spin_lock(&terms.lock);
    result = put_in(&item, only_new, &old_array);
    cop__spin_unlock(&terms.lock);
    if (item)
        cop__retire(self, item, free_item);
    if (old_array)
        cop__retire(self, old_array, free_array);
    cop__leave();
    if (result == PUT_NO_MEMORY)
        cop__raise("system_limit", "no memory for a persistent term");
    return result == PUT_DONE;
}

void cop_persistent_term_put(cop_term key, cop_term value)
{
    put(key, value, false);
}

bool cop_persistent_term_put_new(cop_term key, cop_term value)
{
    return put(key, value, true);
}

bool cop_persistent_term_erase(cop_term key)
{
    uint64_t hash = cop__hash_secret(key);
    struct cop__thr *self = (struct cop__thr *)cop__enter();
    struct item *item = NULL;
    size_t place = 0;

    cop__spin_lock(&terms.lock);
    if (array_now())
        place = place_of(array_now(), key, hash, &item);
    if (item) {
        set(array_now(), place, &erased);
        terms.count--;
        terms.bytes -= item->size;
    }
    cop__spin_unlock(&terms.lock);
    if (item)
        cop__retire(self, item, free_item);
    cop__leave();
    return item != NULL;
}

/* --- Reading ---------------------------------------------------------------------------------- */

/* In the heap of the turn: a copy, or the value itself and a count of its block. */
static cop_term read_value(const struct item *item)
{
    struct cop__heap *heap = cop__turn_heap();

    if (!item->copy_words)
        return item->value;
    return cop__term_copy_to_send(
        item->value, cop__heap_alloc(heap, item->copy_words), &heap->counted);
}

cop_term cop_persistent_term_get(cop_term key, cop_term missing)
{
    uint64_t hash = cop__hash_secret(key);
    const struct item *item;
    cop_term value = missing;

    cop__enter();
    item = find(key, hash);
    if (item)
        value = read_value(item);
    cop__leave();
    if (cop_is_none(value))
        cop__raise("badarg", "there is no persistent term with this key");
    return value;
}

cop_term cop_persistent_term_all(void)
{
    cop_term list = cop_nil();
    const struct array *array;

    cop__enter();
    array = array_now();
    for (size_t i = 0; array && i < slots_of(array); i++) {
        const struct item *item = item_at(array, i);

        if (item && item != &erased)
            list = cop_cons(cop__pair(cop_copy(item->key), read_value(item)), list);
    }
    cop__leave();
    return list;
}

cop_term cop_persistent_term_info(void)
{
    size_t count, bytes;

    cop__enter();
    cop__spin_lock(&terms.lock);
    count = terms.count;
    bytes = terms.bytes + (array_now() ? slots_of(array_now()) * sizeof(void *) : 0);
    cop__spin_unlock(&terms.lock);
    cop__leave();
    return cop("#{count => Count, memory => Memory}", (int64_t)count, (int64_t)bytes);
}

/* --- The end ---------------------------------------------------------------------------------- */

/* All processes are gone. */
static void free_all(void)
{
    struct array *array = array_now();

    for (size_t i = 0; array && i < slots_of(array); i++) {
        struct item *item = item_at(array, i);

        if (item && item != &erased)
            free_item(NULL, item);
    }
    free(array);
    atomic_store(&terms.array, NULL);
    terms.used = terms.count = terms.bytes = 0;
}

__attribute__((constructor)) static void add_hook(void)
{
    static struct cop__node_hook hook = { .stop = free_all };

    cop__node_hook_add(&hook);
}
