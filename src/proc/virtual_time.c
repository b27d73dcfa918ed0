/* SPDX-License-Identifier: Apache-2.0 */
/* Virtual time: what the one thread does when no process can run. Layer 2.
 *
 * It is the last chance before a wait in the poller (idle.c), so nothing is queued, and with one
 * scheduler nothing runs. First whoever waits for that is woken; else time jumps to the next
 * timer. Threads that are in user code without a scheduler (blocking sections) come back by
 * themselves: as long as there are any, nothing happens here. */
#include "proc/idle.h"
#include "proc/proc.h"
#include "proc/simulate.h"

#include <coppice/sim.h>

#include "base/clock.h"
#include "base/poller.h"
#include "base/world.h"

/* Who waits in cop_sim_settle; id 0: nobody. */
static _Atomic(uint64_t) settling;

/* One of several nodes: all must be still, and time goes on for all. */
static bool idle_in_world(uint64_t due_ns)
{
    uint64_t id = atomic_load(&settling);
    enum cop__world_news news = cop__world_idle(due_ns, id != 0);

    cop__sim_turn();
    if (news == COP__WORLD_SETTLED) {
        atomic_store(&settling, 0);
        cop__unpark(cop__proc_of(id), cop__pid_generation(id));
    } else if (news == COP__WORLD_STUCK) {
        cop__sim_stuck();
    }
    return true;
}

bool cop__virtual_idle(uint64_t due_ns)
{
    uint64_t id;

    if (cop__world)
        return idle_in_world(due_ns);
    id = atomic_exchange(&settling, 0);
    if (id) {
        cop__unpark(cop__proc_of(id), cop__pid_generation(id));
        return true;
    }
    if (due_ns == UINT64_MAX) {
        if (cop__simulated && !cop__poller_in_use())
            cop__sim_stuck();
        return false;
    }
    cop__clock_jump(due_ns);
    if (cop__simulated)
        cop__sim_jumped();
    return true;
}

void cop_sim_settle(void)
{
    struct cop__thr *self = (struct cop__thr *)cop__enter();
    struct cop__proc *proc = self->current;
    uint64_t id, none = 0;

    if (!proc || !cop__clock_is_virtual()) {
        cop__leave();
        cop__badarg("cop_sim_settle");
    }
    id = cop__pid_word(proc->index, cop__load(proc->gen));
    if (!atomic_compare_exchange_strong(&settling, &none, id)) {
        cop__leave();
        cop__badarg("cop_sim_settle");
    }
    while (atomic_load(&settling) == id)
        cop__park(UINT64_MAX);
    cop__leave();
}
