/* SPDX-License-Identifier: Apache-2.0 */
/* net_kernel: the server that makes this a node, and whose end ends that (D-05 to D-07, D-15 to
 * D-25, D-105, D-163). Layer 6.
 *
 *   net_kernel ──┬── acceptor         a process for each connection that comes or is made
 *                ├── epmd keeper      has the registration, and makes it anew when epmd went away
 *                └── rex, user, logger_proxy (services.c)
 *
 * All of these are linked to it; one that ends is started again. */
#include <coppice/gen_server.h>
#include <coppice/log.h>

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "dist/wire.h"
#include "dist/epmd.h"
#include "dist/exports.h"
#include "dist/nodes.h"
#include "dist/peer.h"
#include "proc/proc.h"
#include "term/atoms.h"
#include "term/node.h"

enum {
    TICKTIME_MS = 60000,
    SETUPTIME_MS = 7000,
    HANDSHAKES_MAX = 64,
    CREATION_MIN = 4,
    REGISTER_AGAIN_MS = 2000,
    PORT_MAX = 65535
};

struct net_kernel {
    cop_socket listener;
    bool listens;
    cop_pid acceptor, keeper;
};

static _Atomic(uint64_t) server; /* id of the process that runs; 0: none */

/* --- The way to other nodes
 * ----------------------------------------------------------------------------- */

bool cop__nodes_may_connect(void)
{
    return cop__load_acquire(server) && !cop__net.options->no_auto_connect;
}

void cop__nodes_connect(uint32_t name, uint64_t connection)
{
    const cop_term items[3] = { cop__atom(COP__ATOM_connect), cop__atom(name),
        cop_uint(connection) };

    cop__send_copy(cop__pid_of(cop__load_acquire(server)), cop_tuple_from(items, 3));
}

void cop__nodes_want(uint32_t name)
{
    struct cop__peer *peer = name == cop__local_name() ? NULL : cop__peer_find(name, true);
    uint64_t connection;

    cop__enter();
    connection = peer ? cop__peer_attempt(peer, 0, true) : 0;
    if (connection)
        cop__nodes_connect(name, connection);
    cop__leave();
}

static uint64_t join(uint32_t node, uint64_t process)
{
    struct cop__peer *peer, *whole = cop__whole();

    if (whole)
        peer = node == whole->name ? whole : NULL;
    else
        peer = node == cop__local_name() ? NULL : cop__peer_find(node, true);
    return peer ? cop__peer_join(peer, process) : 0;
}

static void leave(uint64_t connection, uint64_t process)
{
    struct cop__peer *peer = cop__peer_of_connection(connection);

    if (peer)
        cop__peer_leave(peer, connection, process);
}

static cop_term nodes(void)
{
    return cop_nodes_of(COP_NODES_VISIBLE);
}

static const struct cop__remote cluster = {
    .send = cop__dist_send,
    .signal = cop__dist_signal,
    .join = join,
    .leave = leave,
    .nodes = nodes,
};

void cop__serve_remote(void)
{
    cop__store_release(cop__remote_now, &cluster);
}

/* --- Beginning
 * ------------------------------------------------------------------------------------------- */

static COP_NORETURN void failed(cop_term reason)
{
    cop_exit(reason);
}

static void listen_somewhere(struct net_kernel *state)
{
    const struct cop_net_kernel_options *options = cop__net.options;
    int last = options->port_max > options->port_min ? options->port_max : options->port_min;
    int error = -EADDRINUSE;

    for (int port = options->port_min; port <= last && error == -EADDRINUSE; port++)
        error = cop_tcp_listen(&state->listener, port, .address = options->address);
    if (error < 0)
        failed(cop("{listen, Reason}", cop_atom_new(cop_error_name(error))));
    state->listens = true;
    cop__net.port = cop_tcp_port(state->listener);
}

uint32_t cop__random_creation(void)
{
    uint32_t creation = 0;

    while (creation < CREATION_MIN)
        if (!cop__clock_secret(&creation, sizeof creation))
            failed(cop("system_limit"));
    return creation;
}

static void alive_part(char ret_alive[COP__HS_NAME_MAX + 1])
{
    size_t size = (size_t)(strchr(cop__net.name, '@') - cop__net.name);

    memcpy(ret_alive, cop__net.name, size);
    ret_alive[size] = 0;
}

static int register_name(cop_socket *ret_socket, uint32_t *ret_creation)
{
    char alive[COP__HS_NAME_MAX + 1];

    alive_part(alive);
    return cop__epmd_register(
        ret_socket, ret_creation, alive, cop__net.port, cop__net.options->hidden);
}

/* D-17, D-20, D-21. The socket is this process's, and goes to the keeper. */
static cop_pid start_keeper(cop_socket socket);

/* Where none answers: with one of our own, or the program's. 0: one is there, or comes. */
static int provide_epmd(void)
{
    switch (cop__net.options->epmd) {
    case COP_EPMD_SPAWN:
        return cop__epmd_start();
    case COP_EPMD_BUILTIN:
        (void)cop__epmd_serve(); /* or another was quicker */
        return 0;
    default:
        return -ECONNREFUSED;
    }
}

static void register_first(struct net_kernel *state)
{
    const struct cop_net_kernel_options *options = cop__net.options;
    cop_socket socket;
    int error;

    cop__net.creation = cop__random_creation();
    if (options->epmd == COP_EPMD_NONE || options->no_listen)
        return;
    error = register_name(&socket, &cop__net.creation);
    if (error == -ECONNREFUSED) {
        error = provide_epmd();
        for (int tries = 0; error == 0 && tries < 100; tries++) {
            error = register_name(&socket, &cop__net.creation);
            if (error != -ECONNREFUSED)
                break;
            error = 0;
            cop_receive_match_within(20, "never");
        }
    }
    if (error == -COP_EALREADY)
        failed(cop("{already_started, Name}", cop_atom_new(cop__net.name)));
    if (error < 0)
        failed(cop("{epmd, Reason}", cop_atom_new(cop_error_name(error))));
    state->keeper = start_keeper(socket);
}

static void read_options(const struct cop_net_kernel_options *options)
{
    char cookie[256];
    int error;

    if (!options->name || !cop__hs_valid_name(options->name))
        failed(cop("{badarg, \"a node has a name alive@host\"}"));
    if (options->port_min < 0 || options->port_max < 0 || options->port_min > PORT_MAX ||
        options->port_max > PORT_MAX)
        failed(cop("{badarg, \"ports are 0 to 65535\"}"));
    error = cop__cookie_find(cookie, options->cookie);
    if (error < 0)
        failed(cop("{cookie, Reason}", cop_atom_new(cop_error_name(error))));
    cop__net = (struct cop__net){ .options = options,
        .flags = options->hidden ? COP__DF_ANNOUNCED & ~COP__DF_PUBLISHED : COP__DF_ANNOUNCED,
        .ticktime_ms = options->ticktime_ms > 0 ? options->ticktime_ms : TICKTIME_MS,
        .setuptime_ms = options->setuptime_ms > 0 ? options->setuptime_ms : SETUPTIME_MS };
    memcpy(cop__net.name, options->name, strlen(options->name) + 1);
    cop__net.long_names = strchr(strchr(options->name, '@'), '.') != NULL;
    cop__cookie_set(0, cookie);
}

static void open_transport(void)
{
    const cop_dist_transport *transport = cop__net.options->transport;

    if (!transport)
        return;
    cop__net.transport_context = transport->open(cop__net.options->transport_config);
    if (!cop__net.transport_context)
        failed(cop("{transport, Name}", cop_atom_new(transport->name)));
}

/* Streams that are in use have what they need of it. */
static void close_transport(void)
{
    if (cop__net.transport_context)
        cop__net.options->transport->close(cop__net.transport_context);
    cop__net.transport_context = NULL;
}

/* --- Processes
 * ---------------------------------------------------------------------------------------------- */

static void acceptor_main(cop_term arg)
{
    int max =
        cop__net.options->handshakes_max > 0 ? cop__net.options->handshakes_max : HANDSHAKES_MAX;
    cop_socket listener, socket;

    cop_to_socket(&listener, arg);
    for (;;) {
        int error = cop_tcp_accept(&socket, listener);
        cop_pid pid;

        if (error == -COP_ECLOSED || error == -EINVAL)
            cop_exit(cop("shutdown"));
        if (error < 0)
            continue;
        if (cop__failures_too_many(socket)) {
            cop_tcp_close(socket);
            continue;
        }
        if (atomic_fetch_add_explicit(&cop__handshakes, 1, memory_order_relaxed) >= max) {
            atomic_fetch_sub_explicit(&cop__handshakes, 1, memory_order_relaxed);
            cop_tcp_close(socket); /* D-146 */
            continue;
        }
        pid = cop_spawn_with(cop__accepted_main, cop_from_socket(socket),
            &(struct cop_spawn_options){
                .initial_call = "connection", .stack_size = cop__wire_stack() },
            NULL);
        if (cop_tcp_give_away(socket, pid) < 0)
            cop_tcp_close(socket);
        cop_send(pid, cop("go"));
        cop_turn_end();
    }
}

/* The registration is a connection on which nothing comes until epmd goes away. A creation that a
 * later epmd gives is not ours (D-07). */
static void keeper_main(cop_term arg)
{
    cop_socket socket;
    uint32_t creation;
    int error;
    char byte;

    if (!cop_to_socket(&socket, arg))
        cop_exit(cop("badarg"));
    cop_receive_match_within(COP__EPMD_TIMEOUT_MS, "go");
    for (;;) {
        while (cop_tcp_recv(socket, &byte, 1, COP_INFINITY) > 0)
            ;
        cop_tcp_close(socket);
        do {
            cop_receive_match_within(REGISTER_AGAIN_MS, "never");
            error = register_name(&socket, &creation);
            if (error == -ECONNREFUSED && cop__net.options->epmd == COP_EPMD_BUILTIN)
                (void)cop__epmd_serve();
        } while (error < 0);
    }
}

static cop_pid start_keeper(cop_socket socket)
{
    cop_pid pid = cop_spawn_link(keeper_main, cop_from_socket(socket));

    cop_tcp_give_away(socket, pid);
    cop_send(pid, cop("go"));
    return pid;
}

static void start_acceptor(struct net_kernel *state)
{
    if (state->listens)
        state->acceptor = cop_spawn_link(acceptor_main, cop_from_socket(state->listener));
}

/* --- The server
 * ---------------------------------------------------------------------------------------------- */

static cop_step init(void *memory, cop_term arg)
{
    struct net_kernel *state = memory;
    uint64_t nobody = 0, options;

    cop_set_group_leader(cop_self(), cop_self()); /* of no application */
    cop_to_uint(&options, arg);
    if (cop__load(server))
        return cop_init_error(cop("{already_started, Name}", cop_node()));
    read_options((const struct cop_net_kernel_options *)(uintptr_t)options);
    open_transport();
    if (!cop__net.options->no_listen)
        listen_somewhere(state);
    register_first(state);
    cop__export_builtins();
    cop__local_node_set(cop_atom_new(cop__net.name).index, cop__net.creation);
    if (!atomic_compare_exchange_strong(&server, &nobody, cop_self().id))
        return cop_init_error(cop("{already_started, Name}", cop_node()));
    cop__serve_remote();
    cop__releases_start();
    cop__services_start();
    start_acceptor(state);
    return cop_ok();
}

/* is_connected, once the attempt is decided: by the end of the attempt or by the node's coming. */
static cop_step handle_call(void *state, cop_term request)
{
    (void)state;
    if (cop_match(request, "{is_auth, _}"))
        return cop_reply(cop("yes")); /* D-105 */
    return cop_reply(cop("{error, {unknown_call, Request}}", request));
}

static cop_step handle_info(void *memory, cop_term message)
{
    struct net_kernel *state = memory;
    cop_socket socket;
    uint32_t creation;
    cop_term number;
    cop_atom node;
    cop_pid pid;

    if (cop_match(message, "{connect, Node, Number}", &node, &number))
        cop_spawn_with(cop__connect_main, cop("{Node, Number}", node, number),
            &(struct cop_spawn_options){
                .initial_call = "connection", .stack_size = cop__wire_stack() },
            NULL);
    else if (cop_match(message, "{'EXIT', Pid, _}", &pid)) {
        if (pid.id == state->acceptor.id)
            start_acceptor(state);
        else if (pid.id == state->keeper.id && register_name(&socket, &creation) == 0)
            state->keeper = start_keeper(socket);
        else
            cop__services_start(); /* those that are not there */
    }
    return cop_noreply();
}

/* The socket of the registration closes before the keeper's exit is seen. */
static void give_up_the_name(const struct net_kernel *state)
{
    cop_ref ref;

    if (!state->keeper.id)
        return;
    ref = cop_monitor(state->keeper);
    cop_exit_signal(state->keeper, cop("shutdown"));
    cop_receive_match_within(COP__EPMD_TIMEOUT_MS, "{'DOWN', Ref, _, _, _}", ref);
}

/* The name is free before anyone hears that the node is gone, so that who asks epmd then is told
 * the truth (D-163). Every connection ends, and whoever is tied over it hears of it; then this is
 * no node any more. */
static void terminate(void *memory, cop_term reason)
{
    struct net_kernel *state = memory;

    (void)reason;
    cop__store_release(server, 0);
    close_transport();
    give_up_the_name(state);
    if (state->listens)
        cop_tcp_close(state->listener);
    cop__enter();
    for (struct cop__peer *peer = NULL; (peer = cop__peer_next(peer)) != NULL;)
        if (cop__load(peer->kind) == COP__PEER_NODE)
            cop__peer_disconnect(peer, 0, COP__ATOM_disconnect);
    if (!cop__has_parts())
        cop__store_release(cop__remote_now, &cop__unreachable);
    cop__local_node_set(COP__ATOM_nonode_at_nohost, 0);
    cop__leave();
}

static const cop_gen_server net_kernel = {
    .name = "net_kernel",
    .module = "net_kernel",
    .state_size = sizeof(struct net_kernel),
    .init = init,
    .handle_call = handle_call,
    .handle_info = handle_info,
    .terminate = terminate,
    .trap_exit = true,
};

int cop_net_kernel_start_link(
    cop_pid *ret_pid, const struct cop_net_kernel_options *options, cop_term *ret_error)
{
    cop_term reason = COP_NONE;
    cop_pid pid = { 0, 0 };
    int error = cop_gen_server_start_with(
        &pid, NULL, &net_kernel, cop_uint((uint64_t)(uintptr_t)options), 1, NULL, &reason);

    if (ret_pid)
        *ret_pid = pid;
    if (ret_error)
        *ret_error = reason;
    if (error != -COP_EEXIT)
        return error;
    if (cop_match(reason, "{already_started, _}"))
        return -COP_EALREADY;
    return cop_match(reason, "{badarg, _}") || cop_match(reason, "{cookie, _}") ? -COP_EBADARG
                                                                                : error;
}

cop_child_start cop_net_kernel_start_child(cop_term arg, const void *context)
{
    cop_term reason = COP_NONE;
    cop_pid pid = { 0, 0 };
    int error = cop_net_kernel_start_link(&pid, context, &reason);

    (void)arg;
    return cop_child_started(error, pid, reason);
}

int cop_net_kernel_stop(void)
{
    uint64_t id = cop__load_acquire(server);

    if (!id)
        return -COP_ENOTFOUND;
    cop_stop_server(cop__pid_of(id), cop("shutdown"), COP_INFINITY);
    return 0;
}

int cop_net_kernel_port(void)
{
    return cop__load_acquire(server) ? cop__net.port : 0;
}

/* --- The end of the program's node: processes are gone without an end of their own
 * ------------------------------ */

static void node_stopped(void)
{
    close_transport();
    cop__store_release(server, 0);
    for (struct cop__peer *peer = NULL; (peer = cop__peer_next(peer)) != NULL;)
        cop__peer_reset(peer);
    cop__store(cop__handshakes, 0);
    cop__parts_forget();
    cop__store_release(cop__remote_now, &cop__unreachable);
    cop__local_node_set(COP__ATOM_nonode_at_nohost, 0);
}

__attribute__((constructor)) static void add_hook(void)
{
    static struct cop__node_hook hook = { .stop = node_stopped };

    cop__node_hook_add(&hook);
}
