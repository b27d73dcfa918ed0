/* SPDX-License-Identifier: Apache-2.0 */
/* Who has nothing to do waits where work comes from. One thread sleeps in the poller, with the
 * earliest timer of idle schedulers as its deadline. Or, while others make short turns and so come
 * by at the poller all the time, one naps beside them and the poller is theirs.
 *
 * The hard idea: to be woken by an event is dear, for who wakes and for who is woken. It pays when
 * nobody else would see the event soon, and does harm when somebody would have: two threads then do
 * in turn what one does better, and a peer on the same machine has no processor. */
#include "proc/attend.h"

#include "base/clock.h"
#include "base/network.h"
#include "base/world.h"
#include "base/poller.h"
#include "proc/idle.h"

enum { NAP_MIN_NS = 100000, NAP_MAX_NS = 1000000, QUIET_LOOKS = 8 };
enum { OUTSIDE_NS = 1000000 }; /* virtual time waits so long for what comes from outside */
enum { POLLED_MONITOR = 1, POLLED_BESIDE = 2, POLLED = POLLED_MONITOR | POLLED_BESIDE };

static struct {
    _Alignas(64) _Atomic(uint32_t) polling; /* a thread waits in the poller */
    _Atomic(uint32_t) watching;             /* it looks at the rings now and then */
    _Atomic(uint32_t) beside;               /* a thread naps beside those that work */
    _Atomic(uint32_t) roused;               /* futex: that one is to look */
    _Atomic(int32_t) waits_short;           /* how the last waits in the poller went: look_first */
    _Atomic(uint32_t) kicked;               /* it was kicked, and has not looked since */
    _Atomic(uint32_t) polled;               /* who has not asked since somebody looked at it */
    _Atomic(uint64_t) deadline_ms;          /* until when who polls sleeps */
    _Atomic(uint64_t) polls;
} attend;

void cop__attend_start(void)
{
    cop__store(attend.polling, 0);
    cop__store(attend.watching, 0);
    cop__store(attend.beside, 0);
    cop__store(attend.roused, 0);
    cop__store(attend.waits_short, 0);
    cop__store(attend.kicked, 0);
    cop__store(attend.polled, 0);
    cop__store(attend.polls, 0);
}

uint64_t cop__attend_polls(void)
{
    return cop__load(attend.polls);
}

void cop__attend_kick(void)
{
    if (!atomic_exchange(&attend.kicked, 1))
        cop__poller_kick();
    if (cop__load(attend.beside) && !atomic_exchange(&attend.roused, 1))
        cop__futex_wake(&attend.roused, 1);
}

bool cop__attended(void)
{
    return cop__load(attend.polling) || cop__load(attend.beside);
}

bool cop__watched(void)
{
    return cop__load(attend.watching) || cop__load(attend.beside);
}

/* Read before it is written: many look, and the line stays with all of them. */
void cop__polled(void)
{
    if (cop__load(attend.polled) != POLLED)
        cop__store(attend.polled, POLLED);
}

static bool polled_since(uint32_t who_asks)
{
    return atomic_fetch_and(&attend.polled, ~who_asks) & who_asks;
}

bool cop__poller_attended(void)
{
    return polled_since(POLLED_MONITOR) || cop__load(attend.polling);
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

static bool timer_is_due(void)
{
    return earliest_timer() <= cop__now_ns() / 1000000;
}

/* When the poller must be left for the earliest timer, in ns. */
static uint64_t poll_deadline(void)
{
    uint64_t when = earliest_timer(), again;

    atomic_store(&attend.deadline_ms, when);
    again = earliest_timer(); /* one that came meanwhile saw the old deadline */
    if (again < when)
        atomic_store(&attend.deadline_ms, when = again);
    return when == UINT64_MAX ? UINT64_MAX : when * 1000000;
}

/* --- In the poller ------------------------------------------------------------------------------
 */

/* As long as there is work that is not worth it, naps end the wait, and for some looks more. From
 * `watching` on putters rely on that; who stops watching looks once more, as who goes idle does. */
static bool watch(enum cop__work *ret_work, uint32_t *quiet)
{
    if (*ret_work == COP__WORK_SOME) {
        *quiet = 0;
        atomic_store(&attend.watching, 1);
    } else if (cop__load(attend.watching) && ++*quiet > QUIET_LOOKS) {
        atomic_store(&attend.watching, 0);
        cop__heavy_fence();
        *ret_work = cop__look_around();
        if (*ret_work == COP__WORK_SOME)
            atomic_store(&attend.watching, 1);
    }
    return cop__load(attend.watching);
}

/* The same in virtual time, where nothing can run any more: time moves on, unless something comes
 * from outside or is on its way. */
static int virtual_wait(struct cop__poll_event *events, uint64_t due_ns)
{
    uint64_t nap_end_ns = cop__clock_monotonic_ns() + OUTSIDE_NS, network_ns;
    int happened = cop__poller_wait(events, COP__POLL_MAX, cop__poller_in_use() ? nap_end_ns : 0);

    if (happened > 0 || atomic_load(&attend.kicked))
        return happened;
    if (cop__somebody_is_busy())
        return cop__poller_wait(events, COP__POLL_MAX, nap_end_ns); /* another thread has its say */
    network_ns = cop__network_due_ns(cop__world_self());
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
    int32_t rate = cop__load(attend.waits_short) + change;

    cop__store(attend.waits_short, rate > WELL_MAX    ? WELL_MAX
                                   : rate < LOOK_LOST ? LOOK_LOST
                                                      : rate);
}

static int look_first(struct cop__poll_event *events, uint64_t until_ns)
{
    uint64_t end_ns;
    int happened;

    if (cop__load(attend.waits_short) < LOOKS_FROM || !cop__poller_in_use())
        return 0;
    end_ns = cop__now_ns() + LOOK_FOR_NS;
    if (until_ns < end_ns)
        end_ns = until_ns;
    do {
        happened = cop__poller_wait(events, COP__POLL_MAX, 0);
        if (atomic_load(&attend.kicked))
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
        enum cop__work work = cop__look_around();

        if (happened > 0 || now_ns >= due_ns || atomic_load(&cop__node.stopping))
            break;
        if (work != COP__WORK_WORTH && watch(&work, &quiet)) {
            uint64_t nap_end_ns = cop__now_ns() + nap_ns;

            if (nap_end_ns < until_ns)
                until_ns = nap_end_ns;
            if (nap_ns < NAP_MAX_NS)
                nap_ns *= 2;
        }
        if (work == COP__WORK_WORTH)
            break;
        cop__tally(&attend.polls);
        happened = cop__clock_is_virtual() && work == COP__WORK_NONE
                       ? virtual_wait(events, due_ns)
                       : wait_in_poller(events, until_ns);
        cop__polled();
        atomic_exchange(&attend.kicked, 0); /* before the look: see kick */
        now_ns = cop__now_ns();
    }
    atomic_store(&attend.watching, 0);
    atomic_store(&attend.polling, 0);
    have = cop__take_any(self);
    cop__polled_events(events, happened);
    return have;
}

/* --- Beside those that work ---------------------------------------------------------------------
 */

enum { BESIDE_NAP_NS = 200000 };

static bool some_are_brisk(void)
{
    for (uint32_t i = 0; i < cop__node.scheds; i++)
        if (cop__load(cop__node.sched[i]->thr) && cop__load(cop__node.sched[i]->brisk))
            return true;
    return false;
}

/* Until there is work that pays, an event that nobody else has seen, or nobody brisk any more.
 * True: we have a scheduler again, or the node stops. */
static bool nap_beside(struct cop__thr *self)
{
    static const struct timespec nap = { .tv_nsec = BESIDE_NAP_NS };
    struct cop__poll_event events[COP__POLL_MAX];
    enum cop__work work = cop__look_around();
    int happened = 0;
    bool have = false;

    for (uint32_t quiet = 0; quiet <= QUIET_LOOKS; quiet = some_are_brisk() ? 0 : quiet + 1) {
        if (work == COP__WORK_WORTH || atomic_load(&cop__node.stopping) || timer_is_due())
            break;
        if (!polled_since(POLLED_BESIDE) && !cop__load(attend.polling)) {
            happened = cop__poller_wait(events, COP__POLL_MAX, 0);
            cop__polled();
            if (happened > 0)
                break;
        }
        cop__tally(&attend.polls);
        cop__futex_wait(&attend.roused, 0, &nap);
        atomic_exchange(&attend.roused, 0); /* before the look: see cop__attend_kick */
        work = cop__look_around();
    }
    /* putters that saw us rely on our look: once more, as who goes idle does */
    atomic_store(&attend.beside, 0);
    cop__heavy_fence();
    if (happened > 0 || work == COP__WORK_WORTH || cop__look_around() == COP__WORK_WORTH ||
        timer_is_due() || atomic_load(&cop__node.stopping))
        have = cop__take_any(self);
    cop__polled_events(events, happened);
    return have;
}

/* --- All of it ----------------------------------------------------------------------------------
 */

bool cop__attend(struct cop__thr *self)
{
    uint32_t none = 0;

    if (!cop__clock_is_virtual() && !cop__load(attend.polling) && some_are_brisk()) {
        if (!atomic_compare_exchange_strong(&attend.beside, &none, 1))
            return false; /* there is one, and one is enough */
        if (nap_beside(self))
            return true;
        none = 0;
    }
    if (atomic_compare_exchange_strong(&attend.polling, &none, 1))
        return poll_wait(self);
    if (earliest_timer() < atomic_load(&attend.deadline_ms) ||
        (cop__look_around() == COP__WORK_SOME && !cop__watched()))
        cop__attend_kick(); /* it sleeps longer than our timers allow, or does not watch */
    return false;
}
