/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the I/O layer say to each other: the record of a socket, its table, waiting. */
#ifndef COP_IO_IO_H
#define COP_IO_IO_H

#include <coppice/socket.h>

#include "base/lock.h"
#include "proc/park.h"

/* A word of one direction: nobody waits, an event has come, or the id of the pid that waits. */
enum { COP__FD_IDLE = 0, COP__FD_READY = 1 };

/* Never freed, only used again with another seq: a stale handle or event finds a record that says no. */
struct cop__socket {
    struct cop__resource resource; /* of the owner; first */
    _Atomic(uint64_t) reader, writer;
    _Atomic(uint32_t) seq;     /* of the handle; changes when the record is freed */
    _Atomic(uint32_t) users;   /* calls inside, and 1 while it is open; the last one closes fd */
    _Atomic(uint32_t) closing;
    _Atomic(uint32_t) hung_up; /* an event said that the other side sends no more; never taken back */
    uint32_t index;
    int fd;
    cop_pid owner;
    struct cop__socket *next_free;
    /* reader only (the owner, or the poller's context in active mode, under the lock) */
    struct cop__spinlock lock;
    bool read_drained, at_end, listening;
    int read_error;            /* kept until what came before it was taken */
    char *data;                /* read-ahead: start..end of capacity */
    size_t start, end, capacity;
    enum cop_packet packet;
    size_t packet_size_max;
    int active;                /* 0 passive, -1 always, n > 0: messages left */
    bool active_once;
    /* writer only */
    bool write_drained;
    char *out;                 /* queued by cop_tcp_write */
    size_t out_size, out_max;
    int64_t send_timeout_ms;
};

/* --- table.c ------------------------------------------------------------------------------------- */

/* A record for an open descriptor, owned by the running process. 0 or a negative error (fd is closed). */
int cop__socket_new(cop_socket *ret_socket, int fd, const struct cop_socket_options *options);
/* Begin and end of a use; NULL: a stale or closed handle. Never across a park. */
struct cop__socket *cop__socket_use(cop_socket handle);
void cop__socket_leave(struct cop__socket *socket);
void cop__socket_close(struct cop__socket *socket); /* owner's, or at its exit */
static inline cop_socket cop__socket_handle(const struct cop__socket *socket)
{
    cop_socket handle = { (uint64_t)atomic_load(&socket->seq) << 28 | socket->index };

    return handle;
}

/* --- wait.c --------------------------------------------------------------------------------------- */

/* Wait until the direction may be ready; leaves the socket meanwhile. 0, -COP_ECLOSED, -COP_ETIMEOUT, -EBUSY. On
 * 0 the caller is inside again; otherwise it is not. */
int cop__socket_wait(struct cop__socket *socket, _Atomic(uint64_t) *direction, uint64_t deadline_ns);
void cop__socket_wake(_Atomic(uint64_t) *direction);
uint64_t cop__io_deadline(int64_t timeout_ms);

/* --- stream.c ------------------------------------------------------------------------------------- */

/* One non-blocking read into the read-ahead buffer: bytes, -EAGAIN, -COP_ECLOSED, -errno. */
int64_t cop__stream_fill(struct cop__socket *socket, size_t size_wanted);
/* The next unit of the socket's packet mode, if it is whole: its size and where it starts and what to
 * consume; 0: not yet; -EMSGSIZE. */
int64_t cop__stream_unit(const struct cop__socket *socket, enum cop_packet packet, size_t *ret_skip, size_t *ret_used);
void cop__stream_free(struct cop__socket *socket);

/* --- active.c ------------------------------------------------------------------------------------- */

void cop__active_pump(struct cop__socket *socket);

/* The system's error of the last call, read where no switch can come between. */
int cop__io_errno(void);

#endif
