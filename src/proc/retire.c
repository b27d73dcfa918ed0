/* SPDX-License-Identifier: Apache-2.0 */
/* Retired objects, in batches: one that fills, and one that waits until all threads have passed.
 * The batches belong to schedulers by their index, so their locks are hardly ever waited for. */
#include "proc/retire.h"

#include <stdlib.h>
#include <string.h>

#include "base/reserve.h"
#include "base/lock.h"
#include "proc/idle.h"
#include "proc/message.h"
#include "proc/park.h"
#include "proc/proc.h"

enum { LIMBOS = 64, BATCH = 256, THREADS_SEEN_MAX = 1024 };
#define UNFENCED_NS 20000000ull /* without membarrier: any store is visible after so long */

struct item {
    void *object;
    cop__retired_free *free;
};

struct batch {
    struct item *items;
    size_t count, room;
};

static struct limbo {
    _Alignas(64) struct cop__spinlock lock;
    struct batch filling, waiting;
    uint32_t *seen; /* rt of each thread when it began to wait */
    uint32_t seen_count;
    uint64_t since_ns;
} limbos[LIMBOS];

static void free_batch(struct cop__thr *self, struct batch *batch)
{
    for (size_t i = 0; i < batch->count; i++)
        batch->items[i].free(self, batch->items[i].object);
    batch->count = 0;
}

static bool has_passed(const struct limbo *limbo)
{
    if (!cop__fence_is_heavy() && cop__now_ns() - limbo->since_ns < UNFENCED_NS)
        return false;
    return cop__threads_passed(limbo->seen, limbo->seen_count);
}

/* The waiting batch is empty: what has been filled waits now. */
static void begin_to_wait(struct limbo *limbo)
{
    struct batch batch = limbo->waiting;

    if (!limbo->seen) {
        limbo->seen = cop__must_alloc(THREADS_SEEN_MAX * sizeof *limbo->seen);
        if (!limbo->seen)
            return; /* it goes on filling */
    }
    limbo->waiting = limbo->filling;
    limbo->filling = batch;
    cop__heavy_fence(); /* what was unlinked is so for all; what they store is seen below */
    limbo->seen_count = cop__threads_look(limbo->seen, THREADS_SEEN_MAX);
    limbo->since_ns = cop__now_ns();
}

static void add(struct batch *batch, struct item item)
{
    if (batch->count == batch->room) {
        size_t room = batch->room ? 2 * batch->room : BATCH;
        struct item *items = cop__must_alloc(room * sizeof *items);

        if (!items)
            cop__out_of_memory("what is to be freed");
        if (batch->count)
            memcpy(items, batch->items, batch->count * sizeof *items);
        cop__must_free(batch->items);
        batch->items = items;
        batch->room = room;
    }
    batch->items[batch->count++] = item;
}

static void go_on(struct cop__thr *self, struct limbo *limbo)
{
    if (limbo->waiting.count && has_passed(limbo))
        free_batch(self, &limbo->waiting);
    if (!limbo->waiting.count && limbo->filling.count)
        begin_to_wait(limbo);
}

void cop__retire_push(struct cop__thr *self)
{
    for (struct limbo *limbo = limbos; limbo < limbos + LIMBOS; limbo++) {
        cop__spin_lock(&limbo->lock);
        go_on(self, limbo);
        cop__spin_unlock(&limbo->lock);
    }
}

void cop__retire(struct cop__thr *self, void *object, cop__retired_free *free)
{
    struct limbo *limbo = &limbos[self->sched ? self->sched->index % LIMBOS : LIMBOS - 1];

    cop__spin_lock(&limbo->lock);
    add(&limbo->filling, (struct item){ object, free });
    if (limbo->filling.count % BATCH == 0)
        go_on(self, limbo);
    cop__spin_unlock(&limbo->lock);
}

/* All processes are gone. */
static void free_all(void)
{
    struct cop__thr *self = cop__self_thr();

    for (struct limbo *limbo = limbos; limbo < limbos + LIMBOS; limbo++) {
        free_batch(self, &limbo->waiting);
        free_batch(self, &limbo->filling);
        cop__must_free(limbo->waiting.items);
        cop__must_free(limbo->filling.items);
        cop__must_free(limbo->seen);
        *limbo = (struct limbo){ .lock = { 0 } };
    }
}

__attribute__((constructor)) static void add_hook(void)
{
    static struct cop__node_hook hook = { .stop = free_all };

    cop__node_hook_add(&hook);
}
