/* SPDX-License-Identifier: Apache-2.0 */
/* coppice-heart: starts a program, and starts it anew when it ends by itself or no longer beats.
 *
 *   coppice-heart [--timeout-ms MS] [--give-up N/S] [--delay-ms MIN-MAX] -- PROGRAM [ARG...]
 *
 * A program of cop_run beats by itself (coppice/heart.h). It stands alone: no library but libc. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { KILL_AFTER_MS = 5000, STEADY_MS = 60000, RESTARTS_MAX = 1000, NOT_FOUND = 127 };

static const int signals[] = { SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2 };
enum { SIGNALS = sizeof signals / sizeof *signals };

static struct {
    int64_t timeout_ms;
    int64_t delay_min_ms, delay_max_ms;
    int64_t give_up_count, give_up_ms; /* more than so many within so long; 0: never */
    char **command;
} options = { .timeout_ms = 60000, .delay_min_ms = 100, .delay_max_ms = 10000 };

static struct {
    int signal_fd, beat_fd;
    sigset_t before; /* the mask that the program gets */
    pid_t pid;       /* 0: it does not run */
    bool has_beaten, aborted, killed;
    bool stopping; /* somebody told us to end, and we told it */
    int64_t started_ms, beat_ms, aborted_ms;
    int64_t delay_ms;                  /* before the next start */
    int64_t restarts_ms[RESTARTS_MAX]; /* a ring */
    size_t restarts;
} heart;

/* --- Small things ------------------------------------------------------------------------------
 */

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

__attribute__((format(printf, 1, 2))) static void say(const char *format, ...)
{
    char text[512];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    fprintf(stderr, "coppice-heart: %s\n", text);
}

__attribute__((noreturn)) static void usage(void)
{
    fputs("usage: coppice-heart [OPTION...] -- PROGRAM [ARG...]\n"
          "  --timeout-ms MS      without a beat for so long it is ended and begun anew (60000; 0: "
          "its\n"
          "                       end alone counts)\n"
          "  --delay-ms MIN-MAX   before a restart, twice as long each time it does not run for a\n"
          "                       minute (100-10000)\n"
          "  --give-up N/S        after more than N restarts within S seconds (never)\n"
          "It ends when PROGRAM ends with status 0, or after a signal that it has passed on.\n",
        stderr);
    exit(2);
}

/* --- Options -----------------------------------------------------------------------------------
 */

static int64_t number(const char *text, char **ret_end)
{
    int64_t value;

    errno = 0;
    value = strtoll(text, ret_end, 10);
    if (errno || *ret_end == text || value < 0 || value > INT32_MAX)
        usage();
    return value;
}

static int64_t whole_number(const char *text)
{
    char *end;
    int64_t value = number(text, &end);

    if (*end)
        usage();
    return value;
}

static void two_numbers(int64_t *ret_first, int64_t *ret_second, const char *text, char between)
{
    char *end;

    *ret_first = number(text, &end);
    if (*end != between)
        usage();
    *ret_second = whole_number(end + 1);
}

static void take_options(int argc, char **argv)
{
    int i = 1;

    for (; i < argc && strcmp(argv[i], "--") != 0; i += 2) {
        if (i + 1 >= argc)
            usage();
        if (strcmp(argv[i], "--timeout-ms") == 0) {
            options.timeout_ms = whole_number(argv[i + 1]);
        } else if (strcmp(argv[i], "--delay-ms") == 0) {
            two_numbers(&options.delay_min_ms, &options.delay_max_ms, argv[i + 1], '-');
        } else if (strcmp(argv[i], "--give-up") == 0) {
            two_numbers(&options.give_up_count, &options.give_up_ms, argv[i + 1], '/');
            options.give_up_ms *= 1000;
        } else {
            usage();
        }
    }
    options.command = argv + i + 1;
    if (i + 1 >= argc || options.delay_min_ms > options.delay_max_ms ||
        options.give_up_count >= RESTARTS_MAX)
        usage();
}

/* --- Starting ----------------------------------------------------------------------------------
 */

/* In the new process. It is told its own number, so that no program that it starts takes the
 * descriptor for its own. */
__attribute__((noreturn)) static void run_program(int beat)
{
    char text[64];

    if (options.timeout_ms) {
        snprintf(
            text, sizeof text, "%d:%lld:%d", beat, (long long)options.timeout_ms, (int)getpid());
        setenv("COPPICE_HEART", text, 1);
    }
    sigprocmask(SIG_SETMASK, &heart.before, NULL);
    execvp(options.command[0], options.command);
    say("cannot run %s: %s", options.command[0], strerror(errno));
    _exit(NOT_FOUND);
}

static void start(void)
{
    int ends[2];

    if (pipe(ends) < 0 || fcntl(ends[0], F_SETFD, FD_CLOEXEC) < 0 ||
        fcntl(ends[0], F_SETFL, O_NONBLOCK) < 0 || fcntl(ends[1], F_SETFL, O_NONBLOCK) < 0) {
        say("no pipe: %s", strerror(errno));
        exit(1);
    }
    heart.started_ms = heart.beat_ms = now_ms();
    heart.has_beaten = heart.aborted = heart.killed = false;
    heart.pid = fork();
    if (heart.pid == 0) {
        close(ends[0]);
        run_program(ends[1]);
    }
    close(ends[1]);
    if (heart.pid < 0) {
        say("cannot fork: %s", strerror(errno));
        exit(1);
    }
    heart.beat_fd = ends[0];
}

/* --- Its end -----------------------------------------------------------------------------------
 */

static int exit_status(int status)
{
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static bool is_too_often(void)
{
    int64_t now = now_ms();
    size_t recent = 0;

    heart.restarts_ms[heart.restarts++ % RESTARTS_MAX] = now;
    if (!options.give_up_count)
        return false;
    for (size_t i = 0; i < heart.restarts && i < RESTARTS_MAX; i++)
        recent += now - heart.restarts_ms[i] < options.give_up_ms;
    return recent > (size_t)options.give_up_count;
}

/* When to start it again; or the end of it all. */
static void ended(int status)
{
    close(heart.beat_fd);
    heart.pid = 0;
    if (heart.stopping || (WIFEXITED(status) && WEXITSTATUS(status) == 0))
        exit(exit_status(status));
    if (WIFEXITED(status))
        say("%s ended with status %d", options.command[0], WEXITSTATUS(status));
    else
        say("%s was ended by signal %d (%s)", options.command[0], WTERMSIG(status),
            strsignal(WTERMSIG(status)));
    if (WIFEXITED(status) && WEXITSTATUS(status) == NOT_FOUND)
        exit(NOT_FOUND);
    if (is_too_often()) {
        say("giving up: more than %lld restarts within %lld s", (long long)options.give_up_count,
            (long long)options.give_up_ms / 1000);
        exit(exit_status(status));
    }
    if (!heart.delay_ms || now_ms() - heart.started_ms >= STEADY_MS)
        heart.delay_ms = options.delay_min_ms;
    else if (heart.delay_ms < options.delay_max_ms)
        heart.delay_ms =
            2 * heart.delay_ms < options.delay_max_ms ? 2 * heart.delay_ms : options.delay_max_ms;
    heart.started_ms = now_ms() + heart.delay_ms;
    say("starting it again in %lld ms", (long long)heart.delay_ms);
}

/* --- While it runs -----------------------------------------------------------------------------
 */

/* A terminal's interrupt has reached the program already. */
static void take_signal(const struct signalfd_siginfo *info)
{
    int number = (int)info->ssi_signo, status;
    pid_t pid;

    if (number == SIGCHLD) {
        while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
            if (pid == heart.pid)
                ended(status);
        return;
    }
    if (number == SIGTERM || number == SIGINT || number == SIGQUIT) {
        heart.stopping = true;
        if (!heart.pid)
            exit(0);
    }
    if (heart.pid && info->ssi_code <= 0)
        kill(heart.pid, number);
}

static void take_beats(void)
{
    char bytes[64];
    ssize_t size = read(heart.beat_fd, bytes, sizeof bytes);

    if (size <= 0)
        return;
    heart.has_beaten = true;
    heart.beat_ms = now_ms();
}

/* One that has never beaten may be no program of cop_run. */
static bool is_watched(void)
{
    return heart.pid && options.timeout_ms && heart.has_beaten;
}

static void look(void)
{
    int64_t now = now_ms();

    if (!heart.pid && now >= heart.started_ms) {
        start();
    } else if (is_watched() && !heart.aborted && now - heart.beat_ms >= options.timeout_ms) {
        say("%s (%d) has not beaten for %lld ms: ending it", options.command[0], (int)heart.pid,
            (long long)(now - heart.beat_ms));
        heart.aborted = true;
        heart.aborted_ms = now;
        kill(heart.pid, SIGABRT); /* a report of where it hangs, and a core dump */
    } else if (heart.pid && heart.aborted && !heart.killed &&
               now - heart.aborted_ms >= KILL_AFTER_MS) {
        heart.killed = true;
        kill(heart.pid, SIGKILL);
    }
}

static int until_next_look(void)
{
    int64_t now = now_ms(), at = INT64_MAX;

    if (!heart.pid)
        at = heart.started_ms;
    else if (heart.aborted && !heart.killed)
        at = heart.aborted_ms + KILL_AFTER_MS;
    else if (is_watched() && !heart.aborted)
        at = heart.beat_ms + options.timeout_ms;
    if (at == INT64_MAX)
        return -1;
    return at > now ? (int)(at - now) : 0;
}

int main(int argc, char **argv)
{
    sigset_t set;

    take_options(argc, argv);
    sigemptyset(&set);
    for (int i = 0; i < SIGNALS; i++)
        sigaddset(&set, signals[i]);
    sigprocmask(SIG_BLOCK, &set, &heart.before);
    heart.signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (heart.signal_fd < 0) {
        say("no signalfd: %s", strerror(errno));
        return 1;
    }
    for (;;) {
        struct pollfd polled[2] = { { .fd = heart.signal_fd, .events = POLLIN }, { .fd = -1 } };
        struct signalfd_siginfo info;

        look();
        if (heart.pid)
            polled[1] = (struct pollfd){ .fd = heart.beat_fd, .events = POLLIN };
        poll(polled, 2, until_next_look());
        if (polled[1].revents & POLLIN)
            take_beats();
        else if (polled[1].revents) /* it has closed it: its end will tell, or nothing does */
            poll(NULL, 0, 10);
        while (read(heart.signal_fd, &info, sizeof info) == sizeof info)
            take_signal(&info);
    }
}
