/* SPDX-License-Identifier: Apache-2.0 */
/* Where the nodes of a simulated run come from: a process that was forked before the first of them
 * started, and forks the others from what it still is. */
#ifndef COP_SIM_NURSERY_H
#define COP_SIM_NURSERY_H

#include <coppice/sim.h>

#include "proc/simulate.h"

/* With the world made, in the process that becomes the first node. False: errno. */
bool cop__nursery_start(const struct cop__sim_run *run);
void cop__nursery_stop(void); /* all nodes but the first are gone after it */
bool cop__nursery_there(void);

/* From any node that has the turn. 0 or -errno. */
int cop__nursery_bear(int place, cop_main *fn);
int cop__nursery_kill(int place);

#endif
