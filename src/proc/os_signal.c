/* SPDX-License-Identifier: Apache-2.0 */
/* Operating-system signals as messages. The handler only notes the signal and posts a semaphore,
 * which is all a handler may do; a thread of its own sends {signal, Name} to whoever asked.
 *
 * TSan holds a signal back until the thread that got it makes a call that TSan knows to block, and
 * schedulers wait in raw futex and epoll calls. There the signal thread runs from the start, and it
 * alone does not block signals: it waits in sem_wait, which TSan knows. */
#include <coppice/runtime.h>

#include "proc/proc.h"

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>

enum { SIGNALS_MAX = 65 };

static _Atomic(uint64_t) receivers[SIGNALS_MAX];
static _Atomic(uint32_t) pending[SIGNALS_MAX];
static _Atomic(uint32_t) stop;
static bool started;
static sem_t arrived;
static pthread_t thread;

static const struct {
    int number;
    const char *name;
} names[] = { { SIGTERM, "sigterm" }, { SIGINT, "sigint" }, { SIGHUP, "sighup" },
    { SIGUSR1, "sigusr1" }, { SIGUSR2, "sigusr2" }, { SIGQUIT, "sigquit" }, { SIGCHLD, "sigchld" },
    { SIGWINCH, "sigwinch" } };

static const char *name_of(int number)
{
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (names[i].number == number)
            return names[i].name;
    return NULL;
}

static void on_signal(int number)
{
    int saved = *cop__errno();

    atomic_fetch_add(&pending[number], 1);
    sem_post(&arrived);
    *cop__errno() = saved;
}

static void deliver(int number)
{
    cop_pid receiver = cop__pid_of(atomic_load(&receivers[number]));

    if (receiver.id)
        cop_send_to(cop_dest_pid(receiver), cop__pair(cop_from_atom(cop_atom_new("signal")),
                                                cop_from_atom(cop_atom_new(name_of(number)))));
    cop_turn_end();
}

static void *signal_thread(void *unused)
{
    (void)unused;
#if COP__TSAN
    sigset_t none;

    sigemptyset(&none);
    pthread_sigmask(SIG_SETMASK, &none, NULL);
#endif
    for (;;) {
        while (sem_wait(&arrived) != 0)
            ;
        if (atomic_load(&stop))
            return NULL;
        for (int number = 1; number < SIGNALS_MAX; number++)
            for (uint32_t count = atomic_exchange(&pending[number], 0); count; count--)
                deliver(number);
    }
}

static void start_thread(void)
{
    sigset_t all, old;

    sem_init(&arrived, 0, 0);
    atomic_store(&stop, 0);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    if (pthread_create(&thread, NULL, signal_thread, NULL) != 0)
        cop__out_of_memory("a thread");
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    started = true;
}

/* --- Signals that are errors of a call: a pipe without a reader, a file at its limit. The process
 * that made the call has EPIPE or EFBIG; by default they would end the program. -------------------
 */

static const int errors[] = { SIGPIPE, SIGXFSZ };
enum { ERRORS = sizeof errors / sizeof *errors };
static bool ignored[ERRORS]; /* by us: what the program has arranged stays */

static void ignore_errors(void)
{
    struct sigaction now;

    for (size_t i = 0; i < ERRORS; i++) {
        ignored[i] = sigaction(errors[i], NULL, &now) == 0 && !(now.sa_flags & SA_SIGINFO) &&
                     now.sa_handler == SIG_DFL;
        if (ignored[i])
            signal(errors[i], SIG_IGN);
    }
}

static void restore_errors(void)
{
    for (size_t i = 0; i < ERRORS; i++)
        if (ignored[i])
            signal(errors[i], SIG_DFL);
}

/* --- Start and stop ------------------------------------------------------------------------------
 */

#if COP__TSAN
static sigset_t held_before;

void cop__os_signals_start(void)
{
    sigset_t held;

    ignore_errors();
    start_thread();
    sigemptyset(&held);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        sigaddset(&held, names[i].number);
    pthread_sigmask(SIG_BLOCK, &held, &held_before); /* the threads started next inherit it */
}
#else
void cop__os_signals_start(void)
{
    ignore_errors();
}
#endif

int cop_os_signal(int number, cop_pid receiver)
{
    struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };

    if (!name_of(number) || receiver.node)
        return -EINVAL;
    if (!started)
        start_thread();
    atomic_store(&receivers[number], receiver.id);
    sigemptyset(&action.sa_mask);
    sigaction(number, &action, NULL);
    return 0;
}

void cop__os_signals_stop(void)
{
    restore_errors();
    if (!started)
        return;
    for (int number = 1; number < SIGNALS_MAX; number++)
        if (atomic_exchange(&receivers[number], 0))
            signal(number, SIG_DFL);
    atomic_store(&stop, 1);
    sem_post(&arrived);
    pthread_join(thread, NULL);
    sem_destroy(&arrived);
    started = false;
#if COP__TSAN
    pthread_sigmask(SIG_SETMASK, &held_before, NULL);
#endif
}
