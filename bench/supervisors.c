/* SPDX-License-Identifier: Apache-2.0 */
/* sup_restart, sup_many, sup_all. The number of children comes from the command line, so the tree
 * is computed by the supervisor's init instead of being a constant. */
#include "bench.h"

/* --- The child: a server that may tell of its start from its init ---------------------------- */

static cop_step child_init(void *state, cop_term start)
{
    cop_pid reporter;
    int64_t id;

    (void)state;
    if (cop_match(start, "{Id, Reporter}", &id, &reporter))
        cop_send(reporter, cop("{started, Id, Self}", id, cop_self()));
    return cop_ok();
}

static const cop_gen_server child = { .module = "bench_child", .init = child_init };

/* --- The supervisor -------------------------------------------------------------------------- */

/* arg is {Strategy, N, Reporter}; children report to Reporter where it is a pid. */
static bool supervisor_init(cop_supervisor *flags, cop_child **children, cop_term arg)
{
    cop_term reporter;
    int64_t strategy, n;

    cop_must(cop_match(arg, "{Strategy, N, Reporter}", &strategy, &n, &reporter));
    flags->strategy = (enum cop_strategy)strategy;
    flags->intensity = 1000000000;
    flags->period_s = 1;
    *children = cop_alloc((size_t)(n + 1) * sizeof **children);
    for (int64_t i = 0; i < n; i++)
        (*children)[i] = (cop_child){
            .id = cop("Id", i + 1),
            .gen_server = &child,
            .arg_term = cop("{Id, Reporter}", i + 1, reporter),
        };
    return true;
}

static const cop_supervisor supervisor = { .init = supervisor_init };

static cop_pid start_supervisor(enum cop_strategy strategy, int64_t n, cop_term reporter)
{
    cop_term arg = cop("{Strategy, N, Reporter}", (int64_t)strategy, n, reporter);
    cop_pid pid;

    cop_must(cop_supervisor_start_link_as(&pid, &supervisor, NULL, arg, NULL));
    return pid;
}

static cop_pid wait_started(int64_t id)
{
    cop_pid pid;

    cop_receive_match("{started, Id, Pid}", id, &pid);
    return pid;
}

/* A report of each killed child would be written; no peer is timed while writing. */
static void silence(void)
{
    cop_log_set_level(COP_LOG_EMERGENCY);
}

/* --- 10a sup_restart N ----------------------------------------------------------------------- */

void bench_sup_restart(struct params params)
{
    int64_t n = param_number(params, 0);
    int64_t *times_ns = cop_alloc((size_t)n * sizeof *times_ns);
    struct watch watch = { 0 };

    silence();
    start_supervisor(COP_ONE_FOR_ONE, 1, cop("Self", cop_self()));
    cop_pid pid = wait_started(1), old;

    watch_start(&watch);
    for (int64_t i = 0; i < n; i++, cop_turn_end()) {
        int64_t started_ns = cop_monotonic_ns();

        old = pid;
        cop_exit_signal(pid, cop("kill"));
        pid = wait_started(1);
        times_ns[i] = cop_monotonic_ns() - started_ns;
        require(pid.id != old.id);
    }
    watch_stop(&watch);
    report("sup_restart", n, &watch);
    report_percentiles("", times_ns, n);
    report_end();
}

/* --- 10b sup_many N -------------------------------------------------------------------------- */

void bench_sup_many(struct params params)
{
    int64_t n = param_number(params, 0), active;
    enum { ROUNDS = 20 };
    struct watch start = { 0 }, stop = { 0 };

    silence();
    cop_trap_exit(true);
    for (int i = 0; i < ROUNDS; i++, cop_turn_end()) {
        watch_start(&start);
        cop_pid pid = start_supervisor(COP_ONE_FOR_ONE, n, cop("none"));
        watch_stop(&start);
        cop_must(cop_match(
            cop_supervisor_count_children(cop_dest(pid)), "[_, {active, Active} | _]", &active));
        require(active == n);
        watch_start(&stop);
        cop_exit_signal(pid, cop("shutdown"));
        cop_receive_match("{'EXIT', Pid, shutdown}", pid);
        watch_stop(&stop);
    }
    struct watch both = { .ns = start.ns + stop.ns, .futex = start.futex + stop.futex };

    report("sup_many", n * ROUNDS, &both);
    report_more("start_us", (double)start.ns / ROUNDS / 1e3);
    report_more("stop_us", (double)stop.ns / ROUNDS / 1e3);
    report_end();
}

/* --- 10c sup_all N R ------------------------------------------------------------------------- */

static cop_pid wait_all_started(int64_t n)
{
    cop_pid first = wait_started(1);

    for (int64_t id = 2; id <= n; id++)
        wait_started(id);
    return first;
}

void bench_sup_all(struct params params)
{
    int64_t n = param_number(params, 0), rounds = param_number(params, 1);
    struct watch watch = { 0 };

    silence();
    start_supervisor(COP_ONE_FOR_ALL, n, cop("Self", cop_self()));
    cop_pid first = wait_all_started(n);

    watch_start(&watch);
    for (int64_t i = 0; i < rounds; i++, cop_turn_end()) {
        cop_exit_signal(first, cop("kill"));
        first = wait_all_started(n);
    }
    watch_stop(&watch);
    report("sup_all", n * rounds, &watch);
    report_end();
}
