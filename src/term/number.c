/* SPDX-License-Identifier: Apache-2.0 */
/* Floats as text. Layer 1.
 *
 * The hard idea: leave digits to the C library, but never show it a decimal point, since that
 * depends on the locale: its output is taken apart, its input is a whole number with an exponent.
 */
#include "term/text.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/scratch.h"

#define ZEROS "00000000000000000000"

bool cop__float_from_digits(double *ret_value, const char *digits, long exponent)
{
    size_t size = strlen(digits);
    char few[128], *text = few;
    double value;

    if (size + 32 > sizeof(few))
        text = cop__scratch_new(size + 32, "a float");
    snprintf(text, size + 32, "%se%ld", digits, exponent);
    value = strtod(text, NULL);
    if (text != few)
        cop__scratch_free(text);
    if (!__builtin_isfinite(value))
        return false;
    *ret_value = value;
    return true;
}

/* The digits of value rounded to `count`; value = 0.DIGITS * 10^*ret_exponent. */
static void digits_of(char digits[20], int *ret_exponent, double value, int count)
{
    char text[64];
    int used = 0;
    const char *at = text;

    snprintf(text, sizeof(text), "%.*e", count - 1, value);
    for (; *at != 'e'; at++)
        if (*at >= '0' && *at <= '9') /* all but the locale's point */
            digits[used++] = *at;
    digits[used] = 0;
    *ret_exponent = (int)strtol(at + 1, NULL, 10) + 1;
}

static bool reads_back(const char *digits, int exponent, double value)
{
    double again;

    return cop__float_from_digits(&again, digits, exponent - (long)strlen(digits)) &&
           again == value;
}

/* At a power of two the neighbour below is nearer than the one above, so that the nearest decimal
 * may not read back where the next one up does. */
static bool next_reads_back(char *digits, int exponent, double value)
{
    char up[20];
    size_t last = strlen(digits) - 1;

    if (digits[last] == '9')
        return false;
    memcpy(up, digits, last + 2);
    up[last]++;
    if (!reads_back(up, exponent, value))
        return false;
    memcpy(digits, up, last + 2);
    return true;
}

static void shortest(char digits[20], int *ret_exponent, double value)
{
    size_t size;

    for (int count = 1; count <= 17; count++) {
        /* Most values are short or need 15 digits and more. */
        if (count == 4) {
            digits_of(digits, ret_exponent, value, 14);
            if (!reads_back(digits, *ret_exponent, value))
                count = 15;
        }
        digits_of(digits, ret_exponent, value, count);
        if (reads_back(digits, *ret_exponent, value) ||
            next_reads_back(digits, *ret_exponent, value))
            break;
    }
    for (size = strlen(digits); size > 1 && digits[size - 1] == '0'; size--)
        digits[size - 1] = 0;
}

size_t cop__float_text(char *to, double value)
{
    char digits[20];
    int exponent, count, plain, scientific;
    char *start = to;

    if (__builtin_signbit(value)) {
        *to++ = '-';
        value = -value;
    }
    if (value == 0) {
        memcpy(to, "0.0", 3);
        return (size_t)(to + 3 - start);
    }
    shortest(digits, &exponent, value);
    count = (int)strlen(digits);
    /* As OTP: the shorter notation, plain when equal; no plain one from 2^53 on, where neighbours
     * are more than 1 apart. */
    plain = exponent <= 0 ? 2 - exponent + count : count <= exponent ? exponent + 2 : count + 1;
    scientific = (count > 1 ? count : 2) + 1 + snprintf(NULL, 0, "e%d", exponent - 1);
    if (value >= 9007199254740992.0 || plain > scientific)
        to += snprintf(to, COP__FLOAT_TEXT_MAX - 1, "%c.%se%d", digits[0],
            count > 1 ? digits + 1 : "0", exponent - 1);
    else if (exponent <= 0)
        to += snprintf(to, COP__FLOAT_TEXT_MAX - 1, "0.%.*s%s", -exponent, ZEROS, digits);
    else if (count <= exponent)
        to += snprintf(to, COP__FLOAT_TEXT_MAX - 1, "%s%.*s.0", digits, exponent - count, ZEROS);
    else
        to += snprintf(to, COP__FLOAT_TEXT_MAX - 1, "%.*s.%s", exponent, digits, digits + exponent);
    return (size_t)(to - start);
}
