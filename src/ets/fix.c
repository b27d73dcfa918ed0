/* SPDX-License-Identifier: Apache-2.0 */
/* Fixed tables (ETS-31, ETS-33): while somebody walks over a table in many steps, buckets stay
 * where they are and deleted rows stay as places in the order. What a process has fixed it lets go
 * when it ends. Layer 4. */
#include <stdlib.h>

#include "base/reserve.h"
#include "base/raise.h"
#include "ets/ets_int.h"
#include "ets/tables.h"
#include "proc/message.h"

static struct cop__fixer **find_fixer(struct cop__table *table, uint64_t pid)
{
    struct cop__fixer **place = &table->fixers;

    while (*place && (*place)->pid != pid)
        place = &(*place)->next;
    return place;
}

/* With the lock. */
static void take_out(struct cop__table *table, struct cop__fixer **place)
{
    *place = (*place)->next;
    if (!table->fixers)
        table->fixed_since_ms = 0;
}

static void let_go(struct cop__thr *self, struct cop__table *table, uint32_t fixes)
{
    if (atomic_fetch_sub(&table->fixes, fixes) == fixes && !atomic_load(&table->deleted))
        table->kind->purge(self, table);
}

/* The process ends. */
static void release(struct cop__resource *resource)
{
    struct cop__fixer *fixer = (struct cop__fixer *)(void *)resource;
    struct cop__table *table = fixer->table;
    struct cop__thr *self = cop__self_thr();

    cop__spin_lock(&table->lock);
    take_out(table, find_fixer(table, fixer->pid));
    cop__spin_unlock(&table->lock);
    let_go(self, table, (uint32_t)fixer->count);
    cop__table_release(self, table);
    cop__must_free(fixer);
}

void cop__ets_fix(struct cop__table *table)
{
    uint64_t pid = cop__proc_pid(cop__own_thr()->current).id;
    struct cop__fixer *fixer;

    cop__spin_lock(&table->lock);
    fixer = *find_fixer(table, pid);
    if (fixer)
        fixer->count++;
    cop__spin_unlock(&table->lock);
    if (!fixer) {
        fixer = cop__must_alloc(sizeof *fixer);
        if (!fixer)
            cop__out_of_memory("a table that is walked over");
        *fixer = (struct cop__fixer){
            .resource.release = release, .table = table, .pid = pid, .count = 1
        };
        atomic_fetch_add(&table->references, 1);
        cop__resource_add(&fixer->resource);
        cop__spin_lock(&table->lock);
        if (!table->fixers)
            table->fixed_since_ms = (int64_t)(cop__now_ns() / 1000000);
        fixer->next = table->fixers;
        table->fixers = fixer;
        cop__spin_unlock(&table->lock);
    }
    atomic_fetch_add(&table->fixes, 1);
}

void cop__ets_unfix(struct cop__thr *self, struct cop__table *table)
{
    struct cop__fixer **place, *fixer, *gone = NULL;

    cop__spin_lock(&table->lock);
    place = find_fixer(table, cop__proc_pid(self->current).id);
    fixer = *place;
    if (fixer && --fixer->count == 0) {
        take_out(table, place);
        gone = fixer;
    }
    cop__spin_unlock(&table->lock);
    if (!fixer)
        return; /* it had not fixed it */
    if (gone)
        cop__resource_remove(&gone->resource);
    let_go(self, table, 1);
    if (gone) {
        cop__table_release(self, table);
        cop__must_free(gone);
    }
}

void cop_ets_safe_fixtable(cop_term id, bool fix)
{
    struct cop__table *table = cop__ets_begin(id, COP__RIGHT_READ, "ets_safe_fixtable");

    if (fix)
        cop__ets_fix(table);
    else
        cop__ets_unfix(cop__own_thr(), table);
    cop__ets_end();
}
