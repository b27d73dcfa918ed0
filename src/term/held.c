/* SPDX-License-Identifier: Apache-2.0 */
/* References that hold something, and how they are found again by their word. Layer 1. */
#include "term/held.h"

#include <stdlib.h>

#include "base/lock.h"
#include "base/map.h"

static struct {
    struct cop__spinlock lock;
    struct cop__map by_word;
} held;

/* A process is not ended while it has the lock. */
static bool lock(void)
{
    bool entered = cop__enter_unless_inside();

    cop__spin_lock(&held.lock);
    return entered;
}

static void unlock(bool entered)
{
    cop__spin_unlock(&held.lock);
    if (entered)
        cop__leave();
}

/* The caller's count goes over to the term. */
static cop_term term_of(struct cop__held *of)
{
    struct cop__heap *heap = cop__turn_heap();
    struct cop__counted *counted = (struct cop__counted *)cop__heap_alloc(heap, COP__COUNTED_WORDS);

    *counted = (struct cop__counted){
        .header = cop__header(COP__REF_HELD, COP__COUNTED_WORDS - 1),
        .shared = &of->shared,
        .bit_size = of->word,
        .next = heap->counted,
    };
    heap->counted = counted;
    return cop__from_box(counted);
}

cop_term cop__held_new(uint64_t word, size_t size, cop__held_kind *release)
{
    size_t whole = (sizeof(struct cop__held) + size + 63) & ~(size_t)63;
    struct cop__held *of = whole < size ? NULL : aligned_alloc(64, whole);
    bool added, entered;

    if (!of)
        return COP_NONE;
    memset(of, 0, whole);
    atomic_init(&of->shared.refs, 1);
    of->shared.size = size;
    of->shared.release = release;
    of->word = word;
    entered = lock();
    added = cop__map_add(&held.by_word, word, (uint64_t)(uintptr_t)of);
    unlock(entered);
    if (!added) {
        free(of);
        return COP_NONE;
    }
    return term_of(of);
}

/* Who saw himself alone with it (cop__shared_release) still has his count here, for by the map
 * another may have taken one since. */
void cop__held_free(struct cop__shared *shared)
{
    struct cop__held *of = (struct cop__held *)shared;
    bool entered = lock(), last;

    last = atomic_load_explicit(&shared->refs, memory_order_acquire) < 2 ||
           atomic_fetch_sub_explicit(&shared->refs, 1, memory_order_acq_rel) == 1;
    if (last) {
        cop__map_remove(&held.by_word, of->word, NULL);
        if (held.by_word.count == 0)
            cop__map_free(&held.by_word);
    }
    unlock(entered);
    if (last)
        free(of);
}

/* With the lock. False: the last count has gone, and who gave it waits for the lock. */
static bool take(struct cop__shared *shared)
{
    uint64_t refs = atomic_load_explicit(&shared->refs, memory_order_relaxed);

    while (refs)
        if (atomic_compare_exchange_weak_explicit(
                &shared->refs, &refs, refs + 1, memory_order_relaxed, memory_order_relaxed))
            return true;
    return false;
}

cop_term cop__ref_of(uint64_t word)
{
    struct cop__held *found = NULL;
    bool entered = lock();
    uint64_t *at;

    at = cop__map_at(&held.by_word, word);
    if (at && take((struct cop__shared *)(uintptr_t)*at))
        found = (struct cop__held *)(uintptr_t)*at;
    unlock(entered);
    return found ? term_of(found) : cop__word(word);
}
