/* SPDX-License-Identifier: Apache-2.0 */
/* What all behaviours share (OTP's gen): call, cast, reply, requests without waiting, stop, and
 * the instructions a callback returns. */
#ifndef COPPICE_GEN_H
#define COPPICE_GEN_H

#include <coppice/process.h>

COP_BEGIN_DECLS

/* --- Instructions: built by the macros below, returned by callbacks --------------------------- */

typedef struct {
    int op; /* COP__OP_*; 0 is no instruction: bad_return_value */
    bool hibernate;
    bool timeout_abs; /* timeout_ms is a monotonic time */
    bool postpone;    /* gen_statem: this event again after the next state change */
    cop_term reply;   /* cop_reply's value; another instruction's .reply */
    union {
        cop_term reason; /* of cop_stop */
        cop_term state;  /* gen_statem: of cop_ok(.state = S) and cop_next_state */
    };
    union {
        cop_term then;    /* {continue, then}: the next turn, which gets a copy of it */
        cop_term actions; /* gen_statem: an action as in Erlang, or a list of them */
    };
    int64_t timeout_ms; /* 0: none given. COP_AT_ONCE: Erlang's 0 */
    union {
        cop_term timeout; /* {timeout, T, Message}: what to deliver instead of timeout (GS-80) */
        int64_t state_timeout_ms;                /* gen_statem: as timeout_ms, of the state */
        const struct cop_event_handler *handler; /* gen_event: of cop_swap_handler */
    };
} cop_step;

#define COP_AT_ONCE INT64_MIN
enum {
    COP__OP_NONE,
    COP__OP_OK,
    COP__OP_REPLY,
    COP__OP_NOREPLY,
    COP__OP_STOP,
    COP__OP_IGNORE,
    COP__OP_ERROR,
    COP__OP_UNHANDLED,
    COP__OP_BAD,
    COP__OP_NEXT_STATE,
    COP__OP_KEEP_STATE,
    COP__OP_REPEAT_STATE,
    COP__OP_REMOVE_HANDLER,
    COP__OP_SWAP_HANDLER
};

#ifndef __cplusplus
#define cop_ok(...) ((cop_step){ .op = COP__OP_OK, __VA_ARGS__ }) /* {ok, State, ...}, init */
#define cop_noreply(...) \
    ((cop_step){ .op = COP__OP_NOREPLY, __VA_ARGS__ }) /* {noreply, State, ...} */
#define cop_reply(...) COP__REPLY(__VA_ARGS__, )       /* {reply, Value, State, ...} */
#define COP__REPLY(VALUE, ...) \
    ((cop_step){ .op = COP__OP_REPLY, .reply = cop_lift(VALUE), __VA_ARGS__ })
#define cop_stop(...) COP__STOP(__VA_ARGS__, ) /* {stop, Reason, [Reply,] State} */
#define COP__STOP(REASON, ...) \
    ((cop_step){ .op = COP__OP_STOP, .reason = cop_lift(REASON), __VA_ARGS__ })
#define cop_ignore() ((cop_step){ .op = COP__OP_IGNORE }) /* init: ignore */
#define cop_init_error(REASON) \
    ((cop_step){ .op = COP__OP_ERROR, .reason = cop_lift(REASON) }) /* GS-11 */
/* A request no clause knows: the server exits with function_clause, as Erlang's would. */
#define cop_unhandled(REQUEST) ((cop_step){ .op = COP__OP_UNHANDLED, .reason = (REQUEST) })
#endif

/* A callback: init, handle_call and their like. */
typedef cop_step cop_handler(void *state, cop_term message);

/* How a behaviour is started. */
struct cop_gen_options {
    int unset;                  /* so that a list of no options can be written */
    cop_dest name;              /* overrides .name: a name or cop_via(); GS-24 */
    int64_t timeout_ms;         /* of init; 0: infinity */
    int64_t hibernate_after_ms; /* 0: never */
    cop_term debug;             /* list as in GS-04, SYS-35; cop_sys_install_option */
    struct cop_spawn_options spawn;
};

/* --- Clients ---------------------------------------------------------------------------------- */

struct cop_call_options {
    int unset;          /* so that a list of no options can be written */
    int64_t timeout_ms; /* 0: 5000 */
};

/* Send request to server and wait for its reply; written
 * cop_call(server, request, .timeout_ms = 100).
 *
 * Returns  the reply; it lives until the end of the turn.
 * Exits    the caller with {Reason, {gen_server, call, [Server, Request]}}, with the time-out as
 *          the third argument where one was given. Reason: noproc, timeout, calling_self,
 *          {nodedown, Node}, or how the server exited.
 * Parks    yes: other processes run meanwhile; hold no C lock across it.
 * Options  timeout_ms, default 5000; COP_INFINITY waits for ever, COP_AT_ONCE is Erlang's 0. After
 *          a time-out a late reply is dropped.
 * Context  any process.
 * OTP      gen_server:call/2,3. Clauses GS-31 to GS-44.
 */
COP_API cop_term cop_call_to(
    cop_dest server, cop_term request, const struct cop_call_options *options);

/* As cop_call, for a caller that goes on when the call fails.
 *
 * Returns  true and *ret the reply, or false and *ret the reason; both live until the end of the
 *          turn.
 * Parks    yes.
 * Options  timeout_ms as in cop_call.
 * Context  any process.
 * OTP      gen_server:call/3 in a catch. Clauses GS-36 to GS-40.
 */
COP_API bool cop_try_call_to(
    cop_term *ret, cop_dest server, cop_term request, const struct cop_call_options *options);

/* Send request to server, which gets it in handle_cast. Who is not there is not told of.
 *
 * Exits    the caller with function_clause or badarg for what is no destination.
 * Parks    yields.
 * Context  any process.
 * OTP      gen_server:cast/2. Clauses GS-45, GS-46.
 */
COP_API void cop_cast_to(cop_dest server, cop_term request);
#define cop_call(SERVER, ...) COP__CALL((SERVER), __VA_ARGS__, )
#define COP__CALL(SERVER, REQUEST, ...) \
    cop_call_to(                        \
        cop_dest(SERVER), (REQUEST), &(const struct cop_call_options){ .unset = 0, __VA_ARGS__ })
#define cop_try_call(RET, SERVER, ...) COP__TRY_CALL((RET), (SERVER), __VA_ARGS__, )
#define COP__TRY_CALL(RET, SERVER, REQUEST, ...)        \
    cop_try_call_to((RET), cop_dest(SERVER), (REQUEST), \
        &(const struct cop_call_options){ .unset = 0, __VA_ARGS__ })
/* The same, for a sender that asks.
 *
 * Returns  false: it was not sent, since the server's mailbox is full, or that would have meant to
 *          wait for room there or for a node. true says nothing else: who is not there is not told
 *          of.
 * Exits    as cop_cast.
 * Parks    yields.
 * Context  any process.
 * OTP      none; erlang:send/3 with nosuspend.
 */
COP_API bool cop_try_cast_to(cop_dest server, cop_term request);
#define cop_cast(SERVER, REQUEST)     cop_cast_to(cop_dest(SERVER), (REQUEST))
#define cop_try_cast(SERVER, REQUEST) cop_try_cast_to(cop_dest(SERVER), (REQUEST))

/* The caller of the handle_call that runs now, for who replies later.
 *
 * Returns  From, that is {Pid, Tag}, opaque; it lives for the turn, keep it with cop_keep. None
 *          outside of a call.
 * Parks    no.
 * Context  handle_call, and the continues right after it.
 * OTP      the argument From of handle_call/3. Clauses GS-66, GS-89.
 */
COP_API cop_term cop_caller(void);

/* Reply to a caller from anywhere; a caller that has gone or given up is not told of.
 *
 * Parks    yields.
 * Context  any process that has from, once.
 * OTP      gen_server:reply/2. Clauses GS-87 to GS-89.
 */
COP_API void cop_reply_to(cop_term from, cop_term reply);

/* Cast to the server with this name on each of the nodes, a list of atoms; none: this node and all
 * connected.
 *
 * Parks    yields.
 * Context  any process.
 * OTP      gen_server:abcast/2,3. Clause GS-47.
 */
COP_API void cop_abcast(cop_term nodes, const char *name, cop_term request);

/* Call the server with this name on each of the nodes, a list of atoms; none: this node and all
 * connected.
 *
 * Returns  {[{Node, Reply}], BadNodes}, both unordered; it lives until the end of the turn. Bad is
 *          a node without such a server, one that cannot be reached, and one that did not reply in
 *          time.
 * Parks    yes.
 * Options  timeout_ms for all together; COP_INFINITY.
 * Context  any process.
 * OTP      gen_server:multi_call/2,3,4. Clauses GS-48 to GS-50.
 */
COP_API cop_term cop_multi_call(
    cop_term nodes, const char *name, cop_term request, int64_t timeout_ms);

/* --- Requests without waiting: GS-51 to GS-57 ------------------------------------------------- */

enum cop_response {
    COP_NO_REPLY,
    COP_RESPONSE,
    COP_RESPONSE_ERROR,
    COP_RESPONSE_TIMEOUT,
    COP_NO_REQUEST
};

/* Send request to server without waiting. One of receive, wait or check takes the response later.
 *
 * Returns  the request's reference. A server that is not there shows in the response.
 * Parks    yields.
 * Context  any process; only this one can have the response.
 * OTP      gen_server:send_request/2. Clause GS-51.
 */
COP_API cop_ref cop_send_request_to(cop_dest server, cop_term request);
#define cop_send_request(SERVER, REQUEST) cop_send_request_to(cop_dest(SERVER), (REQUEST))

/* Wait for the response to a request. After a time-out, receive gives the request up, so that its
 * late reply is dropped; after wait one may wait again.
 *
 * Returns  COP_RESPONSE and *ret the reply; COP_RESPONSE_ERROR and *ret {Reason, Server}; both live
 *          until the end of the turn. Or COP_RESPONSE_TIMEOUT.
 * Parks    yes.
 * Options  timeout_ms; COP_INFINITY; 0 looks only.
 * Context  the process that sent the request.
 * OTP      gen_server:receive_response/2, wait_response/2. Clauses GS-52, GS-53.
 */
COP_API enum cop_response cop_receive_response(cop_term *ret, cop_ref request, int64_t timeout_ms);
COP_API enum cop_response cop_wait_response(cop_term *ret, cop_ref request, int64_t timeout_ms);

/* Is message, one that was received, the response to request?
 *
 * Returns  COP_RESPONSE, COP_RESPONSE_ERROR as above, or COP_NO_REPLY.
 * Parks    no.
 * Context  the process that sent the request, as in handle_info.
 * OTP      gen_server:check_response/2. Clause GS-54.
 */
COP_API enum cop_response cop_check_response(cop_term *ret, cop_term message, cop_ref request);

typedef struct cop_requests cop_requests; /* requests, each with a label */

/* A collection of requests, and its end: free gives up those that are still in it.
 *
 * Returns  the collection, in process memory: it goes with the process.
 * Parks    no.
 * Context  any process; a collection is its own. NULL may be freed.
 * OTP      gen_server:reqids_new/0. Clause GS-56.
 */
COP_API cop_requests *cop_requests_new(void);
COP_API void cop_requests_free(cop_requests *collection);

/* Put a request into a collection; label is kept there.
 *
 * Returns  0; -EEXIST for a request that is in it.
 * Parks    no.
 * Context  the process of the collection.
 * OTP      gen_server:reqids_add/3. Clause GS-56.
 */
COP_API int cop_requests_add(cop_requests *collection, cop_ref request, cop_term label);

/* How many requests are in a collection, and which.
 *
 * Returns  the number; [{Request, Label}], which lives until the end of the turn.
 * Parks    no.
 * Context  the process of the collection.
 * OTP      gen_server:reqids_size/1, reqids_to_list/1. Clause GS-56.
 */
COP_API size_t cop_requests_size(const cop_requests *collection);
COP_API cop_term cop_requests_to_list(const cop_requests *collection);

/* Send a request as cop_send_request does, into a collection.
 *
 * Parks    yields.
 * Context  the process of the collection.
 * OTP      gen_server:send_request/4. Clause GS-56.
 */
COP_API void cop_requests_send_to(
    cop_requests *collection, cop_dest server, cop_term request, cop_term label);

/* The forms of receive, wait and check for whichever request of a collection is answered.
 *
 * Returns  as above, with *ret_label the request's label; COP_NO_REQUEST for an empty collection.
 *          After a time-out of receive all requests are given up.
 * Parks    yes; check does not.
 * Options  timeout_ms as above; remove takes the answered request out.
 * Context  the process of the collection.
 * OTP      gen_server:receive_response/3, wait_response/3, check_response/3. Clause GS-57.
 */
COP_API enum cop_response cop_requests_receive(
    cop_term *ret, cop_term *ret_label, cop_requests *collection, int64_t timeout_ms, bool remove);
COP_API enum cop_response cop_requests_wait(
    cop_term *ret, cop_term *ret_label, cop_requests *collection, int64_t timeout_ms, bool remove);
COP_API enum cop_response cop_requests_check(
    cop_term *ret, cop_term *ret_label, cop_requests *collection, cop_term message, bool remove);

/* --- Stopping --------------------------------------------------------------------------------- */

#define cop_stop_server(SERVER, REASON, TIMEOUT_MS) \
    cop_stop_process(cop_dest(SERVER), (REASON), (TIMEOUT_MS))

COP_END_DECLS

#endif
