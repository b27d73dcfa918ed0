/* SPDX-License-Identifier: Apache-2.0 */
/* Elixir's library: registries, agents, tasks, and timers (FORMAT.md, section 12). Its scenarios
 * come from generate_library.exs alone. */
#include <coppice/sim.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "names.h"
#include "puppet.h"

/* Formatted text that lives until the end of the turn. */
COP_PRINTF(1, 2) static const char *text(const char *format, ...)
{
    enum { ROOM = 1024 };
    char *kept;
    va_list args;

    cop_binary_new(ROOM, &kept);
    va_start(args, format);
    vsnprintf(kept, ROOM, format, args);
    va_end(args);
    return kept;
}

/* --- Processes that use a registry -------------------------------------------------------------
 */

enum { WORKERS = 3 };

static cop_pid workers[WORKERS]; /* p1, p2, p3; id 0: not there */
static const cop_registry unique = { .name = "library" };
static const cop_registry duplicate = { .name = "library", .keys = COP_DUPLICATE, .partitions = 2 };

static cop_term add(cop_term value, cop_term arg)
{
    int64_t a = 0, b = 0;

    if (!cop_to_int(&a, value) || !cop_to_int(&b, arg))
        cop_error(cop("badarith"));
    return cop_int(a + b);
}

static cop_term add_to_integer(cop_term value, cop_term arg)
{
    return cop_type_of(value) == COP_TYPE_INTEGER ? add(value, arg) : value;
}

static cop_term carry_out(cop_term request)
{
    cop_term key, value, pattern, result;
    cop_pid holder = { 0, 0 };

    if (cop_match(request, "{register, Key, Value}", &key, &value))
        return cop_registry_register(&holder, "library", key, value) == 0
                   ? cop("ok")
                   : cop("{taken, Holder}", holder);
    if (cop_match(request, "{unregister, Key}", &key)) {
        cop_registry_unregister("library", key);
        return cop("ok");
    }
    if (cop_match(request, "{unregister_match, Key, Pattern}", &key, &pattern)) {
        cop_registry_unregister_match("library", key, pattern, COP_NONE);
        return cop("ok");
    }
    cop_must(cop_match(request, "{update, Key, N}", &key, &value));
    result = cop_registry_update_value("library", key, add_to_integer, value);
    return result;
}

static void worker_main(cop_term arg)
{
    (void)arg;
    for (;;) {
        cop_term message = cop_receive(), from, request;

        if (cop_match(message, "stop"))
            return;
        if (cop_match(message, "{From, Request}", &from, &request))
            cop_send_to(cop_dest_term(from), cop("{done, Result}", carry_out(request)));
        cop_turn_end();
    }
}

static int index_of(const char *name)
{
    int index = name[0] == 'p' ? name[1] - '1' : WORKERS;

    if (index < 0 || index >= WORKERS)
        give_up("no process is called %s", name);
    return index;
}

static cop_pid worker(const char *name)
{
    cop_pid *place = &workers[index_of(name)];

    if (!place->id)
        *place = cop_spawn(worker_main, cop_nil());
    return *place;
}

static cop_term have(const char *name, cop_term request)
{
    cop_term result = COP_NONE;

    cop_send(worker(name), cop("{Self, Request}", cop_self(), request));
    cop_receive_match("{done, Result}", &result);
    return result;
}

static const char *name_of(cop_pid pid)
{
    static const char *const names[] = { "p1", "p2", "p3" };

    for (int i = 0; i < WORKERS; i++)
        if (workers[i].id == pid.id)
            return names[i];
    return "p?";
}

static const char *sorted(cop_term list, bool pairs)
{
    const char *texts[256];
    size_t count = 0;
    cop_term item, value;
    cop_pid pid;

    while (cop_list_next(&item, &list) && count < 256)
        texts[count++] = pairs && cop_match(item, "{Pid, Value}", &pid, &value)
                             ? text("%s=%s", name_of(pid), text_of(value))
                             : text_of(item);
    return sorted_list(texts, count);
}

static void registry(char **words)
{
    cop_pid pid;

    memset(workers, 0, sizeof workers);
    cop_must(cop_registry_start_link(
        &pid, strcmp(words[1], "unique") == 0 ? &unique : &duplicate, NULL));
    say("res ok");
}

static void use(char **words)
{
    cop_term request, result, key = term_of(words[3]);
    cop_pid holder;

    if (strcmp(words[2], "unregister") == 0)
        request = cop("{unregister, Key}", key);
    else
        request = cop("{What, Key, Value}", cop_atom_new(words[2]), key, term_of(words[4]));
    result = have(words[1], request);
    if (cop_match(result, "{taken, Pid}", &holder))
        say("res taken %s", name_of(holder));
    else
        say("res val %s", text_of(result));
}

static void stop(char **words)
{
    cop_ref ref = cop_monitor(worker(words[1]));

    cop_send(worker(words[1]), cop("stop"));
    cop_receive_match("{'DOWN', Ref, process, _, _}", ref);
    cop_sim_settle();
    workers[index_of(words[1])].id = 0;
    say("res ok");
}

static void lookup(char **words)
{
    say("res val %s", sorted(cop_registry_lookup("library", term_of(words[1])), true));
}

static void match(char **words)
{
    cop_term key = term_of(words[1]), pattern = term_of(words[2]);

    say("res val %s %d", sorted(cop_registry_match("library", key, pattern, COP_NONE), true),
        (int)cop_registry_count_match("library", key, pattern, COP_NONE));
}

static void keys(char **words)
{
    say("res val %s", sorted(cop_registry_keys_of("library", worker(words[1])), false));
}

static void values(char **words)
{
    say("res val %s",
        sorted(cop_registry_values("library", term_of(words[1]), worker(words[2])), false));
}

static void count(char **words)
{
    (void)words;
    say("res val %d", (int)cop_registry_count("library"));
}

static void registry_select(char **words)
{
    cop_term spec = term_of(words[1]);

    say("res val %s %d", sorted(cop_registry_select("library", spec), false),
        (int)cop_registry_count_select("library", cop("[{{'_', '_', '_'}, [], [true]}]")));
}

/* --- Agents ------------------------------------------------------------------------------------
 */

static const cop_agent agent;
static cop_pid agent_pid;

static cop_term function(cop_term state, cop_term arg)
{
    cop_term n;

    if (cop_match(arg, "{add, N}", &n))
        return add(state, n);
    if (cop_match(arg, "{get_add, N}", &n))
        return cop("{Old, New}", state, add(state, n));
    if (cop_match(arg, "{exit, Reason}", &n))
        cop_exit(n);
    if (cop_match(arg, "{throw, Value}", &n))
        cop_throw(n);
    return cop_match(arg, "pop") ? cop("pop") : state;
}

/* How a process or a call has ended, as far as both worlds say it in the same words. */
static const char *ending(cop_term reason)
{
    cop_term inner, value;

    if (cop_match(reason, "{Inner, {'Elixir.Task', _, _}}", &inner) ||
        cop_match(reason, "{Inner, {gen_server, call, _}}", &inner))
        reason = inner;
    if (cop_match(reason, "{{nocatch, Value}, _}", &value))
        return text("throw %s", text_of(value));
    if (cop_match(reason, "{badarith, _}"))
        return "error badarith";
    return text_of(reason);
}

struct asking {
    enum cop_agent_op op;
    cop_term arg, result;
};

static void run_agent(void *arg)
{
    struct asking *asking = arg;

    asking->result = cop_agent_run(cop_dest(agent_pid), asking->op, function, asking->arg, NULL);
}

static void agent_start(char **words)
{
    cop_must(cop_agent_start(&agent_pid, &agent, term_of(words[1])));
    say("res ok");
}

static void agent_do(char **words)
{
    static const char *const ops[] = { "get", "update", "get_and_update" };
    struct asking asking = { .arg = term_of(words[2]) };
    cop_term reason = COP_NONE;

    if (strcmp(words[1], "cast") == 0) {
        cop_agent_cast(agent_pid, function, asking.arg);
        cop_sim_settle();
        say("res ok");
        return;
    }
    for (int i = 0; i < 3; i++)
        if (strcmp(words[1], ops[i]) == 0)
            asking.op = (enum cop_agent_op)i;
    if (cop_try(run_agent, &asking, &reason, NULL) == COP_CLASS_NONE)
        say("res val %s", text_of(asking.result));
    else
        say("res exit %s", ending(reason));
}

/* --- Tasks -------------------------------------------------------------------------------------
 */

static cop_term work(cop_term arg)
{
    cop_term value;
    int64_t n;

    if (cop_match(arg, "{exit, Value}", &value))
        cop_exit(value);
    if (cop_match(arg, "{throw, Value}", &value))
        cop_throw(value);
    if (cop_match(arg, "{sleep, N}", &n)) {
        cop_sleep(n);
        return arg;
    }
    return add(arg, arg);
}

static void run_await(void *arg)
{
    cop_term *term = arg;

    *term = cop_task_await(cop_task_async(work, *term), COP_INFINITY);
}

static void await(char **words)
{
    cop_term term = term_of(words[1]), reason = COP_NONE;

    cop_trap_exit(true);
    if (cop_try(run_await, &term, &reason, NULL) == COP_CLASS_NONE)
        say("res val %s", text_of(term));
    else
        say("res exit %s", ending(reason));
    cop_sim_settle();
    cop_receive_match_within(0, "{'EXIT', _, _}");
    cop_trap_exit(false);
}

static void say_outcome(enum cop_task_outcome outcome, cop_term value)
{
    if (outcome == COP_TASK_OK)
        say("res ok %s", text_of(value));
    else if (outcome == COP_TASK_EXIT)
        say("res exit %s", ending(value));
    else
        say("res nil");
}

/* yield, then shutdown. */
static void yield(char **words)
{
    cop_term value = COP_NONE;
    enum cop_task_outcome outcome;
    cop_task task;

    cop_trap_exit(true);
    task = cop_task_async(work, term_of(words[1]));
    outcome = cop_task_yield(&value, task, strtoll(words[2], NULL, 10));
    if (outcome == COP_TASK_NOTHING)
        outcome = cop_task_shutdown(&value, task, 0);
    say_outcome(outcome, value);
    cop_sim_settle();
    while (cop_receive_match_within(0, "{'EXIT', _, _}"))
        ;
    cop_trap_exit(false);
}

/* stream LIST MAX ORDERED ZIP */
static void stream(char **words)
{
    cop_term list = term_of(words[1]), result, value, input;
    const char *texts[256];
    size_t count = 0;
    bool ordered = strcmp(words[3], "true") == 0;
    cop_task_stream *results;

    cop_trap_exit(true);
    results = cop_task_stream_new(list, work, .max_concurrency = (int)strtol(words[2], NULL, 10),
        .unordered = !ordered, .zip_input_on_exit = strcmp(words[4], "true") == 0,
        .timeout_ms = 300, .kill_on_timeout = true);
    while (cop_task_stream_next(&result, results) && count < 256) {
        if (cop_match(result, "{ok, Value}", &value))
            texts[count++] = text("ok %s", text_of(value));
        else if (cop_match(result, "{exit, Value}", &value) && strcmp(words[4], "true") == 0 &&
                 cop_match(value, "{Input, Reason}", &input, &value))
            texts[count++] = text("exit %s %s", text_of(input), ending(value));
        else
            texts[count++] = text("exit %s", ending(value));
    }
    cop_task_stream_free(results);
    if (ordered)
        for (size_t i = 0; i < count; i++)
            say("%03d %s", (int)i, texts[i]);
    else
        for (size_t i = 0; i < count; i++)
            say("%s", texts[i]);
    cop_sim_settle();
    while (cop_receive_match_within(0, "{'EXIT', _, _}"))
        ;
    cop_trap_exit(false);
}

/* --- Timers: {Ms, Name, CancelAtMs | never} -----------------------------------------------------
 */

static void timers(char **words)
{
    cop_term list = term_of(words[1]), item, name, cancel_at;
    cop_ref refs[64];
    int64_t cancels[64], ms, last = 0;
    int count = 0, seen = 0;

    while (cop_list_next(&item, &list) && count < 64) {
        cop_must(cop_match(item, "{Ms, Name, CancelAt}", &ms, &name, &cancel_at));
        refs[count] = cop_send_after(ms, cop_self(), cop("{timer, Name}", name));
        cancels[count] = -1;
        cop_to_int(&cancels[count++], cancel_at);
    }
    for (int64_t now = 0; now <= 100; now += 10) { /* in the middle between two points of time */
        cop_sleep(now == 0 ? 5 : now - last);
        last = now;
        while (cop_receive_match_within(0, "{timer, Name}", &name))
            say("%03d %s", seen++, text_of(name));
        for (int i = 0; i < count; i++)
            if (cancels[i] == now)
                say("cancel %d %s", i, cop_cancel_timer(refs[i]) < 0 ? "false" : "left");
    }
}

bool library_command(const struct command *command)
{
    static const struct {
        const char *name;
        void (*run)(char **words);
    } commands[] = { { "registry", registry }, { "use", use }, { "stop", stop },
        { "lookup", lookup }, { "match", match }, { "keys", keys }, { "values", values },
        { "count", count }, { "select", registry_select }, { "agent", agent_start },
        { "agent_do", agent_do }, { "await", await }, { "yield", yield }, { "stream", stream },
        { "timers", timers } };

    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (strcmp(command->words[0], commands[i].name) == 0) {
            commands[i].run(command->words);
            return true;
        }
    return false;
}
