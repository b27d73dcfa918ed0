/* SPDX-License-Identifier: Apache-2.0 */
/* The process of a connection: it makes the handshake, from either side, and then reads until the
 * end (D-27 to D-48, D-138). Layer 6.
 *
 * It has the attempt, and later the connection, of its peer; when it ends, for whatever reason, the
 * resource that it owns takes the peer down, once. Nothing that a stranger sends before its digest
 * is verified makes an atom or a record (D-146). */
#include <coppice/log.h>

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "dist/bytes.h"
#include "dist/control.h"
#include "dist/epmd.h"
#include "dist/frame.h"
#include "dist/nodes.h"
#include "dist/wire.h"
#include "io/fd_table.h"
#include "proc/bounded.h"
#include "proc/proc.h"
#include "term/atoms.h"
#include "term/node.h"

enum { BUFFER_SIZE = 64 << 10, BUFFER_KEEP = 1 << 20, LENGTH = 4, CHECKS = 4 };

struct connection {
    struct cop__resource resource; /* first */
    struct cop__peer *peer;        /* NULL: it is not known yet whose this is */
    uint64_t number, self;
    uint64_t handle; /* of the node at the other end, once up */
    struct cop__wire wire;
    bool counted; /* among the unfinished handshakes */
    struct cop__hs_name theirs;
    char cookie[256];
    struct cop__frames *frames;
    unsigned char *buffer;
    size_t start, end, room;
};

_Atomic(int) cop__handshakes;

static void finished(struct connection *connection)
{
    if (connection->counted)
        atomic_fetch_sub_explicit(&cop__handshakes, 1, memory_order_relaxed);
    connection->counted = false;
}

static void release(struct cop__resource *resource)
{
    struct connection *connection = (struct connection *)resource;

    finished(connection);
    if (connection->peer && connection->number)
        cop__peer_down(connection->peer, connection->number, connection->self);
    else if (connection->peer)
        cop__peer_abandon(connection->peer, connection->self);
    cop__frames_free(connection->frames);
    cop__wire_release(&connection->wire);
    free(connection->buffer);
    free(connection);
}

static struct connection *new_connection(void)
{
    struct connection *connection = calloc(1, sizeof *connection);

    if (!connection)
        cop_exit(cop("system_limit"));
    connection->resource.release = release;
    connection->self = cop_self().id;
    cop__enter();
    cop__resource_add(&connection->resource);
    cop__never_waits(); /* one slow mailbox would hold up all that comes from the node */
    cop__leave();
    cop_set_group_leader(cop_self(), cop_self()); /* of no application */
    return connection;
}

static COP_NORETURN void give_up(void)
{
    cop_exit(cop("shutdown"));
}

/* --- The handshake: messages
 * ------------------------------------------------------------------------ */

/* Of the length before each message: more over another transport than TCP (D-132). */
static unsigned length_size(const struct connection *connection)
{
    return connection->wire.stream ? COP__HS_LENGTH_MAX : 2;
}

/* message begins with COP__HS_LENGTH_MAX bytes of room. */
static void send_message(struct connection *connection, unsigned char *message, size_t size)
{
    unsigned length = length_size(connection);
    unsigned char *start = message + COP__HS_LENGTH_MAX - length;

    cop__put_be(start, size, length);
    if (cop__wire_send(&connection->wire, start, length + size) < 0)
        give_up();
}

/* The size of the message now in it; the process ends when none comes. */
static size_t receive_message(struct connection *connection, unsigned char *message)
{
    unsigned char length[COP__HS_LENGTH_MAX];
    size_t size;

    if (cop__wire_recv_exactly(
            &connection->wire, length, length_size(connection), cop__net.setuptime_ms) < 0)
        give_up();
    size = cop__get_be(length, length_size(connection));
    if (!size || size > COP__HS_MESSAGE_MAX ||
        cop__wire_recv_exactly(&connection->wire, message, size, cop__net.setuptime_ms) < 0)
        give_up();
    return size;
}

static void send_status(struct connection *connection, const char *status)
{
    unsigned char message[COP__HS_LENGTH_MAX + 32];

    send_message(connection, message, cop__hs_write_status(message + COP__HS_LENGTH_MAX, status));
}

static uint32_t new_challenge(void)
{
    uint32_t challenge;

    if (!cop__clock_secret(&challenge, sizeof challenge))
        give_up();
    return challenge;
}

static struct cop__hs_name our_name(uint32_t challenge)
{
    struct cop__hs_name name = {
        .flags = cop__net.flags, .creation = cop__net.creation, .challenge = challenge
    };

    memcpy(name.name, cop__net.name, sizeof name.name);
    return name;
}

static const char *peer_text(struct connection *connection, char text[64])
{
    if (cop_tcp_peer(connection->wire.socket, text, 64) < 0)
        memcpy(text, "?", 2);
    return text;
}

/* D-32: said once, here and not to the peer. */
static COP_NORETURN void wrong_cookie(struct connection *connection)
{
    char text[64];

    cop__failure_note(connection->wire.socket);
    cop_log(COP_LOG_ERROR, "node %s at %s has another cookie: the connection is refused",
        connection->theirs.name, peer_text(connection, text));
    give_up();
}

static void find_cookie(struct connection *connection)
{
    if (cop__cookie_for(connection->cookie, connection->theirs.name) < 0)
        give_up();
}

static bool is_able(const struct cop__hs_name *theirs)
{
    return (theirs->flags & COP__DF_REQUIRED) == COP__DF_REQUIRED;
}

/* --- Up
 * -----------------------------------------------------------------------------------------------
 */

static COP_NORETURN void run(struct connection *connection);

/* Another process may be telling of the end of the connection before. */
static void await_settled(struct cop__peer *peer)
{
    for (;; cop_yield()) {
        bool settled;

        cop__enter();
        settled = cop__peer_is_settled(peer);
        cop__leave();
        if (settled)
            return;
    }
}

static COP_NORETURN void up(struct connection *connection)
{
    bool is_node = cop__load(connection->peer->kind) == COP__PEER_NODE;
    uint64_t flags = connection->theirs.flags & (is_node ? cop__net.flags : UINT64_MAX);
    cop_term arg = cop("{Number, Socket, Stream}", cop_uint(connection->number),
        cop_from_socket(connection->wire.socket),
        cop_uint((uint64_t)(uintptr_t)connection->wire.stream));
    bool is_up;

    finished(connection);
    connection->frames = cop__frames_new(flags & (COP__DF_DIST_HDR_ATOM_CACHE | COP__DF_FRAGMENTS));
    connection->buffer = malloc(BUFFER_SIZE);
    connection->room = BUFFER_SIZE;
    connection->handle = cop__node_handle(connection->peer->name, connection->theirs.creation);
    if (!connection->frames || !connection->buffer)
        cop_exit(cop("system_limit"));
    await_settled(connection->peer);
    cop__enter();
    is_up = cop__peer_up(
        connection->peer, connection->number, connection->self, flags, connection->theirs.creation);
    if (is_up && is_node)
        cop__nodes_changed(connection->peer->name, true, flags & COP__DF_PUBLISHED, 0);
    cop__leave();
    if (!is_up)
        give_up();
    cop__wire_hold(&connection->wire); /* the writer's */
    cop_spawn_with(cop__writer_main, arg,
        &(struct cop_spawn_options){
            .link = true, .initial_call = "writer", .stack_size = is_node ? cop__wire_stack() : 0 },
        NULL);
    if (!is_node)
        cop_init_ack(cop("ok"));
    run(connection);
}

/* --- Without a handshake
 * ---------------------------------------------------------------------------------- */

void cop__joined_main(cop_term arg)
{
    struct connection *connection = new_connection();
    uint64_t index, creation, fd;
    cop_term terms[3];
    int error;

    cop_must(cop_match(arg, "{Peer, Creation, Fd}", &terms[0], &terms[1], &terms[2]));
    cop_to_uint(&index, terms[0]);
    cop_to_uint(&creation, terms[1]);
    cop_to_uint(&fd, terms[2]);
    cop__enter();
    error = cop__fd_open(&connection->wire.socket.id, (int)fd, COP__FD_STREAM, NULL);
    connection->peer = cop__peer_of_connection(index);
    if (error == 0)
        connection->number = cop__peer_attempt(connection->peer, connection->self, false);
    cop__leave();
    if (!connection->number)
        cop_exit(cop("system_limit"));
    connection->theirs.creation = (uint32_t)creation;
    connection->theirs.flags = COP__DF_ANNOUNCED;
    up(connection);
}

/* --- As the one who connects
 * ---------------------------------------------------------------------------- */

static void open_wire(struct connection *connection, cop_atom node)
{
    cop_bytes name = cop_atom_text(node);
    const char *at = memchr(name.data, '@', name.size);
    char host[256], alive[256];
    int port = cop__route_find(host, node.index);

    if (!port) {
        size_t before = (size_t)(at - name.data), after = name.size - before - 1;

        memcpy(alive, name.data, before);
        alive[before] = 0;
        memcpy(host, at + 1, after);
        host[after] = 0;
        port =
            cop__net.options->epmd == COP_EPMD_NONE ? cop__net.port : cop__epmd_port(host, alive);
    }
    if (port <= 0 || cop_tcp_connect(&connection->wire.socket, host, port,
                         .timeout_ms = cop__net.setuptime_ms) < 0)
        give_up();
    memcpy(host, at + 1, name.size - (size_t)(at - name.data) - 1);
    host[name.size - (size_t)(at - name.data) - 1] = 0; /* of the name, whatever the route */
    if (!cop__wire_open(&connection->wire, true, host))
        give_up();
}

/* D-06: short and long names never meet, and what is no name is nowhere. */
static bool may_reach(cop_atom node)
{
    char name[COP__HS_NAME_MAX + 1];
    cop_bytes text = cop_atom_text(node);
    const char *host;

    if (text.size > COP__HS_NAME_MAX)
        return false;
    memcpy(name, text.data, text.size);
    name[text.size] = 0;
    if (!cop__hs_valid_name(name))
        return false;
    host = strchr(name, '@') + 1;
    if ((strchr(host, '.') != NULL) == cop__net.long_names)
        return true;
    cop_log(COP_LOG_ERROR, "%s is a %s name, and this node has a %s one: they cannot be connected",
        name, cop__net.long_names ? "short" : "long", cop__net.long_names ? "long" : "short");
    return false;
}

static void answer_status(struct connection *connection)
{
    unsigned char message[COP__HS_MESSAGE_MAX];
    char status[32];

    if (!cop__hs_read_status(status, message, receive_message(connection, message)))
        give_up();
    if (strcmp(status, "ok") == 0 || strcmp(status, "ok_simultaneous") == 0)
        return;
    if (strcmp(status, "nok") == 0) { /* the other's attempt takes our place, or none (D-36) */
        cop_receive_match_within(cop__net.setuptime_ms, "never");
        give_up();
    }
    if (strcmp(status, "alive") == 0) {
        send_status(connection, "true");
        return;
    }
    cop_log(COP_LOG_ERROR, "node %.*s refuses the connection: %s",
        COP_STR(cop_atom_text((cop_atom){ connection->peer->name })), status);
    give_up();
}

static COP_NORETURN void initiate(struct connection *connection, cop_atom node)
{
    unsigned char message[COP__HS_LENGTH_MAX + COP__HS_MESSAGE_MAX], digest[COP__HS_DIGEST_SIZE],
        theirs[COP__HS_DIGEST_SIZE];
    uint32_t challenge = new_challenge();
    struct cop__hs_name name = our_name(0);
    cop_bytes wanted = cop_atom_text(node);

    open_wire(connection, node);
    send_message(connection, message, cop__hs_write_name(message + COP__HS_LENGTH_MAX, &name));
    answer_status(connection);
    if (!cop__hs_read_challenge(
            &connection->theirs, message, receive_message(connection, message)) ||
        strlen(connection->theirs.name) != wanted.size ||
        memcmp(connection->theirs.name, wanted.data, wanted.size) != 0 || /* D-34 */
        !is_able(&connection->theirs))
        give_up();
    find_cookie(connection);
    cop__hs_digest(digest, connection->cookie, connection->theirs.challenge);
    send_message(
        connection, message, cop__hs_write_reply(message + COP__HS_LENGTH_MAX, challenge, digest));
    if (!cop__hs_read_ack(theirs, message, receive_message(connection, message)))
        give_up();
    cop__hs_digest(digest, connection->cookie, challenge);
    if (!cop__hs_same_digest(digest, theirs))
        wrong_cookie(connection);
    up(connection);
}

void cop__connect_main(cop_term arg)
{
    struct connection *connection = new_connection();
    cop_term number;
    cop_atom node;
    bool ours;

    cop_must(cop_match(arg, "{Node, Number}", &node, &number));
    cop_to_uint(&connection->number, number);
    connection->peer = cop__peer_find(node.index, true);
    cop__enter();
    ours =
        connection->peer && cop__peer_claim(connection->peer, connection->number, connection->self);
    cop__leave();
    if (!ours)
        connection->peer = NULL;
    if (!ours || !may_reach(node))
        give_up();
    initiate(connection, node);
}

/* --- As the one who is connected to
 * -------------------------------------------------------------------- */

static bool is_allowed(const char *name)
{
    const char *const *allow = cop__net.options->allow;

    while (allow && *allow && strcmp(*allow, name) != 0)
        allow++;
    return !allow || *allow;
}

/* The record of whoever says to have this name, if there is one already. */
static struct cop__peer *known_peer(const char *name)
{
    cop_atom atom;

    return cop_atom_existing(&atom, (cop_bytes){ name, strlen(name) })
               ? cop__peer_find(atom.index, false)
               : NULL;
}

/* Take the place of an attempt that is under way, or begin one where there is nothing. */
static void take_place(struct connection *connection, struct cop__peer *peer)
{
    uint64_t number;

    connection->peer = peer;
    cop__enter();
    number = cop__peer_take_over(peer, connection->self);
    if (!number)
        number = cop__peer_attempt(peer, connection->self, false);
    connection->number = number;
    cop__leave();
}

/* There is a connection: it is replaced when the peer has proved to be who it says (D-37). */
static void become_successor(struct connection *connection, struct cop__peer *peer)
{
    unsigned char message[COP__HS_MESSAGE_MAX];
    char status[32];
    bool ours;

    cop__enter();
    ours = cop__peer_succeed(peer, connection->self);
    if (ours)
        connection->peer = peer;
    cop__leave();
    if (!ours)
        give_up();
    send_status(connection, "alive");
    if (!cop__hs_read_status(status, message, receive_message(connection, message)) ||
        strcmp(status, "true") != 0)
        give_up();
}

/* Says what the state of things asks for (D-35, D-37). */
static void send_our_status(struct connection *connection)
{
    struct cop__peer *peer = known_peer(connection->theirs.name);
    struct cop__peer_view view = { .state = COP__PEER_DOWN };

    if (peer)
        view = cop__peer_look(peer);
    if (view.state == COP__PEER_PENDING && view.outgoing) {
        if (strcmp(cop__net.name, connection->theirs.name) > 0) {
            send_status(connection, "nok");
            give_up();
        }
        take_place(connection, peer);
        send_status(connection, "ok_simultaneous");
        return;
    }
    if (view.state == COP__PEER_UP) {
        become_successor(connection, peer);
        return;
    }
    if (peer)
        take_place(connection, peer);
    send_status(connection, "ok");
}

/* The peer is who it says: its attempt is the one that counts now. */
static void become_current(struct connection *connection)
{
    struct cop__peer *peer = connection->peer;
    cop_atom atom;

    if (!peer) {
        const char *name = connection->theirs.name;

        if (cop_atom_from_bytes(&atom, (cop_bytes){ name, strlen(name) }) != 0 ||
            !(peer = cop__peer_find(atom.index, true)))
            cop_exit(cop("system_limit"));
    }
    if (connection->peer && !connection->number) {
        cop__enter();
        connection->number = cop__peer_replace(peer, connection->self);
        cop__leave();
    }
    if (!connection->number)
        take_place(connection, peer);
    if (!connection->number)
        give_up();
}

static COP_NORETURN void respond(struct connection *connection)
{
    unsigned char message[COP__HS_LENGTH_MAX + COP__HS_MESSAGE_MAX], digest[COP__HS_DIGEST_SIZE],
        theirs[COP__HS_DIGEST_SIZE];
    uint32_t challenge = new_challenge(), their_challenge;
    struct cop__hs_name name = our_name(challenge);

    if (!cop__hs_read_name(&connection->theirs, message, receive_message(connection, message)))
        give_up();
    if (!is_able(&connection->theirs) || connection->theirs.flags & COP__DF_NAME_ME ||
        !cop__hs_valid_name(connection->theirs.name) || !is_allowed(connection->theirs.name) ||
        strcmp(connection->theirs.name, cop__net.name) == 0) {
        char text[64];

        send_status(connection, "not_allowed");
        cop_log(COP_LOG_ERROR, "node %s at %s is not allowed to connect", connection->theirs.name,
            peer_text(connection, text));
        give_up();
    }
    send_our_status(connection);
    send_message(connection, message, cop__hs_write_challenge(message + COP__HS_LENGTH_MAX, &name));
    if (!cop__hs_read_reply(
            &their_challenge, theirs, message, receive_message(connection, message)))
        give_up();
    find_cookie(connection);
    cop__hs_digest(digest, connection->cookie, challenge);
    if (!cop__hs_same_digest(digest, theirs))
        wrong_cookie(connection);
    become_current(connection);
    cop__hs_digest(digest, connection->cookie, their_challenge);
    send_message(connection, message, cop__hs_write_ack(message + COP__HS_LENGTH_MAX, digest));
    up(connection);
}

void cop__accepted_main(cop_term arg)
{
    struct connection *connection = new_connection();

    connection->counted = true;
    cop_to_socket(&connection->wire.socket, arg);
    if (!cop_receive_match_within(cop__net.setuptime_ms, "go") ||
        !cop__wire_open(&connection->wire, false, NULL))
        give_up();
    respond(connection);
}

/* --- Reading
 * -------------------------------------------------------------------------------------------- */

static COP_NORETURN void protocol_error(struct connection *connection, const char *what)
{
    cop_log(COP_LOG_ERROR, "node %.*s broke the protocol: %s; the connection is closed",
        COP_STR(cop_atom_text((cop_atom){ connection->peer->name })), what);
    give_up();
}

static void end_with(struct connection *connection, uint32_t reason)
{
    cop__enter();
    cop__spin_lock(&connection->peer->lock);
    if (connection->peer->connection == connection->number && !connection->peer->reason)
        connection->peer->reason = reason;
    cop__spin_unlock(&connection->peer->lock);
    cop__leave();
    give_up();
}

static void take_frame(struct connection *connection, const struct cop__link_end *end,
    const unsigned char *bytes, size_t size)
{
    struct cop__etf_reader reader;
    const char *wrong = NULL;
    int whole = cop__frames_take(connection->frames, &reader, bytes, size);

    if (whole < 0)
        protocol_error(connection, connection->frames->wrong);
    if (whole && !cop__control_received(end, &reader, &wrong))
        protocol_error(connection, wrong);
    if (whole)
        atomic_fetch_add_explicit(&connection->peer->messages_in, 1, memory_order_relaxed);
    cop_turn_end();
}

/* All frames that are whole. Returns how much room the next one needs behind what is here. */
static size_t take_frames(struct connection *connection, const struct cop__link_end *end)
{
    for (;;) {
        unsigned char *at = connection->buffer + connection->start;
        size_t have = connection->end - connection->start, size;

        if (have < LENGTH)
            return LENGTH - have;
        size = cop__get_be(at, LENGTH);
        if (size > COP__FRAME_MAX)
            protocol_error(connection, "a frame is too long");
        if (have - LENGTH < size)
            return size - (have - LENGTH);
        connection->start += LENGTH + size;
        if (size)
            take_frame(connection, end, at + LENGTH, size);
    }
}

/* Room for more at the end. It grows as bytes come, not to what they announce (D-147). */
static void make_room(struct connection *connection, size_t needed)
{
    size_t have = connection->end - connection->start, room = connection->room;
    unsigned char *buffer;

    if (connection->start) {
        memmove(connection->buffer, connection->buffer + connection->start, have);
        connection->start = 0;
        connection->end = have;
    }
    if (have + needed > room && have >= room / 2)
        room = 2 * room;
    else if (!have && room > BUFFER_KEEP)
        room = BUFFER_SIZE;
    if (room == connection->room)
        return;
    buffer = realloc(connection->buffer, room);
    if (!buffer)
        cop_exit(cop("system_limit"));
    connection->buffer = buffer;
    connection->room = room;
}

static COP_NORETURN void run(struct connection *connection)
{
    const struct cop__link_end end = { .peer = connection->peer,
        .connection = connection->number,
        .handle = connection->handle,
        .headers = connection->frames->headers };
    /* A part that ends closes the connection, and one that hangs is its supervisor's affair. */
    int64_t look_ms = cop__load(connection->peer->kind) == COP__PEER_NODE
                          ? cop__net.ticktime_ms / CHECKS
                          : COP_INFINITY;
    int silent = 0;

    for (;;) {
        int64_t count;

        make_room(connection, take_frames(connection, &end));
        count = cop__wire_recv(&connection->wire, connection->buffer + connection->end,
            connection->room - connection->end, look_ms);
        if (count == -COP_ETIMEOUT) {
            if (++silent >= CHECKS)
                end_with(connection, COP__ATOM_net_tick_timeout);
            continue;
        }
        if (count < 0)
            end_with(connection, COP__ATOM_connection_closed);
        silent = 0;
        connection->end += (size_t)count;
        atomic_fetch_add_explicit(
            &connection->peer->bytes_in, (uint64_t)count, memory_order_relaxed);
    }
}
