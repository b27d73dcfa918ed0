/* SPDX-License-Identifier: Apache-2.0 */
/* Memory for the time of one operation: what sorting, printing and reading need besides the heap.
 *
 * Such a block hangs on the heap of the turn until it is freed. An operation may end in its middle
 * (a raise, a fault in a comparison, an exit signal), and then it goes with the turn. */
#ifndef COP_BASE_SCRATCH_H
#define COP_BASE_SCRATCH_H

#include <stddef.h>

struct cop__scratch; /* scratch.c knows its inside */

/* Not zeroed. Raises system_limit, "no memory for WHAT". */
void *cop__scratch_new(size_t size, const char *what);
void *cop__scratch_resize(void *block, size_t size, const char *what); /* NULL: a new one */
void cop__scratch_free(void *block);                                   /* NULL: nothing */

/* Take a block out of the turn: it lives until cop__scratch_drop, by anyone. */
void cop__scratch_take(void *block);
void cop__scratch_drop(void *block);

/* Of a heap that is emptied. */
void cop__scratch_free_all(struct cop__scratch **list);

#endif
