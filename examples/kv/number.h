/* SPDX-License-Identifier: Apache-2.0 */
/* Integers in text, as strictly as Redis takes them: no blank, no plus, no leading zero. */
#ifndef KV_NUMBER_H
#define KV_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { NUMBER_TEXT_MAX = 21 }; /* bytes of "-9223372036854775808", and one to spare */

/* false, and *ret_value untouched, for what is not exactly a signed 64-bit integer. */
bool number_parse(int64_t *ret_value, const char *text, size_t size);
/* Write value in decimal into text (NUMBER_TEXT_MAX bytes), without a zero at the end; its length.
 */
size_t number_format(char *text, int64_t value);

#endif
