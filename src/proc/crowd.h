/* SPDX-License-Identifier: Apache-2.0 */
/* More threads than processors, here and in other programs (crowd.c). */
#ifndef COP_PROC_CROWD_H
#define COP_PROC_CROWD_H

#include "proc/proc.h"

extern _Atomic(bool) cop__crowd;

static inline bool cop__crowded(void)
{
    return cop__load(cop__crowd);
}

void cop__crowd_start(void);
void cop__crowd_look(uint64_t now_ns); /* the monitor, at each of its looks */

#endif
