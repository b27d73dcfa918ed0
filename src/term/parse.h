/* SPDX-License-Identifier: Apache-2.0 */
/* The reader of Erlang's notation, shared by cop_parse and by patterns. It reports what it reads
 * bottom-up: the parts of a tuple, list or map before the whole. Layer 1, private. */
#ifndef COP_TERM_PARSE_H
#define COP_TERM_PARSE_H

#include "term/layout.h"

enum cop__part_kind {
    COP__PART_TERM,     /* a constant without parts: `term` */
    COP__PART_VARIABLE, /* `name`; patterns only */
    COP__PART_TUPLE,    /* of the last `count` parts */
    COP__PART_LIST,     /* of the last `count` items and their tail, which comes after them */
    COP__PART_MAP,      /* of the last 2 * `count` parts, keys and values; written with => */
    COP__PART_MAP_MATCH /* the same, written with := */
};

struct cop__part {
    enum cop__part_kind kind;
    size_t count;
    cop_term term;
    cop_bytes name;
    size_t position;
};

struct cop__reader {
    cop_bytes text;
    struct cop__heap *heap; /* where constants are built */
    bool variables;
    /* Takes the next part; a message that ends the reading, or NULL. */
    const char *(*take)(void *context, const struct cop__part *part);
    void *context;
};

/* 0, or -COP_ESYNTAX (-COP_ESYSTEMLIMIT for an atom too many) with *ret_error filled. */
int cop__read(const struct cop__reader *reader, struct cop_parse_error *ret_error);

#endif
