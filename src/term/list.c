/* SPDX-License-Identifier: Apache-2.0 */
/* Walking and making lists. Layer 1. */
#include "term/atoms.h"

#include "base/raise.h"
#include "base/scratch.h"
#include "term/order.h"

bool cop_list_next(cop_term *ret_head, cop_term *list)
{
    const cop_term *cell;

    if (!cop__is_cons(*list))
        return false;
    cell = cop__cell(*list);
    *ret_head = cell[0];
    *list = cell[1];
    return true;
}

/* The cells of a list; *ret_end is what comes after the last. */
static size_t count_cells(cop_term list, cop_term *ret_end)
{
    size_t count = 0;

    for (; cop__is_cons(list); list = cop__cell(list)[1])
        count++;
    *ret_end = list;
    return count;
}

bool cop_list_length(size_t *ret_length, cop_term list)
{
    cop_term end;
    size_t count = count_cells(list, &end);

    if (!cop__is_nil(end))
        return false;
    *ret_length = count;
    return true;
}

bool cop_is_proper_list(cop_term term)
{
    size_t length;

    return cop_list_length(&length, term);
}

cop_term cop_list_reverse(cop_term list)
{
    struct cop__heap *heap = cop__turn_heap();
    cop_term reversed = cop__nil(), item;

    while (cop_list_next(&item, &list))
        reversed = cop__new_cons(heap, item, reversed);
    if (!cop__is_nil(list))
        cop__raise("badarg", "cop_list_reverse of what is no proper list");
    return reversed;
}

cop_term cop_list_append(cop_term first, cop_term second)
{
    cop_term end, item, *cells;
    size_t count = count_cells(first, &end), i = 0;

    if (!cop__is_nil(end))
        cop__raise("badarg", "cop_list_append to what is no proper list");
    if (count == 0)
        return second;
    if (cop__is_nil(second))
        return first;
    cells = (cop_term *)cop__heap_alloc(cop__turn_heap(), 2 * count);
    for (; cop_list_next(&item, &first); i++) {
        cells[2 * i] = item;
        cells[2 * i + 1] = i + 1 < count ? cop__from_cell(cells + 2 * i + 2) : second;
    }
    return cop__from_cell(cells);
}

bool cop_list_member(cop_term item, cop_term list)
{
    cop_term at;

    while (cop_list_next(&at, &list))
        if (cop__identical(at, item))
            return true;
    return false;
}

bool cop_proplist_get(cop_term *ret_value, cop_term list, cop_term key)
{
    cop_term at;

    while (cop_list_next(&at, &list))
        if (cop_tuple_size(at) >= 2 && cop_equal(cop__elements(at)[0], key)) {
            *ret_value = cop__elements(at)[1];
            return true;
        }
    return false;
}

/* --- Sorting: stable, TO-12 --------------------------------------------------------------------
 */

/* Merge sort of items, with room for as many in `spare`. */
static void sort(cop_term *items, size_t count, cop_term *spare)
{
    for (size_t width = 1; width < count; width *= 2) {
        for (size_t from = 0; from < count; from += 2 * width) {
            size_t middle = from + width < count ? from + width : count;
            size_t end = from + 2 * width < count ? from + 2 * width : count;
            size_t left = from, right = middle;

            for (size_t to = from; to < end; to++) {
                bool take_left =
                    left < middle && (right >= end || cop_compare(items[left], items[right]) <= 0);

                spare[to] = items[take_left ? left++ : right++];
            }
        }
        memcpy(items, spare, count * sizeof(*items));
    }
}

static cop_term sorted(cop_term list, bool unique)
{
    cop_term end, item, *items;
    size_t count = count_cells(list, &end), i = 0, used = 0;

    if (!cop__is_nil(end))
        cop__raise("badarg", "sorting of what is no proper list");
    if (count < 2)
        return list;
    items = cop__scratch_new(2 * count * sizeof(*items), "the sorting of a list");
    while (cop_list_next(&item, &list))
        items[i++] = item;
    sort(items, count, items + count);
    for (i = 0; i < count; i++)
        if (!unique || used == 0 || cop_compare(items[used - 1], items[i]) != 0)
            items[used++] = items[i];
    list = cop_list(items, used);
    cop__scratch_free(items);
    return list;
}

cop_term cop_list_sort(cop_term list)
{
    return sorted(list, false);
}

cop_term cop_list_usort(cop_term list)
{
    return sorted(list, true);
}
