/* SPDX-License-Identifier: Apache-2.0 */
/* The byte queue: bounds, compaction, lines and packets however they are cut. */
#include "io/stream_buffer.h"

#include "base/test.h"

static void put(struct cop__buffer *buffer, const char *text)
{
    CHECK_EQ_INT(cop__buffer_append(buffer, text, strlen(text), 1 << 16), 0);
}

/* What is appended comes out in order, and consuming all begins at the front again. */
TEST(append_and_consume)
{
    struct cop__buffer buffer = { 0 };

    put(&buffer, "hello ");
    put(&buffer, "world");
    CHECK_EQ_INT(cop__buffer_size(&buffer), 11);
    cop__buffer_consume(&buffer, 6);
    CHECK(memcmp(cop__buffer_bytes(&buffer).data, "world", 5) == 0);
    cop__buffer_consume(&buffer, 100);
    CHECK_EQ_INT(cop__buffer_size(&buffer), 0);
    CHECK_EQ_INT(buffer.start, 0);
    cop__buffer_done(&buffer);
}

/* A buffer never holds more than its bound, whether it must grow or move to see it. */
TEST(bounded)
{
    struct cop__buffer buffer = { 0 };
    char block[1000] = { 0 };

    for (int i = 0; i < 4; i++)
        CHECK_EQ_INT(cop__buffer_append(&buffer, block, sizeof block, 4096), 0);
    CHECK_EQ_INT(cop__buffer_append(&buffer, block, sizeof block, 4096), -EMSGSIZE);
    CHECK_EQ_INT(cop__buffer_size(&buffer), 4000);
    CHECK(buffer.capacity <= 4096);
    cop__buffer_consume(&buffer, 3900);
    CHECK_EQ_INT(cop__buffer_append(&buffer, block, sizeof block, 4096), 0);
    CHECK_EQ_INT(cop__buffer_size(&buffer), 1100);
    CHECK_EQ_INT(cop__buffer_reserve(&buffer, SIZE_MAX, 4096), -EMSGSIZE);
    cop__buffer_done(&buffer);
}

/* A line is found wherever the pieces of it end. */
TEST(lines_in_pieces)
{
    static const char text[] = "one\r\n\ntwo words\nrest";

    for (size_t piece = 1; piece < sizeof text; piece++) {
        struct cop__buffer buffer = { 0 };
        char seen[64] = "";
        size_t length = 0;

        for (size_t at = 0; at < sizeof text - 1; at += piece) {
            size_t size = sizeof text - 1 - at < piece ? sizeof text - 1 - at : piece;
            struct cop__frame frame;
            size_t needed;

            CHECK_EQ_INT(cop__buffer_append(&buffer, text + at, size, 64), 0);
            while (cop__buffer_frame(&frame, &needed, &buffer, 0, 32) == 1) {
                length += (size_t)snprintf(seen + length, sizeof seen - length, "%.*s|",
                    (int)frame.size, cop__buffer_bytes(&buffer).data);
                cop__buffer_consume(&buffer, frame.size);
            }
        }
        CHECK_EQ_STR(seen, "one\r\n|\n|two words\n|");
        CHECK_EQ_INT(cop__buffer_size(&buffer), 4);
        cop__buffer_done(&buffer);
    }
}

/* A line of exactly the bound passes, one byte more does not, with or without its end. */
TEST(line_limit)
{
    struct cop__buffer buffer = { 0 };
    struct cop__frame frame;
    size_t needed;

    put(&buffer, "1234567\n");
    CHECK_EQ_INT(cop__buffer_frame(&frame, &needed, &buffer, 0, 8), 1);
    CHECK_EQ_INT(cop__buffer_frame(&frame, &needed, &buffer, 0, 7), -EMSGSIZE);
    cop__buffer_consume(&buffer, 8);
    put(&buffer, "12345678");
    CHECK_EQ_INT(cop__buffer_frame(&frame, &needed, &buffer, 0, 8), -EMSGSIZE);
    cop__buffer_done(&buffer);
}

/* Lengths of 1, 2 and 4 bytes, big-endian; an absurd one is refused before anything is stored. */
TEST(packets)
{
    struct cop__buffer buffer = { 0 };
    struct cop__frame frame;
    size_t needed = 0;

    CHECK_EQ_INT(cop__buffer_frame(&frame, &needed, &buffer, 2, 100), 0);
    CHECK_EQ_INT(needed, 2);
    CHECK_EQ_INT(cop__buffer_append(&buffer, "\0\3ab", 4, 100), 0);
    CHECK_EQ_INT(cop__buffer_frame(&frame, &needed, &buffer, 2, 100), 0);
    CHECK_EQ_INT(needed, 5);
    put(&buffer, "c");
    CHECK_EQ_INT(cop__buffer_frame(&frame, &needed, &buffer, 2, 100), 1);
    CHECK_EQ_INT(frame.skip, 2);
    CHECK_EQ_INT(frame.size, 3);
    cop__buffer_consume(&buffer, 5);
    CHECK_EQ_INT(cop__buffer_append(&buffer, "\xff\xff\xff\xff", 4, 100), 0);
    CHECK_EQ_INT(cop__buffer_frame(&frame, &needed, &buffer, 4, 100), -EMSGSIZE);
    cop__buffer_consume(&buffer, 4);
    CHECK_EQ_INT(cop__buffer_append(&buffer, "\0", 1, 100), 0);
    CHECK_EQ_INT(cop__buffer_frame(&frame, &needed, &buffer, 1, 100), 1);
    CHECK_EQ_INT(frame.size, 0);
    cop__buffer_done(&buffer);
}
