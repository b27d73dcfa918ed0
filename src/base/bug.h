/* SPDX-License-Identifier: Apache-2.0 */
/* Bugs that are put in on purpose, to see that simulations find them: in a build with -DCOP__BUGS=1
 * COPPICE_BUG=lost_wakeup has that one (scripts/bugs). Any other build has none of it. */
#ifndef COP_BASE_BUG_H
#define COP_BASE_BUG_H

#include <stdbool.h>

#ifndef COP__BUGS
#define COP__BUGS 0
#endif

#if COP__BUGS
#define cop__bug(NAME) cop__has_bug(#NAME)
bool cop__has_bug(const char *name);
#else
#define cop__bug(NAME) 0
#endif

#endif
