/* SPDX-License-Identifier: Apache-2.0 */
/* Order and equality for the rest of the layer; the public names are in term.h. Layer 1, private.
 */
#ifndef COP_TERM_ORDER_H
#define COP_TERM_ORDER_H

#include "term/layout.h"

/* The order of map keys (TO-08): as cop_compare, but every integer is below every float, also deep
 * inside, and -0.0 below 0.0; so 0 means =:=. */
int cop__compare_exact(cop_term a, cop_term b);

bool cop__identical_slow(cop_term a, cop_term b);

/* =:= without a call where the words decide. */
static inline bool cop__identical(cop_term a, cop_term b)
{
    if (a.word == b.word)
        return true;
    if (cop__is_immediate(a) || cop__is_immediate(b))
        return false;
    return cop__identical_slow(a, b);
}

#endif
