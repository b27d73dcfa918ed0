/* SPDX-License-Identifier: Apache-2.0 */
/* The verdict on a fault or a kill.
 *
 * The hard idea: the question is not whether the instruction lies in the C library, but whether
 * anything on this stack could hold a lock, or be half-way through a change, that others need. The
 * program's own frames cannot, as far as the library is concerned; frames of anything else might.
 * So every frame is looked at, and what is not known to be harmless is not. */
#include "proc/verdict.h"

#include <assert.h>
#include <search.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#include "base/unwind.h"
#include "proc/fault.h"

/* --- The C library's functions that the rules name -----------------------------------------------
 */

enum part {
    PART_PROGRAM,
    PART_OTHER,   /* anything could be locked */
    PART_PURE,    /* reads and writes what it is given, and nothing else */
    PART_SORTING, /* calls back, and holds nothing while it does */
    PART_RAISE,
    PART_ABORT,
    PART_ASSERT,
    PART_LOADER,
    PART_UNKNOWN /* not in any code that is known */
};

typedef void any_function(void);
#define NAMED(PART, NAME)                 \
    {                                     \
        (PART), (any_function *)(NAME), 0 \
    }

static struct {
    enum part part;
    any_function *named;
    uintptr_t begin; /* by the unwind tables: names may point into the middle, or share the code */
} known[] = {
    NAMED(PART_PURE, memcpy),
    NAMED(PART_PURE, mempcpy),
    NAMED(PART_PURE, memmove),
    NAMED(PART_PURE, memset),
    NAMED(PART_PURE, memcmp),
    NAMED(PART_PURE, memmem),
    NAMED(PART_PURE, (void *(*)(const void *, int, size_t))memchr),
    NAMED(PART_PURE, (void *(*)(const void *, int, size_t))memrchr),
    NAMED(PART_PURE, strlen),
    NAMED(PART_PURE, strnlen),
    NAMED(PART_PURE, stpcpy),
    NAMED(PART_PURE, stpncpy),
    NAMED(PART_PURE, (char *(*)(char *, const char *))strcpy),
    NAMED(PART_PURE, (char *(*)(char *, const char *, size_t))strncpy),
    NAMED(PART_PURE, (char *(*)(char *, const char *))strcat),
    NAMED(PART_PURE, (char *(*)(char *, const char *, size_t))strncat),
    NAMED(PART_PURE, strcmp),
    NAMED(PART_PURE, strncmp),
    NAMED(PART_PURE, strcasecmp),
    NAMED(PART_PURE, strncasecmp),
    NAMED(PART_PURE, (char *(*)(const char *, int))strchr),
    NAMED(PART_PURE, (char *(*)(const char *, int))strchrnul),
    NAMED(PART_PURE, (char *(*)(const char *, int))strrchr),
    NAMED(PART_PURE, (char *(*)(const char *, const char *))strstr),
    NAMED(PART_PURE, (char *(*)(const char *, const char *))strpbrk),
    NAMED(PART_PURE, strspn),
    NAMED(PART_PURE, strcspn),
    NAMED(PART_SORTING, qsort),
    NAMED(PART_SORTING, qsort_r),
    NAMED(PART_SORTING, bsearch),
    NAMED(PART_RAISE, raise),
    NAMED(PART_ABORT, abort),
    NAMED(PART_ASSERT, __assert_fail),
};
enum { KNOWN = sizeof known / sizeof known[0] };

/* Some functions have no names that can be asked for. This many may lie above abort or raise: what
 * sends the signal; and below abort: how assert comes there. Were there more, it would have come
 * another way, say from an allocator that has found itself damaged, and holds its lock. */
enum { ABOVE_ABORT_MAX = 3, BELOW_ABORT_MAX = 2 };

void cop__verdict_start(void)
{
    cop__text_refresh();
    for (size_t i = 0; i < KNOWN; i++) {
        struct cop__frame at = { .pc = (uintptr_t)known[i].named };
        const struct cop__text *text = cop__text_of(at.pc);

        known[i].begin =
            text && text->kind == COP__TEXT_OTHER && cop__unwind_look(&at) ? at.function : 0;
    }
}

static enum part part_of(struct cop__frame *frame)
{
    uintptr_t pc = frame->pc - frame->is_call;
    const struct cop__text *text = cop__text_of(pc);

    if (!text)
        return cop__text_unknown(pc) ? PART_OTHER : PART_UNKNOWN;
    if (text->kind == COP__TEXT_PROGRAM)
        return PART_PROGRAM;
    if (text->kind == COP__TEXT_LOADER)
        return PART_LOADER;
    if (cop__unwind_look(frame))
        for (size_t i = 0; i < KNOWN; i++)
            if (known[i].begin == frame->function)
                return known[i].part;
    return PART_OTHER;
}

/* --- The walk ------------------------------------------------------------------------------------
 */

/* One that will end on its return has the way to its end in place of the way back. */
static enum cop__unwind step(struct cop__frame *frame, const struct cop__stack *stack)
{
    enum cop__unwind found = cop__unwind_step(frame);

    if (found == COP__UNWIND_CALLER && stack && frame->pc == (uintptr_t)cop__fault_trampoline)
        frame->pc = stack->fault.return_to;
    return found;
}

struct walk {
    struct cop__judged *judged;
    const struct cop__stack *stack;
    enum cop__event event;
    struct cop__frame frame;
    /* a run of frames that are not the program's */
    uint32_t run;
    bool innermost; /* no frame of the program is above it */
    bool pure;      /* all of it */
    enum part outermost;
    uint32_t abort_at; /* which of the run, from 1, is abort */
};

static bool stop(struct walk *walk, int rule)
{
    walk->judged->verdict = COP__VERDICT_STOP;
    walk->judged->rule = rule;
    return false;
}

static void note(struct walk *walk)
{
    struct cop__judged *judged = walk->judged;

    if (judged->count < COP__FAULT_FRAMES)
        judged->pcs[judged->count++] = walk->frame.pc - walk->frame.is_call;
}

static void lengthen_run(struct walk *walk, enum part part)
{
    if (walk->run++ == 0) {
        walk->innermost = walk->judged->count == 1;
        walk->pure = true;
        walk->abort_at = 0;
    }
    if (part == PART_ABORT)
        walk->abort_at = walk->run;
    walk->pure &= part == PART_PURE;
    walk->outermost = part;
}

/* Has the program called abort, raise or assert, and nothing else? */
static bool was_raised(const struct walk *walk)
{
    if (walk->event != COP__EVENT_RAISED)
        return false;
    switch (walk->outermost) {
    case PART_RAISE:
    case PART_ABORT:
        return walk->run - 1 <= ABOVE_ABORT_MAX;
    case PART_ASSERT:
        return walk->abort_at && walk->abort_at - 1 <= ABOVE_ABORT_MAX &&
               walk->run - walk->abort_at <= BELOW_ABORT_MAX;
    default:
        return false;
    }
}

/* The run returns to the program, at the frame the walk has come to. False: that is the verdict. */
static bool end_run(struct walk *walk)
{
    struct cop__judged *judged = walk->judged;
    bool can_go_on = walk->event == COP__EVENT_YELLOW || walk->event == COP__EVENT_KILL;

    if (!walk->innermost) {
        if (walk->outermost != PART_SORTING)
            return stop(walk, 11);
        if (judged->rule == 4)
            judged->rule = 6;
    } else if (walk->pure) {
        judged->rule = 5;
    } else if (was_raised(walk)) {
        judged->rule = 7;
    } else if (can_go_on &&
               (walk->frame.return_slot ? *(uintptr_t *)walk->frame.return_slot == walk->frame.pc
                                        : walk->run == 1)) {
        judged->verdict = COP__VERDICT_ON_RETURN;
        judged->rule = 10;
        judged->return_to = walk->frame.pc;
        judged->return_slot = (uintptr_t *)walk->frame.return_slot;
    } else {
        return stop(walk, 11);
    }
    walk->run = 0;
    return true;
}

/* The stack is in ruins: is there anything on it that could be a frame of somebody else's code? */
__attribute__((no_sanitize("address", "thread"))) static bool only_program(
    const struct cop__frame *frame)
{
    uintptr_t from = frame->known >> COP__REG_SP & 1 ? frame->reg[COP__REG_SP] : frame->stack_lo;

    if (from < frame->stack_lo)
        from = frame->stack_lo;
    for (from = (from + 7) & ~(uintptr_t)7; from + sizeof(uintptr_t) <= frame->stack_hi;
         from += sizeof(uintptr_t)) {
        uintptr_t word = *(const volatile uintptr_t *)from;
        const struct cop__text *text = cop__text_of(word);

        if (text ? text->kind != COP__TEXT_PROGRAM : cop__text_unknown(word))
            return false;
    }
    return true;
}

static bool lost(struct walk *walk, const struct cop__frame *first, enum part innermost)
{
    bool harmless = innermost == PART_PROGRAM && walk->event != COP__EVENT_KILL && walk->run == 0 &&
                    only_program(first);

    walk->judged->rule = 9;
    return harmless || stop(walk, 9);
}

/* A call through a bad pointer: the instruction could not even be read. As if it had returned. */
static bool return_from_nowhere(struct cop__frame *frame)
{
#if defined(__x86_64__)
    uint64_t pc;

    if (!cop__frame_read(&pc, frame, frame->reg[COP__REG_SP]))
        return false;
    frame->pc = pc;
    frame->reg[COP__REG_SP] += sizeof pc;
#else
    frame->pc = frame->reg[COP__REG_RA];
#endif
    frame->is_call = true;
    return true;
}

static bool judge_frames(struct walk *walk, uintptr_t address)
{
    struct cop__frame first = walk->frame;
    enum part innermost = part_of(&walk->frame);

    walk->judged->rule = 4;
    if (innermost == PART_UNKNOWN) {
        if (walk->event != COP__EVENT_FAULT || address != walk->frame.pc ||
            !return_from_nowhere(&walk->frame))
            return stop(walk, 8);
        walk->judged->rule = 8;
        first = walk->frame;
        innermost = part_of(&walk->frame);
        if (innermost == PART_UNKNOWN) /* a return to nowhere, say */
            return lost(walk, &first, PART_PROGRAM);
        if (innermost != PART_PROGRAM)
            return stop(walk, 8);
    }
    for (enum part part = innermost;; part = part_of(&walk->frame)) {
        enum cop__unwind found;

        note(walk);
        if (part == PART_LOADER)
            return stop(walk, 3);
        if (part == PART_UNKNOWN)
            return lost(walk, &first, innermost);
        if (part != PART_PROGRAM)
            lengthen_run(walk, part);
        else if (walk->run && !end_run(walk))
            return false;
        found = step(&walk->frame, walk->stack);
        if (found == COP__UNWIND_LOST)
            return lost(walk, &first, innermost);
        if (found == COP__UNWIND_END)
            return walk->run == 0 || stop(walk, 11);
    }
}

void cop__judge(struct cop__judged *ret, const struct cop__stack *stack, const void *ucontext,
    enum cop__event event, uintptr_t address)
{
    struct walk walk = { .judged = ret, .stack = stack, .event = event, .outermost = PART_OTHER };

    *ret = (struct cop__judged){ .verdict = COP__VERDICT_CONTAIN };
    cop__unwind_signal(&walk.frame, ucontext, (uintptr_t)stack->lo, (uintptr_t)stack->top);
    judge_frames(&walk, address);
}

uint32_t cop__fault_walk(uintptr_t *ret_pcs, uint32_t max, const void *ucontext, uintptr_t stack_lo,
    uintptr_t stack_hi, const struct cop__stack *stack)
{
    struct cop__frame frame;
    uint32_t count = 0;

    cop__unwind_signal(&frame, ucontext, stack_lo, stack_hi);
    do
        ret_pcs[count++] = frame.pc - frame.is_call;
    while (count < max && step(&frame, stack) == COP__UNWIND_CALLER);
    return count;
}
