/* SPDX-License-Identifier: Apache-2.0 */
/* State machines that do what their rules say (FORMAT.md, section 7). */
#include <stdlib.h>
#include <string.h>

#include "names.h"
#include "puppet.h"

enum { RULED_EVENTS_MAX = 60 };

/* An event is looked up by its text, and what is to be done becomes terms when it is. */
struct rule {
    struct rule *next;
    char *state, *type, *content, *result, *actions;
};

struct definition {
    struct definition *next;
    char *name, *state, *actions;
    bool enter, traps;
    struct rule *rules, **last;
};

struct machine {
    const struct definition *definition;
    const char *name;
    int ruled;
};

static struct definition *definitions;

/* --- Definitions ---------------------------------------------------------------------------------
 */

static struct definition *definition_of(const char *name)
{
    for (struct definition *one = definitions; one; one = one->next)
        if (strcmp(one->name, name) == 0)
            return one;
    give_up("no machine has the name %s", name);
}

/* machine M enter|noenter trap|notrap STATE ACTIONS */
static void define_machine(char **words)
{
    struct definition *one = calloc(1, sizeof *one);

    one->name = strdup(words[1]);
    one->enter = strcmp(words[2], "enter") == 0;
    one->traps = strcmp(words[3], "trap") == 0;
    one->state = strdup(words[4]);
    one->actions = strdup(words[5]);
    one->last = &one->rules;
    one->next = definitions;
    definitions = one;
}

/* rule M STATE TYPE CONTENT RESULT ACTIONS */
static void define_rule(char **words)
{
    struct definition *machine = definition_of(words[1]);
    struct rule *rule = calloc(1, sizeof *rule);

    rule->state = strdup(words[2]);
    rule->type = strdup(words[3]);
    rule->content = strdup(words[4]);
    rule->result = strdup(words[5]);
    rule->actions = strdup(words[6]);
    *machine->last = rule;
    machine->last = &rule->next;
}

bool define_statem(const struct command *command)
{
    if (strcmp(command->words[0], "machine") == 0)
        define_machine(command->words);
    else if (strcmp(command->words[0], "rule") == 0)
        define_rule(command->words);
    else
        return false;
    return true;
}

void forget_machines(void)
{
    while (definitions) {
        struct definition *one = definitions;

        definitions = one->next;
        while (one->rules) {
            struct rule *rule = one->rules;

            one->rules = rule->next;
            free(rule->state);
            free(rule->type);
            free(rule->content);
            free(rule->result);
            free(rule->actions);
            free(rule);
        }
        free(one->name);
        free(one->state);
        free(one->actions);
        free(one);
    }
}

/* --- Actions -------------------------------------------------------------------------------------
 */

/* One action of the notation as one of OTP's; none: there is nothing to do. */
static cop_term action_of(cop_term action, bool is_call)
{
    cop_term a, b, c;

    if (cop_match(action, "{timer, A, B, C}", &a, &b, &c))
        return cop("{{timeout, A}, B, C}", a, b, c);
    if (cop_match(action, "{state_timeout_cancel}"))
        return cop("{state_timeout, cancel}");
    if (cop_match(action, "{timeout_cancel}"))
        return cop("{timeout, cancel}");
    if (cop_match(action, "{timer_cancel, A}", &a))
        return cop("{{timeout, A}, cancel}", a);
    if (cop_match(action, "{state_timeout_update, A}", &a))
        return cop("{state_timeout, update, A}", a);
    if (cop_match(action, "{timer_update, A, B}", &a, &b))
        return cop("{{timeout, A}, update, B}", a, b);
    if (cop_match(action, "{reply, A}", &a))
        return is_call ? cop("{reply, From, A}", cop_caller(), a) : COP_NONE;
    return action;
}

static cop_term actions_of(const char *text, bool is_call)
{
    cop_term actions = term_of(text), list = cop_nil(), action;

    while (cop_list_next(&action, &actions)) {
        action = action_of(action, is_call);
        if (!cop_is_none(action))
            list = cop_cons(action, list);
    }
    return cop_list_reverse(list);
}

static cop_step result_of(const struct rule *rule, bool is_call)
{
    cop_term result = term_of(rule->result), a;
    cop_term actions = actions_of(rule->actions, is_call);

    if (cop_match(result, "{next, A}", &a))
        return cop_next_state(a, .actions = actions);
    if (cop_match(result, "keep") || cop_match(result, "keep_data"))
        return cop_keep_state(.actions = actions);
    if (cop_match(result, "repeat"))
        return cop_repeat_state(.actions = actions);
    if (cop_match(result, "{stop, A}", &a))
        return cop_stop(a, .actions = actions);
    if (cop_match(result, "{error, A}", &a))
        cop_error(a);
    if (cop_match(result, "{exit, A}", &a))
        cop_exit(a);
    if (cop_match(result, "{bad, A}", &a))
        cop_throw(a); /* the same as to return it: SM-22 */
    give_up("an unknown result: %s", rule->result);
}

/* --- Callbacks -----------------------------------------------------------------------------------
 */

static cop_step init(void *data, cop_term arg)
{
    struct machine *machine = data;
    cop_bytes name;
    char copy[64];

    cop_must(cop_match(arg, "Name", &name));
    snprintf(copy, sizeof copy, "%.*s", COP_STR(name));
    machine->definition = definition_of(copy);
    machine->name = watch(copy, cop_self());
    cop_trap_exit(machine->definition->traps);
    return cop_ok(.state = term_of(machine->definition->state),
        .actions = actions_of(machine->definition->actions, false));
}

static const char *type_text(const cop_event *event)
{
    switch (event->type) {
    case COP_EVENT_CALL:
        return "call";
    case COP_EVENT_CAST:
        return "cast";
    case COP_EVENT_INFO:
        return "info";
    case COP_EVENT_INTERNAL:
        return "internal";
    case COP_EVENT_ENTER:
        return "enter";
    case COP_EVENT_TIMEOUT:
        return "timeout";
    case COP_EVENT_STATE_TIMEOUT:
        return "state_timeout";
    default:
        return text_of(cop("{timeout, Name}", event->name));
    }
}

static cop_step handle_event(void *data, cop_term state, const cop_event *event)
{
    struct machine *machine = data;
    char *state_name = strdup(text_of(state)), *content = strdup(text_of(event->content));
    char *type = strdup(type_text(event));
    const struct rule *rule = machine->ruled < RULED_EVENTS_MAX ? machine->definition->rules : NULL;
    bool is_call = event->type == COP_EVENT_CALL;

    machine->ruled++;
    say("cb %s %03d %s %s %s", machine->name, next_number("callback", machine->name), state_name,
        type, content);
    while (rule && (strcmp(rule->state, state_name) != 0 || strcmp(rule->type, type) != 0 ||
                       strcmp(rule->content, content) != 0))
        rule = rule->next;
    free(state_name);
    free(content);
    free(type);
    if (rule)
        return result_of(rule, is_call);
    return is_call ? cop_keep_state(.reply = cop("default")) : cop_keep_state();
}

static void terminate(void *data, cop_term reason, cop_term state)
{
    const struct machine *machine = data;
    char *text = strdup(text_of(reason));

    say("cb %s %03d terminate %s %s", machine->name, next_number("callback", machine->name), text,
        text_of(state));
    free(text);
}

static const cop_gen_statem entering = {
    .module = "scenario",
    .data_size = sizeof(struct machine),
    .callback_mode = COP_HANDLE_EVENT_FUNCTION,
    .state_enter = true,
    .init = init,
    .handle_event = handle_event,
    .terminate = terminate,
};

static const cop_gen_statem not_entering = {
    .module = "scenario",
    .data_size = sizeof(struct machine),
    .callback_mode = COP_HANDLE_EVENT_FUNCTION,
    .init = init,
    .handle_event = handle_event,
    .terminate = terminate,
};

/* --- Commands ------------------------------------------------------------------------------------
 */

/* start|ensure M by P link|nolink */
const char *machine_command(const struct command *command)
{
    char **words = command->words;
    cop_pid pid = process_of(words[1]);
    cop_term error = COP_NONE;

    if (strcmp(words[0], "ensure") == 0 && pid.id && cop_is_alive(pid))
        return "running";
    if (cop_gen_statem_start_with(&pid, NULL,
            definition_of(words[1])->enter ? &entering : &not_entering, cop_text(words[1]),
            strcmp(words[4], "link") == 0, NULL, &error) == 0)
        return text_of(cop("{ok, Pid}", pid));
    return text_of(cop("{error, Error}", error));
}
