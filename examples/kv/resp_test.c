/* SPDX-License-Identifier: Apache-2.0 */
/* The parser of requests: whole, cut at every byte, and hostile. */
#include "resp.h"

#include "base/test.h"

static size_t allocated_max; /* the largest block asked for */

static void *alloc(size_t size)
{
    if (size > allocated_max)
        allocated_max = size;
    return calloc(1, size);
}

static const struct memory memory = { alloc, free };
enum { MEGABYTE = 1 << 20 };

/* What the parser makes of size bytes, as text: "[a][bc];" for a command, ";" for nothing, "!text"
 * for an error, "..." when more is wanted. The bytes come step at a time. */
static const char *parse(const char *data, size_t size, size_t step)
{
    static char out[4096];
    struct resp resp;
    size_t start = 0, end = step < size ? step : size, used = 0;

    out[0] = 0;
    resp_init(&resp, memory, MEGABYTE);
    for (;;) {
        enum resp_result result = resp_parse(&resp, data + start, end - start);

        if (result == RESP_MORE && end < size) {
            end = end + step < size ? end + step : size;
            continue;
        }
        if (result == RESP_ERROR)
            snprintf(out + used, sizeof out - used, "!%s", resp.error);
        else if (result == RESP_MORE && end > start)
            snprintf(out + used, sizeof out - used, "...");
        if (result == RESP_ERROR || result == RESP_MORE)
            break;
        for (size_t i = 0; result == RESP_COMMAND && i < resp.argc; i++) {
            cop_bytes arg = resp_arg(&resp, data + start, i);

            used += (size_t)snprintf(out + used, sizeof out - used, "[%.*s]", COP_STR(arg));
        }
        used += (size_t)snprintf(out + used, sizeof out - used, ";");
        start += resp.at;
        resp_next(&resp);
    }
    resp_done(&resp);
    return out;
}

#define CHECK_PARSE(TEXT, WANT)                                                              \
    do {                                                                                     \
        for (size_t step_ = 1; step_ <= sizeof(TEXT); step_ += step_ < 9 ? 1 : sizeof(TEXT)) \
            CHECK_EQ_STR(parse(TEXT, sizeof(TEXT) - 1, step_), WANT);                        \
        CHECK_EQ_STR(parse(TEXT, sizeof(TEXT) - 1, sizeof(TEXT)), WANT);                     \
    } while (0)

/* Arrays of bulk strings, also binary and empty ones, at every cut. */
TEST(arrays)
{
    CHECK_PARSE("*1\r\n$4\r\nPING\r\n", "[PING];");
    CHECK_PARSE("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$0\r\n\r\n", "[SET][k][];");
    CHECK_PARSE("*2\r\n$3\r\nGET\r\n$4\r\na\r\nb\r\n*1\r\n$4\r\nQUIT\r\n", "[GET][a\r\nb];[QUIT];");
    CHECK_PARSE("*0\r\n*-1\r\n*1\r\n$1\r\nx\r\n", ";;[x];");
    CHECK_PARSE("*2\r\n$3\r\nGET\r\n$10\r\nabc", "...");
    CHECK_PARSE(
        "*12\r\n$1\r\n1\r\n$1\r\n2\r\n$1\r\n3\r\n$1\r\n4\r\n$1\r\n5\r\n$1\r\n6\r\n$1\r\n7\r\n"
        "$1\r\n8\r\n$1\r\n9\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n",
        "[1][2][3][4][5][6][7][8][9][a][b][c];");
}

/* A line of words, with quotes as Redis's client writes them. */
TEST(inline_commands)
{
    CHECK_PARSE("PING\r\n", "[PING];");
    CHECK_PARSE("  set  a\tb  \n\r\n\nget a\n", "[set][a][b];;;[get][a];");
    CHECK_PARSE("set \"a b\" 'c d'\n", "[set][a b][c d];");
    CHECK_PARSE("set \"\\x41\\n\\\"\\q\" 'it\\'s \\n'\n", "[set][A\n\"q][it's \\n];");
    CHECK_PARSE("set \"\" ''\n", "[set][][];");
    CHECK_PARSE("a\"b\"\n", "[ab];");
    CHECK_PARSE("set \"a\n", "!ERR Protocol error: unbalanced quotes in request");
    CHECK_PARSE("set \"a\"b\n", "!ERR Protocol error: unbalanced quotes in request");
    CHECK_PARSE("set 'a\n", "!ERR Protocol error: unbalanced quotes in request");
    CHECK_PARSE("half a li", "...");
}

/* Each error in Redis's words. */
TEST(errors)
{
    CHECK_PARSE("*x\r\n", "!ERR Protocol error: invalid multibulk length");
    CHECK_PARSE("*2147483648\r\n", "!ERR Protocol error: invalid multibulk length");
    CHECK_PARSE("*99999999999999999999\r\n", "!ERR Protocol error: invalid multibulk length");
    CHECK_PARSE("*1 \r\n", "!ERR Protocol error: invalid multibulk length");
    CHECK_PARSE("*1\r\nPING\r\n", "!ERR Protocol error: expected '$', got 'P'");
    CHECK_PARSE("*1\r\n$x\r\n", "!ERR Protocol error: invalid bulk length");
    CHECK_PARSE("*1\r\n$-1\r\n", "!ERR Protocol error: invalid bulk length");
    CHECK_PARSE("*1\r\n$536870913\r\n", "!ERR Protocol error: invalid bulk length");
    CHECK_PARSE("*1\r\n$01\r\n", "!ERR Protocol error: invalid bulk length");
    CHECK_PARSE("*1\r\n$2000000\r\n", "!ERR Protocol error: request too large");
}

/* Lines without an end are not collected for ever. */
TEST(endless_lines)
{
    size_t size = RESP_INLINE_SIZE_MAX + 100;
    char *data = malloc(size);

    memset(data, 'x', size);
    CHECK_EQ_STR(parse(data, size, size), "!ERR Protocol error: too big inline request");
    CHECK_EQ_STR(parse(data, size, 1000), "!ERR Protocol error: too big inline request");
    data[0] = '*';
    CHECK_EQ_STR(parse(data, size, size), "!ERR Protocol error: too big mbulk count string");
    memcpy(data, "*1\r\n$", 5);
    CHECK_EQ_STR(parse(data, size, size), "!ERR Protocol error: too big bulk count string");
    free(data);
}

/* What is announced takes no memory: two billion arguments of half a gigabyte each. */
TEST(announced_is_not_allocated)
{
    static const char huge[] = "*2147483647\r\n$1\r\nx\r\n$900000\r\n";

    allocated_max = 0;
    CHECK_EQ_STR(parse(huge, sizeof huge - 1, sizeof huge), "...");
    CHECK(allocated_max <= 1024);
}

/* Many small arguments: what we keep about them counts, so memory stays within the limit. */
TEST(arguments_count_as_memory)
{
    size_t size = 0, room = 2 * MEGABYTE;
    char *data = malloc(room);

    size = (size_t)snprintf(data, room, "*1000000\r\n");
    while (size + 8 < room) {
        memcpy(data + size, "$0\r\n\r\n", 6);
        size += 6;
    }
    allocated_max = 0;
    CHECK_EQ_STR(parse(data, size, size), "!ERR Protocol error: request too large");
    CHECK(allocated_max <= MEGABYTE);
    free(data);
}

/* The parser asks for what it lacks, so that a large value is read without being looked at again.
 */
TEST(size_min)
{
    static const char head[] = "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1000\r\n";
    struct resp resp;

    resp_init(&resp, memory, MEGABYTE);
    CHECK_EQ_INT(resp.size_min, 1);
    CHECK_EQ_INT(resp_parse(&resp, head, sizeof head - 1), RESP_MORE);
    CHECK_EQ_INT(resp.size_min, sizeof head - 1 + 1002);
    resp_done(&resp);
}
