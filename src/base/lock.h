/* SPDX-License-Identifier: Apache-2.0 */
/* A spin lock for stretches of a few instructions, futex waits, and the pause instruction. */
#ifndef COP_BASE_LOCK_H
#define COP_BASE_LOCK_H

#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* The kernel's numbers: its headers are not everywhere a C library is (musl). */
enum { COP__FUTEX_WAIT = 0, COP__FUTEX_WAKE = 1 }; /* between processes */
enum { COP__FUTEX_WAIT_PRIVATE = 128, COP__FUTEX_WAKE_PRIVATE = 129 };

struct cop__spinlock {
    _Atomic(uint32_t) held;
};

static inline void cop__pause(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield" ::: "memory");
#endif
}

/* The holder may have lost its core, so after a while the waiter gives its own away. */
static inline void cop__spin_lock(struct cop__spinlock *lock)
{
    uint32_t tries = 0;

    /* acquire: pairs with the release in cop__spin_unlock */
    while (atomic_exchange_explicit(&lock->held, 1, memory_order_acquire)) {
        while (atomic_load_explicit(&lock->held, memory_order_relaxed)) {
            cop__pause();
            if (++tries % 128 == 0)
                sched_yield();
        }
    }
}

static inline void cop__spin_unlock(struct cop__spinlock *lock)
{
    atomic_store_explicit(&lock->held, 0, memory_order_release);
}

static inline void cop__futex_wait(
    _Atomic(uint32_t) *word, uint32_t expected, const struct timespec *timeout)
{
    syscall(SYS_futex, word, COP__FUTEX_WAIT_PRIVATE, expected, timeout, NULL, 0);
}

static inline void cop__futex_wake(_Atomic(uint32_t) *word, int count)
{
    syscall(SYS_futex, word, COP__FUTEX_WAKE_PRIVATE, count, NULL, NULL, 0);
}

/* The same for a word that several operating-system processes see. */
static inline void cop__futex_wait_shared(_Atomic(uint32_t) *word, uint32_t expected)
{
    syscall(SYS_futex, word, COP__FUTEX_WAIT, expected, NULL, NULL, 0);
}

static inline void cop__futex_wake_shared(_Atomic(uint32_t) *word)
{
    syscall(SYS_futex, word, COP__FUTEX_WAKE, 1, NULL, NULL, 0);
}

#endif
