/* SPDX-License-Identifier: Apache-2.0 */
/* Puppets: processes that do what the runner tells them, and tell of every message they take. */
#ifndef COP_DIFFERENTIAL_PUPPET_H
#define COP_DIFFERENTIAL_PUPPET_H

#include "scenario.h"

/* What a puppet is told to do: one command, or a batch. Owned by the runner, who waits. */
struct order {
    const struct command *commands;
    size_t count;
    bool batch;
    char **results; /* a line for each command */
    size_t done;    /* commands carried out */
};

/* A new puppet, watched from birth, started by the caller. */
cop_pid start_puppet(
    const char *name, const struct cop_spawn_options *options, cop_ref *ret_monitor);
bool is_puppet_command(const char *name);
cop_term order_term(struct order *order);

void give_order(const char *name, const struct command *commands, size_t count, bool batch);

/* What a message from puppet to puppet looks like. */
cop_term puppet_message(cop_term term);
void show_message(const char *name, cop_term message); /* msg, storm and sig lines */

/* What a puppet does after it has said that the command was carried out, and what it waits for. */
enum { WAIT_WORDS_MAX = 8 };
struct puppet_wait {
    const char *name;
    char *words[WAIT_WORDS_MAX];
    size_t count;
};
int64_t timeout_of(const char *text); /* milliseconds, or infinity */

/* gs.c */
const char *server_command(const struct command *command); /* in the puppet that starts it */
void wait_for_reply(struct puppet_wait *wait);
void wait_for_stop(struct puppet_wait *wait);
bool gs_command(const struct command *command); /* in the runner */

/* sup.c */
bool define(const struct command *command); /* a definition; false: none of its */
void forget_definitions(void);
bool sup_command(const struct command *command); /* in the runner */

/* sm.c */
bool define_statem(const struct command *command); /* a definition; false: none of its */
void forget_machines(void);
const char *machine_command(const struct command *command); /* in the puppet that starts it */

/* ets.c */
const char *table_command(const struct command *command); /* in the puppet; NULL: no value */

/* pg.c */
bool library_command(const struct command *command);           /* library.c, in the runner */
bool pg_command(const struct command *command);                /* in the runner */
const char *pg_monitor_command(const struct command *command); /* in the puppet that monitors */

/* proc.c: [a,b] of texts, which it sorts */
const char *sorted_list(const char **texts, size_t count);

/* --- watch.c: a process that sees others end -------------------------------------------------- */

void begin_watching(void);
/* From now on its end is seen; returns when it is watched. The name as it is kept. */
const char *watch(const char *name, cop_pid pid);
bool is_watcher(cop_pid pid);

#endif
