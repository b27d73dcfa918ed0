/* SPDX-License-Identifier: Apache-2.0 */
/* Starting processes (P-01 to P-15), and proc_lib's synchronous start (P-120 to P-131). Link and
 * monitor are made before the child can run, so it cannot die unseen. */
#include "proc/deadlock.h"
#include "proc/proc.h"
#include "proc/simulate.h"
#include "term/atoms.h"

#include <stdlib.h>
#include <string.h>

/* --- Origins: what all children of one parent and one function share
 *
 * They are counted by the children, who may end on any core, so an atomic operation for each would
 * send the count from cache to cache. A parent takes references by the batch and gives them to its
 * children; a scheduler gathers those of children that ended there before it takes them off.
 * --------------------------------------------- */

enum { REFS_BATCH = 256 };

static void take_off(struct cop__thr *self, struct cop__origin *origin, uint32_t count)
{
    if (atomic_fetch_sub_explicit(&origin->refs, count, memory_order_acq_rel) != count)
        return;
    if (origin->ancestors)
        cop__msg_free(self, origin->ancestors);
    cop__block_put(&self->base, origin, origin->class);
}

void cop__origins_give_back(struct cop__thr *self, struct cop__sched *sched)
{
    if (sched->released)
        take_off(self, sched->released, sched->released_count);
    sched->released = NULL;
    sched->released_count = 0;
}

void cop__origin_release(struct cop__thr *self, struct cop__origin *origin, uint32_t count)
{
    struct cop__sched *sched = self->sched;

    if (!origin)
        return;
    if (!sched) {
        take_off(self, origin, count);
        return;
    }
    if (sched->released != origin) {
        cop__origins_give_back(self, sched);
        sched->released = origin;
    }
    sched->released_count += count;
    if (sched->released_count >= REFS_BATCH)
        cop__origins_give_back(self, sched);
}

cop_pid cop__leader_of(const struct cop__proc *proc)
{
    if (proc && proc->ext && proc->ext->group_leader.id)
        return proc->ext->group_leader;
    return proc && proc->origin ? proc->origin->group_leader : (cop_pid){ 0, 0 };
}

/* [ParentNameOrPid | ancestors of the parent]: P-107. */
static struct cop__msg *ancestors_for(struct cop__thr *self, const struct cop__proc *parent)
{
    uint32_t name = cop__load(parent->name);
    cop_term first = name ? cop__atom(name) : cop__word(cop__id_of(parent));
    cop_term rest =
        parent->origin && parent->origin->ancestors ? parent->origin->ancestors->term : cop__nil();

    return cop__msg_new(self, COP__PLAIN, cop_cons(first, rest));
}

static bool fits(const struct cop__origin *origin, const struct cop__proc *parent,
    cop_process_main *entry, const struct cop_spawn_options *options)
{
    cop_pid leader = cop__leader_of(parent);

    return origin && origin->entry == entry && origin->initial_call == options->initial_call &&
           origin->label == options->label && origin->proc_lib == options->proc_lib &&
           origin->group_leader.id == leader.id && origin->group_leader.node == leader.node &&
           origin->parent_name == cop__load(parent->name);
}

struct cop__origin *cop__origin_for(struct cop__thr *self, struct cop__proc *parent,
    cop_process_main *entry, const struct cop_spawn_options *options)
{
    struct cop__ext *ext = parent ? cop__ext_of(parent) : NULL;
    struct cop__origin *origin = ext ? ext->child_origin : NULL;
    uint8_t class;

    if (ext && fits(origin, parent, entry, options)) {
        if (!ext->child_refs) {
            atomic_fetch_add_explicit(&origin->refs, REFS_BATCH, memory_order_relaxed);
            ext->child_refs = REFS_BATCH;
        }
        ext->child_refs--;
        return origin;
    }
    origin = cop__block_get(&self->base, sizeof *origin, &class);
    if (!origin)
        cop__out_of_memory("a process");
    *origin = (struct cop__origin){ .class = class };
    origin->entry = entry;
    origin->initial_call = options->initial_call;
    origin->label = options->label;
    origin->proc_lib = options->proc_lib;
    origin->group_leader = cop__leader_of(parent);
    origin->parent_name = parent ? cop__load(parent->name) : 0;
    origin->parent = parent ? cop__id_of(parent) : 0;
    if (parent && options->proc_lib)
        origin->ancestors = ancestors_for(self, parent);
    cop__store(origin->refs, ext ? 2 : 1);
    if (ext) {
        cop__origin_release(self, ext->child_origin, 1 + ext->child_refs);
        ext->child_origin = origin;
        ext->child_refs = 0;
    }
    return origin;
}

/* --- Spawning
 * -----------------------------------------------------------------------------------------------------
 */

static uint64_t monitor_child(struct cop__proc *parent, struct cop__proc *child,
    struct cop__thr *self, const struct cop_spawn_options *options)
{
    struct cop__monitor *monitor = cop__monitor_new(self, parent);

    monitor->target = cop__id_of(child);
    monitor->monitoring = true;
    if (options->monitor_alias) {
        monitor->alias = COP_EXPLICIT_UNALIAS;
        monitor->alias_active = true;
    }
    if (!cop_is_none(options->monitor_tag))
        monitor->tag = cop__msg_new(self, COP__PLAIN, options->monitor_tag);
    cop__watcher_add(child, monitor->ref, cop__id_of(parent));
    return monitor->ref;
}

/* All but making it run. NULL: system_limit. */
static struct cop__proc *prepare(struct cop__thr *self, cop_process_main *fn, cop_term arg,
    const struct cop_spawn_options *options, cop_ref *ret_monitor)
{
    struct cop__proc *parent = self->current, *child = cop__proc_new(self);
    uint32_t flags = 0;

    if (!child)
        return NULL;
    child->state = (void *)(uintptr_t)fn;
    if (!cop_is_none(arg)) {
        child->turn = cop__msg_new(self, COP__PLAIN, arg);
        child->turn->next = NULL;
    }
    child->origin = cop__origin_for(self, parent, fn, options);
    if (options->priority)
        child->priority = (uint8_t)options->priority;
    if (options->proc_lib)
        flags |= COP__P_PROC_LIB;
    if (options->stack_size > 100 * 1024)
        flags |= COP__P_LARGE_STACK;
    cop__store(child->flags, flags);
    if (options->heap_size_max)
        cop__ext_of(child)->heap_max = options->heap_size_max;
    if (parent && options->link) {
        child->link0 = cop__id_of(parent);
        cop__link_add(parent, cop__id_of(child));
    }
    if (parent && options->monitor)
        ret_monitor->id = monitor_child(parent, child, self, options);
    if (cop__unlikely(cop__simulated))
        cop__sim_spawned(child);
    if (self->sched)
        cop__store(self->sched->spawned, cop__load(self->sched->spawned) + 1);
    else
        atomic_fetch_add_explicit(&cop__node.spawned, 1, memory_order_relaxed);
    return child;
}

cop_pid cop_spawn_with(cop_process_main *fn, cop_term arg, const struct cop_spawn_options *options,
    cop_ref *ret_monitor)
{
    static const struct cop_spawn_options none;
    struct cop__thr *self = (struct cop__thr *)cop__enter();
    struct cop__proc *child = NULL;
    cop_ref monitor = { 0 };
    cop_pid pid;

    if (!options)
        options = &none;
    if (!fn || options->stack_size > 1024 * 1024 || options->priority > COP_MAX) {
        cop__leave();
        cop__badarg("spawn");
    }
    child = prepare(self, fn, arg, options, &monitor);
    if (!child) {
        cop__leave();
        cop_error(cop__atom(COP__ATOM_system_limit));
    }
    pid = cop__pid_of(cop__id_of(child));
    if (ret_monitor && options->monitor)
        *ret_monitor = monitor;
    cop__ready(self, child);
    self = cop__charge(self, 8);
    cop__leave();
    return pid;
}

cop_pid cop_spawn(cop_process_main *fn, cop_term arg)
{
    return cop_spawn_with(fn, arg, NULL, NULL);
}

cop_pid cop_spawn_link(cop_process_main *fn, cop_term arg)
{
    static const struct cop_spawn_options options = { .link = true };

    return cop_spawn_with(fn, arg, &options, NULL);
}

cop_pid cop_spawn_monitor(cop_process_main *fn, cop_term arg, cop_ref *ret_monitor)
{
    static const struct cop_spawn_options options = { .monitor = true };

    return cop_spawn_with(fn, arg, &options, ret_monitor);
}

/* --- spawn_request
 * ----------------------------------------------------------------------------------------------------
 */

struct request {
    struct cop_spawn_options options;
    cop_term reply_tag;
    bool reply_ok, reply_error;
};

static bool priority_from(enum cop_priority *ret_priority, cop_term term)
{
    static const uint32_t names[] = { 0, COP__ATOM_low, COP__ATOM_normal, COP__ATOM_high,
        COP__ATOM_max };

    for (unsigned i = COP_LOW; i <= COP_MAX; i++) {
        if (term.word == cop__atom(names[i]).word) {
            *ret_priority = (enum cop_priority)i;
            return true;
        }
    }
    return false;
}

static bool reply_from(struct request *request, cop_term value)
{
    request->reply_ok = value.word == cop__atom(COP__ATOM_yes).word ||
                        value.word == cop__atom(COP__ATOM_success_only).word;
    request->reply_error = value.word == cop__atom(COP__ATOM_yes).word ||
                           value.word == cop__atom(COP__ATOM_error_only).word;
    return request->reply_ok || request->reply_error || value.word == cop__atom(COP__ATOM_no).word;
}

/* One of P-07 and P-11. */
static bool request_option(struct request *request, cop_term option)
{
    cop_term key, value, tag;
    int64_t words;
    bool on;

    if (option.word == cop__atom(COP__ATOM_link).word)
        return request->options.link = true;
    if (option.word == cop__atom(COP__ATOM_monitor).word)
        return request->options.monitor = true;
    if (cop_tuple_size(option) != 2)
        return false;
    key = cop_tuple_at(option, 0);
    value = cop_tuple_at(option, 1);
    if (key.word == cop__atom(COP__ATOM_priority).word)
        return priority_from(&request->options.priority, value);
    if (key.word == cop__atom(COP__ATOM_reply_tag).word) {
        request->reply_tag = value;
        return true;
    }
    if (key.word == cop__atom(COP__ATOM_reply).word)
        return reply_from(request, value);
    if (key.word == cop__atom(COP__ATOM_monitor).word) {
        request->options.monitor = true;
        if (cop_proplist_get(&tag, value, cop__atom(COP__ATOM_tag)))
            request->options.monitor_tag = tag;
        return cop_is_proper_list(value);
    }
    if (cop_identical(key, cop_from_atom(cop_atom_new("async_dist"))))
        return cop_to_bool(&on, value);
    if (key.word == cop__atom(COP__ATOM_max_heap_size).word && cop_to_int(&words, value))
        request->options.heap_size_max = (size_t)words * sizeof(uint64_t);
    return cop__tuning_valid(key, value);
}

cop_ref cop_spawn_request(cop_process_main *fn, cop_term arg, cop_term options)
{
    struct request request = {
        .reply_tag = cop__atom(COP__ATOM_spawn_reply), .reply_ok = true, .reply_error = true
    };
    bool bad = !fn || !cop_is_proper_list(options);
    cop_ref ref = { 0 };
    cop_term option, items[4];
    cop_pid pid = { 0, 0 };

    while (!bad && cop_list_next(&option, &options))
        bad = !request_option(&request, option);
    if (!bad)
        pid = cop_spawn_with(fn, arg, &request.options, &ref);
    if (!ref.id)
        ref = cop_make_ref();
    items[0] = request.reply_tag;
    items[1] = cop_from_ref(ref);
    items[2] = bad ? cop__atom(COP__ATOM_error) : cop__atom(COP__ATOM_ok);
    items[3] = bad ? cop__atom(COP__ATOM_badopt) : cop_from_pid(pid);
    if (bad ? request.reply_error : request.reply_ok)
        cop_send_to(cop_dest_pid(cop_self()), cop_tuple_from(items, 4));
    return ref;
}

/* --- proc_lib
 * --------------------------------------------------------------------------------------------------------------
 */

/* No 'EXIT' of a child that is gone remains with a starter that traps (P-127, P-128). */
static void flush_exit(struct cop__thr *self, struct cop__proc *proc, uint64_t child)
{
    cop__fetch(self, proc);
    for (struct cop__msg *prev = NULL, *msg = proc->first; msg; prev = msg, msg = msg->next) {
        if (msg->kind == COP__PLAIN && cop_tuple_size(msg->term) == 3 &&
            cop__elements(msg->term)[0].word == cop__atom(COP__ATOM_EXIT).word &&
            cop__elements(msg->term)[1].word == child) {
            cop__queue_unlink(proc, prev, msg);
            cop__msg_free(self, msg);
            return;
        }
    }
}

enum cop_start_outcome cop_start_process(cop_term *ret_result, cop_pid *ret_pid,
    cop_ref *ret_monitor, cop_process_main *fn, cop_term arg,
    const struct cop_start_options *options)
{
    struct cop__thr *self = (struct cop__thr *)cop__enter();
    struct cop__proc *proc = self->current, *child;
    struct cop_spawn_options spawn = options->spawn;
    struct cop__msg *msg, *mark;
    cop_ref monitor = { 0 };
    uint64_t child_id;

    if (!proc || spawn.monitor || !fn) { /* P-131 */
        cop__leave();
        cop__badarg("start");
    }
    spawn.proc_lib = true;
    spawn.link = options->link;
    spawn.monitor = options->monitor;
    child = prepare(self, fn, arg, &spawn, &monitor);
    if (!child) {
        cop__leave();
        cop_error(cop__atom(COP__ATOM_system_limit));
    }
    child_id = cop__id_of(child);
    child->start = cop__msg_new(self, COP__CALL, COP_NONE);
    child->start->from = cop__id_of(proc);
    child->start->ref = proc->call_ref = cop__ref_word(proc->index, cop__next_ref(proc));
    mark = proc->last;
    cop__waits_for(proc, child_id);
    cop__ready(self, child);
    msg = cop__call_wait(
        self, proc, mark, options->timeout_ms ? options->timeout_ms : COP_INFINITY, child_id);
    self = cop__self_thr();
    if (ret_pid)
        *ret_pid = cop__pid_of(child_id);
    if (ret_monitor)
        *ret_monitor = monitor;
    if (!msg) {
        cop_ref gone;

        cop__leave();
        cop_unlink(cop__pid_of(child_id));
        gone = cop_monitor(cop__pid_of(child_id));
        cop_exit_signal(cop__pid_of(child_id), cop__atom(COP__ATOM_kill));
        cop_receive_down(NULL, gone, COP_INFINITY);
        self = (struct cop__thr *)cop__enter();
        flush_exit(self, proc, child_id);
        self = cop__obey(self, proc); /* a fatal signal may have come with what was flushed */
        cop__leave();
        *ret_result = cop__pair(cop__atom(COP__ATOM_error), cop__atom(COP__ATOM_timeout));
        return COP_START_FAILED;
    }
    msg->next = proc->turn;
    proc->turn = msg;
    *ret_result = msg->term;
    if (msg->kind == COP__REPLY) {
        self = cop__charge(self, 8);
        cop__leave();
        return COP_STARTED;
    }
    if (options->link)
        flush_exit(self, proc, child_id);
    self = cop__obey(self, proc);
    cop__leave();
    return COP_START_FAILED;
}

void cop_init_ack(cop_term result)
{
    struct cop__thr *self = (struct cop__thr *)cop__enter();
    struct cop__proc *proc = self->current;
    struct cop__msg *start = proc ? proc->start : NULL;

    if (start) {
        proc->start = NULL;
        cop__answer(self, start, COP__REPLY, result);
    }
    cop__leave();
}

void cop_init_fail(cop_term result, cop_term exit_reason)
{
    struct cop__thr *self = (struct cop__thr *)cop__enter();
    struct cop__proc *proc = self->current;

    if (proc && proc->start)
        cop__ext_of(proc)->start_result = cop__msg_new(self, COP__PLAIN, result);
    cop__leave();
    cop_exit(exit_reason);
}
