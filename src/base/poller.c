/* SPDX-License-Identifier: Apache-2.0 */
/* The poller on epoll. Layer 0; the rest of the library knows only poller.h (rule S2), so that a
 * simulator can put its own events here.
 *
 * The hard idea: several threads may ask at once, most of them without waiting, and one sleeps. A
 * kick is for the one that sleeps. So the eventfd is level-triggered and only a thread that would
 * sleep empties it: another thread that sees the kick in passing cannot swallow it. Descriptors are
 * edge-triggered, so what one thread has taken no other sees. */
#include "base/poller.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/network.h"

#ifndef SYS_epoll_pwait2
#define SYS_epoll_pwait2 441 /* the same on all processors we know */
#endif

#define KICK UINT64_MAX /* the eventfd's data; no descriptor's */

static struct {
    int epoll, kick;
    _Atomic(uint32_t) registered;
    _Atomic(bool) no_pwait2; /* kernel before 5.11: milliseconds only */
} poller = { .epoll = -1, .kick = -1 };

int cop__poller_start(void)
{
    struct epoll_event event = { .events = EPOLLIN, .data.u64 = KICK };

    poller.epoll = epoll_create1(EPOLL_CLOEXEC);
    if (poller.epoll < 0)
        return -errno;
    poller.kick = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (poller.kick < 0 || epoll_ctl(poller.epoll, EPOLL_CTL_ADD, poller.kick, &event) < 0) {
        int error = errno;

        cop__poller_stop();
        return -error;
    }
    atomic_store_explicit(&poller.registered, 0, memory_order_relaxed);
    return 0;
}

void cop__poller_stop(void)
{
    if (poller.kick >= 0)
        close(poller.kick);
    if (poller.epoll >= 0)
        close(poller.epoll);
    poller.kick = poller.epoll = -1;
}

static int control(int operation, int fd, uint64_t data)
{
    struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
        .data.u64 = data };

    return epoll_ctl(poller.epoll, operation, fd, &event) < 0 ? -errno : 0;
}

int cop__poller_add(int fd, uint64_t data)
{
    int result = cop__network_register(fd, data) ? 1 : control(EPOLL_CTL_ADD, fd, data);

    if (result == 0)
        atomic_fetch_add_explicit(&poller.registered, 1, memory_order_relaxed);
    return result > 0 ? 0 : result;
}

int cop__poller_again(int fd, uint64_t data)
{
    return cop__network_register(fd, data) ? 0 : control(EPOLL_CTL_MOD, fd, data);
}

int cop__poller_remove(int fd)
{
    int result;

    if (cop__network_unregister(fd))
        return 0;
    result = control(EPOLL_CTL_DEL, fd, 0);
    if (result == 0)
        atomic_fetch_sub_explicit(&poller.registered, 1, memory_order_relaxed);
    return result;
}

static int wait_ms(struct epoll_event *events, int max, uint64_t wait_ns)
{
    uint64_t ms = wait_ns / 1000000 + (wait_ns % 1000000 != 0); /* never early */

    return epoll_wait(poller.epoll, events, max,
        wait_ns == UINT64_MAX ? -1
        : ms > INT32_MAX      ? INT32_MAX
                              : (int)ms);
}

static int wait_ns(struct epoll_event *events, int max, uint64_t ns)
{
    struct timespec wait = { .tv_sec = (time_t)(ns / 1000000000),
        .tv_nsec = (long)(ns % 1000000000) };
    int count;

    /* 0 and for ever need no nanoseconds, and epoll_wait is the call every kernel and libc has. */
    if (ns == 0 || ns == UINT64_MAX ||
        atomic_load_explicit(&poller.no_pwait2, memory_order_relaxed))
        return wait_ms(events, max, ns);
    /* by number: libcs without a wrapper for it are still about */
    count = (int)syscall(SYS_epoll_pwait2, poller.epoll, events, max, &wait, NULL, 0);
    if (count < 0 && (errno == ENOSYS || errno == EPERM)) {
        atomic_store_explicit(&poller.no_pwait2, true, memory_order_relaxed);
        return wait_ms(events, max, ns);
    }
    return count;
}

int cop__poller_wait(struct cop__poll_event *ret_events, int max, uint64_t deadline_ns)
{
    struct epoll_event events[COP__POLL_MAX];
    uint64_t now, wait = deadline_ns;
    int count, given = cop__network_events(ret_events, max);

    if (given)
        return given;
    if (deadline_ns != 0 && deadline_ns != UINT64_MAX) {
        now = cop__clock_monotonic_ns();
        wait = deadline_ns > now ? deadline_ns - now : 0;
    }
    count = wait_ns(events, max < COP__POLL_MAX ? max : COP__POLL_MAX, wait);
    for (int i = 0; i < count; i++) { /* an error (EINTR) is a wait that ended early */
        uint64_t kicks;

        if (events[i].data.u64 != KICK)
            ret_events[given++] = (struct cop__poll_event){ events[i].data.u64, events[i].events };
        else if (deadline_ns != 0 && read(poller.kick, &kicks, sizeof kicks) < 0)
            continue; /* another sleeper has emptied it */
    }
    return given;
}

void cop__poller_kick(void)
{
    uint64_t one = 1;

    /* EAGAIN means the counter is full: then a kick is pending anyway */
    if (write(poller.kick, &one, sizeof one) < 0)
        return;
}

bool cop__poller_in_use(void)
{
    return atomic_load_explicit(&poller.registered, memory_order_relaxed) > 0;
}
