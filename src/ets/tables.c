/* SPDX-License-Identifier: Apache-2.0 */
/* Which tables there are, whom they belong to, and their end. Layer 4.
 *
 * A table is found by its reference, and a named one by its atom too, in two hash tables of entries
 * that readers walk without a lock. Its end comes in three steps: it is marked, so that nobody
 * begins with it; all who write have finished when all its locks have been held once; then the
 * reaper, a process of its own, frees the rows bit by bit, however many there are (ETS-50). */
#include "base/reserve.h"
#include "ets/tables.h"

#include <stdlib.h>

#include "base/raise.h"
#include "proc/message.h"
#include "proc/retire.h"

enum { BUCKETS = 1024 };

struct entry {
    struct entry *_Atomic next;
    uint64_t word;
    struct cop__table *table;
};

static struct {
    struct cop__spinlock lock; /* of writers */
    struct entry *_Atomic buckets[BUCKETS];
    struct cop__spinlock doomed_lock; /* taken while others are held, as the last */
    struct cop__table *doomed;        /* their rows are to be freed */
    _Atomic(uint64_t) reaper;         /* pid */
    _Atomic(int64_t) deleted;         /* not doomed yet: somebody may still be reading */
} tables;

static cop_term transfer_atom;

/* --- Finding ---------------------------------------------------------------------------------- */

static struct entry *_Atomic *bucket_of(uint64_t word)
{
    return &tables.buckets[(word * UINT64_C(0x9e3779b97f4a7c15)) >> 54];
}

struct cop__table *cop__table_find(cop_term id)
{
    /* acquire: pairs with the release in add */
    for (const struct entry *entry = atomic_load_explicit(bucket_of(id.word), memory_order_acquire);
         entry; entry = atomic_load_explicit(&entry->next, memory_order_acquire))
        if (entry->word == id.word &&
            !atomic_load_explicit(&entry->table->deleted, memory_order_relaxed))
            return entry->table;
    return NULL;
}

/* Both with the lock. */
static bool add(uint64_t word, struct cop__table *table)
{
    struct entry *_Atomic *bucket = bucket_of(word);
    struct entry *entry = malloc(sizeof *entry);

    if (!entry)
        return false;
    entry->word = word;
    entry->table = table;
    atomic_init(&entry->next, atomic_load_explicit(bucket, memory_order_relaxed));
    atomic_store_explicit(bucket, entry, memory_order_release);
    return true;
}

static void free_entry(struct cop__thr *self, void *entry)
{
    (void)self;
    free(entry);
}

/* To be retired when the lock is free again; NULL: it is not there. */
static struct entry *take_out(uint64_t word, const struct cop__table *table)
{
    struct entry *_Atomic *link = bucket_of(word);
    struct entry *entry;

    while ((entry = atomic_load_explicit(link, memory_order_relaxed))) {
        if (entry->word == word && entry->table == table) {
            atomic_store_explicit(link, atomic_load_explicit(&entry->next, memory_order_relaxed),
                memory_order_release);
            break;
        }
        link = &entry->next;
    }
    return entry;
}

static void retire_entry(struct cop__thr *self, struct entry *entry)
{
    if (entry)
        cop__retire(self, entry, free_entry);
}

uint64_t cop__table_word(const struct cop__table *table)
{
    return table->named ? cop__atom(atomic_load_explicit(&table->name, memory_order_relaxed)).word
                        : table->id;
}

cop_term cop__table_all(void)
{
    cop_term list = cop_nil();
    size_t count = 0, room = 64;
    uint64_t *words = malloc(room * sizeof *words);

    for (size_t i = 0; words && i < BUCKETS; i++)
        for (const struct entry *entry =
                 atomic_load_explicit(&tables.buckets[i], memory_order_acquire);
             entry; entry = atomic_load_explicit(&entry->next, memory_order_acquire)) {
            if (entry->word != entry->table->id ||
                atomic_load_explicit(&entry->table->deleted, memory_order_relaxed))
                continue; /* by its reference each is there once */
            if (count == room) {
                uint64_t *more = realloc(words, 2 * room * sizeof *words);

                if (!more)
                    break;
                words = more;
                room *= 2;
            }
            words[count++] = cop__table_word(entry->table);
        }
    while (count > 0)
        list = cop_cons(cop__word(words[--count]), list);
    free(words);
    return list;
}

/* --- The end of a table ----------------------------------------------------------------------- */

static void free_struct(struct cop__thr *self, void *object)
{
    struct cop__table *table = object;

    if (table->heir_data)
        cop__row_free(self, table->heir_data);
    cop__must_free(table);
}

void cop__table_release(struct cop__thr *self, struct cop__table *table)
{
    if (atomic_fetch_sub(&table->references, 1) == 1)
        cop__retire(self, table, free_struct);
}

/* Nobody can have found it any more. */
static void doom(struct cop__thr *self, void *object)
{
    struct cop__table *table = object;

    (void)self;
    cop__spin_lock(&tables.doomed_lock);
    table->next_doomed = tables.doomed;
    tables.doomed = table;
    cop__spin_unlock(&tables.doomed_lock);
    atomic_fetch_sub(&tables.deleted, 1);
}

/* True: there was something to do. */
static bool reap_some(struct cop__thr *self)
{
    struct cop__table *table;

    cop__spin_lock(&tables.doomed_lock);
    table = tables.doomed;
    if (table)
        tables.doomed = table->next_doomed;
    cop__spin_unlock(&tables.doomed_lock);
    if (!table)
        return false;
    if (table->kind->free(self, table, COP__REAP_ROWS)) {
        cop__table_release(self, table);
        return true;
    }
    cop__spin_lock(&tables.doomed_lock);
    table->next_doomed = tables.doomed;
    tables.doomed = table;
    cop__spin_unlock(&tables.doomed_lock);
    return true;
}

static void reaper_main(cop_term arg)
{
    enum { LOOK_MS = 1 };

    (void)arg;
    cop_set_group_leader(cop_self(), cop_self()); /* of no application: with one it would end */
    for (;;) {
        struct cop__thr *self = (struct cop__thr *)cop__enter();
        bool more;

        cop__retire_push(self);
        more = reap_some(self);
        cop__charge(self, COP__REAP_ROWS / 8);
        cop__leave();
        if (more)
            continue;
        if (atomic_load(&tables.deleted))
            cop_sleep(LOOK_MS);
        else
            cop_receive();
        cop_turn_end();
    }
}

static void need_reaper(void)
{
    uint64_t none = 0;
    cop_pid pid;

    if (atomic_load_explicit(&tables.reaper, memory_order_relaxed))
        return;
    pid = cop_spawn(reaper_main, cop_nil());
    if (!atomic_compare_exchange_strong(&tables.reaper, &none, pid.id))
        cop_exit_signal(pid, cop("kill"));
}

void cop__table_delete(struct cop__thr *self, struct cop__table *table)
{
    struct entry *by_id, *by_name = NULL;

    table->kind->lock_all(table);
    if (atomic_exchange(&table->deleted, true)) {
        table->kind->unlock_all(table);
        return;
    }
    table->kind->unlock_all(table);
    cop__spin_lock(&tables.lock);
    by_id = take_out(table->id, table);
    if (table->named)
        by_name = take_out(cop__table_word(table), table);
    cop__spin_unlock(&tables.lock);
    retire_entry(self, by_id);
    retire_entry(self, by_name);
    atomic_fetch_add(&tables.deleted, 1);
    cop__retire(self, table, doom);
    if (atomic_load(&tables.reaper))
        cop__send_copy((cop_pid){ atomic_load(&tables.reaper), 0 }, cop__nil());
}

/* --- Owners ----------------------------------------------------------------------------------- */

static bool send_transfer(const struct cop__table *table, uint64_t to, uint64_t from, cop_term data)
{
    uint64_t words[7] = { 0 }; /* a tuple; two words before it may be looked at (term/copy.c) */

    words[2] = cop__header(COP__TUPLE, 4);
    words[3] = transfer_atom.word;
    words[4] = cop__table_word(table);
    words[5] = cop_from_pid((cop_pid){ from, 0 }).word;
    words[6] = data.word;
    return cop__send_copy((cop_pid){ to, 0 }, cop__from_box(words + 2));
}

/* In the owner, which ends. */
static void owner_ended(struct cop__resource *resource)
{
    struct cop__hold *hold = (struct cop__hold *)(void *)resource;
    struct cop__table *table = hold->table;
    struct cop__thr *self = cop__self_thr();
    uint64_t owner = atomic_load(&table->owner), heir;

    hold->listed = false;
    if (!atomic_load(&table->deleted)) {
        cop__spin_lock(&table->lock);
        heir = table->heir;
        cop__spin_unlock(&table->lock);
        if (heir && heir != owner) {
            atomic_store(&table->owner, heir);
            if (cop__resource_send(resource, (cop_pid){ heir, 0 })) {
                send_transfer(table, heir, owner,
                    cop__row_key(table->heir_data, 1)); /* only the owner changes it */
                return;
            }
        }
        cop__table_delete(self, table);
    }
    cop__table_release(self, table);
    cop__must_free(hold);
}

/* In the new owner. */
static void adopted(struct cop__resource *resource)
{
    struct cop__hold *hold = (struct cop__hold *)(void *)resource;

    if (!atomic_load(&hold->table->deleted)) {
        hold->listed = true;
        return;
    }
    cop__resource_remove(resource);
    cop__table_release(cop__self_thr(), hold->table);
    cop__must_free(hold);
}

/* The table has just been deleted; if it is the running process's, it need not remember it. */
void cop__table_forget_hold(struct cop__thr *self, struct cop__table *table)
{
    struct cop__hold *hold = table->hold;

    if (!self->current || atomic_load(&table->owner) != cop__proc_pid(self->current).id ||
        !hold->listed)
        return;
    cop__resource_remove(&hold->resource);
    cop__table_release(self, table);
    cop__must_free(hold);
}

bool cop__table_give(struct cop__thr *self, struct cop__table *table, cop_pid to, cop_term data)
{
    uint64_t owner = cop__proc_pid(self->current).id;
    struct cop__hold *hold = table->hold;

    if (!hold->listed)
        return false; /* it was given to us, and we have not looked yet */
    atomic_store(&table->owner, to.id);
    hold->listed = false;
    if (!cop__resource_give(&hold->resource, to)) {
        hold->listed = true;
        atomic_store(&table->owner, owner);
        return false;
    }
    send_transfer(table, to.id, owner, data);
    return true;
}

/* --- New tables ------------------------------------------------------------------------------- */

/* False: the name is taken, or *ret_memory is false. */
bool cop__table_add(struct cop__thr *self, struct cop__table *table, bool *ret_memory)
{
    cop_term name = cop__atom(atomic_load(&table->name));
    struct entry *lost = NULL;
    bool taken;

    cop__spin_lock(&tables.lock);
    taken = table->named && cop__table_find(name) != NULL;
    *ret_memory = true;
    if (!taken) {
        *ret_memory = add(table->id, table);
        if (*ret_memory && table->named && !add(name.word, table)) {
            lost = take_out(table->id, table);
            *ret_memory = false;
        }
    }
    cop__spin_unlock(&tables.lock);
    retire_entry(self, lost);
    return !taken && *ret_memory;
}

bool cop__table_rename(struct cop__thr *self, struct cop__table *table, cop_term name)
{
    struct entry *old = NULL;
    bool free_name;

    cop__spin_lock(&tables.lock);
    free_name = !table->named || !cop__table_find(name);
    if (free_name && table->named)
        free_name = add(name.word, table);
    if (free_name) {
        if (table->named)
            old = take_out(cop__table_word(table), table);
        atomic_store(&table->name, cop__atom_index(name));
    }
    cop__spin_unlock(&tables.lock);
    retire_entry(self, old);
    return free_name;
}

static struct cop__table *new_table(
    struct cop__thr *self, cop_term name, uint64_t id, const struct cop_table_options *options)
{
    struct cop__table *table = cop__must_alloc(sizeof *table);
    struct cop__hold *hold = cop__must_alloc(sizeof *hold);
    cop_term data = cop_is_none(options->heir_data) ? cop_nil() : options->heir_data;

    if (!table || !hold)
        cop__out_of_memory("a table");
    table->kind = options->type == COP_ORDERED_SET ? &cop__ordered_table : &cop__hash_table;
    table->id = id;
    table->type = options->type;
    table->access = options->access;
    table->key_position = options->key_position ? (size_t)options->key_position : 1;
    table->named = options->named;
    table->read_concurrency = options->read_concurrency;
    table->write_concurrency = options->write_concurrency;
    table->compressed = options->compressed;
    table->heir = options->heir.id;
    table->hold = hold;
    atomic_init(&table->name, cop__atom_index(name));
    atomic_init(&table->owner, cop__proc_pid(self->current).id);
    atomic_init(&table->references, 2); /* its life, and the hold */
    if (!cop__table_set_heir_data(self, table, data) || !table->kind->init(table))
        cop__out_of_memory("a table");
    *hold = (struct cop__hold){ { .release = owner_ended, .adopted = adopted }, table, true };
    return table;
}

/* The data of the heir, as a row {Data}. */
bool cop__table_set_heir_data(struct cop__thr *self, struct cop__table *table, cop_term data)
{
    uint64_t words[4] = { 0, 0, cop__header(COP__TUPLE, 1), data.word };
    struct cop__row *row = cop__row_new(self, cop__from_box(words + 2)), *old = table->heir_data;

    if (!row)
        return false;
    table->heir_data = row;
    if (old)
        cop__row_retire(self, old);
    return true;
}

cop_term cop_ets_new_with(const char *name, const struct cop_table_options *options)
{
    static const struct cop_table_options none;
    cop_term atom, id;
    struct cop__thr *self;
    struct cop__table *table;
    bool memory;

    if (!options)
        options = &none;
    if (!name || options->key_position < 0 || options->type < COP_SET ||
        options->type > COP_DUPLICATE_BAG || options->access < COP_PROTECTED ||
        options->access > COP_PRIVATE || options->heir.node)
        cop__badarg("ets_new");
    need_reaper();
    transfer_atom = cop("'ETS-TRANSFER'");
    atom = cop_from_atom(cop_atom_new(name));
    id = cop_from_ref(cop_make_ref());
    self = (struct cop__thr *)cop__enter();
    table = new_table(self, atom, id.word, options);
    if (!cop__table_add(self, table, &memory)) {
        cop__must_free(table->hold);
        table->kind->free(self, table, SIZE_MAX);
        free_struct(self, table);
        cop__leave();
        if (!memory)
            cop__raise("system_limit", "no memory for a table");
        cop__badarg("ets_new: the name is taken");
    }
    cop__resource_add(&table->hold->resource);
    cop__leave();
    return options->named ? atom : id;
}

/* --- The node --------------------------------------------------------------------------------- */

static void stop(void)
{
    struct cop__thr *self = cop__self_thr();

    atomic_store(&tables.reaper, 0);
    cop__retire_push(self); /* all processes are gone */
    cop__retire_push(self);
    while (reap_some(self))
        ;
}

__attribute__((constructor)) static void add_hook(void)
{
    static struct cop__node_hook hook = { .stop = stop };

    cop__node_hook_add(&hook);
}
