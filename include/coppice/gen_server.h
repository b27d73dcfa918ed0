/* SPDX-License-Identifier: Apache-2.0 */
/* gen_server: a process that serves calls, casts and messages with C callbacks over a C struct. */
#ifndef COPPICE_GEN_SERVER_H
#define COPPICE_GEN_SERVER_H

#include <coppice/fields.h>
#include <coppice/gen.h>
#include <coppice/sys.h>

COP_BEGIN_DECLS

/* What a server is made of; a static const. Only init and handle_call are usual; all are optional
 * but init. Clauses GS-58 to GS-112. */
typedef struct cop_gen_server {
    const char *name;   /* registered name, or NULL */
    const char *module; /* how reports and $initial_call call it; default: name */
    size_t state_size;  /* bytes of state, zeroed before init, freed at exit */
    const cop_field
        *fields;       /* ends with COP_FIELDS_END; NULL: the state shows as {c_state, Size} */
    cop_handler *init; /* message: the start argument */
    cop_handler *handle_call, *handle_cast, *handle_info, *handle_continue;
    /* In place of handle_cast: the casts that are at the head of the mailbox, oldest first, as many
     * as are there up to cast_batch_max (0: 64, at most 256). */
    cop_step (*handle_cast_batch)(void *state, const cop_term *requests, size_t count);
    size_t cast_batch_max;
    void (*terminate)(void *state, cop_term reason);
    /* {ok, NewState}: return cop_ok(); {error, R}: cop_init_error(R). message: {OldVsn, Extra} */
    cop_handler *code_change;
    cop_term (*format_status)(void *state, cop_term status); /* a map, GS-108 */
    bool trap_exit;                                          /* set before init */
    bool (*replace_state)(void *state, cop_term term); /* in place of fields: sys:replace_state */
    cop_term (*get_state)(void *state);                /* in place of fields: sys:get_state */
    const struct cop__behaviour
        *behaviour; /* of Coppice's own behaviours that are servers inside */
} cop_gen_server;

/* Start a server: cop_gen_server_start_link(&pid, &counter, 0, .timeout_ms = 100). Its argument is
 * any C value that cop_lift takes; init gets it. */
#ifndef __cplusplus
#define cop_gen_server_start(RET_PID, MODULE, ...) \
    COP__GEN_SERVER_START((RET_PID), 0, (MODULE), 0, __VA_ARGS__, )
#define cop_gen_server_start_link(RET_PID, MODULE, ...) \
    COP__GEN_SERVER_START((RET_PID), 0, (MODULE), 1, __VA_ARGS__, )
#define cop_gen_server_start_monitor(RET_PID, RET_REF, MODULE, ...) \
    COP__GEN_SERVER_START((RET_PID), (RET_REF), (MODULE), 2, __VA_ARGS__, )
#define COP__GEN_SERVER_START(RET_PID, RET_REF, MODULE, HOW, ARG, ...)              \
    cop_gen_server_start_with((RET_PID), (RET_REF), (MODULE), cop_lift(ARG), (HOW), \
        &(const struct cop_gen_options){ .unset = 0, __VA_ARGS__ }, 0)
#endif

/* Spawn a server, run init in it, and return when init has returned; below the three macros.
 *
 * Returns  0, *ret_pid, and for a monitor *ret_monitor. Otherwise a negative error, and *ret_error
 *          is Erlang's Reason; each of the three may be NULL: -COP_EALREADY with {already_started,
 * Pid}, -COP_ETIMEOUT with timeout, -ECANCELED with ignore, -COP_EEXIT with the reason that init
 *          gave or died of.
 * Exits    the caller with badarg for a name of an illegal form, and with the server's reason where
 *          it is linked, init fails abnormally and the caller does not trap exits.
 * Parks    yes, until init has returned.
 * Options  how: 0 start, 1 start_link, 2 start_monitor. options may be NULL; its fields say what
 *          they mean.
 * Context  any process.
 * OTP      gen_server:start/3,4, start_link/3,4, start_monitor/3,4. Clauses GS-01 to GS-30.
 */
COP_API int cop_gen_server_start_with(cop_pid *ret_pid, cop_ref *ret_monitor,
    const cop_gen_server *module, cop_term arg, int how, const struct cop_gen_options *options,
    cop_term *ret_error);

/* Make the calling process a server, without init; written
 * cop_gen_server_enter_loop(&module, &state, cop_ok(), .hibernate_after_ms = 100).
 *
 * Returns  never.
 * Exits    process_was_not_started_by_proc_lib, process_not_registered,
 *          {process_not_registered_via, Module}.
 * Parks    the process waits as a server from now on.
 * Options  state is copied, state_size bytes. action is what init would return: cop_ok() or
 *          cop_noreply(), with a time-out, hibernate or then. Of options, which may be NULL: name,
 *          the one the process has; hibernate_after_ms; debug.
 * Context  a process of proc_lib (cop_start_process), at its top: the stack is given back.
 * OTP      gen_server:enter_loop/3,4,5. Clauses GS-113 to GS-115.
 */
COP_NORETURN COP_API void cop_gen_server_enter_loop_with(const cop_gen_server *module,
    const void *state, cop_step action, const struct cop_gen_options *options);
#ifndef __cplusplus
#define cop_gen_server_enter_loop(MODULE, STATE, ...) \
    COP__GEN_SERVER_ENTER_LOOP((MODULE), (STATE), __VA_ARGS__, )
#define COP__GEN_SERVER_ENTER_LOOP(MODULE, STATE, ACTION, ...) \
    cop_gen_server_enter_loop_with(                            \
        (MODULE), (STATE), (ACTION), &(const struct cop_gen_options){ .unset = 0, __VA_ARGS__ })
#endif

COP_END_DECLS

#endif
