/* SPDX-License-Identifier: Apache-2.0 */
/* A bounded byte queue: filled at the end, read at the start. The read-ahead of a socket or file,
 * and what a socket has still to send. Knows nothing of descriptors. */
#ifndef COP_IO_STREAM_BUFFER_H
#define COP_IO_STREAM_BUFFER_H

#include <coppice/base.h>

/* Zeroed is empty. Bytes [start, end) are in it; they move only in reserve. */
struct cop__buffer {
    char *data;
    uint32_t start, end, capacity;
    uint32_t seen; /* bytes from start already searched for an end of line */
};

static inline size_t cop__buffer_size(const struct cop__buffer *buffer)
{
    return buffer->end - buffer->start;
}

static inline cop_bytes cop__buffer_bytes(const struct cop__buffer *buffer)
{
    cop_bytes bytes = { buffer->data + buffer->start, cop__buffer_size(buffer) };

    return bytes;
}

void cop__buffer_done(struct cop__buffer *buffer); /* gives the memory back; empty again */
/* Room for at least `size` more bytes at the end (data + end), and never more than size_max bytes
 * in the buffer. Returns the room there is, -EMSGSIZE when that would pass size_max, -ENOMEM. */
int64_t cop__buffer_reserve(struct cop__buffer *buffer, size_t size, size_t size_max);
int cop__buffer_append(struct cop__buffer *buffer, const void *data, size_t size, size_t size_max);
void cop__buffer_consume(struct cop__buffer *buffer, size_t size); /* at most what is in it */

/* A frame is what the reader gets as one: a line with its \n, or a packet without its length. */
struct cop__frame {
    size_t skip; /* bytes of the length in front */
    size_t size; /* of the body */
};

/* 1: *ret_frame is complete in the buffer. 0: more is needed, *ret_needed bytes in all, as far as
 * known. -EMSGSIZE: longer than size_max. prefix: bytes of the length, 0 for a line. */
int cop__buffer_frame(struct cop__frame *ret_frame, size_t *ret_needed, struct cop__buffer *buffer,
    unsigned prefix, size_t size_max);

#endif
