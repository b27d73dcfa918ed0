/* SPDX-License-Identifier: Apache-2.0 */
/* supervisor: a tree that is a constant in C and reads like the tree. Clauses SUP-01 to SUP-95.
 *
 *   static const cop_supervisor kv = {
 *       .strategy = COP_REST_FOR_ONE,
 *       .children = COP_CHILDREN(
 *           { .name = "store", .gen_server = &store },
 *           { .name = "acceptor", .process = acceptor, .arg = "{port, 7000}" },
 *       ),
 *   };
 */
#ifndef COPPICE_SUPERVISOR_H
#define COPPICE_SUPERVISOR_H

#include <coppice/gen_server.h>

COP_BEGIN_DECLS

enum cop_strategy { COP_ONE_FOR_ONE, COP_ONE_FOR_ALL, COP_REST_FOR_ONE, COP_SIMPLE_ONE_FOR_ONE };
enum cop_restart { COP_PERMANENT, COP_TRANSIENT, COP_TEMPORARY };
enum cop_auto_shutdown { COP_NEVER, COP_ANY_SIGNIFICANT, COP_ALL_SIGNIFICANT };
#define COP_BRUTAL_KILL (-2)

/* What a start function says: {ok, Pid}, {ok, Pid, Info}, ignore, {error, Reason}; exits are errors. */
typedef struct {
    enum { COP_CHILD_OK, COP_CHILD_IGNORE, COP_CHILD_ERROR } result;
    cop_pid pid;
    cop_term info; /* or the reason */
} cop_child_start;

typedef struct cop_supervisor cop_supervisor;
typedef struct cop_child {
    const char *name;          /* id, and registered name of .gen_server, .supervisor and .process */
    cop_term id;               /* in place of name: any term; a constant tree uses name */
    /* one of these four says what is started */
    const cop_gen_server *gen_server;
    const cop_supervisor *supervisor;
    cop_process_main *process; /* a plain linked process; started as soon as it is spawned */
    cop_child_start (*start)(cop_term arg, const void *context); /* runs in the supervisor and links */
    const void *context;       /* for start */
    const char *arg;           /* the start argument as Erlang text; NULL: [] */
    cop_term arg_term;         /* in place of arg */
    enum cop_restart restart;
    int64_t shutdown_ms;       /* 0: 5000, a supervisor's infinity. COP_BRUTAL_KILL, COP_INFINITY */
    bool significant;
    bool anonymous;            /* name is only the id; nothing is registered */
    bool type_supervisor;      /* for start: type => supervisor */
    bool is_set;               /* COP_CHILDREN's end marker has none of the above */
} cop_child;

#define COP_CHILDREN(...) (const cop_child[]) { __VA_ARGS__ { .name = 0 } }

struct cop_supervisor {
    const char *name;
    enum cop_strategy strategy;
    int intensity;             /* 0: 1. COP_NO_RESTARTS: 0 */
    int period_s;              /* 0: 5 */
    enum cop_auto_shutdown auto_shutdown;
    const cop_child *children; /* COP_CHILDREN(...) */
    /* In place of children, or to change them: {ok, {Flags, Specs}} computed at start. false: ignore */
    bool (*init)(cop_supervisor *flags, cop_child **children, cop_term arg);
};
#define COP_NO_RESTARTS (-1)

COP_API int cop_supervisor_start_link(cop_pid *ret_pid, const cop_supervisor *supervisor, cop_term *ret_error);
COP_API int cop_supervisor_start_link_as(cop_pid *ret_pid, const cop_supervisor *supervisor, const char *name,
    cop_term arg, cop_term *ret_error);
/* ret_error may be NULL in all of these; codes: 0, -COP_EALREADY, -COP_ENOTFOUND, -EBUSY (running,
 * restarting), -COP_EBADARG, -COP_EEXIT; *ret_error is Erlang's Reason. */
COP_API int cop_supervisor_start_child_spec(cop_pid *ret_pid, cop_dest supervisor, const cop_child *child,
    cop_term *ret_error);
/* simple_one_for_one: arg is appended; the child's start argument is [Arg | ExtraArgs] or extra alone
 * when the template has no arg. */
COP_API int cop_supervisor_start_child_arg(cop_pid *ret_pid, cop_dest supervisor, cop_term arg, cop_term *ret_error);
#ifndef __cplusplus
#define cop_supervisor_start_child(RET_PID, SUPERVISOR, ARG)                                       \
    cop_supervisor_start_child_arg((RET_PID), cop_dest(SUPERVISOR), cop_lift(ARG), 0)
#endif
COP_API int cop_supervisor_terminate_child(cop_dest supervisor, cop_term id, cop_term *ret_error);
COP_API int cop_supervisor_restart_child(cop_pid *ret_pid, cop_dest supervisor, cop_term id, cop_term *ret_error);
COP_API int cop_supervisor_delete_child(cop_dest supervisor, cop_term id, cop_term *ret_error);
COP_API cop_term cop_supervisor_which_children(cop_dest supervisor);
COP_API cop_term cop_supervisor_which_child(cop_dest supervisor, cop_term id);
COP_API cop_term cop_supervisor_count_children(cop_dest supervisor);
COP_API cop_term cop_supervisor_get_childspec(cop_dest supervisor, cop_term id);
COP_API int cop_supervisor_check_childspecs(const cop_child *children, enum cop_auto_shutdown auto_shutdown,
    cop_term *ret_error);

/* The same of a list of Erlang's specifications. auto_shutdown: an atom, or none: not known. */
COP_API int cop_supervisor_check_childspec_terms(cop_term specs, cop_term auto_shutdown, cop_term *ret_error);

COP_END_DECLS

#endif
