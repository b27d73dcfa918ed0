/* SPDX-License-Identifier: Apache-2.0 */
/* The writer of answers, in RESP2 or RESP3.
 *
 * An answer is a term, so that the partitions and the sessions speak of answers in one way:
 *
 *   ok  pong  ...        +OK: an atom's name in capitals
 *   nil                  $-1, in RESP3 _
 *   Integer              :1
 *   Binary               a bulk string
 *   [Answer]             an array
 *   {simple, Text}       +Text
 *   {error, Text}        -Text, with its code in front: <<"ERR no such key">>
 *   {text, Text}         a bulk string, in RESP3 a verbatim one
 *   {map, [K, V, ...]}   an array, in RESP3 a map
 *   {set, [Answer]}      an array, in RESP3 a set
 */
#ifndef KV_REPLY_H
#define KV_REPLY_H

#include <coppice/term.h>

/* Takes bytes to the client; 0 or a negative error. */
typedef int reply_sink(void *to, const void *data, size_t size);

struct reply {
    reply_sink *sink;
    void *to;
    int protocol; /* 2 or 3 */
    int failed;   /* the first error of the sink; what follows is dropped */
    size_t used;
    char buffer[2048]; /* joins small answers; large ones pass by */
};

void reply_init(struct reply *reply, int protocol, reply_sink *sink, void *to);
/* Give to the sink what is still in the buffer; 0 or the first error. */
int reply_flush(struct reply *reply);

void reply_term(struct reply *reply, cop_term answer);
/* The parts of which reply_term is made, for answers that need no term. */
void reply_simple(struct reply *reply, cop_bytes text);
void reply_error(struct reply *reply, cop_bytes text); /* ends of line in it become blanks */
void reply_int(struct reply *reply, int64_t value);
void reply_bulk(struct reply *reply, cop_bytes data);
void reply_nil(struct reply *reply);
void reply_array(struct reply *reply, size_t count); /* count answers follow */

/* An error answer as a term: answer_error("ERR no such key"). */
cop_term answer_error(const char *text);
cop_term answer_errorf(const char *format, ...) COP_PRINTF(1, 2);
bool answer_is_error(cop_term answer);

#endif
