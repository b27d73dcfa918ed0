/* SPDX-License-Identifier: Apache-2.0 */
/* The machine misbehaves (reliability goal R23): the disk is full, the program is stopped for a
 * while, there is one processor. The node keeps or sheds what it has to do, and has recovered
 * within a second. For descriptors that are used up see socket.c. */
#include <coppice.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "conformance/node.h"

enum { RECOVERED_MS = 1000 };

/* What was asked for: 1.5 s, or with COPPICE_STRESS=long the 10 s of the goal. */
static unsigned stopped_ms(void)
{
    const char *form = getenv("COPPICE_STRESS");

    return form && form[0] == 'l' ? 10000 : 1500;
}

/* Nodes in programs of their own come first, before this one has run any.
 */

/* --- Disk full ---------------------------------------------------------------------------------
 */

static char table_path[64];

static int full_table_main(int argc, char **argv)
{
    cop_term table = cop_ets_new("t"), back, reason;
    int error;

    (void)argc, (void)argv;
    cop_ets_insert(table, cop("{old, 1}"));
    if (cop_ets_tab2file(table, table_path, &reason) != 0)
        return 2;
    for (int i = 0; i < 10000; i++)
        cop_ets_insert(table, cop("{I, more}", i));
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &(struct rlimit){ 10000, 10000 });
    error = cop_ets_tab2file(table, table_path, &reason);
    if (error != -EFBIG || cop_ets_file2tab(&back, table_path, &reason) != 0)
        return 3;
    return cop_match(cop_ets_info_item(back, cop("size")), "1") ? 0 : 4;
}

/* A table that does not fit leaves the file that was there, and nothing beside it. */
TEST(a_table_does_not_fit)
{
    char beside[80];
    int status;
    pid_t node;

    snprintf(table_path, sizeof table_path, "/tmp/coppice-full-%d", (int)getpid());
    snprintf(beside, sizeof beside, "%s.new", table_path);
    fflush(NULL);
    node = fork();
    if (node == 0)
        _exit(cop_run_main(full_table_main, 0, NULL));
    CHECK_EQ_INT(waitpid(node, &status, 0), node);
    CHECK(WIFEXITED(status));
    CHECK_EQ_INT(WEXITSTATUS(status), 0);
    CHECK(access(beside, F_OK) < 0);
    CHECK(unlink(table_path) == 0);
}

/* --- Stopped -----------------------------------------------------------------------------------
 */

static int ticks_to;

static cop_step echo_call(void *state, cop_term request)
{
    (void)state;
    return cop_reply(request);
}

static cop_step echo_init(void *state, cop_term arg)
{
    (void)state, (void)arg;
    return cop_ok();
}

static const cop_gen_server echo = { .init = echo_init, .handle_call = echo_call };

/* A letter for each call that is answered, about 100 a second. */
static void ticking_main(cop_term arg)
{
    cop_term reply;

    (void)arg;
    for (;; cop_turn_end()) {
        cop_sleep(10);
        if (cop_try_call(&reply, "echo", cop("tick"), .timeout_ms = 200))
            cop_must(write(ticks_to, "t", 1) == 1);
    }
}

static const cop_supervisor ticking = { .children =
                                            COP_CHILDREN({ .name = "echo", .gen_server = &echo },
                                                { .name = "ticking", .process = ticking_main }, ) };

static int64_t ticks_within(int from, int64_t time_ms)
{
    int64_t until_ms = cop_monotonic_ms() + time_ms, count = 0;
    char text[256];

    while (cop_monotonic_ms() < until_ms) {
        ssize_t got = read(from, text, sizeof text);

        count += got > 0 ? got : 0;
        usleep(1000);
    }
    return count;
}

TEST(a_stopped_program_goes_on)
{
    int ends[2], status;
    pid_t node;

    CHECK_EQ_INT(pipe(ends), 0);
    fflush(NULL);
    node = fork();
    if (node == 0) {
        ticks_to = ends[1];
        _exit(cop_run_with(&ticking, &(struct cop_options){ .schedulers = 2 }));
    }
    close(ends[1]);
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    CHECK(ticks_within(ends[0], RECOVERED_MS) > 10);
    kill(node, SIGSTOP);
    CHECK_EQ_INT(waitpid(node, &status, WUNTRACED), node);
    ticks_within(ends[0], stopped_ms());
    kill(node, SIGCONT);
    CHECK(ticks_within(ends[0], RECOVERED_MS) > 10);
    kill(node, SIGTERM);
    CHECK_EQ_INT(waitpid(node, &status, 0), node);
    CHECK(WIFEXITED(status));
    CHECK_EQ_INT(WEXITSTATUS(status), 0);
    close(ends[0]);
}

/* --- One processor -----------------------------------------------------------------------------
 */

static void spin_main(cop_term arg)
{
    (void)arg;
    for (volatile unsigned i = 0;; i++)
        ;
}

static int one_processor_main(int argc, char **argv)
{
    cop_pid server;
    int64_t until_ms;

    (void)argc, (void)argv;
    for (int i = 0; i < 2; i++) /* they are left behind when the node stops */
        cop_spawn(spin_main, COP_NONE);
    cop_must(cop_gen_server_start_link(&server, &echo, COP_NONE) == 0);
    until_ms = cop_monotonic_ms() + WAIT_MS;
    for (int i = 0; i < 100; i++, cop_turn_end()) {
        cop_sleep(1);
        cop_must(cop_match(cop_call(server, cop("tick"), .timeout_ms = WAIT_MS), "tick"));
    }
    return cop_monotonic_ms() < until_ms ? 0 : 1;
}

/* Two processes that only compute, and calls and timers all the same. */
TEST(one_processor)
{
    int status;
    pid_t node;

    fflush(NULL);
    node = fork();
    if (node == 0) {
        cpu_set_t one;

        sched_getaffinity(0, sizeof one, &one);
        for (size_t cpu = 0, had = 0; cpu < CPU_SETSIZE; cpu++)
            if (CPU_ISSET(cpu, &one) && had++)
                CPU_CLR(cpu, &one);
        sched_setaffinity(0, sizeof one, &one);
        _exit(cop_run_main_with(
            one_processor_main, 0, NULL, &(struct cop_options){ .schedulers = 2 }));
    }
    CHECK_EQ_INT(waitpid(node, &status, 0), node);
    CHECK(WIFEXITED(status));
    CHECK_EQ_INT(WEXITSTATUS(status), 0);
}

/* --- Disk full, in this program ----------------------------------------------------------------
 */

static void crash_main(cop_term arg)
{
    (void)arg;
    cop_error(cop("oops"));
}

/* A write says so, and the process goes on; also one that reports to a full disk. */
CLAUSE(a_full_disk)
{
    static char text[1 << 16];
    int saved = dup(STDERR_FILENO), full = open("/dev/full", O_WRONLY);
    cop_file file;

    CHECK_EQ_INT(cop_file_write_new(cop_bytes_from("/dev/full"), "x", 1), -ENOSPC);
    CHECK_EQ_INT(cop_file_open(&file, cop_bytes_from("/dev/full"), COP_FILE_WRITE), 0);
    CHECK_EQ_INT(cop_file_put(file, text, sizeof text), -ENOSPC);
    CHECK_EQ_INT(cop_file_pwrite(file, text, sizeof text, 7), -ENOSPC);
    CHECK_EQ_INT(cop_file_close(file), 0);
    dup2(full, STDERR_FILENO);
    cop_trap_exit(true);
    for (int i = 0; i < 20; i++) {
        cop_spawn_link(crash_main, COP_NONE);
        cop_receive_match("{'EXIT', _, {oops, _}}");
    }
    dup2(saved, STDERR_FILENO);
    close(saved);
    close(full);
}
