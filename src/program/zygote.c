/* SPDX-License-Identifier: Apache-2.0 */
/* The zygote: forked from the program before it has threads, it forks the operating-system
 * processes of isolated children. Layer 8.
 *
 * The hard idea: a program with threads cannot be forked and go on in C, since whatever lock
 * another thread had stays locked for ever; and a program that is started anew with exec would run
 * its main again, with all that that does. A process forked from the zygote has the code, the
 * constants and the memory of the program as they were before its node began, in one thread and
 * with no lock held.
 *
 * It runs no part of the runtime. A child of it is named by the descriptor that its news goes to:
 * the other end is with the process that stands for the child, and closes with it, however it ends.
 */
#include "program/zygote.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { REQUESTS, DEATHS, FIRST_CHILD }; /* places in the list of what is polled */
enum { DESCRIPTORS = 2 };

static int requests = -1; /* the node's end */
static pid_t its_pid;

/* --- In the zygote ------------------------------------------------------------------------------
 */

struct zygote {
    pid_t own_pid;
    cop__zygote_inside *inside;
    struct pollfd *polled; /* of a child: the descriptor for its news; -1 - fd once it is killed */
    pid_t *pids;
    size_t count, room;
};

static const int quiet[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };

static void handle_quiet(void (*handler)(int))
{
    for (size_t i = 0; i < sizeof quiet / sizeof *quiet; i++)
        signal(quiet[i], handler);
}

static void block(int how)
{
    sigset_t deaths;

    sigemptyset(&deaths);
    sigaddset(&deaths, SIGCHLD);
    sigprocmask(how, &deaths, NULL);
}

static bool make_room(struct zygote *zygote)
{
    size_t room = zygote->room ? 2 * zygote->room : 16;
    struct pollfd *polled;
    pid_t *pids;

    if (zygote->count < zygote->room)
        return true;
    polled = realloc(zygote->polled, room * sizeof *polled);
    if (polled)
        zygote->polled = polled;
    pids = realloc(zygote->pids, room * sizeof *pids);
    if (pids)
        zygote->pids = pids;
    if (!polled || !pids)
        return false;
    zygote->room = room;
    return true;
}

static void tell(int fd, enum cop__zygote_news_kind kind, int value)
{
    const struct cop__zygote_news news = { (int32_t)kind, value };

    (void)!send(fd, &news, sizeof news, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* In the new process: as if the program had just begun, but for the keyboard's signals, which are
 * for the node, and end this one with it. */
static _Noreturn void run_inside(
    struct zygote *zygote, const struct cop__zygote_request *request, int connection, int status)
{
    for (size_t i = 0; i < zygote->count; i++)
        close(zygote->polled[i].fd < 0 ? -1 - zygote->polled[i].fd : zygote->polled[i].fd);
    close(status);
    block(SIG_UNBLOCK);
    handle_quiet(SIG_IGN);
    signal(SIGTERM, SIG_DFL);
    prctl(PR_SET_PDEATHSIG, (unsigned long)SIGKILL, 0ul, 0ul, 0ul);
    prctl(PR_SET_NAME, (unsigned long)(uintptr_t)request->name, 0ul, 0ul, 0ul);
    if (getppid() != zygote->own_pid)
        _exit(0); /* the zygote went first */
    _exit(zygote->inside(request, connection));
}

static void fork_one(
    struct zygote *zygote, const struct cop__zygote_request *request, int connection, int status)
{
    pid_t pid = make_room(zygote) ? fork() : -1;

    if (pid == 0)
        run_inside(zygote, request, connection, status);
    close(connection);
    if (pid < 0) {
        tell(status, COP__ZYGOTE_FAILED, errno);
        close(status);
        return;
    }
    tell(status, COP__ZYGOTE_STARTED, pid);
    zygote->polled[zygote->count] = (struct pollfd){ .fd = status, .events = POLLIN | POLLRDHUP };
    zygote->pids[zygote->count++] = pid;
}

/* The descriptors of a message that has both; false: it has not, and those it has are closed. */
static bool take_descriptors(int fds[DESCRIPTORS], struct msghdr *message)
{
    struct cmsghdr *head = CMSG_FIRSTHDR(message);
    size_t size;

    if (!head || head->cmsg_type != SCM_RIGHTS)
        return false;
    size = head->cmsg_len - CMSG_LEN(0);
    memcpy(
        fds, CMSG_DATA(head), size < DESCRIPTORS * sizeof *fds ? size : DESCRIPTORS * sizeof *fds);
    if (size == DESCRIPTORS * sizeof *fds)
        return true;
    if (size)
        close(fds[0]);
    return false;
}

/* False: the node has ended. */
static bool take_request(struct zygote *zygote)
{
    struct cop__zygote_request request;
    union {
        char bytes[CMSG_SPACE(DESCRIPTORS * sizeof(int))];
        struct cmsghdr aligned;
    } control;
    struct iovec piece = { &request, sizeof request };
    struct msghdr message = { .msg_iov = &piece,
        .msg_iovlen = 1,
        .msg_control = control.bytes,
        .msg_controllen = sizeof control.bytes };
    int fds[DESCRIPTORS] = { -1, -1 };
    ssize_t size = recvmsg(zygote->polled[REQUESTS].fd, &message, MSG_CMSG_CLOEXEC);

    if (size < 0)
        return errno == EINTR || errno == EAGAIN || errno == EMFILE || errno == ENFILE;
    if (size == 0)
        return false;
    if (take_descriptors(fds, &message) && size == sizeof request)
        fork_one(zygote, &request, fds[0], fds[1]);
    return true;
}

static void reap(struct zygote *zygote)
{
    struct signalfd_siginfo ignored;
    int status;
    pid_t pid;

    (void)!read(zygote->polled[DEATHS].fd, &ignored, sizeof ignored);
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        for (size_t i = FIRST_CHILD; i < zygote->count; i++) {
            int fd = zygote->polled[i].fd;

            if (zygote->pids[i] != pid)
                continue;
            fd = fd < 0 ? -1 - fd : fd;
            tell(fd, COP__ZYGOTE_ENDED, status);
            close(fd);
            zygote->polled[i] = zygote->polled[--zygote->count];
            zygote->pids[i] = zygote->pids[zygote->count];
            break;
        }
}

static void kill_abandoned(struct zygote *zygote)
{
    for (size_t i = FIRST_CHILD; i < zygote->count; i++)
        if (zygote->polled[i].fd >= 0 && zygote->polled[i].revents) {
            kill(zygote->pids[i], SIGKILL);
            zygote->polled[i].fd = -1 - zygote->polled[i].fd; /* poll passes over it */
        }
}

/* The children end with it: each has asked for a signal at its death. */
static _Noreturn void run_zygote(int mine, cop__zygote_inside *inside)
{
    struct zygote zygote = { .own_pid = getpid(), .inside = inside };
    sigset_t deaths;

    prctl(PR_SET_NAME, (unsigned long)(uintptr_t) "cop-zygote", 0ul, 0ul, 0ul);
    handle_quiet(SIG_IGN);
    block(SIG_BLOCK);
    sigemptyset(&deaths);
    sigaddset(&deaths, SIGCHLD);
    if (!make_room(&zygote))
        _exit(1);
    zygote.polled[REQUESTS] = (struct pollfd){ .fd = mine, .events = POLLIN };
    zygote.polled[DEATHS] =
        (struct pollfd){ .fd = signalfd(-1, &deaths, SFD_CLOEXEC | SFD_NONBLOCK),
            .events = POLLIN };
    zygote.count = FIRST_CHILD;
    for (bool there = zygote.polled[DEATHS].fd >= 0; there;) {
        if (poll(zygote.polled, zygote.count, -1) < 0)
            continue;
        kill_abandoned(&zygote);
        if (zygote.polled[REQUESTS].revents)
            there = take_request(&zygote);
        if (zygote.polled[DEATHS].revents)
            reap(&zygote);
    }
    _exit(0);
}

/* --- In the node --------------------------------------------------------------------------------
 */

int cop__zygote_start(cop__zygote_inside *inside)
{
    int ends[2];
    pid_t pid;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return -errno;
    fflush(NULL);
    pid = fork();
    if (pid == 0) {
        close(ends[0]);
        run_zygote(ends[1], inside);
    }
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        return -errno;
    }
    requests = ends[0];
    its_pid = pid;
    return 0;
}

void cop__zygote_stop(void)
{
    if (requests < 0)
        return;
    close(requests);
    requests = -1;
    while (waitpid(its_pid, NULL, 0) < 0 && errno == EINTR)
        ;
}

bool cop__zygote_is_there(void)
{
    return requests >= 0;
}

int cop__zygote_fork(const struct cop__zygote_request *request, int connection, int status)
{
    union {
        char bytes[CMSG_SPACE(DESCRIPTORS * sizeof(int))];
        struct cmsghdr aligned;
    } control = { .bytes = { 0 } };
    struct cop__zygote_request copy = *request;
    struct iovec piece = { &copy, sizeof copy };
    struct msghdr message = { .msg_iov = &piece,
        .msg_iovlen = 1,
        .msg_control = control.bytes,
        .msg_controllen = sizeof control.bytes };
    const int fds[DESCRIPTORS] = { connection, status };
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);

    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(sizeof fds);
    memcpy(CMSG_DATA(head), fds, sizeof fds);
    return sendmsg(requests, &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno : 0;
}
