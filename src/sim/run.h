/* SPDX-License-Identifier: Apache-2.0 */
/* One run of a simulation, in this process and those of its other nodes. */
#ifndef COP_SIM_RUN_H
#define COP_SIM_RUN_H

#include <coppice/sim.h>

#include "proc/simulate.h"

/* What the main function returned; 1 when the run failed. */
int cop__sim_run(const cop_sim *sim, struct cop__sim_run *run);

#endif
