/* SPDX-License-Identifier: Apache-2.0 */
/* A node that stops under load (OVL-40 to OVL-43): SIGTERM comes while clients send. What was
 * answered was done, and what was received before the end is answered. Each test is a node in a
 * process of its own; the clients are in this one. */
#include <coppice.h>

#include <arpa/inet.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "conformance/clause.h"

enum { CLIENTS = 4 };

/* What both processes see. */
static struct shared {
    _Atomic(int) port, done, sessions;
} * shared;

static int work_ms; /* of each request, in the server */

/* Answers each line when it is done. */
static void session(cop_term arg)
{
    cop_socket socket;
    cop_bytes line;

    cop_to_socket(&socket, arg);
    cop_receive_match("go");
    atomic_fetch_add(&shared->sessions, 1);
    while (cop_tcp_read_line(&line, socket) >= 0) {
        if (work_ms)
            cop_sleep(work_ms);
        atomic_fetch_add(&shared->done, 1);
        if (cop_tcp_send(socket, "done\n", 5) < 0)
            break;
    }
    cop_tcp_close(socket);
}

static const cop_supervisor sessions = { .name = "sessions",
    .strategy = COP_SIMPLE_ONE_FOR_ONE,
    .children = COP_CHILDREN(
        { .name = "session", .anonymous = true, .process = session, .restart = COP_TEMPORARY }, ) };

static void listener_main(cop_term arg)
{
    cop_socket listener, socket;
    cop_pid pid;

    (void)arg;
    cop_must(cop_tcp_listen(&listener, 0) == 0);
    atomic_store(&shared->port, cop_tcp_port(listener));
    for (;; cop_turn_end()) {
        cop_must(cop_tcp_accept(&socket, listener) == 0);
        cop_must(cop_supervisor_start_child(&pid, "sessions", cop_from_socket(socket)) == 0);
        cop_tcp_give_away(socket, pid);
        cop_send(pid, cop("go"));
    }
}

static const cop_supervisor tree = { .children = COP_CHILDREN(
                                         { .name = "sessions", .supervisor = &sessions },
                                         { .name = "listener", .process = listener_main }, ) };

static pid_t start(int64_t drain_ms, int schedulers)
{
    pid_t pid;

    if (!shared)
        shared =
            mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    atomic_store(&shared->port, 0);
    atomic_store(&shared->done, 0);
    atomic_store(&shared->sessions, 0);
    pid = fork();
    if (pid == 0) {
        cop_log_set_level(COP_LOG_EMERGENCY);
        _exit(cop_run_with(
            &tree, &(struct cop_options){ .drain_ms = drain_ms, .schedulers = schedulers }));
    }
    for (int i = 0; i < 10000 && !atomic_load(&shared->port); i++)
        usleep(1000);
    return pid;
}

static int connect_to_it(void)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
        .sin_port = htons((uint16_t)atomic_load(&shared->port)) };
    struct timeval patience = { .tv_sec = 20 };
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    close(fd);
    return -1;
}

static int status_of(pid_t pid)
{
    int status = -1;

    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Lines until the end; -1: the connection was broken off. */
static int lines_until_end(int fd)
{
    char bytes[512];
    ssize_t count;
    int lines = 0;

    while ((count = read(fd, bytes, sizeof bytes)) > 0)
        for (ssize_t i = 0; i < count; i++)
            lines += bytes[i] == '\n';
    return count < 0 ? -1 : lines;
}

/* What has come is answered, also when that takes longer than the signal; then the end.
 * also: OVL-42 */
CLAUSE(OVL_40)
{
    for (int schedulers = 1; schedulers <= 2; schedulers++) {
        pid_t pid;
        int fds[CLIENTS];

        work_ms = 20;
        pid = start(20000, schedulers);
        for (int i = 0; i < CLIENTS; i++) {
            fds[i] = connect_to_it();
            CHECK(fds[i] >= 0);
        }
        while (atomic_load(&shared->sessions) < CLIENTS)
            usleep(1000);
        for (int i = 0; i < CLIENTS; i++)
            CHECK_EQ_INT(write(fds[i], "1\n2\n3\n4\n5\n", 10), 10);
        usleep(30000);
        kill(pid, SIGTERM);
        for (int i = 0; i < CLIENTS; i++) {
            CHECK_EQ_INT(lines_until_end(fds[i]), 5);
            close(fds[i]);
        }
        CHECK_EQ_INT(status_of(pid), 0);
        CHECK_EQ_INT(atomic_load(&shared->done), 5 * CLIENTS);
    }
}

/* One client, whose request is being worked at when the node is told to stop. */
static int ask_and_stop(pid_t pid)
{
    int fd = connect_to_it();

    while (atomic_load(&shared->sessions) < 1)
        usleep(1000);
    CHECK_EQ_INT(write(fd, "1\n", 2), 2);
    usleep(20000);
    kill(pid, SIGTERM);
    return fd;
}

/* Nobody may connect any more while others are served. */
CLAUSE(OVL_41)
{
    pid_t pid;
    int fd, late = 0;

    work_ms = 300;
    pid = start(20000, 2);
    fd = ask_and_stop(pid);
    for (int i = 0; i < 100 && late >= 0; i++) {
        usleep(2000);
        late = connect_to_it();
        if (late >= 0)
            close(late);
    }
    CHECK_EQ_INT(late, -1);
    CHECK_EQ_INT(atomic_load(&shared->done), 0);
    CHECK_EQ_INT(lines_until_end(fd), 1);
    close(fd);
    CHECK_EQ_INT(status_of(pid), 0);
}

/* Not for longer than drain_ms; and without it not at all. */
CLAUSE(OVL_43)
{
    for (int64_t drain_ms = 0; drain_ms <= 50; drain_ms += 50) {
        pid_t pid;
        int fd;

        work_ms = 60000;
        pid = start(drain_ms, 2);
        fd = ask_and_stop(pid);
        CHECK(lines_until_end(fd) <= 0);
        close(fd);
        CHECK_EQ_INT(status_of(pid), 0);
    }
}
