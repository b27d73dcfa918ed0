/* SPDX-License-Identifier: Apache-2.0 */
/* Stream sockets: what is sent comes, once and in order, in whatever pieces; lines and packets come
 * whole; a slow reader holds the sender up and loses nothing; a cut is seen by both sides; who
 * connects to nobody is told. */
#include <coppice.h>
#include <string.h>

enum { CLIENTS = 3, LINES = 10, LARGE = 40000 };

static bool may_be_cut;

static void cut(const char *where, int64_t result)
{
    if (!may_be_cut)
        cop_sim_fail("%s: %s, and nothing was cut", where, cop_error_name((int)result));
    cop_exit(cop("normal"));
}

/* Echoes lines, each once, until the other side has ended. */
static void serve(cop_term arg)
{
    cop_socket socket;
    cop_bytes line;
    int64_t size;

    cop_to_socket(&socket, arg);
    cop_receive_match("go");
    while ((size = cop_tcp_read_line(&line, socket)) > 0) {
        char answer[64];
        int result, length = snprintf(answer, sizeof answer, "%.*s\n", COP_STR(line));

        if (cop_sim_choose(3) == 1)
            cop_sleep(cop_sim_choose(10)); /* slow */
        result = cop_tcp_send(socket, answer, (size_t)length);
        if (result < 0)
            cut("the server sends", result);
    }
    if (size < 0 && size != -COP_ECLOSED)
        cut("the server reads", size);
    cop_tcp_close(socket);
}

static void accept_all(cop_term arg)
{
    cop_socket listener, socket;

    cop_to_socket(&listener, arg);
    cop_receive_match("go");
    while (cop_tcp_accept(&socket, listener) == 0) {
        cop_pid pid = cop_spawn(serve, cop_from_socket(socket));

        cop_tcp_give_away(socket, pid);
        cop_send(pid, cop("go"));
    }
}

static cop_socket connect_to(int64_t port)
{
    cop_socket socket = { 0 };
    int result = cop_tcp_connect(&socket, "127.0.0.1", (int)port, .timeout_ms = 10000);

    if (result < 0)
        cut("connect", result);
    return socket;
}

/* Lines, one by one or several at a time: the answers are the same, in order. */
static void client(cop_term arg)
{
    char line[64];
    cop_bytes answer;
    int64_t index, port, sent = 0, seen = 0, result;
    cop_socket socket;
    cop_pid parent;

    cop_must(cop_match(arg, "{Parent, Index, Port}", &parent, &index, &port));
    socket = connect_to(port);
    while (seen < LINES) {
        for (int64_t more = 1 + cop_sim_choose(3); more && sent < LINES; more--, sent++) {
            int size = snprintf(line, sizeof line, "line %d of %d\n", (int)sent, (int)index);

            result = cop_tcp_send(socket, line, (size_t)size);
            if (result < 0)
                cut("the client sends", result);
        }
        while (seen < sent) {
            result = cop_tcp_read_line_within(&answer, socket, 60000);
            if (result < 0)
                cut("the client reads", result);
            snprintf(line, sizeof line, "line %d of %d", (int)seen++, (int)index);
            if (answer.size != strlen(line) || memcmp(line, answer.data, answer.size) != 0)
                cop_sim_fail("%.*s came in place of %s", COP_STR(answer), line);
        }
    }
    cop_tcp_close(socket);
}

/* One that sends much more than fits, to one that reads slowly. */
static void send_large(cop_term arg)
{
    static char bytes[LARGE];
    cop_socket socket;
    int64_t port;
    int result;

    cop_must(cop_match(arg, "Port", &port));
    for (int i = 0; i < LARGE; i++)
        bytes[i] = (char)(i % 251);
    socket = connect_to(port);
    result = cop_tcp_send(socket, bytes, sizeof bytes);
    if (result < 0)
        cut("much", result);
    cop_tcp_close(socket);
}

static void read_large(cop_socket socket)
{
    char bytes[1000];
    int64_t count, all = 0;

    while ((count = cop_tcp_recv(socket, bytes, 1 + cop_sim_choose(sizeof bytes - 1), 60000)) > 0) {
        for (int64_t i = 0; i < count; i++)
            if (bytes[i] != (char)((all + i) % 251))
                cop_sim_fail("byte %d is wrong", (int)(all + i));
        all += count;
        if (cop_sim_choose(10) == 1)
            cop_sleep(cop_sim_choose(5));
    }
    if ((count != -COP_ECLOSED || all != LARGE) && !may_be_cut)
        cut(count == -COP_ECLOSED ? "the end came too early" : "much is read", count);
}

static void await(cop_ref ref)
{
    cop_term reason;

    cop_must(cop_receive_match("{'DOWN', Ref, process, _, Reason}", ref, &reason));
    if (!cop_match(reason, "normal"))
        cop_sim_fail("a client ended with %s", cop_show(reason));
}

static int run(bool cuts)
{
    cop_socket listener, socket;
    cop_ref refs[CLIENTS], ref;
    cop_pid acceptor;
    int port;

    may_be_cut = cuts;
    cop_must(cop_tcp_listen(&listener, 0) == 0);
    port = cop_tcp_port(listener);
    if (cop_tcp_connect(&socket, "127.0.0.1", 1) != -ECONNREFUSED)
        cop_sim_fail("nobody listens there");
    cop_sim_set_faults(&(struct cop_sim_faults){ .cuts = cuts ? 20 : 0,
        .pauses = cop_sim_choose(10),
        .delay_max_ms = 1 + cop_sim_choose(50) });
    acceptor = cop_spawn(accept_all, cop_from_socket(listener));
    cop_tcp_give_away(listener, acceptor);
    cop_send(acceptor, cop("go"));
    for (int64_t i = 0; i < CLIENTS; i++)
        cop_spawn_monitor(client, cop("{Self, I, Port}", cop_self(), i, port), &refs[i]);
    for (int64_t i = 0; i < CLIENTS; i++)
        await(refs[i]);
    cop_exit_signal(acceptor, cop("kill"));
    cop_must(cop_tcp_listen(&listener, 0) == 0);
    cop_spawn_monitor(send_large, cop("Port", cop_tcp_port(listener)), &ref);
    if (cop_tcp_accept(&socket, listener) == 0)
        read_large(socket);
    cop_tcp_close(socket);
    await(ref);
    return 0;
}

static int sockets(int argc, char **argv)
{
    (void)argc, (void)argv;
    return run(false);
}

static int cuts(int argc, char **argv)
{
    (void)argc, (void)argv;
    return run(true);
}

static const cop_sim simulations[] = { { .name = "sockets", .main = sockets },
    { .name = "cuts", .main = cuts }, { 0 } };

int main(int argc, char **argv)
{
    return cop_sim_main(simulations, argc, argv);
}
