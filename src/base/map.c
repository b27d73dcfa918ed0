/* SPDX-License-Identifier: Apache-2.0 */
/* The map of map.h. Load is kept at or under one half: the entries are small and probes short. */
#include "base/map.h"

#include <stdlib.h>

static uint32_t home_of(uint64_t key, uint32_t capacity)
{
    return (uint32_t)((key * 0x9e3779b97f4a7c15ull) >> 32) & (capacity - 1);
}

static void insert_new(struct cop__map *map, uint64_t key, uint64_t value)
{
    uint32_t at = home_of(key, map->capacity);

    while (map->entries[at].key)
        at = (at + 1) & (map->capacity - 1);
    map->entries[at] = (struct cop__map_entry){ key, value };
    map->count++;
}

static bool grow(struct cop__map *map)
{
    struct cop__map old = *map;
    uint32_t capacity = old.capacity ? old.capacity * 2 : 4;
    struct cop__map_entry *entries = calloc(capacity, sizeof *entries);

    if (!entries)
        return false;
    *map = (struct cop__map){ .entries = entries, .capacity = capacity };
    for (uint32_t i = 0; i < old.capacity; i++)
        if (old.entries[i].key)
            insert_new(map, old.entries[i].key, old.entries[i].value);
    free(old.entries);
    return true;
}

uint64_t *cop__map_at(const struct cop__map *map, uint64_t key)
{
    uint32_t at;

    if (!map->count)
        return NULL;
    for (at = home_of(key, map->capacity); map->entries[at].key;
         at = (at + 1) & (map->capacity - 1))
        if (map->entries[at].key == key)
            return &map->entries[at].value;
    return NULL;
}

bool cop__map_put(struct cop__map *map, uint64_t key, uint64_t value)
{
    uint64_t *place = cop__map_at(map, key);

    if (place) {
        *place = value;
        return true;
    }
    if (map->count * 2 >= map->capacity && !grow(map))
        return false;
    insert_new(map, key, value);
    return true;
}

/* After a hole, entries that were pushed past it by probing move back into it. */
static void close_hole(struct cop__map *map, uint32_t hole)
{
    uint32_t mask = map->capacity - 1, at = hole;

    for (;;) {
        uint32_t home;

        at = (at + 1) & mask;
        if (!map->entries[at].key)
            break;
        home = home_of(map->entries[at].key, map->capacity);
        if (((at - home) & mask) >= ((at - hole) & mask)) {
            map->entries[hole] = map->entries[at];
            hole = at;
        }
    }
    map->entries[hole].key = 0;
}

bool cop__map_remove(struct cop__map *map, uint64_t key, uint64_t *ret_value)
{
    uint64_t *place = cop__map_at(map, key);

    if (!place)
        return false;
    if (ret_value)
        *ret_value = *place;
    map->count--;
    close_hole(map, (uint32_t)((struct cop__map_entry *)((char *)place -
                                                         offsetof(struct cop__map_entry, value)) -
                               map->entries));
    if (map->count == 0 && map->capacity > 64)
        cop__map_free(map);
    return true;
}

void cop__map_free(struct cop__map *map)
{
    free(map->entries);
    *map = (struct cop__map){ 0 };
}
