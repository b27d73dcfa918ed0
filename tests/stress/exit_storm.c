/* SPDX-License-Identifier: Apache-2.0 */
/* R13: exit signals through large graphs of links. A chain, a star, a ring and a tree of processes,
 * one of which is killed: all the others die with killed, nobody is left, no stack overflows. */
#include "stress/stress.h"

static int size;
static cop_pid *members; /* each written before the processes that read it are spawned */

static void never(void *state, cop_term message)
{
    (void)state, (void)message;
}

static const cop_loop idle_loop = { .handle_message = never };

/* Reports to the counter, then waits without a stack. */
static void member_main(cop_term arg)
{
    cop_pid counter;
    int links[4], count = 0;

    if (cop_match(arg, "{Counter, A, B}", &counter, &links[0], &links[1]))
        count = 2;
    for (int i = 0; i < count; i++)
        if (links[i] >= 0)
            cop_link(members[links[i]]);
    cop_send(counter, cop("linked"));
    cop_become(&idle_loop, NULL);
}

/* Spawn member i linked to a and b (-1: to nobody). */
static void member(int i, int a, int b)
{
    members[i] = cop_spawn(member_main, cop("{Self, A, B}", cop_self(), a, b));
    cop_turn_end();
}

static void until_linked(void)
{
    for (int i = 0; i < size; i++) {
        if (!cop_receive_match_within(WAIT_MS, "linked")) {
            CHECK(false); /* all members reported */
            return;
        }
        cop_turn_end();
    }
}

static int64_t processes(void)
{
    struct cop_node_statistics now;

    cop_statistics(&now);
    return (int64_t)now.processes;
}

/* Kill one: every other dies of it. */
static void storm(int victim, const char *shape)
{
    int64_t start_ns = cop_monotonic_ns();
    int step = size / 500 + 1, asked = 0;
    cop_ref *refs = calloc((size_t)size, sizeof *refs);

    for (int i = 0; i < size; i += step)
        refs[asked++] = cop_monitor(members[i]);
    cop_exit_signal(members[victim], cop("kill"));
    for (int i = 0; i < asked; i++) {
        EXPECT("{'DOWN', Ref, process, _, killed}", refs[i]);
        cop_turn_end();
    }
    for (int waits = 0; processes() > 1 && waits < 2000; waits++)
        cop_sleep(10);
    CHECK_EQ_INT(processes(), 1);
    printf(
        "%s of %d: gone in %d ms\n", shape, size, (int)((cop_monotonic_ns() - start_ns) / 1000000));
    free(refs);
    free(members);
    members = NULL;
    NOTHING();
}

static void begin(void)
{
    size = stress_count(100000, 1000000, 20000);
    members = calloc((size_t)size, sizeof *members);
}

STRESS(chain)
{
    begin();
    for (int i = 0; i < size; i++)
        member(i, i - 1, -1);
    until_linked();
    storm(0, "chain");
}

STRESS(ring)
{
    begin();
    for (int i = 0; i < size; i++)
        member(i, i - 1, i == size - 1 ? 0 : -1); /* the last closes it */
    until_linked();
    storm((int)stress_below(&(struct stress_random){ stress_seed() }, (uint32_t)size), "ring");
}

STRESS(star)
{
    begin();
    for (int i = 0; i < size; i++)
        member(i, i == 0 ? -1 : 0, -1);
    until_linked();
    storm(size / 2, "star");
}

STRESS(tree)
{
    begin();
    for (int i = 0; i < size; i++)
        member(i, i == 0 ? -1 : (i - 1) / 2, -1);
    until_linked();
    storm(size - 1, "tree");
}
