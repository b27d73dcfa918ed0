/* SPDX-License-Identifier: Apache-2.0 */
/* supervisor: a tree that is a constant in C and reads like the tree. Clauses SUP-01 to SUP-95.
 *
 * A supervisor starts its children in order, starts again those that end when they should not, and
 * stops them in reverse order when it ends itself. When children end too often it ends too, and
 * leaves the matter to its own supervisor.
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
#include <coppice/isolate.h>

COP_BEGIN_DECLS

enum cop_strategy { COP_ONE_FOR_ONE, COP_ONE_FOR_ALL, COP_REST_FOR_ONE, COP_SIMPLE_ONE_FOR_ONE };
enum cop_restart { COP_PERMANENT, COP_TRANSIENT, COP_TEMPORARY };
enum cop_auto_shutdown { COP_NEVER, COP_ANY_SIGNIFICANT, COP_ALL_SIGNIFICANT };
#define COP_BRUTAL_KILL (-2)

/* What a start function says: {ok, Pid}, {ok, Pid, Info}, ignore, {error, Reason}; exits are
 * errors. */
typedef struct {
    enum { COP_CHILD_OK, COP_CHILD_IGNORE, COP_CHILD_ERROR } result;
    cop_pid pid;
    cop_term info; /* or the reason */
} cop_child_start;

/* What a start function says, of what a cop_..._start_link returned to it: its error, the pid it
 * gave, and the reason, which may be none.
 *
 * Returns  -ECANCELED as ignore, other errors with the reason, 0 with the pid.
 * Parks    no.
 * Context  any process.
 * OTP      the value of a child's start function. Clause SUP-17.
 */
COP_API cop_child_start cop_child_started(int error, cop_pid pid, cop_term reason);

typedef struct cop_supervisor cop_supervisor;
typedef struct cop_child {
    const char *name; /* id, and registered name of .gen_server, .supervisor and .process */
    cop_term id;      /* in place of name: any term; a constant tree uses name */
    /* one of these four says what is started */
    const cop_gen_server *gen_server;
    const cop_supervisor *supervisor;
    cop_process_main *process; /* a plain linked process; started as soon as it is spawned */
    cop_child_start (*start)(
        cop_term arg, const void *context); /* runs in the supervisor and links */
    const void *context;                    /* for start */
    const char *arg;                        /* the start argument as Erlang text; NULL: [] */
    cop_term arg_term;                      /* in place of arg */
    enum cop_restart restart;
    int64_t shutdown_ms; /* 0: 5000, a supervisor's infinity. COP_BRUTAL_KILL, COP_INFINITY,
                            COP_AT_ONCE: asked with shutdown, killed when it is not gone then */
    bool significant;
    bool anonymous;           /* name is only the id; nothing is registered */
    bool type_supervisor;     /* for start: type => supervisor */
    bool isolate;             /* in an operating-system process of its own: coppice/isolate.h */
    struct cop_limits limits; /* of that process */
    bool is_set;              /* COP_CHILDREN's end marker has none of the above */
} cop_child;

#define COP_CHILDREN(...) \
    (const cop_child[])   \
    {                     \
        __VA_ARGS__       \
        {                 \
            .name = 0     \
        }                 \
    }

/* How long to wait before a restart; OTP does not wait. The first time min_ms, then factor times as
 * long each time, at most max_ms, less a random part of up to jitter of it. A child that has run
 * for reset_after_ms begins anew. Every restart still counts for the intensity. */
struct cop_backoff {
    int64_t min_ms;         /* 0: no waiting */
    int64_t max_ms;         /* 0: 10 times min_ms */
    double factor;          /* 0: 2 */
    double jitter;          /* 0 to 1 */
    int64_t reset_after_ms; /* 0: 10 times max_ms */
};

/* A supervisor, and what it points to, must live as long as the process made of it, and any that
 * restarts it: a static const. */
struct cop_supervisor {
    const char *name; /* registered name, or NULL */
    enum cop_strategy strategy;
    int intensity; /* 0: 1. COP_NO_RESTARTS: 0 */
    int period_s;  /* 0: 5 */
    enum cop_auto_shutdown auto_shutdown;
    const cop_child *children;  /* COP_CHILDREN(...) */
    struct cop_backoff backoff; /* between restarts; left out: none, as OTP */
    /* To compute flags and children at each start: *flags is a copy of this struct, to be changed;
     * *children is NULL, or becomes an array as of COP_CHILDREN (of cop_alloc, say), which is
     * copied. false: ignore. Runs in the supervisor. */
    bool (*init)(cop_supervisor *flags, cop_child **children, cop_term arg);
};
#define COP_NO_RESTARTS (-1)

/* Start a supervisor and all its children, linked to the caller.
 *
 * Returns  0 and *ret_pid, when all children are up; -ECANCELED when its init said false;
 * -COP_EALREADY with {already_started, Pid} when the name is taken; -COP_EEXIT with the reason, for
 * example {shutdown, {failed_to_start_child, Id, Reason}}, {supervisor_data, _} or {start_spec, _}.
 *          *ret_error (may be NULL) lives until the end of the turn.
 * Exits    a caller that does not trap exits, when the start fails.
 * Parks    until the last child is up.
 * Context  any process.
 * OTP      supervisor:start_link/2. Clauses SUP-01 to SUP-21.
 */
COP_API int cop_supervisor_start_link(
    cop_pid *ret_pid, const cop_supervisor *supervisor, cop_term *ret_error);

/* The same under a name of its own, and with an argument for init.
 *
 * Returns  as cop_supervisor_start_link. name NULL: that of the struct; arg none: [].
 * Exits    as cop_supervisor_start_link.
 * Parks    until the last child is up.
 * Context  any process.
 * OTP      supervisor:start_link/3. Clauses SUP-01 to SUP-21.
 */
COP_API int cop_supervisor_start_link_as(cop_pid *ret_pid, const cop_supervisor *supervisor,
    const char *name, cop_term arg, cop_term *ret_error);

/* --- Requests ------------------------------------------------------------------------------------
 * All wait for ever, and while the supervisor is busy starting or stopping a child; all exit the
 * caller with {Reason, {gen_server, call, _}} when there is no such supervisor or it ends. Never
 * from a child's own start function: it is what the supervisor waits for. ret_pid and ret_error may
 * be NULL. */

/* Add a child and start it; it is the last in start order. What child points to is copied, but for
 * code: the gen_server, supervisor, function and context must live on.
 *
 * Returns  0 and *ret_pid (id 0 when it said ignore); -COP_EALREADY with {already_started, Pid} or
 *          already_present; -COP_EBADARG when the specification is wrong; -COP_EEXIT when it
 *          did not start, with {Reason, Child}, of which only Reason is to be matched.
 * Exits    the caller, when the supervisor is not there or ends.
 * Parks    until the child is up.
 * Context  any process.
 * OTP      supervisor:start_child/2. Clauses SUP-60 to SUP-63.
 */
COP_API int cop_supervisor_start_child_spec(
    cop_pid *ret_pid, cop_dest supervisor, const cop_child *child, cop_term *ret_error);

/* simple_one_for_one: start one more child. Its start argument is [TemplateArg, Arg], or arg alone
 * when the template has none.
 *
 * Returns  0 and *ret_pid (id 0 when it said ignore); -COP_EEXIT with the reason.
 * Exits    the caller, when the supervisor is not there or ends.
 * Parks    until the child is up.
 * Context  any process.
 * OTP      supervisor:start_child/2 with [Arg]. Clauses SUP-80, SUP-82.
 */
COP_API int cop_supervisor_start_child_arg(
    cop_pid *ret_pid, cop_dest supervisor, cop_term arg, cop_term *ret_error);
#ifndef __cplusplus
/* The same with any C value that cop_lift takes as the argument. */
#define cop_supervisor_start_child(RET_PID, SUPERVISOR, ARG) \
    cop_supervisor_start_child_arg((RET_PID), cop_dest(SUPERVISOR), cop_lift(ARG), 0)
#endif

/* Stop a child; its specification stays, unless it is temporary.
 *
 * Returns  0, also when it was not running; -COP_ENOTFOUND; -COP_EBADARG under
 *          simple_one_for_one when id is no pid and should be one.
 * Exits    the caller, when the supervisor is not there or ends.
 * Parks    until the child is gone.
 * Context  any process but the child.
 * OTP      supervisor:terminate_child/2. Clauses SUP-64, SUP-76, SUP-83.
 */
COP_API int cop_supervisor_terminate_child(cop_dest supervisor, cop_term id, cop_term *ret_error);

/* Start a child that was stopped, or has ended and was not restarted.
 *
 * Returns  0 and *ret_pid (id 0 when it said ignore); -EBUSY with running or restarting;
 *          -COP_ENOTFOUND; -COP_EEXIT with the reason, the specification stays; -COP_EBADARG under
 *          simple_one_for_one.
 * Exits    the caller, when the supervisor is not there or ends.
 * Parks    until the child is up.
 * Context  any process.
 * OTP      supervisor:restart_child/2. Clauses SUP-65, SUP-84.
 */
COP_API int cop_supervisor_restart_child(
    cop_pid *ret_pid, cop_dest supervisor, cop_term id, cop_term *ret_error);

/* Remove the specification of a child that does not run.
 *
 * Returns  0; -EBUSY with running or restarting; -COP_ENOTFOUND; -COP_EBADARG under
 *          simple_one_for_one.
 * Exits    the caller, when the supervisor is not there or ends.
 * Parks    for the reply.
 * Context  any process.
 * OTP      supervisor:delete_child/2. Clauses SUP-66, SUP-84.
 */
COP_API int cop_supervisor_delete_child(cop_dest supervisor, cop_term id, cop_term *ret_error);

/* All children.
 *
 * Returns  a list of {Id, Child, Type, Modules}, newest first; Child is a pid, undefined or
 *          restarting. It lives until the end of the turn.
 * Exits    the caller, when the supervisor is not there or ends.
 * Parks    for the reply.
 * Context  any process.
 * OTP      supervisor:which_children/1. Clauses SUP-67, SUP-81.
 */
COP_API cop_term cop_supervisor_which_children(cop_dest supervisor);

/* One child, by id, or by pid under simple_one_for_one.
 *
 * Returns  {ok, {Id, Child, Type, Modules}} or {error, not_found}, until the end of the turn.
 * Exits    the caller, when the supervisor is not there or ends.
 * Parks    for the reply.
 * Context  any process.
 * OTP      supervisor:which_child/2. Clause SUP-69.
 */
COP_API cop_term cop_supervisor_which_child(cop_dest supervisor, cop_term id);

/* How many children there are.
 *
 * Returns  [{specs, N}, {active, N}, {supervisors, N}, {workers, N}], until the end of the turn.
 * Exits    the caller, when the supervisor is not there or ends.
 * Parks    for the reply.
 * Context  any process.
 * OTP      supervisor:count_children/1. Clauses SUP-68, SUP-81.
 */
COP_API cop_term cop_supervisor_count_children(cop_dest supervisor);

/* The specification of a child, by id, or also by pid under simple_one_for_one.
 *
 * Returns  {ok, Map} with all seven keys, or {error, not_found}, until the end of the turn. start
 * is {Module, start_link, [Arg]}: the module is that of the gen_server, else the child's name.
 * Exits    the caller, when the supervisor is not there or ends.
 * Parks    for the reply.
 * Context  any process.
 * OTP      supervisor:get_childspec/2. Clauses SUP-14, SUP-72, SUP-89.
 */
COP_API cop_term cop_supervisor_get_childspec(cop_dest supervisor, cop_term id);

/* Would a supervisor with this auto_shutdown take these children?
 *
 * Returns  0; -COP_EBADARG with the error of SUP-10, until the end of the turn.
 * Parks    no.
 * Context  any process.
 * OTP      supervisor:check_childspecs/2. Clause SUP-13.
 */
COP_API int cop_supervisor_check_childspecs(
    const cop_child *children, enum cop_auto_shutdown auto_shutdown, cop_term *ret_error);

/* The same of a list of specifications in Erlang's form: maps or 6-tuples. A start {M, F, Args} can
 * only name what some supervisor of this node lists as a child: M is its module. auto_shutdown: an
 * atom, or none: not known.
 *
 * Returns  0; -COP_EBADARG with the error of SUP-10, or {badarg, X}, until the end of the turn.
 * Parks    no.
 * Context  any process.
 * OTP      supervisor:check_childspecs/1,2. Clause SUP-13.
 */
COP_API int cop_supervisor_check_childspec_terms(
    cop_term specs, cop_term auto_shutdown, cop_term *ret_error);

COP_END_DECLS

#endif
