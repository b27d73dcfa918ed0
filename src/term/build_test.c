/* SPDX-License-Identifier: Apache-2.0 */
/* Builders that have no syntax, what they refuse, and text into a buffer. Refusals raise; without
 * a process that ends the program, so they are looked at in tests/conformance/process_exit.c. */
#include "base/test.h"

#include <coppice/pattern.h>

TEST(bitstrings)
{
    static const unsigned char bytes[] = { 0xff, 0xff };

    CHECK_EQ_STR(cop_show(cop_bitstring(bytes, 0)), "<<>>");
    CHECK_EQ_STR(cop_show(cop_bitstring(bytes, 16)), "<<\"\xc3\xbf\xc3\xbf\">>");
    CHECK_EQ_STR(cop_show(cop_bitstring(bytes, 11)), "<<255,7:3>>");
    CHECK_EQ_INT(cop_bit_size(cop_bitstring(bytes, 11)), 11);
    CHECK_EQ_INT(cop_bit_size(cop("<<\"text\">>")), 32);
    CHECK_EQ_INT(cop_bit_size(cop("text")), 0);
    CHECK(!cop_is_binary(cop_bitstring(bytes, 11)));
    CHECK(cop_identical(cop_bitstring(bytes, 11), cop("<<255, 7:3>>")));
}

TEST(funs)
{
    cop_term fun = cop_fun(cop_atom_new("lists"), cop_atom_new("map"), 2);

    CHECK_EQ_STR(cop_show(fun), "fun lists:map/2");
    CHECK(cop_identical(fun, cop("fun lists:map/2")));
}

TEST(text_of_all_planes)
{
    static const char text[] = "a \xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80";
    cop_term string = cop_string(text);
    cop_bytes back = { NULL, 0 };
    size_t length = 0;

    CHECK(cop_list_length(&length, string));
    CHECK_EQ_INT(length, 7);
    CHECK(cop_match(string, "[97, 32, 233, 32, 8364, 32, 128512]"));
    CHECK(cop_to_text(&back, string));
    CHECK_EQ_STR(back.data, text);
    CHECK_EQ_STR(cop_show(cop_text(text)), "<<\"a \xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\"/utf8>>");
    CHECK(cop_match(cop("<<\"\\x{1f600}\"/utf8>>"), "<<\"\xf0\x9f\x98\x80\"/utf8>>"));
    /* cut short, too long a form, above the last code point: no UTF-8, so shown as bytes */
    CHECK_EQ_STR(cop_show(cop("<<240, 159, 152>>")), "<<240,159,152>>");
    CHECK_EQ_STR(cop_show(cop("<<240, 130, 130, 172>>")), "<<240,130,130,172>>");
    CHECK_EQ_STR(cop_show(cop("<<244, 144, 128, 128>>")), "<<244,144,128,128>>");
    CHECK(!cop_to_text(&back, cop("[55296]")));
    CHECK(!cop_to_text(&back, cop("[1114112]")));
}

TEST(text_into_a_buffer)
{
    char buffer[8] = "unused";

    CHECK_EQ_INT(cop_format_term(NULL, 0, cop("{a, b}")), 5);
    CHECK_EQ_INT(cop_format_term(buffer, sizeof buffer, cop("{a, b}")), 5);
    CHECK_EQ_STR(buffer, "{a,b}");
    CHECK_EQ_INT(cop_format_term(buffer, sizeof buffer, cop("[one, two, three]")), 15);
    CHECK_EQ_STR(buffer, "[one,tw");
    CHECK_EQ_INT(cop_format_term(buffer, 1, cop("a")), 1);
    CHECK_EQ_STR(buffer, "");
}
