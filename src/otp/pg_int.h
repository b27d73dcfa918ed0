/* SPDX-License-Identifier: Apache-2.0 */
/* The groups of a scope: who is in which, both ways round. Between pg.c and pg_groups.c. */
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
    cop_ref monitor;
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

cop_term cop__pg_members_term(const struct pg_group *group); /* NULL: [] */

#endif
