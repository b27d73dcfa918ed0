/* SPDX-License-Identifier: Apache-2.0 */
/* Hashes of terms beside cop_hash (hash.c). Layer 1, private to the library. */
#ifndef COP_TERM_HASH_H
#define COP_TERM_HASH_H

#include <coppice/term.h>

/* Of a key whose cop_hash others have too: large maps. The same in every run. */
uint64_t cop__hash_second(cop_term key);

/* For tables whose keys may come from outside: equal for =:= terms, and another in each run (that
 * of COPPICE_SEED, where it is set), so that nobody can choose keys that meet. */
uint64_t cop__hash_secret(cop_term term);
void cop__hash_secret_set(uint64_t seed); /* while nothing that it has hashed is in use */

#endif
