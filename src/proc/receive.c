/* SPDX-License-Identifier: Apache-2.0 */
/* Receiving (P-25 to P-33), waiting, sleeping, and the end of a turn in a plain process.
 *
 * A scan remembers the last message it refused; after new ones came only these are looked at. The
 * hot receives wait in one frame, cop__receive_search, so that what the return predictor holds of
 * one process is right for the next. */
#include "proc/activation.h"
#include "proc/long_queue.h"
#include "proc/bounded.h"
#include "term/atoms.h"

/* What a cop_receive_scan keeps in its internal words. */
enum { PREV, CURRENT, DEADLINE, STARTED };
#define MSG(WORD) ((struct cop__msg *)(uintptr_t)(WORD))

void cop__queue_unlink(struct cop__proc *proc, struct cop__msg *prev, struct cop__msg *msg)
{
    if (prev)
        prev->next = msg->next;
    else
        proc->first = msg->next;
    if (proc->last == msg)
        proc->last = prev;
    if (proc->ext && proc->ext->mark_last == msg)
        proc->ext->mark_ref = 0;
    if (cop__unlikely(msg->flags & COP__MSG_BOUND))
        cop__bound_taken(cop__own_thr(), proc, msg, COP__HANDLED);
}

void cop__queue_insert(struct cop__proc *proc, struct cop__msg *prev, struct cop__msg *msg)
{
    struct cop__msg **place = prev ? &prev->next : &proc->first;

    msg->next = *place;
    *place = msg;
    if (proc->last == prev)
        proc->last = msg;
}

/* {Pid, [alias | Ref]} or {Pid, Ref}: what a call shows of its caller (GS-32). */
cop_term cop__from_term(const struct cop__msg *call)
{
    cop_term tag = cop__word(call->ref);

    if (!(call->flags & COP__MSG_BARE))
        tag = cop_cons(cop__atom(COP__ATOM_alias), tag);
    return cop__pair(cop__word(call->from), tag);
}

static inline bool is_in_place(const struct cop__msg *msg)
{
    return msg->kind == COP__CAST || msg->kind == COP__CALL;
}

/* {Label, Request} and {Label, From, Request}, which are built only for those who look at them. */
static __attribute__((noinline)) cop_term request_term(const struct cop__msg *msg)
{
    cop_term items[3] = { cop__atom(msg->aux), msg->term };

    if (msg->kind == COP__CAST)
        return cop_tuple_from(items, 2);
    items[1] = cop__from_term(msg);
    items[2] = msg->term;
    return cop_tuple_from(items, 3);
}

cop_term cop__msg_term(const struct cop__msg *msg)
{
    return cop__unlikely(is_in_place(msg)) ? request_term(msg) : msg->term;
}

static void take(struct cop__proc *proc, struct cop__msg *prev, struct cop__msg *msg)
{
    cop__queue_unlink(proc, prev, msg);
    if (cop__unlikely(msg->kind == COP__CALL)) {
        msg->next = proc->owed;
        proc->owed = msg;
        cop__store(proc->flags, cop__load(proc->flags) | COP__P_OWES);
    } else {
        msg->next = proc->turn;
        proc->turn = msg;
    }
}

/* Take in what came to a process that waits: a signal that asks how it does sees it waiting. */
static struct cop__thr *look(struct cop__thr *self, struct cop__proc *proc)
{
    cop__store(proc->flags, cop__load(proc->flags) | COP__P_PARKED);
    cop__fetch(self, proc);
    self = cop__obey(self, proc);
    cop__store(proc->flags, cop__load(proc->flags) & ~(uint32_t)COP__P_PARKED);
    return self;
}

/* Park until a message or signal may have come, and take in what came. */
static inline __attribute__((always_inline)) struct cop__thr *wait_any_here(
    struct cop__thr *self, struct cop__proc *proc)
{
    self = cop__switch_out_here(self, COP__ACT_WAIT_ANY);
    if (cop__unlikely(cop__load(proc->mbox) & (COP__MBOX_PTR | COP__MBOX_PEND)))
        self = look(self, proc);
    return self;
}

struct cop__thr *cop__wait_any(struct cop__thr *self, struct cop__proc *proc)
{
    return wait_any_here(self, proc);
}

static struct cop__proc *receiver(struct cop__thr *self, const char *function)
{
    if (cop__unlikely(!self->current)) {
        cop__leave();
        cop__badarg(function);
    }
    return self->current;
}

/* False: the time has passed. The first wait does not look at the clock: if the deadline has passed
 * since it was set, the wait is short. */
static __attribute__((noinline)) bool wait_until(
    struct cop__thr *self, struct cop__proc *proc, uint64_t deadline_ns, bool first)
{
    if (deadline_ns == COP__PAST || (!first && cop__now_ns() >= deadline_ns)) {
        cop__deadline_clear(proc);
        return false;
    }
    if (deadline_ns != UINT64_MAX)
        cop__deadline_set(self, proc, deadline_ns);
    cop__wait_any(self, proc);
    return true;
}

/* Wait for a message to come after prev, until the deadline. NULL: the time has passed. */
static __attribute__((noinline)) struct cop__msg *wait_after(
    struct cop__thr *self, struct cop__proc *proc, struct cop__msg *prev, uint64_t deadline_ns)
{
    struct cop__msg *msg;
    bool first = true;

    cop__long_queue_look(self, proc);
    do {
        if (cop__fetch(self, proc)) {
            self = cop__obey(self, proc);
        } else if (!wait_until(self, proc, deadline_ns, first)) {
            return NULL;
        } else {
            first = false;
            self = cop__own_thr();
        }
        msg = prev ? prev->next : proc->first;
    } while (!msg);
    return msg;
}

/* The next message to look at. */
static inline struct cop__msg *next_after(
    struct cop__thr *self, struct cop__proc *proc, struct cop__msg *prev, uint64_t deadline_ns)
{
    struct cop__msg *msg = prev ? prev->next : proc->first;

    return msg ? msg : wait_after(self, proc, prev, deadline_ns);
}

/* The oldest message that matches, or the first to come that does; a pattern of NULL matches all,
 * and gives the message. none: the time has passed. rt odd; it leaves. */
__attribute__((used)) cop_term cop__receive_search(struct cop__thr *self, uint64_t deadline_ns,
    struct cop__pattern *pattern, const struct cop__place *places)
{
    struct cop__proc *proc = receiver(self, "receive");
    struct cop__msg *prev = NULL, *msg;
    cop_term term;

    cop__bound_search(self, proc);
    msg = proc->first;
    for (;; prev = msg, msg = msg->next) {
        while (!msg) {
            if (cop__fetch(self, proc))
                self = cop__obey(self, proc);
            else if (cop__likely(deadline_ns == UINT64_MAX)) {
                cop__long_queue_look(self, proc);
                self = wait_any_here(self, proc);
            } else if (!wait_after(self, proc, prev, deadline_ns)) {
                cop__leave();
                return COP_NONE;
            }
            msg = prev ? prev->next : proc->first;
        }
        term = cop__msg_term(msg);
        if (!pattern || cop__match_site(term, pattern, places))
            break;
        self = cop__own_thr();
    }
    take(proc, prev, msg);
    if (cop__unlikely(deadline_ns != UINT64_MAX))
        cop__deadline_clear(proc);
    cop__charge(cop__own_thr(), 1);
    cop__leave();
    return pattern ? cop__atom(COP__ATOM_true) : term;
}

/* What waits in a receive goes on in another process's, and the return into the program would be
 * expected there: a jump is foretold by itself (switch_x86_64.S). */
#if defined(__x86_64__) && !defined(COP_SWITCH_UCONTEXT)
cop_term cop__receive_by_jump(struct cop__thr *self, uint64_t deadline_ns,
    struct cop__pattern *pattern, const struct cop__place *places);
#else
#define cop__receive_by_jump cop__receive_search
#endif

/* When a message is there, no call. */
cop_term cop_receive(void)
{
    struct cop__thr *self = (struct cop__thr *)cop__enter();
    struct cop__proc *proc = self->current;
    struct cop__msg *msg;

    if (cop__unlikely(
            !proc || !(msg = proc->first) || is_in_place(msg) || proc->ext || self->budget <= 0))
        return cop__receive_by_jump(self, UINT64_MAX, NULL, NULL);
    proc->first = msg->next;
    if (!msg->next)
        proc->last = NULL;
    msg->next = proc->turn;
    proc->turn = msg;
    self->budget--;
    cop__leave();
    return msg->term;
}

cop_term cop_receive_within(int64_t timeout_ms)
{
    struct cop__thr *self = (struct cop__thr *)cop__enter();

    return cop__receive_search(self, cop__deadline_in(timeout_ms), NULL, NULL);
}

cop_term cop__receive_match(
    int64_t timeout_ms, struct cop__pattern *pattern, const struct cop__place *places)
{
    struct cop__thr *self = (struct cop__thr *)cop__enter();

    if (cop__likely(timeout_ms == COP_INFINITY))
        return cop__receive_by_jump(self, UINT64_MAX, pattern, places);
    return cop__receive_search(self, cop__deadline_in(timeout_ms), pattern, places);
}

cop_receive_scan cop_receive_begin(int64_t timeout_ms)
{
    cop_receive_scan scan = { timeout_ms, { 0 } };
    struct cop__proc *proc = cop__self_thr()->current;

    if (proc && cop__unlikely(cop__load(proc->mbox) & COP__MBOX_BOUND)) {
        cop__enter();
        cop__bound_trim(cop__own_thr(), proc);
        cop__leave();
    }
    if (timeout_ms != COP_INFINITY) {
        receiver((struct cop__thr *)cop__enter(), "receive");
        scan.internal[DEADLINE] = cop__deadline_in(timeout_ms);
        cop__leave();
    } else {
        scan.internal[DEADLINE] = UINT64_MAX;
    }
    return scan;
}

cop_receive_scan cop_receive_begin_ref(int64_t timeout_ms, cop_ref ref)
{
    cop_receive_scan scan = cop_receive_begin(timeout_ms);
    struct cop__proc *proc = cop__self_thr()->current;

    if (proc && proc->ext && proc->ext->mark_ref == ref.id && ref.id)
        scan.internal[PREV] = (uint64_t)(uintptr_t)proc->ext->mark_last;
    return scan;
}

bool cop_receive_next(cop_term *ret_message, cop_receive_scan *scan)
{
    struct cop__thr *self = (struct cop__thr *)cop__enter();
    struct cop__proc *proc = receiver(self, "receive");
    struct cop__msg *msg;

    if (scan->internal[CURRENT])
        scan->internal[PREV] = scan->internal[CURRENT];
    msg = next_after(self, proc, MSG(scan->internal[PREV]), scan->internal[DEADLINE]);
    scan->internal[CURRENT] = (uint64_t)(uintptr_t)msg;
    if (msg)
        *ret_message = cop__msg_term(msg);
    cop__leave();
    return msg != NULL;
}

void cop_receive_take(cop_receive_scan *scan)
{
    struct cop__thr *self = (struct cop__thr *)cop__enter();
    struct cop__proc *proc = self->current;

    if (scan->internal[CURRENT]) {
        take(proc, MSG(scan->internal[PREV]), MSG(scan->internal[CURRENT]));
        scan->internal[CURRENT] = 0;
        if (scan->internal[DEADLINE] != UINT64_MAX)
            cop__deadline_clear(proc);
        self = cop__charge(self, 1);
    }
    cop__leave();
}

static __attribute__((noinline)) void turn_end_slow(struct cop__thr *self, struct cop__proc *proc)
{
    if (!proc)
        cop__heap_reset(self->base.heap);
    else if (!(cop__load(proc->flags) & COP__P_LOOP))
        cop__turn_clear(self, proc);
    cop__leave();
}

/* The usual turn has taken one message, and its heap has not grown. */
void cop_turn_end(void)
{
    struct cop__thr *self = (struct cop__thr *)cop__enter();
    struct cop__proc *proc = self->current;
    struct cop__heap *heap = self->base.heap;
    struct cop__msg *msg;

    if (cop__unlikely(!proc || (cop__load(proc->flags) & COP__P_LOOP) || heap->chunks ||
                      heap->counted || !(msg = proc->turn) || msg->next ||
                      !cop__msg_free_quick(self, msg))) {
        turn_end_slow(self, proc);
        return;
    }
    proc->turn = NULL;
    cop__heap_reset(heap);
    cop__leave();
}

void cop_yield(void)
{
    struct cop__thr *self = (struct cop__thr *)cop__enter();

    if (self->current)
        self = cop__yield_inside(self);
    cop__leave();
}

void cop_sleep(int64_t timeout_ms)
{
    struct cop__thr *self = (struct cop__thr *)cop__enter();
    uint64_t deadline_ns = cop__deadline_in(timeout_ms);

    receiver(self, "sleep");
    while (cop__park(deadline_ns))
        ;
    cop__leave();
}

void cop_hibernate_here(void)
{
    struct cop__thr *self = (struct cop__thr *)cop__enter();
    struct cop__proc *proc = receiver(self, "hibernate");

    cop__store(proc->flags, cop__load(proc->flags) | COP__P_HIBERNATING);
    next_after(self, proc, NULL, UINT64_MAX);
    cop__store(proc->flags, cop__load(proc->flags) & ~(uint32_t)COP__P_HIBERNATING);
    cop__leave();
}

/* hibernate/3: the stack goes back while it waits. */
void cop_hibernate(cop_process_main *fn, cop_term arg)
{
    struct cop__thr *self = (struct cop__thr *)cop__enter();
    struct cop__proc *proc = receiver(self, "hibernate");
    struct cop__msg *kept = cop__msg_new(self, COP__PLAIN, arg);

    cop__turn_clear(self, proc);
    kept->next = NULL;
    proc->turn = kept; /* the argument of the entry, as at the start */
    proc->state = (void *)(uintptr_t)fn;
    cop__store(proc->flags, (cop__load(proc->flags) | COP__P_HIBERNATING) & ~(uint32_t)COP__P_LOOP);
    cop__switch_out(self, COP__ACT_RESTART); /* loop.c: sleeps when there is no message */
    __builtin_unreachable();
}

/* --- park.h
 * --------------------------------------------------------------------------------------------- */

struct cop__proc *cop__running(void)
{
    return cop__self_thr()->current;
}

uint32_t cop__proc_gen(const struct cop__proc *proc)
{
    return cop__load(proc->gen);
}

cop_pid cop__proc_pid(const struct cop__proc *proc)
{
    return cop__pid_of(cop__id_of(proc));
}

bool cop__park(uint64_t deadline_ns)
{
    struct cop__thr *self = cop__self_thr();
    struct cop__proc *proc = self->current;

    if (deadline_ns != UINT64_MAX) {
        if (cop__now_ns() >= deadline_ns) {
            cop__deadline_clear(proc);
            return false;
        }
        cop__deadline_set(self, proc, deadline_ns);
    }
    self = cop__switch_out(self, COP__ACT_WAIT_SIG);
    if (cop__load(proc->mbox) & COP__MBOX_PEND)
        look(self, proc); /* signals act; messages go to the queue */
    if (deadline_ns != UINT64_MAX)
        cop__deadline_clear(proc);
    return true;
}

void cop__unpark(struct cop__proc *proc, uint32_t gen)
{
    cop__wake(cop__self_thr(), proc, gen);
}

size_t cop_receive_casts(cop_term *ret_requests, size_t max, cop_atom label)
{
    struct cop__thr *self = (struct cop__thr *)cop__enter();
    struct cop__proc *proc = receiver(self, "receive");
    struct cop__msg *msg;
    size_t count = 0;

    if (cop__fetch(self, proc))
        self = cop__obey(self, proc);
    while (
        count < max && (msg = proc->first) && msg->kind == COP__CAST && msg->aux == label.index) {
        take(proc, NULL, msg);
        ret_requests[count++] = msg->term;
        self->budget--;
    }
    cop__leave();
    return count;
}

/* --- What a process owns
 * ------------------------------------------------------------------------------------ */

void cop__resource_add(struct cop__resource *resource)
{
    struct cop__ext *ext = cop__ext_of(cop__running());

    resource->prev = NULL;
    resource->next = ext->resources;
    if (resource->next)
        resource->next->prev = resource;
    ext->resources = resource;
}

void cop__resource_remove(struct cop__resource *resource)
{
    struct cop__ext *ext = cop__ext_of(cop__running());

    if (resource->prev)
        resource->prev->next = resource->next;
    else if (ext->resources == resource)
        ext->resources = resource->next;
    if (resource->next)
        resource->next->prev = resource->prev;
    resource->next = resource->prev = NULL;
}

bool cop__resource_send(struct cop__resource *resource, cop_pid to)
{
    struct cop__thr *self = cop__self_thr();
    struct cop__msg *msg = cop__msg_new(self, COP__ADOPT, COP_NONE);

    msg->from = self->current ? cop__id_of(self->current) : 0;
    msg->ref = (uint64_t)(uintptr_t)resource;
    if (!to.node && cop__push(self, to.id, msg))
        return true;
    cop__msg_free(self, msg);
    return false;
}

bool cop__resource_give(struct cop__resource *resource, cop_pid to)
{
    cop__resource_remove(resource);
    if (cop__resource_send(resource, to))
        return true;
    cop__resource_add(resource);
    return false;
}
