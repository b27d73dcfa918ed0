/* SPDX-License-Identifier: Apache-2.0 */
/* Timers that send messages. Clauses P-109 to P-119. */
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

COP_END_DECLS

#endif
