/* SPDX-License-Identifier: Apache-2.0 */
/* The hash of tables: nobody can choose keys that meet. */
#include "term/hash.h"

#include <stdlib.h>
#include <string.h>

#include "base/heap.h"
#include "base/test.h"
#include "base/thread.h"
#include "term/hostile.h"

static int by_value(const void *a, const void *b)
{
    uint64_t x, y;

    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x > y) - (x < y);
}

TEST(keys_made_to_collide_do_not_in_tables)
{
    enum { HOSTILE = 4000 };
    static uint64_t hashes[HOSTILE];
    int same = 0;

    for (int i = 0; i < HOSTILE; i++) {
        CHECK(cop_hash(hostile_key((uint64_t)i)) == cop_hash(hostile_key(0)));
        hashes[i] = cop__hash_secret(hostile_key((uint64_t)i));
        CHECK(hashes[i] == cop__hash_secret(hostile_key((uint64_t)i)));
    }
    qsort(hashes, HOSTILE, sizeof hashes[0], by_value);
    for (int i = 1; i < HOSTILE; i++)
        same += hashes[i] == hashes[i - 1];
    CHECK_EQ_INT(same, 0);
    cop__heap_reset(cop__turn_heap());
}

TEST(equal_terms)
{
    CHECK(cop__hash_secret(cop("{a, [1, 2.5, #{k => <<1, 2>>}]}")) ==
          cop__hash_secret(cop("{a, [1, 2.5, #{k => <<1, 2>>}]}")));
    CHECK(cop__hash_secret(cop("1")) != cop__hash_secret(cop("1.0")));
    cop__heap_reset(cop__turn_heap());
}
