/* SPDX-License-Identifier: Apache-2.0 */
/* Choice points: a node always does the usual thing; one that chooses has one run for each seed,
 * and with another seed another order. */
#include "base/choose.h"

#include <coppice.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/test.h"

enum { PROCESSES = 6, ROUNDS = 4, SEEDS = 3 };

struct outcome {
    char order[PROCESSES * ROUNDS + 1];
    uint64_t choices;
};

static int out;

static void talk(cop_term arg)
{
    cop_pid listener;
    int64_t number;

    cop_must(cop_match(arg, "{Listener, N}", &listener, &number));
    for (int i = 0; i < ROUNDS; i++)
        cop_send(listener, cop("N", number));
}

static int listen_main(int argc, char **argv)
{
    struct outcome outcome = { .choices = 0 };
    int64_t number = 0;

    (void)argc;
    (void)argv;
    for (int64_t i = 0; i < PROCESSES; i++)
        cop_spawn(talk, cop("{Self, N}", cop_self(), i));
    for (int i = 0; i < PROCESSES * ROUNDS; i++) {
        cop_must(cop_receive_match("N", &number));
        outcome.order[i] = (char)('a' + number);
    }
    outcome.choices = cop__choices();
    return write(out, &outcome, sizeof outcome) == sizeof outcome ? 0 : 1;
}

/* In a program of its own, with one scheduler and nothing from outside. */
static struct outcome run_with(unsigned seed, const char *chooses)
{
    struct outcome outcome = { .choices = 0 };
    char text[16];
    int ends[2], status = -1;
    pid_t pid;

    CHECK_EQ_INT(pipe(ends), 0);
    pid = fork();
    if (pid == 0) {
        out = ends[1];
        snprintf(text, sizeof text, "%u", seed);
        setenv("COPPICE_SEED", text, 1);
        setenv("COPPICE_CHOICES", chooses, 1);
        setenv("COPPICE_HAND_OFF", "off", 1);
        _exit(cop_run_main_with(listen_main, 0, NULL, &(struct cop_options){ .schedulers = 1 }));
    }
    close(ends[1]);
    CHECK_EQ_INT(read(ends[0], &outcome, sizeof outcome), sizeof outcome);
    close(ends[0]);
    waitpid(pid, &status, 0);
    CHECK_EQ_INT(status, 0);
    return outcome;
}

TEST(one_seed_one_run)
{
    struct outcome first = run_with(1, "1"), again = run_with(1, "1");
    int orders = 0, traces = 0;

    CHECK_EQ_STR(first.order, again.order);
    CHECK(first.choices == again.choices);
    for (unsigned seed = 2; seed <= SEEDS; seed++) {
        struct outcome other = run_with(seed, "1");

        orders += strcmp(other.order, first.order) != 0;
        traces += other.choices != first.choices;
    }
    CHECK(orders > 0);
    CHECK(traces > 0);
}

TEST(a_node_that_does_not_choose_does_the_usual_thing)
{
    struct outcome first = run_with(1, "0"), other = run_with(2, "0");

    CHECK_EQ_STR(first.order, other.order);
    CHECK(first.choices == 0 && other.choices == 0);
}
