/* SPDX-License-Identifier: Apache-2.0 */
/* The threads of a node: started when a scheduler wants one, at most so many, ended when they were
 * spare for long (idle.c), joined at the end.
 *
 * The hard idea: records outlive threads. The monitor may look at the record of a thread that has
 * just ended, so a record is used again but not freed while the node runs. */
#include "base/reserve.h"
#include "proc/idle.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proc/fault.h"
#include "proc/handoff.h"
#include "proc/simulate.h"

enum { THREADS_MAX = 1024, THREADS_DEFAULT = 256, SPARES_AT_START = 2 };
enum { OWN_HEAP_WORDS = 512 };
/* How long the stop waits for user code, and how often it wakes those that sleep. */
#define STOP_NS 1000000000ull
static const struct timespec stop_look = { 0, 10000000 };

static struct {
    struct cop__spinlock lock; /* records, ended */
    struct cop__thr *record[THREADS_MAX];
    uint32_t records, max;
    struct cop__thr *ended;
    sigset_t signal_mask; /* of who started the node: the monitor, which starts some, blocks all */
    _Atomic(uint32_t) live; /* futex of the stop */
    _Atomic(uint32_t) said; /* that there are no more */
} threads;

uint32_t cop__threads_live(void)
{
    return atomic_load(&threads.live);
}

bool cop__threads_room(void)
{
    return cop__load(threads.live) < threads.max;
}

uint32_t cop__threads_look(uint32_t *ret_rts, uint32_t max)
{
    uint32_t count;

    cop__spin_lock(&threads.lock);
    count = threads.records < max ? threads.records : max;
    for (uint32_t i = 0; i < count; i++) /* acquire: as below */
        ret_rts[i] = atomic_load_explicit(&threads.record[i]->base.rt, memory_order_acquire);
    cop__spin_unlock(&threads.lock);
    return count;
}

bool cop__threads_passed(const uint32_t *rts, uint32_t count)
{
    bool passed = true;

    cop__spin_lock(&threads.lock);
    for (uint32_t i = 0; passed && i < count; i++) {
        const struct cop__thr *thr = threads.record[i];

        /* acquire: pairs with the release in cop__leave; what it read came before */
        passed = rts[i] % 2 == 0 ||
                 atomic_load_explicit(&thr->base.rt, memory_order_acquire) != rts[i] ||
                 !__atomic_load_n(&thr->current, __ATOMIC_ACQUIRE);
    }
    cop__spin_unlock(&threads.lock);
    return passed;
}

/* --- One thread ----------------------------------------------------------------------------------
 */

static void put_ended(struct cop__thr *thr, bool joinable)
{
    cop__spin_lock(&threads.lock);
    thr->joinable = joinable;
    thr->next = threads.ended;
    threads.ended = thr;
    atomic_fetch_sub(&threads.live, 1);
    cop__spin_unlock(&threads.lock);
    cop__futex_wake(&threads.live, 1);
}

static void *thread_main(void *arg)
{
    struct cop__thr *self = arg;
    uint64_t *lent = cop__must_alloc(OWN_HEAP_WORDS * sizeof *lent);

    if (!lent)
        cop__out_of_memory("a thread");
    cop__heap_init(&self->heap, lent, OWN_HEAP_WORDS);
    self->base.heap = &self->heap;
    cop__thread_current = &self->base;
#if COP__TSAN
    self->fiber.fiber = __tsan_get_current_fiber();
#endif
    self->thread = pthread_self(); /* not by pthread_create, which may store it late */
    pthread_getcpuclockid(self->thread, &self->cpu_clock);
    self->base_hi = (uintptr_t)__builtin_frame_address(0);
    pthread_sigmask(SIG_SETMASK, &threads.signal_mask, NULL);
    cop__faults_thread_start(self);
    if (self->given) {
        cop__take(self, self->given);
        self->given = NULL;
    }
    if (self->sched || cop__thread_park(self))
        cop__scheduler_main(self);
    cop__faults_thread_stop(self);
    cop__thread_current = NULL;
    cop__heap_reset(&self->heap);
    cop__must_free(lent);
    put_ended(self, true);
    return NULL;
}

/* A record that no thread uses, and a place among the live. NULL: there are enough. */
static struct cop__thr *take_record(void)
{
    struct cop__thr *thr = NULL;

    cop__spin_lock(&threads.lock);
    if (cop__load(threads.live) < threads.max) {
        if ((thr = threads.ended)) {
            threads.ended = thr->next;
        } else if ((thr = aligned_alloc(64, (sizeof *thr + 63) & ~(size_t)63))) {
            memset(thr, 0, sizeof *thr);
            cop__store(thr->base.rt, 1); /* the base loop is in the runtime */
            threads.record[threads.records++] = thr;
        }
        if (thr)
            atomic_fetch_add(&threads.live, 1);
    }
    cop__spin_unlock(&threads.lock);
    return thr;
}

static void say_enough(void)
{
    if (!atomic_exchange(&threads.said, 1))
        fprintf(stderr,
            "coppice: %u threads, and no more can be had: processes that block or compute now hold "
            "up others\n",
            cop__threads_live());
}

bool cop__thread_start(struct cop__sched *sched, bool searching)
{
    struct cop__thr *thr = take_record();
    pthread_attr_t attributes;
    pthread_t thread;
    int failed;

    if (!thr) {
        say_enough();
        return false;
    }
    if (thr->joinable)
        pthread_join(thr->thread, NULL); /* it has said its last word */
    thr->joinable = false;
    thr->thread = 0;
    thr->given = sched;
    thr->searching = searching;
    cop__give_up(thr);
    cop__store(thr->wake, 0);
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, COP__THREAD_STACK);
    failed = pthread_create(&thread, &attributes, thread_main, thr);
    pthread_attr_destroy(&attributes);
    if (failed) {
        put_ended(thr, false);
        say_enough();
    }
    return !failed;
}

/* --- All of them ---------------------------------------------------------------------------------
 */

bool cop__threads_start(uint32_t count, uint32_t max)
{
    const char *wanted = getenv("COPPICE_THREADS");

    if (!max && wanted)
        max = (uint32_t)strtoul(wanted, NULL, 10);
    if (!max)
        max = THREADS_DEFAULT;
    threads.max = max > THREADS_MAX ? THREADS_MAX : max < count ? count : max;
    threads.records = 0;
    threads.ended = NULL;
    pthread_sigmask(SIG_SETMASK, NULL, &threads.signal_mask);
    cop__store(threads.live, 0);
    cop__store(threads.said, 0);
    for (uint32_t i = 0; i < count; i++)
        if (!cop__thread_start(cop__node.sched[i], true))
            return false;
    for (uint32_t i = 0; !cop__simulated && i < SPARES_AT_START && cop__threads_room(); i++)
        cop__thread_start(NULL, false);
    cop__monitor_start();
    return true;
}

/* Some do not end: those that have are joined, and nobody waits for the others. */
static void leave_behind(void)
{
    cop__spin_lock(&threads.lock);
    for (struct cop__thr *thr = threads.ended; thr; thr = thr->next) {
        if (thr->joinable)
            pthread_join(thr->thread, NULL);
        thr->thread = 0;
    }
    for (uint32_t i = 0; i < threads.records; i++)
        if (threads.record[i]->thread)
            pthread_detach(threads.record[i]->thread);
    cop__spin_unlock(&threads.lock);
}

/* Nothing starts a thread any more: wake_one looks at `stopping`, and the monitor has ended. */
bool cop__threads_join(void)
{
    uint64_t until_ns = cop__now_ns() + STOP_NS;
    uint32_t live;

    cop__monitor_stop();
    while ((live = atomic_load(&threads.live))) {
        cop__wake_all();
        for (uint32_t i = 0; i < threads.records; i++)
            cop__ask_to_yield(threads.record[i]);
        if (cop__now_ns() >= until_ns) {
            fprintf(stderr,
                "coppice: stopped, but %u threads are still in code that does not return; they are "
                "left behind\n",
                live);
            leave_behind();
            return false;
        }
        cop__futex_wait(&threads.live, live, &stop_look);
    }
    for (uint32_t i = 0; i < threads.records; i++) {
        if (threads.record[i]->joinable)
            pthread_join(threads.record[i]->thread, NULL);
        free(threads.record[i]);
    }
    threads.records = 0; /* who looks at them now sees none (retire.c) */
    return true;
}

bool cop__thread_file(char *ret_text, size_t size, const struct cop__thr *thr, const char *name)
{
    char path[64];
    ssize_t got;
    int fd;

    snprintf(path, sizeof path, "/proc/self/task/%d/%s", (int)cop__load(thr->tid), name);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    got = read(fd, ret_text, size - 1);
    close(fd);
    if (got <= 0)
        return false;
    ret_text[got] = 0;
    return true;
}
