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
#include "proc/proc.h"
#include "term/atoms.h"
#include "term/hash.h"

enum { INVARIANTS_MAX = 32, OF = 1000, ALLOCATIONS = 8 };

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
    struct cop_sim_faults faults;
    struct invariant invariants[INVARIANTS_MAX];
    uint32_t invariant_count;
    uint64_t crash;                /* id of who is to crash at its next send or call; 0: nobody */
    uint64_t short_of_memory;      /* id of whose allocation is to fail; 0: nobody's */
    uint32_t allocations;          /* of it until then */
    struct cop__schedule schedule; /* of the environment */
} sim;

/* Of the running process, whether of the runtime for it or its own. */
static bool allocation_fails(void)
{
    struct cop__thr *self = cop__own_thr();

    if (cop__likely(!sim.short_of_memory) || !self || !self->current ||
        cop__id_of(self->current) != sim.short_of_memory || --sim.allocations)
        return false;
    sim.short_of_memory = 0;
    return true;
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
    prepared = NULL;
    sim.run = run;
    cop__simulated = run != NULL;
    if (!run)
        return;
    run->steps = 0;
    run->failure[0] = 0;
    cop__clock_simulate(run->seed);
    cop__hash_secret_set(run->seed);
    cop__choices_simulate(run->seed, run->schedule, run->recording);
    cop__network_simulate(true);
    cop__memory_fails = allocation_fails;
}

void cop__sim_end(void)
{
    struct cop__sim_run *run = sim.run;

    cop__memory_fails = NULL;
    if (!cop__simulated)
        return;
    run->trace = cop__choices();
    run->virtual_ms = (cop__clock_now_ns() - cop__node.origin_ns) / 1000000;
    cop__choices_stop();
    cop__clock_simulate(0);
    cop__network_simulate(false);
    cop__simulated = false;
    sim.run = NULL;
    if (run == &of_environment)
        fprintf(stderr,
            "coppice: simulated seed %llu: %llu steps, %llu.%03llu s, trace %016llx%s%s\n",
            (unsigned long long)run->seed, (unsigned long long)run->steps,
            (unsigned long long)run->virtual_ms / 1000, (unsigned long long)run->virtual_ms % 1000,
            (unsigned long long)run->trace, *run->failure ? ": " : "", run->failure);
}

/* --- The story -----------------------------------------------------------------------------------
 */

static const char *kind_text(enum cop__msg_kind kind)
{
    switch (kind) {
    case COP__CAST:
        return "cast";
    case COP__CALL:
        return "call";
    case COP__REPLY:
        return "reply";
    case COP__DOWN_REPLY:
        return "no reply";
    case COP__ALIASED:
        return "to alias";
    case COP__EXIT:
    case COP__EXIT_LINK:
        return "exit signal";
    case COP__DOWN:
        return "down";
    case COP__LINK:
        return "link";
    case COP__UNLINK:
        return "unlink";
    case COP__MONITOR:
        return "monitor";
    case COP__DEMONITOR:
        return "demonitor";
    case COP__FORGET:
        return "waits no more";
    default:
        return kind < COP__SIGNALS ? "message" : "signal";
    }
}

/* Its name and pid, as far as it has them. */
static const char *who(char text[160], uint64_t id)
{
    const struct cop__proc *proc = cop__proc_of(id);
    bool alive = id && cop__load(proc->gen) == cop__pid_generation(id);
    uint32_t name = alive ? cop__load(proc->name) : 0;
    char pid[64];

    if (!id) {
        memcpy(text, "the node", sizeof "the node");
        return text;
    }
    cop_format_term(pid, sizeof pid, cop__word(id));
    if (name)
        snprintf(text, 160, "%.*s %s", COP_STR(cop_atom_text((cop_atom){ name })), pid);
    else if (alive && proc->origin && proc->origin->initial_call)
        snprintf(text, 160, "%s %s", proc->origin->initial_call, pid);
    else
        snprintf(text, 160, "%s%s", pid, alive ? "" : " (gone)");
    return text;
}

__attribute__((format(printf, 1, 2))) static void tell(const char *format, ...)
{
    uint64_t ms = (cop__clock_now_ns() - cop__node.origin_ns) / 1000000;
    va_list arguments;

    if (!sim.run->story)
        return;
    fprintf(sim.run->story, "%8llu %5llu.%03llu  ", (unsigned long long)sim.run->steps,
        (unsigned long long)ms / 1000, (unsigned long long)ms % 1000);
    va_start(arguments, format);
    vfprintf(sim.run->story, format, arguments);
    va_end(arguments);
    fputc('\n', sim.run->story);
}

static uint64_t current_id(const struct cop__thr *self)
{
    return self->current ? cop__id_of(self->current) : 0;
}

void cop__sim_pushed(struct cop__thr *self, uint64_t to, const struct cop__msg *msg)
{
    char from_text[160], to_text[160], label[80] = "", shown[240] = "";

    cop__choices_note(msg->kind ^ (to << 8) ^ (current_id(self) << 40));
    if (!sim.run->story || msg->kind == COP__ADOPT)
        return;
    if (msg->kind == COP__CALL || msg->kind == COP__CAST)
        snprintf(label, sizeof label, "%.*s ", COP_STR(cop_atom_text((cop_atom){ msg->aux })));
    if (!cop_is_none(msg->term))
        cop_format_term(shown, sizeof shown, msg->term);
    tell("%s -> %s: %s %s%s", who(from_text, current_id(self)), who(to_text, to),
        kind_text((enum cop__msg_kind)msg->kind), strcmp(label, "$gen_call ") == 0 ? "" : label,
        shown);
}

void cop__sim_spawned(const struct cop__proc *child)
{
    char text[160], parent[160];

    cop__choices_note(cop__id_of(child));
    if (sim.run->story)
        tell("%s starts, of %s", who(text, cop__id_of(child)),
            who(parent, child->origin ? child->origin->parent : 0));
}

void cop__sim_ended(const struct cop__proc *proc, cop_term reason)
{
    char text[160], shown[400];

    cop__choices_note(~cop__id_of(proc));
    if (!sim.run->story)
        return;
    cop_format_term(shown, sizeof shown, reason);
    tell("%s ends: %s", who(text, cop__id_of(proc)), shown);
}

void cop__sim_jumped(void)
{
    cop__choices_note(cop__clock_now_ns());
}

/* --- Failing -------------------------------------------------------------------------------------
 */

static void fail(const char *text)
{
    if (*sim.run->failure)
        return;
    snprintf(sim.run->failure, sizeof sim.run->failure, "%s", text);
    tell("FAILED: %s", text);
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

/* --- Steps and faults ----------------------------------------------------------------------------
 */

/* The process that a fault hits: any of those that may be hit. 0: there is none. */
static uint64_t choose_victim(void)
{
    uint32_t used = cop__proc_used(), count = 0, place = 0;

    for (int round = 0; round < 2; round++) {
        uint32_t seen = 0;

        for (uint32_t i = 1; i < used; i++) {
            struct cop__proc *proc = &cop__proc_base[i];
            bool is_victim;

            if ((cop__load(proc->mbox) & COP__MBOX_DEAD) ||
                (cop__load(proc->flags) & (COP__P_EXITING | COP__P_DOOMED)))
                continue;
            cop__leave();
            is_victim = sim.faults.is_victim(cop__pid_of(cop__id_of(proc)), sim.faults.arg);
            cop__enter();
            if (is_victim && round && seen++ == place)
                return cop__id_of(proc);
            count += is_victim && !round;
        }
        if (!count)
            return 0;
        place = cop__choose(COP__CHOOSE_FAULT, count);
    }
    return 0;
}

/* So many times in a thousand; a schedule that is at its end has none. */
static bool draw(unsigned often)
{
    return often && cop__choose(COP__CHOOSE_FAULT, OF) >= OF - (often < OF ? often : OF - 1);
}

static void kill_one(struct cop__thr *self)
{
    uint64_t victim = choose_victim();
    cop_term items[3] = { cop__atom(COP__ATOM_EXIT), cop__atom(COP__ATOM_undefined),
        cop__atom(COP__ATOM_kill) };
    struct cop__msg *msg;
    char text[160];

    if (!victim)
        return;
    tell("FAULT: %s is killed", who(text, victim));
    msg = cop__msg_tuple(self, COP__EXIT, items, 3);
    if (!cop__push(self, victim, msg))
        cop__msg_free(self, msg);
}

static void crash_one(void)
{
    uint64_t victim = choose_victim();
    char text[160];

    if (victim)
        tell("FAULT: %s crashes at its next send or call", who(text, victim));
    sim.crash = victim;
}

static void shorten(uint64_t victim, uint32_t nth)
{
    char text[160];

    if (victim)
        tell("FAULT: allocation %u of %s from here on fails", nth, who(text, victim));
    sim.short_of_memory = victim;
    sim.allocations = nth;
}

static void jump(int64_t by_ms)
{
    if (by_ms <= 0)
        return;
    tell("FAULT: all stand still for %lld ms", (long long)by_ms);
    cop__clock_jump(cop__clock_now_ns() + (uint64_t)by_ms * 1000000);
    cop__sim_jumped();
}

static void bring_faults(struct cop__thr *self)
{
    const struct cop_sim_faults *faults = &sim.faults;

    if (faults->is_victim && draw(faults->kills))
        kill_one(self);
    if (faults->is_victim && draw(faults->crashes))
        crash_one();
    if (faults->is_victim && draw(faults->shortages))
        shorten(choose_victim(), 1 + cop__choose(COP__CHOOSE_FAULT, ALLOCATIONS));
    if (draw(faults->cuts) && cop__network_cut())
        tell("FAULT: a connection is cut");
    if (draw(faults->pauses))
        jump(1 + (int64_t)cop__choose(COP__CHOOSE_FAULT,
                     (uint32_t)(faults->pause_max_ms ? faults->pause_max_ms : OF)));
}

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

    check_invariants();
    run->steps++;
    cop__choices_note(cop__id_of(next));
    if (run->steps > (run->steps_max ? run->steps_max : COP__SIM_STEPS_MAX))
        fail("it does not end: more steps than allowed");
    bring_faults(self);
    cop__heap_reset(&self->heap);
}

/* A message counts as an allocation, though its block may be one of those that are kept. */
void cop__sim_crash_point(struct cop__thr *self, struct cop__proc *proc)
{
    if (cop__unlikely(sim.short_of_memory) && self->current == proc && allocation_fails())
        cop__short_hook();
    /* As a fault in its code would end it, between this send or call and the next line. */
    if (cop__likely(sim.crash != cop__id_of(proc)) || self->current != proc)
        return;
    sim.crash = 0;
    if (cop__load(proc->flags) & (COP__P_EXITING | COP__P_DOOMED))
        return;
    cop__leave();
    cop_error(cop__atom(COP__ATOM_simulated));
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

void cop_sim_set_faults(const struct cop_sim_faults *faults)
{
    static const struct cop_sim_faults none;

    sim.faults = faults ? *faults : none;
    if (cop__simulated)
        cop__network_delays(sim.faults.delay_max_ms);
}

void cop_sim_crash(cop_pid pid)
{
    if (cop__simulated && !pid.node)
        sim.crash = pid.id;
}

void cop_sim_fail_allocation(cop_pid pid, uint32_t nth)
{
    cop__enter();
    if (cop__simulated && !pid.node)
        shorten(nth ? pid.id : 0, nth);
    cop__leave();
}

void cop_sim_pause(int64_t by_ms)
{
    cop__enter();
    if (cop__simulated)
        jump(by_ms);
    cop__leave();
}

void cop_sim_invariant(const char *name, bool (*holds)(void *arg), void *arg)
{
    if (!cop__simulated)
        return;
    if (sim.invariant_count == INVARIANTS_MAX)
        cop__badarg("cop_sim_invariant");
    sim.invariants[sim.invariant_count++] = (struct invariant){ name, holds, arg };
}

void cop_sim_note(const char *format, ...)
{
    char text[COP__SIM_TEXT];
    va_list arguments;

    if (!cop__simulated)
        return;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    cop__enter();
    tell("note: %s", text);
    cop__leave();
}
