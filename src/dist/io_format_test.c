/* SPDX-License-Identifier: Apache-2.0 */
/* Against what io_lib:format of OTP 25 gives. */
#include "dist/io_format.h"

#include "base/test.h"

static const char *formatted(const char *format, cop_term arguments)
{
    cop_bytes text;

    return cop__io_format(&text, cop_string(format), arguments) ? text.data : "badarg";
}

#define IS(FORMAT, ARGUMENTS, TEXT) CHECK_EQ_STR(formatted(FORMAT, cop(ARGUMENTS)), TEXT)

TEST(control_sequences)
{
    IS("plain~n", "[]", "plain\n");
    IS("~p and ~w~~", "[{a, \"b\"}, \"b\"]", "{a,\"b\"} and [98]~");
    IS("~s|~10s|~-10s|~.2s", "[\"ab\", <<\"cd\">>, ef, \"ghi\"]", "ab|        cd|ef        |gh");
    IS("~b ~.16b ~.16B ~5b ~5.10.0b", "[10, 255, 255, 7, 42]", "10 ff FF     7 00042");
    IS("~.16# ~.2+", "[255, 5]", "16#FF 2#101");
    IS("~c~3c", "[97, 98]", "abbb");
    IS("~i~p", "[skipped, shown]", "shown");
    IS("~f ~.2f ~e", "[1.5, 2.25, 10.0]", "1.500000 2.25 1.00000e+1");
    IS("~*b", "[5, 42]", "   42");
    IS("~ts ~tp", "[[228], [228]]", "\xc3\xa4 \"\xc3\xa4\"");
    IS("~3w", "[12345]", "***");
}

TEST(what_does_not_fit)
{
    IS("~p", "[]", "badarg");
    IS("~p", "[a, b]", "badarg");
    IS("~q", "[a]", "badarg");
    IS("~", "[]", "badarg");
    IS("~b", "[a]", "badarg");
    IS("~s", "[{a}]", "badarg");
    IS("~999999999b", "[1]", "badarg");
}
