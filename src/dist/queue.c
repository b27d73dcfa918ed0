/* SPDX-License-Identifier: Apache-2.0 */
/* The output queue of a connection (queue.h). */
#include "dist/queue.h"

#include <stdlib.h>
#include <string.h>

#include "base/scratch.h"
#include "dist/bytes.h"
#include "dist/frame.h"

enum { CHUNK_MIN = 1024, CHUNK_MAX = 64 << 10, LENGTH = 4, FRAGMENT_HEAD = 22 };

void cop__queue_init(struct cop__queue *queue)
{
    *queue = (struct cop__queue){ .sequence = queue->sequence };
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
        if (large != queue->in_hand) /* that one is the writer's */
            cop__large_free(large);
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
    uint64_t sender, unsigned char *block, size_t begin, size_t control_size, size_t size)
{
    struct cop__large *large = malloc(sizeof *large);

    if (!large)
        return NULL;
    *large = (struct cop__large){ .sender = sender,
        .block = block,
        .begin = begin,
        .control_size = control_size,
        .size = size,
        .left = (size - control_size + COP__FRAGMENT_SIZE - 1) / COP__FRAGMENT_SIZE };
    cop__scratch_take(block);
    return large;
}

void cop__large_free(struct cop__large *large)
{
    if (!large)
        return;
    free_chunks(&large->behind);
    cop__scratch_drop(large->block);
    free(large);
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

static void put_last(struct cop__queue *queue, struct cop__large *large)
{
    large->next = NULL;
    *queue->large_last = large;
    queue->large_last = &large->next;
}

/* May it take its turn: no older large message of its sender is before it. */
static bool is_next_of_sender(const struct cop__queue *queue, const struct cop__large *large)
{
    for (const struct cop__large *one = queue->large; one; one = one->next)
        if (one->sender == large->sender && one->sequence < large->sequence)
            return false;
    return true;
}

static void make_fragment(struct cop__fragment *fragment, struct cop__large *large)
{
    bool first = large->at == 0;
    size_t control = first ? large->control_size : 0, size = large->size - large->at - control;

    fragment->large = large;
    fragment->size = control + (size > COP__FRAGMENT_SIZE ? COP__FRAGMENT_SIZE : size);
    fragment->bytes = large->block + large->begin + large->at;
    fragment->head_size = FRAGMENT_HEAD + (first ? 1u : 0u);
    cop__put_be(fragment->head, fragment->head_size - LENGTH + fragment->size, LENGTH);
    fragment->head[4] = COP__ETF_VERSION;
    fragment->head[5] = first ? COP__FRAME_FIRST : COP__FRAME_NEXT;
    cop__put_be(fragment->head + 6, large->sequence, 8);
    cop__put_be(fragment->head + 14, large->left, 8);
    fragment->head[22] = 0; /* no atoms of a cache */
}

void cop__queue_fragment(struct cop__fragment *ret_fragment, struct cop__queue *queue)
{
    ret_fragment->large = NULL;
    if (!queue->large)
        return;
    while (!is_next_of_sender(queue, queue->large)) {
        struct cop__large *large = queue->large;

        unlink_first(queue);
        put_last(queue, large);
    }
    queue->in_hand = queue->large;
    make_fragment(ret_fragment, queue->large);
    queue->large->at += ret_fragment->size;
    queue->large->left--;
    queue->bytes -= ret_fragment->size;
}

/* Round and round: who has given a fragment goes behind the others. What the sender of one that is
 * complete has sent meanwhile may follow now. */
void cop__queue_written(struct cop__queue *queue, struct cop__large *large)
{
    if (queue->in_hand != large) { /* cleared meanwhile */
        cop__large_free(large);
        return;
    }
    queue->in_hand = NULL;
    unlink_first(queue); /* others were put behind it */
    if (large->left) {
        put_last(queue, large);
        return;
    }
    if (large->behind.first) {
        if (queue->frames.last)
            queue->frames.last->next = large->behind.first;
        else
            queue->frames.first = large->behind.first;
        queue->frames.last = large->behind.last;
        large->behind = (struct cop__chunks){ NULL, NULL };
    }
    cop__large_free(large);
}
