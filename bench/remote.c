/* SPDX-License-Identifier: Apache-2.0 */
/* Two nodes on loopback: remote_node, remote_call, remote_call_many, remote_bulk; and the codec
 * alone, codec. Either end may be Erlang: both find each other by a fixed port, without epmd. */
#include "bench.h"

#include <stdlib.h>
#include <string.h>

enum { TIMED_CALLS_MAX = 100000, PORT = 14370 };

static void start_node(const char *name, bool listens)
{
    static struct cop_net_kernel_options options;
    cop_term reason;

    options = (struct cop_net_kernel_options){ .name = name,
        .cookie = "coppice",
        .epmd = COP_EPMD_NONE,
        .port_min = PORT,
        .no_listen = !listens };
    if (cop_net_kernel_start_link(NULL, &options, &reason) != 0) {
        fprintf(stderr, "%s does not start: %s\n", name, cop_show(reason));
        exit(1);
    }
}

/* --- 15 remote_node NODE ------------------------------------------------------------------------
 */

static cop_step init(void *state, cop_term arg)
{
    (void)arg;
    *(int64_t *)state = 0;
    return cop_ok();
}

static cop_step handle_call(void *state, cop_term request)
{
    int64_t *sum = state, n;
    cop_bytes bytes;

    if (cop_match(request, "{add, N}", &n))
        return cop_reply(*sum += n);
    if (cop_match(request, "get"))
        return cop_reply(*sum);
    if (cop_match(request, "{size, Bytes}", &bytes))
        return cop_reply((int64_t)bytes.size);
    return cop_unhandled(request);
}

static const cop_gen_server rsrv = {
    .name = "rsrv",
    .state_size = sizeof(int64_t),
    .init = init,
    .handle_call = handle_call,
};

void bench_remote_node(struct params params)
{
    cop_pid pid;

    cop_must(cop_gen_server_start_link(&pid, &rsrv, 0));
    start_node(param_text(params, 0), true);
    printf("ready\n");
    fflush(stdout);
    cop_receive_match("never");
}

/* --- the clients
 * ---------------------------------------------------------------------------------- */

/* A dest of a remote name holds no memory of the turn. */
static cop_dest server_on(const char *node)
{
    start_node("client@127.0.0.1", false);
    cop_net_kernel_route(cop_atom_new(node), "127.0.0.1", PORT);
    return cop_name("rsrv", node);
}

static int64_t ask(cop_dest server, cop_term request)
{
    int64_t value;

    cop_must(cop_match(cop_call(server, request), "Value", &value));
    return value;
}

static int64_t calls(cop_dest server, int64_t n)
{
    int64_t value = 0;

    for (; n > 0; n--, cop_turn_end())
        value = ask(server, cop("{add, 1}"));
    return value;
}

void bench_remote_call(struct params params)
{
    cop_dest server = server_on(param_text(params, 0));
    int64_t n = param_number(params, 1), timed = n < TIMED_CALLS_MAX ? n : TIMED_CALLS_MAX;
    int64_t *times_ns = cop_alloc((size_t)timed * sizeof *times_ns), before;
    struct watch watch = { 0 };

    before = calls(server, n / 10);
    watch_start(&watch);
    int64_t sum = calls(server, n);
    watch_stop(&watch);
    require(sum == before + n);
    for (int64_t i = 0; i < timed; i++, cop_turn_end()) {
        int64_t started_ns = cop_monotonic_ns();

        ask(server, cop("{add, 1}"));
        times_ns[i] = cop_monotonic_ns() - started_ns;
    }
    report("remote_call", n, &watch);
    report_percentiles("", times_ns, timed);
    report_end();
}

struct client {
    cop_dest server;
    int64_t calls;
};
static struct client the_client;

static void client_main(cop_term arg)
{
    cop_pid reporter;

    cop_must(cop_match(arg, "Reporter", &reporter));
    cop_receive_match("go");
    calls(the_client.server, the_client.calls);
    cop_send(reporter, cop("done"));
}

void bench_remote_call_many(struct params params)
{
    cop_dest server = server_on(param_text(params, 0));
    int64_t count = param_number(params, 1), each = param_number(params, 2) / count;
    cop_pid *clients = cop_alloc((size_t)count * sizeof *clients);
    int64_t before = ask(server, cop("get"));
    struct watch watch = { 0 };

    the_client = (struct client){ server, each };
    for (int64_t i = 0; i < count; i++)
        clients[i] = cop_spawn_link(client_main, cop("Reporter", cop_self()));
    watch_start(&watch);
    for (int64_t i = 0; i < count; i++)
        cop_send(clients[i], cop("go"));
    for (int64_t i = 0; i < count; i++, cop_turn_end())
        cop_receive_match("done");
    watch_stop(&watch);
    require(ask(server, cop("get")) == before + each * count);
    report("remote_call_many", each * count, &watch);
    report_end();
}

void bench_remote_bulk(struct params params)
{
    cop_dest server = server_on(param_text(params, 0));
    int64_t size = param_number(params, 1), n = param_number(params, 2);
    struct watch watch = { 0 };
    cop_term request = COP_NONE;
    char *bytes;

    cop_keep(&request, cop("{size, Binary}", cop_binary_new((size_t)size, &bytes)));
    memset(bytes, 'x', (size_t)size);
    ask(server, request);
    watch_start(&watch);
    for (int64_t i = 0; i < n; i++, cop_turn_end())
        require(ask(server, request) == size);
    watch_stop(&watch);
    report("remote_bulk", n, &watch);
    report_more("mb_per_s", (double)n * (double)size / 1e6 / ((double)watch.ns / 1e9));
    report_end();
}

/* --- codec KIND N: encode and decode the same term N times
 * ------------------------------------------- */

static cop_term codec_term(const char *kind)
{
    cop_term list = cop_nil(), map = cop_map_new();

    if (strcmp(kind, "tuple") == 0)
        return cop("{counter, 42, [a, b, c], <<\"0123456789abcdef\">>, {ok, 1.5}, \"text\"}");
    if (strcmp(kind, "list") == 0) {
        for (int64_t i = 1000; i > 0; i--)
            list = cop_cons(cop_int(i * 1000), list);
        return list;
    }
    for (int64_t i = 0; i < 50; i++)
        map = cop_map_put(map, cop_int(i), cop("{I, <<\"12345678\">>, [1, 2]}", i));
    return map;
}

void bench_codec(struct params params)
{
    const char *kind = param_text(params, 0);
    int64_t n = param_number(params, 1);
    struct watch encode = { 0 }, decode = { 0 };
    cop_term term = COP_NONE, back, bytes = COP_NONE;
    cop_bytes view, encoded;
    int64_t size = 0;

    cop_keep(&term, codec_term(kind));
    cop_keep(&bytes, cop_term_to_binary(term));
    cop_must(cop_to_bytes(&view, bytes));
    watch_start(&encode);
    for (int64_t i = 0; i < n; i++, cop_turn_end())
        size += cop_to_bytes(&encoded, cop_term_to_binary(term, .unordered = true))
                    ? (int64_t)encoded.size
                    : 0;
    watch_stop(&encode);
    require(size == n * (int64_t)view.size);
    watch_start(&decode);
    for (int64_t i = 0; i < n; i++, cop_turn_end())
        require(cop_binary_to_term(&back, view) == 0);
    watch_stop(&decode);
    report("codec", n, &encode);
    report_more("encode_rate", (double)n / ((double)encode.ns / 1e9));
    report_more("decode_rate", (double)n / ((double)decode.ns / 1e9));
    report_end();
}
