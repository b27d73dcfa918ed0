/* SPDX-License-Identifier: Apache-2.0 */
/* The one thread-local pointer, and records for threads that no scheduler owns. Layer 0.
 *
 * A thread of the user's own program may build and read terms: its first use of the library gives
 * it a record with a heap of its own, which is freed when the thread ends. */
#include "base/thread.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/reserve.h"
#include "base/lock.h"
#include "base/raise.h"

/* Named in asm, where the link-time optimiser does not see it. */
#if defined(__GNUC__) && !defined(__clang__)
__attribute__((used, externally_visible))
#else
__attribute__((used))
#endif
_Thread_local struct cop__thread *cop__thread_current;

enum { FOREIGN_HEAP_WORDS = 4096 };

struct foreign {
    union {
        struct cop__thread thread;           /* first: cop__thread_current points here */
        char record[COP__THREAD_RECORD_MAX]; /* the process layer's record begins with it; zeroed */
    };
    struct cop__heap heap;
    uint64_t words[FOREIGN_HEAP_WORDS];
};

static pthread_key_t foreign_key;
static pthread_once_t foreign_once = PTHREAD_ONCE_INIT;

static struct cop__thread *enter_slow(struct cop__thread *self)
{
    atomic_store_explicit(&self->claim, 0, memory_order_relaxed);
    return self;
}

struct cop__thread *(*cop__enter_slow)(struct cop__thread *self) = enter_slow;

static void foreign_free(void *value)
{
    struct foreign *foreign = value;

    /* The process layer may have put a larger record in place of ours. */
    if (cop__thread_current == &foreign->thread)
        cop__thread_current = NULL;
    cop__heap_reset(&foreign->heap);
    cop__must_free(foreign);
}

static void make_key(void)
{
    if (pthread_key_create(&foreign_key, foreign_free) != 0)
        cop__raise("system_limit", "no thread key");
}

struct cop__thread *cop__thread_new_foreign(void)
{
    struct foreign *foreign = cop__must_alloc(sizeof(*foreign));

    if (!foreign)
        cop__raise("system_limit", "no memory for a thread");
    pthread_once(&foreign_once, make_key);
    atomic_init(&foreign->thread.rt, 0);
    atomic_init(&foreign->thread.claim, 0);
    foreign->thread.heap = &foreign->heap;
    foreign->thread.blocks = NULL;
    cop__heap_init(&foreign->heap, foreign->words, FOREIGN_HEAP_WORDS);
    pthread_setspecific(foreign_key, foreign);
    cop__thread_current = &foreign->thread;
    return &foreign->thread;
}

#if COP__TORTURE
void cop__torture_parity(struct cop__thread *self, uint32_t expected)
{
    if ((atomic_load_explicit(&self->rt, memory_order_relaxed) & 1) == expected)
        return;
    fprintf(stderr, "coppice: rt is %s where it must not be\n", expected ? "even" : "odd");
    abort();
}

/* Most of the time nothing; now and then long enough that another thread gets in between. */
void cop__torture_step(void)
{
    static _Atomic(uint32_t) steps, never;
    uint32_t step = atomic_fetch_add_explicit(&steps, 1, memory_order_relaxed) * 2654435761u;
    int error = errno;

    if (step % 64 == 0)
        sched_yield();
    if (step % 4096 == 1)
        cop__futex_wait(&never, 0, &(const struct timespec){ 0, 20000 });
    errno = error;
}
#endif
