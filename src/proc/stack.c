/* SPDX-License-Identifier: Apache-2.0 */
/* Stacks: one reserved region per class, aligned slots, guards at the bottom, a hot list per
 * scheduler.
 *
 *   slot:  lo | red guard 4 KB | yellow guard 16 KB | usable ... | struct cop__stack, colour | hi
 *
 * The record lies at the top, so a shallow process touches one page; it is shifted by a colour, or
 * the tops of all stacks would share the same cache sets. Memory is opened 64 slots at a time from
 * the bottom, so neighbouring mappings merge. Guards are markers (Linux 6.13) that split no
 * mapping; on older kernels mprotect for the first stacks, then none (docs/adr/0004).
 */
#include "proc/proc.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif

enum { CHUNK = 64, GUARD_PAGES = 5, MPROTECT_GUARDS_MAX = 15000, SHARED_BATCH = 32, COLOURS = 8 };

static const size_t slot_size[COP__STACK_CLASSES] = { 128 * 1024, 1024 * 1024 };
#if COP__TSAN
static const size_t slots_max[COP__STACK_CLASSES] = { 16 * 1024, 256 };
#elif COP__ASAN
static const size_t slots_max[COP__STACK_CLASSES] = { 128 * 1024, 1024 };
#else
static const size_t slots_max[COP__STACK_CLASSES] = { 4 * 1024 * 1024, 64 * 1024 };
#endif

static enum guard { GUARD_MARKER, GUARD_MPROTECT, GUARD_CANARY } guard_mode;
static size_t page_size;

static struct region {
    char *base;
    size_t slots, opened, used;
    struct cop__spinlock lock;
    struct cop__stack *free;
    size_t guards; /* made by mprotect */
} region[COP__STACK_CLASSES];

static bool region_start(struct region *r, int class)
{
    for (r->slots = slots_max[class]; r->slots >= CHUNK; r->slots /= 2) {
        r->base = mmap(NULL, r->slots * slot_size[class], PROT_NONE,
            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (r->base != MAP_FAILED) {
            madvise(r->base, r->slots * slot_size[class], MADV_NOHUGEPAGE);
            r->opened = r->used = r->guards = 0;
            r->free = NULL;
            return true;
        }
    }
    return false;
}

bool cop__stacks_start(void)
{
    const char *forced = getenv("COPPICE_GUARDS");
    char *probe;

    page_size = (size_t)sysconf(_SC_PAGESIZE);
    for (int class = 0; class < COP__STACK_CLASSES; class ++)
        if (!region_start(&region[class], class))
            return false;
    probe = mmap(NULL, page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    guard_mode = GUARD_MPROTECT;
    if (probe != MAP_FAILED) {
        if (madvise(probe, page_size, MADV_GUARD_INSTALL) == 0)
            guard_mode = GUARD_MARKER;
        munmap(probe, page_size);
    }
    if (forced && forced[0] == 'm')
        guard_mode = GUARD_MPROTECT;
    return true;
}

void cop__stacks_stop(void)
{
    for (int class = 0; class < COP__STACK_CLASSES; class ++) {
#if COP__TSAN
        for (struct cop__stack *stack = region[class].free; stack; stack = stack->next)
            if (stack->fiber.fiber)
                __tsan_destroy_fiber(stack->fiber.fiber);
#endif
        munmap(region[class].base, region[class].slots * slot_size[class]);
        region[class] = (struct region){ 0 };
    }
}

const char *cop__stack_guard_mode(void)
{
    return guard_mode == GUARD_MARKER ? "markers" : "mprotect";
}

uint64_t cop__stacks_made(void)
{
    return region[COP__STACK_SMALL].used + region[COP__STACK_LARGE].used;
}

static void install_guard(struct region *r, char *lo)
{
    if (guard_mode == GUARD_MARKER)
        madvise(lo, GUARD_PAGES * page_size, MADV_GUARD_INSTALL);
    else if (r->guards < MPROTECT_GUARDS_MAX && mprotect(lo, page_size, PROT_NONE) == 0)
        r->guards++;
}

/* A slot nobody has used yet. The region's lock is held. */
static struct cop__stack *new_stack(struct region *r, int class)
{
    size_t size = slot_size[class], index = r->used;
    char *lo = r->base + index * size;
    struct cop__stack *stack;

    if (index == r->opened) {
        if (index + CHUNK > r->slots || mprotect(lo, CHUNK * size, PROT_READ | PROT_WRITE) != 0)
            return NULL;
        r->opened += CHUNK;
    }
    r->used++;
    install_guard(r, lo);
    stack = (struct cop__stack *)((uintptr_t)(lo + size - sizeof *stack - index % COLOURS * 64) &
                                  ~(uintptr_t)63);
    stack->lo = lo + GUARD_PAGES * page_size;
    stack->top = stack;
    stack->index = (uint32_t)index;
    stack->class = (uint8_t) class;
    cop__heap_init(&stack->heap, stack->lent, COP__LENT_WORDS);
#if COP__ASAN
    stack->fiber.bottom = stack->lo;
    stack->fiber.size = (size_t)((char *)stack->top - stack->lo);
#elif COP__TSAN
    stack->fiber.fiber = __tsan_create_fiber(0);
#endif
    return stack;
}

struct cop__stack *cop__stack_get_slow(struct cop__sched *sched, int class)
{
    struct region *r = &region[class];
    struct cop__stack *stack;

    cop__spin_lock(&r->lock);
    stack = r->free;
    if (stack)
        r->free = stack->next;
    else
        stack = new_stack(r, class);
    for (int i = 1; class == COP__STACK_SMALL && i < SHARED_BATCH && r->free; i++) {
        struct cop__stack *more = r->free;

        r->free = more->next;
        more->next = sched->stacks;
        sched->stacks = more;
        sched->stack_count++;
    }
    cop__spin_unlock(&r->lock);
    if (!stack)
        cop__out_of_memory("a stack");
    return stack;
}

/* One that is not small, or more than a scheduler keeps: then a batch goes with it. */
void cop__stack_put_slow(struct cop__sched *sched, struct cop__stack *stack)
{
    struct region *r = &region[stack->class];
    bool small = stack->class == COP__STACK_SMALL;

    cop__spin_lock(&r->lock);
    stack->next = r->free;
    r->free = stack;
    while (small && sched->stack_count > COP__STACKS_HOT - SHARED_BATCH) {
        struct cop__stack *cold = sched->stacks;

        sched->stacks = cold->next;
        sched->stack_count--;
        cold->next = r->free;
        r->free = cold;
    }
    cop__spin_unlock(&r->lock);
}

void cop__stacks_give_back(struct cop__sched *sched)
{
    struct region *r = &region[COP__STACK_SMALL];

    while (sched->stacks) {
        struct cop__stack *stack = sched->stacks;

        sched->stacks = stack->next;
        stack->next = r->free;
        r->free = stack;
    }
    sched->stack_count = 0;
}
