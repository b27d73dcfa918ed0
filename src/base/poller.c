/* SPDX-License-Identifier: Apache-2.0 */
/* The poller over epoll. The eventfd that ends a wait early is registered like any other descriptor, with a
 * number no caller can have. */
#include "base/poller.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

static const uint64_t KICK = UINT64_MAX;

static int poll_fd = -1, kick_fd = -1;
static _Atomic(int) registered;

int cop__poller_start(void)
{
    struct epoll_event kick = { .events = EPOLLIN | EPOLLET, .data.u64 = KICK };

    poll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (poll_fd < 0)
        return -errno;
    kick_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (kick_fd < 0 || epoll_ctl(poll_fd, EPOLL_CTL_ADD, kick_fd, &kick) < 0) {
        int error = errno;

        cop__poller_stop();
        return -error;
    }
    atomic_store(&registered, 0);
    return 0;
}

void cop__poller_stop(void)
{
    if (kick_fd >= 0)
        close(kick_fd);
    if (poll_fd >= 0)
        close(poll_fd);
    kick_fd = poll_fd = -1;
}

int cop__poller_add(int fd, uint64_t data)
{
    struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.u64 = data };

    if (epoll_ctl(poll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
        return -errno;
    atomic_fetch_add_explicit(&registered, 1, memory_order_relaxed);
    return 0;
}

int cop__poller_remove(int fd)
{
    if (epoll_ctl(poll_fd, EPOLL_CTL_DEL, fd, NULL) < 0)
        return -errno;
    atomic_fetch_sub_explicit(&registered, 1, memory_order_relaxed);
    return 0;
}

bool cop__poller_in_use(void)
{
    return atomic_load_explicit(&registered, memory_order_relaxed) > 0;
}

/* epoll_pwait2 takes nanoseconds (Linux 5.11); epoll_wait rounds up to milliseconds. */
static int wait_events(struct epoll_event *events, int max, const struct timespec *timeout)
{
#ifdef SYS_epoll_pwait2
    static _Atomic(int) missing;

    if (!atomic_load_explicit(&missing, memory_order_relaxed)) {
        int count = (int)syscall(SYS_epoll_pwait2, poll_fd, events, max, timeout, NULL, 0);

        if (count >= 0 || errno != ENOSYS)
            return count;
        atomic_store_explicit(&missing, 1, memory_order_relaxed);
    }
#endif
    return epoll_wait(poll_fd, events, max,
        timeout ? (int)(timeout->tv_sec * 1000 + (timeout->tv_nsec + 999999) / 1000000) : -1);
}

int cop__poller_wait(struct cop__poll_event *ret_events, int max, uint64_t deadline_ns)
{
    struct epoll_event events[COP__POLL_MAX];
    struct timespec timeout = { 0, 0 };
    int count, happened = 0;

    if (deadline_ns && deadline_ns != UINT64_MAX) {
        uint64_t now_ns = cop__clock_monotonic_ns(), rest_ns = deadline_ns > now_ns ? deadline_ns - now_ns : 0;

        timeout.tv_sec = (time_t)(rest_ns / 1000000000u);
        timeout.tv_nsec = (long)(rest_ns % 1000000000u);
    }
    count = wait_events(events, max < COP__POLL_MAX ? max : COP__POLL_MAX, deadline_ns == UINT64_MAX ? NULL : &timeout);
    for (int i = 0; i < count; i++) {
        if (events[i].data.u64 == KICK) {
            uint64_t kicks;

            (void)!read(kick_fd, &kicks, sizeof kicks);
            continue;
        }
        ret_events[happened++] = (struct cop__poll_event){ events[i].data.u64, events[i].events };
    }
    return happened;
}

void cop__poller_kick(void)
{
    uint64_t one = 1;

    if (kick_fd >= 0)
        (void)!write(kick_fd, &one, sizeof one);
}
