/* SPDX-License-Identifier: Apache-2.0 */
/* Large arrays. Layer 0. */
#include "base/pages.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

/* size: whole pages. Whether huge pages are there is the system's business. */
static void *map(size_t size)
{
    size_t whole = size + COP__HUGE_PAGE, before;
    char *mapped = whole < size ? MAP_FAILED
                                : mmap(NULL, whole, PROT_READ | PROT_WRITE,
                                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (mapped == MAP_FAILED)
        return NULL;
    before = (size_t)(-(uintptr_t)mapped) & (COP__HUGE_PAGE - 1);
    if (before)
        munmap(mapped, before);
    munmap(mapped + before + size, COP__HUGE_PAGE - before);
    madvise(mapped + before, size & ~(size_t)(COP__HUGE_PAGE - 1), MADV_HUGEPAGE);
    return mapped + before;
}

static size_t whole_pages(size_t size)
{
    return (size + 4095) & ~(size_t)4095;
}

void *cop__pages_new(size_t size)
{
    if (size < COP__HUGE_PAGE)
        return calloc(1, size);
    return size > SIZE_MAX / 2 ? NULL : map(whole_pages(size));
}

void cop__pages_free(void *memory, size_t size)
{
    if (size < COP__HUGE_PAGE)
        free(memory);
    else if (memory)
        munmap(memory, whole_pages(size));
}

/* The last one, under which the next goes, so that the system joins them to one mapping. 0: there
 * is none, or another thread has it in its hands. */
static _Atomic(uintptr_t) last_huge;

/* Where `below` is free; an older kernel takes the address for a hint. */
static void *map_below(uintptr_t below)
{
    void *wanted, *mapped;

    if (below <= COP__HUGE_PAGE)
        return NULL;
    wanted = (void *)(below - COP__HUGE_PAGE);
    mapped = mmap(wanted, COP__HUGE_PAGE, PROT_READ | PROT_WRITE,
        MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    if (mapped == MAP_FAILED)
        return NULL;
    if (mapped != wanted) {
        munmap(mapped, COP__HUGE_PAGE);
        return NULL;
    }
    madvise(mapped, COP__HUGE_PAGE, MADV_HUGEPAGE);
    return mapped;
}

void *cop__pages_huge(void)
{
    void *mapped = map_below(atomic_exchange(&last_huge, 0));

    if (!mapped)
        mapped = map(COP__HUGE_PAGE);
    if (mapped)
        atomic_store(&last_huge, (uintptr_t)mapped);
    return mapped;
}
