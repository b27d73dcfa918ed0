/* SPDX-License-Identifier: Apache-2.0 */
/* The helpers on bytes. */
#include <coppice/file.h>

#include "base/test.h"

static size_t split(const char *text, size_t words_max, cop_bytes *ret_words)
{
    return cop_bytes_split(cop_bytes_from(text), ' ', ret_words, words_max);
}

/* The last word takes what is left; empty words are words. */
TEST(split)
{
    cop_bytes words[3];

    CHECK_EQ_INT(split("PUT key a b c", 3, words), 3);
    CHECK(cop_bytes_eq(words[0], "PUT"));
    CHECK(cop_bytes_eq(words[2], "a b c"));
    CHECK_EQ_INT(split("GET key", 3, words), 2);
    CHECK(cop_bytes_eq(words[1], "key"));
    CHECK_EQ_INT(split("", 3, words), 1);
    CHECK_EQ_INT(words[0].size, 0);
    CHECK_EQ_INT(split("a  ", 3, words), 3);
    CHECK(cop_bytes_eq(words[1], ""));
    CHECK(cop_bytes_eq(words[2], ""));
    CHECK_EQ_INT(split("a b", 0, words), 0);
}

TEST(compare_and_count)
{
    CHECK(cop_bytes_eq(cop_bytes_from("abc"), "abc"));
    CHECK(!cop_bytes_eq(cop_bytes_from("abc"), "ab"));
    CHECK(!cop_bytes_eq(cop_bytes_from("ab"), "abc"));
    CHECK(cop_bytes_eq((cop_bytes){ NULL, 0 }, ""));
    CHECK_EQ_INT(cop_bytes_count(cop_bytes_from("one\ntwo\n\n"), '\n'), 3);
    CHECK_EQ_INT(cop_bytes_count((cop_bytes){ NULL, 0 }, 'x'), 0);
}
