/* SPDX-License-Identifier: Apache-2.0 */
/* What all behaviours share (OTP's gen): call, cast, reply, requests without waiting, stop, and
 * the instructions a callback returns. */
#ifndef COPPICE_GEN_H
#define COPPICE_GEN_H

#include <coppice/process.h>

COP_BEGIN_DECLS

/* --- Instructions: built by the macros below, returned by callbacks --------------------------- */

typedef struct {
    int op;               /* COP__OP_*; 0 is no instruction: bad_return_value */
    cop_term reply;       /* cop_reply's value; cop_stop's .reply; the reason of cop_stop is .reason */
    cop_term reason;
    cop_term then;        /* {continue, then} */
    int64_t timeout_ms;   /* 0: none given. COP_AT_ONCE: Erlang's 0 */
    cop_term timeout;     /* {timeout, T, Message}: what to deliver instead of timeout (GS-80) */
    bool timeout_abs;     /* timeout_ms is a monotonic time */
    bool hibernate;
} cop_step;

#define COP_AT_ONCE INT64_MIN
enum { COP__OP_NONE, COP__OP_OK, COP__OP_REPLY, COP__OP_NOREPLY, COP__OP_STOP, COP__OP_IGNORE,
    COP__OP_ERROR, COP__OP_UNHANDLED, COP__OP_BAD };

#ifndef __cplusplus
#define cop_ok(...)      ((cop_step){ .op = COP__OP_OK, __VA_ARGS__ })       /* {ok, State, ...}, init */
#define cop_noreply(...) ((cop_step){ .op = COP__OP_NOREPLY, __VA_ARGS__ })  /* {noreply, State, ...} */
#define cop_reply(...)   COP__REPLY(__VA_ARGS__, )                           /* {reply, Value, State, ...} */
#define COP__REPLY(VALUE, ...) ((cop_step){ .op = COP__OP_REPLY, .reply = cop_lift(VALUE), __VA_ARGS__ })
#define cop_stop(...)    COP__STOP(__VA_ARGS__, )                            /* {stop, Reason, [Reply,] State} */
#define COP__STOP(REASON, ...) ((cop_step){ .op = COP__OP_STOP, .reason = cop_lift(REASON), __VA_ARGS__ })
#define cop_ignore()     ((cop_step){ .op = COP__OP_IGNORE })                /* init: ignore */
#define cop_init_error(REASON) ((cop_step){ .op = COP__OP_ERROR, .reason = cop_lift(REASON) }) /* GS-11 */
/* A request no clause knows: the server exits with function_clause, as Erlang's would. */
#define cop_unhandled(REQUEST) ((cop_step){ .op = COP__OP_UNHANDLED, .reason = (REQUEST) })
#endif

/* --- Clients ----------------------------------------------------------------------------------- */

struct cop_call_options {
    int unset;          /* so that a list of no options can be written */
    int64_t timeout_ms; /* 0: 5000 */
};
COP_API cop_term cop_call_to(cop_dest server, cop_term request, const struct cop_call_options *options);
/* false: *ret is the reason (timeout, noproc, ...) instead of the caller's exit. */
COP_API bool cop_try_call_to(cop_term *ret, cop_dest server, cop_term request,
    const struct cop_call_options *options);
COP_API void cop_cast_to(cop_dest server, cop_term request);
#define cop_call(SERVER, ...)     COP__CALL((SERVER), __VA_ARGS__, )
#define COP__CALL(SERVER, REQUEST, ...)                                                            \
    cop_call_to(cop_dest(SERVER), (REQUEST), &(const struct cop_call_options){ .unset = 0, __VA_ARGS__ })
#define cop_try_call(RET, SERVER, ...) COP__TRY_CALL((RET), (SERVER), __VA_ARGS__, )
#define COP__TRY_CALL(RET, SERVER, REQUEST, ...)                                                   \
    cop_try_call_to((RET), cop_dest(SERVER), (REQUEST), &(const struct cop_call_options){ .unset = 0, __VA_ARGS__ })
#define cop_cast(SERVER, REQUEST) cop_cast_to(cop_dest(SERVER), (REQUEST))

/* {Pid, Tag} of the caller of the handle_call that runs now, for who replies later. */
COP_API cop_term cop_caller(void);
COP_API void cop_reply_to(cop_term from, cop_term reply); /* gen_server:reply/2 */

COP_API void cop_abcast(cop_term nodes, const char *name, cop_term request); /* none: all nodes; GS-47 */
/* {[{Node, Reply}], BadNodes}; nodes none: this and all connected ones. GS-48 */
COP_API cop_term cop_multi_call(cop_term nodes, const char *name, cop_term request, int64_t timeout_ms);

/* --- Requests without waiting: GS-51 to GS-57 -------------------------------------------------- */

enum cop_response { COP_NO_REPLY, COP_RESPONSE, COP_RESPONSE_ERROR, COP_RESPONSE_TIMEOUT,
    COP_NO_REQUEST };
COP_API cop_ref cop_send_request_to(cop_dest server, cop_term request);
#define cop_send_request(SERVER, REQUEST) cop_send_request_to(cop_dest(SERVER), (REQUEST))
/* *ret: the reply, or {Reason, Server}. */
COP_API enum cop_response cop_receive_response(cop_term *ret, cop_ref request, int64_t timeout_ms);
COP_API enum cop_response cop_wait_response(cop_term *ret, cop_ref request, int64_t timeout_ms);
COP_API enum cop_response cop_check_response(cop_term *ret, cop_term message, cop_ref request);

typedef struct cop_requests cop_requests; /* a collection; process memory, freed with the process */
COP_API cop_requests *cop_requests_new(void);
COP_API void cop_requests_free(cop_requests *collection);
COP_API int cop_requests_add(cop_requests *collection, cop_ref request, cop_term label); /* -EEXIST */
COP_API size_t cop_requests_size(const cop_requests *collection);
COP_API cop_term cop_requests_to_list(const cop_requests *collection);
COP_API void cop_requests_send_to(cop_requests *collection, cop_dest server, cop_term request, cop_term label);
COP_API enum cop_response cop_requests_receive(cop_term *ret, cop_term *ret_label, cop_requests *collection,
    int64_t timeout_ms, bool remove);
COP_API enum cop_response cop_requests_wait(cop_term *ret, cop_term *ret_label, cop_requests *collection,
    int64_t timeout_ms, bool remove);
COP_API enum cop_response cop_requests_check(cop_term *ret, cop_term *ret_label, cop_requests *collection,
    cop_term message, bool remove);

/* --- Stopping ------------------------------------------------------------------------------------ */

#define cop_stop_server(SERVER, REASON, TIMEOUT_MS) cop_stop_process(cop_dest(SERVER), (REASON), (TIMEOUT_MS))

COP_END_DECLS

#endif
