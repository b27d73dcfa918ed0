/* SPDX-License-Identifier: Apache-2.0 */
/* The output queue of a connection (queue.h). */
#include "dist/queue.h"

#include <stdlib.h>
#include <string.h>

#include "dist/bytes.h"
#include "dist/frame.h"

enum { CHUNK_MIN = 1024, CHUNK_MAX = 64 << 10, LENGTH = 4, FRAGMENT_HEAD = 18 };

void cop__queue_init(struct cop__queue *queue)
{
    *queue = (struct cop__queue){ 0 };
    queue->large_last = &queue->large;
}

static void free_chunks(struct cop__chunks *chunks)
{
    struct cop__chunk *chunk;

    while ((chunk = chunks->first)) {
        chunks->first = chunk->next;
        free(chunk);
    }
    chunks->last = NULL;
}

void cop__queue_clear(struct cop__queue *queue)
{
    struct cop__large *large;

    free_chunks(&queue->frames);
    while ((large = queue->large)) {
        queue->large = large->next;
        free_chunks(&large->behind);
        free(large);
    }
    cop__queue_init(queue);
}

static struct cop__chunk *new_chunk(size_t room)
{
    struct cop__chunk *chunk = malloc(sizeof *chunk + room);

    if (chunk) {
        chunk->next = NULL;
        chunk->size = 0;
        chunk->room = room;
    }
    return chunk;
}

/* Small frames share a chunk, so that many of them are one write. */
static bool append(struct cop__chunks *chunks, const unsigned char *bytes, size_t size)
{
    struct cop__chunk *chunk = chunks->last;

    if (!chunk || chunk->room - chunk->size < size) {
        size_t room = chunk ? 4 * chunk->room : CHUNK_MIN;

        room = room > CHUNK_MAX ? CHUNK_MAX : room;
        chunk = new_chunk(room > size ? room : size);
        if (!chunk)
            return false;
        if (chunks->last)
            chunks->last->next = chunk;
        else
            chunks->first = chunk;
        chunks->last = chunk;
    }
    memcpy(chunk->bytes + chunk->size, bytes, size);
    chunk->size += size;
    return true;
}

static struct cop__large *large_of(struct cop__queue *queue, uint64_t sender)
{
    struct cop__large *large = queue->large, *found = NULL;

    for (; large; large = large->next)
        if (large->sender == sender)
            found = large; /* the last one */
    return found;
}

bool cop__queue_frame(
    struct cop__queue *queue, uint64_t sender, const unsigned char *bytes, size_t size)
{
    struct cop__large *large = queue->large ? large_of(queue, sender) : NULL;

    if (!append(large ? &large->behind : &queue->frames, bytes, size))
        return false;
    queue->bytes += size;
    return true;
}

struct cop__large *cop__large_new(
    uint64_t sender, const unsigned char *bytes, size_t control_size, size_t size)
{
    struct cop__large *large = malloc(sizeof *large + size);

    if (!large)
        return NULL;
    *large = (struct cop__large){ .sender = sender,
        .control_size = control_size,
        .size = size,
        .left = (size - control_size + COP__FRAGMENT_SIZE - 1) / COP__FRAGMENT_SIZE };
    memcpy(large->bytes, bytes, size);
    return large;
}

void cop__queue_large(struct cop__queue *queue, struct cop__large *large)
{
    large->sequence = ++queue->sequence;
    *queue->large_last = large;
    queue->large_last = &large->next;
    queue->bytes += large->size;
}

struct cop__chunk *cop__queue_take(struct cop__queue *queue)
{
    struct cop__chunk *chunks = queue->frames.first;

    queue->frames = (struct cop__chunks){ NULL, NULL };
    for (const struct cop__chunk *chunk = chunks; chunk; chunk = chunk->next)
        queue->bytes -= chunk->size;
    return chunks;
}

static void unlink_first(struct cop__queue *queue)
{
    queue->large = queue->large->next;
    if (!queue->large)
        queue->large_last = &queue->large;
}

/* May it take its turn: no older large message of its sender is before it. */
static bool is_next_of_sender(const struct cop__queue *queue, const struct cop__large *large)
{
    for (const struct cop__large *one = queue->large; one; one = one->next)
        if (one->sender == large->sender && one->sequence < large->sequence)
            return false;
    return true;
}

/* Round and round: the first gives one fragment and goes behind the others. */
struct cop__chunk *cop__queue_fragment(struct cop__queue *queue)
{
    struct cop__large *large = queue->large;
    struct cop__chunk *chunk;
    size_t part;
    bool first;

    if (!large)
        return NULL;
    while (!is_next_of_sender(queue, large)) {
        unlink_first(queue);
        large->next = NULL;
        *queue->large_last = large;
        queue->large_last = &large->next;
        large = queue->large;
    }
    first = large->at == 0;
    part = large->size - large->at - (first ? large->control_size : 0);
    part = (part > COP__FRAGMENT_SIZE ? COP__FRAGMENT_SIZE : part) +
           (first ? large->control_size : 0);
    chunk = new_chunk(LENGTH + FRAGMENT_HEAD + 1 + part);
    if (!chunk)
        return NULL;
    chunk->size = LENGTH + FRAGMENT_HEAD + (first ? 1u : 0u) + part;
    cop__put_be(chunk->bytes, chunk->size - LENGTH, LENGTH);
    chunk->bytes[4] = COP__ETF_VERSION;
    chunk->bytes[5] = first ? COP__FRAME_FIRST : COP__FRAME_NEXT;
    cop__put_be(chunk->bytes + 6, large->sequence, 8);
    cop__put_be(chunk->bytes + 14, large->left, 8);
    if (first)
        chunk->bytes[22] = 0; /* no atoms of a cache */
    memcpy(chunk->bytes + chunk->size - part, large->bytes + large->at, part);
    large->at += part;
    large->left--;
    queue->bytes -= part;
    unlink_first(queue);
    if (large->left) {
        large->next = NULL;
        *queue->large_last = large;
        queue->large_last = &large->next;
        return chunk;
    }
    /* What its sender sent meanwhile may follow now. */
    if (large->behind.first) {
        if (queue->frames.last)
            queue->frames.last->next = large->behind.first;
        else
            queue->frames.first = large->behind.first;
        queue->frames.last = large->behind.last;
    }
    free(large);
    return chunk;
}
