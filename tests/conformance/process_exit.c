/* SPDX-License-Identifier: Apache-2.0 */
/* Exit reasons, exit signals and the order of an end: P-34 to P-59, sections 3 to 5 of
 * docs/spec/process.md. */
#include "conformance/node.h"

#include <math.h>

static void error_main(cop_term reason)
{
    cop_error(reason);
}

static void throw_main(cop_term value)
{
    cop_throw(value);
}

static void return_main(cop_term arg)
{
    (void)arg;
}

/* How a process that runs fn(arg) ends. */
static cop_term ends_with(cop_process_main *fn, cop_term arg)
{
    cop_ref ref = { 0 };
    cop_term reason = COP_NONE;

    cop_spawn_monitor(fn, arg, &ref);
    EXPECT("{'DOWN', Ref, process, _, Reason}", ref, &reason);
    return reason;
}

/* return, exit(R), error(R) and an uncaught throw(V) end with normal, R, {R, Stack}, {{nocatch, V},
 * Stack}. */
CLAUSE(P_34)
{
    cop_term stack = COP_NONE;

    CHECK_TERM(ends_with(return_main, COP_NONE), "normal");
    CHECK_TERM(ends_with(exit_main, cop("{any, [term]}")), "{any,[term]}");
    CHECK(cop_match(ends_with(error_main, cop("{bad, 1}")), "{{bad, 1}, Stack}", &stack));
    CHECK(cop_is_proper_list(stack));
    CHECK(cop_match(ends_with(throw_main, cop("ball")), "{{nocatch, ball}, Stack}", &stack));
    CHECK(cop_is_proper_list(stack));
}

static void raise_exit_kill(void *unused)
{
    (void)unused;
    cop_exit(cop("kill"));
}

static void catch_kill_main(cop_term arg)
{
    cop_term reason;
    cop_pid to;

    cop_must(cop_to_pid(&to, arg));
    CHECK_EQ_INT(TRY(raise_exit_kill, NULL, &reason), COP_CLASS_EXIT);
    cop_send(to, cop("{caught, R}", reason));
}

/* exit(kill) by the process itself ends it with kill, not killed, and can be caught. */
CLAUSE(P_35)
{
    CHECK_TERM(ends_with(exit_main, cop("kill")), "kill");
    cop_spawn(catch_kill_main, cop("Self", cop_self()));
    EXPECT("{caught, kill}");
}

static void badarg_main(cop_term arg)
{
    (void)arg;
    cop_send(cop("17"), cop("hello"));
}

static void badmatch_main(cop_term arg)
{
    int n;

    cop_must(cop_match(arg, "{number, N}", &n));
}

static void noproc_main(cop_term arg)
{
    cop_pid pid;

    cop_must(cop_to_pid(&pid, arg));
    cop_link(pid);
}

static void timeout_main(cop_term arg)
{
    (void)arg;
    cop_receive_within(-5);
}

static void error_code_main(cop_term arg)
{
    (void)arg;
    cop_must(-ENOENT);
}

static void infinite_main(cop_term arg)
{
    (void)arg;
    cop_float(HUGE_VAL);
}

static void part_of_atom_main(cop_term arg)
{
    cop_binary_part(arg, 0, 1);
}

static void part_outside_main(cop_term arg)
{
    cop_binary_part(arg, 1, 2);
}

static void no_text_main(cop_term arg)
{
    (void)arg;
    cop_string("\xff");
}

static void huge_binary_main(cop_term arg)
{
    char *data;

    (void)arg;
    cop_binary_new(SIZE_MAX, &data);
}

static void too_long_call_main(cop_term server)
{
    cop_pid pid;
    cop_term reply;

    cop_must(cop_to_pid(&pid, server));
    cop_process_call(&reply, pid, cop_atom_new("label"), cop("q"), 1ll << 40);
}

static void no_reference_main(cop_term arg)
{
    (void)arg;
    cop_unalias((cop_ref){ 0 });
}

static void no_priority_main(cop_term arg)
{
    (void)arg;
    cop_set_priority((enum cop_priority)99);
}

/* Run-time failures keep their tag: badarg, badarith, badmatch, noproc, system_limit,
 * timeout_value. */
CLAUSE(P_36)
{
    cop_pid idle = cop_spawn(idle_main, COP_NONE);
    cop_pid dead = cop_spawn(return_main, COP_NONE);

    reason_of_exit(dead);
    CHECK(cop_match(ends_with(badarg_main, COP_NONE), "{badarg, _}"));
    CHECK(cop_match(ends_with(badmatch_main, cop("{letter, a}")), "{{badmatch, _}, _}"));
    CHECK(cop_match(ends_with(noproc_main, cop("Pid", dead)), "{noproc, _}"));
    CHECK(cop_match(ends_with(timeout_main, COP_NONE), "{timeout_value, _}"));
    CHECK(cop_match(
        ends_with(error_code_main, COP_NONE), "{{badmatch, {<<\"-ENOENT\">>, enoent}}, _}"));
    CHECK(cop_match(ends_with(infinite_main, COP_NONE), "{badarith, _}"));
    CHECK(cop_match(ends_with(part_of_atom_main, cop("a")), "{badarg, _}"));
    CHECK(cop_match(ends_with(part_outside_main, cop("<<\"ab\">>")), "{badarg, _}"));
    CHECK(cop_match(ends_with(no_text_main, COP_NONE), "{badarg, _}"));
    CHECK(cop_match(ends_with(huge_binary_main, COP_NONE), "{system_limit, _}"));
    CHECK(cop_match(ends_with(too_long_call_main, cop("Pid", idle)), "{timeout_value, _}"));
    CHECK(cop_match(ends_with(no_reference_main, COP_NONE), "{badarg, _}"));
    CHECK(cop_match(ends_with(no_priority_main, COP_NONE), "{badarg, _}"));
}

enum { LIMIT = 256 * 1024 };

static void grow_turn_main(cop_term arg)
{
    cop_term list = cop_nil();
    int words;

    cop_must(cop_match(arg, "Words", &words));
    for (int i = 0; i < words / 2; i++)
        list = cop_cons(cop("I", i), list);
    cop_exit(cop("built"));
}

static void grow_memory_main(cop_term arg)
{
    int bytes;

    cop_must(cop_match(arg, "Bytes", &bytes));
    cop_trap_exit(true);
    for (int got = 0; got < bytes; got += 1024)
        memset(cop_alloc(1024), 1, 1024);
    cop_exit(cop("built"));
}

static void grow_kept_main(cop_term arg)
{
    cop_term place = COP_NONE;
    int bytes;

    cop_must(cop_match(arg, "Bytes", &bytes));
    for (int i = 0; i < bytes; i += 64) {
        cop_put(cop("I", i), cop("{[1, 2, 3], I}", i));
        cop_turn_end();
    }
    cop_keep(&place, cop("built"));
    cop_exit(place);
}

static cop_term limited(cop_process_main *fn, int size)
{
    cop_ref ref = { 0 };
    cop_term reason = COP_NONE;

    cop_spawn_opt(fn, cop("Size", size), &ref, .monitor = true, .heap_size_max = LIMIT);
    EXPECT("{'DOWN', Ref, process, _, Reason}", ref, &reason);
    return reason;
}

static void limit_self_main(cop_term arg)
{
    cop_term old;

    cop_must(cop_process_flag(&old, cop("max_heap_size"), cop("32768")));
    grow_turn_main(arg);
}

/* A process that would exceed its limit ends with killed, whatever it grows: terms of a turn,
 * memory, kept terms; one that stays below it does not. */
CLAUSE(P_40)
{
    CHECK_TERM(limited(grow_turn_main, LIMIT), "killed");
    CHECK_TERM(limited(grow_turn_main, LIMIT / 32), "built");
    CHECK_TERM(limited(grow_memory_main, 2 * LIMIT), "killed");
    CHECK_TERM(limited(grow_memory_main, LIMIT / 4), "built");
    CHECK_TERM(limited(grow_kept_main, 2 * LIMIT), "killed");
    CHECK_TERM(limited(grow_kept_main, LIMIT / 16), "built");
    CHECK_TERM(ends_with(limit_self_main, cop("1000000")), "killed");
    CHECK_TERM(ends_with(grow_turn_main, cop("1000000")), "built");
}

static void raise_exit(void *reason)
{
    cop_exit(*(cop_term *)reason);
}

static void raise_error(void *reason)
{
    cop_error(*(cop_term *)reason);
}

static void raise_throw(void *value)
{
    cop_throw(*(cop_term *)value);
}

static void raise_nothing(void *unused)
{
    (void)unused;
}

/* What catches is told the class, the reason without stack, and for errors the stack. */
CLAUSE(P_37)
{
    cop_term given = cop("{some, reason}"), reason = COP_NONE, stack = COP_NONE;

    CHECK_EQ_INT(cop_try(raise_exit, &given, &reason, &stack), COP_CLASS_EXIT);
    CHECK_TERM(reason, "{some,reason}");
    CHECK_EQ_INT(cop_try(raise_error, &given, &reason, &stack), COP_CLASS_ERROR);
    CHECK_TERM(reason, "{some,reason}");
    CHECK(cop_is_proper_list(stack));
    CHECK_EQ_INT(cop_try(raise_throw, &given, &reason, &stack), COP_CLASS_THROW);
    CHECK_TERM(reason, "{some,reason}");
    CHECK_EQ_INT(cop_try(raise_nothing, NULL, &reason, &stack), COP_CLASS_NONE);
    CHECK_TERM(reason, "{some,reason}");
}

static void send_to_owner(void *owner)
{
    cop_send(*(cop_pid *)owner, cop("deferred"));
}

static void raise_and_catch(void *unused)
{
    cop_term reason = cop("inner");

    (void)unused;
    TRY(raise_error, &reason, &reason);
}

static void catch_in_defer(void *owner)
{
    raise_and_catch(NULL);
    cop_send(*(cop_pid *)owner, cop("went_on"));
}

static void defer_main(cop_term arg)
{
    cop_pid *owner = cop_alloc(sizeof *owner);

    cop_must(cop_to_pid(owner, arg));
    cop_defer(send_to_owner, owner);
    cop_defer(send_to_owner, NULL);
    cop_defer(raise_nothing, NULL);
    cop_defer_cancel(send_to_owner, NULL); /* not the newest; the other one stays */
    cop_defer(catch_in_defer, owner);
    cop_exit(cop("outer"));
}

static void raise_in_defer(void *unused)
{
    (void)unused;
    cop_error(cop("in_defer"));
}

static void bad_defer_main(cop_term arg)
{
    cop_pid *owner = cop_alloc(sizeof *owner);

    cop_must(cop_to_pid(owner, arg));
    cop_defer(send_to_owner, owner);
    cop_defer(raise_in_defer, NULL);
    cop_exit(cop("outer"));
}

static void defers(void)
{
    CHECK_TERM(ends_with(defer_main, cop("Self", cop_self())), "outer");
    CHECK_TERM(cop_receive_within(0), "went_on");
    CHECK_TERM(cop_receive_within(0), "deferred");
    CHECK_TERM(ends_with(bad_defer_main, cop("Self", cop_self())), "outer");
    CHECK_TERM(cop_receive_within(0), "deferred");
}

/* Functions deferred run at the end, newest first; one may catch, and one that raises does not
 * change the reason of the end. */
TEST(defers)
{
    node_run(defers, 1);
}

/* --- Exit signals
 * --------------------------------------------------------------------------------- */

static void trap_main(cop_term arg)
{
    cop_trap_exit(true);
    obedient_main(arg);
}

/* Sends reason to a process that does not trap: how it ends, or none when it goes on. */
static cop_term explicit_plain(cop_term reason)
{
    cop_ref ref = { 0 };
    cop_pid pid = cop_spawn_monitor(obedient_main, COP_NONE, &ref);
    cop_term end = COP_NONE;

    cop_exit_signal(pid, reason);
    cop_send(pid, cop("{ping, Self}", cop_self()));
    if (cop_receive_match_within(cop_is_alive(pid) ? WAIT_MS : 0, "{pong, _}")) {
        cop_demonitor_flush(ref);
        cop_exit_signal(pid, cop("kill"));
        return COP_NONE;
    }
    EXPECT("{'DOWN', Ref, process, Pid, Reason}", ref, pid, &end);
    return end;
}

/* The same to one that traps: the reason in the message, or none when it died. */
static cop_term explicit_trapping(cop_term reason, cop_term *ret_end)
{
    cop_ref ref = { 0 };
    cop_pid pid = cop_spawn_monitor(witness_main, cop("Self", cop_self()), &ref);
    cop_term got = COP_NONE;

    *ret_end = COP_NONE;
    EXPECT("{Pid, ready}", pid);
    cop_exit_signal(pid, reason);
    if (cop_is_alive(pid)) {
        EXPECT("{Pid, {'EXIT', Self, R}}", pid, cop_self(), &got);
        cop_demonitor_flush(ref);
        cop_exit_signal(pid, cop("kill"));
        return got;
    }
    EXPECT("{'DOWN', Ref, process, Pid, R}", ref, pid, ret_end);
    return got;
}

static void linked_main(cop_term arg)
{
    cop_term reason, fn;
    cop_pid owner;

    (void)fn;
    cop_must(cop_match(arg, "{Owner, Reason}", &owner, &reason));
    cop_link(owner);
    cop_exit(reason);
}

/* A process that ends with reason while linked to one that does not trap. None: that one goes on.
 */
static cop_term link_plain(cop_term reason)
{
    cop_ref ref = { 0 };
    cop_pid pid = cop_spawn_monitor(obedient_main, COP_NONE, &ref), other;
    cop_term end = COP_NONE;

    other = cop_spawn(linked_main, cop("{Pid, Reason}", pid, reason));
    reason_of_exit(other);
    if (cop_is_alive(pid)) {
        CHECK_TERM(cop_process_info(pid, "links"), "{links,[]}");
        cop_demonitor_flush(ref);
        cop_exit_signal(pid, cop("kill"));
        return COP_NONE;
    }
    EXPECT("{'DOWN', Ref, process, Pid, Reason}", ref, pid, &end);
    return end;
}

static cop_term link_trapping(cop_term reason)
{
    cop_pid pid = cop_spawn(witness_main, cop("Self", cop_self())), other;
    cop_term got = COP_NONE;

    EXPECT("{Pid, ready}", pid);
    other = cop_spawn(linked_main, cop("{Pid, Reason}", pid, reason));
    EXPECT("{Pid, {'EXIT', Other, R}}", pid, other, &got);
    CHECK(cop_is_alive(pid));
    CHECK_TERM(cop_process_info(pid, "links"), "{links,[]}");
    cop_exit_signal(pid, cop("kill"));
    return got;
}

/* A row of the table of section 4; NULL: it goes on, or dies of it though it traps. */
static void row(const char *reason_text, bool link, const char *plain, const char *trapping)
{
    cop_term reason = COP_NONE, end = COP_NONE, got;

    cop_parse(&reason, (cop_bytes){ reason_text, strlen(reason_text) }, NULL);
    got = link ? link_plain(reason) : explicit_plain(reason);
    CHECK_EQ_STR(cop_is_none(got) ? "goes on" : cop_show(got), plain ? plain : "goes on");
    got = link ? link_trapping(reason) : explicit_trapping(reason, &end);
    CHECK_EQ_STR(cop_is_none(got) ? "dies" : cop_show(got), trapping ? trapping : "dies");
    if (!link && !trapping)
        CHECK_EQ_STR(cop_is_none(end) ? "goes on" : cop_show(end), plain);
}

/* normal, explicit: ignored, or a message to one that traps. */
CLAUSE(P_41)
{
    row("normal", false, NULL, "normal");
}

/* normal, over a link: ignored, or a message; the link is gone. */
CLAUSE(P_42)
{
    row("normal", true, NULL, "normal");
}

/* kill, explicit: dies with killed, trapping or not. */
CLAUSE(P_43)
{
    row("kill", false, "killed", NULL);
}

/* kill, over a link: dies with kill; a message to one that traps. */
CLAUSE(P_44)
{
    row("kill", true, "kill", "kill");
}

/* killed, either way: dies with killed; a message to one that traps. */
CLAUSE(P_45)
{
    row("killed", false, "killed", "killed");
    row("killed", true, "killed", "killed");
}

/* Every other reason, either way: dies with it; a message to one that traps. */
CLAUSE(P_46)
{
    static const char *const reasons[] = { "shutdown", "{shutdown,why}", "noproc", "noconnection",
        "{a,[b,#{c => 1}]}", "[]", "1.5", "<<\"bin\">>" };

    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
        row(reasons[i], false, reasons[i], reasons[i]);
        row(reasons[i], true, reasons[i], reasons[i]);
    }
}

static void link_to_main(cop_term arg)
{
    cop_pid owner, other;

    cop_must(cop_match(arg, "{Owner, Other}", &owner, &other));
    cop_link(other);
    cop_send(owner, cop("linked"));
    idle_main(COP_NONE);
}

/* A process killed by kill passes on killed: to links that trap and do not, and to monitors. */
CLAUSE(P_47)
{
    cop_ref neighbour_ref = { 0 }, ref = { 0 };
    cop_pid pid = cop_spawn_monitor(idle_main, COP_NONE, &ref), neighbour;

    neighbour =
        cop_spawn_monitor(link_to_main, cop("{Self, Pid}", cop_self(), pid), &neighbour_ref);
    EXPECT("linked");
    cop_trap_exit(true);
    cop_link(pid);
    settle(pid);
    cop_exit_signal(pid, cop("kill"));
    EXPECT("{'EXIT', Pid, killed}", pid);
    EXPECT("{'DOWN', Ref, process, Pid, killed}", ref, pid);
    EXPECT("{'DOWN', Ref, process, Pid, killed}", neighbour_ref, neighbour);
    NOTHING();
}

static void exit_self_main(cop_term arg)
{
    cop_term reason;
    cop_pid owner;
    bool trap;

    cop_must(cop_match(arg, "{Owner, Trap, Reason}", &owner, &trap, &reason));
    cop_trap_exit(trap);
    cop_exit_signal(cop_self(), reason);
    cop_send(owner, cop("{went_on, M}", cop_receive_within(0)));
    cop_exit(cop("later"));
}

/* exit(self(), R): normal ends one that does not trap, and is a message to one that does; kill ends
 * either with killed; others follow the table. */
CLAUSE(P_48)
{
    cop_pid me = cop_self();

    CHECK_TERM(ends_with(exit_self_main, cop("{Me, false, normal}", me)), "normal");
    CHECK_TERM(ends_with(exit_self_main, cop("{Me, false, kill}", me)), "killed");
    CHECK_TERM(ends_with(exit_self_main, cop("{Me, true, kill}", me)), "killed");
    CHECK_TERM(ends_with(exit_self_main, cop("{Me, false, why}", me)), "why");
    NOTHING();
    CHECK_TERM(ends_with(exit_self_main, cop("{Me, true, normal}", me)), "later");
    EXPECT("{went_on, {'EXIT', _, normal}}");
    CHECK_TERM(ends_with(exit_self_main, cop("{Me, true, why}", me)), "later");
    EXPECT("{went_on, {'EXIT', _, why}}");
}

static void exit_self_urgently_main(cop_term arg)
{
    cop_pid owner;

    cop_must(cop_to_pid(&owner, arg));
    cop_exit_signal_priority(cop_self(), cop("stop"));
    cop_send(owner, cop("went_on"));
}

/* A fatal exit signal to oneself takes effect before the call returns. */
CLAUSE(P_49)
{
    CHECK_TERM(ends_with(exit_self_main, cop("{Me, false, stop}", cop_self())), "stop");
    CHECK_TERM(ends_with(exit_self_urgently_main, cop("Me", cop_self())), "stop");
    NOTHING();
}

static void exit_no_pid(void *urgently)
{
    (urgently ? cop_exit_signal_priority : cop_exit_signal)((cop_pid){ 0, 0 }, cop("why"));
}

/* exit/2 to a dead pid, and to one of a node out of reach, does nothing; to what is no pid it
 * raises badarg. */
CLAUSE(P_50)
{
    cop_pid dead = cop_spawn(return_main, COP_NONE), idle = cop_spawn(idle_main, COP_NONE), far;
    cop_term reason = COP_NONE;
    int urgently = 1;

    reason_of_exit(dead);
    cop_exit_signal(dead, cop("kill"));
    cop_exit_signal_priority(dead, cop("kill"));
    CHECK_EQ_INT(TRY(exit_no_pid, NULL, &reason), COP_CLASS_ERROR);
    CHECK_TERM(reason, "badarg");
    CHECK_EQ_INT(TRY(exit_no_pid, &urgently, &reason), COP_CLASS_ERROR);
    CHECK_TERM(reason, "badarg");
    far = cop_pid_remote(cop_atom_new("far@away"), 1, (uint32_t)idle.id, (uint32_t)(idle.id >> 32));
    cop_exit_signal(far, cop("kill"));
    cop_exit_signal_priority(far, cop("kill"));
    CHECK(cop_is_alive(idle));
    NOTHING();
}

/* A trapped exit message names who sent the signal: the caller of exit/2, for a link the dead
 * process. */
CLAUSE(P_51)
{
    cop_pid pid = cop_spawn(witness_main, cop("Self", cop_self())), other;

    EXPECT("{Pid, ready}", pid);
    cop_exit_signal(pid, cop("by_hand"));
    EXPECT("{Pid, {'EXIT', Self, by_hand}}", pid, cop_self());
    other = cop_spawn(linked_main, cop("{Pid, by_link}", pid));
    EXPECT("{Pid, {'EXIT', Other, by_link}}", pid, other);
}

static void trap_later_main(cop_term arg)
{
    cop_pid owner;

    cop_must(cop_to_pid(&owner, arg));
    cop_send(owner, cop("ready"));
    cop_receive_match("trap");
    cop_trap_exit(true);
    cop_send(owner, cop("trapping"));
    cop_send(owner, cop("{got, M}", cop_receive()));
}

/* Trapping is decided when the signal is received: one that began to trap before gets a message. */
CLAUSE(P_52)
{
    cop_pid pid = cop_spawn(trap_later_main, cop("Self", cop_self()));

    EXPECT("ready");
    cop_send(pid, cop("trap"));
    EXPECT("trapping");
    cop_exit_signal(pid, cop("why"));
    EXPECT("{got, {'EXIT', _, why}}");
    /* and one that does not trap yet dies, although it meant to begin */
    pid = cop_spawn(trap_later_main, cop("Self", cop_self()));
    EXPECT("ready");
    cop_exit_signal(pid, cop("why"));
    cop_send(pid, cop("trap"));
    CHECK(!cop_is_alive(pid));
    NOTHING();
}

/* {'EXIT', Pid, Reason} sent as a message is a message. */
CLAUSE(P_53)
{
    cop_pid pid = cop_spawn(obedient_main, COP_NONE);

    cop_send(pid, cop("{'EXIT', Self, kill}", cop_self()));
    cop_send(pid, cop("{ping, Self}", cop_self()));
    EXPECT("{pong, Pid}", pid);
}

/* exit_signal is the name of exit/2, with the option priority too. */
CLAUSE(P_54)
{
    cop_pid pid = cop_spawn(witness_main, cop("Self", cop_self()));

    EXPECT("{Pid, ready}", pid);
    cop_exit_signal(pid, cop("one"));
    EXPECT("{Pid, {'EXIT', Self, one}}", pid, cop_self());
    cop_exit_signal_priority(pid, cop("two"));
    EXPECT("{Pid, {'EXIT', Self, two}}", pid, cop_self());
}

/* --- The order of an end
 * ---------------------------------------------------------------------------- */

static void named_main(cop_term arg)
{
    (void)arg;
    cop_must(cop_register("contested", cop_self()));
    cop_receive_match("stop");
}

/* Who hears of an end finds the name free and the process not alive, in 1000 rounds, by link and by
 * monitor. */
CLAUSE(P_55)
{
    cop_trap_exit(true);
    for (int i = 0; i < 1000; i++) {
        cop_ref ref = { 0 };
        cop_pid pid =
                    cop_spawn_opt(named_main, COP_NONE, &ref, .link = i % 2, .monitor = i % 2 == 0),
                found;

        cop_send(pid, cop("stop"));
        if (i % 2)
            EXPECT("{'EXIT', Pid, normal}", pid);
        else
            EXPECT("{'DOWN', Ref, process, Pid, normal}", ref, pid);
        CHECK(!cop_whereis(&found, "contested"));
        CHECK(!cop_is_alive(pid));
        cop_turn_end();
    }
}

static void timer_owner_main(cop_term arg)
{
    cop_pid to;

    cop_must(cop_to_pid(&to, arg));
    cop_send_after(20, to, cop("from_the_dead"));
}

/* A timer toward a process that has ended is cancelled; a timer of one that has ended still fires.
 */
CLAUSE(P_56)
{
    cop_pid pid = cop_spawn(obedient_main, COP_NONE);
    cop_ref timer = cop_send_after(60000, pid, cop("late"));

    CHECK(cop_read_timer(timer) > 0);
    cop_send(pid, cop("{exit, gone}"));
    reason_of_exit(pid);
    CHECK_EQ_INT(cop_read_timer(timer), -1);
    CHECK_EQ_INT(cop_cancel_timer(timer), -1);
    pid = cop_spawn(timer_owner_main, cop("Self", cop_self()));
    reason_of_exit(pid);
    EXPECT("from_the_dead");
}

static void alias_owner_main(cop_term arg)
{
    cop_pid to;

    cop_must(cop_to_pid(&to, arg));
    cop_send(to, cop("{alias, Ref}", cop_alias()));
}

/* Messages to an alias of a dead process vanish, also when its slot lives again. */
CLAUSE(P_57)
{
    cop_pid pid = cop_spawn(alias_owner_main, cop("Self", cop_self()));
    cop_ref alias = { 0 };

    reason_of_exit(pid);
    EXPECT("{alias, Ref}", &alias);
    for (int i = 0; i < 300; i++) {
        cop_pid young = cop_spawn(obedient_main, COP_NONE);

        cop_send(alias, cop("{exit, hit}"));
        cop_send(young, cop("{ping, Self}", cop_self()));
        EXPECT("{pong, Pid}", young);
        cop_send(young, cop("{exit, done}"));
        reason_of_exit(young);
        cop_turn_end();
    }
    NOTHING();
}

/* Each link and each monitor fires once. */
CLAUSE(P_58)
{
    cop_pid pid = cop_spawn(obedient_main, COP_NONE);
    cop_ref ref[5];

    cop_trap_exit(true);
    for (int i = 0; i < 5; i++) {
        ref[i] = cop_monitor(pid);
        cop_link(pid);
    }
    cop_send(pid, cop("{exit, once}"));
    EXPECT("{'EXIT', Pid, once}", pid);
    for (int i = 0; i < 5; i++)
        EXPECT("{'DOWN', Ref, process, Pid, once}", ref[i], pid);
    NOTHING();
}

static void ask_alive(void *pid)
{
    cop_is_alive(*(cop_pid *)pid);
}

static void stubborn_defer(void *unused)
{
    (void)unused;
    cop_sleep(20);
}

static void stubborn_main(cop_term arg)
{
    cop_defer(stubborn_defer, NULL);
    obedient_main(arg);
}

/* is_process_alive is false from the start of the end on, and in signal order after a fatal signal
 * of the caller; for what is no pid it raises badarg. */
CLAUSE(P_59)
{
    cop_pid nobody = { 0, 0 };
    cop_term reason = COP_NONE;

    CHECK(cop_is_alive(cop_self()));
    for (int i = 0; i < 300; i++) {
        cop_pid pid = cop_spawn(trap_main, COP_NONE);

        CHECK(cop_is_alive(pid));
        cop_exit_signal(pid, cop("kill"));
        CHECK(!cop_is_alive(pid));
        cop_turn_end();
    }
    {
        cop_ref ref = { 0 };
        cop_pid pid = cop_spawn_monitor(stubborn_main, COP_NONE, &ref);

        cop_exit_signal(pid, cop("stop"));
        CHECK(!cop_is_alive(pid));
        EXPECT("{'DOWN', Ref, process, Pid, stop}", ref, pid);
    }
    CHECK_EQ_INT(TRY(ask_alive, &nobody, &reason), COP_CLASS_ERROR);
    CHECK_TERM(reason, "badarg");
}
