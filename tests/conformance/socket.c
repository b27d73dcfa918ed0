/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets in a node: both styles, ownership, and every fault that a network or a peer can make.
 * Where a test must have a peer that misbehaves, it uses the system's calls itself. */
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <coppice.h>

#include "conformance/node.h"

/* A test whose body is the first process of a node. */
#define NODE_TEST(NAME)               \
    static void in_node_##NAME(void); \
    TEST(NAME)                        \
    {                                 \
        node_run(in_node_##NAME, 2);  \
    }                                 \
    static void in_node_##NAME(void)

enum { LONG_MS = 10000 }; /* a wait that never ends by itself in a test that passes */

/* --- Helpers
 * -------------------------------------------------------------------------------------- */

static cop_socket listener_new(void)
{
    cop_socket listener = { 0 };

    CHECK_EQ_INT(cop_tcp_listen(&listener, 0), 0);
    return listener;
}

struct pair {
    cop_socket listener, here, there;
};

static struct pair pair_with(const struct cop_socket_options *options)
{
    struct pair pair = { .listener = { 0 } };

    CHECK_EQ_INT(cop_tcp_listen_with(&pair.listener, 0, options), 0);
    CHECK_EQ_INT(
        cop_tcp_connect_with(&pair.here, "127.0.0.1", cop_tcp_port(pair.listener), options), 0);
    CHECK_EQ_INT(cop_tcp_accept(&pair.there, pair.listener), 0);
    return pair;
}

static struct pair pair_new(void)
{
    return pair_with(NULL);
}

static void pair_close(struct pair *pair)
{
    cop_tcp_close(pair->here);
    cop_tcp_close(pair->there);
    cop_tcp_close(pair->listener);
}

static int raw_connect(int port)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
        .sin_port = htons((uint16_t)port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    CHECK(fd >= 0);
    CHECK_EQ_INT(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

/* Closing with linger 0 sends a reset. */
static void raw_reset(int fd)
{
    struct linger linger = { .l_onoff = 1, .l_linger = 0 };

    setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    close(fd);
}

/* A process runs fn(socket, starter) and says {done, Result}. */
static cop_term start_arg(cop_socket socket)
{
    return cop("{Socket, Starter}", cop_from_socket(socket), cop_self());
}

static cop_socket arg_socket(cop_term arg, cop_pid *ret_starter)
{
    cop_socket socket = { 0 };

    CHECK(cop_to_socket(&socket, cop_tuple_at(arg, 0)));
    CHECK(cop_to_pid(ret_starter, cop_tuple_at(arg, 1)));
    return socket;
}

static void tell(cop_pid starter, int64_t result)
{
    cop_send(starter, cop("{done, Result}", result));
}

static int64_t told(void)
{
    int64_t result = -1;

    CHECK(cop_receive_match_within(LONG_MS, "{done, Result}", &result));
    return result;
}

/* True once pid waits: it cannot do anything before somebody wakes it. */
static void await_waiting(cop_pid pid)
{
    for (int i = 0; i < 10000; i++) {
        cop_term status = cop_tuple_at(cop_process_info(pid, "status"), 1);

        if (cop_match(status, "waiting"))
            return;
        cop_sleep(1);
    }
    CHECK(false); /* the process waits */
}

static bool text_is(const char *data, int64_t size, const char *text)
{
    return size == (int64_t)strlen(text) && memcmp(data, text, (size_t)size) == 0;
}

/* --- Direct style
 * ---------------------------------------------------------------------------------- */

/* What is sent arrives, in both directions; the end of the stream is closed, again and again. */
NODE_TEST(send_and_receive)
{
    struct pair pair = pair_new();
    char buffer[16];

    CHECK_EQ_INT(cop_tcp_send(pair.here, "hello", 5), 0);
    CHECK(text_is(buffer, cop_tcp_recv(pair.there, buffer, sizeof buffer, LONG_MS), "hello"));
    CHECK_EQ_INT(cop_tcp_printf(pair.there, "%d+%d", 20, 22), 0);
    CHECK_EQ_INT(cop_tcp_recv_exactly(pair.here, buffer, 5, LONG_MS), 0);
    CHECK(text_is(buffer, 5, "20+22"));
    CHECK_EQ_INT(cop_tcp_recv(pair.here, buffer, sizeof buffer, 0), -COP_ETIMEOUT);
    CHECK_EQ_INT(cop_tcp_recv(pair.here, buffer, sizeof buffer, 5), -COP_ETIMEOUT);
    CHECK_EQ_INT(cop_tcp_close(pair.here), 0);
    CHECK_EQ_INT(cop_tcp_recv(pair.there, buffer, sizeof buffer, LONG_MS), -COP_ECLOSED);
    CHECK_EQ_INT(cop_tcp_recv(pair.there, buffer, sizeof buffer, LONG_MS), -COP_ECLOSED);
    pair_close(&pair);
}

/* Data that was there before the peer closed is read before the end is seen. */
NODE_TEST(data_before_the_end)
{
    struct pair pair = pair_new();
    char buffer[64];

    CHECK_EQ_INT(cop_tcp_send(pair.here, "last words", 10), 0);
    CHECK_EQ_INT(cop_tcp_close(pair.here), 0);
    CHECK(text_is(buffer, cop_tcp_recv(pair.there, buffer, sizeof buffer, LONG_MS), "last words"));
    CHECK_EQ_INT(cop_tcp_recv(pair.there, buffer, sizeof buffer, LONG_MS), -COP_ECLOSED);
    pair_close(&pair);
}

/* Half close: after shutdown_write the peer sees the end, and can still answer. */
NODE_TEST(half_close)
{
    struct pair pair = pair_new();
    char buffer[16];

    CHECK_EQ_INT(cop_tcp_write(pair.here, "question", 8), 0);
    CHECK_EQ_INT(cop_tcp_shutdown_write(pair.here), 0); /* sends what was queued first */
    CHECK_EQ_INT(cop_tcp_send(pair.here, "x", 1), -COP_ECLOSED);
    CHECK(text_is(buffer, cop_tcp_recv(pair.there, buffer, sizeof buffer, LONG_MS), "question"));
    CHECK_EQ_INT(cop_tcp_recv(pair.there, buffer, sizeof buffer, LONG_MS), -COP_ECLOSED);
    CHECK_EQ_INT(cop_tcp_send(pair.there, "answer", 6), 0);
    CHECK(text_is(buffer, cop_tcp_recv(pair.here, buffer, sizeof buffer, LONG_MS), "answer"));
    pair_close(&pair);
}

/* recv_exactly that runs out of time loses nothing. */
NODE_TEST(exactly_keeps_what_came)
{
    struct pair pair = pair_new();
    char buffer[8];

    CHECK_EQ_INT(cop_tcp_send(pair.here, "abc", 3), 0);
    CHECK_EQ_INT(cop_tcp_recv_exactly(pair.there, buffer, 6, 20), -COP_ETIMEOUT);
    CHECK_EQ_INT(cop_tcp_send(pair.here, "def", 3), 0);
    CHECK_EQ_INT(cop_tcp_recv_exactly(pair.there, buffer, 6, LONG_MS), 0);
    CHECK(text_is(buffer, 6, "abcdef"));
    pair_close(&pair);
}

/* Lines, however they come; a line longer than packet_size_max is an error, not memory. */
NODE_TEST(lines)
{
    struct pair pair = pair_with(&(struct cop_socket_options){ .packet_size_max = 16 });
    cop_bytes line;

    CHECK_EQ_INT(cop_tcp_send(pair.here, "one\r\ntwo\n\nfo", 12), 0);
    CHECK_EQ_INT(cop_tcp_read_line(&line, pair.there), 3);
    CHECK(cop_bytes_eq(line, "one"));
    CHECK_EQ_INT(cop_tcp_read_line(&line, pair.there), 3);
    CHECK(cop_bytes_eq(line, "two"));
    CHECK_EQ_INT(cop_tcp_read_line(&line, pair.there), 0);
    CHECK_EQ_INT(cop_tcp_read_line_within(&line, pair.there, 10), -COP_ETIMEOUT);
    CHECK_EQ_INT(cop_tcp_send(pair.here, "ur\n0123456789abcde\n", 19), 0);
    CHECK_EQ_INT(cop_tcp_read_line(&line, pair.there), 4);
    CHECK(cop_bytes_eq(line, "four"));
    CHECK_EQ_INT(cop_tcp_read_line(&line, pair.there), 15);
    CHECK_EQ_INT(cop_tcp_send(pair.here, "0123456789abcdef\n", 17), 0);
    CHECK_EQ_INT(cop_tcp_read_line(&line, pair.there), -EMSGSIZE);
    pair_close(&pair);
}

/* Packets of each prefix: the length is added by send and taken off by read_packet. */
NODE_TEST(packets)
{
    static const enum cop_packet kinds[] = { COP_PACKET_1, COP_PACKET_2, COP_PACKET_4 };
    static const char large[300];

    for (int i = 0; i < 3; i++) {
        struct pair pair = pair_with(&(struct cop_socket_options){ .packet = kinds[i] });
        cop_bytes packet;

        CHECK_EQ_INT(cop_tcp_send(pair.here, "first", 5), 0);
        CHECK_EQ_INT(cop_tcp_send(pair.here, "", 0), 0);
        CHECK_EQ_INT(cop_tcp_read_packet(&packet, pair.there, LONG_MS), 5);
        CHECK(cop_bytes_eq(packet, "first"));
        CHECK_EQ_INT(cop_tcp_read_packet(&packet, pair.there, LONG_MS), 0);
        CHECK_EQ_INT(cop_tcp_send(pair.here, large, sizeof large), i == 0 ? -EMSGSIZE : 0);
        if (i > 0)
            CHECK_EQ_INT(cop_tcp_read_packet(&packet, pair.there, LONG_MS), sizeof large);
        pair_close(&pair);
    }
}

/* A length above packet_size_max is refused when it is seen, before its bytes come. */
NODE_TEST(packet_limit)
{
    struct pair pair =
        pair_with(&(struct cop_socket_options){ .packet = COP_PACKET_4, .packet_size_max = 100 });
    int raw = raw_connect(cop_tcp_port(pair.listener));
    cop_socket hostile;
    cop_bytes packet;

    CHECK_EQ_INT(cop_tcp_accept(&hostile, pair.listener), 0); /* options of the listener */
    CHECK_EQ_INT(write(raw, "\x7f\xff\xff\xff", 4), 4);
    CHECK_EQ_INT(cop_tcp_read_packet(&packet, hostile, LONG_MS), -EMSGSIZE);
    close(raw);
    pair_close(&pair);
}

/* peek shows what is there, consume takes a part of it, the rest stays. */
NODE_TEST(peek_and_consume)
{
    struct pair pair = pair_new();
    cop_bytes data;
    char rest[8];

    CHECK_EQ_INT(cop_tcp_send(pair.here, "abcdef", 6), 0);
    CHECK_EQ_INT(cop_tcp_peek(&data, pair.there, 6, LONG_MS), 6);
    cop_tcp_consume(pair.there, 2);
    CHECK_EQ_INT(cop_tcp_peek(&data, pair.there, 1, LONG_MS), 4);
    CHECK(cop_bytes_eq(data, "cdef"));
    CHECK_EQ_INT(cop_tcp_peek(&data, pair.there, 5, 10), -COP_ETIMEOUT);
    CHECK_EQ_INT(cop_tcp_peek(&data, pair.there, 1 << 20, 10), -EMSGSIZE);
    CHECK(text_is(rest, cop_tcp_recv(pair.there, rest, sizeof rest, 0), "cdef"));
    pair_close(&pair);
}

/* --- Faults of the peer
 * ------------------------------------------------------------------------------ */

/* A reset is an error for the reader and the writer, and no signal. */
NODE_TEST(reset)
{
    cop_socket listener = listener_new(), client;
    int raw = raw_connect(cop_tcp_port(listener)), sent = 0;
    char buffer[8];

    CHECK_EQ_INT(cop_tcp_accept(&client, listener), 0);
    raw_reset(raw);
    CHECK_EQ_INT(cop_tcp_recv(client, buffer, sizeof buffer, LONG_MS), -ECONNRESET);
    for (int i = 0; i < 3 && sent == 0; i++)
        sent = cop_tcp_send(client, "x", 1);
    CHECK_EQ_INT(sent, -COP_ECLOSED);
    CHECK_EQ_INT(cop_tcp_close(client), 0);
}

/* Sending to a peer that has closed: an error at last, and never SIGPIPE. */
NODE_TEST(send_after_the_peer_closed)
{
    struct pair pair = pair_new();
    int sent = 0;

    CHECK_EQ_INT(cop_tcp_close(pair.there), 0);
    for (int i = 0; i < 1000 && sent == 0; i++) {
        sent = cop_tcp_send(pair.here, "x", 1);
        cop_sleep(1);
    }
    CHECK(sent == -COP_ECLOSED || sent == -ECONNRESET);
    pair_close(&pair);
}

/* A connection reset before it was accepted is the client's trouble: the next one is served. */
NODE_TEST(reset_before_accept)
{
    cop_socket listener = listener_new(), client;
    char buffer[8];
    int raw;

    raw_reset(raw_connect(cop_tcp_port(listener)));
    raw = raw_connect(cop_tcp_port(listener));
    CHECK_EQ_INT(write(raw, "hi", 2), 2);
    CHECK_EQ_INT(cop_tcp_accept(&client, listener, .timeout_ms = LONG_MS), 0);
    if (cop_tcp_recv(client, buffer, sizeof buffer, LONG_MS) < 0) /* it was the dead one */
        CHECK_EQ_INT(cop_tcp_accept(&client, listener, .timeout_ms = LONG_MS), 0);
    close(raw);
}

/* A peer that does not read: sends run into their timeout with bounded memory; a cut frame ends the
 * stream. */
NODE_TEST(slow_reader)
{
    struct pair pair = pair_with(&(struct cop_socket_options){
        .send_timeout_ms = 30, .sndbuf = 4096, .recbuf = 4096, .send_buffer_max = 8192 });
    static char block[1 << 20];
    int result = 0;

    for (int i = 0; i < 4096 && result == 0; i++)
        result = cop_tcp_write(pair.here, block, 1000);
    CHECK_EQ_INT(result, -COP_ETIMEOUT);
    result = 0;
    for (int i = 0; i < 64 && result == 0; i++)
        result = cop_tcp_send(pair.here, block, sizeof block);
    CHECK_EQ_INT(result, -COP_ETIMEOUT);
    pair_close(&pair);

    /* Whole frames only: after one that was cut, the stream is over. */
    pair = pair_with(
        &(struct cop_socket_options){ .send_timeout_ms = 30, .sndbuf = 4096, .recbuf = 4096 });
    CHECK_EQ_INT(cop_tcp_send(pair.here, block, sizeof block), -COP_ETIMEOUT);
    CHECK_EQ_INT(cop_tcp_send(pair.here, "x", 1), -COP_ECLOSED);
    pair_close(&pair);
}

static void drain(cop_term arg)
{
    cop_pid starter;
    cop_socket socket = arg_socket(arg, &starter);
    static char buffer[4096];
    int64_t total = 0, count;

    while ((count = cop_tcp_recv(socket, buffer, sizeof buffer, LONG_MS)) > 0)
        total += count;
    tell(starter, total);
}

/* A large send waits for a reader that comes later, and all of it arrives. */
NODE_TEST(send_waits_for_the_reader)
{
    struct pair pair = pair_with(&(struct cop_socket_options){ .sndbuf = 4096 });
    static char block[4 << 20];

    cop_spawn_link(drain, start_arg(pair.there));
    CHECK_EQ_INT(cop_tcp_send(pair.here, block, sizeof block), 0);
    CHECK_EQ_INT(cop_tcp_shutdown_write(pair.here), 0);
    CHECK_EQ_INT(told(), sizeof block);
    pair_close(&pair);
}

/* write queues without a system call; flush sends. */
NODE_TEST(write_and_flush)
{
    struct pair pair = pair_new();
    char buffer[16];

    CHECK_EQ_INT(cop_tcp_write(pair.here, "ab", 2), 0);
    CHECK_EQ_INT(cop_tcp_write(pair.here, "cd", 2), 0);
    CHECK_EQ_INT(cop_tcp_recv(pair.there, buffer, sizeof buffer, 5), -COP_ETIMEOUT);
    CHECK_EQ_INT(cop_tcp_flush(pair.here), 0);
    CHECK_EQ_INT(cop_tcp_recv_exactly(pair.there, buffer, 4, LONG_MS), 0);
    CHECK(text_is(buffer, 4, "abcd"));
    CHECK_EQ_INT(cop_tcp_write(pair.here, "ef", 2), 0);
    CHECK_EQ_INT(cop_tcp_send(pair.here, "gh", 2), 0); /* behind what is queued */
    CHECK_EQ_INT(cop_tcp_recv_exactly(pair.there, buffer, 4, LONG_MS), 0);
    CHECK(text_is(buffer, 4, "efgh"));
    CHECK_EQ_INT(cop_tcp_write(pair.here, "ij", 2), 0);
    CHECK_EQ_INT(cop_tcp_close(pair.here), 0); /* close sends what it can */
    CHECK_EQ_INT(cop_tcp_recv_exactly(pair.there, buffer, 2, LONG_MS), 0);
    pair_close(&pair);
}

/* --- Waiting, closing, handles
 * ------------------------------------------------------------------------- */

static void wait_in_recv(cop_term arg)
{
    cop_pid starter;
    cop_socket socket = arg_socket(arg, &starter);
    char buffer[8];

    tell(starter, cop_tcp_recv(socket, buffer, sizeof buffer, COP_INFINITY));
}

static void wait_in_accept(cop_term arg)
{
    cop_pid starter;
    cop_socket listener = arg_socket(arg, &starter), client;

    tell(starter, cop_tcp_accept(&client, listener));
}

/* Two processes may not wait in one direction; one that ended while it waited is not in the way. */
NODE_TEST(two_waiters)
{
    struct pair pair = pair_new();
    cop_pid waiter = cop_spawn(wait_in_recv, start_arg(pair.there));
    char buffer[8];

    await_waiting(waiter);
    CHECK_EQ_INT(cop_tcp_recv(pair.there, buffer, sizeof buffer, 0), -EBUSY);
    CHECK_EQ_INT(cop_tcp_send(pair.there, "x", 1), 0); /* the other direction is free */
    cop_ref monitor = cop_monitor(waiter);
    cop_exit_signal(waiter, cop("kill"));
    CHECK(cop_receive_match_within(LONG_MS, "{'DOWN', Ref, process, _, _}", monitor));
    CHECK_EQ_INT(cop_tcp_recv(pair.there, buffer, sizeof buffer, 5), -COP_ETIMEOUT);
    CHECK_EQ_INT(cop_tcp_send(pair.here, "y", 1), 0);
    CHECK_EQ_INT(cop_tcp_recv(pair.there, buffer, sizeof buffer, LONG_MS), 1);
    pair_close(&pair);
}

/* Closing wakes who waits, in recv and in accept, with closed. */
NODE_TEST(close_wakes_waiters)
{
    struct pair pair = pair_new();
    cop_pid reader = cop_spawn_link(wait_in_recv, start_arg(pair.there));

    await_waiting(reader);
    CHECK_EQ_INT(cop_tcp_close(pair.there), 0);
    CHECK_EQ_INT(told(), -COP_ECLOSED);
    cop_pid acceptor = cop_spawn_link(wait_in_accept, start_arg(pair.listener));
    await_waiting(acceptor);
    CHECK_EQ_INT(cop_tcp_close(pair.listener), 0);
    CHECK_EQ_INT(told(), -COP_ECLOSED);
    CHECK_EQ_INT(cop_tcp_close(pair.listener), -COP_ECLOSED);
    pair_close(&pair);
}

/* A stale handle is closed, also when its descriptor is another connection by now. */
NODE_TEST(stale_handle)
{
    struct pair old = pair_new(), young;
    char buffer[8];

    pair_close(&old);
    young = pair_new(); /* the same numbers */
    CHECK_EQ_INT(cop_tcp_send(old.here, "x", 1), -COP_ECLOSED);
    CHECK_EQ_INT(cop_tcp_recv(old.there, buffer, sizeof buffer, 0), -COP_ECLOSED);
    CHECK_EQ_INT(cop_tcp_close(old.here), -COP_ECLOSED);
    CHECK_EQ_INT(cop_tcp_port(old.listener), -COP_ECLOSED);
    CHECK_EQ_INT(cop_tcp_set_active(old.here, COP_ACTIVE), -COP_ECLOSED);
    CHECK_EQ_INT(cop_tcp_owner(old.here).id, 0);
    CHECK_EQ_INT(cop_tcp_send((cop_socket){ 0 }, "x", 1), -COP_ECLOSED);
    CHECK_EQ_INT(cop_tcp_send((cop_socket){ UINT64_MAX }, "x", 1), -COP_ECLOSED);
    CHECK_EQ_INT(cop_tcp_send(young.here, "x", 1), 0);
    CHECK_EQ_INT(cop_tcp_recv(young.there, buffer, sizeof buffer, LONG_MS), 1);
    pair_close(&young);
}

/* A socket as a term: goes through messages, and prints as a port. */
NODE_TEST(socket_as_term)
{
    struct pair pair = pair_new();
    cop_term term = cop_from_socket(pair.here);
    cop_socket back = { 0 };

    CHECK_EQ_INT(cop_type_of(term), COP_TYPE_PORT);
    CHECK(cop_to_socket(&back, term));
    CHECK(back.id == pair.here.id);
    CHECK(!cop_to_socket(&back, cop("ok")));
    CHECK(!cop_to_socket(&back, cop_from_pid(cop_self())));
    pair_close(&pair);
}

NODE_TEST(port_and_peer)
{
    struct pair pair = pair_new();
    char peer[64], expected[64];

    CHECK_EQ_INT(cop_tcp_port(pair.there), cop_tcp_port(pair.listener));
    CHECK_EQ_INT(cop_tcp_peer(pair.here, peer, sizeof peer), 0);
    snprintf(expected, sizeof expected, "127.0.0.1:%d", cop_tcp_port(pair.listener));
    CHECK_EQ_STR(peer, expected);
    CHECK(cop_tcp_owner(pair.here).id == cop_self().id);
    pair_close(&pair);
}

/* Connecting: refused, a host by name, what can never be right, a timeout of accept. */
NODE_TEST(connect)
{
    cop_socket listener = listener_new(), client;
    int port = cop_tcp_port(listener);

    CHECK_EQ_INT(cop_tcp_connect(&client, "localhost", port), 0);
    CHECK_EQ_INT(cop_tcp_close(client), 0);
    CHECK_EQ_INT(cop_tcp_accept(&client, listener, .timeout_ms = LONG_MS), 0);
    /* known to no file and no server, on no machine */
    CHECK_EQ_INT(cop_tcp_connect(&client, "a.LocalHost", port), 0);
    CHECK_EQ_INT(cop_tcp_close(client), 0);
    CHECK_EQ_INT(cop_tcp_accept(&client, listener, .timeout_ms = LONG_MS), 0);
    CHECK_EQ_INT(cop_tcp_accept(&client, listener, .timeout_ms = 5), -COP_ETIMEOUT);
    CHECK_EQ_INT(cop_tcp_close(listener), 0);
    CHECK_EQ_INT(cop_tcp_connect(&client, "127.0.0.1", port), -ECONNREFUSED);
    CHECK_EQ_INT(cop_tcp_connect(&client, "localhost", port), -ECONNREFUSED); /* IPv6 or not */
    CHECK_EQ_INT(cop_tcp_connect(&client, "127.0.0.1", 65536), -COP_EBADARG);
    CHECK_EQ_INT(cop_tcp_listen(&listener, port), 0);
    CHECK_EQ_INT(cop_tcp_listen(&client, port), -EADDRINUSE);
}

/* --- Ownership
 * ------------------------------------------------------------------------------------------ */

static void open_and_end(cop_term arg)
{
    cop_pid starter;
    int64_t port = 0;
    cop_socket socket = { 0 };

    CHECK(cop_match(arg, "{Port, Starter}", &port, &starter));
    CHECK_EQ_INT(cop_tcp_connect(&socket, "127.0.0.1", (int)port), 0);
    cop_send(starter, cop("{opened, Socket}", cop_from_socket(socket)));
}

/* A socket closes with its owner before anyone hears of the exit. */
NODE_TEST(closes_with_its_owner)
{
    cop_socket listener = listener_new(), client, theirs = { 0 };
    cop_term port;
    cop_ref monitor;
    char buffer[8];

    cop_spawn_monitor(
        open_and_end, cop("{Port, Starter}", cop_tcp_port(listener), cop_self()), &monitor);
    CHECK_EQ_INT(cop_tcp_accept(&client, listener, .timeout_ms = LONG_MS), 0);
    CHECK(cop_receive_match_within(LONG_MS, "{opened, Socket}", &port));
    CHECK(cop_to_socket(&theirs, port));
    CHECK(cop_receive_match_within(LONG_MS, "{'DOWN', Ref, process, _, _}", monitor));
    CHECK_EQ_INT(cop_tcp_send(theirs, "x", 1), -COP_ECLOSED);
    CHECK_EQ_INT(cop_tcp_recv(client, buffer, sizeof buffer, LONG_MS), -COP_ECLOSED);
}

static void hold(cop_term arg)
{
    (void)arg;
    CHECK(cop_receive_match_within(LONG_MS, "stop"));
}

/* Given away, it lives with the new owner and closes with it; only the owner gives. */
NODE_TEST(give_away)
{
    struct pair pair = pair_new();
    cop_ref monitor;
    cop_pid owner = cop_spawn_monitor(hold, cop_nil(), &monitor);
    char buffer[8];

    CHECK_EQ_INT(cop_tcp_give_away(pair.there, owner), 0);
    CHECK(cop_tcp_owner(pair.there).id == owner.id);
    CHECK_EQ_INT(cop_tcp_give_away(pair.there, cop_self()), -EPERM);
    CHECK_EQ_INT(cop_tcp_send(pair.there, "x", 1), 0); /* others may send */
    CHECK_EQ_INT(cop_tcp_recv(pair.here, buffer, sizeof buffer, LONG_MS), 1);
    cop_send(owner, cop("stop"));
    CHECK(cop_receive_match_within(LONG_MS, "{'DOWN', Ref, process, _, normal}", monitor));
    CHECK_EQ_INT(cop_tcp_send(pair.there, "x", 1), -COP_ECLOSED);
    CHECK_EQ_INT(cop_tcp_recv(pair.here, buffer, sizeof buffer, LONG_MS), -COP_ECLOSED);
    CHECK_EQ_INT(cop_tcp_give_away(pair.here, owner), -COP_ENOPROC);
    CHECK(cop_tcp_owner(pair.here).id == cop_self().id);
    pair_close(&pair);
}

static void close_it(cop_term arg)
{
    cop_pid starter;
    cop_socket socket = arg_socket(arg, &starter);

    tell(starter, cop_tcp_close(socket));
}

/* Another process may close; the owner's later end does not touch who has the number then. */
NODE_TEST(closed_by_another)
{
    struct pair pair = pair_new();

    for (int i = 0; i < 100; i++) {
        cop_socket mine, theirs;

        CHECK_EQ_INT(cop_tcp_connect(&mine, "127.0.0.1", cop_tcp_port(pair.listener)), 0);
        CHECK_EQ_INT(cop_tcp_accept(&theirs, pair.listener), 0);
        cop_spawn_link(close_it, start_arg(mine));
        CHECK_EQ_INT(told(), 0);
        CHECK_EQ_INT(cop_tcp_close(theirs), 0);
    }
    pair_close(&pair);
}

/* Given and closed before the new owner has looked: nothing is left, nothing breaks. */
NODE_TEST(given_and_closed_at_once)
{
    cop_ref monitor;
    cop_pid owner = cop_spawn_monitor(hold, cop_nil(), &monitor);
    cop_socket listener = listener_new();

    for (int i = 0; i < 100; i++) {
        cop_socket mine, theirs;

        CHECK_EQ_INT(cop_tcp_connect(&mine, "127.0.0.1", cop_tcp_port(listener)), 0);
        CHECK_EQ_INT(cop_tcp_accept(&theirs, listener), 0);
        CHECK_EQ_INT(cop_tcp_give_away(mine, owner), 0);
        CHECK_EQ_INT(cop_tcp_close(mine), 0);
        CHECK_EQ_INT(cop_tcp_close(theirs), 0);
    }
    cop_send(owner, cop("stop"));
    CHECK(cop_receive_match_within(LONG_MS, "{'DOWN', Ref, process, _, normal}", monitor));
}

static void echo_once(cop_term arg)
{
    cop_pid starter;
    cop_socket socket = arg_socket(arg, &starter);
    char buffer[8];
    int64_t count = cop_tcp_recv(socket, buffer, sizeof buffer, COP_INFINITY);

    tell(starter, count);
    CHECK(cop_receive_match_within(LONG_MS, "stop"));
}

/* The new owner may wait in the socket before it is given to it, and ends with it all the same. */
NODE_TEST(give_to_a_waiting_reader)
{
    struct pair pair = pair_new();
    cop_ref monitor;
    cop_pid reader = cop_spawn_monitor(echo_once, start_arg(pair.there), &monitor);

    await_waiting(reader);
    CHECK_EQ_INT(cop_tcp_give_away(pair.there, reader), 0);
    CHECK_EQ_INT(cop_tcp_send(pair.here, "x", 1), 0);
    CHECK_EQ_INT(told(), 1);
    cop_send(reader, cop("stop"));
    CHECK(cop_receive_match_within(LONG_MS, "{'DOWN', Ref, process, _, normal}", monitor));
    CHECK_EQ_INT(cop_tcp_send(pair.there, "x", 1), -COP_ECLOSED);
    pair_close(&pair);
}

/* --- Active mode
 * ------------------------------------------------------------------------------------------ */

static bool got(cop_socket socket, const char *text)
{
    cop_bytes data;

    return cop_receive_match_within(
               LONG_MS, "{tcp, Socket, Data}", cop_from_socket(socket), &data) &&
           cop_bytes_eq(data, text);
}

/* {active, true}: every piece is a message, the end is tcp_closed, and then the handle is closed.
 */
NODE_TEST(active)
{
    struct pair pair = pair_new();
    char buffer[8];

    CHECK_EQ_INT(cop_tcp_send(pair.here, "before", 6), 0);
    CHECK_EQ_INT(cop_tcp_set_active(pair.there, COP_ACTIVE), 0);
    CHECK(got(pair.there, "before"));
    CHECK_EQ_INT(cop_tcp_recv(pair.there, buffer, sizeof buffer, 0), -EINVAL);
    CHECK_EQ_INT(cop_tcp_send(pair.here, "after", 5), 0);
    CHECK(got(pair.there, "after"));
    CHECK_EQ_INT(cop_tcp_close(pair.here), 0);
    CHECK(cop_receive_match_within(LONG_MS, "{tcp_closed, Socket}", cop_from_socket(pair.there)));
    CHECK_EQ_INT(cop_tcp_send(pair.there, "x", 1), -COP_ECLOSED);
    pair_close(&pair);
}

/* {active, once}: one message, then passive until asked again; nothing is lost in between. */
NODE_TEST(active_once)
{
    struct pair pair = pair_with(&(struct cop_socket_options){ .packet = COP_PACKET_LINE });

    CHECK_EQ_INT(cop_tcp_send(pair.here, "one\ntwo\nthree\n", 14), 0);
    CHECK_EQ_INT(cop_tcp_set_active(pair.there, COP_ACTIVE_ONCE), 0);
    CHECK(got(pair.there, "one\n"));
    CHECK(cop_is_none(cop_receive_within(10)));
    CHECK_EQ_INT(cop_tcp_set_active(pair.there, COP_ACTIVE_ONCE), 0);
    CHECK(got(pair.there, "two\n"));
    cop_bytes line;
    CHECK_EQ_INT(cop_tcp_read_line(&line, pair.there), 5); /* passive again */
    CHECK(cop_bytes_eq(line, "three"));
    CHECK_EQ_INT(cop_tcp_set_active(pair.there, COP_ACTIVE_ONCE), 0);
    CHECK(cop_is_none(cop_receive_within(5)));
    CHECK_EQ_INT(cop_tcp_send(pair.here, "four\n", 5), 0);
    CHECK(got(pair.there, "four\n"));
    pair_close(&pair);
}

/* {active, N}: N messages, then tcp_passive; counts add up, and below zero is passive at once. */
NODE_TEST(active_n)
{
    struct pair pair = pair_with(&(struct cop_socket_options){ .packet = COP_PACKET_2 });
    cop_term port = cop_from_socket(pair.there);

    CHECK_EQ_INT(cop_tcp_set_active_n(pair.there, 1), 0);
    CHECK_EQ_INT(cop_tcp_set_active_n(pair.there, 1), 0);
    for (int i = 0; i < 3; i++)
        CHECK_EQ_INT(cop_tcp_printf(pair.here, "m%d", i), 0);
    CHECK(got(pair.there, "m0"));
    CHECK(got(pair.there, "m1"));
    CHECK(cop_receive_match_within(LONG_MS, "{tcp_passive, Socket}", port));
    CHECK(cop_is_none(cop_receive_within(10)));
    CHECK_EQ_INT(cop_tcp_set_active_n(pair.there, 32768), -EINVAL);
    CHECK_EQ_INT(cop_tcp_set_active_n(pair.there, 2), 0);
    CHECK(got(pair.there, "m2"));
    CHECK_EQ_INT(cop_tcp_set_active_n(pair.there, -5), 0);
    CHECK(cop_receive_match_within(LONG_MS, "{tcp_passive, Socket}", port));
    pair_close(&pair);
}

/* A reset and an oversized packet are tcp_error, then tcp_closed. */
NODE_TEST(active_errors)
{
    cop_socket listener = listener_new(), client;
    int raw = raw_connect(cop_tcp_port(listener));

    CHECK_EQ_INT(cop_tcp_accept(&client, listener), 0);
    CHECK_EQ_INT(cop_tcp_set_active(client, COP_ACTIVE), 0);
    raw_reset(raw);
    CHECK(cop_receive_match_within(
        LONG_MS, "{tcp_error, Socket, econnreset}", cop_from_socket(client)));
    CHECK(cop_receive_match_within(LONG_MS, "{tcp_closed, Socket}", cop_from_socket(client)));
    raw = raw_connect(cop_tcp_port(listener));
    CHECK_EQ_INT(
        cop_tcp_accept(&client, listener, .packet = COP_PACKET_4, .packet_size_max = 64), 0);
    CHECK_EQ_INT(cop_tcp_set_active(client, COP_ACTIVE), 0);
    CHECK_EQ_INT(write(raw, "\x70\0\0\0", 4), 4);
    CHECK(cop_receive_match_within(
        LONG_MS, "{tcp_error, Socket, emsgsize}", cop_from_socket(client)));
    CHECK(cop_receive_match_within(LONG_MS, "{tcp_closed, Socket}", cop_from_socket(client)));
    close(raw);
}

static void count_active(cop_term arg)
{
    cop_pid starter;
    cop_socket socket = arg_socket(arg, &starter);
    cop_bytes data;
    int64_t total = 0;

    for (;; cop_turn_end()) {
        cop_term message = cop_receive_within(LONG_MS);

        if (cop_is_none(message) ||
            cop_match(message, "{tcp_closed, Socket}", cop_from_socket(socket)))
            break;
        if (cop_match(message, "{tcp, Socket, Data}", cop_from_socket(socket), &data))
            total += (int64_t)data.size;
    }
    tell(starter, total);
}

/* Giving an active socket away: what was delivered already follows, what comes goes to the new
 * owner. */
NODE_TEST(give_away_active)
{
    struct pair pair = pair_new();
    cop_pid counter;

    CHECK_EQ_INT(cop_tcp_set_active(pair.there, COP_ACTIVE), 0);
    CHECK_EQ_INT(cop_tcp_send(pair.here, "12345", 5), 0);
    cop_sleep(5);
    counter = cop_spawn_link(count_active, start_arg(pair.there));
    CHECK_EQ_INT(cop_tcp_give_away(pair.there, counter), 0);
    CHECK_EQ_INT(cop_tcp_send(pair.here, "67890", 5), 0);
    CHECK_EQ_INT(cop_tcp_shutdown_write(pair.here), 0);
    CHECK_EQ_INT(told(), 10);
    pair_close(&pair);
}

/* Megabytes through active mode, more than is read at one event: all of it, in order of arrival. */
NODE_TEST(active_bulk)
{
    struct pair pair = pair_new();
    cop_pid counter = cop_spawn_link(count_active, start_arg(pair.there));
    static char block[16 << 20];

    CHECK_EQ_INT(cop_tcp_give_away(pair.there, counter), 0);
    CHECK_EQ_INT(cop_tcp_set_active(pair.there, COP_ACTIVE), 0);
    CHECK_EQ_INT(cop_tcp_send(pair.here, block, sizeof block), 0);
    CHECK_EQ_INT(cop_tcp_shutdown_write(pair.here), 0);
    CHECK_EQ_INT(told(), sizeof block);
    pair_close(&pair);
}

/* --- Many, and too many
 * ------------------------------------------------------------------------------------- */

static void echo(cop_term arg)
{
    cop_pid starter;
    cop_socket socket = arg_socket(arg, &starter);
    char buffer[64];
    int64_t count;

    cop_send(starter, cop("started"));
    CHECK(cop_receive_match_within(LONG_MS, "go"));
    while ((count = cop_tcp_recv(socket, buffer, sizeof buffer, COP_INFINITY)) > 0)
        if (cop_tcp_send(socket, buffer, (size_t)count) < 0)
            break;
}

static void echo_server(cop_term arg)
{
    cop_pid starter;
    cop_socket listener = arg_socket(arg, &starter), client;

    while (cop_tcp_accept(&client, listener) == 0) {
        cop_pid pid =
            cop_spawn(echo, cop("{Socket, Starter}", cop_from_socket(client), cop_self()));

        CHECK(cop_receive_match_within(LONG_MS, "started"));
        CHECK_EQ_INT(cop_tcp_give_away(client, pid), 0);
        cop_send(pid, cop("go"));
        cop_turn_end();
    }
    tell(starter, 0);
}

/* 2,000 connections, each with its process, each answered several times. */
NODE_TEST(two_thousand_connections)
{
    enum { CONNECTIONS = 2000, ROUNDS = 3 };
    static cop_socket clients[CONNECTIONS];
    struct rlimit limit;
    cop_socket listener = listener_new();
    int connections = CONNECTIONS, right = 0;

    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max < 8192 ? limit.rlim_max : 8192;
    setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < 2 * CONNECTIONS + 64)
        connections = (int)(limit.rlim_cur - 64) / 2;
    cop_spawn_link(echo_server, start_arg(listener));
    for (int i = 0; i < connections; i++)
        CHECK_EQ_INT(cop_tcp_connect(&clients[i], "127.0.0.1", cop_tcp_port(listener)), 0);
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < connections; i++)
            cop_tcp_send(clients[i], &i, sizeof i);
        for (int i = 0; i < connections; i++) {
            int back = -1;

            cop_tcp_recv_exactly(clients[i], &back, sizeof back, LONG_MS);
            right += back == i;
        }
    }
    CHECK_EQ_INT(right, connections * ROUNDS);
    for (int i = 0; i < connections; i++)
        cop_tcp_close(clients[i]);
    cop_tcp_close(listener);
    CHECK_EQ_INT(told(), 0);
}

/* R23: no descriptor left. The acceptor waits without spinning, and serves as soon as one is free.
 */
NODE_TEST(descriptors_exhausted)
{
    cop_socket listener = listener_new(), client;
    int raw = raw_connect(cop_tcp_port(listener)), taken[64], count = 0;
    struct rlimit old, low;
    struct rusage before, after;
    struct cop_node_statistics statistics_before, statistics_after;
    int64_t cpu_us;

    getrlimit(RLIMIT_NOFILE, &old);
    low = old;
    low.rlim_cur = (rlim_t)raw + 16;
    setrlimit(RLIMIT_NOFILE, &low);
    while (count < 64 && (taken[count] = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0)
        count++;
    CHECK(count > 0);
    getrusage(RUSAGE_SELF, &before);
    cop_statistics(&statistics_before);
    CHECK_EQ_INT(cop_tcp_accept(&client, listener, .timeout_ms = 200), -EMFILE);
    CHECK_EQ_INT(cop_tcp_connect(&client, "127.0.0.1", cop_tcp_port(listener)), -EMFILE);
    cop_statistics(&statistics_after);
    getrusage(RUSAGE_SELF, &after);
    cpu_us = (after.ru_utime.tv_sec - before.ru_utime.tv_sec) * 1000000 + after.ru_utime.tv_usec -
             before.ru_utime.tv_usec;
    CHECK(cpu_us < 100000);
    CHECK(statistics_after.context_switches - statistics_before.context_switches < 100);
    cop_spawn_link(wait_in_accept, start_arg(listener));
    cop_sleep(20);
    close(taken[--count]);
    CHECK_EQ_INT(told(), 0);
    while (count > 0)
        close(taken[--count]);
    setrlimit(RLIMIT_NOFILE, &old);
    close(raw);
}

/* --- Unix-domain sockets
 * ---------------------------------------------------------------------------------------- */

/* By path: the same calls; a path left behind by a dead server is taken over, a living one is not.
 */
NODE_TEST(unix_domain)
{
    cop_socket listener, here, there, second;
    char path[64], buffer[8], peer[64];

    snprintf(path, sizeof path, "/tmp/cop_socket_test.%d", (int)getpid());
    CHECK_EQ_INT(cop_unix_listen(&listener, path, NULL), 0);
    CHECK_EQ_INT(cop_unix_connect(&here, path, NULL), 0);
    CHECK_EQ_INT(cop_tcp_accept(&there, listener), 0);
    CHECK_EQ_INT(cop_tcp_send(here, "hello", 5), 0);
    CHECK_EQ_INT(cop_tcp_recv(there, buffer, sizeof buffer, LONG_MS), 5);
    CHECK_EQ_INT(cop_tcp_peer(there, peer, sizeof peer), 0);
    CHECK_EQ_INT(cop_tcp_port(there), 0);
    CHECK_EQ_INT(cop_unix_listen(&second, path, NULL), -EADDRINUSE);
    CHECK_EQ_INT(cop_tcp_close(listener), 0);
    CHECK_EQ_INT(cop_unix_connect(&second, path, NULL), -ECONNREFUSED);
    CHECK_EQ_INT(cop_unix_listen(&listener, path, NULL), 0);
    unlink(path);
    CHECK_EQ_INT(cop_unix_connect(&second, path, NULL), -ENOENT);
}

/* A listener whose queue is full: connecting waits for its timeout, not for ever, and not spinning.
 */
NODE_TEST(unix_queue_full)
{
    cop_socket listener, client;
    struct cop_socket_options patient = { .timeout_ms = 30 };
    char path[64];
    int result = 0;

    snprintf(path, sizeof path, "/tmp/cop_socket_full.%d", (int)getpid());
    CHECK_EQ_INT(cop_unix_listen(&listener, path, &(struct cop_socket_options){ .backlog = 1 }), 0);
    for (int i = 0; i < 10 && result == 0; i++)
        result = cop_unix_connect(&client, path, &patient);
    CHECK_EQ_INT(result, -COP_ETIMEOUT);
    CHECK_EQ_INT(cop_tcp_accept(&client, listener), 0);
    CHECK_EQ_INT(cop_unix_connect(&client, path, &patient), 0);
    unlink(path);
}
