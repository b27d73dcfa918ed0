/* SPDX-License-Identifier: Apache-2.0 */
/* cop_run: what signals, cop_stop_node and the end of the tree make of a program. Each test is a
 * program of its own in a child process, whose exit status and stderr it looks at. */
#include "conformance/faulty.h"
#include "conformance/supervised.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

/* Children say their start and stop as letters on this pipe. */
static int pipe_out;

static void say(const char *text)
{
    if (write(pipe_out, text, strlen(text)) < 0)
        _exit(99);
}

static void talker(cop_term arg)
{
    cop_term reason;
    cop_atom name;

    cop_must(cop_match(arg, "Name", &name));
    cop_trap_exit(true);
    say(cop_atom_text(name).data);
    if (cop_match(arg, "quit"))
        cop_stop_node(7);
    EXPECT("{'EXIT', _, Reason}", &reason);
    if (cop_match(arg, "stubborn"))
        (void)cop_receive_match("never");
    say("-");
    say(cop_atom_text(name).data);
    cop_exit(reason);
}

/* Computes without a call, for ever. */
static void spinner(cop_term arg)
{
    (void)arg;
    say("s");
    for (volatile uint32_t i = 0;; i++)
        continue;
}

static void crasher(cop_term arg)
{
    (void)arg;
    cop_exit(cop("boom"));
}

static const cop_supervisor orderly = { .children = COP_CHILDREN(
                                            { .name = "a", .process = talker, .arg = "a" },
                                            { .name = "b", .process = talker, .arg = "b" }, ) };
static const cop_supervisor stubborn = {
    .children = COP_CHILDREN(
        { .name = "s", .process = talker, .arg = "stubborn", .shutdown_ms = COP_INFINITY }, )
};
static const cop_supervisor spinning = {
    .children = COP_CHILDREN({ .name = "a", .process = talker, .arg = "a" },
        { .name = "s", .process = spinner, .arg = "s", .shutdown_ms = 10 },
        { .name = "t", .process = spinner, .arg = "t", .shutdown_ms = 10 },
        { .name = "b", .process = talker, .arg = "b" }, )
};
static const cop_supervisor quitter = { .children = COP_CHILDREN(
                                            { .name = "a", .process = talker, .arg = "a" },
                                            { .name = "q", .process = talker, .arg = "quit" }, ) };
static const cop_supervisor hopeless = { .children =
                                             COP_CHILDREN({ .process = crasher, .name = "c" }, ) };
static const cop_supervisor unstartable = { .children = COP_CHILDREN({ .name = "x" }, ) };
static const cop_supervisor finished = { .auto_shutdown = COP_ANY_SIGNIFICANT,
    .children = COP_CHILDREN({ .name = "f",
                                 .process = exit_main,
                                 .arg = "normal",
                                 .restart = COP_TRANSIENT,
                                 .significant = true }, ) };

struct program {
    pid_t pid;
    int out;
};

static struct program start_program(const cop_supervisor *tree)
{
    struct program program;
    int ends[2];

    CHECK_EQ_INT(pipe(ends), 0);
    fflush(NULL);
    program.pid = fork();
    program.out = ends[0];
    if (program.pid == 0) {
        pipe_out = ends[1];
        dup2(ends[1], 2);
        cop_log_set_level(COP_LOG_EMERGENCY);
        _exit(cop_run_with(tree, &(struct cop_options){ .schedulers = 2 }));
    }
    close(ends[1]);
    return program;
}

/* Read until what was said ends with text, or the program has ended. */
static const char *said(struct program program, const char *text)
{
    static char all[1000];
    size_t used = 0, length = strlen(text);

    while (used < sizeof(all) - 1) {
        ssize_t got = read(program.out, all + used, 1);

        if (got <= 0)
            break;
        used++;
        if (length && used >= length && memcmp(all + used - length, text, length) == 0)
            break;
    }
    all[used] = 0;
    return all;
}

/* The next letters of that many, in the order of the alphabet: who comes first is the scheduler's
 * affair. */
static const char *said_by_all(struct program program, size_t count)
{
    static char all[16];

    CHECK(count < sizeof all);
    for (size_t i = 0; i < count; i++) {
        size_t place = i;
        char letter = 0;

        if (read(program.out, &letter, 1) != 1)
            break;
        for (; place && all[place - 1] > letter; place--)
            all[place] = all[place - 1];
        all[place] = letter;
        all[i + 1] = 0;
    }
    return all;
}

static int status_of(struct program program)
{
    int status = 0;

    waitpid(program.pid, &status, 0);
    close(program.out);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static void stops_in_order(int number)
{
    struct program program = start_program(&orderly);

    CHECK_EQ_STR(said_by_all(program, 2), "ab");
    kill(program.pid, number);
    CHECK_EQ_STR(said(program, ""), "-b-a");
    CHECK_EQ_INT(status_of(program), 0);
}

/* SIGTERM and SIGINT stop the tree in reverse order; the status is 0. */
TEST(signals)
{
    stops_in_order(SIGTERM);
    stops_in_order(SIGINT);
}

static struct program spinning_stops(void)
{
    struct program program = start_program(&spinning);

    CHECK_EQ_STR(said_by_all(program, 4), "abss");
    kill(program.pid, SIGTERM);
    CHECK_EQ_STR(said(program, "-b"), "-b");
    CHECK_EQ_STR(said(program, "-a"), "-a");
    return program;
}

/* Children that compute for ever end when they are told to, as others do. As many of them as
 * schedulers. */
TEST(spinning_children_end)
{
    struct program program;

    if (!contains_faults())
        return;
    program = spinning_stops();
    CHECK_EQ_STR(said(program, ""), "");
    CHECK_EQ_INT(status_of(program), 0);
}

/* Where they cannot be ended they do not keep the program from ending, nor their siblings from
 * ending in order. */
TEST(spinning_children_are_left_behind)
{
    struct program program;

    setenv("COPPICE_ON_FAULT", "off", 1);
    program = spinning_stops();
    unsetenv("COPPICE_ON_FAULT");
    CHECK(strstr(said(program, ""), "2 threads are still in code that does not return") != NULL);
    CHECK_EQ_INT(status_of(program), 0);
}

/* A second SIGINT says so and stops at once, also when a child will not end. */
TEST(second_interrupt)
{
    struct program program = start_program(&stubborn);
    int status = 0;

    CHECK_EQ_STR(said(program, "stubborn"), "stubborn");
    kill(program.pid, SIGINT);
    /* signals of one number merge while one is pending, so it is sent until it has arrived */
    while (waitpid(program.pid, &status, WNOHANG) == 0) {
        kill(program.pid, SIGINT);
        usleep(1000);
    }
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 130);
    CHECK_EQ_STR(said(program, ""), "coppice: interrupted again: stopping at once\n");
    close(program.out);
}

/* cop_stop_node, from a process of the tree, stops it in order and gives the status. */
TEST(stop_node)
{
    struct program program = start_program(&quitter);

    CHECK_EQ_STR(said_by_all(program, 5), "aiqtu");
    CHECK_EQ_STR(said(program, ""), "-quit-a");
    CHECK_EQ_INT(status_of(program), 7);
}

/* A tree that gives up or does not start is a failure; one that shuts itself down is not. */
TEST(end_of_the_tree)
{
    CHECK_EQ_INT(status_of(start_program(&hopeless)), 1);
    CHECK_EQ_INT(status_of(start_program(&unstartable)), 1);
    CHECK_EQ_INT(status_of(start_program(&finished)), 0);
}
