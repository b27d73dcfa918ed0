/* SPDX-License-Identifier: Apache-2.0 */
/* gen_statem: a state machine. What a server does with an event depends on its state; events may be
 * put off until the state changes, and states and events have time-outs.
 *
 *   static cop_step locked(void *data, const cop_event *event)
 *   {
 *       struct door *door = data;
 *
 *       if (cop_event_match(event, COP_EVENT_CAST, "{button, Digit}", &digit))
 *           return is_code(door, digit)
 *                      ? cop_next_state(cop("open"), .state_timeout_ms = 10000)
 *                      : cop_keep_state();
 *       ...
 *
 * A state is a term. With state functions it is an atom, and each state has its C function. The
 * data is a C struct, as a gen_server's state is. Clauses SM-01 to SM-53. */
#ifndef COPPICE_GEN_STATEM_H
#define COPPICE_GEN_STATEM_H

#include <coppice/fields.h>
#include <coppice/gen.h>
#include <coppice/supervisor.h>
#include <coppice/sys.h>

COP_BEGIN_DECLS

/* --- Events: SM-07 ---------------------------------------------------------------------------- */

enum cop_event_type {
    COP_EVENT_CALL, /* cop_caller() is who waits for a reply */
    COP_EVENT_CAST,
    COP_EVENT_INFO,
    COP_EVENT_INTERNAL,        /* inserted by the machine itself: {next_event, internal, Content} */
    COP_EVENT_ENTER,           /* the state was entered; content is the one before */
    COP_EVENT_TIMEOUT,         /* no event came in time */
    COP_EVENT_STATE_TIMEOUT,   /* the state did not change in time */
    COP_EVENT_GENERIC_TIMEOUT, /* a time-out with a name of its own */
};

/* Its terms live until the end of the turn. */
typedef struct cop_event {
    enum cop_event_type type;
    cop_term content;
    cop_term name; /* of COP_EVENT_GENERIC_TIMEOUT */
} cop_event;

/* Is it an event of this type whose content matches? Assigns as cop_match does. */
#define cop_event_match(EVENT, TYPE, ...) \
    ((EVENT)->type == (TYPE) && cop_match((EVENT)->content, __VA_ARGS__))

/* --- Instructions: SM-15 to SM-25 -------------------------------------------------------------
 * Besides cop_stop, and cop_reply, which keeps the state. All take options by name:
 *   .reply = Term              to the caller of this event
 *   .postpone = true           this event comes again after the next change of state
 *   .hibernate = true
 *   .state_timeout_ms = T      COP_EVENT_STATE_TIMEOUT with content T, unless the state changes;
 *   .timeout_ms = T            COP_EVENT_TIMEOUT with content T, unless an event comes; COP_AT_ONCE
 *                              is Erlang's 0, COP_INFINITY ends one that runs
 *   .actions = Term            all of OTP's actions in OTP's notation, one or a list: postpone,
 *                              {next_event, Type, Content}, {state_timeout, T, Content},
 *                              {{timeout, Name}, T, Content}, {Type, cancel}, {reply, From, R}...
 * Options act before actions. */
#ifndef __cplusplus
/* {next_state, S, Data, Actions}; the same state again is no change of state (SM-15). */
#define cop_next_state(...) COP__NEXT_STATE(__VA_ARGS__, )
#define COP__NEXT_STATE(STATE, ...) \
    ((cop_step){ .op = COP__OP_NEXT_STATE, .state = cop_lift(STATE), __VA_ARGS__ })
#define cop_keep_state(...)   ((cop_step){ .op = COP__OP_KEEP_STATE, __VA_ARGS__ })
/* As keep, but with state_enter the enter event comes again (SM-18). */
#define cop_repeat_state(...) ((cop_step){ .op = COP__OP_REPEAT_STATE, __VA_ARGS__ })
#endif

/* --- The machine ------------------------------------------------------------------------------ */

typedef cop_step cop_state_fn(void *data, const cop_event *event);

typedef struct cop_state {
    const char *name;
    cop_state_fn *handle;
} cop_state;

#define COP_STATES(...) \
    (const cop_state[]) \
    {                   \
        __VA_ARGS__     \
        {               \
            .name = 0   \
        }               \
    }

enum cop_callback_mode { COP_STATE_FUNCTIONS = 1, COP_HANDLE_EVENT_FUNCTION };

/* What a machine is made of; a static const. init is needed, and states or handle_event. */
typedef struct cop_gen_statem {
    const char *name;   /* registered name, or NULL */
    const char *module; /* how reports and $initial_call call it; default: name */
    size_t data_size;   /* bytes of data, zeroed before init, freed at exit */
    const cop_field *fields;
    enum cop_callback_mode callback_mode;
    bool state_enter; /* each change of state is told to the new one: SM-44 */
    bool trap_exit;   /* set before init */
    /* message: the start argument. cop_ok(.state = S), cop_ignore, cop_stop, cop_init_error */
    cop_handler *init;
    const cop_state *states; /* COP_STATE_FUNCTIONS: COP_STATES({ "open", open }, ) */
    cop_step (*handle_event)(void *data, cop_term state, const cop_event *event);
    void (*terminate)(void *data, cop_term reason, cop_term state);
    /* {ok, State, Data}: cop_ok(.state = S); without a state the old one is kept. message:
     * {OldVsn, State, Extra} */
    cop_handler *code_change;
    cop_term (*format_status)(void *data, cop_term status); /* a map with state and data */
    cop_term (*get_data)(void *data);                       /* in place of fields */
    bool (*replace_data)(void *data, cop_term term);        /* in place of fields */
} cop_gen_statem;

#ifndef __cplusplus
/* Start a machine: cop_gen_statem_start_link(&pid, &door, cop("\"1234\""), .timeout_ms = 100). */
#define cop_gen_statem_start(RET_PID, MODULE, ...) \
    COP__GEN_STATEM_START((RET_PID), 0, (MODULE), 0, __VA_ARGS__, )
#define cop_gen_statem_start_link(RET_PID, MODULE, ...) \
    COP__GEN_STATEM_START((RET_PID), 0, (MODULE), 1, __VA_ARGS__, )
#define cop_gen_statem_start_monitor(RET_PID, RET_REF, MODULE, ...) \
    COP__GEN_STATEM_START((RET_PID), (RET_REF), (MODULE), 2, __VA_ARGS__, )
#define COP__GEN_STATEM_START(RET_PID, RET_REF, MODULE, HOW, ARG, ...)              \
    cop_gen_statem_start_with((RET_PID), (RET_REF), (MODULE), cop_lift(ARG), (HOW), \
        &(const struct cop_gen_options){ .unset = 0, __VA_ARGS__ }, 0)
#endif

/* Spawn a machine, run init in it, and return when init has returned; below the three macros.
 *
 * Returns  as cop_gen_server_start_with.
 * Exits    the caller with badarg for a name of an illegal form, and with the machine's reason
 *          where it is linked, init fails abnormally and the caller does not trap exits.
 * Parks    yes, until init has returned.
 * Options  how: 0 start, 1 start_link, 2 start_monitor. options may be NULL.
 * Context  any process.
 * OTP      gen_statem:start/3,4, start_link/3,4, start_monitor/3,4. Clauses SM-01 to SM-04.
 */
COP_API int cop_gen_statem_start_with(cop_pid *ret_pid, cop_ref *ret_monitor,
    const cop_gen_statem *module, cop_term arg, int how, const struct cop_gen_options *options,
    cop_term *ret_error);

/* A machine under a supervisor: { COP_GEN_STATEM_CHILD(&door), .name = "door" }.
 *
 * Returns  what the supervisor is to know.
 * Parks    yes, until init has returned.
 * Context  a supervisor, which calls it with the child's argument; statem is a cop_gen_statem.
 * OTP      the start of gen_statem's child_spec.
 */
COP_API cop_child_start cop_gen_statem_start_child(cop_term arg, const void *statem);
#define COP_GEN_STATEM_CHILD(MODULE) .start = cop_gen_statem_start_child, .context = (MODULE)

/* Send request to a machine and wait for its reply; written
 * cop_gen_statem_call(door, request, .timeout_ms = 100). cop_cast and cop_reply_to are as for any
 * server, and so are cop_send_request and its like.
 *
 * Returns  the reply; it lives until the end of the turn.
 * Exits    the caller with {Reason, {gen_statem, call, [Server, Request, Timeout]}}.
 * Parks    yes.
 * Options  timeout_ms, default COP_INFINITY; COP_AT_ONCE is Erlang's 0. A late reply is dropped, as
 *          with clean_timeout.
 * Context  any process.
 * OTP      gen_statem:call/2,3. Clauses SM-08, SM-09.
 */
COP_API cop_term cop_gen_statem_call_to(
    cop_dest server, cop_term request, const struct cop_call_options *options);
#define cop_gen_statem_call(SERVER, ...) COP__GEN_STATEM_CALL((SERVER), __VA_ARGS__, )
#define COP__GEN_STATEM_CALL(SERVER, REQUEST, ...) \
    cop_gen_statem_call_to(                        \
        cop_dest(SERVER), (REQUEST), &(const struct cop_call_options){ .unset = 0, __VA_ARGS__ })

/* Send the replies of a list of {reply, From, Reply}, or of one.
 *
 * Exits    the caller with function_clause for what is no reply, after those before it were sent.
 * Parks    yields.
 * Context  any process.
 * OTP      gen_statem:reply/1. Clause SM-53.
 */
COP_API void cop_gen_statem_reply(cop_term replies);

/* A module for the actions {change_callback_module, M} and {push_callback_module, M}: its functions
 * take over the machine with its state and data, whose size and shape must be the same.
 *
 * Returns  a term that only this program can make; it lives until the end of the turn.
 * Exits    the caller with system_limit: no memory.
 * Parks    no.
 * Context  any process of the machine's node.
 * OTP      the module name in these actions. Clause SM-48.
 */
COP_API cop_term cop_gen_statem_module(const cop_gen_statem *module);

/* Make the calling process a machine, without init; written
 * cop_gen_statem_enter_loop(&door, &data, cop_ok(.state = cop("open")), .hibernate_after_ms = 9).
 *
 * Returns  never.
 * Exits    as cop_gen_server_enter_loop_with.
 * Parks    the process waits as a machine from now on.
 * Options  data is copied, data_size bytes. start is what init would return. Of options, which may
 *          be NULL: name, the one the process has; hibernate_after_ms; debug.
 * Context  a process of proc_lib (cop_start_process), at its top: the stack is given back.
 * OTP      gen_statem:enter_loop/4,5,6. Clause SM-52.
 */
COP_NORETURN COP_API void cop_gen_statem_enter_loop_with(const cop_gen_statem *module,
    const void *data, cop_step start, const struct cop_gen_options *options);
#ifndef __cplusplus
#define cop_gen_statem_enter_loop(MODULE, DATA, ...) \
    COP__GEN_STATEM_ENTER_LOOP((MODULE), (DATA), __VA_ARGS__, )
#define COP__GEN_STATEM_ENTER_LOOP(MODULE, DATA, START, ...) \
    cop_gen_statem_enter_loop_with(                          \
        (MODULE), (DATA), (START), &(const struct cop_gen_options){ .unset = 0, __VA_ARGS__ })
#endif

COP_END_DECLS

#endif
