/* SPDX-License-Identifier: Apache-2.0 */
/* MD5 as RFC 1321 defines it. Layer 0. */
#include "base/md5.h"

#include <string.h>

static const unsigned char shifts[4][4] = { { 7, 12, 17, 22 }, { 5, 9, 14, 20 }, { 4, 11, 16, 23 },
    { 6, 10, 15, 21 } };

/* The integer part of 2^32 times the absolute sine of 1, 2, ... 64. */
static const uint32_t sines[64] = { 0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf,
    0x4787c62a, 0xa8304613, 0xfd469501, 0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122,
    0xfd987193, 0xa679438e, 0x49b40821, 0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d,
    0x02441453, 0xd8a1e681, 0xe7d3fbc8, 0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905,
    0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a, 0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44,
    0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70, 0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039,
    0xe6db99e5, 0x1fa27cf8, 0xc4ac5665, 0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3,
    0x8f0ccc92, 0xffeff47d, 0x85845dd1, 0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82,
    0xbd3af235, 0x2ad7d2bb, 0xeb86d391 };

static uint32_t word_at(const unsigned char *bytes)
{
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
           (uint32_t)bytes[3] << 24;
}

static uint32_t rotated(uint32_t word, unsigned by)
{
    return word << by | word >> (32 - by);
}

/* Round by round: which function of b, c, d, and which word of the block. */
static uint32_t mixed(unsigned i, uint32_t b, uint32_t c, uint32_t d, unsigned *ret_word)
{
    switch (i / 16) {
    case 0:
        *ret_word = i;
        return (b & c) | (~b & d);
    case 1:
        *ret_word = (5 * i + 1) % 16;
        return (d & b) | (~d & c);
    case 2:
        *ret_word = (3 * i + 5) % 16;
        return b ^ c ^ d;
    default:
        *ret_word = (7 * i) % 16;
        return c ^ (b | ~d);
    }
}

static void add_block(struct cop__md5 *md5, const unsigned char *block)
{
    uint32_t a = md5->state[0], b = md5->state[1], c = md5->state[2], d = md5->state[3];

    for (unsigned i = 0; i < 64; i++) {
        unsigned word;
        uint32_t sum = mixed(i, b, c, d, &word) + a + sines[i];

        sum += word_at(block + 4 * (size_t)word);
        a = d;
        d = c;
        c = b;
        b += rotated(sum, shifts[i / 16][i % 4]);
    }
    md5->state[0] += a;
    md5->state[1] += b;
    md5->state[2] += c;
    md5->state[3] += d;
}

void cop__md5_begin(struct cop__md5 *md5)
{
    *md5 = (struct cop__md5){ .state = { 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476 } };
}

void cop__md5_add(struct cop__md5 *md5, const void *data, size_t size)
{
    const unsigned char *bytes = data;
    size_t used = md5->size % sizeof md5->block;

    md5->size += size;
    while (size) {
        size_t part = sizeof md5->block - used;

        if (part > size)
            part = size;
        memcpy(md5->block + used, bytes, part);
        bytes += part;
        size -= part;
        used += part;
        if (used == sizeof md5->block) {
            add_block(md5, md5->block);
            used = 0;
        }
    }
}

void cop__md5_end(unsigned char digest[COP__MD5_SIZE], struct cop__md5 *md5)
{
    static const unsigned char padding[64] = { 0x80 };
    uint64_t bits = md5->size * 8;
    unsigned char length[8];

    for (unsigned i = 0; i < 8; i++)
        length[i] = (unsigned char)(bits >> 8 * i);
    cop__md5_add(md5, padding, 1 + (119 - md5->size % 64) % 64);
    cop__md5_add(md5, length, sizeof length);
    for (unsigned i = 0; i < COP__MD5_SIZE; i++)
        digest[i] = (unsigned char)(md5->state[i / 4] >> 8 * (i % 4));
}

void cop__md5(unsigned char digest[COP__MD5_SIZE], const void *data, size_t size)
{
    struct cop__md5 md5;

    cop__md5_begin(&md5);
    cop__md5_add(&md5, data, size);
    cop__md5_end(digest, &md5);
}
