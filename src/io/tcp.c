/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets in direct style: listen, connect, accept, receive. A call tries first and waits only when the system
 * says so; whoever waits parks, the thread does not. */
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "io/io.h"

enum { BACKLOG = 1024, DESCRIPTORS_PAUSE_MS = 50 };

static const struct cop_socket_options no_options;

/* --- Addresses ------------------------------------------------------------------------------------ */

struct address {
    struct sockaddr_storage storage;
    socklen_t size;
};

static int numeric_address(struct address *ret, const char *host, int port)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)&ret->storage;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&ret->storage;

    memset(ret, 0, sizeof *ret);
    if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons((uint16_t)port);
        ret->size = sizeof *v4;
        return 0;
    }
    if (inet_pton(AF_INET6, host, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons((uint16_t)port);
        ret->size = sizeof *v6;
        return 0;
    }
    return -EADDRNOTAVAIL;
}

/* A name is looked up in a blocking section: others go on meanwhile. rt even. */
static int look_up(struct address *ret, const char *host, int port)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *found = NULL;
    int result;

    if (!host || !*host)
        host = "127.0.0.1";
    if (numeric_address(ret, host, port) == 0)
        return 0;
    cop__blocking_begin();
    result = getaddrinfo(host, NULL, &hints, &found);
    cop__blocking_end();
    if (result != 0 || !found)
        return -EHOSTUNREACH;
    memcpy(&ret->storage, found->ai_addr, found->ai_addrlen);
    ret->size = found->ai_addrlen;
    freeaddrinfo(found);
    if (ret->storage.ss_family == AF_INET6)
        ((struct sockaddr_in6 *)&ret->storage)->sin6_port = htons((uint16_t)port);
    else
        ((struct sockaddr_in *)&ret->storage)->sin_port = htons((uint16_t)port);
    return 0;
}

static void set_option(int fd, int level, int name, int value)
{
    setsockopt(fd, level, name, &value, sizeof value);
}

static void set_stream_options(int fd, int family, const struct cop_socket_options *options)
{
    if (family != AF_UNIX) {
        if (!options->nagle)
            set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
        if (options->keepalive)
            set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    }
    if (options->recbuf)
        set_option(fd, SOL_SOCKET, SO_RCVBUF, (int)options->recbuf);
    if (options->sndbuf)
        set_option(fd, SOL_SOCKET, SO_SNDBUF, (int)options->sndbuf);
}

static bool unix_address(struct address *ret, const char *path)
{
    struct sockaddr_un *local = (struct sockaddr_un *)&ret->storage;

    memset(ret, 0, sizeof *ret);
    if (!path || strlen(path) >= sizeof local->sun_path)
        return false;
    local->sun_family = AF_UNIX;
    strncpy(local->sun_path, path, sizeof local->sun_path - 1);
    ret->size = sizeof *local;
    return true;
}

/* --- Listen ----------------------------------------------------------------------------------------- */

static int listen_at(cop_socket *ret_listener, const struct address *address, const struct cop_socket_options *options)
{
    int family = address->storage.ss_family, result, fd;
    struct cop__socket *listener;

    cop__enter();
    fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        result = -cop__io_errno();
        cop__leave();
        return result;
    }
    if (family != AF_UNIX && !options->no_reuseaddr)
        set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (family == AF_INET6)
        set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, options->ipv6_only);
    if (bind(fd, (const struct sockaddr *)&address->storage, address->size) < 0 ||
        listen(fd, options->backlog ? options->backlog : BACKLOG) < 0) {
        result = -cop__io_errno();
        close(fd);
        cop__leave();
        return result;
    }
    result = cop__socket_new(ret_listener, fd, options);
    if (result == 0 && (listener = cop__socket_use(*ret_listener))) {
        listener->listening = true;
        cop__socket_leave(listener);
    }
    cop__leave();
    return result;
}

int cop_tcp_listen_with(cop_socket *ret_listener, int port, const struct cop_socket_options *options)
{
    struct address address;
    int result;

    if (!options)
        options = &no_options;
    if (port < 0 || port > 65535)
        return -EINVAL;
    result = look_up(&address, options->address, port);
    return result < 0 ? result : listen_at(ret_listener, &address, options);
}

int cop_unix_listen(cop_socket *ret_listener, const char *path, const struct cop_socket_options *options)
{
    struct address address;

    if (!unix_address(&address, path))
        return -ENAMETOOLONG;
    return listen_at(ret_listener, &address, options ? options : &no_options);
}

/* --- Accept ----------------------------------------------------------------------------------------- */

/* Out of descriptors or memory: an edge that has gone by does not come again, so wait a while and try
 * again; the listener recovers by itself when descriptors are free (IO-5). */
static bool is_shortage(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

static void pause_for_descriptors(uint64_t deadline_ns)
{
    uint64_t until_ns = cop__now_ns() + DESCRIPTORS_PAUSE_MS * 1000000ull;

    if (until_ns > deadline_ns)
        until_ns = deadline_ns;
    while (cop__park(until_ns))
        ;
}

int cop_tcp_accept_with(cop_socket *ret_socket, cop_socket handle, const struct cop_socket_options *options)
{
    uint64_t deadline_ns;
    struct cop__socket *listener;
    int result = 0, fd;

    if (!options)
        options = &no_options;
    cop__enter();
    deadline_ns = cop__io_deadline(options->timeout_ms ? options->timeout_ms : COP_INFINITY);
    for (;;) {
        listener = cop__socket_use(handle);
        if (!listener) {
            result = -COP_ECLOSED;
            break;
        }
        fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            struct sockaddr_storage local;
            socklen_t size = sizeof local;

            getsockname(listener->fd, (struct sockaddr *)&local, &size);
            cop__socket_leave(listener);
            set_stream_options(fd, local.ss_family, options);
            result = cop__socket_new(ret_socket, fd, options);
            break;
        }
        result = -cop__io_errno();
        if (result == -EINTR || result == -ECONNABORTED) {
            cop__socket_leave(listener);
            continue;
        }
        if (is_shortage(-result)) {
            cop__socket_leave(listener);
            if (cop__now_ns() >= deadline_ns)
                break;
            pause_for_descriptors(deadline_ns);
            continue;
        }
        if (result != -EAGAIN) {
            cop__socket_leave(listener);
            break;
        }
        result = cop__socket_wait(listener, &listener->reader, deadline_ns);
        if (result < 0)
            break;
        cop__socket_leave(listener);
    }
    cop__leave();
    return result;
}

/* --- Connect ---------------------------------------------------------------------------------------- */

static int connect_to(cop_socket *ret_socket, const struct address *address, const struct cop_socket_options *options)
{
    int family = address->storage.ss_family, result, fd, error = 0;
    socklen_t size = sizeof error;
    struct cop__socket *socket_record;
    cop_socket handle;

    cop__enter();
    fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        result = -cop__io_errno();
        cop__leave();
        return result;
    }
    set_stream_options(fd, family, options);
    if (connect(fd, (const struct sockaddr *)&address->storage, address->size) < 0 && cop__io_errno() != EINPROGRESS) {
        result = -cop__io_errno();
        close(fd);
        cop__leave();
        return result;
    }
    result = cop__socket_new(&handle, fd, options);
    if (result < 0) {
        cop__leave();
        return result;
    }
    socket_record = cop__socket_use(handle);
    result = cop__socket_wait(socket_record, &socket_record->writer,
        cop__io_deadline(options->timeout_ms ? options->timeout_ms : COP_INFINITY));
    if (result == 0) {
        if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
            error = cop__io_errno();
        result = -error;
        cop__socket_leave(socket_record);
    }
    cop__leave();
    if (result < 0)
        cop_tcp_close(handle);
    else
        *ret_socket = handle;
    return result;
}

int cop_tcp_connect_with(cop_socket *ret_socket, const char *host, int port, const struct cop_socket_options *options)
{
    struct address address;
    int result;

    if (port <= 0 || port > 65535)
        return -EINVAL;
    result = look_up(&address, host, port);
    return result < 0 ? result : connect_to(ret_socket, &address, options ? options : &no_options);
}

int cop_unix_connect(cop_socket *ret_socket, const char *path, const struct cop_socket_options *options)
{
    struct address address;

    if (!unix_address(&address, path))
        return -ENAMETOOLONG;
    return connect_to(ret_socket, &address, options ? options : &no_options);
}

/* --- Receive ---------------------------------------------------------------------------------------- */

/* More bytes into the buffer, waiting for them. 1, or a negative error. Inside on entry and on 1; outside
 * otherwise. */
static int fill_waiting(struct cop__socket *socket, size_t size_wanted, uint64_t deadline_ns)
{
    for (;;) {
        int64_t got;
        int result;

        if (socket->at_end) {
            cop__socket_leave(socket);
            return -COP_ECLOSED;
        }
        got = socket->read_drained ? -EAGAIN : cop__stream_fill(socket, size_wanted);
        if (got > 0)
            return 1;
        if (got != -EAGAIN) {
            cop__socket_leave(socket);
            return (int)got;
        }
        result = cop__socket_wait(socket, &socket->reader, deadline_ns);
        if (result < 0)
            return result;
        socket->read_drained = false;
    }
}

/* Inside, for reading in passive mode. NULL and *ret_error otherwise. */
static struct cop__socket *reader_of(cop_socket handle, int64_t *ret_error)
{
    struct cop__socket *socket = cop__socket_use(handle);

    if (!socket) {
        *ret_error = -COP_ECLOSED;
        return NULL;
    }
    if (socket->active || socket->listening) {
        cop__socket_leave(socket);
        *ret_error = -EINVAL;
        return NULL;
    }
    return socket;
}

int64_t cop_tcp_peek(cop_bytes *ret_data, cop_socket handle, size_t size_min, int64_t timeout_ms)
{
    int64_t result = 0;
    struct cop__socket *socket;
    uint64_t deadline_ns;

    cop__enter();
    socket = reader_of(handle, &result);
    if (!socket) {
        cop__leave();
        return result;
    }
    deadline_ns = timeout_ms == COP_INFINITY ? UINT64_MAX : cop__io_deadline(timeout_ms);
    while (socket->end - socket->start < size_min || socket->end == socket->start) {
        size_t have = socket->end - socket->start;

        result = fill_waiting(socket, size_min > have ? size_min - have : 1, deadline_ns);
        if (result < 0) {
            cop__leave();
            return result;
        }
    }
    *ret_data = (cop_bytes){ socket->data + socket->start, socket->end - socket->start };
    cop__socket_leave(socket);
    cop__leave();
    return (int64_t)ret_data->size;
}

void cop_tcp_consume(cop_socket handle, size_t size)
{
    struct cop__socket *socket;

    cop__enter();
    socket = cop__socket_use(handle);
    if (socket) {
        size_t have = socket->end - socket->start;

        socket->start += size < have ? size : have;
        cop__socket_leave(socket);
    }
    cop__leave();
}

int64_t cop_tcp_recv(cop_socket handle, void *buffer, size_t size, int64_t timeout_ms)
{
    cop_bytes data;
    int64_t result;

    if (!size)
        return -EINVAL;
    result = cop_tcp_peek(&data, handle, 1, timeout_ms);
    if (result < 0)
        return result;
    if (data.size > size)
        data.size = size;
    memcpy(buffer, data.data, data.size);
    cop_tcp_consume(handle, data.size);
    return (int64_t)data.size;
}

int cop_tcp_recv_exactly(cop_socket handle, void *buffer, size_t size, int64_t timeout_ms)
{
    char *to = buffer;
    uint64_t deadline_ns = cop__io_deadline(timeout_ms);

    while (size) {
        int64_t rest_ms = timeout_ms, got;

        if (timeout_ms != COP_INFINITY) {
            uint64_t now_ns = cop__now_ns();

            rest_ms = now_ns >= deadline_ns ? 0 : (int64_t)((deadline_ns - now_ns) / 1000000);
        }
        got = cop_tcp_recv(handle, to, size, rest_ms);
        if (got < 0)
            return (int)got;
        to += got;
        size -= (size_t)got;
    }
    return 0;
}

static int64_t read_unit(cop_bytes *ret_unit, cop_socket handle, bool line, int64_t timeout_ms)
{
    int64_t result = 0, unit;
    struct cop__socket *socket;
    uint64_t deadline_ns;
    size_t skip, used;

    cop__enter();
    socket = reader_of(handle, &result);
    if (!socket) {
        cop__leave();
        return result;
    }
    deadline_ns = cop__io_deadline(timeout_ms);
    for (;;) {
        enum cop_packet packet = line ? COP_PACKET_LINE : socket->packet;

        unit = cop__stream_unit(socket, packet, &skip, &used);
        if (unit < 0) {
            cop__socket_leave(socket);
            cop__leave();
            return unit;
        }
        if (unit > 0) {
            size_t length = packet == COP_PACKET_LINE || packet == COP_PACKET_RAW ? used : (size_t)unit - 1;

            *ret_unit = (cop_bytes){ socket->data + socket->start + skip, length };
            socket->start += used;
            break;
        }
        result = fill_waiting(socket, 1, deadline_ns);
        if (result < 0) {
            cop__leave();
            return result;
        }
    }
    cop__socket_leave(socket);
    cop__leave();
    return (int64_t)ret_unit->size;
}

int64_t cop_tcp_read_line_within(cop_bytes *ret_line, cop_socket handle, int64_t timeout_ms)
{
    int64_t result = read_unit(ret_line, handle, true, timeout_ms);

    if (result < 0)
        return result;
    ret_line->size--;
    if (ret_line->size && ret_line->data[ret_line->size - 1] == '\r')
        ret_line->size--;
    return (int64_t)ret_line->size;
}

int64_t cop_tcp_read_packet(cop_bytes *ret_packet, cop_socket handle, int64_t timeout_ms)
{
    return read_unit(ret_packet, handle, false, timeout_ms);
}

/* --- Ownership and names ------------------------------------------------------------------------------- */

int cop_tcp_close(cop_socket handle)
{
    struct cop__socket *socket;
    bool ours;

    cop__enter();
    socket = cop__socket_use(handle);
    if (!socket) {
        cop__leave();
        return -COP_ECLOSED;
    }
    ours = cop__running() && socket->owner.id == cop__proc_pid(cop__running()).id;
    if (ours) {
        cop__resource_remove(&socket->resource);
        cop__socket_close(socket);
    }
    cop__socket_leave(socket);
    cop__leave();
    return ours ? 0 : -EPERM;
}

int cop_tcp_give_away(cop_socket handle, cop_pid new_owner)
{
    struct cop__socket *socket;
    int result = 0;

    cop__enter();
    socket = cop__socket_use(handle);
    if (!socket) {
        cop__leave();
        return -COP_ECLOSED;
    }
    if (!cop__running() || socket->owner.id != cop__proc_pid(cop__running()).id) {
        result = -EPERM;
    } else if (new_owner.id != socket->owner.id) {
        cop_pid old = socket->owner;

        socket->owner = new_owner; /* before the new owner can look */
        if (!cop__resource_give(&socket->resource, new_owner)) {
            socket->owner = old;
            result = -COP_ENOPROC;
        }
    }
    cop__socket_leave(socket);
    cop__leave();
    return result;
}

int cop_tcp_port(cop_socket handle)
{
    struct sockaddr_storage local;
    socklen_t size = sizeof local;
    struct cop__socket *socket;
    int result = -COP_ECLOSED;

    cop__enter();
    socket = cop__socket_use(handle);
    if (socket) {
        if (getsockname(socket->fd, (struct sockaddr *)&local, &size) < 0)
            result = -cop__io_errno();
        else if (local.ss_family == AF_INET6)
            result = ntohs(((struct sockaddr_in6 *)&local)->sin6_port);
        else if (local.ss_family == AF_INET)
            result = ntohs(((struct sockaddr_in *)&local)->sin_port);
        else
            result = -EAFNOSUPPORT;
        cop__socket_leave(socket);
    }
    cop__leave();
    return result;
}

int cop_tcp_peer(cop_socket handle, char *ret_text, size_t size)
{
    struct sockaddr_storage peer;
    socklen_t peer_size = sizeof peer;
    char host[INET6_ADDRSTRLEN] = "";
    struct cop__socket *socket;
    int result = -COP_ECLOSED;

    cop__enter();
    socket = cop__socket_use(handle);
    if (socket) {
        result = getpeername(socket->fd, (struct sockaddr *)&peer, &peer_size) < 0 ? -cop__io_errno() : 0;
        cop__socket_leave(socket);
    }
    cop__leave();
    if (result < 0)
        return result;
    if (peer.ss_family == AF_INET) {
        inet_ntop(AF_INET, &((struct sockaddr_in *)&peer)->sin_addr, host, sizeof host);
        snprintf(ret_text, size, "%s:%d", host, ntohs(((struct sockaddr_in *)&peer)->sin_port));
    } else if (peer.ss_family == AF_INET6) {
        inet_ntop(AF_INET6, &((struct sockaddr_in6 *)&peer)->sin6_addr, host, sizeof host);
        snprintf(ret_text, size, "[%s]:%d", host, ntohs(((struct sockaddr_in6 *)&peer)->sin6_port));
    } else {
        snprintf(ret_text, size, "unix");
    }
    return 0;
}
