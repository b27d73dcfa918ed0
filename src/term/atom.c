/* SPDX-License-Identifier: Apache-2.0 */
/* The atom table: text to index, index to text. Layer 1.
 *
 * The hard idea: readers take no lock. Entries live in chunks that never move, and the hash table
 * is replaced as a whole when it grows; old ones stay, since a reader may still be in them (all
 * together they are smaller than the current one). Rule TERM-3: an atom is never forgotten. */
#include "term/atoms.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/raise.h"
#include "base/reserve.h"
#include "term/utf8.h"

enum {
    CHUNK_ENTRIES = 1024,
    CHUNKS = COP__ATOMS_MAX / CHUNK_ENTRIES,
    TABLE_SIZE_MIN = 4096,
    TEXT_BLOCK_BYTES = 1 << 16
};

/* Open addressing; a slot is hash << 32 | index, 0 when free. */
struct table {
    uint32_t mask;
    _Atomic(uint64_t) slots[];
};

static struct cop__atom_entry first_chunk[CHUNK_ENTRIES] = {
#define ENTRY(NAME, TEXT) [COP__ATOM_##NAME] = { TEXT, sizeof(TEXT) - 1, 0 },
    COP__ATOMS(ENTRY)
#undef ENTRY
};

/* Written under the lock; a reader holds an index only after its chunk was there. */
static struct cop__atom_entry *chunks[CHUNKS] = { first_chunk };
static _Atomic(struct table *) current; /* NULL until first use */
static _Atomic(uint32_t) count = COP__ATOMS_PRELOADED;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct table *old_tables[32]; /* kept, and reachable for leak checkers */
static unsigned old_tables_count;
static char *text_block; /* where the next text goes; full ones stay with their atoms */
static size_t text_block_left;

static uint32_t hash_text(const void *data, size_t size)
{
    const unsigned char *at = data;
    uint64_t hash = 0xcbf29ce484222325u;

    for (size_t i = 0; i < size; i++)
        hash = (hash ^ at[i]) * 0x100000001b3u;
    hash ^= hash >> 32;
    hash *= 0x9e3779b97f4a7c15u;
    return (uint32_t)(hash >> 32) | 1; /* never 0 */
}

const struct cop__atom_entry *cop__atom_entry(uint32_t index)
{
    return &chunks[index / CHUNK_ENTRIES][index % CHUNK_ENTRIES];
}

uint32_t cop__atom_hash(uint32_t index)
{
    const struct cop__atom_entry *entry = cop__atom_entry(index);

    /* Only preloaded ones have no hash in the table before first use. */
    return index < COP__ATOMS_PRELOADED ? hash_text(entry->text, entry->size) : entry->hash;
}

uint32_t cop__atom_count(void)
{
    return atomic_load_explicit(&count, memory_order_relaxed) - 1;
}

static uint32_t find(const struct table *table, uint32_t hash, cop_bytes text)
{
    for (uint32_t i = hash;; i++) {
        /* acquire: pairs with the release of put, the entry is whole */
        uint64_t slot = atomic_load_explicit(&table->slots[i & table->mask], memory_order_acquire);
        const struct cop__atom_entry *entry;

        if (!slot)
            return 0;
        if (slot >> 32 != hash)
            continue;
        entry = cop__atom_entry((uint32_t)slot);
        if (entry->size == text.size &&
            (text.size == 0 || memcmp(entry->text, text.data, text.size) == 0))
            return (uint32_t)slot;
    }
}

static void put(struct table *table, uint32_t hash, uint32_t index)
{
    uint32_t i = hash & table->mask;

    while (atomic_load_explicit(&table->slots[i], memory_order_relaxed))
        i = (i + 1) & table->mask;
    /* pairs with the acquire in find */
    atomic_store_explicit(&table->slots[i], (uint64_t)hash << 32 | index, memory_order_release);
}

/* Atoms are for ever, so nothing of this is freed. */
static void *new_memory(size_t size)
{
    void *memory = calloc(1, size);

    return memory ? memory : cop__reserve_take(size);
}

/* Under the lock: a table with room for more, published. NULL when there is no memory. */
static struct table *table_with_room(void)
{
    struct table *table = atomic_load_explicit(&current, memory_order_relaxed), *larger;
    uint32_t used = atomic_load_explicit(&count, memory_order_relaxed);
    size_t size = table ? ((size_t)table->mask + 1) * 2 : TABLE_SIZE_MIN;

    if (table && used < table->mask / 2)
        return table;
    larger = new_memory(sizeof(*larger) + size * sizeof(larger->slots[0]));
    if (!larger)
        return NULL;
    larger->mask = (uint32_t)(size - 1);
    for (uint32_t index = 1; index < used; index++)
        put(larger, cop__atom_hash(index), index);
    if (table)
        old_tables[old_tables_count++] = table;
    /* pairs with the acquire in lookup */
    atomic_store_explicit(&current, larger, memory_order_release);
    return larger;
}

static uint32_t lookup(uint32_t hash, cop_bytes text)
{
    const struct table *table = atomic_load_explicit(&current, memory_order_acquire);

    if (!table) {
        bool entered = cop__enter_unless_inside();

        pthread_mutex_lock(&lock);
        table = table_with_room();
        pthread_mutex_unlock(&lock);
        if (entered)
            cop__leave();
        if (!table)
            return 0;
    }
    return find(table, hash, text);
}

/* Under the lock: a copy of the text that lives for ever. */
static const char *keep_text(cop_bytes text)
{
    char *copy;

    if (text_block_left < text.size + 1) {
        char *block = new_memory(TEXT_BLOCK_BYTES);

        if (!block)
            return NULL;
        text_block = block;
        text_block_left = TEXT_BLOCK_BYTES;
    }
    copy = text_block;
    text_block += text.size + 1;
    text_block_left -= text.size + 1;
    memcpy(copy, text.data, text.size);
    copy[text.size] = 0;
    return copy;
}

/* Under the lock; 0 when the table or the memory is full. */
static uint32_t insert(uint32_t hash, cop_bytes text)
{
    uint32_t index = atomic_load_explicit(&count, memory_order_relaxed);
    struct table *table = table_with_room();
    const char *copy;

    if (!table || index >= COP__ATOMS_MAX)
        return 0;
    if (!chunks[index / CHUNK_ENTRIES]) {
        chunks[index / CHUNK_ENTRIES] = new_memory(CHUNK_ENTRIES * sizeof(struct cop__atom_entry));
        if (!chunks[index / CHUNK_ENTRIES])
            return 0;
    }
    copy = keep_text(text);
    if (!copy)
        return 0;
    chunks[index / CHUNK_ENTRIES][index % CHUNK_ENTRIES] =
        (struct cop__atom_entry){ copy, (uint32_t)text.size, hash };
    put(table, hash, index);
    atomic_store_explicit(&count, index + 1, memory_order_relaxed);
    return index;
}

bool cop_atom_existing(cop_atom *ret_atom, cop_bytes text)
{
    uint32_t index = lookup(hash_text(text.data, text.size), text);

    if (!index)
        return false;
    ret_atom->index = index;
    return true;
}

int cop_atom_from_bytes(cop_atom *ret_atom, cop_bytes text)
{
    uint32_t hash = hash_text(text.data, text.size), index = lookup(hash, text);
    int64_t characters;
    bool entered;

    if (!index) {
        if (!atomic_load_explicit(&current, memory_order_relaxed))
            return -COP_ESYSTEMLIMIT; /* no memory for the first table */
        if (text.size > 4 * COP__ATOM_CHARACTERS_MAX)
            return -COP_ESYSTEMLIMIT;
        characters = cop__utf8_count(text.data, text.size);
        if (characters < 0)
            return -COP_EBADARG;
        if (characters > COP__ATOM_CHARACTERS_MAX)
            return -COP_ESYSTEMLIMIT;
        entered = cop__enter_unless_inside();
        pthread_mutex_lock(&lock);
        index = find(atomic_load_explicit(&current, memory_order_relaxed), hash, text);
        if (!index) /* nobody was faster */
            index = insert(hash, text);
        pthread_mutex_unlock(&lock);
        if (entered)
            cop__leave();
        if (!index)
            return -COP_ESYSTEMLIMIT;
    }
    ret_atom->index = index;
    return 0;
}

cop_atom cop_atom_new(const char *text)
{
    cop_bytes bytes = { text, strlen(text) };
    cop_atom atom = { 0 };

    switch (cop_atom_from_bytes(&atom, bytes)) {
    case 0:
        break;
    case -COP_EBADARG:
        cop__raise("badarg", "an atom's text must be UTF-8");
    default:
        cop__raise("system_limit", "the atom table is full, or an atom has over 255 characters");
    }
    return atom;
}

cop_bytes cop_atom_text(cop_atom atom)
{
    const struct cop__atom_entry *entry;
    cop_bytes text = { "", 0 };

    if (atom.index) {
        entry = cop__atom_entry(atom.index);
        text.data = entry->text;
        text.size = entry->size;
    }
    return text;
}

int cop__atom_compare(uint32_t a, uint32_t b)
{
    const struct cop__atom_entry *x = cop__atom_entry(a), *y = cop__atom_entry(b);
    int order = memcmp(x->text, y->text, x->size < y->size ? x->size : y->size);

    /* UTF-8 bytes compare as their code points do. */
    return order ? order : x->size < y->size ? -1 : x->size > y->size;
}
