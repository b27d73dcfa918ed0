/* SPDX-License-Identifier: Apache-2.0 */
/* timers and timer_cancel. */
#include "bench.h"

/* --- 9a timers N ---------------------------------------------------------------------------- */

void bench_timers(struct params params)
{
    int64_t n = param_number(params, 0), x = 42, due_ns;
    int64_t *late_ns = cop_alloc((size_t)n * sizeof *late_ns);
    cop_pid self = cop_self();
    struct watch watch = { 0 };
    double cpu_s = cpu_seconds();

    watch_start(&watch);
    for (int64_t i = 0; i < n; i++, cop_turn_end()) {
        x = next_random(x);
        int64_t time_ms = x % 1000 + 1;

        cop_send_after(time_ms, self, cop("{due, Due}", cop_monotonic_ns() + time_ms * 1000000));
    }
    double start_s = (double)(cop_monotonic_ns() - watch.started_ns) / 1e9;

    for (int64_t i = 0; i < n; i++, cop_turn_end()) {
        cop_receive_match("{due, Due}", &due_ns);
        late_ns[i] = cop_monotonic_ns() - due_ns;
        require(late_ns[i] >= 0);
    }
    watch_stop(&watch);
    cpu_s = cpu_seconds() - cpu_s;
    report("timers", n, &watch);
    report_more("start_rate", (double)n / start_s);
    report_more("cpu_s", cpu_s);
    report_percentiles("", late_ns, n);
    report_end();
}

/* --- 9b timer_cancel N ---------------------------------------------------------------------- */

static void start_and_cancel(int64_t n)
{
    cop_pid self = cop_self();

    for (; n > 0; n--, cop_turn_end()) {
        cop_ref timer = cop_start_timer(10000, self, cop("never"));

        require(cop_cancel_timer(timer) >= 0);
    }
}

void bench_timer_cancel(struct params params)
{
    int64_t n = param_number(params, 0);
    struct watch watch = { 0 };

    start_and_cancel(n / 10);
    watch_start(&watch);
    start_and_cancel(n);
    watch_stop(&watch);
    require(cop_is_none(cop_receive_within(0)));
    report("timer_cancel", n, &watch);
    report_end();
}
