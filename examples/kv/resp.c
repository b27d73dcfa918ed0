/* SPDX-License-Identifier: Apache-2.0 */
/* The parser of requests. The limits and the texts of its errors are Redis's, so that clients
 * know them. The hard part is what it does not do: it believes no number before the bytes are
 * there. */
#include "resp.h"
#include "number.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

enum { ARGS_KEPT_MAX = 64 }; /* room for more arguments than this is given back after the command */

void resp_init(struct resp *resp, struct memory memory, size_t request_size_max)
{
    *resp = (struct resp){ .args_left = -1,
        .bulk_size = -1,
        .size_min = 1,
        .memory = memory,
        .request_size_max = request_size_max };
}

void resp_done(struct resp *resp)
{
    resp->memory.free(resp->args);
    resp->memory.free(resp->line);
    resp->args = NULL;
    resp->line = NULL;
    resp->args_max = 0;
}

void resp_next(struct resp *resp)
{
    resp->memory.free(resp->line);
    resp->line = NULL;
    if (resp->args_max > ARGS_KEPT_MAX)
        resp_done(resp);
    resp->at = resp->searched = resp->argc = 0;
    resp->size_min = 1;
    resp->args_left = resp->bulk_size = -1;
}

static enum resp_result fail(struct resp *resp, const char *what)
{
    snprintf(resp->error, sizeof resp->error, "ERR Protocol error: %s", what);
    return RESP_ERROR;
}

static enum resp_result need(struct resp *resp, size_t size)
{
    if (size > resp->request_size_max)
        return fail(resp, "request too large");
    resp->size_min = size;
    return RESP_MORE;
}

/* Room for an argument more, or false when the request has got too large. */
static bool add_arg(struct resp *resp, size_t start, size_t size)
{
    if (resp->argc == resp->args_max) {
        size_t room = resp->args_max ? 2 * resp->args_max : 8;
        struct resp_span *args;

        if (room * sizeof *args + resp->at > resp->request_size_max)
            return false;
        args = resp->memory.alloc(room * sizeof *args);
        if (resp->argc)
            memcpy(args, resp->args, resp->argc * sizeof *args);
        resp->memory.free(resp->args);
        resp->args = args;
        resp->args_max = room;
    }
    resp->args[resp->argc++] = (struct resp_span){ start, size };
    return true;
}

/* The position of the next `end` from resp->at on; size when it has not come yet. */
static size_t find_end(struct resp *resp, const char *data, size_t size, char end)
{
    size_t from = resp->searched > resp->at ? resp->searched : resp->at;
    const char *found = from < size ? memchr(data + from, end, size - from) : NULL;

    resp->searched = found ? 0 : size;
    return found ? (size_t)(found - data) : size;
}

/* A line of the protocol, from resp->at up to its \r\n; resp->at moves behind it. */
static enum resp_result read_line(
    cop_bytes *ret_line, struct resp *resp, const char *data, size_t size, const char *too_big)
{
    size_t end = find_end(resp, data, size, '\r');

    if (end == size && size - resp->at > RESP_INLINE_SIZE_MAX)
        return fail(resp, too_big);
    if (end + 1 >= size) {
        resp->searched = end; /* the \n may be all that is missing */
        return need(resp, size + 1);
    }
    *ret_line = (cop_bytes){ data + resp->at, end - resp->at };
    resp->at = end + 2;
    return RESP_COMMAND;
}

static enum resp_result parse_head(struct resp *resp, const char *data, size_t size)
{
    cop_bytes line;
    enum resp_result result = read_line(&line, resp, data, size, "too big mbulk count string");

    if (result != RESP_COMMAND)
        return result;
    if (!number_parse(&resp->args_left, line.data + 1, line.size - 1) || resp->args_left > INT_MAX)
        return fail(resp, "invalid multibulk length");
    return resp->args_left <= 0 ? RESP_NOTHING : RESP_COMMAND;
}

static enum resp_result parse_bulk_head(struct resp *resp, const char *data, size_t size)
{
    cop_bytes line;
    enum resp_result result;
    int64_t bulk_size;

    if (resp->at >= size)
        return need(resp, size + 1);
    result = read_line(&line, resp, data, size, "too big bulk count string");
    if (result != RESP_COMMAND)
        return result;
    if (line.size == 0 || line.data[0] != '$') {
        char what[32];

        snprintf(what, sizeof what, "expected '$', got '%c'", line.data[0]);
        return fail(resp, what);
    }
    if (!number_parse(&bulk_size, line.data + 1, line.size - 1) || bulk_size < 0 ||
        bulk_size > RESP_BULK_SIZE_MAX)
        return fail(resp, "invalid bulk length");
    resp->bulk_size = bulk_size;
    return RESP_COMMAND;
}

static enum resp_result parse_array(struct resp *resp, const char *data, size_t size)
{
    enum resp_result result;

    if (resp->args_left < 0) {
        result = parse_head(resp, data, size);
        if (result != RESP_COMMAND)
            return result;
    }
    while (resp->args_left > 0) {
        size_t end;

        if (resp->bulk_size < 0) {
            result = parse_bulk_head(resp, data, size);
            if (result != RESP_COMMAND)
                return result;
        }
        end = resp->at + (size_t)resp->bulk_size;
        if (size < end + 2)
            return need(resp, end + 2);
        if (!add_arg(resp, resp->at, (size_t)resp->bulk_size))
            return fail(resp, "request too large");
        resp->at = end + 2;
        resp->bulk_size = -1;
        resp->args_left--;
    }
    return RESP_COMMAND;
}

/* --- Inline commands: words on a line, as a person types them -------------------------------- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r') || c == '\0';
}

/* *p is behind a backslash inside double quotes; the character that is meant. */
static char unescape(const char **p, const char *end)
{
    static const char letters[] = "n\nr\rt\tb\ba\a";
    char c = *(*p)++;

    if (c == 'x' && end - *p >= 2 && hex_digit((*p)[0]) >= 0 && hex_digit((*p)[1]) >= 0) {
        c = (char)(hex_digit((*p)[0]) << 4 | hex_digit((*p)[1]));
        *p += 2;
        return c;
    }
    for (const char *letter = letters; *letter; letter += 2)
        if (*letter == c)
            return letter[1];
    return c;
}

/* Copy a quoted part to *out; *p is behind the opening quote and moves behind the closing one,
 * which must be followed by a blank or the end. */
static bool copy_quoted(char **out, const char **p, const char *end, char quote)
{
    while (*p < end && **p != quote) {
        if (**p == '\\' && end - *p >= 2 && quote == '"') {
            ++*p;
            *(*out)++ = unescape(p, end);
        } else if (**p == '\\' && end - *p >= 2 && (*p)[1] == '\'') {
            *(*out)++ = '\'';
            *p += 2;
        } else {
            *(*out)++ = *(*p)++;
        }
    }
    if (*p == end)
        return false;
    ++*p;
    return *p == end || is_blank(**p);
}

static enum resp_result split_words(struct resp *resp, const char *p, const char *end)
{
    char *out = resp->line;

    for (;;) {
        char *word = out;

        while (p < end && is_blank(*p))
            p++;
        if (p == end)
            return resp->argc ? RESP_COMMAND : RESP_NOTHING;
        while (p < end && !is_blank(*p)) {
            char c = *p++;

            if (c != '"' && c != '\'')
                *out++ = c;
            else if (!copy_quoted(&out, &p, end, c))
                return fail(resp, "unbalanced quotes in request");
        }
        if (!add_arg(resp, (size_t)(word - resp->line), (size_t)(out - word)))
            return fail(resp, "request too large");
    }
}

static enum resp_result parse_inline(struct resp *resp, const char *data, size_t size)
{
    size_t end = find_end(resp, data, size, '\n');

    if (end == size)
        return size > RESP_INLINE_SIZE_MAX ? fail(resp, "too big inline request")
                                           : need(resp, size + 1);
    resp->at = end + 1;
    if (end && data[end - 1] == '\r')
        end--;
    resp->line = resp->memory.alloc(end + 1); /* words are never longer than they were written */
    return split_words(resp, data, data + end);
}

enum resp_result resp_parse(struct resp *resp, const char *data, size_t size)
{
    if (size == 0)
        return RESP_MORE;
    return data[0] == '*' ? parse_array(resp, data, size) : parse_inline(resp, data, size);
}
