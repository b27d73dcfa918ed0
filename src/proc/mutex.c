/* SPDX-License-Identifier: Apache-2.0 */
/* Mutexes of processes. Each process that waits for one or holds it has a hold, in a block and in
 * the list of what it owns, so that its end, wherever that finds it, takes it out of the line or
 * passes the mutex on.
 *
 * Who unlocks gives the mutex to the first in line, rather than leaving it to be fought for: so
 * nobody starves, and one that was given it but ends before it runs passes it on in turn. */
#include <coppice/mutex.h>

#include "base/block.h"
#include "base/lock.h"
#include "proc/proc.h"
#include "term/atoms.h"

struct hold {
    struct cop__resource resource;
    cop_mutex *mutex;
    struct hold *next; /* in line */
    struct cop__proc *proc;
    uint64_t id;
    _Atomic(uint32_t) given; /* under the lock; its owner also looks without it */
    bool held;               /* own only: lock has returned */
    uint8_t class;
};

/* The fields of a mutex, all under its lock. */
enum { OWNER, FIRST, LAST };

static struct cop__spinlock *lock_of(cop_mutex *mutex)
{
    return (struct cop__spinlock *)(void *)&mutex->internal_lock;
}

static void lock_fields(cop_mutex *mutex)
{
    cop__spin_lock(lock_of(mutex));
}

static void unlock_fields(cop_mutex *mutex)
{
    cop__spin_unlock(lock_of(mutex));
}

/* --- The line ------------------------------------------------------------------------------------
 */

static void stand_in_line(cop_mutex *mutex, struct hold *hold)
{
    struct hold *last = mutex->internal[LAST];

    if (last)
        last->next = hold;
    else
        mutex->internal[FIRST] = hold;
    mutex->internal[LAST] = hold;
}

static void leave_line(cop_mutex *mutex, struct hold *hold)
{
    struct hold *before = NULL, *at = mutex->internal[FIRST];

    while (at != hold) {
        before = at;
        at = at->next;
    }
    if (before)
        before->next = hold->next;
    else
        mutex->internal[FIRST] = hold->next;
    if (mutex->internal[LAST] == hold)
        mutex->internal[LAST] = before;
}

/* To the first in line; unlocks the fields. */
static void pass_on(cop_mutex *mutex)
{
    struct hold *next = mutex->internal[FIRST];
    struct cop__proc *proc = NULL;
    uint32_t gen = 0;

    mutex->internal[OWNER] = next;
    if (next) {
        mutex->internal[FIRST] = next->next;
        if (!next->next)
            mutex->internal[LAST] = NULL;
        next->next = NULL;
        proc = next->proc;
        gen = (uint32_t)(next->id >> 32);
        /* release: pairs with the acquire in wait_in_line; what we did comes before what it does.
         * From here on it may go, and its hold with it. */
        atomic_store_explicit(&next->given, 1, memory_order_release);
    }
    unlock_fields(mutex);
    if (proc)
        cop__unpark(proc, gen);
}

/* --- Holds ---------------------------------------------------------------------------------------
 */

/* The end of a process that waits or holds. */
static void release(struct cop__resource *resource)
{
    struct hold *hold = (struct hold *)(void *)resource;
    cop_mutex *mutex = hold->mutex;

    lock_fields(mutex);
    if (mutex->internal[OWNER] == hold) {
        mutex->internal_dead |= hold->held;
        pass_on(mutex);
    } else {
        leave_line(mutex, hold);
        unlock_fields(mutex);
    }
    cop__block_put(&cop__self_thr()->base, hold, hold->class);
}

static struct hold *new_hold(struct cop__thr *self, cop_mutex *mutex)
{
    uint8_t class;
    struct hold *hold = cop__block_get(&self->base, sizeof *hold, &class);

    if (!hold) {
        cop__leave();
        cop_error(cop__atom(COP__ATOM_system_limit));
    }
    *hold = (struct hold){ .resource.release = release,
        .mutex = mutex,
        .proc = self->current,
        .id = cop__id_of(self->current),
        .class = class };
    cop__resource_add(&hold->resource);
    return hold;
}

static void free_hold(struct hold *hold)
{
    cop__resource_remove(&hold->resource);
    cop__block_put(&cop__self_thr()->base, hold, hold->class);
}

/* The hold by which the caller owns the mutex; NULL. With the fields locked. */
static struct hold *own_hold(const cop_mutex *mutex, const struct cop__thr *self)
{
    struct hold *owner = mutex->internal[OWNER];

    return owner && self->current && owner->id == cop__id_of(self->current) ? owner : NULL;
}

/* --- Lock, unlock --------------------------------------------------------------------------------
 */

/* False: the time has passed, and it was not given meanwhile. */
static bool wait_in_line(struct hold *hold, uint64_t deadline_ns)
{
    bool given;

    /* acquire: pairs with pass_on */
    while (!atomic_load_explicit(&hold->given, memory_order_acquire)) {
        if (cop__park(deadline_ns))
            continue;
        lock_fields(hold->mutex);
        given = cop__load(hold->given);
        if (!given)
            leave_line(hold->mutex, hold);
        unlock_fields(hold->mutex);
        return given;
    }
    return true;
}

static int lock_within(cop_mutex *mutex, int64_t timeout_ms, int late, const char *function)
{
    struct cop__thr *self = (struct cop__thr *)cop__enter();
    uint64_t deadline_ns;
    struct hold *hold;
    bool mine = false, given;
    int status;

    if (!self->current) {
        cop__leave();
        cop__badarg(function);
    }
    deadline_ns = cop__deadline_in(timeout_ms);
    hold = new_hold(self, mutex);
    lock_fields(mutex);
    given = !mutex->internal[OWNER];
    if (given)
        mutex->internal[OWNER] = hold;
    else if (!(mine = own_hold(mutex, self)) && timeout_ms)
        stand_in_line(mutex, hold);
    unlock_fields(mutex);
    if (!given && !mine && timeout_ms)
        given = wait_in_line(hold, deadline_ns);
    if (!given) {
        free_hold(hold);
        cop__leave();
        if (mine)
            cop__badarg(function);
        return -late;
    }
    hold->held = true;
    status = mutex->internal_dead ? -EOWNERDEAD : 0;
    cop__leave();
    return status;
}

int cop_mutex_lock(cop_mutex *mutex)
{
    return lock_within(mutex, COP_INFINITY, COP_ETIMEOUT, "mutex_lock");
}

int cop_mutex_lock_within(cop_mutex *mutex, int64_t timeout_ms)
{
    return lock_within(mutex, timeout_ms, COP_ETIMEOUT, "mutex_lock_within");
}

int cop_mutex_try_lock(cop_mutex *mutex)
{
    return lock_within(mutex, 0, EBUSY, "mutex_try_lock");
}

void cop_mutex_unlock(cop_mutex *mutex)
{
    struct cop__thr *self = (struct cop__thr *)cop__enter();
    struct hold *hold;

    lock_fields(mutex);
    hold = own_hold(mutex, self);
    if (!hold) {
        unlock_fields(mutex);
        cop__leave();
        cop__badarg("mutex_unlock");
    }
    pass_on(mutex);
    free_hold(hold);
    cop__leave();
}

void cop_mutex_consistent(cop_mutex *mutex)
{
    struct cop__thr *self = (struct cop__thr *)cop__enter();
    bool mine;

    lock_fields(mutex);
    mine = own_hold(mutex, self);
    if (mine)
        mutex->internal_dead = 0;
    unlock_fields(mutex);
    cop__leave();
    if (!mine)
        cop__badarg("mutex_consistent");
}

cop_pid cop_mutex_owner(const cop_mutex *mutex)
{
    cop_mutex *fields = (cop_mutex *)(uintptr_t)mutex;
    bool entered = cop__enter_unless_inside();
    struct hold *owner;
    cop_pid pid = { 0 };

    lock_fields(fields);
    owner = fields->internal[OWNER];
    if (owner)
        pid = cop__pid_of(owner->id);
    unlock_fields(fields);
    if (entered)
        cop__leave();
    return pid;
}
