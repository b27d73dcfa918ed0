/* SPDX-License-Identifier: Apache-2.0 */
/* One run, and the world around it when it has several nodes. Layer 7. */
#include "sim/run.h"

#include <stdio.h>

#include "base/world.h"
#include "sim/nursery.h"

static int run_node(const cop_sim *sim, struct cop__sim_run *run)
{
    char name[] = "simulation", *arguments[] = { name, NULL };
    int status;

    cop__sim_prepare(run);
    status = cop_run_main_with(sim->main, 1, arguments, &(struct cop_options){ .schedulers = 1 });
    return *run->failure ? 1 : status;
}

int cop__sim_run(const cop_sim *sim, struct cop__sim_run *run)
{
    int status = 1;

    if (!sim->several_nodes)
        return run_node(sim, run);
    if (cop__world_make() && cop__nursery_start(run)) {
        status = run_node(sim, run);
        cop__nursery_stop();
    } else {
        snprintf(run->failure, sizeof run->failure, "the system has no room for several nodes");
    }
    cop__world_discard();
    return status;
}
