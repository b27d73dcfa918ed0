/* SPDX-License-Identifier: Apache-2.0 */
/* MD5 (RFC 1321), because formats of Erlang contain it: tables in files here, the handshake of the
 * distribution. Nothing is protected by it. */
#ifndef COP_BASE_MD5_H
#define COP_BASE_MD5_H

#include <stddef.h>
#include <stdint.h>

enum { COP__MD5_SIZE = 16 };

struct cop__md5 {
    uint32_t state[4];
    uint64_t size; /* bytes so far */
    unsigned char block[64];
};

void cop__md5_begin(struct cop__md5 *md5);
void cop__md5_add(struct cop__md5 *md5, const void *data, size_t size);
void cop__md5_end(unsigned char digest[COP__MD5_SIZE], struct cop__md5 *md5);

/* All in one. */
void cop__md5(unsigned char digest[COP__MD5_SIZE], const void *data, size_t size);

#endif
