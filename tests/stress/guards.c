/* SPDX-License-Identifier: Apache-2.0 */
/* Stacks that run over, with each kind of guard, and what is free for long. Each case is a program
 * of its own, since how it ends is what is looked at. */
#include "stress/stress.h"

#include <string.h>
#include <sys/wait.h>

static volatile int depth_wanted;

/* Writes all of it, whatever the compiler thinks of that. */
static void use(char *bytes, size_t size)
{
    memset(bytes, 1, size);
    __asm__ volatile("" ::"r"(bytes) : "memory");
}

/* Frames of about 200 bytes. */
static __attribute__((noinline)) int descend(int depth)
{
    char frame[160];

    use(frame, sizeof frame);
    return depth >= depth_wanted ? frame[0] : descend(depth + 1) + frame[depth % 160];
}

static void descending_main(cop_term arg)
{
    int64_t kilobytes;

    cop_must(cop_to_int(&kilobytes, arg));
    depth_wanted = (int)(kilobytes * 1024 / 192);
    descend(0);
    cop_receive_within(0); /* it stops: a canary is looked at */
}

static int overflow_main(int argc, char **argv)
{
    (void)argc, (void)argv;
    cop_ref ref;

    for (int i = 0; i < 8; i++) {
        cop_spawn_monitor(descending_main, cop_int(60), &ref);
        EXPECT("{'DOWN', Ref, process, _, normal}", ref);
    }
    cop_spawn_monitor(descending_main, cop_int(118), &ref);
    EXPECT("{'DOWN', Ref, process, _, _}", ref);
    return 0;
}

/* In a child of its own; returns its wait status. */
static int run_apart(int (*main_function)(int, char **), const char *guards)
{
    int status = 0;
    pid_t child;

    fflush(NULL);
    child = fork();
    if (child == 0) {
        setenv("COPPICE_GUARDS", guards, 1);
        setenv("COPPICE_ON_FAULT", "off", 1);
        if (!freopen("/dev/null", "w", stderr))
            _exit(99);
        _exit(cop_run_main(main_function, 0, NULL));
    }
    CHECK_EQ_INT(waitpid(child, &status, 0), child);
    return status;
}

/* The guard, whichever it is, stops what would run into the neighbour; deep use alone is fine. */
TEST(an_overflow_hits_the_guard)
{
    if (STRESS_SANITIZED)
        return; /* they have their own handlers, and larger frames */
    for (int i = 0; i < 2; i++) {
        int status = run_apart(overflow_main, i ? "mprotect" : "best");

        CHECK(WIFSIGNALED(status));
        CHECK_EQ_INT(WTERMSIG(status), SIGSEGV);
    }
}

TEST(a_canary_tells_of_an_overflow)
{
    int status;

    if (STRESS_SANITIZED)
        return;
    status = run_apart(overflow_main, "canary");
    CHECK(WIFSIGNALED(status));
    CHECK_EQ_INT(WTERMSIG(status), SIGABRT);
}

static void waiting_main(cop_term arg)
{
    char used[16 * 1024];
    cop_pid owner;

    cop_must(cop_to_pid(&owner, arg));
    use(used, sizeof used);
    cop_send(owner, cop("ready"));
    cop_receive_match("stop");
}

/* After a wave of processes with deep stacks, what these took goes back to the system. */
static void trimming(void)
{
    enum { COUNT = 4000, WAIT_FOR_IT_MS = 60000 };
    static cop_pid pids[COUNT];
    int64_t before = stress_resident_bytes(), high, waited_ms = 0;

    for (int i = 0; i < COUNT; i++)
        pids[i] = cop_spawn(waiting_main, cop("Self", cop_self()));
    for (int i = 0; i < COUNT; i++)
        EXPECT("ready");
    high = stress_resident_bytes() - before;
    CHECK(high > COUNT * 16 * 1024);
    for (int i = 0; i < COUNT; i++)
        cop_send(pids[i], cop("stop"));
    for (; stress_resident_bytes() - before > high / 8 && waited_ms < WAIT_FOR_IT_MS;
         waited_ms += 100)
        cop_sleep(100);
    printf(
        "%d stacks: %d MB, back after %d s\n", COUNT, (int)(high >> 20), (int)(waited_ms / 1000));
    CHECK(waited_ms < WAIT_FOR_IT_MS);
    for (int i = 0; i < COUNT; i++) /* what was given back can be used again */
        pids[i] = cop_spawn(waiting_main, cop("Self", cop_self()));
    for (int i = 0; i < COUNT; i++)
        EXPECT("ready");
}

TEST(the_memory_of_free_stacks_goes_back)
{
    if (STRESS_SANITIZED)
        return; /* they keep notes of each stack, and so do we of the stacks */
    setenv("COPPICE_STACKS_FREE_MS", stress_long() ? "10000" : "300", 1);
    node_run(trimming, 2);
    unsetenv("COPPICE_STACKS_FREE_MS");
}
