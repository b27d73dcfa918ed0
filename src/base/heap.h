/* SPDX-License-Identifier: Apache-2.0 */
/* The heap of a turn: a bump allocator of words, emptied as a whole (docs/adr/0001). The first
 * chunk is lent by the owner (the top of a process's stack); further ones are linked blocks. */
#ifndef COP_BASE_HEAP_H
#define COP_BASE_HEAP_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

struct cop__chunk; /* a further chunk; heap.c knows its inside */
struct cop__scratch;

/* What any number of terms and processes share: bytes, which follow, or a kept term. */
struct cop__shared {
    _Atomic(uint64_t) refs;
    size_t size;
    void (*release)(struct cop__shared *shared); /* of the last reference; NULL: free */
};

static inline char *cop__shared_bytes(struct cop__shared *shared)
{
    return (char *)(shared + 1);
}

/* A counted binary, or a reference that holds something, inside a heap or message: header word
 * first, then these. The list through `next` is how the owner finds what to release. */
struct cop__counted {
    uint64_t header;
    uint64_t bit_offset; /* of a reference: 0, this node */
    struct cop__shared *shared;
    uint64_t bit_size; /* of a reference: its word */
    struct cop__counted *next;
};

struct cop__heap {
    uint64_t *top;                /* next free word */
    uint64_t *end;                /* end of the current chunk */
    struct cop__chunk *chunks;    /* newest first; NULL while only the lent chunk is used */
    struct cop__counted *counted; /* counted binaries that live here */
    struct cop__scratch *scratch; /* blocks of operations under way (scratch.h) */
    uint64_t *lent, *lent_end;    /* the first chunk, which reset returns to */
};

/* Slow path of cop__heap_alloc: a new chunk of at least `words`. Exits the process with
 * system_limit when there is no memory. */
uint64_t *cop__heap_grow(struct cop__heap *heap, size_t words);

/* Set by the process layer: a heap is about to get `bytes` more. It may end the process. */
extern void (*cop__heap_grow_hook)(struct cop__heap *heap, size_t bytes);

size_t cop__heap_size(const struct cop__heap *heap); /* bytes of all chunks but the lent one */

/* Release counted binaries, scratch and further chunks; the heap is as new. */
void cop__heap_reset_slow(struct cop__heap *heap);
static inline __attribute__((always_inline)) void cop__heap_reset(struct cop__heap *heap)
{
    if (__builtin_expect(
            ((uintptr_t)heap->chunks | (uintptr_t)heap->counted | (uintptr_t)heap->scratch) != 0,
            0))
        cop__heap_reset_slow(heap);
    heap->top = heap->lent;
    heap->end = heap->lent_end;
}
void cop__heap_init(struct cop__heap *heap, uint64_t *lent, size_t words);

/* A point to which the heap can go back within the turn: what was built since is gone then, for who
 * does many steps whose terms nobody else has. Points are gone back to in reverse order. */
struct cop__heap_mark {
    uint64_t *top, *end;
    struct cop__chunk *chunks;
    struct cop__counted *counted;
};
struct cop__heap_mark cop__heap_mark(const struct cop__heap *heap);
void cop__heap_back(struct cop__heap *heap, const struct cop__heap_mark *mark);

/* Link a block of foreign memory (a received message) so that reset gives it back by `release`. */
static inline uint64_t *cop__heap_alloc(struct cop__heap *heap, size_t words)
{
    uint64_t *at = heap->top;

    if (__builtin_expect((size_t)(heap->end - at) < words, 0))
        return cop__heap_grow(heap, words);
    heap->top = at + words;
    return at;
}

struct cop__shared *cop__shared_new(size_t size); /* refs 1; NULL when there is no memory */
void cop__shared_release(struct cop__shared *shared);
static inline void cop__shared_retain(struct cop__shared *shared)
{
    atomic_fetch_add_explicit(&shared->refs, 1, memory_order_relaxed);
}
void cop__counted_release_all(struct cop__counted *list);

#endif
