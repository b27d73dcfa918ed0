/* SPDX-License-Identifier: Apache-2.0 */
/* Messages between nodes while the network is cut and split and nodes are killed (D-83, D-158):
 * none comes twice, none out of order, and none is missing unless the connection was lost and that
 * was told in between. Afterwards every node reaches every other again. And a split is noticed
 * between 0.75 and 1.25 of the tick time (D-138). */
#include "cluster.h"

enum { DELAY_MS = 5 }; /* of what is sent, at most, unless said otherwise */

struct shared {
    int starts[NODES];       /* of each node, until now */
    int fresh[NODES][NODES]; /* messages that came, since it was last 0 */
    bool over;
    int64_t split_ms; /* when that was */
};

static struct shared *shared(void)
{
    return cop_sim_memory();
}

/* --- Numbered messages, from all to all ----------------------------------------------------------
 */

struct seen {
    int64_t start, number; /* of the last message; 0: none */
    bool lost;             /* the connection, since then */
};

static void on_message(struct seen *seen, int from, int64_t start, int64_t number)
{
    bool next = start == seen->start && number == seen->number + 1;

    if (start < seen->start || (start == seen->start && number <= seen->number))
        cop_sim_fail("message %d of start %d came after %d of %d", (int)number, (int)start,
            (int)seen->number, (int)seen->start);
    if (!next && seen->number && !seen->lost)
        cop_sim_fail("messages are missing before %d, and the node was always there", (int)number);
    *seen = (struct seen){ start, number, false };
    shared()->fresh[own_number()][from]++;
}

static void sink(cop_term arg)
{
    struct seen seen[NODES] = { { 0 } };
    int64_t from, start, number;
    cop_atom node;

    (void)arg;
    cop_register("sink", cop_self());
    cop_monitor_nodes(true, 0, false);
    for (;;) {
        cop_term message = cop_receive();

        if (cop_match(message, "{From, Start, Number}", &from, &start, &number))
            on_message(&seen[from], (int)from, start, number);
        else if (cop_match(message, "{nodedown, Node}", &node))
            seen[number_of(node)].lost = true;
        cop_turn_end();
    }
}

static void source(cop_term arg)
{
    int64_t number = 0, to;
    int self = own_number(), start = shared()->starts[self];

    cop_must(cop_match(arg, "To", &to));
    while (!shared()->over) {
        cop_send(
            cop_name("sink", node_names[to]), cop("{Self, Start, Number}", self, start, ++number));
        if (cop_sim_choose(4))
            cop_sleep(cop_sim_choose(3000));
        cop_turn_end();
    }
}

static void send_and_receive(void)
{
    shared()->starts[own_number()]++;
    join_cluster();
    cop_spawn(sink, cop("none"));
    for (int i = 0; i < NODES; i++)
        if (i != own_number())
            cop_spawn(source, cop("I", i));
}

static int other(int argc, char **argv)
{
    (void)argc, (void)argv;
    send_and_receive();
    while (!shared()->over)
        cop_sleep(1000);
    return 0;
}

static void check_fresh(void)
{
    memset(shared()->fresh, 0, sizeof shared()->fresh);
    cop_sleep(30000);
    for (int i = 0; i < NODES; i++)
        for (int j = 0; j < NODES; j++)
            if (i != j && !shared()->fresh[i][j])
                cop_sim_fail("nothing of n%d comes to n%d any more", j, i);
}

static int messages(int argc, char **argv)
{
    (void)argc, (void)argv;
    send_and_receive();
    for (int i = 1; i < NODES; i++)
        start_node(i, other);
    live_in_trouble(other, true);
    cop_sleep(10 * TICK_MS);
    check_fresh();
    shared()->over = true;
    cop_sleep(10000);
    return 0;
}

/* --- Ticks ---------------------------------------------------------------------------------------
 */

static void split_later(cop_term arg)
{
    (void)arg;
    cop_sleep(1000 + cop_sim_choose(3 * TICK_MS));
    shared()->split_ms = cop_monotonic_ms();
    cop_sim_split("main", "n1", COP_INFINITY);
}

/* Until the other is gone; when that was. */
static int64_t watch(void)
{
    join_cluster();
    cop_monitor_nodes(true, 0, false);
    if (own_number())
        while (!cop_net_kernel_connect_node(node_atom(0)))
            cop_sleep(100);
    cop_receive_match("{nodeup, _}");
    if (!own_number())
        cop_spawn(split_later, cop("none"));
    cop_receive_match("{nodedown, _}");
    return cop_monotonic_ms();
}

/* The last tick came up to a quarter of the tick time before the split, and was late itself. */
static void check_time(int64_t after_ms)
{
    if (after_ms < TICK_MS * 3 / 4 - DELAY_MS || after_ms > TICK_MS * 5 / 4)
        cop_sim_fail("%s noticed a split after %d ms, the tick time is %d", cop_sim_node(),
            (int)after_ms, TICK_MS);
}

static int watcher(int argc, char **argv)
{
    (void)argc, (void)argv;
    check_time(watch() - shared()->split_ms);
    return 0;
}

static int ticks(int argc, char **argv)
{
    (void)argc, (void)argv;
    start_node(1, watcher);
    check_time(watch() - shared()->split_ms);
    cop_sleep(TICK_MS);
    return 0;
}

static const cop_sim simulations[] = {
    { .name = "messages", .main = messages, .steps_max = 300000, .several_nodes = true },
    { .name = "ticks", .main = ticks, .steps_max = 300000, .several_nodes = true }, { 0 }
};

int main(int argc, char **argv)
{
    return cop_sim_main(simulations, argc, argv);
}
