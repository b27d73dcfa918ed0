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
#include "base/network.h"
#include "base/poller.h"
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
    _Atomic(uint32_t) polling;          /* a thread waits in the poller */
    _Atomic(uint32_t) watching;         /* it looks at the rings now and then */
    _Atomic(int32_t) waits_short;       /* how the last waits there went: look_first */
    _Atomic(uint32_t) kicked;           /* it was kicked, and has not looked since */
    _Atomic(uint32_t) polled;           /* somebody has looked at it since the monitor asked */
    _Atomic(uint64_t) poll_deadline_ms; /* until when */
    _Atomic(uint32_t) detached;         /* threads in user code that have no scheduler */
    _Atomic(uint64_t) wakes, waits, polls;
    bool membarrier;
} idle;

static void count(_Atomic(uint64_t) *counter)
{
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

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
    count(&idle.wakes);
    cop__store_release(thr->wake, 1); /* pairs with the acquire in thread_wait */
    cop__futex_wake(&thr->wake, 1);
}

/* The putter of work has stored it before the exchange; the poller looks after its own. */
static void kick(void)
{
    if (!atomic_exchange(&idle.kicked, 1))
        cop__poller_kick();
}

/* --- What is worth stealing (W5)
 * ------------------------------------------------------------------
 *
 * A process that moves to another core costs both of them some ten cache misses, more than a short
 * turn, and a thread needs some 50 us to wake up. So what a scheduler will have done soon is left
 * to it. How soon is seen from outside: between two looks it has made so many turns. None at all:
 * it computes, and even a single waiting process is worth the trip. */

enum { LOOK_MIN_NS = 20000, LOOK_MAX_NS = 4000000, WORTH_NS = 30000, NAP_MIN_NS = 100000 };
enum { OUTSIDE_NS = 1000000 }; /* virtual time waits so long for what comes from outside */
enum { NAP_MAX_NS = 1000000, QUIET_LOOKS = 8 };

bool cop__worth_stealing(struct cop__sched *victim, uint64_t now_ns)
{
    uint32_t turns = (uint32_t)cop__load(victim->turns),
             done = turns - cop__load(victim->seen_turns);
    uint32_t worth = cop__load(victim->worth), length = cop__ring_length(victim);
    uint64_t passed_ns = now_ns - cop__load(victim->seen_ns);

    if (passed_ns >= LOOK_MIN_NS) {
        if (passed_ns <= LOOK_MAX_NS) {
            uint64_t many = (uint64_t)WORTH_NS * done / passed_ns;

            worth = many < 1 ? 1 : many > COP__RING ? COP__RING : (uint32_t)many;
            cop__store(victim->worth, worth);
        }
        cop__store(victim->seen_turns, turns);
        cop__store(victim->seen_ns, now_ns);
    }
    return length > 0 && length >= (worth ? worth : COP__RING / 2);
}

static enum work { WORK_NONE, WORK_SOME, WORK_WORTH } look_around(void)
{
    enum work work = WORK_NONE;
    uint64_t now_ns = cop__now_ns();

    for (uint32_t i = 0; i < cop__node.scheds; i++) {
        struct cop__sched *sched = cop__node.sched[i];

        if (cop__worth_stealing(sched, now_ns))
            return WORK_WORTH;
        if (cop__ring_length(sched))
            work = WORK_SOME;
    }
    return cop__global_work() ? WORK_WORTH : work;
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
    if (look_around() == WORK_WORTH)
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
    if (cop__spare_there() && look_around() != WORK_NONE)
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
        /* the last idle scheduler is for the thread in the poller, which knows what is worth it */
        poller = cop__load(idle.polling) && (!sched->next_idle || !idle.spare);
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
            kick();
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
        if (cop__load(idle.watching))
            return;
        if (cop__load(idle.polling)) {
            kick();
            return;
        }
    }
    wake_one();
}

void cop__wake_all(void)
{
    struct cop__thr *thr = NULL;

    kick();
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

    count(&idle.waits);
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

/* Of idle schedulers. Others look after theirs, and at these when they go idle. */
static uint64_t earliest_timer(void)
{
    uint64_t earliest = UINT64_MAX;

    for (uint32_t i = 0; i < cop__node.scheds; i++) {
        uint64_t when = atomic_load(&cop__node.sched[i]->next_timer_ms);

        if (when < earliest && !atomic_load(&cop__node.sched[i]->thr))
            earliest = when;
    }
    return earliest;
}

/* When the poller must be left for the earliest timer, in ns. */
static uint64_t poll_deadline(void)
{
    uint64_t when = earliest_timer(), again;

    atomic_store(&idle.poll_deadline_ms, when);
    again = earliest_timer(); /* one that came meanwhile saw the old deadline */
    if (again < when)
        atomic_store(&idle.poll_deadline_ms, when = again);
    return when == UINT64_MAX ? UINT64_MAX : when * 1000000;
}

/* As long as there is work that is not worth it, naps end the wait, and for some looks more. From
 * `watching` on putters rely on that; who stops watching looks once more, as who goes idle does. */
static bool watch(enum work *ret_work, uint32_t *quiet)
{
    if (*ret_work == WORK_SOME) {
        *quiet = 0;
        atomic_store(&idle.watching, 1);
    } else if (cop__load(idle.watching) && ++*quiet > QUIET_LOOKS) {
        atomic_store(&idle.watching, 0);
        cop__heavy_fence();
        *ret_work = look_around();
        if (*ret_work == WORK_SOME)
            atomic_store(&idle.watching, 1);
    }
    return cop__load(idle.watching);
}

/* The same in virtual time, where nothing can run any more: time moves on, unless something comes
 * from outside or is on its way. */
static int virtual_wait(struct cop__poll_event *events, uint64_t due_ns)
{
    uint64_t nap_end_ns = cop__clock_monotonic_ns() + OUTSIDE_NS, network_ns;
    int happened = cop__poller_wait(events, COP__POLL_MAX, cop__poller_in_use() ? nap_end_ns : 0);

    if (happened > 0 || atomic_load(&idle.kicked))
        return happened;
    if (atomic_load(&idle.detached) || atomic_load(&idle.scheds) < cop__node.scheds)
        return cop__poller_wait(events, COP__POLL_MAX, nap_end_ns); /* another thread has its say */
    network_ns = cop__network_due_ns();
    if (network_ns < due_ns)
        due_ns = network_ns;
    return cop__virtual_idle(due_ns) ? 0 : cop__poller_wait(events, COP__POLL_MAX, UINT64_MAX);
}

/* --- Looking before sleeping
 *
 * A thread that sleeps needs some 50 us to wake up, which is longer than many a peer takes to
 * answer. So where the last waits were short it looks for a while before it sleeps. A look that
 * finds nothing was lost, and may have kept the peer from the processor: then many waits must be
 * short before the next. A node without traffic never looks. */

enum { LOOK_FOR_NS = 50000, SHORT_NS = 100000, LOOKS_FROM = 2, LOOK_LOST = -16, WELL_MAX = 8 };

static void rate_wait(int32_t change)
{
    int32_t rate = cop__load(idle.waits_short) + change;

    cop__store(idle.waits_short, rate > WELL_MAX ? WELL_MAX : rate < LOOK_LOST ? LOOK_LOST : rate);
}

static int look_first(struct cop__poll_event *events, uint64_t until_ns)
{
    uint64_t end_ns;
    int happened;

    if (cop__load(idle.waits_short) < LOOKS_FROM || !cop__poller_in_use())
        return 0;
    end_ns = cop__now_ns() + LOOK_FOR_NS;
    if (until_ns < end_ns)
        end_ns = until_ns;
    do {
        happened = cop__poller_wait(events, COP__POLL_MAX, 0);
        if (atomic_load(&idle.kicked))
            return happened;
    } while (!happened && cop__now_ns() < end_ns);
    rate_wait(happened ? 1 : LOOK_LOST - WELL_MAX);
    return happened;
}

static int wait_in_poller(struct cop__poll_event *events, uint64_t until_ns)
{
    int happened = look_first(events, until_ns);
    uint64_t since_ns;

    if (happened)
        return happened;
    since_ns = cop__now_ns();
    happened = cop__poller_wait(events, COP__POLL_MAX, until_ns);
    rate_wait(happened && cop__now_ns() - since_ns < SHORT_NS ? 1 : -1);
    return happened;
}

/* Wait in the poller until something happens. True: we have a scheduler again. */
static bool poll_wait(struct cop__thr *self)
{
    struct cop__poll_event events[COP__POLL_MAX];
    uint64_t nap_ns = NAP_MIN_NS, now_ns = 0;
    uint32_t quiet = 0;
    int happened = 0;
    bool have;

    for (;;) {
        uint64_t due_ns = poll_deadline(), until_ns = due_ns;
        enum work work = look_around();

        if (happened > 0 || now_ns >= due_ns || atomic_load(&cop__node.stopping))
            break;
        if (work != WORK_WORTH && watch(&work, &quiet)) {
            uint64_t nap_end_ns = cop__now_ns() + nap_ns;

            if (nap_end_ns < until_ns)
                until_ns = nap_end_ns;
            if (nap_ns < NAP_MAX_NS)
                nap_ns *= 2;
        }
        if (work == WORK_WORTH)
            break;
        count(&idle.polls);
        happened = cop__clock_is_virtual() && work == WORK_NONE ? virtual_wait(events, due_ns)
                                                                : wait_in_poller(events, until_ns);
        cop__polled();
        atomic_exchange(&idle.kicked, 0); /* before the look: see kick */
        now_ns = cop__now_ns();
    }
    atomic_store(&idle.watching, 0);
    atomic_store(&idle.polling, 0);
    have = cop__take_any(self);
    cop__polled_events(events, happened);
    return have;
}

/* Read before it is written: many look, and the line stays with all of them. */
void cop__polled(void)
{
    if (!cop__load(idle.polled))
        cop__store(idle.polled, 1);
}

bool cop__poller_attended(void)
{
    bool attended = cop__load(idle.polled) || cop__load(idle.polling);

    cop__store(idle.polled, 0);
    return attended;
}

void cop__idle(struct cop__thr *self)
{
    uint32_t none = 0;
    bool searched = self->searching;
    enum work work;

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
    work = look_around();
    if (work == WORK_WORTH && cop__take_any(self))
        return;
    if (atomic_compare_exchange_strong(&idle.polling, &none, 1)) {
        if (poll_wait(self))
            return;
    } else if (earliest_timer() < atomic_load(&idle.poll_deadline_ms) ||
               (work == WORK_SOME && !atomic_load(&idle.watching))) {
        kick(); /* it sleeps longer than our timers allow, or does not watch */
    }
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
    cop__store(idle.polling, 0);
    cop__store(idle.watching, 0);
    cop__store(idle.kicked, 0);
    cop__store(idle.waits_short, 0);
    cop__store(idle.polled, 0);
    cop__store(idle.detached, 0);
    cop__store(idle.spares, 0);
    cop__store(idle.wakes, 0);
    cop__store(idle.waits, 0);
    cop__store(idle.polls, 0);
    idle.first = NULL;
    idle.spare = NULL;
}

void cop__idle_statistics(struct cop_node_statistics *ret)
{
    ret->futex_wakes = cop__load(idle.wakes);
    ret->futex_waits = cop__load(idle.waits);
    ret->polls = cop__load(idle.polls);
    ret->detached = cop__load(idle.detached);
    ret->threads = cop__threads_live();
    ret->hand_offs = cop__hand_offs();
}
