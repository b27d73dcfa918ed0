/* SPDX-License-Identifier: Apache-2.0 */
/* Processes that compute or block without a word to the runtime, beside others that must go on.
 * COPPICE_HAND_OFF=torture in the environment makes the monitor take schedulers all the time. The
 * limits are for a busy machine; without hand-off none of the tests would end. */
#include "stress/stress.h"

#include <errno.h>
#include <netdb.h>
#include <stdatomic.h>
#include <unistd.h>

enum { LATE_MAX_MS = 2000 };

static atomic_bool over;
static atomic_int done;

/* Computes in plain C until the test is over. */
static void spin_main(cop_term arg)
{
    (void)arg;
    while (!atomic_load_explicit(&over, memory_order_relaxed))
        continue;
}

static void echo_main(cop_term arg)
{
    cop_pid from;

    (void)arg;
    for (;;) {
        cop_must(cop_match(cop_receive(), "{ping, From}", &from));
        cop_send(from, cop("pong"));
        cop_turn_end();
    }
}

/* Sleeps a millisecond and asks another process, so often; returns the longest round in ms. */
static int64_t longest_round(int rounds)
{
    cop_pid echo = cop_spawn_link(echo_main, cop("[]"));
    int64_t longest = 0;

    for (int i = 0; i < rounds; i++) {
        int64_t began = cop_monotonic_ms(), took;

        cop_sleep(1);
        cop_send(echo, cop("{ping, Self}", cop_self()));
        EXPECT("pong");
        took = cop_monotonic_ms() - began;
        longest = took > longest ? took : longest;
        cop_turn_end();
    }
    return longest;
}

/* Wait for the ends of so many monitored children. */
static void all_down(int count)
{
    for (int i = 0; i < count; i++)
        EXPECT("{'DOWN', _, process, _, normal}");
    cop_turn_end();
}

static void spawn_many(int count, cop_process_main *fn)
{
    for (int i = 0; i < count; i++)
        cop_spawn_monitor(fn, cop("I", i), &(cop_ref){ 0 });
}

/* As many endless loops as schedulers, and more: timers and calls go on. */
STRESS(loops)
{
    struct cop_node_statistics now;

    for (int loops = 2; loops <= 4; loops += 2) {
        atomic_store(&over, false);
        spawn_many(loops, spin_main);
        CHECK(longest_round(100) < LATE_MAX_MS);
        atomic_store(&over, true);
        all_down(loops);
    }
    cop_statistics(&now);
    CHECK(now.hand_offs >= 2);
    CHECK_EQ_INT(now.detached, 0);
}

static void sleeper_main(cop_term arg)
{
    (void)arg;
    for (int i = 0; i < 5; i++) {
        usleep(20000);
        atomic_fetch_add(&done, 1);
        cop_turn_end(); /* comes back into the runtime, and loses another scheduler next time */
    }
}

/* 64 processes in usleep: all of them at once, and timers go on. */
STRESS(sleepers)
{
    int64_t began = cop_monotonic_ms();

    atomic_store(&done, 0);
    spawn_many(64, sleeper_main);
    CHECK(longest_round(50) < LATE_MAX_MS);
    all_down(64);
    CHECK_EQ_INT(atomic_load(&done), 320);
    /* two at a time would take 3.2 s */
    CHECK(STRESS_SANITIZED || cop_monotonic_ms() - began < 2500);
}

static void resolver_main(cop_term arg)
{
    struct addrinfo hints = { .ai_flags = AI_NUMERICHOST }, *found = NULL;
    int64_t number = 0;

    cop_must(cop_match(arg, "N", &number));
    for (int i = 0; i < 20; i++) {
        CHECK_EQ_INT(getaddrinfo("127.0.0.1", NULL, &hints, &found), 0);
        freeaddrinfo(found);
        usleep((useconds_t)(number % 5) * 300);
        cop_send(cop_parent(), cop("{resolved, N}", number));
        cop_turn_end();
    }
}

/* Library calls that allocate and lock inside libc, cut in pieces by hand-offs. */
STRESS(resolvers)
{
    spawn_many(16, resolver_main);
    for (int i = 0; i < 16 * 20; i++) {
        EXPECT("{resolved, _}");
        cop_turn_end();
    }
    all_down(16);
}

/* A system call that fails after a move sets the errno that the caller reads; and a call of the
 * library that had to wait for a scheduler leaves errno alone. */
static void errno_main(cop_term arg)
{
    (void)arg;
    for (int i = 0; i < 30; i++) {
        usleep(1500);
        errno = ERANGE;
        (void)cop_self();
        cop_turn_end();
        CHECK_EQ_INT(errno, ERANGE);
        CHECK_EQ_INT(close(-1), -1);
        CHECK_EQ_INT(errno, EBADF);
        cop_sleep(i % 2);
        CHECK(chdir("/nowhere/at/all") < 0);
        CHECK_EQ_INT(errno, ENOENT);
    }
}

STRESS(errno_stays)
{
    spawn_many(12, errno_main);
    all_down(12);
}

static void relay_main(cop_term arg)
{
    struct stress_random random = stress_random_for((uint64_t)cop_self().id);
    cop_pid next;
    int64_t left = 0;

    (void)arg;
    for (;;) {
        cop_term message = cop_receive();

        if (cop_match(message, "stop"))
            return;
        if (cop_match(message, "{next, Next}", &next))
            continue;
        cop_must(cop_match(message, "{hop, Left}", &left));
        if (stress_below(&random, 64) == 0)
            usleep(stress_below(&random, 3000));
        if (stress_below(&random, 64) == 1)
            for (volatile uint32_t i = stress_below(&random, 2000000); i; i--)
                continue;
        if (stress_below(&random, 128) == 2) { /* a child that is killed while it blocks */
            cop_pid child = cop_spawn(sleeper_main, cop("0"));

            cop_exit_signal(child, cop("kill"));
        }
        if (left)
            cop_send(next, cop("{hop, Left}", left - 1));
        else
            cop_send(cop_parent(), cop("arrived"));
        cop_turn_end();
    }
}

/* Tokens go round while their carriers block and compute here and there: none is lost, that is, no
 * process stays behind in the queue of a scheduler that nobody has. */
STRESS(tokens)
{
    enum { RING = 32, TOKENS = 16 };
    int hops = stress_count(1500, 40000, 400);
    cop_pid ring[RING];

    for (int i = 0; i < RING; i++)
        ring[i] = cop_spawn_link(relay_main, cop("[]"));
    for (int i = 0; i < RING; i++)
        cop_send(ring[i], cop("{next, Next}", ring[(i + 1) % RING]));
    for (int i = 0; i < TOKENS; i++)
        cop_send(ring[i * RING / TOKENS], cop("{hop, N}", hops));
    for (int i = 0; i < TOKENS; i++)
        EXPECT("arrived");
    for (int i = 0; i < RING; i++)
        cop_send(ring[i], cop("stop"));
}

/* Defers that block or compute, in processes that are ending, beside spinning ones. */
static void slow_defer(void *unused)
{
    (void)unused;
    usleep(3000);
    (void)cop_self();
    for (volatile uint32_t i = 3000000; i; i--)
        continue;
    atomic_fetch_add(&done, 1);
    cop_turn_end();
}

static void deferring_main(cop_term arg)
{
    (void)arg;
    cop_defer(slow_defer, NULL);
    cop_defer(slow_defer, NULL);
    cop_exit(cop("normal"));
}

STRESS(exits)
{
    int count = stress_count(40, 1000, 20);

    atomic_store(&over, false);
    atomic_store(&done, 0);
    spawn_many(2, spin_main);
    for (int i = 0; i < count; i++)
        cop_spawn_monitor(deferring_main, cop("[]"), &(cop_ref){ 0 });
    all_down(count);
    CHECK_EQ_INT(atomic_load(&done), 2 * count);
    atomic_store(&over, true);
    all_down(2);
}

/* --- With few threads ----------------------------------------------------------------------- */

static void few_threads(void)
{
    struct cop_node_statistics now;

    atomic_store(&done, 0);
    spawn_many(12, sleeper_main);
    cop_sleep(100);
    cop_statistics(&now);
    CHECK(now.threads <= 5);
    all_down(12); /* at the cap it is slow, and nothing is lost */
    CHECK_EQ_INT(atomic_load(&done), 60);
    CHECK(longest_round(20) < LATE_MAX_MS);
}

static int few_threads_main(int argc, char **argv)
{
    (void)argc, (void)argv;
    few_threads();
    return 0;
}

TEST(thread_cap)
{
    const struct cop_options options = { .schedulers = 2, .threads_max = 5 };

    CHECK_EQ_INT(cop_run_main_with(few_threads_main, 0, NULL, &options), 0);
}

/* Nodes that end while processes compute: the threads are waited for. */
static void short_spin_main(cop_term arg)
{
    (void)arg;
    for (;;) {
        for (volatile uint32_t i = 1000000; i; i--)
            continue;
        cop_turn_end();
    }
}

static void leaves_spinning(void)
{
    spawn_many(3, short_spin_main);
    spawn_many(3, sleeper_main);
    cop_sleep(5);
}

TEST(stop_while_spinning)
{
    for (int i = 0; i < stress_count(10, 200, 5); i++)
        node_run(leaves_spinning, 1 + i % 2);
}
