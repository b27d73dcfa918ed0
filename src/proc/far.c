/* SPDX-License-Identifier: Apache-2.0 */
/* Ties to processes of other nodes (far.h): D-65 to D-83. Layer 2.
 *
 * What goes out goes through cop__cluster()->signal, in the order in which it is done here, behind
 * all that the process has sent to that node before (D-77, D-158). */
#include "base/bug.h"
#include "base/reserve.h"
#include "proc/bounded.h"
#include "proc/far.h"

#include <stdlib.h>

#include "term/atoms.h"
#include "term/hash.h"
#include "term/node.h"

static struct cop__far *far_of(struct cop__proc *proc)
{
    struct cop__ext *ext = cop__ext_of(proc);

    if (!ext->far && !(ext->far = cop__must_alloc(sizeof *ext->far)))
        cop__out_of_memory("ties to another node");
    return ext->far;
}

static const struct cop__far *far_if_any(const struct cop__proc *proc)
{
    return proc->ext ? proc->ext->far : NULL;
}

static void *new_record(size_t size)
{
    void *record = cop__must_alloc(size);

    if (!record)
        cop__out_of_memory("ties to another node");
    return record;
}

static uint32_t node_of(cop_pid pid)
{
    return cop__node_of(pid.node).name;
}

static void signal_to(enum cop__far_kind kind, uint64_t connection, cop_term from, cop_pid to,
    cop_term ref, uint64_t number, cop_term reason)
{
    const struct cop__far_signal signal = { .kind = kind,
        .connection = connection,
        .node = node_of(to),
        .from = from,
        .to = cop_from_pid(to),
        .ref = ref,
        .number = number,
        .reason = reason };

    cop__cluster()->signal(&signal);
}

static cop_term self_term(const struct cop__proc *proc)
{
    return cop__word(cop__id_of(proc));
}

/* --- Connections ------------------------------------------------------------------------------ */

static struct cop__far_join *find_join(const struct cop__far *far, uint32_t node)
{
    struct cop__far_join *join = far ? far->joins : NULL;

    while (join && join->node != node)
        join = join->next;
    return join;
}

static struct cop__far_join *join_of(struct cop__proc *proc, uint32_t node)
{
    struct cop__far *far = far_of(proc);
    struct cop__far_join *join = find_join(far, node);
    uint64_t connection;

    if (join)
        return join;
    connection = cop__cluster()->join(node, cop__id_of(proc));
    if (!connection)
        return NULL;
    join = new_record(sizeof *join);
    join->node = node;
    join->connection = connection;
    join->next = far->joins;
    far->joins = join;
    return join;
}

uint64_t cop__far_join(struct cop__proc *proc, uint32_t node)
{
    const struct cop__far_join *join = join_of(proc, node);

    return join ? join->connection : 0;
}

/* --- Links ------------------------------------------------------------------------------------ */

static uint64_t pid_key(cop_pid pid)
{
    uint64_t key = (pid.id ^ pid.node << 12) * 0x9e3779b97f4a7c15ull;

    return (key ^ key >> 32) | 1;
}

static struct cop__far_link *find_link(const struct cop__far *far, cop_pid pid)
{
    uint64_t *place = far ? cop__map_at(&far->links, pid_key(pid)) : NULL;
    struct cop__far_link *link = place ? (struct cop__far_link *)(uintptr_t)*place : NULL;

    while (link && (link->pid.id != pid.id || link->pid.node != pid.node))
        link = link->next;
    return link;
}

static struct cop__far_link *add_link(struct cop__far *far, cop_pid pid, uint64_t connection)
{
    uint64_t key = pid_key(pid), *place = cop__map_at(&far->links, key);
    struct cop__far_link *link = new_record(sizeof *link);

    link->pid = pid;
    link->connection = connection;
    link->next = place ? (struct cop__far_link *)(uintptr_t)*place : NULL;
    if (!cop__map_put(&far->links, key, (uint64_t)(uintptr_t)link))
        cop__out_of_memory("a link");
    return link;
}

static void remove_link(struct cop__far *far, struct cop__far_link *link)
{
    uint64_t *place = cop__map_at(&far->links, pid_key(link->pid));
    struct cop__far_link *first = (struct cop__far_link *)(uintptr_t)*place;

    if (first != link) {
        while (first->next != link)
            first = first->next;
        first->next = link->next;
    } else if (link->next) {
        *place = (uint64_t)(uintptr_t)link->next;
    } else {
        cop__map_remove_at(&far->links, place);
    }
    cop__must_free(link);
}

/* {'EXIT', Pid, Reason}, as a link's end brings it. */
static void exit_by_link(
    struct cop__thr *self, struct cop__proc *proc, cop_pid pid, uint32_t reason)
{
    cop_term items[3] = { cop__atom(COP__ATOM_EXIT), cop_from_pid(pid), cop__atom(reason) };

    cop__exit_received(self, proc, cop__msg_tuple(self, COP__EXIT_LINK, items, 3), true);
}

void cop__far_link_to(struct cop__thr *self, struct cop__proc *proc, cop_pid other)
{
    uint64_t connection = cop__far_join(proc, node_of(other));
    struct cop__far *far = far_of(proc);
    struct cop__far_link *link = find_link(far, other);

    if (!connection) {
        exit_by_link(self, proc, other, COP__ATOM_noconnection);
        return;
    }
    if (link && !link->unlinking)
        return;
    if (!link)
        link = add_link(far, other, connection);
    link->unlinking = 0;
    link->connection = connection;
    signal_to(COP__FAR_SEND_LINK, connection, self_term(proc), other, COP_NONE, 0, COP_NONE);
}

void cop__far_unlink_from(struct cop__proc *proc, cop_pid other)
{
    struct cop__far_link *link = find_link(far_if_any(proc), other);

    if (!link || link->unlinking)
        return;
    link->unlinking = ++proc->ext->unlink_count;
    signal_to(COP__FAR_SEND_UNLINK, link->connection, self_term(proc), other, COP_NONE,
        link->unlinking, COP_NONE);
}

static void link_received(struct cop__proc *proc, const struct cop__msg *msg)
{
    struct cop__far *far = far_of(proc);
    cop_pid other = { 0, 0 };

    cop_to_pid(&other, msg->term);
    /* Without the registration the link would outlive its connection. */
    if (cop__far_join(proc, node_of(other)) == msg->ref && !find_link(far, other))
        add_link(far, other, msg->ref);
}

/* {Pid, Number} */
static void unlink_received(struct cop__proc *proc, const struct cop__msg *msg, bool ack)
{
    const cop_term *items = cop__elements(msg->term);
    struct cop__far_link *link;
    cop_pid other = { 0, 0 };
    uint64_t number = 0;

    cop_to_pid(&other, items[0]);
    cop_to_uint(&number, items[1]);
    link = find_link(far_if_any(proc), other);
    if (ack) {
        if (link && ((link->unlinking && link->unlinking == number) || cop__bug(any_unlink_ack)))
            remove_link(proc->ext->far, link);
        return;
    }
    if (link && !link->unlinking)
        remove_link(proc->ext->far, link);
    signal_to(
        COP__FAR_SEND_UNLINK_ACK, msg->ref, self_term(proc), other, COP_NONE, number, COP_NONE);
}

/* {'EXIT', Pid, Reason}; takes msg. */
static void exit_received(struct cop__thr *self, struct cop__proc *proc, struct cop__msg *msg)
{
    struct cop__far_link *link;
    cop_pid other = { 0, 0 };
    bool active;

    cop_to_pid(&other, cop__elements(msg->term)[1]);
    link = find_link(far_if_any(proc), other);
    active = link && !link->unlinking;
    if (link)
        remove_link(proc->ext->far, link);
    if (active)
        cop__exit_received(self, proc, msg, true);
    else
        cop__msg_free(self, msg);
}

/* --- Those of other nodes who watch this process -----------------------------------------------
 * The signal that asked for it is the record: {Pid, Ref, Target}, Target as the watcher calls this
 * process (D-73); ref is the number of the connection. */

uint64_t cop__far_ref_key(cop_term ref)
{
    return cop_hash(ref) | 1;
}

static void watcher_received(struct cop__proc *proc, struct cop__msg *msg)
{
    uint64_t key = cop__far_ref_key(cop__elements(msg->term)[1]), *place;
    struct cop__far *far = far_of(proc);
    cop_pid watcher = { 0, 0 };

    cop_to_pid(&watcher, cop__elements(msg->term)[0]);
    if (cop__far_join(proc, node_of(watcher)) != msg->ref) {
        cop__msg_free(cop__self_thr(), msg); /* that connection is gone already */
        return;
    }
    place = cop__map_at(&far->watchers, key);
    msg->next = place ? (struct cop__msg *)(uintptr_t)*place : NULL;
    if (!cop__map_put(&far->watchers, key, (uint64_t)(uintptr_t)msg))
        cop__out_of_memory("a monitor");
}

/* Drop those of a chain that are of this reference, or of this connection. */
static struct cop__msg *without(
    struct cop__thr *self, struct cop__msg *chain, cop_term ref, uint64_t connection)
{
    struct cop__msg **place = &chain, *msg;

    while ((msg = *place)) {
        if (connection ? msg->ref == connection : cop_identical(cop__elements(msg->term)[1], ref)) {
            *place = msg->next;
            cop__msg_free(self, msg);
        } else {
            place = &msg->next;
        }
    }
    return chain;
}

/* --- Calls that wait in a bounded mailbox (bounded.c) -------------------------------------------
 */

/* [alias | Ref], or Ref alone as before OTP 24. */
bool cop__far_is_call(cop_pid *ret_caller, cop_term *ret_ref, cop_term message)
{
    const cop_term *items, *from;
    cop_term head;

    if (cop_type_of(message) != COP_TYPE_TUPLE || cop_tuple_size(message) != 3)
        return false;
    items = cop__elements(message);
    if (items[0].word != cop__atom(COP__ATOM_gen_call).word ||
        cop_type_of(items[1]) != COP_TYPE_TUPLE || cop_tuple_size(items[1]) != 2)
        return false;
    from = cop__elements(items[1]);
    *ret_ref = from[1];
    if (cop_type_of(from[1]) == COP_TYPE_LIST)
        cop_list_next(&head, ret_ref); /* it is the tail then */
    return cop_to_pid(ret_caller, from[0]) && ret_caller->node &&
           cop_type_of(*ret_ref) == COP_TYPE_REFERENCE;
}

void cop__far_call_refused(struct cop__thr *self, uint64_t id, cop_term message)
{
    struct cop__msg *forget;
    cop_pid caller;
    cop_term ref;

    if (!cop__far_is_call(&caller, &ref, message))
        return;
    signal_to(COP__FAR_SEND_DOWN, 0, cop__word(id), caller, ref, 0, cop__atom(COP__ATOM_overload));
    forget = cop__msg_new(self, COP__FAR_DEMONITOR, ref);
    if (!cop__push(self, id, forget))
        cop__msg_free(self, forget);
}

/* The chain of what was asked for by this reference. */
static struct cop__msg *watchers_of(const struct cop__proc *proc, cop_term ref)
{
    const struct cop__far *far = far_if_any(proc);
    uint64_t *place = far ? cop__map_at(&far->watchers, cop__far_ref_key(ref)) : NULL;

    return place ? (struct cop__msg *)(uintptr_t)*place : NULL;
}

void cop__far_call_handled(struct cop__proc *proc, cop_term ref)
{
    for (struct cop__msg *msg = watchers_of(proc, ref); msg; msg = msg->next)
        msg->flags |= COP__MSG_WITHDRAWN; /* of a record: there is no call to be given up */
}

/* The caller waits no more, and its call may still be in the mailbox. */
static void note_given_up(struct cop__proc *proc, cop_term ref)
{
    const struct cop__msg *msg = watchers_of(proc, ref);

    if (msg && !(msg->flags & COP__MSG_WITHDRAWN))
        cop__bound_given_up(proc, cop__far_ref_key(ref));
}

static void forget_watcher(struct cop__thr *self, struct cop__proc *proc, cop_term ref)
{
    uint64_t *place =
        far_if_any(proc) ? cop__map_at(&proc->ext->far->watchers, cop__far_ref_key(ref)) : NULL;
    struct cop__msg *left;

    if (!place)
        return;
    left = without(self, (struct cop__msg *)(uintptr_t)*place, ref, 0);
    if (left)
        *place = (uint64_t)(uintptr_t)left;
    else
        cop__map_remove_at(&proc->ext->far->watchers, place);
}

/* --- Those that this process watches -----------------------------------------------------------
 */

static cop_term monitored(const struct cop__monitor *monitor)
{
    return monitor->name.index ? cop__atom(monitor->name.index)
                               : cop_from_pid((cop_pid){ monitor->target, monitor->far });
}

static void down_noconnection(
    struct cop__thr *self, struct cop__proc *proc, const struct cop__monitor *monitor)
{
    const cop_term items[5] = { cop__atom(COP__ATOM_DOWN), cop__word(monitor->ref),
        cop__atom(COP__ATOM_process), monitored(monitor), cop__atom(COP__ATOM_noconnection) };
    struct cop__msg *msg = cop__msg_tuple(self, COP__DOWN, items, 5);

    msg->ref = monitor->ref;
    cop__down_received(self, proc, msg);
}

static void monitor_signal(
    enum cop__far_kind kind, const struct cop__proc *proc, const struct cop__monitor *monitor)
{
    const struct cop__far_signal signal = { .kind = kind,
        .connection = monitor->connection,
        .node = monitor->node.index,
        .from = self_term(proc),
        .to = monitored(monitor),
        .ref = cop__word(monitor->ref) };

    cop__cluster()->signal(&signal);
}

void cop__far_monitor(
    struct cop__thr *self, struct cop__proc *proc, struct cop__monitor *monitor, cop_dest target)
{
    if (cop_dest_kind_of(target) == COP_DEST_PID) {
        cop_pid pid = cop_dest_pid_of(target);

        monitor->target = pid.id;
        monitor->far = pid.node;
        monitor->node.index = node_of(pid);
    }
    monitor->connection = cop__far_join(proc, monitor->node.index);
    if (monitor->connection)
        monitor_signal(COP__FAR_SEND_MONITOR, proc, monitor);
    else
        down_noconnection(self, proc, monitor);
}

void cop__far_demonitor(struct cop__proc *proc, const struct cop__monitor *monitor)
{
    if (monitor->connection)
        monitor_signal(COP__FAR_SEND_DEMONITOR, proc, monitor);
}

/* --- Processes started on other nodes ----------------------------------------------------------
 */

static void spawn_reply(struct cop__thr *self, struct cop__proc *proc, uint64_t ref, bool ok,
    cop_term value, cop_term tag)
{
    cop_term items[4] = { cop_is_none(tag) ? cop__atom(COP__ATOM_spawn_reply) : tag, cop__word(ref),
        cop__atom(ok ? COP__ATOM_ok : COP__ATOM_error), value };

    cop__queue_message(proc, cop__msg_tuple(self, COP__PLAIN, items, 4));
}

/* The request is over: monitor is one, or the record goes. */
static void spawn_ends(struct cop__thr *self, struct cop__proc *proc, struct cop__monitor *monitor,
    bool ok, cop_term value, bool watched)
{
    spawn_reply(self, proc, monitor->ref, ok, value, monitor->tag ? monitor->tag->term : COP_NONE);
    monitor->spawning = false;
    if (monitor->tag) {
        cop__msg_free(self, monitor->tag);
        monitor->tag = NULL;
    }
    monitor->monitoring = ok && watched;
    if (!monitor->monitoring)
        cop__monitor_drop(self, proc, monitor);
}

void cop__far_spawn_failed(
    struct cop__thr *self, struct cop__proc *proc, struct cop__monitor *monitor)
{
    spawn_ends(self, proc, monitor, false, cop__atom(COP__ATOM_noconnection), false);
}

/* {Ref, Flags, PidOrReason}; ref is the number of the connection. */
static void spawned(struct cop__thr *self, struct cop__proc *proc, const struct cop__msg *msg)
{
    const cop_term *items = cop__elements(msg->term);
    bool linked, watched;
    struct cop__monitor *monitor = cop__monitor_find(proc, items[0].word);
    cop_pid pid = { 0, 0 };
    int64_t flags = 0;
    bool ok = cop_to_pid(&pid, items[2]);

    cop_to_int(&flags, items[1]);
    linked = flags & 1;
    watched = flags & 2;
    if (!monitor || !monitor->spawning) {
        /* Nobody waits for it any more (D-81). */
        if (ok && watched)
            signal_to(
                COP__FAR_SEND_DEMONITOR, msg->ref, self_term(proc), pid, items[0], 0, COP_NONE);
        if (ok && linked)
            signal_to(COP__FAR_SEND_UNLINK, msg->ref, self_term(proc), pid, COP_NONE,
                ++cop__ext_of(proc)->unlink_count, COP_NONE);
        return;
    }
    if (ok && linked && !find_link(proc->ext->far, pid))
        add_link(proc->ext->far, pid, msg->ref);
    monitor->target = pid.id;
    monitor->far = pid.node;
    spawn_ends(self, proc, monitor, ok, items[2], watched);
}

/* --- A connection has ended ----------------------------------------------------------------------
 */

static void links_down(struct cop__thr *self, struct cop__proc *proc, uint64_t connection)
{
    struct cop__far *far = proc->ext->far;
    struct cop__far_link *down = NULL, *link;
    struct cop__map_entry *entry;

    for (uint32_t i = 0; (entry = cop__map_each(&far->links, &i));) {
        struct cop__far_link *left = NULL, *next;

        for (link = (struct cop__far_link *)(uintptr_t)entry->value; link; link = next) {
            struct cop__far_link **to = link->connection == connection ? &down : &left;

            next = link->next;
            link->next = *to;
            *to = link;
        }
        entry->value = (uint64_t)(uintptr_t)left; /* 0: taken out below */
    }
    while ((link = down)) {
        uint64_t *place = cop__map_at(&far->links, pid_key(link->pid));

        down = link->next;
        if (place && !*place)
            cop__map_remove_at(&far->links, place);
        if (!link->unlinking)
            exit_by_link(self, proc, link->pid, COP__ATOM_noconnection);
        cop__must_free(link);
    }
}

static void watchers_down(struct cop__thr *self, struct cop__far *far, uint64_t connection)
{
    struct cop__map left = { 0 };
    struct cop__map_entry *entry;

    for (uint32_t i = 0; (entry = cop__map_each(&far->watchers, &i));) {
        struct cop__msg *chain =
            without(self, (struct cop__msg *)(uintptr_t)entry->value, COP_NONE, connection);

        if (chain && !cop__map_put(&left, entry->key, (uint64_t)(uintptr_t)chain))
            cop__out_of_memory("a monitor");
    }
    cop__map_free(&far->watchers);
    far->watchers = left;
}

static void monitors_down(struct cop__thr *self, struct cop__proc *proc, uint64_t connection)
{
    struct cop__map *monitors = &proc->ext->monitors;
    uint64_t *refs = new_record((monitors->count + 1) * sizeof *refs);
    struct cop__map_entry *entry;
    size_t count = 0;

    for (uint32_t i = 0; (entry = cop__map_each(monitors, &i));)
        if (((struct cop__monitor *)(uintptr_t)entry->value)->connection == connection)
            refs[count++] = entry->key;
    for (size_t i = 0; i < count; i++) {
        struct cop__monitor *monitor = cop__monitor_find(proc, refs[i]);

        if (monitor && monitor->spawning)
            spawn_ends(self, proc, monitor, false, cop__atom(COP__ATOM_noconnection), false);
        else if (monitor && monitor->monitoring)
            down_noconnection(self, proc, monitor);
    }
    free(refs);
}

static void node_down(struct cop__thr *self, struct cop__proc *proc, uint64_t connection)
{
    struct cop__far *far = proc->ext ? proc->ext->far : NULL;
    struct cop__far_join **place, *join;

    if (!far)
        return;
    for (place = &far->joins; (join = *place) && join->connection != connection;)
        place = &join->next;
    if (!join)
        return;
    *place = join->next;
    links_down(self, proc, connection);
    if (!cop__bug(deaf_monitor))
        monitors_down(self, proc, connection);
    watchers_down(self, far, connection);
    for (uint32_t i = 0; i < join->watches; i++) {
        cop_term items[2] = { cop__atom(COP__ATOM_nodedown), cop__atom(join->node) };

        cop__queue_message(proc, cop__msg_tuple(self, COP__PLAIN, items, 2));
    }
    cop__must_free(join);
}

/* --- Signals ------------------------------------------------------------------------------------
 */

void cop__far_received(struct cop__thr *self, struct cop__proc *proc, struct cop__msg *msg)
{
    switch ((enum cop__msg_kind)msg->kind) {
    case COP__FAR_MONITOR:
        watcher_received(proc, msg);
        return;
    case COP__FAR_EXIT:
        exit_received(self, proc, msg);
        return;
    case COP__FAR_LINK:
        link_received(proc, msg);
        break;
    case COP__FAR_UNLINK:
        unlink_received(proc, msg, false);
        break;
    case COP__FAR_UNLINK_ACK:
        unlink_received(proc, msg, true);
        break;
    case COP__FAR_DEMONITOR:
        if (cop__unlikely(cop__load(proc->mbox) & COP__MBOX_BOUND))
            note_given_up(proc, msg->term);
        forget_watcher(self, proc, msg->term);
        break;
    case COP__FAR_SPAWNED:
        spawned(self, proc, msg);
        break;
    case COP__NODE_DOWN:
        node_down(self, proc, msg->ref);
        break;
    default:
        break;
    }
    cop__msg_free(self, msg);
}

void cop__far_refused(const struct cop__msg *msg)
{
    cop_term noproc = cop__atom(COP__ATOM_noproc);
    cop_pid other = { 0, 0 };

    if (msg->kind == COP__FAR_LINK && cop_to_pid(&other, msg->term)) {
        signal_to(COP__FAR_SEND_EXIT, msg->ref, cop__word(msg->from), other, COP_NONE, 0, noproc);
    } else if (msg->kind == COP__FAR_MONITOR) {
        const cop_term *items = cop__elements(msg->term);

        if (cop_to_pid(&other, items[0]))
            signal_to(COP__FAR_SEND_DOWN, msg->ref, items[2], other, items[1], 0, noproc);
    } else if (msg->kind == COP__FAR_UNLINK) {
        const cop_term *items = cop__elements(msg->term);
        uint64_t number = 0;

        if (cop_to_pid(&other, items[0]) && cop_to_uint(&number, items[1]))
            signal_to(COP__FAR_SEND_UNLINK_ACK, msg->ref, cop__word(msg->from), other, COP_NONE,
                number, COP_NONE);
    }
}

void cop__far_tell(struct cop__proc *proc, cop_term reason)
{
    const struct cop__far *far = far_if_any(proc);
    struct cop__map_entry *entry;
    cop_pid watcher;

    if (!far)
        return;
    for (uint32_t i = 0; (entry = cop__map_each(&far->links, &i));)
        for (const struct cop__far_link *link =
                 (const struct cop__far_link *)(uintptr_t)entry->value;
             link; link = link->next)
            if (!link->unlinking)
                signal_to(COP__FAR_SEND_EXIT, link->connection, self_term(proc), link->pid,
                    COP_NONE, 0, reason);
    for (uint32_t i = 0; (entry = cop__map_each(&far->watchers, &i));)
        for (const struct cop__msg *msg = (const struct cop__msg *)(uintptr_t)entry->value; msg;
             msg = msg->next) {
            const cop_term *items = cop__elements(msg->term);

            if (cop_to_pid(&watcher, items[0]))
                signal_to(COP__FAR_SEND_DOWN, msg->ref, items[2], watcher, items[1], 0, reason);
        }
}

void cop__far_free(struct cop__thr *self, struct cop__proc *proc)
{
    struct cop__far *far = proc->ext ? proc->ext->far : NULL;
    struct cop__map_entry *entry;
    struct cop__far_join *join;

    if (!far)
        return;
    proc->ext->far = NULL;
    while ((join = far->joins)) {
        far->joins = join->next;
        cop__cluster()->leave(join->connection, cop__id_of(proc));
        cop__must_free(join);
    }
    for (uint32_t i = 0; (entry = cop__map_each(&far->links, &i));) {
        struct cop__far_link *link = (struct cop__far_link *)(uintptr_t)entry->value, *next;

        for (; link; link = next) {
            next = link->next;
            cop__must_free(link);
        }
    }
    for (uint32_t i = 0; (entry = cop__map_each(&far->watchers, &i));) {
        struct cop__msg *msg = (struct cop__msg *)(uintptr_t)entry->value, *next;

        for (; msg; msg = next) {
            next = msg->next;
            cop__msg_free(self, msg);
        }
    }
    cop__map_free(&far->links);
    cop__map_free(&far->watchers);
    cop__must_free(far);
}

/* --- What is asked of it ------------------------------------------------------------------------
 */

cop_term cop__far_links(const struct cop__proc *proc, cop_term list)
{
    const struct cop__far *far = far_if_any(proc);
    struct cop__map_entry *entry;

    for (uint32_t i = 0; far && (entry = cop__map_each(&far->links, &i));)
        for (const struct cop__far_link *link =
                 (const struct cop__far_link *)(uintptr_t)entry->value;
             link; link = link->next)
            if (!link->unlinking)
                list = cop_cons(cop_from_pid(link->pid), list);
    return list;
}

cop_term cop__far_watchers(const struct cop__proc *proc, cop_term list)
{
    const struct cop__far *far = far_if_any(proc);
    struct cop__map_entry *entry;

    for (uint32_t i = 0; far && (entry = cop__map_each(&far->watchers, &i));)
        for (const struct cop__msg *msg = (const struct cop__msg *)(uintptr_t)entry->value; msg;
             msg = msg->next)
            list = cop_cons(cop__turn_copy(cop__elements(msg->term)[0]), list);
    return list;
}

/* P-79, D-83: so many {nodedown, Node} as times it was turned on; at once when there is no way. */
void cop_monitor_node(cop_atom node, bool on)
{
    struct cop__thr *self = (struct cop__thr *)cop__enter();
    struct cop__proc *proc = self->current;
    cop_term items[2] = { cop__atom(COP__ATOM_nodedown), cop__atom(node.index) };
    struct cop__far_join *join;

    if (!proc || !node.index) {
        cop__leave();
        cop__badarg("monitor_node");
    }
    if (node.index != cop_node().index) {
        join = on ? join_of(proc, node.index) : find_join(far_if_any(proc), node.index);
        if (join && on)
            join->watches++;
        else if (join && join->watches)
            join->watches--;
        else if (on)
            cop__queue_message(proc, cop__msg_tuple(self, COP__PLAIN, items, 2));
    }
    cop__leave();
}
