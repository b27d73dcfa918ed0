/* SPDX-License-Identifier: Apache-2.0 */
/* The process that forks nodes, and sees their ends. Layer 7.
 *
 * The hard idea: a node can only be forked from a process that has never run one. So one is set
 * aside before the first node starts, and does nothing but wait for requests and for ends. A node
 * that ends by itself says so in the world first (cop__world_leave); any other end fails the run.
 */
#include "sim/nursery.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/world.h"

enum what { BEAR, KILL };

struct request {
    enum what what;
    int place;
    cop_main *fn;
};

static int line = -1; /* to the nursery; in it, to the nodes */
static pid_t nursery; /* in the process of the first node */
static uint64_t seed;

/* Of the nursery alone. */
static pid_t processes[COP__WORLD_NODES];
static struct cop__sim_run of_nodes;

/* --- In the nursery ------------------------------------------------------------------------------
 */

static COP_NORETURN void be_node(int place, cop_main *fn, int other_end, const sigset_t *signals)
{
    static struct cop__sim_run run;
    char name[COP__WORLD_NAME], *arguments[] = { name, NULL };

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    close(line);
    line = other_end;
    sigprocmask(SIG_SETMASK, signals, NULL);
    memcpy(name, cop__world->nodes[place].name, sizeof name);
    run = of_nodes;
    run.seed = (seed + cop__world->nodes[place].number) * 0x9e3779b97f4a7c15ull | 1;
    cop__world_join(place);
    cop__sim_prepare(&run);
    _exit(cop_run_main_with(fn, 1, arguments, &(struct cop_options){ .schedulers = 1 }));
}

static int bear(const struct request *request, int other_end, const sigset_t *signals)
{
    pid_t process = fork();

    if (process == 0)
        be_node(request->place, request->fn, other_end, signals);
    if (process < 0)
        return -errno;
    processes[request->place] = process;
    return 0;
}

static int end_process(int place)
{
    pid_t process = processes[place];

    processes[place] = 0;
    if (!process)
        return 0;
    kill(process, SIGKILL);
    while (waitpid(process, NULL, 0) < 0 && errno == EINTR)
        ;
    return 0;
}

/* One that had left the world ends as it should. */
static void see_end(int place, int status)
{
    char text[COP__WORLD_TEXT];

    processes[place] = 0;
    if (cop__world->nodes[place].state == COP__WORLD_FREE)
        return;
    if (WIFSIGNALED(status))
        snprintf(text, sizeof text, "node %s was ended by signal %d (%s)",
            cop__world->nodes[place].name, WTERMSIG(status), strsignal(WTERMSIG(status)));
    else
        snprintf(text, sizeof text, "node %s ended with status %d in the middle of its work",
            cop__world->nodes[place].name, WEXITSTATUS(status));
    cop__world_fail(text);
    cop__world_wake(0);
}

static void see_ends(void)
{
    for (int i = 0; i < COP__WORLD_NODES; i++) {
        int status;

        if (processes[i] && waitpid(processes[i], &status, WNOHANG) == processes[i])
            see_end(i, status);
    }
}

/* False: the first node wants no more. */
static bool serve(int other_end, const sigset_t *signals)
{
    struct request request;
    ssize_t size = recv(line, &request, sizeof request, 0);
    int answer;

    if (size != (ssize_t)sizeof request)
        return false;
    answer = request.what == BEAR ? bear(&request, other_end, signals) : end_process(request.place);
    return send(line, &answer, sizeof answer, MSG_NOSIGNAL) == (ssize_t)sizeof answer;
}

static COP_NORETURN void nursery_main(int other_end)
{
    struct pollfd watched[2] = { { .fd = line, .events = POLLIN }, { .events = POLLIN } };
    sigset_t children, before;
    bool goes_on;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    sigemptyset(&children);
    sigaddset(&children, SIGCHLD);
    sigprocmask(SIG_BLOCK, &children, &before);
    watched[1].fd = signalfd(-1, &children, SFD_CLOEXEC);
    do {
        struct signalfd_siginfo ignored;

        goes_on = poll(watched, 2, -1) > 0 || errno == EINTR;
        if (watched[1].revents && read(watched[1].fd, &ignored, sizeof ignored) > 0)
            see_ends();
        if (watched[0].revents)
            goes_on = serve(other_end, &before);
    } while (goes_on);
    for (int i = 0; i < COP__WORLD_NODES; i++)
        end_process(i);
    _exit(0);
}

/* --- In the nodes --------------------------------------------------------------------------------
 */

bool cop__nursery_start(const struct cop__sim_run *run)
{
    int ends[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return false;
    seed = run->seed;
    of_nodes = (struct cop__sim_run){ .schedule = run->schedule,
        .recording = run->recording,
        .story = run->story,
        .steps_max = run->steps_max };
    fflush(NULL);
    nursery = fork();
    if (nursery == 0) {
        line = ends[1];
        nursery_main(ends[0]);
    }
    close(ends[1]);
    line = ends[0];
    if (nursery > 0)
        return true;
    close(line);
    line = -1;
    return false;
}

bool cop__nursery_there(void)
{
    return line >= 0;
}

void cop__nursery_stop(void)
{
    static const struct request none;

    /* An empty one, since nodes hold this end too. */
    (void)!send(line, &none, 1, MSG_NOSIGNAL);
    close(line);
    line = -1;
    while (waitpid(nursery, NULL, 0) < 0 && errno == EINTR)
        ;
}

static int ask(struct request request)
{
    int answer = -ESRCH;

    if (send(line, &request, sizeof request, MSG_NOSIGNAL) != (ssize_t)sizeof request)
        return -errno;
    while (recv(line, &answer, sizeof answer, 0) < 0 && errno == EINTR)
        ;
    return answer;
}

int cop__nursery_bear(int place, cop_main *fn)
{
    return ask((struct request){ BEAR, place, fn });
}

int cop__nursery_kill(int place)
{
    return ask((struct request){ KILL, place, NULL });
}
