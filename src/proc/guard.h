/* SPDX-License-Identifier: Apache-2.0 */
/* What lies below the lowest usable byte of a stack (docs/adr/0004).
 *
 *   slot:  lo | red, 1 page | yellow, 4 pages | usable ...
 *
 * Who runs into yellow from code that must not be interrupted may have it for a while: it is
 * opened, and closed when that code has returned. Red is never opened. */
#ifndef COP_PROC_GUARD_H
#define COP_PROC_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { COP__GUARD_PAGES = 5, COP__GUARD_RED_PAGES = 1 };

/* How a stack is guarded: the best that the system and its state allow. */
enum cop__guard {
    COP__GUARD_MARKER,   /* MADV_GUARD_INSTALL, Linux 6.13: splits no mapping */
    COP__GUARD_MPROTECT, /* splits one mapping in three, and their number is bounded */
    COP__GUARD_CANARY    /* none: words that stay zero, looked at whenever the process stops */
};

void cop__guards_start(size_t page_size);
const char *cop__guard_mode(void); /* of the next stack, for people */

/* Guard a new slot; `made` counts those of its region that mprotect guards. */
enum cop__guard cop__guard_install(char *slot, size_t *made);

/* What `address` hits of the guards of the slot. */
enum cop__guard_hit { COP__GUARD_MISSED, COP__GUARD_RED, COP__GUARD_YELLOW };
enum cop__guard_hit cop__guard_hit(const char *slot, uintptr_t address);

/* Open and close yellow; what was written there is lost when it closes. False: the system refused.
 * Async-signal-safe. */
bool cop__guard_open(char *slot, enum cop__guard guard);
bool cop__guard_close(char *slot, enum cop__guard guard);

/* The canary of a slot: words at its bottom that nothing writes. Reading them costs no memory, a
 * page that was never written being the system's page of zeros. */
enum { COP__CANARY_WORDS = 64 };
bool cop__canary_alive(const uint64_t *canary);

#endif
