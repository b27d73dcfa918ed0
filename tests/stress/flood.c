/* SPDX-License-Identifier: Apache-2.0 */
/* Many senders, a slow receiver, a bounded mailbox (R11): the bound holds at each look, and at the
 * end sent = handled + refused + dropped, exactly, by the senders' count and by the receiver's. */
#include "stress/stress.h"

#include <coppice/gen_server.h>
#include <coppice/mailbox.h>
#include <stdatomic.h>

enum { SENDERS = 64, MESSAGES_MAX = 10000 };

static _Atomic int64_t told_refused, sent_all;
static int messages_each;

struct receiver {
    int64_t handled;
};

static cop_step init(void *state, cop_term policy)
{
    int64_t when_full = 0;

    (void)state;
    cop_must(cop_match(policy, "N", &when_full));
    cop_mailbox_set(&(struct cop_mailbox){
        .messages_max = MESSAGES_MAX, .when_full = (enum cop_when_full)when_full });
    return cop_ok();
}

static cop_step handle_cast(void *state, cop_term request)
{
    struct receiver *receiver = state;

    (void)request;
    if (++receiver->handled % 64 == 0)
        cop_yield(); /* it is slow */
    return cop_noreply();
}

static cop_step handle_call(void *state, cop_term request)
{
    (void)request;
    return cop_reply(cop("N", ((struct receiver *)state)->handled));
}

static const cop_gen_server server = { .module = "flooded",
    .state_size = sizeof(struct receiver),
    .init = init,
    .handle_call = handle_call,
    .handle_cast = handle_cast,
    .handle_info = handle_cast };

static void sender_main(cop_term arg)
{
    cop_pid pid, parent;

    cop_must(cop_match(arg, "{Pid, Parent}", &pid, &parent));
    for (int i = 0; i < messages_each; i++) {
        enum cop_send_result result = cop_send_flags(cop_dest(pid), cop("{number, I}", i), 0);

        atomic_fetch_add(&sent_all, 1);
        if (result == COP_SEND_OVERLOAD)
            atomic_fetch_add(&told_refused, 1);
        cop_turn_end();
    }
    cop_send(parent, cop("done"));
}

static void flood(enum cop_when_full policy)
{
    struct cop_mailbox_counts now;
    int64_t handled = -1;
    cop_term reply;
    cop_pid pid;

    messages_each = stress_count(3000, 300000, 500);
    atomic_store(&told_refused, 0);
    atomic_store(&sent_all, 0);
    CHECK_EQ_INT(cop_gen_server_start(&pid, &server, (int64_t)policy), 0);
    for (int i = 0; i < SENDERS; i++)
        cop_spawn(sender_main, cop("{Pid, Self}", pid, cop_self()));
    for (int done = 0; done < SENDERS;) {
        done += cop_receive_match_within(1, "done");
        CHECK(cop_mailbox_statistics(&now, pid));
        CHECK(now.messages_peak <= (policy == COP_DROP_OLDEST ? 2 : 1) * (uint64_t)MESSAGES_MAX);
        CHECK_EQ_INT(now.sent, now.handled + now.refused + now.dropped + now.messages);
    }
    while (cop_mailbox_statistics(&now, pid) && now.messages)
        cop_sleep(1);
    CHECK(cop_try_call(&reply, pid, cop("get"), .timeout_ms = COP_INFINITY));
    CHECK(cop_match(reply, "N", &handled));
    CHECK_EQ_INT(atomic_load(&sent_all), (int64_t)SENDERS * messages_each);
    CHECK_EQ_INT(now.sent, atomic_load(&sent_all));
    CHECK_EQ_INT(now.refused, atomic_load(&told_refused));
    CHECK_EQ_INT(now.handled, handled);
    CHECK_EQ_INT(now.sent, now.handled + now.refused + now.dropped);
    if (policy == COP_PARK_SENDER)
        CHECK_EQ_INT(now.handled, now.sent);
    cop_exit_signal(pid, cop("kill"));
}

CLAUSE(senders_are_refused)
{
    flood(COP_REFUSE);
}

CLAUSE(the_newest_are_dropped)
{
    flood(COP_DROP_NEWEST);
}

CLAUSE(the_oldest_are_dropped)
{
    flood(COP_DROP_OLDEST);
}

CLAUSE(senders_wait)
{
    flood(COP_PARK_SENDER);
}

/* The receiver ends again and again, while senders wait for room in it. */
static void mortal_main(cop_term arg)
{
    (void)arg;
    cop_mailbox_set(&(struct cop_mailbox){ .messages_max = 2, .when_full = COP_PARK_SENDER });
    if (cop_register("mortal", cop_self()) < 0)
        return;
    for (int i = 0; i < 20; i++)
        cop_receive();
}

static void to_name_main(cop_term parent_term)
{
    cop_pid parent, pid;

    cop_must(cop_match(parent_term, "Parent", &parent));
    for (int i = 0; i < messages_each; i++) {
        if (cop_whereis(&pid, "mortal"))
            cop_send(pid, cop("message"));
        else
            cop_yield();
    }
    cop_send(parent, cop("done"));
}

CLAUSE(receivers_end)
{
    int done = 0;

    messages_each = stress_count(300, 20000, 100);
    for (int i = 0; i < 8; i++)
        cop_spawn(to_name_main, cop("Self", cop_self()));
    while (done < 8) {
        cop_ref ref;
        cop_pid pid = cop_spawn_monitor(mortal_main, COP_NONE, &ref);

        for (;;) {
            cop_term message = cop_receive();

            if (cop_match(message, "done")) {
                if (++done == 8)
                    cop_exit_signal(pid, cop("kill")); /* nobody is left to end it */
            } else if (cop_match(message, "{'DOWN', Ref, _, _, _}", ref)) {
                break;
            }
        }
        cop_turn_end();
    }
}

/* Two servers that call each other from two schedulers: one at least is told, none hangs. */
static cop_step pair_init(void *state, cop_term arg)
{
    (void)state, (void)arg;
    return cop_ok();
}

static cop_step pair_call(void *state, cop_term request)
{
    cop_term reply;
    cop_atom other;

    (void)state;
    if (!cop_match(request, "{call, Other}", &other))
        return cop_reply(cop("ok"));
    if (cop_try_call(&reply, cop_dest_atom(other), cop("{call, none}"), .timeout_ms = COP_INFINITY))
        return cop_reply(cop("ok"));
    return cop_reply(reply);
}

static cop_step pair_cast(void *state, cop_term request)
{
    cop_term reply;
    cop_atom other;
    cop_pid parent;

    (void)state;
    cop_must(cop_match(request, "{call, Other, Parent}", &other, &parent));
    reply = cop("ok");
    if (!cop_try_call(&reply, cop_dest_atom(other), cop("ping"), .timeout_ms = COP_INFINITY))
        reply = cop("failed");
    cop_send(parent, cop("{called, Reply}", reply));
    return cop_noreply();
}

static const cop_gen_server pair_server = {
    .module = "pair", .init = pair_init, .handle_call = pair_call, .handle_cast = pair_cast
};

CLAUSE(two_call_each_other)
{
    int rounds = stress_count(3000, 1000000, 1000), deadlocks = 0;
    cop_pid one, two;

    CHECK_EQ_INT(cop_gen_server_start(&one, &pair_server, 0, .name = cop_dest_name("one")), 0);
    CHECK_EQ_INT(cop_gen_server_start(&two, &pair_server, 0, .name = cop_dest_name("two")), 0);
    for (int i = 0; i < rounds; i++) {
        cop_term first = COP_NONE, second = COP_NONE;

        cop_cast(one, cop("{call, two, Self}", cop_self()));
        cop_cast(two, cop("{call, one, Self}", cop_self()));
        CHECK(cop_receive_match_within(WAIT_MS, "{called, Reply}", &first));
        CHECK(cop_receive_match_within(WAIT_MS, "{called, Reply}", &second));
        deadlocks += cop_match(first, "failed") || cop_match(second, "failed");
        if (cop_is_none(second))
            break;
        cop_turn_end();
    }
    printf("two_call_each_other: %d of %d rounds met\n", deadlocks, rounds);
}
