/* SPDX-License-Identifier: Apache-2.0 */
/* What the operations on tables share: ets.c (by key), select.c (by pattern), info.c. Layer 4. */
#ifndef COP_ETS_ETS_INT_H
#define COP_ETS_ETS_INT_H

#include "ets/table.h"

enum cop__right { COP__RIGHT_NONE, COP__RIGHT_READ, COP__RIGHT_WRITE };

/* Enter, and the table; raises badarg where there is none, or no right. rt is odd until end. */
struct cop__table *cop__ets_begin(cop_term id, enum cop__right right, const char *function);
void cop__ets_end(void); /* leaves; may yield before */

uint64_t cop__ets_hash(const struct cop__table *table, cop_term key);
bool cop__page_grow(struct cop__page *page); /* false: no memory */
void cop__page_done(struct cop__page *page);

/* Fix and let go, for a walk of many brackets (ETS-T5). rt odd. */
void cop__ets_fix(struct cop__table *table);
void cop__ets_unfix(struct cop__thr *self, struct cop__table *table);

#endif
