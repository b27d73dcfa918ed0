/* SPDX-License-Identifier: Apache-2.0 */
/* Which tables there are, whom they belong to, and their end (tables.c). Layer 4. rt odd in all. */
#ifndef COP_ETS_TABLES_H
#define COP_ETS_TABLES_H

#include "ets/table.h"

enum { COP__REAP_ROWS = 1024 };

bool cop__table_add(struct cop__thr *self, struct cop__table *table, bool *ret_memory);
bool cop__table_rename(struct cop__thr *self, struct cop__table *table, cop_term name);
void cop__table_delete(struct cop__thr *self, struct cop__table *table);
void cop__table_forget_hold(struct cop__thr *self, struct cop__table *table);
/* In the owner. False: `to` is gone. */
bool cop__table_give(struct cop__thr *self, struct cop__table *table, cop_pid to, cop_term data);
bool cop__table_set_heir_data(struct cop__thr *self, struct cop__table *table, cop_term data);
uint64_t cop__table_word(const struct cop__table *table); /* its name, or its reference */
cop_term cop__table_all(void);

#endif
