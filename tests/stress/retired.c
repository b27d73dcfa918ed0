/* SPDX-License-Identifier: Apache-2.0 */
/* Tables that are full when their node ends: what is retired then is freed when no thread is left.
 */
#include <coppice/ets.h>

#include "stress/stress.h"

STRESS(nodes_end_with_full_tables)
{
    for (int i = 0; i < 700; i++) { /* more than a batch of retired objects */
        cop_term table = cop_ets_new("left", .type = i % 2 ? COP_SET : COP_ORDERED_SET);

        for (int j = 0; j < 3; j++)
            cop_ets_insert(table, cop("{J, [J, J]}", j));
        if (i % 3 == 0)
            cop_ets_delete_all(table);
        cop_turn_end();
    }
}
