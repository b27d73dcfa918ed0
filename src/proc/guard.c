/* SPDX-License-Identifier: Apache-2.0 */
/* Guards of stacks; guard.h says which there are. */
#include "proc/guard.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#define MADV_GUARD_REMOVE  103
#endif

/* Two mappings each, of the 65,530 that Linux allows by default, for each of the two regions. */
enum { MPROTECT_GUARDS_MAX = 15000 };

static enum cop__guard mode;
static size_t page_size;
static size_t mprotect_max;

/* Memory that is locked (mlockall) takes no markers, and emulators say yes to any advice, so this
 * asks the memory itself: the system cannot write where there is a guard. */
static bool has_markers(void)
{
    char *probe = mmap(NULL, page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    bool has;

    if (probe == MAP_FAILED)
        return false;
    has = madvise(probe, page_size, MADV_GUARD_INSTALL) == 0 &&
          sigprocmask(SIG_BLOCK, NULL, (sigset_t *)probe) < 0 && errno == EFAULT;
    munmap(probe, page_size);
    return has;
}

/* COPPICE_GUARDS=mprotect or canary: as on a system that has nothing better. */
void cop__guards_start(size_t size)
{
    const char *forced = getenv("COPPICE_GUARDS");

    page_size = size;
    mprotect_max = MPROTECT_GUARDS_MAX;
    mode = has_markers() ? COP__GUARD_MARKER : COP__GUARD_MPROTECT;
    if (forced && forced[0] == 'm')
        mode = COP__GUARD_MPROTECT;
    if (forced && forced[0] == 'c') {
        mode = COP__GUARD_MPROTECT;
        mprotect_max = 0;
    }
}

const char *cop__guard_mode(void)
{
    return mode == COP__GUARD_MARKER ? "markers" : mprotect_max ? "mprotect" : "canaries";
}

enum cop__guard cop__guard_install(char *slot, size_t *made)
{
    size_t size = COP__GUARD_PAGES * page_size;

    if (mode == COP__GUARD_MARKER && madvise(slot, size, MADV_GUARD_INSTALL) == 0)
        return COP__GUARD_MARKER;
    if (*made < mprotect_max && mprotect(slot, size, PROT_NONE) == 0) {
        ++*made;
        return COP__GUARD_MPROTECT;
    }
    return COP__GUARD_CANARY;
}

enum cop__guard_hit cop__guard_hit(const char *slot, uintptr_t address)
{
    uintptr_t offset = address - (uintptr_t)slot;

    return offset >= COP__GUARD_PAGES * page_size       ? COP__GUARD_MISSED
           : offset >= COP__GUARD_RED_PAGES * page_size ? COP__GUARD_YELLOW
                                                        : COP__GUARD_RED;
}

static bool set_yellow(char *slot, enum cop__guard guard, int advice, int protection)
{
    char *yellow = slot + COP__GUARD_RED_PAGES * page_size;
    size_t size = (COP__GUARD_PAGES - COP__GUARD_RED_PAGES) * page_size;

    if (guard == COP__GUARD_MARKER)
        return madvise(yellow, size, advice) == 0;
    return guard == COP__GUARD_MPROTECT && mprotect(yellow, size, protection) == 0;
}

bool cop__guard_open(char *slot, enum cop__guard guard)
{
    return set_yellow(slot, guard, MADV_GUARD_REMOVE, PROT_READ | PROT_WRITE);
}

bool cop__guard_close(char *slot, enum cop__guard guard)
{
    return set_yellow(slot, guard, MADV_GUARD_INSTALL, PROT_NONE);
}

bool cop__canary_alive(const uint64_t *canary)
{
    uint64_t written = 0;

    for (int i = 0; i < COP__CANARY_WORDS; i++)
        written |= canary[i];
    return written == 0;
}
