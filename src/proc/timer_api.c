/* SPDX-License-Identifier: Apache-2.0 */
/* Timers that send messages: send_after, start_timer, cancel, read (P-109 to P-119). Any process
 * may cancel any timer, so references are looked up in a table of 64 locked shards. A node is freed
 * only by who has taken it out of the table. */
#include <coppice/timer.h>

#include "proc/proc.h"
#include "term/atoms.h"

enum { SHARDS = 64, SWEPT_AT_START = 2 };

static struct shard {
    _Alignas(64) struct cop__spinlock lock;
    struct cop__map timers; /* ref -> struct cop__timer * */
} shards[SHARDS];

static struct shard *shard_of(uint64_t ref)
{
    /* not by the hash of the map, nor by the two bits with which that keeps neighbours together */
    return &shards[(ref >> 30 ^ ref >> 4) % SHARDS];
}

void cop__timers_node_start(void)
{
    for (int i = 0; i < SHARDS; i++)
        shards[i] = (struct shard){ 0 };
}

void cop__timers_node_stop(struct cop__thr *self)
{
    (void)self;
    for (int i = 0; i < SHARDS; i++)
        cop__map_free(&shards[i].timers);
}

static bool forget(uint64_t ref)
{
    struct shard *shard = shard_of(ref);
    bool was;

    cop__spin_lock(&shard->lock);
    was = cop__map_remove(&shard->timers, ref, NULL);
    cop__spin_unlock(&shard->lock);
    return was;
}

void cop__timer_deliver(struct cop__thr *self, struct cop__timer *timer)
{
    struct cop__msg *msg = timer->message;
    uint64_t dest =
        timer->name ? cop__whereis(timer->name) : cop__load(timer->dest); /* P-110: resolved now */

    timer->message = NULL;
    if (!dest || !cop__push(self, dest, msg))
        cop__msg_free(self, msg);
    cop__store_release(timer->state, COP__TIMER_FIRED);
    forget(timer->ref);
    cop__block_put(&self->base, timer, timer->class);
}

static void badarg(const char *function)
{
    cop__leave();
    cop__badarg(function);
}

static cop_ref start(uint64_t when_ns, uint64_t now_ns, cop_dest to, cop_term message, bool wrap,
    const char *function)
{
    struct cop__thr *self = (struct cop__thr *)cop__enter();
    enum cop_dest_kind kind = cop_dest_kind_of(to);
    struct cop__timer *timer;
    struct shard *shard;
    cop_ref ref;
    bool stored;

    if (!self->sched || (kind != COP_DEST_NAME && kind != COP_DEST_PID) || cop__dest_is_remote(to))
        badarg(function);
    ref.id = cop__ref_new(self->current);
    timer = cop__timer_new(self);
    timer->ref = ref.id;
    cop__store(timer->dest, kind == COP_DEST_PID ? to.what : 0);
    timer->name = kind == COP_DEST_NAME ? cop_dest_name_of(to).index : 0;
    if (wrap) {
        cop_term items[3] = { cop__atom(COP__ATOM_timeout), cop__word(ref.id), message };

        timer->message = cop__msg_tuple(self, COP__PLAIN, items, 3);
    } else {
        timer->message = cop__msg_new(self, COP__PLAIN, message);
    }
    shard = shard_of(ref.id);
    cop__spin_lock(&shard->lock);
    stored = cop__map_add(&shard->timers, ref.id, (uint64_t)(uintptr_t)timer);
    cop__spin_unlock(&shard->lock);
    if (!stored)
        cop__out_of_memory("a timer");
    cop__timer_arm(self, timer, (when_ns + 999999) / 1000000, now_ns);
    if (cop__timer_is_far(timer)) {
        if (self->current && cop__load(timer->dest) == cop__id_of(self->current))
            cop__store(self->current->flags, cop__load(self->current->flags) | COP__P_TIMED);
        cop__timers_sweep(self, SWEPT_AT_START);
    }
    self = cop__charge(self, 1);
    cop__leave();
    return ref;
}

static cop_ref start_in(
    int64_t time_ms, cop_dest to, cop_term message, bool wrap, const char *function)
{
    uint64_t now_ns = cop__ahead_ns();

    if (time_ms < 0 || time_ms > INT64_MAX / 2000000)
        cop__badarg(function);
    return start(now_ns + (uint64_t)time_ms * 1000000, now_ns, to, message, wrap, function);
}

/* Absolute times are what cop_monotonic_ms counts. */
static cop_ref start_at(
    int64_t monotonic_ms, cop_dest to, cop_term message, bool wrap, const char *function)
{
    int64_t at_ns;

    if (monotonic_ms < 0 || __builtin_mul_overflow(monotonic_ms, (int64_t)1000000, &at_ns))
        cop__badarg(function);
    return start((uint64_t)at_ns, 0, to, message, wrap, function);
}

cop_ref cop_send_after_to(int64_t time_ms, cop_dest to, cop_term message)
{
    return start_in(time_ms, to, message, false, "send_after");
}

cop_ref cop_start_timer_to(int64_t time_ms, cop_dest to, cop_term message)
{
    return start_in(time_ms, to, message, true, "start_timer");
}

cop_ref cop_send_at_to(int64_t monotonic_ms, cop_dest to, cop_term message)
{
    return start_at(monotonic_ms, to, message, false, "send_after");
}

cop_ref cop_start_timer_at_to(int64_t monotonic_ms, cop_dest to, cop_term message)
{
    return start_at(monotonic_ms, to, message, true, "start_timer");
}

static int64_t remaining_ms(const struct cop__timer *timer)
{
    uint64_t now_ns = cop__ahead_ns();

    return timer->when_ms * 1000000 <= now_ns ? 0 : (int64_t)(timer->when_ms - now_ns / 1000000);
}

/* A timer toward a process that has ended counts as cancelled (P-56). False also when another
 * thread has cancelled it: dest is read first, so that an armed timer's is a pid and not an
 * inbox_next. */
static bool toward_the_dead(const struct cop__timer *timer)
{
    uint64_t dest = cop__load_acquire(timer->dest);
    struct cop__proc *proc;

    if (timer->name || cop__load_acquire(timer->state) != COP__TIMER_ARMED)
        return false;
    proc = cop__proc_of(dest);
    return cop__load_acquire(proc->gen) != dest >> 32 || (cop__load(proc->mbox) & COP__MBOX_DEAD);
}

/* Cancel, or only look. Waits while the timer fires, so that -1 means its message has been pushed.
 */
static int64_t look(struct cop__thr *self, uint64_t ref, bool cancel)
{
    struct shard *shard = shard_of(ref);

    for (;;) {
        uint64_t *entry;
        struct cop__timer *timer;
        int64_t remaining = -1;
        bool firing = false, cancelled = false;

        cop__spin_lock(&shard->lock);
        entry = cop__map_at(&shard->timers, ref);
        timer = entry ? (struct cop__timer *)(uintptr_t)*entry : NULL;
        if (timer) {
            uint32_t state = cop__load_acquire(timer->state);

            firing = state == COP__TIMER_FIRING;
            if (state == COP__TIMER_ARMED && !toward_the_dead(timer))
                remaining = remaining_ms(timer);
            if (cancel && state == COP__TIMER_ARMED) {
                /* A canceller holds the shard's lock, so the node cannot be freed under it. */
                cancelled = cop__timer_try_cancel(timer);
                firing = !cancelled;
                if (cancelled)
                    cop__map_remove_at(&shard->timers, entry);
            }
        }
        cop__spin_unlock(&shard->lock);
        if (cancelled)
            cop__timer_discard(self, timer);
        if (!firing)
            return remaining;
        cop__pause();
    }
}

void cop__timer_cancel_if_dead(struct cop__thr *self, struct cop__timer *timer)
{
    if (toward_the_dead(timer))
        look(self, timer->ref, true);
}

static struct cop__thr *enter_with(cop_ref timer, const char *function)
{
    if (!timer.id)
        cop__badarg(function);
    return (struct cop__thr *)cop__enter();
}

int64_t cop_cancel_timer(cop_ref timer)
{
    struct cop__thr *self = enter_with(timer, "cancel_timer");
    int64_t remaining = look(self, timer.id, true);

    cop__leave();
    return remaining;
}

void cop_cancel_timer_async(cop_ref timer, bool info)
{
    struct cop__thr *self = enter_with(timer, "cancel_timer");
    int64_t remaining = look(self, timer.id, true);

    if (info && self->current) {
        cop_term items[3] = { cop__atom(COP__ATOM_cancel_timer), cop__word(timer.id),
            remaining < 0 ? cop__atom(COP__ATOM_false) : cop__small(remaining) };
        struct cop__msg *msg = cop__msg_tuple(self, COP__PLAIN, items, 3);

        if (!cop__push(self, cop__id_of(self->current), msg))
            cop__msg_free(self, msg);
    }
    cop__leave();
}

int64_t cop_read_timer(cop_ref timer)
{
    struct cop__thr *self = enter_with(timer, "read_timer");
    int64_t remaining = look(self, timer.id, false);

    cop__leave();
    return remaining;
}
