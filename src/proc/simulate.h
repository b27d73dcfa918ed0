/* SPDX-License-Identifier: Apache-2.0 */
/* A node whose every choice comes from a seed: what the rest of the process layer tells it, and
 * what whoever starts one says (docs/adr/0018). */
#ifndef COP_PROC_SIMULATE_H
#define COP_PROC_SIMULATE_H

#include <stdio.h>

#include "base/choose.h"
#include "proc/types.h"

enum { COP__SIM_TEXT = 400 };

/* One run. It is zeroed but for what is wanted. */
struct cop__sim_run {
    uint64_t seed;                        /* not 0 */
    const struct cop__schedule *schedule; /* NULL: the seed chooses */
    struct cop__recording *recording;     /* NULL: no */
    FILE *story;                          /* NULL: it is not told */
    uint64_t steps_max;                   /* 0: COP__SIM_STEPS_MAX */
    uint64_t steps, trace, virtual_ms;    /* afterwards */
    char failure[COP__SIM_TEXT];          /* afterwards; empty: none */
};
enum { COP__SIM_STEPS_MAX = 10 * 1000 * 1000 };

/* Constant while a node runs. */
extern bool cop__simulated;

struct cop_options;
/* The next node of this program is this run; NULL: an ordinary one. */
void cop__sim_prepare(struct cop__sim_run *run);
bool cop__sim_story_wanted(void); /* COPPICE_SIM_STORY */
/* node.c: at its start, before anything asks for time or chance; and when it has stopped. */
void cop__sim_begin(void);
void cop__sim_end(void);
void cop__sim_stop(void); /* node.c: as cop_stop_node(1), from wherever */

/* What happens, told by those who do it. rt odd. */
__attribute__((noinline, cold)) void cop__sim_step(
    struct cop__thr *self, struct cop__proc *next); /* the base loop is to run it */
__attribute__((noinline, cold)) void cop__sim_pushed(
    struct cop__thr *self, uint64_t to, const struct cop__msg *msg);
/* To another node: of sender (0: the node), about whom, with what. Any rt. */
void cop__sim_sent(
    uint64_t sender, uint32_t node, const char *what, cop_term about, cop_term payload);
void cop__sim_spawned(const struct cop__proc *child);
void cop__sim_ended(const struct cop__proc *proc, cop_term reason);
void cop__sim_jumped(void);
void cop__sim_turn(void);  /* it is this node's turn again, among several */
void cop__sim_stuck(void); /* nothing can run, now or later */
/* At a send or call of the running process: a fault may end it here. */
__attribute__((noinline, cold)) void cop__sim_crash_point(
    struct cop__thr *self, struct cop__proc *proc);

/* --- Between the parts of the simulation: simulate.c, sim_story.c, sim_faults.c */

FILE *cop__sim_story(void);     /* NULL: it is not told */
uint64_t *cop__sim_steps(void); /* of the run until now */
__attribute__((format(printf, 1, 2))) void cop__sim_tell(const char *format, ...);
/* The name and pid of a process, as far as it has them; text of COP__SIM_WHO bytes is returned. */
enum { COP__SIM_WHO = 160 };
const char *cop__sim_who(char *text, uint64_t id);
void cop__sim_forget_faults(void);
void cop__sim_bring_faults(struct cop__thr *self); /* before a step */
bool cop__sim_allocation_fails(void);

#endif
