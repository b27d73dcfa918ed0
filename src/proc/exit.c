/* SPDX-License-Identifier: Apache-2.0 */
/* The end of a process. The order is the contract (P-55, P-17): first all that others could want is
 * free, then the mailbox closes, then those who wait hear of it, then its memory goes.
 *
 *   1 defers, newest first      4 mailbox closed, what is in it answered or dropped
 *   2 name, timers, resources   5 calls taken and not answered
 *   3 its own monitors          6 links, those who watch it      7 memory, slot */
#include "base/bug.h"
#include "proc/deadlock.h"
#include "proc/far.h"
#include "proc/fault.h"
#include "proc/proc.h"
#include "proc/simulate.h"
#include "term/atoms.h"
#include "term/node.h"

#include <stdlib.h>

enum { SWEPT_AT_EXIT = 4 }; /* timers looked at; more than it had, as a rule */

static void release_resources(struct cop__proc *proc)
{
    while (proc->ext && proc->ext->resources) {
        struct cop__resource *resource = proc->ext->resources;

        proc->ext->resources = resource->next;
        if (resource->next)
            resource->next->prev = NULL;
        resource->release(resource);
    }
}

static void release_timer(struct cop__thr *self, struct cop__proc *proc)
{
    struct cop__timer *timer = proc->ext ? proc->ext->timer : NULL;

    if (!timer)
        return;
    proc->ext->timer = NULL;
    if (!cop__timer_cancel(self, timer))
        cop__block_put(&self->base, timer, timer->class);
}

static void answer_owed(struct cop__thr *self, struct cop__proc *proc, cop_term reason)
{
    struct cop__msg *current = proc->current;

    while (proc->owed) {
        struct cop__msg *call = proc->owed;

        proc->owed = call->next;
        if (proc->owed && cop__bug(owed_forgotten))
            continue;
        cop__answer(self, call, COP__DOWN_REPLY, reason);
    }
    proc->current = NULL;
    if (current) {
        /* The reason may lie in the call's own block: keep that until the end. */
        if (current->kind == COP__CALL && current->from) {
            struct cop__msg *answer = cop__msg_new(self, COP__DOWN_REPLY, reason);

            answer->ref = current->ref;
            cop__push_answer(self, current->from, answer);
        }
        current->next = proc->turn;
        proc->turn = current;
    }
}

/* On some thread, now. */
static bool is_running(uint64_t id)
{
    return cop__load(cop__proc_of(id)->on) != NULL;
}

static void send_exit_link(
    struct cop__thr *self, struct cop__proc *proc, uint64_t other, cop_term reason)
{
    cop_term items[3] = { cop__atom(COP__ATOM_EXIT), cop__word(cop__id_of(proc)), reason };
    struct cop__msg *msg = cop__msg_tuple(self, COP__EXIT_LINK, items, 3);

    msg->from = cop__id_of(proc);
    if (!cop__push(self, other, msg))
        cop__msg_free(self, msg);
    else if (is_running(other))
        cop__kill_running(other);
}

static void break_links(struct cop__thr *self, struct cop__proc *proc, cop_term reason)
{
    struct cop__map_entry *entry;

    if (proc->link0)
        send_exit_link(self, proc, proc->link0, reason);
    for (uint32_t i = 0; proc->ext && (entry = cop__map_each(&proc->ext->links, &i));)
        send_exit_link(self, proc, entry->key, reason);
}

static void send_down(
    struct cop__thr *self, struct cop__proc *proc, uint64_t ref, uint64_t watcher, cop_term reason)
{
    cop_term items[5] = { cop__atom(COP__ATOM_DOWN), cop__word(ref), cop__atom(COP__ATOM_process),
        cop__word(cop__id_of(proc)), reason };
    struct cop__msg *msg = cop__msg_tuple(self, COP__DOWN, items, 5);

    msg->from = cop__id_of(proc);
    msg->ref = ref;
    if (!cop__push(self, watcher, msg))
        cop__msg_free(self, msg);
}

static void fire_monitors(struct cop__thr *self, struct cop__proc *proc, cop_term reason)
{
    struct cop__map_entry *entry;

    if (proc->watch0)
        send_down(self, proc, proc->watch0, proc->watcher0, reason);
    for (uint32_t i = 0; proc->ext && (entry = cop__map_each(&proc->ext->monitored_by, &i));)
        send_down(self, proc, entry->key, entry->value, reason);
}

/* Those it watches forget it, or their tables would grow with every watcher that came and went.
 * They do so before anyone can hear of its end and ask them. */
static void drop_monitors(struct cop__thr *self, struct cop__proc *proc)
{
    while (proc->ext && proc->ext->monitors.count) {
        uint32_t position = 0;
        struct cop__map_entry *entry = cop__map_each(&proc->ext->monitors, &position);

        cop__monitor_drop(self, proc, (struct cop__monitor *)(uintptr_t)entry->value);
    }
}

/* The starter of a proc_lib process that has not acknowledged: P-126, P-128. */
static void answer_start(struct cop__thr *self, struct cop__proc *proc, cop_term reason)
{
    struct cop__msg *start = proc->start;

    if (!start)
        return;
    proc->start = NULL;
    if (proc->ext && proc->ext->start_result) {
        start->aux = 0;
        cop__answer(self, start, COP__DOWN_REPLY, proc->ext->start_result->term);
        cop__msg_free(self, proc->ext->start_result);
        proc->ext->start_result = NULL;
    } else {
        cop__answer(self, start, COP__DOWN_REPLY, cop__pair(cop__atom(COP__ATOM_error), reason));
    }
}

void cop__exit_process(struct cop__thr *self, struct cop__proc *proc, cop_term reason)
{
    struct cop__msg *left;

    cop__store_release(proc->flags, cop__load(proc->flags) | COP__P_EXITING);
    cop__waits_for(proc, 0);
    if (cop__unlikely(cop__simulated))
        cop__sim_ended(proc, reason);
    proc->stack->catch = NULL;
    if (proc->ext) {
        proc->ext->exit_reason = reason; /* a raise in a defer comes back here */
        cop__defers_run(proc, NULL);
    }
    if (!cop__bug(name_late))
        cop__name_release(proc);
    self = cop__self_thr();
    release_timer(self, proc);
    release_resources(proc);
    drop_monitors(self, proc);
    left = cop__mailbox_close(self, proc);
    while (left) {
        struct cop__msg *next = left->next;

        if (left->kind >= COP__SIGNALS || left->kind == COP__CALL)
            cop__signal_refused(self, left, reason);
        else
            cop__msg_free(self, left);
        left = next;
    }
    if (self->sched && (cop__load(proc->flags) & COP__P_TIMED))
        cop__timers_sweep(self, SWEPT_AT_EXIT);
    answer_owed(self, proc, reason);
    break_links(self, proc, reason);
    fire_monitors(self, proc, reason);
    cop__far_tell(proc, reason);
    answer_start(self, proc, reason); /* after the exit signal: the starter takes both (P-128) */
    if (cop__bug(name_late))
        cop__switch_out(self, COP__ACT_YIELD), cop__name_release(proc);
    cop__dictionary_free(proc);
    cop__memory_free_all(self, proc);
    cop__ext_free(self, proc);
    cop__origin_release(self, proc->origin, 1);
    proc->origin = NULL;
    cop__turn_clear(self, proc);
    cop__switch_out(self, COP__ACT_EXIT);
    __builtin_unreachable();
}

void cop__ext_free(struct cop__thr *self, struct cop__proc *proc)
{
    struct cop__ext *ext = proc->ext;

    if (!ext)
        return;
    cop__far_free(self, proc);
    proc->ext = NULL;
    cop__map_free(&ext->links);
    cop__map_free(&ext->monitors);
    cop__map_free(&ext->monitored_by);
    cop__origin_release(self, ext->child_origin, 1 + ext->child_refs);
    if (ext->start_result)
        cop__msg_free(self, ext->start_result);
    cop__block_put(&self->base, ext, ext->class);
}

/* Ends a doomed process; holds a suspended one until it is resumed or doomed. */
struct cop__thr *cop__obey_slow(struct cop__thr *self, struct cop__proc *proc)
{
    for (;;) {
        uint32_t flags = cop__load(proc->flags);

        if (flags & COP__P_EXITING)
            return self;
        if (flags & COP__P_SHORT)
            cop__exit_process(self, proc, cop__atom(COP__ATOM_system_limit));
        if (flags & COP__P_DOOMED)
            cop__exit_process(self, proc, proc->ext->exit_reason);
        if (!(flags & COP__P_SUSPENDED))
            return self;
        self = cop__switch_out(self, COP__ACT_WAIT_SIG);
        cop__fetch(self, proc);
    }
}

static void exit_signal(cop_pid to, cop_term reason, uint16_t flags)
{
    struct cop__thr *self = (struct cop__thr *)cop__enter();
    struct cop__proc *proc = self->current;
    uint64_t from = proc ? cop__id_of(proc) : 0;
    cop_term items[3] = { cop__atom(COP__ATOM_EXIT),
        proc ? cop__word(from) : cop__atom(COP__ATOM_undefined), reason };
    struct cop__msg *msg;

    if (!to.id) {
        cop__leave();
        cop__badarg("exit");
    }
    if (to.node) {
        cop__cluster()->signal(&(const struct cop__far_signal){ .kind = COP__FAR_SEND_EXIT2,
            .node = cop__node_of(to.node).name,
            .from = proc ? cop__word(from) : COP_NONE,
            .to = cop_from_pid(to),
            .reason = reason });
        cop__leave();
        return;
    }
    msg = cop__msg_tuple(self, COP__EXIT, items, 3);
    msg->from = from;
    msg->flags |= flags;
    if (!cop__push(self, to.id, msg))
        cop__msg_free(self, msg);
    else if (to.id != from)
        cop__kill_running(to.id);
    if (to.id == from) {
        cop__fetch(self, proc); /* P-49: fatal before the call returns */
        self = cop__obey(self, proc);
    }
    self = cop__charge(self, 1);
    cop__leave();
}

void cop__exit_as(struct cop__thr *self, uint64_t to, cop_term from, cop_term reason)
{
    const cop_term items[3] = { cop__atom(COP__ATOM_EXIT), from, reason };
    struct cop__msg *msg = cop__msg_tuple(self, COP__EXIT, items, 3);

    if (!cop__push(self, to, msg))
        cop__msg_free(self, msg);
    else
        cop__kill_running(to);
}

void cop_exit_signal(cop_pid to, cop_term reason)
{
    exit_signal(to, reason, 0);
}

void cop_exit_signal_priority(cop_pid to, cop_term reason)
{
    exit_signal(to, reason, COP__MSG_PRIORITY);
}
