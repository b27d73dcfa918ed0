/* SPDX-License-Identifier: Apache-2.0 */
/* Names and lines of code: of this program, of the C library, and of files that are hostile. */
#include "base/symbols.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/lines.h"
#include "base/test.h"

static __attribute__((noinline)) uintptr_t here(void)
{
    return (uintptr_t)__builtin_return_address(0) - 1;
}

/* A program without symbols, or under an emulator that shows another file, cannot be asked. */
static bool is_named(const struct cop__symbol *symbol)
{
    return symbol->function != NULL;
}

TEST(a_static_function_has_a_name_a_file_and_a_line)
{
    struct cop__symbol symbol;
    uintptr_t pc = here();
    int line = __LINE__ - 1;

    CHECK(cop__symbol_of(&symbol, pc));
    CHECK(strstr(symbol.object, "symbols_test") != NULL);
    if (!is_named(&symbol))
        return;
    CHECK(!symbol.unit || strcmp(symbol.unit, "symbols_test.c") == 0);
    CHECK(!symbol.source.file || strcmp(symbol.source.file, "symbols_test.c") == 0);
    CHECK(symbol.source.line == line || symbol.source.line == 0);
    CHECK(cop__symbol_of(&symbol, (uintptr_t)here));
    CHECK_EQ_STR(symbol.function, "here");
}

TEST(the_c_library_has_names)
{
    struct cop__symbol symbol;

    CHECK(cop__symbol_of(&symbol, (uintptr_t)qsort));
    if (strstr(symbol.object, "libc.so"))
        CHECK_EQ_STR(symbol.function, "qsort");
}

TEST(what_is_no_code_has_no_place)
{
    static char data[16];
    struct cop__symbol symbol = { .offset = 7 };

    CHECK(!cop__symbol_of(&symbol, 0));
    CHECK(!cop__symbol_of(&symbol, 16));
    CHECK(!cop__symbol_of(&symbol, (uintptr_t)data));
    CHECK(!cop__symbol_of(&symbol, UINTPTR_MAX));
    CHECK_EQ_INT(symbol.offset, 7);
}

static uint64_t chance(void)
{
    static uint64_t state = 0x9e3779b97f4a7c15u;

    state = state * 6364136223846793005u + 1442695040888963407u;
    return state >> 20;
}

/* The own line table, cut short and with bytes changed near its head. */
static void ruin(struct cop__section *section)
{
    if (chance() % 3 == 0)
        section->size = chance() % (section->size + 1);
    for (uint64_t i = chance() % 7; i > 0 && section->size > 0; i--)
        section->data[chance() % (section->size < 300 ? section->size : 300)] =
            (unsigned char)chance();
    section->data[section->size] = 0;
}

TEST(hostile_line_tables_end)
{
    const struct cop__text *text;
    struct cop__elf_file file;
    struct cop__lines lines;
    struct cop__line line;

    cop__text_refresh();
    text = cop__text_of((uintptr_t)here);
    if (!text || !cop__elf_open(&file, text))
        return;
    for (int round = 0; round < 300; round++) {
        cop__lines_read(&lines, &file);
        free(lines.sequences);
        lines.sequences = NULL;
        lines.sequence_count = 0;
        if (lines.line.data)
            ruin(&lines.line);
        cop__lines_index(&lines);
        for (size_t i = 0; i < lines.sequence_count && i < 20; i++)
            cop__lines_find(&line, &lines, lines.sequences[i].lo);
        cop__lines_free(&lines);
    }
    cop__elf_close(&file);
}
