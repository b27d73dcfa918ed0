/* SPDX-License-Identifier: Apache-2.0 */
/* The connection: read what has come, run it as one batch, answer with one write. A session waits
 * for nobody but its own client and the partitions it asked; when it dies, with or without a crash,
 * its socket closes and nobody else notices. */
#include "session.h"
#include "clients.h"
#include "config.h"
#include "partitions.h"

#include <string.h>

enum {
    BATCH_COMMANDS_MAX = 1024,
    BATCH_PARTS_MAX = 1024,
    READ_AHEAD = 16 * 1024,
    HANDOVER_MS = 5000
};

static int to_socket(void *session, const void *data, size_t size)
{
    return cop_tcp_write(((struct session *)session)->socket, data, size);
}

void session_answer(struct session *session, cop_term answer)
{
    batch_answer(&session->batch, answer);
}

void session_ask(struct session *session, size_t partition, cop_term command)
{
    batch_ask(&session->batch, partition, command);
}

void session_ask_all(struct session *session, cop_term command)
{
    for (size_t i = 0; i < (size_t)config.partitions; i++)
        batch_ask(&session->batch, i, command);
}

void session_end(struct session *session, batch_finish *finish)
{
    batch_end(&session->batch, finish);
}

void session_ask_key(struct session *session, cop_atom command, const struct request *request)
{
    cop_term items[1 + STORE_ARGS_MAX];
    size_t count = request_count(request);

    if (count > sizeof items / sizeof *items) { /* no command takes so many */
        session_answer(session, answer_error(ERR_SYNTAX));
        return;
    }
    items[0] = cop_from_atom(command);
    for (size_t i = 1; i < count; i++)
        items[i] = cop_lift(request_arg(request, i));
    session_ask(session, partition_of_key(request_arg(request, 1)), cop_tuple_from(items, count));
    session_end(session, NULL);
}

void session_catch_up(struct session *session)
{
    batch_run(&session->batch, session->reply);
}

static bool is_full(const struct batch *batch)
{
    return batch->slots_count >= BATCH_COMMANDS_MAX || batch->parts_count >= BATCH_PARTS_MAX;
}

/* Run the commands at the start of data; how many bytes they took. */
static size_t run_commands(struct session *session, cop_bytes data)
{
    struct resp *resp = &session->resp;
    size_t at = 0;

    while (!session->closing && !is_full(&session->batch)) {
        struct request request = { resp, data.data + at };

        switch (resp_parse(resp, data.data + at, data.size - at)) {
        case RESP_COMMAND:
            command_run(session, &request);
            break;
        case RESP_NOTHING:
            break;
        case RESP_MORE:
            return at;
        case RESP_ERROR:
            session_answer(session, answer_error(resp->error));
            session->closing = true;
            break;
        }
        at += resp->at;
        resp_next(resp);
    }
    return at;
}

/* Wait for what the parser lacks, but ask for no more than twice what has come: the socket's buffer
 * grows by what we ask for, and a client may announce what it never sends. */
static void expect(struct session *session, size_t left)
{
    size_t bound = 2 * left + READ_AHEAD;

    session->size_min = session->resp.size_min < bound ? session->resp.size_min : bound;
}

/* One turn: false when the connection is over. */
static bool serve(struct session *session)
{
    struct reply reply;
    cop_bytes data;
    size_t taken;

    if (cop_tcp_peek(&data, session->socket, session->size_min, COP_INFINITY) < 0)
        return false;
    reply_init(&reply, session->protocol, to_socket, session);
    session->reply = &reply;
    taken = run_commands(session, data);
    session_catch_up(session);
    cop_tcp_consume(session->socket, taken);
    expect(session, data.size - taken);
    if (reply_flush(&reply) < 0 || cop_tcp_flush(session->socket) < 0)
        return false;
    return !session->closing;
}

void session(cop_term arg)
{
    struct session *self = cop_alloc(sizeof *self);
    char peer[64] = "?:0";

    cop_must(cop_to_socket(&self->socket, arg));
    cop_must(cop_receive_match_within(HANDOVER_MS, "socket_is_yours"));
    self->protocol = 2;
    self->size_min = 1;
    resp_init(&self->resp, (struct memory){ cop_alloc, cop_free }, config.request_size_max);
    cop_tcp_peer(self->socket, peer, sizeof peer);
    if (clients_enter(&self->id, peer)) {
        do
            cop_turn_end();
        while (serve(self));
    } else {
        static const char full[] = "-ERR max number of clients reached\r\n";

        cop_tcp_send(self->socket, full, sizeof full - 1);
    }
    cop_tcp_shutdown_write(self->socket);
    cop_tcp_close(self->socket);
}
