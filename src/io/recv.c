/* SPDX-License-Identifier: Apache-2.0 */
/* Receiving in direct style: some bytes, exactly so many, a line, a packet, what is there. Layer 3;
 * IO-4, IO-8.
 *
 * The hard idea: the number of system calls. A read that comes back short has emptied the socket,
 * so the next one would only say EAGAIN: `drained` remembers that and waits at once, and a request
 * costs one read. It may not be trusted once the poller has seen an end or an error: that edge may
 * have been one with the data's, and then no other will come. */
#include "base/network.h"
#include "io/fd_table.h"

#include <string.h>
#include <unistd.h>

/* What a reading function needs; the direction is taken while one exists. */
struct reader {
    struct cop__fd *slot;
    uint32_t seq;
    uint64_t deadline_ns;
    bool lost; /* closed while we waited: the direction is not ours any more */
};

static int begin(struct reader *reader, cop_socket socket, int64_t timeout_ms)
{
    struct cop__fd *slot = cop__fd_find(socket.id);
    int result;

    if (!slot)
        return -COP_ECLOSED;
    *reader = (struct reader){ .slot = slot, .seq = cop__fd_seq_of(socket.id) };
    result = cop__fd_take(slot, &slot->reading, reader->seq);
    if (result < 0)
        return result;
    if (!cop__fd_is_stream(slot) ||
        atomic_load_explicit(&slot->mode, memory_order_relaxed) != COP_PASSIVE) {
        cop__fd_read_done(slot);
        return -EINVAL; /* a listener, or its data comes as messages */
    }
    reader->deadline_ns = cop__deadline_ms(timeout_ms);
    return 0;
}

static void end(struct reader *reader)
{
    if (!reader->lost)
        cop__fd_read_done(reader->slot);
}

int64_t cop__fd_read(struct cop__fd *slot, void *buffer, size_t size)
{
    ssize_t count;

    if (cop__fd_ready(&slot->reader))
        slot->drained_r = 0;
    if (slot->drained_r && !atomic_load_explicit(&slot->hup, memory_order_relaxed))
        return -EAGAIN;
    do
        count = cop__network_read(slot->fd, buffer, size); /* it does not block */
    while (count < 0 && cop__last_error() == -EINTR);
    if (count < 0) {
        int error = cop__last_error();

        slot->drained_r = error == -EAGAIN;
        return error;
    }
    slot->drained_r = (size_t)count < size && count > 0;
    return count;
}

/* At least one byte into buffer, waiting for it. */
static int64_t read_some(struct reader *reader, void *buffer, size_t size)
{
    struct cop__fd *slot = reader->slot;

    for (;;) {
        int64_t count = cop__fd_read(slot, buffer, size);
        int waited;

        if (count > 0)
            return count;
        if (count == 0)
            return -COP_ECLOSED;
        if (count != -EAGAIN)
            return count;
        waited =
            cop__fd_wait(slot, &slot->reader, &slot->reading, reader->seq, reader->deadline_ns);
        reader->lost = waited == -COP_ECLOSED;
        if (waited < 0)
            return waited;
        slot->drained_r = 0;
    }
}

/* Read ahead until at least size bytes are in the buffer, which may hold size_max. */
static int64_t fill(struct reader *reader, size_t size, size_t size_max)
{
    struct cop__buffer *in = &reader->slot->in;

    while (cop__buffer_size(in) < size) {
        int64_t room = cop__buffer_reserve(in, size - cop__buffer_size(in), size_max), count;

        if (room < 0)
            return room;
        count = read_some(reader, in->data + in->end, (size_t)room);
        if (count < 0)
            return count;
        in->end += (uint32_t)count;
    }
    return 0;
}

static size_t take_buffered(struct cop__buffer *in, void *buffer, size_t size)
{
    cop_bytes held = cop__buffer_bytes(in);
    size_t count = held.size < size ? held.size : size;

    if (count) {
        memcpy(buffer, held.data, count);
        cop__buffer_consume(in, count);
    }
    return count;
}

int64_t cop_tcp_recv(cop_socket socket, void *buffer, size_t size, int64_t timeout_ms)
{
    struct reader reader;
    int64_t result;

    if (size == 0)
        return -COP_EBADARG;
    cop__enter();
    result = begin(&reader, socket, timeout_ms);
    if (result == 0) {
        result = (int64_t)take_buffered(&reader.slot->in, buffer, size);
        if (result == 0)
            result = read_some(&reader, buffer, size);
        end(&reader);
    }
    cop__leave();
    return result;
}

/* Not enough came: what did is put back in front, so that nothing is lost by a timeout. */
static void put_back(struct cop__fd *slot, const char *data, size_t size)
{
    cop__buffer_append(&slot->in, data, size, UINT32_MAX);
}

static int64_t read_exactly(struct reader *reader, char *buffer, size_t size)
{
    size_t have = take_buffered(&reader->slot->in, buffer, size);

    while (have < size) {
        int64_t count = read_some(reader, buffer + have, size - have);

        if (count < 0) {
            if (!reader->lost)
                put_back(reader->slot, buffer, have);
            return count;
        }
        have += (size_t)count;
    }
    return 0;
}

int cop_tcp_recv_exactly(cop_socket socket, void *buffer, size_t size, int64_t timeout_ms)
{
    struct reader reader;
    int64_t result;

    cop__enter();
    result = begin(&reader, socket, timeout_ms);
    if (result == 0) {
        result = read_exactly(&reader, buffer, size);
        end(&reader);
    }
    cop__leave();
    return (int)result;
}

/* --- Frames: lines and packets
 * -------------------------------------------------------------------- */

static int64_t read_frame(cop_bytes *ret_body, struct reader *reader, unsigned prefix)
{
    struct cop__buffer *in = &reader->slot->in;
    size_t size_max = reader->slot->packet_size_max;

    for (;;) {
        struct cop__frame frame;
        size_t needed = 0;
        int found = cop__buffer_frame(&frame, &needed, in, prefix, size_max);
        int64_t filled;

        if (found < 0)
            return found;
        if (found) {
            ret_body->data = in->data + in->start + frame.skip;
            ret_body->size = frame.size;
            cop__buffer_consume(
                in, frame.skip + frame.size); /* the bytes stay until the next read */
            return (int64_t)frame.size;
        }
        filled = fill(reader, needed, size_max + prefix);
        if (filled < 0)
            return filled;
    }
}

int64_t cop_tcp_read_line_within(cop_bytes *ret_line, cop_socket socket, int64_t timeout_ms)
{
    struct reader reader;
    cop_bytes line;
    int64_t result;

    cop__enter();
    result = begin(&reader, socket, timeout_ms);
    if (result == 0) {
        result = read_frame(&line, &reader, 0);
        if (result >= 0) {
            line.size--;
            if (line.size && line.data[line.size - 1] == '\r')
                line.size--;
            *ret_line = line;
            result = (int64_t)line.size;
        }
        end(&reader);
    }
    cop__leave();
    return result;
}

static int64_t read_available(cop_bytes *ret_data, struct reader *reader, size_t size_min)
{
    struct cop__buffer *in = &reader->slot->in;
    int64_t filled = fill(reader, size_min ? size_min : 1, reader->slot->packet_size_max);

    if (filled < 0)
        return filled;
    *ret_data = cop__buffer_bytes(in);
    return (int64_t)ret_data->size;
}

int64_t cop_tcp_read_packet(cop_bytes *ret_packet, cop_socket socket, int64_t timeout_ms)
{
    static const unsigned prefix[] = {
        [COP_PACKET_LINE] = 0, [COP_PACKET_1] = 1, [COP_PACKET_2] = 2, [COP_PACKET_4] = 4
    };
    struct reader reader;
    int64_t result;

    cop__enter();
    result = begin(&reader, socket, timeout_ms);
    if (result == 0) {
        if (reader.slot->packet == COP_PACKET_RAW) {
            result = read_available(ret_packet, &reader, 1);
            if (result > 0)
                cop__buffer_consume(&reader.slot->in, (size_t)result);
        } else {
            result = read_frame(ret_packet, &reader, prefix[reader.slot->packet]);
        }
        end(&reader);
    }
    cop__leave();
    return result;
}

int64_t cop_tcp_peek(cop_bytes *ret_data, cop_socket socket, size_t size_min, int64_t timeout_ms)
{
    struct reader reader;
    int64_t result;

    cop__enter();
    result = begin(&reader, socket, timeout_ms);
    if (result == 0) {
        result = read_available(ret_data, &reader, size_min);
        end(&reader);
    }
    cop__leave();
    return result;
}

void cop_tcp_consume(cop_socket socket, size_t size)
{
    struct reader reader;

    cop__enter();
    if (begin(&reader, socket, 0) == 0) {
        cop__buffer_consume(&reader.slot->in, size);
        end(&reader);
    }
    cop__leave();
}
