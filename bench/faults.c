/* SPDX-License-Identifier: Apache-2.0 */
/* Processes that end in the middle of their code: crash, kill.
 *
 * crash N: a child writes through a null pointer N times, and its parent hears of it. The time is
 * from the instruction before the fault to the parent's exit signal, with the reason built. */
#include "bench.h"

#include <string.h>
#include <unistd.h>

static char *volatile nowhere;
static volatile int64_t about_to_fault_ns;

static void crash_main(cop_term arg)
{
    (void)arg;
    about_to_fault_ns = cop_monotonic_ns();
    *nowhere = 1;
}

void bench_crash(struct params params)
{
    int64_t n = param_number(params, 0);
    int64_t *times_ns = cop_alloc((size_t)n * sizeof *times_ns);
    struct watch watch = { 0 };

    cop_log_set_level(COP_LOG_EMERGENCY); /* printing a report is not what is measured */
    cop_trap_exit(true);
    watch_start(&watch);
    for (int64_t i = 0; i < n; i++) {
        cop_spawn_link(crash_main, COP_NONE);
        require(cop_match(cop_receive(), "{'EXIT', _, {fault, sigsegv, 0, _}}"));
        times_ns[i] = cop_monotonic_ns() - about_to_fault_ns;
        cop_turn_end();
    }
    watch_stop(&watch);
    report("crash", n, &watch);
    report_percentiles("", times_ns, n);
    report_end();
}

/* kill WHERE N: a child computes, waits in the system or is in the C library, and is killed, N
 * times. The time is from the exit signal to its 'DOWN'. */
static volatile int64_t spun;

static void spin(void)
{
    for (;;)
        spun++;
}

/* In a loop, since the look at a process ends the call that it is in. */
static void wait_in_system(void)
{
    for (;;)
        usleep(1000 * 1000 * 1000);
}

static void print_for_ever(void)
{
    char text[200];

    for (;;)
        snprintf(text, sizeof text, "%f %d", (double)spun, 7);
}

static const struct {
    const char *name;
    void (*work)(void);
} places[] = { { "spin", spin }, { "system", wait_in_system }, { "libc", print_for_ever } };
enum { PLACES = sizeof places / sizeof places[0] };

static _Atomic(int) there;

static void busy_main(cop_term arg)
{
    int64_t place;

    cop_must(cop_to_int(&place, arg));
    there = 1;
    places[place].work();
}

void bench_kill(struct params params)
{
    const char *name = param_text(params, 0);
    int64_t n = param_number(params, 1), place = 0;
    int64_t *times_ns = cop_alloc((size_t)n * sizeof *times_ns);
    struct watch watch = { 0 };

    while (place < PLACES && strcmp(places[place].name, name) != 0)
        place++;
    require(place < PLACES);
    watch_start(&watch);
    for (int64_t i = 0; i < n; i++) {
        cop_ref monitor;
        cop_pid pid;
        int64_t start_ns;

        there = 0;
        pid = cop_spawn_monitor(busy_main, cop_int(place), &monitor);
        while (!there)
            cop_sleep(1);
        start_ns = cop_monotonic_ns();
        cop_exit_signal(pid, cop("kill"));
        require(cop_match(cop_receive(), "{'DOWN', _, process, _, killed}"));
        times_ns[i] = cop_monotonic_ns() - start_ns;
        cop_turn_end();
    }
    watch_stop(&watch);
    report("kill", n, &watch);
    report_percentiles("", times_ns, n);
    report_end();
}
