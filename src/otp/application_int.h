/* SPDX-License-Identifier: Apache-2.0 */
/* What the controller, the masters and the end of the node share. Layer 5.
 *
 * One controller a node (a gen_server, started when it is first asked for) knows all applications
 * and never waits; each running application has a master, which waits for its start and stop
 * functions and is the group leader of all its processes. */
#ifndef COP_OTP_APPLICATION_INT_H
#define COP_OTP_APPLICATION_INT_H

#include "supervisor_int.h"

#define COP__CONTROLLER "application_controller"

/* application_controller.c. The controller's answer to a request; starts it when needed. */
cop_term cop__controller_call(cop_term request);

/* application_master.c. arg: the index of the application's entry. To its parent, the controller:
 *   {application_started, Master}            then, when it ends, its exit
 *   {application_failed, Master, Reason}     and nothing more of interest
 * From the controller: stop. */
void cop__application_master(cop_term arg);
cop_term cop__application_args(const cop_application *application);

/* node_stop.c. Stop all applications in reverse start order, then the tree of cop_run or the node;
 * from any process, which goes on meanwhile. */
void cop__node_stop(int status);
bool cop__node_is_stopping(void);                /* cop__node_stop has been called */
void cop__node_stop_prepare(void);               /* from now on cop_stop_node does this */
void cop__node_stop_drain(int64_t max_drain_ms); /* that begins with cop_tcp_drain */
void cop__node_stop_runner(cop_pid runner);      /* gets {stop_tree, Status}; id 0: there is none */

#endif
