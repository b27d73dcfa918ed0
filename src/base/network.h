/* SPDX-License-Identifier: Apache-2.0 */
/* Stream sockets, of the system or simulated: the seam of src/io (rule S6). Each function is the
 * system call of its name, with its results and errno.
 *
 * In a simulated node (proc/simulate.h) what is opened here lies in memory: bytes arrive after a
 * delay and in pieces that are chosen, connections can be cut, and nothing outside is reached. A
 * simulated socket has a descriptor of the system too, of /dev/null, so that its number is its own.
 */
#ifndef COP_BASE_NETWORK_H
#define COP_BASE_NETWORK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "base/poller.h"

int cop__network_socket(int family);
int cop__network_bind(int fd, const struct sockaddr *address, socklen_t size);
int cop__network_listen(int fd, int backlog);
int cop__network_accept(int listener);
int cop__network_connect(int fd, const struct sockaddr *address, socklen_t size);
int cop__network_error(int fd, int *ret_error); /* getsockopt SO_ERROR */
int cop__network_name(int fd, bool peer, struct sockaddr *ret_address, socklen_t *size);
ssize_t cop__network_read(int fd, void *buffer, size_t size);
ssize_t cop__network_send(int fd, const struct msghdr *message);
int cop__network_shut_write(int fd);
int cop__network_shut_read(int fd); /* of a listener: nobody connects any more */
int cop__network_close(int fd);

/* For the poller. False: a descriptor of the system. */
bool cop__network_register(int fd, uint64_t data);
bool cop__network_unregister(int fd);
int cop__network_events(struct cop__poll_event *ret_events, int max); /* that are due by now */

/* For the simulation. A run has one network; its nodes, each an operating-system process, see the
 * same memory and have sockets of their own (world.h). */
bool cop__network_open(void); /* before they are there; false: no memory */
void cop__network_discard(void);
void cop__network_simulate(bool on); /* of this node; off: its sockets are closed */
bool cop__network_has_news(void);    /* events are due */
bool cop__network_has_news_for(int node);
uint64_t cop__network_due_ns(int node); /* when its next will be; UINT64_MAX: never */
void cop__network_delays(int64_t max_ms);
bool cop__network_cut(void); /* one connection of those there are, chosen; false: none */
/* Nothing passes from one node to another until then; 0: it does again. */
void cop__network_split(int from, int to, uint64_t until_ns);
void cop__network_drop(int node); /* it was killed: its sockets close as the system closes them */

#endif
