/* SPDX-License-Identifier: Apache-2.0 */
/* isolate: a child with an operating-system process of its own. What it does to its memory it does
 * to nobody else's: a wild write, a corrupted heap, a library that calls exit() ends that child,
 * and its supervisor starts it again.
 *
 *   .children = COP_CHILDREN(
 *       { .name = "decoder", .gen_server = &decoder, .isolate = true,
 *         .limits = { .memory_max_bytes = 64 << 20, .cpu_max_s = 60 } },
 *
 * The definition is the same as of any child. Toward the rest of the node it is a process as others
 * are: its pid and its name are of this node, and calls, casts, messages, links, monitors, exit
 * signals and sys reach it; it calls and sends by name and pid as before, and its reports go to the
 * node's log. Messages are copied through a socket, so a call costs two switches between
 * operating-system processes (docs/PERFORMANCE.md). What is not shared: memory that the program
 * changes after cop_run began, tables (ets), registries and persistent terms; cop_whereis knows
 * only names of its own process; cop_node() is a name for this process alone. Descriptors that were
 * open before cop_run are open there too; its code and context must have been there by then.
 *
 * It ends with the reason it would have; when its operating-system process ends first, with
 * {signal, Name}, such as {signal, sigkill}, or {exit_status, Status}.
 *
 * Not in a simulation (coppice/sim.h), where such a child is an ordinary one. */
#ifndef COPPICE_ISOLATE_H
#define COPPICE_ISOLATE_H

#include <coppice/term.h>

COP_BEGIN_DECLS

struct sock_fprog; /* of linux/filter.h */

/* Which system calls it may make. */
enum cop_seccomp {
    COP_SECCOMP_OFF,
    /* Memory, threads, time, and what is open already. All else fails with EPERM: it opens nothing,
     * connects to nothing and changes nothing. To run a program, to trace or to signal another
     * process ends it with {signal, sigsys}. */
    COP_SECCOMP_COMPUTE
};

/* Limits of the operating-system process of an isolated child; 0: none. */
struct cop_limits {
    size_t memory_max_bytes; /* that it may have beside what the runtime takes: malloc fails then */
    int64_t cpu_max_s;       /* of processor time, then {signal, sigxcpu} */
    int open_files_max;      /* descriptors, with the about ten that the runtime has */
    enum cop_seccomp seccomp;
    const struct sock_fprog *seccomp_filter; /* one's own, static, besides */
    int schedulers;                          /* threads that run its processes; 0: 1 */
};

/* Make children with .isolate possible, by forking the small process that others are forked from,
 * as long as this program has one thread and its memory is as it should be for them. cop_run does
 * it when its tree, or a supervisor in it, lists such a child; call it first when they come to be
 * in another way: from cop_run_main, an init function, cop_supervisor_start_child_spec.
 *
 * Returns  0, also the second time; -errno of what the system refused; -EBUSY: a node runs.
 * Parks    no.
 * Context  main, before cop_run or cop_run_main.
 * OTP      none.
 */
COP_API int cop_isolate_prepare(void);

/* The operating-system process of an isolated child.
 *
 * Returns  its number; 0: pid is no isolated child, or has none at the moment.
 * Parks    no.
 * Context  any process.
 * OTP      none.
 */
COP_API int cop_isolate_os_pid(cop_pid pid);

COP_END_DECLS

#endif
