/* SPDX-License-Identifier: Apache-2.0 */
/* Integers of any size: what order, text and hash need of them. Layer 1, private. */
#ifndef COP_TERM_INTEGER_H
#define COP_TERM_INTEGER_H

#include "term/layout.h"

__extension__ typedef unsigned __int128 cop__u128;

/* The limbs of an integer, wherever they are; least first, none for 0. Do not copy the struct:
 * `limbs` may point into it. */
struct cop__integer {
    const uint64_t *limbs;
    size_t count;
    bool negative;
    uint64_t limb; /* of a small integer */
};

void cop__integer_of(struct cop__integer *ret_integer, cop_term integer);
int cop__integer_compare(cop_term a, cop_term b);
/* By mathematical value, exactly: TO-03. */
int cop__integer_compare_double(cop_term integer, double value);
/* The double of the same value, if there is one. */
bool cop__integer_to_double(double *ret_value, cop_term integer);

/* Digits of base 2 to 36, each a character of the base; no sign. The count is at most
 * COP__DIGITS_MAX, which bounds the time (it grows with the square). */
enum { COP__DIGITS_MAX = 100000 };
cop_term cop__integer_from_digits(
    struct cop__heap *heap, bool negative, const char *digits, size_t count, unsigned base);

/* Decimal text, not zero-terminated, into `to`, which has room for cop__integer_text_max. */
size_t cop__integer_text_max(cop_term integer);
size_t cop__integer_text(char *to, cop_term integer);

#endif
