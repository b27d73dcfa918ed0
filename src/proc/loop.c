/* SPDX-License-Identifier: Apache-2.0 */
/* The first frame of every activation, and loops: processes that own no stack while they wait.
 *
 * An idle loop is its descriptor and its state. Each activation runs on a borrowed stack: it takes
 * messages until there are none or its share is used up, and each message is one turn. */
#include "proc/activation.h"
#include "base/bug.h"
#include "proc/bounded.h"
#include "proc/fault.h"
#include "proc/long_queue.h"
#include "term/atoms.h"

enum { TURNS_MAX = 256, TURNS_OVERLOAD_MAX = 1024 };

static void set_parked(struct cop__proc *proc)
{
    cop__store(proc->flags, cop__load(proc->flags) | COP__P_PARKED);
}

static void clear_parked(struct cop__proc *proc)
{
    cop__store(
        proc->flags, cop__load(proc->flags) & ~(uint32_t)(COP__P_PARKED | COP__P_HIBERNATING));
}

/* After a turn: a call that was not answered is owed; the rest goes back. */
static inline struct cop__thr *end_turn(struct cop__thr *self, struct cop__proc *proc)
{
    struct cop__msg *msg = proc->current;

    if (msg) {
        proc->current = NULL;
        if (cop__unlikely(msg->kind == COP__CALL)) {
            msg->next = proc->owed;
            proc->owed = msg;
            cop__store(proc->flags, cop__load(proc->flags) | COP__P_OWES);
        } else {
            cop__msg_free(self, msg);
        }
    }
    if (cop__unlikely(proc->turn != NULL))
        cop__turn_clear(self, proc);
    else
        cop__heap_reset(&proc->stack->heap);
    return self;
}

static inline struct cop__msg *next_message(struct cop__thr *self, struct cop__proc *proc)
{
    struct cop__msg *msg = proc->first;

    if (!msg) {
        if (!cop__fetch(self, proc))
            return NULL;
        msg = proc->first;
        if (!msg)
            return NULL;
    }
    proc->first = msg->next;
    if (!proc->first)
        proc->last = NULL;
    return msg;
}

/* The mailbox is empty. Returns when there is something to do after all. */
static inline __attribute__((always_inline)) struct cop__thr *wait_idle(
    struct cop__thr *self, struct cop__proc *proc)
{
    if (proc->ext && proc->ext->deadline_ns) {
        if (cop__deadline_passed(proc)) {
            proc->ext->deadline_ns = 0;
            if (proc->loop->handle_timeout) {
                cop__leave();
                proc->loop->handle_timeout(proc->state);
                self = (struct cop__thr *)cop__enter();
                return end_turn(self, proc);
            }
        } else if (cop__load_acquire(proc->ext->timer->state) != COP__TIMER_ARMED &&
                   !cop__bug(lost_wakeup)) {
            cop__deadline_set(self, proc, proc->ext->deadline_ns); /* it fired early: lazy */
        }
    }
    cop__long_queue_look(self, proc);
    if (cop__unlikely(proc->stack->heap.chunks != NULL))
        cop__heap_reset(&proc->stack->heap);   /* answers to process_info were built in no turn */
    cop__switch_out_here(self, COP__ACT_IDLE); /* a new activation follows */
    __builtin_unreachable();
}

/* In the frame of the activation, like the switch at its end: so a loop leaves no entry in the
 * return predictor (switch.h). */
static inline __attribute__((always_inline)) COP_NORETURN void turns(
    struct cop__thr *self, struct cop__proc *proc)
{
    uint32_t done = 0,
             max = cop__load(proc->mbox) & COP__MBOX_FULL ? TURNS_OVERLOAD_MAX : TURNS_MAX;

    if (cop__load(proc->mbox) & COP__MBOX_PEND)
        set_parked(proc); /* for the signals it was woken for, it waits */
    for (;;) {
        struct cop__msg *msg = next_message(self, proc);

        if (cop__unlikely(
                cop__load(proc->flags) & (COP__P_DOOMED | COP__P_SUSPENDED | COP__P_PARKED |
                                             COP__P_HIBERNATING | COP__P_OWES))) {
            if (!proc->owed)
                cop__store(proc->flags, cop__load(proc->flags) & ~(uint32_t)COP__P_OWES);
            proc->current = msg;
            self = cop__obey(self, proc);
            msg = proc->current;
            if (msg)
                clear_parked(proc);
        }
        if (!msg) {
            if (!proc->first)
                self = wait_idle(self, proc);
            continue;
        }
        if (cop__unlikely(proc->ext != NULL)) {
            proc->ext->deadline_ns = 0;
            proc->ext->current_from = COP_NONE;
            if (cop__unlikely(msg->flags & (COP__MSG_BOUND | COP__MSG_WITHDRAWN)) &&
                !cop__bound_handle(self, proc, msg)) {
                cop__msg_free(self, msg);
                continue;
            }
        }
        proc->current = msg;
        cop__leave();
        if (msg->kind == COP__CAST && proc->loop->handle_cast)
            proc->loop->handle_cast(proc->state, (cop_atom){ msg->aux }, msg->term);
        else
            proc->loop->handle_message(
                proc->state, msg->kind == COP__CALL ? COP_NONE : cop__msg_term(msg));
        self = (struct cop__thr *)cop__enter();
        self = end_turn(self, proc);
        if (cop__unlikely(++done >= max || self->budget < 0)) {
            cop__switch_out(self, COP__ACT_YIELD_LOOP); /* a new activation follows */
            __builtin_unreachable();
        }
    }
}

/* Out of hibernate/3: only for a message; a signal alone is acted upon, and it sleeps on. */
static struct cop__thr *wake_up(struct cop__thr *self, struct cop__proc *proc)
{
    set_parked(proc);
    cop__fetch(self, proc);
    self = cop__obey(self, proc);
    if (!proc->first) {
        cop__switch_out(self, COP__ACT_IDLE); /* a new activation follows */
        __builtin_unreachable();
    }
    clear_parked(proc);
    return self;
}

/* rt is odd when it starts: a base loop runs inside the runtime. */
void cop__run_entry(struct cop__thr *self, struct cop__proc *left)
{
    struct cop__proc *proc = self->current;

    self = cop__arrived((struct cop__arrival){ self, left });
    if (cop__unlikely(cop__load(proc->flags) & (COP__P_CRASHED | COP__P_FAULTED))) {
        if (cop__load(proc->flags) & COP__P_FAULTED)
            cop__fault_main(self, proc);
        cop__store(proc->flags, cop__load(proc->flags) & ~(uint32_t)COP__P_CRASHED);
        cop__crash_main(self, proc);
        self = end_turn(cop__self_thr(), proc);
    }
    if (cop__load(proc->flags) & COP__P_LOOP) {
        turns(self, proc);
    } else {
        cop_process_main *entry = (cop_process_main *)(uintptr_t)proc->state;
        cop_term arg_term = proc->turn ? proc->turn->term : COP_NONE;

        if (cop__unlikely(cop__load(proc->flags) & COP__P_HIBERNATING))
            self = wake_up(self, proc);
        if (cop__load(proc->mbox) & COP__MBOX_PEND) {
            cop__fetch(self, proc);
            self = cop__obey(self, proc);
        }
        cop__leave();
        entry(arg_term);
        self = cop__obey((struct cop__thr *)cop__enter(), proc); /* what came before counts */
        cop__exit_process(self, proc, cop__atom(COP__ATOM_normal));
    }
}

void cop_become(const cop_loop *loop, void *state)
{
    struct cop__thr *self = (struct cop__thr *)cop__enter();
    struct cop__proc *proc = self->current;

    proc->loop = loop;
    proc->state = state;
    cop__store(proc->flags, cop__load(proc->flags) | COP__P_LOOP);
    self = end_turn(self, proc);
    cop__ext_trim(self, proc);
    cop__switch_out(self, COP__ACT_RESTART);
    __builtin_unreachable();
}

/* What goes on lies in a block of its own, the only one of the new turn. A call under way stays in
 * `current`, so that its caller can still be asked for. */
cop_term cop_turn_next(cop_term keep)
{
    struct cop__thr *self = (struct cop__thr *)cop__enter();
    struct cop__proc *proc = self->current;
    struct cop__msg *kept, *call;
    cop_term items[2] = { keep, COP_NONE };

    if (!proc) {
        cop__leave();
        cop__badarg("turn_next");
    }
    if (proc->ext)
        items[1] = proc->ext->current_from;
    kept = cop__msg_tuple(self, COP__PLAIN, items, 2);
    call = proc->current;
    if (call && call->kind == COP__CALL)
        proc->current = NULL;
    else
        call = NULL;
    self = end_turn(self, proc);
    proc->current = call;
    kept->next = NULL;
    proc->turn = kept;
    if (proc->ext)
        proc->ext->current_from = cop__elements(kept->term)[1];
    self = cop__charge(self, 1);
    cop__leave();
    return cop__elements(kept->term)[0];
}

void cop_loop_timeout(int64_t timeout_ms)
{
    struct cop__thr *self = (struct cop__thr *)cop__enter();
    uint64_t deadline_ns = cop__deadline_in(timeout_ms);

    if (deadline_ns == UINT64_MAX)
        cop__deadline_clear(self->current);
    else
        cop__deadline_set(self, self->current, deadline_ns ? deadline_ns : 1);
    cop__leave();
}

void cop_loop_hibernate(void)
{
    struct cop__proc *proc = cop__self_thr()->current;

    cop__store(proc->flags, cop__load(proc->flags) | COP__P_HIBERNATING);
}
