/* SPDX-License-Identifier: Apache-2.0 */
/* The faults of a simulated run: who is hit, when, and how. Layer 2. */
#include "proc/simulate.h"

#include <coppice/sim.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/network.h"
#include "base/reserve.h"
#include "base/world.h"
#include "proc/proc.h"
#include "term/atoms.h"

enum { OF = 1000, ALLOCATIONS = 8, SPLIT_MAX_MS = 20000 };

static struct cop_sim_faults wanted;
static struct {
    uint64_t crash;           /* id of who is to crash at its next send or call; 0: nobody */
    uint64_t short_of_memory; /* id of whose allocation is to fail; 0: nobody's */
    uint32_t allocations;     /* of it until then */
} pending;

void cop__sim_forget_faults(void)
{
    memset(&wanted, 0, sizeof wanted);
    memset(&pending, 0, sizeof pending);
}

/* Of the running process, whether of the runtime for it or its own. */
bool cop__sim_allocation_fails(void)
{
    struct cop__thr *self = cop__own_thr();

    if (cop__likely(!pending.short_of_memory) || !self || !self->current ||
        cop__id_of(self->current) != pending.short_of_memory || --pending.allocations)
        return false;
    pending.short_of_memory = 0;
    return true;
}

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
            is_victim = wanted.is_victim(cop__pid_of(cop__id_of(proc)), wanted.arg);
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
    char text[COP__SIM_WHO];

    if (!victim)
        return;
    cop__sim_tell("FAULT: %s is killed", cop__sim_who(text, victim));
    msg = cop__msg_tuple(self, COP__EXIT, items, 3);
    if (!cop__push(self, victim, msg))
        cop__msg_free(self, msg);
}

static void crash_one(void)
{
    uint64_t victim = choose_victim();
    char text[COP__SIM_WHO];

    if (victim)
        cop__sim_tell("FAULT: %s crashes at its next send or call", cop__sim_who(text, victim));
    pending.crash = victim;
}

static void shorten(uint64_t victim, uint32_t nth)
{
    char text[COP__SIM_WHO];

    if (victim)
        cop__sim_tell(
            "FAULT: allocation %u of %s from here on fails", nth, cop__sim_who(text, victim));
    pending.short_of_memory = victim;
    pending.allocations = nth;
}

static void jump(int64_t by_ms)
{
    if (by_ms <= 0)
        return;
    cop__sim_tell("FAULT: all stand still for %lld ms", (long long)by_ms);
    cop__clock_jump(cop__clock_now_ns() + (uint64_t)by_ms * 1000000);
    cop__sim_jumped();
}

/* A node that runs, the chosen one of those but `not`. -1: there is none. */
static int choose_node(int not )
{
    int places[COP__WORLD_NODES];
    uint32_t count = 0;

    for (int i = 0; i < COP__WORLD_NODES; i++)
        if (i != not &&cop__world->nodes[i].state != COP__WORLD_FREE)
            places[count++] = i;
    return count ? places[cop__choose(COP__CHOOSE_FAULT, count)] : -1;
}

static void split_two(void)
{
    int64_t max_ms = wanted.split_max_ms > 0 ? wanted.split_max_ms : SPLIT_MAX_MS;
    int node = choose_node(-1), other = choose_node(node);
    uint64_t ms = 1 + cop__choose(COP__CHOOSE_FAULT, (uint32_t)max_ms);
    uint64_t until_ns = cop__clock_now_ns() + ms * 1000000;
    bool one_way = cop__choose(COP__CHOOSE_FAULT, 4) == 1;

    if (other < 0)
        return;
    cop__network_split(node, other, until_ns);
    if (!one_way)
        cop__network_split(other, node, until_ns);
    cop__sim_tell("FAULT: %s is split from %s%s for %llu ms", cop__world->nodes[node].name,
        cop__world->nodes[other].name, one_way ? ", one way," : "", (unsigned long long)ms);
}

void cop__sim_bring_faults(struct cop__thr *self)
{
    const struct cop_sim_faults *faults = &wanted;

    if (faults->is_victim && draw(faults->kills))
        kill_one(self);
    if (faults->is_victim && draw(faults->crashes))
        crash_one();
    if (faults->is_victim && draw(faults->shortages))
        shorten(choose_victim(), 1 + cop__choose(COP__CHOOSE_FAULT, ALLOCATIONS));
    if (draw(faults->cuts) && cop__network_cut())
        cop__sim_tell("FAULT: a connection is cut");
    if (cop__world && draw(faults->splits))
        split_two();
    if (draw(faults->pauses))
        jump(1 + (int64_t)cop__choose(COP__CHOOSE_FAULT,
                     (uint32_t)(faults->pause_max_ms ? faults->pause_max_ms : OF)));
}

/* A message counts as an allocation, though its block may be one of those that are kept. */
void cop__sim_crash_point(struct cop__thr *self, struct cop__proc *proc)
{
    if (cop__unlikely(pending.short_of_memory) && self->current == proc &&
        cop__sim_allocation_fails())
        cop__short_hook();
    /* As a fault in its code would end it, between this send or call and the next line. */
    if (cop__likely(pending.crash != cop__id_of(proc)) || self->current != proc)
        return;
    pending.crash = 0;
    if (cop__load(proc->flags) & (COP__P_EXITING | COP__P_DOOMED))
        return;
    cop__leave();
    cop_error(cop__atom(COP__ATOM_simulated));
}

void cop_sim_set_faults(const struct cop_sim_faults *faults)
{
    static const struct cop_sim_faults none;

    wanted = faults ? *faults : none;
    if (cop__simulated)
        cop__network_delays(wanted.delay_max_ms);
}

void cop_sim_crash(cop_pid pid)
{
    if (cop__simulated && !pid.node)
        pending.crash = pid.id;
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
