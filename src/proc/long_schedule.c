/* SPDX-License-Identifier: Apache-2.0 */
/* Who runs user code for long, and where it is.
 *
 * The hard idea: to find out where a thread is without disturbing it. One that computes is sent a
 * signal and walks its own stack in the handler. One that waits in the system must not be sent any,
 * or its call would fail with EINTR; but the system tells where it waits, and its stack stands
 * still, so it is walked from here. Should it go on meanwhile the walk finds nonsense, within the
 * bounds of the stack, which is found out afterwards and thrown away. */
#include "proc/long_schedule.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <coppice/runtime.h>

#include "base/lock.h"
#include "base/text.h"
#include "base/unwind.h"
#include "proc/backtrace.h"
#include "proc/fault.h"
#include "proc/handoff.h"
#include "proc/idle.h"
#include "proc/verdict.h"
#include "term/atoms.h"

enum { FRAMES = 16, DETACHED_MAX = 256, PATIENCE_NS = 1000000000 };

/* The teller is a process that finds the names, which takes long, and sends them on. It lives as
 * long as the setting it was made for. */
static struct {
    struct cop__spinlock lock;
    uint64_t receiver;
    _Atomic(uint64_t) teller; /* 0: tell nobody; the monitor looks without the lock */
    _Atomic(int64_t) threshold_ms;
} settings;

/* A process that runs on without a scheduler. */
static struct detached {
    struct cop__thr *thr; /* NULL: none */
    uint64_t id, told_ns, since_ns;
    uint32_t returns; /* of the thread, when it was detached: has it come back since? */
} detached[DETACHED_MAX];
static uint32_t detached_count;

/* The one thread that has been asked where it is. */
enum { NOBODY, ASKED, ANSWERED };
static struct {
    _Atomic(uint32_t) state;
    _Atomic(const struct cop__thr *) thr;
    uint64_t id, since_ns, asked_ns;
    uint32_t count;
    uintptr_t pcs[FRAMES];
} sample;

/* --- To the receiver -----------------------------------------------------------------------------
 */

static cop_term function_of(cop_term frames, const uintptr_t *pcs, uint32_t count)
{
    cop_term frame, module, function, arity;

    for (uint32_t i = 0; i < count && cop_list_next(&frame, &frames); i++) {
        const struct cop__text *text = cop__text_of(pcs[i]);

        if (text && text->kind == COP__TEXT_PROGRAM &&
            cop_match(frame, "{Module, Function, Arity, _}", &module, &function, &arity))
            return cop("{Module, Function, Arity}", module, function, arity);
    }
    return cop("undefined");
}

static void send_on(cop_pid receiver, cop_pid who, int64_t run_ms, cop_term list)
{
    uintptr_t pcs[FRAMES];
    uint32_t count = 0;
    cop_term item, frames;
    int64_t pc;

    while (count < FRAMES && cop_list_next(&item, &list)) {
        cop_must(cop_to_int(&pc, item));
        pcs[count++] = (uintptr_t)pc;
    }
    frames = cop__backtrace_of(pcs, count);
    cop_send(receiver,
        cop("{monitor, Who, long_schedule, [{timeout, RunMs}, {in, undefined}, {out, Function}, "
            "{stack, Frames}]}",
            who, run_ms, function_of(frames, pcs, count), frames));
}

static void teller_main(cop_term arg)
{
    uint64_t own = cop_self().id;
    cop_pid receiver, who;
    cop_term message, list;
    int64_t run_ms;
    cop_ref ref;

    cop_must(cop_to_pid(&receiver, arg));
    ref = cop_monitor(receiver);
    do {
        cop_turn_end();
        message = cop_receive();
        if (cop_match(message, "{tell, Who, RunMs, List}", &who, &run_ms, &list))
            send_on(receiver, who, run_ms, list);
    } while (!cop_match(message, "{'DOWN', Ref, process, _, _}", ref) &&
             !cop_match(message, "replaced"));
    atomic_compare_exchange_strong(&settings.teller, &own, 0);
}

/* Of the monitor, which is no process and must not fail. */
static void tell(uint64_t id, uint64_t run_ns, const uintptr_t *pcs, uint32_t count)
{
    uint64_t teller = cop__load(settings.teller);
    cop_term list = cop("[]");

    if (!teller)
        return;
    while (count)
        list = cop_cons(cop_int((int64_t)pcs[--count]), list);
    cop_send(cop__pid_of(teller),
        cop("{tell, Who, RunMs, List}", cop__pid_of(id), (int64_t)(run_ns / 1000000), list));
    cop_turn_end();
}

/* --- Where a thread is ---------------------------------------------------------------------------
 */

/* Of a thread that waits in the system, by what that says: number, six arguments, stack pointer,
 * instruction. False: it does not wait, or the system does not say. */
static bool waits_at(const struct cop__thr *thr, uintptr_t *ret_sp, uintptr_t *ret_pc)
{
    char text[256], *at = text;

    if (!cop__thread_file(text, sizeof text, thr, "syscall") || text[0] < '0' || text[0] > '9')
        return false; /* "running", "-1 ..." */
    for (int i = 0; i < 7; i++)
        strtoull(at, &at, 0);
    *ret_sp = (uintptr_t)strtoull(at, &at, 0);
    *ret_pc = (uintptr_t)strtoull(at, &at, 0);
    return *ret_sp && *ret_pc;
}

/* Reads what the process may be writing. */
__attribute__((no_sanitize("address", "thread"))) static uint32_t walk_waiting(
    uintptr_t *ret_pcs, const struct cop__proc *proc, uintptr_t sp, uintptr_t pc)
{
    const struct cop__stack *stack = *(struct cop__stack *const volatile *)&proc->stack;
    struct cop__frame frame = { .pc = pc, .known = 1u << COP__REG_SP };
    uint32_t count = 0;

    if (!stack)
        return 0;
    frame.stack_lo = (uintptr_t)stack->lo;
    frame.stack_hi = (uintptr_t)stack->top;
    if (sp < frame.stack_lo || sp >= frame.stack_hi)
        return 0;
    frame.reg[COP__REG_SP] = sp;
    do
        ret_pcs[count++] = frame.pc - frame.is_call;
    while (count < FRAMES && cop__unwind_step(&frame) == COP__UNWIND_CALLER);
    return count;
}

bool cop__long_sample(
    const struct cop__thr *self, const struct cop__proc *proc, const void *ucontext)
{
    /* acquire: pairs with ask */
    if (atomic_load_explicit(&sample.state, memory_order_acquire) != ASKED ||
        cop__load(sample.thr) != self)
        return false;
    sample.count = proc && cop__id_of(proc) == sample.id
                       ? cop__fault_walk(sample.pcs, FRAMES, ucontext, (uintptr_t)proc->stack->lo,
                             (uintptr_t)proc->stack->top, proc->stack)
                       : 0;
    /* release: pairs with take_answer */
    atomic_store_explicit(&sample.state, ANSWERED, memory_order_release);
    return true;
}

static void ask(const struct cop__thr *thr, uint64_t id, uint64_t since_ns, uint64_t now_ns)
{
    sample.id = id;
    sample.since_ns = since_ns;
    sample.asked_ns = now_ns;
    cop__store(sample.thr, thr);
    atomic_store_explicit(&sample.state, ASKED, memory_order_release);
    cop__look_at(thr);
}

/* One that does not answer has come back, or handles no signals: it is told of without a stack,
 * and its record is used for another when it is too late for an answer. */
static void take_answer(uint64_t now_ns)
{
    uint32_t asked = ASKED;

    switch (atomic_load_explicit(&sample.state, memory_order_acquire)) {
    case ASKED:
        if (now_ns - sample.asked_ns < PATIENCE_NS ||
            !atomic_compare_exchange_strong(&sample.state, &asked, NOBODY))
            return;
        tell(sample.id, sample.asked_ns - sample.since_ns, NULL, 0);
        break;
    case ANSWERED:
        tell(sample.id, sample.asked_ns - sample.since_ns, sample.pcs, sample.count);
        cop__store(sample.state, NOBODY);
        break;
    }
}

/* --- Who is there for long -----------------------------------------------------------------------
 */

static bool is_due(uint64_t told_ns, uint64_t since_ns, uint64_t now_ns)
{
    uint64_t first_ns = (uint64_t)cop__load(settings.threshold_ms) * 1000000;

    return now_ns - since_ns >= (told_ns ? 2 * (told_ns - since_ns) : first_ns);
}

/* False: another is being asked, so this one later. */
static bool look_at(struct cop__thr *thr, const struct cop__proc *proc, uint64_t id,
    bool (*is_there)(const void *run), const void *run, uint64_t since_ns, uint64_t now_ns)
{
    uintptr_t sp, pc, pcs[FRAMES];
    uint32_t count;

    if (waits_at(thr, &sp, &pc)) {
        count = walk_waiting(pcs, proc, sp, pc);
        if (is_there(run))
            tell(id, now_ns - since_ns, pcs, count);
        return true;
    }
    if (cop__on_fault() == COP_ON_FAULT_OFF) {
        tell(id, now_ns - since_ns, NULL, 0);
        return true;
    }
    if (cop__load(sample.state) != NOBODY)
        return false;
    ask(thr, id, since_ns, now_ns);
    return true;
}

/* With a scheduler: still in the stretch of user code that was seen. */
struct stretch {
    const struct cop__sched *sched;
    const struct cop__thr *thr;
    uint64_t turns;
};

static bool is_unchanged(const void *run)
{
    const struct stretch *s = run;

    return !(cop__load_acquire(s->thr->base.rt) & 1) && cop__load(s->sched->turns) == s->turns &&
           cop__load(s->sched->thr) == s->thr;
}

static bool is_detached(const void *run)
{
    const struct detached *d = run;

    return cop__load_acquire(d->thr->returns) == d->returns &&
           cop__load(d->thr->base.claim) == COP__CLAIM_LOST;
}

void cop__long_look(struct cop__sched *sched, struct cop__thr *thr, uint64_t turns,
    uint64_t *told_ns, uint64_t since_ns, uint64_t now_ns)
{
    const struct stretch stretch = { sched, thr, turns };
    struct cop__proc *proc;
    uint64_t id;

    if (!cop__load(settings.teller) || !is_due(*told_ns, since_ns, now_ns))
        return;
    proc = cop__load_acquire(sched->current);
    id = proc ? cop__id_of(proc) : 0;
    if (id && is_unchanged(&stretch) && /* so this is whom it is about */
        look_at(thr, proc, id, is_unchanged, &stretch, since_ns, now_ns))
        *told_ns = now_ns;
}

void cop__long_detached(
    struct cop__thr *thr, const struct cop__proc *proc, uint64_t told_ns, uint64_t since_ns)
{
    if (!cop__load(settings.teller) || !proc)
        return;
    for (int i = 0; i < DETACHED_MAX; i++) {
        if (detached[i].thr)
            continue;
        detached[i] =
            (struct detached){ thr, cop__id_of(proc), told_ns, since_ns, cop__load(thr->returns) };
        detached_count++;
        return;
    }
}

void cop__long_look_detached(uint64_t now_ns)
{
    if (cop__load(sample.state) != NOBODY)
        take_answer(now_ns);
    for (int i = 0; detached_count && i < DETACHED_MAX; i++) {
        struct detached *d = &detached[i];

        if (!d->thr)
            continue;
        if (!is_detached(d) || !cop__load(settings.teller)) {
            d->thr = NULL;
            detached_count--;
        } else if (is_due(d->told_ns, d->since_ns, now_ns) &&
                   look_at(
                       d->thr, cop__proc_of(d->id), d->id, is_detached, d, d->since_ns, now_ns)) {
            d->told_ns = now_ns;
        }
    }
}

bool cop__long_watching(void)
{
    return detached_count > 0 || cop__load(sample.state) != NOBODY;
}

/* --- Settings ------------------------------------------------------------------------------------
 */

void cop_system_monitor_set(cop_pid receiver, int64_t long_schedule_ms)
{
    cop_pid teller = { 0 };
    uint64_t before;

    if (receiver.id && (receiver.node || long_schedule_ms < 1))
        cop__badarg("system_monitor");
    if (receiver.id)
        teller = cop_spawn_opt(
            teller_main, cop("Receiver", receiver), NULL, .initial_call = "system_monitor");
    cop__enter();
    cop__spin_lock(&settings.lock);
    settings.receiver = receiver.id;
    cop__store(settings.threshold_ms, long_schedule_ms);
    before = atomic_exchange(&settings.teller, teller.id);
    cop__spin_unlock(&settings.lock);
    cop__leave();
    if (before)
        cop_send(cop__pid_of(before), cop("replaced"));
}

cop_pid cop_system_monitor(int64_t *ret_long_schedule_ms)
{
    cop_pid receiver;
    int64_t threshold_ms;

    cop__enter();
    cop__spin_lock(&settings.lock);
    receiver = cop__pid_of(settings.receiver);
    threshold_ms = cop__load(settings.threshold_ms);
    cop__spin_unlock(&settings.lock);
    cop__leave();
    if (receiver.id && !cop_is_alive(receiver))
        receiver = (cop_pid){ 0 };
    if (ret_long_schedule_ms)
        *ret_long_schedule_ms = receiver.id ? threshold_ms : 0;
    return receiver;
}

/* All is static: a node that follows begins with nothing. */
static void forget(void)
{
    settings.receiver = 0;
    cop__store(settings.teller, 0);
    cop__store(sample.state, NOBODY);
    for (int i = 0; i < DETACHED_MAX; i++)
        detached[i].thr = NULL;
    detached_count = 0;
}

static struct cop__node_hook hook = { .start = forget };

__attribute__((constructor)) static void add_hook(void)
{
    cop__node_hook_add(&hook);
}
