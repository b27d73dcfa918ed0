/* SPDX-License-Identifier: Apache-2.0 */
/* Frames of real nodes, fragments in every order that counts, and what is hostile. */
#include "dist/frame.h"

#include <string.h>

#include "base/test.h"
#include "dist/bytes.h"

static struct cop__etf_reader reader;

static int take(struct cop__frames *frames, const char *bytes, size_t size)
{
    return cop__frames_take(frames, &reader, (const unsigned char *)bytes, size);
}

static const char *next_term(void)
{
    cop_term term;

    return cop__etf_read(&reader, &term) ? cop_show(term) : reader.wrong;
}

/* D-51, D-53, D-87: the worked frame of the guide, after frames that have filled two slots. */
TEST(a_frame_of_otp_25)
{
    static const char earlier[] = "\x83\x44\x02\x8f\x00\x98\x0b"
                                  "a@127.0.0.1\x05\x00\x61\x01";
    static const char frame[] =
        "\x83\x44\x04\x07\xf9\x00\x98\x05\xc2\x07"
        "counter\xed\x05hello\x68\x04\x61\x06\x58\x52\x00\x00\x00\x00\x09\x00"
        "\x00\x00\x00\x6b\x02\xed\x75\x52\x01\x52\x02\x52\x03";
    struct cop__frames *frames = cop__frames_new(true);
    cop_term control;

    CHECK_EQ_INT(take(frames, earlier, sizeof earlier - 1), 1);
    CHECK_EQ_STR(next_term(), "1");
    CHECK_EQ_INT(take(frames, frame, sizeof frame - 1), 1);
    CHECK(cop__etf_read(&reader, &control));
    CHECK_EQ_INT(cop_tuple_size(control), 4);
    CHECK_EQ_STR(cop_show(cop_tuple_at(control, 3)), "counter");
    CHECK_EQ_STR(next_term(), "hello");
    CHECK(reader.at == reader.end);
    cop__frames_free(frames);
}

/* D-51: a slot that nobody filled; D-54: no atoms at all. */
TEST(atoms_that_were_never_sent)
{
    struct cop__frames *frames = cop__frames_new(true);

    CHECK_EQ_INT(take(frames, "\x83\x44\x01\x00\x07\x61\x01", 7), -1);
    CHECK(strstr(frames->wrong, "never sent") != NULL);
    CHECK_EQ_INT(take(frames, "\x83\x44\x00\x61\x01", 5), 1);
    CHECK_EQ_STR(next_term(), "1");
    CHECK_EQ_INT(take(frames, "\x83\x44\x03\x00", 4), -1);
    CHECK_EQ_INT(take(frames, "\x83\x44\x01\x08\x07\x02\xff\xff", 8), -1); /* no UTF-8 */
    cop__frames_free(frames);
}

/* D-49: frames of the other format. */
TEST(two_formats)
{
    struct cop__frames *frames = cop__frames_new(true), *plain = cop__frames_new(false);

    CHECK_EQ_INT(take(frames, "\x70\x83\x61\x01", 4), -1);
    CHECK_EQ_INT(take(plain, "\x83\x44\x00\x61\x01", 5), -1);
    CHECK_EQ_INT(take(plain, "\x70\x83\x61\x01", 4), 1);
    CHECK_EQ_STR(next_term(), "1");
    cop__frames_free(frames);
    cop__frames_free(plain);
}

static size_t fragment(
    char *to, int type, uint64_t sequence, uint64_t number, const char *rest, size_t size)
{
    to[0] = (char)COP__ETF_VERSION;
    to[1] = (char)type;
    cop__put_be((unsigned char *)to + 2, sequence, 8);
    cop__put_be((unsigned char *)to + 10, number, 8);
    memcpy(to + 18, rest, size);
    return 18 + size;
}

static int take_fragment(struct cop__frames *frames, int type, uint64_t sequence, uint64_t number,
    const char *rest, size_t size)
{
    char bytes[128];

    return take(frames, bytes, fragment(bytes, type, sequence, number, rest, size));
}

/* D-57: two messages in pieces, and a plain one between; pieces end in the middle of anything. */
TEST(fragments_of_two_messages)
{
    struct cop__frames *frames = cop__frames_new(true);

    CHECK_EQ_INT(take_fragment(frames, COP__FRAME_FIRST, 1, 3, "\0a\1m\0\0\0\4x", 9), 0);
    CHECK_EQ_INT(take_fragment(frames, COP__FRAME_FIRST, 2, 2, "\0a\2", 3), 0);
    CHECK_EQ_INT(take_fragment(frames, COP__FRAME_NEXT, 1, 2, "y", 1), 0);
    CHECK_EQ_INT(take(frames, "\x83\x44\x00\x61\x07", 5), 1);
    CHECK_EQ_STR(next_term(), "7");
    CHECK_EQ_INT(take_fragment(frames, COP__FRAME_NEXT, 2, 1, "a\5", 2), 1);
    CHECK_EQ_STR(next_term(), "2");
    CHECK_EQ_STR(next_term(), "5");
    CHECK_EQ_INT(take_fragment(frames, COP__FRAME_NEXT, 1, 1, "zw", 2), 1);
    CHECK_EQ_STR(next_term(), "1");
    CHECK_EQ_STR(next_term(), "<<\"xyzw\">>");
    CHECK_EQ_INT(frames->open_count, 0);
    CHECK_EQ_INT(frames->open_bytes, 0);
    cop__frames_free(frames);
}

/* D-58: no beginning, a number left out, twice the same, a control message that goes on. */
TEST(fragments_out_of_order)
{
    struct cop__frames *frames = cop__frames_new(true);

    CHECK_EQ_INT(take_fragment(frames, COP__FRAME_NEXT, 1, 1, "x", 1), -1);
    CHECK_EQ_INT(take_fragment(frames, COP__FRAME_FIRST, 1, 3, "\0a\1", 3), 0);
    CHECK_EQ_INT(take_fragment(frames, COP__FRAME_NEXT, 1, 1, "x", 1), -1);
    CHECK_EQ_INT(take_fragment(frames, COP__FRAME_FIRST, 1, 3, "\0a\1", 3), -1);
    CHECK_EQ_INT(take_fragment(frames, COP__FRAME_FIRST, 2, 2, "\0h\3a\1", 5), -1);
    CHECK_EQ_INT(take_fragment(frames, COP__FRAME_FIRST, 3, 0, "\0a\1", 3), -1);
    cop__frames_free(frames);
}

/* D-148: not more than so many at a time, and the announced count allocates nothing. */
TEST(fragments_without_end)
{
    struct cop__frames *frames = cop__frames_new(true);

    for (uint64_t i = 1; i <= COP__FRAGMENTED_MAX; i++)
        CHECK_EQ_INT(take_fragment(frames, COP__FRAME_FIRST, i, UINT64_MAX, "\0a\1", 3), 0);
    CHECK_EQ_INT(take_fragment(frames, COP__FRAME_FIRST, 0, 2, "\0a\1", 3), -1);
    cop__frames_free(frames);
}

/* D-52: the atoms of a fragmented message are those of its first frame. */
TEST(atoms_of_a_fragmented_message)
{
    struct cop__frames *frames = cop__frames_new(true);

    CHECK_EQ_INT(take_fragment(frames, COP__FRAME_FIRST, 1, 2, "\1\x08\7\3oneR\0", 9), 0);
    CHECK_EQ_INT(take(frames, "\x83\x44\x01\x08\x07\x03two\x52\x00", 11), 1);
    CHECK_EQ_STR(next_term(), "two");
    CHECK_EQ_INT(take_fragment(frames, COP__FRAME_NEXT, 1, 1, "R\0", 2), 1);
    CHECK_EQ_STR(next_term(), "one");
    CHECK_EQ_STR(next_term(), "one");
    cop__frames_free(frames);
}
