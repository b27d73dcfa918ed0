/* SPDX-License-Identifier: Apache-2.0 */
/* Starting any behaviour (OTP's gen): its name, its options, what its start says to the starter. */
#ifndef COP_OTP_GEN_START_H
#define COP_OTP_GEN_START_H

#include <coppice/gen.h>

/* The name of a behaviour that is registered through a module: {via, M, Key}, {global, Key}. */
struct cop__registration {
    const cop_via_module *via; /* NULL: it has no such name */
    cop_term key;              /* kept; the name in reports */
};

/* --- In the starter --------------------------------------------------------------------------- */

enum cop__gen_how { COP__GEN_START, COP__GEN_LINK, COP__GEN_MONITOR };

struct cop__gen_start {
    cop_process_main *main; /* of the new process; cop__gen_begin reads its argument */
    const void *module;     /* lives as long as the node */
    const char *name;       /* unless the options give another; NULL: none */
    const char *initial_call;
    cop_term arg;
    int how;                               /* enum cop__gen_how; any other number: start */
    const struct cop_gen_options *options; /* NULL: none */
};

/* As cop_gen_server_start_with. */
int cop__gen_start(cop_pid *ret_pid, cop_ref *ret_monitor, const struct cop__gen_start *start,
    cop_term *ret_error);

/* --- In the new process ----------------------------------------------------------------------- */

struct cop__gen_begun {
    const void *module;
    cop_term arg;
    bool linked;
    cop_term name; /* an atom, or undefined */
    const cop_via_module *via;
    cop_term via_key;
    int64_t hibernate_after_ms; /* 0: never */
    cop_term debug;             /* a list */
};

struct cop__gen_begun cop__gen_begin(cop_term start);
/* Take the name before init runs (GS-29), or tell the starter who has it and end (GS-27).
 * registration is written where it is a via name only. */
void cop__gen_take_name(struct cop__registration *registration, const struct cop__gen_begun *begun);
void cop__gen_give_name_up(struct cop__registration *registration);
/* In reports: a name, or the pid. registration may be NULL. */
cop_term cop__gen_name(const struct cop__registration *registration);
cop_term cop__gen_module_name(const char *module, const char *name, const char *behaviour);

/* enter_loop: exits unless the process has the name (GS-114); the parent, or the process itself. */
void cop__gen_check_name(cop_dest name);
cop_pid cop__gen_find_parent(void);

/* --- At the end ------------------------------------------------------------------------------- */

/* GS-105: what the client of a call does; undefined for no call (from none). */
cop_term cop__gen_client_info(cop_term from);
cop_term cop__gen_process_label(void);

#endif
