/* SPDX-License-Identifier: Apache-2.0 */
/* The table of commands. A command is either a function of the partition that has its key, or a
 * function of the session, which may ask any number of partitions. */
#ifndef KV_COMMANDS_H
#define KV_COMMANDS_H

#include "resp.h"
#include "store.h"

struct session;

/* A command as it arrived; argument 0 is its name. */
struct request {
    const struct resp *resp;
    const char *data;
};

static inline size_t request_count(const struct request *request)
{
    return request->resp->argc;
}

static inline cop_bytes request_arg(const struct request *request, size_t i)
{
    return resp_arg(request->resp, request->data, i);
}

enum {
    COMMAND_WRITE = 1,
    COMMAND_READONLY = 2,
    COMMAND_FAST = 4,
    COMMAND_ADMIN = 8,
    COMMAND_ALONE = 16,  /* what came before it in the pipeline is answered first */
    COMMAND_HIDDEN = 32, /* what sessions ask partitions; no client can */

    COMMAND_READ_FAST = COMMAND_READONLY | COMMAND_FAST,
    COMMAND_WRITE_FAST = COMMAND_WRITE | COMMAND_FAST,
};

typedef void command_fn(struct session *session, const struct request *request);

struct command {
    const char *name; /* in lower case */
    int arity;        /* with the name; negative: at least so many */
    unsigned flags;
    int first_key, last_key, key_step; /* as COMMAND tells them; 0: no key */
    command_fn *run; /* in the session; NULL: the command goes to the partition of argument 1 */
    store_fn *store; /* in the partition; NULL: it never gets there */
    const char *summary;
};

/* The families, each ends with a zeroed command. */
extern const struct command connection_commands[], keys_commands[], server_commands[],
    strings_commands[];

/* Make the indexes over the families; once, before any process asks. */
void commands_init(void);
/* By a name in any case; NULL: there is none that clients may use. */
const struct command *command_find(cop_bytes name);
/* By the name in a message to a partition. */
const struct command *command_of_atom(cop_atom name);
/* The command of a position from 0 on; NULL behind the last. Hidden ones too. */
const struct command *command_at(size_t position);

/* Do what the client asks for, or answer why not. */
void command_run(struct session *session, const struct request *request);

/* Is the argument this word (in lower case) in any case? */
bool word_is(cop_bytes arg, const char *word);

/* A part of a command such as CLIENT: its name in lower case, and how many arguments there are with
 * both names (negative: at least). The arrays end with a zeroed one. */
struct subcommand {
    const char *name;
    int arity;
    cop_term (*run)(struct session *session, const struct request *request);
};

/* The answer of the subcommand that argument 1 names, or why there is none. */
cop_term subcommand_run(const char *command, const struct subcommand *subcommands,
    struct session *session, const struct request *request);

/* Texts that several commands answer. */
#define ERR_SYNTAX  "ERR syntax error"
#define ERR_INTEGER "ERR value is not an integer or out of range"

#endif
