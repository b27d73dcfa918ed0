/* SPDX-License-Identifier: Apache-2.0 */
/* Clauses GS-58 to GS-86 and GS-90 to GS-99: the loop of a generic server, what callbacks may
 * return, and how it ends. */
#include "conformance/told_server.h"

static cop_term next_event(void)
{
    return cop_receive_within(WAIT_MS);
}

/* {Kind, Message} of the server is what comes next. */
#define CHECK_NEXT(TEXT) CHECK_TERM(next_event(), TEXT)

static cop_pid monitored(const char *what, cop_ref *ret_ref)
{
    cop_pid pid = probe_new_how(START, what);

    *ret_ref = cop_monitor(pid);
    return pid;
}

/* Messages of all kinds are taken one at a time in the order they came. also: GS-59 */
CLAUSE(GS_58)
{
    cop_pid server = probe_new();
    cop_term result = COP_NONE;
    cop_ref request;

    cop_send(server, cop("one"));
    cop_cast(server, cop("two"));
    request = cop_send_request(server, cop("{set, 3, {reply, three}}"));
    cop_send(server, cop("{do, {set, 4, {noreply}}}"));
    CHECK_TERM(cop_sys_get_state(server), "#{note => undefined,terminate_by => 0,value => 4}");
    CHECK_NEXT("{info,one}");
    CHECK_NEXT("{cast,two}");
    CHECK_EQ_INT(cop_receive_response(&result, request, WAIT_MS), COP_RESPONSE);
    CHECK_TERM(result, "three");
}

/* The parent's exit ends a server that traps exits, and is not given to handle_info. also: GS-92 */
static void parent_main(cop_term owner)
{
    cop_pid pid, to;
    cop_term reason = COP_NONE;

    cop_must(cop_match(owner, "Owner", &to));
    cop_must(cop_gen_server_start_link(&pid, &probe, cop("{Owner, {trap, {ok}}}", to)));
    cop_send(to, cop("{server, Pid}", pid));
    cop_receive_match("{exit, Reason}", &reason);
    cop_exit(reason);
}

CLAUSE(GS_60)
{
    static const char *const reasons[] = { "shutdown", "normal", "oops" };

    for (int i = 0; i < 3; i++) {
        cop_pid parent = cop_spawn(parent_main, cop("Self", cop_self())), server = { 0, 0 };
        cop_term reason = cop_from_atom(cop_atom_new(reasons[i]));
        cop_ref ref;

        EXPECT("{server, Pid}", &server);
        ref = cop_monitor(server);
        cop_send(parent, cop("{exit, Reason}", reason));
        EXPECT("{terminate, Reason}", reason);
        EXPECT("{'DOWN', Ref, process, _, Reason}", ref, reason);
        NOTHING();
    }
}

/* Another process's exit is a message. */
CLAUSE(GS_61)
{
    cop_pid server = probe_new_how(START, "{trap, {ok}}");

    cop_exit_signal(server, cop("oops"));
    EXPECT("{info, {'EXIT', Self, oops}}", cop_self());
    CHECK_TERM(cop_call(server, cop("get")), "0");
}

/* A forged exit of the parent has the same effect; without a link the parent is the server itself.
 */
CLAUSE(GS_62)
{
    cop_ref ref;
    cop_pid server = monitored("{ok}", &ref);

    cop_send(server, cop("{'EXIT', Server, forged}", server));
    EXPECT("{terminate, forged}");
    EXPECT_DOWN(ref, "forged");
}

/* What was queued before the parent's exit is handled before it. */
CLAUSE(GS_63)
{
    cop_ref ref;
    cop_pid server = monitored("{ok}", &ref);

    cop_send(server, cop("{do, {wait, {noreply}}}"));
    cop_send(server, cop("before"));
    cop_send(server, cop("{'EXIT', Server, shutdown}", server));
    cop_send(server, cop("after"));
    cop_send(server, cop("go_on"));
    CHECK_NEXT("{info,before}");
    CHECK_NEXT("{terminate,shutdown}");
    EXPECT_DOWN(ref, "shutdown");
    NOTHING();
}

/* {reply, R, S}: the reply, and the server goes on. */
CLAUSE(GS_64)
{
    cop_pid server = probe_new();

    CHECK_TERM(
        cop_call(server, cop("{set, 9, {reply, {a, \"b\", [1, 2.5]}}}")), "{a,\"b\",[1,2.5]}");
    CHECK_TERM(cop_call(server, cop("get")), "9");
}

/* {reply, R, S, Action}: the reply first. */
CLAUSE(GS_65)
{
    cop_pid server = probe_new();

    CHECK_TERM(cop_call(server, cop("{reply, yes, {continue, on}}")), "yes");
    EXPECT("{continue, on}");
    CHECK_TERM(cop_call(server, cop("{reply, yes, 1}")), "yes");
    EXPECT("{info, timeout}");
}

/* {noreply, S}: somebody replies later. */
CLAUSE(GS_66)
{
    cop_pid server = probe_new();
    cop_ref request = cop_send_request(server, cop("{tell_from, {noreply, {continue, on}}}"));
    cop_term from = COP_NONE, result = COP_NONE;

    EXPECT("{from, From}", &from);
    EXPECT("{continue, on}");
    cop_reply_to(from, cop("later"));
    CHECK_EQ_INT(cop_receive_response(&result, request, WAIT_MS), COP_RESPONSE);
    CHECK_TERM(result, "later");
}

/* {stop, Reason, R, S}: terminate, then the reply, then the exit; the reply comes even if terminate
 * crashes. */
CLAUSE(GS_67)
{
    cop_ref ref;
    cop_pid server = monitored("{ok}", &ref);

    CHECK_TERM(cop_call(server, cop("{stop, shutdown, bye}")), "bye");
    CHECK(cop_receive_match_within(0, "{terminate, shutdown}"));
    EXPECT_DOWN(ref, "shutdown");
    server = monitored("{terminate_by, 1, {ok}}", &ref);
    CHECK_TERM(cop_call(server, cop("{stop, shutdown, bye}")), "bye");
    EXPECT_DOWN(ref, "{in_terminate, _}");
    /* the reason is a part of the request, which goes with the reply */
    server = monitored("{ok}", &ref);
    CHECK_TERM(cop_call(server, cop("{stop, {shutdown, {a, [1, 2], <<3>>}}, {}}")), "{}");
    EXPECT_DOWN(ref, "{shutdown, {a, [1, 2], <<3>>}}");
}

/* What a reply continues with may be a part of the request, which goes with the reply; the binary
 * is long enough to be shared. also: GS-83 */
CLAUSE(a_reply_and_what_follows_it)
{
    cop_pid server = probe_new();
    char bytes[4096];
    cop_term long_one;

    memset(bytes, 'x', sizeof bytes);
    for (int i = 0; i < 100; i++) {
        long_one = cop_binary(bytes, sizeof bytes);
        CHECK_TERM(cop_call(server, cop("{reply, ok, {continue, {see, Long}}}", long_one)), "ok");
        EXPECT("{continue, {see, Long}}", long_one);
        CHECK_TERM(cop_call(server, cop("{reply, ok, {timeout, 0, {see, Long}}}", long_one)), "ok");
        EXPECT("{info, {see, Long}}", long_one);
        cop_turn_end();
    }
}

/* {stop, Reason, S}: terminate and exit; the caller sees the reason. */
CLAUSE(GS_68)
{
    cop_pid server = probe_new();

    CHECK_MATCH(
        exit_of_call(cop_dest(server), cop("{stop, oops}"), 0), "{oops, {gen_server, call, _}}");
    EXPECT("{terminate, oops}");
}

/* Cast, info and continue may not reply. */
CLAUSE(GS_69)
{
    cop_ref ref;
    cop_pid server = monitored("{ok}", &ref);

    cop_cast(server, cop("{do, {reply, x}}"));
    EXPECT_DOWN(ref, "{bad_return_value, _}");
    server = monitored("{ok}", &ref);
    cop_send(server, cop("{do, {reply, x}}"));
    EXPECT_DOWN(ref, "{bad_return_value, _}");
    server = monitored("{ok}", &ref);
    cop_send(server, cop("{do, {noreply, {continue, {do, {reply, x}}}}}"));
    EXPECT_DOWN(ref, "{bad_return_value, _}");
    server = monitored("{ok}", &ref);
    cop_send(server, cop("{do, {noreply, {continue, {do, {stop, done}}}}}"));
    EXPECT_DOWN(ref, "done");
    server = monitored("{ok}", &ref);
    cop_cast(server, cop("{do, {stop, done}}"));
    EXPECT_DOWN(ref, "done");
}

/* Any other value ends the server with {bad_return_value, V}; terminate sees the state as it was.
 */
CLAUSE(GS_70)
{
    cop_ref ref;
    cop_pid server = monitored("{ok}", &ref);

    cop_send(server, cop("{do, bad}"));
    EXPECT("{terminate, {bad_return_value, _}}");
    EXPECT_DOWN(ref, "{bad_return_value, _}");
    server = monitored("{ok}", &ref);
    cop_send(server, cop("{do, {ok}}"));
    EXPECT_DOWN(ref, "{bad_return_value, _}");
    server = monitored("{ok}", &ref);
    cop_send(server, cop("{do, ignore}"));
    EXPECT_DOWN(ref, "{bad_return_value, ignore}");
    server = monitored("{ok}", &ref);
    cop_send(server, cop("{do, {init_error, why}}"));
    EXPECT_DOWN(ref, "{bad_return_value, {error, why}}");
}

/* A thrown value is what the callback returned. */
CLAUSE(GS_71)
{
    cop_ref ref;
    cop_pid server = monitored("{ok}", &ref);

    CHECK_TERM(cop_call(server, cop("{set, 5, {throw, {reply, thrown, state}}}")), "thrown");
    CHECK_TERM(cop_call(server, cop("get")), "5");
    cop_send(server, cop("{do, {throw, {noreply, state, {continue, on}}}}"));
    EXPECT("{continue, on}");
    CHECK_TERM(cop_call(server, cop("{throw, {reply, again, state, 1}}")), "again");
    EXPECT("{info, timeout}");
    CHECK_TERM(cop_call(server, cop("{throw, {stop, shutdown, bye, state}}")), "bye");
    EXPECT_DOWN(ref, "shutdown");
    server = monitored("{ok}", &ref);
    cop_send(server, cop("{do, {throw, ball}}"));
    EXPECT_DOWN(ref, "{bad_return_value, ball}");
    server = monitored("{ok}", &ref);
    cop_send(server, cop("{do, {throw, {stop, shutdown, state}}}"));
    EXPECT_DOWN(ref, "shutdown");
    server = monitored("{ok}", &ref);
    cop_call(server, cop("{throw, {reply, ok, state, hibernate}}"));
    CHECK(hibernates(server));
}

/* error(R): terminate({R, Stack}) and exit so; exit(R): terminate(R) and exit so. also: GS-91,
 * GS-98 */
CLAUSE(GS_72)
{
    cop_ref ref;
    cop_pid server = monitored("{ok}", &ref);

    cop_send(server, cop("{do, {error, oops}}"));
    EXPECT("{terminate, {oops, _}}");
    EXPECT_DOWN(ref, "{oops, _}");
    server = monitored("{ok}", &ref);
    cop_cast(server, cop("{do, {exit, oops}}"));
    EXPECT("{terminate, oops}");
    EXPECT_DOWN(ref, "oops");
    server = monitored("{ok}", &ref);
    CHECK_MATCH(exit_of_call(cop_dest(server), cop("unhandled"), 0), "{{function_clause, _}, _}");
    EXPECT_DOWN(ref, "{function_clause, _}");
    server = monitored("{ok}", &ref); /* a throw that continues, and the continue raises too */
    cop_send(server, cop("{do, {throw, {noreply, state, {continue, {do, {error, after}}}}}}"));
    EXPECT("{terminate, {after, _}}");
    EXPECT_DOWN(ref, "{after, [_ | _]}");
    server = monitored("{ok, {continue, {do, {error, early}}}}", &ref);
    EXPECT("{terminate, {early, _}}");
    EXPECT("{'DOWN', Ref, process, _, _}", ref);
}

static const cop_gen_server bare = {
    .module = "bare",
    .state_size = sizeof(struct probe),
    .init = probe_init,
};

/* Callbacks that are not there: a message is logged and dropped; a cast, a call or a continue ends
 * the server; terminate is as if it had returned. also: GS-106 */
CLAUSE(GS_73)
{
    static cop_gen_server mute;
    cop_pid server;
    cop_ref ref;

    watch_log();
    CHECK_EQ_INT(
        cop_gen_server_start_monitor(&server, &ref, &bare, cop("{Self, {ok}}", cop_self())), 0);
    cop_send(server, cop("what"));
    EXPECT(
        "{log, 4, #{label := {gen_server, no_handle_info}, module := bare, message := what}, _}");
    unwatch_log();
    cop_cast(server, cop("news"));
    EXPECT_DOWN(ref, "{undef, [{bare, handle_cast, _, _} | _]}");
    CHECK_EQ_INT(cop_gen_server_start_monitor(
                     &server, &ref, &bare, cop("{Self, {ok, {continue, x}}}", cop_self())),
        0);
    EXPECT_DOWN(ref, "{undef, [{bare, handle_continue, _, _} | _]}");
    CHECK_EQ_INT(
        cop_gen_server_start_monitor(&server, &ref, &bare, cop("{Self, {ok}}", cop_self())), 0);
    cop_stop_server(server, cop("normal"), WAIT_MS);
    EXPECT_DOWN(ref, "normal");
    mute = bare;
    mute.handle_call = NULL;
    CHECK_EQ_INT(
        cop_gen_server_start_monitor(&server, &ref, &mute, cop("{Self, {ok}}", cop_self())), 0);
    cop_send_request(server, cop("q"));
    EXPECT_DOWN(ref, "{function_clause, _}");
}

/* undef raised inside a handle_info that is there is a crash as any. */
CLAUSE(GS_74)
{
    cop_ref ref;
    cop_pid server = monitored("{ok}", &ref);

    cop_send(server, cop("{do, {error, undef}}"));
    EXPECT("{terminate, {undef, _}}");
    EXPECT_DOWN(ref, "{undef, _}");
}

/* --- Actions ---------------------------------------------------------------------------------- */

/* A time-out comes when no message does, is cancelled by any, and comes once. */
CLAUSE(GS_76)
{
    cop_pid server = probe_new();
    int64_t start = cop_monotonic_ms();

    cop_send(server, cop("{do, {noreply, 20}}"));
    EXPECT("{info, timeout}");
    CHECK(cop_monotonic_ms() - start >= 20);
    NOTHING();
    cop_send(server, cop("{do, {noreply, 10}}"));
    cop_send(server, cop("other"));
    EXPECT("{info, other}");
    NOTHING();
}

/* Time-out 0: what is queued wins; on an empty mailbox it comes. */
CLAUSE(GS_77)
{
    cop_pid server = probe_new();

    cop_send(server, cop("{do, {wait, {noreply, 0}}}"));
    cop_send(server, cop("first"));
    cop_send(server, cop("go_on"));
    CHECK_NEXT("{info,first}");
    NOTHING();
    cop_send(server, cop("{do, {noreply, 0}}"));
    CHECK_NEXT("{info,timeout}");
}

/* A system message restarts the time-out. */
CLAUSE(GS_78)
{
    cop_pid server = probe_new();
    int64_t last;

    cop_send(server, cop("{do, {noreply, 40}}"));
    cop_sleep(20);
    last = cop_monotonic_ms();
    cop_sys_get_state(server);
    EXPECT("{info, timeout}");
    CHECK(cop_monotonic_ms() - last >= 40);
}

/* infinity is no time-out. */
CLAUSE(GS_79)
{
    cop_send(probe_new(), cop("{do, {noreply, infinity}}"));
    NOTHING();
}

/* --- Continues without end
 * ---------------------------------------------------------------------------- */

enum { CHAIN = 100000, HEAP_MAX = 64 * 1024 };

/* Counts down in continues, or in messages of {timeout, 0, Message}; replies at the end. */
static cop_step chain_next(void *state, cop_term what)
{
    struct probe *p = state;
    cop_step step = cop_noreply();
    cop_term how;
    int64_t left;

    cop_must(cop_match(what, "{How, Left, _}", &how, &left));
    p->value++;
    if (left > 0) {
        what = cop("{How, Left, \"some more words\"}", how, left - 1);
        if (cop_match(how, "timeout"))
            step = cop_noreply(.timeout_ms = COP_AT_ONCE, .timeout = what);
        else
            step.then = what;
    } else if (left == 0 && cop_match(how, "timeout")) {
        probe_tell(p, "end", cop("{Note, N}", p->note, p->value));
    } else if (left == 0) {
        cop_reply_to(cop_caller(), cop("{Note, N}", p->note, p->value));
    } else {
        step.then = cop("{How, -1, \"for ever\"}", how);
    }
    return step;
}

static cop_step chain_call(void *state, cop_term request)
{
    struct probe *p = state;

    p->value = 0;
    cop_keep(&p->note, cop("{kept, Request}", request));
    return cop_noreply(.then = request);
}

static cop_step chain_init(void *state, cop_term arg)
{
    struct probe *p = state;
    cop_term what;

    cop_must(cop_match(arg, "{Owner, What}", &p->owner, &what));
    return cop_match(what, "idle") ? cop_ok() : cop_ok(.then = what);
}

static const cop_gen_server chain = {
    .module = "chain",
    .state_size = sizeof(struct probe),
    .init = chain_init,
    .handle_call = chain_call,
    .handle_info = chain_next,
    .handle_continue = chain_next,
};

static cop_pid chain_new(cop_term what, cop_ref *ret_monitor)
{
    cop_term arg = cop("{Self, What}", cop_self(), what);
    cop_pid pid = { 0, 0 };

    CHECK_EQ_INT(cop_gen_server_start_monitor(
                     &pid, ret_monitor, &chain, arg, .spawn = { .heap_size_max = HEAP_MAX }),
        0);
    return pid;
}

/* {timeout, T, M}: M comes instead; system messages do not matter; T = 0 is before what is queued;
 * a message cancels it; infinity starts nothing. One after another for ever takes no memory. */
CLAUSE(GS_80)
{
    cop_pid server = probe_new();
    int64_t start = cop_monotonic_ms();

    cop_send(server, cop("{do, {noreply, {timeout, 60, it_is_time}}}"));
    cop_sleep(30);
    cop_sys_get_state(server);
    EXPECT("{info, it_is_time}");
    CHECK(cop_monotonic_ms() - start >= 60);
    cop_send(server, cop("{do, {wait, {noreply, {timeout, 0, now}}}}"));
    cop_send(server, cop("queued"));
    cop_send(server, cop("go_on"));
    CHECK_NEXT("{info,now}");
    CHECK_NEXT("{info,queued}");
    cop_send(server, cop("{do, {noreply, {timeout, 5, never}}}"));
    cop_send(server, cop("other"));
    CHECK_NEXT("{info,other}");
    NOTHING();
    cop_send(server, cop("{do, {noreply, {timeout, infinity, never}}}"));
    NOTHING();
    cop_send(server, cop("{do, {noreply, {timeout_abs, T, at_last}}}", cop_monotonic_ms() + 3));
    CHECK_NEXT("{info,at_last}");

    server = chain_new(cop("idle"), &(cop_ref){ 0 });
    cop_send(server, cop("{timeout, N, start}", CHAIN));
    EXPECT("{'end', {_, N}}", CHAIN + 1);
}

/* {hibernate, T, M}: the same while hibernating. */
CLAUSE(GS_81)
{
    cop_pid server = probe_new();

    cop_send(server, cop("{do, {noreply, {hibernate, 30, wake}}}"));
    CHECK_NEXT("{info,wake}");
    cop_send(server, cop("{do, {noreply, {hibernate, 5, never}}}"));
    cop_send(server, cop("other"));
    CHECK_NEXT("{info,other}");
    NOTHING();
}

/* hibernate: until the next message; a system message is served and it goes back to sleep.
 * also: SYS-25 */
CLAUSE(GS_82)
{
    cop_pid server = probe_new();

    cop_call(server, cop("{reply, ok, hibernate}"));
    CHECK(hibernates(server));
    cop_sys_get_state(server);
    CHECK(hibernates(server));
    cop_call(server, cop("{set, 1, {reply, ok}}"));
    CHECK(cop_match(cop_process_info(server, "current_function"),
              "{current_function, {erlang, hibernate, 3}}") == false);
    CHECK_TERM(cop_call(server, cop("get")), "1");
}

/* {continue, C} runs before any queued message, also a system message; the reply before it; they
 * chain, and each is a turn of its own: what is not kept is gone, so memory stays as it is. A
 * server that goes on for ever does not keep others from running, and can be killed. */
CLAUSE(GS_83)
{
    cop_pid server = probe_new();
    cop_ref monitor = { 0 };
    cop_term result = COP_NONE;
    cop_ref request;

    cop_send(server, cop("{do, {wait, {noreply}}}"));
    request = cop_send_request(
        server, cop("{reply, yes, {continue, {do, {noreply, {continue, second}}}}}"));
    cop_send(server, cop("queued"));
    cop_send(server, cop("go_on"));
    CHECK_EQ_INT(cop_receive_response(&result, request, WAIT_MS), COP_RESPONSE);
    CHECK_TERM(result, "yes");
    CHECK_NEXT("{continue,second}");
    CHECK_NEXT("{info,queued}");

    server = chain_new(cop("idle"), &monitor);
    CHECK_MATCH(cop_call(server, cop("{continue, N, start}", CHAIN), .timeout_ms = WAIT_MS),
        "{{kept, {continue, N, start}}, M}", CHAIN, CHAIN + 1);
    cop_send(server, cop("{'$gen_call', {Self, tag}, {continue, N, start}}", cop_self(), CHAIN));
    EXPECT("{tag, {{kept, {continue, N, start}}, M}}", CHAIN, CHAIN + 1);
    server = chain_new(cop("{continue, -1, start}"), &monitor);
    cop_exit_signal(server, cop("kill"));
    EXPECT_DOWN(monitor, "killed");
}

/* The starter is released before the continue of init, which runs before any message, also one that
 * the server sent itself in init. */
CLAUSE(GS_84)
{
    cop_pid server = probe_new_how(
        START, "{send_self, own, {ok, {continue, {do, {wait, {noreply, {continue, done}}}}}}}");

    cop_send(server, cop("ours"));
    NOTHING();
    cop_send(server, cop("go_on"));
    CHECK_NEXT("{continue,done}");
    CHECK_NEXT("{info,own}");
    CHECK_NEXT("{info,ours}");
}

/* hibernate_after: idle for that long, it hibernates. */
CLAUSE(GS_85)
{
    cop_pid server = { 0, 0 };

    CHECK_EQ_INT(PROBE_START(&server, NULL, START, cop("{ok}"), .hibernate_after_ms = 3), 0);
    CHECK(hibernates(server));
    cop_call(server, cop("{set, 1, {reply, ok}}"));
    CHECK(hibernates(server));
    NOTHING();
}

/* What is no action is a bad return value. */
CLAUSE(GS_86)
{
    cop_ref ref;
    cop_pid server = monitored("{ok}", &ref);

    cop_send(server, cop("{do, {noreply, -5}}"));
    EXPECT_DOWN(ref, "{bad_return_value, _}");
}

/* --- The end ---------------------------------------------------------------------------------- */

/* A stop's reason goes to terminate, from every callback. */
CLAUSE(GS_90)
{
    static const char *const texts[] = { "normal", "shutdown", "{shutdown,why}", "odd" };

    for (size_t i = 0; i < 4; i++) {
        cop_ref ref;
        cop_pid server = monitored("{ok}", &ref);
        cop_term reason = COP_NONE;

        cop_parse(&reason, (cop_bytes){ texts[i], strlen(texts[i]) }, NULL);
        cop_send(server, cop("{do, {stop, Reason}}", reason));
        EXPECT("{terminate, Reason}", reason);
        EXPECT("{'DOWN', Ref, process, _, Reason}", ref, reason);
    }
}

/* A system terminate: its reason. */
CLAUSE(GS_93)
{
    cop_ref ref;
    cop_pid server = monitored("{ok}", &ref);

    cop_sys_terminate(server, cop("enough"));
    EXPECT("{terminate, enough}");
    EXPECT_DOWN(ref, "enough");
}

/* The parent's exit while suspended: what was queued before is not handled. */
CLAUSE(GS_94)
{
    cop_ref ref;
    cop_pid server = monitored("{ok}", &ref);

    cop_sys_suspend(server);
    cop_send(server, cop("queued"));
    cop_send(server, cop("{'EXIT', Server, shutdown}", server));
    CHECK_NEXT("{terminate,shutdown}");
    EXPECT_DOWN(ref, "shutdown");
    NOTHING();
}

/* A fatal exit signal, or kill: terminate does not run. */
CLAUSE(GS_95)
{
    cop_ref ref;
    cop_pid server = monitored("{ok}", &ref);

    cop_exit_signal(server, cop("oops"));
    EXPECT_DOWN(ref, "oops");
    server = monitored("{trap, {ok}}", &ref);
    cop_exit_signal(server, cop("kill"));
    EXPECT_DOWN(ref, "killed");
    NOTHING();
}

/* What terminate returns or throws does not matter. */
CLAUSE(GS_96)
{
    cop_ref ref;
    cop_pid server = monitored("{terminate_by, 3, {ok}}", &ref);

    cop_send(server, cop("{do, {stop, done}}"));
    EXPECT("{terminate, done}");
    EXPECT_DOWN(ref, "done");
}

/* A terminate that raises or exits gives the reason. */
CLAUSE(GS_97)
{
    cop_ref ref;
    cop_pid server = monitored("{terminate_by, 1, {ok}}", &ref);

    cop_send(server, cop("{do, {stop, done}}"));
    EXPECT_DOWN(ref, "{in_terminate, _}");
    server = monitored("{terminate_by, 2, {ok}}", &ref);
    cop_send(server, cop("{do, {error, oops}}"));
    EXPECT_DOWN(ref, "in_terminate");
}

struct stopping {
    cop_pid pid;
    int64_t timeout_ms;
};

static void run_stop(void *arg)
{
    const struct stopping *stopping = arg;

    cop_stop_server(stopping->pid, cop("normal"), stopping->timeout_ms);
}

/* stop waits behind what is queued, and for the end; what goes wrong is the caller's exit. */
CLAUSE(GS_99) /* also: P-132, P-133 */
{
    cop_ref ref;
    cop_pid server = monitored("{ok}", &ref);
    struct stopping stopping = { server, WAIT_MS };
    cop_term reason = COP_NONE;

    cop_send(server, cop("first"));
    cop_stop_server(server, cop("normal"), WAIT_MS);
    CHECK(!cop_is_alive(server));
    CHECK_NEXT("{info,first}");
    CHECK_NEXT("{terminate,normal}");
    EXPECT_DOWN(ref, "normal");
    CHECK_EQ_INT(TRY(run_stop, &stopping, &reason), COP_CLASS_EXIT);
    CHECK_TERM(reason, "noproc");
    stopping.pid = cop_self();
    CHECK_EQ_INT(TRY(run_stop, &stopping, &reason), COP_CLASS_EXIT);
    CHECK_MATCH(reason, "{calling_self, {sys, terminate, [_, normal, _]}}");
    stopping.pid = probe_new();
    stopping.timeout_ms = 2;
    cop_send(stopping.pid, cop("{do, {wait, {noreply}}}"));
    CHECK_EQ_INT(TRY(run_stop, &stopping, &reason), COP_CLASS_EXIT);
    CHECK_TERM(reason, "timeout");
}
