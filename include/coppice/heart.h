/* SPDX-License-Identifier: Apache-2.0 */
/* heart: somebody outside who starts the program anew when it ends, or when its node does nothing
 * any more.
 *
 *   coppice-heart --timeout-ms 30000 -- build/examples/kv --port 6380
 *
 * A program of cop_run that was started by it beats, four times in each timeout, from a process of
 * its node; so a node whose processes do not get to run is found out, too. It is ended with SIGABRT
 * then, which leaves a report and a core dump, and with SIGKILL 5 seconds later. */
#ifndef COPPICE_HEART_H
#define COPPICE_HEART_H

#include <coppice/base.h>

COP_BEGIN_DECLS

/* Is all well? Runs in a process before each beat; while it takes its time, says false or crashes
 * there is no beat. */
typedef bool cop_heart_callback(void *arg);

/* Before each beat callback is asked; NULL: nobody is.
 *
 * Parks    no.
 * Context  any thread.
 * OTP      heart:set_callback/2, clear_callback/0.
 */
COP_API void cop_heart_set_callback(cop_heart_callback *callback, void *arg);

/* Was this program started by coppice-heart?
 *
 * Returns  the timeout in milliseconds after which it is ended; 0: it was not, or cop_run has not
 *          begun.
 * Parks    no.
 * Context  any thread.
 * OTP      none.
 */
COP_API int64_t cop_heart_timeout_ms(void);

COP_END_DECLS

#endif
