/* SPDX-License-Identifier: Apache-2.0 */
/* What ties a process to processes of other nodes: links, monitors in both directions, the nodes it
 * watches. All of it is the process's own, as its local links are, and changes only by signals it
 * receives or calls it makes, so nothing here has a lock.
 *
 * A tie is made over one connection and dies with it: each has the connection's number, and the
 * signal COP__NODE_DOWN with that number ends them all (D-83). Layer 2, private. */
#ifndef COP_PROC_FAR_H
#define COP_PROC_FAR_H

#include "proc/proc.h"

/* A link to a process of another node: the record of D-71. */
struct cop__far_link {
    struct cop__far_link *next; /* of the same hash */
    cop_pid pid;
    uint64_t connection;
    uint64_t unlinking; /* 0: active; else the number of the unlink under way */
};

/* A connection that this process is registered with, so that it hears of its end. */
struct cop__far_join {
    struct cop__far_join *next;
    uint32_t node;    /* atom */
    uint32_t watches; /* of cop_monitor_node: as many {nodedown, Node} */
    uint64_t connection;
};

struct cop__far {
    struct cop__map links;    /* hash of the pid -> struct cop__far_link * */
    struct cop__map watchers; /* hash of the reference -> struct cop__msg *, a COP__FAR_MONITOR */
    struct cop__far_join *joins;
};

/* The number of the connection to a node, made when there is none; the process hears of its end.
 * 0: that node cannot be reached at all. */
uint64_t cop__far_join(struct cop__proc *proc, uint32_t node);

void cop__far_link_to(struct cop__thr *self, struct cop__proc *proc, cop_pid other);
void cop__far_unlink_from(struct cop__proc *proc, cop_pid other);
/* monitor is made, and its target is of another node: ask for it. */
void cop__far_monitor(
    struct cop__thr *self, struct cop__proc *proc, struct cop__monitor *monitor, cop_dest target);
void cop__far_demonitor(struct cop__proc *proc, const struct cop__monitor *monitor);

/* A process on a node that cannot be reached was asked for. */
void cop__far_spawn_failed(
    struct cop__thr *self, struct cop__proc *proc, struct cop__monitor *monitor);

/* The signals of this kind that the process receives; takes msg. */
void cop__far_received(struct cop__thr *self, struct cop__proc *proc, struct cop__msg *msg);
/* The same for a receiver that is gone; msg stays. */
void cop__far_refused(const struct cop__msg *msg);

/* Is it a call of a process of another node: {'$gen_call', {Pid, Tag}, _}, Tag with the reference
 * of its monitor. */
bool cop__far_is_call(cop_pid *ret_caller, cop_term *ret_ref, cop_term message);
/* That call does not get in, or not to the end: its monitor fires with overload, and id, whom it
 * called, knows of it no more. rt odd. */
void cop__far_call_refused(struct cop__thr *self, uint64_t id, cop_term message);
/* The running process handles a call with this reference, so that it is not given up any more. */
void cop__far_call_handled(struct cop__proc *proc, cop_term ref);
uint64_t cop__far_ref_key(cop_term ref); /* never 0 */

/* The process ends: whoever is tied to it is told, then all of it is given back. */
void cop__far_tell(struct cop__proc *proc, cop_term reason);
void cop__far_free(struct cop__thr *self, struct cop__proc *proc);

/* For process_info: their pids, before the list. */
cop_term cop__far_links(const struct cop__proc *proc, cop_term list);
cop_term cop__far_watchers(const struct cop__proc *proc, cop_term list);

#endif
