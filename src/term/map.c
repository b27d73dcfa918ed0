/* SPDX-License-Identifier: Apache-2.0 */
/* Maps: sorted arrays up to 32 pairs, hash tries above. Layer 1.
 *
 * The hard idea (rule TERM-7): the shape depends on the keys alone, not on how the map came about.
 * So equal maps can be compared as they lie, and walks give the same order in every run. A trie
 * node has up to 16 children, chosen by 4 bits of a hash from the top down; a child is a node or a
 * pair (a cons of key and value). Where a node would have only one pair below it, the pair stands
 * in its place. The first 16 levels go by cop_hash; the next 16, which only keys made to collide
 * ever reach, by a hash that nobody can make collide at will (rule TERM-10). Keys equal in both
 * would lie in key order in a clash node at level 32. */
#include "term/map.h"

#include <stdlib.h>

#include "base/raise.h"
#include "base/scratch.h"
#include "term/hash.h"
#include "term/order.h"

enum { LEVELS_OF_ONE = 16, LEVELS = 2 * LEVELS_OF_ONE };

/* A key on its way down; the second hash is 0 until it is asked for. */
struct path {
    cop_term key;
    uint64_t first, second;
};

static inline struct path path_of(cop_term key)
{
    return (struct path){ key, cop_hash(key), 0 };
}

static inline unsigned digit(struct path *path, unsigned level)
{
    uint64_t hash = path->first;

    if (__builtin_expect(level >= LEVELS_OF_ONE, 0)) {
        if (!path->second)
            path->second = cop__hash_second(path->key);
        hash = path->second;
    }
    return (unsigned)(hash >> (60 - 4 * (level % LEVELS_OF_ONE))) & 15;
}

/* Where the child of a digit stands, or would. */
static inline size_t place(uint64_t bitmap, unsigned at)
{
    return (size_t)__builtin_popcountll(bitmap & (((uint64_t)1 << at) - 1));
}

static void require_map(cop_term map)
{
    if (!cop__is_map(map))
        cop__raise("badmap", "a map was wanted");
}

static bool is_small(cop_term map)
{
    return cop__box_type(map) == COP__MAP_SMALL;
}

/* A node with the children of `from`, the one at `index` being `child`: put there in place of
 * `drop` old ones (0: inserted, 1: replaced). A child of none takes the old one away. */
static cop_term node_with(struct cop__heap *heap, uint64_t header, const cop_term *from,
    size_t count, size_t index, size_t drop, cop_term child)
{
    size_t added = child.word != 0;
    uint64_t *box = cop__heap_alloc(heap, 1 + count - drop + added);
    cop_term *to = (cop_term *)(box + 1);

    *box = header;
    memcpy(to, from, index * sizeof(*to));
    if (added)
        to[index] = child;
    memcpy(to + index + added, from + index + drop, (count - index - drop) * sizeof(*to));
    return cop__from_box(box);
}

static cop_term new_large(struct cop__heap *heap, cop_term root, size_t pairs)
{
    uint64_t *box = cop__heap_alloc(heap, 2);

    box[0] = cop__header(COP__MAP_LARGE, pairs);
    box[1] = root.word;
    return cop__from_box(box);
}

/* --- Finding -----------------------------------------------------------------------------------
 */

static size_t small_index(const cop_term *keys, size_t count, cop_term key)
{
    if (cop__is_immediate(key)) {
        for (size_t i = 0; i < count; i++)
            if (keys[i].word == key.word)
                return i;
        return count;
    }
    for (size_t i = 0; i < count; i++)
        if (cop__identical(keys[i], key))
            return i;
    return count;
}

/* The pair of a key below a node, or none. */
static cop_term large_pair(cop_term map, cop_term key)
{
    struct path path = path_of(key);
    cop_term at = cop__elements(map)[0];

    for (unsigned level = 0; !cop__is_cons(at); level++) {
        uint64_t bitmap = cop__count(at);

        if (cop__box_type(at) == COP__MAP_CLASH) {
            for (size_t i = 0; i < bitmap; i++)
                if (cop__identical(cop__cell(cop__elements(at)[i])[0], key))
                    return cop__elements(at)[i];
            return cop_term_none();
        }
        if (!(bitmap >> digit(&path, level) & 1))
            return cop_term_none();
        at = cop__elements(at)[place(bitmap, digit(&path, level))];
    }
    return cop__identical(cop__cell(at)[0], key) ? at : cop_term_none();
}

bool cop__map_find(cop_term *ret_value, cop_term map, cop_term key)
{
    size_t count = cop__count(map), i;
    cop_term pair;

    if (is_small(map)) {
        i = small_index(cop__elements(map), count, key);
        if (i == count)
            return false;
        *ret_value = cop__elements(map)[count + i];
        return true;
    }
    pair = large_pair(map, key);
    if (!pair.word)
        return false;
    *ret_value = cop__cell(pair)[1];
    return true;
}

bool cop_map_get(cop_term *ret_value, cop_term map, cop_term key)
{
    return cop__is_map(map) && cop__map_find(ret_value, map, key);
}

size_t cop_map_size(cop_term map)
{
    return cop__is_map(map) ? cop__count(map) : 0;
}

/* --- Walking -----------------------------------------------------------------------------------
 */

cop_map_iterator cop_map_begin(cop_term map)
{
    cop_map_iterator iterator;

    iterator.map = map;
    iterator.position[0] = 0; /* small: index; large: levels in use, then node and index of each */
    if (cop__box_type(map) == COP__MAP_LARGE) {
        iterator.position[0] = 1;
        iterator.position[1] = cop__elements(map)[0].word;
        iterator.position[2] = 0;
    }
    return iterator;
}

bool cop_map_next(cop_term *ret_key, cop_term *ret_value, cop_map_iterator *iterator)
{
    uint64_t *depth = &iterator->position[0];

    if (!cop__is_map(iterator->map))
        return false;
    if (is_small(iterator->map)) {
        size_t count = cop__count(iterator->map), i = *depth;

        if (i >= count)
            return false;
        *ret_key = cop__elements(iterator->map)[i];
        *ret_value = cop__elements(iterator->map)[count + i];
        ++*depth;
        return true;
    }
    while (*depth) {
        uint64_t *level = &iterator->position[2 * *depth - 1];
        cop_term node = cop__word(level[0]), child;

        if (level[1] == cop__payload(*cop__box(node)).terms) {
            --*depth;
            continue;
        }
        child = cop__elements(node)[level[1]++];
        if (cop__is_cons(child)) {
            *ret_key = cop__cell(child)[0];
            *ret_value = cop__cell(child)[1];
            return true;
        }
        level[2] = child.word;
        level[3] = 0;
        ++*depth;
    }
    return false;
}

static int compare_pairs(const void *a, const void *b)
{
    return cop__compare_exact(((const cop_term *)a)[0], ((const cop_term *)b)[0]);
}

const cop_term *cop__map_sorted(cop_term map, struct cop__map_pairs **scratch)
{
    size_t count = cop__count(map), i = 0;
    struct cop__map_pairs *pairs;
    cop_term *sorted;

    if (is_small(map))
        return cop__elements(map);
    pairs = cop__scratch_new(sizeof(*pairs) + 4 * count * sizeof(cop_term), "the order of a map");
    pairs->next = *scratch;
    *scratch = pairs;
    sorted = pairs->terms + 2 * count; /* pairs by turns, behind the result */
    for (cop_map_iterator walk = cop_map_begin(map);
         cop_map_next(&sorted[i], &sorted[i + 1], &walk);)
        i += 2;
    qsort(sorted, count, 2 * sizeof(*sorted), compare_pairs);
    for (i = 0; i < count; i++) {
        pairs->terms[i] = sorted[2 * i];
        pairs->terms[count + i] = sorted[2 * i + 1];
    }
    return pairs->terms;
}

const cop_term *cop__map_listed(cop_term map, struct cop__map_pairs **scratch)
{
    size_t count = cop__count(map), i = 0;
    struct cop__map_pairs *pairs;

    if (is_small(map))
        return cop__elements(map);
    pairs = cop__scratch_new(sizeof(*pairs) + 2 * count * sizeof(cop_term), "the pairs of a map");
    pairs->next = *scratch;
    *scratch = pairs;
    for (cop_map_iterator walk = cop_map_begin(map);
         cop_map_next(&pairs->terms[i], &pairs->terms[count + i], &walk);)
        i++;
    return pairs->terms;
}

void cop__map_pairs_free(struct cop__map_pairs *pairs)
{
    while (pairs) {
        struct cop__map_pairs *next = pairs->next;

        cop__scratch_free(pairs);
        pairs = next;
    }
}

/* --- Building from many ------------------------------------------------------------------------
 */

struct hashed {
    struct path path;
    size_t index; /* of the pair as given */
    cop_term value;
};

static inline struct hashed hashed(size_t index, cop_term key, cop_term value)
{
    return (struct hashed){ path_of(key), index, value };
}

static int compare_first(const void *a, const void *b)
{
    uint64_t x = ((const struct hashed *)a)->path.first, y = ((const struct hashed *)b)->path.first;

    return x < y ? -1 : x > y;
}

static int compare_second(const void *a, const void *b)
{
    const struct hashed *x = a, *y = b;
    int order;

    if (x->path.second != y->path.second)
        return x->path.second < y->path.second ? -1 : 1;
    order = cop__compare_exact(x->path.key, y->path.key);
    return order ? order : x->index < y->index ? -1 : 1;
}

enum { BUCKETS = 256, BUCKETED_MAX = 4096 };

/* By the first hash, keeping the order of those that have the same. Its high byte says where nearly
 * all belong, since it is a hash. */
static void sort_first(struct hashed *items, size_t count)
{
    uint16_t begin[BUCKETS + 1] = { 0 };
    struct hashed *copy;

    if (count > BUCKETED_MAX) {
        qsort(items, count, sizeof(*items), compare_first);
        return;
    }
    copy = cop__scratch_new(count * sizeof(*copy), "the order of a map");
    for (size_t i = 0; i < count; i++)
        begin[1 + (items[i].path.first >> 56)]++;
    for (size_t i = 1; i <= BUCKETS; i++)
        begin[i] = (uint16_t)(begin[i] + begin[i - 1]);
    for (size_t i = 0; i < count; i++)
        copy[begin[items[i].path.first >> 56]++] = items[i];
    for (size_t i = 0; i < count; i++) {
        size_t at = i;

        for (; at > 0 && items[at - 1].path.first > copy[i].path.first; at--)
            items[at] = items[at - 1];
        items[at] = copy[i];
    }
    cop__scratch_free(copy);
}

/* By the first hash; where that is one, by the second, the key, and the order as given. */
static void sort(struct hashed *items, size_t count)
{
    sort_first(items, count);
    for (size_t from = 0, to; from < count; from = to) {
        for (to = from + 1; to < count && items[to].path.first == items[from].path.first; to++)
            ;
        if (to - from == 1)
            continue;
        for (size_t i = from; i < to; i++)
            items[i].path.second = cop__hash_second(items[i].path.key);
        qsort(items + from, to - from, sizeof(*items), compare_second);
    }
}

/* The node (or pair) of items as sorted, which agree in all digits above `level`. */
static cop_term build_node(
    struct cop__heap *heap, struct hashed *items, size_t count, unsigned level)
{
    cop_term children[16];
    uint64_t bitmap = 0, *box;
    size_t used = 0;

    if (count == 1)
        return cop__new_cons(heap, items->path.key, items->value);
    if (level == LEVELS) {
        box = cop__heap_alloc(heap, 1 + count);
        *box = cop__header(COP__MAP_CLASH, count);
        for (size_t i = 0; i < count; i++)
            box[1 + i] = cop__new_cons(heap, items[i].path.key, items[i].value).word;
        return cop__from_box(box);
    }
    for (size_t from = 0, to; from < count; from = to) {
        unsigned at = digit(&items[from].path, level);

        for (to = from + 1; to < count && digit(&items[to].path, level) == at; to++)
            ;
        bitmap |= (uint64_t)1 << at;
        children[used++] = build_node(heap, items + from, to - from, level + 1);
    }
    box = cop__heap_alloc(heap, 1 + used);
    *box = cop__header(COP__MAP_NODE, bitmap);
    memcpy(box + 1, children, used * sizeof(*children));
    return cop__from_box(box);
}

/* A small map of at most COP__MAP_SMALL_MAX + 1 pairs, by insertion; the number of its pairs. */
static size_t insert_sorted(
    cop_term *keys, cop_term *values, size_t count, cop_term key, cop_term value)
{
    size_t at = count;

    while (at > 0) {
        int order = cop__compare_exact(keys[at - 1], key);

        if (order == 0) {
            values[at - 1] = value;
            return count;
        }
        if (order < 0)
            break;
        at--;
    }
    memmove(keys + at + 1, keys + at, (count - at) * sizeof(*keys));
    memmove(values + at + 1, values + at, (count - at) * sizeof(*values));
    keys[at] = key;
    values[at] = value;
    return count + 1;
}

static cop_term new_small(
    struct cop__heap *heap, const cop_term *keys, const cop_term *values, size_t count)
{
    uint64_t *box = cop__heap_alloc(heap, 1 + 2 * count);

    *box = cop__header(COP__MAP_SMALL, count);
    if (count) {
        memcpy(box + 1, keys, count * sizeof(*keys));
        memcpy(box + 1 + count, values, count * sizeof(*values));
    }
    return cop__from_box(box);
}

static cop_term new_from_hashed(struct cop__heap *heap, struct hashed *items, size_t count)
{
    size_t used = 0;

    sort(items, count);
    for (size_t i = 0; i < count; i++) {
        if (used && items[used - 1].path.first == items[i].path.first &&
            cop__identical(items[used - 1].path.key, items[i].path.key))
            items[used - 1] = items[i]; /* the later one, since the sort is by index too */
        else
            items[used++] = items[i];
    }
    if (used <= COP__MAP_SMALL_MAX) {
        cop_term keys[COP__MAP_SMALL_MAX], values[COP__MAP_SMALL_MAX];
        size_t small = 0;

        for (size_t i = 0; i < used; i++)
            small = insert_sorted(keys, values, small, items[i].path.key, items[i].value);
        return new_small(heap, keys, values, small);
    }
    return new_large(heap, build_node(heap, items, used, 0), used);
}

cop_term cop__new_map(struct cop__heap *heap, const cop_term *keys_and_values, size_t pairs)
{
    struct hashed *items;
    cop_term map;

    if (pairs <= COP__MAP_SMALL_MAX) {
        cop_term keys[COP__MAP_SMALL_MAX], values[COP__MAP_SMALL_MAX];
        size_t count = 0;

        for (size_t i = 0; i < pairs; i++)
            count = insert_sorted(
                keys, values, count, keys_and_values[2 * i], keys_and_values[2 * i + 1]);
        return new_small(heap, keys, values, count);
    }
    if (pairs > SIZE_MAX / sizeof(*items))
        cop__raise("system_limit", "a map larger than the address space");
    items = cop__scratch_new(pairs * sizeof(*items), "a map");
    for (size_t i = 0; i < pairs; i++)
        items[i] = hashed(i, keys_and_values[2 * i], keys_and_values[2 * i + 1]);
    map = new_from_hashed(heap, items, pairs);
    cop__scratch_free(items);
    return map;
}

cop_term cop_map_new(void)
{
    return new_small(cop__turn_heap(), NULL, NULL, 0);
}

cop_term cop_map_from(const cop_term *keys_and_values, size_t pairs)
{
    return cop__new_map(cop__turn_heap(), keys_and_values, pairs);
}

/* --- Putting -----------------------------------------------------------------------------------
 */

static cop_term put_small(struct cop__heap *heap, cop_term map, cop_term key, cop_term value)
{
    cop_term keys[COP__MAP_SMALL_MAX + 1], values[COP__MAP_SMALL_MAX + 1];
    struct hashed items[COP__MAP_SMALL_MAX + 1];
    size_t count = cop__count(map);

    memcpy(keys, cop__elements(map), count * sizeof(*keys));
    memcpy(values, cop__elements(map) + count, count * sizeof(*values));
    count = insert_sorted(keys, values, count, key, value);
    if (count <= COP__MAP_SMALL_MAX)
        return new_small(heap, keys, values, count);
    for (size_t i = 0; i < count; i++)
        items[i] = hashed(i, keys[i], values[i]);
    return new_from_hashed(heap, items, count);
}

/* In place of the pair `old`: a node that holds it and the new one. */
static cop_term split_pair(
    struct cop__heap *heap, cop_term old, const struct hashed *item, unsigned level)
{
    struct hashed both[2] = { hashed(0, cop__cell(old)[0], cop__cell(old)[1]), *item };

    sort(both, 2);
    return build_node(heap, both, 2, level);
}

static cop_term put_clash(
    struct cop__heap *heap, cop_term node, const struct hashed *item, bool *added)
{
    const cop_term *children = cop__elements(node);
    size_t count = cop__count(node), at = 0;
    cop_term pair = cop__new_cons(heap, item->path.key, item->value);
    int order = 1;

    while (
        at < count && (order = cop__compare_exact(cop__cell(children[at])[0], item->path.key)) < 0)
        at++;
    *added = at == count || order != 0;
    return node_with(
        heap, cop__header(COP__MAP_CLASH, count + *added), children, count, at, !*added, pair);
}

/* Recursion is bounded by LEVELS. */
static cop_term put_node(
    struct cop__heap *heap, cop_term node, struct hashed *item, unsigned level, bool *added)
{
    const cop_term *children = cop__elements(node);
    size_t count, at;
    uint64_t bitmap = cop__count(node), bit;
    cop_term child;

    if (cop__box_type(node) == COP__MAP_CLASH)
        return put_clash(heap, node, item, added);
    bit = (uint64_t)1 << digit(&item->path, level);
    count = (size_t)__builtin_popcountll(bitmap);
    at = place(bitmap, digit(&item->path, level));
    if (!(bitmap & bit)) {
        *added = true;
        child = cop__new_cons(heap, item->path.key, item->value);
        return node_with(
            heap, cop__header(COP__MAP_NODE, bitmap | bit), children, count, at, 0, child);
    }
    child = children[at];
    if (!cop__is_cons(child)) {
        child = put_node(heap, child, item, level + 1, added);
    } else if (cop__identical(cop__cell(child)[0], item->path.key)) {
        *added = false;
        child = cop__new_cons(heap, cop__cell(child)[0], item->value);
    } else {
        *added = true;
        child = split_pair(heap, child, item, level + 1);
    }
    return node_with(heap, cop__header(COP__MAP_NODE, bitmap), children, count, at, 1, child);
}

cop_term cop_map_put(cop_term map, cop_term key, cop_term value)
{
    struct cop__heap *heap = cop__turn_heap();
    struct hashed item;
    bool added = false;
    cop_term root;

    require_map(map);
    if (is_small(map))
        return put_small(heap, map, key, value);
    item = hashed(1, key, value); /* after the pair that may be in its place */
    root = put_node(heap, cop__elements(map)[0], &item, 0, &added);
    return new_large(heap, root, cop__count(map) + added);
}

/* --- Removing ----------------------------------------------------------------------------------
 */

static cop_term remove_small(struct cop__heap *heap, cop_term map, cop_term key)
{
    size_t count = cop__count(map), at = small_index(cop__elements(map), count, key);
    cop_term left[2 * COP__MAP_SMALL_MAX];

    if (at == count)
        return map;
    memcpy(left, cop__elements(map), 2 * count * sizeof(*left));
    memmove(left + at, left + at + 1, (count - at - 1) * sizeof(*left));
    memmove(left + count + at, left + count + at + 1, (count - at - 1) * sizeof(*left));
    return new_small(heap, left, left + count, count - 1);
}

/* The key is there. A node left with one pair is replaced by the pair (rule TERM-7). */
static cop_term remove_node(
    struct cop__heap *heap, cop_term node, struct path *path, unsigned level)
{
    const cop_term *children = cop__elements(node);
    uint64_t bitmap = cop__count(node), left = bitmap;
    bool clash = cop__box_type(node) == COP__MAP_CLASH;
    size_t count = clash ? bitmap : (size_t)__builtin_popcountll(bitmap), at = 0;
    cop_term child = cop_term_none();

    if (clash) {
        while (!cop__identical(cop__cell(children[at])[0], path->key))
            at++;
        left--;
    } else {
        at = place(bitmap, digit(path, level));
        if (cop__is_cons(children[at]))
            left &= ~((uint64_t)1 << digit(path, level));
        else
            child = remove_node(heap, children[at], path, level + 1);
    }
    if (level > 0 && !child.word && count == 2 && cop__is_cons(children[1 - at]))
        return children[1 - at];
    if (level > 0 && count == 1 && cop__is_cons(child))
        return child;
    return node_with(heap, cop__header(clash ? COP__MAP_CLASH : COP__MAP_NODE, left), children,
        count, at, 1, child);
}

cop_term cop_map_remove(cop_term map, cop_term key)
{
    struct cop__heap *heap = cop__turn_heap();
    cop_term keys[COP__MAP_SMALL_MAX], values[COP__MAP_SMALL_MAX], k, v;
    size_t count = 0;

    require_map(map);
    if (is_small(map))
        return remove_small(heap, map, key);
    if (!large_pair(map, key).word)
        return map;
    if (cop__count(map) > COP__MAP_SMALL_MAX + 1) {
        struct path path = path_of(key);

        return new_large(
            heap, remove_node(heap, cop__elements(map)[0], &path, 0), cop__count(map) - 1);
    }
    for (cop_map_iterator walk = cop_map_begin(map); cop_map_next(&k, &v, &walk);)
        if (!cop__identical(k, key))
            count = insert_sorted(keys, values, count, k, v);
    return new_small(heap, keys, values, count);
}
