/* SPDX-License-Identifier: Apache-2.0 */
/* Calls to a server of another node (D-83, D-101, D-158) while the network is cut and split and
 * that node is killed: a call gives the answer to itself or exits; what was answered was done,
 * nothing is done twice or out of order, and no answer comes late. */
#include "cluster.h"

enum { CLIENTS = 3, CALLS = 25 };

struct shared {
    int64_t done[CLIENTS]; /* the last request of each client that the server did */
    int finished;
};

static struct shared *shared(void)
{
    return cop_sim_memory();
}

/* --- The server --------------------------------------------------------------------------------
 */

static cop_step init(void *state, cop_term arg)
{
    (void)state, (void)arg;
    return cop_ok();
}

/* Known to the test though the node be killed before it answers. */
static void do_request(int64_t client, int64_t number)
{
    if (number <= shared()->done[client])
        cop_sim_fail("request %d of client %d is done after %d", (int)number, (int)client,
            (int)shared()->done[client]);
    shared()->done[client] = number;
}

static cop_step handle_call(void *state, cop_term request)
{
    int64_t client, number;

    (void)state;
    cop_must(cop_match(request, "{Client, Number}", &client, &number));
    if (cop_sim_choose(4) == 1)
        cop_sleep(cop_sim_choose(2000));
    do_request(client, number);
    return cop_reply(cop("{done, N}", number));
}

static cop_step handle_cast(void *state, cop_term request)
{
    int64_t client, number;

    (void)state;
    cop_must(cop_match(request, "{Client, Number}", &client, &number));
    do_request(client, number);
    return cop_noreply();
}

static const cop_gen_server server = { .name = "server",
    .module = "server",
    .init = init,
    .handle_call = handle_call,
    .handle_cast = handle_cast };

static int serve(int argc, char **argv)
{
    (void)argc, (void)argv;
    join_cluster();
    cop_must(cop_gen_server_start_link(NULL, &server, cop("none")));
    cop_receive_match("never");
    return 0;
}

/* --- Clients -----------------------------------------------------------------------------------
 */

struct call {
    int64_t client, number;
};

static void call_server(void *arg)
{
    const struct call *call = arg;
    cop_term answer = cop_call(cop_name("server", node_names[1]),
        cop("{C, N}", call->client, call->number), .timeout_ms = 1 + cop_sim_choose(12000));
    int64_t number;

    if (!cop_match(answer, "{done, Number}", &number) || number != call->number)
        cop_sim_fail("request %d was answered %s", (int)call->number, cop_show(answer));
    if (shared()->done[call->client] != call->number)
        cop_sim_fail("request %d was answered and not done", (int)call->number);
}

static void check_reason(cop_term reason)
{
    cop_term why;

    if (!cop_match(reason, "{Why, {gen_server, call, _}}", &why) ||
        !(cop_match(why, "timeout") || cop_match(why, "noproc") ||
            cop_match(why, "{nodedown, _}") || cop_match(why, "noconnection") ||
            cop_match(why, "killed")))
        cop_sim_fail("a call exited with %s", cop_show(reason));
}

static void client(cop_term arg)
{
    struct call call = { 0, 0 };

    cop_must(cop_match(arg, "Client", &call.client));
    while (call.number < CALLS) {
        cop_term reason;

        call.number++;
        if (cop_sim_choose(5) == 1)
            cop_cast(cop_name("server", node_names[1]), cop("{C, N}", call.client, call.number));
        else if (cop_try(call_server, &call, &reason, NULL) == COP_CLASS_EXIT)
            check_reason(reason);
        if (cop_sim_choose(2))
            cop_sleep(cop_sim_choose(3000));
        cop_turn_end();
    }
    if (!cop_is_none(cop_receive_within(5 * TICK_MS)))
        cop_sim_fail("an answer came late");
    shared()->finished++;
}

/* The last of the clients is of a third node. */
static int call_from_elsewhere(int argc, char **argv)
{
    (void)argc, (void)argv;
    join_cluster();
    client(cop("Client", CLIENTS - 1));
    return 0;
}

static int calls(int argc, char **argv)
{
    (void)argc, (void)argv;
    join_cluster();
    start_node(1, serve);
    start_node(2, call_from_elsewhere);
    for (int i = 0; i < CLIENTS - 1; i++)
        cop_spawn(client, cop("I", i));
    live_in_trouble(serve, false);
    for (int i = (int)cop_sim_choose(4); i; i--)
        kill_and_start(1, serve);
    while (shared()->finished < CLIENTS)
        cop_sleep(TICK_MS);
    cop_sleep(10 * TICK_MS); /* what is left of lost connections is given up */
    if (!cop_net_kernel_connect_node(node_atom(1)) && !cop_net_kernel_connect_node(node_atom(1)))
        cop_sim_fail("the node of the server is not reached any more");
    return 0;
}

static const cop_sim simulations[] = {
    { .name = "calls", .main = calls, .steps_max = 300000, .several_nodes = true }, { 0 }
};

int main(int argc, char **argv)
{
    return cop_sim_main(simulations, argc, argv);
}
