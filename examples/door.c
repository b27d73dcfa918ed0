/* SPDX-License-Identifier: Apache-2.0 */
/* A door with a code: a state machine whose two states are two functions. It opens for the right
 * code, shuts itself after a while, and who calls `walk_through` waits until it is open. */
#include <coppice.h>
#include <stdio.h>

enum { OPEN_MS = 50 };

struct door {
    cop_term code; /* kept */
    int64_t times_open;
};

static cop_step locked(void *data, const cop_event *event)
{
    struct door *door = data;
    cop_term code;

    if (event->type == COP_EVENT_ENTER)
        return cop_keep_state();
    if (cop_event_match(event, COP_EVENT_CALL, "{enter_code, Code}", &code)) {
        if (!cop_equal(code, door->code))
            return cop_reply(cop("wrong_code"));
        return cop_next_state(cop("open"), .reply = cop("ok"));
    }
    if (cop_event_match(event, COP_EVENT_CALL, "walk_through"))
        return cop_keep_state(.postpone = true); /* it comes again in the next state */
    return cop_unhandled(event->content);
}

static cop_step open(void *data, const cop_event *event)
{
    struct door *door = data;

    if (event->type == COP_EVENT_ENTER) {
        door->times_open++;
        return cop_keep_state(.state_timeout_ms = OPEN_MS);
    }
    if (event->type == COP_EVENT_STATE_TIMEOUT)
        return cop_next_state(cop("locked"));
    if (cop_event_match(event, COP_EVENT_CALL, "walk_through"))
        return cop_reply(cop("welcome"));
    return cop_unhandled(event->content);
}

static cop_step init(void *data, cop_term code)
{
    struct door *door = data;

    cop_keep(&door->code, code);
    return cop_ok(.state = cop("locked"));
}

static const cop_field fields[] = {
    COP_FIELD(struct door, times_open),
    COP_FIELDS_END,
};

static const cop_gen_statem door = {
    .name = "door",
    .data_size = sizeof(struct door),
    .fields = fields,
    .callback_mode = COP_STATE_FUNCTIONS,
    .state_enter = true,
    .init = init,
    .states = COP_STATES({ "locked", locked }, { "open", open }, ),
};

static void walk(cop_term owner)
{
    cop_pid pid;

    cop_must(cop_to_pid(&pid, owner));
    cop_send(pid, cop_gen_statem_call("door", cop("walk_through")));
}

static void show(cop_term term)
{
    printf("%s\n", cop_show(term));
}

static int door_main(int argc, char **argv)
{
    cop_pid pid;

    (void)argc, (void)argv;
    cop_must(cop_gen_statem_start_link(&pid, &door, cop("[1, 2, 3, 4]")));
    cop_spawn(walk, cop("Self", cop_self())); /* waits at the door */

    show(cop_gen_statem_call(pid, cop("{enter_code, [4, 3, 2, 1]}"))); // expect: wrong_code
    show(cop_gen_statem_call(pid, cop("{enter_code, [1, 2, 3, 4]}"))); // expect: ok
    show(cop_receive());                                               // expect: welcome
    cop_sleep(2 * OPEN_MS);
    show(cop_sys_get_state(pid)); // expect: {locked,#{times_open => 1}}
    return 0;
}

int main(int argc, char **argv)
{
    return cop_run_main_with(door_main, argc, argv, &(struct cop_options){ .virtual_time = true });
}
