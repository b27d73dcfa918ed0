/* SPDX-License-Identifier: Apache-2.0 */
/* persistent_term: values that all processes read and that hardly ever change, such as
 * configurations and compiled tables.
 *
 *   cop_persistent_term_put(cop("{my_app, limits}"), cop("#{rate => 100}"));
 *   cop_persistent_term_get(cop("{my_app, limits}"), COP_NONE);
 *
 * Reading takes no lock and does not copy what is long: the term that is got is the value itself,
 * which goes when it has been erased or replaced and the last turn (or message) that has it ends.
 * Writing costs more than in a table (every write makes a new place for readers to look), but,
 * other than in the BEAM, no process is searched for what has been erased. Keys are compared with
 * =:=. */
#ifndef COPPICE_PERSISTENT_TERM_H
#define COPPICE_PERSISTENT_TERM_H

#include <coppice/process.h>

COP_BEGIN_DECLS

/* Store a value under a key; put_new only where there is none.
 *
 * Returns  put_new: false when there was another value, which stays; true for one that is equal.
 * Exits    system_limit: no memory.
 * Parks    no.
 * Context  any process.
 * OTP      persistent_term:put/2, put_new/2 (of OTP 28, which raises badarg). Clauses PT-01, PT-02.
 */
COP_API void cop_persistent_term_put(cop_term key, cop_term value);
COP_API bool cop_persistent_term_put_new(cop_term key, cop_term value);

/* The value of a key.
 *
 * Returns  the value, which lives until the end of the turn; or `missing` where there is none,
 *          unless that is none.
 * Exits    the caller with badarg: there is no such key, and no `missing`.
 * Parks    no.
 * Context  any process.
 * OTP      persistent_term:get/1, get/2. Clauses PT-03, PT-04.
 */
COP_API cop_term cop_persistent_term_get(cop_term key, cop_term missing);

/* Take a key out.
 *
 * Returns  whether it was there.
 * Parks    no.
 * Context  any process.
 * OTP      persistent_term:erase/1. Clause PT-05.
 */
COP_API bool cop_persistent_term_erase(cop_term key);

/* All of them, and what there is to know.
 *
 * Returns  all: a list of {Key, Value}, in no order; info: #{count, memory}, memory in bytes. They
 *          live until the end of the turn.
 * Parks    no.
 * Context  any process.
 * OTP      persistent_term:get/0, info/0. Clauses PT-06, PT-07.
 */
COP_API cop_term cop_persistent_term_all(void);
COP_API cop_term cop_persistent_term_info(void);

COP_END_DECLS

#endif
