/* SPDX-License-Identifier: Apache-2.0 */
/* Match specifications: small programs, as terms, that pick terms and make others of them.
 *
 *   cop_match_spec *spec = cop_match_spec_compile(
 *       cop("[{{'$1', '$2'}, [{'>', '$2', 10}], [{{'$2', '$1'}}]}]"));
 *   cop_term picked = cop_match_spec_run(list, spec);
 *
 * A specification is a list of {Head, Guards, Body}. The first one whose head matches and whose
 * guards are all true gives its result: the value of the last expression of its body.
 *
 *   heads        '_' is anything, '$1' a variable (the same one twice demands =:=); tuples, lists,
 *                and maps by their keys; all else stands for itself
 *   expressions  '$1'; '$_' the whole term; '$$' the list of all variables, by number; {{A, B}} a
 *                tuple; [A, B] and #{K => V}; {const, X}; {Function, A...}; all else for itself
 *   functions    is_atom is_binary is_float is_function is_integer is_list is_map is_map_key
 *                is_number is_pid is_port is_record is_reference is_tuple; == =:= /= =/= < =< > >=;
 *                and or xor not andalso orelse; + - * / div rem abs round trunc float; band bor
 * bxor bnot bsl bsr; element hd tl length size tuple_size map_size map_get byte_size bit_size
 * binary_part max min node self
 *
 * A guard that fails is false. In a body the value of a function that fails is the atom 'EXIT'. */
#ifndef COPPICE_MATCH_SPEC_H
#define COPPICE_MATCH_SPEC_H

#include <coppice/term.h>

COP_BEGIN_DECLS

typedef struct cop_match_spec cop_match_spec;

/* Compile a specification.
 *
 * Returns  it, in process memory, until cop_match_spec_free or the end of the process; NULL: it is
 *          malformed, or an expression uses a variable that its head does not bind.
 * Exits    system_limit: no memory.
 * Parks    no.
 * Context  any process, and any thread; used and freed by the one that compiled it.
 * OTP      ets:match_spec_compile/1. Clauses ETS-35, ETS-36, ETS-38 to ETS-40, ETS-45.
 */
COP_API cop_match_spec *cop_match_spec_compile(cop_term spec);
COP_API void cop_match_spec_free(cop_match_spec *spec); /* NULL: nothing */

/* Try one term.
 *
 * Returns  whether a clause took it, and *ret_result, which lives until the end of the turn and may
 *          share parts with term.
 * Parks    no.
 * Context  as cop_match_spec_compile.
 * OTP      ets:match_spec_run/2 of one term. Clauses ETS-35 to ETS-40.
 */
COP_API bool cop_match_spec_run_one(
    cop_term *ret_result, const cop_match_spec *spec, cop_term term);

/* The results of all terms of a list that a clause took, in order.
 *
 * Returns  a list that lives until the end of the turn.
 * Exits    the caller with badarg: no proper list.
 * Parks    no.
 * Context  as cop_match_spec_compile.
 * OTP      ets:match_spec_run/2. Clause ETS-45.
 */
COP_API cop_term cop_match_spec_run(cop_term list, const cop_match_spec *spec);

/* Compile and try at once, for trying things out.
 *
 * Returns  {ok, Result}, {ok, false} when no clause took it, {error, badarg} for a malformed
 *          specification or what is no tuple; it lives until the end of the turn.
 * Parks    no.
 * Context  any process.
 * OTP      ets:test_ms/2. Clause ETS-45.
 */
COP_API cop_term cop_test_ms(cop_term tuple, cop_term spec);

COP_END_DECLS

#endif
