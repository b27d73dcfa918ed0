/* SPDX-License-Identifier: Apache-2.0 */
/* Copying whole terms out of a heap: into a message, into process memory. Layer 1, private to the
 * library. Counted binaries are shared, and so is, when it is sent, a term that was sealed. */
#ifndef COP_TERM_COPY_H
#define COP_TERM_COPY_H

#include "term/layout.h"

/* A tuple of at most 8 immediates, the usual message. */
static inline bool cop__is_flat_tuple(const uint64_t *box)
{
    size_t count = cop__header_count(*box);

    if (cop__header_type(*box) != COP__TUPLE || count > 8)
        return false;
    for (size_t i = 1; i <= count; i++)
        if (!cop__is_immediate(cop__word(box[i])))
            return false;
    return true;
}

/* The words cop__term_copy needs; 0 for an immediate. */
size_t cop__term_words(cop_term term);

/* Copy into exactly cop__term_words(term) words at `to`, and give the copy. Counted binaries in it
 * are retained and put in front of *list, by which they are released. */
cop_term cop__term_copy(cop_term term, uint64_t *to, struct cop__counted **list);

/* --- For messages ----------------------------------------------------------------------------- */

/* The same, but a sealed term is not copied: the copy points to it, and *list holds it. */
size_t cop__term_words_to_send(cop_term term);
cop_term cop__term_copy_to_send(cop_term term, uint64_t *to, struct cop__counted **list);

/* The same for a term that may need no more than `room` words, without counting them first. none:
 * it needs more, and nothing has happened. */
cop_term cop__term_copy_within(
    cop_term term, uint64_t *to, size_t room, struct cop__counted **list);

/* From now on this tree, which is complete and never changes again, is shared when it is sent: the
 * two words before it, which are the caller's to give, say by whom it is owned. The seal is bound
 * to the address and to a number that nobody outside knows, so no bytes can forge it. */
enum { COP__SEAL_WORDS = 2 };
void cop__seal(uint64_t *tree, struct cop__shared *shared);

#endif
