/* SPDX-License-Identifier: Apache-2.0 */
/* What is to be written to a connection: frames in the order in which they were made, and large
 * messages that go out in fragments between them (D-59, D-60, D-158). Layer 6, private.
 *
 * Not thread-safe: the peer's lock is held. */
#ifndef COP_DIST_QUEUE_H
#define COP_DIST_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { COP__FRAGMENT_SIZE = 64 << 10 };

/* Whole frames, one behind the other. */
struct cop__chunk {
    struct cop__chunk *next;
    size_t size, room;
    unsigned char bytes[];
};

struct cop__chunks {
    struct cop__chunk *first, *last;
};

/* A message that goes out in fragments. What its sender sends meanwhile waits behind it. */
struct cop__large {
    struct cop__large *next;
    uint64_t sender, sequence;
    struct cop__chunks behind;
    unsigned char *block; /* taken scratch; `begin` bytes into it the control message comes first */
    size_t begin, control_size, size, at; /* at: what has gone */
    uint64_t left;                        /* fragments */
};

/* A fragment on its way: its head, and where its bytes lie in the message. */
struct cop__fragment {
    unsigned char head[24];
    size_t head_size, size;
    const unsigned char *bytes;
    struct cop__large *large; /* NULL: there is none */
};

struct cop__queue {
    struct cop__chunks frames;
    struct cop__large *large, **large_last;
    struct cop__large *in_hand; /* of which a fragment is being written */
    uint64_t sequence;          /* of the last large message */
    size_t bytes;               /* not written yet, but for what the writer has in hand */
};

void cop__queue_init(struct cop__queue *queue);
void cop__queue_clear(struct cop__queue *queue);
static inline bool cop__queue_empty(const struct cop__queue *queue)
{
    return !queue->frames.first && !queue->large;
}

/* A frame with its length in front, made by sender (0: nobody whose order matters). False: no
 * memory, and nothing is queued. */
bool cop__queue_frame(
    struct cop__queue *queue, uint64_t sender, const unsigned char *bytes, size_t size);
/* A message to go in fragments, made before any lock is taken. The bytes from `begin` on of a
 * scratch block: control_size bytes of control message, then the payload. The block is taken, and
 * lives and ends with it. NULL: no memory, and the block is as it was. */
struct cop__large *cop__large_new(
    uint64_t sender, unsigned char *block, size_t begin, size_t control_size, size_t size);
void cop__large_free(struct cop__large *large);
void cop__queue_large(struct cop__queue *queue, struct cop__large *large);

/* All whole frames, which are the caller's then; NULL: there are none. */
struct cop__chunk *cop__queue_take(struct cop__queue *queue);
/* The next fragment of the next large message. Its bytes stay until cop__queue_written, also when
 * the queue is cleared meanwhile. */
void cop__queue_fragment(struct cop__fragment *ret_fragment, struct cop__queue *queue);
void cop__queue_written(struct cop__queue *queue, struct cop__large *large);

#endif
