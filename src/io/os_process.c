/* SPDX-License-Identifier: Apache-2.0 */
/* Processes of the operating system. Layer 3; IO-12.
 *
 * One is a descriptor as others are: a pidfd, which the poller reports when the process has ended.
 * Where the kernel has none (before 5.3, emulators) its place is taken by a descriptor that nothing
 * happens to, and who waits looks by the clock.
 *
 * The hard idea: nobody may be left to wait for a process that was closed, and until somebody does
 * it stays in the system's table. So its descriptor stays open, and in the poller, until the kill
 * has done its work (an orphan). As long as it was not waited for its number is not another's. */
#include <coppice/fault.h>
#include <coppice/os_process.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/os_process.h"

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

#ifdef __GLIBC_PREREQ
#define HAVE_CLOSEFROM __GLIBC_PREREQ(2, 34)
#else
#define HAVE_CLOSEFROM 0
#endif

extern char **environ;

static const uint64_t PAUSE_MIN_NS = 1000000, PAUSE_MAX_NS = 16000000;

/* --- Arguments and environment ---------------------------------------------------------------- */

static size_t length_of(const char *const *list)
{
    size_t length = 0;

    while (list && list[length])
        length++;
    return length;
}

static char **arguments_of(const char *path, const struct cop_os_options *options)
{
    size_t count = length_of(options->args);
    const char **args = calloc(count + 2, sizeof *args);

    if (!args)
        return NULL;
    args[0] = options->name ? options->name : path;
    for (size_t i = 0; i < count; i++)
        args[i + 1] = options->args[i];
    return (char **)(uintptr_t)args;
}

/* Does one of the changes name the variable of this setting? */
static bool is_changed(const char *setting, const char *const *changes)
{
    size_t size = strcspn(setting, "=");

    for (; changes && *changes; changes++)
        if (strncmp(*changes, setting, size) == 0 &&
            ((*changes)[size] == '=' || (*changes)[size] == 0))
            return true;
    return false;
}

static char **environment_of(const struct cop_os_options *options)
{
    size_t count = 0;
    const char **env;

    env =
        calloc(length_of((const char *const *)environ) + length_of(options->env) + 1, sizeof *env);
    if (!env)
        return NULL;
    for (char **setting = environ; setting && *setting; setting++)
        if (!is_changed(*setting, options->env))
            env[count++] = *setting;
    for (const char *const *change = options->env; change && *change; change++)
        if (strchr(*change, '='))
            env[count++] = *change;
    return (char **)(uintptr_t)env;
}

/* --- Starting --------------------------------------------------------------------------------- */

/* Ours and the program's end of each stream; -1: none. */
struct ends {
    int ours[2], theirs[2];
};

static void close_all(const int *fds)
{
    for (int i = 0; i < 2; i++)
        if (fds[i] >= 0)
            close(fds[i]);
}

/* which 0: the input. Ours is not blocking; the program's is, as it expects. */
static int open_stream(struct ends *ends, int which, enum cop_os_stream stream)
{
    int fds[2];

    if (stream == COP_OS_INHERIT)
        return 0;
    if (stream == COP_OS_NULL) {
        ends->theirs[which] = open("/dev/null", (which ? O_WRONLY : O_RDONLY) | O_CLOEXEC);
        return ends->theirs[which] < 0 ? cop__last_error() : 0;
    }
    if (pipe2(fds, O_CLOEXEC) < 0)
        return cop__last_error();
    ends->ours[which] = fds[which ? 0 : 1];
    ends->theirs[which] = fds[which ? 1 : 0];
    return fcntl(ends->ours[which], F_SETFL, O_NONBLOCK) < 0 ? cop__last_error() : 0;
}

static int add_actions(posix_spawn_file_actions_t *actions, const struct ends *ends,
    const struct cop_os_options *options)
{
    int error = 0;

    for (int i = 0; i < 2 && !error; i++)
        if (ends->theirs[i] >= 0)
            error = posix_spawn_file_actions_adddup2(actions, ends->theirs[i], i);
    if (!error && options->errors == COP_OS_ERRORS_TO_OUTPUT)
        error = posix_spawn_file_actions_adddup2(actions, 1, 2);
    if (!error && options->errors == COP_OS_ERRORS_NULL)
        error = posix_spawn_file_actions_addopen(actions, 2, "/dev/null", O_WRONLY, 0);
#if HAVE_CLOSEFROM
    if (!error)
        error = posix_spawn_file_actions_addclosefrom_np(actions, 3);
#endif
    if (!error && options->directory)
        error = posix_spawn_file_actions_addchdir_np(actions, options->directory);
    return -error;
}

static int add_attributes(posix_spawnattr_t *attributes)
{
    sigset_t none, all;
    int error;

    sigemptyset(&none);
    sigfillset(&all);
    error = posix_spawnattr_setflags(
        attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    if (!error)
        error = posix_spawnattr_setpgroup(attributes, 0);
    if (!error)
        error = posix_spawnattr_setsigmask(attributes, &none);
    if (!error)
        error = posix_spawnattr_setsigdefault(attributes, &all);
    return -error;
}

/* A function that does not park. The number of the process, or -errno. */
static int spawn(const char *path, const struct ends *ends, const struct cop_os_options *options)
{
    char **args = arguments_of(path, options), **env = environment_of(options);
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    pid_t pid = 0;
    int error = args && env ? 0 : -ENOMEM;

    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    if (!error)
        error = add_actions(&actions, ends, options);
    if (!error)
        error = add_attributes(&attributes);
    if (!error)
        error = -posix_spawn(&pid, path, &actions, &attributes, args, env);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    free(args);
    free(env);
    return error ? error : (int)pid;
}

/* A descriptor that stands for the process. */
static int open_process(bool *ret_by_clock, int os_pid)
{
    int fd = (int)syscall(SYS_pidfd_open, os_pid, 0);

    *ret_by_clock = fd < 0;
    if (fd < 0)
        fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return fd < 0 ? cop__last_error() : fd;
}

/* Nobody will have it: it was started for nothing. */
static void undo(int os_pid)
{
    kill(-os_pid, SIGKILL);
    waitpid(os_pid, NULL, 0);
}

/* rt odd. What is ours of the pipes becomes streams, or is closed. */
static int open_streams(
    cop_os_process *process, struct ends *ends, const struct cop_os_options *options)
{
    const struct cop_socket_options like = { .packet = options->packet,
        .packet_size_max = options->packet_size_max };
    uint64_t *ids[2] = { &process->input.id, &process->output.id };
    int error = 0;

    for (int i = 0; i < 2 && !error; i++) {
        int fd = ends->ours[i];

        ends->ours[i] = -1;
        if (fd >= 0)
            error = cop__fd_open(ids[i], fd, COP__FD_PIPE, &like);
    }
    return error;
}

static int take_in(cop_os_process *process, struct ends *ends, int fd, bool by_clock,
    const struct cop_os_options *options)
{
    struct cop__fd *slot;
    int error = cop__fd_open(&process->id, fd, COP__FD_PROCESS, NULL);

    if (error < 0) {
        undo(process->os_pid);
        return error;
    }
    slot = cop__fd_find(process->id);
    cop__spin_lock(&slot->giving); /* after an event of the slot's last orphan */
    slot->exit_status = -EAGAIN;
    slot->by_clock = by_clock;
    atomic_store(&slot->os_pid, process->os_pid);
    cop__spin_unlock(&slot->giving);
    error = open_streams(process, ends, options);
    if (error < 0)
        cop_os_close(*process);
    return error;
}

int cop_os_spawn_with(
    cop_os_process *ret_process, const char *path, const struct cop_os_options *options)
{
    static const struct cop_os_options none;
    struct ends ends = { { -1, -1 }, { -1, -1 } };
    cop_os_process process = { 0 };
    bool by_clock = false;
    int error, fd = -1;

    if (!options)
        options = &none;
    if (!path || !cop_in_process())
        return -COP_EBADARG;
    cop_unsafe_begin(); /* or a kill would leave it to nobody */
    error = open_stream(&ends, 0, options->input);
    if (!error)
        error = open_stream(&ends, 1, options->output);
    if (!error) {
        cop_blocking_begin();
        process.os_pid = spawn(path, &ends, options);
        cop_blocking_end();
        error = process.os_pid < 0 ? process.os_pid : 0;
    }
    close_all(ends.theirs);
    if (!error) {
        fd = open_process(&by_clock, process.os_pid);
        error = fd < 0 ? fd : 0;
        if (error)
            undo(process.os_pid);
    }
    if (!error) {
        cop__enter();
        error = take_in(&process, &ends, fd, by_clock, options);
        cop__leave();
    }
    close_all(ends.ours);
    if (!error)
        *ret_process = process;
    cop_unsafe_end();
    return error;
}

/* --- The end ---------------------------------------------------------------------------------- */

/* rt odd. NULL: it was closed, or is none. */
static struct cop__fd *find(cop_os_process process)
{
    struct cop__fd *slot = cop__fd_find(process.id);

    return slot && slot->kind == COP__FD_PROCESS ? slot : NULL;
}

/* Take its status, if it has ended. The lock is held against kills. */
static void look(struct cop__fd *slot)
{
    int os_pid, status = 0, ended;

    cop__spin_lock(&slot->giving);
    os_pid = atomic_load(&slot->os_pid);
    if (os_pid) {
        do
            ended = (int)waitpid(os_pid, &status, WNOHANG);
        while (ended < 0 && cop__last_error() == -EINTR);
        if (ended != 0) {
            slot->exit_status = ended < 0             ? -ECHILD
                                : WIFSIGNALED(status) ? 128 + WTERMSIG(status)
                                                      : WEXITSTATUS(status);
            atomic_store(&slot->os_pid, 0);
        }
    }
    cop__spin_unlock(&slot->giving);
}

/* With `reading` held: its status. */
static int wait_for_end(bool *ret_lost, struct cop__fd *slot, uint32_t seq, uint64_t deadline_ns)
{
    uint64_t pause_ns = PAUSE_MIN_NS;
    bool over = false;

    for (;;) {
        uint64_t until_ns = deadline_ns;
        int waited;

        look(slot);
        if (slot->exit_status != -EAGAIN)
            return slot->exit_status;
        if (over)
            return -COP_ETIMEOUT;
        if (slot->by_clock && cop__now_ns() + pause_ns < deadline_ns) {
            until_ns = cop__now_ns() + pause_ns;
            pause_ns = pause_ns < PAUSE_MAX_NS ? 2 * pause_ns : PAUSE_MAX_NS;
        }
        waited = cop__fd_wait(slot, &slot->reader, &slot->reading, seq, until_ns);
        *ret_lost = waited == -COP_ECLOSED;
        if (*ret_lost)
            return waited;
        over = waited < 0 && until_ns == deadline_ns;
    }
}

int cop_os_wait(cop_os_process process, int64_t timeout_ms)
{
    struct cop__fd *slot;
    uint32_t seq = cop__fd_seq_of(process.id);
    bool lost = false;
    int result = -COP_ECLOSED;

    cop__enter();
    slot = find(process);
    if (slot)
        result = cop__fd_take(slot, &slot->reading, seq);
    if (result == 0) {
        result = wait_for_end(&lost, slot, seq, cop__deadline_ms(timeout_ms));
        if (!lost)
            cop__fd_drop(&slot->reading);
    }
    cop__leave();
    return result;
}

static int send_signal(struct cop__fd *slot, int number)
{
    int os_pid, result = -ESRCH;

    cop__spin_lock(&slot->giving);
    os_pid = atomic_load(&slot->os_pid);
    if (os_pid)
        result = kill(-os_pid, number) < 0 ? cop__last_error() : 0;
    cop__spin_unlock(&slot->giving);
    return result;
}

int cop_os_kill(cop_os_process process, int signal_number)
{
    struct cop__fd *slot;
    int result = -COP_ECLOSED;

    cop__enter();
    slot = find(process);
    if (slot)
        result = send_signal(slot, signal_number);
    cop__leave();
    return result;
}

int cop_os_close(cop_os_process process)
{
    struct cop__fd *slot;
    int result = -COP_ECLOSED;

    cop__enter();
    slot = find(process);
    if (slot)
        result = cop__fd_close(slot, cop__fd_seq_of(process.id));
    cop__leave();
    cop_tcp_close(process.input);
    cop_tcp_close(process.output);
    return result;
}

int cop_os_give_away(cop_os_process process, cop_pid new_owner)
{
    int result;

    cop_tcp_give_away(process.input, new_owner);
    cop_tcp_give_away(process.output, new_owner);
    cop__enter();
    result = cop__fd_give(process.id, new_owner);
    cop__leave();
    return result;
}

/* --- Orphans ---------------------------------------------------------------------------------- */

bool cop__os_process_closed(struct cop__fd *slot)
{
    int os_pid = atomic_load(&slot->os_pid);

    send_signal(slot, SIGKILL);
    if (os_pid && slot->by_clock)
        waitpid(os_pid, NULL, 0); /* nothing will tell us */
    atomic_store(&slot->orphan, 1);
    return cop__os_process_gone(slot);
}

bool cop__os_process_gone(struct cop__fd *slot)
{
    uint8_t orphan = 1;

    if (!atomic_load(&slot->orphan))
        return false;
    look(slot);
    return !atomic_load(&slot->os_pid) && atomic_compare_exchange_strong(&slot->orphan, &orphan, 0);
}
