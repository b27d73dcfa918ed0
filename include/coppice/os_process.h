/* SPDX-License-Identifier: Apache-2.0 */
/* Processes of the operating system in direct style: start one, talk with it through pipes, wait
 * for its end. It belongs to the process that started it, and is killed with it. For messages in
 * place of calls see coppice/port.h.
 *
 *   cop_os_process sort;
 *
 *   cop_os_spawn(&sort, "/usr/bin/sort", .args = (const char *const[]){ "-n", NULL });
 *   cop_tcp_send(sort.input, "3\n1\n2\n", 6);
 *   cop_tcp_close(sort.input);
 *   while (cop_tcp_read_line(&line, sort.output) >= 0) ...
 *   cop_os_wait(sort, COP_INFINITY);
 *
 * The pipes are streams as sockets are: all of coppice/socket.h that reads and writes, packets and
 * active mode too. */
#ifndef COPPICE_OS_PROCESS_H
#define COPPICE_OS_PROCESS_H

#include <coppice/socket.h>

COP_BEGIN_DECLS

typedef struct cop_os_process {
    uint64_t id;       /* a handle, as those of sockets */
    int os_pid;        /* the system's number, also of its process group */
    cop_socket input;  /* its standard input, to write to; id 0: no pipe */
    cop_socket output; /* its standard output, to read from; id 0: no pipe */
} cop_os_process;

enum cop_os_stream { COP_OS_PIPE, COP_OS_NULL, COP_OS_INHERIT };
enum cop_os_errors { COP_OS_ERRORS_INHERIT, COP_OS_ERRORS_TO_OUTPUT, COP_OS_ERRORS_NULL };

struct cop_os_options {
    int unset;               /* so that a list of no options can be written */
    const char *const *args; /* after the name, NULL at the end; NULL: none */
    const char *name;        /* argv[0]; NULL: the path */
    const char *const *env;  /* "NAME=VALUE", or "NAME" to take it away, NULL at the end */
    const char *directory;   /* it starts in; NULL: this program's */
    enum cop_os_stream input, output;
    enum cop_os_errors errors; /* standard error */
    enum cop_packet packet;    /* of both pipes */
    size_t packet_size_max;    /* 0: 64 KB */
};

/* Start a program, in a process group of its own, with no descriptors but the three standard ones
 * (with musl also those without FD_CLOEXEC), and with signals as they are by default; written
 * cop_os_spawn(&process, "/bin/cat").
 *
 * Returns  0 and the process; -ENOENT, -EACCES (no such program, or it may not be run), -ENOEXEC,
 *          -EMFILE, -EAGAIN and other -errno; -COP_EBADARG outside of a process.
 * Parks    in the system, until the program has been loaded; other processes run meanwhile.
 * Options  see struct cop_os_options; NULL: none. They are not needed afterwards.
 * Context  any process.
 * OTP      open_port({spawn_executable, Path}, _).
 */
COP_API int cop_os_spawn_with(
    cop_os_process *ret_process, const char *path, const struct cop_os_options *options);
#ifndef __cplusplus
#define cop_os_spawn(RET_PROCESS, ...) COP__OS_SPAWN((RET_PROCESS), __VA_ARGS__, )
#define COP__OS_SPAWN(RET_PROCESS, PATH, ...) \
    cop_os_spawn_with(                        \
        (RET_PROCESS), (PATH), &(const struct cop_os_options){ .unset = 0, __VA_ARGS__ })
#endif

/* Wait until it has ended.
 *
 * Returns  its exit code, or 128 and the number of the signal that ended it; the same when asked
 *          again. -COP_ETIMEOUT; -COP_ECLOSED when the handle is or gets closed; -EBUSY when
 *          another process waits; -ECHILD when other code of the program has taken its status.
 * Parks    yes.
 * Options  timeout_ms; 0: only look; COP_INFINITY.
 * Context  any process, also one that does not own it.
 * OTP      {Port, {exit_status, Status}}.
 */
COP_API int cop_os_wait(cop_os_process process, int64_t timeout_ms);

/* Send a signal to it and all of its process group.
 *
 * Returns  0; -ESRCH when it has ended and was waited for; -EINVAL for no signal; -COP_ECLOSED.
 * Parks    no.
 * Context  any process.
 * OTP      none.
 */
COP_API int cop_os_kill(cop_os_process process, int signal_number);

/* Close the pipes, kill it with its process group if it has not ended, and forget it. That happens
 * by itself when the owner ends.
 *
 * Returns  0; -COP_ECLOSED when it was closed already.
 * Parks    no.
 * Context  any process.
 * OTP      port_close/1, which leaves the program alone.
 */
COP_API int cop_os_close(cop_os_process process);

/* Make another process its owner, and that of its pipes as far as they are the caller's.
 *
 * Returns  as cop_tcp_give_away.
 * Parks    no.
 * Context  the owner.
 * OTP      none.
 */
COP_API int cop_os_give_away(cop_os_process process, cop_pid new_owner);

COP_END_DECLS

#endif
