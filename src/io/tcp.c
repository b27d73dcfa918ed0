/* SPDX-License-Identifier: Apache-2.0 */
/* The public face of TCP and of what all stream sockets share: open, close, own, ask. Layer 3.
 * Reading is recv.c, sending send.c, active mode active.c. */
#include <coppice/socket.h>
#include <string.h>

#include "base/network.h"
#include "io/stream.h"
#include "term/layout.h"

static bool port_is_valid(int port)
{
    return port >= 0 && port <= 65535;
}

static int out(cop_socket *ret_socket, int result, uint64_t id)
{
    if (result >= 0)
        ret_socket->id = id;
    return result;
}

int cop_tcp_listen_with(
    cop_socket *ret_listener, int port, const struct cop_socket_options *options)
{
    struct cop__address addresses[COP__ADDRESSES_MAX];
    const char *host = options && options->address ? options->address : "127.0.0.1";
    uint64_t id = 0;
    int result;

    if (!port_is_valid(port) || !cop_in_process())
        return -COP_EBADARG;
    result = cop__address_resolve(addresses, host, port);
    if (result < 0)
        return result;
    cop__enter();
    result = cop__stream_listen(&id, &addresses[0], options);
    cop__leave();
    return out(ret_listener, result, id);
}

int cop_tcp_connect_with(
    cop_socket *ret_socket, const char *host, int port, const struct cop_socket_options *options)
{
    struct cop__address addresses[COP__ADDRESSES_MAX];
    uint64_t id = 0, deadline_ns;
    int count, result = -ENOENT;

    if (!host || !port_is_valid(port) || !cop_in_process())
        return -COP_EBADARG;
    deadline_ns = cop__options_deadline(options);
    count = cop__address_resolve(addresses, host, port);
    if (count < 0)
        return count;
    cop__enter();
    for (int i = 0; i < count; i++) {
        int one = cop__stream_connect(&id, &addresses[i], options, deadline_ns);

        /* that a host refused says more than that this machine has no IPv6 */
        if (one == 0 || one == -COP_ETIMEOUT || result != -ECONNREFUSED)
            result = one;
        if (one == 0 || one == -COP_ETIMEOUT)
            break;
    }
    cop__leave();
    return out(ret_socket, result, id);
}

int cop_tcp_accept_with(
    cop_socket *ret_socket, cop_socket listener, const struct cop_socket_options *options)
{
    uint64_t id = 0;
    int result;

    if (!cop_in_process())
        return -COP_EBADARG;
    cop__enter();
    result = cop__stream_accept(&id, listener.id, options, cop__options_deadline(options));
    cop__leave();
    return out(ret_socket, result, id);
}

int cop_tcp_close(cop_socket socket)
{
    struct cop__fd *slot;
    int result;

    cop__enter();
    slot = cop__fd_find(socket.id);
    result = slot && slot->kind != COP__FD_FILE ? cop__fd_close(slot, cop__fd_seq_of(socket.id))
                                                : -COP_ECLOSED;
    cop__leave();
    return result;
}

/* --- Asking -------------------------------------------------------------------------------------
 */

/* rt odd, and so short that a descriptor that is closed and used again meanwhile is the caller's
 * own race; the handle is checked once more after the question. */
static int ask_name(struct cop__address *ret_address, cop_socket socket, bool peer)
{
    struct cop__fd *slot = cop__fd_find(socket.id);
    struct cop__address address = { .size = sizeof address.u };
    int result;

    if (!slot || slot->kind == COP__FD_FILE)
        return -COP_ECLOSED;
    result = cop__network_name(slot->fd, peer, &address.u.any, &address.size);
    if (result < 0)
        return cop__last_error();
    if (cop__fd_find(socket.id) != slot)
        return -COP_ECLOSED;
    *ret_address = address;
    return 0;
}

int cop_tcp_port(cop_socket socket)
{
    struct cop__address address;
    int result;

    cop__enter();
    result = ask_name(&address, socket, false);
    cop__leave();
    if (result < 0)
        return result;
    switch (address.u.any.sa_family) {
    case AF_INET:
        return ntohs(address.u.v4.sin_port);
    case AF_INET6:
        return ntohs(address.u.v6.sin6_port);
    default:
        return 0;
    }
}

int cop_tcp_peer(cop_socket socket, char *ret_text, size_t size)
{
    struct cop__address address;
    int result;

    cop__enter();
    result = ask_name(&address, socket, true);
    cop__leave();
    if (result < 0)
        return result;
    cop__address_show(ret_text, size, &address);
    return 0;
}

cop_pid cop_tcp_owner(cop_socket socket)
{
    cop_pid owner = { 0, 0 };
    struct cop__fd *slot;

    cop__enter();
    slot = cop__fd_find(socket.id);
    if (slot)
        owner.id = atomic_load_explicit(&slot->owner, memory_order_relaxed);
    cop__leave();
    return owner;
}

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

/* --- Giving away
 * ---------------------------------------------------------------------------------- */

/* Active messages of the socket that are here already follow it to the new owner. */
static void forward_messages(cop_socket socket, cop_pid to)
{
    cop_term port = cop_from_socket(socket), message;
    cop_receive_scan scan = cop_receive_begin(0);

    while (cop_receive_next(&message, &scan)) {
        cop_term which = cop_tuple_at(message, 1), tag = cop_tuple_at(message, 0);

        if (which.word != port.word || cop_type_of(tag) != COP_TYPE_ATOM)
            continue;
        cop_receive_take(&scan);
        cop_send(to, message);
        scan = cop_receive_begin(0);
    }
}

int cop_tcp_give_away(cop_socket socket, cop_pid new_owner)
{
    struct cop__fd *slot;
    enum cop_active mode = COP_PASSIVE;
    int32_t left = 0;
    int result;

    cop__enter();
    slot = cop__fd_find(socket.id);
    if (slot) {
        mode = (enum cop_active)atomic_load(&slot->mode);
        left = slot->active_left;
    }
    cop__leave();
    if (mode != COP_PASSIVE && cop_tcp_owner(socket).id == cop_self().id) {
        result = cop_tcp_set_active(socket, COP_PASSIVE);
        if (result < 0)
            return result;
    }
    cop__enter();
    result = cop__fd_give(socket.id, new_owner);
    cop__leave();
    if (result == 0 && new_owner.id != cop_self().id)
        forward_messages(socket, new_owner);
    if (mode != COP_PASSIVE && result != -EPERM) {
        if (left)
            cop_tcp_set_active_n(socket, left);
        else
            cop_tcp_set_active(socket, mode);
    }
    return result;
}
