/* SPDX-License-Identifier: Apache-2.0 */
/* Choice points (rule S3): places where the runtime may do one thing or another and be right either
 * way. A node does the usual thing there, unless it is told to choose: then a seeded generator, or
 * a schedule that was recorded, makes orders common that are rare in life, and one seed gives one
 * run (docs/adr/0011, 0018). */
#ifndef COP_BASE_CHOOSE_H
#define COP_BASE_CHOOSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum cop__choice {
    COP__CHOOSE_NEXT,     /* which runnable process is next */
    COP__CHOOSE_YIELD,    /* yield at this send or call. A kill takes effect there too */
    COP__CHOOSE_TIMER,    /* which of the timers that are due at the same tick is first */
    COP__CHOOSE_FD,       /* which of the ready descriptors is first */
    COP__CHOOSE_STEAL,    /* pass this victim by */
    COP__CHOOSE_HAND_OFF, /* take the scheduler now */
    COP__CHOOSE_FAULT,    /* a simulated fault, and whom it hits */
    COP__CHOOSE_NET,      /* when bytes of a simulated socket arrive, and in which pieces */
    COP__CHOOSE_NODE,     /* which node of a simulation goes on, and for how long */
    COP__CHOOSE_USER      /* what a simulated program asks for: cop_sim_choose */
};

/* Does this node choose? Set before its threads start, and constant while it runs. */
extern bool cop__choosing;

uint32_t cop__choose_slow(enum cop__choice kind, uint32_t count);

/* 0 to count - 1; 0 is the usual thing. */
static inline uint32_t cop__choose(enum cop__choice kind, uint32_t count)
{
    return __builtin_expect(cop__choosing, 0) ? cop__choose_slow(kind, count) : 0;
}

/* True once in `one_in`; never in a node that does not choose. */
static inline bool cop__chance(enum cop__choice kind, uint32_t one_in)
{
    return cop__choose(kind, one_in) == 1;
}

/* One for each choice of a run, in their order; those past the end are 0. */
struct cop__schedule {
    const uint32_t *values;
    size_t count;
};

/* Where the choices of a run are written down, from `count` on, which goes on past `max`. */
struct cop__recording {
    uint32_t *values;
    size_t max, count;
};

/* At the start of a node: chooses when COPPICE_CHOICES is set, with COPPICE_SEED or a seed that it
 * prints. */
void cop__choices_start(void);
/* Instead: with this seed, or by this schedule. Both pointers may be NULL, and are used until
 * cop__choices_stop. */
void cop__choices_simulate(
    uint64_t seed, const struct cop__schedule *schedule, struct cop__recording *recording);
void cop__choices_stop(void);

/* Where a run stands in its choices, so that another process can go on from there (world.h). */
struct cop__choices_place {
    uint64_t state, trace;
    size_t made;
};
struct cop__choices_place cop__choices_save(void);
void cop__choices_restore(struct cop__choices_place place);

/* A hash of all choices, and what else was noted, since the node started; 0 when it does not
 * choose. With one scheduler, without hand-off and outside events the same seed gives the same
 * value. */
uint64_t cop__choices(void);
void cop__choices_note(uint64_t what);

#endif
