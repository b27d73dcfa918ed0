/* SPDX-License-Identifier: Apache-2.0 */
/* The map of map.h. Load is kept at or under one half: the entries are small and probes short.
 *
 * A map that becomes empty keeps its entries if the last use filled them well, since the next one
 * probably will (a process that starts and awaits a thousand children again and again); else it
 * gives them back. */
#include "base/map.h"

#include "base/reserve.h"

enum { BITS_MIN = 2, BITS_KEPT = 6 };

/* Four references made one after the other share a cache line: they differ in the lowest bits of
 * their counter, which are not hashed. */
static uint32_t home_of(uint64_t key, uint8_t bits)
{
    uint64_t line = (key & ~(3ull << 28)) * 0x9e3779b97f4a7c15ull;

    return (uint32_t)((line >> 1 >> (65 - bits)) << 2 | (key >> 28 & 3));
}

static void insert_new(struct cop__map *map, uint64_t key, uint64_t value)
{
    uint32_t at = home_of(key, map->bits), mask = cop__map_capacity(map) - 1;

    while (map->entries[at].key)
        at = (at + 1) & mask;
    map->entries[at] = (struct cop__map_entry){ key, value };
    if (++map->count >> map->used)
        map->used++;
}

static bool grow(struct cop__map *map)
{
    struct cop__map old = *map;
    uint8_t bits = (uint8_t)(old.bits ? old.bits + 1 : BITS_MIN);
    struct cop__map_entry *entries = cop__must_alloc(sizeof *entries << bits);

    if (!entries)
        return false;
    *map = (struct cop__map){ .entries = entries, .bits = bits };
    for (uint32_t i = 0; i < cop__map_capacity(&old); i++)
        if (old.entries[i].key)
            insert_new(map, old.entries[i].key, old.entries[i].value);
    cop__must_free(old.entries);
    return true;
}

uint64_t *cop__map_at(const struct cop__map *map, uint64_t key)
{
    uint32_t at, mask = cop__map_capacity(map) - 1;

    if (!map->count)
        return NULL;
    for (at = home_of(key, map->bits); map->entries[at].key; at = (at + 1) & mask)
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
    return cop__map_add(map, key, value);
}

bool cop__map_add(struct cop__map *map, uint64_t key, uint64_t value)
{
    if (map->count * 2 >= cop__map_capacity(map) && !grow(map))
        return false;
    insert_new(map, key, value);
    return true;
}

/* After a hole, entries that were pushed past it by probing move back into it. */
static void close_hole(struct cop__map *map, uint32_t hole)
{
    uint32_t mask = cop__map_capacity(map) - 1, at = hole;

    for (;;) {
        uint32_t home;

        at = (at + 1) & mask;
        if (!map->entries[at].key)
            break;
        home = home_of(map->entries[at].key, map->bits);
        if (((at - home) & mask) >= ((at - hole) & mask)) {
            map->entries[hole] = map->entries[at];
            hole = at;
        }
    }
    map->entries[hole].key = 0;
}

void cop__map_remove_at(struct cop__map *map, uint64_t *place)
{
    map->count--;
    close_hole(map, (uint32_t)((struct cop__map_entry *)((char *)place -
                                                         offsetof(struct cop__map_entry, value)) -
                               map->entries));
    if (map->count == 0) {
        if (map->bits > BITS_KEPT && map->used + 2 < map->bits)
            cop__map_free(map);
        map->used = 0;
    }
}

bool cop__map_remove(struct cop__map *map, uint64_t key, uint64_t *ret_value)
{
    uint64_t *place = cop__map_at(map, key);

    if (!place)
        return false;
    if (ret_value)
        *ret_value = *place;
    cop__map_remove_at(map, place);
    return true;
}

void cop__map_free(struct cop__map *map)
{
    cop__must_free(map->entries);
    *map = (struct cop__map){ 0 };
}
