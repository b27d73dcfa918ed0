/* SPDX-License-Identifier: Apache-2.0 */
/* Several nodes in one run, without a cluster: plain sockets between them, whose turn it is, and
 * how each kind of end shows. */
#include <coppice.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/test.h"
#include "sim/explore.h"

enum { PORT = 700 };

static struct cop__outcome *run_with(
    cop_main *fn, uint64_t seed, const struct cop__schedule *schedule)
{
    static struct cop__outcome *outcome;
    const cop_sim sim = { .name = "test", .main = fn, .steps_max = 20000, .several_nodes = true };
    pid_t process;

    if (!outcome)
        outcome = cop__outcome_new();
    process = cop__explore_start(outcome, &sim, seed, schedule);
    cop__explore_await(outcome, process);
    return outcome;
}

/* --- What nodes do to each other ---------------------------------------------------------------
 */

static int answer(int argc, char **argv)
{
    cop_socket listener, socket;
    cop_bytes line;

    (void)argc, (void)argv;
    cop_must(cop_tcp_listen(&listener, PORT) == 0);
    while (cop_tcp_accept(&socket, listener) == 0) {
        while (cop_tcp_read_line(&line, socket) > 0) {
            char text[64];
            int size = snprintf(text, sizeof text, "%s: %.*s\n", argv[0], COP_STR(line));

            if (cop_tcp_send(socket, text, (size_t)size) < 0)
                break;
        }
        cop_tcp_close(socket);
        cop_turn_end();
    }
    return 0;
}

static int64_t ask(cop_socket socket, cop_bytes *ret_line, int64_t timeout_ms)
{
    cop_must(cop_tcp_send(socket, "hello\n", 6) == 0);
    return cop_tcp_read_line_within(ret_line, socket, timeout_ms);
}

static cop_socket connect_to_it(void)
{
    cop_socket socket;

    while (cop_tcp_connect(&socket, "127.0.0.1", PORT, .timeout_ms = 1000) < 0)
        cop_sleep(1);
    return socket;
}

static void expect(bool holds, const char *what)
{
    if (!holds)
        cop_sim_fail("%s", what);
}

static int asks(int argc, char **argv)
{
    cop_socket socket;
    cop_bytes line;

    (void)argc, (void)argv;
    expect(strcmp(cop_sim_node(), "main") == 0, "the first is main");
    cop_must(cop_sim_start_node("other", answer) == 0);
    expect(cop_sim_start_node("other", answer) == -COP_EALREADY, "it is there");
    expect(cop_sim_node_runs("other") && !cop_sim_node_runs("nobody"), "which nodes there are");
    socket = connect_to_it();
    expect(
        ask(socket, &line, 5000) > 0 && line.size == 12 && !memcmp(line.data, "other: hello", 12),
        "it answers");
    return 0;
}

static int splits(int argc, char **argv)
{
    int64_t begin_ms;
    cop_socket socket, late;
    cop_bytes line;

    (void)argc, (void)argv;
    cop_must(cop_sim_start_node("other", answer) == 0);
    socket = connect_to_it();
    begin_ms = cop_monotonic_ms();
    cop_must(cop_sim_split("main", "other", 5000) == 0);
    expect(cop_tcp_connect(&late, "127.0.0.1", PORT, .timeout_ms = 2000) == -COP_ETIMEOUT,
        "nobody is reached");
    expect(ask(socket, &line, COP_INFINITY) > 0, "afterwards it answers");
    expect(cop_monotonic_ms() - begin_ms >= 5000, "and not before");
    cop_must(cop_sim_split_one_way("other", "main", COP_INFINITY) == 0);
    expect(ask(socket, &line, 10000) == -COP_ETIMEOUT, "the answer is held up");
    cop_must(cop_sim_heal("other", "main") == 0);
    expect(cop_tcp_read_line_within(&line, socket, 1000) > 0, "and comes");
    expect(cop_sim_split("main", "main", 1) == -COP_EBADARG, "from itself");
    expect(cop_sim_split("main", "nobody", 1) == -COP_ENOTFOUND, "from nobody");
    return 0;
}

static int gives_up(int argc, char **argv)
{
    int64_t begin_ms = cop_monotonic_ms();
    cop_socket socket;

    (void)argc, (void)argv;
    cop_must(cop_sim_start_node("other", answer) == 0);
    cop_sleep(10);
    cop_must(cop_sim_split("main", "other", COP_INFINITY) == 0);
    expect(cop_tcp_connect(&socket, "127.0.0.1", PORT, .timeout_ms = COP_INFINITY) == -ETIMEDOUT,
        "the system gives up");
    expect(cop_monotonic_ms() - begin_ms > 100000, "after two minutes");
    return 0;
}

static int kills(int argc, char **argv)
{
    cop_socket socket;
    cop_bytes line;

    (void)argc, (void)argv;
    expect(cop_sim_kill_node("other") == -COP_ENOTFOUND, "it is not there yet");
    expect(cop_sim_kill_node("main") == -COP_EBADARG, "the first is not killed");
    for (int i = 0; i < 3; i++) {
        cop_must(cop_sim_start_node("other", answer) == 0);
        socket = connect_to_it();
        expect(ask(socket, &line, 5000) > 0, "it answers");
        cop_must(cop_sim_kill_node("other") == 0);
        line = (cop_bytes){ NULL, 0 };
        expect(cop_tcp_read_line_within(&line, socket, 5000) == -COP_ECLOSED, "its end is seen");
        cop_tcp_close(socket);
        expect(cop_tcp_connect(&socket, "127.0.0.1", PORT, .timeout_ms = 1000) == -ECONNREFUSED,
            "nobody listens any more");
    }
    return 0;
}

static int counts(int argc, char **argv)
{
    int *count = cop_sim_memory();

    (void)argc, (void)argv;
    for (int i = 0; i < 10; i++) {
        ++*count;
        cop_yield();
    }
    return 0;
}

static int is_still(int argc, char **argv)
{
    static const char *const names[] = { "a", "b", "c", "d", "e", "f", "g" };
    int64_t begin_ms = cop_monotonic_ms();
    int *count = cop_sim_memory();

    (void)argc, (void)argv;
    for (int i = 0; i < 7; i++)
        cop_must(cop_sim_start_node(names[i], counts) == 0);
    expect(cop_sim_start_node("h", counts) == -COP_ESYSTEMLIMIT, "eight are enough");
    cop_sim_settle();
    expect(*count == 70, "all are still");
    expect(cop_monotonic_ms() == begin_ms, "and no time has passed");
    cop_sleep(1);
    cop_must(cop_sim_start_node("h", counts) == 0);
    return 0;
}

TEST(nodes_share_a_network_and_a_clock)
{
    cop_main *const runs[] = { asks, splits, gives_up, kills, is_still };

    for (size_t i = 0; i < sizeof runs / sizeof *runs; i++) {
        for (uint64_t seed = 1; seed <= 8; seed++) {
            struct cop__outcome *run = run_with(runs[i], seed, NULL);
            uint64_t trace = run->trace;

            CHECK_EQ_STR(run->failure, "");
            CHECK_EQ_INT(run->status, 0);
            CHECK(run_with(runs[i], seed, NULL)->trace == trace);
        }
    }
}

/* --- Failures in another node ------------------------------------------------------------------
 */

static int fails(int argc, char **argv)
{
    (void)argc, (void)argv;
    cop_sleep(5);
    cop_sim_fail("here");
    return 0;
}

static int returns_three(int argc, char **argv)
{
    (void)argc, (void)argv;
    return 3;
}

static int waits(int argc, char **argv)
{
    (void)argc, (void)argv;
    cop_receive();
    return 0;
}

static int is_ended(int argc, char **argv)
{
    (void)argc, (void)argv;
    kill(getpid(), SIGKILL);
    return 0;
}

static int leaves(int argc, char **argv)
{
    (void)argc, (void)argv;
    _exit(4);
}

static int start_and_wait(cop_main *fn)
{
    cop_must(cop_sim_start_node("other", fn) == 0);
    cop_receive();
    return 0;
}

#define WITH(FN)                                \
    static int with_##FN(int argc, char **argv) \
    {                                           \
        (void)argc, (void)argv;                 \
        return start_and_wait(FN);              \
    }

WITH(fails)
WITH(returns_three)
WITH(waits)
WITH(is_ended)
WITH(leaves)

TEST(failures_of_other_nodes_show)
{
    CHECK_EQ_STR(run_with(with_fails, 1, NULL)->failure, "here");
    CHECK_EQ_STR(run_with(with_returns_three, 1, NULL)->failure, "node other ended with status 3");
    CHECK(strstr(run_with(with_waits, 1, NULL)->failure, "nothing can run any more"));
    CHECK(strstr(run_with(with_is_ended, 1, NULL)->failure, "node other was ended by signal 9"));
    CHECK(strstr(run_with(with_leaves, 1, NULL)->failure, "node other ended with status 4"));
}

/* Fails when the other node is asked before it has begun. */
static int begins_late(int argc, char **argv)
{
    (void)argc, (void)argv;
    if (cop_sim_choose(4))
        cop_sleep(cop_sim_choose(10));
    *(int *)cop_sim_memory() = 1;
    return 0;
}

static int expects_too_much(int argc, char **argv)
{
    (void)argc, (void)argv;
    cop_must(cop_sim_start_node("other", begins_late) == 0);
    cop_sleep(5);
    if (!*(int *)cop_sim_memory())
        cop_sim_fail("too early");
    return 0;
}

TEST(a_failed_run_of_several_is_made_simpler)
{
    const cop_sim sim = {
        .name = "test", .main = expects_too_much, .steps_max = 20000, .several_nodes = true
    };
    struct cop__schedule schedule = { NULL, 0 };
    struct cop__outcome *run = NULL;
    size_t left = 0;
    uint64_t seed = 0;

    do
        run = run_with(expects_too_much, ++seed, NULL);
    while (!cop__outcome_failed(run));
    CHECK(cop__shrink(&schedule, run, &sim, seed));
    for (size_t i = 0; i < schedule.count; i++)
        left += schedule.values[i] != 0;
    CHECK_EQ_INT(left, 2);
    free((void *)schedule.values);
}

static int alone(int argc, char **argv)
{
    (void)argc, (void)argv;
    return cop_sim_start_node("other", answer) != -ENOTSUP ||
           cop_sim_kill_node("main") != -ENOTSUP || cop_sim_split("main", "other", 1) != -ENOTSUP ||
           cop_sim_memory() || cop_sim_node_runs("main");
}

TEST(who_did_not_say_so_has_one)
{
    CHECK_EQ_INT(cop_simulate(1, alone), 0);
    CHECK_EQ_INT(cop_run_main(alone, 0, NULL), 0);
}
