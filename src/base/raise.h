/* SPDX-License-Identifier: Apache-2.0 */
/* How the lower layers end the running process: they know the reason, not the process. One of the
 * hooks that point upwards; the process layer serves it. */
#ifndef COP_BASE_RAISE_H
#define COP_BASE_RAISE_H

/* Set by the process layer at start: exits the running process with the atom `reason`. It must
 * not return. Until then, and in a thread that runs no process, the program is aborted. */
extern void (*cop__raise_hook)(const char *reason, const char *detail);

/* End the running process. `detail` is for the reader of the message when there is no process. */
_Noreturn void cop__raise(const char *reason, const char *detail);

#endif
