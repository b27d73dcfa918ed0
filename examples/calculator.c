/* SPDX-License-Identifier: Apache-2.0 */
/* A program of the operating system behind a server: its callers do not know, and when the program
 * dies the supervisor starts both anew. Requests are lines, and so are answers. */
#include <coppice.h>
#include <stdio.h>

static const char script[] = "while read -r line; do eval \"echo \\$(($line))\"; done 2>/dev/null";

struct calculator {
    cop_pid port;
};

static cop_step init(void *state, cop_term arg)
{
    struct calculator *calculator = state;
    int error = cop_open_port(&calculator->port, "/bin/sh",
        .args = (const char *const[]){ "-c", script, NULL }, .packet = COP_PACKET_LINE,
        .exit_status = true);

    (void)arg;
    return error < 0 ? cop_stop(cop_atom_new(cop_error_name(error))) : cop_ok();
}

static cop_step handle_call(void *state, cop_term expression)
{
    const struct calculator *calculator = state;
    cop_term what, answer;

    cop_port_command(calculator->port, cop("[Expression, $\n]", expression));
    cop_receive_match("{Port, What}", calculator->port, &what);
    if (cop_match(what, "{data, {eol, Answer}}", &answer))
        return cop_reply(answer);
    return cop_stop(cop("{program_ended, What}", what));
}

static const cop_gen_server calculator = { .name = "calculator",
    .state_size = sizeof(struct calculator),
    .init = init,
    .handle_call = handle_call };
static const cop_supervisor tree = { .children = COP_CHILDREN({ .gen_server = &calculator }, ) };

static void ask(const char *expression)
{
    cop_term answer = COP_NONE;

    if (cop_try_call(&answer, "calculator", cop_text(expression)))
        printf("%s = %s\n", expression, cop_show(answer));
    else
        printf("%s: %s\n", expression, cop_show(answer));
}

static int demo(int argc, char **argv)
{
    cop_pid pid;

    (void)argc, (void)argv;
    cop_must(cop_supervisor_start_link(&pid, &tree, NULL));
    ask("6 * 7");
    ask("1 / 0"); /* the shell ends, and with it the server */
    cop_sleep(100);
    ask("6 * 7 + 1");
    // expect: 6 * 7 = <<"42">>
    // expect: 1 / 0: {program_ended,{exit_status,2}}
    // expect: 6 * 7 + 1 = <<"43">>
    return 0;
}

int main(int argc, char **argv)
{
    return cop_run_main(demo, argc, argv);
}
