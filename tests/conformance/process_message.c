/* SPDX-License-Identifier: Apache-2.0 */
/* Sending and receiving: P-16 to P-33, section 2 of docs/spec/process.md. */
#include "conformance/node.h"

enum { MANY = 2000 };

static void counter_main(cop_term arg)
{
    cop_pid to;

    cop_must(cop_to_pid(&to, arg));
    for (int i = 0; i < MANY; i++) {
        cop_send(to, cop("{I, Self}", i, cop_self()));
        cop_turn_end();
    }
}

/* Messages, monitors and exit signals of one sender take effect in the order sent; each of two
 * senders has its own order. */
CLAUSE(P_16)
{
    cop_pid first, second, from;
    int next[2] = { 0, 0 }, n;

    first = cop_spawn(counter_main, cop("Self", cop_self()));
    second = cop_spawn(counter_main, cop("Self", cop_self()));
    for (int i = 0; i < 2 * MANY; i++) {
        EXPECT("{N, From}", &n, &from);
        CHECK(from.id == first.id || from.id == second.id);
        CHECK_EQ_INT(n, next[from.id == second.id]++);
        cop_turn_end();
    }
    for (int i = 0; i < 200; i++) {
        cop_pid pid = cop_spawn(obedient_main, COP_NONE);
        cop_ref before = cop_monitor(pid), after;

        cop_exit_signal(pid, cop("enough"));
        after = cop_monitor(pid);
        EXPECT("{'DOWN', Ref, process, Pid, enough}", before, pid);
        EXPECT("{'DOWN', Ref, process, Pid, noproc}", after, pid);
        cop_turn_end();
    }
}

static void last_words_main(cop_term arg)
{
    cop_pid to;

    cop_must(cop_to_pid(&to, arg));
    for (int i = 0; i < 10; i++)
        cop_send(to, cop("{word, I}", i));
    cop_exit(cop("said"));
}

/* All that a process sent before its end is there before its 'DOWN' and 'EXIT'. */
CLAUSE(P_17)
{
    cop_trap_exit(true);
    for (int round = 0; round < 200; round++) {
        cop_ref ref = { 0 };
        cop_pid pid = cop_spawn_opt(
            last_words_main, cop("Self", cop_self()), &ref, .link = true, .monitor = true);

        for (int i = 0; i < 10; i++)
            CHECK(cop_match(cop_receive(), "{word, I}", i));
        CHECK(cop_match(cop_receive(), "{'EXIT', Pid, said}", pid));
        CHECK(cop_match(cop_receive(), "{'DOWN', Ref, process, Pid, said}", ref, pid));
        cop_turn_end();
    }
}

static cop_pid dead_process(void)
{
    cop_pid pid = cop_spawn(exit_main, cop("normal"));

    reason_of_exit(pid);
    return pid;
}

/* Sending to the pid of a dead process does nothing. */
CLAUSE(P_18)
{
    cop_pid pid = dead_process();

    cop_send(pid, cop("hello"));
    cop_send(cop("Pid", pid), cop("hello"));
    CHECK_EQ_INT(cop_send_flags(cop_dest(pid), cop("hello"), 0), COP_SEND_OK);
    NOTHING();
}

static void send_unregistered(void *unused)
{
    (void)unused;
    cop_send("nobody_has_this_name", cop("hello"));
}

/* An unregistered name raises badarg; {Name, Node} never raises, and reaches a name of the own
 * node. */
CLAUSE(P_19)
{
    cop_term reason;

    CHECK_EQ_INT(TRY(send_unregistered, NULL, &reason), COP_CLASS_ERROR);
    CHECK_TERM(reason, "badarg");
    cop_send(cop_name("nobody_has_this_name", "nonode@nohost"), cop("hello"));
    cop_send(cop_name("nobody_has_this_name", "unknown@nowhere"), cop("hello"));
    cop_send(cop("{nobody_has_this_name, unknown@nowhere}"), cop("hello"));
    CHECK_EQ_INT(cop_register("me", cop_self()), 0);
    cop_send(cop_name("me", "nonode@nohost"), cop("hello"));
    EXPECT("hello");
    cop_send(cop("{me, N}", cop_node()), cop("again"));
    EXPECT("again");
    NOTHING();
}

static void send_to_term(void *arg)
{
    cop_send(*(cop_term *)arg, cop("hello"));
}

/* Sending to a term that is no destination raises badarg. */
CLAUSE(P_20)
{
    cop_term wrong[] = { cop("17"), cop("\"name\""), cop("{a}"), cop("{a, b, c}"), cop("{1, b}"),
        cop("{a, 2}"), cop("<<\"me\">>"), cop("[]"), cop("#{}"), cop("1.5") };

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        cop_term reason = COP_NONE;

        CHECK_EQ_INT(TRY(send_to_term, &wrong[i], &reason), COP_CLASS_ERROR);
        CHECK_TERM(reason, "badarg");
    }
}

/* A name means who has it at the moment of the send. */
CLAUSE(P_21)
{
    cop_pid first = cop_spawn(witness_main, cop("Self", cop_self())),
            second = cop_spawn(witness_main, cop("Self", cop_self()));

    EXPECT("{Pid, ready}", first);
    EXPECT("{Pid, ready}", second);
    CHECK_EQ_INT(cop_suspend_process(first), 0);
    CHECK_EQ_INT(cop_register("name", first), 0);
    cop_send("name", cop("one"));
    CHECK_EQ_INT(cop_unregister("name"), 0);
    CHECK_EQ_INT(cop_register("name", second), 0);
    cop_send("name", cop("two"));
    EXPECT("{Pid, two}", second);
    CHECK_EQ_INT(cop_resume_process(first), 0);
    EXPECT("{Pid, one}", first);
    NOTHING();
}

/* Sending to a reference that is no alias does nothing. */
CLAUSE(P_22)
{
    cop_ref alias = cop_alias();

    cop_send(cop_make_ref(), cop("hello"));
    CHECK(cop_unalias(alias));
    cop_send(alias, cop("hello"));
    NOTHING();
}

/* noconnect says so for a node without connection; a local send says ok with either option. */
CLAUSE(P_23)
{
    cop_dest there = cop_name("x", "unknown@nowhere");

    CHECK_EQ_INT(cop_send_flags(there, cop("m"), COP_NOCONNECT), COP_SEND_NOCONNECT);
    CHECK_EQ_INT(cop_send_flags(there, cop("m"), COP_NOSUSPEND), COP_SEND_OK);
    CHECK_EQ_INT(
        cop_send_flags(cop_dest(cop_self()), cop("m"), COP_NOCONNECT | COP_NOSUSPEND), COP_SEND_OK);
    EXPECT("m");
}

static void values_main(cop_term arg)
{
    cop_pid to;

    cop_must(cop_to_pid(&to, arg));
    {
        char *data, text[] = "before";
        cop_term small = cop_text(text), large = cop_binary_new(4096, &data);

        memset(data, 'b', 4096);
        cop_send(to, cop("{Small, Large, [1, {2, #{k => \"v\"}}]}", small, large));
        memset(text, 'x', sizeof text - 1);
    }
    cop_turn_end();
    cop_send(to, cop("done"));
}

/* A message is a value: what the sender does afterwards with what it was made from is not seen. */
CLAUSE(P_24)
{
    cop_bytes small, large;
    cop_term rest;

    cop_spawn(values_main, cop("Self", cop_self()));
    EXPECT("done");
    EXPECT("{Small, Large, Rest}", &small, &large, &rest);
    CHECK_EQ_INT(small.size, 6);
    CHECK(memcmp(small.data, "before", 6) == 0);
    CHECK_EQ_INT(large.size, 4096);
    CHECK(large.data[0] == 'b' && large.data[4095] == 'b');
    CHECK(cop_identical(rest, cop("[1, {2, #{k => \"v\"}}]")));
}

static void send_letters(const char *letters)
{
    for (; *letters; letters++)
        cop_send(cop_self(), cop("{letter, L}", (int)*letters));
}

/* The oldest message that matches is taken; the others stay, in order. */
CLAUSE(P_25)
{
    int letter;

    send_letters("abcde");
    EXPECT("{letter, $c}");
    EXPECT("{letter, $a}");
    cop_send(cop_self(), cop("{letter, $f}"));
    for (const char *left = "bdef"; *left; left++) {
        EXPECT("{letter, L}", &letter);
        CHECK_EQ_INT(letter, *left);
    }
    NOTHING();
}

/* All clauses are tried on one message before the next message is looked at. */
CLAUSE(P_26)
{
    cop_receive_scan scan;
    cop_term message;
    int clause = 0;

    cop_send(cop_self(), cop("second"));
    cop_send(cop_self(), cop("first"));
    scan = cop_receive_begin(COP_INFINITY);
    while (!clause && cop_receive_next(&message, &scan)) {
        if (cop_match(message, "first"))
            clause = 1;
        else if (cop_match(message, "second"))
            clause = 2;
    }
    cop_receive_take(&scan);
    CHECK_EQ_INT(clause, 2);
    EXPECT("first");
}

/* after 0 looks once at all that is there; what does not match stays. */
CLAUSE(P_27)
{
    cop_send(cop_self(), cop("a"));
    cop_send(cop_self(), cop("b"));
    CHECK(!cop_receive_match_within(0, "c"));
    CHECK(cop_receive_match_within(0, "b"));
    CHECK(!cop_receive_match_within(0, "b"));
    CHECK(cop_receive_match_within(0, "a"));
    CHECK(cop_is_none(cop_receive_within(0)));
}

static void receive_within(void *arg)
{
    cop_receive_within(*(int64_t *)arg);
}

static void scan_within(void *arg)
{
    cop_receive_begin(*(int64_t *)arg);
}

/* Time-outs reach from 0 to 16#FFFFFFFF or infinity; others raise timeout_value. */
CLAUSE(P_28)
{
    int64_t wrong[] = { -2, 0x100000000, INT64_MAX, INT64_MIN };
    cop_term reason;

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        CHECK_EQ_INT(TRY(receive_within, &wrong[i], &reason), COP_CLASS_ERROR);
        CHECK_TERM(reason, "timeout_value");
        CHECK_EQ_INT(TRY(scan_within, &wrong[i], &reason), COP_CLASS_ERROR);
        CHECK_TERM(reason, "timeout_value");
    }
    cop_send(cop_self(), cop("m"));
    CHECK_TERM(cop_receive_within(0xffffffff), "m");
    cop_send(cop_self(), cop("m"));
    CHECK_TERM(cop_receive_within(COP_INFINITY), "m");
    cop_send_after(5, cop_self(), cop("late"));
    CHECK_TERM(cop_receive_within(0xffffffff), "late");
}

static void chatter_main(cop_term arg)
{
    cop_pid to;

    cop_must(cop_to_pid(&to, arg));
    for (;;) {
        cop_send(to, cop("chat"));
        cop_sleep(2);
        cop_turn_end();
    }
}

/* Messages that do not match do not start the time-out again: it ends although they never stop. */
CLAUSE(P_29)
{
    cop_pid pid = cop_spawn_link(chatter_main, cop("Self", cop_self()));
    int64_t start = cop_monotonic_ns();

    CHECK(!cop_receive_match_within(40, "never"));
    CHECK(cop_monotonic_ns() - start >= 40 * 1000000);
    cop_unlink(pid);
    cop_exit_signal(pid, cop("kill"));
    reason_of_exit(pid);
    CHECK(cop_receive_match_within(0, "chat"));
}

/* A time-out is never early. */
CLAUSE(P_30)
{
    for (int64_t ms = 0; ms < 12; ms++) {
        int64_t start = cop_monotonic_ns();

        CHECK(cop_is_none(cop_receive_within(ms)));
        CHECK(cop_monotonic_ns() - start >= ms * 1000000);
        start = cop_monotonic_ns();
        cop_sleep(ms);
        CHECK(cop_monotonic_ns() - start >= ms * 1000000);
    }
}

/* An exit signal ends a process that waits in a receive that never matches, with messages or
 * without. */
CLAUSE(P_31)
{
    cop_pid empty = cop_spawn(idle_main, COP_NONE), full = cop_spawn(idle_main, COP_NONE);

    for (int i = 0; i < 100; i++)
        cop_send(full, cop("{not, this, I}", i));
    settle(full);
    settle(empty);
    cop_exit_signal(full, cop("stop"));
    cop_exit_signal(empty, cop("stop"));
    CHECK_TERM(reason_of_exit(full), "noproc");
    CHECK(!cop_is_alive(empty));
}

/* A mailbox takes what comes, however much: 200,000 unread messages, all there, in order. */
CLAUSE(P_32)
{
    enum { UNREAD = 200000 };
    int n = -1;

    for (int i = 0; i < UNREAD; i++) {
        cop_send(cop_self(), cop("I", i));
        cop_turn_end();
    }
    CHECK(cop_match(
        cop_process_info(cop_self(), "message_queue_len"), "{message_queue_len, N}", (int)UNREAD));
    for (int i = 0; i < UNREAD; i++) {
        cop_term message = cop_receive_within(0);

        if (!cop_match(message, "N", &n) || n != i)
            CHECK_EQ_INT(n, i);
        cop_turn_end();
    }
    NOTHING();
}

/* Priority messages through a priority alias come before all ordinary ones, after earlier priority
 * ones; the option without such an alias changes nothing. 'DOWN' and exit messages can be of
 * priority too. */
CLAUSE(P_33)
{
    cop_ref alias = cop_alias_priority(), plain = cop_alias(), ref;
    cop_pid pid = cop_spawn(obedient_main, COP_NONE);
    cop_pid me = cop_self();

    cop_send(me, cop("1"));
    cop_send_flags(cop_dest(alias), cop("p1"), COP_SEND_PRIORITY);
    cop_send(me, cop("2"));
    cop_send_flags(cop_dest(alias), cop("p2"), COP_SEND_PRIORITY);
    cop_send_flags(cop_dest(plain), cop("3"), COP_SEND_PRIORITY);
    cop_send(alias, cop("4"));
    CHECK_TERM(cop_receive(), "p1");
    CHECK_TERM(cop_receive(), "p2");
    for (int i = 1; i <= 4; i++)
        CHECK(cop_match(cop_receive(), "I", i));

    cop_send(me, cop("ordinary"));
    ref = cop_monitor_opt(pid, .priority = true);
    cop_send(pid, cop("{exit, gone}"));
    while (cop_is_alive(pid))
        cop_yield();
    EXPECT("{'DOWN', Ref, process, Pid, gone}", ref, pid);
    CHECK_TERM(cop_receive(), "ordinary");

    cop_trap_exit(true);
    cop_send(me, cop("ordinary"));
    cop_exit_signal_priority(me, cop("urgent"));
    CHECK(cop_match(cop_receive(), "{'EXIT', Me, urgent}", me));
    CHECK_TERM(cop_receive(), "ordinary");
    NOTHING();
}

static void scan_for_ever(cop_term arg)
{
    cop_receive_scan scan = cop_receive_begin(COP_INFINITY);
    cop_term message;

    (void)arg;
    while (cop_receive_next(&message, &scan))
        ;
}

static void hibernate_here(cop_term arg)
{
    (void)arg;
    cop_hibernate_here();
}

/* Who waits for ever waits: nothing wakes it but a message (P-25). */
CLAUSE(who_waits_for_ever_waits)
{
    struct cop_node_statistics before, after;

    cop_spawn(scan_for_ever, cop_nil());
    cop_spawn(hibernate_here, cop_nil());
    cop_sleep(20);
    cop_statistics(&before);
    cop_sleep(20);
    cop_statistics(&after);
    CHECK(after.context_switches - before.context_switches < 20);
}
