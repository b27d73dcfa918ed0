/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers of the wire, high byte first. Layer 6, private. */
#ifndef COP_DIST_BYTES_H
#define COP_DIST_BYTES_H

#include <stdint.h>

static inline void cop__put_be(unsigned char *to, uint64_t value, unsigned size)
{
    while (size--) {
        to[size] = (unsigned char)value;
        value >>= 8;
    }
}

static inline uint64_t cop__get_be(const unsigned char *from, unsigned size)
{
    uint64_t value = 0;

    while (size--)
        value = value << 8 | *from++;
    return value;
}

#endif
