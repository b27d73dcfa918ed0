/* SPDX-License-Identifier: Apache-2.0 */
/* SipHash with one round a word and two at the end (Aumasson and Bernstein): a keyed hash short
 * enough for every request, and strong enough that nobody can flood a chain with keys made for it.
 */
#include "hash.h"

#include <string.h>

static uint64_t secret[2] = { 0x0706050403020100u, 0x0f0e0d0c0b0a0908u };

void hash_set_secret(uint64_t first, uint64_t second)
{
    secret[0] = first;
    secret[1] = second;
}

static inline uint64_t rotate(uint64_t x, unsigned bits)
{
    return x << bits | x >> (64 - bits);
}

static inline void mix(uint64_t v[4])
{
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] = rotate(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] = rotate(v[2], 32);
}

uint64_t hash_key(const void *data, size_t size)
{
    const unsigned char *at = data;
    uint64_t v[4] = { 0x736f6d6570736575u ^ secret[0], 0x646f72616e646f6du ^ secret[1],
        0x6c7967656e657261u ^ secret[0], 0x7465646279746573u ^ secret[1] };
    uint64_t word, last = (uint64_t)size << 56;
    size_t left = size;

    for (; left >= 8; at += 8, left -= 8) {
        memcpy(&word, at, 8); /* both our processors are little-endian, as SipHash is */
        v[3] ^= word;
        mix(v);
        v[0] ^= word;
    }
    for (size_t i = 0; i < left; i++)
        last |= (uint64_t)at[i] << (8 * i);
    v[3] ^= last;
    mix(v);
    v[0] ^= last;
    v[2] ^= 0xff;
    mix(v);
    mix(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}
