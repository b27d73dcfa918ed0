/* SPDX-License-Identifier: Apache-2.0 */
/* Calls (GS-31 to GS-44, GS-88): servers that answer at once, later, or never, and crash; callers
 * whose time is short. Each call ends once, with its own answer or a reason that is true; a late
 * answer is seen by nobody; a call without a time-out to a server that ends does not hang. */
#include <coppice.h>

enum { CLIENTS = 3, CALLS = 8, OWED = 16 };

struct server {
    cop_term owed[OWED]; /* kept {From, Number} */
    int64_t count;
};

static cop_step init(void *state, cop_term arg)
{
    (void)arg;
    ((struct server *)state)->count = 0;
    return cop_ok();
}

static cop_step handle_call(void *state, cop_term request)
{
    struct server *server = state;
    int64_t number, delay_ms;

    if (cop_match(request, "{now, N}", &number))
        return cop_reply(cop("{answer, N}", number));
    if (cop_match(request, "{later, N, Ms}", &number, &delay_ms) && server->count < OWED) {
        cop_keep(&server->owed[server->count], cop("{From, N}", cop_caller(), number));
        cop_send_after(delay_ms, cop_self(), cop("{answer, I}", server->count++));
        return cop_noreply();
    }
    if (cop_match(request, "crash"))
        cop_exit(cop("crashed"));
    return cop_reply(cop("full"));
}

static cop_step handle_info(void *state, cop_term message)
{
    struct server *server = state;
    cop_term from;
    int64_t place, number;

    if (!cop_match(message, "{answer, I}", &place))
        cop_sim_fail("the server got %s", cop_show(message));
    cop_must(cop_match(server->owed[place], "{From, N}", &from, &number));
    cop_reply_to(from, cop("{answer, N}", number));
    return cop_noreply();
}

static const cop_gen_server server_module = { .module = "server",
    .state_size = sizeof(struct server),
    .init = init,
    .handle_call = handle_call,
    .handle_info = handle_info };

static const cop_supervisor tree = { .intensity = 1000000,
    .children = COP_CHILDREN({ .name = "server", .gen_server = &server_module }, ) };

static cop_term choose_request(int64_t number, int64_t *ret_delay_ms)
{
    *ret_delay_ms = 0;
    switch (cop_sim_choose(6)) {
    case 0:
    case 1:
    case 2:
        return cop("{now, N}", number);
    case 5:
        return cop("crash");
    default:
        *ret_delay_ms = 1 + cop_sim_choose(40);
        return cop("{later, N, Ms}", number, *ret_delay_ms);
    }
}

static void call_once(int64_t number)
{
    static const int64_t times_ms[] = { COP_INFINITY, 5000, 20, 5, 1 };
    int64_t timeout_ms = times_ms[cop_sim_choose(5)], delay_ms, begin_ms = cop_monotonic_ms();
    cop_term request = choose_request(number, &delay_ms), answer;
    bool good = cop_try_call(&answer, "server", request, .timeout_ms = timeout_ms);
    int64_t took_ms = cop_monotonic_ms() - begin_ms;

    if (good ? !cop_match(answer, "{answer, N}", number) && !cop_match(answer, "full")
             : !cop_match(answer, "timeout") && !cop_match(answer, "{timeout, _}") &&
                   !cop_match(answer, "crashed") && !cop_match(answer, "{crashed, _}") &&
                   !cop_match(answer, "noproc") && !cop_match(answer, "{noproc, _}") &&
                   !cop_match(answer, "killed") && !cop_match(answer, "{killed, _}"))
        cop_sim_fail("call %d was answered with %s", (int)number, cop_show(answer));
    if (good && cop_match(answer, "{answer, _}") && took_ms < delay_ms)
        cop_sim_fail("call %d was answered too early", (int)number);
    if (!good && (cop_match(answer, "timeout") || cop_match(answer, "{timeout, _}")) &&
        (timeout_ms == COP_INFINITY || took_ms < timeout_ms))
        cop_sim_fail(
            "call %d timed out after %d ms of %d", (int)number, (int)took_ms, (int)timeout_ms);
    answer = cop_receive_within(0);
    if (!cop_is_none(answer))
        cop_sim_fail("the caller got the message %s", cop_show(answer));
    cop_turn_end();
}

static void client(cop_term arg)
{
    int64_t index, count = CALLS;
    cop_pid parent;

    cop_must(cop_match(arg, "{Parent, Index}", &parent, &index));
    for (int64_t i = 0; i < count; i++) {
        call_once(index * 1000 + i);
        if (cop_sim_choose(4) == 1)
            cop_sleep(cop_sim_choose(30));
    }
    if (!cop_is_none(cop_receive_within(100)))
        cop_sim_fail("a late answer came as a message");
    cop_send(parent, cop("done"));
}

static bool is_server(cop_pid pid, void *arg)
{
    cop_pid server;

    (void)arg;
    return cop_whereis(&server, "server") && server.id == pid.id;
}

static int calls(int argc, char **argv)
{
    cop_term error;
    cop_pid top;

    (void)argc, (void)argv;
    cop_log_set_level(COP_LOG_EMERGENCY);
    if (cop_supervisor_start_link(&top, &tree, &error) < 0)
        return 1;
    cop_sim_set_faults(&(struct cop_sim_faults){ .kills = cop_sim_choose(10),
        .crashes = 0,
        .pauses = cop_sim_choose(30),
        .pause_max_ms = 50,
        .is_victim = is_server });
    for (int64_t i = 0; i < CLIENTS; i++)
        cop_spawn_link(client, cop("{Self, I}", cop_self(), i));
    for (int64_t i = 0; i < CLIENTS; i++)
        cop_receive_match("done");
    return 0;
}

static const cop_sim simulations[] = { { .name = "calls", .main = calls }, { 0 } };

int main(int argc, char **argv)
{
    return cop_sim_main(simulations, argc, argv);
}
