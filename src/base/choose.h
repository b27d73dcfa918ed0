/* SPDX-License-Identifier: Apache-2.0 */
/* Choice points (rule S3): places where the runtime may do one thing or another and be right either
 * way. An ordinary build does the usual thing there and pays nothing. A build with -DCOP__CHOICE=1
 * asks a seeded generator, so that orders which are rare in life are common in a test, and one seed
 * gives one run (docs/adr/0011). */
#ifndef COP_BASE_CHOOSE_H
#define COP_BASE_CHOOSE_H

#include <stdint.h>

#ifndef COP__CHOICE
#define COP__CHOICE 0
#endif

enum cop__choice {
    COP__CHOOSE_NEXT,    /* which runnable process is next */
    COP__CHOOSE_YIELD,   /* yield at this send or call. A kill takes effect there too */
    COP__CHOOSE_TIMER,   /* which of the timers that are due at the same tick is first */
    COP__CHOOSE_FD,      /* which of the ready descriptors is first */
    COP__CHOOSE_STEAL,   /* pass this victim by */
    COP__CHOOSE_HAND_OFF /* take the scheduler now */
};

#if COP__CHOICE
/* 0 to count - 1; 0 is the usual thing. */
uint32_t cop__choose(enum cop__choice kind, uint32_t count);
#else
static inline uint32_t cop__choose(enum cop__choice kind, uint32_t count)
{
    (void)kind;
    (void)count;
    return 0;
}
#endif

/* True once in `one_in`; never in an ordinary build. */
static inline int cop__chance(enum cop__choice kind, uint32_t one_in)
{
    return COP__CHOICE && cop__choose(kind, one_in) == 1;
}

/* A hash of all choices since the node started; 0 in an ordinary build. With one scheduler, without
 * hand-off and without outside events the same seed gives the same value. */
uint64_t cop__choices(void);
void cop__choices_start(void); /* with COPPICE_SEED, or a seed that it prints */

#endif
