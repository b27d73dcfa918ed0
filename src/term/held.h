/* SPDX-License-Identifier: Apache-2.0 */
/* References that hold something: a shared block, which goes with the last term that has the
 * reference, in whatever heap, message or table. Counters are such. Layer 1, private to the
 * library.
 *
 * It is a reference in all that can be seen: how it prints, compares, hashes and travels. Only
 * cop_to_ref does not take it, since a cop_ref could not hold what it holds. */
#ifndef COP_TERM_HELD_H
#define COP_TERM_HELD_H

#include "term/layout.h"

struct cop__held {
    struct cop__shared shared; /* size: of what follows */
    uint64_t word;
    _Alignas(64) char data[];
};

typedef void cop__held_kind(struct cop__shared *shared); /* a release; its address is the kind */

/* A reference with this word, which is nobody else's, and `size` bytes of zeros. release ends with
 * cop__held_free. none: no memory. */
cop_term cop__held_new(uint64_t word, size_t size, cop__held_kind *release);
void cop__held_free(struct cop__shared *shared);

/* What a reference holds, if it is of this kind; it lives as long as the term. NULL: it is not. */
static inline struct cop__held *cop__held_of(cop_term term, cop__held_kind *release)
{
    struct cop__shared *shared;

    if (!cop__is_held_ref(term))
        return NULL;
    shared = ((const struct cop__counted *)cop__box(term))->shared;
    return shared->release == release ? (struct cop__held *)shared : NULL;
}

/* The reference with this word, as it was: one that came back from bytes holds what it held, if
 * that is still there. */
cop_term cop__ref_of(uint64_t word);

#endif
