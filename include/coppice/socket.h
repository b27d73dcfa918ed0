/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets: TCP and Unix-domain streams in direct style. A process that waits parks; the thread
 * does
 * not. A socket belongs to the process that opened it, closes with it, and can be given away.
 * Other
 * processes may use it too; but only one may wait in each direction, a second gets -EBUSY. */
#ifndef COPPICE_SOCKET_H
#define COPPICE_SOCKET_H

#include <coppice/process.h>

COP_BEGIN_DECLS

/* A handle; a value, safe to keep in a struct. Using a closed one gives -COP_ECLOSED. */
typedef struct {
    uint64_t id;
} cop_socket;

enum cop_packet { COP_PACKET_RAW, COP_PACKET_LINE, COP_PACKET_1, COP_PACKET_2, COP_PACKET_4 };
enum cop_active { COP_PASSIVE, COP_ACTIVE, COP_ACTIVE_ONCE };

struct cop_socket_options {
    int unset;           /* so that a list of no options can be written */
    const char *address; /* bind: default loopback; connect: host, numeric or a name */
    int backlog;         /* 0: 1024 */
    bool no_reuseaddr, nagle, keepalive;
    enum cop_packet packet;
    size_t packet_size_max;  /* bytes of a line or packet; 0: 64 KB; longer: -EMSGSIZE */
    size_t send_buffer_max;  /* bytes queued by sends that do not wait; 0: 64 KB */
    size_t recbuf, sndbuf;   /* SO_RCVBUF, SO_SNDBUF; 0: the system's */
    int64_t timeout_ms;      /* connect and accept; 0: infinity */
    int64_t send_timeout_ms; /* 0: infinity */
    bool ipv6_only;
};

/* Listen on a TCP port.
 *
 * Returns  0 and a listener of the caller; else -EADDRINUSE, -EACCES, -EMFILE and other -errno,
 *          -COP_EBADARG for a port outside 0..65535, -ENOENT for an unknown address.
 * Parks    only to look up a name given as .address.
 * Options  all; NULL: none. packet, sizes and send_timeout_ms hold for accepted sockets too.
 * Context  any process.
 * OTP      gen_tcp:listen/2, but on loopback unless .address says otherwise.
 */
COP_API int cop_tcp_listen_with(
    cop_socket *ret_listener, int port, const struct cop_socket_options *options);

/* Connect to a host by name or number, trying its addresses in turn. localhost and names that end
 * in .localhost are this machine, as RFC 6761 has it, whatever its files say.
 *
 * Returns  0 and a socket of the caller; else -ECONNREFUSED, -COP_ETIMEOUT, -ENOENT (no such
 *          host), -COP_EBADARG and other -errno.
 * Parks    yes.
 * Options  timeout_ms for all of it, without the look-up; .address: the local address.
 * Context  any process.
 * OTP      gen_tcp:connect/4.
 */
COP_API int cop_tcp_connect_with(
    cop_socket *ret_socket, const char *host, int port, const struct cop_socket_options *options);

/* Take the next connection of a listener, TCP or Unix-domain. Without free descriptors it waits
 * by the clock, 64 ms at most, until there is one.
 *
 * Returns  0 and a socket of the caller; else -COP_ETIMEOUT, -COP_ECLOSED when the listener is or
 *          gets closed, -EBUSY when another process waits in it, -EMFILE when the time passed for
 *          want of descriptors, -EINVAL for what is no listener.
 * Parks    yes.
 * Options  timeout_ms; when any other is given they replace those of the listener.
 * Context  any process, also one that does not own the listener.
 * OTP      gen_tcp:accept/2.
 */
COP_API int cop_tcp_accept_with(
    cop_socket *ret_socket, cop_socket listener, const struct cop_socket_options *options);

#ifndef __cplusplus
#define cop_tcp_listen(RET, ...) COP__TCP_LISTEN((RET), __VA_ARGS__, )
#define COP__TCP_LISTEN(RET, PORT, ...) \
    cop_tcp_listen_with(                \
        (RET), (PORT), &(const struct cop_socket_options){ .unset = 0, __VA_ARGS__ })
#define cop_tcp_connect(RET, HOST, ...) COP__TCP_CONNECT((RET), (HOST), __VA_ARGS__, )
#define COP__TCP_CONNECT(RET, HOST, PORT, ...) \
    cop_tcp_connect_with(                      \
        (RET), (HOST), (PORT), &(const struct cop_socket_options){ .unset = 0, __VA_ARGS__ })
#define cop_tcp_accept(RET, ...) COP__TCP_ACCEPT((RET), __VA_ARGS__, )
#define COP__TCP_ACCEPT(RET, LISTENER, ...) \
    cop_tcp_accept_with(                    \
        (RET), (LISTENER), &(const struct cop_socket_options){ .unset = 0, __VA_ARGS__ })
#endif

/* Listen on a path. A socket that a dead server left there is taken over.
 *
 * Returns  0 and a listener of the caller; else -EADDRINUSE, -ENAMETOOLONG, -EACCES and other
 *          -errno.
 * Parks    no.
 * Options  as for TCP; NULL: none. The path is not removed at close.
 * Context  any process.
 * OTP      gen_tcp:listen/2 with {ifaddr, {local, Path}}.
 */
COP_API int cop_unix_listen(
    cop_socket *ret_listener, const char *path, const struct cop_socket_options *options);

/* Connect to a path.
 *
 * Returns  0 and a socket of the caller; else -ENOENT, -ECONNREFUSED, -COP_ETIMEOUT when the
 *          listener's queue stays full, and other -errno.
 * Parks    yes, while the queue is full.
 * Options  timeout_ms and those of a socket; NULL: none.
 * Context  any process.
 * OTP      gen_tcp:connect/4 with {local, Path}.
 */
COP_API int cop_unix_connect(
    cop_socket *ret_socket, const char *path, const struct cop_socket_options *options);

/* Receive what there is, at least one byte.
 *
 * Returns  the bytes received, never 0; -COP_ECLOSED at the end of the stream or for a closed
 *          socket, -COP_ETIMEOUT, -EBUSY when another process waits to receive, -EINVAL in active
 *          mode, -ECONNRESET and other -errno, -COP_EBADARG for size 0.
 * Parks    yes.
 * Options  timeout_ms; 0: only what is there; COP_INFINITY.
 * Context  any process.
 * OTP      gen_tcp:recv/3 with length 0.
 */
COP_API int64_t cop_tcp_recv(cop_socket socket, void *buffer, size_t size, int64_t timeout_ms);

/* Receive exactly size bytes. What came before a failure is kept for the next read.
 *
 * Returns  0, or an error as cop_tcp_recv.
 * Parks    yes.
 * Options  timeout_ms for all of it.
 * Context  any process.
 * OTP      gen_tcp:recv/3.
 */
COP_API int cop_tcp_recv_exactly(cop_socket socket, void *buffer, size_t size, int64_t timeout_ms);

/* Read a line, whatever the socket's packet option.
 *
 * Returns  its length without \n or \r\n, and a view of it that lives until the next read of this
 *          socket, its close, or the end of the turn; -EMSGSIZE when it is longer than
 *          packet_size_max: then close; else as cop_tcp_recv. A last line without \n is not
 *          given.
 * Parks    yes.
 * Options  timeout_ms.
 * Context  any process.
 * OTP      gen_tcp:recv/3 with {packet, line}, which keeps the end of the line.
 */
COP_API int64_t cop_tcp_read_line_within(
    cop_bytes *ret_line, cop_socket socket, int64_t timeout_ms);
#define cop_tcp_read_line(RET_LINE, SOCKET) \
    cop_tcp_read_line_within((RET_LINE), (SOCKET), COP_INFINITY)

/* Read a unit of the socket's packet option: a packet without its length, a line with its end, or
 * what there is.
 *
 * Returns  its length, which may be 0, and a view as for read_line; errors as for read_line.
 * Parks    yes.
 * Options  timeout_ms.
 * Context  any process.
 * OTP      gen_tcp:recv/3 with {packet, 1 | 2 | 4 | line}.
 */
COP_API int64_t cop_tcp_read_packet(cop_bytes *ret_packet, cop_socket socket, int64_t timeout_ms);

/* Look at what is buffered, waiting until it is at least size_min bytes (and at least one). For
 * parsers: cop_tcp_consume says how much of it was used.
 *
 * Returns  how many bytes there are, and a view as for read_line; -EMSGSIZE when size_min is more
 *          than packet_size_max; else as cop_tcp_recv.
 * Parks    yes.
 * Options  timeout_ms.
 * Context  any process.
 * OTP      none.
 */
COP_API int64_t cop_tcp_peek(
    cop_bytes *ret_data, cop_socket socket, size_t size_min, int64_t timeout_ms);

/* Drop size bytes from the front of what is buffered, at most all of it.
 *
 * Returns  nothing; a closed socket is no error.
 * Parks    no.
 * Context  any process; views of this socket end.
 * OTP      none.
 */
COP_API void cop_tcp_consume(cop_socket socket, size_t size);

/* Let the servers of this node come to an end: no listener accepts any more, and connections that
 * were accepted are shut for reading. Who serves one reads what has come, can answer it, and then
 * sees the end of the stream. cop_run does this with drain_ms.
 *
 * Returns  how many connections that were accepted are open; call again to see them become fewer.
 * Parks    no.
 * Context  any process. It cannot be taken back.
 * OTP      none; ranch:suspend_listener/1 is its first half.
 */
COP_API size_t cop_tcp_drain(void);

/* Send, after what cop_tcp_write has queued, and with the length in front that the packet option
 * asks for. Waits until the system has taken all of it.
 *
 * Returns  0; -COP_ECLOSED when the other side is gone or the socket closed; -COP_ETIMEOUT after
 *          send_timeout_ms: when part has gone, every later send fails; -EMSGSIZE for a packet
 *          its length cannot say; -EBUSY when another process waits to send.
 * Parks    when the peer does not read.
 * Context  any process, also one that does not own the socket.
 * OTP      gen_tcp:send/2.
 */
COP_API int cop_tcp_send(cop_socket socket, const void *data, size_t size);

/* The same for several pieces in a row, in as few system calls as the system takes them.
 * Returns  as cop_tcp_send.
 * Parks    as cop_tcp_send.
 * Options  a socket's packet option puts its length before all of them together.
 * Context  any process.
 * OTP      gen_tcp:send/2 of an iolist.
 */
COP_API int cop_tcp_send_all(cop_socket socket, const cop_bytes *pieces, size_t count);

/* Send formatted text, as printf.
 *
 * Returns  as cop_tcp_send; -COP_EBADARG for a format that fails.
 * Parks    as cop_tcp_send.
 * Context  any process.
 * OTP      gen_tcp:send/2 of io_lib:format/2.
 */
COP_API int cop_tcp_printf(cop_socket socket, const char *format, ...) COP_PRINTF(2, 3);

/* Queue for sending, without a system call until send_buffer_max bytes are queued; then send.
 *
 * Returns  as cop_tcp_send.
 * Parks    when the queue is full and the peer does not read.
 * Context  any process. What is queued goes with the next send or flush; close sends what the
 *          system takes at once.
 * OTP      gen_tcp:send/2 with {delay_send, true}.
 */
COP_API int cop_tcp_write(cop_socket socket, const void *data, size_t size);

/* Send what is queued.
 *
 * Returns  as cop_tcp_send.
 * Parks    as cop_tcp_send.
 * Context  any process.
 * OTP      none.
 */
COP_API int cop_tcp_flush(cop_socket socket);

/* Send what is queued, then end our half of the stream; the other half stays.
 *
 * Returns  0, or as cop_tcp_send; -ENOTSOCK for a pipe, which is to be closed. Later sends give
 *          -COP_ECLOSED.
 * Parks    as cop_tcp_send.
 * Context  any process.
 * OTP      gen_tcp:shutdown(Socket, write).
 */
COP_API int cop_tcp_shutdown_write(cop_socket socket);

/* Close a socket or listener. Whoever waits in it gets -COP_ECLOSED.
 *
 * Returns  0; -COP_ECLOSED when it was closed already.
 * Parks    no.
 * Context  any process; the handle is stale from then on for all.
 * OTP      gen_tcp:close/1.
 */
COP_API int cop_tcp_close(cop_socket socket);

/* Make another process the owner. It takes the socket in with its next signals; if it ends before
 * that, the socket closes. Messages of active mode that are here already follow.
 *
 * Returns  0; -EPERM when the caller is not the owner, -COP_ENOPROC when new_owner is gone,
 *          -EBUSY when the caller has itself not taken it in yet (any receive does),
 *          -COP_ECLOSED.
 * Parks    no.
 * Context  the owner.
 * OTP      gen_tcp:controlling_process/2.
 */
COP_API int cop_tcp_give_away(cop_socket socket, cop_pid new_owner);

/* Choose how data comes: COP_PASSIVE by calls; COP_ACTIVE as messages {tcp, Socket, Data} to the
 * owner; COP_ACTIVE_ONCE as one such message. Data is a unit of the packet option. The end is
 * {tcp_closed, Socket}, after {tcp_error, Socket, Reason} if it was an error (resets included),
 * and closes the socket.
 *
 * Returns  0; -EBUSY when a process waits to receive, -EINVAL for a listener, -COP_ECLOSED.
 * Parks    no.
 * Context  any process. COP_ACTIVE has no back-pressure: prefer once or a count.
 * OTP      inet:setopts(Socket, [{active, _}]).
 */
COP_API int cop_tcp_set_active(cop_socket socket, enum cop_active mode);

/* Let count more messages come, then {tcp_passive, Socket}. Counts add up; a sum of 0 or less is
 * passive at once.
 *
 * Returns  as set_active; -EINVAL for a sum above 32767.
 * Parks    no.
 * Context  any process.
 * OTP      inet:setopts(Socket, [{active, N}]).
 */
COP_API int cop_tcp_set_active_n(cop_socket socket, int count);

/* The local port.
 *
 * Returns  the port, 0 for a Unix-domain socket, -COP_ECLOSED.
 * Parks    no.
 * Context  any thread.
 * OTP      inet:port/1.
 */
COP_API int cop_tcp_port(cop_socket socket);

/* The other side as text: "127.0.0.1:7000", "[::1]:7000", or a path.
 *
 * Returns  0 and the text, cut to size; -ENOTCONN, -COP_ECLOSED.
 * Parks    no.
 * Context  any thread.
 * OTP      inet:peername/1.
 */
COP_API int cop_tcp_peer(cop_socket socket, char *ret_text, size_t size);

/* A socket as a term: a port, as in the messages of active mode.
 *
 * Returns  the term; it owns no memory.
 * Parks    no.
 * Context  any thread.
 * OTP      none: there a socket is a port.
 */
COP_API cop_term cop_from_socket(cop_socket socket);

/* The socket that a port term names.
 *
 * Returns  false for a term that is no port of this node. An old port gives a stale handle.
 * Parks    no.
 * Context  any thread.
 * OTP      none.
 */
COP_API bool cop_to_socket(cop_socket *ret_socket, cop_term term);

/* The owner.
 *
 * Returns  its pid; id 0 for a closed socket.
 * Parks    no.
 * Context  any thread.
 * OTP      erlang:port_info(Port, connected).
 */
COP_API cop_pid cop_tcp_owner(cop_socket socket);

COP_END_DECLS

#endif
