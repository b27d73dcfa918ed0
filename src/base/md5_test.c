/* SPDX-License-Identifier: Apache-2.0 */
/* The values that RFC 1321 gives, and all lengths around the block. */
#include "base/md5.h"

#include <stdio.h>
#include <string.h>

#include "base/test.h"

static const char *hex_of(const unsigned char digest[COP__MD5_SIZE])
{
    static char text[2 * COP__MD5_SIZE + 1];

    for (int i = 0; i < COP__MD5_SIZE; i++)
        snprintf(text + 2 * (size_t)i, 3, "%02x", digest[i]);
    return text;
}

static const char *md5_of(const char *data)
{
    unsigned char digest[COP__MD5_SIZE];

    cop__md5(digest, data, strlen(data));
    return hex_of(digest);
}

TEST(values_of_the_rfc)
{
    CHECK_EQ_STR(md5_of(""), "d41d8cd98f00b204e9800998ecf8427e");
    CHECK_EQ_STR(md5_of("a"), "0cc175b9c0f1b6a831c399e269772661");
    CHECK_EQ_STR(md5_of("abc"), "900150983cd24fb0d6963f7d28e17f72");
    CHECK_EQ_STR(md5_of("message digest"), "f96b697d7cb7938d525a2f31aaf161d0");
    CHECK_EQ_STR(md5_of("12345678901234567890123456789012345678901234567890123456789012345678901234"
                        "567890"),
        "57edf4a22be3c955ac49da2e2107b67a");
}

/* The digest of the digests of 0 to 200 bytes of x, as md5sum has it; in parts it is the same. */
TEST(all_lengths)
{
    unsigned char digest[COP__MD5_SIZE], data[200];
    struct cop__md5 all, parts;

    memset(data, 'x', sizeof data);
    cop__md5_begin(&all);
    for (size_t size = 0; size <= sizeof data; size++) {
        unsigned char again[COP__MD5_SIZE];

        cop__md5(digest, data, size);
        cop__md5_add(&all, digest, sizeof digest);
        cop__md5_begin(&parts);
        for (size_t at = 0; at < size; at += 7)
            cop__md5_add(&parts, data + at, size - at < 7 ? size - at : 7);
        cop__md5_end(again, &parts);
        CHECK(memcmp(digest, again, sizeof digest) == 0);
    }
    cop__md5_end(digest, &all);
    CHECK_EQ_STR(hex_of(digest), "85a5e659ef84b20587f1e9a409ab70c7");
}
