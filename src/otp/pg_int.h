/* SPDX-License-Identifier: Apache-2.0 */
/* The groups of a scope: who is in which, both ways round (pg_groups.c), and the scopes of the same
 * name on other nodes (pg_remote.c). */
#ifndef COP_OTP_PG_INT_H
#define COP_OTP_PG_INT_H

#include <coppice/pg.h>

struct pg_group {
    struct pg_group *next;
    uint64_t hash;
    cop_term name; /* kept */
    cop_pid *members;
    size_t count, room;
};

/* A member, and its groups: one so often as it is in it. */
struct pg_member {
    struct pg_member *next;
    cop_pid pid;
    cop_ref monitor; /* id 0: of another node, whose scope watches it */
    struct pg_group **groups;
    size_t count, room;
};

/* All in process memory: it goes with the scope. */
struct pg_groups {
    struct pg_group **group_buckets;
    struct pg_member **member_buckets;
    size_t group_mask, member_mask; /* buckets - 1; 0: none yet */
    size_t group_count, member_count;
};

struct pg_group *cop__pg_group(const struct pg_groups *groups, cop_term name);
void cop__pg_join(struct pg_groups *groups, cop_term name, cop_pid pid);
/* False: it is no member. */
bool cop__pg_leave(struct pg_groups *groups, cop_term name, cop_pid pid);
struct pg_member *cop__pg_member(const struct pg_groups *groups, cop_pid pid);
/* By turns; NULL at the end. position starts as 0, and nothing may change meanwhile. */
struct pg_group *cop__pg_next(
    const struct pg_groups *groups, size_t *position, struct pg_group *one);

/* NULL: []. local: those of this node. */
cop_term cop__pg_members_term(const struct pg_group *group, bool local);
bool cop__pg_has_local(const struct pg_group *group);

struct watcher { /* a monitor: of a group, or of all */
    struct watcher *next;
    cop_ref ref;
    cop_pid pid;
    cop_term group; /* kept; none: the scope */
};

/* A scope of the same name on another node. Its members are those of its node. */
struct pg_remote {
    struct pg_remote *next;
    cop_pid pid;
    cop_ref monitor;
};

struct scope {
    struct pg_groups groups;
    struct watcher *watchers;
    struct pg_remote *remotes;
    cop_atom name;
};

/* A pid is a list of one. */
cop_term cop__pg_as_list(cop_term pids);
/* {Ref, join | leave, Group, Pids} to all that watch. */
void cop__pg_notify(const struct scope *scope, const char *what, cop_term group, cop_term pids);

/* A plain message to all remote scopes. */
void cop__pg_broadcast(const struct scope *scope, cop_term message);
/* Speak to the scope of a node, or to all. */
void cop__pg_discover(const struct scope *scope, cop_atom node);
void cop__pg_discover_all(const struct scope *scope);
/* Whatever a remote scope sends; false: it is nothing of that. */
bool cop__pg_remote_message(struct scope *scope, cop_term message);
bool cop__pg_remote_cast(struct scope *scope, cop_term message);
/* The end of a monitor: was it a remote scope's? */
bool cop__pg_remote_down(struct scope *scope, cop_ref monitor);

#endif
