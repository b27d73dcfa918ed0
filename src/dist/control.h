/* SPDX-License-Identifier: Apache-2.0 */
/* Control messages (section 6.1 of docs/spec/distribution.md): what stands in a frame before the
 * payload. Layer 6, private. */
#ifndef COP_DIST_CONTROL_H
#define COP_DIST_CONTROL_H

#include "dist/peer.h"
#include "term/etf.h"

enum cop__op {
    COP__OP_LINK = 1,
    COP__OP_SEND = 2,
    COP__OP_EXIT = 3,
    COP__OP_REG_SEND = 6,
    COP__OP_GROUP_LEADER = 7,
    COP__OP_EXIT2 = 8,
    COP__OP_SEND_TT = 12,
    COP__OP_EXIT_TT = 13,
    COP__OP_REG_SEND_TT = 16,
    COP__OP_EXIT2_TT = 18,
    COP__OP_MONITOR_P = 19,
    COP__OP_DEMONITOR_P = 20,
    COP__OP_MONITOR_P_EXIT = 21,
    COP__OP_SEND_SENDER = 22,
    COP__OP_SEND_SENDER_TT = 23,
    COP__OP_PAYLOAD_EXIT = 24,
    COP__OP_PAYLOAD_EXIT_TT = 25,
    COP__OP_PAYLOAD_EXIT2 = 26,
    COP__OP_PAYLOAD_EXIT2_TT = 27,
    COP__OP_PAYLOAD_MONITOR_P_EXIT = 28,
    COP__OP_SPAWN_REQUEST = 29,
    COP__OP_SPAWN_REQUEST_TT = 30,
    COP__OP_SPAWN_REPLY = 31,
    COP__OP_SPAWN_REPLY_TT = 32,
    COP__OP_ALIAS_SEND = 33,
    COP__OP_ALIAS_SEND_TT = 34,
    COP__OP_UNLINK_ID = 35,
    COP__OP_UNLINK_ID_ACK = 36,
    COP__OP_ALTACT_SIG_SEND = 37
};

/* Queue a control message {Op, items...}, and its payload (none: it has none), made by sender (the
 * id of a process, or 0). connection as in cop__peer_queue. rt odd or even. */
bool cop__control_send(struct cop__peer *peer, uint64_t connection, uint64_t sender,
    enum cop__op op, const cop_term *items, size_t count, cop_term payload);

/* The same with a reason: as payload, or as the last item for peers of old. At most 3 items. */
void cop__control_send_reason(struct cop__peer *peer, uint64_t connection, uint64_t sender,
    enum cop__op with_payload, enum cop__op old, const cop_term *items, size_t count,
    cop_term reason);

/* Do what a message that has come over a connection says; the reader stands at its control term.
 * False: a breach of the protocol, *ret_wrong says which (D-63). rt even, in the process that
 * reads the connection. */
struct cop__link_end {
    struct cop__peer *peer;
    uint64_t connection;
    uint64_t handle; /* of the node at the other end */
    bool headers;
};
bool cop__control_received(
    const struct cop__link_end *end, struct cop__etf_reader *reader, const char **ret_wrong);

/* A process that another node asks for (spawn.c); payload is the list of arguments. */
void cop__spawn_requested(
    const struct cop__link_end *end, const cop_term *control, cop_term arguments);

#endif
