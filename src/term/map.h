/* SPDX-License-Identifier: Apache-2.0 */
/* Maps for the rest of the layer; the public names are in term.h. Layer 1, private. */
#ifndef COP_TERM_MAP_H
#define COP_TERM_MAP_H

#include "term/layout.h"

/* Pairs laid out for one walk, in a chain so that several can be freed at once. */
struct cop__map_pairs {
    struct cop__map_pairs *next;
    cop_term terms[]; /* keys in key order, then their values */
};

/* All keys of a map in key order, then all values; of a large map in memory put in front of
 * *scratch. */
const cop_term *cop__map_sorted(cop_term map, struct cop__map_pairs **scratch);
/* The same in any order. */
const cop_term *cop__map_listed(cop_term map, struct cop__map_pairs **scratch);
void cop__map_pairs_free(struct cop__map_pairs *pairs);

/* Of keys and values by turns; of equal keys the last one counts. */
cop_term cop__new_map(struct cop__heap *heap, const cop_term *keys_and_values, size_t pairs);

bool cop__map_find(cop_term *ret_value, cop_term map, cop_term key);

#endif
