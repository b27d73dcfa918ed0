/* SPDX-License-Identifier: Apache-2.0 */
/* An epmd of our own, for machines without Erlang (D-21): it answers the three requests, on
 * loopback alone, and lives as long as the process that started it. Layer 6.
 *
 *   server     knows who is registered ──── acceptor     a process for each connection
 *
 * A name is its node's as long as the connection is open on which it was registered: the process of
 * that connection, which the server watches. */
#include <coppice/gen_server.h>

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "dist/bytes.h"
#include "dist/epmd.h"
#include "dist/nodes.h"

enum { NAMES_MAX = 1000, CONNECTIONS_MAX = 2000, OLD_CREATIONS = 3 };
enum { NAME_AT = 12, NAME_LENGTH_AT = 10, PORT_AT = 2 }; /* in the answer to PORT_PLEASE2 */

struct entry {
    struct entry *next;
    cop_ref connection; /* its monitor */
    size_t size;
    unsigned char answer[]; /* to PORT_PLEASE2 */
};

struct server {
    struct entry *entries;
    int count;
    cop_socket listener;
};

static _Atomic(int) connections;

/* --- Requests: bytes from anybody --------------------------------------------------------------
 */

bool cop__epmd_read_request(struct cop__epmd_request *ret, const unsigned char *bytes, size_t size)
{
    size_t name, extra;

    if (!size)
        return false;
    *ret = (struct cop__epmd_request){ .kind = bytes[0] };
    switch (bytes[0]) {
    case COP__EPMD_NAMES:
        return size == 1;
    case COP__EPMD_PORT_PLEASE2:
        ret->name = (cop_bytes){ (const char *)bytes + 1, size - 1 };
        return size > 1 && size - 1 <= COP__EPMD_NAME_MAX;
    case COP__EPMD_ALIVE2:
        if (size < 13)
            return false;
        ret->port = (int)cop__get_be(bytes + 1, 2);
        ret->type = bytes[3];
        ret->protocol = bytes[4];
        ret->highest = (int)cop__get_be(bytes + 5, 2);
        ret->lowest = (int)cop__get_be(bytes + 7, 2);
        name = (size_t)cop__get_be(bytes + 9, 2);
        if (!name || size < 13 + name)
            return false;
        extra = (size_t)cop__get_be(bytes + 11 + name, 2);
        ret->name = (cop_bytes){ (const char *)bytes + 11, name };
        ret->extra = (cop_bytes){ (const char *)bytes + 13 + name, extra };
        return size == 13 + name + extra;
    default:
        return false;
    }
}

/* --- The server --------------------------------------------------------------------------------
 */

static cop_bytes name_of(const struct entry *entry)
{
    return (cop_bytes){ (const char *)entry->answer + NAME_AT,
        (size_t)cop__get_be(entry->answer + NAME_LENGTH_AT, 2) };
}

static struct entry **find(struct server *server, cop_bytes name)
{
    struct entry **place = &server->entries;

    while (*place && !(name_of(*place).size == name.size &&
                         memcmp(name_of(*place).data, name.data, name.size) == 0))
        place = &(*place)->next;
    return place;
}

static int64_t new_creation(bool is_old)
{
    uint32_t creation = cop__random_creation();

    return is_old ? 1 + creation % OLD_CREATIONS : creation;
}

/* The creation; 0: the name is taken, or there are too many. */
static int64_t enter(struct server *server, cop_pid connection, cop_bytes answer, bool is_old)
{
    struct entry *entry;
    size_t name = (size_t)cop__get_be((const unsigned char *)answer.data + NAME_LENGTH_AT, 2);

    if (server->count == NAMES_MAX || *find(server, (cop_bytes){ answer.data + NAME_AT, name }))
        return 0;
    entry = cop_alloc(sizeof *entry + answer.size);
    entry->next = server->entries;
    entry->connection = cop_monitor(connection);
    entry->size = answer.size;
    memcpy(entry->answer, answer.data, answer.size);
    server->entries = entry;
    server->count++;
    return new_creation(is_old);
}

static void connection_ended(struct server *server, cop_ref ref)
{
    for (struct entry **place = &server->entries; *place; place = &(*place)->next) {
        struct entry *entry = *place;

        if (entry->connection.id != ref.id)
            continue;
        *place = entry->next;
        server->count--;
        cop_free(entry);
        return;
    }
}

static cop_term names(const struct server *server)
{
    cop_term list = cop_nil();

    for (const struct entry *entry = server->entries; entry; entry = entry->next) {
        char line[COP__EPMD_NAME_MAX + 32];
        int size = snprintf(line, sizeof line, "name %.*s at port %d\n", COP_STR(name_of(entry)),
            (int)cop__get_be(entry->answer + PORT_AT, 2));

        list = cop_cons(cop_binary(line, (size_t)size), list);
    }
    return list;
}

static cop_step handle_call(void *state, cop_term request)
{
    struct server *server = state;
    const struct entry *entry;
    cop_bytes bytes;
    cop_pid connection;
    bool is_old;

    if (cop_match(request, "{alive, Connection, Answer, IsOld}", &connection, &bytes, &is_old))
        return cop_reply(cop_int(enter(server, connection, bytes, is_old)));
    if (cop_match(request, "{port, Name}", &bytes)) {
        entry = *find(server, bytes);
        return cop_reply(entry ? cop_binary(entry->answer, entry->size) : cop("none"));
    }
    return cop_reply(names(server));
}

static cop_step handle_info(void *state, cop_term message)
{
    cop_ref ref;

    if (cop_match(message, "{'DOWN', Ref, process, _, _}", &ref))
        connection_ended(state, ref);
    return cop_noreply();
}

/* --- Connections -------------------------------------------------------------------------------
 */

/* For PORT_PLEASE2, when the name is found; in order of the request but for what is first. */
static cop_term port_answer(const struct cop__epmd_request *request)
{
    char *to;
    cop_term binary = cop_binary_new(14 + request->name.size + request->extra.size, &to);
    unsigned char *bytes = (unsigned char *)to;

    bytes[0] = COP__EPMD_PORT2;
    bytes[1] = 0;
    cop__put_be(bytes + PORT_AT, (uint64_t)request->port, 2);
    bytes[4] = request->type;
    bytes[5] = request->protocol;
    cop__put_be(bytes + 6, (uint64_t)request->highest, 2);
    cop__put_be(bytes + 8, (uint64_t)request->lowest, 2);
    cop__put_be(bytes + NAME_LENGTH_AT, request->name.size, 2);
    memcpy(bytes + NAME_AT, request->name.data, request->name.size);
    bytes += NAME_AT + request->name.size;
    cop__put_be(bytes, request->extra.size, 2);
    if (request->extra.size)
        memcpy(bytes + 2, request->extra.data, request->extra.size);
    return binary;
}

/* D-15 to D-17. The name is there until the other side closes, or says another word. */
static void serve_alive(cop_pid server, cop_socket socket, const struct cop__epmd_request *request)
{
    unsigned char answer[6];
    int64_t creation = 0;
    bool is_old = request->highest < COP__EPMD_VERSION;

    if (request->name.size <= COP__EPMD_NAME_MAX)
        cop_to_int(&creation, cop_call(server, cop("{alive, Self, Answer, IsOld}", cop_self(),
                                                   port_answer(request), is_old)));
    answer[0] = is_old ? COP__EPMD_ALIVE2_OLD_RESP : COP__EPMD_ALIVE2_RESP;
    answer[1] = creation ? 0 : 1;
    cop__put_be(answer + 2, (uint64_t)creation, is_old ? 2 : 4);
    if (cop_tcp_send(socket, answer, is_old ? 4 : 6) == 0)
        (void)cop_tcp_recv(socket, answer, 1, COP_INFINITY);
}

static void serve_port(cop_pid server, cop_socket socket, cop_bytes name)
{
    static const unsigned char none[2] = { COP__EPMD_PORT2, 1 };
    cop_term answer = cop_call(server, cop("{port, Name}", cop_binary(name.data, name.size)));
    cop_bytes bytes;

    if (!cop_match(answer, "Bytes", &bytes))
        bytes = (cop_bytes){ (const char *)none, sizeof none };
    (void)cop_tcp_send(socket, bytes.data, bytes.size);
}

static void serve_names(cop_pid server, cop_socket socket)
{
    cop_term lines = cop_call(server, cop("names")), line;
    unsigned char port[4];
    cop_bytes bytes;

    cop__put_be(port, (uint64_t)cop__epmd_own_port(), 4);
    if (cop_tcp_send(socket, port, sizeof port) < 0)
        return;
    while (cop_list_next(&line, &lines))
        if (!cop_match(line, "Bytes", &bytes) || cop_tcp_send(socket, bytes.data, bytes.size) < 0)
            return;
}

static void count_down(void *unused)
{
    (void)unused;
    atomic_fetch_sub_explicit(&connections, 1, memory_order_relaxed);
}

static void connection_main(cop_term arg)
{
    unsigned char bytes[COP__EPMD_REQUEST_MAX];
    struct cop__epmd_request request;
    cop_socket socket;
    cop_term socket_term;
    cop_pid server;
    size_t size;

    cop_defer(count_down, NULL);
    cop_must(cop_match(arg, "{Server, Socket}", &server, &socket_term));
    cop_must(cop_to_socket(&socket, socket_term));
    cop_receive_match_within(COP__EPMD_TIMEOUT_MS, "go");
    if (cop_tcp_recv_exactly(socket, bytes, 2, COP__EPMD_TIMEOUT_MS) < 0)
        return;
    size = (size_t)cop__get_be(bytes, 2);
    if (!size || size > sizeof bytes ||
        cop_tcp_recv_exactly(socket, bytes, size, COP__EPMD_TIMEOUT_MS) < 0 ||
        !cop__epmd_read_request(&request, bytes, size))
        return;
    if (request.kind == COP__EPMD_ALIVE2)
        serve_alive(server, socket, &request);
    else if (request.kind == COP__EPMD_PORT_PLEASE2)
        serve_port(server, socket, request.name);
    else
        serve_names(server, socket);
}

/* The listener is the server's: it closes with it, and then the connections go too, so that their
 * nodes look for another epmd. */
static void acceptor_main(cop_term arg)
{
    cop_socket listener, socket;
    cop_term listener_term;
    cop_pid server;

    cop_must(cop_match(arg, "{Server, Listener}", &server, &listener_term));
    cop_must(cop_to_socket(&listener, listener_term));
    cop_trap_exit(true);
    for (;;) {
        int error = cop_tcp_accept(&socket, listener);
        cop_pid pid;

        if (error == -COP_ECLOSED)
            cop_exit(cop("shutdown"));
        if (error < 0)
            continue;
        if (atomic_load_explicit(&connections, memory_order_relaxed) >= CONNECTIONS_MAX) {
            cop_tcp_close(socket);
            continue;
        }
        atomic_fetch_add_explicit(&connections, 1, memory_order_relaxed);
        while (!cop_is_none(cop_receive_within(0)))
            ; /* ends of connections */
        pid = cop_spawn_link(
            connection_main, cop("{Server, Socket}", server, cop_from_socket(socket)));
        if (cop_tcp_give_away(socket, pid) < 0)
            cop_tcp_close(socket);
        cop_send(pid, cop("go"));
        cop_turn_end();
    }
}

/* --- Beginning ---------------------------------------------------------------------------------
 */

static cop_step init(void *memory, cop_term arg)
{
    struct server *server = memory;
    int error = cop_tcp_listen(&server->listener, cop__epmd_own_port(), .address = "127.0.0.1");

    (void)arg;
    if (error < 0)
        return cop_init_error(cop("Reason", cop_atom_new(cop_error_name(error))));
    cop_spawn_link(
        acceptor_main, cop("{Self, Listener}", cop_self(), cop_from_socket(server->listener)));
    return cop_ok();
}

static const cop_gen_server server = { .module = "epmd",
    .state_size = sizeof(struct server),
    .init = init,
    .handle_call = handle_call,
    .handle_info = handle_info };

int cop__epmd_serve(void)
{
    return cop_gen_server_start_link(NULL, &server, 0);
}
