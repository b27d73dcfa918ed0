/* SPDX-License-Identifier: Apache-2.0 */
/* cop_run: a program that is one tree. Layer 8. The first process starts the tree, and turns
 * SIGTERM, SIGINT and cop_stop_node into the end of it. */
#include "otp/application_int.h"
#include "program/heart.h"
#include "program/stand_in.h"

#include <coppice/runtime.h>
#include <signal.h>
#include <stdio.h>

enum { STATUS_FAILED = 1, STATUS_INTERRUPTED = 128 + SIGINT };

struct run {
    const cop_supervisor *tree;
    cop_pid top;
    bool stopping;
    bool interrupted;
    int64_t drain_ms;
    int status; /* of the program, after an orderly stop */
};

static void begin_stop(struct run *run, int status)
{
    if (run->stopping)
        return;
    run->stopping = true;
    cop__node_stop(status);
}

static void on_signal(struct run *run, cop_atom name)
{
    bool interrupt = cop_match(cop_from_atom(name), "sigint");

    if (interrupt && run->interrupted) {
        fprintf(stderr, "coppice: interrupted again: stopping at once\n");
        cop_halt(STATUS_INTERRUPTED);
    }
    run->interrupted = run->interrupted || interrupt;
    if (!run->stopping)
        cop_log(COP_LOG_NOTICE, "%s received: stopping%s", interrupt ? "SIGINT" : "SIGTERM",
            interrupt ? "; once more stops at once" : "");
    begin_stop(run, 0);
}

/* The tree has ended. To end with shutdown is what a tree does that was told to, or that shuts
 * itself down when its significant children are done; one that gave up ends so too. */
static int status_of(struct run *run, cop_term reason)
{
    if (cop__supervisor_root_gave_up())
        return STATUS_FAILED;
    if (cop__is_expected(reason))
        return run->stopping ? run->status : 0;
    cop_log(COP_LOG_ERROR, "the tree ended: %s", cop_show(reason));
    return STATUS_FAILED;
}

static int serve(struct run *run)
{
    for (;; cop_turn_end()) {
        cop_term message = cop_receive(), reason;
        cop_atom name;

        if (cop_match(message, "{signal, Name}", &name)) {
            on_signal(run, name);
        } else if (cop_match(message, "{stop_tree, Status}", &run->status)) {
            run->stopping = true;
            cop_exit_signal(run->top, cop("shutdown"));
        } else if (cop_match(message, "{'EXIT', Top, Reason}", run->top, &reason)) {
            return status_of(run, reason);
        }
    }
}

/* The first process; argv is no argument vector but the struct run of cop_run_with. */
static int run_main(int argc, char **argv)
{
    struct run *run = (struct run *)(void *)argv;
    const cop_supervisor *tree = run->tree;
    cop_term error = COP_NONE;

    (void)argc;
    cop_trap_exit(true);
    (void)cop__supervisor_root_gave_up();
    cop__node_stop_runner(cop_self());
    cop__node_stop_drain(run->drain_ms);
    cop__node_stop_prepare();
    cop_must(cop_os_signal(SIGTERM, cop_self()));
    cop_must(cop_os_signal(SIGINT, cop_self()));
    cop__heart_start();
    if (cop__supervisor_start(&run->top, tree,
            tree->name ? cop_atom_new(tree->name) : (cop_atom){ 0 }, cop_nil(), true, &error) < 0) {
        cop_log(COP_LOG_ERROR, "the tree did not start: %s",
            cop_is_none(error) ? "ignore" : cop_show(error));
        return STATUS_FAILED;
    }
    return serve(run);
}

/* As far as it can be seen without running anything. */
static bool isolates(const cop_supervisor *tree)
{
    for (const cop_child *child = tree->children; child && !cop__child_is_end(child); child++)
        if (child->isolate || (child->supervisor && isolates(child->supervisor)))
            return true;
    return false;
}

int cop_run_with(const cop_supervisor *tree, const struct cop_options *options)
{
    struct run run = { .tree = tree, .drain_ms = options ? options->drain_ms : 0 };
    int error = isolates(tree) ? cop_isolate_prepare() : 0, status;

    if (error < 0)
        fprintf(stderr, "coppice: no process for isolated children can be forked: %s\n",
            cop_error_name(error));
    status = cop_run_main_with(run_main, 0, (char **)(void *)&run, options);
    cop__node_stop_runner((cop_pid){ 0, 0 });
    cop__isolate_end();
    return status;
}

int cop_run(const cop_supervisor *tree)
{
    return cop_run_with(tree, NULL);
}
