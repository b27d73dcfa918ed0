/* SPDX-License-Identifier: Apache-2.0 */
/* The typed constructors of the simple kinds; binaries, integers, maps and identifiers of other
 * nodes have their own files. Layer 1. */
#include "term/atoms.h"

#include "base/raise.h"
#include "term/utf8.h"

cop_term cop__new_float(struct cop__heap *heap, double value)
{
    uint64_t *box = cop__heap_alloc(heap, 2);

    box[0] = cop__header(COP__FLOAT, 1);
    memcpy(box + 1, &value, sizeof(value));
    return cop__from_box(box);
}

cop_term cop_float(double value)
{
    if (!__builtin_isfinite(value))
        cop__raise("badarith", "a float must be finite");
    return cop__new_float(cop__turn_heap(), value);
}

cop_term cop_bool(bool value)
{
    return cop__atom(value ? COP__ATOM_true : COP__ATOM_false);
}

cop_term cop_from_atom(cop_atom atom)
{
    return atom.index ? cop__atom(atom.index) : cop_term_none();
}

cop_term cop_from_ref(cop_ref ref)
{
    return cop__word(ref.id);
}

cop_term cop_nil(void)
{
    return cop__nil();
}

cop_term cop_cons(cop_term head, cop_term tail)
{
    return cop__new_cons(cop__turn_heap(), head, tail);
}

cop_term cop_list_with_tail(const cop_term *items, size_t count, cop_term tail)
{
    cop_term *cells;

    if (count == 0)
        return tail;
    cells = (cop_term *)cop__heap_alloc(cop__turn_heap(), 2 * count);
    for (size_t i = 0; i < count; i++) {
        cells[2 * i] = items[i];
        cells[2 * i + 1] = i + 1 < count ? cop__from_cell(cells + 2 * i + 2) : tail;
    }
    return cop__from_cell(cells);
}

cop_term cop_list(const cop_term *items, size_t count)
{
    return cop_list_with_tail(items, count, cop__nil());
}

cop_term cop_tuple_from(const cop_term *items, size_t count)
{
    cop_term tuple = cop__new_tuple(cop__turn_heap(), count);

    if (count)
        memcpy(cop__elements(tuple), items, count * sizeof(*items));
    return tuple;
}

cop_term cop_string(const char *text)
{
    const unsigned char *at = (const unsigned char *)text, *end = at + strlen(text);
    int64_t count = cop__utf8_count(text, strlen(text));
    cop_term *cells;

    if (count < 0)
        cop__raise("badarg", "a string's text must be UTF-8");
    if (count == 0)
        return cop__nil();
    cells = (cop_term *)cop__heap_alloc(cop__turn_heap(), 2 * (size_t)count);
    for (int64_t i = 0; i < count; i++) {
        cells[2 * i] = cop__small(cop__utf8_next(&at, end));
        cells[2 * i + 1] = i + 1 < count ? cop__from_cell(cells + 2 * i + 2) : cop__nil();
    }
    return cop__from_cell(cells);
}

cop_term cop_fun(cop_atom module, cop_atom function, uint32_t arity)
{
    uint64_t *box = cop__heap_alloc(cop__turn_heap(), 4);

    box[0] = cop__header(COP__FUN_EXTERNAL, 3);
    box[1] = cop__atom(module.index).word;
    box[2] = cop__atom(function.index).word;
    box[3] = cop__small(arity).word;
    return cop__from_box(box);
}
