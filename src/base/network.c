/* SPDX-License-Identifier: Apache-2.0 */
/* The simulated network, and the way to the real one. Layer 0.
 *
 * The hard idea: a socket is the bytes that are on their way to it. They lie in its buffer as soon
 * as they are sent, and are seen from their time on; so the order within a connection is kept by
 * itself, and connections are late independently. Everything runs on the one thread of the
 * simulated node. */
#include "base/network.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/choose.h"
#include "base/clock.h"

enum {
    ENDS_MAX = 1024,
    ROOM = 16 << 10,
    BACKLOG_MAX = 64,
    PORT_FIRST = 40000,
    PIECES_MAX = 64,
    DELAY_MAX_MS = 5
};

struct piece {
    uint64_t at_ns;
    size_t size;
};

struct end {
    bool used, listens, connected, shut, registered;
    int fd, peer; /* peer -1: none, or gone */
    int error;
    struct sockaddr_storage own, other;
    socklen_t own_size, other_size;
    uint64_t data;
    uint32_t news; /* events not told yet */
    unsigned char bytes[ROOM];
    size_t held, seen;               /* of these, what has arrived */
    struct piece pieces[PIECES_MAX]; /* on their way, in order */
    int piece_count;
    uint64_t last_ns;            /* nothing comes before what was sent before */
    uint64_t end_ns, connect_ns; /* 0: none is coming */
    bool ended;
    int backlog[BACKLOG_MAX], backlog_count, backlog_max; /* of a listener: ends to be accepted */
};

static bool simulated;
static struct end *ends;                  /* by descriptor */
static int ends_max, ends_top, port_next; /* none is used from ends_top on */
static int64_t delay_max_ms;

void cop__network_simulate(bool on)
{
    for (int i = 0; i < ends_top; i++)
        if (ends[i].used)
            close(ends[i].fd);
    free(ends);
    ends = NULL;
    ends_max = ends_top = 0;
    port_next = PORT_FIRST;
    delay_max_ms = DELAY_MAX_MS;
    simulated = on;
    if (!on)
        return;
    ends = calloc(ENDS_MAX, sizeof *ends);
    ends_max = ends ? ENDS_MAX : 0;
}

static struct end *end_of(int fd)
{
    return __builtin_expect(simulated, 0) && fd >= 0 && fd < ends_max && ends[fd].used ? &ends[fd]
                                                                                       : NULL;
}

static int fail(int error)
{
    errno = error;
    return -1;
}

void cop__network_delays(int64_t max_ms)
{
    delay_max_ms = max_ms > 0 ? max_ms : DELAY_MAX_MS;
}

/* 0 is at once. */
static uint64_t arrival(void)
{
    uint64_t delay_ms = cop__choose(COP__CHOOSE_NET, 3)
                            ? cop__choose(COP__CHOOSE_NET, (uint32_t)delay_max_ms + 1)
                            : 0;

    return cop__clock_now_ns() + delay_ms * 1000000;
}

/* All of size, or a part of it. */
static size_t part_of(size_t size)
{
    uint32_t less = size > 1 && cop__choose(COP__CHOOSE_NET, 4) == 1
                        ? cop__choose(COP__CHOOSE_NET, (uint32_t)size)
                        : 0;

    return size - less;
}

/* --- Time ----------------------------------------------------------------------------------------
 */

static void advance(struct end *end, uint64_t now_ns)
{
    int done = 0;

    if (end->connect_ns && end->connect_ns <= now_ns) {
        end->connect_ns = 0;
        end->news |= EPOLLOUT;
    }
    while (done < end->piece_count && end->pieces[done].at_ns <= now_ns) {
        end->seen += end->pieces[done++].size;
        end->news |= EPOLLIN;
    }
    end->piece_count -= done;
    memmove(end->pieces, end->pieces + done, (size_t)end->piece_count * sizeof *end->pieces);
    if (end->end_ns && end->end_ns <= now_ns) {
        end->end_ns = 0;
        end->ended = true;
        end->news |= EPOLLIN | EPOLLRDHUP;
    }
}

static void advance_all(void)
{
    uint64_t now_ns = cop__clock_now_ns();

    for (int i = 0; i < ends_top; i++)
        if (ends[i].used)
            advance(&ends[i], now_ns);
}

uint64_t cop__network_due_ns(void)
{
    uint64_t due_ns = UINT64_MAX;

    for (int i = 0; i < ends_top; i++) {
        const struct end *end = &ends[i];

        if (!end->used)
            continue;
        if (end->connect_ns && end->connect_ns < due_ns)
            due_ns = end->connect_ns;
        if (end->piece_count && end->pieces[0].at_ns < due_ns)
            due_ns = end->pieces[0].at_ns;
        if (end->end_ns && end->end_ns < due_ns)
            due_ns = end->end_ns;
    }
    return due_ns;
}

bool cop__network_has_news(void)
{
    if (!__builtin_expect(simulated, 0))
        return false;
    advance_all();
    for (int i = 0; i < ends_top; i++)
        if (ends[i].used && ends[i].registered && ends[i].news)
            return true;
    return false;
}

int cop__network_events(struct cop__poll_event *ret_events, int max)
{
    int count = 0;

    if (!__builtin_expect(simulated, 0))
        return 0;
    advance_all();
    for (int i = 0; i < ends_top && count < max; i++) {
        struct end *end = &ends[i];

        if (!end->used || !end->registered || !end->news)
            continue;
        ret_events[count++] = (struct cop__poll_event){ end->data, end->news };
        end->news = 0;
    }
    return count;
}

bool cop__network_register(int fd, uint64_t data)
{
    struct end *end = end_of(fd);

    if (!end)
        return false;
    end->registered = true;
    end->data = data;
    if (end->connected && !end->connect_ns)
        end->news |= EPOLLOUT;
    if (end->seen || end->ended || end->backlog_count)
        end->news |= EPOLLIN;
    if (end->error)
        end->news |= EPOLLERR | EPOLLHUP;
    return true;
}

bool cop__network_unregister(int fd)
{
    struct end *end = end_of(fd);

    if (end)
        end->registered = false;
    return end != NULL;
}

/* --- Opening -------------------------------------------------------------------------------------
 */

static struct end *new_end(void)
{
    int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

    if (fd >= ends_max) {
        close(fd);
        errno = EMFILE;
        return NULL;
    }
    if (fd < 0)
        return NULL;
    memset(&ends[fd], 0, sizeof ends[fd]);
    ends[fd].used = true;
    if (fd >= ends_top)
        ends_top = fd + 1;
    ends[fd].fd = fd;
    ends[fd].peer = -1;
    return &ends[fd];
}

int cop__network_socket(int family)
{
    struct end *end;

    if (!simulated)
        return socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    end = new_end();
    if (!end)
        return -1;
    end->own.ss_family = (sa_family_t)family;
    end->own_size = family == AF_INET6  ? sizeof(struct sockaddr_in6)
                    : family == AF_INET ? sizeof(struct sockaddr_in)
                                        : sizeof(sa_family_t);
    return end->fd;
}

static in_port_t *port_of(struct sockaddr_storage *address)
{
    return address->ss_family == AF_INET    ? &((struct sockaddr_in *)address)->sin_port
           : address->ss_family == AF_INET6 ? &((struct sockaddr_in6 *)address)->sin6_port
                                            : NULL;
}

static struct end *listener_at(const struct sockaddr *address, socklen_t size)
{
    struct sockaddr_storage wanted = { .ss_family = 0 };

    memcpy(&wanted, address, size < sizeof wanted ? size : sizeof wanted);
    for (int i = 0; i < ends_top; i++) {
        struct end *end = &ends[i];
        in_port_t *port = port_of(&end->own), *other = port_of(&wanted);

        if (!end->used || !end->listens || end->own.ss_family != wanted.ss_family)
            continue;
        if (port ? *port == *other : memcmp(&end->own, &wanted, sizeof wanted) == 0)
            return end;
    }
    return NULL;
}

int cop__network_bind(int fd, const struct sockaddr *address, socklen_t size)
{
    struct end *end = end_of(fd);
    in_port_t *port;

    if (!end)
        return bind(fd, address, size);
    if (size > sizeof end->own)
        return fail(EINVAL);
    memset(&end->own, 0, sizeof end->own);
    memcpy(&end->own, address, size);
    end->own_size = size;
    port = port_of(&end->own);
    if (port && !*port)
        *port = htons((uint16_t)port_next++);
    return listener_at((struct sockaddr *)&end->own, size) ? fail(EADDRINUSE) : 0;
}

int cop__network_listen(int fd, int backlog)
{
    struct end *end = end_of(fd);

    if (!end)
        return listen(fd, backlog);
    end->listens = true;
    end->backlog_max = backlog < BACKLOG_MAX ? backlog : BACKLOG_MAX;
    return 0;
}

int cop__network_connect(int fd, const struct sockaddr *address, socklen_t size)
{
    struct end *end = end_of(fd), *listener, *other;
    in_port_t *port;

    if (!end)
        return connect(fd, address, size);
    listener = listener_at(address, size);
    if (!listener)
        return fail(ECONNREFUSED);
    if (listener->backlog_count >= listener->backlog_max)
        return fail(port_of(&listener->own) ? ECONNREFUSED : EAGAIN);
    other = new_end();
    if (!other)
        return -1;
    port = port_of(&end->own);
    if (port && !*port)
        *port = htons((uint16_t)port_next++);
    end->other = other->own = listener->own;
    end->other_size = other->own_size = listener->own_size;
    other->other = end->own;
    other->other_size = end->own_size;
    end->peer = other->fd;
    other->peer = end->fd;
    end->connected = other->connected = true;
    listener->backlog[listener->backlog_count++] = other->fd;
    listener->news |= EPOLLIN;
    end->connect_ns = arrival();
    if (end->connect_ns <= cop__clock_now_ns()) {
        end->connect_ns = 0;
        return 0;
    }
    return fail(EINPROGRESS);
}

int cop__network_accept(int listener)
{
    struct end *end = end_of(listener);
    int fd;

    if (!end)
        return accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (!end->backlog_count)
        return fail(EAGAIN);
    fd = end->backlog[0];
    end->backlog_count--;
    memmove(end->backlog, end->backlog + 1, (size_t)end->backlog_count * sizeof *end->backlog);
    return fd;
}

/* --- Asking --------------------------------------------------------------------------------------
 */

int cop__network_error(int fd, int *ret_error)
{
    struct end *end = end_of(fd);
    socklen_t size = sizeof *ret_error;

    if (!end)
        return getsockopt(fd, SOL_SOCKET, SO_ERROR, ret_error, &size);
    *ret_error = end->error;
    end->error = 0;
    return 0;
}

int cop__network_name(int fd, bool peer, struct sockaddr *ret_address, socklen_t *size)
{
    struct end *end = end_of(fd);
    socklen_t whole;

    if (!end)
        return peer ? getpeername(fd, ret_address, size) : getsockname(fd, ret_address, size);
    if (peer && (!end->connected || end->connect_ns || !end->other_size))
        return fail(ENOTCONN);
    whole = peer ? end->other_size : end->own_size;
    memcpy(ret_address, peer ? &end->other : &end->own, *size < whole ? *size : whole);
    *size = whole;
    return 0;
}

/* --- Bytes ---------------------------------------------------------------------------------------
 */

ssize_t cop__network_read(int fd, void *buffer, size_t size)
{
    struct end *end = end_of(fd);
    size_t count;

    if (!end)
        return read(fd, buffer, size);
    if (end->error)
        return fail(end->error);
    advance(end, cop__clock_now_ns());
    if (!end->seen || !size)
        return end->ended || !size ? 0 : fail(EAGAIN);
    count = part_of(end->seen < size ? end->seen : size);
    memcpy(buffer, end->bytes, count);
    memmove(end->bytes, end->bytes + count, end->held - count);
    if (end->held == ROOM && end->peer >= 0)
        ends[end->peer].news |= EPOLLOUT;
    end->held -= count;
    end->seen -= count;
    if (end->seen)
        end->news |= EPOLLIN; /* the edge is there again: what was left is as good as new */
    return (ssize_t)count;
}

/* A copy of up to size bytes of the message. */
static void gather(unsigned char *to, size_t size, const struct msghdr *message)
{
    for (size_t i = 0; size && i < (size_t)message->msg_iovlen; i++) {
        size_t part = message->msg_iov[i].iov_len < size ? message->msg_iov[i].iov_len : size;

        memcpy(to, message->msg_iov[i].iov_base, part);
        to += part;
        size -= part;
    }
}

ssize_t cop__network_send(int fd, const struct msghdr *message)
{
    struct end *end = end_of(fd), *peer;
    size_t size = 0;
    uint64_t at_ns;

    if (!end)
        return message->msg_iovlen == 1
                   ? send(fd, message->msg_iov->iov_base, message->msg_iov->iov_len,
                         MSG_NOSIGNAL | MSG_DONTWAIT)
                   : sendmsg(fd, message, MSG_NOSIGNAL | MSG_DONTWAIT);
    for (size_t i = 0; i < (size_t)message->msg_iovlen; i++)
        size += message->msg_iov[i].iov_len;
    if (end->error)
        return fail(end->error);
    if (end->shut || end->peer < 0)
        return fail(EPIPE);
    peer = &ends[end->peer];
    if (peer->held == ROOM)
        return fail(EAGAIN);
    if (size > ROOM - peer->held)
        size = ROOM - peer->held;
    if (!size)
        return 0;
    size = part_of(size);
    gather(peer->bytes + peer->held, size, message);
    peer->held += size;
    at_ns = arrival();
    if (at_ns < peer->last_ns)
        at_ns = peer->last_ns;
    peer->last_ns = at_ns;
    if (peer->piece_count < PIECES_MAX)
        peer->pieces[peer->piece_count++] = (struct piece){ at_ns, 0 };
    peer->pieces[peer->piece_count - 1].size += size; /* the last takes what is too many */
    return (ssize_t)size;
}

/* --- Ending --------------------------------------------------------------------------------------
 */

static void end_comes(struct end *peer)
{
    uint64_t at_ns = arrival();

    peer->end_ns = at_ns < peer->last_ns ? peer->last_ns : at_ns;
}

int cop__network_shut_write(int fd)
{
    struct end *end = end_of(fd);

    if (!end)
        return shutdown(fd, SHUT_WR);
    if (!end->shut && end->peer >= 0)
        end_comes(&ends[end->peer]);
    end->shut = true;
    return 0;
}

int cop__network_shut_read(int fd)
{
    struct end *end = end_of(fd);

    if (!end)
        return shutdown(fd, SHUT_RD);
    end->listens = false;
    for (int i = 0; i < end->backlog_count; i++)
        cop__network_close(end->backlog[i]);
    end->backlog_count = 0;
    end->ended = end->connected;
    end->news |= EPOLLIN | EPOLLRDHUP;
    return 0;
}

static void reset(struct end *end)
{
    end->error = ECONNRESET;
    end->peer = -1;
    end->held = end->seen = 0;
    end->piece_count = 0;
    end->end_ns = 0;
    end->news |= EPOLLIN | EPOLLERR | EPOLLHUP;
}

int cop__network_close(int fd)
{
    struct end *end = end_of(fd);

    if (!end)
        return close(fd);
    if (end->peer >= 0) {
        struct end *peer = &ends[end->peer];

        if (end->held) {
            reset(peer); /* what was not read */
        } else {
            if (!end->shut)
                end_comes(peer);
            peer->peer = -1;
        }
    }
    for (int i = 0; i < end->backlog_count; i++)
        cop__network_close(end->backlog[i]);
    end->used = false;
    return close(fd);
}

bool cop__network_cut(void)
{
    uint32_t count = 0;
    uint32_t chosen;

    for (int i = 0; i < ends_top; i++)
        count += ends[i].used && ends[i].peer > i;
    if (!count)
        return false;
    chosen = cop__choose(COP__CHOOSE_NET, count);
    for (int i = 0; i < ends_top; i++) {
        if (!ends[i].used || ends[i].peer <= i || chosen--)
            continue;
        reset(&ends[ends[i].peer]);
        reset(&ends[i]);
        break;
    }
    return true;
}
