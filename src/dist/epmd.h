/* SPDX-License-Identifier: Apache-2.0 */
/* The port mapper of Erlang: to be found by name, and to find others (D-15 to D-22). Layer 6,
 * private. All from a process; they park. */
#ifndef COP_DIST_EPMD_H
#define COP_DIST_EPMD_H

#include <coppice/socket.h>

enum { COP__EPMD_TIMEOUT_MS = 10000 };

/* Register the part of a name before the @. The name is ours as long as *ret_socket is open, on
 * which nothing is ever sent. 0; -COP_EALREADY: it is taken; other errors of the connection. */
int cop__epmd_register(
    cop_socket *ret_socket, uint32_t *ret_creation, const char *alive, int port, bool hidden);

/* The port at which a node of a host listens; -COP_ENOTFOUND: it is not registered, or talks no
 * version 6; other errors of the connection. */
int cop__epmd_port(const char *host, const char *alive);

/* Start one on this machine, on loopback. */
int cop__epmd_start(void);

/* The port in the answer to PORT_PLEASE2, of which size bytes are here; 0: more of it is to come;
 * negative as above. Bytes are hostile. */
int cop__epmd_read_port(const unsigned char *bytes, size_t size);

#endif
