/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets: TCP and Unix-domain streams in direct style. A process that waits parks; the thread does
 * not. A socket belongs to the process that opened it, closes with it, and can be given away. */
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
    int unset;                 /* so that a list of no options can be written */
    const char *address;       /* bind: default loopback; connect: host, numeric or a name */
    int backlog;               /* 0: 1024 */
    bool no_reuseaddr, nagle, keepalive;
    enum cop_packet packet;
    size_t packet_size_max;    /* bytes of a line or packet; 0: 64 KB; longer: -EMSGSIZE */
    size_t send_buffer_max;    /* bytes queued by sends that do not wait; 0: 64 KB */
    size_t recbuf, sndbuf;     /* SO_RCVBUF, SO_SNDBUF; 0: the system's */
    int64_t timeout_ms;        /* connect and accept; 0: infinity */
    int64_t send_timeout_ms;   /* 0: infinity */
    bool ipv6_only;
};

COP_API int cop_tcp_listen_with(cop_socket *ret_listener, int port, const struct cop_socket_options *options);
COP_API int cop_tcp_connect_with(cop_socket *ret_socket, const char *host, int port,
    const struct cop_socket_options *options);
COP_API int cop_tcp_accept_with(cop_socket *ret_socket, cop_socket listener, const struct cop_socket_options *options);
#ifndef __cplusplus
#define cop_tcp_listen(RET, ...)   COP__TCP_LISTEN((RET), __VA_ARGS__, )
#define COP__TCP_LISTEN(RET, PORT, ...) cop_tcp_listen_with((RET), (PORT), &(const struct cop_socket_options){ .unset = 0, __VA_ARGS__ })
#define cop_tcp_connect(RET, HOST, ...) COP__TCP_CONNECT((RET), (HOST), __VA_ARGS__, )
#define COP__TCP_CONNECT(RET, HOST, PORT, ...) cop_tcp_connect_with((RET), (HOST), (PORT), &(const struct cop_socket_options){ .unset = 0, __VA_ARGS__ })
#define cop_tcp_accept(RET, ...)   COP__TCP_ACCEPT((RET), __VA_ARGS__, )
#define COP__TCP_ACCEPT(RET, LISTENER, ...) cop_tcp_accept_with((RET), (LISTENER), &(const struct cop_socket_options){ .unset = 0, __VA_ARGS__ })
#endif
COP_API int cop_unix_listen(cop_socket *ret_listener, const char *path, const struct cop_socket_options *options);
COP_API int cop_unix_connect(cop_socket *ret_socket, const char *path, const struct cop_socket_options *options);

/* Bytes received, 0 never: -COP_ECLOSED at the end of the stream, -COP_ETIMEOUT, -errno. */
COP_API int64_t cop_tcp_recv(cop_socket socket, void *buffer, size_t size, int64_t timeout_ms); /* some */
COP_API int cop_tcp_recv_exactly(cop_socket socket, void *buffer, size_t size, int64_t timeout_ms);
/* A view that lives until the next read of this socket or the end of the turn, whichever is first. */
COP_API int64_t cop_tcp_read_line_within(cop_bytes *ret_line, cop_socket socket, int64_t timeout_ms); /* without \r\n */
#define cop_tcp_read_line(RET_LINE, SOCKET) cop_tcp_read_line_within((RET_LINE), (SOCKET), COP_INFINITY)
COP_API int64_t cop_tcp_read_packet(cop_bytes *ret_packet, cop_socket socket, int64_t timeout_ms); /* by .packet */
/* What is buffered, waiting for at least one byte; cop_tcp_consume says how much was used. For parsers. */
COP_API int64_t cop_tcp_peek(cop_bytes *ret_data, cop_socket socket, size_t size_min, int64_t timeout_ms);
COP_API void cop_tcp_consume(cop_socket socket, size_t size);
/* Waits until the system has taken all of it. */
COP_API int cop_tcp_send(cop_socket socket, const void *data, size_t size);
COP_API int cop_tcp_printf(cop_socket socket, const char *format, ...) COP_PRINTF(2, 3);
/* Queue for sending without a system call until the buffer is full or cop_tcp_flush. */
COP_API int cop_tcp_write(cop_socket socket, const void *data, size_t size);
COP_API int cop_tcp_flush(cop_socket socket);
COP_API int cop_tcp_shutdown_write(cop_socket socket);
COP_API int cop_tcp_close(cop_socket socket);
COP_API int cop_tcp_give_away(cop_socket socket, cop_pid new_owner); /* controlling_process/2 */
/* Active mode: {tcp, Socket, Data}, {tcp_closed, Socket}, {tcp_error, Socket, Reason}, and after n
 * messages of {active, N} {tcp_passive, Socket}. */
COP_API int cop_tcp_set_active(cop_socket socket, enum cop_active mode);
COP_API int cop_tcp_set_active_n(cop_socket socket, int count);
COP_API int cop_tcp_port(cop_socket socket);     /* the local port */
COP_API int cop_tcp_peer(cop_socket socket, char *ret_text, size_t size); /* "127.0.0.1:7000" */
COP_API cop_term cop_from_socket(cop_socket socket); /* a port term */
COP_API bool cop_to_socket(cop_socket *ret_socket, cop_term term);
COP_API cop_pid cop_tcp_owner(cop_socket socket);

COP_END_DECLS

#endif
