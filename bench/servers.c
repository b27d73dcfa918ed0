/* SPDX-License-Identifier: Apache-2.0 */
/* GenServer calls and casts: call, call_full, call_many, cast, selective_call. They all use the
 * counter. */
#include "bench.h"

enum { TIMED_CALLS_MAX = 100000 };

static cop_pid start_counter(void)
{
    cop_pid pid;

    cop_must(cop_gen_server_start_link(&pid, &counter, 0));
    return pid;
}

static int64_t get(cop_pid server)
{
    int64_t value;

    cop_must(cop_match(cop_call(server, cop("get"), .timeout_ms = COP_INFINITY), "Value", &value));
    return value;
}

/* --- 2 call N, 2b call_full N --------------------------------------------------------------- */

/* timeout_ms is a constant at each place of use: infinity for call, 5000 for call_full. */
static inline int64_t call_add(cop_pid server, int64_t timeout_ms)
{
    cop_term reply = cop_call(server, cop("{add, N}", 1), .timeout_ms = timeout_ms);
    int64_t value;

    cop_must(cop_match(reply, "Value", &value));
    return value;
}

/* The last reply, which is the state of the server. */
static inline int64_t calls(cop_pid server, int64_t n, int64_t timeout_ms)
{
    int64_t value = 0;

    for (; n > 0; n--, cop_turn_end())
        value = call_add(server, timeout_ms);
    return value;
}

static inline void run_calls(const char *name, int64_t n, int64_t timeout_ms)
{
    cop_pid server = start_counter();
    int64_t timed = n < TIMED_CALLS_MAX ? n : TIMED_CALLS_MAX;
    int64_t *times_ns = cop_alloc((size_t)timed * sizeof *times_ns);
    struct watch watch = { 0 };

    calls(server, n / 10, timeout_ms);
    watch_start(&watch);
    int64_t sum = calls(server, n, timeout_ms);
    watch_stop(&watch);
    require(sum == n + n / 10);
    for (int64_t i = 0; i < timed; i++, cop_turn_end()) {
        int64_t started_ns = cop_monotonic_ns();

        call_add(server, timeout_ms);
        times_ns[i] = cop_monotonic_ns() - started_ns;
    }
    report(name, n, &watch);
    report_percentiles("", times_ns, timed);
    report_end();
}

void bench_call(struct params params)
{
    run_calls("call", param_number(params, 0), COP_INFINITY);
}

void bench_call_full(struct params params)
{
    run_calls("call_full", param_number(params, 0), 5000);
}

/* --- 3 call_many S C N ---------------------------------------------------------------------- */

static void client_main(cop_term arg)
{
    cop_pid reporter, server;
    int64_t n;

    cop_must(cop_match(arg, "{Reporter, Server, N}", &reporter, &server, &n));
    cop_receive_match("go");
    calls(server, n, COP_INFINITY);
    cop_send(reporter, cop("done"));
}

/* Tell all to go and wait until all are done. */
static void go(const cop_pid *all, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        cop_send(all[i], cop("go"));
    for (int64_t i = 0; i < count; i++, cop_turn_end())
        cop_receive_match("done");
}

void bench_call_many(struct params params)
{
    int64_t server_count = param_number(params, 0), client_count = param_number(params, 1);
    int64_t each = param_number(params, 2) / client_count, sum = 0;
    cop_pid *servers = cop_alloc((size_t)server_count * sizeof *servers);
    cop_pid *clients = cop_alloc((size_t)client_count * sizeof *clients);
    struct watch watch = { 0 };

    for (int64_t i = 0; i < server_count; i++)
        servers[i] = start_counter();
    for (int64_t i = 0; i < client_count; i++)
        clients[i] = cop_spawn_link(
            client_main, cop("{Reporter, Server, N}", cop_self(), servers[i % server_count], each));
    cop_turn_end();
    watch_start(&watch);
    go(clients, client_count);
    watch_stop(&watch);
    for (int64_t i = 0; i < server_count; i++, cop_turn_end())
        sum += get(servers[i]);
    require(sum == each * client_count);
    report("call_many", sum, &watch);
    report_end();
}

/* --- 4 cast P N ----------------------------------------------------------------------------- */

static void producer_main(cop_term arg)
{
    cop_pid reporter, server;
    int64_t n;

    cop_must(cop_match(arg, "{Reporter, Server, N}", &reporter, &server, &n));
    cop_receive_match("go");
    for (; n > 0; n--, cop_turn_end())
        cop_cast(server, cop("{add, N}", 1));
    cop_send(reporter, cop("done"));
}

void bench_cast(struct params params)
{
    int64_t producers = param_number(params, 0), each = param_number(params, 1) / producers;
    cop_pid server = start_counter();
    cop_pid *all = cop_alloc((size_t)producers * sizeof *all);
    struct watch watch = { 0 };

    for (int64_t i = 0; i < producers; i++)
        all[i] =
            cop_spawn_link(producer_main, cop("{Reporter, Server, N}", cop_self(), server, each));
    watch_start(&watch);
    go(all, producers);
    int64_t sum = get(server);
    watch_stop(&watch);
    require(sum == each * producers);
    report("cast", sum, &watch);
    report_more("peak_mb", memory_bytes("VmHWM") / 1e6);
    report_end();
}

/* --- 11b selective_call B N ----------------------------------------------------------------- */

void bench_selective_call(struct params params)
{
    int64_t backlog = param_number(params, 0), n = param_number(params, 1), queued;
    cop_pid self = cop_self(), server = start_counter();
    struct watch watch = { 0 };

    for (int64_t i = 0; i < backlog; i++, cop_turn_end())
        cop_send(self, cop("{noise, I}", i));
    calls(server, n / 10, 5000);
    watch_start(&watch);
    int64_t sum = calls(server, n, 5000);
    watch_stop(&watch);
    require(sum == n + n / 10);
    cop_must(cop_match(
        cop_process_info(self, "message_queue_len"), "{message_queue_len, Length}", &queued));
    require(queued == backlog);
    report("selective_call", n, &watch);
    report_end();
}
