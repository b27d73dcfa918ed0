/* SPDX-License-Identifier: Apache-2.0 */
/* Schedulers apart from threads: who waits, who searches, who is woken, which threads there are.
 * Between sched.c, idle.c, threads.c and handoff.c. */
#ifndef COP_PROC_IDLE_H
#define COP_PROC_IDLE_H

#include "proc/proc.h"

static inline void cop__tally(_Atomic(uint64_t) *counter)
{
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

/* sched.c */
bool cop__global_work(void);
void cop__global_put(struct cop__proc *proc);
void cop__global_start(void);
void cop__poll_now(void); /* take the events there are; rt odd, and no process runs here */

struct cop__poll_event;
void cop__polled_events(struct cop__poll_event *events, int count); /* wakes who waits for them */

/* idle.c */
void cop__idle_start(uint32_t searching);
void cop__idle(struct cop__thr *self); /* gives the scheduler up; returns with one, or at stop */
void cop__wake_for(struct cop__sched *sched); /* it has more than it runs now: W2 */
bool cop__worth_stealing(struct cop__sched *victim, uint64_t now_ns);
/* What waits in queues: none, some that will be run soon, or what is worth another thread. */
enum cop__work { COP__WORK_NONE, COP__WORK_SOME, COP__WORK_WORTH } cop__look_around(void);
bool cop__search_begin(struct cop__thr *self); /* false: enough others are stealing */
bool cop__thread_park(struct cop__thr *self);  /* wait for a scheduler; false: end */
void cop__take(struct cop__thr *self, struct cop__sched *sched);
static inline void cop__give_up(struct cop__thr *self) /* the thread's side; see H4 for the other */
{
    self->sched = NULL;
    self->base.blocks = NULL;
}
bool cop__take_any(struct cop__thr *self);         /* an idle scheduler; false: none */
void cop__hand_over(struct cop__sched *sched);     /* what nobody holds, to another thread */
void cop__detached_count(int32_t change);          /* threads that run on without a scheduler */
bool cop__all_idle(_Atomic(uint32_t) *ret_asleep); /* then *ret_asleep is 1, before it changes */
bool cop__somebody_is_busy(void);                  /* a thread has a scheduler, or runs without */
void cop__heavy_fence(void);                       /* every thread passes a full fence */
bool cop__fence_is_heavy(void);                    /* it does: the system has membarrier */
uint32_t cop__idle_count(void);                    /* schedulers */
bool cop__spare_there(void);

/* virtual_time.c: nothing can run. False: nothing ever will but by what comes from outside. */
bool cop__virtual_idle(uint64_t due_ns);

/* threads.c */
enum { COP__THREAD_STACK = 256 * 1024 };
bool cop__threads_start(uint32_t count, uint32_t max);
bool cop__threads_join(void); /* false: some are in user code that does not return */
bool cop__thread_start(struct cop__sched *sched, bool searching); /* false: no more threads */
uint32_t cop__threads_live(void);
/* What the system says of a thread (/proc); false: nothing. */
bool cop__thread_file(char *ret_text, size_t size, const struct cop__thr *thr, const char *name);
/* Note `rt` of every thread; later: has each of them been outside the runtime, or without a
 * process, since (retire.c). */
uint32_t cop__threads_look(uint32_t *ret_rts, uint32_t max);
bool cop__threads_passed(const uint32_t *rts, uint32_t count);
bool cop__threads_room(void); /* one more may be started */

struct cop_node_statistics;
void cop__idle_statistics(struct cop_node_statistics *ret);

#endif
