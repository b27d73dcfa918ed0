/* SPDX-License-Identifier: Apache-2.0 */
/* The orderly end of a node: applications in reverse start order, then the tree (SUP-138).
 * Layer 5; the runtime calls here from cop_stop_node. A process of its own does it, since who asks
 * may well be one of those that are to be stopped. */
#include "application_int.h"

#include <coppice/runtime.h>
#include <coppice/socket.h>
#include <stdatomic.h>

static _Atomic uint64_t runner; /* the local pid of the process in cop_run, or 0 */
static _Atomic bool stopping;
static int64_t drain_ms; /* constant while a tree runs */

enum { LOOK_MS = 5 };

/* Connections answer what they have received, for so long at most. */
static void drain(void)
{
    int64_t end_ms = cop_monotonic_ms() + drain_ms;

    while (drain_ms > 0 && cop_tcp_drain() > 0 && cop_monotonic_ms() < end_ms)
        cop_sleep(LOOK_MS);
}

static void stop_everything(cop_term arg)
{
    cop_term name, names;
    cop_pid controller;
    int status;

    cop_must(cop_match(arg, "Status", &status));
    drain();
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

void cop__node_stop_drain(int64_t max_drain_ms)
{
    drain_ms = max_drain_ms;
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
