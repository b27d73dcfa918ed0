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

/* Start one on this machine, on loopback: the program, in the background. */
int cop__epmd_start(void);
/* Or one in this node, which lives as long as the caller; negative: it does not listen, as another
 * does. */
int cop__epmd_serve(void);
int cop__epmd_own_port(void); /* where it is on this machine: ERL_EPMD_PORT, or 4369 */

enum {
    COP__EPMD_VERSION = 6,
    COP__EPMD_NAME_MAX = 255,
    COP__EPMD_REQUEST_MAX = 1024,
    COP__EPMD_NAMES = 110,
    COP__EPMD_ALIVE2_RESP = 118,
    COP__EPMD_PORT2 = 119,
    COP__EPMD_ALIVE2 = 120,
    COP__EPMD_ALIVE2_OLD_RESP = 121,
    COP__EPMD_PORT_PLEASE2 = 122
};

/* A request, behind its length. False: it is none. What it points to lies in bytes, which are
 * hostile. */
struct cop__epmd_request {
    unsigned char kind, type, protocol;
    int port, highest, lowest;
    cop_bytes name, extra;
};
bool cop__epmd_read_request(struct cop__epmd_request *ret, const unsigned char *bytes, size_t size);

/* The port in the answer to PORT_PLEASE2, of which size bytes are here; 0: more of it is to come;
 * negative as above. Bytes are hostile. */
int cop__epmd_read_port(const unsigned char *bytes, size_t size);

#endif
