/* SPDX-License-Identifier: Apache-2.0 */
/* What the simulations of several nodes have in common: three nodes that know where the others
 * listen, and the trouble that they are in for a while. */
#ifndef COPPICE_TESTS_CLUSTER_H
#define COPPICE_TESTS_CLUSTER_H

#include <coppice.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NODES = 3, TICK_MS = 8000, PORT = 5000, ROUNDS = 12 };

static const char *const node_names[NODES] = { "n0@127.0.0.1", "n1@127.0.0.1", "n2@127.0.0.1" };
static const char *const sim_names[NODES] = { "main", "n1", "n2" };

static inline cop_atom node_atom(int number)
{
    return cop_atom_new(node_names[number]);
}

/* The number of this node. */
static inline int own_number(void)
{
    for (int i = 1; i < NODES; i++)
        if (strcmp(cop_sim_node(), sim_names[i]) == 0)
            return i;
    return 0;
}

static inline int number_of(cop_atom node)
{
    for (int i = 0; i < NODES; i++)
        if (strcmp(cop_atom_text(node).data, node_names[i]) == 0)
            return i;
    cop_sim_fail("an unknown node: %s", cop_atom_text(node).data);
    return 0;
}

static inline void join_cluster(void)
{
    static struct cop_net_kernel_options options = {
        .cookie = "simulated", .epmd = COP_EPMD_NONE, .ticktime_ms = TICK_MS
    };

    options.name = node_names[own_number()];
    options.port_min = PORT + own_number();
    for (int i = 0; i < NODES; i++)
        cop_net_kernel_route(node_atom(i), "127.0.0.1", PORT + i);
    cop_must(cop_net_kernel_start_link(NULL, &options, NULL) == 0);
}

static inline void start_node(int number, cop_main *fn)
{
    cop_must(cop_sim_start_node(sim_names[number], fn));
}

/* One of the others ends as by kill -9, and is there again after a while. */
static inline void kill_and_start(int number, cop_main *fn)
{
    cop_must(cop_sim_kill_node(sim_names[number]));
    cop_sleep(cop_sim_choose(2 * TICK_MS));
    start_node(number, fn);
}

/* Rounds of splits, cuts and ends of nodes, or of peace. */
static inline void live_in_trouble(cop_main *fn, bool kills)
{
    cop_sim_set_faults(&(struct cop_sim_faults){ .cuts = cop_sim_choose(3),
        .delay_max_ms = 1 + cop_sim_choose(200),
        .splits = cop_sim_choose(3),
        .split_max_ms = 3 * TICK_MS });
    for (int i = (int)cop_sim_choose(ROUNDS); i; i--) {
        int one = (int)cop_sim_choose(NODES), other = (one + 1) % NODES;

        cop_sleep(cop_sim_choose(TICK_MS));
        switch (cop_sim_choose(5)) {
        case 0:
            break;
        case 4:
            cop_sim_split_one_way(sim_names[other], sim_names[one], cop_sim_choose(3 * TICK_MS));
            break;
        case 1: /* short, or long enough to be noticed */
            cop_sim_split(sim_names[one], sim_names[other],
                cop_sim_choose(2) ? cop_sim_choose(TICK_MS / 2) : cop_sim_choose(4 * TICK_MS));
            break;
        case 2:
            cop_net_kernel_connect_node(node_atom(1 + (int)cop_sim_choose(NODES - 1)));
            break;
        default:
            if (kills)
                kill_and_start(1 + (int)cop_sim_choose(NODES - 1), fn);
        }
    }
    cop_sim_set_faults(NULL);
    for (int i = 0; i < NODES; i++)
        cop_sim_heal(sim_names[i], sim_names[(i + 1) % NODES]);
}

#endif
