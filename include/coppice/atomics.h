/* SPDX-License-Identifier: Apache-2.0 */
/* atomics and counters: arrays of 64-bit integers that all processes of the node change at once.
 *
 *   cop_term hits = cop_counters_new(2, .write_concurrency = true);
 *
 *   cop_counters_add(hits, 1, 1);
 *   cop_counters_get(hits, 1);
 *
 * Both are references: they can be sent, kept, put into tables and persistent terms, and the array
 * goes with the last term that has the reference. Indexes begin at 1, as in OTP. Any operation with
 * what is no such array, or an index it has not, exits the caller with badarg. None of them parks,
 * takes a lock or allocates; any thread may call them, with a reference that a process or it keeps.
 *
 * The order is that of OTP: an operation on an atomic happens at one point for all who look, and
 * those of one process are seen in their order. Counters that are written concurrently promise
 * less: see cop_counters_new. */
#ifndef COPPICE_ATOMICS_H
#define COPPICE_ATOMICS_H

#include <coppice/process.h>

COP_BEGIN_DECLS

/* --- atomics ---------------------------------------------------------------------------------- */

struct cop_atomics_options {
    int unset;        /* so that a list of no options can be written */
    bool is_unsigned; /* values are 0 to 2^64 - 1; read them as uint64_t */
};

/* Make an array of atomics, all 0; written cop_atomics_new(10).
 *
 * Returns  its reference, which lives until the end of the turn.
 * Exits    the caller with badarg: size 0, or too large; system_limit: no memory.
 * Parks    no.
 * Options  size: how many, at most 2^32.
 * Context  any process, any thread.
 * OTP      atomics:new/2. Clauses ATM-01, ATM-02.
 */
COP_API cop_term cop_atomics_new_with(size_t size, const struct cop_atomics_options *options);

/* Read, write, and both at once. A sum wraps around.
 *
 * Returns  get: the value; add_get, sub_get: the new one; exchange: the old one.
 *          compare_exchange: true where it was `expected` and is `desired` now; else what it was
 *          is in *ret_actual, which may be NULL.
 * Exits    the caller with badarg: no such array, no such index.
 * Parks    no.
 * Context  any process, any thread.
 * OTP      atomics:get/2, put/3, add/3, add_get/3, sub/3, sub_get/3, exchange/3,
 *          compare_exchange/4. Clauses ATM-03 to ATM-06.
 */
COP_API int64_t cop_atomics_get(cop_term atomics, size_t index);
COP_API void cop_atomics_put(cop_term atomics, size_t index, int64_t value);
COP_API void cop_atomics_add(cop_term atomics, size_t index, int64_t n);
COP_API int64_t cop_atomics_add_get(cop_term atomics, size_t index, int64_t n);
COP_API void cop_atomics_sub(cop_term atomics, size_t index, int64_t n);
COP_API int64_t cop_atomics_sub_get(cop_term atomics, size_t index, int64_t n);
COP_API int64_t cop_atomics_exchange(cop_term atomics, size_t index, int64_t value);
COP_API bool cop_atomics_compare_exchange(
    cop_term atomics, size_t index, int64_t expected, int64_t desired, int64_t *ret_actual);

/* What there is to know of an array.
 *
 * Returns  #{size, min, max, memory}, memory in bytes; it lives until the end of the turn.
 * Exits    the caller with badarg.
 * Parks    no.
 * Context  any process, any thread.
 * OTP      atomics:info/1. Clause ATM-07.
 */
COP_API cop_term cop_atomics_info(cop_term atomics);

/* --- counters --------------------------------------------------------------------------------- */

struct cop_counters_options {
    int unset;
    bool write_concurrency; /* writers of different cores do not meet; reading adds them up */
};

/* Make an array of counters, all 0; written cop_counters_new(10). With write_concurrency adding
 * costs the same however many do it, a read may miss what others add at that moment, and put may
 * lose it; nothing that is added is counted twice or lost.
 *
 * Returns  its reference, which lives until the end of the turn.
 * Exits    the caller with badarg: size 0, or too large; system_limit: no memory.
 * Parks    no.
 * Options  size: how many, at most 2^32.
 * Context  any process, any thread.
 * OTP      counters:new/2. Clauses CNT-01, CNT-02.
 */
COP_API cop_term cop_counters_new_with(size_t size, const struct cop_counters_options *options);

/* Read a counter, add to it, subtract from it, set it. A sum wraps around.
 *
 * Returns  get: the value.
 * Exits    the caller with badarg: no such array, no such index.
 * Parks    no.
 * Context  any process, any thread.
 * OTP      counters:get/2, add/3, sub/3, put/3. Clauses CNT-03, CNT-04.
 */
COP_API int64_t cop_counters_get(cop_term counters, size_t index);
COP_API void cop_counters_add(cop_term counters, size_t index, int64_t n);
COP_API void cop_counters_sub(cop_term counters, size_t index, int64_t n);
COP_API void cop_counters_put(cop_term counters, size_t index, int64_t value);

/* What there is to know of an array.
 *
 * Returns  #{size, memory}, memory in bytes; it lives until the end of the turn.
 * Exits    the caller with badarg.
 * Parks    no.
 * Context  any process, any thread.
 * OTP      counters:info/1. Clause CNT-05.
 */
COP_API cop_term cop_counters_info(cop_term counters);

#ifndef __cplusplus
#define cop_atomics_new(...) COP__ATOMICS_NEW(__VA_ARGS__, )
#define COP__ATOMICS_NEW(SIZE, ...) \
    cop_atomics_new_with((SIZE), &(const struct cop_atomics_options){ .unset = 0, __VA_ARGS__ })
#define cop_counters_new(...) COP__COUNTERS_NEW(__VA_ARGS__, )
#define COP__COUNTERS_NEW(SIZE, ...) \
    cop_counters_new_with((SIZE), &(const struct cop_counters_options){ .unset = 0, __VA_ARGS__ })
#endif

COP_END_DECLS

#endif
