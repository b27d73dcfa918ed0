/* SPDX-License-Identifier: Apache-2.0 */
/* What a puppet does: it takes messages, and carries out orders (FORMAT.md, section 4). */
#include "puppet.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "names.h"

struct puppet {
    const char *name;
    bool holding;
};

struct task {
    struct puppet *puppet;
    const struct command *command;
    const char *value; /* NULL: none */
};

#define ORDER   "'$order'"
#define MESSAGE "'$message'"
#define STORM   "'$storm'"

cop_term order_term(struct order *order)
{
    return cop("{" ORDER ", Address}", (int64_t)(uintptr_t)order);
}

cop_term puppet_message(cop_term term)
{
    return cop("{" MESSAGE ", From, Term}", cop_self(), term);
}

/* --- Messages -------------------------------------------------------------------------------- */

/* Messages of a storm are counted by who takes them: their numbers must go up by one. */
struct storm {
    struct storm *next;
    cop_pid from;
    int64_t last;
    bool in_order;
};

static void show_storm(
    const char *name, struct storm **storms, cop_pid from, int64_t number, int64_t count)
{
    struct storm *storm = *storms;

    while (storm && storm->from.id != from.id)
        storm = storm->next;
    if (!storm) {
        storm = cop_alloc(sizeof *storm);
        storm->from = from;
        storm->next = *storms;
        *storms = storm;
    }
    if (number == 1) {
        storm->in_order = true;
        storm->last = 0;
    }
    storm->in_order = storm->in_order && number == storm->last + 1;
    storm->last = number;
    if (number == count)
        say_of(name, "storm %s %s %" PRId64 " %s", name, name_of_process(from), count,
            storm->in_order ? "true" : "false");
}

void show_message(const char *name, cop_term message)
{
    cop_term term;
    cop_pid from;

    if (cop_match(message, "{'EXIT', From, _}", &from) && *name_of_process(from) == '?')
        return; /* of a process whose start failed */
    if (cop_match(message, "{" MESSAGE ", From, Term}", &from, &term)) {
        const char *sender = name_of_process(from);

        say_of(name, "msg %s %s %03d %s", name, sender, next_number(name, sender), text_of(term));
    } else {
        say_of(name, "sig %s %s", name, text_of(message));
    }
}

/* --- Commands -------------------------------------------------------------------------------- */

static const char *bool_text(bool value)
{
    return value ? "true" : "false";
}

static const char *word(const struct task *task, size_t index)
{
    if (index >= task->command->count)
        give_up("too few words: %s", task->command->words[0]);
    return task->command->words[index];
}

static bool is_said(const struct task *task, size_t from, const char *flag)
{
    for (size_t i = from; i < task->command->count; i++)
        if (strcmp(task->command->words[i], flag) == 0)
            return true;
    return false;
}

static cop_pid pid_at(const struct task *task, size_t index)
{
    cop_pid pid = process_of(word(task, index));

    if (!pid.id)
        cop_error(cop("badarg")); /* a server that never came to be */
    return pid;
}

static const char *real_name(const struct task *task, size_t index)
{
    const char *name = word(task, index);
    cop_bytes text = { NULL, 0 };

    cop_to_text(&text, registered_name((cop_bytes){ name, strlen(name) }));
    return text.data;
}

/* spawn Q by P [as M]: the puppet that is told is P. */
static void do_spawn(struct task *task)
{
    const char *how = word(task, 0), *name = word(task, 1);
    struct cop_spawn_options options = { .link = strcmp(how, "spawn_link") == 0,
        .monitor = strcmp(how, "spawn_monitor") == 0 };
    cop_ref monitor = { 0 };
    cop_pid pid = start_puppet(name, &options, &monitor);

    (void)pid;
    if (options.monitor)
        name_reference(word(task, 5), monitor);
}

static void do_trap(struct task *task)
{
    task->value = bool_text(cop_trap_exit(strcmp(word(task, 2), "on") == 0));
}

static void do_link(struct task *task)
{
    cop_link(pid_at(task, 2));
}

static void do_unlink(struct task *task)
{
    cop_unlink(pid_at(task, 2));
}

static void do_monitor(struct task *task)
{
    name_reference(word(task, 4), cop_monitor(pid_at(task, 2)));
}

static void do_monitor_name(struct task *task)
{
    name_reference(word(task, 4), cop_monitor(real_name(task, 2)));
}

static void do_demonitor(struct task *task)
{
    cop_ref monitor = reference_of(word(task, 2));
    bool flush = is_said(task, 3, "flush"), info = is_said(task, 3, "info");
    bool active = flush ? cop_demonitor_flush(monitor) : cop_demonitor(monitor);

    task->value = bool_text(info ? active : true);
}

static void do_send(struct task *task)
{
    cop_send(pid_at(task, 2), puppet_message(term_of(word(task, 3))));
}

static void do_send_name(struct task *task)
{
    cop_send(real_name(task, 2), puppet_message(term_of(word(task, 3))));
}

static void do_exit(struct task *task)
{
    cop_exit_signal(pid_at(task, 2), term_of(word(task, 3)));
}

static void do_register(struct task *task)
{
    if (cop_register(real_name(task, 3), pid_at(task, 2)) < 0)
        cop_error(cop("badarg"));
}

static void do_unregister(struct task *task)
{
    if (cop_unregister(real_name(task, 2)) < 0)
        cop_error(cop("badarg"));
}

static void do_isalive(struct task *task)
{
    task->value = bool_text(cop_is_alive(pid_at(task, 2)));
}

static void do_timer(struct task *task)
{
    name_reference(word(task, 6), cop_send_after(strtoll(word(task, 2), NULL, 10), pid_at(task, 3),
                                      puppet_message(term_of(word(task, 4)))));
}

static void do_cancel(struct task *task)
{
    task->value = cop_cancel_timer(reference_of(word(task, 2))) < 0 ? "false" : "left";
}

static void do_hold(struct task *task)
{
    task->puppet->holding = true;
}

static void do_unhold(struct task *task)
{
    task->puppet->holding = false;
}

/* {Sender, T} as text when the message is one of a puppet's and T a tuple that begins with tag;
 * else NULL. */
static const char *tagged(cop_term message, cop_term tag)
{
    cop_term term;
    cop_pid from;

    if (!cop_match(message, "{" MESSAGE ", From, Term}", &from, &term))
        return NULL;
    if (!cop_is_none(tag) && !(cop_tuple_size(term) && cop_identical(cop_tuple_at(term, 0), tag)))
        return NULL;
    return text_of(cop("{From, Term}", cop_atom_new(name_of_process(from)), term));
}

static const char *receive_tagged(const char *tag_text, int64_t timeout_ms)
{
    cop_term tag = term_of(tag_text), message;
    cop_receive_scan scan = cop_receive_begin(timeout_ms);

    while (cop_receive_next(&message, &scan)) {
        const char *text = tagged(message, tag);

        if (text) {
            cop_receive_take(&scan);
            return text;
        }
    }
    return "timeout";
}

static void wait_for_message(struct puppet_wait *wait)
{
    say("ret %s %s", wait->name, receive_tagged(wait->words[2], timeout_of(wait->words[3])));
}

int64_t timeout_of(const char *text)
{
    return strcmp(text, "infinity") == 0 ? COP_INFINITY : strtoll(text, NULL, 10);
}

static void do_take(struct task *task)
{
    task->value = receive_tagged(word(task, 2), 0);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* All there is: what puppets sent in its order, the rest sorted. */
static void do_mbox(struct task *task)
{
    FILE *to;
    char *text = NULL;
    const char *signals[256];
    size_t size, messages = 0, count = 0;

    to = open_memstream(&text, &size);
    fputs("{[", to);
    for (cop_term message; message = cop_receive_within(0), !cop_is_none(message);) {
        const char *sent = tagged(message, COP_NONE);

        if (sent)
            fprintf(to, "%s%s", messages++ ? "," : "", sent);
        else if (count < sizeof signals / sizeof *signals)
            signals[count++] = text_of(message);
    }
    qsort(signals, count, sizeof *signals, by_text);
    fputs("],[", to);
    for (size_t i = 0; i < count; i++)
        fprintf(to, "%s%s", i ? "," : "", signals[i]);
    fputs("]}", to);
    fclose(to);
    cop_binary_new(size + 1, (char **)&task->value);
    memcpy((char *)(uintptr_t)task->value, text, size + 1);
    free(text);
}

/* storm P N, to a sender. */
static void do_storm(struct task *task)
{
    cop_pid to = pid_at(task, 1);
    int64_t count = strtoll(word(task, 2), NULL, 10);

    for (int64_t i = 1; i <= count; i++)
        cop_send(to, cop("{" STORM ", From, Number, Count}", cop_self(), i, count));
}

static void monitor_groups(struct task *task)
{
    task->value = pg_monitor_command(task->command);
}

static void start_server(struct task *task)
{
    task->value = server_command(task->command);
}

static void use_table(struct task *task)
{
    task->value = table_command(task->command);
}

static void start_machine(struct task *task)
{
    task->value = machine_command(task->command);
}

static const struct {
    const char *name;
    void (*run)(struct task *);
} commands[] = { { "spawn", do_spawn }, { "spawn_link", do_spawn }, { "spawn_monitor", do_spawn },
    { "trap", do_trap }, { "link", do_link }, { "unlink", do_unlink }, { "monitor", do_monitor },
    { "monitor_name", do_monitor_name }, { "demonitor", do_demonitor }, { "send", do_send },
    { "send_name", do_send_name }, { "exit", do_exit }, { "register", do_register },
    { "unregister", do_unregister }, { "isalive", do_isalive }, { "timer", do_timer },
    { "cancel", do_cancel }, { "hold", do_hold }, { "unhold", do_unhold }, { "take", do_take },
    { "mbox", do_mbox }, { "storm", do_storm }, { "server", start_server }, { "ets", use_table },
    { "start", start_machine }, { "ensure", start_machine }, { "pg_monitor", monitor_groups },
    { "pg_monitor_scope", monitor_groups }, { "pg_demonitor", monitor_groups } };

/* The result comes first, and then the wait, which may outlive the step and its order. */
static const struct {
    const char *name;
    void (*run)(struct puppet_wait *);
} waits[] = { { "await", wait_for_message }, { "call", wait_for_reply },
    { "stop", wait_for_stop } };

static void run_task(void *arg)
{
    struct task *task = arg;

    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (strcmp(word(task, 0), commands[i].name) == 0) {
            commands[i].run(task);
            return;
        }
    give_up("an unknown command: %s", word(task, 0));
}

bool is_puppet_command(const char *name)
{
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (strcmp(name, commands[i].name) == 0)
            return true;
    return strcmp(name, "quit") == 0 || strcmp(name, "await") == 0;
}

/* quit P return | exit R | error T | throw T: outside of any try. True: it returns. */
static bool quit(const struct task *task)
{
    const char *how = word(task, 2);

    if (strcmp(how, "exit") == 0)
        cop_exit(term_of(word(task, 3)));
    if (strcmp(how, "error") == 0)
        cop_error(term_of(word(task, 3)));
    if (strcmp(how, "throw") == 0)
        cop_throw(term_of(word(task, 3)));
    return true;
}

static void set_result(struct order *order, size_t index, const char *what, const char *text)
{
    char **result = &order->results[index];
    int size = order->batch ? asprintf(result, "res.%03zu %s%s", index + 1, what, text)
                            : asprintf(result, "res %s%s", what, text);

    if (size < 0)
        give_up("no memory");
}

static void carry_out(struct puppet *puppet, struct order *order, size_t index)
{
    struct task task = { puppet, &order->commands[index], NULL };
    cop_term reason = COP_NONE;

    switch (cop_try(run_task, &task, &reason, NULL)) {
    case COP_CLASS_ERROR:
        set_result(order, index, "err ", text_of(reason));
        break;
    case COP_CLASS_EXIT:
        set_result(order, index, "exit ", text_of(reason));
        break;
    case COP_CLASS_THROW:
        set_result(order, index, "thrown ", text_of(reason));
        break;
    default:
        set_result(order, index, task.value ? "val " : "ok", task.value ? task.value : "");
    }
}

/* In the puppet's memory: it may be gone before it has waited to the end. */
static char *own_copy(const char *text)
{
    size_t size = strlen(text) + 1;

    return memcpy(cop_alloc(size), text, size);
}

static bool wait_if_wanted(struct puppet *puppet, struct order *order)
{
    struct puppet_wait wait = { .name = puppet->name };

    for (size_t i = 0; i < sizeof waits / sizeof *waits; i++) {
        if (order->batch || strcmp(order->commands->words[0], waits[i].name) != 0)
            continue;
        for (; wait.count < order->commands->count && wait.count < WAIT_WORDS_MAX; wait.count++)
            wait.words[wait.count] = own_copy(order->commands->words[wait.count]);
        set_result(order, 0, "ok", "");
        order->done = 1;
        waits[i].run(&wait);
        while (wait.count)
            cop_free(wait.words[--wait.count]);
        return true;
    }
    return false;
}

/* False: it is to end. */
static bool obey(struct puppet *puppet, struct order *order)
{
    if (wait_if_wanted(puppet, order))
        return true;
    for (size_t i = 0; i < order->count; i++) {
        struct task task = { puppet, &order->commands[i], NULL };

        if (strcmp(word(&task, 0), "quit") == 0 && quit(&task))
            return false;
        carry_out(puppet, order, i);
    }
    order->done = order->count;
    return true;
}

void puppet_main(cop_term name_address)
{
    struct puppet puppet = { 0 };
    struct storm *storms = NULL;
    int64_t address, number, count;
    cop_pid from;
    cop_term term, order;

    cop_receive_match("{'$name', Name}", &address);
    (void)name_address;
    puppet.name = (const char *)(uintptr_t)address;
    for (;; cop_turn_end()) {
        cop_term message;

        if (puppet.holding) {
            cop_receive_match("{" ORDER ", Order}", &order);
            message = cop("{" ORDER ", Order}", order);
        } else {
            message = cop_receive();
        }
        if (cop_match(message, "{" ORDER ", {reply, From, Term}}", &order, &term)) {
            cop_reply_to(order, term);
        } else if (cop_match(message, "{" ORDER ", Address}", &address)) {
            if (!obey(&puppet, (struct order *)(uintptr_t)address))
                return;
        } else if (cop_match(message, "{" STORM ", From, Number, Count}", &from, &number, &count)) {
            show_storm(puppet.name, &storms, from, number, count);
        } else {
            show_message(puppet.name, message);
        }
    }
}

cop_pid start_puppet(
    const char *name, const struct cop_spawn_options *options, cop_ref *ret_monitor)
{
    cop_pid pid = cop_spawn_with(puppet_main, cop_nil(), options, ret_monitor);
    const char *kept = watch(name, pid);

    cop_send(pid, cop("{'$name', Name}", (int64_t)(uintptr_t)kept));
    return pid;
}
