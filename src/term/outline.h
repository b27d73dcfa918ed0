/* SPDX-License-Identifier: Apache-2.0 */
/* Where the parts of a term stand in its text on one line: what pretty printing needs to know.
 * Layer 1, private to show.c and pretty.c. */
#ifndef COP_TERM_OUTLINE_H
#define COP_TERM_OUTLINE_H

#include "term/text.h"

enum cop__outline_kind {
    COP__OUTLINE_LEAF, /* never broken */
    COP__OUTLINE_TUPLE,
    COP__OUTLINE_TAGGED, /* a tuple whose first element is an atom */
    COP__OUTLINE_LIST,
    COP__OUTLINE_MAP /* its parts are keys and values by turns */
};

/* The parts of a node follow it; the first is the next node, and each gives the next after it. */
struct cop__outline_node {
    enum cop__outline_kind kind;
    bool improper;   /* a list whose last part is its tail */
    size_t from, to; /* in the text, in bytes */
    size_t next;     /* the node after all of its parts */
};

struct cop__outline {
    struct cop__outline_node *nodes; /* to be freed by who gave the outline */
    size_t used, capacity;
};

/* As cop__text_term, and note what stands where. `text` is empty before. */
void cop__text_outline(
    struct cop__text *text, cop_term term, bool pretty, struct cop__outline *outline);

#endif
