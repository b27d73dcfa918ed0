/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the process layer say to each other. Grouped by the file that defines it. */
#ifndef COP_PROC_PROC_H
#define COP_PROC_PROC_H

#include "proc/mailbox.h"
#include "proc/message.h"
#include "proc/types.h"

struct cop_options;

/* --- the node (node.c) -------------------------------------------------------------------------
 */

struct cop__node {
    uint32_t scheds;
    struct cop__sched *sched[64];
    _Atomic(uint32_t) stopping;
    int exit_status;
    _Atomic(uint64_t) spawned; /* by threads without a scheduler */
    cop_pid first;             /* the first process: default group leader */
    uint64_t origin_ns;        /* of the monotonic clock */
};
extern struct cop__node cop__node;

/* --- descriptors (table.c) ----------------------------------------------------------------------
 */

bool cop__table_start(uint32_t capacity);
void cop__table_stop(void);
struct cop__proc *cop__proc_new(struct cop__thr *self); /* NULL: system_limit */
void cop__proc_free(struct cop__thr *self, struct cop__proc *proc);
uint32_t cop__proc_used(void); /* slots ever used */

/* --- stacks (stack.c) ---------------------------------------------------------------------------
 */

bool cop__stacks_start(uint32_t processes); /* address space for so many */
void cop__stacks_stop(void);
struct cop__stack *cop__stack_get_slow(struct cop__sched *sched, int class);
static inline struct cop__stack *cop__stack_get(struct cop__sched *sched, int class)
{
    struct cop__stack *stack = sched->stacks;

    if (cop__unlikely(class != COP__STACK_SMALL || !stack))
        return cop__stack_get_slow(sched, class);
    sched->stacks = stack->next;
    sched->stack_count--;
    return stack;
}

void cop__stack_put_slow(struct cop__sched *sched, struct cop__stack *stack);
static inline void cop__stack_put(struct cop__sched *sched, struct cop__stack *stack)
{
    if (cop__unlikely(stack->class != COP__STACK_SMALL || sched->stack_count >= COP__STACKS_HOT)) {
        cop__stack_put_slow(sched, stack);
        return;
    }
    stack->next = sched->stacks;
    sched->stacks = stack;
    sched->stack_count++;
}

void cop__stacks_give_back(struct cop__sched *sched);
uint64_t cop__stacks_made(void);
char *cop__stack_slot(const struct cop__stack *stack); /* its lowest byte, under the guards */
/* Of the monitor, every so often: give the memory of stacks that were not used since the last age
 * back to the system. True: there are more. */
bool cop__stacks_trim(void);
bool cop__stacks_age(void); /* true: there are free ones */
COP_NORETURN void cop__canary_died(const struct cop__proc *proc);

/* --- signals (signal.c)
 * --------------------------------------------------------------------------- */

void cop__signal_received(struct cop__thr *self, struct cop__proc *proc, struct cop__msg *msg);
/* The two that signals from other nodes end in; both take msg. */
void cop__exit_received(
    struct cop__thr *self, struct cop__proc *proc, struct cop__msg *msg, bool link);
void cop__down_received(struct cop__thr *self, struct cop__proc *proc, struct cop__msg *msg);
/* What becomes of a signal whose receiver is gone. */
void cop__signal_refused(struct cop__thr *self, struct cop__msg *msg, cop_term reason);
void cop__answer(
    struct cop__thr *self, struct cop__msg *call, enum cop__msg_kind kind, cop_term answer);
bool cop__signal_send(
    struct cop__thr *self, uint64_t to, enum cop__msg_kind kind, uint64_t ref, cop_term term);
struct cop__monitor *cop__monitor_find(const struct cop__proc *proc, uint64_t ref);
struct cop__monitor *cop__monitor_new(struct cop__thr *self, struct cop__proc *proc);
/* On the side of who is monitored. */
void cop__watcher_add(struct cop__proc *proc, uint64_t ref, uint64_t watcher);
void cop__watcher_remove(struct cop__proc *proc, uint64_t ref);
void cop__monitor_drop(struct cop__thr *self, struct cop__proc *proc, struct cop__monitor *monitor);
bool cop__aliased_accept(struct cop__thr *self, struct cop__proc *proc, struct cop__msg *msg);

/* --- links (link.c)
 * --------------------------------------------------------------------------------- */

void cop__link_add(struct cop__proc *proc, uint64_t other);
bool cop__link_remove(struct cop__proc *proc, uint64_t other); /* was there and active */
bool cop__link_active(const struct cop__proc *proc, uint64_t other);
uint64_t *cop__link_unlinking(
    const struct cop__proc *proc, uint64_t other); /* number, NULL: not unlinking */

/* --- scheduling (sched.c, idle.c)
 * ------------------------------------------------------------------- */

/* From a process: give the scheduler away for `act`; comes back on whatever thread. */
struct cop__thr *cop__switch_out(struct cop__thr *self, enum cop__act act);
struct cop__thr *cop__yield_inside(struct cop__thr *self);
struct cop__thr *cop__charge_slow(struct cop__thr *self); /* the budget is used up */
void cop__scheduler_main(struct cop__thr *self);
void cop__wake_idle(void);
void cop__wake_all(void);
bool cop__sched_start(uint32_t count);
void cop__sched_stop(void);
/* loop.c: first frame of every activation */
COP_NORETURN void cop__run_entry(struct cop__thr *self, struct cop__proc *left);
void cop__search_end(struct cop__thr *self);

/* Wait for a message or signal, and take in what came (receive.c). */
struct cop__thr *cop__wait_any(struct cop__thr *self, struct cop__proc *proc);

/* Counts work against the budget; yields when it is used up. */
static inline struct cop__thr *cop__charge(struct cop__thr *self, int32_t cost)
{
    self->budget -= cost;
    return cop__unlikely(self->budget < 0) && self->current ? cop__charge_slow(self) : self;
}

/* --- timers (timer.c)
 * ------------------------------------------------------------------------------- */

struct cop__timer *cop__timer_new(struct cop__thr *self);
/* now_ns: if the caller has just looked at the clock, else 0. */
void cop__timer_arm(
    struct cop__thr *self, struct cop__timer *timer, uint64_t when_ms, uint64_t now_ns);
/* True: it was armed, and will not fire; the node belongs to the wheel, which frees it. */
bool cop__timer_cancel(struct cop__thr *self, struct cop__timer *timer);
/* The two halves of cancel: win the race against firing, then give the node to its wheel. */
bool cop__timer_try_cancel(struct cop__timer *timer);
void cop__timer_discard(struct cop__thr *self, struct cop__timer *timer);
void cop__timers_run(struct cop__thr *self);
void cop__wheel_start(struct cop__sched *sched, uint64_t now_ms);
void cop__wheel_stop(struct cop__thr *self, struct cop__sched *sched);
/* Frees timers toward processes that have ended: looks at so many of those of the own wheel that
 * are not due within a second. */
void cop__timers_sweep(struct cop__thr *self, unsigned count);
void cop__timer_cancel_if_dead(struct cop__thr *self, struct cop__timer *timer); /* timer_api.c */
static inline bool cop__timer_is_far(const struct cop__timer *timer)
{
    return timer->slot >= COP__WHEEL_NEAR;
}
/* A timer with a message is due: send it and free the node (timer_api.c). */
void cop__timer_deliver(struct cop__thr *self, struct cop__timer *timer);
void cop__timers_node_start(void);
void cop__timers_node_stop(struct cop__thr *self);
/* Of the running process: wake it at the deadline (monotonic ns). */
void cop__deadline_set(struct cop__thr *self, struct cop__proc *proc, uint64_t deadline_ns);
static inline void cop__deadline_clear(struct cop__proc *proc)
{
    if (proc->ext)
        proc->ext->deadline_ns = 0;
}
bool cop__deadline_passed(struct cop__proc *proc);
/* Milliseconds from now as a deadline; COP_INFINITY: UINT64_MAX. Raises timeout_value (P-28). */
enum { COP__PAST = 1 }; /* a deadline that has passed, without a look at the clock */
uint64_t cop__deadline_in(int64_t timeout_ms);

/* --- process memory, dictionary (memory.c, dictionary.c)
 * ---------------------------------------------- */

struct cop__ext *cop__ext_new(struct cop__proc *proc);
static inline struct cop__ext *cop__ext_of(struct cop__proc *proc) /* made when missing */
{
    return cop__likely(proc->ext != NULL) ? proc->ext : cop__ext_new(proc);
}
void cop__ext_trim(
    struct cop__thr *self, struct cop__proc *proc); /* frees it when nothing is in it */
void cop__ext_free(struct cop__thr *self, struct cop__proc *proc);
void cop__memory_free_all(struct cop__thr *self, struct cop__proc *proc);
void cop__dictionary_free(struct cop__proc *proc);
void cop__defers_run(struct cop__proc *proc, struct cop__defer *until); /* raise.c */
/* The end of a turn: its messages and the terms on its heap go. */
static inline void cop__turn_clear(struct cop__thr *self, struct cop__proc *proc)
{
    struct cop__msg *msg;

    while ((msg = proc->turn)) {
        proc->turn = msg->next;
        cop__msg_free(self, msg);
    }
    if (cop__likely(proc->stack != NULL))
        cop__heap_reset(&proc->stack->heap);
}

/* An exit signal that says to be from `from`: a pid, or undefined (exit.c). rt odd. */
void cop__exit_as(struct cop__thr *self, uint64_t to, cop_term from, cop_term reason);

/* --- life (spawn.c, exit.c, raise.c)
 * ------------------------------------------------------------------ */

struct cop__origin *cop__origin_for(struct cop__thr *self, struct cop__proc *parent,
    cop_process_main *entry, const struct cop_spawn_options *options);
void cop__origin_release(struct cop__thr *self, struct cop__origin *origin, uint32_t count);
void cop__origins_give_back(struct cop__thr *self, struct cop__sched *sched); /* at node stop */
COP_NORETURN void cop__exit_process(struct cop__thr *self, struct cop__proc *proc, cop_term reason);
/* Act on what signals have asked of the process: end it, or hold it while it is suspended. To be
 * called after each fetch, on the process's own stack; may come back on another thread. */
struct cop__thr *cop__obey_slow(struct cop__thr *self, struct cop__proc *proc);
static inline struct cop__thr *cop__obey(struct cop__thr *self, struct cop__proc *proc)
{
    if (cop__unlikely(cop__load(proc->flags) & (COP__P_DOOMED | COP__P_SUSPENDED)))
        return cop__obey_slow(self, proc);
    return self;
}
void cop__info_answer(
    struct cop__thr *self, struct cop__proc *proc, struct cop__msg *request); /* info.c */
void cop__crash_main(struct cop__thr *self, struct cop__proc *proc);
COP_NORETURN void cop__badarg(const char *function);
cop_pid cop__leader_of(const struct cop__proc *proc); /* id 0: the node's */

/* What the log layer is told; set by src/otp (one of the upward calls of ARCHITECTURE.md). */
/* The whole life of a node; src/otp/main.c makes it cop_run_main. */
int cop__node_run(
    int (*fn)(int argc, char **argv), int argc, char **argv, const struct cop_options *options);
void cop__serve_reports(void (*process_error)(cop_pid pid, cop_term exit_reason),
    void (*crash)(enum cop_class class, cop_term reason, cop_term stack));
extern void (*cop__report_process_error)(cop_pid pid, cop_term exit_reason);
extern void (*cop__report_crash)(enum cop_class class, cop_term reason, cop_term stack);

/* --- receiving, calls (receive.c, call.c)
 * ------------------------------------------------------------- */

/* Take msg, which follows prev (NULL: the first), out of the inner queue. */
void cop__queue_unlink(struct cop__proc *proc, struct cop__msg *prev, struct cop__msg *msg);
/* Put msg behind prev (NULL: to the front). */
void cop__queue_insert(struct cop__proc *proc, struct cop__msg *prev, struct cop__msg *msg);
/* Wait for the answer to proc->call_ref, which is behind mark and comes from a process (0: it
 * cannot wait for us). NULL: the time has passed. */
struct cop__msg *cop__call_wait(struct cop__thr *self, struct cop__proc *proc,
    struct cop__msg *mark, int64_t timeout_ms, uint64_t waits_for);
/* Send a signal that is answered as a call; the answer, or NULL when the receiver is gone. */
struct cop__msg *cop__signal_call(
    struct cop__thr *self, uint64_t to, enum cop__msg_kind kind, cop_term term);
cop_term cop__msg_term(const struct cop__msg *msg);   /* what its receiver sees */
cop_term cop__from_term(const struct cop__msg *call); /* {Pid, Tag} */

/* Flags of the BEAM's collector (flags.c): the value, or none when there is no such flag. */
cop_term cop__tuning(const struct cop__proc *proc, cop_term flag);
bool cop__tuning_valid(cop_term flag, cop_term value);

/* A copy of term that lives for the turn. */
cop_term cop__turn_copy(cop_term term);
cop_term cop__initial_call(const struct cop__proc *proc);
cop_term cop__dictionary_of(const struct cop__proc *proc);
cop_term cop__label_of(const struct cop__proc *proc); /* none when there is none */
void cop__os_signals_start(void);                     /* before the threads of the node */
void cop__os_signals_stop(void);
/* An orderly stop, served by src/otp when a tree runs (the third upward call). */
extern void (*cop__on_stop_node)(int status);

/* --- names (name.c)
 * ------------------------------------------------------------------------------------ */

bool cop__names_start(void);
void cop__names_stop(void);
uint64_t cop__whereis(uint32_t atom); /* id of a pid, or 0 */
void cop__name_release(struct cop__proc *proc);

/* --- the cluster hook: served by the dist layer, none by default
 * ------------------------------------------ */

/* A signal to a process of another node. */
enum cop__far_kind {
    COP__FAR_SEND_LINK,
    COP__FAR_SEND_UNLINK, /* number */
    COP__FAR_SEND_UNLINK_ACK,
    COP__FAR_SEND_EXIT,    /* reason: a link broke */
    COP__FAR_SEND_EXIT2,   /* reason: exit/2 */
    COP__FAR_SEND_MONITOR, /* ref; to: a pid or a name */
    COP__FAR_SEND_DEMONITOR,
    COP__FAR_SEND_DOWN, /* ref, reason; from: a pid or a name */
    COP__FAR_SEND_LEADER,
    COP__FAR_SEND_SPAWN /* ref; to: {M, F, Arity}; reason: {Leader, Options, Arguments} */
};
struct cop__far_signal {
    enum cop__far_kind kind;
    uint32_t node;       /* atom */
    uint64_t connection; /* over which; 0: whichever there is, made if there is none */
    cop_term from, to, ref, reason;
    uint64_t number;
};

struct cop__remote {
    enum cop_send_result (*send)(cop_dest to, cop_term message, unsigned flags); /* rt even */
    /* The rest with rt odd. */
    void (*signal)(const struct cop__far_signal *signal);
    /* The number of the connection to node, made when there is none; process will hear of its end
     * (COP__NODE_DOWN). 0: there is no way there. */
    uint64_t (*join)(uint32_t node, uint64_t process);
    void (*leave)(uint64_t connection, uint64_t process);
    cop_term (*nodes)(void); /* rt even */
};
/* A node came or went: whoever watches hears of it (watch_nodes.c). reason: an atom, of its going.
 */
void cop__nodes_changed(uint32_t name, bool up, bool visible, uint32_t reason);

extern const struct cop__remote cop__unreachable; /* the default */
extern _Atomic(const struct cop__remote *) cop__remote_now;
static inline const struct cop__remote *cop__cluster(void)
{
    return cop__load_acquire(cop__remote_now);
}

/* --- destinations (send.c) */

bool cop__dest_is_remote(cop_dest dest);
/* In a part of a node (dist/parts.c): the atom of the node that it is of, where names that are not
 * known here may be; else 0. */
extern _Atomic(uint32_t) cop__names_elsewhere;
/* The destination, or, if it is a name that only the whole node may know, that name there. */
cop_dest cop__dest_or_elsewhere(cop_dest dest);
uint64_t cop__dest_local(
    cop_dest dest); /* id of the process it means now, or 0; calls via modules: rt even */

/* --- references (reference.c)
 * ------------------------------------------------------------------------------ */

uint64_t cop__ref_new(struct cop__proc *proc); /* NULL: from outside any process */
static inline uint64_t cop__ref_owner_index(uint64_t ref)
{
    return ref >> 4 & 0xffffff;
}

#endif
