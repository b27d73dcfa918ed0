/* SPDX-License-Identifier: Apache-2.0 */
/* Signals: what each does when its receiver gets it, in the order of the mailbox (P-16), and what
 * becomes of one whose receiver is gone. A signal is acted upon by its receiver only, so links,
 * monitors and all else of a process need no lock. */
#include "base/bug.h"
#include "proc/bounded.h"
#include "proc/far.h"
#include "proc/proc.h"
#include "term/atoms.h"

#include <stdlib.h>

bool cop__signal_send(
    struct cop__thr *self, uint64_t to, enum cop__msg_kind kind, uint64_t ref, cop_term term)
{
    struct cop__msg *msg = cop__msg_new(self, kind, term);

    msg->from = self->current ? cop__id_of(self->current) : 0;
    msg->ref = ref;
    if (cop__push(self, to, msg))
        return true;
    cop__msg_free(self, msg);
    return false;
}

/* The block of a call becomes its answer; one that does not fit is copied to a new block. */
void cop__answer(
    struct cop__thr *self, struct cop__msg *call, enum cop__msg_kind kind, cop_term answer)
{
    struct cop__msg *reply = call;

    if (cop__is_immediate(answer) || cop_is_none(answer)) {
        if (call->flags & COP__MSG_COUNTED) {
            cop__counted_release_all((struct cop__counted *)(uintptr_t)call->body[0]);
            call->flags &= (uint16_t)~COP__MSG_COUNTED;
        }
        call->kind = (uint8_t)kind;
        call->term = answer;
    } else {
        reply = cop__msg_new(self, kind, answer);
        reply->flags |= call->flags & COP__MSG_BARE;
        reply->from = call->from;
        reply->ref = call->ref;
        cop__msg_free(self, call);
    }
    cop__push_answer(self, reply->from, reply);
}

static void to_message(struct cop__proc *proc, struct cop__msg *msg)
{
    msg->kind = COP__PLAIN;
    cop__queue_message(proc, msg);
}

/* The process ends at its next chance; the block stays, for the reason is in it. */
static void doom(struct cop__proc *proc, struct cop__msg *msg, cop_term reason)
{
    msg->next = proc->turn;
    proc->turn = msg;
    if (cop__load(proc->flags) & (COP__P_DOOMED | COP__P_EXITING))
        return;
    cop__ext_of(proc)->exit_reason = reason;
    cop__store(proc->flags, cop__load(proc->flags) | COP__P_DOOMED);
}

/* The table of P-41 to P-48. */
void cop__exit_received(
    struct cop__thr *self, struct cop__proc *proc, struct cop__msg *msg, bool link)
{
    cop_term reason = cop__elements(msg->term)[2];
    bool trapping = cop__load(proc->flags) & COP__P_TRAP_EXIT;

    if (!link && reason.word == cop__atom(COP__ATOM_kill).word)
        doom(proc, msg, cop__atom(COP__ATOM_killed));
    else if (trapping && cop__bug(exit_overtakes))
        cop__queue_insert(proc, NULL, (msg->kind = COP__PLAIN, msg));
    else if (trapping)
        to_message(proc, msg);
    else if (reason.word != cop__atom(COP__ATOM_normal).word ||
             (!link && msg->from == cop__id_of(proc)))
        doom(proc, msg, reason);
    else
        cop__msg_free(self, msg);
}

static void exit_link_received(struct cop__thr *self, struct cop__proc *proc, struct cop__msg *msg)
{
    if (cop__link_remove(proc, msg->from))
        cop__exit_received(self, proc, msg, true);
    else
        cop__msg_free(self, msg); /* a link that is gone already: P-135 */
}

/* {Name, Node} for a monitor by name; the tag of the watcher's choice (P-05, P-69). */
static struct cop__msg *down_message(
    struct cop__thr *self, struct cop__monitor *monitor, struct cop__msg *msg)
{
    cop_term *down = cop__elements(msg->term), name[3];
    cop_term items[5] = { down[0], down[1], down[2], down[3], down[4] };
    struct cop__msg *made;

    if (!monitor->name.index && !monitor->tag)
        return msg;
    if (monitor->tag)
        items[0] = monitor->tag->term;
    if (monitor->name.index) {
        name[0] = cop__word(cop__header(COP__TUPLE, 2));
        name[1] = cop__atom(monitor->name.index);
        name[2] = cop__atom(monitor->node.index);
        items[3] = cop__from_box(name);
    }
    made = cop__msg_tuple(self, COP__DOWN, items, 5);
    cop__msg_free(self, msg);
    return made;
}

void cop__down_received(struct cop__thr *self, struct cop__proc *proc, struct cop__msg *msg)
{
    struct cop__monitor *monitor = cop__monitor_find(proc, msg->ref);
    bool priority;

    if (!monitor || !monitor->monitoring) {
        cop__msg_free(self, msg);
        return;
    }
    monitor->monitoring = false;
    priority = monitor->priority;
    msg = down_message(self, monitor, msg);
    if (priority)
        msg->flags |= COP__MSG_PRIORITY;
    if (monitor->alias != COP_EXPLICIT_UNALIAS || !monitor->alias_active)
        cop__monitor_drop(self, proc, monitor);
    to_message(proc, msg);
}

static void link_received(struct cop__thr *self, struct cop__proc *proc, struct cop__msg *msg)
{
    /* While our own unlink is under way the other's link comes from before it heard of it. */
    if (!cop__link_unlinking(proc, msg->from))
        cop__link_add(proc, msg->from);
    cop__msg_free(self, msg);
}

static void unlink_received(struct cop__thr *self, struct cop__proc *proc, struct cop__msg *msg)
{
    if (!cop__link_unlinking(proc, msg->from))
        cop__link_remove(proc, msg->from);
    cop__signal_send(self, msg->from, COP__UNLINK_ACK, msg->ref, COP_NONE);
    cop__msg_free(self, msg);
}

static void unlink_ack_received(struct cop__thr *self, struct cop__proc *proc, struct cop__msg *msg)
{
    uint64_t *unlinking = cop__link_unlinking(proc, msg->from);

    if (cop__bug(unlink_forgets) || (unlinking && *unlinking == msg->ref))
        cop__link_remove(proc, msg->from);
    cop__msg_free(self, msg);
}

/* A call that closed a circle: it is not to be handled either. It lies before its FORGET, in a
 * queue that may just be searched, so it stays there with a mark. */
static void withdraw(struct cop__proc *proc, uint64_t ref)
{
    struct cop__msg *msg = proc->first;

    while (msg && !(msg->kind == COP__CALL && msg->ref == ref))
        msg = msg->next;
    if (!msg)
        return;
    msg->flags |= COP__MSG_WITHDRAWN;
    cop__ext_of(proc); /* a loop then looks for the mark */
}

static void forget_received(struct cop__thr *self, struct cop__proc *proc, struct cop__msg *msg)
{
    for (struct cop__msg **place = &proc->owed; *place; place = &(*place)->next) {
        if ((*place)->ref == msg->ref) {
            struct cop__msg *call = *place;

            *place = call->next;
            call->next = proc->turn; /* its request may be in use in this turn */
            proc->turn = call;
            cop__msg_free(self, msg);
            return;
        }
    }
    if (msg->term.word == cop__atom(COP__ATOM_deadlock).word)
        withdraw(proc, msg->ref);
    else if (cop__unlikely(cop__load(proc->mbox) & COP__MBOX_BOUND))
        cop__bound_given_up(proc, msg->ref);
    cop__msg_free(self, msg);
}

static void adopt(const struct cop__msg *msg)
{
    struct cop__resource *resource = (struct cop__resource *)(uintptr_t)msg->ref;

    cop__resource_add(resource); /* signals are handled by the process that gets them */
    if (resource->adopted)
        resource->adopted(resource);
}

void cop__signal_received(struct cop__thr *self, struct cop__proc *proc, struct cop__msg *msg)
{
    uint32_t flags = cop__load(proc->flags);

    if (cop__unlikely(flags & COP__P_DOOMED)) {
        /* After the signal that ends it, in the order of the mailbox, it is as good as gone. */
        if (msg->kind == COP__MONITOR && cop__bug(monitor_missed))
            return;
        cop__signal_refused(self, msg, cop__atom(COP__ATOM_noproc));
        return;
    }
    switch ((enum cop__msg_kind)msg->kind) {
    case COP__EXIT:
        cop__exit_received(self, proc, msg, false);
        return;
    case COP__EXIT_LINK:
        exit_link_received(self, proc, msg);
        return;
    case COP__DOWN:
        cop__down_received(self, proc, msg);
        return;
    case COP__LINK:
        link_received(self, proc, msg);
        return;
    case COP__UNLINK:
        unlink_received(self, proc, msg);
        return;
    case COP__UNLINK_ACK:
        unlink_ack_received(self, proc, msg);
        return;
    case COP__MONITOR:
        cop__watcher_add(proc, msg->ref, msg->from);
        break;
    case COP__DEMONITOR:
        cop__watcher_remove(proc, msg->ref);
        break;
    case COP__FORGET:
        forget_received(self, proc, msg);
        return;
    case COP__INFO:
        cop__info_answer(self, proc, msg);
        return;
    case COP__ALIVE:
        cop__answer(self, msg, COP__REPLY,
            flags & COP__P_EXITING ? cop__atom(COP__ATOM_false) : cop__atom(COP__ATOM_true));
        return;
    case COP__LEADER: {
        cop_pid leader;

        if (cop_to_pid(&leader, msg->term))
            cop__ext_of(proc)->group_leader = leader;
        break;
    }
    case COP__SUSPEND:
        cop__ext_of(proc)->suspend_count++;
        cop__store(proc->flags, flags | COP__P_SUSPENDED);
        cop__answer(self, msg, COP__REPLY, cop__atom(COP__ATOM_true));
        return;
    case COP__RESUME:
        if (proc->ext && proc->ext->suspend_count && --proc->ext->suspend_count == 0)
            cop__store(proc->flags, flags & ~(uint32_t)COP__P_SUSPENDED);
        break;
    case COP__ADOPT:
        adopt(msg);
        break;
    default:
        cop__far_received(self, proc, msg);
        return;
    }
    cop__msg_free(self, msg);
}

/* The same for a receiver that is gone. Calls learn `reason`; the rest is as if it had never been.
 */
void cop__signal_refused(struct cop__thr *self, struct cop__msg *msg, cop_term reason)
{
    cop_term noproc = cop__atom(COP__ATOM_noproc);
    uint64_t from;

    switch ((enum cop__msg_kind)msg->kind) {
    case COP__CALL:
        if (cop__bug(call_unanswered))
            return;
        cop__answer(self, msg, COP__DOWN_REPLY, reason);
        return;
    case COP__INFO:
        cop__answer(self, msg, COP__REPLY, COP_NONE);
        return;
    case COP__ALIVE:
        cop__answer(self, msg, COP__REPLY, cop__atom(COP__ATOM_false));
        return;
    case COP__SUSPEND:
        cop__answer(self, msg, COP__REPLY, cop__atom(COP__ATOM_false));
        return;
    case COP__LINK:
    case COP__MONITOR: {
        bool link = msg->kind == COP__LINK;
        /* Both carry the pid of the one that was asked for as their term. */
        cop_term dead = msg->term;
        cop_term exit[3] = { cop__atom(COP__ATOM_EXIT), dead, noproc };
        cop_term down[5] = { cop__atom(COP__ATOM_DOWN), cop__word(msg->ref),
            cop__atom(COP__ATOM_process), dead, noproc };
        struct cop__msg *answer = link ? cop__msg_tuple(self, COP__EXIT_LINK, exit, 3)
                                       : cop__msg_tuple(self, COP__DOWN, down, 5);

        from = msg->from;
        answer->from = dead.word;
        answer->ref = msg->ref;
        if (!cop__push(self, from, answer))
            cop__msg_free(self, answer);
        break;
    }
    case COP__ADOPT: {
        struct cop__resource *resource = (struct cop__resource *)(uintptr_t)msg->ref;

        resource->release(resource);
        break;
    }
    default:
        if (msg->kind >= COP__FAR)
            cop__far_refused(msg);
        break;
    }
    cop__msg_free(self, msg);
}
