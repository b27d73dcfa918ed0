/* SPDX-License-Identifier: Apache-2.0 */
/* Walks over all N (walk.h).
 *
 *   walk                        all scenarios
 *   walk NAME [WHAT [N]]        one; WHAT is memory, memory-on, descriptors or descriptors-on */
#include "shortage/walk.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum what { MEMORY, MEMORY_ON, DESCRIPTORS, DESCRIPTORS_ON, WHATS };
static const char *const names[WHATS] = { "memory", "memory-on", "descriptors", "descriptors-on" };
enum { LIMIT_S = 20, WAIT_MS = 10000, N_MAX = 100000 };

/* --- What fails ---------------------------------------------------------------------------------
 * The linker puts these in the place of the functions that the library calls (--wrap). */

static _Atomic(int64_t) countdown;
static _Atomic(bool) is_armed;
static enum what what;
static cop_pid observer;

/* Not for the one that looks on. */
static bool fails(bool descriptor)
{
    static _Thread_local bool looking; /* a thread that is new to the runtime allocates to look */
    bool is_observer;
    int64_t left;

    if (looking || !atomic_load(&is_armed) || descriptor != (what >= DESCRIPTORS))
        return false;
    looking = true;
    is_observer = observer.id && cop_in_process() && cop_self().id == observer.id;
    looking = false;
    if (is_observer)
        return false;
    left = atomic_fetch_sub(&countdown, 1);
    return left == 1 || (left < 1 && (what == MEMORY_ON || what == DESCRIPTORS_ON));
}

static bool no_memory(void)
{
    if (!fails(false))
        return false;
    errno = ENOMEM;
    return true;
}

static bool no_descriptor(void)
{
    if (!fails(true))
        return false;
    errno = EMFILE;
    return true;
}

#define WRAP(RESULT, NAME, PARAMETERS, ARGUMENTS, SHORT, FAILURE) \
    RESULT __real_##NAME PARAMETERS;                              \
    RESULT __wrap_##NAME PARAMETERS;                              \
    RESULT __wrap_##NAME PARAMETERS                               \
    {                                                             \
        return SHORT() ? (FAILURE) : __real_##NAME ARGUMENTS;     \
    }

WRAP(void *, malloc, (size_t size), (size), no_memory, NULL)
WRAP(void *, calloc, (size_t count, size_t size), (count, size), no_memory, NULL)
WRAP(void *, realloc, (void *old, size_t size), (old, size), no_memory, NULL)
WRAP(int, posix_memalign, (void **ret, size_t align, size_t size), (ret, align, size), no_memory,
    ENOMEM)
WRAP(void *, aligned_alloc, (size_t align, size_t size), (align, size), no_memory, NULL)
WRAP(void *, mmap, (void *at, size_t size, int protection, int flags, int fd, off_t offset),
    (at, size, protection, flags, fd, offset), no_memory, MAP_FAILED)
WRAP(int, pthread_create,
    (pthread_t * ret, const pthread_attr_t *attributes, void *(*fn)(void *), void *arg),
    (ret, attributes, fn, arg), no_memory, EAGAIN)
WRAP(int, socket, (int domain, int type, int protocol), (domain, type, protocol), no_descriptor, -1)
WRAP(int, accept4, (int fd, struct sockaddr *address, socklen_t *size, int flags),
    (fd, address, size, flags), no_descriptor, -1)
WRAP(int, eventfd, (unsigned value, int flags), (value, flags), no_descriptor, -1)
WRAP(int, pipe2, (int fds[2], int flags), (fds, flags), no_descriptor, -1)
WRAP(int, epoll_ctl, (int epoll, int op, int fd, struct epoll_event *event), (epoll, op, fd, event),
    no_descriptor, -1)

/* --- One program --------------------------------------------------------------------------------
 */

/* What the parent is told. */
static struct shared {
    _Atomic(bool) reached; /* there was an Nth */
    _Atomic(int) stage;
} * shared;

static const struct scenario *scenario;
static int64_t n;

static void subject_main(cop_term arg)
{
    (void)arg;
    cop_sleep(2); /* whoever started it waits by now */
    atomic_store(&countdown, n);
    atomic_store(&is_armed, true);
    scenario->run();
    atomic_store(&is_armed, false);
}

static void echo_main(cop_term arg)
{
    cop_pid from;
    cop_term message;

    (void)arg;
    cop_receive_match("{From, Message}", &from, &message);
    cop_send(from, cop("{echo, Message}", message));
}

static cop_step init(void *state, cop_term arg)
{
    (void)state, (void)arg;
    return cop_ok();
}

static cop_step handle_call(void *state, cop_term request)
{
    (void)state;
    return cop_reply(request);
}

static const cop_gen_server server = { .init = init, .handle_call = handle_call };

static bool node_is_well(void)
{
    cop_pid pid = cop_spawn(echo_main, cop_nil());
    cop_term reply;
    cop_ref ref;

    cop_send(pid, cop("{Self, [1, {two, <<3>>}]}", cop_self()));
    if (!cop_receive_match_within(WAIT_MS, "{echo, [1, {two, <<3>>}]}"))
        return false;
    if (cop_gen_server_start_link(&pid, &server, cop_nil()) != 0)
        return false;
    if (!cop_try_call(&reply, pid, cop("hello"), .timeout_ms = WAIT_MS))
        return false;
    ref = cop_monitor(pid);
    cop_stop_server(pid, cop("normal"), WAIT_MS);
    if (!cop_receive_match_within(WAIT_MS, "{'DOWN', Ref, process, _, normal}", ref))
        return false;
    cop_send_after(1, cop_self(), cop("later"));
    return cop_receive_match_within(WAIT_MS, "later");
}

static int first_main(int argc, char **argv)
{
    cop_term reason;
    cop_ref ref;

    (void)argc, (void)argv;
    if (!scenario->run) {
        atomic_store(&is_armed, false);
        atomic_store(&shared->reached, atomic_load(&countdown) < 1);
        return node_is_well() ? 0 : 13;
    }
    if (!node_is_well())
        return 10; /* it is warm now: what is only made once is there */
    atomic_store(&shared->stage, 1);
    observer = cop_self();
    cop_spawn_monitor(subject_main, cop_nil(), &ref);
    if (!cop_receive_match_within(WAIT_MS, "{'DOWN', Ref, process, _, Reason}", ref, &reason))
        return 11;
    atomic_store(&is_armed, false);
    atomic_store(&shared->reached, atomic_load(&countdown) < 1);
    atomic_store(&shared->stage, 2);
    cop_turn_end();
    if (!node_is_well())
        return 12;
    atomic_store(&shared->stage, 3);
    return 0;
}

/* In a process of the system of its own: its status. */
static int run_one(void)
{
    const struct cop_options options = { .schedulers = 1, .processes_max = 4096 };
    int status;
    pid_t pid;

    atomic_store(&shared->reached, false);
    atomic_store(&shared->stage, 0);
    fflush(NULL);
    pid = fork();
    if (pid == 0) {
        alarm(LIMIT_S);
        cop_log_set_level(COP_LOG_EMERGENCY);
        if (!scenario->run) { /* unless it gets as far as its first process */
            atomic_store(&shared->reached, true);
            atomic_store(&countdown, n);
            atomic_store(&is_armed, true);
        }
        _exit(cop_run_main_with(first_main, 0, NULL, &options));
    }
    waitpid(pid, &status, 0);
    return status;
}

static bool is_good(int status)
{
    /* a node that cannot start says so, and is none */
    return WIFEXITED(status) &&
           (WEXITSTATUS(status) == 0 || (!scenario->run && WEXITSTATUS(status) == 1));
}

static void tell(int status)
{
    static const char *const stages[] = { "before it", "in it", "after it", "at its end" };
    char how[64];

    if (WIFSIGNALED(status))
        snprintf(how, sizeof how, "signal %d", WTERMSIG(status));
    else
        snprintf(how, sizeof how, "status %d", WEXITSTATUS(status));
    printf("%s %s %lld: %s, %s\n", scenario->name, names[what], (long long)n, how,
        stages[atomic_load(&shared->stage)]);
}

/* All N; how many failed. */
static int walk(void)
{
    int failed = 0;

    for (n = 1; n <= N_MAX; n++) {
        int status = run_one();

        if (!is_good(status)) {
            failed++;
            tell(status);
        } else if (!atomic_load(&shared->reached)) {
            break;
        }
    }
    return failed;
}

int main(int argc, char **argv)
{
    int passed = 0, failed = 0;

    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    for (scenario = scenarios; scenario->name; scenario++) {
        if (argc > 1 && strcmp(scenario->name, argv[1]) != 0)
            continue;
        for (what = 0; what < WHATS; what++) {
            int wrong;

            if (argc > 2 && strcmp(names[what], argv[2]) != 0)
                continue;
            if (argc > 3) {
                n = strtoll(argv[3], NULL, 10);
                wrong = !is_good(run_one());
            } else {
                wrong = walk();
            }
            failed += wrong != 0;
            passed += wrong == 0;
            if (argc > 1 || wrong)
                printf("%s %s: %lld places, %d failed\n", scenario->name, names[what],
                    (long long)n - 1, wrong);
        }
    }
    printf("%d passed, %d failed\n", passed, failed);
    return failed != 0;
}
