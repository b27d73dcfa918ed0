/* SPDX-License-Identifier: Apache-2.0 */
/* The commands on keys, whatever their values: those on one key run in its partition, the others
 * ask all partitions and put the answers together. */
#include "commands.h"
#include "config.h"
#include "expiry.h"
#include "glob.h"
#include "number.h"
#include "partitions.h"
#include "reply.h"
#include "session.h"

#include <stdio.h>

/* --- In the partition: one key --------------------------------------------------------------- */

static cop_term store_del(struct store *store, const struct store_args *args)
{
    struct item *item = store_find(store, args->bytes[0]);

    if (item)
        store_remove(store, item);
    return cop_int(item != NULL);
}

static cop_term store_exists(struct store *store, const struct store_args *args)
{
    return cop_int(store_find(store, args->bytes[0]) != NULL);
}

static cop_term store_type(struct store *store, const struct store_args *args)
{
    return cop("{simple, Type}", cop_text(store_find(store, args->bytes[0]) ? "string" : "none"));
}

struct expire_options {
    bool nx, xx, gt, lt;
};

/* none, or the error. */
static cop_term parse_expire_options(struct expire_options *options, const struct store_args *args)
{
    for (size_t i = 2; i < args->count; i++) {
        if (word_is(args->bytes[i], "nx"))
            options->nx = true;
        else if (word_is(args->bytes[i], "xx"))
            options->xx = true;
        else if (word_is(args->bytes[i], "gt"))
            options->gt = true;
        else if (word_is(args->bytes[i], "lt"))
            options->lt = true;
        else
            return answer_errorf("ERR Unsupported option %.*s", COP_STR(args->bytes[i]));
    }
    if (options->nx && (options->xx || options->gt || options->lt))
        return answer_error("ERR NX and XX, GT or LT options at the same time are not compatible");
    if (options->gt && options->lt)
        return answer_error("ERR GT and LT options at the same time are not compatible");
    return COP_NONE;
}

static cop_term expire(
    struct store *store, const struct store_args *args, enum expiry_unit unit, const char *command)
{
    struct expire_options options = { 0 };
    struct item *item;
    int64_t expires_ms, old_ms;
    cop_term error = parse_expire_options(&options, args);

    if (cop_is_none(error))
        error = expiry_parse(&expires_ms, args->bytes[1], unit, false, command);
    if (!cop_is_none(error))
        return error;
    item = store_find(store, args->bytes[0]);
    if (!item)
        return cop_int(0);
    old_ms = item->expires_ms ? item->expires_ms : INT64_MAX; /* none is later than any */
    if ((options.nx && item->expires_ms) || (options.xx && !item->expires_ms) ||
        (options.gt && expires_ms <= old_ms) || (options.lt && expires_ms >= old_ms))
        return cop_int(0);
    store_expire(store, item, expires_ms);
    return cop_int(1);
}

static cop_term store_expire_s(struct store *store, const struct store_args *args)
{
    return expire(store, args, EXPIRY_EX, "expire");
}

static cop_term store_expire_ms(struct store *store, const struct store_args *args)
{
    return expire(store, args, EXPIRY_PX, "pexpire");
}

static cop_term store_expireat_s(struct store *store, const struct store_args *args)
{
    return expire(store, args, EXPIRY_EXAT, "expireat");
}

static cop_term store_expireat_ms(struct store *store, const struct store_args *args)
{
    return expire(store, args, EXPIRY_PXAT, "pexpireat");
}

/* Milliseconds left, -1: for ever, -2: there is no such key. */
static int64_t left_ms(struct store *store, const struct store_args *args)
{
    struct item *item = store_find(store, args->bytes[0]);
    int64_t left;

    if (!item || !item->expires_ms)
        return item ? -1 : -2;
    left = item->expires_ms - cop_system_time_ms();
    return left > 0 ? left : 0;
}

static cop_term store_ttl(struct store *store, const struct store_args *args)
{
    int64_t left = left_ms(store, args);

    return cop_int(left < 0 ? left : left / 1000 + (left % 1000 >= 500));
}

static cop_term store_pttl(struct store *store, const struct store_args *args)
{
    return cop_int(left_ms(store, args));
}

static cop_term store_persist_key(struct store *store, const struct store_args *args)
{
    struct item *item = store_find(store, args->bytes[0]);
    bool had_end = item && item->expires_ms;

    if (had_end)
        store_persist(store, item);
    return cop_int(had_end);
}

/* --- In the partition: all keys -------------------------------------------------------------- */

static bool is_over(const struct item *item)
{
    return item->expires_ms && item->expires_ms <= cop_system_time_ms();
}

struct listing {
    cop_bytes pattern; /* data NULL: all */
    cop_term keys;
    int64_t visited;
};

static void list_visited(struct dict_entry *entry, void *arg)
{
    struct listing *listing = arg;

    listing->visited++;
    if (!is_over((struct item *)entry) &&
        (!listing->pattern.data || glob_match(listing->pattern.data, listing->pattern.size,
                                       entry->key, entry->key_size, false)))
        listing->keys = cop_cons(cop_binary(entry->key, entry->key_size), listing->keys);
}

static cop_term store_keys(struct store *store, const struct store_args *args)
{
    struct listing listing = { .pattern = args->bytes[0], .keys = cop_nil() };
    uint64_t cursor = 0;

    do
        cursor = dict_scan(&store->items, cursor, list_visited, &listing);
    while (cursor);
    return listing.keys;
}

/* {scan, Cursor, Count, Pattern | all}: {NextCursor, Keys}; after about Count keys. */
static cop_term store_scan(struct store *store, const struct store_args *args)
{
    struct listing listing = { .pattern = args->bytes[2], .keys = cop_nil() };
    uint64_t cursor;
    int64_t count;

    cop_must(cop_to_uint(&cursor, args->term[0]));
    cop_must(cop_to_int(&count, args->term[1]));
    do
        cursor = dict_scan(&store->items, cursor, list_visited, &listing);
    while (cursor && listing.visited < count);
    return cop("{NextCursor, Keys}", cursor, listing.keys);
}

static cop_term store_count(struct store *store, const struct store_args *args)
{
    (void)args;
    return cop_int((int64_t)dict_count(&store->items));
}

static cop_term store_flush(struct store *store, const struct store_args *args)
{
    (void)args;
    store_clear(store);
    return cop("ok");
}

/* {take, Key}: {Value, ExpiresMs}, and the key is gone; or nil. */
static cop_term store_take(struct store *store, const struct store_args *args)
{
    struct item *item = store_find(store, args->bytes[0]);
    cop_term row;

    if (!item)
        return cop("nil");
    row = cop("{Value, ExpiresMs}", item_text(item), item->expires_ms);
    store_remove(store, item);
    return row;
}

/* {place, Key, Value, ExpiresMs}: what take took, under another key. */
static cop_term store_place(struct store *store, const struct store_args *args)
{
    struct item *item = store_put(store, args->bytes[0], args->term[1]);
    int64_t expires_ms;

    cop_must(cop_to_int(&expires_ms, args->term[2]));
    store_persist(store, item);
    if (expires_ms)
        store_expire(store, item, expires_ms);
    return cop("ok");
}

/* --- In the session -------------------------------------------------------------------------- */

static cop_term sum(const cop_term *answers, size_t count)
{
    int64_t total = 0, value;

    for (size_t i = 0; i < count; i++)
        if (cop_to_int(&value, answers[i]))
            total += value;
    return cop_int(total);
}

static cop_term all_keys(const cop_term *answers, size_t count)
{
    cop_term keys = cop_nil();

    for (size_t i = 0; i < count; i++)
        keys = cop_list_append(answers[i], keys);
    return keys;
}

static void run_del(struct session *session, const struct request *request)
{
    for (size_t i = 1; i < request_count(request); i++) {
        cop_bytes key = request_arg(request, i);

        session_ask(session, partition_of_key(key), cop("{del, Key}", key));
    }
    session_end(session, sum);
}

static void run_exists(struct session *session, const struct request *request)
{
    for (size_t i = 1; i < request_count(request); i++) {
        cop_bytes key = request_arg(request, i);

        session_ask(session, partition_of_key(key), cop("{exists, Key}", key));
    }
    session_end(session, sum);
}

static void run_keys(struct session *session, const struct request *request)
{
    session_ask_all(session, cop("{keys, Pattern}", request_arg(request, 1)));
    session_end(session, all_keys);
}

static void run_dbsize(struct session *session, const struct request *request)
{
    (void)request;
    session_ask_all(session, cop("{count}"));
    session_end(session, sum);
}

static void run_flush(struct session *session, const struct request *request)
{
    size_t count = request_count(request);

    if (count > 2 || (count == 2 && !word_is(request_arg(request, 1), "async") &&
                         !word_is(request_arg(request, 1), "sync"))) {
        session_answer(session, answer_error(ERR_SYNTAX));
        return;
    }
    session_ask_all(session, cop("{flush}"));
    session_end(session, batch_first);
}

/* Between the two partitions of a rename the value is with this process. When the new key's
 * partition cannot take it, the old one gets it back. */
static cop_term rename_key(struct session *session, cop_bytes from, cop_bytes to)
{
    struct batch *batch = &session->batch;
    cop_term taken, value, expires_ms, placed;

    taken = batch_ask_now(batch, partition_of_key(from), cop("{take, Key}", from));
    if (cop_match(taken, "nil"))
        return answer_error("ERR no such key");
    if (!cop_match(taken, "{Value, ExpiresMs}", &value, &expires_ms) || answer_is_error(taken))
        return taken;
    placed = batch_ask_now(
        batch, partition_of_key(to), cop("{place, Key, Value, ExpiresMs}", to, value, expires_ms));
    if (answer_is_error(placed))
        batch_ask_now(batch, partition_of_key(from),
            cop("{place, Key, Value, ExpiresMs}", from, value, expires_ms));
    return placed;
}

static void run_rename(struct session *session, const struct request *request)
{
    session_answer(session, rename_key(session, request_arg(request, 1), request_arg(request, 2)));
}

/* --- SCAN ------------------------------------------------------------------------------------ */

struct scan {
    uint64_t cursor;
    size_t partition;
    int64_t count;
    cop_bytes pattern; /* data NULL: all */
    bool nothing;      /* TYPE names a type that no value has */
};

/* A cursor is the cursor in a partition, and the partition in the lowest digits of base n. */
static bool parse_cursor(struct scan *scan, cop_bytes text)
{
    uint64_t count = (uint64_t)config.partitions, cursor = 0;

    if (text.size == 0 || text.size > 20)
        return false;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9' ||
            __builtin_mul_overflow(cursor, 10, &cursor) ||
            __builtin_add_overflow(cursor, (uint64_t)(text.data[i] - '0'), &cursor))
            return false;
    }
    scan->partition = (size_t)(cursor % count);
    scan->cursor = cursor / count;
    return true;
}

/* none, or the error. */
static cop_term parse_scan(struct scan *scan, const struct request *request)
{
    if (!parse_cursor(scan, request_arg(request, 1)))
        return answer_error("ERR invalid cursor");
    for (size_t i = 2; i < request_count(request); i += 2) {
        cop_bytes word = request_arg(request, i), value;

        if (i + 1 == request_count(request))
            return answer_error(ERR_SYNTAX);
        value = request_arg(request, i + 1);
        if (word_is(word, "count")) {
            if (!number_parse(&scan->count, value.data, value.size))
                return answer_error(ERR_INTEGER);
            if (scan->count < 1)
                return answer_error(ERR_SYNTAX);
        } else if (word_is(word, "match")) {
            scan->pattern = value;
        } else if (word_is(word, "type")) {
            scan->nothing = !word_is(value, "string");
        } else {
            return answer_error(ERR_SYNTAX);
        }
    }
    return COP_NONE;
}

static cop_term scan_answer(uint64_t cursor, cop_term keys)
{
    char text[24];

    snprintf(text, sizeof text, "%llu", (unsigned long long)cursor);
    return cop("[Cursor, Keys]", cop_text(text), keys);
}

/* Goes on in the next partition while there are fewer keys than asked for. */
static cop_term scan_partitions(struct session *session, struct scan *scan)
{
    cop_term pattern = scan->pattern.data ? cop_lift(scan->pattern) : cop("all");
    cop_term keys = cop_nil(), more;
    size_t found = 0;

    for (;;) {
        cop_term answer = batch_ask_now(&session->batch, scan->partition,
            cop("{scan, Cursor, Count, Pattern}", scan->cursor, scan->count, pattern));

        if (!cop_match(answer, "{Next, Keys}", &scan->cursor, &more))
            return answer;
        keys = cop_list_append(more, keys);
        if (scan->cursor == 0)
            scan->partition = (scan->partition + 1) % (size_t)config.partitions;
        cop_list_length(&found, keys);
        if (scan->cursor || scan->partition == 0 || found >= (size_t)scan->count)
            return scan_answer(scan->cursor * (uint64_t)config.partitions + scan->partition,
                scan->nothing ? cop_nil() : keys);
    }
}

static void run_scan(struct session *session, const struct request *request)
{
    struct scan scan = { .count = 10 };
    cop_term error = parse_scan(&scan, request);

    session_answer(session, cop_is_none(error) ? scan_partitions(session, &scan) : error);
}

const struct command keys_commands[] = {
    /* name, arity, flags, keys, in the session, in the partition, summary */
    { "count", 1, COMMAND_HIDDEN, 0, 0, 0, NULL, store_count, NULL },
    { "dbsize", 1, COMMAND_READ_FAST, 0, 0, 0, run_dbsize, NULL, "How many keys there are" },
    { "del", -2, COMMAND_WRITE, 1, -1, 1, run_del, store_del, "Delete keys" },
    { "exists", -2, COMMAND_READ_FAST, 1, -1, 1, run_exists, store_exists,
        "How many of the keys there are" },
    { "expire", -3, COMMAND_WRITE_FAST, 1, 1, 1, NULL, store_expire_s,
        "Let a key end after seconds" },
    { "expireat", -3, COMMAND_WRITE_FAST, 1, 1, 1, NULL, store_expireat_s,
        "Let a key end at a time in seconds" },
    { "flush", 1, COMMAND_HIDDEN, 0, 0, 0, NULL, store_flush, NULL },
    { "flushall", -1, COMMAND_WRITE, 0, 0, 0, run_flush, NULL, "Delete all keys" },
    { "flushdb", -1, COMMAND_WRITE, 0, 0, 0, run_flush, NULL, "Delete all keys" },
    { "keys", 2, COMMAND_READONLY, 0, 0, 0, run_keys, store_keys, "The keys that match a pattern" },
    { "persist", 2, COMMAND_WRITE_FAST, 1, 1, 1, NULL, store_persist_key,
        "Let a key live for ever" },
    { "pexpire", -3, COMMAND_WRITE_FAST, 1, 1, 1, NULL, store_expire_ms,
        "Let a key end after milliseconds" },
    { "pexpireat", -3, COMMAND_WRITE_FAST, 1, 1, 1, NULL, store_expireat_ms,
        "Let a key end at a time in milliseconds" },
    { "place", 4, COMMAND_HIDDEN, 0, 0, 0, NULL, store_place, NULL },
    { "pttl", 2, COMMAND_READ_FAST, 1, 1, 1, NULL, store_pttl, "Milliseconds a key has left" },
    { "rename", 3, COMMAND_WRITE | COMMAND_ALONE, 1, 2, 1, run_rename, NULL, "Rename a key" },
    { "scan", -2, COMMAND_READONLY | COMMAND_ALONE, 0, 0, 0, run_scan, store_scan,
        "Some of the keys, and a cursor for more" },
    { "take", 2, COMMAND_HIDDEN, 0, 0, 0, NULL, store_take, NULL },
    { "ttl", 2, COMMAND_READ_FAST, 1, 1, 1, NULL, store_ttl, "Seconds a key has left" },
    { "type", 2, COMMAND_READ_FAST, 1, 1, 1, NULL, store_type, "The type of a value" },
    { "unlink", -2, COMMAND_WRITE | COMMAND_FAST, 1, -1, 1, run_del, NULL, "Delete keys" },
    { 0 },
};
