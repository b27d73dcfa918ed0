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
    size_t control_size, size, at; /* the control message comes first; at: what has gone */
    uint64_t left;                 /* fragments */
    unsigned char bytes[];
};

struct cop__queue {
    struct cop__chunks frames;
    struct cop__large *large, **large_last;
    uint64_t sequence; /* of the last large message */
    size_t bytes;      /* not written yet, but for what the writer has in hand */
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
/* A message of which the first control_size bytes are the control message, to go in fragments. It is
 * made before any lock is taken: it may be long. NULL: no memory. */
struct cop__large *cop__large_new(
    uint64_t sender, const unsigned char *bytes, size_t control_size, size_t size);
void cop__queue_large(struct cop__queue *queue, struct cop__large *large);

/* All whole frames, which are the caller's then; NULL: there are none. */
struct cop__chunk *cop__queue_take(struct cop__queue *queue);
/* The next fragment of the next large message as a frame; NULL: there is none, or no memory. */
struct cop__chunk *cop__queue_fragment(struct cop__queue *queue);

#endif
