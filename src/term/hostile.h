/* SPDX-License-Identifier: Apache-2.0 */
/* Keys made to collide, for tests. */
#ifndef COP_TERM_HOSTILE_H
#define COP_TERM_HOSTILE_H

#include "term/integer.h"
#include "term/layout.h"

/* The step of cop_hash, which anyone can read. */
static inline uint64_t mix(uint64_t hash, uint64_t word)
{
    cop__u128 product =
        (cop__u128)(hash ^ word ^ 0xa0761d6478bd642fu) * (hash + 0xe7037ed1a0b428dbu);

    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* The i-th of many binaries of 16 bytes with one cop_hash: the second word makes the product 0. */
static inline cop_term hostile_key(uint64_t i)
{
    uint64_t words[2] = { i, 0 };

    words[1] = mix(mix(0x9e3779b97f4a7c15u, (uint64_t)128 << 8 | COP__BINARY), words[0]) ^
               0xa0761d6478bd642fu;
    return cop_binary(words, sizeof words);
}

#endif
