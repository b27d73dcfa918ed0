/* SPDX-License-Identifier: Apache-2.0 */
/* The entry points of the external format that a connection uses: no version before the term, and a
 * cache of atoms. */
#include "term/etf.h"

#include "base/test.h"

static bool read_bytes(
    const char *bytes, size_t size, const cop_term *cache, size_t cache_count, cop_term *ret_term)
{
    struct cop__etf_reader reader = { .at = (const unsigned char *)bytes,
        .end = (const unsigned char *)bytes + size,
        .depth_max = 100,
        .integer_max = 100,
        .cache = cache,
        .cache_count = cache_count };

    return cop__etf_read(&reader, ret_term);
}

/* D-88: no 131. */
TEST(a_term_without_version)
{
    cop_term term = COP_NONE;

    CHECK(read_bytes("\x61\x07", 2, NULL, 0, &term));
    CHECK_EQ_STR(cop_show(term), "7");
    CHECK(!read_bytes("\x83\x61\x07", 3, NULL, 0, &term));
}

TEST(atoms_of_a_cache)
{
    cop_term cache[] = { cop("first"), cop("second") }, term = COP_NONE;

    CHECK(read_bytes("h\2R\1R\0", 6, cache, 2, &term));
    CHECK_EQ_STR(cop_show(term), "{second,first}");
    CHECK(!read_bytes("R\2", 2, cache, 2, &term));
}

TEST(writing_without_version)
{
    struct cop__etf_writer writer = { .minor_version = 2 };

    cop__etf_write(&writer, cop("{a}"));
    CHECK_EQ_INT(writer.at - writer.base, 5);
    CHECK(memcmp(writer.base, "h\1w\1a", 5) == 0);
}
