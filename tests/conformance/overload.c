/* SPDX-License-Identifier: Apache-2.0 */
/* Bounded mailboxes, batches, circles of calls and supervisors that wait (docs/spec/overload.md).
 */
#include "conformance/supervised.h"

#include <coppice/dynamic_supervisor.h>
#include <coppice/gen_server.h>
#include <coppice/mailbox.h>

/* --- Bounded mailboxes --------------------------------------------------------------------------
 */

/* Bounds its mailbox, and takes nothing out of it. */
static void holder_main(cop_term arg)
{
    struct cop_mailbox mailbox = { .messages_max = 0 };
    int64_t max = 0, bytes = 0, policy = 0, high = 0, low = 0;
    cop_pid parent;

    cop_must(cop_match(arg, "{Parent, Max, Bytes, Policy, High, Low}", &parent, &max, &bytes,
        &policy, &high, &low));
    mailbox.messages_max = (uint32_t)max;
    mailbox.bytes_max = (size_t)bytes;
    mailbox.when_full = (enum cop_when_full)policy;
    mailbox.high_water = (uint32_t)high;
    mailbox.low_water = (uint32_t)low;
    mailbox.alarm_to = parent;
    cop_mailbox_set(&mailbox);
    cop_send(parent, cop("ready"));
    for (;;)
        cop_sleep(COP_INFINITY);
}

/* A server that can be kept busy, so that messages wait. */
struct slow {
    int64_t handled;
};

static cop_step slow_init(void *state, cop_term arg)
{
    struct cop_mailbox mailbox = { .messages_max = 0 };
    int64_t max = 0, bytes = 0, policy = 0, skip = 0;

    (void)state;
    cop_must(cop_match(arg, "{Max, Bytes, Policy, Skip}", &max, &bytes, &policy, &skip));
    mailbox.messages_max = (uint32_t)max;
    mailbox.bytes_max = (size_t)bytes;
    mailbox.when_full = (enum cop_when_full)policy;
    mailbox.skip_given_up = skip;
    cop_mailbox_set(&mailbox);
    return cop_ok();
}

static cop_step slow_call(void *state, cop_term request)
{
    struct slow *slow = state;
    int64_t ms;

    if (cop_match(request, "{sleep, Ms}", &ms)) {
        cop_sleep(ms);
        return cop_reply(cop("ok"));
    }
    slow->handled++;
    return cop_reply(cop("N", slow->handled));
}

static cop_step slow_cast(void *state, cop_term request)
{
    int64_t ms;

    if (cop_match(request, "{sleep, Ms}", &ms))
        cop_sleep(ms);
    else
        ((struct slow *)state)->handled++;
    return cop_noreply();
}

static const cop_gen_server slow_server = { .module = "slow",
    .state_size = sizeof(struct slow),
    .init = slow_init,
    .handle_call = slow_call,
    .handle_cast = slow_cast };

static cop_pid start_slow(int64_t max, int64_t bytes, enum cop_when_full policy, bool skip)
{
    cop_pid pid = { 0, 0 };

    CHECK_EQ_INT(cop_gen_server_start(&pid, &slow_server,
                     cop("{Max, Bytes, Policy, Skip}", max, bytes, (int64_t)policy, (int64_t)skip)),
        0);
    return pid;
}

static cop_pid start_holder(
    int64_t max, int64_t bytes, enum cop_when_full policy, int64_t high, int64_t low)
{
    cop_pid pid = cop_spawn(holder_main, cop("{Self, Max, Bytes, Policy, High, Low}", cop_self(),
                                             max, bytes, (int64_t)policy, high, low));

    EXPECT("ready");
    return pid;
}

static struct cop_mailbox_counts statistics_of(cop_pid pid)
{
    struct cop_mailbox_counts now = { .sent = 0 };

    CHECK(cop_mailbox_statistics(&now, pid));
    return now;
}

static enum cop_send_result send_to(cop_pid pid)
{
    return cop_send_flags(cop_dest(pid), cop("message"), 0);
}

/* No bound, no statistics, until it is set. */
CLAUSE(OVL_01)
{
    struct cop_mailbox_counts now;
    cop_pid pid = cop_spawn(idle_main, COP_NONE);

    for (int i = 0; i < 1000; i++)
        CHECK_EQ_INT(send_to(pid), COP_SEND_OK);
    CHECK(!cop_mailbox_statistics(&now, pid));
    cop_send(cop_self(), cop("before"));
    cop_mailbox_set(&(struct cop_mailbox){ .messages_max = 1 });
    CHECK(cop_mailbox_statistics(&now, cop_self()));
    CHECK_EQ_INT(now.messages, 0);
    CHECK_EQ_INT(send_to(cop_self()), COP_SEND_OK);
    CHECK_EQ_INT(send_to(cop_self()), COP_SEND_OVERLOAD);
    EXPECT("before");
    EXPECT("message");
    NOTHING();
}

/* A call to a full mailbox ends at once; who asks is told; who does not, is not. */
CLAUSE(OVL_02)
{
    cop_pid pid = start_slow(2, 0, COP_REFUSE, false);
    struct cop_mailbox_counts now;
    cop_term reply;

    cop_cast(pid, cop("{sleep, 100000}"));
    while (statistics_of(pid).handled < 1)
        cop_yield();
    CHECK(cop_try_cast(pid, cop("a")));
    CHECK_EQ_INT(send_to(pid), COP_SEND_OK);
    CHECK(!cop_try_cast(pid, cop("b")));
    CHECK_EQ_INT(send_to(pid), COP_SEND_OVERLOAD);
    CHECK(!cop_try_call(&reply, pid, cop("count"), .timeout_ms = COP_INFINITY));
    CHECK_TERM(reply, "overload");
    cop_cast(pid, cop("c"));
    cop_send(pid, cop("d"));
    now = statistics_of(pid);
    CHECK_EQ_INT(now.refused, 5);
    CHECK_EQ_INT(now.messages, 2);
    CHECK_EQ_INT(now.sent, 8);
}

static void call_main(cop_term arg)
{
    cop_pid pid;

    cop_must(cop_match(arg, "Pid", &pid));
    cop_call(pid, cop("count"), .timeout_ms = 30);
}

static void call_forever_main(cop_term arg)
{
    cop_pid pid;

    cop_must(cop_match(arg, "Pid", &pid));
    cop_call(pid, cop("count"), .timeout_ms = COP_INFINITY);
}

/* As if it had been sent to nobody. */
CLAUSE(OVL_03)
{
    cop_pid pid = start_holder(2, 0, COP_DROP_NEWEST, 0, 0);
    cop_ref ref;

    for (int i = 0; i < 5; i++)
        CHECK_EQ_INT(send_to(pid), COP_SEND_OK);
    CHECK_EQ_INT(statistics_of(pid).messages, 2);
    CHECK_EQ_INT(statistics_of(pid).dropped, 3);
    cop_spawn_monitor(call_main, cop("Pid", pid), &ref);
    EXPECT("{'DOWN', Ref, process, _, {overload, _}}", ref);
    CHECK_EQ_INT(statistics_of(pid).dropped, 4);
    CHECK_EQ_INT(statistics_of(pid).refused, 0);
}

/* The newest stay, in order. */
CLAUSE(OVL_04)
{
    cop_mailbox_set(&(struct cop_mailbox){ .messages_max = 3, .when_full = COP_DROP_OLDEST });
    for (int64_t i = 1; i <= 10; i++)
        cop_send(cop_self(), cop("N", i));
    for (int64_t i = 8; i <= 10; i++)
        EXPECT("N", i);
    NOTHING();
    CHECK_EQ_INT(statistics_of(cop_self()).dropped, 7);
    CHECK_EQ_INT(statistics_of(cop_self()).handled, 3);
    /* those that are fetched already are as many again, until the next look */
    for (int64_t i = 1; i <= 3; i++)
        cop_send(cop_self(), cop("N", i));
    CHECK(!cop_receive_match_within(0, "none"));
    for (int64_t i = 4; i <= 6; i++)
        cop_send(cop_self(), cop("N", i));
    CHECK(!cop_receive_match_within(0, "none"));
    for (int64_t i = 4; i <= 6; i++)
        EXPECT("N", i);
    NOTHING();
}

static void flooder_main(cop_term arg)
{
    cop_pid pid, parent;
    int64_t count;

    cop_must(cop_match(arg, "{Pid, Parent, Count}", &pid, &parent, &count));
    for (int64_t i = 0; i < count; i++)
        cop_cast(pid, cop("I", i));
    cop_send(parent, cop("sent"));
}

static void dropped_call(void)
{
    cop_pid pid = start_holder(1, 0, COP_DROP_OLDEST, 0, 0);
    cop_ref ref;

    cop_spawn_monitor(call_forever_main, cop("Pid", pid), &ref);
    while (!statistics_of(pid).messages)
        cop_yield();
    send_to(pid);
    EXPECT("{'DOWN', Ref, process, _, {overload, _}}", ref);
    CHECK_EQ_INT(statistics_of(pid).dropped, 1);
}

/* A call that was dropped ends.
 * also: OVL-04 */
TEST(a_dropped_call_ends)
{
    node_run(dropped_call, 1);
    node_run(dropped_call, 2);
}

/* Senders wait, and everything comes; who may not wait does not. */
CLAUSE(OVL_05)
{
    cop_pid pid = start_slow(10, 0, COP_PARK_SENDER, false), held;
    struct cop_mailbox_counts now;
    cop_term reply;

    for (int i = 0; i < 4; i++)
        cop_spawn(flooder_main, cop("{Pid, Self, 200}", pid, cop_self()));
    for (int i = 0; i < 4; i++)
        EXPECT("sent");
    CHECK_TERM(cop_call(pid, cop("count")), "801");
    now = statistics_of(pid);
    CHECK_EQ_INT(now.handled, 801);
    CHECK(now.messages_peak <= 10);
    held = start_holder(1, 0, COP_PARK_SENDER, 0, 0);
    CHECK_EQ_INT(send_to(held), COP_SEND_OK);
    CHECK_EQ_INT(cop_send_flags(cop_dest(held), cop("m"), COP_NOSUSPEND), COP_SEND_NOSUSPEND);
    CHECK(!cop_try_cast(held, cop("m")));
    CHECK(!cop_try_call(&reply, held, cop("m"), .timeout_ms = 20));
    CHECK_TERM(reply, "timeout");
    cop_send_after(1, held, cop("late"));
    while (statistics_of(held).messages < 2)
        cop_yield();
    CHECK_EQ_INT(statistics_of(held).sent, 2);
}

/* By bytes, with binaries; one that is larger than all comes into an empty mailbox. */
CLAUSE(OVL_06)
{
    cop_pid pid = start_holder(0, 10000, COP_REFUSE, 0, 0);
    static char data[6000];
    cop_term large = cop_binary(data, sizeof data), larger = cop_list_append(cop("[]"), cop("[]"));

    CHECK_EQ_INT(cop_send_flags(cop_dest(pid), large, 0), COP_SEND_OK);
    CHECK_EQ_INT(cop_send_flags(cop_dest(pid), large, 0), COP_SEND_OVERLOAD);
    CHECK_EQ_INT(send_to(pid), COP_SEND_OK);
    CHECK(statistics_of(pid).bytes >= 6000 + 64);
    CHECK(statistics_of(pid).bytes <= 10000);
    pid = start_holder(0, 100, COP_REFUSE, 0, 0);
    CHECK_EQ_INT(cop_send_flags(cop_dest(pid), large, 0), COP_SEND_OK);
    CHECK_EQ_INT(send_to(pid), COP_SEND_OVERLOAD);
    pid = start_holder(0, 100000, COP_REFUSE, 0, 0);
    for (int i = 0; i < 2000; i++)
        larger = cop_cons(cop_int(i), larger); /* a block of its own */
    CHECK_EQ_INT(cop_send_flags(cop_dest(pid), larger, 0), COP_SEND_OK);
    CHECK(statistics_of(pid).bytes >= 32000);
}

static void end_main(cop_term arg)
{
    cop_pid pid;

    cop_must(cop_match(arg, "Pid", &pid));
    cop_link(pid);
    cop_send(pid, cop("last"));
    cop_exit(cop("bye"));
}

/* Signals come, in order; so do replies, and system messages. */
CLAUSE(OVL_07)
{
    cop_pid pid, other;
    cop_ref ref;
    cop_term reply;

    cop_trap_exit(true);
    cop_mailbox_set(&(struct cop_mailbox){ .messages_max = 1 });
    other = cop_spawn(end_main, cop("Self", cop_self()));
    EXPECT("{'EXIT', Other, bye}", other); /* it was linked, so its message came in before */
    EXPECT("last");
    CHECK_EQ_INT(send_to(cop_self()), COP_SEND_OK);
    pid = start_slow(1, 0, COP_REFUSE, false); /* the answer of its start comes */
    ref = cop_monitor(pid);
    CHECK_TERM(cop_call(pid, cop("count")), "1");
    cop_cast(pid, cop("{sleep, 200}"));
    while (statistics_of(pid).handled < 2)
        cop_yield();
    CHECK(cop_try_cast(pid, cop("a")));
    CHECK(!cop_try_cast(pid, cop("b")));
    reply = cop_sys_get_state(pid);
    CHECK(!cop_is_none(reply));
    cop_exit_signal(pid, cop("kill"));
    EXPECT("{'DOWN', Ref, process, _, killed}", ref);
    EXPECT("message");
    NOTHING();
}

/* All is counted once, while several send and one takes. */
CLAUSE(OVL_08)
{
    cop_pid pid = start_slow(5, 0, COP_REFUSE, false);
    struct cop_mailbox_counts now;

    for (int i = 0; i < 3; i++)
        cop_spawn(flooder_main, cop("{Pid, Self, 100}", pid, cop_self()));
    for (int done = 0; done < 3;) {
        done += cop_receive_match_within(0, "sent");
        now = statistics_of(pid);
        CHECK_EQ_INT(
            now.sent, now.handled + now.refused + now.dropped + now.skipped + now.messages);
        cop_yield();
    }
    while (statistics_of(pid).messages)
        cop_yield();
    now = statistics_of(pid);
    CHECK_EQ_INT(now.sent, 300);
    CHECK_EQ_INT(now.handled + now.refused, 300);
}

/* Alarms, with hysteresis. */
CLAUSE(OVL_09)
{
    struct cop_mailbox mailbox = { .high_water = 4, .low_water = 1, .alarm_to = cop_self() };
    cop_pid self = cop_self();

    mailbox.alarm_to = cop_spawn(idle_main, COP_NONE);
    cop_mailbox_set(&mailbox);
    mailbox.alarm_to = self;
    cop_mailbox_set(&mailbox);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 3; i++)
            send_to(self);
        NEVER("{monitor, _, long_message_queue, _}");
        send_to(self);
        EXPECT("{monitor, Self, long_message_queue, true}", self);
        EXPECT("message");
        EXPECT("message");
        send_to(self);
        NEVER("{monitor, _, long_message_queue, _}");
        for (int i = 0; i < 3; i++)
            EXPECT("message");
        EXPECT("{monitor, Self, long_message_queue, false}", self);
        NOTHING();
    }
    CHECK_EQ_INT(statistics_of(self).refused, 0);
}

/* Its end lets those go on that wait for room, and answers the calls in it. */
CLAUSE(OVL_10)
{
    cop_pid pid = start_holder(1, 0, COP_PARK_SENDER, 0, 0);
    struct cop_mailbox_counts now;
    cop_ref ref;

    cop_spawn(flooder_main, cop("{Pid, Self, 5}", pid, cop_self()));
    while (!statistics_of(pid).parked)
        cop_yield();
    cop_spawn_monitor(call_main, cop("Pid", pid), &ref);
    cop_exit_signal(pid, cop("kill"));
    EXPECT("sent");
    EXPECT("{'DOWN', Ref, process, _, _}", ref);
    CHECK(!cop_mailbox_statistics(&now, pid));
}

/* Calls whose time has passed are not handled. */
CLAUSE(OVL_11)
{
    cop_pid pid = start_slow(0, 0, COP_REFUSE, true);
    struct cop_mailbox_counts now;
    cop_term reply;

    cop_cast(pid, cop("{sleep, 100}"));
    for (int i = 0; i < 3; i++)
        CHECK(!cop_try_call(&reply, pid, cop("count"), .timeout_ms = 5));
    CHECK_TERM(cop_call(pid, cop("count"), .timeout_ms = WAIT_MS), "1");
    now = statistics_of(pid);
    CHECK_EQ_INT(now.skipped, 3);
    CHECK_EQ_INT(now.handled, 2);
    CHECK_EQ_INT(now.sent, now.handled + now.skipped);
    CHECK_TERM(cop_call(pid, cop("count")), "2");
}

static void set_main(cop_term number)
{
    static const struct cop_mailbox wrong[] = {
        { .messages_max = 16000001 },
        { .high_water = 1, .low_water = 1, .alarm_to = { 4, 0 } },
        { .high_water = 1 },
        { .low_water = 1 },
        { .when_full = (enum cop_when_full)9 },
    };
    int64_t which = 0;

    cop_must(cop_match(number, "N", &which));
    cop_mailbox_set(&wrong[which]);
}

/* What makes no sense is refused, and none is no bound. */
CLAUSE(OVL_12)
{
    for (int64_t i = 0; i < 5; i++) {
        cop_ref ref;

        cop_spawn_monitor(set_main, cop("I", i), &ref);
        EXPECT("{'DOWN', Ref, process, _, {badarg, _}}", ref);
    }
    cop_mailbox_set(&(struct cop_mailbox){ .messages_max = 1 });
    send_to(cop_self());
    CHECK_EQ_INT(send_to(cop_self()), COP_SEND_OVERLOAD);
    cop_mailbox_set(NULL);
    CHECK_EQ_INT(send_to(cop_self()), COP_SEND_OK);
    EXPECT("message");
    EXPECT("message");
    CHECK_EQ_INT(statistics_of(cop_self()).handled, 2);
}

/* --- Batches ------------------------------------------------------------------------------------
 */

static cop_pid batch_tester;

static cop_step batch_init(void *state, cop_term arg)
{
    (void)state, (void)arg;
    return cop_ok();
}

static cop_step on_batch(void *state, const cop_term *requests, size_t count)
{
    cop_term list = cop_nil();
    int64_t ms;

    (void)state;
    for (size_t i = count; i--;)
        list = cop_cons(requests[i], list);
    cop_send(batch_tester, cop("{batch, List}", list));
    if (cop_match(requests[0], "{sleep, Ms}", &ms))
        cop_sleep(ms);
    if (cop_match(requests[count - 1], "crash"))
        cop_exit(cop("crashed"));
    return cop_noreply();
}

static cop_step batch_call(void *state, cop_term request)
{
    (void)state;
    cop_send(batch_tester, cop("{call, Request}", request));
    return cop_reply(cop("ok"));
}

static const cop_gen_server batch_server = { .module = "batch",
    .init = batch_init,
    .handle_call = batch_call,
    .handle_cast_batch = on_batch,
    .cast_batch_max = 4 };

/* What waits comes together, in order, and not across a call.
 * also: OVL-21 */
CLAUSE(OVL_20)
{
    cop_pid pid;
    cop_ref request, monitor;
    cop_term reply;

    cop_log_set_level(COP_LOG_EMERGENCY);
    batch_tester = cop_self();
    CHECK_EQ_INT(cop_gen_server_start_monitor(&pid, &monitor, &batch_server, 0), 0);
    cop_cast(pid, cop("{sleep, 50}"));
    EXPECT("{batch, [{sleep, 50}]}");
    for (int64_t i = 1; i <= 6; i++)
        cop_cast(pid, cop("I", i));
    request = cop_send_request(pid, cop("now"));
    cop_cast(pid, cop("7"));
    cop_cast(pid, cop("8"));
    EXPECT("{batch, [1, 2, 3, 4]}");
    EXPECT("{batch, [5, 6]}");
    EXPECT("{call, now}");
    EXPECT("{batch, [7, 8]}");
    CHECK_EQ_INT(cop_receive_response(&reply, request, WAIT_MS), COP_RESPONSE);
    cop_sys_statistics(pid, cop("true"));
    cop_cast(pid, cop("{sleep, 50}"));
    EXPECT("{batch, [{sleep, 50}]}");
    cop_cast(pid, cop("1"));
    cop_cast(pid, cop("2"));
    EXPECT("{batch, [1]}");
    EXPECT("{batch, [2]}");
    cop_cast(pid, cop("crash"));
    EXPECT("{batch, [crash]}");
    EXPECT("{'DOWN', Monitor, process, _, crashed}", monitor);
}

/* --- Circles of calls ---------------------------------------------------------------------------
 */

static cop_step link_init(void *state, cop_term arg)
{
    (void)state;
    if (cop_match(arg, "call_parent"))
        cop_call("first", cop("end"));
    return cop_ok();
}

static void answer_main(cop_term arg)
{
    cop_term from;

    cop_must(cop_match(arg, "From", &from));
    cop_sleep(30);
    cop_reply_to(from, cop("answered"));
}

static cop_step link_call(void *state, cop_term request)
{
    cop_term rest, reply;
    cop_atom next;

    (void)state;
    if (cop_match(request, "{via, [Next | Rest]}", &next, &rest)) {
        bool good = cop_try_call(
            &reply, cop_dest_atom(next), cop("{via, Rest}", rest), .timeout_ms = WAIT_MS);

        return cop_reply(good ? reply : cop("{failed, Reason}", reply));
    }
    if (cop_match(request, "{defer, Next}", &next)) { /* somebody else answers; we call back */
        cop_spawn(answer_main, cop("From", cop_caller()));
        cop_send(cop_self(), cop("{call, Next}", next));
        return cop_noreply();
    }
    return cop_reply(cop("reached"));
}

static cop_step link_info(void *state, cop_term message)
{
    cop_term reply;
    cop_atom next;

    (void)state;
    cop_must(cop_match(message, "{call, Next}", &next));
    if (!cop_try_call(&reply, cop_dest_atom(next), cop("end"), .timeout_ms = WAIT_MS))
        cop_send("overload_tester", cop("{wrong, Reply}", reply));
    cop_send("overload_tester", cop("called_back"));
    return cop_noreply();
}

static const cop_gen_server link_server = {
    .module = "link", .init = link_init, .handle_call = link_call, .handle_info = link_info
};

static cop_pid start_named(const char *name)
{
    cop_pid pid = { 0, 0 };

    CHECK_EQ_INT(cop_gen_server_start(&pid, &link_server, 0, .name = cop_dest_name(name)), 0);
    return pid;
}

/* The last call of the circle fails at once; a row that ends does not.
 * also: OVL-28 */
CLAUSE(OVL_25)
{
    int64_t begin_ms = cop_monotonic_ms();

    start_named("first");
    start_named("second");
    start_named("third");
    CHECK_TERM(cop_call("first", cop("{via, [second, third]}")), "reached");
    CHECK_TERM(cop_call("first", cop("{via, [second, third, first]}")),
        "{failed,{deadlock,[third,first,second]}}");
    CHECK_TERM(
        cop_call("first", cop("{via, [second, first]}")), "{failed,{deadlock,[second,first]}}");
    CHECK_TERM(cop_call("first", cop("{via, [second, third]}")), "reached");
    CHECK(cop_monotonic_ms() - begin_ms < WAIT_MS);
    NOTHING();
}

/* first waits for second, which has given the answer to somebody else and calls first. */
static cop_step asker_call(void *state, cop_term request)
{
    (void)state;
    if (cop_match(request, "ask"))
        return cop_reply(cop_call("second", cop("{defer, asker}"), .timeout_ms = WAIT_MS));
    return cop_reply(cop("served"));
}

static const cop_gen_server asker = {
    .module = "asker", .init = batch_init, .handle_call = asker_call
};

/* Where somebody else may answer there is no circle. */
CLAUSE(OVL_26)
{
    cop_pid pid;

    cop_register("overload_tester", cop_self());
    start_named("second");
    CHECK_EQ_INT(cop_gen_server_start(&pid, &asker, 0, .name = cop_dest_name("asker")), 0);
    CHECK_TERM(cop_call("asker", cop("ask"), .timeout_ms = WAIT_MS), "answered");
    EXPECT("called_back");
    NOTHING();
}

static void starter_main(cop_term arg)
{
    cop_pid child;
    cop_term error = COP_NONE;

    (void)arg;
    cop_register("first", cop_self());
    cop_gen_server_start_with(&child, NULL, &link_server, cop("call_parent"), 0, NULL, &error);
    cop_send("overload_tester", cop("{error, Error}", error));
}

/* A start function that calls its starter does not hang. */
CLAUSE(OVL_27)
{
    cop_register("overload_tester", cop_self());
    cop_log_set_level(COP_LOG_EMERGENCY);
    cop_spawn(starter_main, COP_NONE);
    EXPECT("{error, {{deadlock, [_, first]}, _}}");
}

/* --- Supervisors that wait ----------------------------------------------------------------------
 */

static int64_t restart_took_ms(cop_pid sup, const char *name)
{
    int64_t begin_ms = cop_monotonic_ms();

    crash_child(sup, name, cop("boom"));
    EXPECT("{trace, '+', _}");
    return cop_monotonic_ms() - begin_ms;
}

/* Each time longer, up to a bound; with jitter at most so long.
 * also: OVL-33 */
CLAUSE(OVL_30)
{
    const cop_supervisor tree = { .intensity = 5,
        .period_s = 3600,
        .backoff = { .min_ms = 20, .max_ms = 50, .reset_after_ms = 3600000 },
        .children = COP_CHILDREN(CHILD("a"), ) };
    cop_pid sup;

    be_tester(COP_LOG_EMERGENCY);
    sup = start_tree(&tree);
    TRACE("+a");
    CHECK(restart_took_ms(sup, "a") >= 20);
    CHECK(restart_took_ms(sup, "a") >= 40);
    CHECK(restart_took_ms(sup, "a") >= 50);
    CHECK(restart_took_ms(sup, "a") >= 50);
    CHECK(restart_took_ms(sup, "a") >= 50);
    crash_child(sup, "a", cop("boom"));
    CHECK_TERM(end_of(sup), "shutdown"); /* they are counted when it ends */
}

/* One that has run for a while begins anew. */
CLAUSE(OVL_31)
{
    const cop_supervisor tree = { .intensity = 100,
        .backoff = { .min_ms = 1, .max_ms = 100000, .factor = 100000, .reset_after_ms = 20 },
        .children = COP_CHILDREN(CHILD("a"), ) };
    cop_pid sup;

    be_tester(COP_LOG_EMERGENCY);
    sup = start_tree(&tree);
    TRACE("+a");
    for (int i = 0; i < 3; i++) {
        CHECK(restart_took_ms(sup, "a") < WAIT_MS);
        cop_sleep(30);
    }
}

/* Meanwhile it is restarting, and who depends on it is stopped. */
CLAUSE(OVL_32)
{
    const cop_supervisor tree = { .intensity = 100,
        .strategy = COP_REST_FOR_ONE,
        .backoff = { .min_ms = 100 },
        .children = COP_CHILDREN(CHILD("a"), CHILD("b"), CHILD("c"), ) };
    cop_pid sup;

    be_tester(COP_LOG_EMERGENCY);
    sup = start_tree(&tree);
    TRACE("+a+b+c");
    crash_child(sup, "b", cop("boom"));
    TRACE("-c");
    CHECK(cop_match(cop_supervisor_which_children(cop_dest(sup)),
        "[{c, undefined, _, _}, {b, restarting, _, _}, {a, _, _, _}]"));
    TRACE("+b+c");
}

/* What is done by hand meanwhile stays done. */
CLAUSE(OVL_34)
{
    const cop_supervisor tree = { .intensity = 100,
        .backoff = { .min_ms = 40 },
        .children = COP_CHILDREN(CHILD("a"), CHILD("b"), ) };
    cop_pid sup, pid;

    be_tester(COP_LOG_EMERGENCY);
    sup = start_tree(&tree);
    TRACE("+a+b");
    crash_child(sup, "a", cop("boom"));
    CHECK_EQ_INT(cop_supervisor_terminate_child(cop_dest(sup), cop("a"), NULL), 0);
    CHECK(!cop_receive_match_within(80, "{trace, _, _}"));
    CHECK_EQ_INT(cop_supervisor_restart_child(&pid, cop_dest(sup), cop("a"), NULL), 0);
    TRACE("+a");
    CHECK(!cop_receive_match_within(80, "{trace, _, _}"));
}

/* Each wrong value has its error. */
CLAUSE(OVL_35)
{
    be_tester(COP_LOG_EMERGENCY);
    CHECK_TERM(start_error(&(cop_supervisor){ .backoff = { .min_ms = -1 } }),
        "{supervisor_data,{invalid_backoff,min_ms}}");
    CHECK_TERM(start_error(&(cop_supervisor){ .backoff = { .min_ms = 5, .max_ms = 1 } }),
        "{supervisor_data,{invalid_backoff,max_ms}}");
    CHECK_TERM(start_error(&(cop_supervisor){ .backoff = { .min_ms = 5, .factor = 0.5 } }),
        "{supervisor_data,{invalid_backoff,factor}}");
    CHECK_TERM(start_error(&(cop_supervisor){ .backoff = { .min_ms = 5, .jitter = 2 } }),
        "{supervisor_data,{invalid_backoff,jitter}}");
}
