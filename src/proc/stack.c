/* SPDX-License-Identifier: Apache-2.0 */
/* Stacks: one reserved region per class, aligned slots, guards at the bottom (guard.h), a hot list
 * per scheduler.
 *
 *   slot:  lo | guards | usable ... | struct cop__stack, colour | hi
 *
 * The record lies at the top, so a shallow process touches one page; it is shifted by a colour, or
 * the tops of all stacks would share the same cache sets. Memory is opened 64 slots at a time from
 * the bottom, so neighbouring mappings merge.
 *
 * What has been free for a while goes back to the system: the lists are stacks, so the ones at the
 * bottom that no use has reached between two looks are not needed now. Their records go with them;
 * what is left is a list of their numbers. */
#include "proc/guard.h"
#include "proc/proc.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { CHUNK = 64, SHARED_BATCH = 32, COLOURS = 8, TRIM_MAX = 1024 };
/* Stacks that no process has: in the hot lists of schedulers, and of processes just ended. */
enum { SPARE = 4096 };

static const size_t slot_size[COP__STACK_CLASSES] = { 128 * 1024, 1024 * 1024 };
#if COP__TSAN
static const size_t slots_max[COP__STACK_CLASSES] = { 16 * 1024, 256 };
#elif COP__ASAN
static const size_t slots_max[COP__STACK_CLASSES] = { 128 * 1024, 1024 };
#else
static const size_t slots_max[COP__STACK_CLASSES] = { 4 * 1024 * 1024, 64 * 1024 };
#endif

static size_t page_size;

static struct region {
    char *base;
    size_t slots, opened;
    _Atomic(size_t) used; /* written under the lock; counted without */
    struct cop__spinlock lock;
    struct cop__stack *free;
    size_t count, least; /* of `free`: now, and the fewest since the last look of the trimmer */
    uint32_t *cold;      /* numbers of slots whose memory has gone back; room for all */
    size_t cold_count;
    size_t guards; /* made by mprotect */
} region[COP__STACK_CLASSES];

static bool region_start(struct region *r, int class, size_t wanted)
{
    wanted = (wanted + SPARE + CHUNK - 1) / CHUNK * CHUNK;
    for (r->slots = wanted < slots_max[class] ? wanted : slots_max[class]; r->slots >= CHUNK;
         r->slots /= 2) {
        r->base = mmap(NULL, r->slots * slot_size[class], PROT_NONE,
            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (r->base == MAP_FAILED)
            continue;
        r->cold = mmap(NULL, r->slots * sizeof r->cold[0], PROT_READ | PROT_WRITE,
            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (r->cold == MAP_FAILED) {
            munmap(r->base, r->slots * slot_size[class]);
            continue;
        }
        madvise(r->base, r->slots * slot_size[class], MADV_NOHUGEPAGE);
        return true;
    }
    return false;
}

bool cop__stacks_start(uint32_t processes)
{
    page_size = (size_t)sysconf(_SC_PAGESIZE);
    cop__guards_start(page_size);
    for (int class = 0; class < COP__STACK_CLASSES; class ++)
        if (!region_start(&region[class], class, processes))
            return false;
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
        munmap(region[class].cold, region[class].slots * sizeof region[class].cold[0]);
        region[class] = (struct region){ 0 };
    }
}

uint64_t cop__stacks_made(void)
{
    return cop__load(region[COP__STACK_SMALL].used) + cop__load(region[COP__STACK_LARGE].used);
}

static char *slot_of(const struct region *r, int class, size_t index)
{
    return r->base + index * slot_size[class];
}

char *cop__stack_slot(const struct cop__stack *stack)
{
    return slot_of(&region[stack->class], stack->class, stack->index);
}

/* The record at the top of a slot. */
static struct cop__stack *make_record(struct region *r, int class, size_t index)
{
    char *slot = slot_of(r, class, index), *hi = slot + slot_size[class];
    struct cop__stack *stack =
        (struct cop__stack *)((uintptr_t)(hi - sizeof *stack - index % COLOURS * 64) &
                              ~(uintptr_t)63);

    stack->lo = slot + COP__GUARD_PAGES * page_size;
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

static void set_guard(struct cop__stack *stack, enum cop__guard guard)
{
    stack->guard = (uint8_t)guard;
    stack->canary = guard == COP__GUARD_CANARY ? (const uint64_t *)stack->lo : NULL;
}

/* A slot nobody has used yet. The region's lock is held. */
static struct cop__stack *new_stack(struct region *r, int class)
{
    size_t size = slot_size[class], index = cop__load(r->used);
    char *slot = slot_of(r, class, index);
    struct cop__stack *stack;

    if (index == r->opened) {
        if (index + CHUNK > r->slots || mprotect(slot, CHUNK * size, PROT_READ | PROT_WRITE) != 0)
            return NULL;
        r->opened += CHUNK;
    }
    cop__store(r->used, index + 1);
    stack = make_record(r, class, index);
    set_guard(stack, cop__guard_install(slot, &r->guards));
    return stack;
}

/* --- Lists ---------------------------------------------------------------------------------------
 */

static void put_free(struct region *r, struct cop__stack *stack)
{
    stack->next = r->free;
    r->free = stack;
    r->count++;
}

static struct cop__stack *take_free(struct region *r)
{
    struct cop__stack *stack = r->free;

    if (!stack)
        return NULL;
    r->free = stack->next;
    if (--r->count < r->least)
        r->least = r->count;
    return stack;
}

static struct cop__stack *take_cold(struct region *r, int class)
{
    uint32_t number;
    struct cop__stack *stack;

    if (!r->cold_count)
        return NULL;
    number = r->cold[--r->cold_count];
    stack = make_record(r, class, number >> 2);
    set_guard(stack, (enum cop__guard)(number & 3));
    return stack;
}

struct cop__stack *cop__stack_get_slow(struct cop__sched *sched, int class)
{
    struct region *r = &region[class];
    struct cop__stack *stack;

    cop__spin_lock(&r->lock);
    stack = take_free(r);
    if (!stack)
        stack = take_cold(r, class);
    if (!stack)
        stack = new_stack(r, class);
    for (int i = 1; class == COP__STACK_SMALL && i < SHARED_BATCH && r->free; i++) {
        struct cop__stack *more = take_free(r);

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
    put_free(r, stack);
    while (small && sched->stack_count > COP__STACKS_HOT - SHARED_BATCH) {
        struct cop__stack *cold = sched->stacks;

        sched->stacks = cold->next;
        sched->stack_count--;
        put_free(r, cold);
    }
    cop__spin_unlock(&r->lock);
}

void cop__stacks_give_back(struct cop__sched *sched)
{
    struct region *r = &region[COP__STACK_SMALL];

    while (sched->stacks) {
        struct cop__stack *stack = sched->stacks;

        sched->stacks = stack->next;
        put_free(r, stack);
    }
    sched->stack_count = 0;
}

/* --- Trimming ------------------------------------------------------------------------------------
 */

/* Cut off those at the bottom of the list that were not used since the last look, at most TRIM_MAX.
 */
static struct cop__stack *cut_unused(struct region *r)
{
    size_t unused = r->least < TRIM_MAX ? r->least : TRIM_MAX;
    struct cop__stack **place = &r->free, *cut;

    if (!unused)
        return NULL;
    for (size_t stay = r->count - unused; stay; stay--)
        place = &(*place)->next;
    cut = *place;
    *place = NULL;
    r->count -= unused;
    r->least -= unused;
    return cut;
}

static int by_number(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return x < y ? -1 : x > y;
}

/* One call for each run of neighbours. What guards them stays, whichever it is. */
static void give_back_memory(const struct region *r, int class, uint32_t *numbers, size_t count)
{
    size_t from = 0;

    qsort(numbers, count, sizeof numbers[0], by_number);
    for (size_t i = 1; i <= count; i++) {
        if (i < count && (numbers[i] >> 2) == (numbers[i - 1] >> 2) + 1)
            continue;
        madvise(
            slot_of(r, class, numbers[from] >> 2), (i - from) * slot_size[class], MADV_DONTNEED);
        from = i;
    }
}

static size_t trim(struct region *r, int class)
{
    uint32_t numbers[TRIM_MAX];
    struct cop__stack *cut;
    size_t count = 0;

    cop__spin_lock(&r->lock);
    cut = cut_unused(r);
    cop__spin_unlock(&r->lock);
    for (; cut; cut = cut->next)
        numbers[count++] = cut->index << 2 | cut->guard;
    if (!count)
        return 0;
    give_back_memory(r, class, numbers, count);
    cop__spin_lock(&r->lock);
    for (size_t i = 0; i < count; i++)
        r->cold[r->cold_count++] = numbers[i];
    cop__spin_unlock(&r->lock);
    return count;
}

bool cop__stacks_trim(void)
{
    bool more = false;

    if (COP__TSAN || COP__ASAN) /* they keep notes of each stack */
        return false;
    for (int class = 0; class < COP__STACK_CLASSES; class ++)
        more |= trim(&region[class], class) == TRIM_MAX;
    return more;
}

bool cop__stacks_age(void)
{
    bool any = false;

    for (int class = 0; class < COP__STACK_CLASSES; class ++) {
        struct region *r = &region[class];

        cop__spin_lock(&r->lock);
        any |= r->count > 0;
        r->least = r->count;
        cop__spin_unlock(&r->lock);
    }
    return any && !COP__TSAN && !COP__ASAN;
}

/* --- Canaries ------------------------------------------------------------------------------------
 */

COP_NORETURN void cop__canary_died(const struct cop__proc *proc)
{
    fprintf(stderr,
        "coppice: process <0.%u.%u> has used more stack than it has, and its stack has no guard; "
        "what lies below may be damaged, so the node stops. Give it a large stack "
        "(cop_spawn_options.stack_size), or run on Linux 6.13 or newer, where every stack is "
        "guarded\n",
        proc->index, (unsigned)cop__load(proc->gen));
    abort();
}
