/* SPDX-License-Identifier: Apache-2.0 */
/* A supervisor whose children are processes of other nodes (D-81, D-83), while those are cut, split
 * and killed: in the end each child runs once, where its supervisor believes it to run, and no
 * others are left. */
#include "cluster.h"

enum { CHILDREN = 4 };

struct shared {
    bool ready[NODES];
};

static struct shared *shared(void)
{
    return cop_sim_memory();
}

static cop_term work(cop_term arguments)
{
    cop_term reason;
    cop_pid parent;

    cop_must(cop_match(arguments, "[Parent]", &parent));
    cop_trap_exit(true);
    cop_set_label(cop("worker"));
    for (;;)
        if (cop_match(cop_receive(), "{'EXIT', Parent, Reason}", parent, &reason))
            cop_exit(reason);
}

/* Where it can be had: on one node, else another, else here. */
static cop_child_start start(cop_term arg, const void *context)
{
    int first = (int)cop_sim_choose(NODES);

    (void)arg, (void)context;
    for (int i = 0; i < NODES; i++) {
        int node = (first + i) % NODES;
        cop_pid pid;

        if ((node == 0 || cop_net_kernel_connect_node(node_atom(node))) &&
            cop_spawn_at(&pid, NULL, node_atom(node), cop_atom_new("test"), cop_atom_new("work"),
                cop("[Self]", cop_self()), cop("[link]")) == 0)
            return (cop_child_start){ .result = COP_CHILD_OK, .pid = pid };
    }
    return (cop_child_start){ .result = COP_CHILD_ERROR, .info = cop("no_node") };
}

static const cop_supervisor tree = {
    .name = "tree",
    .intensity = 1000,
    .children = COP_CHILDREN({ .name = "a", .start = start }, { .name = "b", .start = start },
        { .name = "c", .start = start }, { .name = "d", .start = start }, ),
};

static cop_term count_workers(cop_term arguments)
{
    int64_t count = 0;
    cop_process_iterator at = { 0 };
    cop_pid pid;

    (void)arguments;
    while (cop_processes_next(&pid, &at)) {
        cop_term label = cop_process_info(pid, "label");

        count += cop_match(label, "{label, worker}");
    }
    return cop_int(count);
}

static void begin(void)
{
    cop_export("test", "work", 1, work);
    cop_export("test", "count", 0, count_workers);
    join_cluster();
    shared()->ready[own_number()] = true;
}

static int other(int argc, char **argv)
{
    (void)argc, (void)argv;
    begin();
    cop_receive_match("never");
    return 0;
}

static void kill_children(void)
{
    cop_term children = cop_supervisor_which_children(cop_dest_name("tree")), child;
    cop_pid pid;

    while (cop_list_next(&child, &children))
        if (cop_match(child, "{_, Pid, _, _}", &pid) && cop_sim_choose(3) == 1)
            cop_exit_signal(pid, cop_sim_choose(2) ? cop("kill") : cop("bye"));
}

static void make_trouble(cop_term arg)
{
    cop_pid parent;

    cop_must(cop_match(arg, "Parent", &parent));
    live_in_trouble(other, true);
    cop_send(parent, cop("peace"));
}

/* Each child has its process, which is alive, and there are no more of them. */
static void check(void)
{
    int64_t children[NODES] = { 0 }, count;
    cop_term list = cop_supervisor_which_children(cop_dest_name("tree")), child, answer;
    cop_pid pid;

    while (cop_list_next(&child, &list)) {
        if (!cop_match(child, "{_, Pid, _, _}", &pid))
            cop_sim_fail("no process: %s", cop_show(child));
        children[number_of(cop_pid_node(pid))]++;
    }
    for (int i = 0; i < NODES; i++) {
        while (i && !cop_net_kernel_connect_node(node_atom(i)))
            cop_sleep(TICK_MS);
        answer = cop_erpc_call(node_names[i], "test", "count", cop_nil(), COP_INFINITY);
        if (!cop_match(answer, "N", &count) || count != children[i])
            cop_sim_fail(
                "n%d has %d workers, the supervisor has %d there", i, (int)count, (int)children[i]);
    }
}

static int supervisors(int argc, char **argv)
{
    (void)argc, (void)argv;
    begin();
    for (int i = 1; i < NODES; i++)
        start_node(i, other);
    while (!shared()->ready[1] || !shared()->ready[2])
        cop_sleep(10);
    cop_must(cop_supervisor_start_link(NULL, &tree, NULL));
    cop_spawn(make_trouble, cop("Self", cop_self()));
    while (cop_is_none(cop_receive_within(cop_sim_choose(TICK_MS)))) {
        kill_children();
        cop_turn_end();
    }
    cop_sleep(20 * TICK_MS);
    check();
    return 0;
}

static const cop_sim simulations[] = {
    { .name = "supervisors", .main = supervisors, .steps_max = 300000, .several_nodes = true },
    { 0 }
};

int main(int argc, char **argv)
{
    return cop_sim_main(simulations, argc, argv);
}
