/* SPDX-License-Identifier: Apache-2.0 */
/* The process that stands for an isolated child in its node: the one that its supervisor started,
 * that has its name, and that others link to and monitor. Layer 8.
 *
 * What is sent to it, it sends on as it is, calls and system messages too: they say themselves whom
 * the answer goes to. Exit signals it gets as messages, since it traps them, and has them sent
 * again inside. It ends as the child ends, and it is how the operating-system process ends: the
 * zygote kills that when this one's descriptor closes. */
#include "program/stand_in.h"

#include <coppice/log.h>
#include <coppice/socket.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/lock.h"
#include "dist/nodes.h"
#include "io/fd_table.h"
#include "program/part.h"
#include "proc/proc.h"
#include "proc/simulate.h"
#include "term/atoms.h"

enum {
    PLACES = 1024,
    CREATIONS = 32, /* of a place, until the first comes again: the table of nodes is bounded */
    FORK_MS = 10000,
    END_MS = 1000, /* for the last words of a part, and for the news of its end */
    BUSY_MS = 2
};

/* --- Places: a part is called by the number of one, while it is there ----------------------------
 */

static struct place {
    uint64_t stand_in; /* 0: free */
    uint32_t creation; /* the last */
    int os_pid;
} places[PLACES];
static struct cop__spinlock lock;

void cop__part_name(char ret_name[COP__PART_NAME_MAX], uint32_t place)
{
    snprintf(ret_name, COP__PART_NAME_MAX, "isolated-%u@nohost", place + 1);
}

static struct cop__peer *peer_of(uint32_t place)
{
    char name[COP__PART_NAME_MAX];

    cop__part_name(name, place);
    return cop__part_peer(cop_atom_new(name).index, COP__PEER_PART);
}

struct stand_in {
    struct cop__resource resource; /* first */
    uint32_t place, creation;
    struct cop__peer *peer;
    cop_atom node;
    cop_socket news;
    cop_pid parent, child;
    cop_ref key; /* of its messages */
    bool child_gone, said_ended;
    cop_term reason; /* kept: why the child has ended */
};

static void release(struct cop__resource *resource)
{
    struct stand_in *me = (struct stand_in *)resource;

    cop__spin_lock(&lock);
    places[me->place].stand_in = 0;
    places[me->place].os_pid = 0;
    cop__spin_unlock(&lock);
    free(me);
}

/* The node has stopped: processes are gone without an end of their own. */
static void forget_places(void)
{
    for (uint32_t place = 0; place < PLACES; place++)
        places[place].stand_in = 0;
}

__attribute__((constructor)) static void add_hook(void)
{
    static struct cop__node_hook hook = { .stop = forget_places };

    cop__node_hook_add(&hook);
}

/* One that no part is connected by any more, though its stand-in may be gone. */
static struct stand_in *take_place(void)
{
    struct stand_in *me = calloc(1, sizeof *me);

    for (uint32_t place = 0; me && place < PLACES; place++) {
        struct cop__peer *peer = peer_of(place);
        bool taken;

        if (!peer || cop__peer_look(peer).state != COP__PEER_DOWN)
            continue;
        cop__enter();
        cop__spin_lock(&lock);
        taken = places[place].stand_in != 0;
        if (!taken) {
            places[place].stand_in = cop_self().id;
            places[place].creation = places[place].creation % CREATIONS + 1;
        }
        cop__spin_unlock(&lock);
        if (!taken) {
            *me = (struct stand_in){ .place = place,
                .creation = places[place].creation,
                .peer = peer,
                .node = { peer->name } };
            me->resource.release = release;
            cop__resource_add(&me->resource);
        }
        cop__leave();
        if (!taken)
            return me;
    }
    free(me);
    cop_init_fail(cop("{error, system_limit}"), cop("normal"));
}

int cop_isolate_os_pid(cop_pid pid)
{
    int os_pid = 0;

    cop__enter();
    cop__spin_lock(&lock);
    for (uint32_t place = 0; place < PLACES && pid.id && !pid.node; place++)
        if (places[place].stand_in == pid.id)
            os_pid = places[place].os_pid;
    cop__spin_unlock(&lock);
    cop__leave();
    return os_pid;
}

/* --- Beginning ----------------------------------------------------------------------------------
 */

static COP_NORETURN void fail(cop_term reason)
{
    cop_init_fail(cop("{error, Reason}", reason), cop("normal"));
}

static COP_NORETURN void refused(const char *what, int error)
{
    cop_log(COP_LOG_ERROR, "an isolated child cannot start: %s: %s", what, cop_error_name(error));
    fail(cop("{isolate, Reason}", cop_atom_new(cop_error_name(error))));
}

static int own_socket(cop_socket *ret_socket, int fd)
{
    int error;

    cop__enter();
    error = cop__fd_open(&ret_socket->id, fd, COP__FD_STREAM, NULL);
    cop__leave();
    return error;
}

/* Why an operating-system process ended. */
static cop_term reason_of(int status)
{
    static const struct {
        int number;
        const char *name;
    } names[] = { { SIGKILL, "sigkill" }, { SIGTERM, "sigterm" }, { SIGSEGV, "sigsegv" },
        { SIGABRT, "sigabrt" }, { SIGBUS, "sigbus" }, { SIGFPE, "sigfpe" }, { SIGILL, "sigill" },
        { SIGTRAP, "sigtrap" }, { SIGSYS, "sigsys" }, { SIGXCPU, "sigxcpu" },
        { SIGXFSZ, "sigxfsz" }, { SIGPIPE, "sigpipe" }, { SIGALRM, "sigalrm" },
        { SIGUSR1, "sigusr1" }, { SIGUSR2, "sigusr2" } };

    if (WIFEXITED(status))
        return cop("{exit_status, Status}", WEXITSTATUS(status));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].number == WTERMSIG(status))
            return cop("{signal, Name}", cop_atom_new(names[i].name));
    return cop("{signal, Number}", WTERMSIG(status));
}

/* The next piece of news; false: none comes. */
static bool next_news(
    const struct stand_in *me, struct cop__zygote_news *ret_news, int64_t timeout_ms)
{
    return cop_tcp_recv_exactly(me->news, ret_news, sizeof *ret_news, timeout_ms) >= 0;
}

/* The connection is gone, so the process is about to be: for as long as that is news, its own word
 * counts; one that hangs is killed. */
static cop_term why_gone(const struct stand_in *me)
{
    struct cop__zygote_news news;
    char end = 0;

    if (next_news(me, &news, END_MS) && news.kind == COP__ZYGOTE_ENDED)
        return reason_of(news.value);
    cop_tcp_send(me->news, &end, sizeof end);
    if (next_news(me, &news, END_MS) && news.kind == COP__ZYGOTE_ENDED)
        return cop("{isolate, connection_lost}");
    return cop("{isolate, zygote_lost}");
}

static int request_fork(
    const struct stand_in *me, const struct cop__entry *code, int connection, int status)
{
    struct cop__zygote_request request = {
        .place = me->place, .creation = me->creation, .limits = code->limits
    };
    int error;

    snprintf(request.name, sizeof request.name, "%.*s", COP_STR(cop_atom_text(code->module)));
    while ((error = cop__zygote_fork(&request, connection, status)) == -EAGAIN)
        cop_receive_match_within(BUSY_MS, "never");
    return error;
}

static void close_both(const int fds[2])
{
    close(fds[0]);
    close(fds[1]);
}

/* The number of our end of a connection with the new process. */
static int fork_part(struct stand_in *me, const struct cop__entry *code)
{
    enum { FLAGS = SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK };
    struct cop__zygote_news news;
    int connection[2], status[2], error;

    if (socketpair(AF_UNIX, FLAGS, 0, connection) < 0)
        refused("no socket", -errno);
    if (socketpair(AF_UNIX, FLAGS, 0, status) < 0) {
        close_both(connection);
        refused("no socket", -errno);
    }
    error = request_fork(me, code, connection[1], status[1]);
    close(connection[1]);
    close(status[1]);
    if (error) {
        close(connection[0]);
        close(status[0]);
        refused("the process that others are forked from does not answer", error);
    }
    if (own_socket(&me->news, status[0]) < 0 || !next_news(me, &news, FORK_MS)) {
        close(connection[0]);
        refused("nothing was forked", -EIO);
    }
    if (news.kind != COP__ZYGOTE_STARTED) {
        close(connection[0]);
        refused("fork", -news.value);
    }
    cop__enter();
    cop__spin_lock(&lock);
    places[me->place].os_pid = news.value;
    cop__spin_unlock(&lock);
    cop__leave();
    return connection[0];
}

static void connect_part(struct stand_in *me, int fd)
{
    static const struct cop_start_options none;
    cop_term result;
    cop_pid pid;

    me->key = cop_make_ref();
    if (cop_start_process(&result, &pid, NULL, cop__joined_main,
            cop("{Peer, Creation, Fd}", cop_uint(me->peer->index), cop_uint(me->creation), fd),
            &none) != COP_STARTED)
        refused("connection", -COP_ESYSTEMLIMIT);
    /* in the form of its messages */
    cop_monitor_with(
        cop_dest_pid(pid), &(struct cop_monitor_options){ .tag = cop_from_ref(me->key) });
}

static cop_term code_of(const struct cop__entry *code)
{
    return cop("{Kind, Object, Process, Start, Context}", (int64_t)code->kind,
        cop_uint((uintptr_t)code->object), cop_uint((uintptr_t)code->process),
        cop_uint((uintptr_t)code->start), cop_uint((uintptr_t)code->context));
}

static void start_child(
    const struct stand_in *me, const struct cop__entry *code, cop_atom name, cop_term arg)
{
    cop_send_to(cop_dest_term(cop("{'$inside', Node}", me->node)),
        cop("{start, Self, Key, Code, Name, Module, Arg, Level}", cop_self(), me->key,
            code_of(code), name.index ? name : cop_atom_new("undefined"), code->module, arg,
            (int64_t)cop_log_level()));
}

static void log_event(cop_term level, cop_term what, cop_term metadata)
{
    int64_t number = COP_LOG_ERROR;
    cop_bytes text;

    cop_to_int(&number, level);
    if (cop_to_bytes(&text, what))
        cop_log((enum cop_log_level)number, "%.*s", COP_STR(text));
    else
        cop_log_report((enum cop_log_level)number, what, metadata);
}

/* What its start function says, when that is good. */
static cop_term await_start(struct stand_in *me)
{
    cop_term what, a, b, c, info;

    for (;;) {
        cop_receive_match("{Key, What, A, B, C}", me->key, &what, &a, &b, &c);
        if (cop_match(what, "started")) {
            uint64_t id = 0;

            cop_to_uint(&id, a);
            me->child = cop_pid_remote(me->node, me->creation, (uint32_t)cop__pid_slot(id),
                (uint32_t)cop__pid_generation(id));
            return cop_match(b, "{ok, Info}", &info) ? cop("{ok, Info}", info) : cop("ok");
        }
        if (cop_match(what, "log"))
            log_event(a, b, c);
        else if (cop_match(what, "failed"))
            fail(a);
        else if (cop_match(what, "ignore"))
            cop_init_fail(cop("ignore"), cop("normal"));
        else
            fail(why_gone(me));
    }
}

/* --- Then ---------------------------------------------------------------------------------------
 */

static void to_inside(const struct stand_in *me, cop_term from, cop_term reason)
{
    cop_send_to(cop_dest_term(cop("{'$inside', Node}", me->node)),
        cop("{Key, exit, From, Reason}", me->key, from, reason));
}

/* By a signal, not by an exit of its own: what there was to report, the part has reported. */
static COP_NORETURN void end_as_child(const struct stand_in *me)
{
    if (me->said_ended && !cop_match(me->reason, "kill")) {
        cop_trap_exit(false);
        cop_exit_signal(cop_self(), me->reason);
    }
    cop_exit(me->reason);
}

/* The link to the child ends after all that the child has sent; what the part says at the end comes
 * when all it has written is out. */
static void end_if_all_is_said(const struct stand_in *me)
{
    if (me->child_gone && me->said_ended)
        end_as_child(me);
}

static void connection_lost(struct stand_in *me)
{
    if (cop_is_none(me->reason))
        cop_keep(&me->reason, why_gone(me));
    end_as_child(me);
}

static void hear(struct stand_in *me, cop_term what, cop_term a, cop_term b, cop_term c)
{
    if (cop_match(what, "log")) {
        log_event(a, b, c);
    } else if (cop_match(what, "ended")) {
        cop_keep(&me->reason, a);
        me->said_ended = true;
        end_if_all_is_said(me);
    } else {
        connection_lost(me);
    }
}

static void hear_exit(struct stand_in *me, cop_pid from, cop_term reason)
{
    if (from.id == me->child.id && from.node == me->child.node) {
        me->child_gone = true;
        end_if_all_is_said(me);
    } else if (from.id == me->parent.id && from.node == me->parent.node) {
        to_inside(me, cop("parent"), reason);
    } else {
        to_inside(me, cop_from_pid(from), reason);
    }
}

static COP_NORETURN void stand_in(struct stand_in *me)
{
    for (;; cop_turn_end()) {
        cop_term message = cop_receive(), what, a, b, c;
        cop_pid from;

        if (cop_match(message, "{Key, What, A, B, C}", me->key, &what, &a, &b, &c))
            hear(me, what, a, b, c);
        else if (cop_match(message, "{'EXIT', From, Reason}", &from, &a))
            hear_exit(me, from, a);
        else
            cop_send(me->child, message);
    }
}

/* {Code, Name, Parent, Arg} */
static void stand_in_main(cop_term start)
{
    cop_term code_index, arg, said;
    const struct cop__entry *code;
    struct stand_in *me;
    int64_t index = 0;
    cop_pid parent;
    cop_atom name;

    cop_must(cop_match(start, "{Code, Name, Parent, Arg}", &code_index, &name, &parent, &arg));
    cop_to_int(&index, code_index);
    code = cop__entry_at(index);
    if (name.index == COP__ATOM_undefined)
        name.index = 0;
    if (name.index)
        cop__child_take_name(name);
    me = take_place();
    me->reason = COP_NONE;
    me->parent = parent;
    connect_part(me, fork_part(me, code));
    start_child(me, code, name, arg);
    said = await_start(me);
    cop_trap_exit(true);
    cop_link(me->child);
    cop_init_ack(said);
    stand_in(me);
}

struct cop__start cop__stand_in_start(const struct cop__spec *spec, cop_term arg)
{
    struct cop_start_options options = { .link = true };
    cop_term result = COP_NONE, reason;
    cop_pid pid = { 0, 0 };

    if (cop__simulated)
        return cop__start_here(spec, arg);
    options.spawn.proc_lib = true;
    options.spawn.initial_call = cop_atom_text(spec->code->module).data;
    arg = cop("{Code, Name, Parent, Arg}", cop_uint(spec->code->index),
        spec->name.index ? spec->name : cop_atom_new("undefined"), cop_self(), arg);
    if (cop_start_process(&result, &pid, NULL, stand_in_main, arg, &options) == COP_STARTED) {
        struct cop__start started = { .result = COP__START_OK, .pid = pid, .info = COP_NONE };

        (void)cop_match(result, "{ok, Info}", &started.info);
        return started;
    }
    if (cop_match(result, "ignore"))
        return (struct cop__start){ .result = COP__START_IGNORE };
    if (!cop_match(result, "{error, Reason}", &reason))
        reason = result;
    return (struct cop__start){ .result = COP__START_ERROR, .reason = reason };
}
