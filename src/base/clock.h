/* SPDX-License-Identifier: Apache-2.0 */
/* Time and chance: the only places that ask the system for them (the seam, rule S1). */
#ifndef COP_BASE_CLOCK_H
#define COP_BASE_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

uint64_t cop__clock_monotonic_ns(void);      /* the real one, whatever time the node has */
uint64_t cop__clock_cpu_ns(clockid_t clock); /* what a thread has used (pthread_getcpuclockid) */

/* The time of the node: the real one, or a virtual one that starts anew with `on` and moves by
 * jumps only. A jump back does nothing. */
void cop__clock_virtual(bool on);
bool cop__clock_is_virtual(void);
void cop__clock_jump(uint64_t to_ns);
uint64_t cop__clock_now_ns(void);
uint64_t cop__clock_virtual_ms(void); /* since it began; 0 when time is real */
int64_t cop__clock_system_ms(void);

/* For time-outs, which are set often and must not end early: the time of the node, or up to
 * COP__CLOCK_AHEAD_NS more. A thread that has read the clock a moment ago pays less than half for
 * it, if its processor counts evenly. */
enum { COP__CLOCK_AHEAD_NS = 20000 };
struct cop__clock_memo {
    uint64_t ticks, ahead_ns; /* zeroed at first */
};
uint64_t cop__clock_ahead_ns(struct cop__clock_memo *memo);

/* From now on seed and secrets come from this number, the same in every run; 0: from the system. */
void cop__clock_simulate(uint64_t seed);

/* Bytes that nobody can foresee, from the system's generator whatever the seed; false: it has none.
 */
bool cop__clock_secret(void *to, size_t size);
uint64_t cop__clock_seed(void); /* from the system's generator; COPPICE_SEED fixes it */

/* xorshift64*: small, fast, and good enough for scheduling choices. Never 0. */
static inline uint64_t cop__random_next(uint64_t *state)
{
    uint64_t x = *state;

    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    *state = x;
    return x * 0x2545f4914f6cdd1dull;
}

#endif
