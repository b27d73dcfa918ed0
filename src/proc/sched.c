/* SPDX-License-Identifier: Apache-2.0 */
/* Schedulers: where a process that became runnable waits for its turn, which one is next, and the
 * base loop that runs it. activation.h has how one process follows another, and idle.c what happens
 * when there is none.
 *
 * Search order: every 64th turn the global queue and the poller; due timers; the lifo slot; the
 * ring; the global queue; the poller; stealing. Wake rules W1 to W8 are in README.md. */
#include "proc/activation.h"
#include "proc/attend.h"
#include "proc/fault.h"
#include "proc/handoff.h"
#include "proc/idle.h"
#include "proc/simulate.h"

#include "base/clock.h"
#include "base/network.h"
#include "base/poller.h"

enum { GLOBAL_SHARE_MAX = 64, LOOK_AT_ALL_EVERY = 4 * COP__LOOK_EVERY };

/* One mutex-like lock for what is rare: overflow of rings, processes made runnable from outside,
 * and those of other priorities than normal. Counters beside it for a look without locking. */
static struct {
    _Alignas(64) struct cop__spinlock lock;
    struct list {
        struct cop__proc *first, **last;
        _Atomic(uint32_t) count;
        bool urgent; /* counted in cop__urgent too */
    } normal, low, high, max;
} global;

_Atomic(uint32_t) cop__urgent;

void (*cop__on_poll_event)(uint64_t data, uint32_t events);

static void list_init(struct list *list, bool urgent)
{
    list->first = NULL;
    list->last = &list->first;
    list->urgent = urgent;
    cop__store(list->count, 0);
}

static void list_put(struct list *list, struct cop__proc *proc)
{
    cop__set_next(&proc->next, NULL);
    cop__set_next(list->last, proc);
    list->last = &proc->next;
    cop__store(list->count, cop__load(list->count) + 1);
    if (list->urgent)
        atomic_fetch_add(&cop__urgent, 1);
}

static struct cop__proc *list_take(struct list *list)
{
    struct cop__proc *proc = list->first;

    if (!proc)
        return NULL;
    list->first = proc->next;
    if (!list->first)
        list->last = &list->first;
    cop__store(list->count, cop__load(list->count) - 1);
    if (list->urgent)
        atomic_fetch_sub(&cop__urgent, 1);
    return proc;
}

static struct cop__proc *take_from(struct list *list)
{
    struct cop__proc *proc;

    if (!cop__load(list->count))
        return NULL;
    cop__spin_lock(&global.lock);
    proc = list_take(list);
    cop__spin_unlock(&global.lock);
    return proc;
}

bool cop__global_work(void)
{
    return atomic_load(&global.normal.count) || atomic_load(&global.low.count) ||
           atomic_load(&global.high.count) || atomic_load(&global.max.count);
}

void cop__global_put(struct cop__proc *proc)
{
    struct list *list = proc->priority == COP_MAX    ? &global.max
                        : proc->priority == COP_HIGH ? &global.high
                        : proc->priority == COP_LOW  ? &global.low
                                                     : &global.normal;

    cop__spin_lock(&global.lock);
    list_put(list, proc);
    cop__spin_unlock(&global.lock);
}

/* A fair share of the global queue: one to run, the rest to the ring. */
static struct cop__proc *take_global(struct cop__sched *sched)
{
    struct cop__proc *proc;
    uint32_t share;

    if (!cop__load(global.normal.count))
        return NULL;
    cop__spin_lock(&global.lock);
    proc = list_take(&global.normal);
    share = cop__load(global.normal.count) / cop__node.scheds;
    if (share > GLOBAL_SHARE_MAX)
        share = GLOBAL_SHARE_MAX;
    while (proc && share-- && global.normal.first && cop__ring_put(sched, global.normal.first))
        list_take(&global.normal);
    cop__spin_unlock(&global.lock);
    return proc;
}

/* The ring is full: half of it goes to the global queue. */
static void overflow(struct cop__sched *sched, struct cop__proc *proc)
{
    cop__spin_lock(&global.lock);
    for (int i = 0; i < COP__RING / 2; i++) {
        struct cop__proc *moved = cop__ring_take(sched);

        if (!moved)
            break;
        list_put(&global.normal, moved);
    }
    list_put(&global.normal, proc);
    cop__spin_unlock(&global.lock);
}

static void put(struct cop__sched *sched, struct cop__proc *proc)
{
    if (!cop__ring_put(sched, proc))
        overflow(sched, proc);
}

/* All but the first process that another one readies. */
void cop__ready_slow(struct cop__thr *self, struct cop__proc *proc)
{
    struct cop__sched *sched = self->sched;
    struct cop__proc *before;

    if (!sched || cop__unlikely(proc->priority != COP_NORMAL)) {
        cop__global_put(proc);
        cop__wake_idle();
        return;
    }
    if (!self->current) {
        /* The base loop readies it (timer, poll): with nothing else to do it will run it itself
         * (W3). */
        bool alone = !cop__load(sched->lifo) && cop__ring_length(sched) == 0;

        put(sched, proc);
        if (!alone)
            cop__wake_for(sched);
        return;
    }
    before = cop__load(sched->lifo);
    cop__store(sched->lifo, proc);
    if (before) {
        put(sched, before);
        cop__wake_for(sched); /* W2 */
    }
}

struct cop__proc *cop__ring_steal(struct cop__sched *thief, struct cop__sched *victim)
{
    struct cop__proc *taken[COP__RING / 2];

    for (;;) {
        uint32_t head = cop__load_acquire(victim->head),
                 length = cop__load_acquire(victim->tail) - head;

        if (length > COP__RING)
            continue;
        length -= length / 2;
        if (!length)
            return NULL;
        for (uint32_t i = 0; i < length; i++)
            taken[i] = cop__load(victim->ring[(head + i) % COP__RING]);
        if (!atomic_compare_exchange_weak_explicit(
                &victim->head, &head, head + length, memory_order_acq_rel, memory_order_relaxed))
            continue;
        for (uint32_t i = 1; i < length; i++)
            put(thief, taken[i]);
        cop__store(thief->steals, cop__load(thief->steals) + 1);
        return taken[0];
    }
}

void cop__poll_now(void)
{
    struct cop__poll_event events[COP__POLL_MAX];
    int count = cop__poller_wait(events, COP__POLL_MAX, 0);

    cop__polled();
    cop__polled_events(events, count);
}

void cop__polled_events(struct cop__poll_event *events, int count)
{
    for (int i = 0; i < count; i++) {
        int first = i + (int)cop__choose(COP__CHOOSE_FD, (uint32_t)(count - i));
        struct cop__poll_event event = events[first];

        events[first] = events[i];
        cop__on_poll_event(event.data, event.events);
    }
}

static struct cop__proc *steal(struct cop__thr *self)
{
    struct cop__sched *sched = self->sched;
    uint64_t now_ns;

    if (cop__node.scheds < 2 || !cop__search_begin(self))
        return NULL;
    now_ns = cop__now_ns();
    for (int round = 0; round < 4; round++) {
        uint32_t start = (uint32_t)(cop__random_next(&sched->random) % cop__node.scheds);

        for (uint32_t i = 0; i < cop__node.scheds; i++) {
            struct cop__sched *victim = cop__node.sched[(start + i) % cop__node.scheds];
            struct cop__proc *proc = NULL;

            if (victim != sched && cop__worth_stealing(victim, now_ns) &&
                !cop__chance(COP__CHOOSE_STEAL, 4))
                proc = cop__ring_steal(sched, victim);
            if (proc)
                return proc;
        }
    }
    return NULL;
}

/* Any of those in the ring comes to its front. */
static void choose_next(struct cop__sched *sched)
{
    if (cop__likely(!cop__choosing))
        return;
    for (uint32_t passed = cop__choose(COP__CHOOSE_NEXT, cop__ring_length(sched)); passed; passed--)
        put(sched, cop__ring_take(sched));
}

static struct cop__proc *find_work(struct cop__thr *self)
{
    struct cop__proc *proc;

    for (;;) {
        struct cop__sched *sched = self->sched;
        uint64_t turn = cop__load(sched->turns) + 1;
        bool look = turn % COP__LOOK_EVERY == 0, ring_first;

        if (cop__unlikely(cop__load(cop__node.stopping)))
            return NULL;
        if (cop__unlikely(look)) {
            if (turn % LOOK_AT_ALL_EVERY == 0) {
                if ((proc = take_global(sched)))
                    return proc;
                if (cop__poller_in_use() || cop__network_has_news())
                    cop__poll_now();
            }
            if ((proc = take_from(&global.low)))
                return proc;
            if (cop__load(sched->next_timer_ms) != UINT64_MAX || cop__load(sched->timer_inbox))
                cop__timers_run(self);
        }
        if (cop__unlikely(cop__load(cop__urgent)) &&
            ((proc = take_from(&global.max)) || (proc = take_from(&global.high))))
            return proc;
        ring_first = look || cop__chance(COP__CHOOSE_NEXT, 2);
        choose_next(sched);
        if ((!ring_first && (proc = cop__lifo_take(sched))) || (proc = cop__ring_take(sched)) ||
            (proc = cop__lifo_take(sched)) || (proc = take_global(sched)))
            return proc;
        if (cop__load(sched->next_timer_ms) != UINT64_MAX || cop__load(sched->timer_inbox))
            cop__timers_run(self);
        if (cop__poller_in_use() || cop__network_has_news())
            cop__poll_now();
        if ((proc = cop__ring_take(sched)) || (proc = take_from(&global.low)) ||
            (proc = steal(self)))
            return proc;
        cop__idle(self);
        if (!self->sched)
            return NULL; /* the node stops, or this thread is one too many */
    }
}

/* --- Running one -------------------------------------------------------------------------------
 */

#if COP__TSAN
/* TSan keeps a list of the frames of each fiber, to which abandoned ones would be added without
 * end. It follows a longjmp, so an activation that is abandoned first jumps back to this frame,
 * which is in no list. */
__attribute__((no_sanitize("thread"))) void cop__first_frame(
    struct cop__thr *self, struct cop__proc *left)
{
    struct cop__proc *proc = self->current;

    if (setjmp(proc->stack->fiber.entry) == 0)
        cop__run_entry(self, left);
    self = cop__self_thr();
    __tsan_switch_to_fiber(self->fiber.fiber, 0);
    cop__switch(&proc->sp, self->base_sp, self, proc);
}
#endif

static bool park_sig(struct cop__proc *proc)
{
    uint64_t word = cop__load(proc->mbox);

    for (;;) {
        if (word & COP__MBOX_PEND)
            return false; /* the fetch that follows clears it */
        if (atomic_compare_exchange_weak_explicit(&proc->mbox, &word, word | COP__MBOX_SIG,
                memory_order_release, memory_order_relaxed))
            return true;
    }
}

/* Behind all that is queued here; more than this scheduler can run now is surplus (W2, W3). */
void cop__queue_last(struct cop__thr *self, struct cop__proc *proc)
{
    struct cop__sched *sched = self->sched;
    bool alone = !self->current && !cop__load(sched->lifo) && cop__ring_length(sched) == 0;

    if (cop__unlikely(proc->priority != COP_NORMAL))
        cop__global_put(proc);
    else
        put(sched, proc);
    if (!alone)
        cop__wake_idle();
}

static void free_process(struct cop__thr *self, struct cop__proc *proc)
{
    cop__give_stack_back(self->sched, proc);
    cop__store(self->sched->exited, cop__load(self->sched->exited) + 1);
    cop__proc_free(self, proc);
}

__attribute__((noinline)) void cop__settle_slow(struct cop__thr *self, struct cop__proc *proc)
{
    switch (self->act) {
    case COP__ACT_WAIT_SIG:
        if (!park_sig(proc))
            cop__queue_last(self, proc);
        break;
    case COP__ACT_YIELD_LOOP:
        cop__give_stack_back(self->sched, proc);
        cop__queue_last(self, proc);
        break;
    case COP__ACT_YIELD:
        cop__queue_last(self, proc);
        break;
    case COP__ACT_EXIT:
        free_process(self, proc);
        break;
    default:
        break;
    }
}

/* From the base to the process; back comes whichever process went to the base, and is given. */
static struct cop__proc *switch_in(struct cop__thr *self, struct cop__proc *proc)
{
    struct cop__arrival back;

#if COP__ASAN
    cop__before_switch(&self->fiber, &proc->stack->fiber, false);
#elif COP__TSAN
    __tsan_switch_to_fiber(proc->stack->fiber.fiber, 0);
#endif
    back = cop__switch(&self->base_sp, proc->sp, self, NULL);
#if COP__ASAN
    __sanitizer_finish_switch_fiber(self->fiber.fake_stack, NULL, NULL);
#endif
    self->base.heap = &self->heap;
    return back.left;
}

struct cop__thr *cop__switch_out(struct cop__thr *self, enum cop__act act)
{
    return cop__switch_out_here(self, act);
}

static bool starts_anew(enum cop__act act)
{
    return act == COP__ACT_RESTART || act == COP__ACT_FAULT;
}

/* Not by a switch like others. False: the thread has no scheduler, and nothing more to do with the
 * process. */
static bool came_back(struct cop__thr *self, struct cop__proc *proc)
{
    if (self->act == COP__ACT_FAULT && cop__fault_landed(self, proc))
        return true;
    /* release: pairs with who asks whether the thread has let go (retire.h) */
    __atomic_store_n(&self->current, NULL, __ATOMIC_RELEASE);
    if (self->act == COP__ACT_LOST)
        cop__thread_detached(self, proc);
    return false;
}

static void run(struct cop__thr *self, struct cop__proc *proc)
{
    do {
        cop__begin(self, proc);
        if (cop__unlikely(cop__choosing))
            self->budget -= COP__BUDGET; /* all go the long way, where the choice points are */
        /* Still the same thread: a thread's base never moves. Its scheduler may have changed, and
         * others may have run since. */
        proc = switch_in(self, proc);
        if (cop__unlikely(self->act > COP__ACT_RESTART) && !came_back(self, proc))
            return;
        __atomic_store_n(&self->current, NULL, __ATOMIC_RELEASE);
        if (cop__unlikely(cop__choosing))
            self->budget += COP__BUDGET;
        cop__end(self, proc);
        if (cop__unlikely(starts_anew(self->act)))
            proc->sp = NULL;
        else
            cop__settle(self, proc);
    } while (cop__unlikely(starts_anew(self->act)));
    cop__store(self->sched->current, NULL);
}

void cop__scheduler_main(struct cop__thr *self)
{
    struct cop__proc *proc;

    while ((proc = find_work(self))) {
        cop__search_end(self);
        if (cop__unlikely(cop__simulated))
            cop__sim_step(self, proc);
        run(self, proc);
        if (cop__unlikely(!self->sched) && !cop__thread_park(self))
            break;
    }
}

/* --- From inside a process
 * --------------------------------------------------------------------------- */

struct cop__thr *cop__yield_inside(struct cop__thr *self)
{
    struct cop__proc *proc = self->current;

    if (cop__load(proc->flags) & COP__P_EXITING)
        return self;
    self = cop__switch_out(self, COP__ACT_YIELD);
    if (cop__load(proc->mbox) & COP__MBOX_PEND) {
        cop__fetch(self, proc);
        self = cop__obey(self, proc);
    }
    return self;
}

struct cop__thr *cop__charge_slow(struct cop__thr *self)
{
    if (cop__likely(!cop__choosing))
        return cop__yield_inside(self);
    if (cop__simulated)
        cop__sim_crash_point(self, self->current);
    return cop__chance(COP__CHOOSE_YIELD, 8) ? cop__yield_inside(self) : self;
}

void cop__global_start(void)
{
    list_init(&global.normal, false);
    list_init(&global.low, false);
    list_init(&global.high, true);
    list_init(&global.max, true);
    cop__store(cop__urgent, cop__choosing);
}
