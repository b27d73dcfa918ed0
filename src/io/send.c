/* SPDX-License-Identifier: Apache-2.0 */
/* Sending: straight to the system when nothing is queued, else in order behind it. Layer 3; IO-5,
 * IO-8.
 *
 * The hard idea: a frame goes whole or the stream is over. A send that runs into its timeout after
 * part of its bytes have gone leaves the peer in the middle of a frame, so from then on every send
 * on that socket fails; one of which nothing has gone leaves no trace. */
#include "base/network.h"
#include "io/fd_table.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

struct writer {
    struct cop__fd *slot;
    uint32_t seq;
    uint64_t deadline_ns; /* known once somebody has to wait */
    bool lost;            /* closed while we waited: the direction is not ours any more */
};

static int begin(struct writer *writer, cop_socket socket)
{
    struct cop__fd *slot = cop__fd_find(socket.id);
    int result;

    if (!slot)
        return -COP_ECLOSED;
    *writer = (struct writer){ .slot = slot, .seq = cop__fd_seq_of(socket.id) };
    result = cop__fd_take(slot, &slot->writing, writer->seq);
    if (result < 0)
        return result;
    result = cop__fd_is_stream(slot) ? slot->send_error : -EINVAL;
    if (result < 0)
        cop__fd_drop(&slot->writing);
    return result;
}

static void end(struct writer *writer)
{
    if (!writer->lost)
        cop__fd_drop(&writer->slot->writing);
}

/* In a function that never parks: errno is the thread's. */
static int64_t send_once(const struct cop__fd *slot, struct iovec *parts, size_t count)
{
    struct msghdr message = { .msg_iov = parts };
    int fd = slot->fd;
    ssize_t sent;

    message.msg_iovlen = (__typeof__(message.msg_iovlen))count; /* an int in musl */
    do
        sent = slot->kind == COP__FD_PIPE ? writev(fd, parts, (int)count)
                                          : cop__network_send(fd, &message);
    while (sent < 0 && cop__last_error() == -EINTR);
    return sent < 0 ? cop__last_error() : sent;
}

static int wait_writable(struct writer *writer)
{
    struct cop__fd *slot = writer->slot;
    int result;

    if (!writer->deadline_ns)
        writer->deadline_ns = cop__deadline_ms(slot->send_timeout_ms ? slot->send_timeout_ms : -1);
    result = cop__fd_wait(slot, &slot->writer, &slot->writing, writer->seq, writer->deadline_ns);
    writer->lost = result == -COP_ECLOSED;
    return result;
}

static int fail(struct cop__fd *slot, int error)
{
    if (error == -EPIPE)
        error = -COP_ECLOSED;
    slot->send_error = error;
    return error;
}

/* All of the parts; *ret_sent says how much has gone, also on failure. */
static int send_all(struct writer *writer, struct iovec *parts, size_t count, size_t *ret_sent)
{
    *ret_sent = 0;
    while (count) {
        int64_t sent;

        if (parts->iov_len == 0) {
            parts++, count--;
            continue;
        }
        sent = send_once(writer->slot, parts, count);
        if (sent == -EAGAIN) {
            int waited = wait_writable(writer);

            if (waited < 0)
                return waited;
            continue;
        }
        if (sent < 0)
            return fail(writer->slot, (int)sent);
        *ret_sent += (size_t)sent;
        while (sent > 0) {
            size_t part = (size_t)sent < parts->iov_len ? (size_t)sent : parts->iov_len;

            parts->iov_base = (char *)parts->iov_base + part;
            parts->iov_len -= part;
            sent -= (int64_t)part;
            if (parts->iov_len == 0)
                parts++, count--;
        }
    }
    return 0;
}

/* What is queued, then a frame: both, or an error and what is queued still in its place. The frame
 * itself may not be in the queue: a process that waits touches nothing of the slot. */
static int send_frame(struct writer *writer, struct iovec *frame, size_t count, size_t size)
{
    struct cop__fd *slot = writer->slot;
    size_t sent;
    int result;

    while (cop__buffer_size(&slot->out)) {
        cop_bytes queued = cop__buffer_bytes(&slot->out);
        int64_t gone = send_once(slot,
            &(struct iovec){ .iov_base = (char *)(uintptr_t)queued.data, .iov_len = queued.size },
            1);

        if (gone >= 0) {
            cop__buffer_consume(&slot->out, (size_t)gone);
            continue;
        }
        if (gone != -EAGAIN)
            return fail(slot, (int)gone);
        result = wait_writable(writer);
        if (result < 0)
            return result;
    }
    result = send_all(writer, frame, count, &sent);
    if (result < 0 && !writer->lost && sent > 0 && sent < size && !slot->send_error)
        slot->send_error = -COP_ECLOSED; /* a frame is cut: nothing may follow it */
    return result;
}

/* The length in front of a packet, as the socket's packet option has it. Its bytes, or -EMSGSIZE.
 */
static int prefix_of(unsigned char *prefix, const struct cop__fd *slot, size_t size)
{
    static const unsigned char bytes[] = { [COP_PACKET_RAW] = 0,
        [COP_PACKET_LINE] = 0,
        [COP_PACKET_1] = 1,
        [COP_PACKET_2] = 2,
        [COP_PACKET_4] = 4 };
    int count = bytes[slot->packet];

    if (count && (uint64_t)size >> (8 * count))
        return -EMSGSIZE;
    for (int i = 0; i < count; i++)
        prefix[i] = (unsigned char)(size >> (8 * (count - 1 - i)));
    return count;
}

/* --- What may be done with the direction while it is ours
 * --------------------------------------------------------------- */

static int send_now(struct writer *writer, const void *data, size_t size)
{
    unsigned char prefix[4];
    int count = prefix_of(prefix, writer->slot, size);
    struct iovec frame[2] = { { .iov_base = prefix, .iov_len = (size_t)count },
        { .iov_base = (char *)(uintptr_t)data, .iov_len = size } };

    return count < 0 ? count
           : count   ? send_frame(writer, frame, 2, size + (size_t)count)
                     : send_frame(writer, frame + 1, 1, size);
}

enum { PIECES_AT_ONCE = 32 };

/* data is an array of pieces, and size how many. All but the last round are full. */
static int send_pieces(struct writer *writer, const void *data, size_t size)
{
    const cop_bytes *pieces = data;
    struct iovec frame[1 + PIECES_AT_ONCE];
    unsigned char prefix[4];
    size_t bytes = 0, at = 0;
    int count, result = 0;

    for (size_t i = 0; i < size; i++)
        bytes += pieces[i].size;
    count = prefix_of(prefix, writer->slot, bytes);
    if (count < 0)
        return count;
    frame[0] = (struct iovec){ .iov_base = prefix, .iov_len = (size_t)count };
    do {
        size_t used = at ? 0 : 1, sent = 0;

        for (; at < size && used <= PIECES_AT_ONCE; at++)
            frame[used++] = (struct iovec){ .iov_base = (char *)(uintptr_t)pieces[at].data,
                .iov_len = pieces[at].size };
        for (size_t i = 0; i < used; i++)
            sent += frame[i].iov_len;
        result = send_frame(writer, frame, used, sent);
        if (result < 0 && at < size && !writer->lost && !writer->slot->send_error)
            writer->slot->send_error = -COP_ECLOSED; /* the rest is missing */
    } while (result == 0 && at < size);
    return result;
}

static int queue_up(struct writer *writer, const void *data, size_t size)
{
    struct cop__fd *slot = writer->slot;
    unsigned char prefix[4];
    int count = prefix_of(prefix, slot, size);

    if (count < 0)
        return count;
    if (cop__buffer_reserve(&slot->out, size + (size_t)count, slot->send_buffer_max) < 0)
        return send_now(writer, data, size); /* full, or too large */
    cop__buffer_append(&slot->out, prefix, (size_t)count, slot->send_buffer_max);
    cop__buffer_append(&slot->out, data, size, slot->send_buffer_max);
    return 0;
}

static int flush(struct writer *writer, const void *data, size_t size)
{
    (void)data, (void)size;
    return send_frame(writer, NULL, 0, 0);
}

static int flush_and_end(struct writer *writer, const void *data, size_t size)
{
    int result = flush(writer, data, size);

    if (result < 0)
        return result;
    if (cop__network_shut_write(writer->slot->fd) < 0)
        result = cop__last_error();
    writer->slot->send_error = -COP_ECLOSED;
    return result;
}

/* Take the direction, do the work, give it back. */
static inline int with_writer(cop_socket socket,
    int (*work)(struct writer *writer, const void *data, size_t size), const void *data,
    size_t size)
{
    struct writer writer;
    int result;

    cop__enter();
    result = begin(&writer, socket);
    if (result == 0) {
        result = work(&writer, data, size);
        end(&writer);
    }
    cop__leave();
    return result;
}

int cop_tcp_send(cop_socket socket, const void *data, size_t size)
{
    return with_writer(socket, send_now, data, size);
}

int cop_tcp_send_all(cop_socket socket, const cop_bytes *pieces, size_t count)
{
    return with_writer(socket, send_pieces, pieces, count);
}

int cop_tcp_write(cop_socket socket, const void *data, size_t size)
{
    return with_writer(socket, queue_up, data, size);
}

int cop_tcp_flush(cop_socket socket)
{
    return with_writer(socket, flush, NULL, 0);
}

int cop_tcp_shutdown_write(cop_socket socket)
{
    return with_writer(socket, flush_and_end, NULL, 0);
}

int cop_tcp_printf(cop_socket socket, const char *format, ...)
{
    char small[512], *text = small;
    va_list list;
    int size, result;

    va_start(list, format);
    size = vsnprintf(small, sizeof small, format, list);
    va_end(list);
    if (size < 0)
        return -COP_EBADARG;
    if ((size_t)size >= sizeof small) {
        text = cop_alloc((size_t)size + 1);
        va_start(list, format);
        vsnprintf(text, (size_t)size + 1, format, list);
        va_end(list);
    }
    result = cop_tcp_send(socket, text, (size_t)size);
    if (text != small)
        cop_free(text);
    return result;
}
