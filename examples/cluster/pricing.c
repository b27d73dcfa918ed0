/* SPDX-License-Identifier: Apache-2.0 */
/* C workers under an Elixir supervisor: this is the node in C, board.exs beside it the one in
 * Elixir.
 *
 *   build/examples/cluster w@127.0.0.1 a-cookie
 *   elixir --name b@127.0.0.1 --cookie a-cookie examples/cluster/board.exs w@127.0.0.1
 *
 * The supervisor there starts pricing:worker/1 here, is linked to it, and starts it anew when it
 * crashes; workers are found by a process group, and asked by GenServer.call. */
#include <coppice.h>

/* --- A worker: a server that knows a price
 * ---------------------------------------------------------- */

struct worker {
    int64_t number, price;
};

static const cop_field worker_fields[] = { COP_FIELD(struct worker, number),
    COP_FIELD(struct worker, price), COP_FIELDS_END };

static cop_step init(void *state, cop_term number)
{
    struct worker *w = state;

    cop_must(cop_match(number, "Number", &w->number));
    w->price = 100 * w->number;
    cop_pg_join("pg", cop("pricing"), cop_self());
    return cop_ok();
}

static cop_step handle_call(void *state, cop_term request)
{
    struct worker *w = state;

    if (cop_match(request, "price"))
        return cop_reply(cop("{Number, Price}", w->number, w->price));
    return cop_unhandled(request);
}

static cop_step handle_cast(void *state, cop_term request)
{
    struct worker *w = state;
    int64_t by;

    if (!cop_match(request, "{raise_by, By}", &by))
        return cop_unhandled(request);
    if (w->price + by < 0)
        cop_error(cop("{negative_price, Price}", w->price + by)); /* let it crash */
    w->price += by;
    return cop_noreply();
}

static const cop_gen_server worker = {
    .module = "worker",
    .state_size = sizeof(struct worker),
    .fields = worker_fields,
    .init = init,
    .handle_call = handle_call,
    .handle_cast = handle_cast,
};

/* What the other node starts: pricing:worker(Number). The process becomes the server. */
static cop_term pricing_worker(cop_term arguments)
{
    struct worker w = { 0 };
    cop_term number = COP_NONE;

    cop_list_next(&number, &arguments);
    init(&w, number);
    cop_gen_server_enter_loop(&worker, &w, cop_ok());
}

/* --- The node
 * ------------------------------------------------------------------------------------------ */

static struct cop_net_kernel_options options = { .address = "127.0.0.1" };

static const cop_supervisor tree = {
    .children = COP_CHILDREN({ .name = "pg", .start = cop_pg_start_child, .arg = "pg" },
        { .name = "net_kernel", .start = cop_net_kernel_start_child, .context = &options }, ),
};

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: %s NAME@HOST COOKIE\n", argv[0]);
        return 2;
    }
    options.name = argv[1];
    options.cookie = argv[2];
    cop_export("pricing", "worker", 1, pricing_worker);
    return cop_run(&tree);
}
