/* SPDX-License-Identifier: Apache-2.0 */
/* What sanitizers and valgrind must be told about stacks: ASan of every switch, TSan of every
 * fiber, valgrind of every region. Empty in a normal build. */
#ifndef COP_PROC_SANITIZER_H
#define COP_PROC_SANITIZER_H

#include <pthread.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/sanitizer.h"

struct cop__fiber {
#if COP__ASAN
    void *fake_stack;
    const void *bottom;
    size_t size;
#elif COP__TSAN
    void *fiber;
    jmp_buf entry; /* the first frame of the activation, to which an abandoned one jumps */
#else
    unsigned char unused; /* a struct must have a member */
#endif
};

#if COP__ASAN
void __sanitizer_start_switch_fiber(void **fake_stack_save, const void *bottom, size_t size);
void __sanitizer_finish_switch_fiber(
    void *fake_stack_save, const void **bottom_old, size_t *size_old);
void __asan_unpoison_memory_region(void const volatile *addr, size_t size);
#elif COP__TSAN
void *__tsan_get_current_fiber(void);
void *__tsan_create_fiber(unsigned flags);
void __tsan_destroy_fiber(void *fiber);
void __tsan_switch_to_fiber(void *fiber, unsigned flags);
#endif

#endif
