/* SPDX-License-Identifier: Apache-2.0 */
/* The process that writes a connection: what senders have queued, in one go where possible, and a
 * tick when nothing was written for a quarter of the tick time (D-138 to D-143). Layer 6. */
#include <stdlib.h>

#include "dist/nodes.h"
#include "dist/peer.h"
#include "dist/wire.h"
#include "proc/proc.h"

enum { PIECES_MAX = 16 };
static const uint64_t NEVER_NS = UINT64_MAX / 2; /* parts need no ticks */

struct writer {
    struct cop__resource resource; /* first */
    struct cop__chunk *chunks;     /* in hand */
    struct cop__large *large;      /* the same */
    struct cop__peer *peer;
    uint64_t number;
    struct cop__wire wire;
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
    if (writer->large) {
        cop__spin_lock(&writer->peer->lock);
        if (writer->peer->queue.in_hand == writer->large)
            writer->peer->queue.in_hand = NULL; /* it goes with the queue */
        else
            cop__large_free(writer->large);
        cop__spin_unlock(&writer->peer->lock);
    }
    cop__wire_release(&writer->wire);
    free(writer);
}

static COP_NORETURN void stop(void)
{
    cop_exit(cop("shutdown")); /* the process that reads is linked, and ends too */
}

/* What is in hand is on its way, or the process has ended. */
static void write_all(struct writer *writer)
{
    cop_bytes pieces[PIECES_MAX];
    uint64_t bytes = 0;

    while (writer->chunks) {
        size_t count = 0;

        for (const struct cop__chunk *chunk = writer->chunks; chunk && count < PIECES_MAX;
             chunk = chunk->next) {
            pieces[count++] = (cop_bytes){ (const char *)chunk->bytes, chunk->size };
            bytes += chunk->size;
        }
        if (cop__wire_send_all(&writer->wire, pieces, count) < 0)
            stop();
        while (count--)
            drop(writer);
    }
    atomic_fetch_add_explicit(&writer->peer->bytes_out, bytes, memory_order_relaxed);
}

/* Small messages and the fragments of others go between its fragments. */
static void write_fragment(struct writer *writer, const struct cop__fragment *fragment)
{
    const cop_bytes pieces[2] = { { (const char *)fragment->head, fragment->head_size },
        { (const char *)fragment->bytes, fragment->size } };

    writer->large = fragment->large;
    if (cop__wire_send_all(&writer->wire, pieces, 2) < 0)
        stop();
    atomic_fetch_add_explicit(
        &writer->peer->bytes_out, fragment->head_size + fragment->size, memory_order_relaxed);
    cop__enter();
    writer->large = NULL;
    cop__spin_lock(&writer->peer->lock);
    cop__queue_written(&writer->peer->queue, fragment->large);
    cop__spin_unlock(&writer->peer->lock);
    cop__leave();
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
    uint64_t interval_ns, wrote_ns = cop__now_ns();
    struct writer *writer = calloc(1, sizeof *writer);
    cop_term number, socket, stream;
    uint64_t address = 0;
    bool is_up;

    if (!writer)
        cop_exit(cop("system_limit"));
    writer->resource.release = release;
    cop_must(cop_match(arg, "{Number, Socket, Stream}", &number, &socket, &stream));
    cop_to_uint(&address, stream);
    writer->wire.stream = (void *)(uintptr_t)address;
    cop_to_uint(&writer->number, number);
    cop_to_socket(&writer->wire.socket, socket);
    writer->peer = cop__peer_of_connection(writer->number);
    if (!begin(writer))
        stop();
    interval_ns = cop__load(writer->peer->kind) == COP__PEER_NODE
                      ? (uint64_t)cop__net.ticktime_ms * 1000000 / 4
                      : NEVER_NS;
    for (;;) {
        struct cop__fragment fragment;
        bool quiet = false;

        cop__enter();
        is_up = cop__peer_take(writer->peer, writer->number, &writer->chunks, &fragment);
        if (is_up && !writer->chunks && !fragment.large)
            quiet = !cop__park(wrote_ns + interval_ns) && cop__now_ns() >= wrote_ns + interval_ns;
        cop__leave();
        if (!is_up)
            stop();
        if (writer->chunks)
            write_all(writer);
        else if (fragment.large)
            write_fragment(writer, &fragment);
        else if (quiet && cop__wire_send(&writer->wire, tick, sizeof tick) < 0)
            stop();
        else if (!quiet)
            continue;
        wrote_ns = cop__now_ns();
    }
}
