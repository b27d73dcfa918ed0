/* SPDX-License-Identifier: Apache-2.0 */
/* Registries, clause by clause (docs/spec/registry.md). */
#include <coppice/registry.h>

#include "conformance/told_server.h"

static const char *const two_listeners[] = { "listener", NULL };
static const cop_registry unique = { .name = "unique" };
static const cop_registry parts = { .name = "parts", .partitions = 4 };
static const cop_registry duplicate = { .name = "duplicate", .keys = COP_DUPLICATE };
static const cop_registry spread = { .name = "spread", .keys = COP_DUPLICATE, .partitions = 4 };
static const cop_registry by_key = {
    .name = "by_key", .keys = COP_DUPLICATE_BY_KEY, .partitions = 4
};

static void start(const cop_registry *definition)
{
    cop_pid pid;

    CHECK_EQ_INT(cop_registry_start_link(&pid, definition, NULL), 0);
}

static size_t size_of(cop_term list)
{
    size_t size = 0;

    CHECK(cop_list_length(&size, list));
    return size;
}

/* {Owner, Registry, Key, Value}: registers itself, says so, and waits; {again, Key, Value} and
 * {unregister, Key} are done too. */
static void holder_main(cop_term arg)
{
    cop_pid owner;
    cop_atom registry;
    cop_term key, value;

    cop_must(cop_match(arg, "{Owner, Registry, Key, Value}", &owner, &registry, &key, &value));
    for (;;) {
        cop_term message, reason;
        int result = cop_registry_register(NULL, cop_atom_text(registry).data, key, value);

        cop_send(owner, cop("{registered, Self, Result}", cop_self(), result));
        message = cop_receive();
        if (cop_match(message, "{exit, Reason}", &reason))
            cop_exit(reason);
        if (!cop_match(message, "{again, Key, Value}", &key, &value))
            return;
    }
}

static cop_pid holder(const char *registry, const char *key, int value)
{
    cop_pid pid = cop_spawn(holder_main, cop("{Self, Registry, Key, Value}", cop_self(),
                                             cop_atom_new(registry), cop_atom_new(key), value));

    EXPECT("{registered, Pid, 0}", pid);
    return pid;
}

static void run_bad_start(void *arg)
{
    cop_pid pid;

    cop_registry_start_link(&pid, arg, NULL);
}

/* What a registry may be, and what not. also: REG-33 */
CLAUSE(REG_01)
{
    static const cop_registry bad[] = { { .keys = COP_UNIQUE }, { .name = "x", .partitions = -1 },
        { .name = "x", .meta = "[not a pair" },
        { .name = "x", .keys = (enum cop_registry_keys)7 } };
    static const cop_registry meta = { .name = "meta", .meta = "[{k, 1}, {{t, 2}, 3}]" };

    for (int i = 0; i < 4; i++)
        CHECK_EQ_INT(TRY(run_bad_start, (void *)(uintptr_t)&bad[i], NULL), COP_CLASS_ERROR);
    start(&meta);
    CHECK_TERM(cop_registry_meta("meta", cop("k")), "{ok,1}");
    CHECK_TERM(cop_registry_meta("meta", cop("{t, 2}")), "{ok,3}");
    start(&parts);
    CHECK_EQ_INT((int)size_of(cop_supervisor_which_children(cop_dest("parts"))), 4);
}

/* The caller is registered, and linked to the owner. */
CLAUSE(REG_02)
{
    cop_pid owner = { 0, 0 };

    start(&unique);
    CHECK_EQ_INT(cop_registry_register(&owner, "unique", cop("key"), cop("value")), 0);
    CHECK(cop_match(cop_registry_lookup("unique", cop("key")), "[{Self, value}]", cop_self()));
    CHECK(cop_list_member(
        cop_from_pid(owner), cop_tuple_at(cop_process_info(cop_self(), "links"), 1)));
}

/* A key that is held, also by oneself. */
CLAUSE(REG_03)
{
    cop_pid pid, holding = { 0, 0 };

    start(&unique);
    pid = holder("unique", "key", 1);
    CHECK_EQ_INT(cop_registry_register(&holding, "unique", cop("key"), cop("2")), -COP_EALREADY);
    CHECK(holding.id == pid.id);
    CHECK_TERM(cop_registry_keys_of("unique", cop_self()), "[]");
    CHECK_EQ_INT(cop_registry_register(NULL, "unique", cop("mine"), cop("1")), 0);
    CHECK_EQ_INT(cop_registry_register(&holding, "unique", cop("mine"), cop("2")), -COP_EALREADY);
    CHECK(holding.id == cop_self().id);
    CHECK_TERM(cop_registry_keys_of("unique", cop_self()), "[mine]");
}

/* The dead do not hold keys, and what they had goes. also: REG-08, REG-09 */
CLAUSE(REG_04)
{
    start(&unique);
    for (int i = 0; i < 50; i++) {
        cop_pid pid = holder("unique", "key", i), found;

        cop_exit_signal(pid, cop("kill"));
        reason_of_exit(pid);
        CHECK(!cop_whereis_to(&found, cop_via(&cop_registry_via, cop("{unique, key}"))));
        CHECK_EQ_INT(cop_registry_register(NULL, "unique", cop("key"), cop("mine")), 0);
        cop_registry_unregister("unique", cop("key"));
        cop_turn_end();
    }
    holder("unique", "other", 1);
    for (int i = 0; i < WAIT_MS && cop_registry_count("unique") > 1; i++)
        cop_sleep(1);
    CHECK_EQ_INT(cop_registry_count("unique"), 1);
}

/* Any number of entries. also: REG-07, REG-12, REG-13, REG-15 */
CLAUSE(REG_05)
{
    const cop_registry *registries[] = { &duplicate, &spread, &by_key };

    for (int i = 0; i < 3; i++) {
        const char *name = registries[i]->name;
        cop_pid pid;

        start(registries[i]);
        CHECK_EQ_INT(cop_registry_register(NULL, name, cop("k"), cop("1")), 0);
        CHECK_EQ_INT(cop_registry_register(NULL, name, cop("k"), cop("1")), 0);
        CHECK_EQ_INT(cop_registry_register(NULL, name, cop("k"), cop("2")), 0);
        pid = holder(name, "k", 3);
        CHECK_EQ_INT((int)size_of(cop_registry_lookup(name, cop("k"))), 4);
        CHECK_TERM(cop_registry_lookup(name, cop("nobody")), "[]");
        CHECK_TERM(cop_registry_keys_of(name, cop_self()), "[k,k,k]");
        CHECK_TERM(cop_registry_values(name, cop("k"), cop_self()), "[1,1,2]");
        CHECK_TERM(cop_registry_values(name, cop("k"), pid), "[3]");
        CHECK_EQ_INT(cop_registry_count(name), 4);
        cop_send(pid, cop("stop"));
        for (int j = 0; j < WAIT_MS && cop_registry_count(name) > 3; j++)
            cop_sleep(1);
        CHECK_EQ_INT(cop_registry_count(name), 3);
    }
}

/* 1 and 1.0 are two keys. */
CLAUSE(REG_06)
{
    start(&parts);
    CHECK_EQ_INT(cop_registry_register(NULL, "parts", cop("1"), cop("a")), 0);
    CHECK_EQ_INT(cop_registry_register(NULL, "parts", cop("1.0"), cop("b")), 0);
    CHECK(cop_match(cop_registry_lookup("parts", cop("1")), "[{_, a}]"));
    CHECK(cop_match(cop_registry_lookup("parts", cop("1.0")), "[{_, b}]"));
}

/* Unregistered: all entries of the key, and with the last one the link. */
CLAUSE(REG_10)
{
    start(&duplicate);
    cop_registry_register(NULL, "duplicate", cop("a"), cop("1"));
    cop_registry_register(NULL, "duplicate", cop("a"), cop("2"));
    cop_registry_register(NULL, "duplicate", cop("b"), cop("3"));
    cop_registry_unregister("duplicate", cop("a"));
    CHECK_TERM(cop_registry_lookup("duplicate", cop("a")), "[]");
    CHECK_TERM(cop_registry_keys_of("duplicate", cop_self()), "[b]");
    CHECK_EQ_INT((int)size_of(cop_tuple_at(cop_process_info(cop_self(), "links"), 1)), 2);
    cop_registry_unregister("duplicate", cop("b"));
    cop_registry_unregister("duplicate", cop("nothing"));
    CHECK_EQ_INT((int)size_of(cop_tuple_at(cop_process_info(cop_self(), "links"), 1)), 1);
}

/* Those whose value matches. */
CLAUSE(REG_11)
{
    start(&duplicate);
    for (int i = 1; i <= 4; i++)
        cop_registry_register(NULL, "duplicate", cop("k"), cop_int(i));
    cop_registry_unregister_match("duplicate", cop("k"), cop("'$1'"), cop("[{'>', '$1', 2}]"));
    CHECK_TERM(cop_registry_keys_of("duplicate", cop_self()), "[k,k]");
    CHECK_TERM(cop_registry_values("duplicate", cop("k"), cop_self()), "[1,2]");
    cop_registry_unregister_match("duplicate", cop("k"), cop("1"), COP_NONE);
    CHECK_TERM(cop_registry_values("duplicate", cop("k"), cop_self()), "[2]");
}

static cop_term add(cop_term old, cop_term arg)
{
    int64_t a = 0, b = 0;

    cop_must(cop_to_int(&a, old) && cop_to_int(&b, arg));
    return cop_int(a + b);
}

static void run_update(void *arg)
{
    (void)arg;
    cop_registry_update_value("duplicate", cop("k"), add, cop("1"));
}

/* A new value for a key that is one's own. */
CLAUSE(REG_14)
{
    start(&unique);
    start(&duplicate);
    holder("unique", "other", 1);
    CHECK_EQ_INT(cop_registry_register(NULL, "unique", cop("k"), cop("1")), 0);
    CHECK_TERM(cop_registry_update_value("unique", cop("k"), add, cop("10")), "{11,1}");
    CHECK(cop_match(cop_registry_lookup("unique", cop("k")), "[{_, 11}]"));
    CHECK_TERM(cop_registry_update_value("unique", cop("other"), add, cop("10")), "error");
    CHECK_TERM(cop_registry_update_value("unique", cop("nobody"), add, cop("10")), "error");
    CHECK_EQ_INT(TRY(run_update, NULL, NULL), COP_CLASS_ERROR);
}

/* match and count_match. also: REG-17 */
CLAUSE(REG_16)
{
    start(&spread);
    cop_registry_register(NULL, "spread", cop("k"), cop("{a, 1, 1}"));
    cop_registry_register(NULL, "spread", cop("k"), cop("{b, 1, 1.0}"));
    CHECK(cop_match(cop_registry_match("spread", cop("k"), cop("{a, '_', '_'}"), COP_NONE),
        "[{Self, {a, 1, 1}}]", cop_self()));
    CHECK_EQ_INT(
        cop_registry_count_match("spread", cop("k"), cop("{'_', '$1', '$1'}"), COP_NONE), 1);
    CHECK_EQ_INT(cop_registry_count_match(
                     "spread", cop("k"), cop("{'_', '$1', '_'}"), cop("[{'==', '$1', 1}]")),
        2);
}

static void run_select(void *arg)
{
    (void)arg;
    cop_registry_select("unique", cop("[{{'_', '_'}, [], ['$_']}]"));
}

/* select and count_select over {Key, Pid, Value}. */
CLAUSE(REG_18)
{
    start(&unique);
    cop_registry_register(NULL, "unique", cop("a"), cop("1"));
    cop_registry_register(NULL, "unique", cop("b"), cop("2"));
    CHECK_TERM(cop_registry_select(
                   "unique", cop("[{{'$1', '_', '$2'}, [{'>', '$2', 1}], [{{'$1', '$2'}}]}]")),
        "[{b,2}]");
    CHECK_EQ_INT(cop_registry_count_select("unique", cop("[{{'_', '$1', '_'}, [], [true]}]")), 2);
    CHECK_EQ_INT(TRY(run_select, NULL, NULL), COP_CLASS_ERROR);
}

static void tell(cop_term entries, cop_term arg)
{
    cop_pid pid;

    cop_must(cop_to_pid(&pid, arg));
    cop_send(pid, cop("{dispatched, N, Self}", (int64_t)size_of(entries), cop_self()));
}

static void raise_it(cop_term entries, cop_term arg)
{
    (void)entries, (void)arg;
    cop_error(cop("oops"));
}

static void run_dispatch(void *arg)
{
    (void)arg;
    cop_registry_dispatch("by_key", cop("k"), raise_it, cop("x"), false);
}

/* Dispatched in the caller; per partition where entries lie with processes; what it raises.
 * also: REG-20, REG-21, REG-32 */
CLAUSE(REG_19)
{
    cop_term reason = COP_NONE;
    int64_t n = 0, sum = 0;
    cop_pid pid = { 0, 0 };

    start(&spread);
    start(&by_key);
    for (int i = 0; i < 16; i++) {
        holder("spread", "k", i);
        holder("by_key", "k", i);
    }
    cop_registry_dispatch("by_key", cop("k"), tell, cop("Self", cop_self()), false);
    EXPECT("{dispatched, 16, Self}", cop_self());
    cop_registry_dispatch("by_key", cop("nobody"), tell, cop("Self", cop_self()), false);
    NOTHING();
    cop_registry_dispatch("spread", cop("k"), tell, cop("Self", cop_self()), false);
    while (cop_receive_match_within(0, "{dispatched, N, Self}", &n, cop_self()))
        sum += n;
    CHECK_EQ_INT(sum, 16);
    cop_registry_dispatch("spread", cop("k"), tell, cop("Self", cop_self()), true);
    for (sum = 0; cop_receive_match_within(0, "{dispatched, N, Pid}", &n, &pid);) {
        sum += n;
        CHECK(pid.id != cop_self().id);
    }
    CHECK_EQ_INT(sum, 16);
    CHECK_EQ_INT(TRY(run_dispatch, NULL, &reason), COP_CLASS_ERROR);
    CHECK_TERM(reason, "oops");
}

static cop_step server_init(void *state, cop_term arg)
{
    (void)state, (void)arg;
    return cop_ok();
}

static cop_step server_call(void *state, cop_term request)
{
    (void)state;
    return cop_reply(request);
}

static const cop_gen_server server = {
    .module = "server", .init = server_init, .handle_call = server_call
};

static int start_named(cop_pid *ret_pid, cop_term name, cop_term *ret_error)
{
    struct cop_gen_options options = { .name = cop_via(&cop_registry_via, name) };

    return cop_gen_server_start_with(ret_pid, NULL, &server, cop("[]"), 0, &options, ret_error);
}

static void run_named(void *arg)
{
    cop_pid pid;

    start_named(&pid, *(cop_term *)arg, NULL);
}

static void run_send(void *arg)
{
    (void)arg;
    cop_send(cop_via(&cop_registry_via, cop("{unique, nobody}")), cop("x"));
}

/* Names by way of a registry, with a value or without; on duplicate keys they make no sense.
 * also: REG-23, REG-24 */
CLAUSE(REG_22)
{
    cop_term name = cop("{duplicate, k}"), error = COP_NONE, reply;
    cop_pid pid, other;

    start(&unique);
    start(&duplicate);
    CHECK_EQ_INT(start_named(&pid, cop("{unique, k}"), &error), 0);
    CHECK(cop_match(cop_registry_lookup("unique", cop("k")), "[{Pid, nil}]", pid));
    CHECK_TERM(cop_call(cop_via(&cop_registry_via, cop("{unique, k}")), cop("hello")), "hello");
    CHECK_TERM(
        cop_call(cop_via(&cop_registry_via, cop("{unique, k, ignored}")), cop("hello")), "hello");
    CHECK_EQ_INT(start_named(&other, cop("{unique, k}"), &error), -COP_EALREADY);
    CHECK(cop_match(error, "{already_started, Pid}", pid));
    CHECK_EQ_INT(start_named(&pid, cop("{unique, l, value}"), &error), 0);
    CHECK(cop_match(cop_registry_lookup("unique", cop("l")), "[{Pid, value}]", pid));
    CHECK_EQ_INT(TRY(run_named, &name, NULL), COP_CLASS_ERROR);
    CHECK(!cop_try_call(&reply, cop_via(&cop_registry_via, cop("{unique, nobody}")), cop("x")));
    CHECK_TERM(reply, "noproc");
    cop_cast(cop_via(&cop_registry_via, cop("{unique, nobody}")), cop("x"));
    CHECK(TRY(run_send, NULL, &error) != COP_CLASS_NONE);
    CHECK_MATCH(error, "{badarg, _}");
}

static void run_meta(void *arg)
{
    (void)arg;
    cop_registry_meta("unique", cop("1"));
}

/* Meta data. */
CLAUSE(REG_25)
{
    start(&unique);
    CHECK_TERM(cop_registry_meta("unique", cop("k")), "error");
    cop_registry_put_meta("unique", cop("k"), cop("v"));
    CHECK_TERM(cop_registry_meta("unique", cop("k")), "{ok,v}");
    cop_registry_delete_meta("unique", cop("k"));
    CHECK_TERM(cop_registry_meta("unique", cop("k")), "error");
    CHECK_EQ_INT(TRY(run_meta, NULL, NULL), COP_CLASS_ERROR);
}

static void run_register(void *arg)
{
    cop_registry_register(NULL, arg, cop("late"), cop("v"));
}

/* Listeners hear of what is done, and not of ends. also: REG-27 */
CLAUSE(REG_26)
{
    static const cop_registry listened = { .name = "listened", .listeners = two_listeners };
    cop_pid pid;

    start(&listened);
    CHECK_EQ_INT(TRY(run_register, (void *)(uintptr_t) "listened", NULL), COP_CLASS_ERROR);
    CHECK(cop_match(cop_registry_lookup("listened", cop("late")), "[{_, v}]"));
    cop_must(cop_register("listener", cop_self()));
    cop_registry_register(NULL, "listened", cop("k"), cop("v"));
    EXPECT("{register, listened, k, Self, v}", cop_self());
    cop_registry_unregister("listened", cop("k"));
    EXPECT("{unregister, listened, k, Self}", cop_self());
    pid = holder("listened", "other", 1);
    EXPECT("{register, listened, other, Pid, 1}", pid);
    cop_send(pid, cop("stop"));
    reason_of_exit(pid);
    NOTHING();
    cop_must(cop_unregister("listener"));
}

static void run_lookup(void *arg)
{
    (void)arg;
    cop_registry_lookup("nowhere", cop("k"));
}

/* A registry that is not there. */
CLAUSE(REG_28)
{
    CHECK_EQ_INT(TRY(run_register, (void *)(uintptr_t) "nowhere", NULL), COP_CLASS_ERROR);
    CHECK_EQ_INT(TRY(run_lookup, NULL, NULL), COP_CLASS_ERROR);
}

/* A supervisor of its partitions, under its name. */
CLAUSE(REG_29)
{
    cop_pid pid;

    start(&parts);
    CHECK(cop_whereis(&pid, "parts"));
    CHECK_MATCH(cop_sys_get_state(pid), "#{strategy := one_for_all}");
    start(&spread);
    CHECK(cop_whereis(&pid, "spread"));
    CHECK_MATCH(cop_sys_get_state(pid), "#{strategy := one_for_one}");
}

/* The end of a partition's owner is that of who is registered with it, and it begins anew. */
CLAUSE(REG_30)
{
    cop_pid pid, owner = { 0, 0 };
    cop_ref ref;

    start(&unique);
    pid = holder("unique", "k", 1);
    ref = cop_monitor(pid);
    CHECK_MATCH(cop_supervisor_which_children(cop_dest("unique")), "[{0, _, _, _}]");
    cop_match(cop_supervisor_which_children(cop_dest("unique")), "[{0, Pid, _, _}]", &owner);
    cop_exit_signal(owner, cop("kill"));
    EXPECT("{'DOWN', Ref, process, _, killed}", ref);
    reason_of_exit(owner);
    while (
        cop_match(cop_supervisor_which_children(cop_dest("unique")), "[{0, Pid, _, _}]", owner) ||
        !cop_match(cop_supervisor_which_children(cop_dest("unique")), "[{0, Pid, _, _}]", &pid))
        cop_sleep(1);
    CHECK_EQ_INT(cop_registry_register(NULL, "unique", cop("k"), cop("v")), 0);
}

static int inside, most_inside, entered;

static cop_term critical(cop_term arg)
{
    if (cop_match(arg, "killed")) /* perhaps in here */
        cop_sleep(COP_INFINITY);
    inside++;
    entered++;
    most_inside = inside > most_inside ? inside : most_inside;
    cop_sleep(1);
    inside--;
    if (cop_match(arg, "raise"))
        cop_error(cop("oops"));
    if (cop_match(arg, "die"))
        cop_exit(cop("why"));
    return cop("{was, Arg}", arg);
}

static void locker_main(cop_term arg)
{
    cop_pid owner;
    cop_term what;

    cop_must(cop_match(arg, "{Owner, What}", &owner, &what));
    cop_send(owner, cop("{done, Result}", cop_registry_lock("parts", cop("k"), critical, what)));
}

/* One at a time under a key, in turn, whatever becomes of who holds it or waits. */
CLAUSE(REG_31)
{
    start(&parts);
    inside = most_inside = entered = 0;
    for (int i = 0; i < 10; i++)
        cop_monitor(cop_spawn(locker_main, cop("{Self, What}", cop_self(),
                                               i == 3   ? cop("raise")
                                               : i == 5 ? cop("die")
                                                        : cop_int(i))));
    cop_exit_signal(cop_spawn(locker_main, cop("{Self, killed}", cop_self())), cop("kill"));
    for (int i = 0; i < 8; i++)
        EXPECT("{done, {was, _}}");
    for (int i = 0; i < 10; i++)
        EXPECT("{'DOWN', _, process, _, _}");
    CHECK_EQ_INT(entered, 10);
    CHECK_EQ_INT(most_inside, 1);
    CHECK_TERM(cop_registry_lock("parts", cop("k"), critical, cop("last")), "{was,last}");
}

static void user_main(cop_term arg)
{
    cop_pid owner;
    int who;

    cop_must(cop_match(arg, "{Owner, Who}", &owner, &who));
    for (int i = 0; i < 200; i++) {
        cop_term key = cop("{Who, I}", who, i);

        cop_must(cop_registry_register(NULL, "parts", key, cop("v")));
        cop_must(cop_match(cop_registry_lookup("parts", key), "[{_, v}]"));
        cop_registry_unregister("parts", key);
        cop_turn_end();
    }
    cop_send(owner, cop("done"));
}

/* While the owners of the partitions stand still, all but cleaning up goes on. */
CLAUSE(REG_34)
{
    cop_term children, child;
    cop_pid owner = { 0, 0 };

    start(&parts);
    children = cop_supervisor_which_children(cop_dest("parts"));
    while (cop_list_next(&child, &children))
        if (cop_match(child, "{_, Pid, _, _}", &owner))
            cop_sys_suspend(owner);
    for (int i = 0; i < 4; i++)
        cop_spawn(user_main, cop("{Self, Who}", cop_self(), i));
    for (int i = 0; i < 4; i++)
        EXPECT("done");
    children = cop_supervisor_which_children(cop_dest("parts"));
    while (cop_list_next(&child, &children))
        if (cop_match(child, "{_, Pid, _, _}", &owner))
            cop_sys_resume(owner);
    CHECK_EQ_INT(cop_registry_count("parts"), 0);
}
