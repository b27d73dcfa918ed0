/* SPDX-License-Identifier: Apache-2.0 */
/* Agents, tasks, dynamic supervisors and the registry (benchmarks 12d and 13). */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>

static cop_term begin_agent(cop_term state, cop_term arg)
{
    (void)state;
    return arg;
}

static cop_term get(cop_term state, cop_term arg)
{
    (void)arg;
    return state;
}

static cop_term add(cop_term state, cop_term arg)
{
    int64_t a = 0, b = 0;

    cop_must(cop_to_int(&a, state) && cop_to_int(&b, arg));
    return cop_int(a + b);
}

static const cop_agent agent = { .init = begin_agent };

static void agent_calls(const char *name, struct params params, bool update)
{
    int64_t n = param_number(params, 0), last = 0;
    struct watch watch = { 0 };
    cop_pid pid;

    cop_must(cop_agent_start_link(&pid, &agent, 0));
    watch_start(&watch);
    for (int64_t i = 0; i < n; i++) {
        if (update)
            cop_agent_update(pid, add, 1);
        else
            cop_agent_get(pid, get, cop("[]"));
        cop_turn_end();
    }
    watch_stop(&watch);
    cop_must(cop_to_int(&last, cop_agent_get(pid, get, cop("[]"))));
    require(last == (update ? n : 0));
    report(name, n, &watch);
    report_end();
}

void bench_agent_get(struct params params)
{
    agent_calls("agent_get", params, false);
}

void bench_agent_update(struct params params)
{
    agent_calls("agent_update", params, true);
}

static cop_term trivial(cop_term arg)
{
    return arg;
}

void bench_task_async(struct params params)
{
    int64_t n = param_number(params, 0), sum = 0, one = 0;
    struct watch watch = { 0 };

    watch_start(&watch);
    for (int64_t i = 0; i < n; i++) {
        cop_must(cop_to_int(&one, cop_task_await(cop_task_async(trivial, cop_int(1)), 0)));
        sum += one;
        cop_turn_end();
    }
    watch_stop(&watch);
    require(sum == n);
    report("task_async", n, &watch);
    report_end();
}

void bench_task_stream(struct params params)
{
    int64_t n = param_number(params, 0), seen = 0;
    cop_term list = cop_nil(), result;
    struct watch watch = { 0 };
    cop_task_stream *stream;

    for (int64_t i = 0; i < n; i++)
        list = cop_cons(cop_int(1), list);
    stream = cop_task_stream_new(list, trivial);
    cop_turn_end();
    watch_start(&watch);
    while (cop_task_stream_next(&result, stream)) {
        require(cop_match(result, "{ok, 1}"));
        seen++;
        cop_turn_end();
    }
    watch_stop(&watch);
    cop_task_stream_free(stream);
    require(seen == n);
    report("task_stream", n, &watch);
    report_end();
}

static const cop_dynamic_supervisor workers = { .name = "workers" };

void bench_dynamic_start(struct params params)
{
    int64_t n = param_number(params, 0);
    const cop_child child = {
        .gen_server = &counter, .arg = "0", .restart = COP_TEMPORARY, .anonymous = true
    };
    struct watch watch = { 0 };
    cop_ref ref;
    cop_pid pid;

    cop_must(cop_dynamic_supervisor_start_link(&pid, &workers, NULL));
    watch_start(&watch);
    for (int64_t i = 0; i < n; i++) {
        cop_must(cop_dynamic_supervisor_start_child(NULL, pid, &child));
        cop_turn_end();
    }
    watch_stop(&watch);
    report("dynamic_start", n, &watch);
    watch = (struct watch){ 0 };
    cop_trap_exit(true);
    ref = cop_monitor(pid);
    watch_start(&watch);
    cop_exit_signal(pid, cop("shutdown"));
    require(cop_receive_down(NULL, ref, COP_INFINITY));
    watch_stop(&watch);
    report_more("stop_us", (double)watch.ns / 1000);
    report_end();
}

/* --- Names and the registry ------------------------------------------------------------------- */

static const cop_registry registry = { .name = "bench_registry" };

enum look { WHEREIS, LOOKUP };

enum { MOST_NAMES = 1000 };

static char names[MOST_NAMES][16];

static bool look(enum look kind, int64_t entry)
{
    cop_pid pid;

    if (kind == LOOKUP)
        return cop_match(cop_registry_lookup("bench_registry", cop_int(entry)), "[_]");
    return cop_whereis(&pid, names[entry]);
}

static void looker_main(cop_term arg)
{
    cop_pid owner;
    int64_t kind, entries, count, found = 0;

    cop_must(cop_match(arg, "{Owner, Kind, Entries, Count}", &owner, &kind, &entries, &count));
    cop_receive_match("go");
    for (int64_t i = 0; i < count; i++) {
        found += look((enum look)kind, i % entries);
        cop_turn_end();
    }
    cop_send(owner, cop("{found, Found}", found));
}

static void look_by_many(const char *bench, enum look kind, struct params params)
{
    int64_t lookers = param_number(params, 0), entries = param_number(params, 1);
    int64_t count = param_number(params, 2) / lookers, found = 0, one = 0;
    cop_pid *pids = calloc((size_t)lookers, sizeof *pids);
    struct watch watch = { 0 };

    for (int64_t i = 0; i < lookers; i++)
        pids[i] = cop_spawn(looker_main,
            cop("{Self, Kind, Entries, Count}", cop_self(), (int64_t)kind, entries, count));
    watch_start(&watch);
    for (int64_t i = 0; i < lookers; i++)
        cop_send(pids[i], cop("go"));
    for (int64_t i = 0; i < lookers; i++) {
        cop_receive_match("{found, Found}", &one);
        found += one;
    }
    watch_stop(&watch);
    require(found == count * lookers);
    report(bench, found, &watch);
    report_end();
    free(pids);
}

void bench_registry_lookup(struct params params)
{
    int64_t entries = param_number(params, 1);
    cop_pid pid;

    cop_must(cop_registry_start_link(&pid, &registry, NULL));
    for (int64_t i = 0; i < entries; i++)
        cop_must(cop_registry_register(NULL, "bench_registry", cop_int(i), cop("value")));
    look_by_many("registry_lookup", LOOKUP, params);
}

static void named_main(cop_term arg)
{
    (void)arg;
    cop_receive_match("stop");
}

void bench_registry_whereis(struct params params)
{
    int64_t entries = param_number(params, 1);

    require(entries <= MOST_NAMES);
    for (int64_t i = 0; i < entries; i++) {
        snprintf(names[i], sizeof names[i], "entry_%d", (int)i);
        require(cop_register(names[i], cop_spawn(named_main, COP_NONE)) == 0);
    }
    look_by_many("registry_whereis", WHEREIS, params);
}

void bench_registry_register(struct params params)
{
    int64_t n = param_number(params, 0);
    struct watch watch = { 0 };
    cop_pid pid;

    cop_must(cop_registry_start_link(&pid, &registry, NULL));
    watch_start(&watch);
    for (int64_t i = 0; i < n / 100; i++) {
        for (int64_t j = 0; j < 100; j++)
            cop_must(cop_registry_register(NULL, "bench_registry", cop_int(j), cop("value")));
        for (int64_t j = 0; j < 100; j++)
            cop_registry_unregister("bench_registry", cop_int(j));
        cop_turn_end();
    }
    watch_stop(&watch);
    report("registry_register", n / 100 * 100, &watch);
    report_end();
}

static const cop_registry topics = { .name = "bench_topics", .keys = COP_DUPLICATE };

static void subscriber_main(cop_term arg)
{
    cop_pid owner;
    int64_t count;

    cop_must(cop_match(arg, "{Owner, Count}", &owner, &count));
    cop_must(cop_registry_register(NULL, "bench_topics", cop("topic"), cop("value")));
    cop_send(owner, cop("subscribed"));
    for (int64_t i = 0; i < count; i++) {
        cop_receive_match("event");
        cop_turn_end();
    }
    cop_send(owner, cop("received"));
}

static void deliver(cop_term entries, cop_term event)
{
    cop_term entry;
    cop_pid pid;

    while (cop_list_next(&entry, &entries)) {
        cop_must(cop_match(entry, "{Pid, _}", &pid));
        cop_send(pid, event);
    }
}

void bench_registry_dispatch(struct params params)
{
    int64_t subscribers = param_number(params, 0), rounds = param_number(params, 1) / subscribers;
    struct watch watch = { 0 };
    cop_pid pid;

    cop_must(cop_registry_start_link(&pid, &topics, NULL));
    for (int64_t i = 0; i < subscribers; i++) {
        cop_spawn(subscriber_main, cop("{Self, Rounds}", cop_self(), rounds));
        cop_receive_match("subscribed");
    }
    watch_start(&watch);
    for (int64_t i = 0; i < rounds; i++) {
        cop_registry_dispatch("bench_topics", cop("topic"), deliver, cop("event"), false);
        cop_turn_end();
    }
    for (int64_t i = 0; i < subscribers; i++)
        cop_receive_match("received");
    watch_stop(&watch);
    report("registry_dispatch", rounds * subscribers, &watch);
    report_end();
}
