/* SPDX-License-Identifier: Apache-2.0 */
/* The regions behind reserve.h: each is used from its beginning to its end, once. Layer 0. */
#include "base/reserve.h"

#include <string.h>
#include <sys/mman.h>

#include "base/lock.h"

enum { REGION_SIZE = 1 << 20, REGIONS_MAX = 64, ALIGN = 64 };

void (*cop__short_hook)(void);
bool (*cop__memory_fails)(void);
_Atomic(bool) cop__reserve_used;

static struct cop__spinlock lock;
/* Entries below `count` never change; the last is the one in use. */
static char *regions[REGIONS_MAX];
static _Atomic(uint32_t) count;
static size_t at; /* in the last; under the lock */

/* Under the lock, and not the time for it under another: a system call. */
static bool add_region(void)
{
    uint32_t now = atomic_load_explicit(&count, memory_order_relaxed);
    char *region = now < REGIONS_MAX ? mmap(NULL, REGION_SIZE, PROT_READ | PROT_WRITE,
                                           MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
                                     : MAP_FAILED;

    if (region == MAP_FAILED)
        return false;
    regions[now] = region;
    at = 0;
    atomic_store_explicit(&count, now + 1, memory_order_release);
    return true;
}

bool cop__reserve_start(void)
{
    bool there;

    cop__spin_lock(&lock);
    there = atomic_load(&count) > 0 || add_region();
    cop__spin_unlock(&lock);
    return there;
}

void cop__reserve_renew(void)
{
    if (!atomic_load_explicit(&cop__reserve_used, memory_order_relaxed))
        return;
    cop__spin_lock(&lock);
    if (at > REGION_SIZE / 2)
        add_region();
    cop__spin_unlock(&lock);
}

void *cop__reserve_take(size_t size)
{
    size_t whole = ALIGN + ((size + ALIGN - 1) & ~(size_t)(ALIGN - 1));
    char *memory = NULL;

    if (size > REGION_SIZE - ALIGN)
        return NULL;
    cop__spin_lock(&lock);
    if (atomic_load(&count) && (at + whole <= REGION_SIZE || add_region())) {
        memory = regions[atomic_load(&count) - 1] + at;
        at += whole;
        atomic_store_explicit(&cop__reserve_used, true, memory_order_relaxed);
    }
    cop__spin_unlock(&lock);
    if (!memory)
        return NULL;
    memcpy(memory, &size, sizeof size);
    return memory + ALIGN;
}

void *cop__must_have(size_t size)
{
    if (cop__short_hook)
        cop__short_hook();
    return cop__reserve_take(size);
}

size_t cop__reserve_size(const void *memory)
{
    size_t size;

    memcpy(&size, (const char *)memory - ALIGN, sizeof size);
    return size;
}

bool cop__reserve_has_slow(const void *memory)
{
    uint32_t known = atomic_load_explicit(&count, memory_order_acquire);

    for (uint32_t i = 0; i < known; i++)
        if ((uintptr_t)memory - (uintptr_t)regions[i] < REGION_SIZE)
            return true;
    return false;
}
