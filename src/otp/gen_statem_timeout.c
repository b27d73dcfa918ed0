/* SPDX-License-Identifier: Apache-2.0 */
/* The time-outs of a state machine (SM-34 to SM-43). One of zero has no timer: it fires as soon as
 * no event is queued, before any message is taken. */
#include "otp/gen_statem_int.h"

static struct sm_timeout **find(struct sm *sm, cop_term type)
{
    struct sm_timeout **place = &sm->timeouts;

    while (*place && !cop_identical((*place)->type, type))
        place = &(*place)->next;
    return place;
}

/* Its timer is off, and its message is not there (SM-38). */
static void stop_timer(struct sm *sm, struct sm_timeout *timeout)
{
    if (!timeout->timer.id)
        sm->zero_timeouts--;
    else if (cop_cancel_timer(timeout->timer) < 0)
        cop_receive_match_within(0, "{timeout, Ref, _}", timeout->timer);
}

static void drop(struct sm_timeout **place)
{
    struct sm_timeout *timeout = *place;

    *place = timeout->next;
    cop_keep_clear(&timeout->type);
    cop_keep_clear(&timeout->content);
    cop_free(timeout);
}

void cop__sm_cancel_timeout(struct sm *sm, cop_term type)
{
    struct sm_timeout **place = find(sm, type);

    if (*place) {
        stop_timer(sm, *place);
        drop(place);
    }
}

/* At the end, so that those of zero are in the order in which they were asked for. */
static void add(struct sm *sm, cop_term type, cop_term content, cop_ref timer)
{
    struct sm_timeout *timeout = cop_alloc(sizeof *timeout), **place = &sm->timeouts;

    while (*place)
        place = &(*place)->next;
    *timeout = (struct sm_timeout){ .timer = timer };
    cop_keep(&timeout->type, type);
    cop_keep(&timeout->content, content);
    *place = timeout;
    if (!timer.id)
        sm->zero_timeouts++;
}

static void set_timeout(
    struct sm *sm, cop_term type, cop_term time, cop_term content, bool absolute)
{
    struct sm_timeout *running = *find(sm, type);
    cop_ref timer = { 0 };
    int64_t ms;

    if (cop_match(time, "infinity")) {
        cop__sm_cancel_timeout(sm, type);
        return;
    }
    if (cop_match(time, "update")) { /* SM-39 */
        if (running)
            cop_keep(&running->content, content);
        else
            add(sm, type, content, timer);
        return;
    }
    cop_must(cop_to_int(&ms, time));
    if (absolute)
        timer = cop_start_timer_at_to(ms, cop_dest(cop_self()), type);
    else if (ms)
        timer = cop_start_timer(ms, cop_self(), type);
    if (cop__sm_debugging(sm))
        cop__sm_debug(sm, absolute
                              ? cop("{start_timer, {Type, Time, Content, [{abs, true}]}, State}",
                                    type, time, content, sm->state)
                              : cop("{start_timer, {Type, Time, Content, []}, State}", type, time,
                                    content, sm->state));
    if (running)
        cop__sm_cancel_timeout(sm, type);
    add(sm, type, content, timer);
}

/* Of each type the last one asked for counts (SM-23). */
static bool is_superseded(cop_term type, cop_term later)
{
    cop_term other;

    while (cop_list_next(&other, &later))
        if (cop_identical(cop_tuple_at(other, 0), type))
            return true;
    return false;
}

void cop__sm_set_timeouts(struct sm *sm)
{
    cop_term asked = cop_list_reverse(sm->asked_timeouts), one, type, time, content;
    bool absolute;

    while (cop_list_next(&one, &asked)) {
        cop_must(
            cop_match(one, "{Type, Time, Content, Absolute}", &type, &time, &content, &absolute));
        if (!is_superseded(type, asked))
            set_timeout(sm, type, time, content, absolute);
    }
}

static void take(struct sm_timeout **place, cop_term *ret_type, cop_term *ret_content)
{
    *ret_type = cop_copy((*place)->type);
    *ret_content = cop_copy((*place)->content);
    drop(place);
}

void cop__sm_take_zero_timeout(struct sm *sm, cop_term *ret_type, cop_term *ret_content)
{
    struct sm_timeout **place = &sm->timeouts;

    while ((*place)->timer.id)
        place = &(*place)->next;
    sm->zero_timeouts--;
    take(place, ret_type, ret_content);
}

bool cop__sm_fired(struct sm *sm, cop_ref timer, cop_term *ret_type, cop_term *ret_content)
{
    struct sm_timeout **place = &sm->timeouts;

    while (*place && (*place)->timer.id != timer.id)
        place = &(*place)->next;
    if (!*place || !timer.id)
        return false;
    take(place, ret_type, ret_content);
    return true;
}

cop_term cop__sm_timeouts_term(const struct sm *sm)
{
    cop_term list = cop_nil();
    int64_t count = 0;

    for (const struct sm_timeout *one = sm->timeouts; one; one = one->next, count++)
        list = cop_cons(cop("{Type, Content}", one->type, one->content), list);
    return cop("{Count, List}", count, cop_list_reverse(list));
}
