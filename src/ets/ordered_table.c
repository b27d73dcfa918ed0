/* SPDX-License-Identifier: Apache-2.0 */
/* Ordered tables: a B+ tree of rows by term order. Layer 4.
 *
 *   inner   keys [k1 k2]      children [< k1] [k1 <= .. < k2] [k2 <=]
 *   leaf    keys [a b c ...]  rows, in order; the key is there twice, so that a small integer or an
 *                             atom is compared without a look at its row. A pair of immediates has
 *                             no row: its other element stands there
 *
 * Writers hold one lock. Readers hold none: `changes` is odd while a tree is being changed, and who
 * has read meanwhile reads again; after a few times in vain a reader takes the lock too. All that
 * they can reach is valid memory at any time, counts are within bounds, and nodes and rows are
 * retired: so a reader that runs into a change sees nonsense, and nothing worse.
 *
 * Keys of inner nodes are copies: the row they came from may go. Leaves that become empty are taken
 * out; others are not merged. */
#include <stdlib.h>

#include "base/reserve.h"
#include "ets/table.h"
#include "proc/retire.h"
#include "term/copy.h"

enum { LEAF_MAX = 31, INNER_MAX = 41, DEPTH_MAX = 24 };

/* The key of an inner node that is no immediate. */
struct separator {
    struct cop__counted *counted;
    uint8_t class;
    uint64_t tree[];
};

struct node {
    _Atomic(uint32_t) count; /* keys */
    bool leaf;
    uint8_t class;
};

struct leaf {
    struct node node;
    _Atomic(uint64_t) keys[LEAF_MAX];
    _Atomic(uint64_t) rows[LEAF_MAX]; /* entries, see is_row */
};
_Static_assert(sizeof(struct leaf) <= 512, "a block");

struct inner {
    struct node node;
    _Atomic(uint64_t) keys[INNER_MAX];
    struct separator *_Atomic separators[INNER_MAX]; /* NULL: the key is an immediate */
    struct node *_Atomic children[INNER_MAX + 1];
};
_Static_assert(sizeof(struct inner) <= 1024, "a block");

struct tree {
    struct cop__spinlock lock;
    _Atomic(uint32_t) changes;
    uint64_t id;            /* no other tree has had it */
    _Atomic(uint64_t) gone; /* how often leaves have been taken out */
    struct node *_Atomic root;
    _Atomic(int64_t) size, bytes;
    int64_t rows; /* dead ones too */
};

/* A way from the root to a leaf, for writers. */
struct path {
    struct inner *inner[DEPTH_MAX];
    uint32_t child[DEPTH_MAX];
    size_t depth;
    struct leaf *leaf;
};

static struct tree *tree_of(const struct cop__table *table)
{
    return table->rows;
}

static uint32_t count_of(const struct node *node, uint32_t max)
{
    /* acquire: pairs with the release in set_count; what is counted is there */
    uint32_t count = atomic_load_explicit(&node->count, memory_order_acquire);

    return count <= max ? count : max;
}

static uint32_t keys_of(const struct node *node)
{
    return count_of(node, node->leaf ? LEAF_MAX : INNER_MAX);
}

static void set_count(struct node *node, uint32_t count)
{
    atomic_store_explicit(&node->count, count, memory_order_release);
}

static int compare(cop_term a, cop_term b)
{
    if (cop__is_small(a) && cop__is_small(b)) {
        int64_t x = (int64_t)a.word, y = (int64_t)b.word;

        return (x > y) - (x < y);
    }
    return a.word == b.word ? 0 : cop_compare(a, b);
}

/* As rank, where all keys that are met are small integers, without a branch that depends on them:
 * no processor foresees which way a search goes. false: one is not. */
static inline bool rank_small(uint32_t *ret_rank, const _Atomic(uint64_t) *keys, uint32_t count,
    cop_term key, bool equal, bool *ret_found)
{
    int64_t bound = (int64_t)key.word + equal; /* words of integers lie 16 apart */
    uint32_t low = 0, left = count, at;

    while (left) {
        uint32_t half = left / 2;
        uint64_t other = atomic_load_explicit(&keys[low + half], memory_order_relaxed);
        bool less = (int64_t)other < bound;

        if (__builtin_expect(!cop__is_small(cop__word(other)), 0))
            return false;
        low = less ? low + half + 1 : low;
        left = less ? left - half - 1 : half;
    }
    at = low - equal;
    *ret_rank = low;
    *ret_found = at < count && atomic_load_explicit(&keys[at], memory_order_relaxed) == key.word;
    return true;
}

/* How many of the keys are less than key; with `equal` also those that are equal. */
static inline uint32_t rank(
    const _Atomic(uint64_t) *keys, uint32_t count, cop_term key, bool equal, bool *ret_found)
{
    uint32_t low = 0, high = count;

    if (cop__is_small(key) && rank_small(&low, keys, count, key, equal, ret_found))
        return low;
    low = 0;
    *ret_found = false;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        /* acquire: pairs with the release of who put it there; what it points to is complete */
        cop_term other = cop__word(atomic_load_explicit(&keys[middle], memory_order_acquire));
        int order = compare(other, key);

        if (order == 0)
            *ret_found = true;
        if (order < 0 || (equal && order == 0))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* All of it is asked for at once, rather than one line after another as the search comes to them.
 */
static struct node *child_at(const struct inner *inner, uint32_t i)
{
    struct node *child = atomic_load_explicit(&inner->children[i], memory_order_acquire);

    for (size_t at = 0; at < sizeof(struct leaf); at += 64)
        __builtin_prefetch((const char *)child + at);
    return child;
}

static uint64_t entry_at(const struct leaf *leaf, uint32_t i)
{
    return atomic_load_explicit(&leaf->rows[i], memory_order_acquire);
}

/* --- Entries: a row, or the other element of a pair, which is an immediate ---------------------
 */

#define DEAD_PAIR UINT64_C(15) /* no immediate, and no pointer */

static bool is_row(uint64_t entry)
{
    return !cop__is_immediate(cop__word(entry));
}

static struct cop__row *row_of(uint64_t entry)
{
    return (struct cop__row *)(uintptr_t)entry;
}

static uint64_t entry_of(const struct cop__table *table, struct cop__row *row)
{
    return table->key_position <= 2 && cop__row_is_pair(row) ? row->tree[3 - table->key_position]
                                                             : (uint64_t)(uintptr_t)row;
}

/* A row that is in as a pair has no use for its block. */
static void let_block_go(
    struct cop__thr *self, const struct cop__table *table, struct cop__row *row)
{
    if (is_row(entry_of(table, row)))
        return;
    cop__row_free(self, row);
}

static void retire_entry(struct cop__thr *self, uint64_t entry)
{
    if (is_row(entry))
        cop__row_retire(self, row_of(entry));
}

static bool is_dead(uint64_t entry)
{
    return is_row(entry) ? cop__row_is_dead(row_of(entry)) : entry == DEAD_PAIR;
}

/* The row, or a view of the pair; NULL: it is dead. */
static struct cop__row *live_at(
    const struct cop__table *table, const struct leaf *leaf, uint32_t i, struct cop__view *space)
{
    uint64_t entry = entry_at(leaf, i), key;

    if (!entry || is_dead(entry))
        return NULL;
    if (is_row(entry))
        return row_of(entry);
    key = atomic_load_explicit(&leaf->keys[i], memory_order_acquire);
    return table->key_position == 1 ? cop__row_view(space, 1, key, entry)
                                    : cop__row_view(space, 1, entry, key);
}

/* --- Nodes ------------------------------------------------------------------------------------ */

static void *new_node(struct cop__thr *self, size_t size, bool leaf)
{
    uint8_t class;
    struct node *node = cop__block_get(&self->base, size, &class);

    if (!node)
        return NULL;
    memset(node, 0, size);
    node->leaf = leaf;
    node->class = class;
    return node;
}

static void free_node(struct cop__thr *self, void *node)
{
    cop__block_put(&self->base, node, ((struct node *)node)->class);
}

static void free_separator(struct cop__thr *self, void *object)
{
    struct separator *separator = object;

    if (separator->counted)
        cop__counted_release_all(separator->counted);
    cop__block_put(&self->base, separator, separator->class);
}

/* false: no memory */
static bool new_separator(struct cop__thr *self, struct separator **ret, cop_term *key)
{
    size_t words = cop__term_words(*key);
    struct separator *separator;
    uint8_t class;

    *ret = NULL;
    if (!words)
        return true;
    separator = cop__block_get(&self->base, sizeof *separator + words * sizeof(uint64_t), &class);
    if (!separator)
        return false;
    separator->class = class;
    separator->counted = NULL;
    *key = cop__term_copy(*key, separator->tree, &separator->counted);
    *ret = separator;
    return true;
}

static bool init(struct cop__table *table)
{
    static _Atomic(uint64_t) trees;
    struct tree *tree = cop__must_alloc(sizeof *tree);
    struct leaf *leaf = new_node(cop__self_thr(), sizeof *leaf, true);

    table->rows = tree;
    if (!tree || !leaf)
        return false;
    tree->id = 1 + atomic_fetch_add_explicit(&trees, 1, memory_order_relaxed);
    atomic_init(&tree->root, &leaf->node);
    return true;
}

static void let_go(struct cop__thr *self, void *object, cop__retired_free *free, bool retire)
{
    if (retire)
        cop__retire(self, object, free);
    else
        free(self, object);
}

/* What is below a node and the node, from the last child on, until the budget is used up. True: all
 * of it. */
static bool free_below(struct cop__thr *self, struct node *node, bool retire, size_t *budget)
{
    uint32_t count = keys_of(node);

    if (*budget < LEAF_MAX)
        return false;
    if (node->leaf) {
        for (uint32_t i = 0; i < count; i++)
            if (is_row(entry_at((struct leaf *)node, i)))
                let_go(self, row_of(entry_at((struct leaf *)node, i)), cop__row_free, retire);
        *budget -= LEAF_MAX;
        let_go(self, node, free_node, retire);
        return true;
    }
    struct inner *inner = (struct inner *)node;

    for (;; set_count(node, --count)) {
        struct separator *separator = count ? atomic_load(&inner->separators[count - 1]) : NULL;

        if (!free_below(self, child_at(inner, count), retire, budget))
            return false;
        if (separator)
            let_go(self, separator, free_separator, retire);
        if (count == 0)
            break;
    }
    let_go(self, node, free_node, retire);
    return true;
}

static bool free_rows(struct cop__thr *self, struct cop__table *table, size_t budget)
{
    struct tree *tree = table->rows;
    struct node *root = tree ? atomic_load(&tree->root) : NULL;

    if (root && !free_below(self, root, false, &budget))
        return false;
    cop__must_free(tree);
    table->rows = NULL;
    return true;
}

/* --- Locks, and reading without --------------------------------------------------------------- */

static void lock_key(struct cop__table *table, uint64_t hash)
{
    struct tree *tree = tree_of(table);

    (void)hash;
    cop__spin_lock(&tree->lock);
    atomic_store_explicit(&tree->changes,
        atomic_load_explicit(&tree->changes, memory_order_relaxed) + 1, memory_order_relaxed);
    atomic_thread_fence(memory_order_release); /* odd comes before what changes */
}

static void unlock_key(struct cop__table *table, uint64_t hash)
{
    struct tree *tree = tree_of(table);

    (void)hash;
    atomic_store_explicit(&tree->changes,
        atomic_load_explicit(&tree->changes, memory_order_relaxed) + 1, memory_order_release);
    cop__spin_unlock(&tree->lock);
}

static void lock_all(struct cop__table *table)
{
    lock_key(table, 0);
}

static void unlock_all(struct cop__table *table)
{
    unlock_key(table, 0);
}

static uint32_t begin_read(const struct cop__table *table, uint64_t hash)
{
    const struct tree *tree = tree_of(table);
    uint32_t changes, tries = 0;

    (void)hash;
    /* acquire: pairs with the release in unlock_key */
    while ((changes = atomic_load_explicit(&tree->changes, memory_order_acquire)) % 2) {
        cop__pause();
        if (++tries % 128 == 0)
            sched_yield(); /* the writer may have lost its core */
    }
    return changes;
}

static bool end_read(const struct cop__table *table, uint64_t hash, uint32_t changes)
{
    (void)hash;
    atomic_thread_fence(memory_order_acquire); /* the tree was read before the counter is */
    return atomic_load_explicit(&tree_of(table)->changes, memory_order_relaxed) == changes;
}

/* --- Finding ---------------------------------------------------------------------------------- */

/* A thread remembers the leaf of its last look: who goes through a table in order, or at keys that
 * lie together, needs no way from the root. As long as no leaf has gone since before that look, it
 * is in the tree, and what lies between its first and its last key lies in it. */
static const struct leaf *remembered(const struct cop__table *table, cop_term key)
{
    const struct cop__look *look = &cop__own_thr()->look;
    const struct tree *tree = tree_of(table);
    const struct leaf *leaf = look->at;
    uint32_t count;

    /* acquire: pairs with the release in leaf_goes */
    if (look->tree != tree->id ||
        look->gone != atomic_load_explicit(&tree->gone, memory_order_acquire))
        return NULL;
    count = count_of(&leaf->node, LEAF_MAX);
    if (count == 0 ||
        compare(cop__word(atomic_load_explicit(&leaf->keys[0], memory_order_acquire)), key) > 0 ||
        compare(
            cop__word(atomic_load_explicit(&leaf->keys[count - 1], memory_order_acquire)), key) < 0)
        return NULL;
    return leaf;
}

/* Leaves cannot be reached any more, and will be retired: looks from now on see it. */
static void leaf_goes(struct tree *tree)
{
    atomic_store_explicit(&tree->gone, atomic_load_explicit(&tree->gone, memory_order_relaxed) + 1,
        memory_order_release);
}

static const struct leaf *leaf_for(const struct cop__table *table, cop_term key)
{
    const struct tree *tree = tree_of(table);
    uint64_t gone = atomic_load_explicit(&tree->gone, memory_order_acquire); /* before the way */
    /* acquire: pairs with the release of who put it there */
    const struct node *node = atomic_load_explicit(&tree->root, memory_order_acquire);
    bool found;

    while (!node->leaf) {
        const struct inner *inner = (const struct inner *)node;

        node = child_at(inner, rank(inner->keys, count_of(node, INNER_MAX), key, true, &found));
    }
    cop__own_thr()->look = (struct cop__look){ tree->id, gone, node };
    return (const struct leaf *)node;
}

static struct cop__row *find(
    const struct cop__table *table, cop_term key, uint64_t hash, struct cop__view *space)
{
    const struct leaf *known = remembered(table, key);
    const struct leaf *leaf = known ? known : leaf_for(table, key);
    bool found;
    uint32_t i = rank(leaf->keys, count_of(&leaf->node, LEAF_MAX), key, false, &found);

    (void)hash;
    return found && i < LEAF_MAX ? live_at(table, leaf, i, space) : NULL;
}

static struct cop__row *find_more(
    const struct cop__table *table, const struct cop__row *row, cop_term key, uint64_t hash)
{
    (void)table, (void)row, (void)key, (void)hash;
    return NULL; /* a key is there once */
}

/* The nearest live row of a subtree, from its first or its last on. */
static struct cop__row *edge(
    const struct cop__table *table, const struct node *node, bool last, size_t depth)
{
    uint32_t count = keys_of(node);

    if (depth > DEPTH_MAX)
        return NULL;
    if (node->leaf) {
        for (uint32_t i = 0; i < count; i++) {
            struct cop__row *row =
                live_at(table, (const struct leaf *)node, last ? count - 1 - i : i, NULL);

            if (row)
                return row;
        }
        return NULL;
    }
    for (uint32_t i = 0; i <= count; i++) {
        const struct node *child = child_at((const struct inner *)node, last ? count - i : i);
        struct cop__row *row = child ? edge(table, child, last, depth + 1) : NULL;

        if (row)
            return row;
    }
    return NULL;
}

static struct cop__row *end(const struct cop__table *table, bool last)
{
    return edge(table, atomic_load_explicit(&tree_of(table)->root, memory_order_acquire), last, 0);
}

/* The nearest live row before or after the key in a subtree. */
static struct cop__row *beside(const struct cop__table *table, const struct node *node,
    cop_term key, bool before, size_t depth)
{
    bool found;
    struct cop__row *row;

    if (depth > DEPTH_MAX)
        return NULL;
    if (node->leaf) {
        const struct leaf *leaf = (const struct leaf *)node;
        uint32_t count = count_of(node, LEAF_MAX);
        uint32_t i = rank(leaf->keys, count, key, !before, &found);

        while (before ? i-- > 0 : i < count) {
            row = live_at(table, leaf, i, NULL);
            if (row)
                return row;
            i += !before;
        }
        return NULL;
    }
    const struct inner *inner = (const struct inner *)node;
    uint32_t count = count_of(node, INNER_MAX);
    uint32_t i = rank(inner->keys, count, key, true, &found);
    const struct node *child = child_at(inner, i);

    row = child ? beside(table, child, key, before, depth + 1) : NULL;
    while (!row && (before ? i-- > 0 : i++ < count)) {
        child = child_at(inner, i);
        row = child ? edge(table, child, before, depth + 1) : NULL;
    }
    return row;
}

static struct cop__row *neighbour(
    const struct cop__table *table, cop_term key, uint64_t hash, bool before, bool *ret_known)
{
    const struct leaf *known = remembered(table, key);
    struct cop__row *row = known ? beside(table, &known->node, key, before, 0) : NULL;

    (void)hash;
    *ret_known = true; /* any key has neighbours: ETS-29 */
    return row ? row
               : beside(table, atomic_load_explicit(&tree_of(table)->root, memory_order_acquire),
                     key, before, 0);
}

/* --- Writing ---------------------------------------------------------------------------------- */

static void count(const struct cop__table *table, const struct cop__row *row, int sign)
{
    struct tree *tree = tree_of(table);
    int64_t bytes = is_row(entry_of(table, (struct cop__row *)(uintptr_t)row))
                        ? (int64_t)cop__row_size(row)
                        : 0;

    atomic_store_explicit(&tree->size,
        atomic_load_explicit(&tree->size, memory_order_relaxed) + sign, memory_order_relaxed);
    atomic_store_explicit(&tree->bytes,
        atomic_load_explicit(&tree->bytes, memory_order_relaxed) + sign * bytes,
        memory_order_relaxed);
}

static void descend(const struct cop__table *table, cop_term key, struct path *path)
{
    struct node *node = atomic_load_explicit(&tree_of(table)->root, memory_order_relaxed);
    bool found;

    path->depth = 0;
    while (!node->leaf) {
        struct inner *inner = (struct inner *)node;
        uint32_t i = rank(inner->keys, count_of(node, INNER_MAX), key, true, &found);

        path->inner[path->depth] = inner;
        path->child[path->depth++] = i;
        node = child_at(inner, i);
    }
    path->leaf = (struct leaf *)node;
}

static uint64_t key_word(const _Atomic(uint64_t) *keys, uint32_t i)
{
    return atomic_load_explicit(&keys[i], memory_order_relaxed);
}

/* From the last on, so that what is there is always whole. */
static void put_in_leaf(struct leaf *leaf, uint32_t at, uint64_t key, uint64_t entry)
{
    uint32_t count = count_of(&leaf->node, LEAF_MAX);

    for (uint32_t i = count; i > at; i--) {
        atomic_store_explicit(&leaf->keys[i], key_word(leaf->keys, i - 1), memory_order_release);
        atomic_store_explicit(&leaf->rows[i], entry_at(leaf, i - 1), memory_order_release);
    }
    atomic_store_explicit(&leaf->keys[at], key, memory_order_release);
    atomic_store_explicit(&leaf->rows[at], entry, memory_order_release);
    set_count(&leaf->node, count + 1);
}

static void put_in_inner(
    struct inner *inner, uint32_t at, uint64_t key, struct separator *separator, struct node *right)
{
    uint32_t count = count_of(&inner->node, INNER_MAX);

    for (uint32_t i = count; i > at; i--) {
        atomic_store_explicit(&inner->keys[i], key_word(inner->keys, i - 1), memory_order_release);
        atomic_store_explicit(&inner->separators[i],
            atomic_load_explicit(&inner->separators[i - 1], memory_order_relaxed),
            memory_order_release);
        atomic_store_explicit(&inner->children[i + 1], child_at(inner, i), memory_order_release);
    }
    atomic_store_explicit(&inner->keys[at], key, memory_order_release);
    atomic_store_explicit(&inner->separators[at], separator, memory_order_release);
    atomic_store_explicit(&inner->children[at + 1], right, memory_order_release);
    set_count(&inner->node, count + 1);
}

/* All that a split up to the root may need, made before anything is changed. */
struct parts {
    struct leaf *leaf;
    struct inner *inner[DEPTH_MAX + 1];
    size_t used, made;
    struct separator *separator;
    cop_term key;
};

static void free_parts(struct cop__thr *self, struct parts *parts)
{
    if (parts->leaf)
        free_node(self, parts->leaf);
    for (size_t i = parts->used; i < parts->made; i++)
        free_node(self, parts->inner[i]);
    if (parts->separator)
        free_separator(self, parts->separator);
}

static bool make_parts(struct cop__thr *self, struct parts *parts, const struct path *path)
{
    size_t needed = 0;

    while (needed < path->depth &&
           count_of(&path->inner[path->depth - 1 - needed]->node, INNER_MAX) == INNER_MAX)
        needed++;
    if (needed == path->depth)
        needed++; /* the root grows */
    if (path->depth + 1 >= DEPTH_MAX)
        return false;
    parts->key = cop__word(key_word(path->leaf->keys, LEAF_MAX / 2));
    parts->leaf = new_node(self, sizeof *parts->leaf, true);
    if (!parts->leaf || !new_separator(self, &parts->separator, &parts->key))
        return false;
    while (parts->made < needed) {
        parts->inner[parts->made] = new_node(self, sizeof(struct inner), false);
        if (!parts->inner[parts->made])
            return false;
        parts->made++;
    }
    return true;
}

/* The upper half goes to `right`; the key between the two goes up. */
static void halve_inner(
    struct inner *left, struct inner *right, cop_term *ret_key, struct separator **ret_separator)
{
    uint32_t middle = INNER_MAX / 2, moved = INNER_MAX - middle - 1;

    for (uint32_t i = 0; i < moved; i++) {
        atomic_init(&right->keys[i], key_word(left->keys, middle + 1 + i));
        atomic_init(&right->separators[i],
            atomic_load_explicit(&left->separators[middle + 1 + i], memory_order_relaxed));
    }
    for (uint32_t i = 0; i <= moved; i++)
        atomic_init(&right->children[i], child_at(left, middle + 1 + i));
    set_count(&right->node, moved);
    *ret_key = cop__word(key_word(left->keys, middle));
    *ret_separator = atomic_load_explicit(&left->separators[middle], memory_order_relaxed);
    set_count(&left->node, middle);
}

/* Put what a split below has made into the path, splitting on. */
static void grow(struct tree *tree, struct path *path, struct parts *parts, struct node *right,
    cop_term key, struct separator *separator)
{
    while (path->depth > 0) {
        struct inner *inner = path->inner[--path->depth], *sibling;
        uint32_t at = path->child[path->depth], middle = INNER_MAX / 2;
        struct separator *up_separator;
        cop_term up;

        if (count_of(&inner->node, INNER_MAX) < INNER_MAX) {
            put_in_inner(inner, at, key.word, separator, right);
            return;
        }
        sibling = parts->inner[parts->used++];
        halve_inner(inner, sibling, &up, &up_separator);
        if (at <= middle)
            put_in_inner(inner, at, key.word, separator, right);
        else
            put_in_inner(sibling, at - middle - 1, key.word, separator, right);
        right = &sibling->node;
        key = up;
        separator = up_separator;
    }
    struct inner *root = parts->inner[parts->used++];

    atomic_init(&root->children[0], atomic_load_explicit(&tree->root, memory_order_relaxed));
    put_in_inner(root, 0, key.word, separator, right);
    atomic_store_explicit(&tree->root, &root->node, memory_order_release);
}

static bool split_and_put(struct cop__thr *self, struct tree *tree, struct path *path, uint32_t at,
    cop_term key, uint64_t entry)
{
    struct parts parts = { 0 };
    struct leaf *leaf = path->leaf, *right;
    uint32_t middle = LEAF_MAX / 2;

    if (!make_parts(self, &parts, path)) {
        free_parts(self, &parts);
        return false;
    }
    right = parts.leaf;
    for (uint32_t i = middle; i < LEAF_MAX; i++) {
        atomic_init(&right->keys[i - middle], key_word(leaf->keys, i));
        atomic_init(&right->rows[i - middle], entry_at(leaf, i));
    }
    set_count(&right->node, LEAF_MAX - middle);
    set_count(&leaf->node, middle);
    if (at <= middle && compare(key, parts.key) < 0)
        put_in_leaf(leaf, at, key.word, entry);
    else
        put_in_leaf(right, at - middle, key.word, entry);
    parts.leaf = NULL;
    grow(tree, path, &parts, &right->node, parts.key, parts.separator);
    parts.separator = NULL;
    free_parts(self, &parts);
    return true;
}

static void put_in_place(
    struct cop__thr *self, struct leaf *leaf, uint32_t at, cop_term key, uint64_t entry)
{
    uint64_t old = entry_at(leaf, at);

    atomic_store_explicit(&leaf->keys[at], key.word, memory_order_release);
    atomic_store_explicit(&leaf->rows[at], entry, memory_order_release);
    retire_entry(self, old);
}

/* The place of a key on the way to it, or where it would be. */
static uint32_t place_of(const struct path *path, cop_term key, bool *ret_found)
{
    return rank(path->leaf->keys, count_of(&path->leaf->node, LEAF_MAX), key, false, ret_found);
}

static bool insert(struct cop__thr *self, struct cop__table *table, struct cop__row *row)
{
    struct tree *tree = tree_of(table);
    cop_term key = cop__row_key(row, table->key_position);
    uint64_t entry = entry_of(table, row);
    struct path path;
    bool found;
    uint32_t at;

    descend(table, key, &path);
    at = place_of(&path, key, &found);
    if (found) { /* a dead one */
        put_in_place(self, path.leaf, at, key, entry);
    } else {
        if (count_of(&path.leaf->node, LEAF_MAX) < LEAF_MAX)
            put_in_leaf(path.leaf, at, key.word, entry);
        else if (!split_and_put(self, tree, &path, at, key, entry))
            return false;
        tree->rows++;
    }
    count(table, row, 1);
    let_block_go(self, table, row);
    return true;
}

/* The key may be another term of the same value: ETS-14. */
static void replace(
    struct cop__thr *self, struct cop__table *table, struct cop__row *old, struct cop__row *row)
{
    cop_term key = cop__row_key(row, table->key_position);
    struct path path;
    bool found;

    descend(table, key, &path);
    count(table, old, -1);
    count(table, row, 1);
    put_in_place(self, path.leaf, place_of(&path, key, &found), key, entry_of(table, row));
    let_block_go(self, table, row);
}

static bool add(struct cop__table *table, cop_term key, uint64_t hash, int64_t n, cop_term *ret_sum)
{
    struct path path;
    cop_term old;
    int64_t sum;
    uint32_t at;
    bool found;

    (void)hash;
    descend(table, key, &path);
    at = place_of(&path, key, &found);
    if (!found)
        return false;
    old = cop__word(entry_at(path.leaf, at));
    if (!cop__is_small(old) || __builtin_add_overflow(cop__small_value(old), n, &sum) ||
        !cop__fits_small(sum))
        return false;
    *ret_sum = cop__small(sum);
    atomic_store_explicit(&path.leaf->rows[at], ret_sum->word, memory_order_release);
    return true;
}

static void take_out(struct cop__thr *self, struct inner *inner, uint32_t at)
{
    uint32_t keys = count_of(&inner->node, INNER_MAX), key = at > 0 ? at - 1 : 0;
    struct separator *separator =
        atomic_load_explicit(&inner->separators[key], memory_order_relaxed);

    for (uint32_t i = key; i + 1 < keys; i++) {
        atomic_store_explicit(&inner->keys[i], key_word(inner->keys, i + 1), memory_order_release);
        atomic_store_explicit(&inner->separators[i],
            atomic_load_explicit(&inner->separators[i + 1], memory_order_relaxed),
            memory_order_release);
    }
    for (uint32_t i = at; i < keys; i++)
        atomic_store_explicit(&inner->children[i], child_at(inner, i + 1), memory_order_release);
    set_count(&inner->node, keys - 1);
    if (separator)
        cop__retire(self, separator, free_separator);
}

/* An empty leaf goes, and with it each inner node that has no other child; the last leaf stays. */
static void take_leaf_out(struct cop__thr *self, struct tree *tree, const struct path *path)
{
    size_t level = path->depth;
    struct node *root;

    while (level > 0 && count_of(&path->inner[level - 1]->node, INNER_MAX) == 0)
        level--;
    if (level == 0)
        return;
    take_out(self, path->inner[level - 1], path->child[level - 1]);
    leaf_goes(tree);
    cop__retire(self, path->leaf, free_node);
    for (size_t i = level; i < path->depth; i++)
        cop__retire(self, path->inner[i], free_node);
    for (;;) { /* a root with one child is none */
        root = atomic_load_explicit(&tree->root, memory_order_relaxed);
        if (root->leaf || count_of(root, INNER_MAX) > 0)
            return;
        atomic_store_explicit(&tree->root, child_at((struct inner *)root, 0), memory_order_release);
        cop__retire(self, root, free_node);
    }
}

static void remove_at(struct cop__thr *self, struct tree *tree, struct path *path, uint32_t at)
{
    struct leaf *leaf = path->leaf;
    uint32_t count_there = count_of(&leaf->node, LEAF_MAX);

    retire_entry(self, entry_at(leaf, at));
    for (uint32_t i = at; i + 1 < count_there; i++) {
        atomic_store_explicit(&leaf->keys[i], key_word(leaf->keys, i + 1), memory_order_release);
        atomic_store_explicit(&leaf->rows[i], entry_at(leaf, i + 1), memory_order_release);
    }
    set_count(&leaf->node, count_there - 1);
    tree->rows--;
    if (count_there == 1)
        take_leaf_out(self, tree, path);
}

static void remove_row(struct cop__thr *self, struct cop__table *table, struct cop__row *row)
{
    cop_term key = cop__row_key(row, table->key_position);
    bool fixed = atomic_load_explicit(&table->fixes, memory_order_relaxed), found;
    struct path path;
    uint32_t at;

    count(table, row, -1);
    if (fixed && !cop__row_is_view(row)) {
        atomic_store_explicit(&row->dead, 1, memory_order_relaxed);
        return;
    }
    descend(table, key, &path);
    at = place_of(&path, key, &found);
    if (fixed)
        atomic_store_explicit(&path.leaf->rows[at], DEAD_PAIR, memory_order_release);
    else
        remove_at(self, tree_of(table), &path, at);
}

static void clear(struct cop__thr *self, struct cop__table *table)
{
    struct tree *tree = tree_of(table);
    struct node *old = atomic_load_explicit(&tree->root, memory_order_relaxed);
    struct leaf *leaf = new_node(self, sizeof *leaf, true);
    size_t all = SIZE_MAX;

    if (!leaf)
        cop__out_of_memory("a table");
    atomic_store_explicit(&tree->root, &leaf->node, memory_order_release);
    leaf_goes(tree);
    free_below(self, old, true, &all);
    atomic_store_explicit(&tree->size, 0, memory_order_relaxed);
    atomic_store_explicit(&tree->bytes, 0, memory_order_relaxed);
    tree->rows = 0;
}

/* --- Walking ---------------------------------------------------------------------------------- */

struct walk {
    const struct cop__table *table;
    struct cop__page *page;
    const struct cop__cursor *cursor;
    cop_term *dead; /* the keys of dead rows, in place of live ones; NULL: these */
};

static void add_dead(const struct walk *walk, const struct leaf *leaf, uint32_t i)
{
    uint64_t entry = entry_at(leaf, i);

    if (is_dead(entry))
        walk->dead[walk->page->count++] =
            is_row(entry) ? cop__row_key(row_of(entry), walk->table->key_position)
                          : cop__word(key_word(leaf->keys, i));
}

static void add_leaf(const struct walk *walk, const struct leaf *leaf, bool whole)
{
    uint32_t count = count_of(&leaf->node, LEAF_MAX), i = 0;
    bool before = walk->cursor->backwards, found;

    if (!whole)
        i = rank(leaf->keys, count, walk->cursor->key, !before, &found);
    else if (before)
        i = count;
    while (walk->page->count < COP__PAGE_ROWS && (before ? i-- > 0 : i < count)) {
        struct cop__row *row = walk->dead ? NULL : live_at(walk->table, leaf, i, NULL);

        if (row)
            walk->page->rows[walk->page->count++] = row;
        else if (walk->dead)
            add_dead(walk, leaf, i);
        i += !before;
    }
}

/* whole: all of the subtree lies beyond the cursor. */
static void add_rows(const struct walk *walk, const struct node *node, bool whole, size_t depth)
{
    bool before = walk->cursor->backwards, found;

    if (node->leaf) {
        add_leaf(walk, (const struct leaf *)node, whole);
        return;
    }
    const struct inner *inner = (const struct inner *)node;
    uint32_t count = count_of(node, INNER_MAX);
    uint32_t i =
        whole ? (before ? count : 0) : rank(inner->keys, count, walk->cursor->key, true, &found);

    for (;; whole = true) {
        const struct node *child = child_at(inner, i);

        if (child && depth < DEPTH_MAX)
            add_rows(walk, child, whole, depth + 1);
        if (walk->page->count == COP__PAGE_ROWS || (before ? i == 0 : i == count))
            return;
        i += before ? (uint32_t)-1 : 1;
    }
}

static void purge(struct cop__thr *self, struct cop__table *table)
{
    cop_term keys[COP__PAGE_ROWS];
    struct cop__page page = { .room = COP__PAGE_ROWS };
    struct cop__cursor cursor = { 0 };
    const struct walk walk = { table, &page, &cursor, keys };
    struct tree *tree = tree_of(table);
    struct path path;
    bool found;

    lock_key(table, 0);
    do {
        page.count = 0;
        add_rows(&walk, atomic_load_explicit(&tree->root, memory_order_relaxed), true, 0);
        for (size_t i = 0; i < page.count; i++) {
            if (atomic_load_explicit(&table->fixes, memory_order_relaxed))
                break;
            descend(table, keys[i], &path);
            remove_at(self, tree, &path, place_of(&path, keys[i], &found));
        }
    } while (
        page.count == COP__PAGE_ROWS && !atomic_load_explicit(&table->fixes, memory_order_relaxed));
    unlock_key(table, 0);
}

static bool page(const struct cop__table *table, struct cop__cursor *cursor, struct cop__page *page)
{
    const struct walk walk = { .table = table, .page = page, .cursor = cursor };
    uint32_t begun;

    if (!page->rows) {
        page->rows = malloc(COP__PAGE_ROWS * sizeof(*page->rows));
        if (!page->rows)
            return false;
        page->room = COP__PAGE_ROWS;
    }
    do {
        begun = begin_read(table, 0);
        page->count = 0;
        add_rows(&walk, atomic_load_explicit(&tree_of(table)->root, memory_order_acquire),
            !cursor->started, 0);
    } while (!end_read(table, 0, begun));
    if (page->count < COP__PAGE_ROWS)
        cursor->ended = true;
    if (page->count) {
        cursor->started = true;
        cursor->key = cop_copy(cop__row_key(page->rows[page->count - 1], table->key_position));
    }
    return true;
}

static int64_t size(const struct cop__table *table)
{
    return atomic_load_explicit(&tree_of(table)->size, memory_order_relaxed);
}

static int64_t bytes(const struct cop__table *table)
{
    /* a place in a leaf, and what is free around it */
    return (int64_t)(sizeof(struct tree) + sizeof(struct leaf)) +
           atomic_load_explicit(&tree_of(table)->bytes, memory_order_relaxed) + 24 * size(table);
}

static size_t slots(const struct cop__table *table)
{
    return (size_t)size(table);
}

const struct cop__table_kind cop__ordered_table = {
    .init = init,
    .lock_key = lock_key,
    .unlock_key = unlock_key,
    .lock_all = lock_all,
    .unlock_all = unlock_all,
    .begin_read = begin_read,
    .end_read = end_read,
    .find = find,
    .find_more = find_more,
    .insert = insert,
    .replace = replace,
    .remove = remove_row,
    .add = add,
    .clear = clear,
    .purge = purge,
    .neighbour = neighbour,
    .end = end,
    .page = page,
    .size = size,
    .bytes = bytes,
    .slots = slots,
    .free = free_rows,
};
