/* SPDX-License-Identifier: Apache-2.0 */
/* Two tables of a scope, groups by name and members by pid, which point to each other. Layer 5.
 *
 * A group without members is not there, nor is a member without groups. */
#include "otp/pg_int.h"

#include <string.h>

enum { BUCKETS_MIN = 16 };

static bool same(cop_pid a, cop_pid b)
{
    return a.id == b.id && a.node == b.node;
}

static size_t pid_hash(cop_pid pid)
{
    return (size_t)((pid.id ^ pid.node << 40) * UINT64_C(0x9e3779b97f4a7c15) >> 20);
}

/* A larger array in place of *array, of items of this size. */
static void *grown(void *array, size_t *room, size_t size)
{
    size_t more = *room ? 2 * *room : 2;
    void *larger = cop_alloc(more * size);

    if (*room)
        memcpy(larger, array, *room * size);
    cop_free(array);
    *room = more;
    return larger;
}

/* --- Groups --------------------------------------------------------------------------------------
 */

static void more_group_buckets(struct pg_groups *groups)
{
    size_t mask = groups->group_mask ? 2 * groups->group_mask + 1 : BUCKETS_MIN - 1;
    struct pg_group **buckets = cop_alloc((mask + 1) * sizeof *buckets), *next;

    for (size_t i = 0; groups->group_buckets && i <= groups->group_mask; i++)
        for (struct pg_group *group = groups->group_buckets[i]; group; group = next) {
            next = group->next;
            group->next = buckets[group->hash & mask];
            buckets[group->hash & mask] = group;
        }
    cop_free(groups->group_buckets);
    groups->group_buckets = buckets;
    groups->group_mask = mask;
}

static struct pg_group **group_place(const struct pg_groups *groups, cop_term name, uint64_t hash)
{
    struct pg_group **place = &groups->group_buckets[hash & groups->group_mask];

    while (*place && !((*place)->hash == hash && cop_identical((*place)->name, name)))
        place = &(*place)->next;
    return place;
}

struct pg_group *cop__pg_group(const struct pg_groups *groups, cop_term name)
{
    return groups->group_buckets ? *group_place(groups, name, cop_hash(name)) : NULL;
}

static struct pg_group *group_made(struct pg_groups *groups, cop_term name)
{
    uint64_t hash = cop_hash(name);
    struct pg_group **place, *group;

    if (!groups->group_buckets || groups->group_count > groups->group_mask)
        more_group_buckets(groups);
    place = group_place(groups, name, hash);
    if (!*place) {
        group = cop_alloc(sizeof *group);
        group->hash = hash;
        cop_keep(&group->name, name);
        *place = group;
        groups->group_count++;
    }
    return *place;
}

static void drop_group(struct pg_groups *groups, struct pg_group *group)
{
    *group_place(groups, group->name, group->hash) = group->next;
    groups->group_count--;
    cop_keep_clear(&group->name);
    cop_free(group->members);
    cop_free(group);
}

/* --- Members -------------------------------------------------------------------------------------
 */

static void more_member_buckets(struct pg_groups *groups)
{
    size_t mask = groups->member_mask ? 2 * groups->member_mask + 1 : BUCKETS_MIN - 1;
    struct pg_member **buckets = cop_alloc((mask + 1) * sizeof *buckets), *next;

    for (size_t i = 0; groups->member_buckets && i <= groups->member_mask; i++)
        for (struct pg_member *member = groups->member_buckets[i]; member; member = next) {
            struct pg_member **bucket = &buckets[pid_hash(member->pid) & mask];

            next = member->next;
            member->next = *bucket;
            *bucket = member;
        }
    cop_free(groups->member_buckets);
    groups->member_buckets = buckets;
    groups->member_mask = mask;
}

static struct pg_member **member_place(const struct pg_groups *groups, cop_pid pid)
{
    struct pg_member **place = &groups->member_buckets[pid_hash(pid) & groups->member_mask];

    while (*place && !same((*place)->pid, pid))
        place = &(*place)->next;
    return place;
}

struct pg_member *cop__pg_member(const struct pg_groups *groups, cop_pid pid)
{
    return groups->member_buckets ? *member_place(groups, pid) : NULL;
}

static struct pg_member *member_made(struct pg_groups *groups, cop_pid pid)
{
    struct pg_member **place, *member;

    if (!groups->member_buckets || groups->member_count > groups->member_mask)
        more_member_buckets(groups);
    place = member_place(groups, pid);
    if (!*place) {
        member = cop_alloc(sizeof *member);
        member->pid = pid;
        if (!pid.node)
            member->monitor = cop_monitor(pid);
        *place = member;
        groups->member_count++;
    }
    return *place;
}

static void drop_member(struct pg_groups *groups, struct pg_member *member)
{
    *member_place(groups, member->pid) = member->next;
    groups->member_count--;
    if (member->monitor.id)
        cop_demonitor_flush(member->monitor);
    cop_free(member->groups);
    cop_free(member);
}

/* --- Both ----------------------------------------------------------------------------------------
 */

void cop__pg_join(struct pg_groups *groups, cop_term name, cop_pid pid)
{
    struct pg_group *group = group_made(groups, name);
    struct pg_member *member = member_made(groups, pid);

    if (group->count == group->room)
        group->members = grown(group->members, &group->room, sizeof *group->members);
    group->members[group->count++] = pid;
    if (member->count == member->room)
        member->groups = grown(member->groups, &member->room, sizeof *member->groups);
    member->groups[member->count++] = group;
}

bool cop__pg_leave(struct pg_groups *groups, cop_term name, cop_pid pid)
{
    struct pg_group *group = cop__pg_group(groups, name);
    struct pg_member *member = group ? cop__pg_member(groups, pid) : NULL;
    size_t at;

    if (!member)
        return false;
    for (at = 0; at < member->count && member->groups[at] != group;)
        at++;
    if (at == member->count)
        return false;
    member->groups[at] = member->groups[--member->count];
    for (at = 0; !same(group->members[at], pid);)
        at++;
    group->members[at] = group->members[--group->count];
    if (!group->count)
        drop_group(groups, group);
    if (!member->count)
        drop_member(groups, member);
    return true;
}

struct pg_group *cop__pg_next(
    const struct pg_groups *groups, size_t *position, struct pg_group *one)
{
    struct pg_group *next = one ? one->next : NULL;

    while (!next && groups->group_buckets && *position <= groups->group_mask)
        next = groups->group_buckets[(*position)++];
    return next;
}

bool cop__pg_has_local(const struct pg_group *group)
{
    size_t i = 0;

    while (i < group->count && group->members[i].node)
        i++;
    return i < group->count;
}

cop_term cop__pg_members_term(const struct pg_group *group, bool local)
{
    cop_term list = cop_nil();

    for (size_t i = 0; group && i < group->count; i++)
        if (!local || !group->members[i].node)
            list = cop_cons(cop_from_pid(group->members[i]), list);
    return list;
}
