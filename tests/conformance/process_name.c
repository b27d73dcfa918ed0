/* SPDX-License-Identifier: Apache-2.0 */
/* Registered names: P-89 to P-94, section 9 of docs/spec/process.md. */
#include "conformance/node.h"

static cop_pid dead_process(void)
{
    cop_pid pid = cop_spawn(exit_main, cop("normal"));

    reason_of_exit(pid);
    return pid;
}

/* register refuses a name that is taken, a process that has one, is dead or not local, and
 * undefined. */
CLAUSE(P_89)
{
    cop_pid pid = cop_spawn(idle_main, COP_NONE), other = cop_spawn(idle_main, COP_NONE),
            nobody = { 0, 0 };

    CHECK_EQ_INT(cop_register("name", pid), 0);
    CHECK_EQ_INT(cop_register("name", other), -EEXIST);
    CHECK_EQ_INT(cop_register("name", pid), -EEXIST);
    CHECK_EQ_INT(cop_register("second_name", pid), -COP_EBADARG);
    CHECK_EQ_INT(cop_register("free", dead_process()), -COP_EBADARG);
    CHECK_EQ_INT(cop_register("free", nobody), -COP_EBADARG);
    CHECK_EQ_INT(cop_register("free", cop_pid_remote(cop_atom_new("n@h"), 1, 2, 3)), -COP_EBADARG);
    CHECK_EQ_INT(cop_register("undefined", other), -COP_EBADARG);
    CHECK_EQ_INT(cop_register_atom((cop_atom){ 0 }, other), -COP_EBADARG);
    CHECK_EQ_INT(cop_register("free", other), 0);
}

/* One process has at most one name. */
CLAUSE(P_90)
{
    cop_pid found = { 0 }, me = cop_self();

    CHECK_EQ_INT(cop_register("first", me), 0);
    CHECK_EQ_INT(cop_register("second", me), -COP_EBADARG);
    CHECK(!cop_whereis(&found, "second"));
    CHECK_EQ_INT(cop_unregister("first"), 0);
    CHECK_EQ_INT(cop_register("second", me), 0);
    CHECK(cop_whereis(&found, "second") && found.id == me.id);
}

static void unregister_main(cop_term arg)
{
    cop_pid owner;

    cop_must(cop_to_pid(&owner, arg));
    cop_send(owner, cop("{unregistered, R}", cop_unregister("name")));
}

/* Any process may unregister a name; one that nobody has is refused. */
CLAUSE(P_91)
{
    cop_pid found = { 0 };

    CHECK_EQ_INT(cop_unregister("name"), -COP_ENOTFOUND);
    CHECK_EQ_INT(cop_register("name", cop_self()), 0);
    cop_spawn(unregister_main, cop("Self", cop_self()));
    EXPECT("{unregistered, 0}");
    CHECK(!cop_whereis(&found, "name"));
    CHECK_EQ_INT(cop_unregister("name"), -COP_ENOTFOUND);
}

/* whereis gives the pid or nothing; registered lists all names. */
CLAUSE(P_92)
{
    cop_pid pid = cop_spawn(idle_main, COP_NONE), found = { 0 };

    CHECK(!cop_whereis(&found, "one"));
    CHECK_EQ_INT(cop_register("one", pid), 0);
    CHECK_EQ_INT(cop_register("two", cop_self()), 0);
    CHECK(cop_whereis(&found, "one") && found.id == pid.id);
    CHECK(cop_whereis(&found, cop_atom_new("two")) && found.id == cop_self().id);
    CHECK(cop_list_member(cop("one"), cop_registered()));
    CHECK(cop_list_member(cop("two"), cop_registered()));
    CHECK(!cop_list_member(cop("three"), cop_registered()));
    CHECK_EQ_INT(cop_unregister("one"), 0);
    CHECK(!cop_list_member(cop("one"), cop_registered()));
}

static void taker_main(cop_term arg)
{
    (void)arg;
    cop_must(cop_register("contested", cop_self()));
    cop_receive_match("stop");
}

/* A name is free again when its process has ended, in however many rounds. */
CLAUSE(P_93)
{
    for (int i = 0; i < 500; i++) {
        cop_ref ref = { 0 };
        cop_pid pid = cop_spawn_monitor(taker_main, COP_NONE, &ref);

        if (i % 2)
            cop_send(pid, cop("stop"));
        else
            cop_exit_signal(pid, cop("kill"));
        EXPECT("{'DOWN', Ref, process, Pid, Reason}", ref, pid, &(cop_term){ 0 });
        CHECK_EQ_INT(cop_unregister("contested"), -COP_ENOTFOUND);
        cop_turn_end();
    }
}

/* {Name, Node} is a name of that node: of this one it reaches its process, of another one it does
 * not. */
CLAUSE(P_94)
{
    cop_pid found = { 0 };

    CHECK_EQ_INT(cop_register("here", cop_self()), 0);
    cop_send(cop_name("here", "nonode@nohost"), cop("one"));
    cop_send(cop_name("here", "unknown@nowhere"), cop("two"));
    EXPECT("one");
    CHECK(cop_whereis(&found, cop_name("here", "nonode@nohost")) && found.id == cop_self().id);
    CHECK(!cop_whereis(&found, cop_name("here", "unknown@nowhere")));
    NOTHING();
}
