/* SPDX-License-Identifier: Apache-2.0 */
/* The byte queue of stream_buffer.h. Layer 3, rule IO-8: whatever a peer sends, a buffer holds no
 * more than its owner allowed. An empty buffer begins again at its front, so a connection that is
 * read as fast as it is written to never moves a byte. */
#include "io/stream_buffer.h"

#include <stdlib.h>
#include <string.h>

enum { CAPACITY_MIN = 2048 };

void cop__buffer_done(struct cop__buffer *buffer)
{
    free(buffer->data);
    *buffer = (struct cop__buffer){ 0 };
}

static int grow(struct cop__buffer *buffer, size_t wanted, size_t size_max)
{
    size_t capacity = buffer->capacity ? buffer->capacity : CAPACITY_MIN;
    char *data;

    while (capacity < wanted)
        capacity *= 2;
    if (capacity > size_max)
        capacity = size_max;
    data = malloc(capacity);
    if (!data)
        return -ENOMEM;
    if (buffer->data)
        memcpy(data, buffer->data + buffer->start, cop__buffer_size(buffer));
    free(buffer->data);
    buffer->data = data;
    buffer->end -= buffer->start;
    buffer->start = 0;
    buffer->capacity = (uint32_t)capacity;
    return 0;
}

int64_t cop__buffer_reserve(struct cop__buffer *buffer, size_t size, size_t size_max)
{
    size_t held = cop__buffer_size(buffer);

    if (size_max > UINT32_MAX)
        size_max = UINT32_MAX;
    if (size > size_max || held > size_max - size)
        return -EMSGSIZE;
    if (held + size > buffer->capacity) {
        if (grow(buffer, held + size, size_max) < 0)
            return -ENOMEM;
    } else if (buffer->capacity - buffer->end < size) {
        memmove(buffer->data, buffer->data + buffer->start, held);
        buffer->start = 0;
        buffer->end = (uint32_t)held;
    }
    return buffer->capacity - buffer->end;
}

int cop__buffer_append(struct cop__buffer *buffer, const void *data, size_t size, size_t size_max)
{
    int64_t room = cop__buffer_reserve(buffer, size, size_max);

    if (room < 0)
        return (int)room;
    if (size)
        memcpy(buffer->data + buffer->end, data, size);
    buffer->end += (uint32_t)size;
    return 0;
}

void cop__buffer_consume(struct cop__buffer *buffer, size_t size)
{
    size_t held = cop__buffer_size(buffer);

    if (size >= held) {
        buffer->start = buffer->end = buffer->seen = 0;
        return;
    }
    buffer->start += (uint32_t)size;
    buffer->seen = size < buffer->seen ? buffer->seen - (uint32_t)size : 0;
}

static int line_frame(
    struct cop__frame *ret_frame, size_t *ret_needed, struct cop__buffer *buffer, size_t size_max)
{
    cop_bytes held = cop__buffer_bytes(buffer);
    size_t size;
    const char *end = held.size > buffer->seen
                          ? memchr(held.data + buffer->seen, '\n', held.size - buffer->seen)
                          : NULL;

    size = end ? (size_t)(end - held.data) + 1 : held.size;
    if (size > size_max || (!end && size == size_max))
        return -EMSGSIZE;
    if (!end) {
        buffer->seen = (uint32_t)held.size; /* each byte is looked at once */
        *ret_needed = held.size + 1;
        return 0;
    }
    *ret_frame = (struct cop__frame){ 0, size };
    return 1;
}

int cop__buffer_frame(struct cop__frame *ret_frame, size_t *ret_needed, struct cop__buffer *buffer,
    unsigned prefix, size_t size_max)
{
    cop_bytes held = cop__buffer_bytes(buffer);
    uint64_t size = 0;

    if (prefix == 0)
        return line_frame(ret_frame, ret_needed, buffer, size_max);
    if (held.size < prefix) {
        *ret_needed = prefix;
        return 0;
    }
    for (unsigned i = 0; i < prefix; i++)
        size = size << 8 | (unsigned char)held.data[i];
    if (size > size_max)
        return -EMSGSIZE;
    if (held.size - prefix < size) {
        *ret_needed = prefix + (size_t)size;
        return 0;
    }
    *ret_frame = (struct cop__frame){ prefix, (size_t)size };
    return 1;
}
