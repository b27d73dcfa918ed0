/* SPDX-License-Identifier: Apache-2.0 */
/* Bounded mailboxes. As in OTP a mailbox takes all that is sent, until memory ends. A process that
 * must not drown says how much it will hold, and what becomes of the rest:
 *
 *   static cop_step init(void *state, cop_term arg)
 *   {
 *       cop_mailbox_set(&(struct cop_mailbox){ .messages_max = 10000, .when_full = COP_REFUSE });
 *       return cop_ok();
 *   }
 *
 * Only messages, casts and calls count. Exit signals, 'DOWN', links, replies to its own calls,
 * system messages and priority messages are never refused, dropped or held up. Every message that
 * counts ends in one way: sent = handled + refused + dropped + skipped + those still there. */
#ifndef COPPICE_MAILBOX_H
#define COPPICE_MAILBOX_H

#include <coppice/process.h>

COP_BEGIN_DECLS

/* What becomes of a message to a mailbox that is full. A call that is refused or dropped, also one
 * of another node, ends at once with the reason overload. */
enum cop_when_full {
    COP_REFUSE,      /* cop_send_flags and cop_try_cast say so; cop_send and cop_cast do not */
    COP_DROP_NEWEST, /* it is gone, as if it had been sent to nobody */
    COP_DROP_OLDEST, /* the oldest one that has not been handled makes room for it */
    COP_PARK_SENDER  /* the sender waits until half of the room is free. Not a supervisor, a thread
                        that runs no process, a timer or another node: their messages come in */
};

struct cop_mailbox {
    uint32_t messages_max; /* 0: any number; at most 16,000,000 */
    size_t bytes_max;      /* 0: any; of messages with their binaries */
    enum cop_when_full when_full;
    /* alarm_to gets {monitor, Pid, long_message_queue, true} when high_water messages are there,
     * and false when it is down to low_water; 0: no alarm. OTP's event, for one process. */
    uint32_t high_water, low_water;
    cop_pid alarm_to;
    bool skip_given_up; /* a call whose caller's time has passed is not handled any more */
};

/* Bound the mailbox of the running process, from now on. What is there already does not count.
 *
 * Exits    badarg: too many, low_water not below high_water, or no process runs; system_limit.
 * Parks    no.
 * Options  NULL: no bound, no alarm.
 * Context  any process, for itself.
 * OTP      none; the alarm is erlang:system_monitor/2's long_message_queue.
 */
COP_API void cop_mailbox_set(const struct cop_mailbox *mailbox);

/* What has become of the messages that counted, since the mailbox was bounded first. */
struct cop_mailbox_counts {
    uint64_t sent, handled, refused, dropped, skipped;
    uint64_t parked;          /* how often a sender had to wait */
    uint64_t messages, bytes; /* now */
    uint64_t messages_peak;
};

/* Exact, and read at one instant.
 *
 * Returns  false: it is not alive, or its mailbox was never bounded.
 * Parks    no.
 * Context  any thread, while a node runs.
 * OTP      none.
 */
COP_API bool cop_mailbox_statistics(struct cop_mailbox_counts *ret_statistics, cop_pid pid);

COP_END_DECLS

#endif
