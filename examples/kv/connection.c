/* SPDX-License-Identifier: Apache-2.0 */
/* The commands about the connection itself; they run in the session, and need no partition. */
#include "clients.h"
#include "commands.h"
#include "config.h"
#include "number.h"
#include "reply.h"
#include "session.h"

#include <stdio.h>
#include <string.h>

#define NAME_ERROR "ERR Client names cannot contain spaces, newlines or special characters."

static void run_ping(struct session *session, const struct request *request)
{
    if (request_count(request) > 2)
        session_answer(session, answer_error("ERR wrong number of arguments for 'ping' command"));
    else if (request_count(request) == 2)
        session_answer(session, cop_lift(request_arg(request, 1)));
    else
        session_answer(session, cop("pong"));
}

static void run_echo(struct session *session, const struct request *request)
{
    session_answer(session, cop_lift(request_arg(request, 1)));
}

static void run_quit(struct session *session, const struct request *request)
{
    (void)request;
    session_answer(session, cop("ok"));
    session->closing = true;
}

static void run_select(struct session *session, const struct request *request)
{
    cop_bytes text = request_arg(request, 1);
    int64_t index;

    if (!number_parse(&index, text.data, text.size))
        session_answer(session, answer_error(ERR_INTEGER));
    else if (index != 0)
        session_answer(session, answer_error("ERR DB index is out of range"));
    else
        session_answer(session, cop("ok"));
}

static void run_auth(struct session *session, const struct request *request)
{
    if (request_count(request) > 3)
        session_answer(session, answer_error(ERR_SYNTAX));
    else if (request_count(request) == 3 && word_is(request_arg(request, 1), "default"))
        session_answer(session, cop("ok"));
    else if (request_count(request) == 3)
        session_answer(
            session, answer_error("WRONGPASS invalid username-password pair or user is disabled."));
    else
        session_answer(session,
            answer_error(
                "ERR AUTH <password> called without any password configured for the default "
                "user. Are you sure your configuration is correct?"));
}

/* --- HELLO ----------------------------------------------------------------------------------- */

static bool is_name(cop_bytes name)
{
    for (size_t i = 0; i < name.size; i++)
        if (name.data[i] < '!' || name.data[i] > '~')
            return false;
    return true;
}

static cop_term greeting(const struct session *session)
{
    return cop(
        "{map, [<<\"server\">>, <<\"redis\">>, <<\"version\">>, Version, <<\"proto\">>, Proto,"
        " <<\"id\">>, Id, <<\"mode\">>, <<\"standalone\">>, <<\"role\">>, <<\"master\">>,"
        " <<\"modules\">>, []]}",
        cop_text(KV_REDIS_VERSION), session->protocol, session->id);
}

/* The protocol changes only when all options are right. */
static cop_term hello(struct session *session, const struct request *request)
{
    size_t count = request_count(request);
    int64_t protocol = session->protocol;
    cop_bytes arg;
    size_t name = 0;

    if (count > 1) {
        arg = request_arg(request, 1);
        if (!number_parse(&protocol, arg.data, arg.size))
            return answer_error("ERR Protocol version is not an integer or out of range");
        if (protocol != 2 && protocol != 3)
            return answer_error("NOPROTO unsupported protocol version");
    }
    for (size_t i = 2; i < count;) {
        arg = request_arg(request, i);
        if (word_is(arg, "auth") && i + 2 < count) {
            if (!word_is(request_arg(request, i + 1), "default"))
                return answer_error(
                    "WRONGPASS invalid username-password pair or user is disabled.");
            i += 3;
        } else if (word_is(arg, "setname") && i + 1 < count) {
            name = i + 1;
            if (!is_name(request_arg(request, name)))
                return answer_error(NAME_ERROR);
            i += 2;
        } else {
            return answer_errorf("ERR Syntax error in HELLO option '%.*s'",
                (int)(arg.size < 128 ? arg.size : 128), arg.data);
        }
    }
    if (name)
        clients_set_name(request_arg(request, name));
    session->protocol = session->reply->protocol = (int)protocol;
    return greeting(session);
}

static void run_hello(struct session *session, const struct request *request)
{
    session_answer(session, hello(session, request));
}

/* --- CLIENT ---------------------------------------------------------------------------------- */

/* {Id, Address, Name, AgeS} as a line of CLIENT LIST. */
static cop_term client_line(cop_term row)
{
    int64_t id, age_s;
    cop_bytes address, name;
    char line[512];

    cop_must(cop_match(row, "{Id, Address, Name, AgeS}", &id, &address, &name, &age_s));
    snprintf(line, sizeof line, "id=%lld addr=%.*s name=%.*s age=%lld flags=N db=0\n",
        (long long)id, COP_STR(address), (int)(name.size < 256 ? name.size : 256), name.data,
        (long long)age_s);
    return cop_text(line);
}

/* The lines of all connections, or of one. */
static cop_term client_lines(int64_t only)
{
    cop_term rows = clients_list(), row, lines = cop_nil();
    cop_bytes text;
    int64_t id;
    char *at;
    size_t size = 0;
    cop_term joined;

    while (cop_list_next(&row, &rows)) {
        cop_must(cop_match(row, "{Id, _, _, _}", &id));
        if (only && id != only)
            continue;
        row = client_line(row);
        cop_to_bytes(&text, row);
        size += text.size;
        lines = cop_cons(row, lines);
    }
    joined = cop_binary_new(size, &at);
    for (lines = cop_list_reverse(lines); cop_list_next(&row, &lines); at += text.size) {
        cop_to_bytes(&text, row);
        memcpy(at, text.data, text.size);
    }
    return cop("{text, Lines}", joined);
}

static cop_term own_name(int64_t id)
{
    cop_term rows = clients_list(), row, name;
    cop_bytes text;

    while (cop_list_next(&row, &rows))
        if (cop_match(row, "{Id, _, Name, _}", id, &name) && cop_to_bytes(&text, name) && text.size)
            return name;
    return cop("nil");
}

static cop_term client_id(struct session *session, const struct request *request)
{
    (void)request;
    return cop_int(session->id);
}

static cop_term client_getname(struct session *session, const struct request *request)
{
    (void)request;
    return own_name(session->id);
}

static cop_term client_setname(struct session *session, const struct request *request)
{
    (void)session;
    if (!is_name(request_arg(request, 2)))
        return answer_error(NAME_ERROR);
    clients_set_name(request_arg(request, 2));
    return cop("ok");
}

/* Libraries tell their names; nobody asks for them. */
static cop_term client_setinfo(struct session *session, const struct request *request)
{
    (void)session, (void)request;
    return cop("ok");
}

static cop_term client_list(struct session *session, const struct request *request)
{
    (void)session, (void)request;
    return client_lines(0);
}

static cop_term client_info(struct session *session, const struct request *request)
{
    (void)request;
    return client_lines(session->id);
}

static void run_client(struct session *session, const struct request *request)
{
    static const struct subcommand subcommands[] = {
        { "getname", 2, client_getname },
        { "id", 2, client_id },
        { "info", 2, client_info },
        { "list", 2, client_list },
        { "setinfo", 4, client_setinfo },
        { "setname", 3, client_setname },
        { 0 },
    };

    session_answer(session, subcommand_run("client", subcommands, session, request));
}

const struct command connection_commands[] = {
    /* name, arity, flags, keys, in the session, in the partition, summary */
    { "auth", -2, COMMAND_FAST, 0, 0, 0, run_auth, NULL,
        "Say who you are; anybody may be default" },
    { "client", -2, 0, 0, 0, 0, run_client, NULL,
        "About connections: ID, SETNAME, GETNAME, LIST, INFO" },
    { "echo", 2, COMMAND_FAST, 0, 0, 0, run_echo, NULL, "The argument" },
    { "hello", -1, COMMAND_FAST | COMMAND_ALONE, 0, 0, 0, run_hello, NULL,
        "Choose RESP2 or RESP3" },
    { "ping", -1, COMMAND_FAST, 0, 0, 0, run_ping, NULL, "PONG, or the argument" },
    { "quit", -1, COMMAND_FAST, 0, 0, 0, run_quit, NULL, "Close the connection" },
    { "select", 2, COMMAND_FAST, 0, 0, 0, run_select, NULL, "Choose a database; there is only 0" },
    { 0 },
};
