/* SPDX-License-Identifier: Apache-2.0 */
/* Agents, clause by clause (docs/spec/agent.md). */
#include <coppice/agent.h>

#include "conformance/told_server.h"

static cop_term as_it_is(cop_term state, cop_term arg)
{
    return cop_is_none(state) ? arg : state;
}

static cop_term add(cop_term state, cop_term arg)
{
    int64_t a, b = 0;

    cop_must(cop_to_int(&a, state) && cop_to_int(&b, arg));
    return cop_int(a + b);
}

static cop_term who(cop_term state, cop_term arg)
{
    (void)state, (void)arg;
    return cop_from_pid(cop_self());
}

static cop_term old_and_new(cop_term state, cop_term arg)
{
    return cop("{State, Arg}", state, arg);
}

/* {error, R}, {exit, R}, {throw, V} or {sleep, Ms, Pid} */
static cop_term raise_it(cop_term state, cop_term arg)
{
    cop_term reason;
    cop_pid pid;
    int64_t ms;

    if (cop_match(arg, "{error, Reason}", &reason))
        cop_error(reason);
    if (cop_match(arg, "{exit, Reason}", &reason))
        cop_exit(reason);
    if (cop_match(arg, "{throw, Reason}", &reason))
        cop_throw(reason);
    cop_must(cop_match(arg, "{sleep, Ms, Pid}", &ms, &pid));
    cop_sleep(ms);
    cop_send(pid, cop("slept"));
    return state;
}

static const cop_agent plain = { .init = as_it_is };
static const cop_agent raising = { .init = raise_it };

static cop_pid start(cop_term state)
{
    cop_pid pid = { 0, 0 };

    CHECK_EQ_INT(cop_agent_start(&pid, &plain, state), 0);
    return pid;
}

/* Names, options and start results are those of a generic server. also: AGT-02 */
CLAUSE(AGT_01)
{
    static const cop_agent named = { .name = "named", .init = who };
    cop_pid pid = { 0, 0 }, other = { 0, 0 };
    cop_term error = COP_NONE;

    CHECK_EQ_INT(cop_agent_start_link(&pid, &named, cop("[]")), 0);
    CHECK(cop_match(cop_agent_get("named", as_it_is, cop("[]")), "Pid", pid)); /* init ran there */
    CHECK_EQ_INT(cop_agent_start_with(&other, &named, cop("[]"), 0, NULL, &error), -COP_EALREADY);
    CHECK_MATCH(error, "{already_started, _}");
    CHECK_MATCH(cop_sys_get_state(pid), "Pid", pid);
}

/* What goes over the wire. */
CLAUSE(AGT_03)
{
    cop_pid witness = cop_spawn(witness_main, cop("Self", cop_self()));

    EXPECT("{_, ready}");
    cop_agent_cast(witness, add, 1);
    EXPECT("{_, {'$gen_cast', {cast, {c_function, _, 1}}}}");
    cop_send_request(witness, cop("{get, F}", cop_agent_function(as_it_is, cop("x"))));
    EXPECT("{_, {'$gen_call', _, {get, {c_function, _, x}}}}");
}

/* The state comes before the argument. also: AGT-05, AGT-06 */
CLAUSE(AGT_04)
{
    cop_pid agent = start(cop("5"));

    CHECK_TERM(cop_agent_get(agent, old_and_new, cop("x")), "{5,x}");
    CHECK_TERM(cop_agent_get(agent, add, 3), "8");
    CHECK_TERM(cop_agent_get(agent, as_it_is, cop("[]")), "5");
    CHECK_TERM(cop_agent_update(agent, add, 3), "ok");
    CHECK_TERM(cop_agent_get(agent, as_it_is, cop("[]")), "8");
}

struct asking {
    cop_pid agent;
    enum cop_agent_op op;
    cop_agent_fn *fn;
    cop_term arg;
    int64_t timeout_ms;
};

static void run_ask(void *arg)
{
    const struct asking *asking = arg;

    cop_agent_run(cop_dest(asking->agent), asking->op, asking->fn, asking->arg,
        &(struct cop_call_options){ .timeout_ms = asking->timeout_ms });
}

static cop_term exit_of(struct asking asking)
{
    cop_term reason = COP_NONE;

    CHECK_EQ_INT(TRY(run_ask, &asking, &reason), COP_CLASS_EXIT);
    return reason;
}

/* {Reply, NewState}; anything else ends the agent. */
CLAUSE(AGT_07)
{
    cop_pid agent = start(cop("{old, state}"));
    cop_ref ref = cop_monitor(agent);

    CHECK_TERM(cop_agent_get_and_update(agent, old_and_new, cop("{new, state}")), "{old,state}");
    CHECK_TERM(cop_agent_get(agent, as_it_is, cop("[]")), "{new,state}");
    CHECK_MATCH(exit_of((struct asking){ agent, COP_AGENT_GET_AND_UPDATE, who, cop("[]"), 0 }),
        "{{bad_return_value, _}, {gen_server, call, _}}");
    EXPECT_DOWN(ref, "{bad_return_value, _}");
}

/* cast, also to nobody. */
CLAUSE(AGT_08)
{
    cop_pid agent = start(cop("1"));

    cop_agent_cast(agent, add, 1);
    cop_agent_cast("nobody", add, 1);
    CHECK_TERM(cop_agent_get(agent, as_it_is, cop("[]")), "2");
}

/* The function runs in the agent, in the order in which requests come. also: AGT-13 */
CLAUSE(AGT_09)
{
    cop_pid agent = start(cop("1"));

    CHECK(cop_match(cop_agent_get(agent, who, cop("[]")), "Agent", agent));
    cop_agent_cast(agent, raise_it, cop("{sleep, 5, Self}", cop_self()));
    for (int i = 0; i < 100; i++)
        cop_agent_cast(agent, add, 1);
    CHECK_TERM(cop_agent_get(agent, as_it_is, cop("[]")), "101");
    EXPECT("slept"); /* before the get was answered */
}

/* What a function raises ends the agent. */
CLAUSE(AGT_10)
{
    cop_pid agent = start(cop("1"));
    cop_ref ref = cop_monitor(agent);

    CHECK_MATCH(exit_of((struct asking){ agent, COP_AGENT_GET, raise_it, cop("{error, e}"), 0 }),
        "{{e, _}, {gen_server, call, _}}");
    EXPECT_DOWN(ref, "{e, [_ | _]}");
    agent = start(cop("1"));
    ref = cop_monitor(agent);
    CHECK_MATCH(exit_of((struct asking){ agent, COP_AGENT_UPDATE, raise_it, cop("{exit, e}"), 0 }),
        "{e, {gen_server, call, _}}");
    EXPECT_DOWN(ref, "e");
    agent = start(cop("1"));
    ref = cop_monitor(agent);
    cop_agent_cast(agent, raise_it, cop("{throw, ball}"));
    EXPECT_DOWN(ref, "{bad_return_value, ball}");
}

/* What the function of the start raises. */
CLAUSE(AGT_11)
{
    struct cop_gen_options options = { .timeout_ms = 5 };
    cop_term error = COP_NONE;
    cop_pid pid;

    CHECK_EQ_INT(
        cop_agent_start_with(&pid, &raising, cop("{error, e}"), 0, NULL, &error), -COP_EEXIT);
    CHECK_MATCH(error, "{e, [_ | _]}");
    CHECK_EQ_INT(
        cop_agent_start_with(&pid, &raising, cop("{exit, e}"), 0, NULL, &error), -COP_EEXIT);
    CHECK_TERM(error, "e");
    CHECK_EQ_INT(
        cop_agent_start_with(&pid, &raising, cop("{throw, e}"), 0, NULL, &error), -COP_EEXIT);
    CHECK_TERM(error, "{bad_return_value,e}");
    CHECK_EQ_INT(cop_agent_start_with(
                     &pid, &raising, cop("{sleep, 20000, Self}", cop_self()), 0, &options, &error),
        -COP_ETIMEOUT);
}

/* After a time-out the function runs to its end, and nothing comes late. */
CLAUSE(AGT_12)
{
    cop_pid agent = start(cop("1"));

    CHECK_MATCH(exit_of((struct asking){
                    agent, COP_AGENT_GET, raise_it, cop("{sleep, 20, Self}", cop_self()), 5 }),
        "{timeout, {gen_server, call, [_, _, 5]}}");
    EXPECT("slept");
    CHECK_TERM(cop_agent_get(agent, as_it_is, cop("[]")), "1");
    NOTHING();
}

/* Other messages are logged and dropped; other calls end it. */
CLAUSE(AGT_14)
{
    cop_pid agent = start(cop("1"));
    cop_ref ref = cop_monitor(agent);

    watch_log();
    cop_send(agent, cop("hello"));
    EXPECT("{log, _, #{message := hello}, _}");
    unwatch_log();
    CHECK_TERM(cop_agent_get(agent, as_it_is, cop("[]")), "1");
    cop_send_request(agent, cop("{get, {c_function, 123456, x}}"));
    EXPECT_DOWN(ref, "{function_clause, _}");
}

/* Stopped like any server. */
CLAUSE(AGT_15)
{
    cop_pid agent = start(cop("1"));
    cop_ref ref = cop_monitor(agent);

    cop_stop_server(agent, cop("normal"), COP_INFINITY);
    EXPECT_DOWN(ref, "normal");
}

/* code_change with a function. */
CLAUSE(AGT_16)
{
    cop_pid agent = start(cop("1"));

    cop_sys_suspend(agent);
    CHECK_TERM(cop_sys_change_code_of(
                   cop_dest(agent), cop("agent"), cop("v"), cop_agent_function(add, cop("10")), 0),
        "ok");
    cop_sys_resume(agent);
    CHECK_TERM(cop_agent_get(agent, as_it_is, cop("[]")), "11");
}

struct tally {
    int64_t count;
};

static cop_term tally_init(void *state, cop_term arg)
{
    struct tally *tally = state;

    cop_must(cop_to_int(&tally->count, arg));
    return arg;
}

static cop_term tally_add(void *state, cop_term arg)
{
    struct tally *tally = state;
    int64_t n;

    cop_must(cop_to_int(&n, arg));
    return cop_int(tally->count += n);
}

static const cop_agent tally = {
    .name = "tally", .state_size = sizeof(struct tally), .init_struct = tally_init
};
static const cop_supervisor tree = {
    .children = COP_CHILDREN({ COP_AGENT_CHILD(&tally), .name = "tally", .arg = "7" }, ),
};

/* Under a supervisor, permanent; the state is a struct. */
CLAUSE(AGT_17)
{
    cop_pid supervisor, agent;
    cop_ref ref;

    CHECK_EQ_INT(cop_supervisor_start_link(&supervisor, &tree, NULL), 0);
    CHECK_TERM(cop_agent_get("tally", tally_add, 3), "10");
    CHECK_TERM(cop_agent_update("tally", tally_add, 3), "ok");
    cop_agent_cast("tally", tally_add, 3);
    CHECK_TERM(cop_agent_get_and_update("tally", tally_add, 0), "16");
    CHECK(cop_whereis(&agent, "tally"));
    ref = cop_monitor(agent);
    CHECK_MATCH(exit_of((struct asking){ agent, COP_AGENT_GET, as_it_is, cop("[]"), 0 }),
        "{{{badarg, _}, _}, _}");
    EXPECT("{'DOWN', Ref, process, _, _}", ref);
    while (!cop_whereis(&agent, "tally"))
        cop_sleep(1);
    CHECK_TERM(cop_agent_get("tally", tally_add, 0), "7");
}
