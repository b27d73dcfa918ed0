/* SPDX-License-Identifier: Apache-2.0 */
/* What happens when there is nothing to do: schedulers are given up and taken, threads wait, one of
 * them in the poller with the earliest timer as its deadline.
 *
 * The hard idea: work must not be put into a queue and stay there while all sleep. The putter
 * stores the work and then looks at the idle count; the sleeper counts itself idle and then looks
 * at the queues. One of the two sees the other, if neither's store is delayed past its look: the
 * sleeper, who has time, pays for that with membarrier, and the putter with a compiler barrier. */
#include "proc/idle.h"

#include <coppice/runtime.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "proc/attend.h"
#include "proc/crowd.h"
#include "proc/handoff.h"
#include "proc/run_queue.h"

/* membarrier(2): the kernel's header is not everywhere a C library is. */
enum { MEMBARRIER_PRIVATE_EXPEDITED = 8, MEMBARRIER_REGISTER_PRIVATE_EXPEDITED = 16 };
/* Spares beyond these end when nobody has wanted them for so long. */
enum { SPARES_BEYOND_SCHEDS = 1 };
#define SPARE_NS 10000000000ull

static struct {
    _Alignas(64) _Atomic(uint32_t) scheds; /* how many are idle */
    _Atomic(uint32_t) searching;           /* threads that look for work to steal */
    struct cop__spinlock lock;             /* the two lists */
    struct cop__sched *first;
    struct cop__thr *spare;
    _Atomic(uint32_t) spares;
    _Atomic(uint32_t) detached; /* threads in user code that have no scheduler */
    _Atomic(uint64_t) wakes, waits;
    bool membarrier;
} idle;

/* The sleeper's side of the pair above. */
void cop__heavy_fence(void)
{
    atomic_thread_fence(memory_order_seq_cst);
    if (idle.membarrier)
        syscall(SYS_membarrier, MEMBARRIER_PRIVATE_EXPEDITED, 0, 0);
}

bool cop__fence_is_heavy(void)
{
    return idle.membarrier;
}

/* The putter's side. */
static inline void light_fence(void)
{
    if (cop__likely(idle.membarrier) && !COP__TSAN)
        atomic_signal_fence(memory_order_seq_cst);
    else
        atomic_thread_fence(memory_order_seq_cst);
}

/* --- Giving and taking schedulers --------------------------------------------------------------
 */

void cop__take(struct cop__thr *self, struct cop__sched *sched)
{
    self->sched = sched;
    self->base.blocks = &sched->blocks;
    /* Whatever became of the last one. Before `thr`, through which the monitor finds us. */
    cop__store(self->base.claim, COP__CLAIM_OWN);
    cop__store_release(sched->thr, self);
}

static void put_idle(struct cop__sched *sched)
{
    cop__store(sched->thr, NULL);
    sched->next_idle = idle.first;
    idle.first = sched;
    atomic_fetch_add_explicit(&idle.scheds, 1, memory_order_relaxed);
}

/* The one whose timer is due soonest, so that nobody's timers are left behind. The lock is held. */
static struct cop__sched *take_idle(void)
{
    struct cop__sched **best = &idle.first, **place, *sched;

    for (place = &idle.first; *place; place = &(*place)->next_idle)
        if (cop__load((*place)->next_timer_ms) < cop__load((*best)->next_timer_ms))
            best = place;
    sched = *best;
    if (sched) {
        *best = sched->next_idle;
        atomic_fetch_sub_explicit(&idle.scheds, 1, memory_order_relaxed);
    }
    return sched;
}

bool cop__take_any(struct cop__thr *self)
{
    struct cop__sched *sched;

    cop__spin_lock(&idle.lock);
    sched = take_idle();
    cop__spin_unlock(&idle.lock);
    if (!sched)
        return false;
    cop__take(self, sched);
    cop__monitor_wake();
    return true;
}

/* Under the lock, like taking one: who takes one after this sees *ret_asleep,
 * which goes from 0 to 1. */
bool cop__all_idle(_Atomic(uint32_t) *ret_asleep)
{
    uint32_t awake = 0;
    bool all;

    cop__spin_lock(&idle.lock);
    all = cop__load(idle.scheds) == cop__node.scheds &&
          atomic_compare_exchange_strong(ret_asleep, &awake, 1);
    cop__spin_unlock(&idle.lock);
    return all;
}

uint32_t cop__idle_count(void)
{
    return cop__load(idle.scheds);
}

bool cop__somebody_is_busy(void)
{
    return atomic_load(&idle.detached) || atomic_load(&idle.scheds) < cop__node.scheds;
}

/* --- Spare threads -------------------------------------------------------------------------------
 */

/* The lock is held. */
static struct cop__thr *take_spare(void)
{
    struct cop__thr *thr = idle.spare;

    if (thr) {
        idle.spare = thr->next;
        atomic_fetch_sub_explicit(&idle.spares, 1, memory_order_relaxed);
    }
    return thr;
}

/* A spare that has waited long enough. False: somebody has just taken it, and gives it work. */
static bool leave_spares(struct cop__thr *self)
{
    struct cop__thr **place;
    bool found;

    cop__spin_lock(&idle.lock);
    for (place = &idle.spare; *place && *place != self; place = &(*place)->next)
        ;
    found = *place == self;
    if (found) {
        *place = self->next;
        atomic_fetch_sub_explicit(&idle.spares, 1, memory_order_relaxed);
    }
    cop__spin_unlock(&idle.lock);
    return found;
}

bool cop__spare_there(void)
{
    return cop__load(idle.spares) > 0;
}

void cop__detached_count(int32_t change)
{
    atomic_fetch_add(&idle.detached, (uint32_t)change);
}

static void give(struct cop__thr *thr, struct cop__sched *sched, bool searching)
{
    thr->given = sched;
    thr->searching = searching;
    cop__tally(&idle.wakes);
    cop__store_release(thr->wake, 1); /* pairs with the acquire in thread_wait */
    cop__futex_wake(&thr->wake, 1);
}

/* --- What is worth stealing (W5)
 * ------------------------------------------------------------------
 *
 * A process that moves to another core costs both of them some ten cache misses, more than a short
 * turn, and a thread needs some 50 us to wake up. So what a scheduler will have done soon is left
 * to it. How soon is seen from outside: between two looks it has made so many turns. None at all:
 * it computes, and even a single waiting process is worth the trip. */

enum { LOOK_MIN_NS = 20000, LOOK_MAX_NS = 4000000 };
enum { WORTH_NS = 30000, WORTH_CROWDED_NS = 1000000, BRISK_NS = 15000 };

static void rate(struct cop__sched *sched, uint32_t turns, uint64_t passed_ns)
{
    uint64_t done = turns - cop__load(sched->seen_turns);
    uint64_t window_ns = cop__crowded() ? WORTH_CROWDED_NS : WORTH_NS;
    uint64_t many = window_ns * done / passed_ns;

    cop__store(sched->worth, many < 1 ? 1 : many > COP__RING ? COP__RING : (uint32_t)many);
    cop__store(sched->brisk, done * BRISK_NS >= passed_ns);
}

bool cop__worth_stealing(struct cop__sched *victim, uint64_t now_ns)
{
    uint32_t turns = (uint32_t)cop__load(victim->turns), worth, length;
    uint64_t passed_ns = now_ns - cop__load(victim->seen_ns);

    if (passed_ns >= LOOK_MIN_NS) {
        if (passed_ns <= LOOK_MAX_NS)
            rate(victim, turns, passed_ns);
        cop__store(victim->seen_turns, turns);
        cop__store(victim->seen_ns, now_ns);
    }
    worth = cop__load(victim->worth);
    length = cop__ring_length(victim);
    return length > 0 && length >= (worth ? worth : COP__RING / 2);
}

enum cop__work cop__look_around(void)
{
    enum cop__work work = COP__WORK_NONE;
    uint64_t now_ns = cop__now_ns();

    for (uint32_t i = 0; i < cop__node.scheds; i++) {
        struct cop__sched *sched = cop__node.sched[i];

        if (cop__worth_stealing(sched, now_ns))
            return COP__WORK_WORTH;
        if (cop__ring_length(sched))
            work = COP__WORK_SOME;
    }
    return cop__global_work() ? COP__WORK_WORTH : work;
}

/* Nobody can hold it: idle it is, until a thread comes back from user code. Its lifo slot is seen
 * by its holder only, and nobody counts how fast its ring goes down. */
static void leave_idle(struct cop__sched *sched)
{
    struct cop__proc *next = cop__lifo_take(sched);

    if (next)
        cop__global_put(next);
    while ((next = cop__ring_take(sched)))
        cop__global_put(next);
    cop__spin_lock(&idle.lock);
    put_idle(sched);
    cop__spin_unlock(&idle.lock);
}

/* What a thread looks at that has put something where others find it. */
static void look_again(void)
{
    cop__heavy_fence();
    if (cop__look_around() == COP__WORK_WORTH)
        cop__wake_idle();
}

void cop__hand_over(struct cop__sched *sched)
{
    struct cop__thr *thr;

    cop__spin_lock(&idle.lock);
    thr = take_spare();
    cop__spin_unlock(&idle.lock);
    atomic_fetch_add(&idle.searching, 1);
    if (thr) {
        give(thr, sched, true);
    } else if (!cop__thread_start(sched, true)) {
        leave_idle(sched);
        atomic_fetch_sub(&idle.searching, 1);
        look_again();
    }
}

/* --- Searching and waking ------------------------------------------------------------------------
 */

bool cop__search_begin(struct cop__thr *self)
{
    if (self->searching)
        return true;
    if (2 * cop__load(idle.searching) >= cop__node.scheds - cop__load(idle.scheds))
        return false;
    self->searching = true;
    atomic_fetch_add(&idle.searching, 1);
    return true;
}

/* W4: the last searcher that finds work wakes the next. */
void cop__search_end(struct cop__thr *self)
{
    if (cop__likely(!self->searching))
        return;
    self->searching = false;
    if (atomic_fetch_sub(&idle.searching, 1) == 1)
        cop__wake_for(self->sched);
}

/* An idle scheduler was taken and there is no thread for it. While it was gone, one that came back
 * from user code may have found none and gone to sleep. */
static void put_back(struct cop__sched *sched)
{
    cop__spin_lock(&idle.lock);
    put_idle(sched);
    cop__spin_unlock(&idle.lock);
    atomic_fetch_sub(&idle.searching, 1);
    cop__heavy_fence();
    if (cop__spare_there() && cop__look_around() != COP__WORK_NONE)
        cop__wake_idle();
}

static void wake_one(void)
{
    struct cop__sched *sched;
    struct cop__thr *thr = NULL;
    uint32_t none = 0;
    bool poller = false;

    if (cop__load(cop__node.stopping) || !atomic_compare_exchange_strong(&idle.searching, &none, 1))
        return; /* somebody searches and will find it */
    cop__spin_lock(&idle.lock);
    sched = idle.first;
    if (sched) {
        /* the last idle scheduler is for the thread that attends, which knows what is worth it */
        poller = cop__attended() && (!sched->next_idle || !idle.spare);
        thr = poller ? NULL : take_spare();
        if (!thr && !poller &&
            cop__threads_live() - atomic_load(&idle.detached) >= cop__node.scheds)
            sched = NULL; /* a thread is on its way to the list, and will look again */
        if (sched && !poller)
            sched = take_idle();
    }
    cop__spin_unlock(&idle.lock);
    if (!sched || poller) {
        atomic_fetch_sub(&idle.searching, 1);
        if (poller)
            cop__attend_kick();
        return;
    }
    if (thr)
        give(thr, sched, true);
    else if (!cop__thread_start(sched, true)) /* all others are in user code */
        put_back(sched);
    cop__monitor_wake();
}

void cop__wake_idle(void)
{
    light_fence();
    if (cop__likely(cop__load(idle.scheds) == 0 || cop__load(idle.searching) > 0))
        return;
    wake_one();
}

/* A few processes more: who watches the rings will see whether they have to wait. If nobody does,
 * the one in the poller begins to, or a thread is woken that will find nothing worth it and become
 * that one. */
void cop__wake_for(struct cop__sched *sched)
{
    light_fence();
    if (cop__likely(cop__load(idle.scheds) == 0 || cop__load(idle.searching) > 0))
        return;
    if (cop__ring_length(sched) < cop__load(sched->worth) && !cop__global_work()) {
        if (cop__watched())
            return;
        if (cop__attended()) {
            cop__attend_kick();
            return;
        }
    }
    wake_one();
}

void cop__wake_all(void)
{
    struct cop__thr *thr = NULL;

    cop__attend_kick();
    cop__spin_lock(&idle.lock);
    if (cop__load(cop__node.stopping)) {
        thr = idle.spare;
        idle.spare = NULL;
        cop__store(idle.spares, 0);
    }
    cop__spin_unlock(&idle.lock);
    while (thr) {
        struct cop__thr *next = thr->next;

        give(thr, NULL, false);
        thr = next;
    }
}

/* --- Waiting -------------------------------------------------------------------------------------
 */

/* False: the node stops, or this thread is one too many. */
static bool thread_wait(struct cop__thr *self, bool may_end)
{
    static const struct timespec rest = { SPARE_NS / 1000000000, 0 };
    uint64_t since_ns = may_end ? cop__now_ns() : 0;

    cop__tally(&idle.waits);
    while (!cop__load_acquire(self->wake)) {
        cop__futex_wait(&self->wake, 0, may_end ? &rest : NULL);
        if (may_end && !cop__load(self->wake) && cop__now_ns() - since_ns >= SPARE_NS) {
            if (leave_spares(self))
                return false;
            may_end = false;
        }
    }
    cop__store(self->wake, 0);
    if (!self->given)
        return false;
    cop__take(self, self->given);
    self->given = NULL;
    return true;
}

bool cop__thread_park(struct cop__thr *self)
{
    bool may_end;

    cop__spin_lock(&idle.lock);
    if (cop__load(cop__node.stopping)) {
        cop__spin_unlock(&idle.lock);
        return false;
    }
    /* Last in, first out: those that wait for ever are always the lowest. */
    may_end = atomic_fetch_add_explicit(&idle.spares, 1, memory_order_relaxed) >=
              cop__node.scheds + SPARES_BEYOND_SCHEDS;
    self->next = idle.spare;
    idle.spare = self;
    cop__spin_unlock(&idle.lock);
    look_again(); /* a waker may have found no thread to give its scheduler to */
    return thread_wait(self, may_end);
}

void cop__idle(struct cop__thr *self)
{
    bool searched = self->searching;

    cop__spin_lock(&idle.lock);
    put_idle(self->sched);
    cop__give_up(self);
    cop__spin_unlock(&idle.lock);
    if (searched) {
        self->searching = false;
        atomic_fetch_sub(&idle.searching, 1);
    }
    cop__heavy_fence();
    if (cop__load(cop__node.stopping))
        return;
    if (cop__look_around() == COP__WORK_WORTH && cop__take_any(self))
        return;
    if (!cop__attend(self))
        cop__thread_park(self);
}

/* --- Start, and counters -------------------------------------------------------------------------
 */

void cop__idle_start(uint32_t searching)
{
    static bool registered;

    if (!registered)
        idle.membarrier = syscall(SYS_membarrier, MEMBARRIER_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0;
    registered = true;
    cop__store(idle.scheds, 0);
    cop__store(idle.searching, searching);
    cop__store(idle.detached, 0);
    cop__store(idle.spares, 0);
    cop__store(idle.wakes, 0);
    cop__store(idle.waits, 0);
    idle.first = NULL;
    idle.spare = NULL;
    cop__attend_start();
}

void cop__idle_statistics(struct cop_node_statistics *ret)
{
    ret->futex_wakes = cop__load(idle.wakes);
    ret->futex_waits = cop__load(idle.waits);
    ret->polls = cop__attend_polls();
    ret->detached = cop__load(idle.detached);
    ret->threads = cop__threads_live();
    ret->hand_offs = cop__hand_offs();
}
