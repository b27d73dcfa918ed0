/* SPDX-License-Identifier: Apache-2.0 */
/* What the families of benchmarks share: the stop-watch, the line of output, percentiles, the
 * generator, the counter, and the check that ends a run whose result is wrong. The benchmarks are
 * defined in docs/bench-definitions.md; they use public headers only, but for inside.c. */
#ifndef COPPICE_BENCH_H
#define COPPICE_BENCH_H

#include <coppice.h>

/* A benchmark's parameters, after its name. */
struct params {
    int count;
    char **text;
};

typedef void benchmark(struct params params);

benchmark bench_ping_pong, bench_ring, bench_big, bench_chameneos, bench_selective;
benchmark bench_call, bench_call_full, bench_call_many, bench_cast, bench_selective_call;
benchmark bench_spawn, bench_fork_join, bench_fork_join_raw;
benchmark bench_timers, bench_timer_cancel;
benchmark bench_sup_restart, bench_sup_many, bench_sup_all;
benchmark bench_fair_cpu, bench_fair_block;
benchmark bench_tcp_echo_server;
benchmark bench_payload;
benchmark bench_ets_insert, bench_ets_read, bench_ets_write, bench_ets_counter;
benchmark bench_ets_ord_insert, bench_ets_ord_lookup, bench_ets_ord_next, bench_ets_select;
benchmark bench_statem_call, bench_persistent_term;
benchmark bench_agent_get, bench_agent_update, bench_task_async, bench_task_stream;
benchmark bench_dynamic_start, bench_registry_lookup, bench_registry_register;
benchmark bench_registry_whereis, bench_registry_dispatch;
benchmark bench_match, bench_build, bench_switch;
benchmark bench_blocked;
benchmark bench_remote_node, bench_remote_call, bench_remote_call_many, bench_remote_bulk,
    bench_codec;
benchmark bench_kill, bench_crash, bench_enter, bench_context;
benchmark bench_isolated_call, bench_isolated_restart;

/* The parameter as a positive number, or as text; ends the program when it is not there. */
int64_t param_number(struct params params, int index);
const char *param_text(struct params params, int index);

/* Time and system calls between start and stop; several stretches add up. */
struct watch {
    int64_t started_ns, ns;
    uint64_t futex_started, futex;
};

void watch_start(struct watch *watch);
void watch_stop(struct watch *watch);

/* Print benchmark=NAME ... rate=R futex=F, then what report_more and report_percentiles add, then
 * report_end's newline. */
void report(const char *name, int64_t n, const struct watch *watch);
void report_more(const char *key, double value);
/* Sorts the times; prints PREFIXp50_us= and so on. */
void report_percentiles(const char *prefix, int64_t *times_ns, int64_t count);
void report_end(void);

/* A field of /proc/self/status in bytes: "VmRSS", "VmHWM". */
double memory_bytes(const char *field);
double cpu_seconds(void);

/* The generator that every peer uses; the state is the value. */
static inline int64_t next_random(int64_t x)
{
    return x * 16807 % 2147483647;
}

/* The server of all benchmarks of servers: an integer, started with its value, that is added to and
 * asked for (counter.c). */
struct counter {
    int64_t value;
};
extern const cop_gen_server counter;

/* Every run checks its own result. */
#define require(CONDITION) ((CONDITION) ? (void)0 : require_failed(#CONDITION, __FILE__, __LINE__))
_Noreturn void require_failed(const char *condition, const char *file, int line);

#endif
