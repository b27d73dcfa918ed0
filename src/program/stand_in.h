/* SPDX-License-Identifier: Apache-2.0 */
/* Starting a child with .isolate, from its supervisor (stand_in.c). Layer 8, private. */
#ifndef COP_PROGRAM_STAND_IN_H
#define COP_PROGRAM_STAND_IN_H

#include "otp/supervisor_int.h"

struct cop__start cop__stand_in_start(const struct cop__spec *spec, cop_term arg);
/* The node has ended: nothing is prepared any more (isolate.c). */
void cop__isolate_end(void);

#endif
