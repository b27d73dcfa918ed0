/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the cluster layer know of this node. Layer 6, private. */
#ifndef COP_DIST_NODES_H
#define COP_DIST_NODES_H

#include <coppice/net_kernel.h>
#include <coppice/socket.h>

#include "dist/peer.h"
#include "term/node.h"

struct cop__far_signal;

/* --- Settings (settings.c): constant from the start of net_kernel to its end
 * -------------------------- */

struct cop__net {
    const struct cop_net_kernel_options *options;
    char name[COP__HS_NAME_MAX + 1];
    bool long_names;
    uint64_t flags; /* announced */
    uint32_t creation;
    int64_t ticktime_ms, setuptime_ms;
    int port;
    void *transport_context; /* of options->transport */
};
/* Of the net_kernel that runs, or did last. */
extern struct cop__net cop__net;

/* The cookie toward a node, by its name: -COP_ENOTFOUND when there is none. */
int cop__cookie_for(char ret_cookie[256], const char *node);
/* From the options, the environment or a file; what is wrong is logged (D-14). */
int cop__cookie_find(char ret_cookie[256], const char *option);
void cop__cookie_set(uint32_t node, const char *cookie); /* 0: the default */

/* A static route: its port and host; 0: there is none. */
int cop__route_find(char ret_host[256], uint32_t node);

/* --- net_kernel
 * ------------------------------------------------------------------------------------- */

/* By chance, and none of the numbers that are kept for something (D-07). Exits when there is none.
 */
uint32_t cop__random_creation(void);

/* rt odd, any context. */
bool cop__nodes_may_connect(void);
/* Ask for the attempt of this number to be made. */
void cop__nodes_connect(uint32_t name, uint64_t connection);

/* Make a connection if there is none. rt even. */
void cop__nodes_want(uint32_t name);

/* --- Connections (connection.c): entry points of processes
 * ----------------------------------------------- */

void cop__connect_main(cop_term arg);  /* {Node, Number}: an attempt that was asked for */
void cop__accepted_main(cop_term arg); /* Socket, which is given to it with the message `go` */
extern _Atomic(int) cop__handshakes;   /* unfinished ones of others */

/* {Peer, Creation, Descriptor}: over a socket that needs no handshake, since this program
 * has both ends (parts.c). Says ok to its starter once it is up. */
void cop__joined_main(cop_term arg);

/* Attempts with a wrong cookie, by address (failures.c). rt even. */
void cop__failure_note(cop_socket socket);
bool cop__failures_too_many(cop_socket socket);

void cop__writer_main(cop_term arg); /* {Number, Socket, Stream} (writer.c) */

/* --- What goes out (control_out.c)
 * ------------------------------------------------------------------------ */

enum cop_send_result cop__dist_send(cop_dest to, cop_term message, unsigned flags);
void cop__dist_signal(const struct cop__far_signal *signal);

/* --- Parts of this node with an operating-system process of their own (parts.c)
 * ------------------------------------ */

/* From now on other nodes, and parts, are reached over their connections. */
void cop__serve_remote(void);
/* A peer of this name, which is not a node of the cluster; NULL: no memory. */
struct cop__peer *cop__part_peer(uint32_t name, enum cop__peer_kind kind);
/* Has there been one? */
bool cop__has_parts(void);
void cop__parts_forget(void);
/* In a part: the node that it is of; NULL elsewhere. */
struct cop__peer *cop__whole(void);
/* In a part: the child of process `parent` that is running now or next is the one that the node
 * knows as process `as`. */
void cop__part_shows(uint64_t parent, cop_pid as);
/* Its number, and how it is shown; 0: there is none yet. rt even. */
uint64_t cop__part_shown(cop_pid *ret_as);
/* How this node is called at the other end; name 0: as it is. A part knows the node that it is of
 * by one name, whatever name the node has or gets. */
struct cop__node_id cop__name_toward(const struct cop__peer *peer);

/* --- Services
 * -------------------------------------------------------------------------------------------- */

/* The group leader that goes with a process started elsewhere: one that speaks the I/O protocol. */
cop_pid cop__wire_leader(void);
/* Answer what global of a node asks of one that takes no part in it (bystander.c). rt even. */
void cop__global_bystander(uint32_t node, cop_term message);
/* States in the form that the other node's release has (release.c). */
void cop__releases_start(void);
/* Is this a process that no other node may end: net_kernel or one of the below (R20 of
 * docs/reliability.md)? */
bool cop__keeps_the_node(uint64_t id);
/* The processes beside net_kernel, linked to the caller; services.c. */
void cop__services_start(void);

#endif
