/* SPDX-License-Identifier: Apache-2.0 */
/* What an address in the code is called: its function and, where the object says so, the line
 * of its source. Read from the symbol tables of the files that are loaded, once for each, when
 * first asked. Layer 0. */
#ifndef COP_BASE_SYMBOLS_H
#define COP_BASE_SYMBOLS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/lines.h"

struct cop__symbol {
    const char *object;      /* base name of the file that holds the code: "kv", "libc.so.6" */
    const char *function;    /* NULL: stripped */
    const char *unit;        /* base name of the C file the function is in; NULL: not said */
    struct cop__line source; /* the file may be a header; NULL and 0: not said */
    uintptr_t offset;        /* from where the object is loaded, as addr2line takes it */
};

/* False: no known code lies there. The texts live until the program ends. Reads files and takes
 * locks: not in a signal handler. */
bool cop__symbol_of(struct cop__symbol *ret_symbol, uintptr_t pc);

#endif
