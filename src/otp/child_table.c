/* SPDX-License-Identifier: Apache-2.0 */
/* The children of one supervisor: a list in start order, found by pid and by id in constant time.
 * Layer 5. The indexes are chained hash tables through fields of the child, so that a child is one
 * allocation, and 100,000 of them start and stop in linear time. */
#include "supervisor_int.h"

static uint64_t mix(uint64_t word)
{
    word ^= word >> 33;
    word *= UINT64_C(0xff51afd7ed558ccd);
    return word ^ (word >> 33);
}

static uint64_t pid_hash(cop_pid pid)
{
    return mix(pid.id ^ (pid.node * UINT64_C(0x9e3779b97f4a7c15)));
}

static bool pid_equal(cop_pid a, cop_pid b)
{
    return a.id == b.id && a.node == b.node;
}

/* --- By pid -------------------------------------------------------------------------------------
 */

static struct cop__child **pid_bucket(const struct cop__children *children, cop_pid pid)
{
    return &children->by_pid[pid_hash(pid) & (children->pid_buckets - 1)];
}

static void grow_by_pid(struct cop__children *children)
{
    struct cop__child **old = children->by_pid;
    size_t old_buckets = children->pid_buckets;

    children->pid_buckets = old_buckets ? old_buckets * 2 : 16;
    children->by_pid = cop_alloc(children->pid_buckets * sizeof(struct cop__child *));
    for (size_t i = 0; i < old_buckets; i++)
        for (struct cop__child *child = old[i], *next; child; child = next) {
            struct cop__child **bucket = pid_bucket(children, child->pid);

            next = child->pid_next;
            child->pid_next = *bucket;
            *bucket = child;
        }
    cop_free(old);
}

static void index_pid(struct cop__children *children, struct cop__child *child, cop_pid pid)
{
    if (children->pid_count == children->pid_buckets)
        grow_by_pid(children);
    struct cop__child **bucket = pid_bucket(children, pid);

    child->pid = pid;
    child->pid_next = *bucket;
    *bucket = child;
    child->pid_indexed = true;
    children->pid_count++;
}

static void unindex_pid(struct cop__children *children, struct cop__child *child)
{
    if (!child->pid_indexed)
        return;
    struct cop__child **at = pid_bucket(children, child->pid);

    while (*at != child)
        at = &(*at)->pid_next;
    *at = child->pid_next;
    child->pid_indexed = false;
    children->pid_count--;
}

struct cop__child *cop__children_by_pid(const struct cop__children *children, cop_pid pid)
{
    if (!children->pid_count)
        return NULL;
    struct cop__child *child = *pid_bucket(children, pid);

    while (child && !pid_equal(child->pid, pid))
        child = child->pid_next;
    return child;
}

/* --- By id --------------------------------------------------------------------------------------
 */

static struct cop__child **id_bucket(const struct cop__children *children, uint64_t hash)
{
    return &children->by_id[mix(hash) & (children->id_buckets - 1)];
}

static void grow_by_id(struct cop__children *children)
{
    struct cop__child **old = children->by_id;
    size_t old_buckets = children->id_buckets;

    children->id_buckets = old_buckets ? old_buckets * 2 : 16;
    children->by_id = cop_alloc(children->id_buckets * sizeof(struct cop__child *));
    for (size_t i = 0; i < old_buckets; i++)
        for (struct cop__child *child = old[i], *next; child; child = next) {
            struct cop__child **bucket = id_bucket(children, child->id_hash);

            next = child->id_next;
            child->id_next = *bucket;
            *bucket = child;
        }
    cop_free(old);
}

static void index_id(struct cop__children *children, struct cop__child *child)
{
    if (children->simple)
        return;
    if (children->id_count == children->id_buckets)
        grow_by_id(children);
    child->id_hash = cop_hash(child->spec->id);
    struct cop__child **bucket = id_bucket(children, child->id_hash);

    child->id_next = *bucket;
    *bucket = child;
    children->id_count++;
}

static void unindex_id(struct cop__children *children, struct cop__child *child)
{
    if (children->simple)
        return;
    struct cop__child **at = id_bucket(children, child->id_hash);

    while (*at != child)
        at = &(*at)->id_next;
    *at = child->id_next;
    children->id_count--;
}

struct cop__child *cop__children_by_id(const struct cop__children *children, cop_term id)
{
    if (!children->id_count)
        return NULL;
    uint64_t hash = cop_hash(id);
    struct cop__child *child = *id_bucket(children, hash);

    while (child && !(child->id_hash == hash && cop_identical(child->spec->id, id)))
        child = child->id_next;
    return child;
}

/* --- The list -----------------------------------------------------------------------------------
 */

static void append(struct cop__children *children, struct cop__child *child)
{
    child->next = NULL;
    child->previous = children->last;
    *(children->last ? &children->last->next : &children->first) = child;
    children->last = child;
    children->count++;
}

static void unlink_child(struct cop__children *children, struct cop__child *child)
{
    *(child->previous ? &child->previous->next : &children->first) = child->next;
    *(child->next ? &child->next->previous : &children->last) = child->previous;
    children->count--;
}

struct cop__child *cop__children_add(
    struct cop__children *children, struct cop__spec *spec, cop_term args)
{
    struct cop__child *child = cop_alloc(sizeof(*child));

    child->spec = spec;
    if (!cop_is_none(args))
        cop_keep(&child->args, args);
    append(children, child);
    index_id(children, child);
    return child;
}

void cop__children_remove(struct cop__children *children, struct cop__child *child)
{
    cop__child_undefined(children, child);
    unindex_id(children, child);
    unlink_child(children, child);
    if (!children->simple || children->own_specs)
        cop__spec_free(child->spec);
    cop_keep_clear(&child->args);
    cop_free(child);
}

void cop__children_move_last(struct cop__children *children, struct cop__child *child)
{
    unlink_child(children, child);
    append(children, child);
}

/* A new specification of the same id, as after a change of code; the old one is given back. */
void cop__child_set_spec(struct cop__child *child, struct cop__spec *spec, cop_term args)
{
    cop__spec_free(child->spec);
    child->spec = spec;
    cop_keep_clear(&child->args);
    if (!cop_is_none(args))
        cop_keep(&child->args, args);
}

/* --- What state a child is in --------------------------------------------------------------------
 */

static void set_state(
    struct cop__children *children, struct cop__child *child, enum cop__child_state state)
{
    children->restarting -= child->state == COP__CHILD_RESTARTING;
    children->restarting += state == COP__CHILD_RESTARTING;
    child->state = state;
}

void cop__child_running(struct cop__children *children, struct cop__child *child, cop_pid pid)
{
    unindex_pid(children, child);
    index_pid(children, child, pid);
    set_state(children, child, COP__CHILD_RUNNING);
}

void cop__child_undefined(struct cop__children *children, struct cop__child *child)
{
    unindex_pid(children, child);
    child->pid = (cop_pid){ 0, 0 };
    set_state(children, child, COP__CHILD_UNDEFINED);
}

void cop__child_restarting(struct cop__children *children, struct cop__child *child)
{
    unindex_pid(children, child);
    if (children->simple)
        index_pid(children, child, child->pid);
    set_state(children, child, COP__CHILD_RESTARTING);
}
