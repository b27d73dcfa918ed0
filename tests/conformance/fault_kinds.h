/* SPDX-License-Identifier: Apache-2.0 */
/* The kinds of fault that are contained: a function each. */
#ifndef COP_CONFORMANCE_FAULT_KINDS_H
#define COP_CONFORMANCE_FAULT_KINDS_H

#include "conformance/faulty.h"

static char *volatile nowhere;
static volatile int zero;

static void write_to_null(void)
{
    *nowhere = 1;
}

static void read_wild(void)
{
    zero = *(volatile int *)(uintptr_t)0x1234567890abull;
}

/* Elsewhere a division by zero is no fault. */
#if defined(__x86_64__)
static void divide(void)
{
    zero = 7 / zero;
}
#endif

static void illegal(void)
{
    __builtin_trap();
}

static void breakpoint(void)
{
#if defined(__x86_64__)
    __asm__ volatile("int3");
#else
    raise(SIGTRAP);
    zero = 0; /* no tail call */
#endif
}

static void bus_error(void)
{
    char path[] = "/tmp/coppice-fault-XXXXXX";
    int fd = mkstemp(path);
    char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    unlink(path);
    close(fd);
    *page = 1; /* behind the end of the file */
}

static void abort_it(void)
{
    abort();
}

static void assert_it(void)
{
    assert(zero != 0);
}

static void call_null(void)
{
    void (*volatile fn)(void) = NULL;

    fn();
    zero = 0; /* no tail call */
}

static void call_garbage(void)
{
    void (*volatile fn)(void) = (void (*)(void))(uintptr_t)0xdeadbeef000ull;

    fn();
    zero = 0;
}

static void length_of_null(void)
{
    zero = (int)strlen(nowhere);
}

static void copy_to_null(void)
{
    static char from[4096];
    char *volatile to = nowhere;

    memcpy(to, from, sizeof from);
}

static int compare_badly(const void *a, const void *b)
{
    (void)a, (void)b;
    return *nowhere;
}

static void sort_badly(void)
{
    int numbers[50] = { 3, 1, 2 };

    qsort(numbers, 50, sizeof numbers[0], compare_badly);
}

static __attribute__((noinline)) int deeper(int depth)
{
    volatile char frame[500];

    frame[depth % 500] = (char)depth;
    return depth < 0 ? 0 : deeper(depth + 1) + frame[depth % 500];
}

static void overflow(void)
{
    zero = deeper(0);
}

/* Until a call of the C library has not enough left. */
static __attribute__((noinline)) void print_deeper(int depth)
{
    volatile char frame[1000];
    char text[400];

    frame[depth % 1000] = 1;
    snprintf(text, sizeof text, "%Lf %s", (long double)depth, "text");
    if (depth >= 0)
        print_deeper(depth + frame[depth % 1000]);
    zero = text[0] + frame[1];
}

static void overflow_in_print(void)
{
    print_deeper(0);
}

static __attribute__((noinline)) void huge_frame(void)
{
    volatile char frame[100000];

    frame[0] = 1;
    frame[sizeof frame - 1] = frame[0];
}

static void overflow_by_one_frame(void)
{
    char frame[60000];

    nowhere = NULL;
    __asm__ volatile("" ::"r"(frame) : "memory");
    huge_frame();
    zero = frame[1];
}

/* No frame can be told from what is on the stack now. */
static __attribute__((noinline, no_stack_protector)) void smash(void)
{
    volatile uintptr_t *frame = __builtin_frame_address(0);

    for (int i = 0; i < 12; i++)
        frame[i] = 0x4141414141414141u;
}

static void smash_the_stack(void)
{
    volatile uintptr_t spare[50]; /* above are others' frames; and nothing old may look like one */

    for (int i = 0; i < 50; i++)
        spare[i] = 0;
    smash();
    zero = (int)spare[0];
}

static void raise_it(void)
{
    raise(SIGSEGV);
    zero = 0;
}

static const struct kind {
    const char *name;
    void (*fault)(void);
    const char *signal, *other; /* the reason says one of them */
    const char *frame;          /* is among the frames */
} kinds[] = {
    { "write_to_null", write_to_null, "sigsegv", NULL, "write_to_null" },
    { "read_wild", read_wild, "sigsegv", NULL, "read_wild" },
#if defined(__x86_64__)
    { "divide", divide, "sigfpe", NULL, "divide" },
#endif
    { "illegal", illegal, "sigill", "sigtrap", "illegal" },
    { "breakpoint", breakpoint, "sigtrap", NULL, "breakpoint" },
    { "bus_error", bus_error, "sigbus", NULL, "bus_error" },
    { "abort_it", abort_it, "sigabrt", NULL, "abort_it" },
    { "assert_it", assert_it, "sigabrt", NULL, "assert_it" },
    { "call_null", call_null, "sigsegv", NULL, "call_null" },
    { "call_garbage", call_garbage, "sigsegv", NULL, "call_garbage" },
    { "length_of_null", length_of_null, "sigsegv", NULL, "length_of_null" },
    { "copy_to_null", copy_to_null, "sigsegv", NULL, "copy_to_null" },
    { "sort_badly", sort_badly, "sigsegv", NULL, "compare_badly" },
    { "overflow", overflow, "sigsegv", NULL, NULL },
    { "overflow_in_print", overflow_in_print, "sigsegv", NULL, NULL },
    { "overflow_by_one_frame", overflow_by_one_frame, "sigsegv", NULL, "huge_frame" },
    { "smash_the_stack", smash_the_stack, "sigsegv", "sigbus", NULL },
    { "raise_it", raise_it, "sigsegv", NULL, "raise_it" },
};
enum { KINDS = sizeof kinds / sizeof kinds[0] };

#endif
