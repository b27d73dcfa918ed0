/* SPDX-License-Identifier: Apache-2.0 */
/* Who has a long queue of messages, anywhere in the node (OVL-15). */
#ifndef COP_PROC_LONG_QUEUE_H
#define COP_PROC_LONG_QUEUE_H

#include "proc/types.h"

/* How long is long; 0: nobody wants to know. */
extern _Atomic(uint32_t) cop__long_queue_from;

__attribute__((noinline, cold)) void cop__long_queue_look_slow(
    struct cop__thr *self, struct cop__proc *proc);

/* {monitor, Pid, long_message_queue, true | false} of process `about`. False: the receiver is gone.
 */
bool cop__long_queue_tell(struct cop__thr *self, uint64_t receiver, uint64_t about, bool on);

/* The running process has taken in what had come, or waits for more. rt odd. */
static inline void cop__long_queue_look(struct cop__thr *self, struct cop__proc *proc)
{
    if (cop__unlikely(cop__load(cop__long_queue_from) != 0))
        cop__long_queue_look_slow(self, proc);
}

#endif
