/* SPDX-License-Identifier: Apache-2.0 */
/* coppice_bench BENCHMARK PARAMS...: finds the benchmark, starts the runtime with BENCH_SCHED
 * schedulers, and holds what all families share (bench.h). */
#include "bench.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

static const struct {
    const char *name;
    benchmark *run;
} benchmarks[] = {
    { "ping_pong", bench_ping_pong },
    { "ring", bench_ring },
    { "big", bench_big },
    { "chameneos", bench_chameneos },
    { "selective", bench_selective },
    { "call", bench_call },
    { "call_full", bench_call_full },
    { "call_many", bench_call_many },
    { "cast", bench_cast },
    { "selective_call", bench_selective_call },
    { "spawn", bench_spawn },
    { "fork_join", bench_fork_join },
    { "fork_join_raw", bench_fork_join_raw },
    { "timers", bench_timers },
    { "timer_cancel", bench_timer_cancel },
    { "sup_restart", bench_sup_restart },
    { "sup_many", bench_sup_many },
    { "sup_all", bench_sup_all },
    { "fair_cpu", bench_fair_cpu },
    { "fair_block", bench_fair_block },
    { "tcp_echo_server", bench_tcp_echo_server },
    { "payload", bench_payload },
    { "ets_insert", bench_ets_insert },
    { "ets_read", bench_ets_read },
    { "ets_write", bench_ets_write },
    { "ets_counter", bench_ets_counter },
    { "ets_ord_lookup", bench_ets_ord_lookup },
    { "ets_ord_insert", bench_ets_ord_insert },
    { "ets_ord_next", bench_ets_ord_next },
    { "ets_select", bench_ets_select },
    { "statem_call", bench_statem_call },
    { "persistent_term", bench_persistent_term },
    { "agent_get", bench_agent_get },
    { "agent_update", bench_agent_update },
    { "task_async", bench_task_async },
    { "task_stream", bench_task_stream },
    { "dynamic_start", bench_dynamic_start },
    { "registry_lookup", bench_registry_lookup },
    { "registry_register", bench_registry_register },
    { "registry_whereis", bench_registry_whereis },
    { "registry_dispatch", bench_registry_dispatch },
    { "remote_node", bench_remote_node },
    { "remote_call", bench_remote_call },
    { "remote_call_many", bench_remote_call_many },
    { "remote_bulk", bench_remote_bulk },
    { "codec", bench_codec },
    { "match", bench_match },
    { "build", bench_build },
    { "switch", bench_switch },
    { "blocked", bench_blocked },
    { "crash", bench_crash },
    { "kill", bench_kill },
    { "isolated_call", bench_isolated_call },
    { "isolated_restart", bench_isolated_restart },
    { "enter", bench_enter },
    { "context", bench_context },
};

int64_t param_number(struct params params, int index)
{
    char *end;
    int64_t value = strtoll(param_text(params, index), &end, 10);

    if (*end != '\0' || value <= 0) {
        fprintf(stderr, "parameter %d must be a positive number\n", index + 1);
        exit(2);
    }
    return value;
}

const char *param_text(struct params params, int index)
{
    if (index >= params.count) {
        fprintf(stderr, "parameter %d is missing\n", index + 1);
        exit(2);
    }
    return params.text[index];
}

static uint64_t futex_calls(void)
{
    struct cop_node_statistics now;

    cop_statistics(&now);
    return now.futex_wakes + now.futex_waits;
}

void watch_start(struct watch *watch)
{
    watch->futex_started = futex_calls();
    watch->started_ns = cop_monotonic_ns();
}

void watch_stop(struct watch *watch)
{
    watch->ns += cop_monotonic_ns() - watch->started_ns;
    watch->futex += futex_calls() - watch->futex_started;
}

void report(const char *name, int64_t n, const struct watch *watch)
{
    double seconds = (double)watch->ns / 1e9;

    printf("benchmark=%s peer=coppice n=%lld seconds=%.6f rate=%.1f futex=%llu", name, (long long)n,
        seconds, (double)n / seconds, (unsigned long long)watch->futex);
}

void report_more(const char *key, double value)
{
    printf(" %s=%.3f", key, value);
}

static int compare_times(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

static void report_percentile(
    const char *prefix, const char *name, double part, const int64_t *sorted, int64_t count)
{
    int64_t rank = (int64_t)(part * (double)count + 0.999999); /* from 1, as the BEAM peer counts */

    if (rank < 1)
        rank = 1;
    if (rank > count)
        rank = count;
    printf(" %s%s_us=%.3f", prefix, name, (double)sorted[rank - 1] / 1e3);
}

void report_percentiles(const char *prefix, int64_t *times_ns, int64_t count)
{
    qsort(times_ns, (size_t)count, sizeof *times_ns, compare_times);
    report_percentile(prefix, "p50", 0.5, times_ns, count);
    report_percentile(prefix, "p99", 0.99, times_ns, count);
    report_percentile(prefix, "p999", 0.999, times_ns, count);
    report_percentile(prefix, "max", 1, times_ns, count);
}

void report_end(void)
{
    printf("\n");
    fflush(stdout);
}

double memory_bytes(const char *field)
{
    FILE *status = fopen("/proc/self/status", "r");
    char line[256];
    double kilobytes = 0;
    size_t length = strlen(field);

    require(status != NULL);
    while (fgets(line, sizeof line, status) != NULL)
        if (strncmp(line, field, length) == 0 && line[length] == ':')
            kilobytes = strtod(line + length + 1, NULL);
    fclose(status);
    return kilobytes * 1024;
}

double cpu_seconds(void)
{
    struct timespec time;

    require(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time) == 0);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

_Noreturn void require_failed(const char *condition, const char *file, int line)
{
    fprintf(stderr, "%s:%d: not so: %s\n", file, line, condition);
    _Exit(1);
}

static benchmark *find(const char *name)
{
    for (size_t i = 0; i < sizeof benchmarks / sizeof benchmarks[0]; i++)
        if (strcmp(benchmarks[i].name, name) == 0)
            return benchmarks[i].run;
    return NULL;
}

static int run(int argc, char **argv)
{
    struct params params = { .count = argc - 2, .text = argv + 2 };

    find(argv[1])(params);
    return 0;
}

int main(int argc, char **argv)
{
    const char *schedulers = getenv("BENCH_SCHED");
    struct cop_options options = {
        .schedulers = schedulers != NULL ? (int)strtol(schedulers, NULL, 10) : 0,
    };

    if (argc < 2) {
        fprintf(stderr, "usage: coppice_bench BENCHMARK PARAMS...\n");
        for (size_t i = 0; i < sizeof benchmarks / sizeof benchmarks[0]; i++)
            fprintf(stderr, "  %s\n", benchmarks[i].name);
        return 2;
    }
    if (find(argv[1]) == NULL) {
        printf("benchmark=%s peer=coppice skip=1\n", argv[1]);
        return 0;
    }
    if (strncmp(argv[1], "isolated", 8) == 0 && cop_isolate_prepare() < 0)
        return 1;
    return cop_run_main_with(run, argc, argv, &options);
}
