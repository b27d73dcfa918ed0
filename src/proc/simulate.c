/* SPDX-License-Identifier: Apache-2.0 */
/* The simulation of a node: steps, faults, what must always hold, and the story of a run. Layer 2.
 *
 * The hard idea: it is the node that everybody runs. Every share of work is 0, so that each send,
 * call and turn takes its long way (run in sched.c), and each process that runs comes from
 * the base loop (cop__urgent); the long ways end here. An ordinary node pays nothing for it.
 *
 * A run fails when its main function does, when what must hold does not, when nothing can ever
 * happen again, or when it does not end. Then the node stops; who started it has the story told by
 * running the same seed once more. */
#include "proc/simulate.h"

#include <coppice/sim.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/network.h"
#include "base/reserve.h"
#include "base/world.h"
#include "proc/proc.h"
#include "term/atoms.h"
#include "term/hash.h"

enum { INVARIANTS_MAX = 32 };

struct invariant {
    const char *name;
    bool (*holds)(void *arg);
    void *arg;
};

static struct cop__sim_run *prepared;
static struct cop__sim_run of_environment;

bool cop__simulated;
static struct {
    struct cop__sim_run *run;
    struct invariant invariants[INVARIANTS_MAX];
    uint32_t invariant_count;
} sim;

FILE *cop__sim_story(void)
{
    return sim.run->story;
}

uint64_t *cop__sim_steps(void)
{
    return cop__world ? &cop__world->steps : &sim.run->steps;
}

/* --- Failing -------------------------------------------------------------------------------------
 */

static void fail(const char *text)
{
    if (*sim.run->failure)
        return;
    snprintf(sim.run->failure, sizeof sim.run->failure, "%s", text);
    cop__sim_tell("FAILED: %s", text);
    if (cop__world)
        cop__world_fail(text);
    cop__sim_stop();
}

void cop__sim_turn(void)
{
    if (!cop__world->over || *sim.run->failure)
        return;
    snprintf(sim.run->failure, sizeof sim.run->failure, "%s", cop__world->failure);
    cop__sim_stop();
}

void cop__sim_stuck(void)
{
    fail("nothing can run any more, and nothing is due: whoever waits does so for ever");
}

void cop_sim_fail(const char *format, ...)
{
    struct cop__thr *self = (struct cop__thr *)cop__enter();
    char text[COP__SIM_TEXT];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (!cop__simulated) {
        fprintf(stderr, "coppice: %s\n", text);
        abort();
    }
    fail(text);
    if (self->current)
        cop__yield_inside(self);
    cop__leave();
}

/* --- Begin and end -------------------------------------------------------------------------------
 */

void cop__sim_prepare(struct cop__sim_run *run)
{
    prepared = run;
}

bool cop__sim_story_wanted(void)
{
    const char *story = getenv("COPPICE_SIM_STORY");

    return story && *story && *story != '0';
}

/* COPPICE_SIM_SEED=7 COPPICE_SIM_STORY=1 makes a simulation of any program. */
static struct cop__sim_run *from_environment(void)
{
    const char *seed = getenv("COPPICE_SIM_SEED");

    if (!seed || !*seed)
        return NULL;
    of_environment = (struct cop__sim_run){ .seed = strtoull(seed, NULL, 0) };
    if (!of_environment.seed)
        of_environment.seed = 1;
    if (cop__sim_story_wanted())
        of_environment.story = stderr;
    return &of_environment;
}

void cop__sim_begin(void)
{
    struct cop__sim_run *run = prepared ? prepared : from_environment();

    memset(&sim, 0, sizeof sim);
    cop__sim_forget_faults();
    prepared = NULL;
    sim.run = run;
    cop__simulated = run != NULL;
    if (!run)
        return;
    run->steps = 0;
    run->failure[0] = 0;
    cop__clock_virtual(true);
    cop__clock_simulate(run->seed);
    cop__hash_secret_set(run->seed);
    cop__choices_simulate(run->seed, run->schedule, run->recording);
    cop__network_simulate(true);
    if (cop__world_self())
        cop__world_wait();
    cop__memory_fails = cop__sim_allocation_fails;
}

/* One of several nodes ends, and the others go on. */
static void leave_world(void)
{
    char text[COP__SIM_TEXT];

    if (cop__node.exit_status) {
        snprintf(text, sizeof text, "node %s ended with status %d",
            cop__world->nodes[cop__world_self()].name, cop__node.exit_status);
        fail(text);
    }
    cop__sim_tell("the node ends");
    cop__world_leave();
}

void cop__sim_end(void)
{
    struct cop__sim_run *run = sim.run;

    cop__memory_fails = NULL;
    if (!cop__simulated)
        return;
    run->trace = cop__choices();
    run->virtual_ms = cop__clock_virtual_ms();
    run->steps = *cop__sim_steps();
    cop__network_simulate(false);
    if (cop__world_self())
        leave_world();
    cop__choices_stop();
    cop__clock_simulate(0);
    cop__simulated = false;
    sim.run = NULL;
    if (run == &of_environment)
        fprintf(stderr,
            "coppice: simulated seed %llu: %llu steps, %llu.%03llu s, trace %016llx%s%s\n",
            (unsigned long long)run->seed, (unsigned long long)run->steps,
            (unsigned long long)run->virtual_ms / 1000, (unsigned long long)run->virtual_ms % 1000,
            (unsigned long long)run->trace, *run->failure ? ": " : "", run->failure);
}

/* --- Steps ----------------------------------------------------------------------------
 */

static void check_invariants(void)
{
    for (uint32_t i = 0; i < sim.invariant_count; i++) {
        const struct invariant *invariant = &sim.invariants[i];
        char text[COP__SIM_TEXT];
        bool holds;

        cop__leave();
        holds = invariant->holds(invariant->arg);
        cop__enter();
        if (holds)
            continue;
        snprintf(text, sizeof text, "what must hold does not: %s", invariant->name);
        fail(text);
    }
}

void cop__sim_step(struct cop__thr *self, struct cop__proc *next)
{
    struct cop__sim_run *run = sim.run;

    if (cop__world && !cop__load(cop__node.stopping)) {
        cop__world_step();
        cop__sim_turn();
    }
    check_invariants();
    ++*cop__sim_steps();
    cop__choices_note(cop__id_of(next) ^ (uint64_t)cop__world_self() << 56);
    if (*cop__sim_steps() > (run->steps_max ? run->steps_max : COP__SIM_STEPS_MAX))
        fail("it does not end: more steps than allowed");
    cop__sim_bring_faults(self);
    cop__heap_reset(&self->heap);
}

/* --- For users -----------------------------------------------------------------------------------
 */

bool cop_is_simulated(void)
{
    return cop__simulated;
}

uint64_t cop_sim_seed(void)
{
    return cop__simulated ? sim.run->seed : 0;
}

uint64_t cop_sim_trace(void)
{
    return cop__choices();
}

uint32_t cop_sim_choose(uint32_t count)
{
    if (count < 2)
        return 0;
    return cop__choosing ? cop__choose(COP__CHOOSE_USER, count) : (uint32_t)(cop_random() % count);
}

void cop_sim_invariant(const char *name, bool (*holds)(void *arg), void *arg)
{
    if (!cop__simulated)
        return;
    if (sim.invariant_count == INVARIANTS_MAX)
        cop__badarg("cop_sim_invariant");
    sim.invariants[sim.invariant_count++] = (struct invariant){ name, holds, arg };
}
