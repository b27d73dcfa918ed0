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
