/* SPDX-License-Identifier: Apache-2.0 */
/* The server's side of the system protocol, for any behaviour (SYS-01 to SYS-37). */
#ifndef COP_OTP_SYS_SERVER_H
#define COP_OTP_SYS_SERVER_H

#include "otp/debug.h"

/* What a behaviour keeps for it, made when it is first needed. */
struct cop__sys {
    struct debug debug;
    bool suspended;
};

struct cop__sys_callbacks {
    const char *(*behaviour)(const void *server);
    struct cop__sys *(*sys)(void *server, bool make); /* NULL: none has been made */
    cop_term (*get_state)(void *server);
    bool (*put_state)(void *server, cop_term state); /* false: not of its shape */
    /* The last element of get_status. */
    cop_term (*misc)(void *server, cop_term mode, cop_term log);
    cop_pid (*parent)(void *server);
    /* Run what the module has for it: ok, or the error that came of it. NULL: it has nothing. */
    cop_step (*code_change)(void *server, cop_term old_vsn, cop_term extra);
    /* Both do not return. The parent has ended (SYS-20): message is its 'EXIT'. */
    void (*parent_exited)(void *server, cop_term message, cop_term reason);
    void (*terminate)(void *server, cop_term reason);
};

void cop__sys_request(const struct cop__sys_callbacks *callbacks, void *server, cop_term from,
    cop_term request, bool local);
/* While it is suspended: only system messages and the parent's exit are taken (SYS-20), each a
 * turn; the rest stays in order. */
void cop__sys_wait(const struct cop__sys_callbacks *callbacks, void *server);
bool cop__sys_is_local(cop_term from); /* is the client a process of this node */
bool cop__sys_is_exit_of(cop_pid parent, cop_term message, cop_term *ret_reason);
/* "Status for WHAT NAME", or {"Status for WHAT", Name} for a name that is no atom (SYS-18). */
cop_term cop__sys_header(const char *what, cop_term name);

/* A map as the module's format_status wants it shown; NULL: as it is. Where that crashes or gives
 * back no map, a sentence that says so is under `secret`, which might have been hidden (GS-110). */
cop_term cop__status_format(cop_term (*format_status)(void *state, cop_term status), void *state,
    cop_term status, cop_term module, const char *secret);
cop_term cop__status_value(cop_term status, const char *key); /* undefined: it is not there */

#endif
