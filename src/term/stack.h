/* SPDX-License-Identifier: Apache-2.0 */
/* A stack of words for walks over terms, in place of recursion: terms may be a million levels deep
 * (rule TERM-4). The first words are local; memory is asked for only beyond. Layer 1, private.
 *
 *   struct cop__stack stack;
 *   cop__stack_init(&stack); ... cop__stack_push(&stack, word) ... cop__stack_done(&stack); */
#ifndef COP_TERM_STACK_H
#define COP_TERM_STACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/scratch.h"

enum { COP__STACK_LOCAL = 96 };

struct cop__stack {
    uint64_t *items;
    size_t used, capacity;
    uint64_t local[COP__STACK_LOCAL];
};

static inline void cop__stack_init(struct cop__stack *stack)
{
    stack->items = stack->local;
    stack->used = 0;
    stack->capacity = COP__STACK_LOCAL;
}

static inline void cop__stack_done(struct cop__stack *stack)
{
    if (stack->items != stack->local)
        cop__scratch_free(stack->items);
}

static inline void cop__stack_grow(struct cop__stack *stack)
{
    size_t size = stack->capacity * sizeof(uint64_t);
    bool local = stack->items == stack->local;
    uint64_t *items =
        cop__scratch_resize(local ? NULL : stack->items, 2 * size, "the walk of a term");

    if (local)
        memcpy(items, stack->local, size);
    stack->items = items;
    stack->capacity *= 2;
}

static inline void cop__stack_push(struct cop__stack *stack, uint64_t word)
{
    if (__builtin_expect(stack->used == stack->capacity, 0))
        cop__stack_grow(stack);
    stack->items[stack->used++] = word;
}

static inline uint64_t cop__stack_pop(struct cop__stack *stack)
{
    return stack->items[--stack->used];
}

#endif
