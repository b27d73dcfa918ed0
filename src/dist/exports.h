/* SPDX-License-Identifier: Apache-2.0 */
/* What other nodes may run here (exports.c, erpc.c). Layer 6, private. */
#ifndef COP_DIST_EXPORTS_H
#define COP_DIST_EXPORTS_H

#include <coppice/rpc.h>

/* The function exported as module:function/arity; NULL: there is none. */
cop_exported *cop__export_find(cop_atom module, cop_atom function, size_t arity);

/* What the library exports itself (builtins.c, observer.c); what a program exported counts first.
 */
void cop__export_builtins(void);
void cop__export_observer(void);
void cop__export_default(const char *module, const char *function, int arity, cop_exported *fn);

/* Do what a process was started for by another node, and end (erpc.c). */
COP_NORETURN void cop__run_requested(cop_atom module, cop_atom function, cop_term arguments);

/* One of a list of arguments, from 0; none: there are fewer. */
cop_term cop__argument(cop_term arguments, size_t index);

/* {undef, [{M, F, Args, []}]}, and the error that is its reason alone. */
cop_term cop__undef_stack(cop_atom module, cop_atom function, cop_term arguments);

/* M:F(Args), and what came of it as {return, Value} or {throw | exit, Reason} or {error, Reason,
 * Stack}. */
cop_term cop__apply_caught(cop_atom module, cop_atom function, cop_term arguments);

#endif
