/* SPDX-License-Identifier: Apache-2.0 */
/* Virtual time, for tests: a node that was started with .virtual_time has one scheduler, and its
 * clocks stand still as long as any process can run. When none can, time jumps to the next timer.
 * So an hour of timers passes in the time that the work takes, and always in the same order.
 *
 *   int main(int argc, char **argv)
 *   {
 *       return cop_run_main_with(test, argc, argv, &(struct cop_options){ .virtual_time = true });
 *   }
 *
 * What comes from outside (sockets, files, code that blocks) takes real time, and virtual time
 * waits for what is under way. A callback that computes or blocks is not interrupted: time stands
 * still. */
#ifndef COPPICE_SIM_H
#define COPPICE_SIM_H

#include <coppice/process.h>

COP_BEGIN_DECLS

/* Wait until no process can run without a message, a timer or what comes from outside. No time
 * passes.
 *
 * Exits    the caller with badarg: time is not virtual, or another process waits here.
 * Parks    yes.
 * Context  any process.
 * OTP      none.
 */
COP_API void cop_sim_settle(void);

COP_END_DECLS

#endif
