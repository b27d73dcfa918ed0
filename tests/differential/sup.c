/* SPDX-License-Identifier: Apache-2.0 */
/* Supervision trees (FORMAT.md, section 5): workers and supervisors that tell of their starts and
 * ends, in one order over the whole tree. */
#include <coppice/sim.h>
#include <stdlib.h>
#include <string.h>

#include "names.h"
#include "puppet.h"

/* A child as it was defined. Definitions live until the scenario ends: restarts need them. */
struct child {
    struct child *next;
    char *id;
    bool supervisor, significant, dynamic;
    enum cop_restart restart;
    int64_t shutdown_ms;
    char *trap, *init; /* of a worker */
};

struct tree {
    struct tree *next;
    char *name;
    cop_supervisor supervisor;
    struct child *children, **last;
};

struct attempts { /* starts of a name, over all its restarts */
    struct attempts *next;
    int count;
    char name[];
};

static struct tree *trees;
static struct child *added; /* by start_child: no tree starts with them */
static struct attempts *attempts;
static cop_pid starter;     /* x: starts trees, and is their parent */
static bool unordered;      /* the step's events have no numbers */
static int64_t stubborn_ms; /* a worker that does not return from terminate has so much time */

/* --- Definitions ---------------------------------------------------------------------------------
 */

static struct tree *tree_of(const char *name)
{
    for (struct tree *tree = trees; tree; tree = tree->next)
        if (strcmp(tree->name, name) == 0)
            return tree;
    give_up("no supervisor has the name %s", name);
}

static int64_t shutdown_of(const char *text)
{
    int64_t ms = strtoll(text, NULL, 10);

    if (strcmp(text, "brutal_kill") == 0)
        return COP_BRUTAL_KILL;
    return strcmp(text, "infinity") == 0 ? COP_INFINITY : ms ? ms : COP_AT_ONCE;
}

static enum cop_restart restart_of(const char *text)
{
    return strcmp(text, "permanent") == 0   ? COP_PERMANENT
           : strcmp(text, "transient") == 0 ? COP_TRANSIENT
                                            : COP_TEMPORARY;
}

/* sup S STRATEGY INTENSITY PERIOD AUTO_SHUTDOWN */
static void define_supervisor(char **words)
{
    static const char *const strategies[] = { "one_for_one", "one_for_all", "rest_for_one",
        "simple_one_for_one" };
    struct tree *tree = calloc(1, sizeof *tree);
    int intensity = (int)strtol(words[3], NULL, 10);

    tree->name = strdup(words[1]);
    tree->last = &tree->children;
    for (int i = 0; i < 4; i++)
        if (strcmp(words[2], strategies[i]) == 0)
            tree->supervisor.strategy = (enum cop_strategy)i;
    tree->supervisor.intensity = intensity ? intensity : COP_NO_RESTARTS;
    tree->supervisor.period_s = (int)strtol(words[4], NULL, 10);
    tree->supervisor.auto_shutdown = strcmp(words[5], "never") == 0 ? COP_NEVER
                                     : strcmp(words[5], "any_significant") == 0
                                         ? COP_ANY_SIGNIFICANT
                                         : COP_ALL_SIGNIFICANT;
    tree->next = trees;
    trees = tree;
}

/* ID worker RESTART SHUTDOWN SIGNIFICANT TRAP INIT, ID supervisor RESTART SHUTDOWN SIGNIFICANT */
static struct child *new_child(char **words)
{
    struct child *child = calloc(1, sizeof *child);

    child->id = strdup(words[0]);
    child->supervisor = strcmp(words[1], "supervisor") == 0;
    child->restart = restart_of(words[2]);
    child->shutdown_ms = shutdown_of(words[3]);
    child->significant = strcmp(words[4], "true") == 0;
    if (!child->supervisor) {
        child->trap = strdup(words[5]);
        child->init = strdup(words[6]);
    }
    return child;
}

static void add_child(struct tree *tree, struct child *child)
{
    *tree->last = child;
    tree->last = &child->next;
}

bool define(const struct command *command)
{
    char **words = command->words;

    if (strcmp(words[0], "sup") == 0) {
        define_supervisor(words);
    } else if (strcmp(words[0], "child") == 0) {
        add_child(tree_of(words[1]), new_child(words + 2));
    } else if (strcmp(words[0], "template") == 0) { /* S RESTART SHUTDOWN TRAP INIT */
        char *as_child[] = { words[1], (char[]){ "worker" }, words[2], words[3],
            (char[]){ "false" }, words[4], words[5] };
        struct child *child = new_child(as_child);

        child->dynamic = true;
        add_child(tree_of(words[1]), child);
    } else {
        return false;
    }
    return true;
}

static void forget_child(struct child *child)
{
    free(child->id);
    free(child->trap);
    free(child->init);
    free(child);
}

void forget_definitions(void)
{
    while (trees) {
        struct tree *tree = trees;

        trees = tree->next;
        while (tree->children) {
            struct child *child = tree->children;

            tree->children = child->next;
            forget_child(child);
        }
        free(tree->name);
        free(tree);
    }
    while (added) {
        struct child *child = added;

        added = child->next;
        forget_child(child);
    }
    while (attempts) {
        struct attempts *old = attempts;

        attempts = old->next;
        free(old);
    }
    starter.id = 0;
}

/* --- Events --------------------------------------------------------------------------------------
 */

static int next_attempt(const char *name)
{
    struct attempts *found = attempts;

    while (found && strcmp(found->name, name) != 0)
        found = found->next;
    if (!found) {
        found = malloc(sizeof *found + strlen(name) + 1);
        memcpy(found->name, name, strlen(name) + 1);
        found->count = 0;
        found->next = attempts;
        attempts = found;
    }
    return ++found->count;
}

static void event(bool numbered, const char *what, const char *name, int number, const char *text)
{
    say("ev %03d %s %s#%d %s", numbered && !unordered ? next_number("event", "") : 0, what, name,
        number, text);
}

/* A process of this name has come to be: NAME in commands, NAME#K in what is said. */
static void come_to_be(const char *name, int number, cop_pid pid)
{
    char instance[128];

    snprintf(instance, sizeof instance, "%s#%d", name, number);
    name_process(name, pid);
    watch(instance, pid);
}

/* --- Workers -------------------------------------------------------------------------------------
 */

struct worker {
    const struct child *child;
    const char *name; /* that of its definition, or its own when it is dynamic */
    int number;
    char own_name[64];
};

/* Entry K of the list, or its last. */
static cop_term nth(cop_term list, int k)
{
    cop_term item = COP_NONE;

    while (k-- && cop_list_next(&item, &list))
        ;
    return item;
}

/* Address, or [Address, Name] for a dynamic one. */
static cop_step worker_init(void *state, cop_term arg)
{
    struct worker *worker = state;
    cop_term how, reason;
    cop_bytes name;
    int64_t address;

    if (cop_match(arg, "[Address, Name]", &address, &name))
        snprintf(worker->own_name, sizeof worker->own_name, "%.*s", COP_STR(name));
    else
        cop_must(cop_match(arg, "Address", &address));
    worker->child = (const struct child *)(uintptr_t)address;
    worker->name = worker->own_name[0] ? worker->own_name : worker->child->id;
    worker->number = next_attempt(worker->name);
    cop_trap_exit(strcmp(worker->child->trap, "off") != 0);
    how = nth(term_of(worker->child->init), worker->number);
    event(true, "init", worker->name, worker->number, text_of(how));
    if (cop_match(how, "ignore"))
        return cop_ignore();
    if (cop_match(how, "{error, Reason}", &reason))
        return cop_stop(reason);
    if (cop_match(how, "{crash, Reason}", &reason))
        cop_error(reason);
    if (cop_match(how, "{exit, Reason}", &reason))
        cop_exit(reason);
    come_to_be(worker->name, worker->number, cop_self());
    return cop_ok();
}

static cop_step worker_info(void *state, cop_term message)
{
    struct worker *worker = state;
    cop_term reason;

    if (cop_match(message, "{'EXIT', _, Reason}", &reason))
        event(true, "exitmsg", worker->name, worker->number, text_of(reason));
    else if (cop_match(message, "{crash, exit, Reason}", &reason))
        cop_exit(reason);
    else if (cop_match(message, "{crash, error, Reason}", &reason))
        cop_error(reason);
    else if (cop_match(message, "{crash, stop, Reason}", &reason))
        return cop_stop(reason);
    return cop_noreply();
}

static void worker_terminate(void *state, cop_term reason)
{
    struct worker *worker = state;

    event(!worker->child->dynamic, "term", worker->name, worker->number, text_of(reason));
    if (strcmp(worker->child->trap, "stubborn") != 0)
        return;
    stubborn_ms = worker->child->shutdown_ms > 0 ? worker->child->shutdown_ms : 0;
    cop_sleep(COP_INFINITY);
}

static const cop_gen_server interpreted_worker = {
    .module = "worker",
    .state_size = sizeof(struct worker),
    .init = worker_init,
    .handle_info = worker_info,
    .terminate = worker_terminate,
};

/* --- Supervisors ---------------------------------------------------------------------------------
 */

static cop_child_start start_tree(cop_term arg, const void *context);

static cop_child as_spec(const struct child *child)
{
    cop_child spec = { .id = cop_from_atom(cop_atom_new(child->id)),
        .restart = child->restart,
        .shutdown_ms = child->shutdown_ms,
        .significant = child->significant,
        .is_set = true };

    if (child->supervisor) {
        spec.start = start_tree;
        spec.context = tree_of(child->id);
        spec.type_supervisor = true;
    } else {
        spec.gen_server = &interpreted_worker;
        spec.anonymous = true;
        spec.arg_term = cop_int((int64_t)(uintptr_t)child);
    }
    return spec;
}

static bool tree_init(cop_supervisor *flags, cop_child **children, cop_term arg)
{
    const struct tree *tree;
    size_t count = 1, i = 0;
    int64_t address;
    int number;

    cop_must(cop_match(arg, "{Address, _}", &address));
    tree = (const struct tree *)(uintptr_t)address;
    (void)flags;
    number = next_attempt(tree->name);
    event(true, "init", tree->name, number, "ok");
    come_to_be(tree->name, number, cop_self());
    for (const struct child *child = tree->children; child; child = child->next)
        count++;
    *children = cop_alloc(count * sizeof **children);
    for (const struct child *child = tree->children; child; child = child->next)
        (*children)[i++] = as_spec(child);
    return true;
}

/* In its parent. */
static cop_child_start start_tree(cop_term arg, const void *context)
{
    const struct tree *tree = context;
    cop_supervisor *supervisor = (cop_supervisor *)(uintptr_t)&tree->supervisor;
    cop_child_start started = { .result = COP_CHILD_OK };
    cop_term error = COP_NONE;

    (void)arg;
    supervisor->init = tree_init;
    if (cop_supervisor_start_link_as(&started.pid, supervisor, NULL,
            cop("{Address, x}", (int64_t)(uintptr_t)tree), &error) < 0) {
        started.result = COP_CHILD_ERROR;
        started.info = error;
        return started;
    }
    return started;
}

/* --- x -------------------------------------------------------------------------------------------
 */

/* Starts trees for the runner, and sends them its exit signals. */
static void starter_main(cop_term unused)
{
    cop_child_start started;
    cop_term message, reason;
    cop_pid from, pid;
    int64_t address;

    (void)unused;
    cop_trap_exit(true);
    for (;; cop_turn_end()) {
        message = cop_receive();
        if (cop_match(message, "{start, From, Address}", &from, &address)) {
            started = start_tree(COP_NONE, (const void *)(uintptr_t)address);
            cop_send(from, started.result == COP_CHILD_OK
                               ? cop("{started, {ok, Pid}}", started.pid)
                               : cop("{started, {error, Reason}}", started.info));
        } else if (cop_match(message, "{stop, Pid, Reason}", &pid, &reason)) {
            cop_exit_signal(pid, reason);
        }
    }
}

/* --- Commands ------------------------------------------------------------------------------------
 */

static bool lives(const char *name, cop_pid *ret_pid)
{
    *ret_pid = process_of(name);
    return ret_pid->id && cop_is_alive(*ret_pid);
}

static void start(char **words)
{
    cop_term result;

    if (!starter.id)
        starter = cop_spawn(starter_main, cop_nil());
    cop_send(
        starter, cop("{start, Self, Address}", cop_self(), (int64_t)(uintptr_t)tree_of(words[1])));
    cop_receive_match("{started, Result}", &result);
    say("res val %s", text_of(result));
}

static void ensure(char **words)
{
    cop_pid pid;

    if (lives(words[1], &pid))
        say("res val running");
    else
        start(words);
}

static void stop(char **words)
{
    cop_pid pid;

    if (!lives(words[1], &pid)) {
        say("res noactor");
        return;
    }
    cop_send(starter, cop("{stop, Pid, Reason}", pid, term_of(words[2])));
    say("res ok");
}

static void crash(char **words)
{
    cop_pid pid;

    if (!lives(words[1], &pid)) {
        say("res noactor");
        return;
    }
    cop_send(pid, cop("{crash, How, Reason}", cop_atom_new(words[2]), term_of(words[3])));
    say("res ok");
}

static void signal_it(char **words)
{
    cop_pid pid;

    if (!lives(words[1], &pid)) {
        say("res noactor");
        return;
    }
    cop_exit_signal(pid, term_of(words[2]));
    say("res ok");
}

static void say_pid(int result, cop_pid pid, cop_term error)
{
    cop_term reason;

    if (result == 0 && pid.id)
        say("res val %s", text_of(cop("{ok, Pid}", pid)));
    else if (result == 0)
        say("res val {ok,undefined}");
    else
        say("res val {error,%s}",
            text_of(cop_match(error, "{Reason, {child, _, _, _, _, _, _, _, _}}", &reason)
                        ? reason
                        : error));
}

static void say_ok(int result, cop_term error)
{
    if (result == 0)
        say("res val ok");
    else
        say("res val {error,%s}", text_of(error));
}

static void start_child(char **words)
{
    struct child *child = new_child(words + 2);
    cop_child spec = as_spec(child);
    cop_term error = COP_NONE;
    cop_pid pid = { 0, 0 };
    int result =
        cop_supervisor_start_child_spec(&pid, cop_dest(process_of(words[1])), &spec, &error);

    child->next = added;
    added = child;
    say_pid(result, pid, error);
}

static void start_dynamic(char **words)
{
    cop_term error = COP_NONE;
    cop_pid pid = { 0, 0 };
    int result = cop_supervisor_start_child_arg(
        &pid, cop_dest(process_of(words[1])), cop_text(words[2]), &error);

    say_pid(result, pid, error);
}

static void terminate_dynamic(char **words)
{
    cop_term error = COP_NONE;
    int result = cop_supervisor_terminate_child(
        cop_dest(process_of(words[1])), cop_from_pid(process_of(words[2])), &error);

    say_ok(result, error);
}

static void terminate_child(char **words)
{
    cop_term error = COP_NONE;
    int result =
        cop_supervisor_terminate_child(cop_dest(process_of(words[1])), term_of(words[2]), &error);

    say_ok(result, error);
}

static void delete_child(char **words)
{
    cop_term error = COP_NONE;
    int result =
        cop_supervisor_delete_child(cop_dest(process_of(words[1])), term_of(words[2]), &error);

    say_ok(result, error);
}

static void restart_child(char **words)
{
    cop_term error = COP_NONE;
    cop_pid pid = { 0, 0 };
    int result = cop_supervisor_restart_child(
        &pid, cop_dest(process_of(words[1])), term_of(words[2]), &error);

    say_pid(result, pid, error);
}

static void which(char **words)
{
    cop_term list = cop_supervisor_which_children(cop_dest(process_of(words[1]))), item, id, child;
    const char *texts[256];
    size_t count = 0;

    for (cop_term type; cop_list_next(&item, &list) && count < 256;) {
        cop_must(cop_match(item, "{Id, Child, Type, _}", &id, &child, &type));
        texts[count++] = text_of(cop("{Id, Child, Type}", id, child, type));
    }
    say("res val %s", sorted_list(texts, count));
}

static void count(char **words)
{
    int64_t specs, active, supervisors, workers;

    cop_must(cop_match(cop_supervisor_count_children(cop_dest(process_of(words[1]))),
        "[{specs, A}, {active, B}, {supervisors, C}, {workers, D}]", &specs, &active, &supervisors,
        &workers));
    say("res val %s", text_of(cop("{A, B, C, D}", specs, active, supervisors, workers)));
}

static void spec(char **words)
{
    cop_term answer =
        cop_supervisor_get_childspec(cop_dest(process_of(words[1])), term_of(words[2]));
    cop_term map, id, restart, shutdown, significant, type;

    if (!cop_match(answer, "{ok, Map}", &map)) {
        say("res val %s", text_of(answer));
        return;
    }
    cop_must(
        cop_match(map, "#{id := Id, restart := R, shutdown := S, significant := Sig, type := Type}",
            &id, &restart, &shutdown, &significant, &type));
    say("res val %s",
        text_of(cop("{ok, #{id => Id, restart => R, shutdown => S, significant => Sig, type => T}}",
            id, restart, shutdown, significant, type)));
}

static void running(char **words)
{
    cop_pid pid;

    say("res val %s", lives(words[1], &pid) ? text_of(cop_from_pid(pid)) : "undefined");
}

static const struct {
    const char *name;
    bool calls; /* the supervisor: which must have been there */
    void (*run)(char **words);
} commands[] = { { "start", false, start }, { "ensure", false, ensure }, { "stop", false, stop },
    { "crash", false, crash }, { "signal", false, signal_it }, { "running", false, running },
    { "start_child", true, start_child }, { "start_dyn", true, start_dynamic },
    { "terminate_dyn", true, terminate_dynamic }, { "terminate_child", true, terminate_child },
    { "restart_child", true, restart_child }, { "delete_child", true, delete_child },
    { "which", true, which }, { "count", true, count }, { "spec", true, spec } };

struct running {
    char **words;
    size_t index;
};

static void run(void *arg)
{
    const struct running *one = arg;

    commands[one->index].run(one->words);
}

/* Shutdown times run within a step: as long as someone does not end by himself. */
static void wait_for_stubborn(void)
{
    cop_sim_settle();
    while (stubborn_ms) {
        int64_t ms = stubborn_ms;

        stubborn_ms = 0;
        cop_sleep(ms + 1);
        cop_sim_settle();
    }
}

bool sup_command(const struct command *command)
{
    char **words = command->words;
    const char *name = words[0] + (*words[0] == '!');
    struct running one = { words, 0 };
    cop_term reason = COP_NONE, bare;

    if (!trees)
        return false; /* another family, in which `stop` is another command */
    while (one.index < sizeof commands / sizeof *commands &&
           strcmp(commands[one.index].name, name) != 0)
        one.index++;
    if (one.index == sizeof commands / sizeof *commands)
        return false;
    unordered = *words[0] == '!';
    if (commands[one.index].calls && !process_of(words[1]).id)
        say("res exit noproc");
    else if (cop_try(run, &one, &reason, NULL) != COP_CLASS_NONE)
        say("res exit %s",
            text_of(cop_match(reason, "{Bare, {gen_server, call, _}}", &bare) ? bare : reason));
    wait_for_stubborn();
    return true;
}
