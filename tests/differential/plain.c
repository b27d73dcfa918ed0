/* SPDX-License-Identifier: Apache-2.0 */
/* The families without processes: mspec, order, etf, etfbad. */
#include <stdlib.h>
#include <string.h>

#include <coppice/zlib.h>

#include "scenario.h"

/* --- Order -------------------------------------------------------------------------------------
 */

struct item {
    cop_term term;
    size_t index;
};

static int by_term(const void *a, const void *b)
{
    const struct item *x = a, *y = b;
    int order = cop_compare(x->term, y->term);

    return order ? order : x->index < y->index ? -1 : 1;
}

static const char *relation(cop_term a, cop_term b)
{
    int order = cop_compare(a, b);

    return order < 0 ? "<" : order > 0 ? ">" : cop_identical(a, b) ? "=" : "~";
}

static void sort(const struct command *command)
{
    size_t count = command->count - 1;
    struct item *items = malloc((count + 1) * sizeof *items);
    char *order, *relations = malloc(count + 1);
    size_t order_size;
    FILE *to = open_memstream(&order, &order_size);

    for (size_t i = 0; i < count; i++)
        items[i] = (struct item){ term_of(command->words[i + 1]), i + 1 };
    qsort(items, count, sizeof *items, by_term);
    for (size_t i = 0; i < count; i++)
        fprintf(to, " %zu", items[i].index);
    fclose(to);
    say("order%s", order);
    for (size_t i = 0; i + 1 < count; i++)
        relations[i] = *relation(items[i].term, items[i + 1].term);
    relations[count ? count - 1 : 0] = 0;
    say("rel %s", count > 1 ? relations : "-");
    free(items);
    free(order);
    free(relations);
}

static void compare(const struct command *command)
{
    cop_term a = term_of(command->words[1]), b = term_of(command->words[2]);

    say("cmp %s %s", relation(a, b), relation(b, a));
}

/* --- Match specifications ------------------------------------------------------------------------
 */

static void match_spec(const struct command *command)
{
    cop_match_spec *spec = cop_match_spec_compile(term_of(command->words[2]));

    if (spec)
        say("ms %s", text_of(cop_match_spec_run(term_of(command->words[1]), spec)));
    else
        say("ms err");
    cop_match_spec_free(spec);
}

/* --- The external format -----------------------------------------------------------------------
 */

static cop_bytes encoded(cop_term term, int minor_version)
{
    cop_bytes bytes = { NULL, 0 };

    cop_to_bytes(&bytes, cop_term_to_binary(term, .minor_version = minor_version));
    return bytes;
}

static void encode(const struct command *command)
{
    cop_term term = term_of(command->words[1]);

    say("enc1 %s", hex_of(encoded(term, 1)));
    say("enc2 %s", hex_of(encoded(term, 2)));
}

static void round_trip(const struct command *command)
{
    cop_term term;

    if (cop_binary_to_term(&term, encoded(term_of(command->words[1]), 2)) < 0)
        say("rt err");
    else
        say("rt %s", text_of(term));
}

static void decode_with(const char *name, cop_bytes bytes, bool safe)
{
    size_t used;
    cop_term term;

    if (cop_binary_to_term(
            &term, bytes, .safe = safe, .ret_used = &used, .compression = &cop_zlib) < 0)
        say("%s err", name);
    else
        say("%s ok %zu %s", name, used, text_of(term));
}

/* What exists for a safe decoding (FORMAT.md, section 10). */
void make_known_atoms(void)
{
    static const char *const texts[] = { "a", "b", "c", "k", "x", "ok", "error", "true", "false",
        "undefined", "foo", "bar", "Caps", "with space", "it's", "back\\slash", "", "hello_World9",
        "nil", "a@b", "_x", "abc", "lists", "map", "maps", "get", "n@h", "key", "\u00e9",
        "\u65e5\u672c", "\u00ff", "\u0100" };

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        cop_atom_new(texts[i]);
}

/* Safely first: else the atoms exist then. */
static void decode(const struct command *command)
{
    const char *hex = command->count > 1 ? command->words[1] : "";
    cop_bytes bytes = bytes_of_hex(hex, strlen(hex));

    decode_with("safe", bytes, true);
    decode_with("dec", bytes, false);
}

bool plain_command(const struct command *command)
{
    static const struct {
        const char *name;
        void (*run)(const struct command *);
    } commands[] = { { "sort", sort }, { "cmp", compare }, { "enc", encode }, { "rt", round_trip },
        { "dec", decode }, { "ms", match_spec } };

    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (strcmp(command->words[0], commands[i].name) == 0) {
            commands[i].run(command);
            return true;
        }
    return false;
}
