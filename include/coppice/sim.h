/* SPDX-License-Identifier: Apache-2.0 */
/* Virtual time and simulation, for tests.
 *
 * In virtual time a node has one scheduler, and its clocks stand still as long as any process can
 * run. When none can, time jumps to the next timer. So an hour of timers passes in the time that
 * the work takes, and always in the same order.
 *
 *   int main(int argc, char **argv)
 *   {
 *       return cop_run_main_with(test, argc, argv, &(struct cop_options){ .virtual_time = true });
 *   }
 *
 * A simulated node has virtual time, and a seed that decides everything that the world would
 * otherwise: who runs next, who is interrupted at a send or call, which of two timers is first,
 * what cop_random and hashes give, which faults come, when and in which pieces bytes arrive over a
 * connection. One seed is one run, to the last step; another seed is another order. A program of
 * simulations tries many, and shows a run that fails:
 *
 *   static const cop_sim simulations[] = { { .name = "bank", .main = bank_main }, { 0 } };
 *
 *   int main(int argc, char **argv)
 *   {
 *       return cop_sim_main(simulations, argc, argv);
 *   }
 *
 * Any program is simulated when COPPICE_SIM_SEED is set, and tells its story with
 * COPPICE_SIM_STORY=1 (docs/guide/simulation.md).
 *
 * Stream sockets of a simulated node lie in memory: it reaches nobody but itself. What else comes
 * from outside (files, programs, code that blocks; in virtual time alone sockets too) takes real
 * time and has an order of its own; virtual time waits for what is under way. A callback that
 * computes or blocks is not interrupted: time stands still. */
#ifndef COPPICE_SIM_H
#define COPPICE_SIM_H

#include <coppice/runtime.h>

COP_BEGIN_DECLS

/* Wait until no process can run without a message, a timer or what comes from outside. No time
 * passes.
 *
 * Exits    the caller with badarg: time is not virtual, or another process waits here.
 * Parks    yes.
 * Context  any process.
 * OTP      none.
 */
COP_API void cop_sim_settle(void);

/* Run fn as the first process of a simulated node, once.
 *
 * Returns  what fn returned; 1 and a report on stderr, with the command that runs it again, when
 *          the simulation failed: the first process crashed, an invariant did not hold,
 * cop_sim_fail was called, nothing could ever run again, or it did not end within 10,000,000 steps.
 * Parks    no: the thread waits until the node has stopped.
 * Options  seed: 0 is taken as 1.
 * Context  a thread that runs no process: main.
 * OTP      none.
 */
COP_API int cop_simulate(uint64_t seed, cop_main *fn);

/* One simulation of a program of them. */
typedef struct cop_sim {
    const char *name; /* NULL ends the list */
    cop_main *main;
    uint64_t steps_max; /* 0: 10,000,000; more is a failure */
    bool several_nodes; /* it may start others: cop_sim_start_node */
} cop_sim;

/* The main function of a program of simulations:
 *
 *   PROGRAM [NAME...] [--seeds N] [--from SEED] [--seed SEED] [--story] [--schedule LIST] [--jobs
 * N]
 *
 * Without --seed it runs seeds from SEED (1) on, N of them (200), each in an operating-system
 * process of its own, --jobs of them at a time. Every 16th seed is run twice, and must be the same
 * run. At the first failure it stops, makes the run as simple as it can by taking choices out of
 * it, prints its story and the commands for both. With --seed or --schedule it is one run, in this
 * process, so that a debugger sees it.
 *
 * Returns  0, or 1 when a run failed or the arguments are wrong (a message is on stderr).
 * Parks    no.
 * Context  a thread that runs no process: main, before any other thread is started.
 * OTP      none.
 */
COP_API int cop_sim_main(const cop_sim *simulations, int argc, char **argv);

/* Is this node simulated; its seed; a hash of all that has happened in it.
 *
 * Returns  false and 0 in an ordinary node.
 * Parks    no.
 * Context  any thread.
 * OTP      none.
 */
COP_API bool cop_is_simulated(void);
COP_API uint64_t cop_sim_seed(void);
COP_API uint64_t cop_sim_trace(void);

/* A number from 0 to count - 1, decided by the seed: what the test does next, to whom, how often.
 * Better than cop_random, since a failing run is made simpler by making these 0: let 0 be the
 * simplest thing. In an ordinary node it is random.
 *
 * Returns  the number; 0 for a count below 2.
 * Parks    no.
 * Context  any process; in a simulated node also an invariant.
 * OTP      none.
 */
COP_API uint32_t cop_sim_choose(uint32_t count);

/* The simulation has failed: its story ends here, and the node stops. In an ordinary node it
 * aborts.
 *
 * Parks    yes, for ever.
 * Context  any process, or an invariant, where it returns.
 * OTP      none.
 */
__attribute__((format(printf, 1, 2))) COP_API void cop_sim_fail(const char *format, ...);

/* What must hold whenever no process is running: looked at before every step. holds is called
 * outside of any process: it may look at C data, call cop_whereis, cop_is_alive and cop_sim_fail,
 * and nothing that parks or raises. It goes with the node.
 *
 * Exits    the caller with badarg: there are 32 already.
 * Parks    no.
 * Context  any process. In an ordinary node it does nothing.
 * OTP      none.
 */
COP_API void cop_sim_invariant(const char *name, bool (*holds)(void *arg), void *arg);

/* Which faults the seed brings, and how often: in so many of a thousand steps. */
struct cop_sim_faults {
    unsigned kills;       /* a victim is killed */
    unsigned crashes;     /* a victim raises error:simulated at its next send or call */
    unsigned shortages;   /* the system has no memory for one of a victim's next allocations: it
                             ends with system_limit */
    unsigned pauses;      /* the machine stands still: time goes on, and all timers are late */
    int64_t pause_max_ms; /* 0: 1,000 */
    unsigned cuts;        /* a connection is cut: both sides see ECONNRESET */
    int64_t delay_max_ms; /* of what is sent over a connection, in any step; 0: 5 */
    unsigned splits;      /* two nodes are split, for up to split_max_ms (0: 20,000) */
    int64_t split_max_ms;
    /* Who may be killed, crash, or be short of memory; NULL: nobody. Called as an invariant is. */
    bool (*is_victim)(cop_pid pid, void *arg);
    void *arg;
};

/* From now on these; NULL: no more. They may also be brought at a place of the test's choice: a
 * kill by cop_exit_signal, a crash of pid at its next send or call by cop_sim_crash, the failure of
 * its nth allocation from now by cop_sim_fail_allocation (0: of none), a pause by cop_sim_pause.
 *
 * Parks    no.
 * Options  by_ms: milliseconds.
 * Context  any process. In an ordinary node they do nothing.
 * OTP      none.
 */
COP_API void cop_sim_set_faults(const struct cop_sim_faults *faults);
COP_API void cop_sim_crash(cop_pid pid);
COP_API void cop_sim_fail_allocation(cop_pid pid, uint32_t nth);
COP_API void cop_sim_pause(int64_t by_ms);

/* --- Several nodes ---
 *
 * A simulation that says so (several_nodes) may start other nodes of the same program. Each is an
 * operating-system process with memory of its own, and one of them runs at a time: the seed decides
 * which goes on, and for how long. They have one clock and one network, and become nodes of a
 * cluster as ever (coppice/net_kernel.h, with names on 127.0.0.1 and COP_EPMD_BUILTIN, or with
 * fixed ports and routes). Two can be split: nothing that either sends reaches the other, and
 * nobody is told. The story says in each line which node it is of; the first is called main. */

/* Start a node whose first process runs fn, with its name as argv[0]. It ends when fn returns, and
 * the whole run fails when that is not 0. A name may be used again when its node has ended.
 *
 * Returns  0; -COP_EALREADY: there is a node of that name; -COP_EBADARG: its name is empty, or
 *          longer than 31 bytes; -COP_ESYSTEMLIMIT: there are eight; -ENOTSUP: the simulation did
 *          not say several_nodes, or this is none; -errno of fork.
 * Parks    no.
 * Context  any process.
 * OTP      peer:start/1.
 */
COP_API int cop_sim_start_node(const char *name, cop_main *fn);

/* End a node as kill -9 does: the system closes its connections.
 *
 * Returns  0; -COP_ENOTFOUND: there is none of that name; -COP_EBADARG: it is the first, or this
 *          one; -ENOTSUP as above.
 * Parks    no.
 * Context  any process.
 * OTP      none.
 */
COP_API int cop_sim_kill_node(const char *name);

/* Is there a node of that name; and the name of this one.
 *
 * Returns  whether; and the name, as long as the node lives. Without several nodes: false, "main".
 * Parks    no.
 * Context  any thread.
 * OTP      none.
 */
COP_API bool cop_sim_node_runs(const char *name);
COP_API const char *cop_sim_node(void);

/* Split two nodes for so long, COP_INFINITY: until they are healed. What they send meanwhile
 * arrives afterwards, unless the connection was given up; a connect finds nobody, and times out.
 * One way: only what `from` sends is held up, and no connection is made in either direction.
 *
 * Returns  0; -COP_ENOTFOUND: a name that no node has; -COP_EBADARG: both are one; -ENOTSUP.
 * Parks    no.
 * Options  for_ms: milliseconds of virtual time.
 * Context  any process.
 * OTP      none.
 */
COP_API int cop_sim_split(const char *name, const char *other, int64_t for_ms);
COP_API int cop_sim_split_one_way(const char *from, const char *to, int64_t for_ms);
COP_API int cop_sim_heal(const char *name, const char *other);

/* Memory that all nodes of the run see, 64 KiB, zeroed when it starts: for what the test knows to
 * be true, to compare with what nodes believe. No simulated fault touches it.
 *
 * Returns  NULL: this is no simulation of several nodes.
 * Parks    no.
 * Context  any thread.
 * OTP      none.
 */
COP_API void *cop_sim_memory(void);

/* A line of the story. Nothing in an ordinary node, or when the story is not told.
 *
 * Parks    no.
 * Context  any process.
 * OTP      none.
 */
__attribute__((format(printf, 1, 2))) COP_API void cop_sim_note(const char *format, ...);

COP_END_DECLS

#endif
