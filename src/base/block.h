/* SPDX-License-Identifier: Apache-2.0 */
/* Small blocks: messages, heap chunks, monitors, timers. Size classes with a free list per
 * scheduler; full batches go to a central list and come back from it, so a block may be made here
 * and freed there at no cost but the cache miss. Blocks are 64-byte aligned (the mailbox word keeps
 * its flags in the low bits of the newest message). Above the largest class: the system allocator.
 *
 * Under ASan and valgrind every block is its own malloc, or they would find nothing. */
#ifndef COP_BASE_BLOCK_H
#define COP_BASE_BLOCK_H

#include <stddef.h>
#include <stdint.h>

#include "base/sanitizer.h"
#include "base/thread.h"

enum { COP__BLOCK_CLASSES = 6, COP__BLOCK_BATCH = 64, COP__BLOCK_ALIGN = 64 };
enum { COP__BLOCK_LARGE = 0xff }; /* the class of a block from the system allocator */

#if COP__ASAN || defined(COP_VALGRIND)
#define COP__BLOCK_MALLOC 1
#else
#define COP__BLOCK_MALLOC 0
#endif

struct cop__free_block {
    struct cop__free_block *next;
    struct cop__free_block *next_batch;
};

struct cop__blocks {
    struct cop__free_block *free[COP__BLOCK_CLASSES];
    uint32_t count[COP__BLOCK_CLASSES];
};

/* The class of a block of `size` bytes, and how many bytes it really has. */
static inline uint8_t cop__block_class(size_t size)
{
    if (COP__BLOCK_MALLOC || size > 4096)
        return COP__BLOCK_LARGE;
    if (size <= 64)
        return 0;
    if (size <= 128)
        return 1;
    if (size <= 256)
        return 2;
    if (size <= 512)
        return 3;
    return size <= 1024 ? 4 : 5;
}

size_t cop__block_size(uint8_t class);                     /* not of COP__BLOCK_LARGE */
size_t cop__block_bytes(const void *block, uint8_t class); /* of any */
void *cop__block_refill(struct cop__thread *self, uint8_t class);
void *cop__block_large(size_t size);

/* A block of at least size bytes; *ret_class is needed to give it back. Exits the node's process
 * with system_limit handled by the caller: NULL when there is no memory. rt odd. */
static inline void *cop__block_get(struct cop__thread *self, size_t size, uint8_t *ret_class)
{
    uint8_t class = cop__block_class(size);
    struct cop__free_block *block;

    if (self->blocks)
        cop__torture_parity(self, 1); /* the caches are the scheduler's, not the thread's */
    *ret_class = class;
    if (class == COP__BLOCK_LARGE)
        return cop__block_large(size);
    if (__builtin_expect(!self->blocks, 0) ||
        __builtin_expect(!(block = self->blocks->free[class]), 0))
        return cop__block_refill(self, class);
    self->blocks->free[class] = block->next;
    self->blocks->count[class]--;
    return block;
}

void cop__block_put_slow(struct cop__thread *self, void *block, uint8_t class);

/* cop__block_put without a call. False: it takes one. */
static inline bool cop__block_put_quick(struct cop__thread *self, void *memory, uint8_t class)
{
    struct cop__free_block *block = memory;
    struct cop__blocks *blocks = self->blocks;

    if (blocks)
        cop__torture_parity(self, 1);
    if (__builtin_expect(class == COP__BLOCK_LARGE || !blocks, 0) ||
        __builtin_expect(blocks->count[class] >= 2 * COP__BLOCK_BATCH - 1, 0))
        return false;
    block->next = blocks->free[class];
    blocks->free[class] = block;
    blocks->count[class]++;
    return true;
}

static inline void cop__block_put(struct cop__thread *self, void *memory, uint8_t class)
{
    if (__builtin_expect(!cop__block_put_quick(self, memory, class), 0))
        cop__block_put_slow(self, memory, class);
}

void cop__blocks_give_back(struct cop__blocks *blocks); /* all of a scheduler's, at node stop */

#endif
