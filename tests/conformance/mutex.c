/* SPDX-License-Identifier: Apache-2.0 */
/* Mutexes of processes: who waits parks, who dies passes it on and that is told. */
#include "conformance/faulty.h"

static cop_mutex mutex;
static int64_t counter;
static volatile int64_t inside;

static void reset(void)
{
    mutex = (cop_mutex){ 0 };
    counter = inside = 0;
}

/* --- One at a time -------------------------------------------------------------------------------
 */

enum { COUNTERS = 8, ROUNDS = 500 };

static void count_main(cop_term arg)
{
    (void)arg;
    for (int i = 0; i < ROUNDS; i++) {
        int64_t before;

        CHECK_EQ_INT(cop_mutex_lock(&mutex), 0);
        CHECK_EQ_INT(++inside, 1);
        before = counter;
        if (i % 3 == 0)
            cop_yield(); /* to another thread, perhaps */
        counter = before + 1;
        inside--;
        cop_mutex_unlock(&mutex);
        cop_turn_end();
    }
}

CLAUSE(one_process_at_a_time_holds_a_mutex)
{
    reset();
    for (int i = 0; i < COUNTERS; i++)
        cop_spawn_monitor(count_main, COP_NONE, NULL);
    for (int i = 0; i < COUNTERS; i++)
        EXPECT("{'DOWN', _, process, _, normal}");
    CHECK_EQ_INT(counter, COUNTERS * ROUNDS);
    CHECK(cop_mutex_owner(&mutex).id == 0);
}

static void tell_when_held_main(cop_term arg)
{
    int64_t number;
    cop_pid owner;

    cop_must(cop_match(arg, "{Number, Owner}", &number, &owner));
    cop_send(owner, cop("{waits, Number}", number));
    CHECK_EQ_INT(cop_mutex_lock(&mutex), 0);
    cop_send(owner, cop("{held, Number}", number));
    cop_mutex_unlock(&mutex);
}

CLAUSE(who_has_waited_longest_is_next)
{
    reset();
    CHECK_EQ_INT(cop_mutex_lock(&mutex), 0);
    CHECK(cop_mutex_owner(&mutex).id == cop_self().id);
    for (int64_t i = 0; i < 10; i++) {
        cop_spawn(tell_when_held_main, cop("{I, Self}", i, cop_self()));
        EXPECT("{waits, I}", i);
        cop_sleep(2);
    }
    cop_mutex_unlock(&mutex);
    for (int64_t i = 0; i < 10; i++) {
        int64_t number = -1;

        EXPECT("{held, Number}", &number);
        CHECK_EQ_INT(number, i);
    }
}

static void hold_main(cop_term arg)
{
    cop_pid owner;

    cop_must(cop_to_pid(&owner, arg));
    CHECK_EQ_INT(cop_mutex_lock(&mutex), 0);
    cop_send(owner, cop("held"));
    cop_receive_match("go_on");
    cop_mutex_unlock(&mutex);
}

CLAUSE(try_and_within_give_up)
{
    cop_pid pid;
    cop_ref ref;
    int64_t start_ns;

    reset();
    pid = cop_spawn_monitor(hold_main, cop("Self", cop_self()), &ref);
    EXPECT("held");
    CHECK_EQ_INT(cop_mutex_try_lock(&mutex), -EBUSY);
    CHECK_EQ_INT(cop_mutex_lock_within(&mutex, 0), -COP_ETIMEOUT);
    start_ns = cop_monotonic_ns();
    CHECK_EQ_INT(cop_mutex_lock_within(&mutex, 20), -COP_ETIMEOUT);
    CHECK(cop_monotonic_ns() - start_ns >= 20 * 1000000);
    cop_send(pid, cop("go_on"));
    CHECK_EQ_INT(cop_mutex_lock_within(&mutex, WAIT_MS), 0);
    cop_mutex_unlock(&mutex);
    CHECK_EQ_INT(cop_mutex_try_lock(&mutex), 0);
    cop_mutex_unlock(&mutex);
    EXPECT("{'DOWN', Ref, process, _, normal}", ref);
}

/* --- Wrong use -----------------------------------------------------------------------------------
 */

static void lock_twice_main(cop_term arg)
{
    (void)arg;
    CHECK_EQ_INT(cop_mutex_lock(&mutex), 0);
    cop_mutex_lock(&mutex);
}

static void unlock_main(cop_term arg)
{
    (void)arg;
    cop_mutex_unlock(&mutex);
}

static void consistent_main(cop_term arg)
{
    (void)arg;
    cop_mutex_consistent(&mutex);
}

static void lock_for_no_time_main(cop_term arg)
{
    (void)arg;
    cop_mutex_lock_within(&mutex, -7);
}

CLAUSE(wrong_use_is_an_error_of_who_does_it)
{
    cop_ref ref;

    hush();
    reset();
    cop_spawn_monitor(lock_twice_main, COP_NONE, &ref);
    EXPECT("{'DOWN', Ref, process, _, {badarg, [{erlang, mutex_lock, _, _} | _]}}", ref);
    CHECK_EQ_INT(cop_mutex_lock(&mutex), -EOWNERDEAD); /* it held it the first time */
    cop_mutex_consistent(&mutex);
    cop_spawn_monitor(unlock_main, COP_NONE, &ref);
    EXPECT("{'DOWN', Ref, process, _, {badarg, [{erlang, mutex_unlock, _, _} | _]}}", ref);
    cop_spawn_monitor(consistent_main, COP_NONE, &ref);
    EXPECT("{'DOWN', Ref, process, _, {badarg, [{erlang, mutex_consistent, _, _} | _]}}", ref);
    cop_spawn_monitor(lock_for_no_time_main, COP_NONE, &ref);
    EXPECT("{'DOWN', Ref, process, _, {timeout_value, _}}", ref);
    cop_mutex_unlock(&mutex);
    CHECK_EQ_INT(cop_mutex_try_lock(&mutex), 0);
    cop_mutex_unlock(&mutex);
}

/* --- Death ---------------------------------------------------------------------------------------
 */

CLAUSE(the_death_of_the_holder_is_told_until_all_is_well_again)
{
    cop_pid pid;

    reset();
    pid = cop_spawn(hold_main, cop("Self", cop_self()));
    EXPECT("held");
    cop_exit_signal(pid, cop("kill"));
    CHECK_EQ_INT(cop_mutex_lock(&mutex), -EOWNERDEAD);
    cop_mutex_unlock(&mutex);
    CHECK_EQ_INT(cop_mutex_lock(&mutex), -EOWNERDEAD);
    cop_mutex_consistent(&mutex);
    cop_mutex_unlock(&mutex);
    CHECK_EQ_INT(cop_mutex_lock(&mutex), 0);
    cop_mutex_unlock(&mutex);
}

static void unlock_by_defer(void *ptr)
{
    cop_mutex_unlock(ptr);
}

static void defer_main(cop_term arg)
{
    (void)arg;
    CHECK_EQ_INT(cop_mutex_lock(&mutex), 0);
    cop_defer(unlock_by_defer, &mutex);
    cop_exit(cop("gone"));
}

CLAUSE(a_defer_that_unlocks_comes_before_that)
{
    cop_ref ref;

    reset();
    cop_spawn_monitor(defer_main, COP_NONE, &ref);
    EXPECT("{'DOWN', Ref, process, _, gone}", ref);
    CHECK_EQ_INT(cop_mutex_lock(&mutex), 0);
    cop_mutex_unlock(&mutex);
}

static char *volatile nowhere;

static void fault_while_held_main(cop_term arg)
{
    (void)arg;
    if (cop_mutex_lock(&mutex) == -EOWNERDEAD)
        cop_mutex_consistent(&mutex);
    counter++;
    *nowhere = 1;
}

CLAUSE(a_fault_passes_the_mutex_on)
{
    enum { MANY = 20 };

    if (!contains_faults())
        return;
    hush();
    reset();
    for (int i = 0; i < MANY; i++)
        cop_spawn_monitor(fault_while_held_main, COP_NONE, NULL);
    for (int i = 0; i < MANY; i++)
        EXPECT("{'DOWN', _, process, _, {fault, sigsegv, 0, _}}");
    CHECK_EQ_INT(counter, MANY);
    CHECK_EQ_INT(cop_mutex_lock(&mutex), -EOWNERDEAD);
    cop_mutex_unlock(&mutex);
}

CLAUSE(who_dies_while_it_waits_leaves_the_line)
{
    cop_pid waiting[5];

    reset();
    CHECK_EQ_INT(cop_mutex_lock(&mutex), 0);
    for (int64_t i = 0; i < 5; i++) {
        waiting[i] = cop_spawn(tell_when_held_main, cop("{I, Self}", i, cop_self()));
        EXPECT("{waits, I}", i);
        cop_sleep(2);
    }
    for (int i = 0; i < 5; i += 2) { /* the first, one in the middle, the last */
        cop_ref ref = cop_monitor(waiting[i]);

        cop_exit_signal(waiting[i], cop("kill"));
        EXPECT("{'DOWN', Ref, process, _, killed}", ref);
    }
    cop_mutex_unlock(&mutex);
    EXPECT("{held, 1}");
    EXPECT("{held, 3}");
    CHECK_EQ_INT(cop_mutex_lock(&mutex), 0);
    cop_mutex_unlock(&mutex);
}

/* --- Kills at any moment -------------------------------------------------------------------------
 */

static void hurry_main(cop_term arg)
{
    (void)arg;
    for (;;) {
        int status = cop_mutex_lock_within(&mutex, 1);

        if (status == -COP_ETIMEOUT)
            continue;
        if (status == -EOWNERDEAD) {
            inside = 0;
            cop_mutex_consistent(&mutex);
        }
        CHECK_EQ_INT(++inside, 1);
        if (++counter % 7 == 0)
            cop_yield();
        inside--;
        cop_mutex_unlock(&mutex);
        cop_turn_end();
    }
}

CLAUSE(kills_at_any_moment_leave_a_mutex_that_works)
{
    enum { WORKERS = 6, KILLS = 300 };
    cop_pid pids[WORKERS];

    reset();
    for (int i = 0; i < WORKERS; i++)
        pids[i] = cop_spawn(hurry_main, COP_NONE);
    for (int i = 0; i < KILLS + WORKERS; i++) {
        cop_ref ref = cop_monitor(pids[i % WORKERS]);

        cop_exit_signal(pids[i % WORKERS], cop("kill"));
        EXPECT("{'DOWN', Ref, process, _, killed}", ref);
        if (i < KILLS)
            pids[i % WORKERS] = cop_spawn(hurry_main, COP_NONE);
        if (i % 5 == 0)
            cop_sleep(1);
        cop_turn_end();
    }
    CHECK(counter > 0);
    CHECK(cop_mutex_owner(&mutex).id == 0);
    CHECK(cop_mutex_try_lock(&mutex) != -EBUSY);
    cop_mutex_unlock(&mutex);
}
