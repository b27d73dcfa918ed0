/* SPDX-License-Identifier: Apache-2.0 */
/* The hash table: chains in a power of two of buckets. Its hard idea is that growing a table of a
 * million keys must not stop the partition that owns it: each operation moves a few buckets from
 * the old table to the new one, and until all have moved a key is looked for in both.
 *
 * Invariants: a table has been allocated exactly when its mask is not 0; `next` exists only during
 * a rehash; buckets of `now` below `moved` are empty then, and new entries go to `next`. */
#include "dict.h"

#include <assert.h>
#include <string.h>

enum { BUCKETS_MIN = 8, BUCKETS_MOVED_A_STEP = 4, EMPTY_BUCKETS_MAX = 64 };

void dict_init(struct dict *dict, struct memory memory)
{
    *dict = (struct dict){ .memory = memory };
}

void dict_done(struct dict *dict)
{
    dict->memory.free(dict->now.buckets);
    dict->memory.free(dict->next.buckets);
    dict_init(dict, dict->memory);
}

size_t dict_count(const struct dict *dict)
{
    return dict->now.count + dict->next.count;
}

static bool is_rehashing(const struct dict *dict)
{
    return dict->next.buckets != NULL;
}

static struct dict_table new_table(const struct dict *dict, size_t buckets)
{
    return (struct dict_table){
        .buckets = dict->memory.alloc(buckets * sizeof(struct dict_entry *)), .mask = buckets - 1
    };
}

static void push(struct dict_table *table, struct dict_entry *entry)
{
    struct dict_entry **bucket = &table->buckets[entry->hash & table->mask];

    entry->next = *bucket;
    *bucket = entry;
    table->count++;
}

static void move_bucket(struct dict *dict)
{
    struct dict_entry *entry = dict->now.buckets[dict->moved];

    dict->now.buckets[dict->moved++] = NULL;
    while (entry) {
        struct dict_entry *next = entry->next;

        dict->now.count--;
        push(&dict->next, entry);
        entry = next;
    }
}

/* A part of the rehash that costs about as much as the operation it comes with. */
static void rehash_step(struct dict *dict)
{
    size_t moves = BUCKETS_MOVED_A_STEP, looks = EMPTY_BUCKETS_MAX;

    while (moves && looks && dict->now.count) {
        if (dict->now.buckets[dict->moved]) {
            move_bucket(dict);
            moves--;
        } else {
            dict->moved++;
            looks--;
        }
    }
    if (dict->now.count == 0) {
        dict->memory.free(dict->now.buckets);
        dict->now = dict->next;
        dict->next = (struct dict_table){ 0 };
        dict->moved = 0;
    }
}

/* Grow at one entry a bucket, shrink below one in eight. */
static void resize_if_due(struct dict *dict)
{
    size_t buckets = dict->now.mask + 1, wanted = BUCKETS_MIN;

    if (is_rehashing(dict))
        return;
    if (!dict->now.buckets) {
        dict->now = new_table(dict, BUCKETS_MIN);
        return;
    }
    if (dict->now.count < buckets && (dict->now.count >= buckets / 8 || buckets == BUCKETS_MIN))
        return;
    while (wanted <= dict->now.count)
        wanted *= 2;
    if (wanted != buckets)
        dict->next = new_table(dict, wanted);
}

static struct dict_entry *find_in(
    const struct dict_table *table, uint64_t hash, const char *key, size_t key_size)
{
    struct dict_entry *entry = table->buckets ? table->buckets[hash & table->mask] : NULL;

    for (; entry; entry = entry->next)
        if (entry->hash == hash && entry->key_size == key_size &&
            memcmp(entry->key, key, key_size) == 0)
            return entry;
    return NULL;
}

struct dict_entry *dict_find(struct dict *dict, uint64_t hash, const char *key, size_t key_size)
{
    struct dict_entry *entry;

    if (is_rehashing(dict))
        rehash_step(dict);
    entry = find_in(&dict->now, hash, key, key_size);
    return entry || !is_rehashing(dict) ? entry : find_in(&dict->next, hash, key, key_size);
}

void dict_add(struct dict *dict, struct dict_entry *entry)
{
    resize_if_due(dict);
    push(is_rehashing(dict) ? &dict->next : &dict->now, entry);
}

static bool remove_from(struct dict_table *table, struct dict_entry *entry)
{
    struct dict_entry **place;

    if (!table->buckets)
        return false;
    for (place = &table->buckets[entry->hash & table->mask]; *place; place = &(*place)->next)
        if (*place == entry) {
            *place = entry->next;
            table->count--;
            return true;
        }
    return false;
}

void dict_remove(struct dict *dict, struct dict_entry *entry)
{
    bool there = remove_from(&dict->now, entry) || remove_from(&dict->next, entry);

    assert(there);
    (void)there;
    resize_if_due(dict);
}

static void visit_bucket(struct dict_entry *entry, dict_visit *visit, void *arg)
{
    while (entry) {
        struct dict_entry *next = entry->next;

        visit(entry, arg);
        entry = next;
    }
}

static uint64_t reverse_bits(uint64_t x)
{
    x = (x >> 1 & 0x5555555555555555u) | (x & 0x5555555555555555u) << 1;
    x = (x >> 2 & 0x3333333333333333u) | (x & 0x3333333333333333u) << 2;
    x = (x >> 4 & 0x0f0f0f0f0f0f0f0fu) | (x & 0x0f0f0f0f0f0f0f0fu) << 4;
    return __builtin_bswap64(x);
}

/* The cursor after this one, counting from the highest bit of mask down. So the buckets that one
 * bucket splits into when the table grows come one after the other, and a cursor stays good. */
static uint64_t next_cursor(uint64_t cursor, uint64_t mask)
{
    return reverse_bits(reverse_bits(cursor | ~mask) + 1);
}

uint64_t dict_scan(struct dict *dict, uint64_t cursor, dict_visit *visit, void *arg)
{
    struct dict_table small = dict->now, large = dict->next;

    if (dict_count(dict) == 0)
        return 0;
    if (!large.buckets) {
        visit_bucket(small.buckets[cursor & small.mask], visit, arg);
        return next_cursor(cursor, small.mask);
    }
    if (small.mask > large.mask) {
        struct dict_table swap = small;

        small = large;
        large = swap;
    }
    /* A bucket of the small table, and all that it splits into in the large one. */
    visit_bucket(small.buckets[cursor & small.mask], visit, arg);
    do {
        visit_bucket(large.buckets[cursor & large.mask], visit, arg);
        cursor = next_cursor(cursor, large.mask);
    } while (cursor & (small.mask ^ large.mask));
    return cursor;
}
