/* SPDX-License-Identifier: Apache-2.0 */
/* The writer of answers, into a buffer. Terms need a process to live in, so each test runs in one.
 */
#include "reply.h"

#include <coppice.h>

#include "base/test.h"

static char written[200000];
static size_t written_size;
static int writes, sink_result;

static int collect(void *to, const void *data, size_t size)
{
    (void)to;
    if (sink_result < 0)
        return sink_result;
    writes++;
    memcpy(written + written_size, data, size);
    written_size += size;
    written[written_size] = 0;
    return 0;
}

static struct reply reply;

static void begin(int protocol)
{
    written_size = 0;
    written[0] = 0;
    writes = sink_result = 0;
    reply_init(&reply, protocol, collect, NULL);
}

static const char *text_of(cop_term answer, int protocol)
{
    begin(protocol);
    reply_term(&reply, answer);
    CHECK_EQ_INT(reply_flush(&reply), 0);
    return written;
}

static void in_process(int (*fn)(int, char **))
{
    CHECK_EQ_INT(cop_run_main(fn, 0, NULL), 0);
}

static int check_forms(int argc, char **argv)
{
    (void)argc, (void)argv;
    CHECK_EQ_STR(text_of(cop("ok"), 2), "+OK\r\n");
    CHECK_EQ_STR(text_of(cop("pong"), 3), "+PONG\r\n");
    CHECK_EQ_STR(text_of(cop("nil"), 2), "$-1\r\n");
    CHECK_EQ_STR(text_of(cop("nil"), 3), "_\r\n");
    CHECK_EQ_STR(text_of(cop("-12"), 2), ":-12\r\n");
    CHECK_EQ_STR(text_of(cop("<<\"a b\">>"), 2), "$3\r\na b\r\n");
    CHECK_EQ_STR(text_of(cop("<<>>"), 2), "$0\r\n\r\n");
    CHECK_EQ_STR(text_of(cop("[]"), 2), "*0\r\n");
    CHECK_EQ_STR(text_of(cop("[1, nil, [ok]]"), 2), "*3\r\n:1\r\n$-1\r\n*1\r\n+OK\r\n");
    CHECK_EQ_STR(text_of(cop("{simple, <<\"string\">>}"), 2), "+string\r\n");
    CHECK_EQ_STR(text_of(answer_error("ERR no\r\nway"), 2), "-ERR no  way\r\n");
    CHECK_EQ_STR(text_of(cop("{text, <<\"ab\">>}"), 2), "$2\r\nab\r\n");
    CHECK_EQ_STR(text_of(cop("{text, <<\"ab\">>}"), 3), "=6\r\ntxt:ab\r\n");
    CHECK_EQ_STR(text_of(cop("{map, [<<\"k\">>, 1]}"), 2), "*2\r\n$1\r\nk\r\n:1\r\n");
    CHECK_EQ_STR(text_of(cop("{map, [<<\"k\">>, 1]}"), 3), "%1\r\n$1\r\nk\r\n:1\r\n");
    CHECK_EQ_STR(text_of(cop("{set, [1]}"), 2), "*1\r\n:1\r\n");
    CHECK_EQ_STR(text_of(cop("{set, [1]}"), 3), "~1\r\n:1\r\n");
    return 0;
}

/* Each form of an answer in both protocols. */
TEST(forms)
{
    in_process(check_forms);
}

/* Hundreds of small answers are few writes; a large value is written from where it is. */
TEST(few_writes)
{
    static char big[50000];

    begin(2);
    for (int i = 0; i < 300; i++)
        reply_int(&reply, 1);
    CHECK_EQ_INT(reply_flush(&reply), 0);
    CHECK_EQ_INT(written_size, 1200);
    CHECK_EQ_INT(writes, 1);
    begin(2);
    memset(big, 'x', sizeof big);
    reply_bulk(&reply, (cop_bytes){ big, sizeof big });
    CHECK_EQ_INT(reply_flush(&reply), 0);
    CHECK_EQ_INT(written_size, sizeof big + 10);
    CHECK_EQ_INT(writes, 3);
}

/* After the sink's first error nothing more is written, and the error is told. */
TEST(failure)
{
    begin(2);
    sink_result = -EPIPE;
    for (int i = 0; i < 3000; i++)
        reply_int(&reply, i);
    CHECK_EQ_INT(reply_flush(&reply), -EPIPE);
    CHECK_EQ_INT(written_size, 0);
}
