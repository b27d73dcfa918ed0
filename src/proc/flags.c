/* SPDX-License-Identifier: Apache-2.0 */
/* What a process may ask and set of itself: flags, identity, group leader, time, chance. */
#include "proc/proc.h"
#include "term/atoms.h"
#include "term/node.h"

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
    struct cop__proc *proc = current("parent");

    return cop__pid_of(proc->origin ? proc->origin->parent : 0);
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

static const uint32_t priority_atoms[] = { COP__ATOM_normal, COP__ATOM_low, COP__ATOM_normal,
    COP__ATOM_high, COP__ATOM_max };

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

/* Flags that tune the BEAM's collector: kept as what they were set to. */

/* #{size => 0, kill => true, error_logger => true} */
static cop_term heap_limit_default(void)
{
    cop_term items[6] = { cop_from_atom(cop_atom_new("size")), cop__small(0),
        cop__atom(COP__ATOM_kill), cop__atom(COP__ATOM_true),
        cop_from_atom(cop_atom_new("error_logger")), cop__atom(COP__ATOM_true) };

    return cop_map_from(items, 3);
}

cop_term cop__tuning(const struct cop__proc *proc, cop_term flag)
{
    static const struct {
        uint32_t name;
        int64_t initial;
    } numbers[] = { { COP__ATOM_min_heap_size, 233 }, { COP__ATOM_fullsweep_after, 65535 },
        { COP__ATOM_min_bin_vheap_size, 46422 } };
    cop_term value;

    if (proc && proc->ext && !cop_is_none(proc->ext->tuning) &&
        cop_map_get(&value, proc->ext->tuning, flag))
        return cop__turn_copy(value);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        if (flag.word == cop__atom(numbers[i].name).word)
            return cop_int(numbers[i].initial);
    if (flag.word == cop__atom(COP__ATOM_max_heap_size).word)
        return heap_limit_default();
    return flag.word == cop__atom(COP__ATOM_message_queue_data).word
               ? cop_from_atom(cop_atom_new("on_heap"))
               : COP_NONE;
}

/* A number of words, or a map with size and kill, as one map; none: neither. */
static cop_term heap_limit(cop_term value)
{
    cop_term limit = heap_limit_default(), key, item;
    int64_t words;
    bool on;

    if (cop_type_of(value) != COP_TYPE_MAP)
        return cop_to_int(&words, value) && words >= 0
                   ? cop_map_put(limit, cop_from_atom(cop_atom_new("size")), value)
                   : COP_NONE;
    for (cop_map_iterator i = cop_map_begin(value); cop_map_next(&key, &item, &i);) {
        cop_term known;

        if (!cop_map_get(&known, limit, key) ||
            (cop__is_atom(known) ? !cop_to_bool(&on, item)
                                 : !cop_to_int(&words, item) || words < 0))
            return COP_NONE;
        limit = cop_map_put(limit, key, item);
    }
    return limit;
}

/* As it is kept, or none: not a value of this flag. */
static cop_term tuning_value(cop_term flag, cop_term value)
{
    int64_t number;
    cop_atom kind;

    if (flag.word == cop__atom(COP__ATOM_max_heap_size).word)
        return heap_limit(value);
    if (flag.word == cop__atom(COP__ATOM_message_queue_data).word)
        return cop_to_atom(&kind, value) && (kind.index == cop_atom_new("on_heap").index ||
                                                kind.index == cop_atom_new("off_heap").index)
                   ? value
                   : COP_NONE;
    return cop_to_int(&number, value) && number >= 0 ? value : COP_NONE;
}

/* Is value one that flag may have (P-07, P-95)? */
bool cop__tuning_valid(cop_term flag, cop_term value)
{
    return !cop_is_none(cop__tuning(cop__self_thr()->current, flag)) &&
           !cop_is_none(tuning_value(flag, value));
}

static void set_heap_limit(struct cop__ext *ext, cop_term limit)
{
    cop_term size, kill;
    int64_t words = 0;

    if (cop_map_get(&size, limit, cop_from_atom(cop_atom_new("size"))) &&
        cop_map_get(&kill, limit, cop__atom(COP__ATOM_kill)) &&
        kill.word == cop__atom(COP__ATOM_true).word)
        cop_to_int(&words, size);
    ext->heap_max = (size_t)words * sizeof(uint64_t);
}

static int tuning_flag(cop_term *ret_old, cop_term flag, cop_term value)
{
    struct cop__proc *proc = current("process_flag");
    struct cop__ext *ext = cop__ext_of(proc);
    cop_term old = cop__tuning(proc, flag);

    value = tuning_value(flag, value);
    if (cop_is_none(old) || cop_is_none(value))
        return -COP_EBADARG;
    if (flag.word == cop__atom(COP__ATOM_max_heap_size).word)
        set_heap_limit(ext, value);
    cop_keep(&ext->tuning,
        cop_map_put(cop_is_none(ext->tuning) ? cop_map_new() : ext->tuning, flag, value));
    *ret_old = old;
    return 0;
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
    return tuning_flag(ret_old, flag, value);
}

cop_pid cop_group_leader(void)
{
    struct cop__proc *proc = current("group_leader");
    cop_pid leader = cop__leader_of(proc);

    return leader.id ? leader : cop__node.first;
}

void cop_set_group_leader(cop_pid leader, cop_pid process)
{
    struct cop__thr *self = (struct cop__thr *)cop__enter();

    if (self->current && process.id == cop__id_of(self->current))
        cop__ext_of(self->current)->group_leader = leader;
    else if (process.id && !process.node)
        cop__signal_send(self, process.id, COP__LEADER, 0, cop_from_pid(leader));
    else if (process.node)
        cop__cluster()->signal(&(const struct cop__far_signal){ .kind = COP__FAR_SEND_LEADER,
            .node = cop__node_of(process.node).name,
            .from = cop_from_pid(leader),
            .to = cop_from_pid(process) });
    cop__leave();
}

cop_atom cop_node(void)
{
    return (cop_atom){ cop__local_name() };
}

cop_term cop_nodes(void)
{
    return cop__cluster()->nodes();
}

/* A process's seed derives from the scheduler's generator at its first use (S1). */
uint64_t cop_random(void)
{
    struct cop__ext *ext = cop__ext_of(current("rand"));

    if (!ext->random) {
        struct cop__thr *self =
            (struct cop__thr *)cop__enter(); /* the generator is a scheduler's */

        ext->random = cop__random_next(&self->sched->random) | 1;
        cop__leave();
    }
    return cop__random_next(&ext->random);
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
