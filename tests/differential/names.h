/* SPDX-License-Identifier: Apache-2.0 */
/* The logical names of a scenario: @p1 for a process, &m1 for a reference, $n1 for a registered
 * name. */
#ifndef COP_DIFFERENTIAL_NAMES_H
#define COP_DIFFERENTIAL_NAMES_H

#include <coppice.h>
#include <stdio.h>

/* What has a name, as a term. */
cop_term named_process(cop_bytes name);
cop_term named_reference(cop_bytes name);
cop_term registered_name(cop_bytes name);

cop_pid process_of(const char *name);   /* id 0: nobody has it */
cop_ref reference_of(const char *name); /* id 0: nothing has it */

/* "?" where it has none. */
const char *name_of_process(cop_pid pid);
const char *name_of_reference(cop_ref ref);
/* False: it is the name of nobody, an atom as others. */
bool write_registered_name(FILE *to, cop_bytes atom);

/* The name as it is kept until the scenario ends. */
const char *name_process(const char *name, cop_pid pid);
void name_reference(const char *name, cop_ref ref);
void forget_names(void); /* a scenario ends */

#endif
