/* SPDX-License-Identifier: Apache-2.0 */
/* The orderly end of a node: applications in reverse start order, then the tree (SUP-138).
 * Layer 5; the runtime calls here from cop_stop_node. A process of its own does it, since who asks
 * may well be one of those that are to be stopped. */
#include "application_int.h"

#include <coppice/runtime.h>
#include <stdatomic.h>

static _Atomic uint64_t runner; /* the local pid of the process in cop_run, or 0 */
static _Atomic bool stopping;

static void stop_everything(cop_term arg)
{
    cop_term name, names;
    cop_pid controller;
    int status;

    cop_must(cop_match(arg, "Status", &status));
    if (cop_whereis(&controller, COP__CONTROLLER)) {
        names = cop__controller_call(cop("running"));
        while (cop_list_next(&name, &names))
            cop__controller_call(cop("{stop, Name}", name));
    }
    cop_pid tree = { atomic_load(&runner), 0 };

    if (tree.id) {
        cop_send(tree, cop("{stop_tree, Status}", status));
    } else {
        cop__on_stop_node = NULL;
        cop_stop_node(status);
    }
}

void cop__node_stop(int status)
{
    atomic_store(&stopping, true);
    (void)cop_spawn(stop_everything, cop_int(status));
}

void cop__node_stop_prepare(void)
{
    atomic_store(&stopping, false);
    cop__on_stop_node = cop__node_stop;
}

bool cop__node_is_stopping(void)
{
    return atomic_load(&stopping);
}

void cop__node_stop_runner(cop_pid pid)
{
    atomic_store(&runner, pid.id);
}
