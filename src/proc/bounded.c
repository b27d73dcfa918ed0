/* SPDX-License-Identifier: Apache-2.0 */
/* Bounded mailboxes: a queue under a lock in place of the lock-free list, so that the oldest can be
 * dropped and every message is counted once. Layer 2.
 *
 * The hard idea: senders look at a process that may end while they do. So what they look at is
 * never freed while a node runs: a slot for each process, in memory that costs nothing until it is
 * used, and the id of the process it is for stands in it, under its lock. Signals take the same
 * queue, or an exit would overtake the messages before it (P-17); they are never counted.
 *
 *   BOUND-1  COP__MBOX_BOUND is set by the process itself, once, and stays until it ends.
 *   BOUND-2  Who has put something into the queue then sets PEND in the word, and wakes. The owner
 *            clears PEND first, then takes the queue.
 *   BOUND-3  A message that counts has COP__MSG_BOUND until it leaves: whoever takes a message out
 * of a queue asks for it. BOUND-4  Nothing is sent, woken or freed under the lock. */
#include "proc/bounded.h"

#include <coppice/mailbox.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "proc/far.h"
#include "proc/idle.h"
#include "proc/long_queue.h"
#include "proc/proc.h"
#include "proc/simulate.h"
#include "term/atoms.h"

enum { MESSAGES_MAX = 16 * 1000 * 1000 };

struct bound {
    struct cop__spinlock lock;
    uint64_t id; /* of the process; 0: none */
    struct cop_mailbox limits;
    struct cop_mailbox_counts statistics;
    struct cop__msg *first, *last;   /* what has come and was not fetched */
    uint64_t waiting, waiting_bytes; /* of these the ones that count */
    bool alarmed;
    uint64_t *parked; /* ids of senders that wait for room */
    size_t parked_count, parked_max;
    struct cop__map given_up; /* the owner's: references of calls that are not to be handled */
};

static _Atomic(struct bound *) bounds; /* by index of the process; NULL: nobody has one yet */
static struct cop__spinlock making;

static struct bound *bound_of(uint64_t id)
{
    struct bound *all = cop__load_acquire(bounds);

    return &all[cop__proc_of(id)->index];
}

/* --- Counting ------------------------------------------------------------------------------------
 */

static size_t bytes_of(const struct cop__msg *msg)
{
    size_t bytes = cop__block_bytes(msg, msg->class);
    const uint64_t *body = msg->flags & COP__MSG_SHORT ? (const uint64_t *)&msg->from : msg->body;
    const struct cop__counted *counted;

    if (!(msg->flags & COP__MSG_COUNTED))
        return bytes;
    for (counted = (const struct cop__counted *)(uintptr_t)body[0]; counted;
         counted = counted->next)
        if (cop__is_counted(counted->header))
            bytes += (counted->bit_size + 7) / 8;
    return bytes;
}

static bool counts(const struct cop__msg *msg)
{
    if (msg->flags & COP__MSG_PRIORITY)
        return false;
    if (msg->kind == COP__CALL || msg->kind == COP__CAST)
        return msg->aux != COP__ATOM_system;
    return msg->kind == COP__PLAIN || msg->kind == COP__ALIASED;
}

static bool is_full(const struct bound *bound, size_t more_bytes)
{
    const struct cop_mailbox *limits = &bound->limits;

    return (limits->messages_max && bound->statistics.messages >= limits->messages_max) ||
           (limits->bytes_max && bound->statistics.messages &&
               bound->statistics.bytes + more_bytes > limits->bytes_max);
}

static bool has_room_again(const struct bound *bound)
{
    const struct cop_mailbox *limits = &bound->limits;

    return (!limits->messages_max || bound->statistics.messages <= limits->messages_max / 2) &&
           (!limits->bytes_max || bound->statistics.bytes <= limits->bytes_max / 2);
}

static void uncount(struct bound *bound, struct cop__msg *msg)
{
    bound->statistics.messages--;
    bound->statistics.bytes -= bytes_of(msg);
    msg->flags &= (uint16_t)~COP__MSG_BOUND;
}

/* --- The lock, and what follows it ---------------------------------------------------------------
 */

/* What is to be done when the lock is free again. */
struct after {
    struct cop__msg *dropped;
    uint64_t *woken;
    size_t woken_count;
    cop_pid alarm_to;
    uint64_t about;
    bool alarm, alarm_on;
};

static void note_alarm(struct bound *bound, struct after *after)
{
    const struct cop_mailbox *limits = &bound->limits;
    bool on = bound->alarmed ? bound->statistics.messages > limits->low_water
                             : bound->statistics.messages >= limits->high_water;

    if (!limits->high_water || on == bound->alarmed)
        return;
    bound->alarmed = on;
    after->alarm = true;
    after->alarm_on = on;
    after->alarm_to = limits->alarm_to;
    after->about = bound->id;
}

static void note_room(struct bound *bound, struct after *after, bool all)
{
    if (!bound->parked || (!all && !(bound->parked_count && has_room_again(bound))))
        return;
    after->woken = bound->parked;
    after->woken_count = bound->parked_count;
    bound->parked = NULL;
    bound->parked_count = bound->parked_max = 0;
}

/* Who made a call is told: nobody else would. */
static void drop(struct cop__thr *self, uint64_t id, struct cop__msg *msg)
{
    if (msg->kind == COP__CALL) {
        cop__answer(self, msg, COP__DOWN_REPLY, cop__atom(COP__ATOM_overload));
        return;
    }
    if (msg->kind == COP__PLAIN)
        cop__far_call_refused(self, id, msg->term);
    cop__msg_free(self, msg);
}

static void follow(struct cop__thr *self, uint64_t id, const struct after *after)
{
    if (after->dropped)
        drop(self, id, after->dropped);
    for (size_t i = 0; i < after->woken_count; i++)
        cop__wake(self, cop__proc_of(after->woken[i]), (uint32_t)(after->woken[i] >> 32));
    free(after->woken);
    if (after->alarm)
        cop__long_queue_tell(self, after->alarm_to.id, after->about, after->alarm_on);
}

/* --- The sender's side ---------------------------------------------------------------------------
 */

static void append(struct bound *bound, struct cop__msg *msg)
{
    msg->next = NULL;
    if (bound->last)
        bound->last->next = msg;
    else
        bound->first = msg;
    bound->last = msg;
}

/* The oldest that counts and was not fetched; NULL: none. */
static struct cop__msg *remove_oldest(struct bound *bound)
{
    struct cop__msg *prev = NULL, *msg = bound->first;

    while (msg && !(msg->flags & COP__MSG_BOUND)) {
        prev = msg;
        msg = msg->next;
    }
    if (!msg)
        return NULL;
    if (prev)
        prev->next = msg->next;
    else
        bound->first = msg->next;
    if (bound->last == msg)
        bound->last = prev;
    bound->waiting--;
    bound->waiting_bytes -= bytes_of(msg);
    uncount(bound, msg);
    return msg;
}

enum verdict { ACCEPT, REFUSE, WAIT, DROP };

/* COP_DROP_OLDEST: of those that were not fetched. Of the others the owner drops some where it
 * begins to look for more; until then there may be as many again, and no more. */
static bool make_room(struct bound *bound, size_t bytes, struct after *after)
{
    const struct cop_mailbox *limits = &bound->limits;
    const struct cop_mailbox_counts *now = &bound->statistics;
    bool twice = (limits->messages_max && now->messages >= 2 * (uint64_t)limits->messages_max) ||
                 (limits->bytes_max && now->bytes + bytes > 2 * limits->bytes_max);

    if (!twice && (!limits->messages_max || bound->waiting < limits->messages_max) &&
        (!limits->bytes_max || bound->waiting_bytes + bytes <= limits->bytes_max))
        return true;
    after->dropped = remove_oldest(bound);
    bound->statistics.dropped += after->dropped != NULL;
    return after->dropped || !twice;
}

static enum verdict judge(struct bound *bound, size_t bytes, bool may_wait, struct after *after)
{
    const struct cop_mailbox *limits = &bound->limits;

    if (!is_full(bound, bytes))
        return ACCEPT;
    switch (limits->when_full) {
    case COP_REFUSE:
        return REFUSE;
    case COP_DROP_NEWEST:
        return DROP;
    case COP_PARK_SENDER:
        return may_wait ? WAIT : ACCEPT;
    default:
        return make_room(bound, bytes, after) ? ACCEPT : DROP;
    }
}

static void count_in(struct bound *bound, struct cop__msg *msg, size_t bytes)
{
    struct cop_mailbox_counts *statistics = &bound->statistics;

    msg->flags |= COP__MSG_BOUND;
    bound->waiting++;
    bound->waiting_bytes += bytes;
    statistics->messages++;
    statistics->bytes += bytes;
    if (statistics->messages > statistics->messages_peak)
        statistics->messages_peak = statistics->messages;
}

/* BOUND-2: what cop__push does to the word, for what is in the queue now. */
static void wake_for(struct cop__thr *self, struct cop__proc *proc, uint32_t gen, bool signal)
{
    uint64_t word = cop__load_acquire(proc->mbox), changed, wakes;

    do {
        if (cop__load(proc->gen) != gen || (word & COP__MBOX_DEAD))
            return;
        wakes = word & (signal ? COP__MBOX_ANY | COP__MBOX_SIG : COP__MBOX_ANY);
        changed = (word & ~wakes) | COP__MBOX_PEND;
    } while (!atomic_compare_exchange_weak_explicit(
        &proc->mbox, &word, changed, memory_order_acq_rel, memory_order_acquire));
    if (wakes)
        cop__ready(self, proc);
}

static bool can_wait(const struct cop__thr *self, uint64_t id)
{
    return self->current && id != cop__id_of(self->current) &&
           !(cop__load(self->current->flags) & (COP__P_NEVER_WAITS | COP__P_EXITING));
}

bool cop__bound_push(struct cop__thr *self, uint64_t id, struct cop__msg *msg)
{
    struct bound *bound = bound_of(id);
    struct after after = { .dropped = NULL };
    enum verdict verdict = ACCEPT;
    bool signal = msg->kind >= COP__SIGNALS;

    cop__spin_lock(&bound->lock);
    if (bound->id != id) {
        cop__spin_unlock(&bound->lock);
        self->refusal = COP__GONE;
        return false;
    }
    if (counts(msg)) {
        size_t bytes = bytes_of(msg);

        /* A call that does not get in goes to cop__push_refused. */
        verdict = judge(bound, bytes, (msg->flags & COP__MSG_ASKS) && can_wait(self, id), &after);
        bound->statistics.sent += verdict != WAIT;
        bound->statistics.refused += verdict == REFUSE;
        bound->statistics.dropped += verdict == DROP;
        if (verdict == ACCEPT)
            count_in(bound, msg, bytes);
        note_alarm(bound, &after);
    }
    if (verdict == ACCEPT)
        append(bound, msg);
    cop__spin_unlock(&bound->lock);
    if (verdict == ACCEPT)
        wake_for(self, cop__proc_of(id), (uint32_t)(id >> 32), signal);
    else if (verdict == DROP && msg->kind == COP__CALL)
        verdict = REFUSE; /* its sender is told, though it is counted as dropped */
    else if (verdict == DROP)
        drop(self, id, msg);
    else if (verdict == REFUSE && msg->kind == COP__PLAIN)
        cop__far_call_refused(self, id, msg->term);
    follow(self, id, &after);
    self->refusal = verdict == WAIT ? COP__WAIT : COP__REFUSED;
    return verdict == ACCEPT || verdict == DROP;
}

static bool note_parked(struct bound *bound, uint64_t sender)
{
    if (bound->parked_count == bound->parked_max) {
        size_t max = bound->parked_max ? 2 * bound->parked_max : 8;
        uint64_t *ids = realloc(bound->parked, max * sizeof *ids);

        if (!ids)
            return false;
        bound->parked = ids;
        bound->parked_max = max;
    }
    bound->parked[bound->parked_count++] = sender;
    return true;
}

static void forget_parked(struct bound *bound, uint64_t sender)
{
    for (size_t i = 0; i < bound->parked_count; i++) {
        if (bound->parked[i] == sender) {
            bound->parked[i] = bound->parked[--bound->parked_count];
            return;
        }
    }
}

/* Until there may be room; false: the time has passed. The process may end in here. */
static bool wait_for_room(uint64_t id, uint64_t deadline_ns)
{
    struct bound *bound = bound_of(id);
    uint64_t sender = cop__id_of((struct cop__proc *)cop__running());
    bool noted, in_time;

    if (deadline_ns == COP__PAST)
        return false;
    cop__spin_lock(&bound->lock);
    noted = bound->id == id && is_full(bound, 0) && note_parked(bound, sender);
    bound->statistics.parked += noted;
    cop__spin_unlock(&bound->lock);
    if (!noted)
        return true;
    in_time = cop__park(deadline_ns);
    cop__spin_lock(&bound->lock);
    if (bound->id == id)
        forget_parked(bound, sender); /* it may have been woken by something else */
    cop__spin_unlock(&bound->lock);
    return in_time;
}

bool cop__push_refused(uint64_t id, struct cop__msg *msg, cop_term message, uint64_t deadline_ns)
{
    enum cop__msg_kind kind = (enum cop__msg_kind)msg->kind;
    uint64_t from = kind > COP__CAST ? msg->from : 0, ref = kind > COP__CAST ? msg->ref : 0;
    uint16_t bare = msg->flags & COP__MSG_BARE;
    uint32_t label = msg->aux;
    bool pushed;

    do {
        cop__msg_free(cop__own_thr(), msg);
        if (cop__own_thr()->refusal != COP__WAIT)
            return false;
        if (!wait_for_room(id, deadline_ns)) {
            cop__own_thr()->refusal = COP__WAIT;
            return false;
        }
        msg = cop__msg_new(cop__own_thr(), kind, message);
        msg->aux = label;
        if (kind > COP__CAST) {
            msg->from = from;
            msg->ref = ref;
            msg->flags |= bare;
        }
        msg->flags |= COP__MSG_ASKS;
        pushed = cop__push(cop__own_thr(), id, msg);
    } while (!pushed);
    return true;
}

void cop__never_waits(void)
{
    struct cop__proc *proc = cop__self_thr()->current;

    cop__store(proc->flags, cop__load(proc->flags) | COP__P_NEVER_WAITS);
}

/* --- The owner's side ----------------------------------------------------------------------------
 */

struct cop__msg *cop__bound_fetch(struct cop__proc *proc)
{
    struct bound *bound = bound_of(cop__id_of(proc));
    struct cop__msg *msg;

    cop__spin_lock(&bound->lock);
    msg = bound->first;
    bound->first = bound->last = NULL;
    bound->waiting = bound->waiting_bytes = 0;
    cop__spin_unlock(&bound->lock);
    return msg;
}

void cop__bound_taken(
    struct cop__thr *self, struct cop__proc *proc, struct cop__msg *msg, enum cop__taken how)
{
    struct bound *bound = bound_of(cop__id_of(proc));
    struct after after = { .dropped = NULL };

    cop__spin_lock(&bound->lock);
    uncount(bound, msg);
    bound->statistics.handled += how == COP__HANDLED;
    bound->statistics.dropped += how == COP__DROPPED;
    bound->statistics.skipped += how == COP__SKIPPED;
    note_room(bound, &after, false);
    note_alarm(bound, &after);
    cop__spin_unlock(&bound->lock);
    follow(self, cop__id_of(proc), &after);
}

/* Of those that were fetched. */
static bool has_too_many(struct bound *bound)
{
    const struct cop_mailbox *limits = &bound->limits;
    uint64_t messages, bytes;

    cop__spin_lock(&bound->lock);
    messages = bound->statistics.messages - bound->waiting;
    bytes = bound->statistics.bytes - bound->waiting_bytes;
    cop__spin_unlock(&bound->lock);
    return (limits->messages_max && messages > limits->messages_max) ||
           (limits->bytes_max && messages > 1 && bytes > limits->bytes_max);
}

void cop__bound_trim(struct cop__thr *self, struct cop__proc *proc)
{
    struct bound *bound = bound_of(cop__id_of(proc));
    struct cop__msg *prev = NULL, *msg = proc->first;

    if (bound->limits.when_full != COP_DROP_OLDEST)
        return;
    while (msg && has_too_many(bound)) {
        struct cop__msg *next = msg->next;

        if (msg->flags & COP__MSG_BOUND) {
            cop__bound_taken(self, proc, msg, COP__DROPPED);
            cop__queue_unlink(proc, prev, msg);
            if (msg->kind == COP__CALL) {
                drop(self, bound->id, msg);
            } else {
                if (msg->kind == COP__PLAIN)
                    cop__far_call_refused(self, bound->id, msg->term);
                msg->next = proc->turn; /* as one that was taken */
                proc->turn = msg;
            }
        } else {
            prev = msg;
        }
        msg = next;
    }
}

void cop__bound_given_up(struct cop__proc *proc, uint64_t ref)
{
    struct bound *bound = bound_of(cop__id_of(proc));

    if (bound->limits.skip_given_up)
        cop__map_put(&bound->given_up, ref, 0); /* without memory it is handled, as ever */
}

/* Of a call: by what it is in given_up, if it is. 0: it is none. */
static uint64_t call_key(struct cop__proc *proc, const struct cop__msg *msg)
{
    cop_pid caller;
    cop_term ref;

    if (msg->kind == COP__CALL)
        return msg->ref;
    if (msg->kind != COP__PLAIN || !cop__far_is_call(&caller, &ref, msg->term))
        return 0;
    cop__far_call_handled(proc, ref);
    return cop__far_ref_key(ref);
}

bool cop__bound_handle(struct cop__thr *self, struct cop__proc *proc, struct cop__msg *msg)
{
    struct bound *bound;
    uint64_t unused, key;
    bool skip = msg->flags & COP__MSG_WITHDRAWN;

    if (!(msg->flags & COP__MSG_BOUND))
        return !skip;
    bound = bound_of(cop__id_of(proc));
    if (bound->limits.skip_given_up && (key = call_key(proc, msg)) != 0 && bound->given_up.count &&
        cop__map_remove(&bound->given_up, key, &unused))
        skip = true;
    cop__bound_taken(self, proc, msg, skip ? COP__SKIPPED : COP__HANDLED);
    /* Those whose call had been answered when it was given up: it is not in a queue any more. */
    if (bound->given_up.count && !proc->first)
        cop__map_free(&bound->given_up);
    return !skip;
}

struct cop__msg *cop__bound_close(struct cop__thr *self, struct cop__proc *proc)
{
    struct bound *bound = bound_of(cop__id_of(proc));
    struct after after = { .dropped = NULL };
    struct cop__msg *msg;

    cop__spin_lock(&bound->lock);
    bound->id = 0;
    msg = bound->first;
    bound->first = bound->last = NULL;
    bound->alarmed = false;
    note_room(bound, &after, true);
    cop__spin_unlock(&bound->lock);
    cop__map_free(&bound->given_up);
    follow(self, cop__id_of(proc), &after);
    return msg;
}

/* --- Setting it ----------------------------------------------------------------------------------
 */

static bool make_bounds(void)
{
    void *memory = NULL;

    cop__spin_lock(&making);
    if (!cop__load(bounds)) {
        memory = mmap(NULL, (size_t)cop__proc_capacity * sizeof(struct bound),
            PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (memory != MAP_FAILED)
            cop__store_release(bounds, memory);
    }
    cop__spin_unlock(&making);
    return cop__load(bounds) != NULL;
}

static bool is_valid(const struct cop_mailbox *mailbox)
{
    return mailbox->messages_max <= MESSAGES_MAX && mailbox->when_full >= COP_REFUSE &&
           mailbox->when_full <= COP_PARK_SENDER && !mailbox->alarm_to.node &&
           (mailbox->high_water ? mailbox->low_water < mailbox->high_water && mailbox->alarm_to.id
                                : !mailbox->low_water);
}

void cop_mailbox_set(const struct cop_mailbox *mailbox)
{
    static const struct cop_mailbox none;
    struct cop__thr *self = (struct cop__thr *)cop__enter();
    struct cop__proc *proc = self->current;
    struct after after = { .dropped = NULL };
    struct bound *bound;
    uint64_t id;

    mailbox = mailbox ? mailbox : &none;
    if (!proc || !is_valid(mailbox)) {
        cop__leave();
        cop__badarg("mailbox_set");
    }
    if (!make_bounds()) {
        cop__leave();
        cop_error(cop__atom(COP__ATOM_system_limit));
    }
    cop__ext_of(proc); /* whoever takes a message then goes the long way */
    id = cop__id_of(proc);
    bound = bound_of(id);
    cop__spin_lock(&bound->lock);
    if (bound->id != id) {
        memset(&bound->statistics, 0, sizeof bound->statistics);
        bound->waiting = bound->waiting_bytes = 0;
        bound->id = id;
    }
    bound->limits = *mailbox;
    if (!mailbox->high_water)
        bound->alarmed = false;
    note_room(bound, &after, true); /* they look again */
    cop__spin_unlock(&bound->lock);
    atomic_fetch_or(&proc->mbox, COP__MBOX_BOUND);
    follow(self, id, &after);
    cop__leave();
}

bool cop_mailbox_statistics(struct cop_mailbox_counts *ret_statistics, cop_pid pid)
{
    struct bound *bound;
    bool found, entered;

    if (pid.node || !pid.id || !cop__load_acquire(bounds))
        return false;
    bound = bound_of(pid.id);
    entered = cop__enter_unless_inside();
    cop__spin_lock(&bound->lock);
    found = bound->id == pid.id;
    if (found)
        *ret_statistics = bound->statistics;
    cop__spin_unlock(&bound->lock);
    if (entered)
        cop__leave();
    return found;
}

/* The processes are gone, and with them all that was in their queues. */
static void give_back(void)
{
    struct bound *all = cop__load(bounds);

    if (!all)
        return;
    cop__store(bounds, NULL);
    munmap(all, (size_t)cop__proc_capacity * sizeof *all);
}

static struct cop__node_hook hook = { .stop = give_back };

__attribute__((constructor)) static void add_hook(void)
{
    cop__node_hook_add(&hook);
}
