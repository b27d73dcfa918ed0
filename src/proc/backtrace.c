/* SPDX-License-Identifier: Apache-2.0 */
/* Stacks of processes as terms: a list of {Module, Function, Arity, Location}, as OTP has it.
 *
 * Module is the C file without its ending, where that is known, else the program or library.
 * Function is its C name, or its offset in the file ("+0x12ab"), which addr2line understands. Arity
 * is 0, since C does not tell. Location is [{file, File}, {line, Line}], as far as known,
 * File as OTP has it: a list of characters.
 *
 * A process walks its own stack only: whoever else asks, sends it a signal (info.c). */
#include "proc/backtrace.h"

#include <stdio.h>
#include <string.h>

#include "base/symbols.h"
#include "base/unwind.h"
#include "term/atoms.h"
#include "term/utf8.h"

enum { DEPTH_MAX = 64 };

struct walk {
    size_t count;
    uintptr_t pcs[DEPTH_MAX]; /* in the calling instruction, not behind it */
};

/* Of the running process, from the caller of this. */
static __attribute__((noinline)) void walk(struct walk *ret, const struct cop__stack *stack)
{
    struct cop__frame frame;

    ret->count = 0;
    COP__UNWIND_HERE(&frame, (uintptr_t)stack->lo, (uintptr_t)stack->top);
    while (ret->count < DEPTH_MAX && cop__unwind_step(&frame) == COP__UNWIND_CALLER)
        ret->pcs[ret->count++] = frame.pc - frame.is_call;
}

/* --- As terms ------------------------------------------------------------------------------------
 */

/* Fit for an atom: a raise must not raise. */
static bool is_text(const char *name)
{
    size_t size = strlen(name);

    return size <= 255 && cop__utf8_count(name, size) >= 0;
}

static cop_term module_of(const struct cop__symbol *symbol)
{
    const char *file = symbol->unit ? symbol->unit : symbol->source.file;
    const char *name = file ? file : symbol->object;
    const char *end = strstr(name, file ? "." : ".so");
    char module[256];

    snprintf(module, sizeof module, "%.*s", end && end > name ? (int)(end - name) : 255, name);
    return cop_from_atom(cop_atom_new(is_text(module) ? module : "unknown"));
}

static cop_term function_of(const struct cop__symbol *symbol)
{
    char offset[32];

    if (symbol->function && is_text(symbol->function))
        return cop_from_atom(cop_atom_new(symbol->function));
    snprintf(offset, sizeof offset, "+0x%llx", (unsigned long long)symbol->offset);
    return cop_from_atom(cop_atom_new(offset));
}

static cop_term location_of(const struct cop__symbol *symbol)
{
    cop_term list = cop__nil();

    if (symbol->source.line)
        list =
            cop_cons(cop__pair(cop__atom(COP__ATOM_line), cop__small(symbol->source.line)), list);
    if (symbol->source.file && is_text(symbol->source.file))
        list =
            cop_cons(cop__pair(cop__atom(COP__ATOM_file), cop_string(symbol->source.file)), list);
    return list;
}

static cop_term frame_of(const struct cop__symbol *symbol)
{
    cop_term items[4] = { module_of(symbol), function_of(symbol), cop__small(0),
        location_of(symbol) };

    return cop_tuple_from(items, 4);
}

/* What the library calls itself by: of no use to who reads a stack. */
static bool is_inner(const struct cop__symbol *symbol)
{
    return symbol->function && strncmp(symbol->function, "cop__", 5) == 0;
}

static cop_term frames_of(const struct walk *frames, size_t from)
{
    cop_term found[COP__BACKTRACE_DEPTH];
    struct cop__symbol symbol;
    size_t count = 0;

    for (size_t i = from; i < frames->count && count < COP__BACKTRACE_DEPTH; i++)
        if (cop__symbol_of(&symbol, frames->pcs[i]) && !is_inner(&symbol))
            found[count++] = frame_of(&symbol);
    return cop_list(found, count);
}

/* --- Interface -----------------------------------------------------------------------------------
 */

cop_term cop__backtrace_from(const struct cop__proc *proc, const void *return_address)
{
    struct walk frames;
    size_t from = 0;

    walk(&frames, proc->stack);
    while (from < frames.count && frames.pcs[from] + 1 != (uintptr_t)return_address)
        from++;
    if (from == frames.count) { /* the stack cannot be walked: at least who called */
        frames.pcs[0] = (uintptr_t)return_address - 1;
        frames.count = 1;
        from = 0;
    }
    return frames_of(&frames, from);
}

cop_term cop__backtrace_of(const uintptr_t *pcs, uint32_t count)
{
    struct walk frames = { .count = count };

    for (uint32_t i = 0; i < count && i < DEPTH_MAX; i++)
        frames.pcs[i] = pcs[i];
    return frames_of(&frames, 0);
}

static bool is_of_library(const struct cop__symbol *symbol)
{
    return symbol->function && strncmp(symbol->function, "cop_", 4) == 0;
}

static bool is_same(const char *a, const char *b)
{
    return a && b && strcmp(a, b) == 0;
}

/* A function without our prefix is ours too if one with it comes from the same file or folder. */
static bool lies_with_library(const struct cop__symbol *symbols, size_t count, size_t i)
{
    for (size_t j = 0; j < count; j++)
        if (is_of_library(&symbols[j]) && is_same(symbols[i].object, symbols[j].object) &&
            (is_same(symbols[i].unit, symbols[j].source.file) ||
                is_same(symbols[i].source.directory, symbols[j].source.directory)))
            return true;
    return false;
}

/* The first frame outside the library. Without symbols, and in a loop that waits for its next
 * message, there is none. */
static size_t find_user(const struct walk *frames)
{
    enum { LOOKED_AT = 24 };
    struct cop__symbol symbols[LOOKED_AT] = { 0 };
    size_t count = frames->count < LOOKED_AT ? frames->count : LOOKED_AT;

    for (size_t i = 0; i < count; i++)
        cop__symbol_of(&symbols[i], frames->pcs[i]);
    for (size_t i = 0; i < count; i++)
        if (symbols[i].function && !is_of_library(&symbols[i]) &&
            !lies_with_library(symbols, count, i))
            return i;
    return frames->count;
}

cop_term cop__backtrace_now(const struct cop__proc *proc)
{
    struct walk frames;

    walk(&frames, proc->stack);
    return frames_of(&frames, find_user(&frames));
}
