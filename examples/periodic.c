/* SPDX-License-Identifier: Apache-2.0 */
/* A periodic job: every hour, counted from when it began, so that a slow run does not move the next
 * one; and a run that fails is the supervisor's business. */
#include <coppice.h>
#include <stdio.h>

enum { PERIOD_MS = 60 * 60 * 1000 };

struct job {
    int64_t next_ms;
    int runs;
};

static void plan(struct job *job)
{
    job->next_ms += PERIOD_MS;
    cop_send_after(job->next_ms - cop_monotonic_ms(), cop_self(), cop("tick"));
}

static cop_step init(void *state, cop_term arg)
{
    struct job *job = state;

    (void)arg;
    job->next_ms = cop_monotonic_ms();
    plan(job);
    return cop_ok();
}

static cop_step handle_info(void *state, cop_term message)
{
    struct job *job = state;

    if (!cop_match(message, "tick"))
        return cop_noreply();
    plan(job);
    cop_sleep(90 * 1000); /* the work takes a minute and a half */
    printf("run %d, %d s late\n", ++job->runs,
        (int)(cop_monotonic_ms() - (job->next_ms - PERIOD_MS)) / 1000);
    return cop_noreply();
}

static const cop_gen_server job = {
    .name = "job", .state_size = sizeof(struct job), .init = init, .handle_info = handle_info
};
static const cop_supervisor tree = { .children = COP_CHILDREN({ .gen_server = &job }, ) };

static int demo(int argc, char **argv)
{
    cop_pid pid;

    (void)argc, (void)argv;
    cop_must(cop_supervisor_start_link(&pid, &tree, NULL));
    cop_sleep(3 * PERIOD_MS + 2 * 90 * 1000);
    // expect: run 1, 90 s late
    // expect: run 2, 90 s late
    // expect: run 3, 90 s late
    return 0;
}

int main(int argc, char **argv)
{
    return cop_run_main_with(demo, argc, argv, &(struct cop_options){ .virtual_time = true });
}
