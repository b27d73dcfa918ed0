/* SPDX-License-Identifier: Apache-2.0 */
/* The counter of the benchmarks: by call, by cast, and by plain message, which is what a process
 * without a behaviour can do too. */
#include "bench.h"

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

static cop_step handle_cast(void *state, cop_term request)
{
    struct counter *c = state;
    int64_t n;

    if (!cop_match(request, "{add, N}", &n))
        return cop_unhandled(request);
    c->value += n;
    return cop_noreply();
}

static cop_step handle_info(void *state, cop_term message)
{
    struct counter *c = state;
    cop_pid from;

    if (cop_match(message, "{get, From}", &from))
        cop_send(from, cop("Value", c->value));
    return cop_noreply();
}

const cop_gen_server counter = {
    .module = "counter",
    .state_size = sizeof(struct counter),
    .init = init,
    .handle_call = handle_call,
    .handle_cast = handle_cast,
    .handle_info = handle_info,
};
