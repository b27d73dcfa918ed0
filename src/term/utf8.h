/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8, strictly: no overlong forms, no surrogates, nothing above 10FFFF. Layer 1, private. */
#ifndef COP_TERM_UTF8_H
#define COP_TERM_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* Decode the code point at *at, below end, and step over it; -1 where there is none. */
static inline int32_t cop__utf8_next(const unsigned char **at, const unsigned char *end)
{
    const unsigned char *p = *at;
    size_t left = (size_t)(end - p);
    int32_t c;

    if (left == 0)
        return -1;
    c = p[0];
    if (c < 0x80) {
        *at = p + 1;
        return c;
    }
    if (c >= 0xc2 && c < 0xe0 && left >= 2 && (p[1] & 0xc0) == 0x80) {
        *at = p + 2;
        return (c & 0x1f) << 6 | (p[1] & 0x3f);
    }
    if ((c & 0xf0) == 0xe0 && left >= 3 && (p[1] & 0xc0) == 0x80 && (p[2] & 0xc0) == 0x80) {
        c = (c & 0x0f) << 12 | (p[1] & 0x3f) << 6 | (p[2] & 0x3f);
        if (c < 0x800 || (c >= 0xd800 && c < 0xe000))
            return -1;
        *at = p + 3;
        return c;
    }
    if ((c & 0xf8) == 0xf0 && left >= 4 && (p[1] & 0xc0) == 0x80 && (p[2] & 0xc0) == 0x80 &&
        (p[3] & 0xc0) == 0x80) {
        c = (c & 0x07) << 18 | (p[1] & 0x3f) << 12 | (p[2] & 0x3f) << 6 | (p[3] & 0x3f);
        if (c < 0x10000 || c > 0x10ffff)
            return -1;
        *at = p + 4;
        return c;
    }
    return -1;
}

/* Write a valid code point; the number of bytes, at most 4. */
static inline size_t cop__utf8_put(char *to, int32_t c)
{
    if (c < 0x80) {
        to[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        to[0] = (char)(0xc0 | c >> 6);
        to[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        to[0] = (char)(0xe0 | c >> 12);
        to[1] = (char)(0x80 | (c >> 6 & 0x3f));
        to[2] = (char)(0x80 | (c & 0x3f));
        return 3;
    }
    to[0] = (char)(0xf0 | c >> 18);
    to[1] = (char)(0x80 | (c >> 12 & 0x3f));
    to[2] = (char)(0x80 | (c >> 6 & 0x3f));
    to[3] = (char)(0x80 | (c & 0x3f));
    return 4;
}

/* The number of code points, or -1 if the bytes are no UTF-8. */
static inline int64_t cop__utf8_count(const void *data, size_t size)
{
    const unsigned char *at = data, *end = at + size;
    int64_t count = 0;

    while (at < end) {
        if (cop__utf8_next(&at, end) < 0)
            return -1;
        count++;
    }
    return count;
}

/* A Unicode scalar value. */
static inline int cop__utf8_valid(int64_t c)
{
    return c >= 0 && c <= 0x10ffff && !(c >= 0xd800 && c < 0xe000);
}

#endif
