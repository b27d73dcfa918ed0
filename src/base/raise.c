/* SPDX-License-Identifier: Apache-2.0 */
/* The default end of what cannot go on: a message and abort. Layer 0; see raise.h. */
#include "base/raise.h"

#include <stdio.h>
#include <stdlib.h>

void (*cop__raise_hook)(const char *reason, const char *detail);

void cop__raise(const char *reason, const char *detail)
{
    if (cop__raise_hook)
        cop__raise_hook(reason, detail);
    fprintf(stderr, "coppice: %s: %s\n", reason, detail);
    abort();
}
