/* SPDX-License-Identifier: Apache-2.0 */
/* The record of a generic server, for the files that make one: gen_server_start.c (init),
 * gen_server.c (the loop), gen_server_end.c (termination and reports), gen_server_sys.c (what the
 * system protocol asks). */
#ifndef COP_OTP_GEN_SERVER_INT_H
#define COP_OTP_GEN_SERVER_INT_H

#include <coppice/gen_server.h>
#include <coppice/log.h>
#include <coppice/timer.h>

#include "otp/gen_int.h"
#include "otp/gen_start.h"
#include "otp/sys_server.h"

/* What few servers have; made when it is first needed, so that an idle server stays small. */
struct gs_extra {
    struct cop__sys sys;
    bool hibernating;          /* goes back to it after a system message (GS-82) */
    bool waiting_to_hibernate; /* the loop's time-out is hibernate_after */
    int64_t idle_timeout_ms;   /* of the action under way: a system message restarts it (GS-78); 0:
                                  none */
    int64_t hibernate_after_ms;
    cop_ref timer;          /* of {timeout, T, Message} (GS-80) */
    cop_term timer_message; /* kept */
    struct cop__registration registration;
    cop_pid parent; /* GS_PARENT_OTHER */
};

enum gs_in { GS_IN_NONE, GS_IN_CALL, GS_IN_CAST, GS_IN_INFO, GS_IN_CONTINUE };
enum gs_parent { GS_PARENT_STARTER, GS_PARENT_SELF, GS_PARENT_OTHER };

struct gs {
    const cop_gen_server *module;
    struct gs_extra *extra; /* NULL: nothing unusual */
    cop_term last;          /* message under way; lives as long as its turn */
    uint8_t in;             /* enum gs_in */
    uint8_t parent;         /* enum gs_parent: whose exit ends the server */
    bool terminating;
    _Alignas(16) char state[];
};
_Static_assert(sizeof(struct gs) == 32, "with a word of state it is a small block of cop_alloc");

struct gs_extra *cop__gs_extra(struct gs *gs);
cop_pid cop__gs_parent(const struct gs *gs);
extern const cop_loop cop__gs_loop;

/* gen_server.c */
void cop__gs_obey(struct gs *gs, cop_step step);
/* Erlang's action as a part of *step: GS-76 to GS-83. False: it is none. */
bool cop__gs_action(cop_step *step, cop_term action);
void cop__gs_dispatch(struct gs *gs, cop_term message);
/* Do what init or enter_loop asked for, then be a server. */
COP_NORETURN void cop__gs_become(struct gs *gs, cop_step step);
void cop__gs_rearm(struct gs *gs); /* after a system message: GS-78, GS-82 */

/* gen_server_end.c */
/* stack: where a callback raised it, for the report; none for a stop, whose report has the bare
 * reason (GS-104). */
COP_NORETURN void cop__gs_end(struct gs *gs, cop_term reason, cop_term stack, cop_term reply);
/* The map as the module's format_status wants it shown, or itself (GS-108, GS-110). */
cop_term cop__gs_format_status(struct gs *gs, cop_term status);
cop_term cop__gs_name(struct gs *gs); /* for reports: a name term, or the pid */

/* gen_server_sys.c */
/* A behaviour that is a generic server inside, and shows itself to the system protocol as its own.
 */
struct cop__behaviour {
    const char *name;
    cop_term (*misc)(void *state, cop_term name, cop_term mode, cop_pid parent, cop_term log);
};
extern const struct cop__sys_callbacks cop__gs_sys;
void cop__gs_system(struct gs *gs, cop_term from, cop_term request, bool local);
cop_term cop__gs_get_state(struct gs *gs);

/* gen_server_start.c */
cop_term cop__gs_module_name(const cop_gen_server *module);

#endif
