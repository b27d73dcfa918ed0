/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting for a socket. One word a direction: the waiter puts itself there, the event exchanges it for READY and
 * wakes whom it found. A lost event is impossible: the waiter's CAS fails when READY is there already. */
#include "io/io.h"

#include <sys/epoll.h>

#include "proc/proc.h"

uint64_t cop__io_deadline(int64_t timeout_ms)
{
    return timeout_ms == COP_INFINITY ? UINT64_MAX
                                      : cop__now_ns() + (timeout_ms > 0 ? (uint64_t)timeout_ms * 1000000 : 0);
}

void cop__socket_wake(_Atomic(uint64_t) *direction)
{
    uint64_t before = atomic_exchange(direction, COP__FD_READY);

    if (before > COP__FD_READY)
        cop__unpark(cop__proc_of(before), (uint32_t)(before >> 32));
}

static bool is_gone(uint64_t id)
{
    struct cop__proc *proc = cop__proc_of(id);

    return atomic_load(&proc->gen) != id >> 32 || (atomic_load(&proc->mbox) & COP__MBOX_DEAD);
}

/* Put ourselves into the word. 1: it is ready already; -EBUSY: another process waits. */
static int stand_in_line(_Atomic(uint64_t) *direction, uint64_t me)
{
    uint64_t found = COP__FD_IDLE;

    for (;;) {
        if (atomic_compare_exchange_strong(direction, &found, me))
            return 0;
        if (found == COP__FD_READY) {
            atomic_store(direction, COP__FD_IDLE);
            return 1;
        }
        if (found != me && !is_gone(found))
            return -EBUSY;
        /* one that was killed while it waited: its place is free */
    }
}

int cop__socket_wait(struct cop__socket *socket, _Atomic(uint64_t) *direction, uint64_t deadline_ns)
{
    cop_socket handle = cop__socket_handle(socket);
    uint64_t me = cop__proc_pid(cop__running()).id, mine;
    int result = stand_in_line(direction, me);

    if (result == 1)
        return 0;
    if (result < 0) {
        cop__socket_leave(socket);
        return result;
    }
    if (atomic_load(&socket->closing)) { /* it was closed before it could see us in the word */
        cop__socket_leave(socket);
        return -COP_ECLOSED;
    }
    cop__socket_leave(socket); /* IO-3: nobody is inside while he waits; he may be killed there */
    while (atomic_load(direction) == me && cop__park(deadline_ns))
        ;
    socket = cop__socket_use(handle);
    if (!socket)
        return -COP_ECLOSED;
    mine = me;
    if (atomic_compare_exchange_strong(direction, &mine, COP__FD_IDLE)) {
        cop__socket_leave(socket);
        return -COP_ETIMEOUT;
    }
    atomic_store(direction, COP__FD_IDLE);
    return 0;
}

static void on_event(uint64_t data, uint32_t events)
{
    cop_socket handle = { data };
    struct cop__socket *socket = cop__socket_use(handle);

    if (!socket)
        return; /* an event of a connection that was closed meanwhile */
    if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
        atomic_store(&socket->hung_up, 1); /* before the wake: pairs with the load after a short read */
    if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) {
        if (socket->active)
            cop__active_pump(socket);
        cop__socket_wake(&socket->reader);
    }
    if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR))
        cop__socket_wake(&socket->writer);
    cop__socket_leave(socket);
}

__attribute__((constructor)) static void serve_events(void)
{
    cop__on_poll_event = on_event;
}
