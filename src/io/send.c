/* SPDX-License-Identifier: Apache-2.0 */
/* Sending: straight to the system when nothing is queued; what it does not take is waited for, up to the
 * socket's send time-out. cop_tcp_write queues, within a bound, and flush sends in one call. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "io/io.h"

/* All of it. Inside on entry; inside on 0, outside otherwise. */
static int send_all(struct cop__socket *socket, const char *data, size_t size)
{
    uint64_t deadline_ns = 0;

    while (size) {
        ssize_t sent = socket->write_drained ? -1 : send(socket->fd, data, size, MSG_NOSIGNAL);
        int error = sent >= 0 ? 0 : socket->write_drained ? EAGAIN : cop__io_errno();
        int result;

        if (sent >= 0) {
            data += sent;
            size -= (size_t)sent;
            if (size)
                socket->write_drained = true;
            continue;
        }
        if (error == EINTR)
            continue;
        if (error != EAGAIN) {
            cop__socket_leave(socket);
            return error == EPIPE ? -COP_ECLOSED : -error;
        }
        if (!deadline_ns)
            deadline_ns = cop__io_deadline(socket->send_timeout_ms);
        result = cop__socket_wait(socket, &socket->writer, deadline_ns);
        if (result < 0)
            return result;
        socket->write_drained = false;
    }
    return 0;
}

static int flush_inside(struct cop__socket *socket)
{
    size_t size = socket->out_size;

    if (!size)
        return 0;
    socket->out_size = 0; /* what a failed flush did not send is lost with the connection */
    return send_all(socket, socket->out, size);
}

int cop_tcp_send(cop_socket handle, const void *data, size_t size)
{
    struct cop__socket *socket;
    int result;

    cop__enter();
    socket = cop__socket_use(handle);
    if (!socket) {
        cop__leave();
        return -COP_ECLOSED;
    }
    result = flush_inside(socket);
    if (result == 0)
        result = send_all(socket, data, size);
    if (result == 0)
        cop__socket_leave(socket);
    cop__leave();
    return result;
}

int cop_tcp_write(cop_socket handle, const void *data, size_t size)
{
    struct cop__socket *socket;
    int result = 0;

    cop__enter();
    socket = cop__socket_use(handle);
    if (!socket) {
        cop__leave();
        return -COP_ECLOSED;
    }
    if (!socket->out && !(socket->out = malloc(socket->out_max)))
        result = -ENOMEM;
    if (result == 0 && socket->out_size + size > socket->out_max) {
        result = flush_inside(socket);
        if (result == 0 && size > socket->out_max) {
            result = send_all(socket, data, size);
            size = 0;
        }
        if (result < 0) {
            cop__leave();
            return result;
        }
    }
    if (result == 0) {
        memcpy(socket->out + socket->out_size, data, size);
        socket->out_size += size;
    }
    cop__socket_leave(socket);
    cop__leave();
    return result;
}

int cop_tcp_flush(cop_socket handle)
{
    struct cop__socket *socket;
    int result;

    cop__enter();
    socket = cop__socket_use(handle);
    if (!socket) {
        cop__leave();
        return -COP_ECLOSED;
    }
    result = flush_inside(socket);
    if (result == 0)
        cop__socket_leave(socket);
    cop__leave();
    return result;
}

int cop_tcp_printf(cop_socket handle, const char *format, ...)
{
    char small[512], *text = small;
    va_list arguments;
    int size, result;

    va_start(arguments, format);
    size = vsnprintf(small, sizeof small, format, arguments);
    va_end(arguments);
    if (size < 0)
        return -EINVAL;
    if ((size_t)size >= sizeof small) {
        text = cop_alloc((size_t)size + 1);
        va_start(arguments, format);
        vsnprintf(text, (size_t)size + 1, format, arguments);
        va_end(arguments);
    }
    result = cop_tcp_send(handle, text, (size_t)size);
    if (text != small)
        cop_free(text);
    return result;
}

int cop_tcp_shutdown_write(cop_socket handle)
{
    struct cop__socket *socket;
    int result = cop_tcp_flush(handle);

    if (result < 0)
        return result;
    cop__enter();
    socket = cop__socket_use(handle);
    if (socket) {
        result = shutdown(socket->fd, SHUT_WR) < 0 ? -cop__io_errno() : 0;
        cop__socket_leave(socket);
    }
    cop__leave();
    return socket ? result : -COP_ECLOSED;
}
