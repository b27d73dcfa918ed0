/* SPDX-License-Identifier: Apache-2.0 */
/* Arithmetic on terms, as Erlang's operators have it: integers of any size, floats, and both
 * together. Layer 1, private. For guards of match specifications. */
#ifndef COP_TERM_ARITHMETIC_H
#define COP_TERM_ARITHMETIC_H

#include "term/layout.h"

/* All: false where Erlang has badarith, badarg or system_limit; *ret is on the heap of the turn. */
bool cop__add(cop_term *ret, cop_term a, cop_term b);
bool cop__subtract(cop_term *ret, cop_term a, cop_term b);
bool cop__multiply(cop_term *ret, cop_term a, cop_term b);
bool cop__divide(cop_term *ret, cop_term a, cop_term b); /* `/` */
bool cop__negate(cop_term *ret, cop_term a);
bool cop__absolute(cop_term *ret, cop_term a);
bool cop__quotient(cop_term *ret, cop_term a, cop_term b); /* div */
bool cop__remainder(cop_term *ret, cop_term a, cop_term b);
bool cop__to_float(cop_term *ret, cop_term a);
bool cop__truncate(cop_term *ret, cop_term a);
bool cop__round(cop_term *ret, cop_term a);

/* arithmetic_bits.c */
bool cop__bit_and(cop_term *ret, cop_term a, cop_term b);
bool cop__bit_or(cop_term *ret, cop_term a, cop_term b);
bool cop__bit_xor(cop_term *ret, cop_term a, cop_term b);
bool cop__bit_not(cop_term *ret, cop_term a);
bool cop__shift_left(cop_term *ret, cop_term a, cop_term by);
bool cop__shift_right(cop_term *ret, cop_term a, cop_term by);

#endif
