/* SPDX-License-Identifier: Apache-2.0 */
/* A client that wants an answer every millisecond beside processes that compute or block in plain
 * C, without a word to the runtime: fair_cpu, fair_block. */
#include "bench.h"

#include <stdatomic.h>
#include <time.h>

static cop_step init(void *state, cop_term start)
{
    (void)state, (void)start;
    return cop_ok();
}

static cop_step handle_call(void *state, cop_term request)
{
    cop_term value;

    (void)state;
    if (cop_match(request, "{echo, Value}", &value))
        return cop_reply(value);
    return cop_unhandled(request);
}

static const cop_gen_server echo = { .module = "echo", .init = init, .handle_call = handle_call };

/* --- The client of both --------------------------------------------------------------------- */

struct latencies {
    int64_t *late_ns, *call_ns, count;
};

static struct latencies run_client(int64_t time_ms, struct watch *watch)
{
    int64_t count_max = time_ms + 2, value; /* a call takes more than its sleep of 1 ms */
    struct latencies l = { cop_alloc((size_t)count_max * 8), cop_alloc((size_t)count_max * 8), 0 };
    cop_pid server;

    cop_must(cop_gen_server_start_link(&server, &echo, cop("[]")));
    watch_start(watch);
    int64_t end_ns = watch->started_ns + time_ms * 1000000, now_ns;

    do {
        int64_t slept_ns = cop_monotonic_ns();

        cop_sleep(1);
        int64_t called_ns = cop_monotonic_ns();
        cop_term reply = cop_call(server, cop("{echo, I}", l.count), .timeout_ms = COP_INFINITY);

        now_ns = cop_monotonic_ns();
        require(cop_match(reply, "Value", &value) && value == l.count && l.count < count_max);
        l.late_ns[l.count] = now_ns - slept_ns - 1000000;
        l.call_ns[l.count] = now_ns - called_ns;
        require(l.late_ns[l.count] >= 0);
        l.count++;
        cop_turn_end();
    } while (now_ns < end_ns);
    watch_stop(watch);
    return l;
}

static void report_latencies(struct latencies l)
{
    report_percentiles("", l.late_ns, l.count);
    report_percentiles("call_", l.call_ns, l.count);
    report_end();
}

/* --- 13a fair_cpu H MS ---------------------------------------------------------------------- */

static void spin_main(cop_term arg)
{
    (void)arg;
    for (volatile uint32_t x = 0;; x++)
        continue;
}

void bench_fair_cpu(struct params params)
{
    int64_t spinners = param_number(params, 0), time_ms = param_number(params, 1);
    struct watch watch = { 0 };

    for (int64_t i = 0; i < spinners; i++)
        cop_spawn_link(spin_main, cop("[]"));
    struct latencies l = run_client(time_ms, &watch);

    report("fair_cpu", l.count, &watch);
    report_latencies(l);
}

/* --- 13b fair_block P B MS ------------------------------------------------------------------ */

static atomic_llong blocks_done;

static void block_main(cop_term arg)
{
    int64_t time_ms;

    cop_must(cop_match(arg, "Ms", &time_ms));
    struct timespec time = { .tv_sec = time_ms / 1000, .tv_nsec = time_ms % 1000 * 1000000 };

    for (;;) {
        nanosleep(&time, NULL);
        atomic_fetch_add(&blocks_done, 1);
    }
}

void bench_fair_block(struct params params)
{
    int64_t blockers = param_number(params, 0), block_ms = param_number(params, 1);
    int64_t time_ms = param_number(params, 2);
    struct watch watch = { 0 };

    for (int64_t i = 0; i < blockers; i++)
        cop_spawn_link(block_main, cop("Ms", block_ms));
    struct latencies l = run_client(time_ms, &watch);
    long long done = atomic_load(&blocks_done);

    report("fair_block", l.count, &watch);
    report_more("block_ops_s", (double)done * 1e9 / (double)watch.ns);
    report_latencies(l);
}
