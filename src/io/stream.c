/* SPDX-License-Identifier: Apache-2.0 */
/* Listening, accepting and connecting, for TCP and Unix-domain sockets alike. Layer 3; IO-4, IO-9.
 *
 * The hard idea: accept without descriptors. The connection stays in the listener's queue, so the
 * listener stays readable and asking again at once would spin, while its edge has been used up, so
 * waiting for an event would sleep for ever. The acceptor therefore waits by the clock, longer each
 * time, and the first try after a descriptor has become free takes the connection. */
#include "io/stream.h"

#include "base/network.h"

#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

static const uint64_t PAUSE_MIN_NS = 1000000, PAUSE_MAX_NS = 64000000;

uint64_t cop__options_deadline(const struct cop_socket_options *options)
{
    return cop__deadline_ms(options && options->timeout_ms ? options->timeout_ms : -1);
}

static bool set_flag(int fd, int level, int option, int value)
{
    return setsockopt(fd, level, option, &value, sizeof value) == 0;
}

static int buffer_size(size_t size)
{
    return size > INT32_MAX / 2 ? INT32_MAX / 2 : (int)size;
}

/* What can be set on any stream socket; a refusal by the system is no reason to fail. */
static void set_options(int fd, int family, const struct cop_socket_options *options)
{
    if (family != AF_UNIX && !(options && options->nagle))
        set_flag(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    if (!options)
        return;
    if (options->keepalive && family != AF_UNIX)
        set_flag(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    if (options->recbuf)
        set_flag(fd, SOL_SOCKET, SO_RCVBUF, buffer_size(options->recbuf));
    if (options->sndbuf)
        set_flag(fd, SOL_SOCKET, SO_SNDBUF, buffer_size(options->sndbuf));
}

static int open_socket(int family)
{
    int fd = cop__network_socket(family);

    return fd < 0 ? cop__last_error() : fd;
}

static int close_with(int fd, int error)
{
    cop__network_close(fd);
    return error;
}

int cop__stream_listen(
    uint64_t *ret_id, const struct cop__address *address, const struct cop_socket_options *options)
{
    int family = address->u.any.sa_family, fd = open_socket(family);
    int backlog = options && options->backlog > 0 ? options->backlog : 1024;

    if (fd < 0)
        return fd;
    if (family != AF_UNIX && !(options && options->no_reuseaddr))
        set_flag(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (family == AF_INET6)
        set_flag(fd, IPPROTO_IPV6, IPV6_V6ONLY, options && options->ipv6_only);
    set_options(
        fd, family, options); /* buffers must be set before listen to count for the window */
    if (cop__network_bind(fd, &address->u.any, address->size) < 0 ||
        cop__network_listen(fd, backlog) < 0)
        return close_with(fd, cop__last_error());
    return cop__fd_open(ret_id, fd, COP__FD_LISTENER, options);
}

/* --- Accept -------------------------------------------------------------------------------------
 */

static int accept_once(int listener)
{
    int fd = cop__network_accept(listener);

    return fd < 0 ? cop__last_error() : fd;
}

static bool is_shortage(int error)
{
    return error == -EMFILE || error == -ENFILE || error == -ENOBUFS || error == -ENOMEM;
}

/* Errors that belong to the connection that would have been accepted: the next one may be fine. */
static bool is_of_connection(int error)
{
    return error == -EINTR || error == -ECONNABORTED || error == -EPROTO || error == -ENETDOWN ||
           error == -ENOPROTOOPT || error == -EHOSTDOWN || error == -ENONET ||
           error == -EHOSTUNREACH || error == -ENETUNREACH || error == -EPERM;
}

/* A descriptor, or an error; *ret_lost when the listener was closed while we waited. */
static int accept_wait(bool *ret_lost, struct cop__fd *slot, uint32_t seq, uint64_t deadline_ns)
{
    uint64_t pause_ns = PAUSE_MIN_NS;

    for (;;) {
        int fd = accept_once(slot->fd), waited;

        if (fd >= 0)
            return fd;
        if (is_of_connection(fd))
            continue;
        if (fd == -EAGAIN || (fd == -EINVAL && cop__is_draining())) { /* nobody comes any more */
            waited = cop__fd_wait(slot, &slot->reader, &slot->reading, seq, deadline_ns);
        } else if (is_shortage(fd) && cop__running()) {
            uint64_t until = cop__now_ns() + pause_ns;

            pause_ns = pause_ns < PAUSE_MAX_NS ? 2 * pause_ns : PAUSE_MAX_NS;
            if (until >= deadline_ns)
                return fd; /* the caller's time is up: say why */
            waited = cop__fd_pause(slot, &slot->reading, seq, until);
        } else {
            return fd;
        }
        *ret_lost = waited == -COP_ECLOSED;
        if (waited < 0)
            return waited;
    }
}

/* What the listener was opened with, where accept says nothing else. */
static struct cop_socket_options inherited(const struct cop__fd *listener)
{
    struct cop_socket_options options = { .packet = (enum cop_packet)listener->packet,
        .packet_size_max = listener->packet_size_max,
        .send_buffer_max = listener->send_buffer_max,
        .send_timeout_ms = listener->send_timeout_ms };

    return options;
}

static bool says_something(const struct cop_socket_options *options)
{
    return options && (options->packet || options->packet_size_max || options->send_buffer_max ||
                          options->send_timeout_ms || options->nagle || options->keepalive ||
                          options->recbuf || options->sndbuf);
}

int cop__stream_accept(uint64_t *ret_id, uint64_t listener,
    const struct cop_socket_options *options, uint64_t deadline_ns)
{
    struct cop__fd *slot = cop__fd_find(listener);
    struct cop_socket_options own;
    bool lost = false;
    int fd, result;

    if (!slot)
        return -COP_ECLOSED;
    result = cop__fd_take(slot, &slot->reading, cop__fd_seq_of(listener));
    if (result < 0)
        return result;
    if (slot->kind != COP__FD_LISTENER) {
        cop__fd_drop(&slot->reading);
        return -EINVAL;
    }
    fd = accept_wait(&lost, slot, cop__fd_seq_of(listener), deadline_ns);
    if (!lost) {
        own = inherited(slot);
        cop__fd_drop(&slot->reading);
    }
    if (fd < 0)
        return fd;
    if (says_something(options))
        own = *options;
    set_options(fd, AF_INET, &own); /* no harm on a Unix-domain socket: the system refuses it */
    result = cop__fd_open(ret_id, fd, COP__FD_STREAM, &own);
    if (result == 0)
        cop__drain_accepted(cop__fd_find(*ret_id));
    return result;
}

/* --- Connect ------------------------------------------------------------------------------------
 */

static int connect_once(int fd, const struct cop__address *address)
{
    if (cop__network_connect(fd, &address->u.any, address->size) == 0)
        return 0;
    return cop__last_error();
}

/* How it went: 0, -EAGAIN when not decided yet, else the error. */
static int connect_outcome(int fd)
{
    struct cop__address peer = { .size = sizeof peer.u };
    int error = 0;

    if (cop__network_error(fd, &error) < 0)
        return cop__last_error();
    if (error)
        return -error;
    if (cop__network_name(fd, true, &peer.u.any, &peer.size) == 0)
        return 0;
    return cop__last_error() == -ENOTCONN ? -EAGAIN : cop__last_error();
}

static int connect_wait(struct cop__fd *slot, uint32_t seq, uint64_t deadline_ns)
{
    int result = cop__fd_take(slot, &slot->writing, seq);

    if (result < 0)
        return result;
    while ((result = connect_outcome(slot->fd)) == -EAGAIN) {
        result = cop__fd_wait(slot, &slot->writer, &slot->writing, seq, deadline_ns);
        if (result == -COP_ECLOSED)
            return result; /* the direction is not ours any more */
        if (result < 0)
            break;
    }
    cop__fd_drop(&slot->writing);
    return result;
}

/* The queue of a Unix-domain listener is full: the system reports no event when it has room. */
static int connect_retry(
    struct cop__fd *slot, uint32_t seq, const struct cop__address *address, uint64_t deadline_ns)
{
    uint64_t pause_ns = PAUSE_MIN_NS;
    int result = cop__fd_take(slot, &slot->writing, seq);

    if (result < 0)
        return result;
    while ((result = connect_once(slot->fd, address)) == -EAGAIN) {
        uint64_t until = cop__now_ns() + pause_ns;

        if (until >= deadline_ns) {
            result = -COP_ETIMEOUT;
            break;
        }
        pause_ns = pause_ns < PAUSE_MAX_NS ? 2 * pause_ns : PAUSE_MAX_NS;
        result = cop__fd_pause(slot, &slot->writing, seq, until);
        if (result == -COP_ECLOSED)
            return result;
    }
    cop__fd_drop(&slot->writing);
    return result;
}

static int bind_source(int fd, const struct cop_socket_options *options)
{
    struct cop__address source;

    if (!options || !options->address)
        return 0;
    if (!cop__address_parse(&source, options->address, 0))
        return -COP_EBADARG;
    return cop__network_bind(fd, &source.u.any, source.size) < 0 ? cop__last_error() : 0;
}

int cop__stream_connect(uint64_t *ret_id, const struct cop__address *address,
    const struct cop_socket_options *options, uint64_t deadline_ns)
{
    int family = address->u.any.sa_family, fd = open_socket(family), result, opened;
    struct cop__fd *slot;
    uint64_t id;

    if (fd < 0)
        return fd;
    set_options(fd, family, options);
    result = family == AF_UNIX ? 0 : bind_source(fd, options);
    if (result == 0)
        result = connect_once(fd, address);
    if (result < 0 && result != -EINPROGRESS && result != -EINTR && result != -EAGAIN)
        return close_with(fd, result);
    /* Registered only now: an unconnected socket would at once be reported as hung up. */
    opened = cop__fd_open(&id, fd, COP__FD_STREAM, options);
    if (opened < 0)
        return opened;
    slot = cop__fd_find(id);
    if (result == -EAGAIN)
        result = connect_retry(slot, cop__fd_seq_of(id), address, deadline_ns);
    else if (result < 0)
        result = connect_wait(slot, cop__fd_seq_of(id), deadline_ns);
    if (result < 0) {
        cop__fd_close(slot, cop__fd_seq_of(id));
        return result;
    }
    *ret_id = id;
    return 0;
}
