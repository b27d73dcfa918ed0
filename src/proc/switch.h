/* SPDX-License-Identifier: Apache-2.0 */
/* The context switch. A context is a stack pointer; what lies there is said in switch_*.S. */
#ifndef COP_PROC_SWITCH_H
#define COP_PROC_SWITCH_H

#include <stdint.h>

/* Save the callee-saved registers on this stack and its pointer in *save_sp; go on at load_sp. */
void cop__switch(void **save_sp, void *load_sp);

/* A context on a fresh stack (top 16-aligned) that calls entry(arg), which never returns. */
void *cop__switch_prepare(void *top, void (*entry)(void *arg), void *arg);

#endif
