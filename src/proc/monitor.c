/* SPDX-License-Identifier: Apache-2.0 */
/* Monitors and aliases, on the side of who asked for them (P-68 to P-88). One record serves both: a
 * monitor may be an alias too, and an alias is a record that monitors nobody. */
#include "proc/far.h"
#include "proc/proc.h"
#include "term/atoms.h"

struct cop__monitor *cop__monitor_find(const struct cop__proc *proc, uint64_t ref)
{
    uint64_t *entry = proc->ext ? cop__map_at(&proc->ext->monitors, ref) : NULL;

    return entry ? (struct cop__monitor *)(uintptr_t)*entry : NULL;
}

struct cop__monitor *cop__monitor_new(struct cop__thr *self, struct cop__proc *proc)
{
    uint8_t class;
    struct cop__monitor *monitor = cop__block_get(&self->base, sizeof *monitor, &class);
    struct cop__ext *ext = cop__ext_of(proc);

    if (!monitor)
        cop__out_of_memory("a monitor");
    *monitor = (struct cop__monitor){ .class = class };
    monitor->ref = cop__ref_new(proc);
    if (!cop__map_add(&ext->monitors, monitor->ref, (uint64_t)(uintptr_t)monitor))
        cop__out_of_memory("a monitor");
    return monitor;
}

void cop__watcher_add(struct cop__proc *proc, uint64_t ref, uint64_t watcher)
{
    if (!proc->watch0) {
        proc->watch0 = ref;
        proc->watcher0 = watcher;
    } else if (!cop__map_put(&cop__ext_of(proc)->monitored_by, ref, watcher)) {
        cop__out_of_memory("a monitor");
    }
}

void cop__watcher_remove(struct cop__proc *proc, uint64_t ref)
{
    if (proc->watch0 == ref)
        proc->watch0 = 0;
    else if (proc->ext)
        cop__map_remove(&proc->ext->monitored_by, ref, NULL);
}

static void stop_monitoring(
    struct cop__thr *self, struct cop__proc *proc, struct cop__monitor *monitor)
{
    if (!monitor->monitoring)
        return;
    monitor->monitoring = false;
    if (monitor->node.index && monitor->node.index != cop_node().index) {
        cop__far_demonitor(proc, monitor);
    } else if (monitor->target) {
        cop__signal_send(self, monitor->target, COP__DEMONITOR, monitor->ref, COP_NONE);
    }
}

void cop__monitor_drop(struct cop__thr *self, struct cop__proc *proc, struct cop__monitor *monitor)
{
    stop_monitoring(self, proc, monitor);
    cop__map_remove(&proc->ext->monitors, monitor->ref, NULL);
    if (monitor->tag)
        cop__msg_free(self, monitor->tag);
    cop__block_put(&self->base, monitor, monitor->class);
}

/* A message through an alias is received: is it one still? */
bool cop__aliased_accept(struct cop__thr *self, struct cop__proc *proc, struct cop__msg *msg)
{
    struct cop__monitor *monitor;

    msg->kind = COP__PLAIN;
    if (msg->ref == proc->call_ref && !proc->call_bare) {
        msg->flags &= (uint16_t)~COP__MSG_PRIORITY;
        return true;
    }
    monitor = cop__monitor_find(proc, msg->ref);
    if (!monitor || !monitor->alias_active)
        return false;
    if (!monitor->priority)
        msg->flags &= (uint16_t)~COP__MSG_PRIORITY;
    if (monitor->reply_once || monitor->alias == COP_REPLY_DEMONITOR)
        cop__monitor_drop(self, proc, monitor);
    return true;
}

/* noproc at once, in order with all else: through our own mailbox. */
static void down_noproc(
    struct cop__thr *self, struct cop__proc *proc, uint64_t ref, uint64_t target)
{
    cop_term items[5] = { cop__atom(COP__ATOM_DOWN), cop__word(ref), cop__atom(COP__ATOM_process),
        target ? cop__word(target) : cop__atom(COP__ATOM_undefined), cop__atom(COP__ATOM_noproc) };
    struct cop__msg *msg = cop__msg_tuple(self, COP__DOWN, items, 5);

    msg->ref = ref;
    if (!cop__push(self, cop__id_of(proc), msg))
        cop__msg_free(self, msg);
}

cop_ref cop_monitor_with(cop_dest target, const struct cop_monitor_options *options)
{
    static const struct cop_monitor_options none;
    enum cop_dest_kind kind;
    struct cop__monitor *monitor;
    struct cop__proc *proc;
    struct cop__thr *self;
    bool remote;
    uint64_t id;
    cop_ref ref;

    target = cop__dest_or_elsewhere(target);
    kind = cop_dest_kind_of(target);
    remote = cop__dest_is_remote(target);
    id = cop__dest_local(target); /* P-71: bound now */
    self = (struct cop__thr *)cop__enter();
    proc = self->current;
    if (!options)
        options = &none;
    if (!proc || kind == COP_DEST_NONE || kind == COP_DEST_ALIAS) {
        cop__leave();
        cop__badarg("monitor");
    }
    monitor = cop__monitor_new(self, proc);
    ref.id = monitor->ref;
    monitor->alias = (uint8_t)options->alias;
    monitor->alias_active = options->alias != COP_NO_ALIAS;
    monitor->priority = options->priority;
    monitor->monitoring = true;
    if (!cop_is_none(options->tag))
        monitor->tag = cop__msg_new(self, COP__PLAIN, options->tag);
    if (kind == COP_DEST_NAME || kind == COP_DEST_REMOTE_NAME) {
        monitor->name = cop_dest_name_of(target);
        monitor->node = kind == COP_DEST_NAME ? cop_node() : cop_dest_node_of(target);
    }
    if (remote) {
        cop__far_monitor(self, proc, monitor, target);
        cop__leave();
        return ref;
    }
    monitor->target = id;
    if (id == cop__id_of(proc)) { /* P-72: there is none, but for its alias */
        monitor->target = 0;
        monitor->monitoring = false;
        if (!monitor->alias_active)
            cop__monitor_drop(self, proc, monitor);
    } else if (!id || !cop__signal_send(self, id, COP__MONITOR, ref.id, cop__word(id)))
        down_noproc(self, proc, ref.id, id);
    self = cop__charge(self, 1);
    cop__leave();
    return ref;
}

bool cop_demonitor(cop_ref ref)
{
    struct cop__thr *self = (struct cop__thr *)cop__enter();
    struct cop__proc *proc = self->current;
    struct cop__monitor *monitor = NULL;
    bool was;

    if (!ref.id || !proc) {
        cop__leave();
        cop__badarg("demonitor");
    }
    /* What has arrived counts as delivered, as it would have been in order. */
    cop__fetch(self, proc);
    self = cop__obey(self, proc);
    monitor = cop__monitor_find(proc, ref.id);
    was = monitor && monitor->monitoring;
    if (was) {
        if (monitor->alias == COP_EXPLICIT_UNALIAS && monitor->alias_active)
            stop_monitoring(self, proc, monitor);
        else
            cop__monitor_drop(self, proc, monitor);
    }
    cop__leave();
    return was;
}

/* {Tag, ref, process, _, _}? The tag may be any. */
static bool is_down(cop_term message, uint64_t ref)
{
    return cop_tuple_size(message) == 5 && cop__elements(message)[1].word == ref &&
           cop__elements(message)[2].word == cop__atom(COP__ATOM_process).word;
}

bool cop_demonitor_flush(cop_ref ref)
{
    bool was = cop_demonitor(ref);
    struct cop__thr *self;
    struct cop__proc *proc;

    if (was)
        return true;
    self = (struct cop__thr *)cop__enter();
    proc = self->current;
    for (struct cop__msg *prev = NULL, *msg = proc->first; msg; prev = msg, msg = msg->next) {
        if (msg->kind == COP__PLAIN && is_down(msg->term, ref.id)) {
            cop__queue_unlink(proc, prev, msg);
            cop__msg_free(self, msg);
            break;
        }
    }
    cop__leave();
    return false;
}

bool cop_receive_down(cop_term *ret_reason, cop_ref monitor, int64_t timeout_ms)
{
    cop_receive_scan scan = cop_receive_begin_ref(timeout_ms, monitor);
    cop_term message;

    while (cop_receive_next(&message, &scan)) {
        if (is_down(message, monitor.id)) {
            cop_receive_take(&scan);
            if (ret_reason)
                *ret_reason = cop_tuple_at(message, 4);
            return true;
        }
    }
    return false;
}

static cop_ref new_alias(bool once, bool priority)
{
    struct cop__thr *self = (struct cop__thr *)cop__enter();
    struct cop__monitor *monitor;
    cop_ref ref;

    if (!self->current) {
        cop__leave();
        cop__badarg("alias");
    }
    monitor = cop__monitor_new(self, self->current);
    monitor->alias = COP_EXPLICIT_UNALIAS;
    monitor->alias_active = true;
    monitor->reply_once = once;
    monitor->priority = priority;
    ref.id = monitor->ref;
    cop__leave();
    return ref;
}

cop_ref cop_alias(void)
{
    return new_alias(false, false);
}

cop_ref cop_alias_reply(void)
{
    return new_alias(true, false);
}

cop_ref cop_alias_priority(void)
{
    return new_alias(false, true);
}

bool cop_unalias(cop_ref alias)
{
    struct cop__thr *self = (struct cop__thr *)cop__enter();
    struct cop__proc *proc = self->current;
    struct cop__monitor *monitor;
    bool was;

    if (!alias.id || !proc) {
        cop__leave();
        cop__badarg("unalias");
    }
    cop__fetch(self, proc); /* what has been received through it stays received */
    self = cop__obey(self, proc);
    monitor = cop__monitor_find(proc, alias.id);
    was = monitor && monitor->alias_active;
    if (was) {
        monitor->alias_active = false;
        if (!monitor->monitoring)
            cop__monitor_drop(self, proc, monitor);
    }
    cop__leave();
    return was;
}
