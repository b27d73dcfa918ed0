/* SPDX-License-Identifier: Apache-2.0 */
/* What a dynamic supervisor has of a supervisor. Layer 5. */
#ifndef COP_OTP_DYNAMIC_SUPERVISOR_INT_H
#define COP_OTP_DYNAMIC_SUPERVISOR_INT_H

#include "otp/supervisor_int.h"

/* Start a child; what it raises is the reason as it is, and a throw is no return (SUP-103). */
struct cop__start cop__start_plainly(const struct cop__spec *spec, cop_term args);

/* All children at once, each with the time that its own specification gives it (SUP-112). */
void cop__stop_all_of_own(struct cop__sup *sup);

/* Of a gen_server whose state begins with a struct cop__sup. */
cop_step cop__supervisor_cast(void *state, cop_term request);
cop_step cop__supervisor_info(void *state, cop_term message);

#endif
