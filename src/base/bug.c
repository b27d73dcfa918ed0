/* SPDX-License-Identifier: Apache-2.0 */
#include "base/bug.h"

_Static_assert(COP__BUGS == 0 || COP__BUGS == 1, "on or off");

#if COP__BUGS
#include <stdlib.h>
#include <string.h>

bool cop__has_bug(const char *name)
{
    const char *wanted = getenv("COPPICE_BUG");

    return wanted && strcmp(wanted, name) == 0;
}
#endif
