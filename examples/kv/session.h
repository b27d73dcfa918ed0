/* SPDX-License-Identifier: Apache-2.0 */
/* The process of one connection, and what the functions of commands may do in it. */
#ifndef KV_SESSION_H
#define KV_SESSION_H

#include "batch.h"
#include "commands.h"
#include "reply.h"
#include "resp.h"

struct session {
    cop_socket socket;
    int64_t id;      /* CLIENT ID */
    int protocol;    /* 2 or 3 */
    bool closing;    /* after what has been answered so far */
    size_t size_min; /* no use reading less */
    struct resp resp;
    struct batch batch;
    struct reply *reply; /* of the turn; on the stack, since an idle connection needs none */
};

/* The process: serves the socket that arg is, until the client leaves. */
cop_process_main session;

/* For the functions of commands: answer now; ask partitions, then end the command. */
void session_answer(struct session *session, cop_term answer);
void session_ask(struct session *session, size_t partition, cop_term command);
/* The same command to every partition. */
void session_ask_all(struct session *session, cop_term command);
void session_end(struct session *session, batch_finish *finish);
/* The command as it came, to the partition of its first argument; its answer is the answer. */
void session_ask_key(struct session *session, cop_atom command, const struct request *request);
/* Run and answer all that came before, so that this command happens after it. */
void session_catch_up(struct session *session);

#endif
