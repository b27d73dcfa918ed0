/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes of a connection: TCP, or what net_kernel was told to put over it (D-132, D-136). Layer
 * 6, private. */
#ifndef COP_DIST_WIRE_H
#define COP_DIST_WIRE_H

#include "dist/nodes.h"

struct cop__wire {
    cop_socket socket;
    void *stream; /* of the transport; NULL: TCP itself */
};

/* With the transport of this node, over wire->socket. false: there is none now. */
static inline bool cop__wire_open(struct cop__wire *wire, bool is_client, const char *host)
{
    const cop_dist_transport *transport = cop__net.options->transport;

    if (!transport)
        return true;
    wire->stream = transport->connect(
        cop__net.transport_context, wire->socket, is_client, host, cop__net.setuptime_ms);
    return wire->stream != NULL;
}

static inline void cop__wire_hold(const struct cop__wire *wire)
{
    if (wire->stream)
        cop__net.options->transport->hold(wire->stream);
}

static inline void cop__wire_release(struct cop__wire *wire)
{
    if (wire->stream)
        cop__net.options->transport->release(wire->stream);
    wire->stream = NULL;
}

/* Of the stacks of processes that use one; 0: as usual. */
static inline size_t cop__wire_stack(void)
{
    return cop__net.options->transport ? cop__net.options->transport->stack_size : 0;
}

/* As cop_tcp_recv. */
static inline int64_t cop__wire_recv(
    const struct cop__wire *wire, void *buffer, size_t size, int64_t timeout_ms)
{
    return wire->stream ? cop__net.options->transport->recv(wire->stream, buffer, size, timeout_ms)
                        : cop_tcp_recv(wire->socket, buffer, size, timeout_ms);
}

/* As cop_tcp_recv_exactly; the time is for each part. */
static inline int cop__wire_recv_exactly(
    const struct cop__wire *wire, void *buffer, size_t size, int64_t timeout_ms)
{
    unsigned char *at = buffer;

    if (!wire->stream)
        return cop_tcp_recv_exactly(wire->socket, buffer, size, timeout_ms);
    while (size) {
        int64_t count = cop__wire_recv(wire, at, size, timeout_ms);

        if (count < 0)
            return (int)count;
        at += count;
        size -= (size_t)count;
    }
    return 0;
}

/* As cop_tcp_send_all. */
static inline int cop__wire_send_all(
    const struct cop__wire *wire, const cop_bytes *pieces, size_t count)
{
    return wire->stream ? cop__net.options->transport->send_all(wire->stream, pieces, count)
                        : cop_tcp_send_all(wire->socket, pieces, count);
}

static inline int cop__wire_send(const struct cop__wire *wire, const void *data, size_t size)
{
    const cop_bytes piece = { data, size };

    return cop__wire_send_all(wire, &piece, 1);
}

#endif
