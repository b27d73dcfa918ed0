/* SPDX-License-Identifier: Apache-2.0 */
/* What machine code is loaded, and whose it is: which object an address lies in, and where that
 * object's unwind tables are. Read inside signal handlers, so looking takes no lock. */
#ifndef COP_BASE_TEXT_H
#define COP_BASE_TEXT_H

#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum cop__text_kind {
    COP__TEXT_NONE,    /* no code that is known */
    COP__TEXT_PROGRAM, /* the executable, this library, and objects declared as trusted */
    COP__TEXT_LOADER,  /* the dynamic linker, which holds locks for all */
    COP__TEXT_OTHER    /* libc and everything else: may hold a lock at any instruction */
};

struct cop__text {
    uintptr_t lo, hi;            /* one executable segment */
    uintptr_t bias;              /* of the object: address in memory minus address in the file */
    const unsigned char *unwind; /* its .eh_frame_hdr; NULL: it has none */
    const unsigned char *tables, *tables_end; /* the segment that lies in */
    const ElfW(Phdr) * parts;                 /* its program headers */
    size_t part_count;
    enum cop__text_kind kind;
    const char *path; /* "" is the executable */
};

/* Look at what is loaded now; again after dlopen. Takes locks: not in a signal handler. */
void cop__text_refresh(void);

/* From now on the object that `address` lies in counts as the program. False: there is none. */
bool cop__text_trust(const void *address);

/* The segment pc lies in; NULL. Async-signal-safe. */
const struct cop__text *cop__text_of(uintptr_t pc);

/* Is pc in code that was loaded after the last refresh? Async-signal-safe. False where the C
 * library cannot tell; cop__text_all_known says whether it can. */
bool cop__text_unknown(uintptr_t pc);
bool cop__text_all_known(void);

/* Is the C library a part of the executable? Then nobody can tell whose code an address is. */
bool cop__text_is_static(void);

#endif
