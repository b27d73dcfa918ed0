/* SPDX-License-Identifier: Apache-2.0 */
/* Compiled match specifications. Layer 4, private: between match_compile.c, match_run.c and
 * match_function.c. */
#ifndef COP_ETS_MATCH_SPEC_H
#define COP_ETS_MATCH_SPEC_H

#include <coppice/match_spec.h>

#include "term/layout.h"

/* Heads work on a stack of terms still to be matched, expressions on a stack of values. */
enum cop__match_op {
    /* heads: each takes the top */
    COP__MATCH_ANY,
    COP__MATCH_BIND,  /* variable `number` is bound to it */
    COP__MATCH_SAME,  /* it is what `number` is bound to */
    COP__MATCH_CONST, /* it is `term` */
    COP__MATCH_TUPLE, /* of `number` elements, which are to be matched next */
    COP__MATCH_CONS,  /* a cell; head, then tail */
    COP__MATCH_MAP,   /* with at least the keys of `term`, a tuple; their values next */
    /* expressions: each leaves one value */
    COP__MATCH_PUSH,     /* `term` */
    COP__MATCH_VARIABLE, /* `number` */
    COP__MATCH_WHOLE,    /* '$_' */
    COP__MATCH_BINDINGS, /* '$$' */
    COP__MATCH_MAKE_TUPLE,
    COP__MATCH_MAKE_LIST, /* of `number` values and a tail on top */
    COP__MATCH_MAKE_MAP,  /* of `number` pairs */
    COP__MATCH_CALL,      /* `function` of `number` values */
    COP__MATCH_AND_THEN,  /* true: drop it and go on; false: go on at `number`; else it fails */
    COP__MATCH_OR_ELSE
};

/* False: it fails. */
typedef bool cop__match_function(cop_term *ret, const cop_term *arguments, size_t count);

struct cop__match_code {
    enum cop__match_op op;
    uint32_t number;
    cop_term term; /* kept */
    cop__match_function *function;
};

struct cop__match_run { /* of code: where it begins, and how many */
    size_t at, count;
};

struct cop__match_clause {
    struct cop__match_run head, body, *guards;
    size_t guard_count;
    uint32_t *variables; /* in order of their numbers: indices for '$$' */
    size_t variable_count;
};

struct cop_match_spec {
    struct cop__match_clause *clauses;
    size_t clause_count;
    struct cop__match_code *code;
    size_t code_count, code_room;
    size_t variable_max; /* of all clauses */
    size_t stack_max;    /* words that any of them may need */
};

/* The function of this name and so many arguments; NULL: there is none. */
cop__match_function *cop__match_function_of(cop_term name, size_t count);

#endif
