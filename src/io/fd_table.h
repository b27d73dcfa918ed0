/* SPDX-License-Identifier: Apache-2.0 */
/* What is open, by number of the descriptor: who waits on it, who owns it, what is buffered. Layer
 * 3; the files of this layer see no descriptor but through a slot. Rules IO-1 to IO-7 of README.md.
 *
 * A handle is {seq:32, fd:24}: the number of the descriptor and how often its slot was opened and
 * closed by then. A slot's memory stays as long as the node runs, so a stale handle finds the slot,
 * sees another seq, and is refused; it never reaches the connection that has the number now. */
#ifndef COP_IO_FD_TABLE_H
#define COP_IO_FD_TABLE_H

#include <coppice/socket.h>

#include "base/lock.h"
#include "io/stream_buffer.h"
#include "proc/park.h"

enum cop__fd_kind {
    COP__FD_STREAM,
    COP__FD_PIPE, /* a stream in one direction */
    COP__FD_LISTENER,
    COP__FD_FILE,
    COP__FD_PROCESS /* of the operating system (os_process.h) */
};

struct cop__hold;

struct cop__fd {
    /* What the poller last said: 0 nothing, 1 ready, else the id of the process that waits. */
    _Alignas(64) _Atomic(uint64_t) reader;
    _Atomic(uint64_t) writer;
    /* Who uses that direction: 0 nobody, 1 somebody who will be done at once (rt odd), else the id
     * of a process that waits inside an operation and touches nothing meanwhile. IO-3 */
    _Atomic(uint64_t) reading, writing;
    struct cop__spinlock giving; /* owner and hold belong together while it is held */
    _Atomic(uint64_t) owner;     /* id of the owner; written by the owner */
    _Atomic(uint32_t) seq;       /* odd while open */
    int fd;
    struct cop__hold *hold; /* the owner's resource; from open to close */
    _Atomic(uint8_t) hup;   /* the poller has seen an end or error: never trust `drained` again */
    _Atomic(uint8_t) mode;  /* enum cop_active; written with `reading` held */
    _Atomic(uint8_t) kind;  /* enum cop__fd_kind; constant while open, looked at before taking */
    /* with `reading` held */
    uint8_t drained_r;            /* a read came back short: the next would say EAGAIN */
    uint8_t packet;               /* enum cop_packet; constant while open */
    _Atomic(int32_t) active_left; /* messages until passive; 0: no such count. Read without */
    uint32_t packet_size_max;     /* constant while open */
    struct cop__buffer in;
    /* with `writing` held */
    uint32_t send_buffer_max; /* constant while open */
    int send_error;           /* sticky: a frame was cut, or the other side is gone */
    int64_t send_timeout_ms;  /* constant while open; 0: infinity */
    struct cop__buffer out;
    /* of a process of the operating system */
    _Atomic(int32_t) os_pid; /* 0: it was waited for; cleared with `giving` held */
    int32_t exit_status;     /* with `reading` held; -EAGAIN: it has not ended */
    _Atomic(uint8_t) orphan; /* closed, killed, not waited for */
    bool by_clock;           /* no event tells of its end; constant while open */
    _Atomic(bool) accepted;  /* counted in drain.c */
};

/* Every open handle there is at the moment, for a short look. rt odd. */
void cop__fd_each(void (*look)(struct cop__fd *slot));

/* drain.c: a connection was accepted, and is closed. */
void cop__drain_accepted(struct cop__fd *slot);
void cop__drain_closed(struct cop__fd *slot);
bool cop__is_draining(void);

/* Sockets and pipes; any context. */
static inline bool cop__fd_is_stream(const struct cop__fd *slot)
{
    return slot->kind <= COP__FD_PIPE;
}

/* The slot of an open handle, NULL for a stale one. rt odd, as for all below. */
struct cop__fd *cop__fd_find(uint64_t id);
uint64_t cop__fd_id(const struct cop__fd *slot);
uint32_t cop__fd_seq_of(uint64_t id);

/* Take in descriptor fd for the running process; it is closed when that fails. 0 or -errno. `like`
 * has the options (NULL: none). Sockets are registered with the poller. */
int cop__fd_open(
    uint64_t *ret_id, int fd, enum cop__fd_kind kind, const struct cop_socket_options *like);
/* Close, waking all who wait. -COP_ECLOSED when somebody else has. Any process, or none. */
int cop__fd_close(struct cop__fd *slot, uint32_t seq);
/* A file was closed while this process was in the system with it: it closes the descriptor. */
void cop__fd_close_late(struct cop__fd *slot);
int cop__fd_give(uint64_t id, cop_pid to);

/* Take a direction. 0, -COP_ECLOSED, -EBUSY: another process waits in it. */
int cop__fd_take(struct cop__fd *slot, _Atomic(uint64_t) *direction, uint32_t seq);
static inline void cop__fd_drop(_Atomic(uint64_t) *direction)
{
    atomic_store_explicit(direction, 0, memory_order_release);
}

/* With the direction taken: wait until the poller says ready. 0: look again, and the direction is
 * still taken. -COP_ETIMEOUT: still taken. -COP_ECLOSED: closed meanwhile, and not taken any more.
 */
int cop__fd_wait(struct cop__fd *slot, _Atomic(uint64_t) *word, _Atomic(uint64_t) *direction,
    uint32_t seq, uint64_t deadline_ns);
/* The same, for a time and no event: where the system lacks something. */
int cop__fd_pause(
    struct cop__fd *slot, _Atomic(uint64_t) *direction, uint32_t seq, uint64_t deadline_ns);
/* Take note of an event that came while nobody waited: true once for each. */
static inline bool cop__fd_ready(_Atomic(uint64_t) *word)
{
    uint64_t ready = 1;

    return atomic_load_explicit(word, memory_order_relaxed) == 1 &&
           atomic_compare_exchange_strong_explicit(
               word, &ready, 0, memory_order_acq_rel, memory_order_relaxed);
}

/* End of an operation that reads. Data that came for an active socket meanwhile is delivered. */
void cop__fd_read_done(struct cop__fd *slot);

/* With `reading` held: have the poller report once more what is ready. */
void cop__fd_poll_again(struct cop__fd *slot, uint32_t seq);

/* Read what there is and send it as messages; any context, rt odd (active.c). */
void cop__active_deliver(struct cop__fd *slot, uint32_t seq);
/* With `reading` held: read once into buffer, at most size bytes. Bytes, 0: end of the stream,
 * -EAGAIN: nothing there now, -errno (recv.c). */
int64_t cop__fd_read(struct cop__fd *slot, void *buffer, size_t size);

uint64_t cop__deadline_ms(int64_t timeout_ms); /* COP_INFINITY and any negative: for ever */
int cop__last_error(void);                     /* errno of this thread, negated */

#endif
