/* SPDX-License-Identifier: Apache-2.0 */
/* The poller: readiness of file descriptors, and the one place where an idle node sleeps. One
 * epoll instance, edge-triggered, and an eventfd that ends a wait early. Part of the seam: a
 * simulator would put its own events here. */
#ifndef COP_BASE_POLLER_H
#define COP_BASE_POLLER_H

#include <stdbool.h>
#include <stdint.h>

struct cop__poll_event {
    uint64_t data;   /* as given to add */
    uint32_t events; /* EPOLLIN, EPOLLOUT, EPOLLHUP, EPOLLERR, EPOLLRDHUP */
};

enum { COP__POLL_MAX = 128 };

int cop__poller_start(void); /* 0 or -errno */
void cop__poller_stop(void);
/* Both directions, edge-triggered, registered once. 0 or -errno. */
int cop__poller_add(int fd, uint64_t data);
int cop__poller_remove(int fd);
int cop__poller_again(int fd, uint64_t data); /* report once more what is ready now */
/* Wait until an event, a kick or the deadline (monotonic ns; 0: do not wait, UINT64_MAX: for ever).
 */
int cop__poller_wait(struct cop__poll_event *ret_events, int max, uint64_t deadline_ns);
void cop__poller_kick(void);
bool cop__poller_in_use(void); /* is any descriptor registered */

#endif
