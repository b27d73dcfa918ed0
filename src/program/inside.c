/* SPDX-License-Identifier: Apache-2.0 */
/* The operating-system process of an isolated child, from its fork on. Layer 8.
 *
 * It is a runtime with one connection, to the node that it is a part of. Its first process stands
 * where the supervisor would: it starts the child, is its parent, and passes on what the parent and
 * others that are linked to the child have to say. */
#include "program/part.h"

#include <coppice/log.h>
#include <coppice/runtime.h>

#include <stdio.h>
#include <string.h>

#include "dist/nodes.h"
#include "otp/supervisor_int.h"
#include "program/limits.h"
#include "proc/proc.h"
#include "term/atoms.h"
#include "term/node.h"

enum { PROCESSES_MAX = 1 << 16 };

struct inside {
    const struct cop__zygote_request *request;
    int connection;
    cop_pid stand_in, child;
    cop_ref down; /* of the connection */
    cop_term key; /* kept */
};

static void say(const struct inside *inside, const char *what, cop_term a, cop_term b, cop_term c)
{
    cop_send(
        inside->stand_in, cop("{Key, What, A, B, C}", inside->key, cop_atom_new(what), a, b, c));
}

/* --- Reports
 * -------------------------------------------------------------------------------------- They go to
 * the first process, which may wait for room where the one that reports may not. */

static void log_handler(const cop_log_event *event, void *arg)
{
    cop_term what = event->text ? cop_text(event->text) : event->report;
    cop_pid first;

    (void)arg;
    if (cop_whereis(&first, cop_atom_new(COP__INSIDE_NAME)))
        cop_send(first,
            cop("{log, Level, What, Metadata}", (int64_t)event->level, what, event->metadata));
    else
        fputs(cop_log_format(event, false), stderr);
}

/* --- Start --------------------------------------------------------------------------------------
 */

static void open_connection(struct inside *inside)
{
    static const struct cop_start_options none;
    struct cop__peer *whole = cop__part_peer(COP__ATOM_nonode_at_nohost, COP__PEER_WHOLE);
    char name[COP__PART_NAME_MAX];
    cop_term result;
    cop_pid pid;

    cop__part_name(name, inside->request->place);
    cop__local_node_set(cop_atom_new(name).index, inside->request->creation);
    cop__store(cop__names_elsewhere, COP__ATOM_nonode_at_nohost);
    if (!whole ||
        cop_start_process(&result, &pid, NULL, cop__joined_main,
            cop("{Peer, 0, Fd}", cop_uint(whole->index), inside->connection), &none) != COP_STARTED)
        cop_halt(1);
    inside->down = cop_monitor(pid);
}

/* Such a child as its specification would make, but here. */
static bool child_of(cop_child *ret_child, cop_term code)
{
    uint64_t at[4];
    cop_term terms[4];
    int64_t kind;

    if (!cop_match(code, "{Kind, Object, Process, Start, Context}", &kind, &terms[0], &terms[1],
            &terms[2], &terms[3]))
        return false;
    for (int i = 0; i < 4; i++)
        if (!cop_to_uint(&at[i], terms[i]))
            return false;
    *ret_child = (cop_child){ .process = (cop_process_main *)(uintptr_t)at[1],
        .start = (cop_child_start(*)(cop_term, const void *))(uintptr_t)at[2],
        .context = (const void *)(uintptr_t)at[3] };
    if (kind == COP__ENTRY_GEN_SERVER)
        ret_child->gen_server = (const cop_gen_server *)(uintptr_t)at[0];
    else if (kind == COP__ENTRY_SUPERVISOR)
        ret_child->supervisor = (const cop_supervisor *)(uintptr_t)at[0];
    return true;
}

static void say_started(struct inside *inside, const struct cop__start *started)
{
    switch (started->result) {
    case COP__START_OK:
        inside->child = started->pid;
        say(inside, "started", cop_uint(started->pid.id),
            cop_is_none(started->info) ? cop_nil() : cop("{ok, Info}", started->info), cop_nil());
        return;
    case COP__START_IGNORE:
        say(inside, "ignore", cop_nil(), cop_nil(), cop_nil());
        return;
    case COP__START_ERROR:
        say(inside, "failed", started->reason, cop_nil(), cop_nil());
        return;
    }
}

static void start(struct inside *inside, cop_term message)
{
    struct cop__start started;
    struct cop__spec spec = { .id = cop("isolated") };
    cop_term key, code, arg;
    cop_atom name, module;
    cop_child child;
    int64_t level;

    cop_must(cop_match(message, "{start, StandIn, Key, Code, Name, Module, Arg, Level}",
        &inside->stand_in, &key, &code, &name, &module, &arg, &level));
    cop_keep(&inside->key, key);
    cop_log_set_level((enum cop_log_level)level);
    cop_log_set_handler(log_handler, NULL);
    cop_must(child_of(&child, code));
    spec.code = cop__entry_of_child(&child, module);
    if (name.index != COP__ATOM_undefined)
        spec.name = name;
    cop__part_shows(cop_self().id, inside->stand_in);
    started = cop__start_one(&spec, cop_cons(arg, cop_nil()));
    say_started(inside, &started);
}

/* --- Then ---------------------------------------------------------------------------------------
 */

static void pass_on_exit(const struct inside *inside, cop_term from, cop_term reason)
{
    struct cop__thr *self;

    if (cop_match(from, "parent")) {
        cop_exit_signal(inside->child, reason);
        return;
    }
    self = (struct cop__thr *)cop__enter();
    cop__exit_as(self, inside->child.id, from, reason);
    cop__leave();
}

static void handle(struct inside *inside, cop_term message)
{
    cop_term from, reason, what, metadata, level;

    if (cop_match(message, "{start, _, _, _, _, _, _, _}"))
        start(inside, message);
    else if (cop_match(message, "{Key, exit, From, Reason}", inside->key, &from, &reason))
        pass_on_exit(inside, from, reason);
    else if (cop_match(message, "{log, Level, What, Metadata}", &level, &what, &metadata))
        say(inside, "log", level, what, metadata);
    else if (cop_match(message, "{'DOWN', Ref, process, _, _}", inside->down))
        cop_halt(0); /* the node is gone, or has given this up */
    else if (inside->child.id &&
             cop_match(message, "{'EXIT', Child, Reason}", inside->child, &reason)) {
        fflush(NULL);
        say(inside, "ended", reason, cop_nil(), cop_nil());
    }
}

static int inside_main(int argc, char **argv)
{
    struct inside *inside = (struct inside *)(void *)argv;

    (void)argc;
    cop_trap_exit(true);
    cop_must(cop_register(COP__INSIDE_NAME, cop_self()) == 0);
    inside->key = cop_nil();
    open_connection(inside);
    if (cop__limit_now(&inside->request->limits) < 0)
        cop_halt(1);
    for (;; cop_turn_end())
        handle(inside, cop_receive());
}

int cop__inside_run(const struct cop__zygote_request *request, int connection)
{
    struct inside inside = { .request = request, .connection = connection };
    const struct cop_options options = {
        .schedulers = request->limits.schedulers > 0 ? request->limits.schedulers : 1,
        .processes_max = PROCESSES_MAX,
    };

    if (cop__limit_early(&request->limits) < 0)
        return 1;
    return cop_run_main_with(inside_main, 0, (char **)(void *)&inside, &options);
}
