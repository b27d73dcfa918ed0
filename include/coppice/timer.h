/* SPDX-License-Identifier: Apache-2.0 */
/* Timers that send messages. Clauses P-109 to P-119. */
#ifndef COPPICE_TIMER_H
#define COPPICE_TIMER_H

#include <coppice/process.h>

COP_BEGIN_DECLS

COP_API cop_ref cop_send_after_to(int64_t time_ms, cop_dest to, cop_term message);
COP_API cop_ref cop_start_timer_to(int64_t time_ms, cop_dest to, cop_term message); /* {timeout, Ref, Message} */
COP_API cop_ref cop_send_at_to(int64_t monotonic_ms, cop_dest to, cop_term message);
COP_API cop_ref cop_start_timer_at_to(int64_t monotonic_ms, cop_dest to, cop_term message);
#define cop_send_after(TIME_MS, TO, MESSAGE)  cop_send_after_to((TIME_MS), cop_dest(TO), (MESSAGE))
#define cop_start_timer(TIME_MS, TO, MESSAGE) cop_start_timer_to((TIME_MS), cop_dest(TO), (MESSAGE))
#define cop_send_at(MONOTONIC_MS, TO, MESSAGE) cop_send_at_to((MONOTONIC_MS), cop_dest(TO), (MESSAGE))
COP_API int64_t cop_cancel_timer(cop_ref timer);       /* remaining ms, or -1: P-112, P-113 */
COP_API void cop_cancel_timer_async(cop_ref timer, bool info); /* P-114 */
COP_API int64_t cop_read_timer(cop_ref timer);         /* remaining ms, or -1 */

COP_END_DECLS

#endif
