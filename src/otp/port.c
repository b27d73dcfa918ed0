/* SPDX-License-Identifier: Apache-2.0 */
/* Ports (PORT-01 to PORT-16). Layer 5.
 *
 * A port is three processes: the port itself, which has no stack while it waits and is never held
 * up; a writer, which waits while the program does not read; and one that waits for the program's
 * end. The writer owns the program's input, the port all else. */
#include <coppice/port.h>

#include <string.h>

#include <coppice/timer.h>

enum {
    QUEUE_MAX = 65536,     /* bytes to write before commands have to wait */
    LINE_MAX_SIZE = 1024,  /* of a line, unless the options say otherwise */
    STATUS_DELAY_MS = 100, /* that a status waits for the end of the output */
    END_DELAY_MS = 5000    /* that a program has to end after it has closed its output */
};

struct waiting { /* a command that was taken, and whose caller waits */
    struct waiting *next;
    cop_term from; /* kept */
};

struct port {
    cop_os_process process;
    cop_pid owner, writer, waiter;
    cop_term name; /* kept */
    enum cop_packet packet;
    bool wants_status, wants_eof;
    bool input_over, output_over, ended, told_status;
    int64_t status;
    uint64_t input, output; /* bytes */
    size_t queued;          /* bytes of output that the writer has */
    struct waiting *waiting;
    char *line; /* the beginning of the next one */
    size_t line_size, line_size_max;
};

static void tell(const struct port *port, cop_term what)
{
    cop_send(port->owner, cop("{Self, What}", cop_self(), what));
}

/* --- The two that wait ------------------------------------------------------------------------ */

static void writer_main(cop_term arg)
{
    cop_socket input = { 0 };
    cop_pid port = { 0, 0 };
    int64_t id = 0;
    cop_term data;
    cop_bytes bytes;
    int error = 0;

    cop_must(cop_match(arg, "{Port, Id}", &port, &id));
    input.id = (uint64_t)id;
    while (!error) {
        cop_term message = cop_receive();

        if (cop_match(message, "{write, Data}", &data)) {
            cop_must(cop_to_bytes(&bytes, data));
            error = cop_tcp_send(input, bytes.data, bytes.size);
            cop_send(
                port, error ? cop("{'$port_broken', Reason}", cop_atom_new(cop_error_name(error)))
                            : cop("{'$port_written', Size}", (int64_t)bytes.size));
        } else if (cop_match(message, "end_input")) {
            cop_tcp_close(input);
        }
        cop_turn_end();
    }
}

static void waiter_main(cop_term arg)
{
    cop_os_process process = { 0 };
    cop_pid port = { 0, 0 };
    int64_t id = 0, status;

    cop_must(cop_match(arg, "{Port, Id}", &port, &id));
    process.id = (uint64_t)id;
    status = cop_os_wait(process, COP_INFINITY);
    cop_send(port, cop("{'$port_exited', Status}", status));
}

/* When the port has ended in peace it is up to this one to end the program. */
static void late_waiter_main(cop_term arg)
{
    cop_os_process process = { 0 };
    int64_t id = 0;

    cop_must(cop_match(arg, "Id", &id));
    process.id = (uint64_t)id;
    cop_receive_match_within(END_DELAY_MS, "'$port_begin'"); /* it is ours now */
    cop_os_wait(process, END_DELAY_MS);
    cop_os_close(process);
}

/* --- The end ---------------------------------------------------------------------------------- */

static void end_helper(cop_pid helper)
{
    if (helper.id)
        cop_exit_signal(helper, cop("kill"));
}

static COP_NORETURN void end(struct port *port, cop_term reason)
{
    end_helper(port->writer);
    end_helper(port->waiter);
    cop_os_close(port->process);
    cop_exit(reason);
}

/* Its output is over, and nobody has asked for its status: it is about to end, and gets the time to
 * do so. */
static COP_NORETURN void end_in_peace(struct port *port)
{
    cop_pid waiter;

    if (!port->ended) {
        waiter = cop_spawn(late_waiter_main, cop_int((int64_t)port->process.id));
        if (cop_os_give_away(port->process, waiter) == 0) {
            port->process.id = 0;
            cop_send(waiter, cop("'$port_begin'"));
        }
    }
    end(port, cop("normal"));
}

/* All is said when its output is over and, if it was asked for, its status is told. */
static void look_for_end(struct port *port)
{
    if (!port->output_over || port->wants_eof)
        return;
    if (!port->wants_status)
        end_in_peace(port);
    if (port->told_status)
        end(port, cop("normal"));
}

static void tell_status(struct port *port)
{
    if (!port->ended || port->told_status)
        return;
    tell(port, cop("{exit_status, Status}", port->status));
    port->told_status = true;
}

/* --- What the program writes ------------------------------------------------------------------ */

static void tell_line(struct port *port, const char *kind, const char *data, size_t size)
{
    tell(port, cop("{data, {Kind, Line}}", cop_atom_new(kind), cop_binary(data, size)));
}

static void take_lines(struct port *port, const char *data, size_t size)
{
    while (size) {
        size_t room = port->line_size_max - port->line_size, part = size < room ? size : room;
        const char *end = memchr(data, '\n', part);

        if (!end && part == size && part < room) { /* it goes on */
            memcpy(port->line + port->line_size, data, part);
            port->line_size += part;
            return;
        }
        if (end)
            part = (size_t)(end - data);
        memcpy(port->line + port->line_size, data, part);
        /* a line that is just as long as it may be is whole if its end follows */
        if (!end && size > part && data[part] == '\n')
            end = data + part;
        tell_line(port, end ? "eol" : "noeol", port->line, port->line_size + part);
        port->line_size = 0;
        part += end != NULL;
        data += part;
        size -= part;
    }
}

static void take_output(struct port *port, cop_term data)
{
    cop_bytes bytes = { 0 };

    cop_to_bytes(&bytes, data);
    port->input += bytes.size;
    if (port->packet == COP_PACKET_LINE)
        take_lines(port, bytes.data, bytes.size);
    else
        tell(port, cop("{data, Data}", data));
}

static void output_ended(struct port *port)
{
    port->output_over = true;
    if (port->line_size)
        tell_line(port, "noeol", port->line, port->line_size);
    port->line_size = 0;
    tell_status(port);
    if (port->wants_eof)
        tell(port, cop("eof"));
    look_for_end(port);
}

/* --- Commands --------------------------------------------------------------------------------- */

/* False: it gets no input, or no more. */
static bool write_data(struct port *port, cop_term binary)
{
    cop_bytes bytes = { 0 };

    if (!port->writer.id || port->input_over)
        return false;
    cop_to_bytes(&bytes, binary);
    port->queued += bytes.size;
    port->output += bytes.size;
    cop_send(port->writer, cop("{write, Data}", binary));
    return true;
}

static void end_input(struct port *port)
{
    if (port->writer.id && !port->input_over)
        cop_send(port->writer, cop("end_input"));
    port->input_over = true;
}

/* The writer is done with so much: who waited may go on. */
static void written(struct port *port, int64_t size)
{
    port->queued -= (size_t)size;
    while (port->waiting && port->queued <= QUEUE_MAX) {
        struct waiting *first = port->waiting;

        port->waiting = first->next;
        cop_process_reply(first->from, cop("ok"));
        cop_keep_clear(&first->from);
        cop_free(first);
    }
}

static void connect(struct port *port, cop_pid owner)
{
    cop_link(owner);
    port->owner = owner;
}

static cop_term info(const struct port *port)
{
    cop_term links = cop("[]");

    cop_match(cop_process_info(cop_self(), "links"), "{links, Links}", &links);
    return cop("[{name, Name}, {links, Links}, {connected, Owner}, {input, In}, {output, Out},"
               " {os_pid, OsPid}]",
        port->name, links, port->owner, (int64_t)port->input, (int64_t)port->output,
        (int64_t)port->process.os_pid);
}

/* Its caller waits until the writer has caught up. */
static void put_off(struct port *port)
{
    struct waiting *waiting = cop_alloc(sizeof *waiting), **last = &port->waiting;

    waiting->next = NULL;
    waiting->from = COP_NONE;
    cop_keep(&waiting->from, cop_current_from());
    while (*last)
        last = &(*last)->next;
    *last = waiting;
}

static void handle_call(struct port *port, cop_term request)
{
    cop_term data;
    cop_pid owner;

    if (cop_match(request, "{command, Data}", &data)) {
        if (!write_data(port, data))
            cop_current_reply(cop("badarg"));
        else if (port->queued <= QUEUE_MAX)
            cop_current_reply(cop("ok"));
        else
            put_off(port);
    } else if (cop_match(request, "end_input")) {
        end_input(port);
        cop_current_reply(cop("ok"));
    } else if (cop_match(request, "{connect, Owner}", &owner)) {
        connect(port, owner);
        cop_current_reply(cop("ok"));
    } else if (cop_match(request, "info")) {
        cop_current_reply(info(port));
    } else if (cop_match(request, "close")) {
        end(port, cop("normal")); /* its end is the answer */
    }
}

/* {Owner, What}, as to a port of Erlang; whatever else is sent: badsig, to who sent it if it says
 * who it is. */
static void handle_command(struct port *port, cop_term message)
{
    cop_pid from = { 0, 0 }, owner;
    cop_term what = COP_NONE, data;

    if (!cop_match(message, "{From, What}", &from, &what))
        return;
    if (from.id != port->owner.id || from.node != port->owner.node) {
        cop_exit_signal(from, cop("badsig"));
    } else if (cop_match(what, "{command, Data}", &data) && cop_iolist_to_binary(&data, data)) {
        write_data(port, data);
    } else if (cop_match(what, "close")) {
        tell(port, cop("closed"));
        end(port, cop("normal"));
    } else if (cop_match(what, "{connect, New}", &owner)) {
        tell(port, cop("connected"));
        connect(port, owner);
    } else {
        cop_exit_signal(from, cop("badsig"));
    }
}

/* --- The process ------------------------------------------------------------------------------ */

static void handle_message(void *state, cop_term message)
{
    struct port *port = state;
    cop_term request, data, reason;
    cop_atom label;
    cop_pid pid;
    int64_t n;

    if (cop_current_call(&label, &request)) {
        if (label.index == cop_atom_new("$port_call").index)
            handle_call(port, request);
    } else if (cop_match(message, "{tcp, _, Data}", &data)) {
        take_output(port, data);
    } else if (cop_match(message, "{tcp_closed, _}")) {
        output_ended(port);
    } else if (cop_match(message, "{'$port_written', N}", &n)) {
        written(port, n);
    } else if (cop_match(message, "{'$port_exited', N}", &n)) {
        port->ended = true;
        port->status = n;
        cop_send_after(port->output_over ? 0 : STATUS_DELAY_MS, cop_self(), cop("'$port_status'"));
    } else if (cop_match(message, "'$port_status'")) {
        tell_status(port);
        look_for_end(port);
    } else if (cop_match(message, "{'$port_broken', Reason}", &reason)) {
        end(port, reason);
    } else if (cop_match(message, "{'EXIT', Pid, Reason}", &pid, &reason)) {
        if (pid.id != port->writer.id && pid.id != port->waiter.id)
            end(port, reason);
    } else {
        handle_command(port, message);
    }
}

static const cop_loop loop = { .handle_message = handle_message };

static cop_pid spawn_helper(cop_process_main *main, uint64_t id)
{
    return cop_spawn_link(main, cop("{Self, Id}", cop_self(), (int64_t)id));
}

/* With all handles ours: who opened it has given them before he said begin. */
static void begin(struct port *port)
{
    if (port->process.input.id) {
        port->writer = spawn_helper(writer_main, port->process.input.id);
        cop_tcp_give_away(port->process.input, port->writer);
    }
    if (port->wants_status)
        port->waiter = spawn_helper(waiter_main, port->process.id);
    if (port->packet == COP_PACKET_LINE)
        port->line = cop_alloc(port->line_size_max);
    if (port->process.output.id)
        cop_tcp_set_active(port->process.output, COP_ACTIVE);
    else
        port->output_over = true;
}

static void port_main(cop_term arg)
{
    struct port *port = cop_alloc(sizeof *port);
    int64_t id, os_pid, input, output, packet, size_max, status, eof;
    cop_term name;
    cop_ref ref;

    cop_trap_exit(true);
    memset(port, 0, sizeof *port);
    cop_must(cop_match(arg,
        "{Owner, Ref, {Id, OsPid, Input, Output}, Name, Packet, SizeMax, Status, Eof}",
        &port->owner, &ref, &id, &os_pid, &input, &output, &name, &packet, &size_max, &status,
        &eof));
    port->process = (cop_os_process){ .id = (uint64_t)id,
        .os_pid = (int)os_pid,
        .input = { (uint64_t)input },
        .output = { (uint64_t)output } };
    port->packet = (enum cop_packet)packet;
    port->line_size_max = (size_t)size_max;
    port->wants_status = status;
    port->wants_eof = eof;
    cop_keep(&port->name, name);
    cop_receive_match("'$port_begin'");
    begin(port);
    cop_send(port->owner, cop("{Ref, begun}", ref));
    cop_become(&loop, port);
}

/* --- Opening ---------------------------------------------------------------------------------- */

static int open_port(cop_pid *ret_port, const char *path, const char *name,
    const struct cop_port_options *options, const char *const *args)
{
    bool lines = options->packet == COP_PACKET_LINE;
    const struct cop_os_options os = {
        .args = args,
        .name = options->name,
        .env = options->env,
        .directory = options->directory,
        .input = options->no_input ? COP_OS_NULL : COP_OS_PIPE,
        .output = options->no_output ? COP_OS_INHERIT : COP_OS_PIPE,
        .errors = options->stderr_to_stdout ? COP_OS_ERRORS_TO_OUTPUT : COP_OS_ERRORS_INHERIT,
        .packet = lines ? COP_PACKET_RAW : options->packet,
        .packet_size_max = lines ? 0 : options->packet_size_max,
    };
    size_t size_max = options->packet_size_max ? options->packet_size_max : LINE_MAX_SIZE;
    cop_ref ref, monitor;
    cop_os_process process;
    cop_term outcome = COP_NONE;
    int error = cop_os_spawn_with(&process, path, &os);

    if (error < 0)
        return error;
    ref = cop_make_ref();
    *ret_port = cop_spawn_opt(port_main,
        cop("{Owner, Ref, {Id, OsPid, Input, Output}, Name, Packet, SizeMax, Status, Eof}",
            cop_self(), ref, (int64_t)process.id, (int64_t)process.os_pid,
            (int64_t)process.input.id, (int64_t)process.output.id, cop_string(name),
            (int64_t)options->packet, (int64_t)size_max, (int64_t)options->exit_status,
            (int64_t)options->eof),
        &monitor, .link = true, .monitor = true);
    error = cop_os_give_away(process, *ret_port);
    if (error < 0)
        cop_os_close(process); /* somebody has ended it: so says the monitor */
    cop_send(*ret_port, cop("'$port_begin'"));
    for (cop_receive_scan scan = cop_receive_begin(COP_INFINITY);
         cop_receive_next(&outcome, &scan);)
        if (cop_match(outcome, "{Ref, begun}", ref) ||
            cop_match(outcome, "{'DOWN', Monitor, _, _, _}", monitor)) {
            cop_receive_take(&scan);
            break;
        }
    cop_demonitor_flush(monitor);
    return cop_match(outcome, "{_, begun}") ? 0 : -ECANCELED;
}

static const struct cop_port_options none;

int cop_open_port_with(cop_pid *ret_port, const char *path, const struct cop_port_options *options)
{
    if (!options)
        options = &none;
    return path ? open_port(ret_port, path, path, options, options->args) : -COP_EBADARG;
}

int cop_open_port_command_with(
    cop_pid *ret_port, const char *command, const struct cop_port_options *options)
{
    static const char exec[] = "exec ";
    const char *args[] = { "-c", NULL, NULL };
    size_t size = command ? strlen(command) : 0;
    char *text;
    int error;

    if (!command || (options && options->args))
        return -COP_EBADARG;
    text = cop_alloc(sizeof exec + size);
    memcpy(text, exec, sizeof exec);
    memcpy(text + sizeof exec - 1, command, size + 1);
    args[1] = text;
    error = open_port(ret_port, "/bin/sh", command, options ? options : &none, args);
    cop_free(text);
    return error;
}

/* --- Clients ---------------------------------------------------------------------------------- */

/* What the port says; none: it has ended, by this or before. */
static cop_term ask(bool *ret_ended, cop_dest dest, cop_term request)
{
    cop_term reply = COP_NONE;
    cop_pid port;

    *ret_ended =
        !cop_whereis_to(&port, dest) || cop_process_call(&reply, port, cop_atom_new("$port_call"),
                                            request, COP_INFINITY) != COP_CALL_REPLY;
    return *ret_ended && cop_is_none(reply) ? cop("noproc") : reply;
}

static void ask_or_badarg(cop_dest port, cop_term request)
{
    bool ended;

    if (!cop_match(ask(&ended, port, request), "ok") || ended)
        cop_error(cop("badarg"));
}

void cop_port_command_to(cop_dest port, cop_term iodata)
{
    cop_term data;

    if (!cop_iolist_to_binary(&data, iodata))
        cop_error(cop("badarg"));
    ask_or_badarg(port, cop("{command, Data}", data));
}

void cop_port_end_input_of(cop_dest port)
{
    ask_or_badarg(port, cop("end_input"));
}

void cop_port_close_of(cop_dest port)
{
    bool ended;

    if (cop_match(ask(&ended, port, cop("close")), "noproc"))
        cop_error(cop("badarg"));
}

void cop_port_connect_to(cop_dest port, cop_pid owner)
{
    ask_or_badarg(port, cop("{connect, Owner}", owner));
}

cop_term cop_port_info_of(cop_dest port)
{
    bool ended;
    cop_term info = ask(&ended, port, cop("info"));

    return ended ? cop("undefined") : info;
}
