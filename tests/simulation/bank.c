/* SPDX-License-Identifier: Apache-2.0 */
/* The oldest fault there is: read, add one, write back. With COPPICE_LOST_UPDATE=1 the clients do
 * it in two calls, and the simulation must find out (cli.py); without it they do it in one. */
#include <coppice.h>
#include <stdlib.h>

enum { CLIENTS = 2, ROUNDS = 3 };

static cop_step init(void *state, cop_term arg)
{
    (void)arg;
    *(int64_t *)state = 0;
    return cop_ok();
}

static cop_step handle_call(void *state, cop_term request)
{
    int64_t *balance = state, amount;

    if (cop_match(request, "get"))
        return cop_reply(cop("N", *balance));
    if (cop_match(request, "{set, N}", &amount)) {
        *balance = amount;
        return cop_reply(cop("ok"));
    }
    if (cop_match(request, "{add, N}", &amount)) {
        *balance += amount;
        return cop_reply(cop("ok"));
    }
    return cop_unhandled(request);
}

static const cop_gen_server account = {
    .module = "account", .state_size = sizeof(int64_t), .init = init, .handle_call = handle_call
};

static int64_t balance(void)
{
    int64_t amount;

    cop_must(cop_match(cop_call("account", cop("get")), "N", &amount));
    return amount;
}

static void client(cop_term arg)
{
    bool wrong = getenv("COPPICE_LOST_UPDATE") != NULL;
    cop_pid parent;

    cop_must(cop_match(arg, "Parent", &parent));
    for (int i = 0; i < ROUNDS; i++) {
        if (wrong)
            cop_call("account", cop("{set, N}", balance() + 1));
        else
            cop_call("account", cop("{add, 1}"));
    }
    cop_send(parent, cop("done"));
}

static int bank(int argc, char **argv)
{
    cop_pid server;

    (void)argc, (void)argv;
    cop_must(cop_gen_server_start(&server, &account, 0, .name = cop_dest_name("account")));
    for (int i = 0; i < CLIENTS; i++)
        cop_spawn(client, cop("Self", cop_self()));
    for (int i = 0; i < CLIENTS; i++)
        cop_receive_match("done");
    if (balance() != CLIENTS * ROUNDS)
        cop_sim_fail("an update is lost");
    return 0;
}

static const cop_sim simulations[] = { { .name = "bank", .main = bank }, { 0 } };

int main(int argc, char **argv)
{
    return cop_sim_main(simulations, argc, argv);
}
