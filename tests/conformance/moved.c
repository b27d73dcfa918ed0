/* SPDX-License-Identifier: Apache-2.0 */
/* What a process finds of its thread after a call that parks, which may come back on another:
 * docs/guide/pitfalls.md. compilers.py of the examples compiles this file in many ways, since it is
 * the compiler that could keep an address over the call. */
#include "conformance/node.h"

#include <coppice.h>

#include <unistd.h>

enum { WORKERS = 6, MOVES = 20, ROUNDS_MAX = 20000 };

static _Atomic(int) moves, wrong;

/* It blocks, so that its scheduler goes to another thread, and then parks. */
static void move(int round)
{
    if (round % 4 == 0)
        usleep(3000);
    if (round % 2)
        cop_yield();
    else
        cop_sleep(1);
}

/* The compiler sees both uses of errno at once. */
static int error_after_a_move(int round)
{
    errno = EINTR;
    move(round);
    close(-1);
    return errno;
}

static void errno_main(cop_term arg)
{
    (void)arg;
    for (int i = 0; i < ROUNDS_MAX && moves < MOVES; i++) {
        pid_t before = gettid();

        wrong += error_after_a_move(i) != EBADF;
        moves += gettid() != before;
        cop_turn_end();
    }
}

static void run_workers(cop_process_main *worker)
{
    moves = wrong = 0;
    for (int i = 0; i < WORKERS; i++)
        cop_spawn_monitor(worker, COP_NONE, NULL);
    for (int i = 0; i < WORKERS; i++)
        EXPECT("{'DOWN', _, process, _, normal}");
    CHECK(moves >= MOVES);
    CHECK_EQ_INT(wrong, 0);
}

CLAUSE(errno_is_that_of_the_thread_that_runs_now)
{
    run_workers(errno_main);
}

static _Thread_local pid_t mine;

/* Not inlined, and does not park: all of it runs on one thread. */
__attribute__((noinline)) static pid_t own_thread(void)
{
    __asm__ volatile("" ::: "memory");
    if (!mine)
        mine = gettid();
    return mine;
}

static void thread_local_main(cop_term arg)
{
    (void)arg;
    for (int i = 0; i < ROUNDS_MAX && moves < MOVES; i++) {
        pid_t before = own_thread();

        wrong += before != gettid();
        move(i);
        wrong += own_thread() != gettid();
        moves += gettid() != before;
        cop_turn_end();
    }
}

CLAUSE(a_thread_local_is_right_in_a_function_that_does_not_park)
{
    run_workers(thread_local_main);
}
