/* SPDX-License-Identifier: Apache-2.0 */
/* Timers against ends and cancels, from two schedulers: timers toward processes that die, timers of
 * processes that die, each cancelled by its owner and by strangers while it fires. A timer fires
 * once or was cancelled once, and none is lost (P-56, P-113, P-116). */
#include "stress/stress.h"

enum { PROCESSES = 24 };

/* Starts timers to itself, its peer and a name, cancels half of them, and checks what it is told of
 * each. */
static void worker_main(cop_term arg)
{
    struct stress_random random;
    int who, rounds;
    cop_pid sink;

    cop_must(cop_match(arg, "{Sink, Who, Rounds}", &sink, &who, &rounds));
    random = stress_random_for((uint64_t)who);
    for (int i = 0; i < rounds; i++) {
        cop_ref timer = cop_start_timer(stress_below(&random, 4), cop_self(), cop("tick"));
        bool fired;

        if (stress_below(&random, 2))
            cop_receive_match_within(stress_below(&random, 3), "nothing");
        else
            cop_yield();
        fired = cop_receive_match_within(0, "{timeout, Ref, tick}", timer);
        if (stress_below(&random, 4) == 0)
            cop_send(sink, cop("{cancel, Ref}", timer)); /* a stranger cancels too */
        if (cop_cancel_timer(timer) >= 0) {
            if (fired || cop_receive_match_within(0, "{timeout, Ref, tick}", timer))
                cop_exit(cop("{wrong, cancelled_and_fired}"));
        }
        if (stress_below(&random, 3) == 0)
            cop_send_after(stress_below(&random, 3), cop_self(), cop("late"));
        if (stress_below(&random, 8) == 0)
            cop_send_after(stress_below(&random, 5), "no_such_name", cop("lost"));
        if (stress_below(&random, 100) == 0)
            break;
        cop_receive_match_within(0, "late");
        cop_turn_end();
    }
    cop_exit(cop("{ended, Who}", who));
}

static void canceller_main(cop_term arg)
{
    (void)arg;
    for (;;) {
        cop_ref timer = { 0 };

        cop_receive_match("{cancel, Ref}", &timer);
        cop_cancel_timer(timer);
        cop_read_timer(timer);
        cop_turn_end();
    }
}

STRESS(fires_once_or_was_cancelled)
{
    int lives = stress_count(400, 20000, 200), started = 0;
    cop_pid canceller = cop_spawn(canceller_main, COP_NONE);

    for (; started < PROCESSES; started++)
        cop_spawn_monitor(worker_main, cop("{C, Who, 200}", canceller, started), &(cop_ref){ 0 });
    for (int ended = 0; ended < lives; ended++) {
        cop_term reason = COP_NONE;

        EXPECT("{'DOWN', _, process, _, R}", &reason);
        CHECK(cop_match(reason, "{ended, _}"));
        if (started < lives) {
            cop_spawn_monitor(
                worker_main, cop("{C, Who, 200}", canceller, started), &(cop_ref){ 0 });
            started++;
        }
        cop_turn_end();
    }
    CHECK(cop_is_alive(canceller));
}

/* Each of these starts `count` timers toward the counter and ends before they fire. */
static void starter_main(cop_term arg)
{
    struct stress_random random;
    cop_pid counter;
    int who, count;

    cop_must(cop_match(arg, "{Counter, Who, Count}", &counter, &who, &count));
    random = stress_random_for((uint64_t)who);
    for (int i = 0; i < count; i++) {
        cop_send_after(1 + stress_below(&random, 300), counter, cop("counted"));
        if (i % 64 == 0)
            cop_turn_end();
    }
}

STRESS(none_is_lost)
{
    int starters = 100, each = stress_count(1000, 10000, 300), got = 0;

    for (int i = 0; i < starters; i++)
        cop_spawn(starter_main, cop("{Self, I, Each}", cop_self(), i, each));
    while (got < starters * each && cop_receive_match_within(WAIT_MS, "counted")) {
        got++;
        cop_turn_end();
    }
    CHECK_EQ_INT(got, starters * each);
    NOTHING();
}

enum { TEN_MINUTES_MS = 600000, BATCH = 200 };

/* Ends with timers toward itself that are far from due. */
static void forgetful_main(cop_term arg)
{
    for (int i = 0; i < 3; i++)
        cop_send_after(TEN_MINUTES_MS, cop_self(), arg);
}

static void short_lived_main(cop_term arg)
{
    (void)arg;
    cop_receive_match("stop");
}

/* Processes that come and go, each with timers toward it: what it started itself, or its parent. */
static void forget_timers(int count)
{
    for (int done = 0; done < count; done += BATCH) {
        for (int i = 0; i < BATCH; i++) {
            cop_ref monitor;
            cop_pid pid = cop_spawn_monitor(i % 2 ? forgetful_main : short_lived_main,
                cop("{some, [payload, \"of a timer\"]}"), &monitor);

            if (i % 2 == 0) {
                cop_send_after(TEN_MINUTES_MS, pid, cop("late"));
                cop_send_after(TEN_MINUTES_MS / 2, pid, cop("{stop, \"late\"}"));
                cop_send(pid, cop("stop"));
            }
        }
        for (int i = 0; i < BATCH; i++)
            EXPECT("{'DOWN', _, process, _, normal}");
        cop_turn_end();
    }
}

/* P-56: a timer toward a process that has ended is cancelled, and its memory does not wait until it
 * would have been due. */
STRESS(none_is_kept_for_the_dead)
{
    int count = stress_count(100000, 5000000, 20000);
    int64_t before_bytes;

    forget_timers(count / 10);
    before_bytes = stress_resident_bytes();
    forget_timers(count);
    printf("%d processes, %" PRId64 " KiB more\n", count,
        (stress_resident_bytes() - before_bytes) / 1024);
    if (!STRESS_SANITIZED)
        CHECK(stress_resident_bytes() - before_bytes < 4 * 1024 * 1024);
    NOTHING();
}
