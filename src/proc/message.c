/* SPDX-License-Identifier: Apache-2.0 */
/* Message blocks: one allocation with the whole tree of the term inside. A tree of five words or
 * more may hold counted binaries, so the word before it is kept for their list. */
#include "base/raise.h"
#include "base/reserve.h"
#include "proc/proc.h"
#include "term/copy.h"
#include "term/layout.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    COUNTED_WORDS_MIN = sizeof(struct cop__counted) / sizeof(uint64_t),
    SMALL_SIZE = 128 /* most terms fit, and their words need not be counted */
};

void cop__out_of_memory(const char *what)
{
    fprintf(stderr, "coppice: no memory for %s; the node stops\n", what);
    abort();
}

/* What was asked for is from the reserve (base/reserve.h), so it will be done; but whoever asked is
 * to know, and ends as soon as it comes to where a signal would end it. */
static void end_who_asks(void)
{
    struct cop__thr *self = cop__own_thr(); /* none: a thread that has yet to get its record */
    struct cop__proc *proc = self ? self->current : NULL;
    uint32_t flags = proc ? cop__load(proc->flags) : COP__P_EXITING;

    if (flags & (COP__P_DOOMED | COP__P_EXITING))
        return;
    cop__store(proc->flags, flags | COP__P_DOOMED | COP__P_SHORT);
    self->budget = 0;
}

__attribute__((constructor)) static void serve_short(void)
{
    cop__short_hook = end_who_asks;
}

/* Too large for the reserve. A message of a user's is not sent; a signal must be. */
static COP_NORETURN void no_block(const struct cop__thr *self, enum cop__msg_kind kind)
{
    if (self->current && (kind == COP__PLAIN || kind == COP__CAST || kind == COP__CALL))
        cop__raise("system_limit", "no memory for a message");
    cop__out_of_memory("a message");
}

static struct cop__msg *block_for(
    struct cop__thr *self, enum cop__msg_kind kind, size_t words, uint64_t **ret_tree)
{
    size_t reserve = words >= COUNTED_WORDS_MIN;
    uint8_t class;
    struct cop__msg *msg = cop__block_get(
        &self->base, cop__msg_head_size(kind) + (words + reserve) * sizeof(uint64_t), &class);

    if (cop__unlikely(!msg))
        no_block(self, kind);
    msg->head = cop__msg_head(kind, class);
    if (kind > COP__CAST)
        msg->from = msg->ref = 0;
    *ret_tree = (uint64_t *)((char *)msg + cop__msg_head_size(kind)) + reserve;
    return msg;
}

/* Most parts of a message that is built here are immediates. */
static inline size_t words_of(cop_term term)
{
    return cop__is_boxed(term) || cop__is_cons(term) ? cop__term_words_to_send(term) : 0;
}

static void note_counted(struct cop__msg *msg, uint64_t *tree, struct cop__counted *counted)
{
    if (counted) {
        msg->flags |= COP__MSG_COUNTED;
        tree[-1] = (uint64_t)(uintptr_t)counted;
    }
}

struct cop__msg *cop__msg_new(struct cop__thr *self, enum cop__msg_kind kind, cop_term term)
{
    struct cop__counted *counted = NULL;
    size_t words;
    uint64_t *tree;
    struct cop__msg *msg;

    if (cop__is_immediate(term) || cop_is_none(term)) {
        msg = block_for(self, kind, 0, &tree);
        msg->term = term;
        return msg;
    }
    words = (SMALL_SIZE - cop__msg_head_size(kind)) / sizeof(*tree) - 1;
    msg = block_for(self, kind, words, &tree);
    msg->term = cop__term_copy_within(term, tree, words, &counted);
    if (cop_is_none(msg->term)) {
        cop__block_put(&self->base, msg, msg->class);
        words = cop__term_words_to_send(term);
        msg = block_for(self, kind, words, &tree);
        msg->term = cop__term_copy_to_send(term, tree, &counted);
    }
    note_counted(msg, tree, counted);
    return msg;
}

struct cop__msg *cop__msg_tuple(
    struct cop__thr *self, enum cop__msg_kind kind, const cop_term *items, size_t count)
{
    size_t words = count + 1;
    struct cop__counted *counted = NULL;
    uint64_t *tree, *at;
    struct cop__msg *msg;

    for (size_t i = 0; i < count; i++)
        words += words_of(items[i]);
    msg = block_for(self, kind, words, &tree);
    tree[0] = cop__header(COP__TUPLE, count);
    at = tree + count + 1;
    for (size_t i = 0; i < count; i++) {
        size_t item_words = words_of(items[i]);

        tree[1 + i] =
            item_words ? cop__term_copy_to_send(items[i], at, &counted).word : items[i].word;
        at += item_words;
    }
    msg->term = cop__from_box(tree);
    note_counted(msg, tree, counted);
    return msg;
}

void cop__msg_free_counted(struct cop__msg *msg)
{
    uint64_t *body = msg->flags & COP__MSG_SHORT ? (uint64_t *)&msg->from : msg->body;

    cop__counted_release_all((struct cop__counted *)(uintptr_t)body[0]);
}
