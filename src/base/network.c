/* SPDX-License-Identifier: Apache-2.0 */
/* The calls of the simulated network, and the way to the real one. Layer 0.
 *
 * The hard idea: a socket is the bytes that are on their way to it. They lie in its buffer as soon
 * as they are sent, and are seen from their time on; so the order within a connection is kept by
 * itself, and connections are late independently (network_time.c). One thread of one node runs at a
 * time. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/choose.h"
#include "base/clock.h"
#include "base/network_int.h"

enum { PORT_FIRST = 40000, FDS_MAX = COP__ENDS_MAX };
static const uint64_t connect_max_ns = 127000000000; /* so long the system tries */

struct cop__network *cop__net_memory;
#define net cop__net_memory

static bool simulated;
static int end_by_fd[FDS_MAX]; /* of this node: place and 1; 0: none */

/* --- Its memory ----------------------------------------------------------------------------------
 */

bool cop__network_open(void)
{
    void *memory = net;

    if (net)
        return true;
    memory = mmap(NULL, sizeof *net, PROT_READ | PROT_WRITE,
        MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        return false;
    net = memory;
    net->port_next = PORT_FIRST;
    cop__network_delays(0);
    return true;
}

void cop__network_discard(void)
{
    if (net)
        munmap(net, sizeof *net);
    net = NULL;
}

void cop__network_simulate(bool on)
{
    if (on) {
        memset(end_by_fd, 0, sizeof end_by_fd);
        (void)cop__network_open(); /* without it no socket can be had: new_end */
    }
    for (int fd = 0; !on && fd < FDS_MAX; fd++)
        if (end_by_fd[fd])
            cop__network_close(fd);
    if (!on && !cop__world)
        cop__network_discard();
    simulated = on;
}

static struct cop__end *end_of(int fd)
{
    return __builtin_expect(simulated, 0) && fd >= 0 && fd < FDS_MAX && end_by_fd[fd]
               ? &net->ends[end_by_fd[fd] - 1]
               : NULL;
}

static int place_of(const struct cop__end *end)
{
    return (int)(end - net->ends);
}

static int fail(int error)
{
    errno = error;
    return -1;
}

/* All of size, or a part of it. */
static size_t part_of(size_t size)
{
    uint32_t less = size > 1 && cop__choose(COP__CHOOSE_NET, 4) == 1
                        ? cop__choose(COP__CHOOSE_NET, (uint32_t)size)
                        : 0;

    return size - less;
}

/* --- The poller's -------------------------------------------------------------------------------
 */

bool cop__network_register(int fd, uint64_t data)
{
    struct cop__end *end = end_of(fd);

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
    struct cop__end *end = end_of(fd);

    if (end)
        end->registered = false;
    return end != NULL;
}

/* --- Opening -------------------------------------------------------------------------------------
 */

/* Of a node, without a descriptor. */
static struct cop__end *new_end(int node)
{
    int place = 0;

    while (net && place < net->top && net->ends[place].used)
        place++;
    if (!net || place == COP__ENDS_MAX) {
        errno = EMFILE;
        return NULL;
    }
    if (place == net->top)
        net->top++;
    memset(&net->ends[place], 0, sizeof net->ends[place]);
    net->ends[place].used = true;
    net->ends[place].node = node;
    net->ends[place].fd = net->ends[place].peer = -1;
    return &net->ends[place];
}

/* Its number in this process. -1: there is none. */
static int give_number(struct cop__end *end)
{
    int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

    if (fd >= FDS_MAX) {
        close(fd);
        fd = fail(EMFILE);
    }
    if (fd < 0)
        return -1;
    end_by_fd[fd] = place_of(end) + 1;
    return end->fd = fd;
}

int cop__network_socket(int family)
{
    struct cop__end *end;

    if (!simulated)
        return socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    end = new_end(cop__world_self());
    if (!end)
        return -1;
    end->own.ss_family = (sa_family_t)family;
    end->own_size = family == AF_INET6  ? sizeof(struct sockaddr_in6)
                    : family == AF_INET ? sizeof(struct sockaddr_in)
                                        : sizeof(sa_family_t);
    end->used = give_number(end) >= 0;
    return end->fd;
}

static in_port_t *port_of(struct sockaddr_storage *address)
{
    return address->ss_family == AF_INET    ? &((struct sockaddr_in *)address)->sin_port
           : address->ss_family == AF_INET6 ? &((struct sockaddr_in6 *)address)->sin6_port
                                            : NULL;
}

static struct cop__end *listener_at(const struct sockaddr *address, socklen_t size)
{
    struct sockaddr_storage wanted = { .ss_family = 0 };

    memcpy(&wanted, address, size < sizeof wanted ? size : sizeof wanted);
    for (int i = 0; i < net->top; i++) {
        struct cop__end *end = &net->ends[i];
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
    struct cop__end *end = end_of(fd);
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
        *port = htons((uint16_t)net->port_next++);
    return listener_at((struct sockaddr *)&end->own, size) ? fail(EADDRINUSE) : 0;
}

int cop__network_listen(int fd, int backlog)
{
    struct cop__end *end = end_of(fd);

    if (!end)
        return listen(fd, backlog);
    end->listens = true;
    end->backlog_max = backlog < COP__BACKLOG_MAX ? backlog : COP__BACKLOG_MAX;
    return 0;
}

static void join(struct cop__end *end, struct cop__end *other, const struct cop__end *listener)
{
    in_port_t *port = port_of(&end->own);

    if (port && !*port)
        *port = htons((uint16_t)net->port_next++);
    end->other = other->own = listener->own;
    end->other_size = other->own_size = listener->own_size;
    other->other = end->own;
    other->other_size = end->own_size;
    end->peer = place_of(other);
    other->peer = place_of(end);
    end->peer_node = other->node;
    other->peer_node = end->node;
    end->connected = other->connected = true;
}

int cop__network_connect(int fd, const struct sockaddr *address, socklen_t size)
{
    struct cop__end *end = end_of(fd), *listener, *other;

    if (!end)
        return connect(fd, address, size);
    listener = listener_at(address, size);
    if (!listener)
        return fail(ECONNREFUSED);
    if (cop__net_are_split(end->node, listener->node)) {
        end->give_up_ns = cop__clock_now_ns() + connect_max_ns; /* nobody answers */
        return fail(EINPROGRESS);
    }
    if (listener->backlog_count >= listener->backlog_max)
        return fail(port_of(&listener->own) ? ECONNREFUSED : EAGAIN);
    other = new_end(listener->node);
    if (!other)
        return -1;
    join(end, other, listener);
    listener->backlog[listener->backlog_count++] = place_of(other);
    listener->news |= EPOLLIN;
    end->connect_ns = cop__net_arrival();
    if (end->connect_ns <= cop__clock_now_ns()) {
        end->connect_ns = 0;
        return 0;
    }
    return fail(EINPROGRESS);
}

int cop__network_accept(int listener)
{
    struct cop__end *end = end_of(listener);
    int fd;

    if (!end)
        return accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (!end->backlog_count)
        return fail(EAGAIN);
    fd = give_number(&net->ends[end->backlog[0]]);
    if (fd < 0)
        return -1;
    end->backlog_count--;
    memmove(end->backlog, end->backlog + 1, (size_t)end->backlog_count * sizeof *end->backlog);
    return fd;
}

/* --- Asking --------------------------------------------------------------------------------------
 */

int cop__network_error(int fd, int *ret_error)
{
    struct cop__end *end = end_of(fd);
    socklen_t size = sizeof *ret_error;

    if (!end)
        return getsockopt(fd, SOL_SOCKET, SO_ERROR, ret_error, &size);
    *ret_error = end->error;
    end->error = 0;
    return 0;
}

int cop__network_name(int fd, bool peer, struct sockaddr *ret_address, socklen_t *size)
{
    struct cop__end *end = end_of(fd);
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
    struct cop__end *end = end_of(fd);
    size_t count;

    if (!end)
        return read(fd, buffer, size);
    cop__net_advance(end);
    if (end->error)
        return fail(end->error);
    if (!end->seen || !size)
        return end->ended || !size ? 0 : fail(EAGAIN);
    count = part_of(end->seen < size ? end->seen : size);
    memcpy(buffer, end->bytes, count);
    memmove(end->bytes, end->bytes + count, end->held - count);
    if (end->held == COP__END_ROOM && end->peer >= 0)
        net->ends[end->peer].news |= EPOLLOUT;
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

/* From here on it is seen from its time on. The last piece takes what is too many. */
static void put_piece(struct cop__end *peer, size_t size)
{
    uint64_t at_ns = cop__net_arrival();

    if (at_ns < peer->last_ns)
        at_ns = peer->last_ns;
    peer->last_ns = at_ns;
    if (peer->piece_count < COP__PIECES_MAX)
        peer->pieces[peer->piece_count++] = (struct cop__piece){ at_ns, 0 };
    peer->pieces[peer->piece_count - 1].size += size;
}

ssize_t cop__network_send(int fd, const struct msghdr *message)
{
    struct cop__end *end = end_of(fd), *peer;
    size_t size = 0;

    if (!end)
        return message->msg_iovlen == 1
                   ? send(fd, message->msg_iov->iov_base, message->msg_iov->iov_len,
                         MSG_NOSIGNAL | MSG_DONTWAIT)
                   : sendmsg(fd, message, MSG_NOSIGNAL | MSG_DONTWAIT);
    for (size_t i = 0; i < (size_t)message->msg_iovlen; i++)
        size += message->msg_iov[i].iov_len;
    cop__net_advance(end);
    if (end->error)
        return fail(end->error);
    if (end->shut || end->peer < 0)
        return fail(EPIPE);
    peer = &net->ends[end->peer];
    if (peer->held == COP__END_ROOM)
        return fail(EAGAIN);
    if (size > COP__END_ROOM - peer->held)
        size = COP__END_ROOM - peer->held;
    if (!size)
        return 0;
    size = part_of(size);
    gather(peer->bytes + peer->held, size, message);
    peer->held += size;
    put_piece(peer, size);
    return (ssize_t)size;
}

/* --- Ending --------------------------------------------------------------------------------------
 */

int cop__network_shut_write(int fd)
{
    struct cop__end *end = end_of(fd);

    if (!end)
        return shutdown(fd, SHUT_WR);
    if (!end->shut && end->peer >= 0)
        cop__net_end_comes(&net->ends[end->peer]);
    end->shut = true;
    return 0;
}

/* The system has closed it: its number is free, or was never given. */
static void close_end(struct cop__end *end)
{
    struct cop__end *peer = end->peer >= 0 ? &net->ends[end->peer] : NULL;

    if (peer) {
        if (end->held)
            cop__net_reset_comes(peer); /* what was not read */
        else if (!end->shut)
            cop__net_end_comes(peer);
        peer->peer = -1;
    }
    end->used = false;
}

static void close_backlog(struct cop__end *listener)
{
    for (int i = 0; i < listener->backlog_count; i++)
        close_end(&net->ends[listener->backlog[i]]);
    listener->backlog_count = 0;
}

int cop__network_shut_read(int fd)
{
    struct cop__end *end = end_of(fd);

    if (!end)
        return shutdown(fd, SHUT_RD);
    end->listens = false;
    close_backlog(end);
    end->ended = end->connected;
    end->news |= EPOLLIN | EPOLLRDHUP;
    return 0;
}

int cop__network_close(int fd)
{
    struct cop__end *end = end_of(fd);

    if (!end)
        return close(fd);
    close_backlog(end);
    close_end(end);
    end_by_fd[fd] = 0;
    return close(fd);
}

void cop__network_drop(int node)
{
    for (int i = 0; net && i < net->top; i++) {
        struct cop__end *end = &net->ends[i];

        if (!end->used || end->node != node)
            continue;
        close_backlog(end);
        close_end(end);
    }
}
