/* SPDX-License-Identifier: Apache-2.0 */
/* Calls: monitor, alias and message in one block that comes back as the answer. If the server ends
 * it answers what it holds (exit.c); if it is gone already the push is refused; a late answer is
 * dropped by its reference. So a local call needs no monitor, and one allocation serves both ways.
 *
 * A call that waits for ever has no alias in OTP: its tag is the reference alone (GS-32). Nothing
 * is dropped for it then: an answer too many is the message {Ref, Reply} (GS-88). */
#include "base/bug.h"
#include "proc/bounded.h"
#include "proc/deadlock.h"
#include "proc/proc.h"
#include "term/atoms.h"

/* {Tag, Reply} sent as a message: by who was told to answer in the server's place. */
static bool is_reply_message(
    const struct cop__proc *proc, const struct cop__msg *msg, uint64_t ref, cop_term *ret_reply)
{
    cop_term tag;

    if (msg->kind != COP__PLAIN || cop_tuple_size(msg->term) != 2)
        return false;
    tag = cop__elements(msg->term)[0];
    if (proc->call_bare
            ? tag.word != ref
            : !cop__is_cons(tag) || cop__cell(tag)[0].word != cop__atom(COP__ATOM_alias).word ||
                  cop__cell(tag)[1].word != ref)
        return false;
    *ret_reply = cop__elements(msg->term)[1];
    return true;
}

struct cop__msg *cop__reply_too_many(struct cop__thr *self, struct cop__msg *reply)
{
    cop_term items[2] = { cop__word(reply->ref), reply->term };
    struct cop__msg *made = NULL;

    if (reply->kind == COP__REPLY && ((reply->flags & COP__MSG_BARE) || cop__bug(late_reply)))
        made = cop__msg_tuple(self, COP__PLAIN, items, 2);
    cop__msg_free(self, reply);
    return made;
}

/* A message was the reply; the server's own, which nobody waits for now, may be behind it. */
static void clear_behind(
    struct cop__thr *self, struct cop__proc *proc, struct cop__msg *prev, uint64_t ref)
{
    struct cop__msg *msg = prev ? prev->next : proc->first, *next;

    for (; msg; msg = next) {
        next = msg->next;
        if ((msg->kind == COP__REPLY || msg->kind == COP__DOWN_REPLY) && msg->ref == ref) {
            cop__queue_unlink(proc, prev, msg);
            msg = cop__reply_too_many(self, msg);
            if (msg)
                cop__queue_insert(proc, prev, msg);
        }
        if (msg)
            prev = msg;
    }
}

static struct cop__msg *find_reply(struct cop__thr *self, struct cop__proc *proc, uint64_t ref,
    struct cop__msg **mark, uint64_t server)
{
    struct cop__msg *prev = *mark, *msg;
    cop_term reply;

    for (msg = prev ? prev->next : proc->first; msg; prev = msg, msg = msg->next) {
        if (cop__likely(msg->kind == COP__REPLY || msg->kind == COP__DOWN_REPLY) &&
            msg->ref == ref) {
            cop__queue_unlink(proc, prev, msg);
            *mark = prev;
            return msg;
        }
        if (cop__unlikely(is_reply_message(proc, msg, ref, &reply))) {
            cop__queue_unlink(proc, prev, msg);
            clear_behind(self, proc, prev, ref);
            *mark = prev;
            msg->kind = COP__REPLY;
            msg->term = reply;
            if (server)
                cop__signal_send(self, server, COP__FORGET, ref, COP_NONE);
            return msg;
        }
    }
    *mark = prev;
    return NULL;
}

/* As cop__call_wait; server, when not 0, is told when it need not answer any more. */
static struct cop__msg *wait(struct cop__thr *self, struct cop__proc *proc, struct cop__msg *mark,
    int64_t timeout_ms, uint64_t server, uint64_t waits_for)
{
    uint64_t ref = proc->call_ref, deadline_ns = 0;
    struct cop__msg *msg;

    while (!(msg = find_reply(self, proc, ref, &mark, server))) {
        if (cop__fetch(self, proc)) {
            self = cop__obey(self, proc);
            continue;
        }
        if (timeout_ms != COP_INFINITY) {
            if (!deadline_ns)
                deadline_ns = cop__deadline_in(timeout_ms);
            else if (cop__now_ns() >= deadline_ns)
                break;
            cop__deadline_set(self, proc, deadline_ns);
        }
        cop__waits_for(proc, waits_for);
        self = cop__wait_any(self, proc);
    }
    cop__waits_for(proc, 0);
    if (deadline_ns)
        cop__deadline_clear(proc);
    proc->call_ref = 0;
    if (!msg && server)
        cop__signal_send(self, server, COP__FORGET, ref, COP_NONE);
    return msg;
}

struct cop__msg *cop__call_wait(struct cop__thr *self, struct cop__proc *proc,
    struct cop__msg *mark, int64_t timeout_ms, uint64_t waits_for)
{
    return wait(self, proc, mark, timeout_ms, 0, waits_for);
}

static cop_term to_turn(struct cop__proc *proc, struct cop__msg *msg)
{
    msg->next = proc->turn;
    proc->turn = msg;
    return msg->term;
}

/* It is not there, or its mailbox is full. True: now it is in. */
static __attribute__((noinline)) bool push_again(uint64_t server, struct cop__msg *msg,
    cop_term request, int64_t *timeout_ms, cop_term *ret_reply)
{
    uint64_t deadline_ns = cop__deadline_in(*timeout_ms);
    enum cop__refusal refusal;

    if (cop__push_refused(server, msg, request, deadline_ns)) {
        if (*timeout_ms != COP_INFINITY && deadline_ns != COP__PAST) {
            uint64_t now_ns = cop__now_ns();

            *timeout_ms = now_ns < deadline_ns ? (int64_t)((deadline_ns - now_ns) / 1000000) : 0;
        }
        return true;
    }
    refusal = (enum cop__refusal)cop__own_thr()->refusal;
    *ret_reply = cop__atom(refusal == COP__REFUSED ? COP__ATOM_overload
                           : refusal == COP__WAIT  ? COP__ATOM_timeout
                                                   : COP__ATOM_noproc);
    return false;
}

/* A call that would never be answered. */
static __attribute__((noinline)) void give_up(struct cop__proc *proc, uint64_t server)
{
    uint64_t ref = proc->call_ref;

    proc->call_ref = 0;
    cop__waits_for(proc, 0);
    cop__signal_send(cop__own_thr(), server, COP__FORGET, ref, cop__atom(COP__ATOM_deadlock));
    cop__leave();
}

enum cop_call_outcome cop_process_call(
    cop_term *ret_reply, cop_pid server, cop_atom label, cop_term request, int64_t timeout_ms)
{
    struct cop__thr *self = (struct cop__thr *)cop__enter();
    struct cop__proc *proc = self->current;
    struct cop__msg *msg, *mark;
    enum cop_call_outcome outcome;

    if (cop__unlikely(!proc)) {
        cop__leave();
        cop__badarg("call");
    }
    if (cop__unlikely(
            timeout_ms != COP_INFINITY && (timeout_ms < 0 || timeout_ms > 0xffffffffll))) {
        cop__leave();
        cop_error(cop__atom(COP__ATOM_timeout_value));
    }
    if (cop__unlikely(server.node || !server.id)) {
        cop__leave();
        *ret_reply = server.node ? cop__atom(COP__ATOM_noconnection) : cop__atom(COP__ATOM_noproc);
        return COP_CALL_DOWN;
    }
    msg = cop__msg_make(self, COP__CALL, request);
    msg->from = cop__id_of(proc);
    msg->ref = proc->call_ref = cop__ref_word(proc->index, cop__next_ref(proc));
    msg->aux = label.index;
    msg->flags |= COP__MSG_ASKS;
    proc->call_bare = timeout_ms == COP_INFINITY;
    if (proc->call_bare)
        msg->flags |= COP__MSG_BARE;
    mark = proc->last;
    cop__waits_for(proc, server.id); /* before the push, and the look after it */
    if (cop__unlikely(!cop__push_message(self, server.id, msg))) {
        if (!push_again(server.id, msg, request, &timeout_ms, ret_reply)) {
            proc->call_ref = 0;
            cop__waits_for(proc, 0);
            outcome = ret_reply->word == cop__atom(COP__ATOM_timeout).word ? COP_CALL_TIMEOUT
                                                                           : COP_CALL_DOWN;
            cop__leave();
            return outcome;
        }
        self = cop__own_thr();
    }
    cop__after_push_fence();
    if (cop__unlikely(cop__waited_for(cop__proc_of(server.id))) &&
        cop__closes_circle(proc, server.id, ret_reply)) {
        give_up(proc, server.id);
        return COP_CALL_DOWN;
    }
    msg = wait(self, proc, mark, timeout_ms, server.id, server.id);
    self = cop__own_thr();
    if (cop__likely(msg != NULL)) {
        outcome = msg->kind == COP__REPLY ? COP_CALL_REPLY : COP_CALL_DOWN;
        *ret_reply = to_turn(proc, msg);
    } else {
        outcome = COP_CALL_TIMEOUT;
        *ret_reply = cop__atom(COP__ATOM_timeout);
    }
    self = cop__charge(self, 2);
    cop__leave();
    return outcome;
}

struct cop__msg *cop__signal_call(
    struct cop__thr *self, uint64_t to, enum cop__msg_kind kind, cop_term term)
{
    struct cop__proc *proc = self->current;
    struct cop__msg *mark = proc->last, *msg;
    uint64_t ref = proc->call_ref = cop__ref_word(proc->index, cop__next_ref(proc));

    if (!cop__signal_send(self, to, kind, ref, term)) {
        proc->call_ref = 0;
        return NULL;
    }
    msg = wait(self, proc, mark, COP_INFINITY, 0, 0);
    if (msg)
        to_turn(proc, msg);
    return msg;
}

/* --- The server's side
 * --------------------------------------------------------------------------------------- */

bool cop_current_call(cop_atom *ret_label, cop_term *ret_request)
{
    const struct cop__proc *proc = cop__self_thr()->current;
    const struct cop__msg *msg = proc ? proc->current : NULL;

    if (!msg || msg->kind != COP__CALL)
        return false;
    ret_label->index = msg->aux;
    *ret_request = msg->term;
    return true;
}

cop_term cop_current_from(void)
{
    struct cop__proc *proc = cop__self_thr()->current;

    if (proc && proc->ext && !cop_is_none(proc->ext->current_from))
        return proc->ext->current_from;
    if (!proc || !proc->current || proc->current->kind != COP__CALL)
        return COP_NONE;
    cop__store(proc->flags, cop__load(proc->flags) | COP__P_OWES); /* whoever gets it may answer */
    return cop__from_term(proc->current);
}

void cop_set_current_from(cop_term from)
{
    struct cop__proc *proc = cop__self_thr()->current;

    if (proc)
        cop__ext_of(proc)->current_from = from;
}

bool cop_current_reply(cop_term reply)
{
    struct cop__thr *self = (struct cop__thr *)cop__enter();
    struct cop__proc *proc = self->current;
    struct cop__msg *call = proc ? proc->current : NULL;
    bool is_call = call && call->kind == COP__CALL;

    if (cop__likely(is_call)) {
        proc->current = NULL;
        cop__answer(self, call, COP__REPLY, reply);
        self = cop__charge(self, 1);
    }
    cop__leave();
    return is_call;
}

/* The call with this reference that is here and not answered; it stays readable until the turn
 * ends. */
static struct cop__msg *find_owed(struct cop__proc *proc, uint64_t ref)
{
    struct cop__msg *msg = proc->current;

    if (msg && msg->kind == COP__CALL && msg->ref == ref) {
        msg->kind = COP__PLAIN; /* nobody waits any more: end_turn frees it */
        return msg;
    }
    for (struct cop__msg **place = &proc->owed; (msg = *place); place = &msg->next) {
        if (msg->ref == ref) {
            *place = msg->next;
            to_turn(proc, msg);
            return msg;
        }
    }
    return NULL;
}

/* The alias in [alias | Ref] or [[alias | Ref] | _]: GS-33, D-98. None: it is no alias. */
static cop_term alias_of(cop_term tag)
{
    if (cop__is_cons(tag) && cop__is_cons(cop__cell(tag)[0]))
        tag = cop__cell(tag)[0];
    if (cop__is_cons(tag) && cop__cell(tag)[0].word == cop__atom(COP__ATOM_alias).word &&
        cop_type_of(cop__cell(tag)[1]) == COP_TYPE_REFERENCE)
        return cop__cell(tag)[1];
    return COP_NONE;
}

void cop_process_reply(cop_term from, cop_term reply)
{
    struct cop__thr *self = (struct cop__thr *)cop__enter();
    struct cop__proc *proc = self->current;
    struct cop__msg *call = NULL, *answer;
    cop_term message, tag, alias, ref;
    cop_pid pid;

    if (cop_tuple_size(from) != 2) {
        cop__leave();
        cop__badarg("reply");
    }
    tag = cop_tuple_at(from, 1);
    alias = alias_of(tag);
    ref = cop_is_none(alias) ? tag : alias;
    if (proc && cop__is_local_ref(ref))
        call = find_owed(proc, ref.word);
    if (call) {
        answer = cop__msg_make(self, COP__REPLY, reply);
        answer->from = 0;
        answer->flags |= call->flags & COP__MSG_BARE;
        answer->ref = call->ref;
        cop__push_answer(self, call->from, answer);
        self = cop__charge(self, 1);
        cop__leave();
        return;
    }
    cop__leave();
    message = cop__pair(tag, reply);
    if (!cop_is_none(alias))
        cop_send_to(cop_dest_term(alias), message);
    else if (cop_to_pid(&pid, cop_tuple_at(from, 0)))
        cop_send_to(cop_dest_pid(pid), message);
}
