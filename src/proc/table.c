/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors: one reserved array, memory that never goes away, a pid is an index into it. Slots
 * are taken in address order, recycled first in first out through a list per scheduler. gen comes
 * from one counter, so pids compare in creation order (P-15) and a stale pid stays stale (P-14). */
#include "proc/proc.h"

#include <string.h>
#include <sys/mman.h>

/* What every pid names while no node runs: a slot that takes no messages. */
static struct cop__proc nobody = { .mbox = COP__MBOX_DEAD };

struct cop__proc *cop__proc_base = &nobody;
uint32_t cop__proc_capacity;

enum { FREE_BATCH = 64 };

static struct {
    struct cop__spinlock lock;
    struct cop__proc *first, **last;         /* under the lock */
    _Atomic(uint32_t) count;                 /* of the list, for a look without the lock */
    _Atomic(uint32_t) used;                  /* slots ever used; slot 0 is never a process */
    _Alignas(64) _Atomic(uint32_t) next_gen; /* its line stays with the core that spawns */
} table;

bool cop__table_start(uint32_t capacity)
{
    void *memory = MAP_FAILED;

    for (; capacity >= 1024; capacity /= 2) {
        memory = mmap(NULL, (size_t)capacity * sizeof(struct cop__proc), PROT_READ | PROT_WRITE,
            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (memory != MAP_FAILED)
            break;
    }
    if (memory == MAP_FAILED)
        return false;
    cop__proc_base = memory;
    cop__proc_capacity = capacity;
    table.first = NULL;
    cop__store(table.count, 0);
    table.last = &table.first;
    cop__store(table.used, 1);
    cop__store(table.next_gen, cop__load(table.next_gen) | 1);
    cop__store(cop__proc_base[0].mbox, COP__MBOX_DEAD);
    return true;
}

void cop__table_stop(void)
{
    munmap(cop__proc_base, (size_t)cop__proc_capacity * sizeof(struct cop__proc));
    cop__proc_base = &nobody;
    cop__proc_capacity = 0;
}

uint32_t cop__proc_used(void)
{
    uint32_t used = cop__load_acquire(table.used);

    return used < cop__proc_capacity ? used : cop__proc_capacity;
}

static struct cop__proc *take_shared(struct cop__sched *sched)
{
    struct cop__proc *first, *proc;
    uint32_t count = 0;

    if (!cop__load(table.count))
        return NULL;
    cop__spin_lock(&table.lock);
    first = proc = table.first;
    while (proc && count < FREE_BATCH - 1 && proc->next) {
        proc = proc->next;
        count++;
    }
    if (proc) {
        count++;
        table.first = proc->next;
        if (!table.first)
            table.last = &table.first;
        cop__set_next(&proc->next, NULL);
        cop__store(table.count, cop__load(table.count) - count);
    }
    cop__spin_unlock(&table.lock);
    if (first && sched) {
        sched->free_first = first;
        sched->free_last = &proc->next;
        sched->free_count = count;
    }
    return first;
}

static void give_shared(struct cop__proc *first, struct cop__proc *last, uint32_t count)
{
    cop__set_next(&last->next, NULL);
    cop__spin_lock(&table.lock);
    cop__set_next(table.last, first);
    table.last = &last->next;
    cop__store(table.count, cop__load(table.count) + count);
    cop__spin_unlock(&table.lock);
}

static struct cop__proc *take_slot(struct cop__sched *sched)
{
    struct cop__proc *proc = NULL;

    if (sched) {
        if (sched->free_first || take_shared(sched)) {
            proc = sched->free_first;
            sched->free_first = proc->next;
            if (!sched->free_first)
                sched->free_last = &sched->free_first;
            sched->free_count--;
        }
    }
    if (!proc) {
        uint32_t index = atomic_fetch_add_explicit(&table.used, 1, memory_order_relaxed);

        if (index >= cop__proc_capacity) {
            cop__store(table.used, cop__proc_capacity);
            return NULL;
        }
        proc = &cop__proc_base[index];
        proc->index = index;
        atomic_store_explicit(&proc->mbox, COP__MBOX_DEAD, memory_order_relaxed);
    }
    return proc;
}

struct cop__proc *cop__proc_new(struct cop__thr *self)
{
    struct cop__proc *proc = take_slot(self->sched);
    uint64_t tag;
    uint32_t gen;

    if (!proc)
        return NULL;
    tag = (cop__load(proc->mbox) & COP__MBOX_TAG) + (1ull << 48);
    do
        gen = atomic_fetch_add_explicit(&table.next_gen, 1, memory_order_relaxed);
    while (!gen);
    /* gen before mbox: see cop__push. The rest of the slot is nobody's but ours. */
    atomic_store_explicit(&proc->gen, gen, memory_order_release);
    cop__store(proc->flags, 0);
    cop__store(proc->name, 0);
    cop__set_next(&proc->next, NULL);
    cop__store(proc->on, NULL);
    proc->reductions = 0;
    proc->priority = COP_NORMAL;
    proc->call_ref = 0;
    memset(&proc->first, 0, sizeof *proc - offsetof(struct cop__proc, first));
    atomic_store_explicit(&proc->mbox, tag, memory_order_release);
    return proc;
}

void cop__proc_free(struct cop__thr *self, struct cop__proc *proc)
{
    struct cop__sched *sched = self->sched;

    cop__set_next(&proc->next, NULL);
    if (!sched) {
        give_shared(proc, proc, 1);
        return;
    }
    cop__set_next(sched->free_last, proc);
    sched->free_last = &proc->next;
    if (++sched->free_count >= 2 * FREE_BATCH) {
        struct cop__proc *first = sched->free_first, *last = first;

        for (int i = 1; i < FREE_BATCH; i++)
            last = last->next;
        sched->free_first = last->next;
        sched->free_count -= FREE_BATCH;
        give_shared(first, last, FREE_BATCH);
    }
}
