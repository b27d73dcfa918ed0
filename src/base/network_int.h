/* SPDX-License-Identifier: Apache-2.0 */
/* What the simulated network is made of: network.c has the calls, network_time.c what time does.
 *
 * All of it lies in memory that the nodes of a run share (base/world.h); one runs at a time. */
#ifndef COP_BASE_NETWORK_INT_H
#define COP_BASE_NETWORK_INT_H

#include "base/network.h"
#include "base/world.h"

enum {
    COP__ENDS_MAX = 1024,
    COP__END_ROOM = 16 << 10,
    COP__BACKLOG_MAX = 64,
    COP__PIECES_MAX = 64
};

struct cop__piece {
    uint64_t at_ns;
    size_t size;
};

struct cop__end {
    bool used, listens, connected, shut, registered;
    int node, fd;        /* whose it is; fd -1: it waits to be accepted */
    int peer, peer_node; /* another end, -1: none, or gone; and the node that has or had it */
    int error;
    struct sockaddr_storage own, other;
    socklen_t own_size, other_size;
    uint64_t data;
    uint32_t news; /* events not told yet */
    unsigned char bytes[COP__END_ROOM];
    size_t held, seen;                         /* of these, what has arrived */
    struct cop__piece pieces[COP__PIECES_MAX]; /* on their way, in order */
    int piece_count;
    uint64_t last_ns; /* nothing comes before what was sent before */
    uint64_t end_ns, connect_ns, reset_ns, give_up_ns; /* 0: none is coming */
    bool ended;
    int backlog[COP__BACKLOG_MAX], backlog_count, backlog_max; /* of a listener */
};

struct cop__network {
    int top, port_next; /* no end is used from top on */
    int64_t delay_max_ms;
    uint64_t split_until_ns[COP__WORLD_NODES][COP__WORLD_NODES]; /* from, to: nothing passes */
    struct cop__end ends[COP__ENDS_MAX];
};

extern struct cop__network *cop__net_memory; /* NULL: the system's */

uint64_t cop__net_arrival(void); /* of what is sent now */
/* Now, or when the two nodes hear of each other again; UINT64_MAX: never by itself. */
uint64_t cop__net_passes_ns(const struct cop__end *end);
bool cop__net_are_split(int node, int other); /* in one direction at least: no connection is made */
void cop__net_advance(struct cop__end *end);  /* what has arrived by now */
void cop__net_end_comes(struct cop__end *peer);
void cop__net_reset_comes(struct cop__end *peer);

#endif
