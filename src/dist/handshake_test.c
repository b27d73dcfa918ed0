/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes of the handshake, against those of real nodes. */
#include "dist/handshake.h"

#include <string.h>

#include "base/test.h"

static void digest_is(const char *cookie, uint32_t challenge, const char *hex)
{
    unsigned char digest[COP__HS_DIGEST_SIZE];
    char text[2 * COP__HS_DIGEST_SIZE + 1];

    cop__hs_digest(digest, cookie, challenge);
    for (int i = 0; i < COP__HS_DIGEST_SIZE; i++)
        snprintf(text + 2 * i, 3, "%02x", digest[i]);
    CHECK_EQ_STR(text, hex);
}

/* D-30: the vectors of the guide. */
TEST(digests)
{
    digest_is("secret", 0, "175ec77a7f63082590987d0d8b051aff");
    digest_is("secret", 1, "e52d98c459819a11775936d8dfbb7929");
    digest_is("secret", 4294967295u, "5dfd181e69aa587cc812eb333e6536b6");
    digest_is("spikecookie", 305419896, "c140a7be38ae99ac060c1458caf294c2");
}

/* D-31 */
TEST(digests_are_compared_whole)
{
    unsigned char a[COP__HS_DIGEST_SIZE] = { 1 }, b[COP__HS_DIGEST_SIZE] = { 1 };

    CHECK(cop__hs_same_digest(a, b));
    b[COP__HS_DIGEST_SIZE - 1] = 1;
    CHECK(!cop__hs_same_digest(a, b));
}

/* The first message of OTP 25 for a@127.0.0.1, without its length. */
static const unsigned char golden[] = "\x4e\x00\x00\x00\x0d\x07\xdf\x7f\xbd\x6b\x02\xed\x75\x00\x0b"
                                      "a@127.0.0.1";

TEST(a_name_as_erlang_sends_it)
{
    unsigned char message[COP__HS_MESSAGE_MAX];
    struct cop__hs_name name;

    CHECK(cop__hs_read_name(&name, golden, sizeof golden - 1));
    CHECK_EQ_STR(name.name, "a@127.0.0.1");
    CHECK_EQ_INT(name.creation, 0x6b02ed75u);
    CHECK((name.flags & COP__DF_REQUIRED) == COP__DF_REQUIRED); /* D-41, D-42 */
    name.flags = 0xd07df7fbdull;
    CHECK_EQ_INT(cop__hs_write_name(message, &name), sizeof golden - 1);
    CHECK(memcmp(message, golden, sizeof golden - 1) == 0);
}

/* D-28: what follows the name is ignored. D-146: nothing longer than 255 bytes is a name. */
TEST(names_that_are_odd)
{
    unsigned char message[300] = { 0 };
    struct cop__hs_name name;

    memcpy(message, golden, sizeof golden - 1);
    CHECK(cop__hs_read_name(&name, message, sizeof golden + 20));
    CHECK(!cop__hs_read_name(&name, message, sizeof golden - 2));
    CHECK(!cop__hs_read_name(&name, message, 0));
    message[13] = 1; /* 256 + 11 bytes of name */
    CHECK(!cop__hs_read_name(&name, message, sizeof message));
    message[0] = 'n'; /* D-29 */
    message[13] = 0;
    CHECK(!cop__hs_read_name(&name, message, sizeof message));
}

/* D-40, D-42: the digest flag is bit 26 and stands for eleven others. */
TEST(the_flag_that_stands_for_eleven)
{
    struct cop__hs_name name = { .flags = COP__DF_MANDATORY_25_DIGEST | COP__DF_V4_NC,
        .creation = 7,
        .name = "x@y" },
                        read;
    unsigned char message[COP__HS_MESSAGE_MAX];

    CHECK(cop__hs_read_name(&read, message, cop__hs_write_name(message, &name)));
    CHECK((read.flags & COP__DF_REQUIRED) != COP__DF_REQUIRED); /* UNLINK_ID is another one */
    name.flags |= COP__DF_UNLINK_ID;
    CHECK(cop__hs_read_name(&read, message, cop__hs_write_name(message, &name)));
    CHECK((read.flags & COP__DF_REQUIRED) == COP__DF_REQUIRED);
}

TEST(the_other_messages)
{
    struct cop__hs_name name = { .flags = 5, .creation = 6, .challenge = 7, .name = "b@c" }, read;
    unsigned char message[COP__HS_MESSAGE_MAX], digest[COP__HS_DIGEST_SIZE] = { 9, 8, 7 };
    unsigned char back[COP__HS_DIGEST_SIZE];
    uint32_t challenge;
    char status[32];
    size_t size;

    CHECK(cop__hs_read_challenge(&read, message, cop__hs_write_challenge(message, &name)));
    CHECK_EQ_STR(read.name, "b@c");
    CHECK(read.flags == 5 && read.creation == 6 && read.challenge == 7);
    size = cop__hs_write_reply(message, 77, digest);
    CHECK(cop__hs_read_reply(&challenge, back, message, size));
    CHECK(challenge == 77 && memcmp(back, digest, sizeof back) == 0);
    CHECK(!cop__hs_read_reply(&challenge, back, message, size - 1));
    size = cop__hs_write_ack(message, digest);
    CHECK(cop__hs_read_ack(back, message, size));
    CHECK(!cop__hs_read_ack(back, message, size - 1));
    CHECK(cop__hs_read_status(status, message, cop__hs_write_status(message, "ok_simultaneous")));
    CHECK_EQ_STR(status, "ok_simultaneous");
    CHECK(!cop__hs_read_status(status, (const unsigned char *)"s", 1));
}

/* D-05 */
TEST(names_of_nodes)
{
    CHECK(cop__hs_valid_name("a@b"));
    CHECK(cop__hs_valid_name("n1@host.example.org"));
    CHECK(!cop__hs_valid_name("a"));
    CHECK(!cop__hs_valid_name("@b"));
    CHECK(!cop__hs_valid_name("a@"));
    CHECK(!cop__hs_valid_name("a@b@c"));
    CHECK(!cop__hs_valid_name("a b@c"));
    CHECK(!cop__hs_valid_name("h\xc3\xa4@c"));
}
