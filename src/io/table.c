/* SPDX-License-Identifier: Apache-2.0 */
/* The table of sockets. A handle is an index and a sequence number; records live for ever and are used again,
 * so a stale handle is refused and never reaches another connection (IO-1). The descriptor is closed by
 * the last call that is inside (IO-2), so no call ever meets a number that the system gave away. */
#include "io/io.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/poller.h"
#include "term/layout.h"

enum { SOCKETS_MAX = 1 << 20, SEQ_MASK = 0x7fffffff, SEND_BUFFER = 64 * 1024, PACKET_MAX = 64 * 1024 };

static struct {
    struct cop__spinlock lock;
    struct cop__socket **slots;
    _Atomic(uint32_t) used;
    struct cop__socket *free;
} table;

static struct cop__socket *record_at(uint32_t index)
{
    return index && index < atomic_load_explicit(&table.used, memory_order_acquire) ? table.slots[index] : NULL;
}

/* Slots are reserved once for the life of the program; records are made as they are needed. */
static struct cop__socket *take_record(void)
{
    struct cop__socket *socket;

    cop__spin_lock(&table.lock);
    if (!table.slots) {
        void *memory = mmap(NULL, SOCKETS_MAX * sizeof *table.slots, PROT_READ | PROT_WRITE,
            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

        table.slots = memory == MAP_FAILED ? NULL : memory;
        atomic_store(&table.used, 1);
    }
    socket = table.free;
    if (socket) {
        table.free = socket->next_free;
    } else if (table.slots && table.used < SOCKETS_MAX && (socket = calloc(1, sizeof *socket))) {
        socket->index = table.used;
        table.slots[socket->index] = socket;
        atomic_store_explicit(&table.used, socket->index + 1, memory_order_release);
    }
    cop__spin_unlock(&table.lock);
    return socket;
}

static void release(struct cop__resource *resource)
{
    cop__socket_close((struct cop__socket *)resource);
}

int cop__socket_new(cop_socket *ret_socket, int fd, const struct cop_socket_options *options)
{
    struct cop__socket *socket = take_record();
    int error;

    if (!socket) {
        close(fd);
        return -ENOMEM;
    }
    socket->fd = fd;
    socket->resource.release = release;
    socket->owner = cop__proc_pid(cop__running());
    socket->read_drained = socket->write_drained = socket->at_end = socket->listening = false;
    socket->read_error = 0;
    socket->packet = options->packet;
    socket->packet_size_max = options->packet_size_max ? options->packet_size_max : PACKET_MAX;
    socket->out_max = options->send_buffer_max ? options->send_buffer_max : SEND_BUFFER;
    socket->send_timeout_ms = options->send_timeout_ms ? options->send_timeout_ms : COP_INFINITY;
    socket->active = 0;
    socket->active_once = false;
    atomic_store(&socket->hung_up, 0);
    atomic_store(&socket->reader, COP__FD_IDLE);
    atomic_store(&socket->writer, COP__FD_IDLE);
    atomic_store(&socket->closing, 0);
    atomic_store(&socket->users, 1);
    *ret_socket = cop__socket_handle(socket);
    error = cop__poller_add(fd, ret_socket->id);
    cop__resource_add(&socket->resource);
    if (error < 0) {
        cop__resource_remove(&socket->resource);
        cop__socket_close(socket);
    }
    return error;
}

struct cop__socket *cop__socket_use(cop_socket handle)
{
    struct cop__socket *socket = record_at((uint32_t)(handle.id & 0xfffffff));
    uint32_t users;

    if (!socket)
        return NULL;
    users = atomic_load(&socket->users);
    do
        if (!users || atomic_load(&socket->closing))
            return NULL;
    while (!atomic_compare_exchange_weak(&socket->users, &users, users + 1));
    /* Open, and stays so while we are inside; but is it the one the handle means? */
    if (atomic_load(&socket->seq) != handle.id >> 28 || atomic_load(&socket->closing)) {
        cop__socket_leave(socket);
        return NULL;
    }
    return socket;
}

/* The last one out: nobody uses the descriptor, and no handle leads here any more. */
static void finish(struct cop__socket *socket)
{
    cop__poller_remove(socket->fd);
    close(socket->fd);
    socket->fd = -1;
    cop__stream_free(socket);
    cop__spin_lock(&table.lock);
    socket->next_free = table.free;
    table.free = socket;
    cop__spin_unlock(&table.lock);
}

void cop__socket_leave(struct cop__socket *socket)
{
    if (atomic_fetch_sub(&socket->users, 1) == 1)
        finish(socket);
}

void cop__socket_close(struct cop__socket *socket)
{
    if (atomic_exchange(&socket->closing, 1))
        return;
    atomic_store(&socket->seq, (atomic_load(&socket->seq) + 1) & SEQ_MASK);
    cop__socket_wake(&socket->reader);
    cop__socket_wake(&socket->writer);
    cop__socket_leave(socket);
}

/* A socket as a port term: tag and 60 bits of the handle. */
cop_term cop_from_socket(cop_socket socket)
{
    return cop__port(socket.id);
}

bool cop_to_socket(cop_socket *ret_socket, cop_term term)
{
    if (!cop__is_local_port(term))
        return false;
    ret_socket->id = term.word >> 4;
    return true;
}

cop_pid cop_tcp_owner(cop_socket handle)
{
    struct cop__socket *socket;
    cop_pid owner = { 0, 0 };

    cop__enter();
    socket = cop__socket_use(handle);
    if (socket) {
        owner = socket->owner;
        cop__socket_leave(socket);
    }
    cop__leave();
    return owner;
}
