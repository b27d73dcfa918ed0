/* SPDX-License-Identifier: Apache-2.0 */
/* The slow half of the heap of a turn: further chunks, and the counts of shared bytes. Layer 0.
 *
 * The hard idea: nothing in a heap is freed alone. What must be given back is found through lists
 * (chunks, counted binaries, scratch), so emptying costs nothing for words. */
#include "base/heap.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/raise.h"
#include "base/reserve.h"
#include "base/scratch.h"
#include "base/thread.h"

struct cop__chunk {
    struct cop__chunk *next;
    size_t words;
    uint64_t data[];
};

enum { CHUNK_WORDS_MIN = 1022, CHUNK_WORDS_DOUBLED_MAX = 1 << 17 };

void (*cop__heap_grow_hook)(struct cop__heap *heap, size_t bytes);

static void add_chunk(struct cop__heap *heap, struct cop__chunk *chunk, size_t words)
{
    chunk->words = words;
    chunk->next = heap->chunks;
    heap->chunks = chunk;
    heap->top = chunk->data;
    heap->end = chunk->data + words;
}

/* For the reason that is raised now. */
static void add_spare(struct cop__heap *heap)
{
    enum { SPARE_WORDS = 256 };
    struct cop__chunk *chunk = cop__reserve_take(sizeof *chunk + SPARE_WORDS * sizeof(uint64_t));

    if (chunk)
        add_chunk(heap, chunk, SPARE_WORDS);
}

uint64_t *cop__heap_grow(struct cop__heap *heap, size_t words)
{
    /* Double, so that the number of chunks stays small, but only up to a megabyte. */
    size_t size = heap->chunks ? heap->chunks->words * 2 + 2 : CHUNK_WORDS_MIN;
    struct cop__chunk *chunk;
    bool entered;

    if (size > CHUNK_WORDS_DOUBLED_MAX)
        size = CHUNK_WORDS_DOUBLED_MAX;
    if (size < words)
        size = words;
    if (size > (SIZE_MAX - sizeof(*chunk)) / sizeof(uint64_t))
        cop__raise("system_limit", "a term larger than the address space");
    if (cop__heap_grow_hook)
        cop__heap_grow_hook(heap, size * sizeof(uint64_t));
    entered = cop__enter_unless_inside(); /* one step for an exit signal */
    chunk = cop__no_memory_now() ? NULL : malloc(sizeof(*chunk) + size * sizeof(uint64_t));
    if (chunk)
        add_chunk(heap, chunk, size);
    else
        add_spare(heap);
    if (entered)
        cop__leave();
    if (!chunk)
        cop__raise("system_limit", "no memory for a term");
    heap->top = chunk->data + words;
    return chunk->data;
}

size_t cop__heap_size(const struct cop__heap *heap)
{
    size_t words = 0;

    for (const struct cop__chunk *chunk = heap->chunks; chunk; chunk = chunk->next)
        words += chunk->words;
    return words * sizeof(uint64_t);
}

void cop__heap_init(struct cop__heap *heap, uint64_t *lent, size_t words)
{
    heap->top = heap->lent = lent;
    heap->end = heap->lent_end = lent + words;
    heap->chunks = NULL;
    heap->counted = NULL;
    heap->scratch = NULL;
}

void cop__heap_reset_slow(struct cop__heap *heap)
{
    struct cop__chunk *chunk = heap->chunks;

    if (heap->counted) {
        cop__counted_release_all(heap->counted);
        heap->counted = NULL;
    }
    cop__scratch_free_all(&heap->scratch);
    while (chunk) {
        struct cop__chunk *next = chunk->next;

        cop__must_free(chunk);
        chunk = next;
    }
    heap->chunks = NULL;
}

struct cop__heap_mark cop__heap_mark(const struct cop__heap *heap)
{
    return (struct cop__heap_mark){ heap->top, heap->end, heap->chunks, heap->counted };
}

void cop__heap_back(struct cop__heap *heap, const struct cop__heap_mark *mark)
{
    bool entered = cop__enter_unless_inside();

    while (heap->counted != mark->counted) {
        struct cop__counted *counted = heap->counted;

        heap->counted = counted->next;
        cop__shared_release(counted->shared);
    }
    while (heap->chunks != mark->chunks) {
        struct cop__chunk *chunk = heap->chunks;

        heap->chunks = chunk->next;
        cop__must_free(chunk);
    }
    heap->top = mark->top;
    heap->end = mark->end;
    if (entered)
        cop__leave();
}

struct cop__shared *cop__shared_new(size_t size)
{
    struct cop__shared *shared;

    if (size > SIZE_MAX - sizeof(*shared))
        return NULL;
    shared = cop__no_memory_now() ? NULL : malloc(sizeof(*shared) + size);
    if (!shared)
        return NULL;
    atomic_init(&shared->refs, 1);
    shared->size = size;
    shared->release = NULL;
    return shared;
}

void cop__shared_release(struct cop__shared *shared)
{
    /* Alone with it: nobody else can take a count any more, so no atomic write is needed. The
     * acquire pairs with the release of the others' decrements. */
    if (atomic_load_explicit(&shared->refs, memory_order_acquire) == 1 ||
        atomic_fetch_sub_explicit(&shared->refs, 1, memory_order_acq_rel) == 1) {
        if (shared->release)
            shared->release(shared);
        else
            free(shared);
    }
}

void cop__counted_release_all(struct cop__counted *list)
{
    while (list) {
        struct cop__counted *next = list->next;

        cop__shared_release(list->shared);
        list = next;
    }
}
