/* SPDX-License-Identifier: Apache-2.0 */
/* The central lists behind block.h. A batch is a chain of COP__BLOCK_BATCH blocks through `next`;
 * batches are chained through `next_batch` of their first block. Chunks come from mmap and are
 * kept. */
#include "base/block.h"

#include <malloc.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/lock.h"
#include "base/pages.h"
#include "base/reserve.h"

static const uint32_t class_size[COP__BLOCK_CLASSES] = { 64, 128, 256, 512, 1024, 4096 };
enum { CHUNK_SIZE = 256 * 1024, SMALL_CHUNKS_MAX = 16 };

static struct {
    _Alignas(64) struct cop__spinlock lock;
    struct cop__free_block *batches; /* chains of exactly COP__BLOCK_BATCH */
    struct cop__free_block *singles; /* from threads without a scheduler; fewer than a batch */
    uint32_t single_count;
    uint32_t chunks; /* made so far; only a hint */
} central[COP__BLOCK_CLASSES];

size_t cop__block_size(uint8_t class)
{
    return class_size[class];
}

static struct cop__free_block *take_batch(uint8_t class)
{
    struct cop__free_block *batch;

    cop__spin_lock(&central[class].lock);
    batch = central[class].batches;
    if (batch)
        central[class].batches = batch->next_batch;
    cop__spin_unlock(&central[class].lock);
    return batch;
}

static void give_batch(struct cop__free_block *batch, uint8_t class)
{
    cop__spin_lock(&central[class].lock);
    batch->next_batch = central[class].batches;
    central[class].batches = batch;
    cop__spin_unlock(&central[class].lock);
}

/* Small programs stay small: the first chunks of a class are. */
static char *map_chunk(uint8_t class, size_t *ret_size)
{
    size_t batch_size = (size_t)class_size[class] * COP__BLOCK_BATCH;
    uint32_t made;
    char *chunk;

    cop__spin_lock(&central[class].lock);
    made = central[class].chunks++;
    cop__spin_unlock(&central[class].lock);
    if (made >= SMALL_CHUNKS_MAX) {
        chunk = cop__pages_huge(); /* millions of rows or messages need few entries of the TLB */
        *ret_size = COP__HUGE_PAGE;
        if (chunk)
            return chunk;
    }
    *ret_size = batch_size > CHUNK_SIZE ? batch_size : CHUNK_SIZE / batch_size * batch_size;
    chunk = mmap(NULL, *ret_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (chunk != MAP_FAILED) {
        cop__reserve_renew();
        return chunk;
    }
    *ret_size = batch_size;
    return cop__must_have(batch_size);
}

/* A fresh chunk: one batch for the caller, the rest for everyone. */
static struct cop__free_block *new_batches(uint8_t class)
{
    size_t size = class_size[class], batch_size = size * COP__BLOCK_BATCH, chunk_size;
    char *chunk = map_chunk(class, &chunk_size);
    struct cop__free_block *first = NULL;

    if (!chunk)
        return NULL;
    for (size_t at = 0; at + batch_size <= chunk_size; at += batch_size) {
        struct cop__free_block *batch = (struct cop__free_block *)(chunk + at), *block = batch;

        for (size_t i = 1; i < COP__BLOCK_BATCH; i++) {
            block->next = (struct cop__free_block *)(chunk + at + i * size);
            block = block->next;
        }
        block->next = NULL;
        if (!first)
            first = batch;
        else
            give_batch(batch, class);
    }
    return first;
}

/* As soon as they are enough they are a batch, which schedulers take. */
static void give_single(struct cop__free_block *block, uint8_t class)
{
    cop__spin_lock(&central[class].lock);
    block->next = central[class].singles;
    if (++central[class].single_count < COP__BLOCK_BATCH) {
        central[class].singles = block;
    } else {
        central[class].singles = NULL;
        central[class].single_count = 0;
        block->next_batch = central[class].batches;
        central[class].batches = block;
    }
    cop__spin_unlock(&central[class].lock);
}

static void *take_single(uint8_t class)
{
    struct cop__free_block *block, *rest;

    cop__spin_lock(&central[class].lock);
    block = central[class].singles;
    if (block) {
        central[class].singles = block->next;
        central[class].single_count--;
    }
    cop__spin_unlock(&central[class].lock);
    if (block)
        return block;
    block = take_batch(class);
    if (!block)
        block = new_batches(class);
    if (!block)
        return NULL;
    for (rest = block->next; rest;) {
        struct cop__free_block *next = rest->next;

        give_single(rest, class);
        rest = next;
    }
    return block;
}

void *cop__block_refill(struct cop__thread *self, uint8_t class)
{
    struct cop__free_block *block;

    if (!self->blocks)
        return take_single(class);
    block = take_batch(class);
    if (!block)
        block = new_batches(class);
    if (!block)
        return NULL;
    self->blocks->free[class] = block->next;
    self->blocks->count[class] = COP__BLOCK_BATCH - 1;
    return block;
}

/* Give one batch of the two that are cached back to everyone. */
static void flush(struct cop__thread *self, uint8_t class)
{
    struct cop__free_block *batch = self->blocks->free[class], *last = batch;

    for (int i = 1; i < COP__BLOCK_BATCH; i++)
        last = last->next;
    self->blocks->free[class] = last->next;
    self->blocks->count[class] -= COP__BLOCK_BATCH;
    last->next = NULL;
    give_batch(batch, class);
}

void *cop__block_large(size_t size)
{
    void *memory = NULL;

    return posix_memalign(&memory, COP__BLOCK_ALIGN, size) == 0 ? memory : cop__must_have(size);
}

size_t cop__block_bytes(const void *block, uint8_t class)
{
    if (class != COP__BLOCK_LARGE)
        return cop__block_size(class);
    return cop__reserve_has(block) ? cop__reserve_size(block) : malloc_usable_size((void *)block);
}

void cop__block_put_slow(struct cop__thread *self, void *memory, uint8_t class)
{
    if (class == COP__BLOCK_LARGE) {
        cop__must_free(memory);
        return;
    }
    if (self && self->blocks) { /* the list is full */
        flush(self, class);
        cop__block_put_quick(self, memory, class);
        return;
    }
    give_single(memory, class);
}

void cop__blocks_give_back(struct cop__blocks *blocks)
{
    for (uint8_t class = 0; class < COP__BLOCK_CLASSES; class ++) {
        while (blocks->free[class]) {
            struct cop__free_block *block = blocks->free[class];

            blocks->free[class] = block->next;
            cop__block_put_slow(NULL, block, class);
        }
        blocks->count[class] = 0;
    }
}
