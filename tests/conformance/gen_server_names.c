/* SPDX-License-Identifier: Apache-2.0 */
/* Clauses GS-24 to GS-30: the names of a generic server. */
#include "conformance/told_server.h"

#define T(TEXT) cop(TEXT)

/* A registry of one name, which tells what it was asked. */
static struct {
    cop_pid pid, owner;
    bool taken_unseen; /* whereis says no once, register says no */
} registry;

static bool register_name(cop_term key, cop_pid pid)
{
    cop_send(registry.owner, cop("{register, Key, Pid}", key, pid));
    if (registry.taken_unseen) {
        registry.taken_unseen = false;
        return false;
    }
    if (registry.pid.id)
        return false;
    registry.pid = pid;
    return true;
}

static void unregister_name(cop_term key)
{
    cop_send(registry.owner, cop("{unregister, Key}", key));
    registry.pid.id = 0;
}

static bool whereis_name(cop_pid *ret_pid, cop_term key)
{
    (void)key;
    if (!registry.pid.id || registry.taken_unseen)
        return false;
    *ret_pid = registry.pid;
    return true;
}

static const cop_via_module via_module = { .name = "my_registry",
    .register_name = register_name,
    .unregister_name = unregister_name,
    .whereis_name = whereis_name };

static cop_dest via_open(void)
{
    memset(&registry, 0, sizeof registry);
    registry.owner = cop_self();
    return cop_via(&via_module, cop("{room, 1}"));
}

/* A server is started under a local name and under a via name. also: GS-28 */
CLAUSE(GS_24)
{
    cop_dest via = via_open();
    cop_pid local, other, found = { 0, 0 };

    CHECK_EQ_INT(PROBE_START(&local, NULL, START, T("{ok}"), .name = cop_dest_name("here")), 0);
    CHECK(cop_whereis(&found, "here") && found.id == local.id);
    CHECK_EQ_INT(PROBE_START(&other, NULL, START, T("{ok}"), .name = via), 0);
    EXPECT("{register, {room, 1}, Pid}", other);
    CHECK(cop_whereis_to(&found, via) && found.id == other.id);
    CHECK_MATCH(cop_sys_get_status(via),
        "{status, _, _, [_, _, _, _, [{header, {\"Status for generic server\", {room, 1}}} |"
        " _]]}"); /* the key alone, as in reports */
    cop_stop_server(via, T("normal"), WAIT_MS);
    EXPECT("{terminate, normal}");
    EXPECT("{unregister, {room, 1}}");
}

/* A server is reached by pid, by name, by {Name, Node} and by a via name. */
CLAUSE(GS_25)
{
    cop_dest via = via_open();
    cop_pid local, other;

    PROBE_START(&local, NULL, START, T("{set, 1, {ok}}"), .name = cop_dest_name("here"));
    PROBE_START(&other, NULL, START, T("{set, 2, {ok}}"), .name = via);
    CHECK_TERM(cop_call(local, cop("get")), "1");
    CHECK_TERM(cop_call("here", cop("get")), "1");
    CHECK_TERM(cop_call(cop("{here, Node}", cop_node()), cop("get")), "1");
    CHECK_TERM(cop_call(cop("here"), cop("get")), "1");
    CHECK_TERM(cop_call(via, cop("get")), "2");
}

/* A name that is taken: already_started, init is not run, nothing is linked. */
CLAUSE(GS_26)
{
    cop_dest names[2] = { cop_dest_name("here"), via_open() };

    cop_trap_exit(true);
    for (int i = 0; i < 2; i++) {
        cop_term error = COP_NONE;
        cop_pid first, second;

        CHECK_EQ_INT(PROBE_START(&first, NULL, START, T("{ok}"), .name = names[i]), 0);
        cop_receive_match_within(0, "{register, _, _}");
        CHECK_EQ_INT(
            PROBE_START(&second, &error, START_LINK, T("{tell_self, {ok}}"), .name = names[i]),
            -COP_EALREADY);
        CHECK_MATCH(error, "{already_started, Pid}", first);
        CHECK_TERM(cop_process_info(cop_self(), "links"), "{links,[]}");
        NOTHING();
    }
}

/* The new process finds the name taken, after the starter found it free: the same answer, exit
 * normal. */
CLAUSE(GS_27)
{
    cop_dest via = via_open();
    cop_term error = COP_NONE;
    cop_pid pid, taker = cop_spawn(idle_main, cop_nil());

    registry.pid = taker;
    registry.taken_unseen = true;
    watch_log();
    CHECK_EQ_INT(
        PROBE_START(&pid, &error, START_LINK, T("{tell_self, {ok}}"), .name = via), -COP_EALREADY);
    CHECK_MATCH(error, "{already_started, Pid}", taker);
    EXPECT("{register, _, _}");
    NOTHING();
    unwatch_log();
}

/* init finds itself registered. */
CLAUSE(GS_29)
{
    cop_pid pid;

    PROBE_START(&pid, NULL, START, T("{whereis, here, {ok}}"), .name = cop_dest_name("here"));
    EXPECT("{whereis, Pid}", pid);
}

static void start_under_pid(void *arg)
{
    cop_pid pid;

    (void)arg;
    PROBE_START(&pid, NULL, START, T("{ok}"), .name = cop_dest_pid(cop_self()));
}

/* What is no name raises in the starter. */
CLAUSE(GS_30)
{
    cop_term reason = COP_NONE;

    CHECK_EQ_INT(TRY(start_under_pid, NULL, &reason), COP_CLASS_ERROR);
    CHECK_TERM(reason, "badarg");
}
