/* SPDX-License-Identifier: Apache-2.0 */
/* The nodes that this one has to do with, each with its connection, its attempt at one, or nothing.
 * A record lives as long as the program, so whoever has a pointer may keep it. Layer 6, private. */
#ifndef COP_DIST_PEER_H
#define COP_DIST_PEER_H

#include <coppice/net_kernel.h>

#include "base/lock.h"
#include "base/map.h"
#include "dist/handshake.h"
#include "dist/queue.h"

/* Another node; a part of this one that has an operating-system process of its own; or, in such a
 * part, the node that it is of (parts.c). */
enum cop__peer_kind { COP__PEER_NODE, COP__PEER_PART, COP__PEER_WHOLE };

enum cop__peer_state { COP__PEER_DOWN, COP__PEER_PENDING, COP__PEER_UP };

struct cop__peer {
    uint32_t index;        /* in the number of each of its connections */
    uint32_t name;         /* atom */
    _Atomic(uint8_t) kind; /* enum cop__peer_kind; never changes once it is not a node */
    struct cop__spinlock lock;
    /* All below with the lock held. */
    enum cop__peer_state state;
    bool outgoing;       /* the attempt or connection is our own */
    bool visible;        /* both sides are (D-114) */
    unsigned ending;     /* ends of which not everybody has been told */
    uint64_t connection; /* number of the attempt or connection; of none other before or after */
    uint64_t controller; /* id of the process that has it */
    uint64_t successor;  /* of the one whose attempt follows when it ends (D-37); 0: none */
    uint64_t flags;      /* of both sides, once up */
    uint32_t creation;
    uint64_t reason;         /* atom: why it ends, when somebody here ends it; 0: it was lost */
    struct cop__map members; /* id of a process -> 1: they hear of its end */
    struct cop__queue queue;
    uint64_t writer;           /* id of the process that writes; 0: none yet */
    bool writer_waits;         /* to be woken */
    struct cop__map suspended; /* ids of processes that wait for the queue to become shorter */
    /* counted since it is up; read by anybody */
    _Atomic(uint64_t) bytes_in, bytes_out, messages_in, messages_out;
    _Atomic(uint32_t) release; /* of Erlang, as far as it has said; 0: not known */
};

/* The record of a node, made when make and there is none; NULL: there is none, or no memory. */
struct cop__peer *cop__peer_find(uint32_t name, bool make);
struct cop__peer *cop__peer_of_connection(uint64_t connection);
/* One after another; NULL begins, and ends. */
struct cop__peer *cop__peer_next(struct cop__peer *peer);

/* What is of interest of a peer, at one instant. rt odd or even. */
struct cop__peer_view {
    enum cop__peer_state state;
    bool outgoing, visible;
    uint32_t creation;
    uint64_t flags;
    size_t queued;
};
struct cop__peer_view cop__peer_look(struct cop__peer *peer);

/* With rt odd: */

/* The connection that there is, or a new attempt; 0: none can be made. process hears of its end. */
uint64_t cop__peer_join(struct cop__peer *peer, uint64_t process);
void cop__peer_leave(struct cop__peer *peer, uint64_t connection, uint64_t process);

/* An attempt is under way by process controller, where there was nothing. Its number, or 0. */
uint64_t cop__peer_attempt(struct cop__peer *peer, uint64_t controller, bool outgoing);
/* The incoming attempt of controller takes the place of the pending one, whose controller ends. */
uint64_t cop__peer_take_over(struct cop__peer *peer, uint64_t controller);
/* The process that makes an attempt which was asked for. False: it is not needed any more. */
bool cop__peer_claim(struct cop__peer *peer, uint64_t connection, uint64_t controller);
/* Has everybody been told of the connections before? Only then may the next be up (D-83). */
bool cop__peer_is_settled(struct cop__peer *peer);
/* It is up; false: it is not the attempt of that number any more. */
bool cop__peer_up(struct cop__peer *peer, uint64_t connection, uint64_t controller, uint64_t flags,
    uint32_t creation);
/* What is up will be replaced by the attempt of successor, if that gets so far. False: it is not
 * up, or somebody else's attempt does that. */
bool cop__peer_succeed(struct cop__peer *peer, uint64_t successor);
/* The successor's time has come: ends what it replaces. The number of its own attempt, or 0. */
uint64_t cop__peer_replace(struct cop__peer *peer, uint64_t successor);
/* It has ended before. */
void cop__peer_abandon(struct cop__peer *peer, uint64_t successor);
/* It has ended, or failed: whoever is tied over it hears of it, once (D-83). controller: only if it
 * is still that one's; 0: whoever's. */
void cop__peer_down(struct cop__peer *peer, uint64_t connection, uint64_t controller);
/* Forget everything: no process is left. */
void cop__peer_reset(struct cop__peer *peer);
/* End what there is, with this reason. connection: only if it is that one; 0: whichever. */
void cop__peer_disconnect(struct cop__peer *peer, uint64_t connection, uint32_t reason);

/* Queue a frame, or a large message, and wake the writer. connection 0: whichever there is, and an
 * attempt is made when there is none. False: it is dropped. */
bool cop__peer_queue(struct cop__peer *peer, uint64_t connection, uint64_t sender,
    const unsigned char *bytes, size_t size);
bool cop__peer_queue_large(struct cop__peer *peer, uint64_t connection, struct cop__large *large);

enum { COP__QUEUE_HIGH = 1 << 20, COP__QUEUE_LOW = 1 << 19 };
/* Wait until the queue is short enough; the caller is a process. False: it is too long and wait is
 * false. */
bool cop__peer_await_room(struct cop__peer *peer, bool wait);

/* For the writer: frames that are its own then, or a fragment; neither: it will be woken. False:
 * the connection is not up any more. */
bool cop__peer_take(struct cop__peer *peer, uint64_t connection, struct cop__chunk **ret_chunks,
    struct cop__fragment *ret_fragment);

#endif
