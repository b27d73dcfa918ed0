/* SPDX-License-Identifier: Apache-2.0 */
/* The node's table of C code that terms may speak of (start_code.c). */
#ifndef COP_OTP_START_CODE_H
#define COP_OTP_START_CODE_H

#include <coppice/application.h>
#include <coppice/gen_statem.h>
#include <coppice/supervisor.h>

enum cop__entry_kind {
    COP__ENTRY_GEN_SERVER,
    COP__ENTRY_SUPERVISOR,
    COP__ENTRY_PROCESS,
    COP__ENTRY_FUNCTION,
    COP__ENTRY_APPLICATION,
    COP__ENTRY_GEN_STATEM, /* what a machine may change its callback module to */
    COP__ENTRY_AGENT_FN,   /* what an agent may be asked to run */
    COP__ENTRY_AGENT_STRUCT_FN,
    COP__ENTRY_TASK_FN,      /* what a task under a supervisor may run */
    COP__ENTRY_EVENT_HANDLER /* what an event manager may be given, by name */
};

/* One entry of the node's table of startable code: never changed, never freed. */
struct cop__entry {
    uint32_t index; /* how messages name it: no pointer ever travels in one */
    enum cop__entry_kind kind;
    cop_atom module; /* M of {M, F, Args} */
    const void
        *object; /* cop_gen_server, cop_supervisor, cop_application, cop_gen_statem, a function */
    cop_process_main *process;
    cop_child_start (*start)(cop_term arg, const void *context);
    const void *context;
    bool isolate; /* it runs in an operating-system process of its own, with these limits */
    struct cop_limits limits;
    cop_gen_server unnamed;  /* the gen_server as it is, but without its registered name */
    struct cop__entry *next; /* in its bucket */
};

const struct cop__entry *cop__entry_of_child(const cop_child *child, cop_atom module);
const struct cop__entry *cop__entry_of_application(const cop_application *application);
const struct cop__entry *cop__entry_of_statem(const cop_gen_statem *statem);
const struct cop__entry *cop__entry_of_function(enum cop__entry_kind kind, const void *fn);
const struct cop__entry *cop__entry_at(int64_t index); /* NULL: no such entry */
const struct cop__entry *cop__entry_of_module(
    cop_atom module);                                        /* the first of that name, or NULL */
cop_atom cop__entry_function(const struct cop__entry *code); /* F of {M, F, Args} */

#endif
