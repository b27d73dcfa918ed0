/* SPDX-License-Identifier: Apache-2.0 */
/* What goes out, and in which order: D-59, D-60. */
#include "dist/queue.h"

#include <stdlib.h>
#include <string.h>

#include "base/scratch.h"
#include "base/test.h"

static void frame(struct cop__queue *queue, uint64_t sender, const char *text)
{
    CHECK(cop__queue_frame(queue, sender, (const unsigned char *)text, strlen(text)));
}

/* A message of one byte of control, and so many of payload, all the same. */
static void large(struct cop__queue *queue, uint64_t sender, char byte, size_t size)
{
    unsigned char *block = cop__scratch_new(3 + 1 + size, "a test");

    memset(block, byte, 3 + 1 + size);
    cop__queue_large(queue, cop__large_new(sender, block, 3, 1, 1 + size));
}

/* All that is whole now, as text. */
static const char *taken(struct cop__queue *queue)
{
    static char text[4096];
    size_t size = 0;
    struct cop__chunk *chunk = cop__queue_take(queue), *next;

    for (; chunk; chunk = next) {
        next = chunk->next;
        memcpy(text + size, chunk->bytes, chunk->size);
        size += chunk->size;
        free(chunk);
    }
    text[size] = 0;
    return text;
}

/* The byte that the next fragment is made of, and how many more there are of its message. */
static int fragment(struct cop__queue *queue)
{
    struct cop__fragment fragment;
    int what;

    cop__queue_fragment(&fragment, queue);
    if (!fragment.large)
        return 0;
    what = fragment.bytes[0] * 10 + (int)fragment.large->left;
    cop__queue_written(queue, fragment.large);
    return what;
}

TEST(frames_go_out_in_order)
{
    struct cop__queue queue;

    cop__queue_init(&queue);
    frame(&queue, 1, "one ");
    frame(&queue, 2, "two ");
    CHECK_EQ_INT(queue.bytes, 8);
    CHECK_EQ_STR(taken(&queue), "one two ");
    CHECK(cop__queue_empty(&queue));
    CHECK_EQ_INT(queue.bytes, 0);
    CHECK_EQ_STR(taken(&queue), "");
}

TEST(many_frames_are_few_chunks)
{
    struct cop__queue queue;
    struct cop__chunk *chunk, *next;
    int count = 0;

    cop__queue_init(&queue);
    for (int i = 0; i < 10000; i++)
        frame(&queue, 1, "0123456789");
    for (chunk = cop__queue_take(&queue); chunk; chunk = next, count++) {
        next = chunk->next;
        free(chunk);
    }
    CHECK(count < 10);
}

/* What the sender of a large message sends meanwhile waits; what others send does not. */
TEST(a_sender_overtakes_itself_never)
{
    struct cop__queue queue;

    cop__queue_init(&queue);
    large(&queue, 1, 'A', 2 * COP__FRAGMENT_SIZE + 5);
    frame(&queue, 1, "after ");
    frame(&queue, 2, "other ");
    CHECK_EQ_STR(taken(&queue), "other ");
    CHECK_EQ_INT(fragment(&queue), 'A' * 10 + 2);
    CHECK_EQ_STR(taken(&queue), "");
    CHECK_EQ_INT(fragment(&queue), 'A' * 10 + 1);
    CHECK_EQ_INT(fragment(&queue), 'A' * 10 + 0);
    CHECK_EQ_STR(taken(&queue), "after ");
    CHECK_EQ_INT(fragment(&queue), 0);
    CHECK_EQ_INT(queue.bytes, 0);
}

TEST(large_messages_take_turns)
{
    struct cop__queue queue;

    cop__queue_init(&queue);
    large(&queue, 1, 'A', 2 * COP__FRAGMENT_SIZE);
    large(&queue, 1, 'B', COP__FRAGMENT_SIZE); /* of the same sender: after A */
    large(&queue, 2, 'C', 2 * COP__FRAGMENT_SIZE);
    frame(&queue, 1, "last ");
    CHECK_EQ_INT(fragment(&queue), 'A' * 10 + 1);
    CHECK_EQ_INT(fragment(&queue), 'C' * 10 + 1);
    CHECK_EQ_INT(fragment(&queue), 'A' * 10 + 0);
    CHECK_EQ_STR(taken(&queue), "");
    CHECK_EQ_INT(fragment(&queue) / 10, 'B');
    CHECK_EQ_STR(taken(&queue), "last ");
    CHECK_EQ_INT(fragment(&queue), 'C' * 10 + 0);
    CHECK_EQ_INT(fragment(&queue), 0);
}

/* The connection ends while a fragment is being written: its bytes stay for the writer. */
TEST(cleared_while_a_fragment_is_in_hand)
{
    struct cop__queue queue;
    struct cop__fragment fragment;

    cop__queue_init(&queue);
    large(&queue, 1, 'A', 2 * COP__FRAGMENT_SIZE);
    large(&queue, 2, 'B', 2 * COP__FRAGMENT_SIZE);
    cop__queue_fragment(&fragment, &queue);
    cop__queue_clear(&queue);
    CHECK(cop__queue_empty(&queue));
    CHECK_EQ_INT(fragment.bytes[fragment.size - 1], 'A');
    cop__queue_written(&queue, fragment.large);
    CHECK(cop__queue_empty(&queue));
}
