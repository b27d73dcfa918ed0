/* SPDX-License-Identifier: Apache-2.0 */
/* What follows when a child ends: SUP-35 to SUP-59, SUP-73 to SUP-78, SUP-142. Layer 5.
 *
 * A restart that fails is tried again by a message to oneself, so that other requests, above all
 * the end of the supervisor itself, are served in between; every attempt counts. */
#include "supervisor_int.h"

#include "base/bug.h"

static bool is_restarted(const struct cop__spec *spec, cop_term reason)
{
    return spec->restart == COP_PERMANENT ||
           (spec->restart == COP_TRANSIENT && !cop__is_expected(reason));
}

/* --- Failing and trying again
 * ----------------------------------------------------------------------- */

static void try_again(struct cop__sup *sup, struct cop__child *child)
{
    if (cop__backs_off(sup)) {
        cop__backoff_begin(sup, child, true);
        return;
    }
    cop__child_restarting(&sup->children, child);
    cop_cast(cop_self(), cop("{try_again_restart, Which}",
                             sup->children.simple ? cop_from_pid(child->pid) : child->spec->id));
}

/* --- The strategies
 * ----------------------------------------------------------------------------------- */

static void restarted(const struct cop__sup *sup, struct cop__child *child)
{
    if (cop__backs_off(sup))
        cop__backoff_running(child);
}

static void restart_one(struct cop__sup *sup, struct cop__child *child)
{
    struct cop__start started = cop__start_one(child->spec, child->args);

    if (started.result == COP__START_ERROR) {
        cop__report_error(sup, "start_error", started.reason, child);
        try_again(sup, child);
    } else if (started.result == COP__START_OK) {
        cop__child_running(&sup->children, child, started.pid);
        restarted(sup, child);
        if (!sup->children.simple)
            cop__report_progress(sup, child);
    } else if (sup->children.simple) {
        cop__children_remove(&sup->children, child); /* SUP-88 */
    } else {
        cop__child_undefined(&sup->children, child);
    }
}

/* Everything from first on, but for who died, is stopped in reverse and started in order. */
static void restart_group(struct cop__sup *sup, struct cop__child *first, struct cop__child *died)
{
    cop_pid pid = died->pid;
    struct cop__child *failed;
    cop_term reason;

    cop__stop_back_to(sup, first, died);
    cop__child_undefined(&sup->children, died);
    /* first may have been temporary, and is gone then */
    if (cop__start_from(sup, first == died ? died : sup->children.first, &failed, &reason)) {
        restarted(sup, died);
        return;
    }
    if (failed == died)
        died->pid = pid;
    try_again(sup, failed);
}

/* false: too many */
static bool count(struct cop__sup *sup, struct cop__child *child)
{
    if (cop__intensity_add(&sup->intensity, cop_monotonic_ms() / 1000))
        return true;
    cop__report_error(sup, "shutdown", cop("reached_max_restart_intensity"), child);
    if (sup->children.simple)
        cop__children_remove(&sup->children, child);
    else
        cop__child_undefined(&sup->children, child);
    if (sup->root)
        cop__supervisor_root_gives_up();
    return false;
}

/* Whose end ends others: from which child on. NULL: of none. */
static struct cop__child *group_of(struct cop__sup *sup, struct cop__child *child)
{
    if (sup->strategy == COP_ONE_FOR_ALL && !cop__bug(all_is_rest))
        return sup->children.first;
    return sup->strategy == COP_REST_FOR_ONE || sup->strategy == COP_ONE_FOR_ALL ? child : NULL;
}

static void restart_now(struct cop__sup *sup, struct cop__child *child)
{
    struct cop__child *first = group_of(sup, child);

    if (first)
        restart_group(sup, first, child);
    else
        restart_one(sup, child);
}

/* false: too many */
static bool restart(struct cop__sup *sup, struct cop__child *child)
{
    struct cop__child *first = group_of(sup, child);

    if (!count(sup, child))
        return false;
    if (!cop__backs_off(sup)) {
        restart_now(sup, child);
        return true;
    }
    /* Those that depend on it do not go on without it meanwhile. */
    if (first)
        cop__stop_back_to(sup, first, child);
    cop__backoff_crashed(sup, child);
    cop__backoff_begin(sup, child, false);
    return true;
}

/* --- A child that is not restarted
 * --------------------------------------------------------------------- */

static bool any_significant_left(const struct cop__sup *sup)
{
    for (const struct cop__child *child = sup->children.first; child; child = child->next)
        if (child->spec->significant && child->state != COP__CHILD_UNDEFINED)
            return true;
    return false;
}

static bool let_go(struct cop__sup *sup, struct cop__child *child)
{
    bool significant = child->spec->significant;

    cop__child_undefined(&sup->children, child);
    if (sup->children.simple || child->spec->restart == COP_TEMPORARY)
        cop__children_remove(&sup->children, child);
    if (!significant || sup->auto_shutdown == COP_NEVER)
        return true;
    return sup->auto_shutdown == COP_ALL_SIGNIFICANT && any_significant_left(sup);
}

bool cop__child_exited(struct cop__sup *sup, cop_pid pid, cop_term reason)
{
    struct cop__child *child = cop__children_by_pid(&sup->children, pid);

    if (!child || child->state != COP__CHILD_RUNNING)
        return true;
    if (child->spec->restart == COP_PERMANENT || !cop__is_expected(reason))
        cop__report_error(sup, "child_terminated", reason, child);
    return is_restarted(child->spec, reason) ? restart(sup, child) : let_go(sup, child);
}

/* NULL: it is not waiting for its restart, or not there any more. */
static struct cop__child *restarting(struct cop__sup *sup, cop_term which)
{
    struct cop__child *child = NULL;
    cop_pid pid;

    if (!sup->children.simple)
        child = cop__children_by_id(&sup->children, which);
    else if (cop_to_pid(&pid, which))
        child = cop__children_by_pid(&sup->children, pid);
    return child && child->state == COP__CHILD_RESTARTING ? child : NULL;
}

bool cop__retry_restart(struct cop__sup *sup, cop_term which)
{
    struct cop__child *child = restarting(sup, which);

    return !child || restart(sup, child);
}

bool cop__restart_after_delay(struct cop__sup *sup, cop_term which, uint32_t serial, bool counts)
{
    struct cop__child *child = restarting(sup, which);

    if (!child || child->serial != serial)
        return true;
    if (counts && !count(sup, child))
        return false;
    restart_now(sup, child);
    return true;
}
