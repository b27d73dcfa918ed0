/* SPDX-License-Identifier: Apache-2.0 */
/* The record of a state machine, for the files that make one: gen_statem.c (the loop and the
 * transition), gen_statem_step.c (what a callback returned), gen_statem_timeout.c,
 * gen_statem_start.c (init), gen_statem_end.c (termination and reports), gen_statem_sys.c (the
 * system protocol).
 *
 *   SM-A  Between events `state` is the state, and all else of the transition is empty.
 *   SM-B  During a transition `state` stays the old one until everything the callbacks asked for
 *         was found to be in order; `next` is the one that callbacks see.
 *   SM-C  Events in queues are kept, {Type, Content} in OTP's notation; the one under way lies in
 *         the turn, or in `held`. */
#ifndef COP_OTP_GEN_STATEM_INT_H
#define COP_OTP_GEN_STATEM_INT_H

#include <coppice/gen_statem.h>
#include <coppice/log.h>
#include <coppice/timer.h>

#include "otp/gen_int.h"
#include "otp/gen_start.h"
#include "otp/sys_server.h"

struct sm_event {
    struct sm_event *next;
    cop_term event; /* kept */
};

struct sm_queue {
    struct sm_event *first, *last;
};

/* A time-out that runs. Those of zero are in the order in which they fire. */
struct sm_timeout {
    struct sm_timeout *next;
    cop_term type;    /* kept: timeout, state_timeout, {timeout, Name} */
    cop_term content; /* kept */
    cop_ref timer;    /* id 0: of zero, it fires before any message is taken */
};

/* The modules below the one that serves: push_callback_module. */
struct sm_below {
    struct sm_below *next;
    const cop_gen_statem *module;
};

/* What few machines have. */
struct sm_extra {
    struct cop__sys sys;
    struct cop__registration registration;
    cop_pid parent;             /* SM_PARENT_OTHER */
    int64_t hibernate_after_ms; /* 0: never */
    struct sm_below *below;
};

enum sm_parent { SM_PARENT_STARTER, SM_PARENT_SELF, SM_PARENT_OTHER };

struct sm {
    const cop_gen_statem *module;
    struct sm_extra *extra; /* NULL: nothing unusual */
    cop_term state;         /* kept */
    cop_state_fn *handle;   /* of it; NULL: not looked up yet, or a handle_event machine */
    struct sm_queue events, postponed;
    struct sm_timeout *timeouts;
    size_t zero_timeouts; /* of those */

    /* the event under way */
    cop_event event;
    cop_term from;         /* of a call that was queued; it lies in `held` */
    struct sm_event *held; /* NULL: it came from the mailbox, or as a time-out */
    bool has_event;

    /* the transition under way */
    cop_term next;           /* the state to be; none: no transition is under way */
    cop_term asked_timeouts; /* [{Type, Time, Content, Absolute}], the last first */
    struct sm_queue inserted;
    cop_term fast_reply; /* to the call under way, when all else is done */
    bool entering;       /* the callback that runs is an enter call */
    bool call_enter, hibernate, postpone;

    bool hibernating, waiting_to_hibernate, terminating;
    uint8_t parent; /* enum sm_parent */
    _Alignas(16) char data[];
};

struct sm_extra *cop__sm_extra(struct sm *sm);
cop_pid cop__sm_parent(const struct sm *sm);

static inline bool cop__sm_debugging(const struct sm *sm)
{
    return __builtin_expect(sm->extra && cop__debug_on(&sm->extra->sys.debug), 0);
}

/* --- gen_statem.c ----------------------------------------------------------------------------- */

/* Do what init or enter_loop asked for, then be a machine. */
COP_NORETURN void cop__sm_become(struct sm *sm, cop_step start);
cop_term cop__sm_type_term(const struct sm *sm, const cop_event *event); /* {call, From}, cast... */
cop_term cop__sm_event_term(const struct sm *sm);                        /* {Type, Content} */
void cop__sm_push(struct sm_queue *queue, struct sm_event *event);
struct sm_event *cop__sm_keep_event(cop_term event);
void cop__sm_debug(struct sm *sm, cop_term event);
void cop__sm_module_changed(struct sm *sm);

/* --- gen_statem_step.c ------------------------------------------------------------------------ */

/* Take what a callback returned into the transition. Ends the machine for what is out of order. */
void cop__sm_take_step(struct sm *sm, const cop_step *step);
/* The actions of init. */
void cop__sm_take_start(struct sm *sm, const cop_step *step);
/* throw(V) is the same as to return V: the step it says, or false. */
bool cop__sm_thrown_step(cop_step *ret, cop_term value);
bool cop__sm_thrown_start(cop_step *ret, cop_term value);
COP_NORETURN void cop__sm_error(struct sm *sm, cop_term reason); /* raised in the engine's name */

/* --- gen_statem_timeout.c --------------------------------------------------------------------- */

/* Start, replace and stop what the transition asked for. */
void cop__sm_set_timeouts(struct sm *sm);
void cop__sm_cancel_timeout(struct sm *sm, cop_term type);
/* Take the first time-out of zero, of which there is one. */
void cop__sm_take_zero_timeout(struct sm *sm, cop_term *ret_type, cop_term *ret_content);
/* Take the one with this timer. False: none has it. */
bool cop__sm_fired(struct sm *sm, cop_ref timer, cop_term *ret_type, cop_term *ret_content);
cop_term cop__sm_timeouts_term(const struct sm *sm); /* {Count, [{Type, Content}]} */

/* --- gen_statem_end.c ------------------------------------------------------------------------- */

/* stack: of an error or exit that a callback raised; none: the engine's or a stop. state: what
 * terminate sees. */
COP_NORETURN void cop__sm_end(
    struct sm *sm, enum cop_class class, cop_term reason, cop_term stack, cop_term state);
cop_term cop__sm_name(struct sm *sm);
cop_term cop__sm_format_status(struct sm *sm, cop_term status);
cop_term cop__sm_queue_term(const struct sm_queue *queue, bool reversed);
cop_term cop__sm_modules_term(const struct sm *sm);

/* --- gen_statem_sys.c ------------------------------------------------------------------------- */

extern const struct cop__sys_callbacks cop__sm_sys;
void cop__sm_system(struct sm *sm, cop_term from, cop_term request, bool local);
cop_term cop__sm_get_data(struct sm *sm);
void cop__sm_print(FILE *to, cop_term event, cop_term name); /* debug lines: SM-49 */

/* --- gen_statem_start.c ----------------------------------------------------------------------- */

cop_term cop__sm_module_name(const cop_gen_statem *module);
/* False: its callback mode is none (SM-02). */
bool cop__sm_mode_is_valid(const cop_gen_statem *module);

#endif
