/* SPDX-License-Identifier: Apache-2.0 */
/* Copying whole terms out of a heap: into a message, into process memory. Layer 1, private to the
 * library. Counted binaries are shared, nothing else is. */
#ifndef COP_TERM_COPY_H
#define COP_TERM_COPY_H

#include "term/layout.h"

/* The words cop__term_copy needs; 0 for an immediate. */
size_t cop__term_words(cop_term term);

/* Copy into exactly cop__term_words(term) words at `to`, and give the copy. Counted binaries in it
 * are retained and put in front of *list, by which they are released. */
cop_term cop__term_copy(cop_term term, uint64_t *to, struct cop__counted **list);

#endif
