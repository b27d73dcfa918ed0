/* SPDX-License-Identifier: Apache-2.0 */
/* Process groups (FORMAT.md, section 9): one scope, made by the runner. */
#include <coppice/sim.h>
#include <stdlib.h>
#include <string.h>

#include "names.h"
#include "puppet.h"

static const char scope[] = "scope";

static void begin(void)
{
    cop_pid pid;

    if (!cop_whereis(&pid, scope))
        cop_must(cop_pg_start(&pid, scope, NULL));
}

static cop_term pids_of(const char *names)
{
    char *copy = strdup(names), *rest;
    cop_term list = cop_nil();

    for (char *name = strtok_r(copy, ",", &rest); name; name = strtok_r(NULL, ",", &rest))
        list = cop_cons(cop_from_pid(process_of(name)), list);
    free(copy);
    return cop_list_reverse(list);
}

static void join(char **words)
{
    cop_pg_join(scope, term_of(words[1]), process_of(words[2]));
    say("res ok");
}

static void join_list(char **words)
{
    cop_pg_join(scope, term_of(words[1]), pids_of(words[2]));
    say("res ok");
}

static void say_left(bool left)
{
    say(left ? "res ok" : "res val not_joined");
}

static void leave(char **words)
{
    say_left(cop_pg_leave(scope, term_of(words[1]), process_of(words[2])));
}

static void leave_list(char **words)
{
    say_left(cop_pg_leave(scope, term_of(words[1]), pids_of(words[2])));
}

static const char *sorted_terms(cop_term list)
{
    const char *texts[1024];
    size_t count = 0;

    for (cop_term item; cop_list_next(&item, &list) && count < 1024;)
        texts[count++] = text_of(item);
    return sorted_list(texts, count);
}

static void members(char **words)
{
    say("res val %s", sorted_terms(cop_pg_members(scope, term_of(words[1]))));
}

static void local_members(char **words)
{
    say("res val %s", sorted_terms(cop_pg_local_members(scope, term_of(words[1]))));
}

static void groups(char **words)
{
    (void)words;
    say("res val %s", sorted_terms(cop_pg_which_groups(scope)));
}

bool pg_command(const struct command *command)
{
    static const struct {
        const char *name;
        void (*run)(char **words);
    } commands[] = { { "join", join }, { "join_list", join_list }, { "leave", leave },
        { "leave_list", leave_list }, { "members", members }, { "local_members", local_members },
        { "groups", groups } };

    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (strcmp(command->words[0], commands[i].name) == 0) {
            begin();
            commands[i].run(command->words);
            cop_sim_settle();
            return true;
        }
    return false;
}

/* --- In the puppet -------------------------------------------------------------------------------
 */

/* %{g1=>[@p1]}, the members sorted. */
static const char *groups_text(cop_term map)
{
    const char *texts[1024];
    char *text = NULL, *copy;
    size_t size, count = 0;
    cop_term group, pids;
    FILE *to;

    for (cop_map_iterator at = cop_map_begin(map);
         cop_map_next(&group, &pids, &at) && count < 1024;) {
        to = open_memstream(&text, &size);
        fprintf(to, "%s=>%s", text_of(group), sorted_terms(pids));
        fclose(to);
        cop_binary_new(size + 1, &copy);
        memcpy(copy, text, size + 1);
        free(text);
        texts[count++] = copy;
    }
    copy = (char *)(uintptr_t)sorted_list(texts, count); /* ours, in the turn */
    to = open_memstream(&text, &size);
    fprintf(to, "%%{%.*s}", (int)strlen(copy) - 2, copy + 1);
    fclose(to);
    cop_binary_new(size + 1, &copy);
    memcpy(copy, text, size + 1);
    free(text);
    return copy;
}

const char *pg_monitor_command(const struct command *command)
{
    char **words = command->words;
    bool all = strcmp(words[0], "pg_monitor_scope") == 0;
    cop_term there;

    begin();
    if (strcmp(words[0], "pg_demonitor") == 0)
        return cop_pg_demonitor(scope, reference_of(words[2])) ? "ok" : "false";
    name_reference(words[all ? 3 : 4], all ? cop_pg_monitor_scope(scope, &there)
                                           : cop_pg_monitor(scope, term_of(words[2]), &there));
    return all ? groups_text(there) : sorted_terms(there);
}
