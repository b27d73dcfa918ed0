/* SPDX-License-Identifier: Apache-2.0 */
/* Memory set aside for when the system has none. What the runtime must have to go on (a message, a
 * link, the news of an end) comes from here then, so that no half-made change has to be taken back,
 * and whoever asked for it is told: the process layer ends that process (BASE-13). Layer 0. */
#ifndef COP_BASE_RESERVE_H
#define COP_BASE_RESERVE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/* Before a node starts. false: the system has not even that. */
bool cop__reserve_start(void);

/* Set by the process layer: the system had no memory for what is being done now. Any context. */
extern void (*cop__short_hook)(void);

/* Set by a simulation: does the allocation that is about to be made fail? NULL: none does. */
extern bool (*cop__memory_fails)(void);
static inline bool cop__no_memory_now(void)
{
    return cop__memory_fails && cop__memory_fails();
}

/* As calloc, from what is set aside; aligned to 64 bytes. NULL: it is used up. It is never used
 * again: shortages are rare, and what remains is made up for when there is memory again. */
void *cop__reserve_take(size_t size);
/* The same, and whoever needed it is told. */
void *cop__must_have(size_t size);
/* How many bytes one was taken with. */
size_t cop__reserve_size(const void *memory);
/* There is memory again, it seems: set some aside anew, if that is needed. */
void cop__reserve_renew(void);

extern _Atomic(bool) cop__reserve_used; /* ever */
bool cop__reserve_has_slow(const void *memory);
/* Was it taken from here? Then it is not the system's to free. */
static inline bool cop__reserve_has(const void *memory)
{
    return atomic_load_explicit(&cop__reserve_used, memory_order_relaxed) &&
           cop__reserve_has_slow(memory);
}

/* As calloc and free, for what must be. NULL: the reserve is used up, too. */
static inline void *cop__must_alloc(size_t size)
{
    void *memory = cop__no_memory_now() ? NULL : calloc(1, size);

    return memory ? memory : cop__must_have(size);
}

static inline void cop__must_free(void *memory)
{
    if (!cop__reserve_has(memory))
        free(memory);
}

#endif
