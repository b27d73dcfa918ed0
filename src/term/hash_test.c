/* SPDX-License-Identifier: Apache-2.0 */
/* The hash of tables: nobody can choose keys that meet. */
#include "term/hash.h"

#include <stdlib.h>
#include <string.h>

#include "base/heap.h"
#include "base/test.h"
#include "base/thread.h"
#include "term/integer.h"
#include "term/layout.h"

/* The step of cop_hash, which anyone can read. */
static uint64_t mix(uint64_t hash, uint64_t word)
{
    cop__u128 product =
        (cop__u128)(hash ^ word ^ 0xa0761d6478bd642fu) * (hash + 0xe7037ed1a0b428dbu);

    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* The i-th of many binaries of 16 bytes with one cop_hash: the second word makes the product 0. */
static cop_term hostile_key(uint64_t i)
{
    uint64_t words[2] = { i, 0 };

    words[1] = mix(mix(0x9e3779b97f4a7c15u, (uint64_t)128 << 8 | COP__BINARY), words[0]) ^
               0xa0761d6478bd642fu;
    return cop_binary(words, sizeof words);
}

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
