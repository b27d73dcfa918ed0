/* SPDX-License-Identifier: Apache-2.0 */
/* Ports: a program of the operating system, to which a process talks by messages.
 *
 *   cop_open_port(&port, "/usr/bin/bc", .packet = COP_PACKET_LINE, .exit_status = true);
 *   cop_port_command(port, cop_text("6 * 7\n"));
 *   cop_receive_match("{Port, {data, {eol, Answer}}}", port, &answer);
 *
 * What it writes comes to the owner as {Port, {data, Data}}, Data a binary: what there was, or a
 * packet; with lines {eol, Line} or {noeol, Part}. Its end is {Port, {exit_status, Status}} where
 * that was asked for, and then the end of the port, to which the owner is linked.
 *
 * A port is a process: it can be linked, monitored, registered, sent to from another node, and
 * ended with an exit signal. When it ends the program is killed, with its process group; it ends
 * with its owner. {Owner, {command, Data}}, {Owner, close} and {Owner, {connect, Pid}} may be sent
 * to it as to one of Erlang's. For calls in place of messages see coppice/os_process.h. Clauses
 * PORT-01 to PORT-16. */
#ifndef COPPICE_PORT_H
#define COPPICE_PORT_H

#include <coppice/os_process.h>

COP_BEGIN_DECLS

struct cop_port_options {
    int unset;               /* so that a list of no options can be written */
    const char *const *args; /* after the name, NULL at the end; NULL: none */
    const char *name;        /* argv[0]; NULL: the path */
    const char *const *env;  /* "NAME=VALUE", or "NAME" to take it away, NULL at the end */
    const char *directory;   /* it starts in; NULL: this program's */
    enum cop_packet packet;  /* raw: a stream */
    size_t packet_size_max;  /* bytes; a longer line comes in parts. 0: 64 KB, of a line 1024 */
    bool exit_status;        /* tell the exit status */
    bool eof;                /* {Port, eof} at the end of its output, and the port stays */
    bool stderr_to_stdout;
    bool no_input, no_output; /* it gets an empty input; what it writes goes where ours goes */
};

/* Start a program; or a command, as a shell reads it after exec.
 *
 * Returns  0 and the port, linked to the caller, its owner; -ENOENT, -EACCES and other -errno as
 *          cop_os_spawn. A command that is not found is exit status 127.
 * Exits    the caller with system_limit: too many processes.
 * Parks    yes, until the program has been loaded.
 * Options  see struct cop_port_options; NULL: none. They are not needed afterwards.
 * Context  any process.
 * OTP      open_port({spawn_executable, Path}, _), open_port({spawn, Command}, _). Clauses PORT-01
 *          to PORT-08.
 */
COP_API int cop_open_port_with(
    cop_pid *ret_port, const char *path, const struct cop_port_options *options);
COP_API int cop_open_port_command_with(
    cop_pid *ret_port, const char *command, const struct cop_port_options *options);
#ifndef __cplusplus
#define cop_open_port(RET_PORT, ...) COP__OPEN_PORT(cop_open_port_with, (RET_PORT), __VA_ARGS__, )
#define cop_open_port_command(RET_PORT, ...) \
    COP__OPEN_PORT(cop_open_port_command_with, (RET_PORT), __VA_ARGS__, )
#define COP__OPEN_PORT(OPEN, RET_PORT, WHAT, ...) \
    OPEN((RET_PORT), (WHAT), &(const struct cop_port_options){ .unset = 0, __VA_ARGS__ })
#endif

/* Give the program data: a binary or I/O list.
 *
 * Exits    the caller with badarg: no port, one that has ended, no I/O data.
 * Parks    while more than 64 KB wait for the program to read them.
 * Context  any process.
 * OTP      port_command/2. Clauses PORT-02, PORT-09.
 */
COP_API void cop_port_command_to(cop_dest port, cop_term iodata);
#define cop_port_command(PORT, IODATA) cop_port_command_to(cop_dest(PORT), (IODATA))

/* End its input, after what is still to be written; its output goes on.
 *
 * Exits    the caller with badarg: no port, one that has ended.
 * Parks    yields.
 * Context  any process.
 * OTP      none. Clause PORT-10.
 */
COP_API void cop_port_end_input_of(cop_dest port);
#define cop_port_end_input(PORT) cop_port_end_input_of(cop_dest(PORT))

/* End a port, and the program.
 *
 * Exits    the caller with badarg: no port, one that has ended.
 * Parks    until it has ended.
 * Context  any process.
 * OTP      port_close/1. Clause PORT-11.
 */
COP_API void cop_port_close_of(cop_dest port);
#define cop_port_close(PORT) cop_port_close_of(cop_dest(PORT))

/* Make another process the owner, and link it. The old one stays linked.
 *
 * Exits    the caller with badarg: no port, one that has ended.
 * Parks    yes.
 * Context  any process.
 * OTP      port_connect/2. Clause PORT-12.
 */
COP_API void cop_port_connect_to(cop_dest port, cop_pid owner);
#define cop_port_connect(PORT, OWNER) cop_port_connect_to(cop_dest(PORT), (OWNER))

/* What there is to know of a port.
 *
 * Returns  [{name, N}, {links, L}, {connected, Pid}, {input, Bytes}, {output, Bytes}, {os_pid, N}],
 *          which lives until the end of the turn; the atom undefined where it has ended.
 * Parks    yes.
 * Context  any process.
 * OTP      erlang:port_info/1. Clause PORT-13.
 */
COP_API cop_term cop_port_info_of(cop_dest port);
#define cop_port_info(PORT) cop_port_info_of(cop_dest(PORT))

COP_END_DECLS

#endif
