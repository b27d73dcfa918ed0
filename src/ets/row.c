/* SPDX-License-Identifier: Apache-2.0 */
/* Rows: terms copied into a table and out of it (ETS-11). Layer 4. */
#include "ets/row.h"

#include "proc/retire.h"
#include "term/copy.h"

struct cop__row *cop__row_new(struct cop__thr *self, cop_term object)
{
    size_t words = cop__term_words(object);
    struct cop__counted *counted = NULL;
    struct cop__row *row;
    uint8_t class;

    row = cop__block_get(&self->base, sizeof *row + words * sizeof(uint64_t), &class);
    if (!row)
        return NULL;
    atomic_init(&row->next, NULL);
    atomic_init(&row->dead, 0);
    row->hash = 0;
    row->words = (uint32_t)words;
    row->class = class;
    cop__term_copy(object, row->tree, &counted);
    row->counted = counted;
    return row;
}

struct cop__row *cop__row_view(
    struct cop__view *space, uint64_t hash, uint64_t first, uint64_t second)
{
    struct cop__row *row = space ? (struct cop__row *)(void *)space
                                 : (struct cop__row *)(void *)cop__heap_alloc(cop__turn_heap(),
                                       sizeof(struct cop__view) / sizeof(uint64_t));

    atomic_init(&row->next, NULL);
    atomic_init(&row->dead, 0);
    row->hash = hash;
    row->counted = NULL;
    row->words = COP__PAIR_WORDS;
    row->class = space ? COP__VIEW_LENT : COP__VIEW_IN_HEAP;
    row->tree[0] = cop__header(COP__TUPLE, 2);
    row->tree[1] = first;
    row->tree[2] = second;
    return row;
}

void cop__row_free(struct cop__thr *self, void *row)
{
    struct cop__row *freed = row;

    if (freed->counted)
        cop__counted_release_all(freed->counted);
    cop__block_put(&self->base, freed, freed->class);
}

void cop__row_retire(struct cop__thr *self, struct cop__row *row)
{
    cop__retire(self, row, cop__row_free);
}

cop_term cop__row_copy(const struct cop__row *row)
{
    struct cop__heap *heap = cop__turn_heap();

    if (row->class == COP__VIEW_IN_HEAP)
        return cop__row_object(row);
    return cop__term_copy(cop__row_object(row), cop__heap_alloc(heap, row->words), &heap->counted);
}
