/* SPDX-License-Identifier: Apache-2.0 */
/* Freeing what others may still be reading, without a lock on their side. Layer 2.
 *
 * A reader finds shared memory only inside the runtime, with a process running: `rt` of its thread
 * is odd from before it reads the first pointer until it has let go of the last. So what was
 * unlinked may be freed when each thread has been seen outside, or with another `rt`, or without a
 * process, since. Readers pay nothing for it; who retires pays one membarrier for many objects.
 *
 *   RETIRE-1  A pointer to shared memory does not outlive the enter/leave bracket it was read in,
 * nor a yield inside of one. RETIRE-2  What is retired was unlinked before, so that no reader can
 * begin to look at it. */
#ifndef COP_PROC_RETIRE_H
#define COP_PROC_RETIRE_H

#include "proc/types.h"

typedef void cop__retired_free(struct cop__thr *self, void *object);

/* rt odd. free runs later, once, on any thread with rt odd, under whatever locks who retires then
 * holds: it does not retire, and takes no lock that anybody retires under. */
void cop__retire(struct cop__thr *self, void *object, cop__retired_free *free);

/* Free what can be freed by now, and let the rest begin to wait: for who waits for it. rt odd. */
void cop__retire_push(struct cop__thr *self);

#endif
