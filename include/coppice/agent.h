/* SPDX-License-Identifier: Apache-2.0 */
/* agent: a process that holds a state, and functions that are sent to it.
 *
 *   static cop_term empty(cop_term state, cop_term arg) { return cop_map_new(); }
 *   static cop_term put(cop_term map, cop_term pair)
 *   {
 *       return cop_map_put(map, cop_tuple_at(pair, 0), cop_tuple_at(pair, 1));
 *   }
 *   static const cop_agent cache = { .name = "cache", .init = empty };
 *
 *   cop_agent_update("cache", put, cop("{apple, 120}"));
 *
 * The state is a term, or a C struct: then the functions get its address. Functions run in the
 * agent, one after the other in the order in which they come (AGT-09, AGT-13), so what takes long
 * belongs outside: an agent is as fast as its slowest function. Clauses AGT-01 to AGT-17. */
#ifndef COPPICE_AGENT_H
#define COPPICE_AGENT_H

#include <coppice/gen_server.h>
#include <coppice/supervisor.h>

COP_BEGIN_DECLS

/* A function of a state that is a term, and one of a state that is a struct. arg is the caller's,
 * copied. What a function raises ends the agent (AGT-10). */
typedef cop_term cop_agent_fn(cop_term state, cop_term arg);
typedef cop_term cop_agent_struct_fn(void *state, cop_term arg);

/* What an agent is made of; a static const. */
typedef struct cop_agent {
    const char *name;                 /* registered name, or NULL */
    cop_agent_fn *init;               /* its result is the state; state is none. NULL: arg is */
    size_t state_size;                /* of a struct, zeroed before init_struct; 0: a term */
    cop_agent_struct_fn *init_struct; /* NULL: the struct stays zeroed */
} cop_agent;

#ifndef __cplusplus
/* Start an agent: cop_agent_start_link(&pid, &cache, cop("[]"), .timeout_ms = 100). */
#define cop_agent_start(RET_PID, AGENT, ...) COP__AGENT_START((RET_PID), (AGENT), 0, __VA_ARGS__, )
#define cop_agent_start_link(RET_PID, AGENT, ...) \
    COP__AGENT_START((RET_PID), (AGENT), 1, __VA_ARGS__, )
#define COP__AGENT_START(RET_PID, AGENT, HOW, ARG, ...)            \
    cop_agent_start_with((RET_PID), (AGENT), cop_lift(ARG), (HOW), \
        &(const struct cop_gen_options){ .unset = 0, __VA_ARGS__ }, 0)
#endif

/* Spawn an agent and run its init in it; below the two macros.
 *
 * Returns  as cop_gen_server_start_with.
 * Exits    as cop_gen_server_start_with.
 * Parks    yes, until init has returned.
 * Options  how: 0 start, 1 start_link. options may be NULL.
 * Context  any process.
 * OTP      Agent.start/1,2, start_link/1,2. Clauses AGT-01, AGT-02, AGT-11.
 */
COP_API int cop_agent_start_with(cop_pid *ret_pid, const cop_agent *agent, cop_term arg, int how,
    const struct cop_gen_options *options, cop_term *ret_error);

/* An agent under a supervisor: { COP_AGENT_CHILD(&cache), .name = "cache" }.
 *
 * Returns  what the supervisor is to know.
 * Parks    yes, until init has returned.
 * Context  a supervisor, which calls it with the child's argument; agent is a cop_agent.
 * OTP      Agent.child_spec/1. Clause AGT-17.
 */
COP_API cop_child_start cop_agent_start_child(cop_term arg, const void *agent);
#define COP_AGENT_CHILD(AGENT) .start = cop_agent_start_child, .context = (AGENT)

enum cop_agent_op { COP_AGENT_GET, COP_AGENT_UPDATE, COP_AGENT_GET_AND_UPDATE };

/* Have an agent run a function on its state; below the macros, which take either kind of function.
 *   cop_agent_get(agent, fn, arg)             what fn returns; the state stays
 *   cop_agent_update(agent, fn, arg)          the state becomes what fn returns
 *   cop_agent_get_and_update(agent, fn, arg)  fn returns {Reply, NewState}
 * Of a struct all three do the same: fn does what it likes, and what it returns is returned, by
 * update only ok.
 *
 * Returns  the value; it lives until the end of the turn.
 * Exits    the caller as cop_call does; with {bad_return_value, V} as the reason where fn should
 *          have returned a pair; with {badarg, _} for a function of the other kind of state.
 * Parks    yes.
 * Options  timeout_ms as in cop_call. The function runs to its end also after a time-out.
 * Context  any process of the agent's node: fn is an address. fn lives as long as the node.
 * OTP      Agent.get/3, update/3, get_and_update/3. Clauses AGT-03 to AGT-07, AGT-12.
 */
COP_API cop_term cop_agent_run(cop_dest agent, enum cop_agent_op op, cop_agent_fn *fn, cop_term arg,
    const struct cop_call_options *options);
COP_API cop_term cop_agent_run_struct(cop_dest agent, enum cop_agent_op op, cop_agent_struct_fn *fn,
    cop_term arg, const struct cop_call_options *options);

/* The same as an update, without waiting; an agent that is not there is not told of.
 *
 * Exits    the caller with system_limit: no memory.
 * Parks    yields.
 * Context  as cop_agent_run.
 * OTP      Agent.cast/2. Clause AGT-08.
 */
COP_API void cop_agent_cast_fn(cop_dest agent, cop_agent_fn *fn, cop_term arg);
COP_API void cop_agent_cast_struct_fn(cop_dest agent, cop_agent_struct_fn *fn, cop_term arg);

#ifndef __cplusplus
#define cop_agent_get(AGENT, FN, ...) COP__AGENT_RUN(COP_AGENT_GET, (AGENT), (FN), __VA_ARGS__, )
#define cop_agent_update(AGENT, FN, ...) \
    COP__AGENT_RUN(COP_AGENT_UPDATE, (AGENT), (FN), __VA_ARGS__, )
#define cop_agent_get_and_update(AGENT, FN, ...) \
    COP__AGENT_RUN(COP_AGENT_GET_AND_UPDATE, (AGENT), (FN), __VA_ARGS__, )
#define COP__AGENT_RUN(OP, AGENT, FN, ARG, ...)                                  \
    _Generic((FN), cop_agent_fn *                                                \
             : cop_agent_run, cop_agent_struct_fn *                              \
             : cop_agent_run_struct)(cop_dest(AGENT), (OP), (FN), cop_lift(ARG), \
        &(const struct cop_call_options){ .unset = 0, __VA_ARGS__ })
#define cop_agent_cast(AGENT, FN, ARG)                  \
    _Generic((FN), cop_agent_fn *                       \
             : cop_agent_cast_fn, cop_agent_struct_fn * \
             : cop_agent_cast_struct_fn)(cop_dest(AGENT), (FN), cop_lift(ARG))
#endif

/* A function as the Extra of cop_sys_change_code: the new state is what it makes of the old one.
 *
 * Returns  a term that only this program can make; it lives until the end of the turn.
 * Parks    no.
 * Context  any process of the agent's node.
 * OTP      the function in extra. Clause AGT-16.
 */
COP_API cop_term cop_agent_function(cop_agent_fn *fn, cop_term arg);

COP_END_DECLS

#endif
