/* SPDX-License-Identifier: Apache-2.0 */
/* gen_event: a manager, and any number of handlers in it, each of which gets every event.
 *
 * Handlers run in the manager, the newest first, and one that fails is removed alone: the manager
 * and the others go on (EV-24). Clauses EV-01 to EV-24. */
#ifndef COPPICE_GEN_EVENT_H
#define COPPICE_GEN_EVENT_H

#include <coppice/fields.h>
#include <coppice/gen.h>
#include <coppice/supervisor.h>
#include <coppice/sys.h>

COP_BEGIN_DECLS

/* --- Instructions: EV-11, EV-12 -----------------------------------------------------------------
 * handle_event and handle_info return cop_ok(), also with .hibernate = true; handle_call returns
 * cop_reply(value). All may return one of these; of a call .reply is its reply. */
#ifndef __cplusplus
#define cop_remove_handler(...) ((cop_step){ .op = COP__OP_REMOVE_HANDLER, __VA_ARGS__ })
/* Give the place to another handler: terminate gets .reason, whose value goes with .then to the
 * init of the new one, as {Then, Value}. */
#define cop_swap_handler(...)   COP__SWAP_HANDLER(__VA_ARGS__, )
#define COP__SWAP_HANDLER(HANDLER, ...) \
    ((cop_step){ .op = COP__OP_SWAP_HANDLER, .handler = (HANDLER), __VA_ARGS__ })
#endif

/* What a handler is made of; a static const. */
typedef struct cop_event_handler {
    const char *module; /* its name: needed */
    size_t state_size;  /* bytes of state, zeroed before init */
    const cop_field *fields;
    /* message: the arguments. cop_ok(), or cop_init_error(V): V is returned, and it is not added */
    cop_handler *init;
    cop_handler *handle_event, *handle_call, *handle_info;
    /* Returns what delete_handler returns, and a swap passes on. why: EV-15. NULL: ok */
    cop_term (*terminate)(void *state, cop_term why);
    cop_handler *code_change;                                /* message: {OldVsn, Extra} */
    cop_term (*format_status)(void *state, cop_term status); /* a map with state, reason, message */
} cop_event_handler;

#ifndef __cplusplus
/* Start a manager without handlers: cop_gen_event_start_link(&pid, .name = cop_dest_name("log")).
 */
#define cop_gen_event_start(RET_PID, ...) \
    cop_gen_event_start_with(             \
        (RET_PID), 0, &(const struct cop_gen_options){ .unset = 0, __VA_ARGS__ }, 0)
#define cop_gen_event_start_link(RET_PID, ...) \
    cop_gen_event_start_with(                  \
        (RET_PID), 1, &(const struct cop_gen_options){ .unset = 0, __VA_ARGS__ }, 0)
#endif

/* Spawn a manager; below the two macros.
 *
 * Returns  as cop_gen_server_start_with.
 * Exits    as cop_gen_server_start_with.
 * Parks    yes, until it is up.
 * Options  how: 0 start, 1 start_link. options may be NULL.
 * Context  any process.
 * OTP      gen_event:start/0,1,2, start_link/0,1,2. Clause EV-01.
 */
COP_API int cop_gen_event_start_with(
    cop_pid *ret_pid, int how, const struct cop_gen_options *options, cop_term *ret_error);

/* A manager under a supervisor, registered under a name:
 * { COP_GEN_EVENT_CHILD("log"), .name = "log" }.
 *
 * Returns  what the supervisor is to know.
 * Parks    yes, until it is up.
 * Context  a supervisor, which calls it; name is text.
 * OTP      the start of gen_event's child_spec.
 */
COP_API cop_child_start cop_gen_event_start_child(cop_term arg, const void *name);
#define COP_GEN_EVENT_CHILD(NAME) .start = cop_gen_event_start_child, .context = (NAME)

/* Give an event to all handlers: without waiting, or until all have had it.
 *
 * Exits    the caller with badarg for a local name that is not registered; sync with the bare
 *          reason (EV-09).
 * Parks    notify yields; sync until all handlers have run.
 * Context  any process.
 * OTP      gen_event:notify/2, sync_notify/2. Clauses EV-06, EV-07, EV-09.
 */
COP_API void cop_gen_event_notify_to(cop_dest manager, cop_term event);
COP_API void cop_gen_event_sync_notify_to(cop_dest manager, cop_term event);
#define cop_gen_event_notify(MANAGER, EVENT) cop_gen_event_notify_to(cop_dest(MANAGER), (EVENT))
#define cop_gen_event_sync_notify(MANAGER, EVENT) \
    cop_gen_event_sync_notify_to(cop_dest(MANAGER), (EVENT))

/* Put a handler in, with an id, or none: then it is known by its module. _sup links manager and
 * caller: when one ends, or the handler goes, the other is told (EV-18, EV-19).
 *
 * Returns  ok; what its init gave instead; {'EXIT', Reason}. It lives until the end of the turn.
 * Exits    the caller with the bare reason (EV-09).
 * Parks    until it is in.
 * Context  any process of the manager's node. handler lives as long as the node.
 * OTP      gen_event:add_handler/3, add_sup_handler/3. Clauses EV-03 to EV-05, EV-18, EV-19.
 */
COP_API cop_term cop_gen_event_add_handler(
    cop_dest manager, const cop_event_handler *handler, cop_term id, cop_term args);
COP_API cop_term cop_gen_event_add_sup_handler(
    cop_dest manager, const cop_event_handler *handler, cop_term id, cop_term args);

/* Take a handler out, given as Module or {Module, Id}.
 *
 * Returns  what its terminate gave for args, or {error, module_not_found}.
 * Exits    the caller with the bare reason.
 * Parks    until it is out.
 * Context  any process.
 * OTP      gen_event:delete_handler/3. Clause EV-16.
 */
COP_API cop_term cop_gen_event_delete_handler(cop_dest manager, cop_term handler, cop_term args);

/* Put a handler in the place of another, which may not be there; _sup as for add_sup_handler.
 *
 * Returns  ok, or {error, V} when the new one did not want to; then the old one is gone.
 * Exits    the caller with the bare reason.
 * Parks    until it is done.
 * Context  any process of the manager's node.
 * OTP      gen_event:swap_handler/3, swap_sup_handler/3. Clause EV-17.
 */
COP_API cop_term cop_gen_event_swap_handler(cop_dest manager, cop_term old, cop_term old_args,
    const cop_event_handler *handler, cop_term id, cop_term args);
COP_API cop_term cop_gen_event_swap_sup_handler(cop_dest manager, cop_term old, cop_term old_args,
    const cop_event_handler *handler, cop_term id, cop_term args);

/* Ask one handler, given as Module or {Module, Id}.
 *
 * Returns  its reply, {error, bad_module}, or {error, Why} when it failed (EV-14).
 * Exits    the caller with {Reason, {gen_event, call, [Manager, Handler, Request]}}; a time-out
 *          that was given is the last of these.
 * Parks    yes.
 * Options  timeout_ms as in cop_call.
 * Context  any process.
 * OTP      gen_event:call/3,4. Clauses EV-08, EV-14.
 */
COP_API cop_term cop_gen_event_call(
    cop_dest manager, cop_term handler, cop_term request, int64_t timeout_ms);

/* The handlers, the newest first, as Module or {Module, Id}.
 *
 * Returns  a list; it lives until the end of the turn.
 * Exits    the caller with the bare reason.
 * Parks    yes.
 * Context  any process.
 * OTP      gen_event:which_handlers/1. Clause EV-04.
 */
COP_API cop_term cop_gen_event_which_handlers(cop_dest manager);

COP_END_DECLS

#endif
