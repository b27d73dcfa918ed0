/* SPDX-License-Identifier: Apache-2.0 */
/* Clauses GS-31 to GS-57 and GS-87 to GS-89: call, cast, multi_call, requests without waiting,
 * reply. */
#include "conformance/told_server.h"
#include "otp/gen_int.h"

static bool no_register(cop_term key, cop_pid pid)
{
    (void)key, (void)pid;
    return false;
}

static void no_unregister(cop_term key)
{
    (void)key;
}

static bool no_whereis(cop_pid *ret_pid, cop_term key)
{
    (void)key, (void)ret_pid;
    return false;
}

static const cop_via_module nobody = { .name = "nobody",
    .register_name = no_register,
    .unregister_name = no_unregister,
    .whereis_name = no_whereis };

static cop_pid far_pid(void)
{
    return cop_pid_remote(cop_atom_new("far@away"), 1, 80, 2);
}

static bool far_whereis(cop_pid *ret_pid, cop_term key)
{
    (void)key;
    *ret_pid = far_pid();
    return true;
}

static const cop_via_module far = { .name = "far",
    .register_name = no_register,
    .unregister_name = no_unregister,
    .whereis_name = far_whereis };

static cop_pid dead_pid(void)
{
    cop_ref ref;
    cop_pid pid = cop_spawn_monitor(exit_main, cop("normal"), &ref);

    EXPECT("{'DOWN', Ref, process, _, _}", ref);
    return pid;
}

/* A plain process that gets a call sees {'$gen_call', {Caller, Tag}, Request}. */
CLAUSE(GS_31)
{
    cop_pid witness = cop_spawn(witness_main, cop("Self", cop_self()));

    CHECK_TERM(exit_of_call(cop_dest(witness), cop("what"), 1).word ? cop("ok") : COP_NONE, "ok");
    EXPECT("{Witness, {'$gen_call', {Self, _}, what}}", witness, cop_self());
}

static void calls_for_ever(cop_term server)
{
    cop_call(server, cop("what"), .timeout_ms = COP_INFINITY);
}

static void asks_for_ever(cop_term server)
{
    cop_sys_get_state_of(cop_dest(server), COP_INFINITY);
}

/* The tag of a call with a time-out and of a request is [alias | Ref]; that of a local call without
 * one is Ref, which is no alias. */
CLAUSE(GS_32)
{
    cop_pid witness = cop_spawn(witness_main, cop("Self", cop_self())), caller, idle;
    cop_ref tag, request;

    exit_of_call(cop_dest(witness), cop("what"), 1);
    EXPECT("{Witness, {'$gen_call', {_, [alias | Ref]}, what}}", witness, &tag);
    request = cop_send_request(witness, cop("this"));
    EXPECT("{Witness, {'$gen_call', {_, [alias | Ref]}, this}}", witness, request);

    caller = cop_spawn(calls_for_ever, cop("Witness", witness));
    EXPECT("{Witness, {'$gen_call', {Caller, Ref}, what}}", witness, caller, &tag);
    cop_send(tag, cop("no_alias"));
    cop_send(tag, cop("{Tag, no_alias}", tag));
    CHECK_TERM(cop_process_info(caller, "messages"), "{messages,[]}");
    caller = cop_spawn(asks_for_ever, cop("Witness", witness));
    EXPECT("{Witness, {system, {Caller, Ref}, get_state}}", witness, caller, &tag);

    idle = cop_spawn(idle_main, COP_NONE);
    caller = cop_spawn(calls_for_ever, cop("Idle", idle));
    while (!cop_match(cop_process_info(caller, "status"), "{status, waiting}"))
        cop_yield();
    CHECK_MATCH(cop_process_info(idle, "messages"),
        "{messages, [{'$gen_call', {Caller, Ref}, what}]}", caller, &tag);
}

/* Answers calls by hand: how is what to send the reply to. */
static void by_hand(cop_term how)
{
    cop_term tag;
    cop_pid caller;
    cop_ref alias;

    for (;;) {
        if (!cop_receive_match("{'$gen_call', {Caller, Tag}, _}", &caller, &tag))
            return;
        if (cop_match(how, "bare"))
            cop_send(caller, cop("{Tag, by_ref}", tag));
        else if (!cop_match(tag, "[alias | Alias]", &alias))
            return;
        else if (cop_match(how, "alias"))
            cop_send(alias, cop("{Tag, by_alias}", tag));
        else
            cop_send(caller, cop("{Tag, by_pid}", tag));
    }
}

/* A reply is the message {Tag, Reply}, to the alias or to the caller. */
CLAUSE(GS_33)
{
    CHECK_TERM(cop_call(cop_spawn(by_hand, cop("alias")), cop("q")), "by_alias");
    CHECK_TERM(cop_call(cop_spawn(by_hand, cop("pid")), cop("q")), "by_pid");
    CHECK_TERM(
        cop_call(cop_spawn(by_hand, cop("bare")), cop("q"), .timeout_ms = COP_INFINITY), "by_ref");
    NOTHING();
}

/* Nobody who says nothing waits more or less than 5000 ms. */
CLAUSE(GS_34)
{
    CHECK_EQ_INT(cop__gen_timeout(0), 5000);
}

/* The exit reason names the server and request, and the time-out where one was given. */
CLAUSE(GS_35)
{
    CHECK_TERM(exit_of_call(cop_dest("who"), cop("q"), 0), "{noproc,{gen_server,call,[who,q]}}");
    CHECK_TERM(
        exit_of_call(cop_dest("who"), cop("q"), 100), "{noproc,{gen_server,call,[who,q,100]}}");
    CHECK_TERM(exit_of_call(cop_dest("who"), cop("q"), COP_INFINITY),
        "{noproc,{gen_server,call,[who,q,infinity]}}");
}

/* noproc: a dead pid, a name that nobody has, here, by node, or in another registry. */
CLAUSE(GS_36)
{
    cop_pid dead = dead_pid();

    CHECK_MATCH(
        exit_of_call(cop_dest(dead), cop("q"), 0), "{noproc, {gen_server, call, [Dead, q]}}", dead);
    CHECK_MATCH(exit_of_call(cop_dest("who"), cop("q"), 0), "{noproc, _}");
    CHECK_MATCH(exit_of_call(cop_dest(cop("{who, Node}", cop_node())), cop("q"), 0), "{noproc, _}");
    CHECK_MATCH(exit_of_call(cop_via(&nobody, cop("x")), cop("q"), 0),
        "{noproc, {gen_server, call, [{via, nobody, x}, q]}}");
}

/* timeout; and a late reply never comes. */
CLAUSE(GS_37)
{
    cop_pid server = probe_new();

    CHECK_MATCH(exit_of_call(cop_dest(server), cop("{wait, {reply, late}}"), 1),
        "{timeout, {gen_server, call, [_, _, 1]}}");
    cop_send(server, cop("go_on"));
    CHECK_TERM(cop_call(server, cop("get")), "0");
    NOTHING();
}

/* A server that dies before it replies: its reason, whatever that is. */
CLAUSE(GS_38)
{
    cop_pid victim = cop_spawn(idle_main, cop_nil());

    CHECK_MATCH(exit_of_call(cop_dest(probe_new()), cop("{stop, normal}"), 0),
        "{normal, {gen_server, call, _}}");
    CHECK_MATCH(exit_of_call(cop_dest(probe_new()), cop("{stop, shutdown}"), 0),
        "{shutdown, {gen_server, call, _}}");
    CHECK_MATCH(exit_of_call(cop_dest(probe_new()), cop("{error, oops}"), 0),
        "{{oops, _}, {gen_server, call, _}}");
    CHECK_MATCH(exit_of_call(cop_dest(probe_new()), cop("{exit, {a, b}}"), 0),
        "{{a, b}, {gen_server, call, _}}");
    cop_exit_signal(victim, cop("kill"));
    CHECK_MATCH(exit_of_call(cop_dest(victim), cop("q"), 0), "{_, {gen_server, call, _}}");
    victim = probe_new();
    cop_send_after(2, victim, cop("{do, {exit, killed}}"));
    cop_send(victim, cop("{do, {noreply}}"));
    CHECK_MATCH(
        exit_of_call(cop_dest(victim), cop("{noreply}"), 0), "{killed, {gen_server, call, _}}");
}

/* Calling oneself. */
CLAUSE(GS_40)
{
    cop_register("me", cop_self());
    CHECK_MATCH(
        exit_of_call(cop_dest(cop_self()), cop("q"), 0), "{calling_self, {gen_server, call, _}}");
    CHECK_MATCH(
        exit_of_call(cop_dest("me"), cop("q"), 0), "{calling_self, {gen_server, call, [me, q]}}");
}

static void stop_far_name(void *arg)
{
    (void)arg;
    cop_stop_server(cop_name("who", "far@away"), cop("normal"), WAIT_MS);
}

static void stop_far_pid(void *arg)
{
    (void)arg;
    cop_stop_server(far_pid(), cop("normal"), WAIT_MS);
}

static void ask_far(void *arg)
{
    (void)arg;
    cop_sys_get_state(far_pid());
}

/* {nodedown, Node}: a pid or {Name, Node} of another node, when this one has no cluster; through
 * another registry it is noproc. */
CLAUSE(GS_39)
{
    cop_pid pid = far_pid();
    cop_term reason = COP_NONE;

    CHECK_MATCH(exit_of_call(cop_dest(pid), cop("q"), 0),
        "{{nodedown, 'far@away'}, {gen_server, call, [Pid, q]}}", pid);
    CHECK_MATCH(exit_of_call(cop_dest(pid), cop("q"), COP_INFINITY),
        "{{nodedown, 'far@away'}, {gen_server, call, [Pid, q, infinity]}}", pid);
    CHECK_MATCH(exit_of_call(cop_name("who", "far@away"), cop("q"), 0),
        "{{nodedown, 'far@away'}, {gen_server, call, [{who, 'far@away'}, q]}}");
    CHECK(!cop_try_call(&reason, pid, cop("q")));
    CHECK_TERM(reason, "{nodedown,far@away}");
    CHECK_MATCH(exit_of_call(cop_via(&far, cop("x")), cop("q"), 0),
        "{noproc, {gen_server, call, [{via, far, x}, q]}}");
    CHECK_EQ_INT(TRY(ask_far, NULL, &reason), COP_CLASS_EXIT);
    CHECK_MATCH(reason, "{{nodedown, 'far@away'}, {sys, get_state, [Pid]}}", pid);
    CHECK_EQ_INT(TRY(stop_far_pid, NULL, &reason), COP_CLASS_EXIT);
    CHECK_MATCH(reason, "{{nodedown, 'far@away'}, {sys, terminate, [Pid, normal, 20000]}}", pid);
    CHECK_EQ_INT(TRY(stop_far_name, NULL, &reason), COP_CLASS_EXIT);
    CHECK_MATCH(
        reason, "{{nodedown, 'far@away'}, {sys, terminate, [{who, 'far@away'}, normal, 20000]}}");
    NOTHING();
}

static void call_a_list(void *arg)
{
    (void)arg;
    cop_call(cop("[1]"), cop("q"));
}

/* A time-out or target that can never be right: the caller fails, nothing is sent. */
CLAUSE(GS_41)
{
    cop_term reason = COP_NONE;

    CHECK_MATCH(
        exit_of_call(cop_dest(cop_spawn(witness_main, cop("Self", cop_self()))), cop("q"), -5),
        "{{function_clause, _}, {gen_server, call, _}}");
    CHECK(TRY(call_a_list, NULL, &reason) != COP_CLASS_NONE);
    EXPECT("{_, ready}");
    NOTHING();
}

/* What the caller has sent before comes before the call. */
CLAUSE(GS_42)
{
    cop_pid server = probe_new();

    for (int i = 1; i <= 100; i++)
        cop_send(server, cop("{do, {set, N, {noreply}}}", i));
    CHECK_TERM(cop_call(server, cop("get")), "100");
}

/* A call leaves neither monitor nor message behind. */
CLAUSE(GS_43)
{
    cop_pid server = probe_new();

    for (int i = 0; i < 10; i++)
        cop_call(server, cop("get"));
    cop_call(server, cop("get"), .timeout_ms = COP_INFINITY);
    CHECK_TERM(cop_process_info(cop_self(), "monitors"), "{monitors,[]}");
    CHECK_TERM(cop_process_info(server, "monitored_by"), "{monitored_by,[]}");
    cop_exit_signal(server, cop("kill"));
    NOTHING();
}

/* A server that replies and dies: the reply. */
CLAUSE(GS_44)
{
    for (int i = 0; i < 50; i++)
        CHECK_TERM(cop_call(probe_new_how(START, "{forget_owner, {ok}}"),
                       cop("{stop, normal, last_word}")),
            "last_word");
}

/* --- cast ------------------------------------------------------------------------------------- */

/* {'$gen_cast', Request}; who is not there is not told of. */
CLAUSE(GS_45)
{
    cop_pid witness = cop_spawn(witness_main, cop("Self", cop_self()));

    cop_cast(witness, cop("news"));
    EXPECT("{_, {'$gen_cast', news}}");
    cop_cast(dead_pid(), cop("news"));
    cop_cast("nobody_here", cop("news"));
    cop_cast(cop("{nobody_here, Node}", cop_node()), cop("news"));
    cop_cast(cop("{nobody_here, 'no@where'}"), cop("news"));
    cop_cast(cop_via(&nobody, cop("x")), cop("news"));
}

static void cast_to_a_list(void *arg)
{
    (void)arg;
    cop_cast(cop("[1]"), cop("q"));
}

static void cast_to_nothing(void *arg)
{
    (void)arg;
    cop_cast_to((cop_dest){ 0, 0 }, cop("q"));
}

/* A cast to what is no target raises. */
CLAUSE(GS_46)
{
    cop_term reason = COP_NONE;

    CHECK_EQ_INT(TRY(cast_to_a_list, NULL, &reason), COP_CLASS_ERROR);
    CHECK_EQ_INT(TRY(cast_to_nothing, NULL, &reason), COP_CLASS_ERROR);
    CHECK_TERM(reason, "function_clause");
}

/* --- Many nodes
 * --------------------------------------------------------------------------------------------- */

static cop_pid named_probe(const char *name)
{
    cop_pid pid = { 0, 0 };

    CHECK_EQ_INT(PROBE_START(&pid, NULL, START, cop("{ok}"), .name = cop_dest_name(name)), 0);
    return pid;
}

/* abcast casts to the name on each node; by default on this and those connected. */
CLAUSE(GS_47)
{
    named_probe("here");
    cop_abcast(COP_NONE, "here", cop("one"));
    EXPECT("{cast, one}");
    cop_abcast(cop("[Node, 'no@where']", cop_node()), "here", cop("two"));
    EXPECT("{cast, two}");
}

/* multi_call: replies by node, and the nodes without one: no server, no such node, no reply in
 * time. */
CLAUSE(GS_48)
{
    cop_atom node = cop_node();

    named_probe("here");
    CHECK_MATCH(cop_multi_call(COP_NONE, "here", cop("{reply, yes}"), COP_INFINITY),
        "{[{Node, yes}], []}", node);
    CHECK_MATCH(cop_multi_call(cop("[Node]", node), "here", cop("{reply, yes}"), WAIT_MS),
        "{[{Node, yes}], []}", node);
    CHECK_MATCH(cop_multi_call(COP_NONE, "nobody", cop("q"), WAIT_MS), "{[], [Node]}", node);
    CHECK_MATCH(cop_multi_call(COP_NONE, "here", cop("{noreply}"), 1), "{[], [Node]}", node);
    CHECK_MATCH(
        cop_multi_call(cop("[Node, 'no@where']", node), "here", cop("{reply, yes}"), WAIT_MS),
        "{[{Node, yes}], ['no@where']}", node);
}

/* A tag is opaque: {Ref, Node} comes back as it was. */
CLAUSE(GS_49)
{
    cop_pid server = probe_new();
    cop_ref ref = cop_make_ref();

    cop_send(server,
        cop("{'$gen_call', {Self, {Ref, Node}}, {reply, yes}}", cop_self(), ref, cop_node()));
    EXPECT("{{Ref, _}, yes}", ref);
    cop_send(server, cop("{'$gen_call', {Self, tag}, {reply, yes}}", cop_self()));
    EXPECT("{tag, yes}");
}

/* A late reply to multi_call never comes. */
CLAUSE(GS_50)
{
    cop_pid server = named_probe("here");

    cop_multi_call(COP_NONE, "here", cop("{wait, {reply, late}}"), 1);
    cop_send(server, cop("go_on"));
    CHECK_TERM(cop_call(server, cop("get")), "0");
    NOTHING();
}

/* --- Requests without waiting
 * --------------------------------------------------------------------------------- */

/* send_request never fails; the failure shows when the response is fetched. */
CLAUSE(GS_51)
{
    cop_term result = COP_NONE;
    cop_pid dead = dead_pid();

    CHECK_EQ_INT(cop_receive_response(&result, cop_send_request("nobody_here", cop("q")), WAIT_MS),
        COP_RESPONSE_ERROR);
    CHECK_MATCH(result, "{noproc, nobody_here}");
    CHECK_EQ_INT(cop_receive_response(&result, cop_send_request(dead, cop("q")), WAIT_MS),
        COP_RESPONSE_ERROR);
    CHECK_MATCH(result, "{noproc, Dead}", dead);
}

/* receive_response: the reply, or the request is given up and its late reply dropped. */
CLAUSE(GS_52)
{
    cop_pid server = probe_new();
    cop_term result = COP_NONE;

    CHECK_EQ_INT(
        cop_receive_response(&result, cop_send_request(server, cop("get")), WAIT_MS), COP_RESPONSE);
    CHECK_TERM(result, "0");
    CHECK_EQ_INT(
        cop_receive_response(&result, cop_send_request(server, cop("{wait, {reply, late}}")), 1),
        COP_RESPONSE_TIMEOUT);
    cop_send(server, cop("go_on"));
    CHECK_TERM(cop_call(server, cop("get")), "0");
    NOTHING();
    CHECK_TERM(cop_process_info(cop_self(), "monitors"), "{monitors,[]}");
}

/* wait_response: after a time-out one may wait again. */
CLAUSE(GS_53)
{
    cop_pid server = probe_new();
    cop_term result = COP_NONE;
    cop_ref request = cop_send_request(server, cop("{wait, {reply, late}}"));

    CHECK_EQ_INT(cop_wait_response(&result, request, 1), COP_RESPONSE_TIMEOUT);
    cop_send(server, cop("go_on"));
    CHECK_EQ_INT(cop_wait_response(&result, request, WAIT_MS), COP_RESPONSE);
    CHECK_TERM(result, "late");
}

/* check_response looks at a message that has been received. */
CLAUSE(GS_54)
{
    cop_pid server = probe_new();
    cop_term result = COP_NONE, message;
    cop_ref request = cop_send_request(server, cop("{reply, yes}"));

    CHECK_EQ_INT(cop_check_response(&result, cop("something"), request), COP_NO_REPLY);
    message = cop_receive_within(WAIT_MS);
    CHECK_MATCH(message, "{[alias | Ref], yes}", request);
    CHECK_EQ_INT(cop_check_response(&result, message, request), COP_RESPONSE);
    CHECK_TERM(result, "yes");
    request = cop_send_request("nobody_here", cop("q"));
    CHECK_EQ_INT(
        cop_check_response(&result, cop_receive_within(WAIT_MS), request), COP_RESPONSE_ERROR);
    CHECK_MATCH(result, "{noproc, _}");
}

/* Collections: add, count, list, and a request twice is refused. */
CLAUSE(GS_56)
{
    cop_pid server = probe_new();
    cop_requests *requests = cop_requests_new();
    cop_ref request = cop_send_request(server, cop("{reply, one}"));

    CHECK_EQ_INT(cop_requests_size(requests), 0);
    CHECK_EQ_INT(cop_requests_add(requests, request, cop("{label, 1}")), 0);
    CHECK_EQ_INT(cop_requests_add(requests, request, cop("again")), -EEXIST);
    CHECK_MATCH(cop_requests_to_list(requests), "[{Ref, {label, 1}}]", request);
    cop_requests_send_to(requests, cop_dest(server), cop("{reply, two}"), cop("second"));
    CHECK_EQ_INT(cop_requests_size(requests), 2);
    cop_requests_free(requests);
    CHECK_TERM(cop_call(server, cop("get")), "0");
    NOTHING();
}

/* Collections: receive, wait and check give response and label; an empty one says so; a time-out of
 * receive gives all requests up. */
CLAUSE(GS_57)
{
    cop_pid server = probe_new();
    cop_requests *requests = cop_requests_new();
    cop_term result = COP_NONE, label = COP_NONE, message;

    CHECK_EQ_INT(cop_requests_receive(&result, &label, requests, WAIT_MS, true), COP_NO_REQUEST);
    CHECK_EQ_INT(cop_requests_check(&result, &label, requests, cop("m"), true), COP_NO_REQUEST);
    cop_requests_send_to(requests, cop_dest(server), cop("{reply, one}"), cop("first"));
    cop_requests_send_to(requests, cop_dest(server), cop("{reply, two}"), cop("second"));
    CHECK_EQ_INT(cop_requests_receive(&result, &label, requests, WAIT_MS, true), COP_RESPONSE);
    CHECK_TERM(cop("{R, L}", result, label), "{one,first}");
    CHECK_EQ_INT(cop_requests_wait(&result, &label, requests, WAIT_MS, false), COP_RESPONSE);
    CHECK_TERM(cop("{R, L}", result, label), "{two,second}");
    CHECK_EQ_INT(cop_requests_size(requests), 1);
    cop_requests_free(requests);

    requests = cop_requests_new();
    cop_requests_send_to(requests, cop_dest("nobody_here"), cop("q"), cop("third"));
    CHECK_EQ_INT(cop_requests_check(&result, &label, requests, cop("m"), true), COP_NO_REPLY);
    message = cop_receive_within(WAIT_MS);
    CHECK_EQ_INT(cop_requests_check(&result, &label, requests, message, true), COP_RESPONSE_ERROR);
    CHECK_TERM(cop("{R, L}", result, label), "{{noproc,nobody_here},third}");
    cop_requests_send_to(requests, cop_dest(server), cop("{wait, {reply, late}}"), cop("fourth"));
    CHECK_EQ_INT(cop_requests_wait(&result, &label, requests, 1, true), COP_RESPONSE_TIMEOUT);
    CHECK_EQ_INT(cop_requests_receive(&result, &label, requests, 1, true), COP_RESPONSE_TIMEOUT);
    cop_send(server, cop("go_on"));
    CHECK_TERM(cop_call(server, cop("get")), "0");
    NOTHING();
}

/* --- reply ------------------------------------------------------------------------------------ */

/* Calls with the time-out it is given, tells of the reply, and of what else comes. */
static void calls_and_tells(cop_term arg)
{
    cop_pid server, owner;
    int64_t timeout_ms;
    cop_term reply;

    cop_must(cop_match(arg, "{Server, Owner, Timeout}", &server, &owner, &timeout_ms));
    reply = cop_call(server, cop("{tell_from, {noreply}}"), .timeout_ms = timeout_ms);
    cop_send(owner, cop("{got, Reply}", reply));
    cop_receive_match("look");
    reply = cop_receive_within(0);
    cop_send(owner, cop("{then, Message}", cop_is_none(reply) ? cop("nothing") : reply));
}

static cop_pid call_and_tell(cop_pid server, int64_t timeout_ms)
{
    return cop_spawn(
        calls_and_tells, cop("{Server, Self, Timeout}", server, cop_self(), timeout_ms));
}

/* A second reply through an alias that is gone vanishes; to a bare Ref it comes as {Ref, Reply},
 * whoever gave the first: the server in its turn, or another process before it. */
CLAUSE(GS_88)
{
    cop_pid server = probe_new(), caller = call_and_tell(server, WAIT_MS);
    cop_term from = COP_NONE;
    cop_ref ref;

    EXPECT("{from, From}", &from);
    cop_reply_to(from, cop("once"));
    EXPECT("{got, once}");
    cop_reply_to(from, cop("twice"));
    cop_send(caller, cop("look"));
    EXPECT("{then, nothing}");

    caller = call_and_tell(server, COP_INFINITY);
    EXPECT("{from, From}", &from);
    CHECK_MATCH(from, "{Caller, Ref}", caller, &ref);
    cop_reply_to(from, cop("once"));
    EXPECT("{got, once}");
    cop_reply_to(from, cop("twice"));
    cop_send(caller, cop("look"));
    EXPECT("{then, {Ref, twice}}", ref);
}

/* Takes a call as one message, has another answer it first, then answers itself. */
static void second_to_answer(cop_term owner)
{
    cop_pid pid;
    cop_term from;

    cop_must(cop_to_pid(&pid, owner));
    cop_receive_match("{'$gen_call', From, _}", &from);
    cop_send(pid, cop("{from, From}", from));
    cop_receive_match("now");
    cop_reply_to(from, cop("second"));
    cop_send(pid, cop("answered"));
}

/* Any process that has From may reply; to a dead caller nothing happens. When the server itself is
 * the second to answer, that vanishes at an alias, and is one more message for a bare Ref; also
 * when the caller finds both answers at once. */
CLAUSE(GS_87)
{
    const int64_t timeouts[] = { WAIT_MS, COP_INFINITY, COP_INFINITY };
    cop_pid server = probe_new(), caller;
    cop_term from = COP_NONE, result = COP_NONE;
    cop_ref request = cop_send_request(server, cop("{tell_from, {noreply}}")), ref;

    EXPECT("{from, From}", &from);
    cop_reply_to(from, cop("from_elsewhere"));
    CHECK_EQ_INT(cop_receive_response(&result, request, WAIT_MS), COP_RESPONSE);
    CHECK_TERM(result, "from_elsewhere");
    cop_reply_to(cop("{Dead, [alias | Ref]}", dead_pid(), cop_make_ref()), cop("x"));
    cop_reply_to(cop("{Dead, Ref}", dead_pid(), cop_make_ref()), cop("x"));

    for (int i = 0; i < 3; i++) {
        server = cop_spawn(second_to_answer, cop("Self", cop_self()));
        caller = call_and_tell(server, timeouts[i]);
        EXPECT("{from, From}", &from);
        if (i == 2)
            CHECK_EQ_INT(cop_suspend_process(caller), 0);
        cop_reply_to(from, cop("first"));
        if (i < 2)
            EXPECT("{got, first}");
        cop_send(server, cop("now"));
        EXPECT("answered");
        if (i == 2) {
            CHECK_EQ_INT(cop_resume_process(caller), 0);
            EXPECT("{got, first}");
        }
        cop_send(caller, cop("look"));
        if (timeouts[i] == COP_INFINITY) {
            CHECK_MATCH(from, "{Caller, Ref}", caller, &ref);
            EXPECT("{then, {Ref, second}}", ref);
        } else {
            EXPECT("{then, nothing}");
        }
    }
}

/* From goes through another process and back, as it is. */
CLAUSE(GS_89)
{
    const int64_t timeouts[] = { WAIT_MS, COP_INFINITY };
    cop_term from = COP_NONE, again = COP_NONE;
    cop_pid echo = cop_spawn(witness_main, cop("Self", cop_self()));

    for (int i = 0; i < 2; i++) {
        call_and_tell(probe_new(), timeouts[i]);
        EXPECT("{from, From}", &from);
        cop_send(echo, from);
        EXPECT("{Echo, {Pid, Tag}}", echo, cop_tuple_at(from, 0), &again);
        cop_reply_to(cop("{Pid, Tag}", cop_tuple_at(from, 0), again), cop("round"));
        EXPECT("{got, round}");
    }
}
