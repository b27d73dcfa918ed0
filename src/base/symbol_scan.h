/* SPDX-License-Identifier: Apache-2.0 */
/* The name of a function, for who may neither lock nor allocate: a report from a signal handler of
 * a program in ruins. Slow: it reads the symbol table of the file from end to end each time. */
#ifndef COP_BASE_SYMBOL_SCAN_H
#define COP_BASE_SYMBOL_SCAN_H

#include <stddef.h>
#include <stdint.h>

/* "function+0x1f (program+0x21af)", or less where less is known; cut to size, which is at least 1.
 * Async-signal-safe. */
void cop__symbol_scan(char *ret_text, size_t size, uintptr_t pc);

/* Appends text, or a number, to what ends at *at, never beyond end; always zero-terminated. */
void cop__put_text(char **at, const char *end, const char *text);
void cop__put_hex(char **at, const char *end, uint64_t value);
void cop__put_decimal(char **at, const char *end, uint64_t value);

#endif
