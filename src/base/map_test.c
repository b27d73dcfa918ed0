/* SPDX-License-Identifier: Apache-2.0 */
/* The map against an array that remembers everything. */
#include "base/map.h"

#include "base/test.h"

enum { KEYS = 512 };

TEST(agrees_with_an_array_under_random_changes)
{
    struct cop__map map = { 0 };
    uint64_t model[KEYS] = { 0 }, x = 42;
    uint32_t count = 0;

    for (int step = 0; step < 200000; step++) {
        uint64_t key;

        x = x * 16807 % 2147483647;
        key = x % KEYS;
        if (x / KEYS % 3) {
            count += !model[key];
            model[key] = x | 1;
            CHECK(cop__map_put(&map, (key + 1) << 28, x | 1));
        } else {
            uint64_t value = 0;
            bool was = cop__map_remove(&map, (key + 1) << 28, &value);

            CHECK_EQ_INT(was, model[key] != 0);
            CHECK_EQ_INT(value, model[key]);
            count -= model[key] != 0;
            model[key] = 0;
        }
        CHECK_EQ_INT(map.count, count);
    }
    for (uint64_t key = 0; key < KEYS; key++) {
        uint64_t *value = cop__map_at(&map, (key + 1) << 28);

        CHECK_EQ_INT(value ? *value : 0, model[key]);
    }
    cop__map_free(&map);
}

TEST(walks_every_entry_once)
{
    struct cop__map map = { 0 };
    struct cop__map_entry *entry;
    uint64_t sum = 0;

    for (uint64_t key = 1; key <= 1000; key++)
        cop__map_put(&map, key, key);
    for (uint32_t i = 0; (entry = cop__map_each(&map, &i));)
        sum += entry->value;
    CHECK_EQ_INT(sum, 500500);
    cop__map_free(&map);
}

static void fill_and_empty(struct cop__map *map, uint64_t count)
{
    for (uint64_t key = 1; key <= count; key++)
        CHECK(cop__map_add(map, key << 28, key));
    for (uint64_t key = 1; key <= count; key++)
        cop__map_remove_at(map, cop__map_at(map, key << 28));
    CHECK_EQ_INT(map->count, 0);
}

/* What was used well will be again; what was not goes back. */
TEST(an_empty_map_keeps_entries_it_filled)
{
    struct cop__map map = { 0 };
    uint32_t capacity;

    fill_and_empty(&map, 1000);
    capacity = cop__map_capacity(&map);
    CHECK_EQ_INT(capacity, 2048);
    fill_and_empty(&map, 900);
    CHECK_EQ_INT(cop__map_capacity(&map), capacity);
    fill_and_empty(&map, 1);
    CHECK_EQ_INT(cop__map_capacity(&map), 0);
    CHECK(map.entries == NULL);
    cop__map_free(&map);
}

/* Keys that differ in their lowest bits only, and keys whose counters run: links and references. */
TEST(keys_in_a_row_do_not_pile_up)
{
    struct cop__map map = { 0 };
    uint32_t farthest = 0;

    for (uint64_t i = 1; i <= 4096; i++)
        CHECK(cop__map_add(&map, i % 2 ? i << 32 | i << 4 | 4 : i << 28 | 1 << 4 | 8, i));
    for (uint32_t at = 0, run = 0; at < cop__map_capacity(&map); at++) {
        run = map.entries[at].key ? run + 1 : 0;
        farthest = run > farthest ? run : farthest;
    }
    CHECK(farthest < 128);
    cop__map_free(&map);
}
