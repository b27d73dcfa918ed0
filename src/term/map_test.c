/* SPDX-License-Identifier: Apache-2.0 */
/* Maps against a plain array: random puts and removes, small and large, and keys of one whole hash.
 * Whatever the way to a map, its shape is the same (rule TERM-7). */
#include "term/map.h"

#include "base/test.h"
#include "term/copy.h"
#include "term/hostile.h"
#include "term/integer.h"
#include "term/order.h"

enum { KEYS = 120, STEPS = 3000 };

static uint32_t seed;

static uint32_t draw(uint32_t below)
{
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % below;
}

/* Keys of several kinds. */
static cop_term key_of(int i)
{
    switch (i % 4) {
    case 0:
        return cop_lift(i);
    case 1:
        return cop_float(i);
    case 2:
        return cop("{key, [N]}", i);
    default:
        return cop("#{N => b}", i);
    }
}

static void check_same_as(cop_term map, const int *values)
{
    cop_term pairs[2 * KEYS], value = COP_NONE, built;
    size_t count = 0;

    for (int i = 0; i < KEYS; i++) {
        bool there = cop_map_get(&value, map, key_of(i));

        CHECK_EQ_INT(there, values[i] != 0);
        if (values[i]) {
            CHECK(there && cop_match(value, "V", values[i]));
            pairs[2 * count] = key_of(i);
            pairs[2 * count++ + 1] = cop_lift(values[i]);
        }
    }
    CHECK_EQ_INT(cop_map_size(map), count);
    built = cop_map_from(pairs, count);
    CHECK(cop_identical(map, built));
    CHECK_EQ_INT(cop_compare(map, built), 0);
    CHECK(cop_hash(map) == cop_hash(built));
    CHECK_EQ_STR(cop_show(map), cop_show(built));
}

TEST(random_changes)
{
    int values[KEYS] = { 0 };
    cop_term map = cop_map_new();

    seed = 1;
    for (int step = 0; step < STEPS; step++) {
        int i = (int)draw(KEYS);
        bool filling = step / 500 % 2 == 0; /* through the border of small and large, both ways */

        if (draw(4) != 0 ? filling : !filling) {
            values[i] = step + 1;
            map = cop_map_put(map, key_of(i), cop_lift(step + 1));
        } else {
            values[i] = 0;
            map = cop_map_remove(map, key_of(i));
        }
        if (step % 50 == 0)
            check_same_as(map, values);
    }
    check_same_as(map, values);
    cop__heap_reset(cop__turn_heap());
}

TEST(later_keys_win)
{
    cop_term pairs[400];

    CHECK_EQ_STR(cop_show(cop("#{a => 1, b => 2, a => 3}")), "#{a => 3,b => 2}");
    for (int i = 0; i < 200; i++) {
        pairs[2 * i] = cop_lift(i % 40);
        pairs[2 * i + 1] = cop_lift(i);
    }
    CHECK_EQ_INT(cop_map_size(cop_map_from(pairs, 200)), 40);
    CHECK(cop_match(cop_map_from(pairs, 200), "#{3 := 163}"));
    CHECK_EQ_INT(cop_map_size(cop_map_from(pairs, 40)), 40);
}

TEST(order_of_large_maps)
{
    cop_term a = cop_map_new(), b, c;

    for (int i = 0; i < 50; i++)
        a = cop_map_put(a, cop_lift(i), cop_lift(i));
    b = cop_map_put(a, cop_lift(10), cop_lift(11));
    c = cop_map_put(b, cop_lift(9), cop_lift(0));
    CHECK(cop_compare(a, b) < 0);
    CHECK(cop_compare(c, a) < 0);
    CHECK(!cop_identical(a, b) && !cop_equal(a, b));
    b = cop_map_put(a, cop_lift(10), cop_float(10));
    CHECK(cop_equal(a, b) && !cop_identical(a, b));
    b = cop_map_put(cop_map_remove(a, cop_lift(10)), cop_float(10), cop_lift(10));
    CHECK(!cop_equal(a, b));
    CHECK(cop_compare(a, b) < 0); /* an integer key is below any float key */
}

static size_t most_children(cop_term node)
{
    size_t count = cop__payload(*cop__box(node)).terms, most = count, below;

    for (size_t i = 0; i < count; i++) {
        if (cop__is_cons(cop__elements(node)[i]))
            continue;
        below = most_children(cop__elements(node)[i]);
        most = below > most ? below : most;
    }
    return most;
}

/* TERM-10: no step of a search or a change looks at more than the children of one node. */
TEST(keys_made_to_collide)
{
    enum { HOSTILE = 4000 };
    cop_term pairs[2 * HOSTILE], map = cop_map_new(), built, value = COP_NONE;

    for (int i = 0; i < HOSTILE; i++) {
        pairs[2 * i] = hostile_key((uint64_t)i);
        pairs[2 * i + 1] = cop_lift(i);
        CHECK(cop_hash(pairs[2 * i]) == cop_hash(pairs[0]));
        map = cop_map_put(map, pairs[2 * i], cop_lift(-1));
    }
    for (int i = HOSTILE; i-- > 0;)
        map = cop_map_put(map, pairs[2 * i], pairs[2 * i + 1]);
    built = cop_map_from(pairs, HOSTILE);
    CHECK(cop_identical(map, built));
    CHECK(most_children(cop__elements(built)[0]) <= 16);
    CHECK_EQ_INT(cop_map_size(map), HOSTILE);
    for (int i = 0; i < HOSTILE; i++)
        CHECK(cop_map_get(&value, map, pairs[2 * i]) && cop_match(value, "V", i));
    CHECK(!cop_map_get(&value, map, hostile_key(HOSTILE)));
    for (int i = 0; i < HOSTILE - 100; i++)
        map = cop_map_remove(map, pairs[2 * i]);
    built = cop_map_from(pairs + 2 * (HOSTILE - 100), 100);
    CHECK(cop_identical(map, built) && cop_hash(map) == cop_hash(built));
    cop__heap_reset(cop__turn_heap());
}

TEST(counted_binaries_in_copies)
{
    static char text[1000];
    cop_bytes bytes = { text, sizeof(text) }, seen = { NULL, 0 };
    struct cop__counted *list = NULL;
    cop_term term, copy, inner = COP_NONE;
    uint64_t *memory;

    memset(text, 'x', sizeof(text));
    term = cop("{a, [B, #{k => B}]}", bytes);
    memory = malloc(cop__term_words(term) * sizeof(*memory));
    CHECK(memory != NULL);
    copy = cop__term_copy(term, memory, &list);
    CHECK(list != NULL && list->next != NULL && list->next->next == NULL);
    cop__heap_reset(cop__turn_heap()); /* the original is gone, its bytes are not */
    CHECK(cop_match(copy, "{a, [B, #{k := B}]}", &inner));
    CHECK(cop_to_bytes(&seen, cop_binary_part(inner, 100, 500)));
    CHECK(seen.size == 500 && memcmp(seen.data, text, 500) == 0);
    CHECK(cop_to_bytes(&seen, cop_binary_part(inner, 100, 10)));
    CHECK(cop_identical(cop_binary_part(inner, 0, 500), cop_binary_part(inner, 500, 500)));
    cop__counted_release_all(list);
    cop__heap_reset(cop__turn_heap());
    free(memory);
}
