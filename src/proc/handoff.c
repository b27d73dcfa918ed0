/* SPDX-License-Identifier: Apache-2.0 */
/* Hand-off: a thread that blocks or computes in user code loses its scheduler, and what waits there
 * goes on at another thread. Announced by blocking sections, found out by a monitor otherwise.
 *
 * The hard idea: the owner must be able to enter the runtime with a store and a load, and yet only
 * one of owner and monitor may get the scheduler. The owner makes `rt` odd and then looks at
 * `claim`; the monitor sets `claim`, makes every store visible with membarrier, and then looks at
 * `rt`. One of the two sees the other (rules H1 to H7 in README.md; tests/models/claim.py).
 *
 * A process that runs on without a scheduler is *detached*. It notices at its next call of the
 * library, and goes to the global queue if no scheduler is idle. Until then only its thread knows
 * it: `proc->on`, which is where a signal that is to end running code will be sent. */
#include "proc/handoff.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "base/clock.h"
#include "base/poller.h"
#include "proc/attend.h"
#include "proc/crowd.h"
#include "proc/fault.h"
#include "proc/idle.h"
#include "proc/long_schedule.h"
#include "proc/run_queue.h"
#include "proc/simulate.h"

/* When the monitor looks, and what it does about a process that is there since the last look. */
static const struct times {
    uint64_t look_ns, look_stuck_ns; /* the latter while something was stuck in stuck_ns */
    uint64_t stuck_ns;
    uint64_t blocked_ns;    /* used less than a quarter of a processor: waits in the kernel */
    uint64_t next_ns;       /* holds up the process in the lifo slot, and another could run it */
    uint64_t yield_ns;      /* computes: ask it to yield, which costs nothing */
    uint64_t computing_ns;  /* computes and does not call: take the scheduler */
    uint64_t unattended_ns; /* nobody has looked at the poller */
} usual = { 1000000, 200000, 10000000, 200000, 100000, 2000000, 5000000, 10000000 },
  torture = { 20000, 20000, 10000000, 2, 2, 0, 1, 1000000 };

/* How long stacks are free before their memory goes back; COPPICE_STACKS_FREE_MS changes it. */
enum { STACKS_FREE_MS = 10000 };

enum { ASLEEP_NOT, ASLEEP, STOPPING };
_Atomic(uint32_t) cop__monitor_asleep; /* one of these; a futex */

/* What was seen of a scheduler at the last look at which it had changed. */
struct seen {
    struct cop__thr *thr;
    uint64_t turns;
    uint64_t since_ns, cpu_ns;
    uint64_t told_ns; /* when it was told of (long_schedule.c); 0: never */
};

static struct {
    pthread_t thread;
    bool running;
    const struct times *times;
    uint64_t stuck_until_ns, attended_ns, trim_at_ns, free_ns, random;
    bool to_trim; /* there may be free stacks */
    struct seen seen[64];
    _Atomic(uint64_t) hand_offs;
    struct cop__thr self; /* of the monitor: no scheduler, no process */
} monitor;

uint64_t cop__hand_offs(void)
{
    return cop__load(monitor.hand_offs);
}

/* Its owner has lost `sched`, or leaves it: nobody holds it now but the caller. */
static void detach(struct cop__sched *sched)
{
    cop__store(sched->current, NULL);
    cop__store(sched->turns, cop__load(sched->turns) + 1);
    cop__store(sched->thr, NULL); /* H4: before anybody else may hold it */
    cop__detached_count(1);
    atomic_fetch_add_explicit(&monitor.hand_offs, 1, memory_order_relaxed);
}

/* --- The owner's side ----------------------------------------------------------------------------
 */

/* The thread has no scheduler and its process wants to go on in the runtime: with an idle one, or
 * through the global queue on whatever thread. */
static struct cop__thr *come_back(struct cop__thr *self)
{
    int error = *cop__errno();

    cop__store(self->returns, cop__load(self->returns) + 1);
    cop__give_up(self);
    if (!cop__load(cop__node.stopping) && cop__take_any(self)) {
        cop__detached_count(-1);
        cop__store(self->sched->current, self->current);
        cop__store(self->sched->turns, cop__load(self->sched->turns) + 1);
        return self;
    }
    cop__detached_count(-1);
    self = cop__switch_out(self, COP__ACT_LOST);
    *cop__errno() = error; /* no call of the library changes it only because it came late */
    return self;
}

/* `claim` was not OWN: rt is odd already, and visible, since a CAS follows. */
static struct cop__thread *enter_slow(struct cop__thread *base)
{
    struct cop__thr *self = (struct cop__thr *)base;
    uint32_t claim = COP__CLAIM_CLAIM;
    int error;

    for (;;) {
        cop__torture_step();
        /* pairs with the monitor's CAS from CLAIM to LOST: one of the two succeeds */
        if (atomic_compare_exchange_strong(&base->claim, &claim, COP__CLAIM_OWN))
            break;
        if (claim == COP__CLAIM_OWN)
            return base; /* the monitor has backed out: no loss (H2) */
        if (claim == COP__CLAIM_LOST)
            return &come_back(self)->base;
    }
    if (claim == COP__CLAIM_CLAIM)
        return base;
    /* It was YIELD. At the end of a blocking section there is nothing to yield (H5); a process that
     * is ending goes on. */
    if (!self->sched || !self->current || cop__load(self->current->flags) & COP__P_EXITING)
        return base;
    error = *cop__errno();
    self = cop__switch_out(self, COP__ACT_YIELD);
    *cop__errno() = error;
    return &self->base;
}

/* A handler has made rt odd and jumped to the base (fault.c): the look at `claim` comes now. True:
 * the thread has a scheduler. */
bool cop__entered_at_base(struct cop__thr *self)
{
    uint32_t claim;

    atomic_thread_fence(
        memory_order_seq_cst); /* as that of enter, and this is no place to save one */
    do {
        claim = cop__load(self->base.claim);
        if (claim == COP__CLAIM_LOST)
            cop__give_up(self);
    } while (claim != COP__CLAIM_OWN && claim != COP__CLAIM_LOST &&
             !atomic_compare_exchange_weak(&self->base.claim, &claim, COP__CLAIM_OWN));
    if (self->sched)
        return true;
    cop__store(self->returns, cop__load(self->returns) + 1);
    cop__detached_count(-1);
    if (cop__load(cop__node.stopping) || !cop__take_any(self))
        return false;
    cop__store(self->sched->current, self->current);
    cop__store(self->sched->turns, cop__load(self->sched->turns) + 1);
    return true;
}

/* At the stop: a process that never waits leaves its scheduler at its next call. */
void cop__ask_to_yield(struct cop__thr *thr)
{
    uint32_t own = COP__CLAIM_OWN;

    atomic_compare_exchange_strong(&thr->base.claim, &own, COP__CLAIM_YIELD);
}

__attribute__((constructor)) static void serve_enter(void)
{
    cop__enter_slow = enter_slow;
}

void cop__thread_detached(struct cop__thr *self, struct cop__proc *proc)
{
    self->act = COP__ACT_NONE;
    cop__store(proc->on, NULL);
    cop__global_put(proc);
    cop__wake_idle();
}

/* --- Blocking sections ---------------------------------------------------------------------------
 */

/* Is there anything that would wait while this process blocks? Without an idle scheduler nobody is
 * in the poller, and nobody could be woken for what comes. */
static bool wanted_by_any(struct cop__sched *sched)
{
    return cop__idle_count() == 0 || cop__load(sched->lifo) || cop__ring_length(sched) ||
           cop__global_work() || cop__load(sched->next_timer_ms) != UINT64_MAX;
}

void cop_blocking_begin(void)
{
    struct cop__thr *self = (struct cop__thr *)cop__enter();
    struct cop__sched *sched = self->sched;

    if (sched && self->current && wanted_by_any(sched) &&
        (cop__spare_there() || cop__threads_room())) {
        cop__give_up(self);
        detach(sched);
        cop__hand_over(sched);
    }
    cop__leave(); /* kept, it can still be claimed */
}

void cop_blocking_end(void)
{
    struct cop__thr *self = (struct cop__thr *)cop__enter();

    if (self->current && !self->sched)
        come_back(self);
    cop__leave();
}

/* --- The monitor's side --------------------------------------------------------------------------
 */

static bool in_runtime(const struct cop__thr *thr)
{
    return cop__load_acquire(thr->base.rt) & 1;
}

/* Take `sched` from `thr`, if it is still in user code. True: the scheduler is ours. */
static bool claim(struct cop__sched *sched, struct cop__thr *thr, uint64_t turns)
{
    uint32_t was = COP__CLAIM_OWN;

    if (in_runtime(thr))
        return false;
    if (!atomic_compare_exchange_strong(&thr->base.claim, &was, COP__CLAIM_CLAIM) &&
        !(was == COP__CLAIM_YIELD &&
            atomic_compare_exchange_strong(&thr->base.claim, &was, COP__CLAIM_CLAIM)))
        return false;
    cop__torture_step();
    cop__heavy_fence(); /* pairs with the stores of cop__enter: rt, then the look at claim */
    cop__torture_step();
    /* acquire: pairs with the release of cop__leave; what it did to the scheduler is ours (H3) */
    if (in_runtime(thr) || cop__load(sched->turns) != turns || cop__load(sched->thr) != thr) {
        was = COP__CLAIM_CLAIM;
        atomic_compare_exchange_strong(&thr->base.claim, &was, COP__CLAIM_OWN);
        return false;
    }
    cop__torture_step();
    was = COP__CLAIM_CLAIM;
    return atomic_compare_exchange_strong(&thr->base.claim, &was, COP__CLAIM_LOST);
}

/* Does anything wait that only the holder of this scheduler can run? Rings and the global queue are
 * there for idle schedulers too; the lifo slot and the wheel are not. */
static bool wanted(struct cop__sched *sched, uint64_t now_ns)
{
    bool queued = cop__ring_length(sched) || cop__global_work();

    if (cop__clock_is_virtual())
        return false; /* where time stands still nothing takes long */
    if (monitor.times == &torture || cop__load(sched->lifo) ||
        cop__load(sched->next_timer_ms) <= now_ns / 1000000)
        return true;
    if (queued && cop__idle_count()) {
        cop__wake_idle();
        return false;
    }
    return queued;
}

/* The same process as at the last look: what is to be done about it? */
static void look_at_stuck(
    struct cop__sched *sched, struct seen *seen, uint64_t now_ns, uint64_t for_ns)
{
    const struct times *times = monitor.times;
    struct cop__thr *thr = seen->thr;
    bool blocked;

    if (in_runtime(thr))
        return;
    cop__long_look(sched, thr, seen->turns, &seen->told_ns, seen->since_ns, now_ns);
    monitor.stuck_until_ns = now_ns + times->stuck_ns;
    if (!wanted(sched, now_ns))
        return;
    /* A thread that waits for a processor looks blocked too: then the hand-off is of no use, but
     * does no harm. */
    blocked = (cop__clock_cpu_ns(thr->cpu_clock) - seen->cpu_ns) * 4 < for_ns;
    if ((blocked && for_ns >= times->blocked_ns) || for_ns >= times->computing_ns ||
        cop__chance(COP__CHOOSE_HAND_OFF, 8) ||
        (for_ns >= times->next_ns && cop__load(sched->lifo) && cop__idle_count())) {
        if (cop__fence_is_heavy() && (cop__spare_there() || cop__threads_room()) &&
            claim(sched, thr, seen->turns)) {
            cop__long_detached(thr, cop__load(sched->current), seen->told_ns, seen->since_ns);
            detach(sched);
            cop__hand_over(sched);
            seen->thr = NULL;
        }
    } else if (for_ns >= times->yield_ns) {
        cop__ask_to_yield(thr);
    }
}

/* An idle scheduler with a due timer has nobody but the thread in the poller, and that one may have
 * gone to run something. */
static bool left_behind(struct cop__sched *sched, uint64_t now_ns)
{
    return cop__load(sched->next_timer_ms) <= now_ns / 1000000;
}

static void look(uint64_t now_ns)
{
    bool attended = cop__poller_attended(), idle_wanted = false;

    for (uint32_t i = 0; i < cop__node.scheds; i++) {
        struct cop__sched *sched = cop__node.sched[i];
        struct cop__thr *thr = cop__load_acquire(sched->thr);
        struct seen *seen = &monitor.seen[i];
        uint64_t turns = cop__load(sched->turns);

        if (!thr || !cop__load(sched->current)) {
            seen->thr = NULL;
            idle_wanted |= !thr && left_behind(sched, now_ns);
        } else if (thr != seen->thr || turns != seen->turns) {
            *seen = (struct seen){ thr, turns, now_ns, cop__clock_cpu_ns(thr->cpu_clock), 0 };
            if (monitor.times == &torture)
                look_at_stuck(sched, seen, now_ns, cop__random_next(&monitor.random) % 3);
        } else {
            look_at_stuck(sched, seen, now_ns, now_ns - seen->since_ns);
        }
    }
    if (attended) {
        monitor.attended_ns = now_ns;
    } else if (cop__idle_count()) {
        /* It runs what is due, and then waits in the poller itself. */
        if (idle_wanted || now_ns - monitor.attended_ns >= 2 * monitor.times->look_ns)
            cop__wake_idle();
    } else if (cop__poller_in_use() &&
               now_ns - monitor.attended_ns >= monitor.times->unattended_ns) {
        cop__enter();
        cop__poll_now();
        cop__leave();
    }
}

static void trim_stacks(uint64_t now_ns)
{
    if (now_ns < monitor.trim_at_ns || cop__stacks_trim())
        return;
    monitor.to_trim = cop__stacks_age();
    monitor.trim_at_ns = now_ns + monitor.free_ns;
}

/* All schedulers are idle: nothing to look at until one is taken, but for what they left free. */
static void sleep_deep(void)
{
    const struct timespec wait = { (time_t)(monitor.free_ns / 1000000000),
        (long)(monitor.free_ns % 1000000000) };

    monitor.to_trim = true;
    while (cop__load(cop__monitor_asleep) == ASLEEP) {
        cop__futex_wait(&cop__monitor_asleep, ASLEEP, monitor.to_trim ? &wait : NULL);
        trim_stacks(cop__now_ns());
    }
    memset(monitor.seen, 0, sizeof monitor.seen);
}

void cop__monitor_wake_slow(void)
{
    uint32_t asleep = ASLEEP;

    if (atomic_compare_exchange_strong(&cop__monitor_asleep, &asleep, ASLEEP_NOT))
        cop__futex_wake(&cop__monitor_asleep, 1);
}

static void *monitor_main(void *unused)
{
    static uint64_t lent[512];
    uint64_t now_ns = cop__now_ns();

    (void)unused;
    memset(&monitor.self, 0, sizeof monitor.self);
    cop__heap_init(&monitor.self.heap, lent, sizeof lent / sizeof lent[0]);
    monitor.self.base.heap = &monitor.self.heap;
    if (monitor.times == &torture)
        prctl(PR_SET_TIMERSLACK, 1ul, 0ul, 0ul, 0ul);
    cop__thread_current = &monitor.self.base;
#if COP__TSAN
    monitor.self.fiber.fiber = __tsan_get_current_fiber();
#endif
    while (cop__load(cop__monitor_asleep) != STOPPING) {
        struct timespec wait = { 0,
            (long)(now_ns < monitor.stuck_until_ns ? monitor.times->look_stuck_ns
                                                   : monitor.times->look_ns) };

        cop__futex_wait(&cop__monitor_asleep, ASLEEP_NOT, &wait);
        if (cop__load(cop__monitor_asleep) == ASLEEP_NOT && !cop__kills_unheard() &&
            !cop__long_watching() && cop__all_idle(&cop__monitor_asleep)) {
            sleep_deep();
            now_ns = monitor.attended_ns = cop__now_ns();
            continue;
        }
        now_ns = cop__now_ns();
        look(now_ns);
        cop__crowd_look(now_ns);
        cop__kills_repeat();
        cop__long_look_detached(now_ns);
        trim_stacks(now_ns);
    }
    cop__thread_current = NULL;
    cop__heap_reset(&monitor.self.heap);
    return NULL;
}

void cop__monitor_start(void)
{
    const char *wanted = getenv("COPPICE_HAND_OFF"), *free_ms = getenv("COPPICE_STACKS_FREE_MS");
    sigset_t all, old;

    monitor.times = wanted && strcmp(wanted, "torture") == 0 ? &torture : &usual;
    memset(monitor.seen, 0, sizeof monitor.seen);
    monitor.stuck_until_ns = 0;
    monitor.attended_ns = cop__now_ns();
    monitor.free_ns = (free_ms ? strtoull(free_ms, NULL, 10) : STACKS_FREE_MS) * 1000000;
    monitor.trim_at_ns = monitor.attended_ns + monitor.free_ns;
    monitor.random = cop__clock_seed();
    cop__store(monitor.hand_offs, 0);
    cop__crowd_start();
    cop__store(cop__monitor_asleep, ASLEEP_NOT);
    if (cop__simulated || (wanted && strcmp(wanted, "off") == 0))
        return;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    if (pthread_create(&monitor.thread, NULL, monitor_main, NULL) != 0) {
        fputs("coppice: the node cannot start: no thread for the monitor\n", stderr);
        cop_halt(1);
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    monitor.running = true;
}

void cop__monitor_stop(void)
{
    if (!monitor.running)
        return;
    atomic_store(&cop__monitor_asleep, STOPPING);
    cop__futex_wake(&cop__monitor_asleep, 1);
    pthread_join(monitor.thread, NULL);
    cop__store(cop__monitor_asleep, ASLEEP_NOT);
    monitor.running = false;
}
