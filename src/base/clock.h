/* SPDX-License-Identifier: Apache-2.0 */
/* Time and chance: the only places that ask the system for them (the seam, rule S1). */
#ifndef COP_BASE_CLOCK_H
#define COP_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

uint64_t cop__clock_monotonic_ns(void);
uint64_t cop__clock_cpu_ns(clockid_t clock); /* what a thread has used (pthread_getcpuclockid) */
int64_t cop__clock_system_ms(void);
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
