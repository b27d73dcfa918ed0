/* SPDX-License-Identifier: Apache-2.0 */
/* Our walk over a stack beside the C library's. On x86-64 at every instruction of whole calls into
 * the C library, by single steps: prologues, epilogues, the procedure linkage table, hand-written
 * code. Elsewhere, and for what a step cannot reach, from chosen places. */
#include "base/unwind.h"

#include <dlfcn.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <ucontext.h>

#if defined(__GLIBC__)
#include <unwind.h>
#endif

#include "base/cfi.h"
#include "base/sanitizer.h"
#include "base/test.h"

enum { DEPTH = 64 };

struct trace {
    size_t count;
    uintptr_t pcs[DEPTH];
};

static uintptr_t stack_lo, stack_hi; /* of this thread */
static struct trace ours, theirs;
static enum cop__unwind ours_end;

static void find_stack(void)
{
    pthread_attr_t attr;
    void *lo;
    size_t size;

    pthread_getattr_np(pthread_self(), &attr);
    pthread_attr_getstack(&attr, &lo, &size);
    pthread_attr_destroy(&attr);
    stack_lo = (uintptr_t)lo;
    stack_hi = stack_lo + size;
    cop__text_refresh();
}

static enum cop__unwind walk(struct trace *ret_trace, struct cop__frame *frame)
{
    enum cop__unwind step = COP__UNWIND_CALLER;

    ret_trace->count = 0;
    while (step == COP__UNWIND_CALLER && ret_trace->count < DEPTH) {
        ret_trace->pcs[ret_trace->count++] = frame->pc;
        step = cop__unwind_step(frame);
    }
    return step;
}

#if defined(__GLIBC__)

static _Unwind_Reason_Code add_pc(struct _Unwind_Context *context, void *arg)
{
    struct trace *trace = arg;

    if (trace->count < DEPTH && _Unwind_GetIP(context))
        trace->pcs[trace->count++] = _Unwind_GetIP(context);
    return _URC_NO_REASON;
}

static void walk_theirs(void)
{
    theirs.count = 0;
    _Unwind_Backtrace(add_pc, &theirs);
}

#else /* musl: no other walker at hand, and no table for where a thread begins */

static void walk_theirs(void)
{
    theirs = ours;
    ours_end = COP__UNWIND_END;
}

#endif

/* The pcs of both from `first` on are the same; the other may know one more or less at the end,
 * where the C library's start-up code tells of nothing. */
static bool same_from(const struct trace *mine, const struct trace *other)
{
    size_t at = 0, end;

    while (at < other->count && other->pcs[at] != mine->pcs[0])
        at++;
    if (at == other->count)
        return false;
    end = other->count - at;
    if (end > mine->count + 1 || mine->count > end)
        return false;
    return memcmp(mine->pcs, other->pcs + at, mine->count * sizeof(mine->pcs[0])) == 0;
}

/* --- Calls --------------------------------------------------------------------------------------
 */

static __attribute__((noinline)) void look_here(void)
{
    struct cop__frame frame;

    COP__UNWIND_HERE(&frame, stack_lo, stack_hi);
    ours_end = walk(&ours, &frame);
    walk_theirs();
}

/* Both began in look_here, at different instructions. */
static void check_same_callers(void)
{
    size_t from = 0;

    while (from < theirs.count && theirs.pcs[from] != ours.pcs[1])
        from++;
    CHECK(ours.count > 2);
    CHECK(from < theirs.count);
    CHECK_EQ_INT(ours_end, COP__UNWIND_END);
    for (size_t i = 1; i < ours.count && from < theirs.count; i++)
        CHECK(ours.pcs[i] == theirs.pcs[from++]);
    CHECK_EQ_INT(from, theirs.count);
}

static __attribute__((noinline)) int recur(int depth, volatile char *above)
{
    volatile char array[64 + depth * 16]; /* found by its frame pointer */

    array[0] = *above;
    if (depth > 0)
        return recur(depth - 1, array) + array[0];
    look_here();
    return array[0];
}

static __attribute__((noinline)) int aligned(void)
{
    volatile char array[64] __attribute__((aligned(64))); /* the stack pointer is rounded */

    array[0] = 1;
    return recur(2, array) + array[0];
}

static int compare(const void *a, const void *b)
{
    look_here();
    return *(const int *)a - *(const int *)b;
}

static void *in_thread(void *arg)
{
    (void)arg;
    find_stack();
    recur(3, &(volatile char){ 0 });
    return NULL;
}

/* A static program that was linked without --eh-frame-hdr has none. */
static bool has_tables(void)
{
    const struct cop__text *text = cop__text_of((uintptr_t)has_tables);

    return text && text->unwind;
}

TEST(callers)
{
    int numbers[2] = { 2, 1 };
    pthread_t thread;

    find_stack();
    if (!has_tables())
        return;
    recur(10, &(volatile char){ 0 });
    check_same_callers();
    aligned();
    check_same_callers();
    qsort(numbers, 2, sizeof(numbers[0]), compare);
    check_same_callers();
    pthread_create(&thread, NULL, in_thread, NULL);
    pthread_join(thread, NULL);
    check_same_callers();
}

/* Only rises, only reads what it was told is stack. */
TEST(bounds)
{
    struct cop__frame frame;

    find_stack();
    COP__UNWIND_HERE(&frame, stack_lo, stack_hi);
    frame.stack_hi = frame.reg[COP__REG_SP] + 8; /* nothing of the caller can be read */
    CHECK_EQ_INT(walk(&ours, &frame), COP__UNWIND_LOST);
    COP__UNWIND_HERE(&frame, stack_lo, stack_hi);
    frame.pc = 16; /* not code */
    CHECK_EQ_INT(walk(&ours, &frame), COP__UNWIND_LOST);
    CHECK_EQ_INT(ours.count, 1);
}

/* --- Signals ------------------------------------------------------------------------------------
 */

static sigjmp_buf after;
static volatile int *volatile nowhere = (volatile int *)16;

static void on_fault(int number, siginfo_t *info, void *context)
{
    struct cop__frame frame;

    (void)number;
    (void)info;
    cop__unwind_signal(&frame, context, stack_lo, stack_hi);
    ours_end = walk(&ours, &frame);
    walk_theirs();
    siglongjmp(after, 1);
}

static __attribute__((noinline)) void write_to(volatile int *place)
{
    *place = 1;
}

TEST(faults)
{
    struct sigaction action = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO }, old;

    find_stack();
    sigaction(SIGSEGV, &action, &old);
    if (sigsetjmp(after, 1) == 0)
        write_to(nowhere);
    sigaction(SIGSEGV, &old, NULL);
    CHECK(ours.count > 2 || !has_tables());
    CHECK(same_from(&ours, &theirs) || !has_tables());
}

#if defined(__x86_64__) && !COP__TSAN && !defined(COP_VALGRIND)

/* --- Every instruction --------------------------------------------------------------------------
 */

static size_t steps, differences;

static void on_step(int number, siginfo_t *info, void *context)
{
    struct cop__frame frame;
    uintptr_t pc;

    (void)number;
    (void)info;
    cop__unwind_signal(&frame, context, stack_lo, stack_hi);
    pc = frame.pc;
    steps++;
    ours_end = walk(&ours, &frame);
    walk_theirs();
    if (!same_from(&ours, &theirs) && differences++ < 5) {
        fprintf(stderr, "at %#lx of %s: ours", (unsigned long)pc, cop__text_of(pc)->path);
        for (size_t i = 0; i < ours.count; i++)
            fprintf(stderr, " %lx", (unsigned long)ours.pcs[i]);
        fprintf(stderr, "; theirs");
        for (size_t i = 0; i < theirs.count; i++)
            fprintf(stderr, " %lx", (unsigned long)theirs.pcs[i]);
        fprintf(stderr, "\n");
    }
}

static int by_value(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

static __attribute__((noinline)) double use_library(char *buffer, size_t size)
{
    int numbers[] = { 3, 1, 2 };
    jmp_buf back;
    char *copy;

    qsort(numbers, 3, sizeof(numbers[0]), by_value);
    if (setjmp(back) == 0)
        longjmp(back, 1);
    snprintf(buffer, size, "%d %.3f %s", numbers[0], 2.5, getenv("HOME"));
    copy = strdup(buffer);
    memmove(buffer, copy + 1, strlen(copy));
    free(copy);
    return strtod(buffer, NULL);
}

TEST(every_instruction)
{
    struct sigaction action = { .sa_sigaction = on_step, .sa_flags = SA_SIGINFO }, old;
    char buffer[100];

    find_stack();
    look_here(); /* what libgcc does once it has done */
    sigaction(SIGTRAP, &action, &old);
    __asm__ volatile("pushfq\n\torq $0x100, (%%rsp)\n\tpopfq" ::: "memory", "cc");
    use_library(buffer, sizeof(buffer));
    __asm__ volatile("pushfq\n\tandq $~0x100, (%%rsp)\n\tpopfq" ::: "memory", "cc");
    sigaction(SIGTRAP, &old, NULL);
    CHECK(steps > 500);
    CHECK_EQ_INT(differences, 0);
}

#endif

/* --- Ruins --------------------------------------------------------------------------------------
 */

static uint64_t random_state = 1;

static uint64_t draw(uint64_t below)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state % below;
}

/* A copy of the stack, with words that were overwritten: by anything, or by what looks like code.
 */
TEST(ruined_stacks)
{
    struct cop__frame frame, ruined;
    size_t size, words;
    char *copy;

    find_stack();
    COP__UNWIND_HERE(&frame, stack_lo, stack_hi);
    size = stack_hi - frame.reg[COP__REG_SP];
    size = size < 4096 ? size : 4096;
    words = size / sizeof(uintptr_t);
    copy = malloc(size);
    CHECK(copy != NULL);
    for (int round = 0; round < 20000; round++) {
        for (size_t i = 0; i < words; i++) /* where sanitizers let nobody copy */
            CHECK(cop__frame_read(
                (uint64_t *)copy + i, &frame, frame.reg[COP__REG_SP] + i * sizeof(uint64_t)));
        for (uint64_t left = 1 + draw(8); left > 0; left--) {
            uintptr_t word = draw(2)   ? (uintptr_t)draw(UINT64_MAX)
                             : draw(2) ? (uintptr_t)copy + draw(size)
                                       : (uintptr_t)qsort + draw(4096);

            memcpy(copy + draw(words) * sizeof(word), &word, sizeof(word));
        }
        ruined = frame;
        ruined.stack_lo = (uintptr_t)copy;
        ruined.stack_hi = (uintptr_t)copy + size;
        for (int reg = 0; reg < COP__REGS; reg++)
            if (frame.known >> reg & 1 && frame.reg[reg] >= frame.reg[COP__REG_SP] &&
                frame.reg[reg] < frame.reg[COP__REG_SP] + size)
                ruined.reg[reg] += (uintptr_t)copy - frame.reg[COP__REG_SP];
        walk(&ours, &ruined);
    }
    free(copy);
}

__attribute__((no_sanitize("address"))) static void copy_image(
    volatile unsigned char *to, const unsigned char *from, size_t size)
{
    for (size_t i = 0; i < size; i++)
        to[i] = from[i];
}

/* Tables that are no tables: of a copy, with bytes overwritten. Nothing outside it is read (which
 * AddressSanitizer sees), and what is found lies in it. */
TEST(hostile_tables)
{
    const struct cop__text *real;
    struct cop__text text;
    struct cop__cfi cfi;
    struct cop__cfi_row row;
    struct cop__frame frame;
    unsigned char *copy, *image;
    uint64_t value;
    size_t size, found = 0;

    find_stack();
    COP__UNWIND_HERE(&frame, stack_lo, stack_hi);
    frame.stack_lo = frame.reg[COP__REG_SP]; /* a thread's stack is not all there below */
    if (!has_tables())
        return;
    real = cop__text_of(frame.pc);
    size = (size_t)(real->tables_end - real->tables);
    copy = malloc(size);
    image = malloc(size); /* without the sanitizer's marks between variables */
    CHECK(copy && image);
    copy_image(image, real->tables, size);
    text = *real;
    text.tables = copy;
    text.tables_end = copy + size;
    text.unwind = copy + (real->unwind - real->tables);
    for (int round = 0; round < 3000; round++) {
        memcpy(copy, image, size);
        for (uint64_t left = round ? 1 + draw(200) : 0; left > 0; left--)
            copy[draw(size)] = (unsigned char)draw(256);
        for (uintptr_t pc = real->lo; pc < real->hi; pc += (real->hi - real->lo) / 50) {
            if (!cop__cfi_find(&cfi, &text, pc - (uintptr_t)real->tables + (uintptr_t)copy) ||
                !cop__cfi_row_at(&row, &cfi, pc - (uintptr_t)real->tables + (uintptr_t)copy))
                continue;
            found++;
            CHECK(cfi.program >= copy && cfi.program_end <= copy + size);
            if (row.cfa_is_block)
                cop__cfi_evaluate(&value, row.cfa_value, &frame, NULL);
        }
    }
    CHECK(found > 3000);
    free(image);
    free(copy);
}
