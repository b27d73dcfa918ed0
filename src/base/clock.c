/* SPDX-License-Identifier: Apache-2.0 */
/* Time and chance from the system. */
#include "base/clock.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>
#if defined(__x86_64__)
#include <cpuid.h>
#include <x86intrin.h>
#endif

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

uint64_t cop__clock_virtual_ms(void)
{
    uint64_t now_ns = atomic_load(&virtual_ns);

    return now_ns ? (now_ns - VIRTUAL_START_NS) / 1000000 : 0;
}

uint64_t cop__clock_now_ns(void)
{
    uint64_t now_ns = atomic_load_explicit(&virtual_ns, memory_order_relaxed);

    return __builtin_expect(now_ns != 0, 0) ? now_ns : cop__clock_monotonic_ns();
}

/* --- The clock of a moment ago
 *
 * The processor's counter is only asked whether the last reading is still young. So how fast it
 * counts need not be known well, but it must never stand still. */

#if defined(__x86_64__)

/* In ticks of at least 0.8 GHz. 0: it stops where the processor sleeps, or is not there. */
static uint64_t young_ticks(void)
{
    enum { INVARIANT_TSC = 1 << 8, TICKS = 12288 };
    const unsigned power_leaf = 0x80000007;
    unsigned a, b, c, d;

    return __get_cpuid(power_leaf, &a, &b, &c, &d) && (d & INVARIANT_TSC) ? TICKS : 0;
}

static inline uint64_t ticks_now(void)
{
    return __rdtsc();
}

#elif defined(__aarch64__)

static uint64_t young_ticks(void)
{
    enum { YOUNG_PART = 1 << 16 }; /* of a second */
    uint64_t frequency;

    __asm__("mrs %0, cntfrq_el0" : "=r"(frequency));
    return frequency / YOUNG_PART;
}

static inline uint64_t ticks_now(void)
{
    uint64_t ticks;

    __asm__ volatile("mrs %0, cntvct_el0" : "=r"(ticks));
    return ticks;
}

#else

static uint64_t young_ticks(void)
{
    return 0;
}

static inline uint64_t ticks_now(void)
{
    return 0;
}

#endif

static uint64_t young; /* so many ticks after it was read a reading still serves; 0: never */

__attribute__((constructor)) static void look_at_processor(void)
{
    young = young_ticks();
}

uint64_t cop__clock_ahead_ns(struct cop__clock_memo *memo)
{
    uint64_t ticks;

    if (young == 0 || cop__clock_is_virtual())
        return cop__clock_now_ns();
    ticks = ticks_now(); /* before the clock, so that the reading is not older than it seems */
    if (ticks - memo->ticks >= young) {
        memo->ticks = ticks;
        memo->ahead_ns = cop__clock_monotonic_ns() + COP__CLOCK_AHEAD_NS;
    }
    return memo->ahead_ns;
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
