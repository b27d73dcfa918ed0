/* SPDX-License-Identifier: Apache-2.0 */
/* What a process may ask and set of itself: flags, identity, group leader, time, chance. */
#include "proc/proc.h"
#include "term/atoms.h"

#include "base/clock.h"

static struct cop__proc *current(const char *function)
{
    struct cop__proc *proc = cop__self_thr()->current;

    if (cop__unlikely(!proc))
        cop__badarg(function);
    return proc;
}

cop_pid cop_self(void)
{
    return cop__pid_of(cop__id_of(current("self")));
}

bool cop_in_process(void)
{
    return cop__self_thr()->current != NULL;
}

cop_pid cop_parent(void)
{
    return cop__pid_of(current("parent")->parent);
}

bool cop_trap_exit(bool on)
{
    struct cop__thr *self = (struct cop__thr *)cop__enter();
    struct cop__proc *proc = self->current;
    uint32_t flags = proc ? cop__load(proc->flags) : 0;

    if (!proc) {
        cop__leave();
        cop__badarg("process_flag");
    }
    /* What has arrived before is decided by the old value (P-52, P-96). */
    cop__fetch(self, proc);
    cop__obey(self, proc);
    flags = cop__load(proc->flags);
    cop__store(proc->flags, on ? flags | COP__P_TRAP_EXIT : flags & ~(uint32_t)COP__P_TRAP_EXIT);
    cop__leave();
    return flags & COP__P_TRAP_EXIT;
}

enum cop_priority cop_set_priority(enum cop_priority priority)
{
    struct cop__proc *proc = current("process_flag");
    enum cop_priority old = (enum cop_priority)proc->priority;

    if (priority < COP_LOW || priority > COP_MAX)
        cop__badarg("process_flag");
    proc->priority = (uint8_t)priority;
    return old;
}

static const uint32_t priority_atoms[] = { COP__ATOM_normal, COP__ATOM_low, COP__ATOM_normal, COP__ATOM_high,
    COP__ATOM_max };

static int set_priority_term(cop_term *ret_old, cop_term value)
{
    for (unsigned i = COP_LOW; i <= COP_MAX; i++) {
        if (value.word == cop__atom(priority_atoms[i]).word) {
            *ret_old = cop__atom(priority_atoms[cop_set_priority((enum cop_priority)i)]);
            return 0;
        }
    }
    return -COP_EBADARG;
}

/* Flags that tune the BEAM's collector: kept as what they were set to, with no other effect. */
static int tuning_flag(cop_term *ret_old, cop_term flag, cop_term value)
{
    static const struct {
        uint32_t name;
        int64_t initial;
    } flags[] = { { COP__ATOM_min_heap_size, 233 }, { COP__ATOM_fullsweep_after, 65535 },
        { COP__ATOM_min_bin_vheap_size, 46422 } };
    cop_term items[2] = { cop_from_atom(cop_atom_new("$process_flag")), flag }, key, old;
    int64_t number;

    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        if (flag.word != cop__atom(flags[i].name).word)
            continue;
        if (!cop_to_int(&number, value) || number < 0)
            return -COP_EBADARG;
        key = cop_tuple_from(items, 2);
        old = cop_put(key, value);
        *ret_old = cop_is_none(old) ? cop_int(flags[i].initial) : old;
        return 0;
    }
    return -COP_EBADARG;
}

int cop_process_flag(cop_term *ret_old, cop_term flag, cop_term value)
{
    bool on;

    if (flag.word == cop__atom(COP__ATOM_trap_exit).word) {
        if (!cop_to_bool(&on, value))
            return -COP_EBADARG;
        *ret_old = cop_bool(cop_trap_exit(on));
        return 0;
    }
    if (flag.word == cop__atom(COP__ATOM_priority).word)
        return set_priority_term(ret_old, value);
    if (flag.word == cop_from_atom(cop_atom_new("message_queue_data")).word) {
        cop_atom kind;

        if (!cop_to_atom(&kind, value) ||
            (kind.index != cop_atom_new("on_heap").index && kind.index != cop_atom_new("off_heap").index))
            return -COP_EBADARG;
        *ret_old = cop_from_atom(cop_atom_new("on_heap"));
        return 0;
    }
    return tuning_flag(ret_old, flag, value);
}

cop_pid cop_group_leader(void)
{
    struct cop__proc *proc = current("group_leader");
    uint64_t id = proc->ext && proc->ext->group_leader ? proc->ext->group_leader
                  : proc->origin                       ? proc->origin->group_leader
                                                       : 0;

    return id ? cop__pid_of(id) : cop__node.first;
}

void cop_set_group_leader(cop_pid leader, cop_pid process)
{
    struct cop__thr *self = (struct cop__thr *)cop__enter();

    if (self->current && process.id == cop__id_of(self->current))
        cop__ext_of(self->current)->group_leader = leader.id;
    else if (process.id && !process.node)
        cop__signal_send(self, process.id, COP__LEADER, 0, cop_from_pid(leader));
    cop__leave();
}

cop_atom cop_node(void)
{
    return (cop_atom){ COP__ATOM_nonode_at_nohost };
}

cop_term cop_nodes(void)
{
    return cop__remote->nodes();
}

/* A process's seed derives from the scheduler's generator at its first use (S1). */
uint64_t cop_random(void)
{
    struct cop__proc *proc = current("rand");
    struct cop__thr *self = cop__self_thr();

    if (!proc->random)
        proc->random = cop__random_next(&self->sched->random) | 1;
    return cop__random_next(&proc->random);
}

int64_t cop_monotonic_ns(void)
{
    return (int64_t)cop__now_ns();
}

int64_t cop_monotonic_ms(void)
{
    return (int64_t)(cop__now_ns() / 1000000);
}

int64_t cop_system_time_ms(void)
{
    return cop__clock_system_ms();
}
