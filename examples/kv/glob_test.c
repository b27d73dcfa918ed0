/* SPDX-License-Identifier: Apache-2.0 */
/* Patterns of keys. */
#include "glob.h"
#include "number.h"

#include "base/test.h"

static bool match(const char *pattern, const char *text)
{
    return glob_match(pattern, strlen(pattern), text, strlen(text), false);
}

TEST(literals_and_question_marks)
{
    CHECK(match("", ""));
    CHECK(!match("", "a"));
    CHECK(!match("a", ""));
    CHECK(match("abc", "abc"));
    CHECK(!match("abc", "abd"));
    CHECK(match("h?llo", "hello"));
    CHECK(!match("h?llo", "hllo"));
    CHECK(match("a\\*", "a*"));
    CHECK(!match("a\\*", "ab"));
    CHECK(match("a\\", "a\\"));
}

TEST(stars)
{
    CHECK(match("*", ""));
    CHECK(match("*", "abc"));
    CHECK(match("a*", "a"));
    CHECK(match("*c", "abc"));
    CHECK(match("a*b*c", "a--b--b--c"));
    CHECK(!match("a*b*c", "a--c--b"));
    CHECK(match("**a**", "bab"));
    CHECK(match("user:*:name", "user:12:name"));
}

TEST(sets)
{
    CHECK(match("h[ae]llo", "hello"));
    CHECK(match("h[ae]llo", "hallo"));
    CHECK(!match("h[ae]llo", "hillo"));
    CHECK(match("h[^e]llo", "hallo"));
    CHECK(!match("h[^e]llo", "hello"));
    CHECK(match("h[a-c]llo", "hbllo"));
    CHECK(match("h[c-a]llo", "hbllo"));
    CHECK(!match("h[a-c]llo", "hdllo"));
    CHECK(match("[\\]]", "]"));
    CHECK(match("[abc", "b"));
    CHECK(match("*[0-9]", "key7"));
}

TEST(any_case)
{
    CHECK(glob_match("MAX*", 4, "maxclients", 10, true));
    CHECK(!glob_match("MAX*", 4, "maxclients", 10, false));
    CHECK(glob_match("[A-C]", 5, "b", 1, true));
}

/* What takes exponential time with recursion. */
TEST(many_stars_are_cheap)
{
    char pattern[601], text[2001];

    for (int i = 0; i < 300; i++)
        memcpy(pattern + 2 * i, "a*", 2);
    pattern[599] = 'b';
    pattern[600] = 0;
    memset(text, 'a', 2000);
    text[2000] = 0;
    CHECK(!match(pattern, text));
}

/* --- Numbers, which patterns sit beside in the arguments ------------------------------------- */

static bool parses(const char *text, int64_t want)
{
    int64_t value = 77;
    bool is_number = number_parse(&value, text, strlen(text));

    CHECK(is_number || value == 77);
    return is_number && value == want;
}

TEST(numbers)
{
    char text[NUMBER_TEXT_MAX + 1];
    static const int64_t values[] = { 0, 1, -1, 10, 1234567890123, INT64_MAX, INT64_MIN };

    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        text[number_format(text, values[i])] = 0;
        CHECK(parses(text, values[i]));
    }
    CHECK(!parses("", 0));
    CHECK(!parses("-", 0));
    CHECK(!parses("-0", 0));
    CHECK(!parses("01", 1));
    CHECK(!parses("+1", 1));
    CHECK(!parses(" 1", 1));
    CHECK(!parses("1 ", 1));
    CHECK(!parses("1.0", 1));
    CHECK(!parses("9223372036854775808", 0));
    CHECK(!parses("-9223372036854775809", 0));
    CHECK(!parses("99999999999999999999", 0));
}
