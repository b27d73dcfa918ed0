/* SPDX-License-Identifier: Apache-2.0 */
/* Being a node of an Erlang cluster: a name, a cookie, connections. Once this runs, a pid, a name
 * or an alias of another node is used like one of this node: calls, casts, links, monitors, exits
 * and supervision work across (docs/guide/erlang-cluster.md).
 *
 *   static const struct cop_net_kernel_options options = { .name = "c1@127.0.0.1" };
 *   .children = COP_CHILDREN(
 *       { .name = "net_kernel", .start = cop_net_kernel_start_child, .context = &options },
 *       ...
 *
 * A peer that knows the cookie may run what is exported, read states and kill processes; the cookie
 * protects neither secrecy nor integrity. Listen on loopback or a private network, or use TLS.
 * Clauses D-01 to D-64, D-105, D-114 to D-120, D-138 to D-163. */
#ifndef COPPICE_NET_KERNEL_H
#define COPPICE_NET_KERNEL_H

#include <coppice/socket.h>
#include <coppice/supervisor.h>

COP_BEGIN_DECLS

/* How nodes are found by name. */
enum cop_epmd {
    COP_EPMD_SPAWN,   /* epmd; where none answers, `epmd -daemon` is started */
    COP_EPMD_REQUIRE, /* epmd; where none answers, the start fails */
    COP_EPMD_BUILTIN, /* epmd; where none answers, this node is it too, on loopback, for Erlang's
                         nodes as well. When it ends, another node that is told so takes over */
    COP_EPMD_NONE     /* nobody is asked: fixed ports and static routes */
};

/* What carries the bytes of connections in place of TCP itself; the module coppice-tls has one,
 * cop_dist_tls. A stream is used by two processes at a time: one reads, the other writes. */
typedef struct cop_dist_transport {
    const char *name;
    /* What is read once, when the node starts: keys, certificates. NULL: it cannot be used, and
     * that was logged. close is for what open gave, when the node stops. */
    void *(*open)(const void *config);
    void (*close)(void *context);
    /* Over a socket that is connected, as the side that connects or the other, with the node's
     * host. NULL: refused, and that was logged. Parks. */
    void *(*connect)(
        void *context, cop_socket socket, bool is_client, const char *host, int64_t timeout_ms);
    /* As cop_tcp_recv and cop_tcp_send_all. */
    int64_t (*recv)(void *stream, void *buffer, size_t size, int64_t timeout_ms);
    int (*send_all)(void *stream, const cop_bytes *pieces, size_t count);
    /* One user more, or fewer; the last one's frees it. release parks nowhere, calls nothing of
     * this library, and may come while the node stops. */
    void (*hold)(void *stream);
    void (*release)(void *stream);
    size_t stack_size; /* of processes that use it; 0: as usual */
} cop_dist_transport;

struct cop_net_kernel_options {
    int unset;              /* so that a list of no options can be written */
    const char *name;       /* alive@host; a host with a dot makes it a long name */
    const char *cookie;     /* NULL: COPPICE_COOKIE, else ~/.erlang.cookie */
    bool hidden;            /* in nodes(hidden) only, and of no concern to global and pg */
    bool no_listen;         /* connects, and is not connected to */
    const char *address;    /* to listen on; NULL: 127.0.0.1. "0.0.0.0": all */
    int port_min, port_max; /* the first free one; 0: any the system gives */
    enum cop_epmd epmd;
    bool no_auto_connect; /* a message to another node makes no connection (dist_auto_connect) */
    bool connect_all;     /* connect to all nodes that a peer's global knows (D-119) */
    int64_t ticktime_ms;  /* net_ticktime: 60,000. The same in the whole cluster */
    int64_t setuptime_ms; /* net_setuptime: 7,000, for each step of a handshake */
    const char *const *allow; /* names of nodes that may connect, ended by NULL; NULL: all */
    int handshakes_max;       /* unfinished ones at a time: 64 */
    const cop_dist_transport *transport; /* NULL: TCP */
    const void *transport_config;        /* for its open */
};

/* Become a node. The process that this starts is registered as net_kernel, and linked to the
 * caller.
 *
 * Returns  0 and its pid (ret_pid may be NULL); -COP_EALREADY: this node has a name already, or it
 *          is in use at epmd; -COP_EBADARG: the name is not alive@host, there is no cookie, or its
 *          file may be read by others; else what the listener or epmd failed with. *ret_error (or
 *          NULL) is the reason as a term, for reports.
 * Parks    yes.
 * Options  see struct cop_net_kernel_options. Its strings must live as long as the node.
 * Context  any process.
 * OTP      net_kernel:start/2. Clauses D-05 to D-07, D-14 to D-25.
 */
COP_API int cop_net_kernel_start_link(
    cop_pid *ret_pid, const struct cop_net_kernel_options *options, cop_term *ret_error);

/* The same as the start of a child; context is a struct cop_net_kernel_options.
 *
 * Returns  what the supervisor wants to know.
 * Parks    yes.
 * Options  arg is not looked at.
 * Context  a supervisor.
 * OTP      the child net_kernel of net_sup.
 */
COP_API cop_child_start cop_net_kernel_start_child(cop_term arg, const void *context);

/* Be a node no more: connections are closed, with nodedown for each, and the name is given back.
 *
 * Returns  0, or -COP_ENOTFOUND: it is none.
 * Parks    yes.
 * Context  any process; not when a supervisor would start it again.
 * OTP      net_kernel:stop/0. Clause D-163.
 */
COP_API int cop_net_kernel_stop(void);

/* Connect to a node, if that is not done.
 *
 * Returns  whether it is connected.
 * Parks    yes, at most the set-up time.
 * Context  any process. A node is connected to itself.
 * OTP      net_kernel:connect_node/1.
 */
COP_API bool cop_net_kernel_connect_node(cop_atom node);

/* Close the connection to a node, or give up the attempt at one.
 *
 * Returns  false: there was none.
 * Parks    no.
 * Context  any process.
 * OTP      erlang:disconnect_node/1.
 */
COP_API bool cop_disconnect_node(cop_atom node);

/* Is a node there, and does it answer? Connects.
 *
 * Returns  true for pong, false for pang.
 * Parks    yes.
 * Context  any process.
 * OTP      net_adm:ping/1. Clause D-105.
 */
COP_API bool cop_net_adm_ping(cop_atom node);

/* The names of nodes; kinds may be or-ed.
 *
 * Returns  a list of atoms.
 * Parks    no.
 * Context  any process.
 * OTP      nodes/1; nodes/0 is cop_nodes().
 */
COP_API cop_term cop_nodes_of(unsigned kinds);

/* The cookie for one node, or for all others when node is none ({0}).
 *
 * Returns  0; -COP_EBADARG: longer than 255 bytes; -COP_ENOTFOUND: this is no node.
 * Parks    no.
 * Context  any process. The string is copied.
 * OTP      erlang:set_cookie/2. Clause D-13.
 */
COP_API int cop_set_cookie(cop_atom node, const char *cookie);

/* Where a node listens, in place of asking epmd.
 *
 * Returns  0; -COP_EBADARG: a port outside 1 to 65535, or a host of more than 255 bytes.
 * Parks    no.
 * Context  any process; it holds until the program ends. The string is copied.
 * OTP      an erl_epmd module's address_please/3 and port_please/2. Clause D-24.
 */
COP_API int cop_net_kernel_route(cop_atom node, const char *host, int port);

/* What is known of a node's connection.
 *
 * Returns  a map: state (up, pending), type (normal, hidden), creation, flags, in and out (frames),
 *          bytes_in, bytes_out, queued; none for a node that is not connected.
 * Parks    no.
 * Context  any process.
 * OTP      net_kernel:node_info/1. Clause D-162.
 */
COP_API cop_term cop_net_kernel_node_info(cop_atom node);

/* The port this node listens on.
 *
 * Returns  the port; 0: it does not listen.
 * Parks    no.
 * Context  any thread.
 * OTP      none; epmd tells it.
 */
COP_API int cop_net_kernel_port(void);

COP_END_DECLS

#endif
