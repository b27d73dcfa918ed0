/* SPDX-License-Identifier: Apache-2.0 */
/* Making isolated children possible (coppice/isolate.h). Layer 8. */
#include <coppice/isolate.h>

#include "program/part.h"
#include "program/stand_in.h"
#include "proc/table.h"

int cop_isolate_prepare(void)
{
    int error;

    if (cop__zygote_is_there())
        return 0;
    if (cop__proc_capacity)
        return -EBUSY; /* a node runs, and has threads */
    error = cop__zygote_start(cop__inside_run);
    if (error == 0)
        cop__start_isolated = cop__stand_in_start;
    return error;
}

void cop__isolate_end(void)
{
    cop__start_isolated = NULL;
    cop__zygote_stop();
}
