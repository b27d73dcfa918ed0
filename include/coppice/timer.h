/* SPDX-License-Identifier: Apache-2.0 */
/* Timers that send messages (clauses P-109 to P-119), and the module timer (TMR-01 to TMR-12). */
#ifndef COPPICE_TIMER_H
#define COPPICE_TIMER_H

#include <coppice/process.h>

COP_BEGIN_DECLS

/* Send message to `to` when the time has come. send_after sends it as it is, start_timer as
 * {timeout, Ref, Message}; the forms with _at take a point of the clock that cop_monotonic_ms
 * reads. message is copied at once.
 *
 * Returns  the timer's reference, for cancel and read.
 * Exits    the caller with badarg: to is neither a local pid nor a name; a bad time.
 * Parks    yields.
 * Options  time_ms from now, monotonic_ms absolute. A time that has passed fires at once, yet
 *          later than a message sent directly (P-118). Never early (P-119).
 * Context  any process. The timer outlives who started it; one toward a process that has ended is
 *          as good as cancelled (P-56). A name is looked up when the timer fires (P-110).
 * OTP      erlang:send_after/3,4, start_timer/3,4. Clauses P-109 to P-111, P-117 to P-119.
 */
COP_API cop_ref cop_send_after_to(int64_t time_ms, cop_dest to, cop_term message);
COP_API cop_ref cop_start_timer_to(int64_t time_ms, cop_dest to, cop_term message);
COP_API cop_ref cop_send_at_to(int64_t monotonic_ms, cop_dest to, cop_term message);
COP_API cop_ref cop_start_timer_at_to(int64_t monotonic_ms, cop_dest to, cop_term message);
#define cop_send_after(TIME_MS, TO, MESSAGE)  cop_send_after_to((TIME_MS), cop_dest(TO), (MESSAGE))
#define cop_start_timer(TIME_MS, TO, MESSAGE) cop_start_timer_to((TIME_MS), cop_dest(TO), (MESSAGE))
#define cop_send_at(MONOTONIC_MS, TO, MESSAGE) \
    cop_send_at_to((MONOTONIC_MS), cop_dest(TO), (MESSAGE))
#define cop_start_timer_at(MONOTONIC_MS, TO, MESSAGE) \
    cop_start_timer_at_to((MONOTONIC_MS), cop_dest(TO), (MESSAGE))

/* Stop a timer, or look at it; any process may.
 *
 * Returns  the milliseconds that were left; -1 when it has fired, was cancelled or never was. After
 *          -1 its message is in the receiver's mailbox, after a number it never comes.
 * Parks    no; waits the few instructions of a timer that fires at this moment.
 * Context  any process, any thread.
 * OTP      erlang:cancel_timer/1, read_timer/1. Clauses P-112, P-113, P-115, P-116.
 */
COP_API int64_t cop_cancel_timer(cop_ref timer);
COP_API int64_t cop_read_timer(cop_ref timer);

/* Stop a timer and hear of it by message: {cancel_timer, Ref, Left | false}, after the timer's own
 * message if that had been sent. info false: without the message.
 *
 * Parks    no.
 * Context  any process.
 * OTP      erlang:cancel_timer/2 with {async, true}. Clause P-114.
 */
COP_API void cop_cancel_timer_async(cop_ref timer, bool info);

/* --- The module timer: clauses TMR-01 to TMR-12 -------------------------------------------------
 * What happens later, or again and again, without a process of one's own that waits for it: fn runs
 * in a new process each time. (timer:send_after is cop_send_after, timer:sleep is cop_sleep.) A
 * timer is an idle process, so a million of them are no burden for anybody else. */
typedef struct cop_timer {
    cop_pid pid;
} cop_timer;

#define COP_SECONDS(N) ((int64_t)1000 * (N)) /* in milliseconds, as all times here */
#define COP_MINUTES(N) ((int64_t)60000 * (N))
#define COP_HOURS(N)   ((int64_t)3600000 * (N))

/* Run fn(arg) in a process of its own: once, each time that time_ms have passed, or so that the
 * next does not begin before the last one has ended. What is late is made up for: each point of
 * time has its run, but for the clock's.
 *
 * Returns  the timer, for cop_timer_cancel.
 * Exits    the caller with badarg: a negative time, no fn; with system_limit.
 * Parks    yes, until the timer runs.
 * Options  time_ms from now. 0: apply_after at once; the others again and again.
 * Context  any process. apply_after outlives who started it; the others end with him.
 * OTP      timer:apply_after/2,3,4, apply_interval/2,3,4, apply_repeatedly/2,3,4. Clauses TMR-01 to
 *          TMR-05.
 */
COP_API cop_timer cop_timer_apply_after(int64_t time_ms, cop_process_main *fn, cop_term arg);
COP_API cop_timer cop_timer_apply_interval(int64_t time_ms, cop_process_main *fn, cop_term arg);
COP_API cop_timer cop_timer_apply_repeatedly(int64_t time_ms, cop_process_main *fn, cop_term arg);

/* Send message to `to` each time that time_ms have passed.
 *
 * Returns  the timer.
 * Exits    the caller with badarg: a negative time, what is neither pid nor name.
 * Parks    yes, until the timer runs.
 * Context  any process. It ends with the process, or when the name is not registered (TMR-06).
 * OTP      timer:send_interval/2,3. Clauses TMR-06, TMR-07.
 */
COP_API cop_timer cop_timer_send_interval_to(int64_t time_ms, cop_dest to, cop_term message);
#define cop_timer_send_interval(TIME_MS, TO, MESSAGE) \
    cop_timer_send_interval_to((TIME_MS), cop_dest(TO), (MESSAGE))

/* Send an exit signal when the time has come; kill is the reason of kill_after. A name is looked up
 * then.
 *
 * Returns  the timer.
 * Exits    the caller with badarg: a negative time, what is neither pid nor name.
 * Parks    yes, until the timer runs.
 * Context  any process.
 * OTP      timer:exit_after/2,3, kill_after/1,2. Clause TMR-08.
 */
COP_API cop_timer cop_timer_exit_after_to(int64_t time_ms, cop_dest target, cop_term reason);
#define cop_timer_exit_after(TIME_MS, TARGET, REASON) \
    cop_timer_exit_after_to((TIME_MS), cop_dest(TARGET), (REASON))

/* End a timer, which may be over. What it has begun goes on.
 *
 * Parks    yes, until it cannot begin anything any more.
 * Context  any process.
 * OTP      timer:cancel/1. Clause TMR-09.
 */
COP_API void cop_timer_cancel(cop_timer timer);

/* How long fn(arg) takes.
 *
 * Returns  microseconds of the monotonic clock, and what fn returned in *ret_value, which may be
 *          NULL; a pause of the process counts.
 * Exits    with what fn raises.
 * Parks    as fn does.
 * Context  any process.
 * OTP      timer:tc/2. Clause TMR-10.
 */
COP_API int64_t cop_timer_tc(cop_term *ret_value, cop_term (*fn)(cop_term arg), cop_term arg);

COP_END_DECLS

#endif
