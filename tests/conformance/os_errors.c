/* SPDX-License-Identifier: Apache-2.0 */
/* What the system would end a program for, and here is an error of the call that a process made: a
 * pipe without a reader, a file that may not grow. */
#include <coppice/process.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "conformance/node.h"

/* The reader of a pipe is gone: the writer has EPIPE, and the program goes on. */
CLAUSE(a_pipe_without_a_reader)
{
    int ends[2];

    CHECK_EQ_INT(pipe(ends), 0);
    close(ends[0]);
    CHECK_EQ_INT(write(ends[1], "x", 1), -1);
    CHECK_EQ_INT(errno, EPIPE);
    close(ends[1]);
}

/* A file has reached its limit: EFBIG. */
CLAUSE(a_file_that_may_not_grow)
{
    char path[] = "/tmp/coppice-os-errors-XXXXXX";
    struct rlimit old, small;
    int file = mkstemp(path);

    CHECK(file >= 0);
    CHECK_EQ_INT(getrlimit(RLIMIT_FSIZE, &old), 0);
    small = old;
    small.rlim_cur = 4096;
    CHECK_EQ_INT(setrlimit(RLIMIT_FSIZE, &small), 0);
    CHECK_EQ_INT(pwrite(file, "x", 1, 4096), -1);
    CHECK_EQ_INT(errno, EFBIG);
    CHECK_EQ_INT(setrlimit(RLIMIT_FSIZE, &old), 0);
    close(file);
    unlink(path);
}

static void handler(int number)
{
    (void)number;
}

/* What the program has arranged itself stays, and after the node all is as it was. */
TEST(other_arrangements_stay)
{
    struct sigaction now;

    signal(SIGPIPE, handler);
    node_run(process_a_file_that_may_not_grow, 1);
    CHECK_EQ_INT(sigaction(SIGPIPE, NULL, &now), 0);
    CHECK(now.sa_handler == handler);
    signal(SIGPIPE, SIG_DFL);
    node_run(process_a_pipe_without_a_reader, 1);
    CHECK_EQ_INT(sigaction(SIGPIPE, NULL, &now), 0);
    CHECK(now.sa_handler == SIG_DFL);
    CHECK_EQ_INT(sigaction(SIGXFSZ, NULL, &now), 0);
    CHECK(now.sa_handler == SIG_DFL);
}
