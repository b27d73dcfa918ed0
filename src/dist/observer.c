/* SPDX-License-Identifier: Apache-2.0 */
/* What etop, recon and the like ask of a node to show its processes: observer_backend,
 * erlang:memory and erlang:statistics, as far as a node in C has the like. Layer 6. */
#include <coppice/net_kernel.h>
#include <coppice/runtime.h>

#include <stdio.h>
#include <unistd.h>

#include "dist/exports.h"

/* Of the whole program, as the system counts it. */
static int64_t bytes_in_memory(void)
{
    FILE *file = fopen("/proc/self/statm", "r");
    long total = 0, resident = 0;

    if (file) {
        if (fscanf(file, "%ld %ld", &total, &resident) != 2)
            resident = 0;
        fclose(file);
    }
    return (int64_t)resident * sysconf(_SC_PAGESIZE);
}

static int64_t memory_of(cop_pid pid)
{
    cop_term info = cop_process_info(pid, "memory");
    int64_t bytes = 0;

    if (!cop_is_none(info))
        cop_match(info, "{memory, Bytes}", &bytes);
    return bytes;
}

static int64_t bytes_of_processes(void)
{
    cop_term list = cop_processes(), item;
    int64_t bytes = 0;
    cop_pid pid;

    while (cop_list_next(&item, &list))
        if (cop_to_pid(&pid, item))
            bytes += memory_of(pid);
    return bytes;
}

/* What has no counterpart is 0: code is no data here, and atoms and tables are not counted. */
static cop_term memory(cop_term arguments)
{
    int64_t total = bytes_in_memory(), processes = bytes_of_processes();

    (void)arguments;
    return cop("[{total, Total}, {processes, Processes}, {processes_used, Processes}, "
               "{system, System}, {atom, 0}, {atom_used, 0}, {binary, 0}, {code, 0}, {ets, 0}]",
        total, processes, total > processes ? total - processes : (int64_t)0);
}

static cop_term memory_1(cop_term arguments)
{
    cop_term list = memory(arguments), entry, wanted = cop__argument(arguments, 0);

    while (cop_list_next(&entry, &list))
        if (cop_identical(cop_tuple_at(entry, 0), wanted))
            return cop_tuple_at(entry, 1);
    cop_error(cop("badarg"));
}

static cop_term statistics(cop_term arguments)
{
    cop_term item = cop__argument(arguments, 0);
    struct cop_node_statistics now;
    int64_t ms = cop_monotonic_ms();

    cop_statistics(&now);
    if (cop_match(item, "run_queue") || cop_match(item, "total_run_queue_lengths"))
        return cop_uint(now.run_queue);
    if (cop_match(item, "reductions") || cop_match(item, "exact_reductions"))
        return cop("{Total, 0}", cop_uint(now.reductions));
    if (cop_match(item, "context_switches"))
        return cop("{Total, 0}", cop_uint(now.context_switches));
    if (cop_match(item, "wall_clock"))
        return cop("{Ms, 0}", ms);
    if (cop_match(item, "scheduler_wall_time"))
        return cop("undefined");
    cop_error(cop("badarg"));
}

static cop_term vsn(cop_term arguments)
{
    (void)arguments;
    return cop("{ok, Version}", cop_string(cop_version()));
}

/* {etop_proc_info, Pid, Memory, Reductions, Name, Runtime, CurrentFunction, Messages}; none for a
 * process that is gone. */
static cop_term etop_process(cop_pid pid)
{
    cop_term info = cop_process_info_list(
        pid, cop("[registered_name, initial_call, memory, reductions, current_function, "
                 "message_queue_len]"));
    cop_term name, initial, bytes, reductions, current, messages;

    if (cop_is_none(info) ||
        !cop_match(info,
            "[{_, Name}, {_, Initial}, {_, Bytes}, {_, Reductions}, {_, Current}, {_, Messages}]",
            &name, &initial, &bytes, &reductions, &current, &messages))
        return COP_NONE;
    return cop("{etop_proc_info, Pid, Bytes, Reductions, Name, 0, Current, Messages}", pid, bytes,
        reductions, cop_match(name, "[]") ? initial : name, current, messages);
}

/* To the collector: {Self, {etop_info, Now, Count, WallClock, Runtime, RunQueue, Areas, Memory,
 * Processes}}. */
static cop_term etop_collect(cop_term arguments)
{
    cop_term list = cop_processes(), item, process, processes = cop_nil(), now, memory_list;
    int64_t count = 0, ms = cop_system_time_ms();
    struct cop_node_statistics statistics_now;
    cop_pid pid;

    while (cop_list_next(&item, &list))
        if (cop_to_pid(&pid, item) && pid.id != cop_self().id &&
            !cop_is_none(process = etop_process(pid))) {
            processes = cop_cons(process, processes);
            count++;
        }
    cop_statistics(&statistics_now);
    now = cop("{Mega, Seconds, Micro}", ms / 1000000000, ms / 1000 % 1000000, ms % 1000 * 1000);
    memory_list =
        cop("[{total, Total}, {processes, Processes}, {ets, 0}, {atom, 0}, {code, 0}, {binary, 0}]",
            bytes_in_memory(), bytes_of_processes());
    cop_send(cop__argument(arguments, 0),
        cop("{Self, {etop_info, Now, Count, undefined, undefined, RunQueue, [], Memory, "
            "Processes}}",
            cop_self(), now, count, cop_uint(statistics_now.run_queue), memory_list, processes));
    return cop("ok");
}

void cop__export_observer(void)
{
    cop__export_default("erlang", "memory", 0, memory);
    cop__export_default("erlang", "memory", 1, memory_1);
    cop__export_default("erlang", "statistics", 1, statistics);
    cop__export_default("observer_backend", "vsn", 0, vsn);
    cop__export_default("observer_backend", "etop_collect", 1, etop_collect);
}
