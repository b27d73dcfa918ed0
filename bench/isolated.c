/* SPDX-License-Identifier: Apache-2.0 */
/* A child in an operating-system process of its own: what a call costs, and a restart. */
#include "bench.h"

#include <signal.h>

static const cop_supervisor tree = {
    .strategy = COP_ONE_FOR_ONE,
    .intensity = 1000000,
    .children = COP_CHILDREN({ .name = "near", .gen_server = &counter, .arg = "0" },
        { .name = "isolated", .gen_server = &counter, .arg = "0", .isolate = true }, ),
};

static void start_tree(void)
{
    cop_pid top;

    cop_log_set_level(COP_LOG_EMERGENCY);
    require(cop_supervisor_start_link(&top, &tree, NULL) == 0);
}

static void timed_calls(int64_t *times_ns, const char *server, int64_t n)
{
    for (int64_t i = 0; i < n; i++, cop_turn_end()) {
        int64_t started_ns = cop_monotonic_ns();

        cop_call(server, cop("{add, 1}"));
        times_ns[i] = cop_monotonic_ns() - started_ns;
    }
}

/* isolated_call N: N calls, one after the other, and as many to the same server beside it. */
void bench_isolated_call(struct params params)
{
    int64_t n = param_number(params, 0);
    int64_t *near_ns = cop_alloc((size_t)n * sizeof *near_ns),
            *isolated_ns = cop_alloc((size_t)n * sizeof *isolated_ns);
    struct watch watch = { 0 };

    start_tree();
    timed_calls(near_ns, "near", n);
    timed_calls(isolated_ns, "isolated", n / 10 + 1); /* warm */
    watch_start(&watch);
    timed_calls(isolated_ns, "isolated", n);
    watch_stop(&watch);
    report("isolated_call", n, &watch);
    report_percentiles("", isolated_ns, n);
    report_percentiles("near_", near_ns, n);
    report_end();
}

/* isolated_restart N: its process is killed N times, with SIGKILL from outside; the time is until
 * the next one answers. */
void bench_isolated_restart(struct params params)
{
    int64_t n = param_number(params, 0);
    int64_t *times_ns = cop_alloc((size_t)n * sizeof *times_ns);
    struct watch watch = { 0 };
    cop_term reply;

    start_tree();
    watch_start(&watch);
    for (int64_t i = 0; i < n; i++, cop_turn_end()) {
        int64_t started_ns = cop_monotonic_ns();
        cop_pid pid, next;
        cop_ref ref;

        require(cop_whereis(&pid, cop_atom_new("isolated")));
        ref = cop_monitor(pid);
        kill(cop_isolate_os_pid(pid), SIGKILL);
        require(cop_receive_match("{'DOWN', Ref, process, _, {signal, sigkill}}", ref));
        while (!cop_whereis(&next, cop_atom_new("isolated")) ||
               !cop_try_call(&reply, next, cop("{add, 1}")))
            cop_yield();
        times_ns[i] = cop_monotonic_ns() - started_ns;
    }
    watch_stop(&watch);
    report("isolated_restart", n, &watch);
    report_percentiles("", times_ns, n);
    report_end();
}
