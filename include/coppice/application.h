/* SPDX-License-Identifier: Apache-2.0 */
/* application: a named, startable and stoppable piece with dependencies, environment and a tree.
 * Clauses SUP-126 to SUP-141. */
#ifndef COPPICE_APPLICATION_H
#define COPPICE_APPLICATION_H

#include <coppice/supervisor.h>

COP_BEGIN_DECLS

enum cop_application_type { COP_APP_TEMPORARY, COP_APP_TRANSIENT, COP_APP_PERMANENT };

typedef struct cop_application {
    const char *name, *version, *description;
    const char *const *applications;           /* names it depends on, ends with NULL */
    const char *const *optional_applications;
    const char *const *registered;
    const char *env;                           /* Erlang text: [{Key, Value}] */
    const cop_supervisor *supervisor;          /* the top of its tree */
    /* in place of supervisor: */
    cop_child_start (*start)(cop_term type, cop_term args);
    cop_term (*prep_stop)(cop_term state);
    void (*stop)(cop_term state);
    const char *const *start_phases;           /* ends with NULL */
    bool (*start_phase)(const char *phase, cop_term type);
    const char *args;                          /* Erlang text */
} cop_application;

COP_API int cop_application_load(const cop_application *application, cop_term *ret_error);
COP_API int cop_application_unload(const char *name, cop_term *ret_error);
COP_API int cop_application_start(const char *name, enum cop_application_type type, cop_term *ret_error);
COP_API int cop_application_ensure_all_started(const char *name, enum cop_application_type type,
    cop_term *ret_started_or_error);
COP_API int cop_application_stop(const char *name, cop_term *ret_error);
COP_API bool cop_application_get_env(cop_term *ret_value, const char *name, const char *key);
COP_API int cop_application_set_env(const char *name, const char *key, cop_term value);
COP_API cop_term cop_application_which(void);
COP_API bool cop_application_of(const char **ret_name, cop_pid pid);

COP_END_DECLS

#endif
