/* SPDX-License-Identifier: Apache-2.0 */
/* The node: start it, run a main function or a tree in it, stop it. */
#ifndef COPPICE_RUNTIME_H
#define COPPICE_RUNTIME_H

#include <coppice/supervisor.h>

COP_BEGIN_DECLS

/* What a fault in the code of a process does (coppice/fault.h): it ends the process, where the
 * rules allow it, else the node; it always ends the node, with a report; nothing is done about it,
 * as without this library. */
enum cop_on_fault {
    COP_ON_FAULT_DEFAULT, /* COPPICE_ON_FAULT, else contain */
    COP_ON_FAULT_CONTAIN,
    COP_ON_FAULT_STOP,
    COP_ON_FAULT_OFF
};

struct cop_options {
    int schedulers;         /* 0: COPPICE_SCHEDULERS, else as many as processors */
    uint32_t processes_max; /* 0: COPPICE_PROCESSES, else 16,000,000, which is the most; at least
                               1,024. Address space, not memory: what runs is what costs */
    uint32_t atoms_max;     /* 0: 1,048,576 */
    bool boot_line;         /* one line on stderr: schedulers, guard mode, version */
    uint32_t threads_max;   /* 0: COPPICE_THREADS, else 256; at most 1,024 */
    enum cop_on_fault on_fault;
    int64_t drain_ms; /* cop_run: before the tree stops nobody may connect any more, and connections
                         have so long to answer what they have received (cop_tcp_drain) */
    bool virtual_time; /* one scheduler, and time moves only when nothing can run: coppice/sim.h */
};

typedef int cop_main(int argc, char **argv);

/* Start a node and run fn as its first process. When fn returns everything ends: processes that are
 * still there are dropped without hearing of it. One node at a time in a program; a second may
 * follow the first.
 *
 * Returns  what fn returned, to be the exit status of the program; 1 and a report on stderr when
 *          the first process ended in another way, or when a node is running already; the status
 *          given to cop_stop_node.
 * Parks    no: the thread waits until the node has stopped.
 * Options  see struct cop_options; NULL and cop_run_main: the defaults.
 * Context  a thread that runs no process: main.
 * OTP      erl -s Module. The first process is the default group leader.
 */
COP_API int cop_run_main(cop_main *fn, int argc, char **argv);
COP_API int cop_run_main_with(
    cop_main *fn, int argc, char **argv, const struct cop_options *options);

/* Start a node and run a supervision tree in it until the tree ends, or SIGTERM or SIGINT stops it
 * in order, within its shutdown times: applications first, in reverse start order, then the tree. A
 * second SIGINT says so on stderr and stops at once, with status 130.
 *
 * Returns  0 after an orderly stop or the auto-shutdown of the tree; 1 when the tree did not start,
 *          gave up or crashed, which is logged; the status given to cop_stop_node.
 * Parks    no: the thread waits until the node has stopped.
 * Options  see struct cop_options; NULL and cop_run: the defaults.
 * Context  a thread that runs no process: main.
 * OTP      an application with a permanent start type; init:stop/0 on SIGTERM.
 */
COP_API int cop_run(const cop_supervisor *tree);
COP_API int cop_run_with(const cop_supervisor *tree, const struct cop_options *options);

/* Stop the node in order: the tree first, child by child, when cop_run runs one. It returns before
 * that has happened, and the caller is stopped with the rest.
 *
 * Parks    no.
 * Options  status: what cop_run or cop_run_main returns.
 * Context  any process.
 * OTP      init:stop/1.
 */
COP_API void cop_stop_node(int status);

/* What cop_stop_node does in place of stopping at once; set by the layer of behaviours, which knows
 * applications and trees. It sets it back to NULL and calls cop_stop_node when all is stopped. */
extern void (*cop__on_stop_node)(int status);

/* End the program now: stdio is flushed, nothing else is stopped or freed.
 *
 * Returns  never.
 * Parks    no.
 * Options  status: the exit status of the program.
 * Context  any thread.
 * OTP      erlang:halt/1.
 */
COP_NORETURN COP_API void cop_halt(int status);

/* From now on the operating-system signal comes to receiver as the message {signal, Name}, Name its
 * name in lower case (sigterm), instead of having its default effect. The last receiver counts; the
 * defaults come back when the node stops.
 *
 * Returns  0, or -EINVAL: another signal than SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2, SIGQUIT,
 *          SIGCHLD and SIGWINCH, or a receiver that is not local.
 * Parks    no.
 * Context  any process.
 * OTP      os:set_signal/2.
 */
COP_API int cop_os_signal(int signal, cop_pid receiver);

/* Counters since the node started, and what there is now. */
struct cop_node_statistics {
    uint64_t context_switches;         /* activations: from a scheduler to a process */
    uint64_t futex_wakes, futex_waits; /* system calls to wake a thread, and to sleep */
    uint64_t polls;                    /* sleeps in the poller */
    uint64_t steals;                   /* successful ones */
    uint64_t spawned, exited, reductions;
    uint64_t processes, schedulers, stacks, run_queue; /* now */
    uint64_t hand_offs;         /* schedulers taken from processes that blocked or computed */
    uint64_t threads, detached; /* now: all, and of these in user code without a scheduler */
};

/* Counters of the runtime, for tests and benchmarks. Each is exact, but they are not read at one
 * instant.
 *
 * Returns  nothing; fills *ret_statistics.
 * Parks    no.
 * Context  any thread, while a node runs.
 * OTP      erlang:statistics/1, in part.
 */
COP_API void cop_statistics(struct cop_node_statistics *ret_statistics);

/* The version of the library that runs: "0.1.0".
 *
 * Returns  a constant string.
 * Parks    no.
 * Context  any thread.
 * OTP      erlang:system_info(version).
 */
COP_API const char *cop_version(void);

/* Tell receiver of each process that runs user code for long without a call that parks: it
 * computes, or blocks in the system. Others go on meanwhile (docs/guide/pitfalls.md); this is to
 * find out who it is. The message comes while it still runs, and again each time that has doubled:
 *
 *   {monitor, Pid, long_schedule, Info}
 *   Info = [{timeout, Ms}, {in, undefined}, {out, Function}, {stack, Frames}]
 *
 * Ms is for how long it has run, Function {Module, Name, 0} of the program's function it is in, or
 * undefined, and Frames its stack as in an error's. There is one receiver in a node, the last one
 * that was set; its death ends it. The resolution is about a millisecond.
 *
 * Returns  get: the receiver, a pid with id 0 when there is none; *ret_long_schedule_ms is written.
 * Exits    set: the caller with badarg: a receiver that is no local process, or fewer than 1 ms;
 *          with system_limit.
 * Parks    set yields.
 * Options  long_schedule_ms; a receiver with id 0: tell nobody. ret_long_schedule_ms may be NULL.
 * Context  any thread, while a node runs.
 * OTP      erlang:system_monitor/0,2 with long_schedule, which comes when it has ended.
 */
COP_API void cop_system_monitor_set(cop_pid receiver, int64_t long_schedule_ms);
COP_API cop_pid cop_system_monitor(int64_t *ret_long_schedule_ms);

/* Tell receiver of each process in whose mailbox `from` messages wait, and when there are `until`
 * or fewer again: {monitor, Pid, long_message_queue, true}, and false; not again in between. A
 * process looks when it takes messages in, and before it waits for others; one that does neither is
 * found by long_schedule. The receiver itself is not watched. There is one in a node, the last one
 * that was set; its death ends it. For a process that bounds its mailbox: coppice/mailbox.h.
 *
 * Exits    the caller with badarg: a receiver that is no local process, no `from`, or an `until`
 *          that is not below it.
 * Parks    no.
 * Options  a receiver with id 0: tell nobody. While somebody is told, a process counts up to `from`
 *          of its messages each time that it looks.
 * Context  any thread, while a node runs.
 * OTP      erlang:system_monitor/2 with {long_message_queue, {Until, From}}. Clause OVL-15.
 */
COP_API void cop_system_monitor_queues(cop_pid receiver, uint32_t from, uint32_t until);

COP_END_DECLS

#endif
