/* SPDX-License-Identifier: Apache-2.0 */
/* The smallest GenServer: a process that owns a number. Everything that OTP calls by the same name
 * is here: a callback module (a struct of C functions), its state (a C struct), a call. */
#include <coppice.h>

#include <inttypes.h>

struct counter {
    int64_t value;
};

static cop_step init(void *state, cop_term start)
{
    struct counter *c = state;

    cop_must(cop_match(start, "Value", &c->value));
    return cop_ok();
}

static cop_step handle_call(void *state, cop_term request)
{
    struct counter *c = state;
    int64_t n;

    if (cop_match(request, "{add, N}", &n))
        return cop_reply(c->value += n);
    if (cop_match(request, "get"))
        return cop_reply(c->value);
    return cop_unhandled(request);
}

static const cop_gen_server counter = {
    .name = "counter",
    .state_size = sizeof(struct counter),
    .init = init,
    .handle_call = handle_call,
};

static int demo(int argc, char **argv)
{
    cop_pid c;
    int64_t value;

    (void)argc, (void)argv;
    cop_must(cop_gen_server_start_link(&c, &counter, 2));
    cop_call(c, cop("{add, N}", 3));
    cop_must(cop_match(cop_call(c, cop("get"), .timeout_ms = 100), "Value", &value));
    printf("%" PRId64 "\n", value); // expect: 5
    cop_must(cop_match(cop_call("counter", cop("{add, N}", -5)), "Value", &value));
    printf("%" PRId64 "\n", value); // expect: 0
    return 0;
}

int main(int argc, char **argv)
{
    return cop_run_main(demo, argc, argv);
}
