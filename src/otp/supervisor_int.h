/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the supervisor share. Layer 5; it stands on public headers only.
 *
 * One supervisor is a gen_server whose state is struct cop__sup. Its children are a list in start
 * order with two hash indexes; what a child is started from is its specification (cop__spec), what
 * runs is the child (cop__child). Under simple_one_for_one all children share one specification.
 *
 *   SUP-A  A pid is in the pid index exactly while its child is RUNNING, or, under
 *          simple_one_for_one, RESTARTING (then it is the pid of the one that died).
 *   SUP-B  A child of simple_one_for_one is never UNDEFINED: it is removed instead.
 *   SUP-C  Terms in these structs are kept (cop_keep); all others die with the turn. */
#ifndef COP_OTP_SUPERVISOR_INT_H
#define COP_OTP_SUPERVISOR_INT_H

#include <coppice/application.h>
#include <coppice/log.h>
#include <coppice/supervisor.h>

#include "otp/start_code.h"

/* --- Specifications (child_spec.c, child_spec_term.c) ----------------------------------------- */

struct cop__spec {
    cop_term id; /* the atom undefined in a simple_one_for_one template without one */
    const struct cop__entry *code;
    cop_term modules; /* none: [module] */
    cop_atom name;    /* registered as; index 0: nothing */
    enum cop_restart restart;
    int64_t shutdown_ms; /* COP_INFINITY, COP_BRUTAL_KILL, or milliseconds, also 0 */
    bool supervisor, significant;
};

/* Against what a specification is checked. */
struct cop__spec_rules {
    enum cop_auto_shutdown auto_shutdown;
    bool any_auto_shutdown; /* it is not known: SUP-13 without the second argument */
    bool simple;            /* the template of simple_one_for_one: an id is not asked for */
};

bool cop__child_is_end(const cop_child *child);
cop_atom cop__child_module(const cop_child *child);
/* Terms in *ret_spec and *ret_args live for the turn. false: *ret_error says why (SUP-10). */
bool cop__spec_from_struct(struct cop__spec *ret_spec, cop_term *ret_args, const cop_child *child,
    const struct cop__spec_rules *rules, cop_term *ret_error);
bool cop__spec_from_term(struct cop__spec *ret_spec, cop_term *ret_args, cop_term spec,
    const struct cop__spec_rules *rules, cop_term *ret_error);
/* A specification in C as the map that OTP would have been given. */
bool cop__spec_struct_to_map(
    cop_term *ret_map, const cop_child *child, bool simple, cop_term *ret_error);
/* How each field reads in Erlang; args none: not kept, {M, F, undefined}. */
cop_term cop__spec_to_map(const struct cop__spec *spec, cop_term args);
cop_term cop__spec_mfargs(const struct cop__spec *spec, cop_term args);
cop_term cop__spec_restart(const struct cop__spec *spec);
cop_term cop__spec_shutdown(const struct cop__spec *spec);
cop_term cop__spec_type(const struct cop__spec *spec);
cop_term cop__spec_modules(const struct cop__spec *spec);
struct cop__spec *cop__spec_keep(const struct cop__spec *spec); /* a copy in process memory */
void cop__spec_free(struct cop__spec *spec);

/* --- Children (child_table.c) ------------------------------------------------------------------
 */

enum cop__child_state { COP__CHILD_UNDEFINED, COP__CHILD_RUNNING, COP__CHILD_RESTARTING };

struct cop__child {
    struct cop__spec *spec; /* its own, or the template's */
    cop_term args;          /* kept list; none: not kept (SUP-72) */
    cop_pid pid;            /* RUNNING; RESTARTING: who died, id 0 when nobody did */
    enum cop__child_state state;
    bool pid_indexed;
    uint64_t id_hash;
    struct cop__child *next, *previous;    /* start order */
    struct cop__child *pid_next, *id_next; /* in the bucket */
    uint32_t attempts, serial;             /* of delayed restarts (backoff.c) */
    int64_t running_since_ms;              /* the last of these */
};

struct cop__children {
    struct cop__child *first, *last;
    size_t count;      /* of all */
    size_t restarting; /* of those, RESTARTING */
    struct cop__child **by_pid, **by_id;
    size_t pid_buckets, id_buckets; /* powers of two, or 0 */
    size_t pid_count, id_count;
    bool simple;    /* the id is no key, and the spec is shared */
    bool own_specs; /* simple, but each has its own */
};

/* Takes spec over, unless it is the shared template. */
struct cop__child *cop__children_add(
    struct cop__children *children, struct cop__spec *spec, cop_term args);
void cop__children_remove(struct cop__children *children, struct cop__child *child);
struct cop__child *cop__children_by_pid(const struct cop__children *children, cop_pid pid);
struct cop__child *cop__children_by_id(const struct cop__children *children, cop_term id);
void cop__children_move_last(struct cop__children *children, struct cop__child *child);
void cop__child_set_spec(struct cop__child *child, struct cop__spec *spec, cop_term args);
void cop__child_running(struct cop__children *children, struct cop__child *child, cop_pid pid);
void cop__child_undefined(struct cop__children *children, struct cop__child *child);
/* The pid stays, as that of who died, and under simple_one_for_one still finds the child. */
void cop__child_restarting(struct cop__children *children, struct cop__child *child);

/* --- Restart intensity (intensity.c) -----------------------------------------------------------
 */

/* Restarts of the last period, counted for each second in which there were any. */
struct cop__second {
    int64_t second;
    uint32_t restarts;
};

struct cop__intensity {
    uint32_t intensity;
    uint32_t period_s;
    uint32_t total;           /* restarts in all entries */
    struct cop__second *ring; /* oldest at head */
    uint32_t head, used, size;
};

/* Record a restart at now_s; false: it is one too many. SUP-47 */
bool cop__intensity_add(struct cop__intensity *intensity, int64_t now_s);

/* --- The supervisor ----------------------------------------------------------------------------
 */

struct cop__sup {
    const cop_supervisor *tree;
    cop_term arg;    /* kept: the start argument, for init */
    cop_atom name;   /* registered as; index 0: nothing */
    cop_atom module; /* how reports call it when it has no name */
    enum cop_strategy strategy;
    enum cop_auto_shutdown auto_shutdown;
    struct cop__intensity intensity;
    struct cop__children children;
    struct cop__spec *template_spec; /* simple_one_for_one */
    cop_term template_args;          /* kept list */
    bool root;                       /* the tree of cop_run */
    struct cop_backoff backoff;
};

/* supervisor.c. Start with exactly this registered name; index 0: none. */
int cop__supervisor_start(cop_pid *ret_pid, const cop_supervisor *tree, cop_atom name, cop_term arg,
    bool root, cop_term *ret_error);
bool cop__supervisor_root_gave_up(void);
void cop__supervisor_root_gives_up(void);

/* backoff.c */
bool cop__backoff_check(const struct cop_backoff *backoff, cop_term *ret_error);
void cop__backoff_take(struct cop__sup *sup, const struct cop_backoff *backoff);
bool cop__backs_off(const struct cop__sup *sup);
void cop__backoff_running(struct cop__child *child); /* a restart has succeeded */
void cop__backoff_crashed(struct cop__sup *sup, struct cop__child *child);
/* It is restarting, and a message will say when: cop__restart_after_delay. counts: it is an attempt
 * of its own. */
void cop__backoff_begin(struct cop__sup *sup, struct cop__child *child, bool counts);

/* supervisor_init.c */
bool cop__flags_check(const cop_supervisor *flags, cop_term *ret_error);
cop_step cop__supervisor_init(void *state, cop_term message);
cop_step cop__supervisor_code_change(void *state, cop_term message);

/* supervisor_start.c */
enum cop__start_result { COP__START_OK, COP__START_IGNORE, COP__START_ERROR };
struct cop__start {
    enum cop__start_result result;
    cop_pid pid;
    cop_term info; /* of {ok, Pid, Info}; none: {ok, Pid} */
    cop_term reason;
};
struct cop__start cop__start_one(const struct cop__spec *spec, cop_term args);
/* The running process, which is being started as a child, has this name, or fails to start. */
void cop__child_take_name(cop_atom name);
/* Without the process that .isolate asks for, in this one; arg is what the start function gets. */
struct cop__start cop__start_here(const struct cop__spec *spec, cop_term arg);
/* How a child with .isolate is started; NULL until cop_isolate_prepare. */
typedef struct cop__start cop__isolated_start(const struct cop__spec *spec, cop_term arg);
extern cop__isolated_start *cop__start_isolated;
cop_term cop__start_reply(const struct cop__start *started); /* what the start function said */
/* Start first and all after it, in order. false: *ret_failed could not be, for *ret_reason. */
bool cop__start_from(struct cop__sup *sup, struct cop__child *first, struct cop__child **ret_failed,
    cop_term *ret_reason);

/* supervisor_stop.c */
void cop__stop_one(struct cop__sup *sup, struct cop__child *child);
/* From the last back to first, without except; temporary ones are removed. For a group restart. */
void cop__stop_back_to(
    struct cop__sup *sup, const struct cop__child *first, const struct cop__child *except);
void cop__stop_all(struct cop__sup *sup); /* the supervisor ends, or never began */

/* supervisor_restart.c. Both: false when the supervisor must end with shutdown. */
bool cop__child_exited(struct cop__sup *sup, cop_pid pid, cop_term reason);
bool cop__retry_restart(struct cop__sup *sup, cop_term which);
/* The time has come; false as above. */
bool cop__restart_after_delay(struct cop__sup *sup, cop_term which, uint32_t serial, bool counts);

/* supervisor_calls.c */
cop_step cop__supervisor_call(void *state, cop_term request);
cop_term cop__which_children(struct cop__sup *sup);

/* supervisor_report.c */
cop_term cop__supervisor_name(const struct cop__sup *sup);
void cop__report_error(
    struct cop__sup *sup, const char *context, cop_term reason, const struct cop__child *child);
void cop__report_children(struct cop__sup *sup, cop_term reason, int64_t count);
void cop__report_progress(struct cop__sup *sup, const struct cop__child *child);

/* Is this an end that is no failure: normal, shutdown, {shutdown, _}? P-38 */
bool cop__is_expected(cop_term reason);

#endif
