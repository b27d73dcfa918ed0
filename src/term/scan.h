/* SPDX-License-Identifier: Apache-2.0 */
/* Constants of Erlang's notation, read from text: atoms, numbers, strings, binaries, funs. Layer 1,
 * private to parse.c. */
#ifndef COP_TERM_SCAN_H
#define COP_TERM_SCAN_H

#include "term/layout.h"

struct cop__scan {
    cop_bytes text;
    size_t at;              /* the next character */
    struct cop__heap *heap; /* where terms are built */
    bool full;              /* the atom table has no more room */
};

/* The byte `ahead` of the next one, -1 at the end. */
static inline int cop__scan_ahead(const struct cop__scan *scan, size_t ahead)
{
    return ahead < scan->text.size - scan->at ? (unsigned char)scan->text.data[scan->at + ahead]
                                              : -1;
}

static inline int cop__scan_peek(const struct cop__scan *scan)
{
    return cop__scan_ahead(scan, 0);
}

/* Step over blanks and comments. */
void cop__scan_space(struct cop__scan *scan);

/* A name that begins with a capital or _. */
bool cop__scan_variable(struct cop__scan *scan, cop_bytes *ret_name);

/* NULL and the term, or what is wrong. */
const char *cop__scan_constant(struct cop__scan *scan, cop_term *ret_term);

#endif
