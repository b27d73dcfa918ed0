/* SPDX-License-Identifier: Apache-2.0 */
/* The commands about the server: what it can do, how it is, and how to crash it. */
#include "clients.h"
#include "commands.h"
#include "config.h"
#include "glob.h"
#include "number.h"
#include "reply.h"
#include "session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- COMMAND --------------------------------------------------------------------------------- */

static cop_term flags_of(const struct command *command)
{
    static const struct {
        unsigned flag;
        const char *name;
    } names[] = { { COMMAND_WRITE, "write" }, { COMMAND_READONLY, "readonly" },
        { COMMAND_ADMIN, "admin" }, { COMMAND_FAST, "fast" } };
    cop_term flags = cop_nil();

    for (size_t i = sizeof names / sizeof *names; i-- > 0;)
        if (command->flags & names[i].flag)
            flags = cop_cons(cop("{simple, Name}", cop_text(names[i].name)), flags);
    return cop("{set, Flags}", flags);
}

static cop_term command_info(const struct command *command)
{
    return cop("[Name, Arity, Flags, First, Last, Step, {set, []}, {set, []}, [], []]",
        cop_text(command->name), command->arity, flags_of(command), command->first_key,
        command->last_key, command->key_step);
}

static cop_term command_doc(const struct command *command)
{
    return cop("{map, [<<\"summary\">>, Summary]}", cop_text(command->summary));
}

/* Every command that clients may use, through fn, in front of list. */
static cop_term all_commands(cop_term (*fn)(const struct command *command), bool named)
{
    cop_term list = cop_nil();
    const struct command *command;

    for (size_t i = 0; (command = command_at(i)); i++) {
        if (command->flags & COMMAND_HIDDEN)
            continue;
        list = cop_cons(fn(command), list);
        if (named)
            list = cop_cons(cop_text(command->name), list);
    }
    return list;
}

static cop_term some_commands(
    const struct request *request, cop_term (*fn)(const struct command *), bool named)
{
    cop_term list = cop_nil();

    for (size_t i = request_count(request); i-- > 2;) {
        const struct command *command = command_find(request_arg(request, i));

        if (command)
            list = cop_cons(fn(command), list);
        else if (!named)
            list = cop_cons(cop("nil"), list);
        if (command && named)
            list = cop_cons(cop_text(command->name), list);
    }
    return list;
}

static cop_term command_name(const struct command *command)
{
    return cop_text(command->name);
}

static cop_term command_count(struct session *session, const struct request *request)
{
    size_t count = 0;

    (void)session, (void)request;
    cop_list_length(&count, all_commands(command_name, false));
    return cop_int((int64_t)count);
}

static cop_term command_docs(struct session *session, const struct request *request)
{
    (void)session;
    return cop("{map, Docs}", request_count(request) == 2
                                  ? all_commands(command_doc, true)
                                  : some_commands(request, command_doc, true));
}

static cop_term command_infos(struct session *session, const struct request *request)
{
    (void)session;
    return request_count(request) == 2 ? all_commands(command_info, false)
                                       : some_commands(request, command_info, false);
}

static cop_term command_list(struct session *session, const struct request *request)
{
    (void)session, (void)request;
    return all_commands(command_name, false);
}

static void run_command(struct session *session, const struct request *request)
{
    static const struct subcommand subcommands[] = {
        { "count", 2, command_count },
        { "docs", -2, command_docs },
        { "info", -2, command_infos },
        { "list", 2, command_list },
        { 0 },
    };

    session_answer(session, request_count(request) == 1
                                ? all_commands(command_info, false)
                                : subcommand_run("command", subcommands, session, request));
}

/* --- CONFIG ---------------------------------------------------------------------------------- */

static size_t format_settings(char text[][2][48], size_t max)
{
    const struct {
        const char *name;
        long long value;
        const char *text;
    } settings[] = {
        { "appendonly", 0, "no" },
        { "bind", 0, config.bind },
        { "databases", 1, NULL },
        { "maxclients", config.clients_max, NULL },
        { "maxmemory", 0, NULL },
        { "partitions", config.partitions, NULL },
        { "port", config.port, NULL },
        { "proto-max-bulk-len", RESP_BULK_SIZE_MAX, NULL },
        { "save", 0, "" },
        { "timeout", 0, NULL },
    };
    size_t count = sizeof settings / sizeof *settings;

    for (size_t i = 0; i < count && i < max; i++) {
        snprintf(text[i][0], sizeof text[i][0], "%s", settings[i].name);
        if (settings[i].text)
            snprintf(text[i][1], sizeof text[i][1], "%s", settings[i].text);
        else
            snprintf(text[i][1], sizeof text[i][1], "%lld", settings[i].value);
    }
    return count;
}

static cop_term config_get(struct session *session, const struct request *request)
{
    char settings[16][2][48];
    size_t count = format_settings(settings, 16);
    cop_term found = cop_nil();

    (void)session;
    for (size_t i = count; i-- > 0;) {
        for (size_t j = 2; j < request_count(request); j++) {
            cop_bytes pattern = request_arg(request, j);

            if (glob_match(
                    pattern.data, pattern.size, settings[i][0], strlen(settings[i][0]), true)) {
                /* A plain name comes back as it was written. */
                bool plain = pattern.size == strlen(settings[i][0]) &&
                             !memchr(pattern.data, '*', pattern.size);

                found = cop_cons(cop_text(settings[i][1]), found);
                found = cop_cons(plain ? cop_lift(pattern) : cop_text(settings[i][0]), found);
                break;
            }
        }
    }
    return cop("{map, Settings}", found);
}

static void run_config(struct session *session, const struct request *request)
{
    static const struct subcommand subcommands[] = { { "get", -3, config_get }, { 0 } };

    session_answer(session, subcommand_run("config", subcommands, session, request));
}

/* --- INFO ------------------------------------------------------------------------------------ */

/* {stats}: {Keys, Expiring, Commands, Expired, Hits, Misses} of a partition. */
static cop_term store_stats(struct store *store, const struct store_args *args)
{
    (void)args;
    return cop("{Keys, Expiring, Commands, Expired, Hits, Misses}", dict_count(&store->items),
        store->expiring, store->commands, store->expired, store->hits, store->misses);
}

struct stats {
    int64_t keys, expiring, commands, expired, hits, misses;
};

/* Of all partitions; one that is being restarted counts as empty. */
static struct stats ask_stats(struct session *session)
{
    struct stats all = { 0 }, one;

    for (size_t i = 0; i < (size_t)config.partitions; i++) {
        cop_term answer = batch_ask_now(&session->batch, i, cop("{stats}"));

        if (!cop_match(answer, "{Keys, Expiring, Commands, Expired, Hits, Misses}", &one.keys,
                &one.expiring, &one.commands, &one.expired, &one.hits, &one.misses))
            continue;
        all.keys += one.keys;
        all.expiring += one.expiring;
        all.commands += one.commands;
        all.expired += one.expired;
        all.hits += one.hits;
        all.misses += one.misses;
    }
    return all;
}

/* Is the section asked for? Without arguments all are. */
static bool wants(const struct request *request, const char *section)
{
    for (size_t i = 1; i < request_count(request); i++) {
        cop_bytes arg = request_arg(request, i);

        if (word_is(arg, section) || word_is(arg, "all") || word_is(arg, "default") ||
            word_is(arg, "everything"))
            return true;
    }
    return request_count(request) == 1;
}

static void run_info(struct session *session, const struct request *request)
{
    struct stats stats = ask_stats(session);
    struct cop_node_statistics node;
    int64_t clients_now, clients_ever, up_s = (cop_system_time_ms() - config.started_ms) / 1000;
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    cop_term answer;

    cop_must(out != NULL);
    clients_count(&clients_now, &clients_ever);
    cop_statistics(&node);
    if (wants(request, "server"))
        fprintf(out,
            "# Server\r\nredis_version:" KV_REDIS_VERSION "\r\nredis_mode:standalone\r\n"
            "kv_version:" KV_VERSION "\r\ncoppice_version:%s\r\nprocess_id:%d\r\ntcp_port:%d\r\n"
            "uptime_in_seconds:%lld\r\nschedulers:%llu\r\nprocesses:%llu\r\n",
            cop_version(), (int)getpid(), config.port, (long long)up_s,
            (unsigned long long)node.schedulers, (unsigned long long)node.processes);
    if (wants(request, "clients"))
        fprintf(out, "%s# Clients\r\nconnected_clients:%lld\r\nmaxclients:%d\r\n",
            ftell(out) ? "\r\n" : "", (long long)clients_now, config.clients_max);
    if (wants(request, "stats"))
        fprintf(out,
            "%s# Stats\r\ntotal_connections_received:%lld\r\ntotal_commands_processed:%lld\r\n"
            "expired_keys:%lld\r\nkeyspace_hits:%lld\r\nkeyspace_misses:%lld\r\n",
            ftell(out) ? "\r\n" : "", (long long)clients_ever, (long long)stats.commands,
            (long long)stats.expired, (long long)stats.hits, (long long)stats.misses);
    if (wants(request, "keyspace")) {
        fprintf(out, "%s# Keyspace\r\n", ftell(out) ? "\r\n" : "");
        if (stats.keys)
            fprintf(out, "db0:keys=%lld,expires=%lld,avg_ttl=0\r\n", (long long)stats.keys,
                (long long)stats.expiring);
    }
    fclose(out);
    answer = cop("{text, Text}", cop_binary(text, size));
    free(text);
    session_answer(session, answer);
}

/* --- DEBUG ----------------------------------------------------------------------------------- */

static cop_term store_crash(struct store *store, const struct store_args *args)
{
    (void)args;
    cop_error(cop("{debug_crash, partition, Index}", store->index));
}

static cop_term debug(struct session *session, const struct request *request)
{
    cop_bytes what = request_arg(request, 1), index_text;
    size_t count = request_count(request);
    int64_t index;

    if (word_is(what, "crash") && count == 2) {
        reply_flush(session->reply); /* what was done before is acknowledged */
        cop_tcp_flush(session->socket);
        cop_error(cop("{debug_crash, connection, Id}", session->id));
    }
    if (word_is(what, "crash") && count == 4 && word_is(request_arg(request, 2), "store")) {
        index_text = request_arg(request, 3);
        if (!number_parse(&index, index_text.data, index_text.size) || index < 0 ||
            index >= config.partitions)
            return answer_errorf("ERR no such partition, there are 0 to %d", config.partitions - 1);
        batch_ask_now(&session->batch, (size_t)index, cop("{crash}")); /* its answer is its end */
        return cop("ok");
    }
    return answer_errorf(
        "ERR unknown subcommand or wrong number of arguments for '%.*s'. Try DEBUG "
        "CRASH, or DEBUG CRASH STORE n.",
        (int)(what.size < 128 ? what.size : 128), what.data);
}

static void run_debug(struct session *session, const struct request *request)
{
    session_answer(session, debug(session, request));
}

const struct command server_commands[] = {
    /* name, arity, flags, keys, in the session, in the partition, summary */
    { "command", -1, 0, 0, 0, 0, run_command, NULL, "About the commands: COUNT, DOCS, INFO, LIST" },
    { "config", -2, COMMAND_ADMIN, 0, 0, 0, run_config, NULL, "The settings: GET" },
    { "crash", 1, COMMAND_HIDDEN, 0, 0, 0, NULL, store_crash, NULL },
    { "debug", -2, COMMAND_ADMIN | COMMAND_ALONE, 0, 0, 0, run_debug, NULL,
        "Crash this connection's process, or a partition: CRASH, CRASH STORE n" },
    { "info", -1, COMMAND_ALONE, 0, 0, 0, run_info, NULL, "How the server is" },
    { "stats", 1, COMMAND_HIDDEN, 0, 0, 0, NULL, store_stats, NULL },
    { 0 },
};
