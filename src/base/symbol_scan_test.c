/* SPDX-License-Identifier: Apache-2.0 */
/* Names for the last words of a node: right where there are any, cut to size, and nothing wrong
 * with any address. */
#include "base/symbol_scan.h"

#include <stdlib.h>
#include <string.h>

#include "base/symbols.h"
#include "base/test.h"
#include "base/text.h"

static __attribute__((noinline)) void a_function_with_a_name(void)
{
    __asm__ volatile("nop\n\tnop\n\tnop\n\tnop");
}

static bool has_names(void)
{
    struct cop__symbol symbol;

    return cop__symbol_of(&symbol, (uintptr_t)a_function_with_a_name) && symbol.function;
}

TEST(a_function_is_named_with_the_offset_in_it)
{
    uintptr_t begin = (uintptr_t)a_function_with_a_name;
    char text[200];

    a_function_with_a_name();
    cop__text_refresh();
    cop__symbol_scan(text, sizeof text, begin);
    if (!has_names())
        return;
    CHECK(strncmp(text, "a_function_with_a_name", 22) == 0);
    CHECK(strstr(text, " (program+0x") != NULL);
    cop__symbol_scan(text, sizeof text, begin + 2);
    CHECK(strncmp(text, "a_function_with_a_name+0x2 ", 27) == 0);
}

/* What the two ways to find a name say of the same code. */
TEST(it_says_what_symbols_say)
{
    const uintptr_t places[] = { (uintptr_t)cop__symbol_scan, (uintptr_t)cop__put_text,
        (uintptr_t)cop__text_refresh, (uintptr_t)a_function_with_a_name };

    cop__text_refresh();
    for (size_t i = 0; has_names() && i < sizeof places / sizeof places[0]; i++) {
        struct cop__symbol symbol;
        char text[200];

        cop__symbol_scan(text, sizeof text, places[i]);
        CHECK(cop__symbol_of(&symbol, places[i]));
        if (symbol.function)
            CHECK(strncmp(text, symbol.function, strlen(symbol.function)) == 0);
    }
}

TEST(any_address_gives_a_text)
{
    uint64_t random = 88172645463325252u;
    char text[200];

    cop__text_refresh();
    for (int i = 0; i < 300; i++) {
        random ^= random << 13, random ^= random >> 7, random ^= random << 17;
        memset(text, 'x', sizeof text);
        cop__symbol_scan(text, sizeof text, (uintptr_t)(random >> i % 64));
        CHECK(memchr(text, 0, sizeof text) != NULL);
        CHECK(text[0] != 0);
    }
}

TEST(it_is_cut_to_size)
{
    char whole[200];

    cop__text_refresh();
    cop__symbol_scan(whole, sizeof whole, (uintptr_t)a_function_with_a_name);
    for (size_t size = 1; size < sizeof whole; size++) {
        char text[201];

        memset(text, 'x', sizeof text);
        cop__symbol_scan(text, size, (uintptr_t)a_function_with_a_name);
        CHECK_EQ_INT(text[size], 'x');
        CHECK(strlen(text) < size);
        CHECK(strncmp(text, whole, strlen(text)) == 0);
    }
}

TEST(numbers_and_texts_are_put_until_the_end)
{
    char text[12], *at = text, *end = text + sizeof text;

    cop__put_decimal(&at, end, 0);
    cop__put_text(&at, end, "-");
    cop__put_hex(&at, end, 0xbeef);
    CHECK_EQ_STR(text, "0-0xbeef");
    cop__put_decimal(&at, end, UINT64_MAX);
    CHECK_EQ_STR(text, "0-0xbeef184");
    cop__put_text(&at, end, "more");
    CHECK_EQ_STR(text, "0-0xbeef184");
    CHECK(at == end - 1);
}
