/* SPDX-License-Identifier: Apache-2.0 */
/* Schedulers: where a process that became runnable waits for its turn, which one is next, and the
 * base loop that runs it. idle.c has what happens when there is nothing.
 *
 * Search order: every 64th pick the global queue and the poller; due timers; the lifo slot; the
 * ring; the global queue; the poller; stealing. Wake rules W1 to W5 are in README.md. */
#include "proc/proc.h"
#include "proc/handoff.h"
#include "proc/idle.h"
#include "proc/run_queue.h"
#include "proc/switch.h"

#include "base/clock.h"
#include "base/poller.h"

enum { LIFO_RUN_MAX = 16, GLOBAL_SHARE_MAX = 64, LOW_EVERY = 8, CLOCK_EVERY = 16 };

/* One mutex-like lock for what is rare: overflow of rings, processes made runnable from outside,
 * and those of other priorities than normal. Counters beside it for a look without locking. */
static struct {
    _Alignas(64) struct cop__spinlock lock;
    struct list {
        struct cop__proc *first, **last;
        _Atomic(uint32_t) count;
    } normal, low, high, max;
} global;

void (*cop__on_poll_event)(uint64_t data, uint32_t events);

static void list_init(struct list *list)
{
    list->first = NULL;
    list->last = &list->first;
    cop__store(list->count, 0);
}

static void list_put(struct list *list, struct cop__proc *proc)
{
    proc->next = NULL;
    *list->last = proc;
    list->last = &proc->next;
    cop__store(list->count, cop__load(list->count) + 1);
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
    for (int i = 0; i < count; i++)
        cop__on_poll_event(events[i].data, events[i].events);
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

            if (victim != sched && cop__worth_stealing(victim, now_ns))
                proc = cop__ring_steal(sched, victim);
            if (proc)
                return proc;
        }
    }
    return NULL;
}

static struct cop__proc *take_lifo(struct cop__sched *sched)
{
    struct cop__proc *proc = cop__load(sched->lifo);

    if (proc)
        cop__store(sched->lifo, NULL);
    return proc;
}

/* The next process, if finding it takes no look beyond this scheduler and nothing else is due. */
static inline struct cop__proc *next_at_hand(struct cop__thr *self)
{
    struct cop__sched *sched = self->sched;
    struct cop__proc *proc = NULL;

    if (cop__unlikely((sched->tick + 1) % CLOCK_EVERY == 0 || cop__load(cop__node.stopping) ||
                      cop__load(global.max.count) || cop__load(global.high.count)))
        return NULL;
    if (cop__likely(sched->lifo_run < LIFO_RUN_MAX) && (proc = take_lifo(sched)))
        sched->lifo_run++;
    else if ((proc = cop__ring_take(sched)))
        sched->lifo_run = 0;
    if (proc)
        sched->tick++;
    return proc;
}

static struct cop__proc *find_work(struct cop__thr *self)
{
    struct cop__proc *proc;

    for (;;) {
        struct cop__sched *sched = self->sched;

        if (cop__unlikely(cop__load(cop__node.stopping)))
            return NULL;
        if (cop__unlikely(++sched->tick % CLOCK_EVERY == 0)) {
            if (sched->tick % 64 == 0) {
                if ((proc = take_global(sched)))
                    return proc;
                if (cop__poller_in_use())
                    cop__poll_now();
            }
            if (sched->tick % LOW_EVERY == 0 && (proc = take_from(&global.low)))
                return proc;
            if (cop__load(sched->next_timer_ms) != UINT64_MAX || cop__load(sched->timer_inbox))
                cop__timers_run(self);
        }
        if (cop__unlikely(cop__load(global.max.count)) && (proc = take_from(&global.max)))
            return proc;
        if (cop__unlikely(cop__load(global.high.count)) && (proc = take_from(&global.high)))
            return proc;
        if (sched->lifo_run < LIFO_RUN_MAX && (proc = take_lifo(sched))) {
            sched->lifo_run++;
            return proc;
        }
        sched->lifo_run = 0;
        if ((proc = cop__ring_take(sched)) || (proc = take_lifo(sched)) ||
            (proc = take_global(sched)))
            return proc;
        if (cop__load(sched->next_timer_ms) != UINT64_MAX || cop__load(sched->timer_inbox))
            cop__timers_run(self);
        if (cop__poller_in_use())
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
 *
 * A process that stops running goes straight to the next one when that is at hand, or to the base
 * loop. Either way it is settled (parked, queued, freed) by whoever arrives, on another stack than
 * its own (M2). */

#if COP__ASAN
static void before_switch(struct cop__fiber *save, const struct cop__fiber *to, bool abandon)
{
    __sanitizer_start_switch_fiber(abandon ? NULL : &save->fake_stack, to->bottom, to->size);
}
#endif

#if COP__ASAN || COP__TSAN
/* The frames that are on the stack now will never return. */
static bool abandons(enum cop__act act)
{
    return act == COP__ACT_IDLE || act == COP__ACT_YIELD_LOOP || act == COP__ACT_EXIT ||
           act == COP__ACT_RESTART;
}
#endif

#if COP__TSAN
/* TSan keeps a list of the frames of each fiber, to which abandoned ones would be added without
 * end. It follows a longjmp, so an activation that is abandoned first jumps back to this frame,
 * which is in no list. */
static __attribute__((no_sanitize("thread"))) void first_frame(void *arg)
{
    struct cop__proc *proc = arg;
    struct cop__thr *self;

    if (setjmp(proc->stack->fiber.entry) == 0)
        cop__run_entry(proc);
    self = cop__self_thr();
    __tsan_switch_to_fiber(self->fiber.fiber, 0);
    cop__switch(&proc->sp, self->base_sp);
}
#else
#define first_frame cop__run_entry
#endif

static inline void give_stack_back(struct cop__sched *sched, struct cop__proc *proc)
{
    cop__stack_put(sched, proc->stack);
    proc->stack = NULL;
    proc->sp = NULL;
}

static void begin_on_stack(struct cop__proc *proc)
{
    struct cop__stack *stack = proc->stack;

#if COP__ASAN
    __asan_unpoison_memory_region(stack->lo, (size_t)((char *)stack->top - stack->lo));
    stack->fiber.fake_stack = NULL;
#endif
    stack->catch = NULL;
    proc->sp = cop__switch_prepare(stack->top, first_frame, proc);
}

/* Park for messages: fails when something came after the last fetch. The CAS expects an empty word.
 */
static inline bool park_any(struct cop__proc *proc)
{
    uint64_t word = cop__load(proc->mbox);

    for (;;) {
        if (word & (COP__MBOX_PTR | COP__MBOX_PEND))
            return false;
        /* release: a waker's acquire sees the saved context */
        if (atomic_compare_exchange_weak_explicit(&proc->mbox, &word, word | COP__MBOX_ANY,
                memory_order_release, memory_order_relaxed))
            return true;
    }
}

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
static void queue_last(struct cop__thr *self, struct cop__proc *proc)
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
    give_stack_back(self->sched, proc);
    cop__store(self->sched->exited, cop__load(self->sched->exited) + 1);
    cop__proc_free(self, proc);
}

static __attribute__((noinline)) void settle_slow(struct cop__thr *self, struct cop__proc *proc)
{
    switch (self->act) {
    case COP__ACT_WAIT_SIG:
        if (!park_sig(proc))
            queue_last(self, proc);
        break;
    case COP__ACT_YIELD_LOOP:
        give_stack_back(self->sched, proc);
        queue_last(self, proc);
        break;
    case COP__ACT_YIELD:
        queue_last(self, proc);
        break;
    case COP__ACT_EXIT:
        free_process(self, proc);
        break;
    default:
        break;
    }
}

/* What the process that was left wanted. It may run elsewhere as soon as it is parked or queued. */
static inline void settle(struct cop__thr *self, struct cop__proc *proc)
{
    if (self->act == COP__ACT_IDLE)
        give_stack_back(self->sched, proc);
    else if (cop__unlikely(self->act != COP__ACT_WAIT_ANY)) {
        settle_slow(self, proc);
        return;
    }
    if (cop__unlikely(!park_any(proc)))
        queue_last(self, proc);
}

/* The books of a process that begins to run here, and of one that stops. */
static inline void begin(struct cop__thr *self, struct cop__proc *proc)
{
    struct cop__sched *sched = self->sched;

    if (!proc->stack) {
        bool large = cop__load(proc->flags) & COP__P_LARGE_STACK;

        proc->stack = cop__stack_get(sched, large ? COP__STACK_LARGE : COP__STACK_SMALL);
        proc->sp = NULL;
    }
    if (!proc->sp)
        begin_on_stack(proc);
    cop__store(sched->current, proc);
    cop__store(sched->turns, cop__load(sched->turns) + 1);
    cop__store(proc->on, self);
    self->current = proc;
    self->budget = COP__BUDGET;
    self->base.heap = &proc->stack->heap;
}

static inline void end(struct cop__thr *self, struct cop__proc *proc)
{
    struct cop__sched *sched = self->sched;
    uint32_t used = (uint32_t)(COP__BUDGET - self->budget);

    proc->reductions += used;
    cop__store(sched->reductions, cop__load(sched->reductions) + used);
    cop__store(proc->on, NULL);
}

/* From the base to the process; back comes whichever process went to the base. */
static void switch_in(struct cop__thr *self, struct cop__proc *proc)
{
    self->left = NULL;
#if COP__ASAN
    before_switch(&self->fiber, &proc->stack->fiber, false);
#elif COP__TSAN
    __tsan_switch_to_fiber(proc->stack->fiber.fiber, 0);
#endif
    cop__switch(&self->base_sp, proc->sp);
#if COP__ASAN
    __sanitizer_finish_switch_fiber(self->fiber.fake_stack, NULL, NULL);
#endif
    self->base.heap = &self->heap;
}

/* First thing on a process's stack, and after each switch back to it. */
void cop__switched_in(void)
{
    struct cop__thr *self = cop__own_thr();
    struct cop__proc *left = self->left;

#if COP__ASAN
    struct cop__stack *stack = self->current->stack;
    struct cop__fiber from;

    __sanitizer_finish_switch_fiber(stack->fiber.fake_stack, &from.bottom, &from.size);
    stack->fiber.fake_stack = NULL;
    if (!left) { /* from the base: only so are its bounds known */
        self->fiber.bottom = from.bottom;
        self->fiber.size = from.size;
    }
#endif
    if (left) {
        self->left = NULL;
        settle(self, left);
    }
}

struct cop__thr *cop__switch_out(struct cop__thr *self, enum cop__act act)
{
    struct cop__proc *proc = self->current, *next = NULL;

    self->act = act;
    self->left = proc;
    if (act <= COP__ACT_STRAIGHT_LAST && !(COP__TSAN && act >= COP__ACT_IDLE))
        next = next_at_hand(self);
    if (next) {
        end(self, proc);
        begin(self, next);
#if COP__ASAN
        before_switch(&proc->stack->fiber, &next->stack->fiber, abandons(act));
#elif COP__TSAN
        __tsan_switch_to_fiber(next->stack->fiber.fiber, 0);
#endif
        cop__switch(&proc->sp, next->sp);
    } else {
#if COP__ASAN
        before_switch(&proc->stack->fiber, &self->fiber, abandons(act));
#elif COP__TSAN
        if (abandons(act))
            longjmp(proc->stack->fiber.entry, 1);
        __tsan_switch_to_fiber(self->fiber.fiber, 0);
#endif
        cop__switch(&proc->sp, self->base_sp);
    }
    cop__switched_in();
    return cop__own_thr();
}

static void run(struct cop__thr *self, struct cop__proc *proc)
{
    do {
        begin(self, proc);
        switch_in(self, proc);
        /* Still the same thread: a thread's base never moves. Its scheduler may have changed, and
         * others may have run since. */
        proc = self->left;
        self->current = NULL;
        if (cop__unlikely(self->act == COP__ACT_LOST)) {
            cop__thread_detached(self, proc);
            return;
        }
        end(self, proc);
        if (cop__unlikely(self->act == COP__ACT_RESTART))
            proc->sp = NULL;
        else
            settle(self, proc);
    } while (cop__unlikely(self->act == COP__ACT_RESTART));
    cop__store(self->sched->current, NULL);
}

void cop__scheduler_main(struct cop__thr *self)
{
    struct cop__proc *proc;

    while ((proc = find_work(self))) {
        cop__search_end(self);
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

void cop__global_start(void)
{
    list_init(&global.normal);
    list_init(&global.low);
    list_init(&global.high);
    list_init(&global.max);
}
