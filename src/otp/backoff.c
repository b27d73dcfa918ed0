/* SPDX-License-Identifier: Apache-2.0 */
/* Restarts that wait (OVL-30 to OVL-35): a child that crashes at once each time it is started is
 * started ever less often, in place of using up the intensity within a millisecond. Layer 5. */
#include "supervisor_int.h"

#include <coppice/timer.h>

enum { RESET_AFTER_TIMES = 10 };

bool cop__backoff_check(const struct cop_backoff *backoff, cop_term *ret_error)
{
    const char *what = backoff->min_ms < 0 ? "min_ms"
                       : backoff->min_ms && backoff->max_ms && backoff->max_ms < backoff->min_ms
                           ? "max_ms"
                       : backoff->factor != 0 && !(backoff->factor >= 1) ? "factor"
                       : !(backoff->jitter >= 0 && backoff->jitter <= 1) ? "jitter"
                       : backoff->reset_after_ms < 0                     ? "reset_after_ms"
                                                                         : NULL;

    if (!what)
        return true;
    *ret_error = cop("{invalid_backoff, What}", cop_atom_new(what));
    return false;
}

void cop__backoff_take(struct cop__sup *sup, const struct cop_backoff *backoff)
{
    sup->backoff = *backoff;
    if (!sup->backoff.max_ms)
        sup->backoff.max_ms = RESET_AFTER_TIMES * backoff->min_ms;
    if (!(sup->backoff.factor >= 1))
        sup->backoff.factor = 2;
    if (!sup->backoff.reset_after_ms)
        sup->backoff.reset_after_ms = RESET_AFTER_TIMES * sup->backoff.max_ms;
}

bool cop__backs_off(const struct cop__sup *sup)
{
    return sup->backoff.min_ms > 0;
}

void cop__backoff_running(struct cop__child *child)
{
    child->running_since_ms = cop_monotonic_ms();
}

void cop__backoff_crashed(struct cop__sup *sup, struct cop__child *child)
{
    if (cop_monotonic_ms() - child->running_since_ms >= sup->backoff.reset_after_ms)
        child->attempts = 0;
}

static int64_t delay_ms(const struct cop_backoff *backoff, uint32_t attempts)
{
    double delay = (double)backoff->min_ms, max = (double)backoff->max_ms;
    double chance = (double)(cop_random() >> 11) / (double)(1ull << 53);

    while (attempts-- && delay < max)
        delay *= backoff->factor;
    if (delay > max)
        delay = max;
    delay -= delay * backoff->jitter * chance;
    return delay < 1 ? 1 : (int64_t)delay;
}

void cop__backoff_begin(struct cop__sup *sup, struct cop__child *child, bool counts)
{
    cop_term which = sup->children.simple ? cop_from_pid(child->pid) : child->spec->id;

    cop__child_restarting(&sup->children, child);
    child->serial++;
    cop_send_after(delay_ms(&sup->backoff, child->attempts++), cop_self(),
        cop("{'$gen_cast', {restart_after_delay, Which, Serial, Counts}}", which,
            (int64_t)child->serial, counts));
}
