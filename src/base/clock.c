/* SPDX-License-Identifier: Apache-2.0 */
/* Time and chance from the system. */
#include "base/clock.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

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

/* Where virtual time starts, the same in every run: monotonic, and the wall clock of then. */
enum { VIRTUAL_START_NS = 1000000000 };
static const int64_t virtual_epoch_ms = 1767225600000; /* 2026-01-01 00:00:00 UTC */
static _Atomic(uint64_t) virtual_ns;                   /* 0: time is real */

void cop__clock_virtual(bool on)
{
    atomic_store(&virtual_ns, on ? VIRTUAL_START_NS : 0);
}

bool cop__clock_is_virtual(void)
{
    return atomic_load_explicit(&virtual_ns, memory_order_relaxed) != 0;
}

void cop__clock_jump(uint64_t to_ns)
{
    if (to_ns > atomic_load(&virtual_ns))
        atomic_store(&virtual_ns, to_ns);
}

uint64_t cop__clock_now_ns(void)
{
    uint64_t now_ns = atomic_load_explicit(&virtual_ns, memory_order_relaxed);

    return __builtin_expect(now_ns != 0, 0) ? now_ns : cop__clock_monotonic_ns();
}

int64_t cop__clock_system_ms(void)
{
    uint64_t now_ns = atomic_load_explicit(&virtual_ns, memory_order_relaxed);
    struct timespec now;

    if (now_ns)
        return virtual_epoch_ms + (int64_t)((now_ns - VIRTUAL_START_NS) / 1000000);

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static uint64_t simulated_seed, simulated_state; /* 0: chance is the system's */

void cop__clock_simulate(uint64_t seed)
{
    simulated_seed = simulated_state = seed;
}

static uint64_t draw(void)
{
    uint64_t seed = 0;

    if (getrandom(&seed, sizeof seed, 0) != (ssize_t)sizeof seed)
        seed = cop__clock_monotonic_ns();
    return seed;
}

bool cop__clock_secret(void *to, size_t size)
{
    unsigned char *bytes = to;

    if (__builtin_expect(simulated_state != 0, 0)) {
        for (size_t i = 0; i < size; i++)
            bytes[i] = (unsigned char)(cop__random_next(&simulated_state) >> 56);
        return true;
    }
    return getrandom(to, size, 0) == (ssize_t)size;
}

uint64_t cop__clock_seed(void)
{
    const char *fixed = getenv("COPPICE_SEED");
    uint64_t seed = simulated_seed    ? simulated_seed
                    : fixed && *fixed ? strtoull(fixed, NULL, 0)
                                      : draw();

    return seed ? seed : 1;
}
