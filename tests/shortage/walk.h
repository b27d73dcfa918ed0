/* SPDX-License-Identifier: Apache-2.0 */
/* The Nth thing that the library asks of the system fails, for all N (R4 of docs/reliability.md).
 *
 * A scenario is a function that a process runs. Each N is a program of its own: in a fresh node a
 * process runs the scenario, the Nth allocation (or descriptor) in it fails, alone or with all that
 * follow, and it may end as it likes. Then there is enough again, and the node must do all that a
 * node does, with nothing lost. */
#ifndef COP_SHORTAGE_WALK_H
#define COP_SHORTAGE_WALK_H

#include <coppice.h>

struct scenario {
    const char *name;
    void (*run)(void); /* in a process that traps no exits; NULL: the start of a node */
};
extern const struct scenario scenarios[]; /* ends with a name NULL */

#endif
