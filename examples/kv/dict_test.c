/* SPDX-License-Identifier: Apache-2.0 */
/* The hash table, against an array that says what must be in it; and SCAN's promise while it grows
 * and shrinks. */
#include "dict.h"
#include "hash.h"

#include "base/test.h"

static void *alloc(size_t size)
{
    return calloc(1, size);
}

static const struct memory memory = { alloc, free };

struct number {
    struct dict_entry entry;
    int value;
    bool there, seen;
};

enum { NUMBERS = 5000 };
static struct number numbers[NUMBERS];

static uint64_t hash_of(int value)
{
    return hash_key(&value, sizeof value);
}

static struct number *find(struct dict *dict, int value)
{
    return (struct number *)dict_find(dict, hash_of(value), (const char *)&value, sizeof value);
}

static void add(struct dict *dict, int value)
{
    struct number *number = &numbers[value];

    number->value = value;
    number->there = true;
    number->entry = (struct dict_entry){
        .hash = hash_of(value), .key = (const char *)&number->value, .key_size = sizeof value
    };
    dict_add(dict, &number->entry);
}

static void del(struct dict *dict, int value)
{
    numbers[value].there = false;
    dict_remove(dict, &numbers[value].entry);
}

static void begin(struct dict *dict)
{
    memset(numbers, 0, sizeof numbers);
    dict_init(dict, memory);
}

static unsigned next_random(unsigned *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

TEST(empty)
{
    struct dict dict;

    begin(&dict);
    CHECK(!find(&dict, 1));
    CHECK_EQ_INT(dict_count(&dict), 0);
    CHECK_EQ_INT(dict_scan(&dict, 0, NULL, NULL), 0);
    dict_done(&dict);
}

/* Add all, remove all, and at each step look at some. */
TEST(grows_and_shrinks)
{
    struct dict dict;

    begin(&dict);
    for (int i = 0; i < NUMBERS; i++) {
        CHECK(!find(&dict, i));
        add(&dict, i);
        CHECK(find(&dict, i) == &numbers[i]);
        CHECK(find(&dict, i / 2) == &numbers[i / 2]);
    }
    CHECK_EQ_INT(dict_count(&dict), NUMBERS);
    for (int i = 0; i < NUMBERS; i++)
        CHECK(find(&dict, i) == &numbers[i]);
    for (int i = 0; i < NUMBERS; i++) {
        CHECK(find(&dict, i) == &numbers[i]);
        del(&dict, i);
        CHECK(!find(&dict, i));
    }
    CHECK_EQ_INT(dict_count(&dict), 0);
    CHECK(dict.now.mask < 64);
    dict_done(&dict);
}

TEST(random_operations)
{
    struct dict dict;
    size_t count = 0;
    unsigned seed = 1;

    begin(&dict);
    for (int step = 0; step < 200000; step++) {
        unsigned range = step / 20000 % 2 ? 300 : NUMBERS;
        int value = (int)(next_random(&seed) % range);
        struct number *found = find(&dict, value);

        CHECK((found != NULL) == numbers[value].there);
        if (!found && next_random(&seed) % 3) {
            add(&dict, value);
            count++;
        } else if (found) {
            del(&dict, value);
            count--;
        }
        CHECK_EQ_INT(dict_count(&dict), count);
    }
    dict_done(&dict);
}

static void see(struct dict_entry *entry, void *arg)
{
    (void)arg;
    ((struct number *)entry)->seen = true;
}

/* Keys that are there all the time are seen, whatever happens to the others between the steps. */
TEST(scan_sees_what_stays)
{
    struct dict dict;

    for (unsigned seed = 1; seed <= 20; seed++) {
        unsigned random = seed;
        int top = 200; /* 0 to 99 stay; others up to top come and go */
        uint64_t cursor = 0;
        int steps = 0;

        begin(&dict);
        for (int i = 0; i < 100; i++)
            add(&dict, i);
        do {
            cursor = dict_scan(&dict, cursor, see, NULL);
            top = seed % 2 ? (top + 150) % NUMBERS : 200;
            for (int i = 0; i < 100; i++) {
                int value =
                    100 + (int)(next_random(&random) % (unsigned)(top > 100 ? top - 99 : 1));

                if (value >= NUMBERS)
                    continue;
                if (!find(&dict, value))
                    add(&dict, value);
                else if (steps % 50 > 25)
                    del(&dict, value);
            }
            steps++;
        } while (cursor && steps < 1000000);
        CHECK(cursor == 0);
        for (int i = 0; i < 100; i++)
            CHECK(numbers[i].seen);
        dict_done(&dict);
    }
}

static void remove_seen(struct dict_entry *entry, void *arg)
{
    del(arg, ((struct number *)entry)->value);
}

/* visit may remove what it sees: how FLUSHALL works. */
TEST(scan_may_remove)
{
    struct dict dict;
    uint64_t cursor = 0;

    begin(&dict);
    for (int i = 0; i < NUMBERS; i++)
        add(&dict, i);
    do
        cursor = dict_scan(&dict, cursor, remove_seen, &dict);
    while (cursor);
    CHECK_EQ_INT(dict_count(&dict), 0);
    dict_done(&dict);
}

/* Lengths and every byte matter. */
TEST(hash_differs_by_every_byte)
{
    char text[33] = { 0 };

    for (size_t size = 1; size <= 32; size++) {
        uint64_t plain = hash_key(text, size);

        CHECK(plain != hash_key(text, size - 1));
        for (size_t i = 0; i < size; i++) {
            text[i] ^= 1;
            CHECK(plain != hash_key(text, size));
            text[i] ^= 1;
        }
    }
}
