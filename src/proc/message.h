/* SPDX-License-Identifier: Apache-2.0 */
/* Message blocks, and the short way to make one: most messages are an atom, a number or a small
 * tuple of these, and fit the smallest block. One look at the elements tells, then it is a few
 * stores. */
#ifndef COP_PROC_MESSAGE_H
#define COP_PROC_MESSAGE_H

#include <stddef.h>

#include "proc/types.h"
#include "term/copy.h"

/* A block with a copy of term; kinds above CAST have from and ref, 0 for now, and their body. */
struct cop__msg *cop__msg_new(struct cop__thr *self, enum cop__msg_kind kind, cop_term term);
/* The same for {a, b, c...} without building the tuple first. */
struct cop__msg *cop__msg_tuple(
    struct cop__thr *self, enum cop__msg_kind kind, const cop_term *items, size_t count);
void cop__msg_free_counted(struct cop__msg *msg);
COP_NORETURN void cop__out_of_memory(const char *what);

static inline size_t cop__msg_head_size(enum cop__msg_kind kind)
{
    return kind <= COP__CAST ? offsetof(struct cop__msg, from) : offsetof(struct cop__msg, body);
}

static inline uint64_t cop__msg_head(enum cop__msg_kind kind, uint8_t class)
{
    _Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "head is composed by shifts");
    return (uint64_t)kind | (uint64_t) class << 8 |
           (uint64_t)(kind <= COP__CAST ? COP__MSG_SHORT : 0) << 16;
}

/* Those made in line are what processes send. */
static inline uint64_t cop__msg_head_asking(enum cop__msg_kind kind, uint8_t class)
{
    return cop__msg_head(kind, class) | (uint64_t)COP__MSG_ASKS << 16;
}

/* What cop__msg_new does, for a flat term and with a block at hand; else NULL. The kind is a
 * constant. */
static inline struct cop__msg *cop__msg_quick(
    struct cop__thr *self, enum cop__msg_kind kind, cop_term term)
{
    struct cop__blocks *blocks = self->base.blocks;
    const uint64_t *box = NULL;
    size_t count = 0;
    struct cop__free_block *block;
    struct cop__msg *msg;
    uint8_t class;

    if (COP__BLOCK_MALLOC || cop__unlikely(!blocks))
        return NULL;
    if (!cop__is_immediate(term)) {
        box = cop__box(term);
        if (cop__unlikely(!cop__is_boxed(term)) || !cop__is_flat_tuple(box))
            return NULL;
        count = cop__header_count(*box);
    }
    class = box && cop__msg_head_size(kind) + (1 + count) * sizeof(*box) > 64;
    block = blocks->free[class];
    if (cop__unlikely(!block))
        return NULL;
    blocks->free[class] = block->next;
    blocks->count[class]--;
    msg = (struct cop__msg *)block;
    msg->head = cop__msg_head_asking(kind, class);
    if (box) {
        uint64_t *tree = (uint64_t *)((char *)msg + cop__msg_head_size(kind));

        tree[0] = box[0];
        for (size_t i = 1; i <= count; i++)
            tree[i] = box[i];
        term = cop__from_box(tree);
    }
    msg->term = term;
    return msg;
}

/* As cop__msg_new; from and ref of kinds above CAST are the caller's to set. */
static inline struct cop__msg *cop__msg_make(
    struct cop__thr *self, enum cop__msg_kind kind, cop_term term)
{
    struct cop__msg *msg = cop__msg_quick(self, kind, term);

    return cop__likely(msg != NULL) ? msg : cop__msg_new(self, kind, term);
}

static inline void cop__msg_free(struct cop__thr *self, struct cop__msg *msg)
{
    if (cop__unlikely(msg->flags & COP__MSG_COUNTED))
        cop__msg_free_counted(msg);
    cop__block_put(&self->base, msg, msg->class);
}

/* Without a call; false: it takes one. */
static inline bool cop__msg_free_quick(struct cop__thr *self, struct cop__msg *msg)
{
    return !(msg->flags & COP__MSG_COUNTED) && cop__block_put_quick(&self->base, msg, msg->class);
}

#endif
