/* SPDX-License-Identifier: Apache-2.0 */
/* Bounded mailboxes under every policy: each message is accounted for once, what comes is in order,
 * the bound holds, no sender waits for ever, and signals always come. */
#include <coppice.h>

enum { SENDERS = 4, MESSAGES = 12 };

struct sender {
    int64_t next; /* the least number that may come */
    int64_t came;
};

static struct sender senders[SENDERS];
static uint64_t refused, unsent; /* as the senders were told */
static struct cop_mailbox limits;
static cop_pid receiver_pid;
static int64_t last_index, last_number; /* the newest of all that were sent */

/* Sends its numbers in all ways, and ends. */
static void sender(cop_term arg)
{
    int64_t index;

    cop_must(cop_match(arg, "Index", &index));
    for (int64_t i = 1; i <= MESSAGES; i++) {
        cop_term message = cop("{number, Index, I}", index, i);

        last_index = index;
        last_number = i;
        switch (cop_sim_choose(3)) {
        case 0:
            cop_send(receiver_pid, message);
            break;
        case 1:
            refused += cop_send_flags(cop_dest(receiver_pid), message, 0) == COP_SEND_OVERLOAD;
            break;
        default:
            if (!cop_try_cast(receiver_pid, message))
                ++*(limits.when_full == COP_REFUSE ? &refused : &unsent);
        }
        if (cop_sim_choose(5) == 1)
            cop_sleep(cop_sim_choose(3));
    }
}

static cop_step init(void *state, cop_term arg)
{
    *(int64_t *)state = 0;
    (void)arg;
    cop_mailbox_set(&limits);
    return cop_ok();
}

static cop_step take(void *state, cop_term message)
{
    int64_t index, number;

    if (!cop_match(message, "{number, Index, N}", &index, &number))
        cop_sim_fail("the receiver got %s", cop_show(message));
    if (number < senders[index].next)
        cop_sim_fail("message %d of sender %d is out of order", (int)number, (int)index);
    senders[index].next = number + 1;
    senders[index].came++;
    ++*(int64_t *)state;
    if (cop_sim_choose(3) == 1)
        cop_sleep(cop_sim_choose(4)); /* it is slow, and messages come meanwhile */
    return cop_noreply();
}

static cop_step handle_call(void *state, cop_term request)
{
    (void)request;
    return cop_reply(cop("N", *(int64_t *)state));
}

static const cop_gen_server receiver = { .module = "receiver",
    .state_size = sizeof(int64_t),
    .init = init,
    .handle_call = handle_call,
    .handle_cast = take,
    .handle_info = take };

static bool bound_holds(void *arg)
{
    struct cop_mailbox_counts now;

    (void)arg;
    if (!cop_mailbox_statistics(&now, receiver_pid))
        return true;
    if (now.sent != now.handled + now.refused + now.dropped + now.skipped + now.messages)
        return false;
    /* with COP_DROP_OLDEST as many again may have been fetched already */
    return !limits.messages_max || now.messages <= limits.messages_max ||
           (limits.when_full == COP_DROP_OLDEST && now.messages <= 2 * limits.messages_max);
}

static int flood(int argc, char **argv)
{
    static const enum cop_when_full policies[] = { COP_REFUSE, COP_DROP_NEWEST, COP_DROP_OLDEST,
        COP_PARK_SENDER };
    struct cop_mailbox_counts at_end;
    cop_ref ends[SENDERS], monitor;
    int64_t handled;
    cop_term reason;

    (void)argc, (void)argv;
    limits = (struct cop_mailbox){ .messages_max = 1 + cop_sim_choose(5),
        .when_full = policies[cop_sim_choose(4)] };
    cop_must(cop_gen_server_start_monitor(&receiver_pid, &monitor, &receiver, 0));
    cop_sim_invariant("every message is accounted for, and the bound holds", bound_holds, NULL);
    for (int64_t i = 0; i < SENDERS; i++)
        cop_spawn_monitor(sender, cop("I", i), &ends[i]);
    for (int64_t i = 0; i < SENDERS; i++)
        cop_receive_match("{'DOWN', Ref, process, _, normal}", ends[i]);
    cop_sleep(1000);
    cop_must(cop_mailbox_statistics(&at_end, receiver_pid));
    cop_must(cop_match(cop_call(receiver_pid, cop("get")), "N", &handled));
    if (at_end.sent + unsent != SENDERS * MESSAGES || at_end.messages ||
        at_end.handled != (uint64_t)handled)
        cop_sim_fail("of %d sent %d, handled %d, left %d", SENDERS * MESSAGES, (int)at_end.sent,
            (int)at_end.handled, (int)at_end.messages);
    if (limits.when_full == COP_PARK_SENDER && at_end.handled != at_end.sent)
        cop_sim_fail("a message was lost, though senders wait");
    if (limits.when_full != COP_REFUSE && at_end.refused)
        cop_sim_fail("a message was refused");
    if (limits.when_full == COP_DROP_OLDEST && senders[last_index].next != last_number + 1)
        cop_sim_fail("the newest message was dropped");
    if (refused > at_end.refused)
        cop_sim_fail("more were told of a refusal than there were");
    /* a signal is never held up */
    cop_exit_signal(receiver_pid, cop("kill"));
    cop_must(cop_receive_match("{'DOWN', Ref, process, _, Reason}", monitor, &reason));
    if (!cop_match(reason, "killed"))
        cop_sim_fail("it ended with %s", cop_show(reason));
    return 0;
}

static const cop_sim simulations[] = { { .name = "flood", .main = flood }, { 0 } };

int main(int argc, char **argv)
{
    return cop_sim_main(simulations, argc, argv);
}
