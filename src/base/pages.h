/* SPDX-License-Identifier: Apache-2.0 */
/* Zeroed memory for arrays that may become large: those come straight from the system and go back
 * to it at once, and begin where a huge page can lie, so that they need few entries of the TLB. */
#ifndef COP_BASE_PAGES_H
#define COP_BASE_PAGES_H

#include <stddef.h>

void *cop__pages_new(size_t size);               /* NULL: no memory */
void cop__pages_free(void *memory, size_t size); /* the same size; NULL: nothing */

/* 2 MB of pages, aligned to that; NULL: no memory. */
enum { COP__HUGE_PAGE = 2 * 1024 * 1024 };
void *cop__pages_huge(void);

#endif
