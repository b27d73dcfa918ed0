/* SPDX-License-Identifier: Apache-2.0 */
/* Process memory: what cop_alloc and cop_keep give lives in a list of the process and goes with it.
 * A kept term is one block with its tree; the place that keeps it points at its root, from which
 * the block is found again. */
#include "base/reserve.h"
#include "proc/proc.h"
#include "term/atoms.h"
#include "term/copy.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

struct cop__memory {
    struct cop__memory *next;
    uintptr_t place; /* what points here; in its low three bits the class of the block */
    uint64_t body[];
};
enum { CLASS_MASK = 7, CLASS_SYSTEM = 7, SMALL_MAX = 512 };
_Static_assert((int)COP__BLOCK_CLASSES < (int)CLASS_SYSTEM, "the class of a block fits three bits");

/* A kept term. A small one is copied when it is sent; the block of a larger one is shared with the
 * messages that hold it, and goes with the last of these. */
enum { SHARED_WORDS_MIN = 16 };
struct kept {
    struct cop__shared shared;
    struct cop__counted *counted; /* binaries of the tree */
    uint64_t seal[COP__SEAL_WORDS];
    uint64_t tree[];
};
enum { HEADS = sizeof(struct cop__memory) + sizeof(struct kept) };

/* Threads without a process allocate and keep too: nothing ends there but the program. */
static struct cop__memory *foreign_memory;
static struct cop__spinlock foreign_lock;

struct cop__ext *cop__ext_new(struct cop__proc *proc)
{
    struct cop__thr *self = cop__self_thr();
    bool outside = cop__load(self->base.rt) % 2 == 0; /* some callers are in user code */
    uint8_t class;

    if (outside)
        self = (struct cop__thr *)cop__enter();
    proc->ext = cop__block_get(&self->base, sizeof *proc->ext, &class);
    if (!proc->ext)
        cop__out_of_memory("a process");
    memset(proc->ext, 0, sizeof *proc->ext);
    proc->ext->class = class;
    if (outside)
        cop__leave();
    return proc->ext;
}

/* A process that settles down (cop_become) gives back what its start needed and it does not: a
 * million idle servers must not each keep a record because their init was once wrapped in a
 * cop_try. */
void cop__ext_trim(struct cop__thr *self, struct cop__proc *proc)
{
    struct cop__ext *ext = proc->ext;

    if (cop__load(proc->mbox) & COP__MBOX_BOUND)
        return; /* it says that messages are counted */
    if (!ext || ext->links.count || ext->monitors.count || ext->monitored_by.count || ext->timer ||
        ext->deadline_ns || ext->defers || ext->resources || ext->kept || ext->dictionary ||
        ext->child_origin || ext->start_result || ext->group_leader.id || ext->far ||
        ext->unlink_count || ext->heap_max || ext->suspend_count || ext->random ||
        !cop_is_none(ext->label) || !cop_is_none(ext->exit_reason))
        return;
    cop__ext_free(self, proc);
}

static struct cop__memory **place_of(const struct cop__memory *memory)
{
    return (struct cop__memory **)(memory->place & ~(uintptr_t)CLASS_MASK);
}

static void set_place(struct cop__memory *memory, struct cop__memory **place)
{
    memory->place = (uintptr_t)place | (memory->place & CLASS_MASK);
}

static void link_in(struct cop__memory **list, struct cop__memory *memory)
{
    memory->next = *list;
    set_place(memory, list);
    if (memory->next)
        set_place(memory->next, &memory->next);
    *list = memory;
}

static void link_out(struct cop__memory *memory)
{
    *place_of(memory) = memory->next;
    if (memory->next)
        set_place(memory->next, place_of(memory));
}

static struct cop__memory *memory_of(void *body)
{
    return (struct cop__memory *)((char *)body - offsetof(struct cop__memory, body));
}

/* What is small, and certain to be freed by a thread of this node, is a block. */
static struct cop__memory *new_block(struct cop__thr *self, size_t size)
{
    uint8_t class;
    struct cop__memory *memory =
        cop__no_memory_now() ? NULL : cop__block_get(&self->base, size, &class);

    if (!memory)
        return NULL;
    memset(memory, 0, size);
    memory->place = class == COP__BLOCK_LARGE ? CLASS_SYSTEM : class;
    return memory;
}

static struct cop__memory *new_system(size_t size)
{
    struct cop__memory *memory = cop__no_memory_now() ? NULL : calloc(1, size);

    if (memory)
        memory->place = CLASS_SYSTEM;
    return memory;
}

static void own(struct cop__memory **list, struct cop__memory *memory)
{
    if (list) {
        link_in(list, memory);
    } else {
        cop__spin_lock(&foreign_lock);
        link_in(&foreign_memory, memory);
        cop__spin_unlock(&foreign_lock);
    }
}

static size_t size_of(struct cop__memory *memory)
{
    uint8_t class = (uint8_t)(memory->place & CLASS_MASK);

    return class == CLASS_SYSTEM ? malloc_usable_size(memory) : cop__block_size(class);
}

/* --- The limit of spawn's heap_size_max and of the flag max_heap_size (P-40)
 * --------------------------- */

static size_t list_size(struct cop__memory *memory)
{
    size_t size = 0;

    for (; memory; memory = memory->next)
        size += size_of(memory);
    return size;
}

static size_t memory_size(const struct cop__proc *proc)
{
    return (proc->stack ? cop__heap_size(&proc->stack->heap) : 0) + list_size(proc->memory) +
           (proc->ext ? list_size(proc->ext->kept) : 0);
}

/* `more` bytes are wanted: a process that would exceed its limit ends here, as if killed. */
static void check_limit(struct cop__thr *self, size_t more)
{
    struct cop__proc *proc = self->current;
    size_t max = proc && proc->ext ? proc->ext->heap_max : 0;

    if (cop__likely(!max) || (cop__load(proc->flags) & COP__P_EXITING) ||
        memory_size(proc) + more <= max)
        return;
    if (!(cop__load(self->base.rt) & 1))
        self = (struct cop__thr *)cop__enter();
    cop__exit_process(self, proc, cop__atom(COP__ATOM_killed));
}

static void heap_grows(struct cop__heap *heap, size_t bytes)
{
    struct cop__thr *self = cop__self_thr();

    if (heap == self->base.heap)
        check_limit(self, bytes);
}

__attribute__((constructor)) static void serve_heap_growth(void)
{
    cop__heap_grow_hook = heap_grows;
}

static void *new_memory(struct cop__thr *self, struct cop__proc *proc, size_t size)
{
    struct cop__memory *memory = NULL;

    if (size <= SMALL_MAX - sizeof *memory)
        memory = new_block(self, sizeof *memory + size);
    else if (size <= SIZE_MAX / 2)
        memory = new_system(sizeof *memory + size);
    if (!memory)
        return NULL;
    own(proc ? &proc->memory : NULL, memory);
    return memory->body;
}

/* Out of the list of its process, or of that of threads without one. */
static void disown(struct cop__proc *proc, struct cop__memory *memory)
{
    if (proc) {
        link_out(memory);
    } else {
        cop__spin_lock(&foreign_lock);
        link_out(memory);
        cop__spin_unlock(&foreign_lock);
    }
}

static void memory_free(struct cop__thr *self, struct cop__proc *proc, struct cop__memory *memory)
{
    uint8_t class = (uint8_t)(memory->place & CLASS_MASK);

    disown(proc, memory);
    if (class == CLASS_SYSTEM)
        cop__must_free(memory);
    else
        cop__block_put(&self->base, memory, class);
}

void *cop_alloc(size_t size)
{
    struct cop__thr *self = (struct cop__thr *)cop__enter();
    void *body;

    check_limit(self, size);
    body = new_memory(self, self->current, size);
    cop__leave();
    if (!body)
        cop_error(cop__atom(COP__ATOM_system_limit));
    return body;
}

void cop_free(void *memory)
{
    struct cop__thr *self;

    if (!memory)
        return;
    self = (struct cop__thr *)cop__enter();
    memory_free(self, self->current, memory_of(memory));
    cop__leave();
}

static struct kept *kept_of(cop_term term)
{
    uint64_t root = term.word & ~(uint64_t)7;

    return (struct kept *)(uintptr_t)(root - offsetof(struct kept, tree));
}

/* The last who holds it lets go: its process, or a message it was sent in. */
static void release_kept(struct cop__shared *shared)
{
    struct kept *kept = (struct kept *)shared;

    cop__counted_release_all(kept->counted);
    cop__must_free(memory_of(kept));
}

static bool is_small(struct kept *kept)
{
    return (memory_of(kept)->place & CLASS_MASK) != CLASS_SYSTEM;
}

static void let_go(struct cop__thr *self, struct cop__proc *proc, struct kept *kept)
{
    if (is_small(kept)) {
        cop__counted_release_all(kept->counted);
        memory_free(self, proc, memory_of(kept));
    } else {
        disown(proc, memory_of(kept));
        cop__shared_release(&kept->shared);
    }
}

/* What *place keeps; NULL: nothing that takes memory. */
static struct kept *kept_at(const cop_term *place)
{
    return cop_is_none(*place) || cop__is_immediate(*place) ? NULL : kept_of(*place);
}

static void keep_clear(struct cop__thr *self, cop_term *place)
{
    struct kept *kept = kept_at(place);

    place->word = 0;
    if (kept)
        let_go(self, self->current, kept);
}

/* Over what was kept there: neither memory nor lists are touched. By way of the stack, since the
 * term may be made of what it replaces. */
static bool keep_in_place(cop_term *place, cop_term term, size_t words)
{
    struct kept *kept = kept_at(place);
    uint64_t staged[SHARED_WORDS_MIN];
    struct cop__counted *counted = NULL;

    if (!kept || words >= SHARED_WORDS_MIN || !is_small(kept) ||
        words > (size_of(memory_of(kept)) - HEADS) / sizeof(uint64_t))
        return false;
    term = cop__term_copy(term, staged, &counted);
    cop__counted_release_all(kept->counted);
    kept->counted = NULL;
    *place = cop__term_copy(term, kept->tree, &kept->counted);
    cop__counted_release_all(counted);
    return true;
}

/* NULL: there is no memory. */
static struct kept *kept_new(struct cop__thr *self, size_t words)
{
    size_t size = HEADS + words * sizeof(uint64_t);
    /* what is shared is freed with a message, by whoever: not a block */
    struct cop__memory *memory =
        words < SHARED_WORDS_MIN ? new_block(self, size) : new_system(size);
    struct kept *kept;

    if (!memory)
        return NULL;
    own(self->current ? &cop__ext_of(self->current)->kept : NULL, memory);
    kept = (struct kept *)memory->body;
    atomic_init(&kept->shared.refs, 1);
    kept->shared.release = release_kept;
    return kept;
}

void cop_keep(cop_term *place, cop_term term)
{
    struct cop__thr *self = (struct cop__thr *)cop__enter();
    size_t words = cop__term_words(term);
    cop_term copy = term;

    check_limit(self, words * sizeof(uint64_t));
    if (words && keep_in_place(place, term, words)) {
        cop__leave();
        return;
    }
    if (words) {
        struct kept *kept = kept_new(self, words);

        if (!kept) {
            cop__leave();
            cop_error(cop__atom(COP__ATOM_system_limit));
        }
        copy = cop__term_copy(term, kept->tree, &kept->counted);
        if (words >= SHARED_WORDS_MIN)
            cop__seal(kept->tree, &kept->shared);
    }
    keep_clear(self, place); /* after the copy: term may lie in what was kept */
    *place = copy;
    cop__leave();
}

void cop_keep_clear(cop_term *place)
{
    struct cop__thr *self = (struct cop__thr *)cop__enter();

    keep_clear(self, place);
    cop__leave();
}

void cop__memory_free_all(struct cop__thr *self, struct cop__proc *proc)
{
    while (proc->memory)
        memory_free(self, proc, proc->memory);
    while (proc->ext && proc->ext->kept)
        let_go(self, proc, (struct kept *)proc->ext->kept->body);
}

cop_term cop__turn_copy(cop_term term)
{
    struct cop__heap *heap = cop__turn_heap();
    size_t words = cop__term_words(term);

    return words ? cop__term_copy(term, cop__heap_alloc(heap, words), &heap->counted) : term;
}

cop_term cop_copy(cop_term term)
{
    return cop__turn_copy(term);
}
