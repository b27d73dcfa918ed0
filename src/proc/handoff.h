/* SPDX-License-Identifier: Apache-2.0 */
/* Taking a scheduler away from a thread that blocks or computes in user code (handoff.c). */
#ifndef COP_PROC_HANDOFF_H
#define COP_PROC_HANDOFF_H

#include "proc/proc.h"

/* What `claim` of a thread says. The owner of the thread looks at it whenever it enters. */
enum cop__claim {
    COP__CLAIM_OWN,   /* nobody wants anything */
    COP__CLAIM_CLAIM, /* the monitor is about to take the scheduler; the owner may take this back */
    COP__CLAIM_LOST,  /* the scheduler is gone. Only the owner leaves this, when it takes another */
    COP__CLAIM_YIELD  /* please yield at your next call */
};

void cop__monitor_start(void);
void cop__monitor_stop(void);
uint64_t cop__hand_offs(void);
void cop__ask_to_yield(struct cop__thr *thr);

/* The monitor sleeps while all schedulers are idle; who takes one that was idle calls this. */
extern _Atomic(uint32_t) cop__monitor_asleep;
void cop__monitor_wake_slow(void);
static inline void cop__monitor_wake(void)
{
    if (cop__unlikely(cop__load(cop__monitor_asleep)))
        cop__monitor_wake_slow();
}

/* On the base, after a jump from a handler. */
bool cop__entered_at_base(struct cop__thr *self);

/* On the base stack: the process whose thread has lost its scheduler goes to the global queue. */
void cop__thread_detached(struct cop__thr *self, struct cop__proc *proc);

#endif
