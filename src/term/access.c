/* SPDX-License-Identifier: Apache-2.0 */
/* The typed accessors of the simple kinds. Layer 1. */
#include "term/atoms.h"
#include "term/integer.h"

enum cop_type cop_type_of(cop_term term)
{
    if (cop__is_cons(term))
        return COP_TYPE_LIST;
    switch (term.word & 15) {
    case COP__TAG_SMALL:
        return COP_TYPE_INTEGER;
    case COP__TAG_ATOM:
        return COP_TYPE_ATOM;
    case COP__TAG_PID:
        return COP_TYPE_PID;
    case COP__TAG_REF:
        return COP_TYPE_REFERENCE;
    case COP__TAG_PORT:
        return COP_TYPE_PORT;
    case COP__WORD_NIL:
        return COP_TYPE_NIL;
    }
    switch (cop__box_type(term)) {
    case COP__TUPLE:
        return COP_TYPE_TUPLE;
    case COP__FLOAT:
        return COP_TYPE_FLOAT;
    case COP__BIG_POSITIVE:
    case COP__BIG_NEGATIVE:
        return COP_TYPE_INTEGER;
    case COP__BINARY:
    case COP__COUNTED:
        return COP_TYPE_BITSTRING;
    case COP__MAP_SMALL:
    case COP__MAP_LARGE:
    case COP__MAP_NODE: /* a part of a map, seen by the library only */
    case COP__MAP_CLASH:
        return COP_TYPE_MAP;
    case COP__PID_REMOTE:
        return COP_TYPE_PID;
    case COP__REF_REMOTE:
    case COP__REF_HELD:
        return COP_TYPE_REFERENCE;
    case COP__PORT_REMOTE:
        return COP_TYPE_PORT;
    case COP__FUN_EXTERNAL:
    case COP__FUN_CLOSURE:
        return COP_TYPE_FUN;
    default:
        return COP_TYPE_NONE;
    }
}

bool cop_to_double(double *ret_value, cop_term term)
{
    if (cop__is_float(term)) {
        *ret_value = cop__float_value(term);
        return true;
    }
    return cop__is_integer(term) && cop__integer_to_double(ret_value, term);
}

bool cop_to_bool(bool *ret_value, cop_term term)
{
    if (term.word != cop__atom(COP__ATOM_true).word && term.word != cop__atom(COP__ATOM_false).word)
        return false;
    *ret_value = term.word == cop__atom(COP__ATOM_true).word;
    return true;
}

bool cop_to_atom(cop_atom *ret_value, cop_term term)
{
    if (!cop__is_atom(term))
        return false;
    ret_value->index = cop__atom_index(term);
    return true;
}

size_t cop_tuple_size(cop_term tuple)
{
    return cop__is_tuple(tuple) ? cop__count(tuple) : 0;
}

cop_term cop_tuple_at(cop_term tuple, size_t index)
{
    return index < cop_tuple_size(tuple) ? cop__elements(tuple)[index] : cop_term_none();
}
