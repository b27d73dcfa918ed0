/* SPDX-License-Identifier: Apache-2.0 */
/* What there is to know of a table, and what is done with it as a whole: owners, names, its end.
 * Layer 4. */
#include <stdlib.h>

#include "base/raise.h"
#include "ets/ets_int.h"
#include "ets/tables.h"

/* --- info ------------------------------------------------------------------------------------- */

static cop_term pid_or_none(uint64_t pid)
{
    return pid ? cop_from_pid((cop_pid){ pid, 0 }) : cop__nil();
}

/* Read within one bracket, put into terms after it. */
struct facts {
    uint64_t id, owner, heir;
    cop_term name;
    int64_t size, words;
    enum cop_table_type type;
    enum cop_table_access access;
    size_t key_position;
    bool named, read_concurrency, write_concurrency, compressed, fixed;
    int64_t fixed_since_ms;
    struct {
        uint64_t pid;
        int64_t count;
    } fixers[64];
    size_t fixer_count;
};

static bool read_facts(struct facts *facts, cop_term id)
{
    struct cop__table *table;

    cop__enter();
    table = cop__table_find(id);
    if (table) {
        *facts = (struct facts){
            .id = table->id,
            .owner = atomic_load(&table->owner),
            .name = cop__word(cop__atom(atomic_load(&table->name)).word),
            .size = table->kind->size(table),
            .words = (int64_t)((table->kind->bytes(table) + (int64_t)sizeof(*table)) / 8),
            .type = table->type,
            .access = table->access,
            .key_position = table->key_position,
            .named = table->named,
            .read_concurrency = table->read_concurrency,
            .write_concurrency = table->write_concurrency,
            .compressed = table->compressed,
        };
        cop__spin_lock(&table->lock);
        facts->heir = table->heir;
        facts->fixed = table->fixers != NULL;
        facts->fixed_since_ms = table->fixed_since_ms;
        for (const struct cop__fixer *fixer = table->fixers; fixer && facts->fixer_count < 64;
             fixer = fixer->next) {
            facts->fixers[facts->fixer_count].pid = fixer->pid;
            facts->fixers[facts->fixer_count++].count = fixer->count;
        }
        cop__spin_unlock(&table->lock);
    }
    cop__ets_end();
    return table != NULL;
}

static cop_term fixed_since(const struct facts *facts)
{
    cop_term list = cop_nil();

    if (!facts->fixed)
        return cop_bool(false);
    for (size_t i = facts->fixer_count; i-- > 0;)
        list = cop_cons(
            cop("{Pid, Count}", pid_or_none(facts->fixers[i].pid), facts->fixers[i].count), list);
    return cop("{Time, Fixers}", facts->fixed_since_ms, list);
}

static const char *const types[] = { "set", "ordered_set", "bag", "duplicate_bag" };
static const char *const rights[] = { "protected", "public", "private" };

static cop_term atom(const char *name)
{
    return cop_from_atom(cop_atom_new(name));
}

/* none: no such item */
static cop_term item_of(const struct facts *facts, const char *item)
{
    const struct {
        const char *name;
        cop_term value;
    } items[] = {
        { "id", cop__word(facts->id) },
        { "decentralized_counters", cop_bool(false) },
        { "read_concurrency", cop_bool(facts->read_concurrency) },
        { "write_concurrency", cop_bool(facts->write_concurrency) },
        { "compressed", cop_bool(facts->compressed) },
        { "memory", cop_int(facts->words) },
        { "owner", pid_or_none(facts->owner) },
        { "heir", facts->heir ? pid_or_none(facts->heir) : cop("none") },
        { "name", facts->name },
        { "size", cop_int(facts->size) },
        { "node", cop_from_atom(cop_node()) },
        { "named_table", cop_bool(facts->named) },
        { "type", atom(types[facts->type]) },
        { "keypos", cop_int((int64_t)facts->key_position) },
        { "protection", atom(rights[facts->access]) },
        { "fixed", cop_bool(facts->fixed) },
        { "safe_fixed", fixed_since(facts) },
        { "safe_fixed_monotonic_time", fixed_since(facts) },
    };

    for (size_t i = 0; i < sizeof items / sizeof *items; i++)
        if (strcmp(items[i].name, item) == 0)
            return items[i].value;
    return COP_NONE;
}

cop_term cop_ets_info_item(cop_term id, cop_term item)
{
    struct facts facts;
    cop_term value = COP_NONE;
    cop_atom name;

    if (!cop_to_atom(&name, item))
        cop__badarg("ets_info: the item is no atom");
    if (!read_facts(&facts, id))
        return cop("undefined");
    value = item_of(&facts, cop_atom_text(name).data);
    if (cop_is_none(value))
        cop__badarg("ets_info: no such item");
    return value;
}

cop_term cop_ets_info(cop_term id)
{
    static const char *const items[] = { "id", "decentralized_counters", "read_concurrency",
        "write_concurrency", "compressed", "memory", "owner", "heir", "name", "size", "node",
        "named_table", "type", "keypos", "protection" };
    struct facts facts;
    cop_term list = cop_nil();

    if (!read_facts(&facts, id))
        return cop("undefined");
    for (size_t i = sizeof items / sizeof *items; i-- > 0;)
        list = cop_cons(cop("{Item, Value}", atom(items[i]), item_of(&facts, items[i])), list);
    return list;
}

cop_term cop_ets_whereis(cop_term name)
{
    cop_term id = COP_NONE;
    struct cop__table *table;

    cop__enter();
    table = cop__is_atom(name) ? cop__table_find(name) : NULL;
    if (table)
        id = cop__word(table->id);
    cop__ets_end();
    return cop_is_none(id) ? cop("undefined") : id;
}

cop_term cop_ets_all(void)
{
    cop_term list;

    cop__enter();
    list = cop__table_all();
    cop__ets_end();
    return list;
}

/* --- The table as a whole --------------------------------------------------------------------- */

void cop_ets_delete_table(cop_term id)
{
    struct cop__table *table = cop__ets_begin(id, COP__RIGHT_WRITE, "ets_delete");
    struct cop__thr *self = cop__own_thr();

    cop__table_delete(self, table);
    cop__table_forget_hold(self, table);
    cop__ets_end();
}

cop_term cop_ets_rename(cop_term id, const char *name)
{
    cop_term atom = cop_from_atom(cop_atom_new(name));
    struct cop__table *table = cop__ets_begin(id, COP__RIGHT_WRITE, "ets_rename");
    bool renamed = cop__table_rename(cop__own_thr(), table, atom);
    cop_term result = table->named ? atom : cop__word(table->id);

    cop__ets_end();
    if (!renamed)
        cop__badarg("ets_rename: the name is taken");
    return result;
}

/* The owner alone may. */
static struct cop__table *begin_as_owner(cop_term id, const char *function)
{
    struct cop__table *table = cop__ets_begin(id, COP__RIGHT_NONE, function);

    if (atomic_load(&table->owner) != cop__proc_pid(cop__own_thr()->current).id) {
        cop__leave();
        cop__badarg(function);
    }
    return table;
}

void cop_ets_give_away(cop_term id, cop_pid to, cop_term data)
{
    struct cop__table *table = begin_as_owner(id, "ets_give_away");
    struct cop__thr *self = cop__own_thr();
    bool given = !to.node && to.id != cop__proc_pid(self->current).id &&
                 cop__table_give(self, table, to, data);

    cop__ets_end();
    if (!given)
        cop__badarg("ets_give_away");
}

void cop_ets_set_heir(cop_term id, cop_pid heir, cop_term data)
{
    struct cop__table *table = begin_as_owner(id, "ets_setopts");
    bool done = !heir.node;

    if (done) {
        done =
            cop__table_set_heir_data(cop__own_thr(), table, cop_is_none(data) ? cop__nil() : data);
        cop__spin_lock(&table->lock);
        table->heir = heir.id;
        cop__spin_unlock(&table->lock);
    }
    cop__ets_end();
    if (!done)
        cop__badarg("ets_setopts");
}
