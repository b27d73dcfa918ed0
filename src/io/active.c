/* SPDX-License-Identifier: Apache-2.0 */
/* Active mode: what arrives comes as messages {tcp, Socket, Data}. The event's context reads and sends, so an
 * idle server owns no stack. The lock of the socket keeps events and cop_tcp_set_active apart. */
#include "io/io.h"

#include "term/atoms.h"

enum { READ_AHEAD = 16 * 1024 };

static bool tell(struct cop__socket *socket, uint32_t atom, const cop_term *third)
{
    cop_term items[3] = { cop__atom(atom), cop_from_socket(cop__socket_handle(socket)),
        third ? *third : COP_NONE };
    bool there = cop__send_copy(socket->owner, cop_tuple_from(items, third ? 3 : 2));

    if (!cop_in_process())
        cop_turn_end(); /* the base's own heap */
    return there;
}

/* After each message: {active, once} and {active, N} run out. */
static void count_down(struct cop__socket *socket)
{
    if (socket->active_once) {
        socket->active = 0;
        socket->active_once = false;
    } else if (socket->active > 0 && --socket->active == 0) {
        tell(socket, COP__ATOM_tcp_passive, NULL);
    }
}

static void ended(struct cop__socket *socket, int error)
{
    cop_term reason;

    socket->active = 0;
    if (error != -COP_ECLOSED) {
        reason = cop_from_atom(cop_atom_new(cop_error_name(error)));
        tell(socket, COP__ATOM_tcp_error, &reason);
    }
    tell(socket, COP__ATOM_tcp_closed, NULL);
}

/* Send what is whole in the buffer. False: a packet that is too long. */
static bool deliver(struct cop__socket *socket)
{
    while (socket->active) {
        size_t skip, used;
        int64_t unit = cop__stream_unit(socket, socket->packet, &skip, &used);
        cop_term data;

        if (unit < 0) {
            ended(socket, (int)unit);
            return false;
        }
        if (unit == 0)
            return true;
        data = cop_binary(socket->data + socket->start + skip, used - skip);
        socket->start += used;
        tell(socket, COP__ATOM_tcp, &data);
        count_down(socket);
    }
    return true;
}

static void pump(struct cop__socket *socket)
{
    while (socket->active && deliver(socket) && socket->active) {
        int64_t got = socket->at_end ? -COP_ECLOSED : cop__stream_fill(socket, READ_AHEAD);

        if (got == -EAGAIN)
            return;
        if (got < 0)
            ended(socket, (int)got);
    }
}

void cop__active_pump(struct cop__socket *socket)
{
    cop__spin_lock(&socket->lock);
    pump(socket);
    cop__spin_unlock(&socket->lock);
}

static int set(cop_socket handle, int active, bool once, bool add)
{
    struct cop__socket *socket;

    cop__enter();
    socket = cop__socket_use(handle);
    if (!socket) {
        cop__leave();
        return -COP_ECLOSED;
    }
    cop__spin_lock(&socket->lock);
    if (add && socket->active > 0 && !socket->active_once)
        active += socket->active;
    socket->active_once = once;
    socket->active = active < 0 && add ? 0 : active;
    if (add && socket->active == 0)
        tell(socket, COP__ATOM_tcp_passive, NULL);
    socket->read_drained = false; /* an event may have gone by while it was passive */
    pump(socket);
    cop__spin_unlock(&socket->lock);
    cop__socket_leave(socket);
    cop__leave();
    return 0;
}

int cop_tcp_set_active(cop_socket socket, enum cop_active mode)
{
    return set(socket, mode == COP_PASSIVE ? 0 : mode == COP_ACTIVE ? -1 : 1, mode == COP_ACTIVE_ONCE, false);
}

int cop_tcp_set_active_n(cop_socket socket, int count)
{
    if (count < -32768 || count > 32767)
        return -EINVAL;
    return set(socket, count, false, true);
}
