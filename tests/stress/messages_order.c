/* SPDX-License-Identifier: Apache-2.0 */
/* R1's core: 64 senders, one receiver, every message numbered. Each sender's numbers arrive without
 * gap, double or change of order (P-16), also when the receiver takes them selectively, and the
 * last before the 'DOWN' (P-17). */
#include "stress/stress.h"

enum { SENDERS = 64 };

static void sender_main(cop_term arg)
{
    cop_pid to;
    int who, count;
    struct stress_random random;

    cop_must(cop_match(arg, "{To, Who, Count}", &to, &who, &count));
    random = stress_random_for((uint64_t)who);
    for (int i = 0; i < count; i++) {
        switch (stress_below(&random, 4)) {
        case 0:
            cop_send(to, cop("{Who, I, [payload, \"of a few words\"]}", who, i));
            break;
        case 1:
            cop_send(to,
                cop("{Who, I, B}", who, i, cop_binary("0123456789", stress_below(&random, 10))));
            break;
        default:
            cop_send(to, cop("{Who, I, x}", who, i));
        }
        if (stress_below(&random, 64) == 0)
            cop_yield();
        cop_turn_end();
    }
    cop_exit(cop("{done, Who}", who));
}

STRESS(order_of_each_sender)
{
    int count = stress_count(3000, 100000, 1000), next[SENDERS] = { 0 }, ended = 0, wrong = 0;

    for (int who = 0; who < SENDERS; who++)
        cop_spawn_monitor(
            sender_main, cop("{Self, Who, Count}", cop_self(), who, count), &(cop_ref){ 0 });
    while (ended < SENDERS) {
        cop_term message = cop_receive_within(WAIT_MS);
        int who = 0, number = 0;

        if (cop_match(message, "{'DOWN', _, process, _, {done, Who}}", &who)) {
            ended++;
            wrong += next[who] != count;
        } else if (cop_match(message, "{Who, N, _}", &who, &number)) {
            wrong += next[who] != number;
            next[who] = number + 1;
        } else {
            wrong++;
            break;
        }
        cop_turn_end();
    }
    CHECK_EQ_INT(wrong, 0);
    CHECK_EQ_INT(ended, SENDERS);
    NOTHING();
}

STRESS(order_under_selective_receive)
{
    int count = stress_count(200, 2000, 100), wrong = 0;

    for (int who = 0; who < SENDERS; who++)
        cop_spawn(sender_main, cop("{Self, Who, Count}", cop_self(), who, count));
    for (int i = 0; i < count; i++) {
        for (int who = SENDERS - 1; who >= 0; who--) {
            int number = -1;

            wrong += !cop_receive_match_within(WAIT_MS, "{Who, N, _}", who, &number) || number != i;
            cop_turn_end();
        }
    }
    CHECK_EQ_INT(wrong, 0);
    NOTHING();
}
