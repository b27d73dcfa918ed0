/* SPDX-License-Identifier: Apache-2.0 */
/* Timers: one hierarchical wheel per scheduler, 1 ms ticks, 1024 + 4 x 64 slots (2^34 ms, more
 * than the longest time-out of P-28), a bit per slot. Only the thread that holds the scheduler
 * touches its wheel.
 *
 * Another thread cancels by CAS on the node's state and leaves it on the wheel owner's inbox to be
 * unlinked. The firing side does CAS to FIRING, pushes the message, then stores FIRED; a canceller
 * that reads FIRING waits these few instructions, so "false means it is in the mailbox" holds
 * (P-113).
 *
 * Receive time-outs are lazy: a process has one node, which may be armed earlier than its deadline;
 * when it fires too early it is armed again. A call with a time-out of 5 s thus touches the wheel
 * once in 5 s, not once a call.
 *
 * Timers toward a process that ends count as cancelled at once (P-56), but who ends does not know
 * them. A cursor goes round the higher levels and drops such nodes: two steps for each timer put
 * there, some at a time, so that at most as many as the others and those since the last round are
 * kept. */
#include "base/bug.h"
#include "proc/proc.h"

#include "base/clock.h"
#include "base/poller.h"

#include <string.h>
#include "term/atoms.h"

enum { NEAR = COP__WHEEL_NEAR, FAR = 64, HIGHER = COP__WHEEL_SLOTS - NEAR, SWEEP_MIN = 32 };

static uint64_t ms_of(uint64_t ns)
{
    return ns / 1000000;
}

uint64_t cop__now_ns(void)
{
    return cop__clock_now_ns();
}

uint64_t cop__ahead_ns(void)
{
    return cop__clock_ahead_ns(&cop__self_thr()->clock);
}

/* --- The wheel
 * ------------------------------------------------------------------------------------ */

/* Level 0 has a slot per tick; level n >= 1 a slot per 1024 * 64^(n-1) ticks. */
static unsigned level_shift(unsigned level)
{
    return level == 0 ? 0 : COP__WHEEL_NEAR_BITS + 6 * (level - 1);
}

static unsigned slot_base(unsigned level)
{
    return level == 0 ? 0 : NEAR + FAR * (level - 1);
}

static unsigned level_for(uint64_t now, uint64_t when)
{
    unsigned level = 0;

    /* The level whose slots around now and when differ by less than its size. */
    while (level < COP__WHEEL_LEVELS - 1) {
        unsigned shift = level_shift(level);
        uint64_t size = level == 0 ? NEAR : FAR;

        if ((when >> shift) - (now >> shift) < size)
            break;
        level++;
    }
    return level;
}

static void mark(struct cop__wheel *wheel, unsigned slot, bool occupied)
{
    uint64_t bit = 1ull << slot % 64;

    if (occupied)
        wheel->occupied[slot / 64] |= bit;
    else
        wheel->occupied[slot / 64] &= ~bit;
}

static void insert(struct cop__wheel *wheel, struct cop__timer *timer)
{
    uint64_t when = timer->when_ms < wheel->now_ms ? wheel->now_ms : timer->when_ms;
    unsigned level = level_for(wheel->now_ms, when);
    unsigned shift = level_shift(level);
    uint64_t size = level == 0 ? NEAR : FAR;
    unsigned slot;

    /* Beyond the top level: the farthest slot; it is looked at again when its turn comes. */
    if ((when >> shift) - (wheel->now_ms >> shift) >= size)
        when = ((wheel->now_ms >> shift) + size - 1) << shift;
    slot = slot_base(level) + (unsigned)((when >> shift) % size);
    timer->slot = (uint16_t)slot;
    timer->next = wheel->slots[slot];
    timer->prev = &wheel->slots[slot];
    if (timer->next)
        timer->next->prev = &timer->next;
    wheel->slots[slot] = timer;
    wheel->count++;
    mark(wheel, slot, true);
}

static void unlink_timer(struct cop__wheel *wheel, struct cop__timer *timer)
{
    if (wheel->cursor == timer)
        wheel->cursor = timer->next;
    *timer->prev = timer->next;
    if (timer->next)
        timer->next->prev = timer->prev;
    if (!wheel->slots[timer->slot])
        mark(wheel, timer->slot, false);
    wheel->count--;
}

/* Distance from `from` to the next set bit of `bits` words, going round; size when there is none.
 */
static unsigned next_occupied(const uint64_t *bits, unsigned size, unsigned from)
{
    for (unsigned distance = 0; distance < size;) {
        unsigned at = (from + distance) % size;
        uint64_t rest = bits[at / 64] >> at % 64;

        if (rest) {
            distance += (unsigned)__builtin_ctzll(rest);
            return distance < size ? distance : size;
        }
        distance += 64 - at % 64;
    }
    return size;
}

/* When the wheel must be looked at next: exact for level 0, start of the slot above it. */
static uint64_t next_event_ms(const struct cop__wheel *wheel)
{
    uint64_t earliest = UINT64_MAX;

    for (unsigned level = 0; wheel->count && level < COP__WHEEL_LEVELS; level++) {
        unsigned shift = level_shift(level), size = level == 0 ? NEAR : FAR;
        uint64_t here = wheel->now_ms >> shift;
        /* a slot of a higher level that is the current one was cascaded already, so it is a full
         * turn away */
        unsigned from = (unsigned)((here + (level > 0)) % size);
        unsigned distance = next_occupied(&wheel->occupied[slot_base(level) / 64], size, from);
        uint64_t when;

        if (distance >= size)
            continue;
        when = (here + (level > 0) + distance) << shift;
        if (when < earliest)
            earliest = when;
    }
    return earliest;
}

static void publish(struct cop__sched *sched)
{
    atomic_store(&sched->next_timer_ms, next_event_ms(&sched->wheel));
}

/* --- Firing
 * --------------------------------------------------------------------------------------- */

static void fire(struct cop__thr *self, struct cop__timer *timer)
{
    uint32_t armed = COP__TIMER_ARMED;

    if (!atomic_compare_exchange_strong(&timer->state, &armed, COP__TIMER_FIRING)) {
        return; /* cancelled; its node comes through the inbox */
    }
    if (!timer->message) {
        uint64_t dest = cop__load(timer->dest);
        struct cop__proc *proc = cop__proc_of(dest);
        uint32_t gen = (uint32_t)(dest >> 32);

        cop__store_release(timer->state, COP__TIMER_FIRED);
        /* from here on the process may use the node again */
        cop__wake(self, proc, gen);
        return;
    }
    cop__timer_deliver(self, timer);
}

static void cascade(struct cop__wheel *wheel, unsigned slot)
{
    struct cop__timer *timer = wheel->slots[slot];

    wheel->slots[slot] = NULL;
    mark(wheel, slot, false);
    while (timer) {
        struct cop__timer *next = timer->next;

        wheel->count--;
        insert(wheel, timer);
        timer = next;
    }
}

/* Advance the wheel to `to`, whose slot is about to be run; higher levels fall down on the way. */
static void advance(struct cop__wheel *wheel, uint64_t to)
{
    uint64_t from = wheel->now_ms;

    wheel->now_ms = to;
    for (unsigned level = COP__WHEEL_LEVELS - 1; level > 0; level--) {
        unsigned shift = level_shift(level);

        if (from >> shift != to >> shift)
            cascade(wheel, slot_base(level) + (unsigned)((to >> shift) % FAR));
    }
}

/* The first, or the second when that is for another process and so not bound to come after it. */
static struct cop__timer **choose_due(struct cop__timer **due)
{
    struct cop__timer *first = *due, *second = first->next;

    if (!second || !cop__load(first->dest) || !cop__load(second->dest) ||
        (cop__load(first->dest) == cop__load(second->dest) && !cop__bug(timers_swapped)) ||
        !cop__chance(COP__CHOOSE_TIMER, 2))
        return due;
    return &first->next;
}

/* In start order for equal times (P-117): a slot's list is newest first, so it is reversed. */
static void run_slot(struct cop__thr *self, struct cop__sched *sched)
{
    struct cop__wheel *wheel = &sched->wheel;
    unsigned slot = (unsigned)(wheel->now_ms % NEAR);
    struct cop__timer *timer = wheel->slots[slot], *due = NULL;

    wheel->slots[slot] = NULL;
    mark(wheel, slot, false);
    while (timer) {
        struct cop__timer *next = timer->next;

        __builtin_prefetch(timer->message, 1);
        wheel->count--;
        timer->next = due;
        timer->prev = NULL; /* not linked any more: a cancel from now on must not unlink it */
        if (wheel->cursor == timer)
            wheel->cursor = NULL;
        due = timer;
        timer = next;
    }
    while (due) {
        struct cop__timer **first = choose_due(&due), *chosen = *first;

        *first = chosen->next;
        fire(self, chosen);
    }
}

static void to_inbox(struct cop__sched *owner, struct cop__timer *timer)
{
    struct cop__timer *first = cop__load(owner->timer_inbox);

    do
        cop__store_release(timer->inbox_next, first);
    while (!atomic_compare_exchange_weak_explicit(
        &owner->timer_inbox, &first, timer, memory_order_release, memory_order_relaxed));
}

static void free_timer(struct cop__thr *self, struct cop__timer *timer)
{
    if (timer->message)
        cop__msg_free(self, timer->message);
    cop__block_put(&self->base, timer, timer->class);
}

/* Nodes that others have cancelled. */
static void empty_inbox(struct cop__thr *self, struct cop__sched *sched)
{
    struct cop__timer *timer =
        atomic_exchange_explicit(&sched->timer_inbox, NULL, memory_order_acquire);

    while (timer) {
        struct cop__timer *next = cop__load(timer->inbox_next);

        if (timer->prev)
            unlink_timer(&sched->wheel, timer);
        free_timer(self, timer);
        timer = next;
    }
}

void cop__timers_run(struct cop__thr *self)
{
    struct cop__sched *sched = self->sched;
    struct cop__wheel *wheel = &sched->wheel;
    uint64_t now_ms, next;

    if (cop__load(sched->timer_inbox))
        empty_inbox(self, sched);
    sched->now_ns = cop__now_ns();
    now_ms = ms_of(sched->now_ns);
    while ((next = next_event_ms(wheel)) <= now_ms) {
        advance(wheel, next);
        run_slot(self, sched);
    }
    if (wheel->now_ms < now_ms)
        advance(wheel, now_ms);
    publish(sched);
}

/* --- Nodes
 * ---------------------------------------------------------------------------------------- */

struct cop__timer *cop__timer_new(struct cop__thr *self)
{
    uint8_t class;
    struct cop__timer *timer = cop__block_get(&self->base, sizeof *timer, &class);

    if (!timer)
        cop__out_of_memory("a timer");
    memset(timer, 0, sizeof *timer);
    timer->class = class;
    cop__store(timer->state, COP__TIMER_FIRED);
    return timer;
}

void cop__timer_arm(
    struct cop__thr *self, struct cop__timer *timer, uint64_t when_ms, uint64_t now_ns)
{
    struct cop__sched *sched = self->sched;
    uint64_t now_ms;

    timer->sched = (uint8_t)sched->index;
    timer->when_ms = when_ms;
    cop__store(timer->state, COP__TIMER_ARMED);
    if (!sched->wheel.count) { /* nothing can be passed over: catch up */
        now_ms = ms_of(now_ns ? now_ns : cop__now_ns());
        if (sched->wheel.now_ms < now_ms)
            sched->wheel.now_ms = now_ms;
    }
    insert(&sched->wheel, timer);
    if (when_ms < cop__load(sched->next_timer_ms))
        publish(sched);
}

bool cop__timer_try_cancel(struct cop__timer *timer)
{
    uint32_t state = COP__TIMER_ARMED;

    return atomic_compare_exchange_strong(&timer->state, &state, COP__TIMER_CANCELLED);
}

void cop__timer_discard(struct cop__thr *self, struct cop__timer *timer)
{
    struct cop__sched *owner = cop__node.sched[timer->sched];

    if (owner != self->sched || !timer->prev) {
        to_inbox(owner, timer); /* also one that is about to be fired */
        return;
    }
    unlink_timer(&owner->wheel, timer);
    free_timer(self, timer);
}

bool cop__timer_cancel(struct cop__thr *self, struct cop__timer *timer)
{
    if (cop__timer_try_cancel(timer)) {
        cop__timer_discard(self, timer);
        return true;
    }
    while (cop__load_acquire(timer->state) == COP__TIMER_FIRING)
        cop__pause();
    return false;
}

void cop__timers_sweep(struct cop__thr *self, unsigned count)
{
    struct cop__wheel *wheel = &self->sched->wheel;

    wheel->owed += count;
    if (wheel->owed < SWEEP_MIN)
        return;
    count = wheel->owed < wheel->count ? wheel->owed : (unsigned)wheel->count;
    wheel->owed = 0;
    for (; count; count--) {
        struct cop__timer *timer = wheel->cursor;

        if (!timer) {
            unsigned from = (wheel->swept + 1) % HIGHER;
            unsigned distance = next_occupied(&wheel->occupied[NEAR / 64], HIGHER, from);

            if (distance >= HIGHER)
                return;
            wheel->swept = (from + distance) % HIGHER;
            timer = wheel->slots[NEAR + wheel->swept];
        }
        wheel->cursor = timer->next;
        __builtin_prefetch(timer->next);
        if (timer->message)
            cop__timer_cancel_if_dead(self, timer);
    }
}

void cop__wheel_start(struct cop__sched *sched, uint64_t now_ms)
{
    memset(&sched->wheel, 0, sizeof sched->wheel);
    sched->wheel.now_ms = now_ms;
    cop__store(sched->next_timer_ms, UINT64_MAX);
    cop__store(sched->timer_inbox, NULL);
}

void cop__wheel_stop(struct cop__thr *self, struct cop__sched *sched)
{
    empty_inbox(self, sched);
    for (unsigned slot = 0; slot < COP__WHEEL_SLOTS; slot++) {
        while (sched->wheel.slots[slot]) {
            struct cop__timer *timer = sched->wheel.slots[slot];

            unlink_timer(&sched->wheel, timer);
            free_timer(self, timer);
        }
    }
}

/* --- Deadlines of processes
 * -------------------------------------------------------------------------- */

uint64_t cop__deadline_in(int64_t timeout_ms)
{
    if (timeout_ms == COP_INFINITY)
        return UINT64_MAX;
    if (timeout_ms < 0 || timeout_ms > 0xffffffffll) {
        cop__leave();
        cop_error(cop__atom(COP__ATOM_timeout_value));
    }
    return timeout_ms ? cop__ahead_ns() + (uint64_t)timeout_ms * 1000000 : COP__PAST;
}

/* The first tick that is not before the deadline. */
static uint64_t tick_after(uint64_t deadline_ns)
{
    return (deadline_ns + 999999) / 1000000;
}

void cop__deadline_set(struct cop__thr *self, struct cop__proc *proc, uint64_t deadline_ns)
{
    struct cop__ext *ext = cop__ext_of(proc);
    uint64_t when_ms = tick_after(deadline_ns);

    ext->deadline_ns = deadline_ns;
    if (!self->sched)
        return; /* in a blocking section nobody waits */
    if (ext->timer) {
        uint32_t state = cop__load_acquire(ext->timer->state);

        if (state == COP__TIMER_ARMED && ext->timer->when_ms <= when_ms)
            return; /* lazy: it will be armed again */
        if (state == COP__TIMER_FIRED || !cop__timer_cancel(self, ext->timer)) {
            cop__timer_arm(self, ext->timer, when_ms, 0);
            return;
        }
    }
    ext->timer = cop__timer_new(self);
    cop__store(ext->timer->dest, cop__id_of(proc));
    cop__timer_arm(self, ext->timer, when_ms, 0);
}

bool cop__deadline_passed(struct cop__proc *proc)
{
    return proc->ext && proc->ext->deadline_ns && cop__now_ns() >= proc->ext->deadline_ns;
}
