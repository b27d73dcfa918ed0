/* SPDX-License-Identifier: Apache-2.0 */
/* The runner of scenarios with processes: gives orders to puppets, moves time, asks from outside
 * (FORMAT.md, sections 3 and 4). */
#include <coppice/sim.h>
#include <stdlib.h>
#include <string.h>

#include "names.h"
#include "puppet.h"

static const char *word(const struct command *command, size_t index)
{
    if (index >= command->count)
        give_up("too few words: %s", command->words[0]);
    return command->words[index];
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* [a,b] of texts, sorted. */
const char *sorted_list(const char **texts, size_t count)
{
    char *text = NULL, *copy;
    size_t size = 0;
    FILE *to = open_memstream(&text, &size);

    qsort(texts, count, sizeof *texts, by_text);
    fputc('[', to);
    for (size_t i = 0; i < count; i++)
        fprintf(to, "%s%s", i ? "," : "", texts[i]);
    fputc(']', to);
    fclose(to);
    cop_binary_new(size + 1, &copy);
    memcpy(copy, text, size + 1);
    free(text);
    return copy;
}

/* --- Orders ------------------------------------------------------------------------------------
 */

static bool is_gone(cop_pid pid)
{
    return !pid.id || !cop_is_alive(pid);
}

static void say_results(const struct order *order)
{
    if (order->done < order->count) {
        say("res died");
        return;
    }
    for (size_t i = 0; i < order->count; i++)
        say("%s", order->results[i]);
}

void give_order(const char *name, const struct command *commands, size_t count, bool batch)
{
    cop_pid pid = process_of(name);
    struct order order = { commands, count, batch, calloc(count, sizeof *order.results), 0 };

    if (is_gone(pid)) {
        say("res noactor");
    } else {
        cop_send(pid, order_term(&order));
        cop_sim_settle();
        say_results(&order);
    }
    for (size_t i = 0; i < count; i++)
        free(order.results[i]);
    free(order.results);
}

/* Who carries it out: the first word after the command, but for `spawn P by Q`. */
static void order_one(const struct command *command)
{
    const char *what = word(command, 0);

    if (command->count > 3 && strcmp(word(command, 2), "by") == 0) {
        give_order(word(command, 3), command, 1, false);
    } else if (strncmp(what, "spawn", 5) == 0) {
        start_puppet(word(command, 1), NULL, NULL);
        say("res ok");
    } else {
        give_order(word(command, 1), command, 1, false);
    }
}

/* Each sender that lives has the order before anyone runs. */
static void storm(const struct command *command)
{
    struct order orders[64];
    char *names = strdup(word(command, 1)), *rest;
    char *words[] = { (char[]){ "storm" }, command->words[2], command->words[3] };
    struct command storm_command = { words, 3 };
    size_t count = 0;

    for (char *name = strtok_r(names, ",", &rest); name; name = strtok_r(NULL, ",", &rest)) {
        cop_pid pid = process_of(name);

        if (is_gone(pid) || count == sizeof orders / sizeof *orders)
            continue;
        orders[count] = (struct order){ &storm_command, 1, false, calloc(1, sizeof(char *)), 0 };
        cop_send(pid, order_term(&orders[count++]));
    }
    cop_sim_settle();
    for (size_t i = 0; i < count; i++) {
        free(orders[i].results[0]);
        free(orders[i].results);
    }
    free(names);
    say("res ok");
}

/* --- Questions -----------------------------------------------------------------------------------
 */

/* {name, $n} of {Name, Node}; a pid as it is. NULL: one of the runner's own. */
static const char *shown_item(cop_term item)
{
    cop_term name;
    cop_pid pid;

    if (cop_match(item, "{process, {Name, _}}", &name))
        return text_of(cop("{name, Name}", name));
    cop_match(item, "{process, Item}", &item);
    if (cop_match(item, "Pid", &pid) && (is_watcher(pid) || pid.id == cop_self().id))
        return NULL;
    return text_of(item);
}

static void ask(const struct command *command)
{
    cop_pid pid = process_of(word(command, 1));
    cop_term answer = is_gone(pid) ? COP_NONE : cop_process_info(pid, word(command, 0)), list, item;
    const char *texts[256];
    size_t count = 0;

    if (cop_is_none(answer)) {
        say("res val undefined");
        return;
    }
    cop_must(cop_match(answer, "{_, List}", &list));
    while (cop_list_next(&item, &list) && count < sizeof texts / sizeof *texts) {
        texts[count] = shown_item(item);
        count += texts[count] != NULL;
    }
    say("res val %s", sorted_list(texts, count));
}

static void alive(const struct command *command)
{
    say("res val %s", is_gone(process_of(word(command, 1))) ? "false" : "true");
}

static void whereis(const struct command *command)
{
    const char *name = word(command, 1);
    cop_pid pid;
    bool found = cop_whereis(&pid, registered_name((cop_bytes){ name, strlen(name) }));

    say("res val %s", found ? text_of(cop_from_pid(pid)) : "undefined");
}

static void registered(const struct command *command)
{
    cop_term list = cop_registered(), name;
    const char *texts[256];
    size_t count = 0;

    (void)command;
    while (cop_list_next(&name, &list) && count < sizeof texts / sizeof *texts) {
        texts[count] = text_of(name);
        count += *texts[count] == '$';
    }
    say("res val %s", sorted_list(texts, count));
}

/* --- Time ----------------------------------------------------------------------------------------
 */

static void advance(const struct command *command)
{
    cop_sleep(strtoll(word(command, 1), NULL, 10));
    cop_sim_settle();
    say("res ok");
}

/* --- mass: many nameless processes, linked -------------------------------------------------------
 */

static void linked_one(cop_term arg)
{
    bool traps = false;

    cop_match(arg, "{traps, Traps}", &traps);
    cop_trap_exit(traps);
    for (cop_term message, list, item;; cop_turn_end()) {
        message = cop_receive();
        if (cop_match(message, "{links, List}", &list))
            while (cop_list_next(&item, &list)) {
                cop_pid pid;

                if (cop_to_pid(&pid, item))
                    cop_link(pid);
            }
    }
}

static void link_two(const cop_pid *pids, size_t a, size_t b)
{
    cop_send(pids[a], cop("{links, [Other]}", pids[b]));
}

static void link_shape(const char *shape, const cop_pid *pids, size_t count)
{
    bool star = strcmp(shape, "star") == 0, tree = strcmp(shape, "tree") == 0;
    bool ring = strcmp(shape, "ring") == 0;

    if (strcmp(shape, "none") == 0)
        return;
    for (size_t i = 1; i < count; i++)
        link_two(pids, i, star ? 0 : tree ? (i + 1) / 2 - 1 : i - 1);
    if (ring && count > 1)
        link_two(pids, count - 1, 0);
}

static void mass(const struct command *command)
{
    const char *shape = word(command, 1), **reasons;
    size_t count = strtoul(word(command, 2), NULL, 10), died = 0, distinct = 0;
    cop_pid *pids = malloc(count * sizeof *pids);
    cop_term message, reason;

    for (size_t i = 0; i < count; i++) {
        bool traps = strcmp(shape, "firewall") == 0 && i + 1 == count / 2;
        cop_ref monitor;

        pids[i] = cop_spawn_monitor(linked_one, cop("{traps, Traps}", traps), &monitor);
    }
    link_shape(shape, pids, count);
    cop_sim_settle();
    cop_exit_signal(pids[0], term_of(word(command, 3)));
    cop_sim_settle();
    reasons = malloc((count + 1) * sizeof *reasons);
    for (; cop_receive_match_within(0, "{'DOWN', _, process, _, Reason}", &reason); died++) {
        const char *text = text_of(reason);
        size_t i = 0;

        while (i < distinct && strcmp(reasons[i], text) != 0)
            i++;
        if (i == distinct)
            reasons[distinct++] = text;
    }
    say("res val {%zu,%s}", died, sorted_list(reasons, distinct));
    for (size_t i = 0; i < count; i++)
        cop_exit_signal(pids[i], cop("kill"));
    cop_sim_settle();
    while (message = cop_receive_within(0), !cop_is_none(message))
        ;
    free(reasons);
    free(pids);
}

bool proc_command(const struct command *command, const struct command *batch, size_t batch_count)
{
    static const struct {
        const char *name;
        void (*run)(const struct command *);
    } commands[] = { { "advance", advance }, { "whereis", whereis }, { "registered", registered },
        { "alive", alive }, { "links", ask }, { "monitors", ask }, { "monitored_by", ask },
        { "storm", storm }, { "mass", mass } };
    const char *what = word(command, 0);

    if (sup_command(command) || (is_library() && library_command(command)))
        return true;
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (strcmp(what, commands[i].name) == 0) {
            commands[i].run(command);
            return true;
        }
    if (strcmp(what, "batch") == 0)
        give_order(word(command, 1), batch, batch_count, true);
    else if (is_puppet_command(what))
        order_one(command);
    else if (!gs_command(command) && !pg_command(command))
        return false;
    cop_sim_settle();
    return true;
}
