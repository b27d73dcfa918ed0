/* SPDX-License-Identifier: Apache-2.0 */
/* What a program says of its own code, so that a fault or a kill in it is contained, or is not.
 *
 * A fault (SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, abort, a failed assert, a stack that runs
 * over) in the code of a process ends that process with {fault, Signal, Address, Frames}, if
 * nothing on its stack could hold a lock or a half-made change that others need; else the node
 * stops with a report and a core dump. An exit signal ends a process that computes or blocks by the
 * same rules. docs/guide/fault-tolerance.md has them, F1 to F11.
 *
 * on_fault of struct cop_options, else COPPICE_ON_FAULT in the environment: contain (the default),
 * stop (as if no rule allowed it), off (no handlers at all). */
#ifndef COPPICE_FAULT_H
#define COPPICE_FAULT_H

#include <coppice/base.h>

COP_BEGIN_DECLS

/* Between these the caller changes what other processes share, or holds a lock of its own: a fault
 * stops the node (F2), and whatever would end the process from outside waits. May be nested; a
 * raise that is caught by cop_try goes back to what it was there.
 *
 * Exits    end: the caller, when it was killed meanwhile; with badarg without a begin.
 * Parks    no; end may when it was suspended meanwhile.
 * Context  any process; elsewhere they do nothing.
 * OTP      none.
 */
COP_API void cop_unsafe_begin(void);
COP_API void cop_unsafe_end(void);

/* From now on the shared object in which address lies counts as the program's own code: its frames
 * hold no locks or half-made changes that others need, so a process may be ended within it. Only
 * who has written or read that code can say so.
 *
 * Returns  true; false: no loaded object holds address, or 64 are trusted already.
 * Parks    no.
 * Context  any thread; before the code is used.
 * OTP      none.
 */
COP_API bool cop_trust_dso(const void *address);

COP_END_DECLS

#endif
