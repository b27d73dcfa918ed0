/* SPDX-License-Identifier: Apache-2.0 */
/* The writer of answers: small ones are joined in a buffer, so that a pipeline of a hundred answers
 * is one write; large ones go to the socket without being copied here. */
#include "reply.h"
#include "number.h"

#include <coppice.h>

#include <stdarg.h>
#include <string.h>

enum { COPIED_SIZE_MAX = 1024 }; /* larger data passes by the buffer */

void reply_init(struct reply *reply, int protocol, reply_sink *sink, void *to)
{
    reply->sink = sink;
    reply->to = to;
    reply->protocol = protocol;
    reply->failed = 0;
    reply->used = 0;
}

static void sink(struct reply *reply, const void *data, size_t size)
{
    int result = reply->failed || size == 0 ? 0 : reply->sink(reply->to, data, size);

    if (result < 0)
        reply->failed = result;
}

int reply_flush(struct reply *reply)
{
    sink(reply, reply->buffer, reply->used);
    reply->used = 0;
    return reply->failed;
}

static void put(struct reply *reply, const void *data, size_t size)
{
    if (size > sizeof reply->buffer - reply->used)
        reply_flush(reply);
    if (size > COPIED_SIZE_MAX) {
        reply_flush(reply);
        sink(reply, data, size);
        return;
    }
    memcpy(reply->buffer + reply->used, data, size);
    reply->used += size;
}

/* ":12\r\n" and the like. */
static void put_head(struct reply *reply, char type, int64_t value)
{
    char head[NUMBER_TEXT_MAX + 3];
    size_t size = 1 + number_format(head + 1, value);

    head[0] = type;
    head[size++] = '\r';
    head[size++] = '\n';
    put(reply, head, size);
}

void reply_simple(struct reply *reply, cop_bytes text)
{
    put(reply, "+", 1);
    put(reply, text.data, text.size);
    put(reply, "\r\n", 2);
}

void reply_error(struct reply *reply, cop_bytes text)
{
    put(reply, "-", 1);
    for (size_t i = 0; i < text.size; i++)
        put(reply, text.data[i] == '\r' || text.data[i] == '\n' ? " " : text.data + i, 1);
    put(reply, "\r\n", 2);
}

void reply_int(struct reply *reply, int64_t value)
{
    put_head(reply, ':', value);
}

void reply_bulk(struct reply *reply, cop_bytes data)
{
    put_head(reply, '$', (int64_t)data.size);
    put(reply, data.data, data.size);
    put(reply, "\r\n", 2);
}

void reply_nil(struct reply *reply)
{
    if (reply->protocol == 3)
        put(reply, "_\r\n", 3);
    else
        put(reply, "$-1\r\n", 5);
}

void reply_array(struct reply *reply, size_t count)
{
    put_head(reply, '*', (int64_t)count);
}

static void put_atom(struct reply *reply, cop_term answer)
{
    cop_bytes name;
    char capitals[32];
    cop_atom atom;

    if (cop_match(answer, "nil")) {
        reply_nil(reply);
    } else if (cop_to_atom(&atom, answer)) {
        name = cop_atom_text(atom);
        if (name.size > sizeof capitals)
            name.size = sizeof capitals;
        for (size_t i = 0; i < name.size; i++)
            capitals[i] = (char)(name.data[i] >= 'a' && name.data[i] <= 'z' ? name.data[i] - 0x20
                                                                            : name.data[i]);
        reply_simple(reply, (cop_bytes){ capitals, name.size });
    }
}

static void put_items(struct reply *reply, char type, cop_term list)
{
    cop_term item;
    size_t count = 0;

    cop_list_length(&count, list);
    if (type == '%' && reply->protocol == 3)
        put_head(reply, '%', (int64_t)(count / 2));
    else
        put_head(reply, reply->protocol == 3 ? type : '*', (int64_t)count);
    while (cop_list_next(&item, &list))
        reply_term(reply, item);
}

static void put_text(struct reply *reply, cop_bytes text)
{
    if (reply->protocol == 2) {
        reply_bulk(reply, text);
        return;
    }
    put_head(reply, '=', (int64_t)text.size + 4);
    put(reply, "txt:", 4);
    put(reply, text.data, text.size);
    put(reply, "\r\n", 2);
}

static void put_tagged(struct reply *reply, cop_term answer)
{
    cop_bytes text;
    cop_term list;

    if (cop_match(answer, "{error, Text}", &text))
        reply_error(reply, text);
    else if (cop_match(answer, "{simple, Text}", &text))
        reply_simple(reply, text);
    else if (cop_match(answer, "{text, Text}", &text))
        put_text(reply, text);
    else if (cop_match(answer, "{map, Items}", &list))
        put_items(reply, '%', list);
    else if (cop_match(answer, "{set, Items}", &list))
        put_items(reply, '~', list);
    else
        cop_error(cop("{no_answer, Term}", answer));
}

/* Answers nest as deep as this program builds them: COMMAND's is the deepest, with four levels. */
void reply_term(struct reply *reply, cop_term answer)
{
    cop_bytes data;
    int64_t value;

    if (cop_to_bytes(&data, answer))
        reply_bulk(reply, data);
    else if (cop_to_int(&value, answer))
        reply_int(reply, value);
    else if (cop_type_of(answer) == COP_TYPE_ATOM)
        put_atom(reply, answer);
    else if (cop_type_of(answer) == COP_TYPE_TUPLE)
        put_tagged(reply, answer);
    else
        put_items(reply, '*', answer);
}

cop_term answer_error(const char *text)
{
    return cop("{error, Text}", cop_text(text));
}

cop_term answer_errorf(const char *format, ...)
{
    char text[512];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return answer_error(text);
}

bool answer_is_error(cop_term answer)
{
    return cop_match(answer, "{error, _}");
}
