/* SPDX-License-Identifier: Apache-2.0 */
/* Processes by the million: spawn, fork_join, fork_join_raw, blocked. */
#include "bench.h"

#include <string.h>

/* --- 5a spawn N B --------------------------------------------------------------------------- */

static void end_at_once(cop_term arg)
{
    (void)arg;
}

void bench_spawn(struct params params)
{
    int64_t batch = param_number(params, 1), batches = param_number(params, 0) / batch, seen = 0;
    cop_ref monitor;
    struct watch watch = { 0 };

    watch_start(&watch);
    for (int64_t i = 0; i < batches; i++) {
        for (int64_t j = 0; j < batch; j++)
            cop_spawn_monitor(end_at_once, cop("[]"), &monitor);
        for (int64_t j = 0; j < batch; j++, cop_turn_end()) {
            cop_receive_match("{'DOWN', _, process, _, normal}");
            seen++;
        }
    }
    watch_stop(&watch);
    require(seen == batch * batches);
    report("spawn", seen, &watch);
    report_end();
}

/* --- 5b fork_join N ------------------------------------------------------------------------- */

static cop_pid start_server(int64_t value)
{
    cop_pid pid;

    cop_must(cop_gen_server_start(&pid, &counter, value));
    return pid;
}

/* The same without gen_server: a process that gives its stack back. */
static void handle_raw(void *state, cop_term message)
{
    counter.handle_info(state, message);
}

static const cop_loop raw_loop = { .handle_message = handle_raw };

static void raw_main(cop_term arg)
{
    struct counter *c = cop_alloc(sizeof *c);

    cop_must(cop_match(arg, "Value", &c->value));
    cop_become(&raw_loop, c);
}

static cop_pid start_raw(int64_t value)
{
    return cop_spawn(raw_main, cop("Value", value));
}

/* A synchronous start returns just before the server waits, a plain spawn long before. */
static void wait_idle(void)
{
    struct cop_node_statistics now;

    do {
        cop_yield();
        cop_statistics(&now);
    } while (now.run_queue > 0);
}

static void fork_join(const char *name, int64_t n, cop_pid (*start)(int64_t value))
{
    double before = memory_bytes("VmRSS");
    cop_pid *all = cop_alloc((size_t)n * sizeof *all);
    cop_pid self = cop_self();
    int64_t value, sum = 0;
    struct watch watch = { 0 };

    watch_start(&watch);
    for (int64_t i = 0; i < n; i++, cop_turn_end())
        all[i] = start(i + 1);
    wait_idle();
    watch_stop(&watch);
    double start_s = (double)watch.ns / 1e9, after = memory_bytes("VmRSS");

    watch_start(&watch);
    for (int64_t i = 0; i < n; i++, cop_turn_end())
        cop_send(all[i], cop("{get, From}", self));
    for (int64_t i = 0; i < n; i++, cop_turn_end()) {
        cop_receive_match("Value", &value);
        sum += value;
    }
    watch_stop(&watch);
    require(sum == n * (n + 1) / 2);
    report(name, n, &watch);
    report_more("spawn_rate", (double)n / start_s);
    report_more("msg_rate", (double)n / ((double)watch.ns / 1e9 - start_s));
    report_more("bytes_per_proc", (after - before) / (double)n);
    report_more("peak_mb", memory_bytes("VmHWM") / 1e6);
    report_end();
}

void bench_fork_join(struct params params)
{
    fork_join("fork_join", param_number(params, 0), start_server);
}

void bench_fork_join_raw(struct params params)
{
    fork_join("fork_join_raw", param_number(params, 0), start_raw);
}

/* --- 5c blocked N --------------------------------------------------------------------------- */

static void blocked_main(cop_term arg)
{
    int64_t value, got;

    cop_must(cop_to_int(&value, arg));
    cop_must(cop_to_int(&got, cop_receive())); /* its stack keeps what it is in the middle of */
    require(got == value);
}

static double mappings(void)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    double lines = 0;

    require(maps != NULL);
    for (int c; (c = fgetc(maps)) != EOF;)
        lines += c == '\n';
    fclose(maps);
    return lines;
}

/* With the page tables, which a stack each makes long. */
static double all_memory(void)
{
    return memory_bytes("VmRSS") + memory_bytes("VmPTE");
}

void bench_blocked(struct params params)
{
    int64_t n = param_number(params, 0);
    cop_pid *all = cop_alloc((size_t)n * sizeof *all);
    cop_ref monitor;
    struct watch watch = { 0 };

    memset(all, 1, (size_t)n * sizeof *all);
    double before = all_memory(), maps_before = mappings();

    watch_start(&watch);
    for (int64_t i = 0; i < n; i++, cop_turn_end())
        all[i] = cop_spawn(blocked_main, cop_int(i));
    wait_idle();
    watch_stop(&watch);
    double after = all_memory(), maps_after = mappings();

    for (int64_t i = 0; i < n; i++, cop_turn_end()) {
        cop_spawn_monitor(end_at_once, COP_NONE, &monitor); /* the node still starts some */
        cop_send(all[i], cop_int(i));
        cop_receive_match("{'DOWN', _, process, _, normal}");
    }
    report("blocked", n, &watch);
    report_more("bytes_per_proc", (after - before) / (double)n);
    report_more("maps_more", maps_after - maps_before);
    report_end();
}
