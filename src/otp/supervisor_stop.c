/* SPDX-License-Identifier: Apache-2.0 */
/* Terminating children: SUP-22 to SUP-32, SUP-85, SUP-86. Layer 5.
 *
 * A child may have unlinked itself, so its end is watched by a monitor; the link stays until it is
 * gone, so that it does not outlive a supervisor that is killed while waiting here. The wait is a
 * selective receive: requests and exits of other children stay queued. */
#include "supervisor_int.h"

#include "application_int.h"
#include "otp/dynamic_supervisor_int.h"

/* A killed process that is in C code which calls nothing ends at its next call. A supervisor waits
 * for that, since a second process in its place would be worse; but the end of the node does not
 * wait for ever. */
enum { KILLED_PATIENCE_MS = 2000 };

/* Reasons of a termination that need no report: SUP-29, SUP-30 */
static bool is_acceptable(const struct cop__spec *spec, cop_term reason)
{
    if (spec->restart != COP_PERMANENT && cop__is_expected(reason))
        return true;
    if (spec->shutdown_ms == COP_BRUTAL_KILL)
        return cop_match(reason, "killed");
    return cop_match(reason, "shutdown");
}

/* Take the 'EXIT' of pid out of the mailbox: its reason, or none. */
static cop_term take_exit(cop_pid pid, cop_receive_scan scan)
{
    cop_term message, reason;

    while (cop_receive_next(&message, &scan))
        if (cop_match(message, "{'EXIT', Pid, Reason}", pid, &reason)) {
            cop_receive_take(&scan);
            return reason;
        }
    return COP_NONE;
}

/* Every trace of the link is removed (SUP-27). A child that was alive when it was monitored left
 * its 'EXIT', if any, after that moment: only the newer messages are looked at. */
static cop_term unlink_flush(cop_pid pid, cop_ref monitor, cop_term reason)
{
    cop_unlink(pid);
    if (!cop_match(reason, "noproc")) {
        take_exit(pid, cop_receive_begin_ref(0, monitor));
        return reason;
    }
    reason = take_exit(pid, cop_receive_begin(0));
    return cop_is_none(reason) ? cop("child_process_unlinked") : reason;
}

static cop_term shut_down(cop_pid pid, int64_t shutdown_ms)
{
    cop_ref monitor = cop_monitor(pid);
    cop_term reason = COP_NONE;

    if (shutdown_ms != COP_BRUTAL_KILL) {
        cop_exit_signal(pid, cop("shutdown"));
        cop_receive_down(&reason, monitor, shutdown_ms);
    }
    if (cop_is_none(reason)) {
        cop_exit_signal(pid, cop("kill"));
        while (!cop_receive_down(&reason, monitor, KILLED_PATIENCE_MS))
            if (cop__node_is_stopping()) {
                cop_demonitor(monitor);
                return cop("still_running");
            }
    }
    return unlink_flush(pid, monitor, reason);
}

void cop__stop_one(struct cop__sup *sup, struct cop__child *child)
{
    if (child->state == COP__CHILD_RUNNING) {
        cop_term reason = shut_down(child->pid, child->spec->shutdown_ms);

        if (!is_acceptable(child->spec, reason))
            cop__report_error(sup, "shutdown_error", reason, child);
    }
    cop__child_undefined(&sup->children, child);
}

void cop__stop_back_to(
    struct cop__sup *sup, const struct cop__child *first, const struct cop__child *except)
{
    struct cop__child *child = sup->children.last, *previous;

    for (bool done = !child; !done; child = previous) {
        previous = child->previous;
        done = child == first || !previous;
        if (child == except)
            continue;
        cop__stop_one(sup, child);
        if (child->spec->restart == COP_TEMPORARY)
            cop__children_remove(&sup->children, child); /* SUP-42 */
    }
}

/* --- All children of simple_one_for_one at once
 * ---------------------------------------------------- */

static void signal_all(struct cop__sup *sup, cop_term reason)
{
    for (struct cop__child *child = sup->children.first; child; child = child->next)
        if (child->state == COP__CHILD_RUNNING)
            cop_exit_signal(child->pid, reason);
}

/* One child is gone. *counts: a map, how often each reason that is to be reported was seen. */
static void count_end(
    struct cop__sup *sup, struct cop__child *child, cop_term reason, cop_term *counts)
{
    cop_term value;
    int64_t count = 0;

    if (!is_acceptable(child->spec, reason)) {
        if (cop_map_get(&value, *counts, reason))
            (void)cop_to_int(&count, value);
        *counts = cop_map_put(*counts, reason, cop_int(count + 1));
    }
    cop__children_remove(&sup->children, child);
}

static int64_t until(int64_t deadline_ms)
{
    int64_t now_ms = deadline_ms == COP_INFINITY ? 0 : cop_monotonic_ms();

    if (deadline_ms == COP_INFINITY)
        return COP_INFINITY;
    return deadline_ms > now_ms ? deadline_ms - now_ms : 0;
}

/* The supervisor is ending and will serve no message any more, so all of them are taken as they
 * come. The 'EXIT' of a child precedes its 'DOWN'; the first of the two tells. */
static void wait_all(struct cop__sup *sup, int64_t deadline_ms, cop_term *counts)
{
    bool killed = false;

    while (sup->children.count) {
        cop_term message = cop_receive_within(until(deadline_ms)), reason;
        struct cop__child *child;
        cop_pid pid;

        if (cop_is_none(message)) {
            if (!killed)
                signal_all(sup, cop("kill"));
            else if (cop__node_is_stopping())
                return;
            killed = true;
            deadline_ms = cop_monotonic_ms() + KILLED_PATIENCE_MS;
        } else if (cop_match(message, "{'EXIT', Pid, Reason}", &pid, &reason)) {
            child = cop__children_by_pid(&sup->children, pid);
            if (child)
                count_end(sup, child, reason, counts);
        } else if (cop_match(message, "{'DOWN', _, process, Pid, Reason}", &pid, &reason)) {
            child = cop__children_by_pid(&sup->children, pid);
            if (cop_match(reason, "noproc"))
                reason = cop("child_process_unlinked");
            if (child)
                count_end(sup, child, reason, counts);
        }
    }
}

static void stop_all_at_once(struct cop__sup *sup)
{
    int64_t shutdown_ms = sup->template_spec->shutdown_ms, count;
    cop_term counts = cop_map_new(), reason, value;

    for (struct cop__child *child = sup->children.first, *next; child; child = next) {
        next = child->next;
        if (child->state == COP__CHILD_RUNNING)
            (void)cop_monitor(child->pid);
        else
            cop__children_remove(&sup->children, child);
    }
    signal_all(sup, shutdown_ms == COP_BRUTAL_KILL ? cop("kill") : cop("shutdown"));
    wait_all(sup, shutdown_ms < 0 ? COP_INFINITY : cop_monotonic_ms() + shutdown_ms, &counts);
    for (cop_map_iterator i = cop_map_begin(counts); cop_map_next(&reason, &value, &i);)
        if (cop_to_int(&count, value))
            cop__report_children(sup, reason, count);
}

/* --- All children of a dynamic supervisor at once ------------------------------------------------
 */

/* How long it may take, of those that are still there: the shortest time above `passed_ms`. */
static int64_t next_limit(const struct cop__sup *sup, int64_t passed_ms)
{
    int64_t limit_ms = COP_INFINITY;

    for (const struct cop__child *child = sup->children.first; child; child = child->next)
        if (child->spec->shutdown_ms > passed_ms &&
            (limit_ms == COP_INFINITY || child->spec->shutdown_ms < limit_ms))
            limit_ms = child->spec->shutdown_ms;
    return limit_ms;
}

static void kill_late(const struct cop__sup *sup, int64_t limit_ms)
{
    for (const struct cop__child *child = sup->children.first; child; child = child->next)
        if (child->spec->shutdown_ms >= 0 && child->spec->shutdown_ms <= limit_ms)
            cop_exit_signal(child->pid, cop("kill"));
}

/* SUP-113 */
static bool is_acceptable_to_dynamic(const struct cop__spec *spec, cop_term reason)
{
    if (spec->shutdown_ms == COP_BRUTAL_KILL)
        return cop_match(reason, "killed");
    return cop_match(reason, "shutdown") || cop_match(reason, "{shutdown, _}") ||
           (spec->restart != COP_PERMANENT && cop_match(reason, "normal"));
}

/* The end of one child, told by its 'EXIT' or by its 'DOWN', whichever comes first. */
static void take_end(struct cop__sup *sup, cop_term message)
{
    struct cop__child *child;
    cop_term reason;
    cop_pid pid;

    if (!cop_match(message, "{'EXIT', Pid, Reason}", &pid, &reason) &&
        !cop_match(message, "{'DOWN', _, process, Pid, Reason}", &pid, &reason))
        return;
    child = cop__children_by_pid(&sup->children, pid);
    if (!child)
        return;
    if (cop_match(reason, "noproc"))
        reason = cop("child_process_unlinked");
    if (!is_acceptable_to_dynamic(child->spec, reason))
        cop__report_error(sup, "shutdown_error", reason, child);
    cop__children_remove(&sup->children, child);
}

void cop__stop_all_of_own(struct cop__sup *sup)
{
    int64_t begun_ms = cop_monotonic_ms(), limit_ms;

    for (struct cop__child *child = sup->children.first, *next; child; child = next) {
        next = child->next;
        if (child->state != COP__CHILD_RUNNING) {
            cop__children_remove(&sup->children, child);
            continue;
        }
        (void)cop_monitor(child->pid);
        cop_exit_signal(child->pid,
            child->spec->shutdown_ms == COP_BRUTAL_KILL ? cop("kill") : cop("shutdown"));
    }
    limit_ms = next_limit(sup, 0);
    kill_late(sup, 0);
    while (sup->children.count) {
        cop_term message = cop_receive_within(
            limit_ms == COP_INFINITY ? KILLED_PATIENCE_MS : until(begun_ms + limit_ms));

        if (!cop_is_none(message)) {
            take_end(sup, message);
        } else if (limit_ms != COP_INFINITY) {
            kill_late(sup, limit_ms);
            limit_ms = next_limit(sup, limit_ms);
        } else if (cop__node_is_stopping()) {
            return;
        }
    }
}

void cop__stop_all(struct cop__sup *sup)
{
    if (sup->strategy == COP_SIMPLE_ONE_FOR_ONE) {
        stop_all_at_once(sup);
        return;
    }
    for (struct cop__child *child = sup->children.last; child; child = child->previous)
        cop__stop_one(sup, child);
}
