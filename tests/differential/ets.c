/* SPDX-License-Identifier: Apache-2.0 */
/* Tables (FORMAT.md, section 8): ets P OP TABLE ARG..., carried out by puppet P. */
#include <stdlib.h>
#include <string.h>

#include "names.h"
#include "puppet.h"

static bool is(const char *word, const char *text)
{
    return strcmp(word, text) == 0;
}

/* A table by its name in the scenario: its reference, or the name it is registered as. */
static cop_term table_of(const char *name)
{
    cop_ref ref = reference_of(name);

    if (ref.id)
        return cop_from_ref(ref);
    return registered_name((cop_bytes){ name, strlen(name) });
}

static cop_term type_of(cop_term table)
{
    return cop_ets_info_item(table, cop("type"));
}

static bool is_ordered(cop_term table)
{
    return cop_match(type_of(table), "ordered_set");
}

/* Lists of a table without order are compared as sets. */
static const char *list_text(cop_term table, cop_term list)
{
    const char *texts[4096];
    size_t count = 0;

    if (is_ordered(table))
        return text_of(list);
    for (cop_term item; cop_list_next(&item, &list) && count < 4096;)
        texts[count++] = text_of(item);
    return sorted_list(texts, count);
}

/* --- Operations ----------------------------------------------------------------------------------
 */

/* new T TYPE ACCESS KEYPOS named|anon HEIR */
static const char *new_table(char **words)
{
    static const char *const types[] = { "set", "ordered_set", "bag", "duplicate_bag" };
    static const char *const rights[] = { "protected", "public", "private" };
    struct cop_table_options options = { .key_position = (int)strtol(words[6], NULL, 10),
        .named = is(words[7], "named") };
    cop_bytes name = { words[3], strlen(words[3]) };
    char *heir = words[8], *data = strchr(heir, ':');
    char real[128];
    cop_term table;
    cop_ref ref;

    for (int i = 0; i < 4; i++)
        if (is(words[4], types[i]))
            options.type = (enum cop_table_type)i;
    for (int i = 0; i < 3; i++)
        if (is(words[5], rights[i]))
            options.access = (enum cop_table_access)i;
    if (data) {
        *data = 0;
        options.heir = process_of(heir);
        options.heir_data = term_of(data + 1);
        *data = ':';
    }
    cop_to_text(&name, registered_name(name));
    snprintf(real, sizeof real, "%.*s", COP_STR(name));
    table = cop_ets_new_with(real, &options);
    if (!options.named && cop_to_ref(&ref, table))
        name_reference(words[3], ref);
    return NULL;
}

static cop_term keys(cop_term table)
{
    cop_term list = cop_nil(), key = cop_ets_first(table);

    while (!cop_match(key, "'$end_of_table'")) {
        list = cop_cons(key, list);
        key = cop_ets_next(table, key);
    }
    return cop_list_reverse(list);
}

static cop_term put_in_front(cop_term object, cop_term list, void *arg)
{
    (void)arg;
    return cop_cons(object, list);
}

static const char *fold(cop_term table, bool backwards)
{
    return list_text(table, cop_ets_fold(table, put_in_front, NULL, cop_nil(), backwards));
}

/* Of an ordered table the list of chunks, else their elements. */
static const char *select_in_chunks(cop_term table, cop_term spec, int64_t limit)
{
    cop_term chunks = cop_nil(), elements = cop_nil(), chunk, item;
    cop_term more = cop_ets_select_some(table, spec, limit);

    while (cop_match(more, "{Chunk, More}", &chunk, &more)) {
        chunks = cop_cons(chunk, chunks);
        while (cop_list_next(&item, &chunk))
            elements = cop_cons(item, elements);
        more = cop_ets_select_continue(more);
    }
    return is_ordered(table) ? text_of(cop_list_reverse(chunks)) : list_text(table, elements);
}

static const char *whole(const char *op, cop_term table, char **words)
{
    if (is(op, "delete_table"))
        cop_ets_delete_table(table);
    else if (is(op, "delete_all"))
        cop_ets_delete_all(table);
    else if (is(op, "first"))
        return text_of(cop_ets_first(table));
    else if (is(op, "last"))
        return text_of(cop_ets_last(table));
    else if (is(op, "keys"))
        return list_text(table, keys(table));
    else if (is(op, "tab2list"))
        return list_text(table, cop_ets_tab2list(table));
    else if (is(op, "foldl"))
        return fold(table, false);
    else if (is(op, "foldr"))
        return fold(table, true);
    else if (is(op, "fix"))
        cop_ets_safe_fixtable(table, is(words[4], "on"));
    else if (is(op, "whereis"))
        return cop_match(cop_ets_whereis(table), "undefined") ? "undefined" : "true";
    else if (is(op, "give_away"))
        cop_ets_give_away(table, process_of(words[4]), term_of(words[5]));
    else if (is(op, "heir"))
        cop_ets_set_heir(table, is(words[4], "none") ? (cop_pid){ 0, 0 } : process_of(words[4]),
            is(words[4], "none") ? COP_NONE : term_of(words[5]));
    else
        return "";
    return "true";
}

static const char *by_key(const char *op, cop_term table, char **words, size_t count)
{
    cop_term arg = term_of(words[4]), more = count > 5 ? term_of(words[5]) : COP_NONE;
    cop_term missing = count > 6 ? term_of(words[6]) : COP_NONE;
    int64_t position = 0;

    if (is(op, "insert"))
        cop_ets_insert(table, arg);
    else if (is(op, "insert_new"))
        return cop_ets_insert_new(table, arg) ? "true" : "false";
    else if (is(op, "lookup"))
        return text_of(cop_ets_lookup(table, arg));
    else if (is(op, "member"))
        return cop_ets_member(table, arg) ? "true" : "false";
    else if (is(op, "delete"))
        cop_ets_delete(table, arg);
    else if (is(op, "delete_object"))
        cop_ets_delete_object(table, arg);
    else if (is(op, "take"))
        return text_of(cop_ets_take(table, arg));
    else if (is(op, "next"))
        return text_of(cop_ets_next(table, arg));
    else if (is(op, "prev"))
        return text_of(cop_ets_previous(table, arg));
    else if (is(op, "lookup_element"))
        return cop_to_int(&position, more),
               text_of(cop_ets_lookup_element(table, arg, (int)position, COP_NONE));
    else if (is(op, "update_element"))
        return cop_ets_update_element(table, arg, more, COP_NONE) ? "true" : "false";
    else if (is(op, "update_counter"))
        return text_of(cop_ets_update_counter(table, arg, more, missing));
    else
        return "";
    return "true";
}

static const char *number_text(int64_t number)
{
    return text_of(cop_int(number));
}

static const char *by_pattern(const char *op, cop_term table, char **words)
{
    cop_term arg = term_of(words[4]);

    if (is(op, "match"))
        return list_text(table, cop_ets_match(table, arg));
    if (is(op, "match_object"))
        return list_text(table, cop_ets_match_object(table, arg));
    if (is(op, "match_delete"))
        return cop_ets_match_delete(table, arg), "true";
    if (is(op, "select"))
        return list_text(table, cop_ets_select(table, arg));
    if (is(op, "select_reverse"))
        return list_text(table, cop_ets_select_reverse(table, arg));
    if (is(op, "select_count"))
        return number_text(cop_ets_select_count(table, arg));
    if (is(op, "select_delete"))
        return number_text(cop_ets_select_delete(table, arg));
    if (is(op, "select_replace"))
        return number_text(cop_ets_select_replace(table, arg));
    if (is(op, "selectn"))
        return select_in_chunks(table, arg, strtoll(words[5], NULL, 10));
    if (is(op, "info")) {
        cop_term value = cop_ets_info_item(table, arg);

        return text_of(value);
    }
    give_up("an unknown operation on tables: %s", op);
}

struct operation {
    const struct command *command;
    const char *value;
};

static void run(void *arg)
{
    struct operation *operation = arg;
    char **words = operation->command->words;
    cop_term table;

    if (is(words[2], "new")) {
        operation->value = new_table(words);
        return;
    }
    table = table_of(words[3]);
    operation->value = whole(words[2], table, words);
    if (!*operation->value)
        operation->value = by_key(words[2], table, words, operation->command->count);
    if (!*operation->value)
        operation->value = by_pattern(words[2], table, words);
}

/* An error of any kind is badarg. */
const char *table_command(const struct command *command)
{
    struct operation operation = { command, NULL };

    if (cop_try(run, &operation, NULL, NULL) != COP_CLASS_NONE)
        cop_error(cop("badarg"));
    return operation.value;
}
