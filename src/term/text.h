/* SPDX-License-Identifier: Apache-2.0 */
/* A growing text, and the words of Erlang's notation that printing puts into it. Layer 1, private.
 */
#ifndef COP_TERM_TEXT_H
#define COP_TERM_TEXT_H

#include "term/layout.h"

/* Not to be copied: `data` may point to `local`. Not zero-terminated. */
struct cop__text {
    char *data;
    size_t size, capacity;
    char local[512];
};

void cop__text_init(struct cop__text *text);
void cop__text_done(struct cop__text *text);
/* Room for `size` more bytes at the end; text->size is the caller's to move. */
char *cop__text_room(struct cop__text *text, size_t size);
void cop__text_put(struct cop__text *text, const char *data, size_t size);

static inline void cop__text_puts(struct cop__text *text, const char *data)
{
    cop__text_put(text, data, strlen(data));
}

static inline void cop__text_putc(struct cop__text *text, char c)
{
    *cop__text_room(text, 1) = c;
    text->size++;
}

/* Any term, on one line; `pretty`: as ~tp, not ~tw. */
void cop__text_term(struct cop__text *text, cop_term term, bool pretty);
/* The text as a C string that lives for the turn; `text` is done. */
const char *cop__text_keep(struct cop__text *text);

/* Any term that has no terms inside: numbers, atoms, identifiers, funs, []. */
void cop__text_leaf(struct cop__text *text, cop_term leaf, bool pretty);
void cop__text_bits(struct cop__text *text, cop_term bitstring, bool pretty);
/* A list of printable characters as "...". */
void cop__text_string(struct cop__text *text, cop_term list);
bool cop__text_is_string(cop_term list);
/* Bytes or characters in quotes, with what must be escaped. */
void cop__text_character(struct cop__text *text, int32_t c, char quote);
bool cop__text_is_printable(int32_t c); /* as io_lib has it, any of Unicode */

/* Shortest decimal that reads back: TP-12. Into `to` of COP__FLOAT_TEXT_MAX; its length. */
enum { COP__FLOAT_TEXT_MAX = 40 };
size_t cop__float_text(char *to, double value);

/* A decimal number: digits of a whole number times 10^exponent, correctly rounded; false if it is
 * too large. `digits` is zero-terminated and without sign or point. */
bool cop__float_from_digits(double *ret_value, const char *digits, long exponent);

#endif
