/* SPDX-License-Identifier: Apache-2.0 */
/* Ports, clause by clause (docs/spec/port.md). */
#include <coppice/file.h>
#include <coppice/port.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "conformance/node.h"

#define ARGS(...)                 \
    .args = (const char *const[]) \
    {                             \
        __VA_ARGS__, NULL         \
    }

static cop_pid open_cat(void)
{
    cop_pid port = { 0, 0 };

    CHECK_EQ_INT(cop_open_port_command(&port, "cat"), 0);
    return port;
}

static int64_t os_pid_of(cop_pid port)
{
    int64_t os_pid = 0;
    cop_term info = cop_port_info(port), item;

    while (cop_type_of(info) == COP_TYPE_LIST && cop_list_next(&item, &info))
        cop_match(item, "{os_pid, N}", &os_pid);
    return os_pid;
}

/* The number is nobody's, not even a zombie's. */
static bool is_gone(int64_t os_pid)
{
    for (int i = 0; i < WAIT_MS; i++) {
        if (kill((int)os_pid, 0) < 0)
            return true;
        cop_sleep(1);
    }
    return false;
}

/* What cannot be started, and what can. */
CLAUSE(PORT_01)
{
    cop_pid port = { 0, 0 };
    cop_term links = COP_NONE;

    cop_trap_exit(true);
    CHECK_EQ_INT(cop_open_port(&port, "/nowhere/at/all"), -ENOENT);
    CHECK_EQ_INT(cop_open_port(&port, "/etc/passwd"), -EACCES);
    CHECK_EQ_INT(
        cop_open_port_command(&port, "not-there-at-all 2>/dev/null", .exit_status = true), 0);
    EXPECT("{Port, {exit_status, 127}}", port);
    EXPECT("{'EXIT', Port, normal}", port);
    CHECK_EQ_INT(cop_open_port(&port, "/bin/cat"), 0);
    CHECK(cop_match(cop_process_info(cop_self(), "links"), "{links, Links}", &links));
    CHECK(cop_list_member(cop_from_pid(port), links));
    cop_port_close(port);
}

CLAUSE(PORT_02)
{
    cop_pid port = open_cat();
    cop_term data = COP_NONE;

    cop_send(port, cop("{Self, {command, \"hello\"}}", cop_self()));
    EXPECT("{Port, {data, Data}}", port, &data);
    CHECK_TERM(data, "<<\"hello\">>");
    cop_port_command(port, cop("[<<\"a\">>, [$b], [], <<\"c\">>]"));
    EXPECT("{Port, {data, Data}}", port, &data);
    CHECK_TERM(data, "<<\"abc\">>");
    NOTHING();
    cop_port_close(port);
}

CLAUSE(PORT_03)
{
    const enum cop_packet packets[] = { COP_PACKET_1, COP_PACKET_2, COP_PACKET_4 };

    for (int i = 0; i < 3; i++) {
        cop_pid port = { 0, 0 };
        cop_term data = COP_NONE;

        CHECK_EQ_INT(cop_open_port(&port, "/bin/cat", .packet = packets[i]), 0);
        cop_port_command(port, cop("[<<\"x\">>, \"yz\"]"));
        cop_port_command(port, cop("[]"));
        EXPECT("{Port, {data, Data}}", port, &data);
        CHECK_TERM(data, "<<\"xyz\">>");
        EXPECT("{Port, {data, <<>>}}", port);
        cop_port_close(port);
    }
}

CLAUSE(PORT_04)
{
    cop_pid port = { 0, 0 };

    CHECK_EQ_INT(cop_open_port_command(&port, "printf 'ab\\n\\nlonglongline\\nabcde\\nrest'",
                     .packet = COP_PACKET_LINE, .packet_size_max = 5, .exit_status = true),
        0);
    EXPECT("{Port, {data, {eol, <<\"ab\">>}}}", port);
    EXPECT("{Port, {data, {eol, <<>>}}}", port);
    EXPECT("{Port, {data, {noeol, <<\"longl\">>}}}", port);
    EXPECT("{Port, {data, {noeol, <<\"ongli\">>}}}", port);
    EXPECT("{Port, {data, {eol, <<\"ne\">>}}}", port);
    EXPECT("{Port, {data, {_, <<\"abcde\">>}}}", port);
    cop_receive_match_within(0, "{Port, {data, {eol, <<>>}}}", port);
    EXPECT("{Port, {data, {noeol, <<\"rest\">>}}}", port);
    EXPECT("{Port, {exit_status, 0}}", port);
}

CLAUSE(PORT_05)
{
    cop_pid port = { 0, 0 };
    cop_term first = COP_NONE;

    cop_trap_exit(true);
    CHECK_EQ_INT(
        cop_open_port(&port, "/bin/sh", ARGS("-c", "echo hi; exit 3"), .exit_status = true), 0);
    first = cop_receive_within(WAIT_MS);
    CHECK(cop_match(first, "{Port, {data, <<\"hi\\n\">>}}", port));
    EXPECT("{Port, {exit_status, 3}}", port);
    EXPECT("{'EXIT', Port, normal}", port);
    CHECK_EQ_INT(cop_open_port(&port, "/bin/sh", ARGS("-c", "kill -9 $$"), .exit_status = true), 0);
    EXPECT("{Port, {exit_status, 137}}", port);
    EXPECT("{'EXIT', Port, normal}", port);
}

/* A program that closes its output and goes on may end by itself. */
CLAUSE(PORT_06)
{
    cop_pid port = { 0, 0 };
    char path[64], command[128];
    cop_bytes text = { 0 };
    int64_t os_pid;

    cop_trap_exit(true);
    snprintf(path, sizeof path, "/tmp/coppice-port-%d", (int)getpid());
    snprintf(command, sizeof command,
        "read x; echo hi; exec >/dev/null 2>&1; sleep 0.1; echo done > %s", path);
    CHECK_EQ_INT(cop_open_port(&port, "/bin/sh", ARGS("-c", command)), 0);
    os_pid = os_pid_of(port);
    CHECK(os_pid > 0);
    cop_port_command(port, cop("\"\\n\""));
    EXPECT("{Port, {data, <<\"hi\\n\">>}}", port);
    EXPECT("{'EXIT', Port, normal}", port);
    CHECK(is_gone(os_pid));
    CHECK_EQ_INT(cop_file_read(&text, cop_bytes_from(path)), 0);
    CHECK(cop_bytes_eq(text, "done\n"));
    cop_file_delete(cop_bytes_from(path));
}

CLAUSE(PORT_07)
{
    cop_pid port = { 0, 0 };

    cop_trap_exit(true);
    CHECK_EQ_INT(cop_open_port(&port, "/bin/sh", ARGS("-c", "echo hi; exit 3"), .exit_status = true,
                     .eof = true),
        0);
    EXPECT("{Port, {data, <<\"hi\\n\">>}}", port);
    EXPECT("{Port, eof}", port);
    EXPECT("{Port, {exit_status, 3}}", port);
    NEVER("{'EXIT', Port, _}", port);
    cop_port_close(port);
    EXPECT("{'EXIT', Port, normal}", port);
}

CLAUSE(PORT_08)
{
    cop_pid port = { 0, 0 };
    cop_term data = COP_NONE;

    setenv("COPPICE_TEST_GONE", "here", 1);
    CHECK_EQ_INT(
        cop_open_port(&port, "/bin/sh", .name = "me",
            ARGS("-c", "echo \"$FOO:$COPPICE_TEST_GONE:$0:$1\"; pwd; echo err >&2", "zero", "a 1"),
            .env = (const char *const[]){ "FOO=bar", "COPPICE_TEST_GONE", NULL }, .directory = "/",
            .stderr_to_stdout = true, .packet = COP_PACKET_LINE),
        0);
    EXPECT("{Port, {data, {eol, Data}}}", port, &data);
    CHECK_TERM(data, "<<\"bar::zero:a 1\">>");
    EXPECT("{Port, {data, {eol, <<\"/\">>}}}", port);
    EXPECT("{Port, {data, {eol, <<\"err\">>}}}", port);
    CHECK_EQ_INT(cop_open_port(&port, "/bin/cat", .no_input = true, .exit_status = true), 0);
    EXPECT("{Port, {exit_status, 0}}", port);
}

static void commander_main(cop_term arg)
{
    cop_pid port = { 0, 0 }, tester;
    char *data;
    cop_term binary = cop_binary_new(30000, &data);

    cop_must(cop_match(arg, "{Port, Tester}", &port, &tester));
    memset(data, 'x', 30000);
    for (int64_t i = 1;; i++) {
        cop_port_command(port, binary);
        cop_send(tester, cop("{given, I}", i));
    }
}

static void run_bad_data(void *port)
{
    cop_port_command(*(cop_pid *)port, cop("foo"));
}

static void run_command(void *port)
{
    cop_port_command(*(cop_pid *)port, cop("\"x\""));
}

static void run_close(void *port)
{
    cop_port_close(*(cop_pid *)port);
}

/* Who gives too much waits; the port does not. */
CLAUSE(PORT_09)
{
    cop_pid port = { 0, 0 }, commander;
    cop_term reason = COP_NONE;
    cop_ref ref;

    cop_trap_exit(true);
    CHECK_EQ_INT(cop_open_port(&port, "/bin/sleep", ARGS("1000")), 0);
    commander = cop_spawn(commander_main, cop("{Port, Self}", port, cop_self()));
    EXPECT("{given, 2}");
    NEVER("{given, 30}");
    CHECK(os_pid_of(port) > 0);
    CHECK_EQ_INT(cop_try(run_bad_data, &port, &reason, NULL), COP_CLASS_ERROR);
    CHECK(cop_match(reason, "badarg"));
    ref = cop_monitor(commander);
    cop_port_close(port);
    EXPECT("{'DOWN', Ref, process, _, {badarg, _}}", ref);
    CHECK_EQ_INT(cop_try(run_command, &port, &reason, NULL), COP_CLASS_ERROR);
    CHECK(cop_match(reason, "badarg"));
    CHECK_EQ_INT(cop_try(run_close, &port, &reason, NULL), COP_CLASS_ERROR);
    CHECK(cop_match(reason, "badarg"));
}

CLAUSE(PORT_10)
{
    cop_pid port = { 0, 0 };
    cop_term data = COP_NONE, reason = COP_NONE;

    CHECK_EQ_INT(cop_open_port_command(&port, "sort -n", .exit_status = true), 0);
    cop_port_command(port, cop("\"3\\n1\\n2\\n\""));
    cop_port_end_input(port);
    CHECK_EQ_INT(cop_try(run_command, &port, &reason, NULL), COP_CLASS_ERROR);
    EXPECT("{Port, {data, Data}}", port, &data);
    CHECK_TERM(data, "<<\"1\\n2\\n3\\n\">>");
    EXPECT("{Port, {exit_status, 0}}", port);
}

CLAUSE(PORT_11)
{
    cop_pid port = open_cat();
    int64_t os_pid = os_pid_of(port);

    cop_trap_exit(true);
    cop_send(port, cop("{Self, close}", cop_self()));
    EXPECT("{Port, closed}", port);
    EXPECT("{'EXIT', Port, normal}", port);
    CHECK(is_gone(os_pid));
    CHECK_EQ_INT(cop_open_port(&port, "/bin/sh", ARGS("-c", "trap '' TERM HUP; sleep 1000")), 0);
    os_pid = os_pid_of(port);
    cop_port_close(port);
    EXPECT("{'EXIT', Port, normal}", port);
    CHECK(is_gone(os_pid));
}

static void new_owner_main(cop_term arg)
{
    cop_pid tester, port = { 0, 0 };
    cop_term data = COP_NONE;

    cop_must(cop_match(arg, "Tester", &tester));
    cop_receive_match("{go, Port}", &port);
    cop_send(port, cop("{Self, {command, \"new\"}}", cop_self()));
    cop_receive_match("{Port, {data, Data}}", port, &data);
    cop_send(tester, cop("{got, Data}", data));
    cop_receive_match("leave");
}

CLAUSE(PORT_12)
{
    cop_pid port = open_cat(), owner = cop_spawn(new_owner_main, cop("Self", cop_self()));

    cop_trap_exit(true);
    cop_send(port, cop("{Self, {connect, New}}", cop_self(), owner));
    EXPECT("{Port, connected}", port);
    cop_send(owner, cop("{go, Port}", port));
    EXPECT("{got, <<\"new\">>}");
    cop_send(port, cop("{Self, {command, \"old\"}}", cop_self()));
    EXPECT("{'EXIT', Port, badsig}", port);
    cop_port_connect(port, cop_self());
    cop_port_command(port, cop("\"mine\""));
    EXPECT("{Port, {data, <<\"mine\">>}}", port);
    cop_port_close(port);
    EXPECT("{'EXIT', Port, normal}", port);
}

CLAUSE(PORT_13)
{
    cop_pid port = open_cat();

    cop_port_command(port, cop("\"hello\""));
    EXPECT("{Port, {data, _}}", port);
    CHECK(cop_match(cop_port_info(port),
        "[{name, \"cat\"}, {links, _}, {connected, Self}, {input, 5}, {output, 5}, {os_pid, _}]",
        cop_self()));
    cop_port_close(port);
    CHECK(cop_match(cop_port_info(port), "undefined"));
}

static void short_owner_main(cop_term arg)
{
    cop_pid tester, port = { 0, 0 };

    cop_must(cop_match(arg, "Tester", &tester));
    CHECK_EQ_INT(cop_open_port(&port, "/bin/sleep", ARGS("1000")), 0);
    cop_send(tester, cop("{opened, Port, N}", port, os_pid_of(port)));
    cop_receive_match("leave");
    cop_exit(cop("why"));
}

CLAUSE(PORT_14)
{
    cop_pid port = open_cat(), owner;
    int64_t os_pid = os_pid_of(port);
    cop_ref ref;

    cop_trap_exit(true);
    cop_exit_signal(port, cop("why"));
    EXPECT("{'EXIT', Port, why}", port);
    CHECK(is_gone(os_pid));
    port = open_cat();
    os_pid = os_pid_of(port);
    cop_exit_signal(port, cop("kill"));
    EXPECT("{'EXIT', Port, killed}", port);
    CHECK(is_gone(os_pid));
    port = open_cat();
    cop_exit_signal(port, cop("normal"));
    EXPECT("{'EXIT', Port, normal}", port);
    owner = cop_spawn(short_owner_main, cop("Self", cop_self()));
    EXPECT("{opened, Port, N}", &port, &os_pid);
    ref = cop_monitor(port);
    cop_send(owner, cop("leave"));
    EXPECT("{'DOWN', Ref, process, _, why}", ref);
    CHECK(is_gone(os_pid));
}

CLAUSE(PORT_15)
{
    cop_pid port = open_cat();

    cop_trap_exit(true);
    cop_send(port, cop("{Self, foo}", cop_self()));
    EXPECT("{'EXIT', Port, badsig}", port);
    cop_send(port, cop("{Self, {command, not_data}}", cop_self()));
    EXPECT("{'EXIT', Port, badsig}", port);
    cop_send(port, cop("anything"));
    cop_port_command(port, cop("\"x\""));
    EXPECT("{Port, {data, <<\"x\">>}}", port);
    cop_port_close(port);
}

CLAUSE(PORT_16)
{
    cop_pid port = { 0, 0 };

    cop_trap_exit(true);
    CHECK_EQ_INT(
        cop_open_port(&port, "/bin/sh", ARGS("-c", "exec <&-; echo ready; sleep 1000")), 0);
    EXPECT("{Port, {data, _}}", port);
    cop_send(port, cop("{Self, {command, \"x\"}}", cop_self()));
    EXPECT("{'EXIT', Port, closed}", port);
}
