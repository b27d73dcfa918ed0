/* SPDX-License-Identifier: Apache-2.0 */
/* Restart intensity: how many restarts there were in the last period, in whole seconds (SUP-47).
 *
 * A list of all restarts would be walked at each one, which makes a storm quadratic. All that can
 * ever be asked of restarts of the same second is how many they were, so a ring keeps one entry a
 * second: adding is constant time, and memory is bounded by the period, not by the intensity. */
#include "supervisor_int.h"

#include "base/bug.h"

static struct cop__second *at(const struct cop__intensity *in, uint32_t position)
{
    return &in->ring[(in->head + position) % in->size];
}

static void drop_old(struct cop__intensity *in, int64_t oldest_s)
{
    while (in->used && at(in, 0)->second < oldest_s) {
        in->total -= at(in, 0)->restarts;
        in->head = (in->head + 1) % in->size;
        in->used--;
    }
}

static void grow(struct cop__intensity *in)
{
    uint32_t size = in->size ? in->size * 2 : 8;
    struct cop__second *ring = cop_alloc(size * sizeof(*ring));

    for (uint32_t i = 0; i < in->used; i++)
        ring[i] = *at(in, i);
    cop_free(in->ring);
    in->ring = ring;
    in->head = 0;
    in->size = size;
}

bool cop__intensity_add(struct cop__intensity *in, int64_t now_s)
{
    /* A restart exactly one period old still counts. */
    drop_old(in, now_s - (int64_t)in->period_s);
    if (!in->used || at(in, in->used - 1)->second != now_s) {
        if (in->used == in->size)
            grow(in);
        *at(in, in->used++) = (struct cop__second){ now_s, 0 };
    }
    at(in, in->used - 1)->restarts++;
    in->total += 1 + (uint32_t)cop__bug(restart_twice);
    return in->total <= in->intensity;
}
