/* SPDX-License-Identifier: Apache-2.0 */
/* Flags, hibernation, introspection, dictionary: P-95 to P-108, section 10 of docs/spec/process.md.
 */
#include "conformance/node.h"

static cop_term flag(const char *name, cop_term value)
{
    cop_term old = cop("error");

    return cop_process_flag(&old, cop_from_atom(cop_atom_new(name)), value) < 0 ? cop("badarg")
                                                                                : old;
}

/* process_flag gives the value before, beginning with the defaults; an unknown flag or a bad value
 * is badarg. */
CLAUSE(P_95)
{
    CHECK_TERM(flag("trap_exit", cop("true")), "false");
    CHECK_TERM(flag("trap_exit", cop("false")), "true");
    CHECK(!cop_trap_exit(true));
    CHECK(cop_trap_exit(false));
    CHECK_TERM(flag("priority", cop("high")), "normal");
    CHECK_TERM(flag("priority", cop("normal")), "high");
    CHECK_EQ_INT(cop_set_priority(COP_LOW), COP_NORMAL);
    CHECK_EQ_INT(cop_set_priority(COP_NORMAL), COP_LOW);
    CHECK_TERM(flag("min_heap_size", cop("500")), "233");
    CHECK_TERM(flag("min_heap_size", cop("233")), "500");
    CHECK_TERM(flag("fullsweep_after", cop("10")), "65535");
    CHECK_TERM(flag("fullsweep_after", cop("65535")), "10");
    CHECK_TERM(flag("message_queue_data", cop("off_heap")), "on_heap");
    CHECK_TERM(flag("message_queue_data", cop("on_heap")), "off_heap");
    CHECK_TERM(flag("max_heap_size", cop("0")), "#{error_logger => true,kill => true,size => 0}");
    CHECK_TERM(flag("max_heap_size", cop("#{size => 1000000, kill => false}")),
        "#{error_logger => true,kill => true,size => 0}");
    CHECK_TERM(
        flag("max_heap_size", cop("0")), "#{error_logger => true,kill => false,size => 1000000}");
    CHECK_TERM(flag("no_such_flag", cop("true")), "badarg");
    CHECK_TERM(flag("trap_exit", cop("1")), "badarg");
    CHECK_TERM(flag("priority", cop("highest")), "badarg");
    CHECK_TERM(flag("min_heap_size", cop("-1")), "badarg");
    CHECK_TERM(flag("message_queue_data", cop("heap")), "badarg");
    CHECK_TERM(flag("max_heap_size", cop("-1")), "badarg");
}

/* Turning trap_exit off leaves the exit messages in the mailbox as they are. */
CLAUSE(P_96)
{
    cop_pid pid;

    cop_trap_exit(true);
    pid = cop_spawn_link(exit_main, cop("gone"));
    reason_of_exit(pid);
    CHECK(cop_trap_exit(false));
    EXPECT("{'EXIT', Pid, gone}", pid);
}

static void woken_main(cop_term arg)
{
    cop_pid owner;

    cop_must(cop_to_pid(&owner, arg));
    cop_send(owner, cop("{woken, M}", cop_receive_within(0)));
    cop_error(cop("after"));
}

static void hibernate_inside(void *owner)
{
    cop_hibernate(woken_main, cop("Owner", *(cop_pid *)owner));
}

static void hibernating_main(cop_term arg)
{
    cop_pid owner;
    cop_term reason;

    cop_must(cop_to_pid(&owner, arg));
    TRY(hibernate_inside, &owner, &reason);
    cop_send(owner, cop("the_stack_was_kept"));
}

/* hibernate/3 drops the stack, also a surrounding try; goes on in its function when there is a
 * message, at once if there is one already, and the message is in the mailbox. A question about it
 * does not wake it. */
CLAUSE(P_97)
{
    cop_ref ref = { 0 };
    cop_pid pid = cop_spawn_monitor(hibernating_main, cop("Self", cop_self()), &ref);

    for (int i = 0; i < 5; i++)
        cop_process_info(pid, "status");
    NOTHING();
    cop_send(pid, cop("hello"));
    EXPECT("{woken, hello}");
    EXPECT("{'DOWN', Ref, process, Pid, {after, _}}", ref, pid);
    for (int i = 0; i < 100; i++) {
        pid = cop_spawn_monitor(hibernating_main, cop("Self", cop_self()), &ref);
        cop_send(pid, cop("{early, I}", i));
        EXPECT("{woken, {early, I}}", i);
        EXPECT("{'DOWN', Ref, process, Pid, {after, _}}", ref, pid);
        cop_turn_end();
    }
    NOTHING();
}

/* Until status is waiting; it comes to that soon. */
static void until_waiting(cop_pid pid)
{
    while (!cop_match(cop_process_info(pid, "status"), "{status, waiting}")) {
        cop_yield();
        cop_turn_end();
    }
}

/* While it hibernates its current function is erlang:hibernate/3 and its status waiting. */
CLAUSE(P_98)
{
    cop_pid pid = cop_spawn(hibernating_main, cop("Self", cop_self()));

    until_waiting(pid);
    CHECK_TERM(
        cop_process_info(pid, "current_function"), "{current_function,{erlang,hibernate,3}}");
    CHECK_TERM(cop_process_info(pid, "status"), "{status,waiting}");
    cop_exit_signal(pid, cop("kill"));
    CHECK(!cop_is_alive(pid));
}

static void hibernate_here_main(cop_term arg)
{
    cop_pid owner;
    int on_stack = 42;

    cop_must(cop_to_pid(&owner, arg));
    cop_hibernate_here();
    cop_send(owner, cop("{back, N, M}", on_stack, cop_receive_within(0)));
}

/* hibernate/0 waits for a message and returns to its caller, stack and all. */
CLAUSE(P_99)
{
    cop_pid pid = cop_spawn(hibernate_here_main, cop("Self", cop_self()));

    until_waiting(pid);
    CHECK(cop_is_alive(pid));
    NOTHING();
    cop_send(pid, cop("hello"));
    EXPECT("{back, 42, hello}");
}

static void ask_unknown(void *unused)
{
    (void)unused;
    cop_process_info(cop_self(), "no_such_item");
}

static void ask_remote(void *unused)
{
    (void)unused;
    cop_process_info(cop_pid_remote(cop_atom_new("n@h"), 1, 2, 3), "status");
}

/* {Item, Value}; nothing for a dead process; badarg for an unknown item and a remote pid; the name
 * of an unnamed one is
 * [] alone and {registered_name, []} in a list. */
CLAUSE(P_100)
{
    cop_pid pid = cop_spawn(obedient_main, COP_NONE);
    cop_term reason = COP_NONE;

    CHECK_TERM(cop_process_info(pid, "trap_exit"), "{trap_exit,false}");
    CHECK_TERM(cop_process_info(pid, "registered_name"), "[]");
    CHECK_TERM(cop_process_info_list(pid, cop("[registered_name, trap_exit]")),
        "[{registered_name,[]},{trap_exit,false}]");
    CHECK_EQ_INT(cop_register("server", pid), 0);
    CHECK_TERM(cop_process_info(pid, "registered_name"), "{registered_name,server}");
    cop_send(pid, cop("{exit, gone}"));
    reason_of_exit(pid);
    CHECK(cop_is_none(cop_process_info(pid, "trap_exit")));
    CHECK(cop_is_none(cop_process_info_list(pid, cop("[]"))));
    CHECK_EQ_INT(TRY(ask_unknown, NULL, &reason), COP_CLASS_ERROR);
    CHECK_TERM(reason, "badarg");
    CHECK_EQ_INT(TRY(ask_remote, NULL, &reason), COP_CLASS_ERROR);
    CHECK_TERM(reason, "badarg");
}

static void furnished_main(cop_term arg)
{
    cop_pid owner;

    cop_must(cop_to_pid(&owner, arg));
    cop_put(cop("key"), cop("{some, value}"));
    cop_set_label(cop("{worker, 7}"));
    cop_send(owner, cop("ready"));
    cop_receive_match("never");
}

/* Each item is answered, with the value that the process's state gives it. */
CLAUSE(P_101)
{
    static const char *const items[] = { "registered_name", "links", "monitors", "monitored_by",
        "message_queue_len", "messages", "trap_exit", "status", "dictionary", "current_function",
        "initial_call", "current_stacktrace", "group_leader", "priority", "heap_size",
        "total_heap_size", "stack_size", "memory", "reductions", "message_queue_data", "parent",
        "error_handler", "garbage_collection", "suspending", "label" };
    cop_pid pid = cop_spawn_opt(furnished_main, cop("Self", cop_self()), NULL, .priority = COP_LOW),
            me = cop_self();
    cop_term value = COP_NONE;

    EXPECT("ready");
    cop_send(pid, cop("one"));
    cop_send(pid, cop("{two, 2}"));
    for (size_t i = 0; i < sizeof items / sizeof items[0]; i++) {
        cop_term answer = cop_process_info(pid, items[i]);

        CHECK(cop_is_none(answer) == false);
        if (!(i == 0 && cop_match(answer, "[]")))
            CHECK(cop_identical(cop_tuple_at(answer, 0), cop_from_atom(cop_atom_new(items[i]))));
    }
    CHECK_TERM(cop_process_info(pid, "message_queue_len"), "{message_queue_len,2}");
    CHECK_TERM(cop_process_info(pid, "messages"), "{messages,[one,{two,2}]}");
    CHECK_TERM(cop_process_info(pid, "priority"), "{priority,low}");
    CHECK_TERM(cop_process_info(pid, "label"), "{label,{worker,7}}");
    CHECK(cop_match(cop_process_info(pid, "parent"), "{parent, Me}", me));
    CHECK(cop_match(cop_process_info(pid, "memory"), "{memory, M}", &value));
    CHECK(cop_match(cop_process_info(pid, "dictionary"), "{dictionary, D}", &value));
    CHECK(cop_list_member(cop("{key, {some, value}}"), value));
    CHECK_TERM(cop_process_info_list(pid, cop("[{dictionary, key}, {dictionary, other}]")),
        "[{{dictionary,key},{some,value}},{{dictionary,other},undefined}]");
}

/* Without an item: the fixed subset, with the name if there is one, without the messages. */
CLAUSE(P_102)
{
    static const char *const items[] = { "current_function", "initial_call", "status",
        "message_queue_len", "links", "dictionary", "trap_exit", "error_handler", "priority",
        "group_leader", "total_heap_size", "heap_size", "stack_size", "reductions",
        "garbage_collection", "suspending" };
    cop_pid pid = cop_spawn(idle_main, COP_NONE);
    cop_term list = cop_process_info_list(pid, cop("[]")), value;
    size_t length = 0;

    CHECK(cop_list_length(&length, list));
    CHECK_EQ_INT(length, sizeof items / sizeof items[0]);
    for (size_t i = 0; i < sizeof items / sizeof items[0]; i++)
        CHECK(cop_proplist_get(&value, list, cop_from_atom(cop_atom_new(items[i]))));
    CHECK_EQ_INT(cop_register("server", pid), 0);
    list = cop_process_info_list(pid, cop("[]"));
    CHECK(cop_proplist_get(&value, list, cop("registered_name")));
    CHECK_TERM(value, "server");
    CHECK(!cop_proplist_get(&value, list, cop("messages")));
}

static void watcher_main(cop_term arg)
{
    cop_pid owner, target;

    cop_must(cop_match(arg, "{Owner, Target}", &owner, &target));
    cop_monitor(target);
    cop_monitor("server");
    cop_link(owner);
    cop_send(owner, cop("ready"));
    cop_receive_match("never");
}

/* monitors lists {process, Pid} and {process, {Name, Node}}, monitored_by pids, links pids. */
CLAUSE(P_103)
{
    cop_pid target = cop_spawn(idle_main, COP_NONE), server = cop_spawn(idle_main, COP_NONE), pid,
            me = cop_self();
    cop_term list = COP_NONE;

    CHECK_EQ_INT(cop_register("server", server), 0);
    pid = cop_spawn(watcher_main, cop("{Self, Target}", me, target));
    EXPECT("ready");
    CHECK(cop_match(cop_process_info(pid, "monitors"), "{monitors, L}", &list));
    CHECK(cop_list_member(cop("{process, Target}", target), list));
    CHECK(cop_list_member(cop("{process, {server, nonode@nohost}}"), list));
    CHECK(cop_match(cop_process_info(target, "monitored_by"), "{monitored_by, [Pid]}", pid));
    CHECK(cop_match(cop_process_info(pid, "links"), "{links, [Me]}", me));
    CHECK(cop_match(cop_process_info(me, "links"), "{links, [Pid]}", pid));
}

/* status: running of oneself, waiting of one that waits, suspended of one that was suspended, which
 * does nothing until it is resumed. */
CLAUSE(P_104)
{
    cop_pid pid = cop_spawn(obedient_main, COP_NONE);

    CHECK_TERM(cop_process_info(cop_self(), "status"), "{status,running}");
    until_waiting(pid);
    CHECK_EQ_INT(cop_suspend_process(pid), 0);
    CHECK_TERM(cop_process_info(pid, "status"), "{status,suspended}");
    cop_send(pid, cop("{ping, Self}", cop_self()));
    NOTHING();
    CHECK_EQ_INT(cop_suspend_process(pid), 0);
    CHECK_EQ_INT(cop_resume_process(pid), 0);
    NOTHING();
    CHECK_EQ_INT(cop_resume_process(pid), 0);
    EXPECT("{pong, Pid}", pid);
    CHECK_EQ_INT(cop_suspend_process(pid), 0);
    cop_exit_signal(pid, cop("kill"));
    CHECK(!cop_is_alive(pid));
    CHECK_EQ_INT(cop_suspend_process(pid), -COP_EBADARG);
}

/* A question is answered after what the asker sent before: the messages are counted. */
CLAUSE(P_105)
{
    cop_pid pid = cop_spawn(idle_main, COP_NONE);

    for (int i = 1; i <= 300; i++) {
        cop_send(pid, cop("I", i));
        CHECK(cop_match(cop_process_info(pid, "message_queue_len"), "{message_queue_len, I}", i));
        cop_turn_end();
    }
}

static void dictionary_main(cop_term arg)
{
    cop_pid owner;

    cop_must(cop_to_pid(&owner, arg));
    cop_send(owner, cop_is_none(cop_get(cop("key"))) ? cop("private") : cop("shared"));
}

static void random_main(cop_term arg)
{
    cop_pid owner;

    cop_must(cop_to_pid(&owner, arg));
    cop_send(owner, cop("{random, N}", cop_random()));
}

static void draw_numbers(void)
{
    uint64_t one = cop_random(), two = cop_random(), other = 0;

    cop_spawn(random_main, cop("Self", cop_self()));
    EXPECT("{random, N}", &other);
    CHECK(one != two && one != other && two != other);
}

/* Each process has a generator of its own: numbers do not come twice. */
TEST(random_numbers)
{
    node_run(draw_numbers, 1);
}

/* put gives the old value, get the value, erase removes it; keys are compared exactly; it is
 * private. */
CLAUSE(P_106)
{
    CHECK(cop_is_none(cop_get(cop("key"))));
    CHECK(cop_is_none(cop_put(cop("key"), cop("{first, [1]}"))));
    CHECK_TERM(cop_put(cop("key"), cop("second")), "{first,[1]}");
    CHECK_TERM(cop_get(cop("key")), "second");
    cop_turn_end();
    CHECK_TERM(cop_get(cop("key")), "second");
    CHECK(cop_is_none(cop_put(cop("1"), cop("integer"))));
    CHECK(cop_is_none(cop_get(cop("1.0"))));
    CHECK(cop_is_none(cop_put(cop("{tuple, [key]}"), cop("t"))));
    CHECK_TERM(cop_get(cop("{tuple, [key]}")), "t");
    cop_spawn(dictionary_main, cop("Self", cop_self()));
    EXPECT("private");
    CHECK_TERM(cop_erase(cop("key")), "second");
    CHECK(cop_is_none(cop_erase(cop("key"))));
    CHECK(cop_is_none(cop_get(cop("key"))));
    CHECK_TERM(cop_list_sort(cop_dictionary()), "[{1,integer},{{tuple,[key]},t}]");
}

static void family_main(cop_term arg)
{
    cop_pid owner;
    int depth;

    cop_must(cop_match(arg, "{Owner, Depth}", &owner, &depth));
    if (depth == 1)
        cop_must(cop_register("middle", cop_self()));
    cop_send(owner, cop("{D, Self, A, I}", depth, cop_self(), cop_get(cop("'$ancestors'")),
                        cop_get(cop("'$initial_call'"))));
    if (depth < 2)
        cop_spawn_opt(family_main, cop("{Owner, D}", owner, depth + 1), NULL, .proc_lib = true,
            .initial_call = "family");
    cop_receive_match("never");
}

/* '$ancestors': nearest first, by name where the parent had one when it spawned; '$initial_call':
 * {M, F, A}. */
CLAUSE(P_107)
{
    cop_pid me = cop_self(), first = { 0 }, second = { 0 }, third = { 0 };
    cop_term ancestors = COP_NONE, call = COP_NONE;

    cop_spawn_opt(
        family_main, cop("{Me, 0}", me), NULL, .proc_lib = true, .initial_call = "family");
    EXPECT("{0, First, [Me], Call}", &first, me, &call);
    CHECK_EQ_INT(cop_tuple_size(call), 3);
    CHECK_TERM(cop_tuple_at(call, 0), "family");
    EXPECT("{1, Second, [First, Me], _}", &second, first, me);
    EXPECT("{2, Third, A, _}", &third, &ancestors);
    CHECK(cop_match(ancestors, "[middle, First, Me]", first, me));
}

/* All processes can be walked one by one: each that lives is met once, the dead are not. */
CLAUSE(P_108)
{
    cop_pid pids[50], dead = cop_spawn(exit_main, cop("normal")), pid;
    int met[50] = { 0 }, me = 0, met_dead = 0;
    cop_process_iterator iterator = { 0 };

    reason_of_exit(dead);
    for (int i = 0; i < 50; i++)
        pids[i] = cop_spawn(idle_main, COP_NONE);
    while (cop_processes_next(&pid, &iterator)) {
        me += pid.id == cop_self().id;
        met_dead += pid.id == dead.id;
        for (int i = 0; i < 50; i++)
            met[i] += pid.id == pids[i].id;
    }
    CHECK_EQ_INT(me, 1);
    CHECK_EQ_INT(met_dead, 0);
    for (int i = 0; i < 50; i++)
        CHECK_EQ_INT(met[i], 1);
    CHECK(cop_list_member(cop_from_pid(pids[7]), cop_processes()));
    CHECK(!cop_list_member(cop_from_pid(dead), cop_processes()));
}
