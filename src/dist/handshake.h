/* SPDX-License-Identifier: Apache-2.0 */
/* The messages of the handshake, version 6, as bytes: written and read, without sockets (D-27 to
 * D-47). Each is the body that follows its length. Layer 6, private. */
#ifndef COP_DIST_HANDSHAKE_H
#define COP_DIST_HANDSHAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    COP__HS_NAME_MAX = 255,
    COP__HS_LENGTH_MAX = 4,
    COP__HS_MESSAGE_MAX = 1024,
    COP__HS_DIGEST_SIZE = 16
};

/* What a node can do; both sides send theirs, and what both have counts. */
#define COP__DF_PUBLISHED           UINT64_C(0x1)
#define COP__DF_DIST_MONITOR        UINT64_C(0x8)
#define COP__DF_DIST_MONITOR_NAME   UINT64_C(0x20)
#define COP__DF_DIST_HDR_ATOM_CACHE UINT64_C(0x2000)
#define COP__DF_SEND_SENDER         UINT64_C(0x80000)
#define COP__DF_EXIT_PAYLOAD        UINT64_C(0x400000)
#define COP__DF_FRAGMENTS           UINT64_C(0x800000)
#define COP__DF_HANDSHAKE_23        UINT64_C(0x1000000)
#define COP__DF_UNLINK_ID           UINT64_C(0x2000000)
#define COP__DF_MANDATORY_25_DIGEST UINT64_C(0x4000000)
#define COP__DF_SPAWN               UINT64_C(0x100000000)
#define COP__DF_NAME_ME             UINT64_C(0x200000000)
#define COP__DF_V4_NC               UINT64_C(0x400000000)
#define COP__DF_ALIAS               UINT64_C(0x800000000)
#define COP__DF_ALTACT_SIG          UINT64_C(0x2000000000)
/* All that MANDATORY_25_DIGEST stands for, and what releases from 25 on insist on (D-41). */
#define COP__DF_DIGEST_FLAGS        UINT64_C(0x1070f94)
#define COP__DF_REQUIRED            UINT64_C(0x403070f94)
/* What this node announces (D-39): all of OTP 25 to 27, and opcode 37. */
#define COP__DF_ANNOUNCED           UINT64_C(0x2d07df7fbd)

struct cop__hs_name { /* 'N', of either side */
    uint64_t flags;
    uint32_t creation, challenge; /* the challenge is of the acceptor's only */
    char name[COP__HS_NAME_MAX + 1];
};

/* Each writes into to, which has room for COP__HS_MESSAGE_MAX bytes, and returns the size. */
size_t cop__hs_write_name(unsigned char *to, const struct cop__hs_name *name);
size_t cop__hs_write_challenge(unsigned char *to, const struct cop__hs_name *name);
size_t cop__hs_write_status(unsigned char *to, const char *status);
size_t cop__hs_write_reply(
    unsigned char *to, uint32_t challenge, const unsigned char digest[COP__HS_DIGEST_SIZE]);
size_t cop__hs_write_ack(unsigned char *to, const unsigned char digest[COP__HS_DIGEST_SIZE]);

/* Each is false for bytes that are no such message. The flags that a name's digest flag stands for
 * are put in (D-42). */
bool cop__hs_read_name(struct cop__hs_name *ret_name, const unsigned char *bytes, size_t size);
bool cop__hs_read_challenge(struct cop__hs_name *ret_name, const unsigned char *bytes, size_t size);
bool cop__hs_read_status(char ret_status[32], const unsigned char *bytes, size_t size);
bool cop__hs_read_reply(uint32_t *ret_challenge, unsigned char ret_digest[COP__HS_DIGEST_SIZE],
    const unsigned char *bytes, size_t size);
bool cop__hs_read_ack(
    unsigned char ret_digest[COP__HS_DIGEST_SIZE], const unsigned char *bytes, size_t size);

/* MD5 of the cookie and the challenge in decimals (D-30); and a comparison in constant time. */
void cop__hs_digest(
    unsigned char ret_digest[COP__HS_DIGEST_SIZE], const char *cookie, uint32_t challenge);
bool cop__hs_same_digest(
    const unsigned char a[COP__HS_DIGEST_SIZE], const unsigned char b[COP__HS_DIGEST_SIZE]);

/* May a node have this name: alive@host, printable ASCII, 255 bytes (D-05)? */
bool cop__hs_valid_name(const char *name);

#endif
