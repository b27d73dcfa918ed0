/* SPDX-License-Identifier: Apache-2.0 */
/* Timers: P-109 to P-119, section 11 of docs/spec/process.md. Nothing here measures how late a
 * timer is. */
#include "conformance/node.h"

enum { FAR_MS = 600000 };

static cop_pid dead_process(void)
{
    cop_pid pid = cop_spawn(exit_main, cop("normal"));

    reason_of_exit(pid);
    return pid;
}

/* send_after delivers the bare message, start_timer {timeout, Ref, Message}; both give the
 * reference. */
CLAUSE(P_109)
{
    cop_ref first = cop_send_after(1, cop_self(), cop("{bare, [1]}")), second;

    CHECK(first.id != 0);
    EXPECT("{bare, [1]}");
    second = cop_start_timer(1, cop_self(), cop("{wrapped, [2]}"));
    CHECK(second.id != first.id);
    EXPECT("{timeout, Ref, {wrapped, [2]}}", second);
    NOTHING();
}

static void send_after_to(void *dest)
{
    cop_send_after(1, *(cop_term *)dest, cop("m"));
}

/* A name is resolved when the timer fires; one that nobody has then drops the message. Other
 * destinations than pid and atom are badarg. */
CLAUSE(P_110)
{
    cop_term wrong[] = { cop("17"), cop("{name, node}"), cop("\"name\""), cop("[]") },
             reason = COP_NONE;

    cop_send_after(20, "named_later", cop("one"));
    CHECK_EQ_INT(cop_register("named_later", cop_self()), 0);
    EXPECT("one");
    cop_send_after(5, "named_later", cop("two"));
    CHECK_EQ_INT(cop_unregister("named_later"), 0);
    cop_send_after(10, cop_self(), cop("fence"));
    EXPECT("fence");
    NOTHING();
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        CHECK_EQ_INT(TRY(send_after_to, &wrong[i], &reason), COP_CLASS_ERROR);
        CHECK_TERM(reason, "badarg");
    }
}

static void send_after_time(void *time_ms)
{
    cop_send_after(*(int64_t *)time_ms, cop_self(), cop("m"));
}

static void send_at_time(void *time_ms)
{
    cop_send_at(*(int64_t *)time_ms, cop_self(), cop("m"));
}

/* A negative or too large time is badarg; an absolute time that is past fires at once, one before
 * the clock's start is badarg. */
CLAUSE(P_111)
{
    int64_t wrong[] = { -1, INT64_MIN, INT64_MAX }, before_start = -1;
    cop_term reason = COP_NONE;
    int64_t now_ms = cop_monotonic_ms();
    cop_ref ref;

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        CHECK_EQ_INT(TRY(send_after_time, &wrong[i], &reason), COP_CLASS_ERROR);
        CHECK_TERM(reason, "badarg");
    }
    CHECK_EQ_INT(TRY(send_at_time, &before_start, &reason), COP_CLASS_ERROR);
    CHECK_TERM(reason, "badarg");
    cop_send_at(now_ms + 15, cop_self(), cop("at"));
    EXPECT("at");
    CHECK(cop_monotonic_ms() >= now_ms + 15);
    cop_send_at(now_ms, cop_self(), cop("past"));
    EXPECT("past");
    ref = cop_start_timer_at_to(now_ms, cop_dest(cop_self()), cop("past"));
    EXPECT("{timeout, Ref, past}", ref);
}

static void cancel_nothing(void *unused)
{
    cop_ref none = { 0 };

    (void)unused;
    cop_cancel_timer(none);
}

/* cancel_timer gives the time left, or nothing for one that fired, was cancelled, or never was; no
 * reference: badarg. */
CLAUSE(P_112)
{
    cop_ref timer = cop_send_after(FAR_MS, cop_self(), cop("never"));
    int64_t left = cop_cancel_timer(timer);
    cop_term reason = COP_NONE;

    CHECK(left > FAR_MS / 2 && left <= FAR_MS + 1);
    CHECK_EQ_INT(cop_cancel_timer(timer), -1);
    CHECK_EQ_INT(cop_cancel_timer(cop_make_ref()), -1);
    timer = cop_send_after(1, cop_self(), cop("fired"));
    EXPECT("fired");
    CHECK_EQ_INT(cop_cancel_timer(timer), -1);
    CHECK_EQ_INT(TRY(cancel_nothing, NULL, &reason), COP_CLASS_ERROR);
    CHECK_TERM(reason, "badarg");
    NOTHING();
}

/* However cancel and expiry race: nothing left means the message is in the mailbox, time left that
 * it never comes. */
CLAUSE(P_113)
{
    int fired = 0, cancelled = 0;

    for (int i = 0; i < 400; i++) {
        cop_ref timer = cop_start_timer(i % 3, cop_self(), cop("tick"));

        if (i % 4)
            cop_sleep(i % 3);
        for (int spins = (i % 7) * 500; spins; spins--)
            cop_make_ref();
        if (cop_cancel_timer(timer) < 0) {
            CHECK(cop_receive_match_within(0, "{timeout, Ref, tick}", timer));
            fired++;
        } else {
            CHECK(!cop_receive_match_within(0, "{timeout, Ref, tick}", timer));
            cancelled++;
        }
        cop_turn_end();
    }
    CHECK(fired > 0 && cancelled > 0);
    NOTHING();
}

/* async: {cancel_timer, Ref, Result} comes later; with info false nothing does; after an expired
 * timer its message comes first. */
CLAUSE(P_114)
{
    cop_ref timer = cop_send_after(FAR_MS, cop_self(), cop("never"));
    int64_t left = 0;

    cop_cancel_timer_async(timer, true);
    EXPECT("{cancel_timer, Ref, Left}", timer, &left);
    CHECK(left > FAR_MS / 2 && left <= FAR_MS + 1);
    cop_cancel_timer_async(timer, true);
    EXPECT("{cancel_timer, Ref, false}", timer);
    timer = cop_send_after(FAR_MS, cop_self(), cop("never"));
    cop_cancel_timer_async(timer, false);
    CHECK_EQ_INT(cop_read_timer(timer), -1);
    NOTHING();
    timer = cop_start_timer(0, cop_self(), cop("fired"));
    cop_sleep(5);
    while (cop_read_timer(timer) >= 0)
        cop_yield();
    cop_cancel_timer_async(timer, true);
    CHECK(cop_match(cop_receive(), "{timeout, Ref, fired}", timer));
    CHECK(cop_match(cop_receive(), "{cancel_timer, Ref, false}", timer));
}

/* read_timer gives the time left, or nothing. */
CLAUSE(P_115)
{
    cop_ref timer = cop_send_after(FAR_MS, cop_self(), cop("never"));
    int64_t first = cop_read_timer(timer), second = cop_read_timer(timer);

    CHECK(first > FAR_MS / 2 && first <= FAR_MS + 1 && second <= first && second > 0);
    CHECK(cop_cancel_timer(timer) >= 0);
    CHECK_EQ_INT(cop_read_timer(timer), -1);
    CHECK_EQ_INT(cop_read_timer(cop_make_ref()), -1);
}

static void canceller_main(cop_term arg)
{
    cop_pid owner;
    cop_ref timer;

    cop_must(cop_match(arg, "{Owner, Timer}", &owner, &timer));
    cop_must(cop_read_timer(timer) > 0);
    cop_send(owner, cop("{left, L}", cop_cancel_timer(timer)));
}

/* Any process may read and cancel the timer of another. */
CLAUSE(P_116)
{
    int64_t left = 0;

    for (int i = 0; i < 50; i++) {
        cop_spawn(canceller_main,
            cop("{Self, T}", cop_self(), cop_send_after(FAR_MS, cop_self(), cop("never"))));
        EXPECT("{left, L}", &left);
        CHECK(left > 0);
    }
    NOTHING();
}

/* Timers with one expiry fire in the order they were started. */
CLAUSE(P_117)
{
    for (int attempt = 0; attempt < 20; attempt++) {
        int64_t at_ms = cop_monotonic_ms() + 40;
        struct cop_node_statistics before, after;
        bool in_order = true;

        cop_statistics(&before);
        for (int i = 0; i < 200; i++)
            cop_send_at(at_ms, cop_self(), cop("I", i));
        cop_statistics(&after);
        for (int i = 0; i < 200; i++)
            in_order &= cop_match(cop_receive(), "I", i);
        /* on the BEAM as well it is so only while the process stays with its scheduler */
        if (after.hand_offs == before.hand_offs) {
            CHECK(in_order);
            return;
        }
        cop_turn_end();
    }
}

/* send_after(0) is asynchronous: a message sent directly afterwards comes first. */
CLAUSE(P_118)
{
    for (int i = 0; i < 20; i++) {
        cop_send_after(0, cop_self(), cop("timer"));
        cop_send(cop_self(), cop("direct"));
        EXPECT("timer");
        EXPECT("direct");
    }
    cop_send_after(0, dead_process(), cop("nobody"));
    NOTHING();
}

/* A timer is never early, over all levels that fit into a test, with many at once. */
CLAUSE(P_119)
{
    int64_t started[64];

    for (int i = 0; i < 64; i++) {
        started[i] = cop_monotonic_ns();
        cop_send_after(i * 5, cop_self(), cop("I", i));
    }
    for (int i = 0; i < 64; i++) {
        int n = 0;

        EXPECT("N", &n);
        CHECK(cop_monotonic_ns() - started[n] >= (int64_t)n * 5 * 1000000);
    }
}
