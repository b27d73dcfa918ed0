/* SPDX-License-Identifier: Apache-2.0 */
/* The generator behind the choice points. Layer 0.
 *
 * The hard idea: a run must say how it can be had again, and whether it was. It has a seed, and
 * each choice goes into a hash, so that two runs of one seed can be told apart by one number. What
 * was chosen can be written down, and followed instead of the seed: so a run can be made simpler
 * by taking choices out of it. */
#include "base/choose.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/lock.h"

bool cop__choosing;

static struct {
    struct cop__spinlock lock; /* schedulers and the monitor choose at any time */
    struct cop__choices_place at;
    const struct cop__schedule *schedule;
    struct cop__recording *recording;
} choices;

static void begin(
    uint64_t seed, const struct cop__schedule *schedule, struct cop__recording *recording)
{
    choices.at = (struct cop__choices_place){ seed ? seed : 1, 0xcbf29ce484222325ull, 0 };
    choices.schedule = schedule;
    choices.recording = recording;
    cop__choosing = true;
}

void cop__choices_start(void)
{
    const char *wanted = getenv("COPPICE_CHOICES");
    uint64_t seed;

    if (!wanted || !*wanted || *wanted == '0')
        return;
    seed = cop__clock_seed();
    if (!getenv("COPPICE_SEED"))
        fprintf(stderr, "coppice: choices of seed %llu; again: COPPICE_SEED=%llu\n",
            (unsigned long long)seed, (unsigned long long)seed);
    cop__clock_simulate(seed); /* one seed for all who ask, or it would not repeat the run */
    begin(seed, NULL, NULL);
}

void cop__choices_simulate(
    uint64_t seed, const struct cop__schedule *schedule, struct cop__recording *recording)
{
    begin(seed, schedule, recording);
}

void cop__choices_stop(void)
{
    if (!cop__choosing)
        return;
    cop__clock_simulate(0);
    cop__choosing = false;
    choices.schedule = NULL;
    choices.recording = NULL;
}

struct cop__choices_place cop__choices_save(void)
{
    return choices.at;
}

void cop__choices_restore(struct cop__choices_place place)
{
    choices.at = place;
}

static void fold(uint64_t what)
{
    choices.at.trace = (choices.at.trace ^ what) * 0x100000001b3ull;
}

static uint32_t choose(uint32_t count)
{
    size_t place = choices.at.made++;

    if (!choices.schedule)
        return (uint32_t)(cop__random_next(&choices.at.state) >> 32) % count;
    return place < choices.schedule->count ? choices.schedule->values[place] % count : 0;
}

uint32_t cop__choose_slow(enum cop__choice kind, uint32_t count)
{
    uint32_t chosen;

    if (count < 2)
        return 0;
    cop__spin_lock(&choices.lock);
    chosen = choose(count);
    fold(kind * 256u + chosen);
    if (choices.recording && choices.recording->count++ < choices.recording->max)
        choices.recording->values[choices.recording->count - 1] = chosen;
    cop__spin_unlock(&choices.lock);
    return chosen;
}

void cop__choices_note(uint64_t what)
{
    cop__spin_lock(&choices.lock);
    fold(what);
    cop__spin_unlock(&choices.lock);
}

uint64_t cop__choices(void)
{
    uint64_t value;

    cop__spin_lock(&choices.lock);
    value = cop__choosing ? choices.at.trace : 0;
    cop__spin_unlock(&choices.lock);
    return value;
}
