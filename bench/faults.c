/* SPDX-License-Identifier: Apache-2.0 */
/* crash N: a child writes through a null pointer N times, and its parent hears of it. The time is
 * from the instruction before the fault to the parent's exit signal, with the reason built. */
#include "bench.h"

static char *volatile nowhere;
static volatile int64_t about_to_fault_ns;

static void crash_main(cop_term arg)
{
    (void)arg;
    about_to_fault_ns = cop_monotonic_ns();
    *nowhere = 1;
}

void bench_crash(struct params params)
{
    int64_t n = param_number(params, 0);
    int64_t *times_ns = cop_alloc((size_t)n * sizeof *times_ns);
    struct watch watch = { 0 };

    cop_log_set_level(COP_LOG_EMERGENCY); /* printing a report is not what is measured */
    cop_trap_exit(true);
    watch_start(&watch);
    for (int64_t i = 0; i < n; i++) {
        cop_spawn_link(crash_main, COP_NONE);
        require(cop_match(cop_receive(), "{'EXIT', _, {fault, sigsegv, 0, _}}"));
        times_ns[i] = cop_monotonic_ns() - about_to_fault_ns;
        cop_turn_end();
    }
    watch_stop(&watch);
    report("crash", n, &watch);
    report_percentiles("", times_ns, n);
    report_end();
}
