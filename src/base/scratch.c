/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks of one operation, in a list of the turn's heap. Layer 0.
 *
 * Allocating and linking are one step for an exit signal, which ends nobody inside the runtime. */
#include "base/scratch.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/raise.h"
#include "base/thread.h"

struct cop__scratch {
    struct cop__scratch *next, **place; /* what points here */
    uint64_t body[];
};

static struct cop__scratch *block_of(void *body)
{
    return (struct cop__scratch *)((char *)body - offsetof(struct cop__scratch, body));
}

static void link_in(struct cop__scratch **place, struct cop__scratch *block)
{
    block->next = *place;
    block->place = place;
    if (block->next)
        block->next->place = &block->next;
    *place = block;
}

static void link_out(struct cop__scratch *block)
{
    *block->place = block->next;
    if (block->next)
        block->next->place = block->place;
}

static _Noreturn void no_memory(const char *what)
{
    char text[80];

    snprintf(text, sizeof text, "no memory for %s", what);
    cop__raise("system_limit", text);
}

void *cop__scratch_new(size_t size, const char *what)
{
    return cop__scratch_resize(NULL, size, what);
}

void *cop__scratch_resize(void *body, size_t size, const char *what)
{
    struct cop__scratch *old = body ? block_of(body) : NULL, *block;
    struct cop__scratch **place;
    bool entered;

    if (size > SIZE_MAX - sizeof *block)
        no_memory(what);
    entered = cop__enter_unless_inside();
    place = old ? old->place : &cop__turn_heap()->scratch;
    if (old)
        link_out(old);
    block = realloc(old, sizeof *block + size);
    if (block || old)
        link_in(place, block ? block : old);
    if (entered)
        cop__leave();
    if (!block)
        no_memory(what);
    return block->body;
}

void cop__scratch_free(void *body)
{
    bool entered;

    if (!body)
        return;
    entered = cop__enter_unless_inside();
    link_out(block_of(body));
    free(block_of(body));
    if (entered)
        cop__leave();
}

void cop__scratch_take(void *body)
{
    bool entered = cop__enter_unless_inside();

    link_out(block_of(body));
    if (entered)
        cop__leave();
}

void cop__scratch_drop(void *body)
{
    free(block_of(body));
}

void cop__scratch_free_all(struct cop__scratch **list)
{
    while (*list) {
        struct cop__scratch *block = *list;

        *list = block->next;
        free(block);
    }
}
