/* SPDX-License-Identifier: Apache-2.0 */
/* Scratch: blocks of an operation, which hang on the heap of the turn. */
#include "base/scratch.h"

#include <string.h>

#include "base/test.h"
#include "base/thread.h"

TEST(a_block_is_freed_alone_or_with_its_turn)
{
    struct cop__heap *heap = cop__turn_heap();
    char *first = cop__scratch_new(100, "a test"), *second = cop__scratch_new(1, "a test");
    char *third = cop__scratch_new(5000, "a test");

    CHECK(first && second && third);
    cop__scratch_free(second);
    cop__scratch_free(NULL);
    memset(first, 1, 100);
    memset(third, 2, 5000);
    CHECK(heap->scratch != NULL);
    cop__heap_reset(heap);
    CHECK(heap->scratch == NULL);
}

TEST(a_block_that_grows_keeps_its_bytes_and_its_neighbours)
{
    struct cop__heap *heap = cop__turn_heap();
    char *blocks[3] = { NULL };

    for (size_t size = 8; size <= 1 << 16; size *= 2)
        for (int i = 0; i < 3; i++) {
            blocks[i] = cop__scratch_resize(blocks[i], size, "a test");
            memset(blocks[i] + (size == 8 ? 0 : size / 2), 'a' + i, size == 8 ? 8 : size / 2);
        }
    for (int i = 0; i < 3; i++)
        for (size_t at = 0; at < 1 << 16; at++)
            CHECK_EQ_INT(blocks[i][at], 'a' + i);
    cop__scratch_free(blocks[1]);
    cop__scratch_free(blocks[0]);
    cop__scratch_free(blocks[2]);
    CHECK(heap->scratch == NULL);
}
