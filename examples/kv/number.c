/* SPDX-License-Identifier: Apache-2.0 */
/* Integers in text: on the path of every request, so without strtoll and snprintf. */
#include "number.h"

bool number_parse(int64_t *ret_value, const char *text, size_t size)
{
    const char *end = text + size;
    bool negative = size > 0 && *text == '-';
    uint64_t value = 0, limit = (uint64_t)INT64_MAX + negative;

    text += negative;
    if (text == end || end - text > 19)
        return false;
    if (*text == '0') { /* only as the one digit of 0 */
        if (size != 1)
            return false;
        *ret_value = 0;
        return true;
    }
    for (; text < end; text++) {
        if (*text < '0' || *text > '9')
            return false;
        value = value * 10 + (uint64_t)(*text - '0');
    }
    if (value > limit) /* 19 digits cannot overflow 64 bits */
        return false;
    *ret_value = negative ? (int64_t)(0 - value) : (int64_t)value;
    return true;
}

size_t number_format(char *text, int64_t value)
{
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    char digits[NUMBER_TEXT_MAX];
    size_t count = 0, size = 0;

    do
        digits[count++] = (char)('0' + rest % 10);
    while (rest /= 10);
    if (value < 0)
        text[size++] = '-';
    while (count)
        text[size++] = digits[--count];
    return size;
}
