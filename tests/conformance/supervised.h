/* SPDX-License-Identifier: Apache-2.0 */
/* Children that tell, for the tests of supervisors and applications. A child named by one letter
 * sends its start (+a) and its ordered stop (-a) to the process registered as tester; TRACE
 * compares what came. Reports come to it as {log, Level, Report}. */
#ifndef COP_CONFORMANCE_SUPERVISED_H
#define COP_CONFORMANCE_SUPERVISED_H

#include "conformance/node.h"

#include <coppice/log.h>
#include <stdatomic.h>

enum { OKAY, FAILS, IGNORES, EXITS, ERRS, THROWS, BAD, INFO, REFUSES };
static _Atomic int mode_of[256];  /* what the start of this child does next */
static _Atomic int times_of[256]; /* how often; 0: for ever */

static inline void tell(const char *what, const char *name)
{
    cop_pid tester;

    if (cop_whereis(&tester, "tester"))
        cop_send(tester, cop("{trace, What, Name}", cop_atom_new(what), cop_atom_new(name)));
}

static inline void child_main(cop_term arg)
{
    cop_pid parent = { 0, 0 }, from;
    cop_atom name;
    cop_term reason;

    cop_must(cop_match(arg, "{Parent, Name}", &parent, &name));
    cop_trap_exit(true);
    cop_send(parent, cop("{Self, ready}", cop_self()));
    for (;;) {
        cop_term m = cop_receive();

        if (cop_match(m, "{exit, Reason}", &reason))
            cop_exit(reason);
        if (cop_match(m, "{unlink, From}", &from)) {
            cop_unlink(parent);
            cop_send(from, cop("unlinked"));
        }
        if (cop_match(m, "{'EXIT', Parent, Reason}", parent, &reason)) {
            if (atomic_load(&mode_of[(unsigned char)cop_atom_text(name).data[0]]) == REFUSES)
                continue;
            tell("-", cop_atom_text(name).data);
            cop_exit(reason);
        }
    }
}

static inline cop_child_start child_start(cop_term arg, const void *context)
{
    const char *name = context;
    unsigned char letter = (unsigned char)name[0];
    int mode = atomic_load(&mode_of[letter]);
    cop_child_start said = { .result = COP_CHILD_OK };

    if (mode != OKAY && atomic_load(&times_of[letter]) > 0 &&
        atomic_fetch_sub(&times_of[letter], 1) == 1)
        atomic_store(&mode_of[letter], OKAY);
    tell("+", name);
    switch (mode) {
    case FAILS:
        said.result = COP_CHILD_ERROR;
        said.info = cop("failed");
        return said;
    case IGNORES:
        said.result = COP_CHILD_IGNORE;
        return said;
    case EXITS:
        cop_exit(cop("exited"));
    case ERRS:
        cop_error(cop("erred"));
    case THROWS:
        cop_throw(cop("thrown"));
    case BAD:
        return said;
    default:
        break;
    }
    said.pid = cop_spawn_link(child_main, cop("{Parent, Name}", cop_self(), cop_atom_new(name)));
    (void)cop_receive_match("{Pid, ready}", said.pid);
    if (mode == INFO)
        said.info = arg;
    return said;
}

#define CHILD(NAME, ...)                                                 \
    {                                                                    \
        .name = NAME, .start = child_start, .context = NAME, __VA_ARGS__ \
    }

static inline void set_mode(const char *name, int mode, int times)
{
    atomic_store(&mode_of[(unsigned char)name[0]], mode);
    atomic_store(&times_of[(unsigned char)name[0]], times);
}

static inline void on_log(const cop_log_event *event, void *arg)
{
    cop_pid tester;

    (void)arg;
    if (cop_in_process() && cop_whereis(&tester, "tester"))
        cop_send(tester, cop("{log, Level, Report, Metadata}", (int)event->level,
                             cop_is_none(event->report) ? cop_text(event->text) : event->report,
                             cop_is_none(event->metadata) ? cop("none") : event->metadata));
}

/* At the head of each test: we are the tester, a trapping process, and see reports up to level. */
static inline void be_tester(enum cop_log_level level)
{
    for (int i = 0; i < 256; i++)
        set_mode((char[]){ (char)i, 0 }, OKAY, 0);
    cop_register("tester", cop_self());
    cop_trap_exit(true);
    cop_log_set_handler(on_log, NULL);
    cop_log_set_level(level);
}

/* The next starts and stops, as many as wanted has, as text: "+a+b-a". */
static inline const char *trace(const char *wanted)
{
    static char text[4096];
    cop_atom what, name;

    text[0] = 0;
    for (size_t got = 0; got < strlen(wanted);) {
        if (!cop_receive_match_within(5000, "{trace, What, Name}", &what, &name))
            break;
        got = strlen(text);
        snprintf(text + got, sizeof(text) - got, "%s%s", cop_atom_text(what).data,
            cop_atom_text(name).data);
        got = strlen(text);
    }
    return text;
}
#define TRACE(TEXT) CHECK_EQ_STR(trace(TEXT), TEXT)

static inline cop_term atom(const char *name)
{
    return cop_from_atom(cop_atom_new(name));
}

static inline cop_pid start_tree(const cop_supervisor *tree)
{
    cop_pid sup = { 0, 0 };
    cop_term error = COP_NONE;

    CHECK_EQ_INT(cop_supervisor_start_link(&sup, tree, &error), 0);
    if (!cop_is_none(error))
        fprintf(stderr, "  it is %s\n", cop_show(error));
    return sup;
}

static inline cop_term start_error(const cop_supervisor *tree)
{
    cop_pid sup = { 0, 0 };
    cop_term error = COP_NONE;

    CHECK(cop_supervisor_start_link(&sup, tree, &error) < 0);
    return error;
}

/* What which_children shows of a child: a pid, undefined, restarting; or gone. */
static inline cop_term child_of(cop_pid sup, const char *id)
{
    cop_term child;

    return cop_match(cop_supervisor_which_child(cop_dest(sup), atom(id)), "{ok, {_, Child, _, _}}",
               &child)
               ? child
               : cop("gone");
}

static inline cop_pid pid_of(cop_pid sup, const char *id)
{
    cop_pid pid = { 0, 0 };

    CHECK(cop_to_pid(&pid, child_of(sup, id)));
    return pid;
}

/* Let a child end and wait until it has. */
static inline void crash(cop_pid pid, cop_term reason)
{
    cop_ref ref = cop_monitor(pid);

    cop_send(pid, cop("{exit, Reason}", reason));
    EXPECT("{'DOWN', Ref, process, _, _}", ref);
}

static inline void crash_child(cop_pid sup, const char *id, cop_term reason)
{
    crash(pid_of(sup, id), reason);
}

/* How a supervisor ended, by its exit signal. */
static inline cop_term end_of(cop_pid sup)
{
    cop_term reason = COP_NONE;

    EXPECT("{'EXIT', Sup, Reason}", sup, &reason);
    return reason;
}

#endif
