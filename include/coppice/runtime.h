/* SPDX-License-Identifier: Apache-2.0 */
/* The node: start it, run a main function or a tree in it, stop it. */
#ifndef COPPICE_RUNTIME_H
#define COPPICE_RUNTIME_H

#include <coppice/supervisor.h>

COP_BEGIN_DECLS

struct cop_options {
    int schedulers;           /* 0: COPPICE_SCHEDULERS, else as many as processors */
    uint32_t processes_max;   /* 0: 16,000,000 slots reserved, no memory */
    uint32_t atoms_max;       /* 0: 1,048,576 */
    bool boot_line;           /* one line on stderr: schedulers, guard mode, version */
};

/* Run fn as the first process; its result is the exit status of the program. Everything ends when it
 * returns. 1 and a report on stderr when it exits otherwise. */
typedef int cop_main(int argc, char **argv);
COP_API int cop_run_main(cop_main *fn, int argc, char **argv);
COP_API int cop_run_main_with(cop_main *fn, int argc, char **argv, const struct cop_options *options);
/* Run a tree until it ends or SIGTERM/SIGINT stops it in order; a second SIGINT stops at once.
 * Returns 0 after an orderly stop, 1 when the tree failed. */
COP_API int cop_run(const cop_supervisor *tree);
COP_API int cop_run_with(const cop_supervisor *tree, const struct cop_options *options);
COP_API void cop_stop_node(int status); /* init:stop/1: orderly, from any process */
/* What cop_stop_node does in place of stopping at once; set by the layer of behaviours, which knows
 * applications and trees. It sets it back to NULL and calls cop_stop_node when all is stopped. */
extern void (*cop__on_stop_node)(int status);
COP_NORETURN COP_API void cop_halt(int status);
/* From now on the operating-system signal comes to receiver as the message {signal, sigterm} (its
 * name in lower case) instead of having its default effect. 0, -EINVAL. OTP: os:set_signal/2. */
COP_API int cop_os_signal(int signal, cop_pid receiver);

/* Counters of the runtime, for tests and benchmarks. */
struct cop_statistics {
    uint64_t context_switches, futex_wakes, futex_waits, polls, steals, spawned, exited, reductions;
    uint64_t processes, schedulers, stacks, run_queue;
};
COP_API void cop_statistics(struct cop_statistics *ret_statistics);
COP_API const char *cop_version(void);

COP_END_DECLS

#endif
