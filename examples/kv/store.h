/* SPDX-License-Identifier: Apache-2.0 */
/* The partition: a GenServer that owns the keys whose hash is its own.
 *
 *   {run, [Command]}   the commands in order; the reply is [Answer], see reply.h
 *   Command            {Name, Key, Arg...}: the name as in the table of commands, arguments
 * binaries {timeout, T, Key}  from a timer: the key has come to the end of its time
 *
 * Below are the parts of a store that the families of commands work with. */
#ifndef KV_STORE_H
#define KV_STORE_H

#include "dict.h"

#include <coppice.h>

enum { STORE_ARGS_MAX = 16 };

struct store {
    struct dict items;
    int64_t index;    /* of this partition, from 0 */
    int64_t keys;     /* of items, for whoever looks at the state */
    int64_t expiring; /* keys with an end of time */
    int64_t commands; /* done since the start */
    int64_t expired;  /* keys that came to the end of their time */
    int64_t hits, misses;
};

struct item {
    struct dict_entry entry; /* its key points behind this struct */
    cop_term value;          /* kept: a binary, or an integer where INCR has been */
    int64_t expires_ms;      /* system time; 0: never */
    cop_ref timer;           /* comes when expires_ms is there, or before; id 0: none */
    char key[];
};

/* The arguments of a command behind its name. All are binaries, in commands that clients sent. */
struct store_args {
    size_t count;
    cop_term term[STORE_ARGS_MAX];
    cop_bytes bytes[STORE_ARGS_MAX];
};

/* Runs one command in the partition; the answer. */
typedef cop_term store_fn(struct store *store, const struct store_args *args);

extern const cop_gen_server store_server;

/* The item of a key whose time has not ended, or NULL. */
struct item *store_find(struct store *store, cop_bytes key);
/* Give a key a value, in place of what it had; a new key never expires. */
struct item *store_put(struct store *store, cop_bytes key, cop_term value);
void store_remove(struct store *store, struct item *item);
/* Let it end at a system time; one that has passed removes it at once. */
void store_expire(struct store *store, struct item *item, int64_t expires_ms);
void store_persist(struct store *store, struct item *item);
void store_clear(struct store *store);
/* The value as the binary that clients see: it lives as long as the item has that value. */
cop_term item_view(const struct item *item);
/* And one for an answer: a later command of the same message may change the item. */
cop_term item_text(const struct item *item);

#endif
