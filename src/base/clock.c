/* SPDX-License-Identifier: Apache-2.0 */
/* Time and chance from the system. */
#include "base/clock.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

#include "base/choose.h"

uint64_t cop__clock_monotonic_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t cop__clock_cpu_ns(clockid_t clock)
{
    struct timespec used;

    if (clock_gettime(clock, &used) != 0)
        return 0; /* the thread has ended */
    return (uint64_t)used.tv_sec * 1000000000u + (uint64_t)used.tv_nsec;
}

int64_t cop__clock_system_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

uint64_t cop__clock_seed(void)
{
    const char *fixed = getenv("COPPICE_SEED");
    uint64_t seed = 0;

#if COP__CHOICE
    static _Atomic(uint64_t) drawn; /* one for all, or what is printed would not repeat the run */

    if (!(fixed && *fixed) && atomic_load(&drawn))
        return atomic_load(&drawn);
#endif
    if (fixed && *fixed)
        seed = strtoull(fixed, NULL, 0);
    else if (getrandom(&seed, sizeof seed, 0) != (ssize_t)sizeof seed)
        seed = cop__clock_monotonic_ns();
    seed = seed ? seed : 1;
#if COP__CHOICE
    atomic_store(&drawn, seed);
#endif
    return seed;
}
