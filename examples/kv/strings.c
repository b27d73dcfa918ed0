/* SPDX-License-Identifier: Apache-2.0 */
/* The commands on string values. Each function below runs in the partition that has the key, and so
 * is atomic; those of several keys split into one command a key. */
#include "commands.h"
#include "expiry.h"
#include "number.h"
#include "partitions.h"
#include "reply.h"
#include "session.h"

#include <string.h>

/* The value as an integer: false when it is none. A key that is not there counts as 0. */
static bool int_value(int64_t *ret_value, const struct item *item)
{
    cop_bytes text;

    if (!item) {
        *ret_value = 0;
        return true;
    }
    return cop_to_int(ret_value, item->value) ||
           (cop_to_bytes(&text, item->value) && number_parse(ret_value, text.data, text.size));
}

static cop_term value_or_nil(struct store *store, const struct item *item)
{
    if (!item) {
        store->misses++;
        return cop("nil");
    }
    store->hits++;
    return item_text(item);
}

/* --- In the partition ------------------------------------------------------------------------ */

static cop_term store_get(struct store *store, const struct store_args *args)
{
    return value_or_nil(store, store_find(store, args->bytes[0]));
}

struct set_options {
    bool if_absent, if_present, get, keep_ttl, has_expiry;
    int64_t expires_ms;
};

/* The options of SET behind key and value: none, or the error. */
static cop_term parse_set_options(struct set_options *options, const struct store_args *args)
{
    for (size_t i = 2; i < args->count; i++) {
        cop_bytes word = args->bytes[i];
        enum expiry_unit unit;

        if (word_is(word, "nx") && !options->if_present)
            options->if_absent = true;
        else if (word_is(word, "xx") && !options->if_absent)
            options->if_present = true;
        else if (word_is(word, "get"))
            options->get = true;
        else if (word_is(word, "keepttl") && !options->has_expiry)
            options->keep_ttl = true;
        else if (expiry_option(&unit, word) && !options->keep_ttl && !options->has_expiry &&
                 i + 1 < args->count) {
            cop_term error =
                expiry_parse(&options->expires_ms, args->bytes[++i], unit, true, "set");

            if (!cop_is_none(error))
                return error;
            options->has_expiry = true;
        } else {
            return answer_error(ERR_SYNTAX);
        }
    }
    return COP_NONE;
}

static cop_term store_set(struct store *store, const struct store_args *args)
{
    struct set_options options = { 0 };
    cop_term old = COP_NONE, error;
    struct item *item;

    if (args->count > 2) {
        error = parse_set_options(&options, args);
        if (!cop_is_none(error))
            return error;
        item = store_find(store, args->bytes[0]);
        if (options.get)
            old = value_or_nil(store, item);
        if (item ? options.if_absent : options.if_present)
            return options.get ? old : cop("nil");
    }
    item = store_put(store, args->bytes[0], args->term[1]);
    if (item->expires_ms && !options.keep_ttl)
        store_persist(store, item);
    if (options.has_expiry)
        store_expire(store, item, options.expires_ms);
    return options.get ? old : cop("ok");
}

static cop_term store_setnx(struct store *store, const struct store_args *args)
{
    if (store_find(store, args->bytes[0]))
        return cop_int(0);
    store_put(store, args->bytes[0], args->term[1]);
    return cop_int(1);
}

/* SETEX and PSETEX. */
static cop_term set_for(
    struct store *store, const struct store_args *args, enum expiry_unit unit, const char *command)
{
    int64_t expires_ms;
    cop_term error = expiry_parse(&expires_ms, args->bytes[1], unit, true, command);

    if (!cop_is_none(error))
        return error;
    store_expire(store, store_put(store, args->bytes[0], args->term[2]), expires_ms);
    return cop("ok");
}

static cop_term store_setex(struct store *store, const struct store_args *args)
{
    return set_for(store, args, EXPIRY_EX, "setex");
}

static cop_term store_psetex(struct store *store, const struct store_args *args)
{
    return set_for(store, args, EXPIRY_PX, "psetex");
}

static cop_term store_getset(struct store *store, const struct store_args *args)
{
    cop_term old = value_or_nil(store, store_find(store, args->bytes[0]));

    store_persist(store, store_put(store, args->bytes[0], args->term[1]));
    return old;
}

static cop_term store_getdel(struct store *store, const struct store_args *args)
{
    struct item *item = store_find(store, args->bytes[0]);
    cop_term old = value_or_nil(store, item);

    if (item)
        store_remove(store, item);
    return old;
}

static cop_term add(struct store *store, cop_bytes key, int64_t change)
{
    struct item *item = store_find(store, key);
    int64_t value;

    if (!int_value(&value, item))
        return answer_error(ERR_INTEGER);
    if (__builtin_add_overflow(value, change, &value))
        return answer_error("ERR increment or decrement would overflow");
    store_put(store, key, cop_int(value));
    return cop_int(value);
}

static cop_term store_incr(struct store *store, const struct store_args *args)
{
    return add(store, args->bytes[0], 1);
}

static cop_term store_decr(struct store *store, const struct store_args *args)
{
    return add(store, args->bytes[0], -1);
}

static cop_term store_incrby(struct store *store, const struct store_args *args)
{
    int64_t change;

    if (!number_parse(&change, args->bytes[1].data, args->bytes[1].size))
        return answer_error(ERR_INTEGER);
    return add(store, args->bytes[0], change);
}

static cop_term store_decrby(struct store *store, const struct store_args *args)
{
    int64_t change;

    if (!number_parse(&change, args->bytes[1].data, args->bytes[1].size))
        return answer_error(ERR_INTEGER);
    if (change == INT64_MIN)
        return answer_error("ERR decrement would overflow");
    return add(store, args->bytes[0], -change);
}

static cop_term store_append(struct store *store, const struct store_args *args)
{
    struct item *item = store_find(store, args->bytes[0]);
    cop_bytes old = { "", 0 }, more = args->bytes[1];
    cop_term joined;
    char *data;

    if (item)
        cop_to_bytes(&old, item_view(item));
    if (old.size + more.size > RESP_BULK_SIZE_MAX)
        return answer_error("ERR string exceeds maximum allowed size (proto-max-bulk-len)");
    joined = cop_binary_new(old.size + more.size, &data);
    memcpy(data, old.data, old.size);
    memcpy(data + old.size, more.data, more.size);
    store_put(store, args->bytes[0], joined);
    return cop_int((int64_t)(old.size + more.size));
}

static cop_term store_strlen(struct store *store, const struct store_args *args)
{
    struct item *item = store_find(store, args->bytes[0]);
    cop_bytes text = { "", 0 };

    if (item)
        cop_to_bytes(&text, item_view(item));
    return cop_int((int64_t)text.size);
}

/* --- In the session -------------------------------------------------------------------------- */

static cop_term all_answers(const cop_term *answers, size_t count)
{
    return cop_list(answers, count);
}

static void run_mget(struct session *session, const struct request *request)
{
    for (size_t i = 1; i < request_count(request); i++) {
        cop_bytes key = request_arg(request, i);

        session_ask(session, partition_of_key(key), cop("{get, Key}", key));
    }
    session_end(session, all_answers);
}

/* Each partition sets its keys in one step; there is no step for all partitions. */
static void run_mset(struct session *session, const struct request *request)
{
    if (request_count(request) % 2 == 0) {
        session_answer(session, answer_error("ERR wrong number of arguments for 'mset' command"));
        return;
    }
    for (size_t i = 1; i < request_count(request); i += 2) {
        cop_bytes key = request_arg(request, i);

        session_ask(session, partition_of_key(key),
            cop("{set, Key, Value}", key, request_arg(request, i + 1)));
    }
    session_end(session, batch_first);
}

const struct command strings_commands[] = {
    /* name, arity, flags, keys, in the session, in the partition, summary */
    { "append", 3, COMMAND_WRITE_FAST, 1, 1, 1, NULL, store_append,
        "Append to the value of a key" },
    { "decr", 2, COMMAND_WRITE_FAST, 1, 1, 1, NULL, store_decr, "Subtract one" },
    { "decrby", 3, COMMAND_WRITE_FAST, 1, 1, 1, NULL, store_decrby, "Subtract a number" },
    { "get", 2, COMMAND_READ_FAST, 1, 1, 1, NULL, store_get, "The value of a key" },
    { "getdel", 2, COMMAND_WRITE_FAST, 1, 1, 1, NULL, store_getdel,
        "The value of a key, which is deleted" },
    { "getset", 3, COMMAND_WRITE_FAST, 1, 1, 1, NULL, store_getset,
        "Set a key and return its old value" },
    { "incr", 2, COMMAND_WRITE_FAST, 1, 1, 1, NULL, store_incr, "Add one" },
    { "incrby", 3, COMMAND_WRITE_FAST, 1, 1, 1, NULL, store_incrby, "Add a number" },
    { "mget", -2, COMMAND_READ_FAST, 1, -1, 1, run_mget, NULL, "The values of keys" },
    { "mset", -3, COMMAND_WRITE, 1, -1, 2, run_mset, NULL, "Set keys" },
    { "psetex", 4, COMMAND_WRITE, 1, 1, 1, NULL, store_psetex, "Set a key for milliseconds" },
    { "set", -3, COMMAND_WRITE, 1, 1, 1, NULL, store_set, "Set a key" },
    { "setex", 4, COMMAND_WRITE, 1, 1, 1, NULL, store_setex, "Set a key for seconds" },
    { "setnx", 3, COMMAND_WRITE_FAST, 1, 1, 1, NULL, store_setnx, "Set a key that is not there" },
    { "strlen", 2, COMMAND_READ_FAST, 1, 1, 1, NULL, store_strlen, "The length of a value" },
    { 0 },
};
