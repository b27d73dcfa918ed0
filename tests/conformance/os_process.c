/* SPDX-License-Identifier: Apache-2.0 */
/* Processes of the operating system in direct style: pipes, statuses, and that nobody is left. */
#include <coppice/os_process.h>

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "conformance/node.h"

#define NODE_TEST(NAME)               \
    static void in_node_##NAME(void); \
    TEST(NAME)                        \
    {                                 \
        node_run(in_node_##NAME, 1);  \
        node_run(in_node_##NAME, 2);  \
    }                                 \
    static void in_node_##NAME(void)

enum { LONG_MS = 10000 };

#define ARGS(...)                 \
    .args = (const char *const[]) \
    {                             \
        __VA_ARGS__, NULL         \
    }

static cop_os_process shell(const char *command)
{
    cop_os_process process = { 0 };

    CHECK_EQ_INT(cop_os_spawn(&process, "/bin/sh", ARGS("-c", command)), 0);
    return process;
}

/* The next line of its output. */
static const char *line_of(cop_os_process process)
{
    static char text[256];
    cop_bytes line = { "", 0 };
    int64_t size = cop_tcp_read_line_within(&line, process.output, LONG_MS);

    if (size < 0)
        return cop_error_name((int)size);
    snprintf(text, sizeof text, "%.*s", COP_STR(line));
    return text;
}

/* The number is nobody's, not even a zombie's. */
static bool is_gone(int os_pid)
{
    for (int i = 0; i < LONG_MS; i++) {
        if (kill(os_pid, 0) < 0)
            return true;
        cop_sleep(1);
    }
    return false;
}

/* Written to its input, read from its output, its status. */
NODE_TEST(talks)
{
    cop_os_process cat = shell("cat; exit 3");

    CHECK_EQ_INT(cop_tcp_send(cat.input, "one\ntwo\n", 8), 0);
    CHECK_EQ_STR(line_of(cat), "one");
    CHECK_EQ_STR(line_of(cat), "two");
    CHECK_EQ_INT(cop_os_wait(cat, 0), -COP_ETIMEOUT);
    CHECK_EQ_INT(cop_os_wait(cat, 5), -COP_ETIMEOUT);
    CHECK_EQ_INT(cop_tcp_close(cat.input), 0);
    CHECK_EQ_STR(line_of(cat), "closed");
    CHECK_EQ_INT(cop_os_wait(cat, LONG_MS), 3);
    CHECK_EQ_INT(cop_os_wait(cat, 0), 3);
    CHECK_EQ_INT(cop_os_kill(cat, SIGTERM), -ESRCH);
    CHECK_EQ_INT(cop_os_close(cat), 0);
    CHECK_EQ_INT(cop_os_close(cat), -COP_ECLOSED);
    CHECK_EQ_INT(cop_os_wait(cat, 0), -COP_ECLOSED);
}

/* A megabyte each way, more than pipes hold. */
NODE_TEST(large_amounts)
{
    enum { SIZE = 1 << 20, PART = 4096 };
    cop_os_process cat = shell("cat | cat");
    char *part = cop_alloc(PART);
    size_t got = 0;

    memset(part, 'x', PART);
    for (int i = 0; i < SIZE / PART; i++) {
        CHECK_EQ_INT(cop_tcp_send(cat.input, part, PART), 0);
        while (i > 10 && got < (size_t)(i - 10) * PART) {
            int64_t count = cop_tcp_recv(cat.output, part, PART, LONG_MS);

            CHECK(count > 0);
            got += count > 0 ? (size_t)count : SIZE;
        }
    }
    CHECK_EQ_INT(cop_tcp_close(cat.input), 0);
    while (got < SIZE) {
        int64_t count = cop_tcp_recv(cat.output, part, PART, LONG_MS);

        CHECK(count > 0);
        got += count > 0 ? (size_t)count : SIZE;
    }
    CHECK_EQ_INT(got, SIZE);
    CHECK_EQ_INT(cop_os_wait(cat, LONG_MS), 0);
    cop_free(part);
    cop_os_close(cat);
}

/* Arguments, environment, directory, standard error, the name. */
NODE_TEST(what_it_is_given)
{
    cop_os_process process = { 0 };

    setenv("COPPICE_TEST_GONE", "here", 1);
    setenv("COPPICE_TEST_KEPT", "kept", 1);
    CHECK_EQ_INT(
        cop_os_spawn(&process, "/bin/sh", .name = "me",
            ARGS("-c",
                "echo \"$0 $1:$NEW:$COPPICE_TEST_GONE:$COPPICE_TEST_KEPT\"; pwd; echo no >&2;"
                "ls /proc/self/fd | wc -l; trap '' TERM; kill -PIPE $$",
                "zero", "a b"),
            .env = (const char *const[]){ "NEW=new", "COPPICE_TEST_GONE", NULL }, .directory = "/",
            .errors = COP_OS_ERRORS_TO_OUTPUT),
        0);
    CHECK_EQ_STR(line_of(process), "zero a b:new::kept");
    CHECK_EQ_STR(line_of(process), "/");
    CHECK_EQ_STR(line_of(process), "no");
#ifdef __GLIBC__
    CHECK_EQ_STR(line_of(process), "4"); /* and the directory that ls reads */
#else
    line_of(process);
#endif
    CHECK_EQ_INT(cop_os_wait(process, LONG_MS), 128 + SIGPIPE);
    cop_os_close(process);
    CHECK_EQ_INT(cop_os_spawn(&process, "/bin/sh", ARGS("-c", "read x || exit 7"),
                     .input = COP_OS_NULL, .output = COP_OS_NULL),
        0);
    CHECK_EQ_INT(process.input.id + process.output.id, 0);
    CHECK_EQ_INT(cop_os_wait(process, LONG_MS), 7);
    cop_os_close(process);
}

NODE_TEST(what_cannot_be_started)
{
    cop_os_process process = { 0 };

    CHECK_EQ_INT(cop_os_spawn(&process, "/nowhere/at/all"), -ENOENT);
    CHECK_EQ_INT(cop_os_spawn(&process, "/etc/passwd"), -EACCES);
    CHECK_EQ_INT(cop_os_spawn(&process, "/bin/sh", .directory = "/nowhere"), -ENOENT);
    CHECK_EQ_INT(cop_os_wait(process, 0), -COP_ECLOSED);
    CHECK_EQ_INT(cop_os_kill(process, SIGTERM), -COP_ECLOSED);
}

/* Closing kills, the group too, and leaves no zombie. */
NODE_TEST(closing_kills)
{
    cop_os_process process = shell("sleep 1000 & echo $!; trap '' TERM; wait; sleep 1000");
    int grandchild = (int)strtol(line_of(process), NULL, 10);

    CHECK(grandchild > 0 && kill(grandchild, 0) == 0);
    CHECK_EQ_INT(cop_os_close(process), 0);
    CHECK(is_gone(process.os_pid));
    CHECK_EQ_INT(cop_tcp_send(process.input, "x", 1), -COP_ECLOSED);
    process = shell("exec sleep 1000");
    CHECK_EQ_INT(cop_os_kill(process, SIGTERM), 0);
    CHECK_EQ_INT(cop_os_wait(process, LONG_MS), 128 + SIGTERM);
    CHECK_EQ_INT(cop_os_kill(process, 12345), -ESRCH);
    cop_os_close(process);
}

static void owner_main(cop_term arg)
{
    cop_os_process process = shell("echo ready; exec sleep 1000");
    cop_pid tester;

    cop_must(cop_match(arg, "Tester", &tester));
    CHECK_EQ_STR(line_of(process), "ready");
    cop_send(tester, cop("{started, OsPid, Id}", (int64_t)process.os_pid, (int64_t)process.id));
    cop_os_wait(process, COP_INFINITY);
}

/* It ends with its owner, also one that is killed while it waits for it. */
NODE_TEST(ends_with_its_owner)
{
    cop_pid owner = cop_spawn(owner_main, cop("Self", cop_self()));
    cop_os_process process = { 0 };
    int64_t os_pid = 0, id = 0;

    CHECK(cop_receive_match_within(LONG_MS, "{started, OsPid, Id}", &os_pid, &id));
    process.id = (uint64_t)id;
    for (int i = 0; i < LONG_MS && cop_os_wait(process, 0) != -EBUSY; i++)
        cop_sleep(1); /* the owner is about to wait */
    CHECK_EQ_INT(cop_os_wait(process, 0), -EBUSY);
    cop_exit_signal(owner, cop("kill"));
    CHECK(is_gone((int)os_pid));
}

/* Many come and go; their numbers of descriptors and processes are free again. */
NODE_TEST(many)
{
    enum { ROUNDS = 20, EACH = 10 };
    cop_os_process processes[EACH];
    int first = open("/dev/null", O_RDONLY), last;

    close(first);
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < EACH; i++)
            processes[i] = shell(i % 2 ? "exit 5" : "exec sleep 1000");
        for (int i = 0; i < EACH; i++) {
            if (i % 2)
                CHECK_EQ_INT(cop_os_wait(processes[i], LONG_MS), 5);
            CHECK_EQ_INT(cop_os_close(processes[i]), 0);
        }
    }
    for (int i = 0; i < EACH; i++)
        CHECK(is_gone(processes[i].os_pid));
    last = open("/dev/null", O_RDONLY);
    CHECK(last <= first + 2); /* an orphan's descriptor may still be about to be closed */
    close(last);
}

/* Active mode and packets, as on sockets. */
NODE_TEST(active_packets)
{
    cop_os_process cat = { 0 };
    cop_socket socket = { 0 };
    cop_term port = COP_NONE, data = COP_NONE;

    CHECK_EQ_INT(cop_os_spawn(&cat, "/bin/cat", .packet = COP_PACKET_2), 0);
    CHECK_EQ_INT(cop_tcp_set_active(cat.output, COP_ACTIVE), 0);
    CHECK_EQ_INT(cop_tcp_send(cat.input, "hello", 5), 0);
    CHECK_EQ_INT(cop_tcp_send(cat.input, "", 0), 0);
    CHECK(cop_receive_match_within(LONG_MS, "{tcp, Port, Data}", &port, &data));
    CHECK(cop_to_socket(&socket, port) && socket.id == cat.output.id);
    CHECK(cop_match(data, "<<\"hello\">>"));
    CHECK(cop_receive_match_within(LONG_MS, "{tcp, _, <<>>}"));
    CHECK_EQ_INT(cop_tcp_close(cat.input), 0);
    CHECK(cop_receive_match_within(LONG_MS, "{tcp_closed, Port}", port));
    CHECK_EQ_INT(cop_os_wait(cat, LONG_MS), 0);
    cop_os_close(cat);
}
