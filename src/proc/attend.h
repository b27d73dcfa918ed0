/* SPDX-License-Identifier: Apache-2.0 */
/* Who waits in the poller, and who naps beside those that work (attend.c). Between idle.c, sched.c
 * and handoff.c. */
#ifndef COP_PROC_ATTEND_H
#define COP_PROC_ATTEND_H

#include "proc/proc.h"

/* The thread has no scheduler. True: it has one again, or the node stops. False: others do all
 * there is to wait for, and have been told if they must know of something. */
bool cop__attend(struct cop__thr *self);
/* Whoever attends looks at once. What it is to find has been stored before. */
void cop__attend_kick(void);
bool cop__attended(void); /* somebody is there to be kicked */
bool cop__watched(void);  /* and will see a queue that grows */

void cop__polled(void);          /* somebody has looked at the poller */
bool cop__poller_attended(void); /* since the monitor asked last */

void cop__attend_start(void);
uint64_t cop__attend_polls(void);

#endif
