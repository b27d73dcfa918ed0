/* SPDX-License-Identifier: Apache-2.0 */
/* Frames: what follows the length of each, once the handshake is over (D-48 to D-60). The atoms of
 * a frame's header, and messages that come in fragments; on bytes, without sockets. Layer 6,
 * private. */
#ifndef COP_DIST_FRAME_H
#define COP_DIST_FRAME_H

#include "term/etf.h"

enum { COP__ATOM_CACHE_SIZE = 2048, COP__FRAME_ATOMS_MAX = 255 };
enum {
    COP__FRAME_PLAIN = 68,
    COP__FRAME_FIRST = 69,
    COP__FRAME_NEXT = 70,
    COP__PASS_THROUGH = 112
};

/* The bounds of D-147 and D-148. */
enum { COP__FRAGMENTED_MAX = 1024 };
#define COP__FRAME_MAX          ((size_t)64 << 20)
#define COP__FRAGMENT_BYTES_MAX ((size_t)256 << 20)

/* A message that has not come whole: its control and payload as far as they are here, with the
 * atoms of its first frame, since later frames may change the cache (D-52). */
struct cop__fragmented {
    struct cop__fragmented *next;
    uint64_t sequence, left; /* frames that are still to come */
    unsigned char *bytes;
    size_t size, room;
    size_t atom_count;
    cop_term atoms[];
};

/* What is remembered of a connection between frames. */
struct cop__frames {
    bool headers; /* the peer sends headers: DIST_HDR_ATOM_CACHE or FRAGMENTS */
    cop_term cache[COP__ATOM_CACHE_SIZE];
    struct cop__fragmented *open;
    size_t open_count, open_bytes;
    const char *wrong; /* after a failure */
    /* of the message that is whole now */
    struct cop__fragmented *done;
    cop_term atoms[COP__FRAME_ATOMS_MAX];
};

struct cop__frames *cop__frames_new(bool headers); /* NULL: no memory */
void cop__frames_free(struct cop__frames *frames);

/* Take in a frame. 1: a message is whole, reader stands at its control term and keeps standing
 * until the next frame; 0: more of it is to come; -1: a breach of the protocol, frames->wrong. */
int cop__frames_take(struct cop__frames *frames, struct cop__etf_reader *reader,
    const unsigned char *bytes, size_t size);

#endif
