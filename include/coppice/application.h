/* SPDX-License-Identifier: Apache-2.0 */
/* application: a named, startable and stoppable piece with dependencies, environment and a tree.
 * Clauses SUP-126 to SUP-141. */
#ifndef COPPICE_APPLICATION_H
#define COPPICE_APPLICATION_H

#include <coppice/supervisor.h>

COP_BEGIN_DECLS

enum cop_application_type { COP_APP_TEMPORARY, COP_APP_TRANSIENT, COP_APP_PERMANENT };

/* An application; a static const. Its functions run in its master, a process that is the parent of
 * the top supervisor and the group leader of all processes of the application. */
typedef struct cop_application {
    const char *name, *version, *description;
    const char *const *applications;          /* names it depends on, ends with NULL */
    const char *const *optional_applications; /* the same, but they may be absent; ends with NULL */
    const char *const *registered;            /* names it registers, for people; ends with NULL */
    const char *env;                          /* Erlang text: [{Key, Value}] */
    const cop_supervisor *supervisor;         /* the top of its tree; its argument is .args */
    /* In place of supervisor; neither: an application without processes. type is normal; info of
     * the result is the state that prep_stop and stop get, [] without. */
    cop_child_start (*start)(cop_term type, cop_term args);
    cop_term (*prep_stop)(cop_term state); /* before the tree stops; its result is the state */
    void (*stop)(cop_term state);          /* after the tree has stopped */
    const char *const *start_phases;       /* ends with NULL */
    bool (*start_phase)(const char *phase, cop_term type); /* false: the start fails */
    const char *args;                                      /* Erlang text; NULL: [] */
} cop_application;

/* Make an application known: its environment can be read, and it can be started. What application
 * points to must live as long as the node.
 *
 * Returns  0; -COP_EALREADY with {already_loaded, App}; -COP_EBADARG with {invalid_env, _} or
 *          {invalid_args, _}, which say where the text is wrong. *ret_error may be NULL.
 * Parks    for the reply of the application controller.
 * Context  any process.
 * OTP      application:load/1. Clause SUP-126.
 */
COP_API int cop_application_load(const cop_application *application, cop_term *ret_error);

/* Forget an application and its environment.
 *
 * Returns  0; -EBUSY with {running, App}; -COP_ENOTFOUND with {not_loaded, App}.
 * Parks    for the reply of the application controller.
 * Context  any process.
 * OTP      application:unload/1. Clause SUP-141.
 */
COP_API int cop_application_unload(const char *name, cop_term *ret_error);

/* Start a loaded application. The type says what its end means for the node: temporary nothing,
 * transient that the node stops unless the reason is normal, permanent that it stops.
 *
 * Returns  0 when its tree and start phases are up; -COP_ENOTFOUND with {not_started, Dependency}
 * or
 *          {"no such file or directory", "App.app"} (not loaded); -COP_EALREADY with
 *          {already_started, App}; -COP_EEXIT with {Reason, {App, start, [normal, Args]}} or
 *          {bad_return, {{App, start, [normal, Args]}, Value}}.
 * Parks    until it is up.
 * Context  any process but those of the application that is being started.
 * OTP      application:start/2. Clauses SUP-127, SUP-129, SUP-130, SUP-135 to SUP-137, SUP-139.
 */
COP_API int cop_application_start(
    const char *name, enum cop_application_type type, cop_term *ret_error);

/* Start an application after all that it depends on.
 *
 * Returns  0 and the list of those that were started, in that order; or a negative error as
 *          cop_application_start, and {App, Reason} of the one that failed: what was started
 *          for it is stopped again.
 * Parks    until all are up.
 * Context  any process but those of an application that is being started.
 * OTP      application:ensure_all_started/2. Clause SUP-128.
 */
COP_API int cop_application_ensure_all_started(
    const char *name, enum cop_application_type type, cop_term *ret_started_or_error);

/* Stop an application; those that depend on it go on.
 *
 * Returns  0 when all of it is gone; -COP_ENOTFOUND with {not_started, App}.
 * Parks    until it has stopped, without limit.
 * Context  any process but those of the application.
 * OTP      application:stop/1. Clauses SUP-132, SUP-133.
 */
COP_API int cop_application_stop(const char *name, cop_term *ret_error);

/* A value of the environment.
 *
 * Returns  true and the value, until the end of the turn; false when there is none.
 * Parks    for the reply of the application controller.
 * Context  any process, also in start, prep_stop and stop.
 * OTP      application:get_env/2. Clause SUP-140.
 */
COP_API bool cop_application_get_env(cop_term *ret_value, const char *name, const char *key);

/* Set a value of the environment, until the application is unloaded.
 *
 * Returns  0; -COP_ENOTFOUND when it is not loaded.
 * Parks    for the reply of the application controller.
 * Context  any process.
 * OTP      application:set_env/3. Clause SUP-140.
 */
COP_API int cop_application_set_env(const char *name, const char *key, cop_term value);

/* The applications that run.
 *
 * Returns  a list of {App, Description, Version}, the last started first; it lives for the turn.
 * Parks    for the reply of the application controller.
 * Context  any process.
 * OTP      application:which_applications/0. Clause SUP-138.
 */
COP_API cop_term cop_application_which(void);

/* The application a process belongs to, by its group leader.
 *
 * Returns  true and the name, which lives for ever; false when it belongs to none.
 * Parks    for the reply of the application controller.
 * Context  any process.
 * OTP      application:get_application/1. Clause SUP-131.
 */
COP_API bool cop_application_of(const char **ret_name, cop_pid pid);

COP_END_DECLS

#endif
