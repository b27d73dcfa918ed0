/* SPDX-License-Identifier: Apache-2.0 */
/* The process that writes a connection: what senders have queued, in one go where possible, and a
 * tick when nothing was written for a quarter of the tick time (D-138 to D-143). Layer 6. */
#include <stdlib.h>

#include "dist/nodes.h"
#include "dist/peer.h"
#include "proc/proc.h"

struct writer {
    struct cop__resource resource; /* first */
    struct cop__chunk *chunks;     /* in hand */
    struct cop__peer *peer;
    uint64_t number;
    cop_socket socket;
};

static void drop(struct writer *writer)
{
    struct cop__chunk *chunk = writer->chunks;

    writer->chunks = chunk->next;
    free(chunk);
}

static void release(struct cop__resource *resource)
{
    struct writer *writer = (struct writer *)resource;

    while (writer->chunks)
        drop(writer);
    free(writer);
}

static COP_NORETURN void stop(void)
{
    cop_exit(cop("shutdown")); /* the process that reads is linked, and ends too */
}

/* What is in hand is on its way, or the process has ended. */
static void write_all(struct writer *writer)
{
    uint64_t bytes = 0;

    while (writer->chunks) {
        if (cop_tcp_send(writer->socket, writer->chunks->bytes, writer->chunks->size) < 0)
            stop();
        bytes += writer->chunks->size;
        drop(writer);
    }
    atomic_fetch_add_explicit(&writer->peer->bytes_out, bytes, memory_order_relaxed);
}

/* Registered as the one to be woken; false: the connection is over. */
static bool begin(struct writer *writer)
{
    bool ours;

    cop__enter();
    cop__resource_add(&writer->resource);
    cop__spin_lock(&writer->peer->lock);
    ours = writer->peer->connection == writer->number && writer->peer->state == COP__PEER_UP;
    if (ours)
        writer->peer->writer = cop__proc_pid(cop__running()).id;
    cop__spin_unlock(&writer->peer->lock);
    cop__leave();
    return ours;
}

void cop__writer_main(cop_term arg)
{
    static const unsigned char tick[4];
    uint64_t interval_ns = (uint64_t)cop__net.ticktime_ms * 1000000 / 4, wrote_ns = cop__now_ns();
    struct writer *writer = calloc(1, sizeof *writer);
    cop_term number, socket;
    bool over = false;

    if (!writer)
        cop_exit(cop("system_limit"));
    writer->resource.release = release;
    cop_must(cop_match(arg, "{Number, Socket}", &number, &socket));
    cop_to_uint(&writer->number, number);
    cop_to_socket(&writer->socket, socket);
    writer->peer = cop__peer_of_connection(writer->number);
    if (!begin(writer))
        stop();
    for (;;) {
        cop__enter();
        writer->chunks = cop__peer_take(writer->peer, writer->number, &over);
        if (!writer->chunks && !over && !cop__park(wrote_ns + interval_ns) &&
            cop__now_ns() >= wrote_ns + interval_ns) {
            cop__leave();
            if (cop_tcp_send(writer->socket, tick, sizeof tick) < 0)
                stop();
            wrote_ns = cop__now_ns();
            continue;
        }
        cop__leave();
        if (over)
            stop();
        if (writer->chunks) {
            write_all(writer);
            wrote_ns = cop__now_ns();
        }
    }
}
