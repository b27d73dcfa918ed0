/* SPDX-License-Identifier: Apache-2.0 */
/* The table of loaded code. Layer 0.
 *
 * The hard idea: it is read where no lock may be taken, and changes when a program loads a library.
 * So a table is never changed once it can be seen; a new one takes its place, and the old one,
 * which some handler may be reading, stays (a few kilobytes for each dlopen that is told of). */
#include "base/text.h"

#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

#include "base/lock.h"

enum { TRUSTED_MAX = 64 };

struct table {
    size_t count, room;
    struct cop__text text[];
};

static _Atomic(struct table *) current;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of those who make one */
static uintptr_t trusted[TRUSTED_MAX];                   /* an address in each trusted object */
static size_t trusted_count;

#if defined(DLFO_STRUCT_HAS_EH_DBASE)
#define HAS_FIND_OBJECT 1
#else
#define HAS_FIND_OBJECT 0
#endif

static bool lies_in(const struct dl_phdr_info *info, uintptr_t address)
{
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        uintptr_t lo = info->dlpi_addr + part->p_vaddr;

        if (part->p_type == PT_LOAD && address >= lo && address < lo + part->p_memsz)
            return true;
    }
    return false;
}

static enum cop__text_kind kind_of(const struct dl_phdr_info *info, bool first)
{
    if (first || lies_in(info, (uintptr_t)cop__text_of))
        return COP__TEXT_PROGRAM;
    for (size_t i = 0; i < trusted_count; i++)
        if (lies_in(info, trusted[i]))
            return COP__TEXT_PROGRAM;
    /* musl's loader is the C library too */
    if (lies_in(info, getauxval(AT_BASE)) && !lies_in(info, (uintptr_t)malloc))
        return COP__TEXT_LOADER;
    return COP__TEXT_OTHER;
}

/* Where the object's unwind tables are, and the bounds of what may be read as such. */
static void find_tables(struct cop__text *text, const struct dl_phdr_info *info)
{
    for (int i = 0; i < info->dlpi_phnum; i++)
        if (info->dlpi_phdr[i].p_type == PT_GNU_EH_FRAME)
            text->unwind = (const unsigned char *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
    for (int i = 0; text->unwind && i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        const unsigned char *lo = (const unsigned char *)(info->dlpi_addr + part->p_vaddr);

        if (part->p_type == PT_LOAD && text->unwind >= lo && text->unwind < lo + part->p_filesz) {
            text->tables = lo;
            text->tables_end = lo + part->p_filesz;
            return;
        }
    }
    text->unwind = NULL;
}

static int add_object(struct dl_phdr_info *info, size_t size, void *arg)
{
    struct table **table = arg;
    bool is_first = (*table)->count == 0;
    enum cop__text_kind kind = kind_of(info, is_first);
    struct cop__text text = { .bias = info->dlpi_addr,
        .parts = info->dlpi_phdr,
        .part_count = info->dlpi_phnum,
        .kind = kind,
        /* glibc has no name for the executable, musl its path or /proc/self/exe */
        .path = is_first || !info->dlpi_name ? "" : info->dlpi_name };

    (void)size;
    find_tables(&text, info);
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        uintptr_t lo = info->dlpi_addr + part->p_vaddr;
        struct table *larger;

        if (part->p_type != PT_LOAD || !(part->p_flags & PF_X))
            continue;
        if ((*table)->count == (*table)->room) {
            size_t room = (*table)->room * 2;

            larger = realloc(*table, sizeof *larger + room * sizeof(struct cop__text));
            if (!larger)
                return 1; /* what is left out is never contained */
            larger->room = room;
            *table = larger;
        }
        text.lo = lo;
        text.hi = lo + part->p_memsz;
        (*table)->text[(*table)->count++] = text;
    }
    return 0;
}

static bool is_same(const struct table *a, const struct table *b)
{
    return a && a->count == b->count && memcmp(a->text, b->text, a->count * sizeof a->text[0]) == 0;
}

static void refresh(void)
{
    enum { ROOM = 32 };
    struct table *table = calloc(1, sizeof *table + ROOM * sizeof(struct cop__text));

    if (!table)
        return;
    table->room = ROOM;
    dl_iterate_phdr(add_object, &table);
    if (is_same(atomic_load(&current), table))
        free(table);
    else
        atomic_store(&current, table); /* pairs with the load in cop__text_of */
}

void cop__text_refresh(void)
{
    pthread_mutex_lock(&lock);
    refresh();
    pthread_mutex_unlock(&lock);
}

bool cop__text_trust(const void *address)
{
    const struct cop__text *text;
    bool known;

    pthread_mutex_lock(&lock);
    refresh();
    text = cop__text_of((uintptr_t)address);
    known = text != NULL;
    if (known && text->kind == COP__TEXT_OTHER && (known = trusted_count < TRUSTED_MAX)) {
        trusted[trusted_count++] = (uintptr_t)address;
        refresh();
    }
    pthread_mutex_unlock(&lock);
    return known;
}

const struct cop__text *cop__text_of(uintptr_t pc)
{
    const struct table *table = atomic_load(&current);

    for (size_t i = 0; table && i < table->count; i++)
        if (pc >= table->text[i].lo && pc < table->text[i].hi)
            return &table->text[i];
    return NULL;
}

bool cop__text_all_known(void)
{
    return HAS_FIND_OBJECT;
}

bool cop__text_unknown(uintptr_t pc)
{
#if HAS_FIND_OBJECT
    struct dl_find_object found;

    return !cop__text_of(pc) && _dl_find_object((void *)pc, &found) == 0;
#else
    (void)pc;
    return false;
#endif
}

bool cop__text_is_static(void)
{
    const struct cop__text *text = cop__text_of((uintptr_t)malloc);

    return text && text->kind == COP__TEXT_PROGRAM && text->path[0] == 0;
}
