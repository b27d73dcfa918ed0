/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks go round: what one scheduler, or a thread without any, gives back another takes. */
#include "base/block.h"

#include "base/test.h"

enum { ROUNDS = 200, TAKEN = 5 * COP__BLOCK_BATCH + 7, SIZE = 200 };

static uintptr_t seen[ROUNDS * TAKEN];
static size_t seen_count;

/* Is the block one of those before? */
static bool is_known(const void *block)
{
    for (size_t i = 0; i < seen_count; i++)
        if (seen[i] == (uintptr_t)block)
            return true;
    seen[seen_count++] = (uintptr_t)block;
    return false;
}

/* Take many blocks of a scheduler's; give them back by it or without one. */
static void round_trip(bool as_scheduler)
{
    struct cop__blocks blocks = { 0 };
    struct cop__thread thread = { .rt = 1, .blocks = &blocks };
    void *taken[TAKEN];
    uint8_t class = 0;

    for (size_t i = 0; i < TAKEN; i++) {
        taken[i] = cop__block_get(&thread, SIZE, &class);
        is_known(taken[i]);
    }
    if (!as_scheduler)
        thread.blocks = NULL;
    for (size_t i = 0; i < TAKEN; i++)
        cop__block_put(&thread, taken[i], class);
    cop__blocks_give_back(&blocks);
}

TEST(schedulers_that_follow_one_another)
{
    if (COP__BLOCK_MALLOC)
        return;
    for (int i = 0; i < ROUNDS; i++)
        round_trip(true);
    CHECK(seen_count < 4 * TAKEN);
}

/* So that a thread in a blocking section that frees what others made takes nothing from them. */
TEST(given_back_without_a_scheduler)
{
    if (COP__BLOCK_MALLOC)
        return;
    seen_count = 0;
    for (int i = 0; i < ROUNDS; i++)
        round_trip(false);
    CHECK(seen_count < 4 * TAKEN);
}
