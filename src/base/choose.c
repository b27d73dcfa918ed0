/* SPDX-License-Identifier: Apache-2.0 */
/* The generator behind the choice points. Layer 0; a build without them has only its two ends.
 *
 * The hard idea: a run must say how it can be had again, and whether it was. It prints its seed,
 * and each choice goes into a hash, so that two runs of one seed can be told apart by one number.
 */
#include "base/choose.h"

#if COP__CHOICE

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/lock.h"

static struct cop__spinlock lock; /* schedulers and the monitor choose at any time */
static uint64_t state, trace;

void cop__choices_start(void)
{
    state = cop__clock_seed();
    trace = 0;
    if (!getenv("COPPICE_SEED"))
        fprintf(stderr, "coppice: choices of seed %llu; again: COPPICE_SEED=%llu\n",
            (unsigned long long)state, (unsigned long long)state);
}

uint32_t cop__choose(enum cop__choice kind, uint32_t count)
{
    uint32_t chosen;

    if (count < 2)
        return 0;
    cop__spin_lock(&lock);
    if (!state)
        state = cop__clock_seed(); /* before a node runs */
    chosen = (uint32_t)(cop__random_next(&state) >> 32) % count;
    trace = (trace ^ (kind * 256u + chosen)) * 0x100000001b3ull;
    cop__spin_unlock(&lock);
    return chosen;
}

uint64_t cop__choices(void)
{
    uint64_t value;

    cop__spin_lock(&lock);
    value = trace;
    cop__spin_unlock(&lock);
    return value;
}

#else

void cop__choices_start(void)
{
}

uint64_t cop__choices(void)
{
    return 0;
}

#endif
