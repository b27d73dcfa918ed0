/* SPDX-License-Identifier: Apache-2.0 */
/* A map from a non-zero 64-bit key to a 64-bit value: links, monitors, aliases, timers by
 * reference. Open addressing, linear probing, backward shift on removal: no tombstones, so a map
 * that lives for ever does not decay. Not thread-safe; whoever owns the map locks or owns. */
#ifndef COP_BASE_MAP_H
#define COP_BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cop__map_entry {
    uint64_t key;
    uint64_t value;
};

struct cop__map {
    struct cop__map_entry *entries;
    uint32_t count;
    uint8_t bits; /* of the capacity, a power of two; 0: no entries */
    uint8_t used; /* of the largest count since it was empty */
};

static inline uint32_t cop__map_capacity(const struct cop__map *map)
{
    return map->bits ? 1u << map->bits : 0;
}

bool cop__map_put(struct cop__map *map, uint64_t key, uint64_t value); /* false: no memory */
bool cop__map_add(struct cop__map *map, uint64_t key, uint64_t value); /* of a key it has not */
/* The place of the value, valid until the next change; NULL when absent. */
uint64_t *cop__map_at(const struct cop__map *map, uint64_t key);
bool cop__map_remove(struct cop__map *map, uint64_t key, uint64_t *ret_value);
void cop__map_remove_at(struct cop__map *map, uint64_t *place); /* as cop__map_at gave it */
void cop__map_free(struct cop__map *map);

/* for (uint32_t i = 0; (e = cop__map_each(map, &i));) the map must not change meanwhile */
static inline struct cop__map_entry *cop__map_each(const struct cop__map *map, uint32_t *position)
{
    while (*position < cop__map_capacity(map)) {
        struct cop__map_entry *entry = &map->entries[(*position)++];

        if (entry->key)
            return entry;
    }
    return NULL;
}

#endif
