/* SPDX-License-Identifier: Apache-2.0 */
/* Process groups over nodes (PG-07) that are cut, split and killed, while members join,
 * leave and end: when all reach each other again, each node knows of the members that there are,
 * and of no others. */
#include "cluster.h"

enum { GROUPS = 3, MEMBERS = 4, OPERATIONS = 25 };

struct shared {
    bool still, looked[NODES];
    int local[NODES][GROUPS];        /* members of each node */
    int known[NODES][NODES][GROUPS]; /* to one node, of each node */
};

static struct shared *shared(void)
{
    return cop_sim_memory();
}

static void member(cop_term arg)
{
    (void)arg;
    cop_receive_match("stop");
}

static cop_term group(uint32_t number)
{
    return cop("{group, N}", number);
}

static void operate(cop_pid members[MEMBERS])
{
    cop_pid *one = &members[cop_sim_choose(MEMBERS)];
    cop_term name = group(cop_sim_choose(GROUPS));

    if (!one->id || !cop_is_alive(*one))
        *one = cop_spawn(member, cop("none"));
    switch (cop_sim_choose(4)) {
    case 0:
        break;
    case 1:
    case 2:
        cop_pg_join("scope", name, *one);
        if (cop_sim_choose(4) == 1)
            cop_send(*one, cop("stop"));
        break;
    default:
        cop_pg_leave("scope", name, *one);
    }
}

static void look(void)
{
    int self = own_number();

    memset(shared()->known[self], 0, sizeof shared()->known[self]);
    for (uint32_t i = 0; i < GROUPS; i++) {
        cop_term list = cop_pg_members("scope", group(i)), pid;
        size_t count;

        while (cop_list_next(&pid, &list)) {
            cop_pid one;

            cop_must(cop_to_pid(&one, pid));
            shared()->known[self][number_of(cop_pid_node(one))][i]++;
        }
        cop_must(cop_list_length(&count, cop_pg_local_members("scope", group(i))));
        shared()->local[self][i] = (int)count;
    }
    shared()->looked[self] = true;
}

/* All see all, however long the simulated network needs. */
static void connect_all(void)
{
    for (int i = 0; i < NODES; i++)
        while (i != own_number() && !cop_net_kernel_connect_node(node_atom(i)))
            cop_sleep(1000);
}

static void take_part(void)
{
    cop_pid members[MEMBERS] = { { 0 } };
    int operations = (int)cop_sim_choose(OPERATIONS);

    cop_must(cop_pg_start_link(NULL, "scope", NULL));
    while (operations-- && !shared()->still) {
        operate(members);
        cop_sleep(cop_sim_choose(4000));
        cop_turn_end();
    }
    while (!shared()->still)
        cop_sleep(1000);
    cop_sleep(10 * TICK_MS); /* connections that are lost already are given up */
    connect_all();
    cop_sleep(10 * TICK_MS);
    connect_all();
    cop_sleep(60000);
    look();
}

static int other(int argc, char **argv)
{
    (void)argc, (void)argv;
    join_cluster();
    take_part();
    cop_receive_match("never");
    return 0;
}

static void make_trouble(cop_term arg)
{
    (void)arg;
    live_in_trouble(other, true);
    shared()->still = true;
}

static int groups(int argc, char **argv)
{
    (void)argc, (void)argv;
    join_cluster();
    for (int i = 1; i < NODES; i++)
        start_node(i, other);
    cop_spawn(make_trouble, cop("none"));
    take_part();
    for (int i = 0; i < NODES; i++)
        while (!shared()->looked[i])
            cop_sleep(1000);
    for (int i = 0; i < NODES; i++)
        for (int of = 0; of < NODES; of++)
            for (int j = 0; j < GROUPS; j++)
                if (shared()->known[i][of][j] != shared()->local[of][j])
                    cop_sim_fail("n%d knows %d members of n%d in group %d, there are %d", i,
                        shared()->known[i][of][j], of, j, shared()->local[of][j]);
    return 0;
}

static const cop_sim simulations[] = {
    { .name = "groups", .main = groups, .steps_max = 300000, .several_nodes = true }, { 0 }
};

int main(int argc, char **argv)
{
    return cop_sim_main(simulations, argc, argv);
}
