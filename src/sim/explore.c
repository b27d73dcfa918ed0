/* SPDX-License-Identifier: Apache-2.0 */
/* One run in a process of its own, and what it leaves in memory that is shared with it. Layer 7. */
#include "sim/explore.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sim/run.h"

struct cop__outcome *cop__outcome_new(void)
{
    void *memory = mmap(NULL, sizeof(struct cop__outcome), PROT_READ | PROT_WRITE,
        MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    return memory == MAP_FAILED ? NULL : memory;
}

void cop__outcome_free(struct cop__outcome *outcome)
{
    if (outcome)
        munmap(outcome, sizeof *outcome);
}

bool cop__outcome_failed(const struct cop__outcome *outcome)
{
    return outcome->status != 0 || *outcome->failure;
}

/* What the program prints is not wanted here: a run that fails is shown again. */
static void be_silent(void)
{
    int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);

    if (nowhere >= 0) {
        dup2(nowhere, STDOUT_FILENO);
        dup2(nowhere, STDERR_FILENO);
        close(nowhere);
    }
}

static int run(struct cop__outcome *outcome, const cop_sim *sim, uint64_t seed,
    const struct cop__schedule *schedule)
{
    struct cop__sim_run run = { .seed = seed,
        .schedule = schedule,
        .recording = &outcome->recording,
        .steps_max = sim->steps_max };
    int status = cop__sim_run(sim, &run);

    outcome->steps = run.steps;
    outcome->trace = run.trace;
    outcome->virtual_ms = run.virtual_ms;
    memcpy(outcome->failure, run.failure, sizeof outcome->failure);
    return status;
}

pid_t cop__explore_start(struct cop__outcome *outcome, const cop_sim *sim, uint64_t seed,
    const struct cop__schedule *schedule)
{
    pid_t process;

    outcome->steps = outcome->trace = outcome->virtual_ms = 0;
    outcome->failure[0] = 0;
    outcome->recording = (struct cop__recording){ outcome->choices, COP__SIM_CHOICES_MAX, 0 };
    process = fork();
    if (process == 0) {
        be_silent();
        alarm(COP__SIM_SECONDS_MAX); /* a callback may compute for ever, which is no step */
        _exit(run(outcome, sim, seed, schedule) & 255);
    }
    return process;
}

void cop__explore_ended(struct cop__outcome *outcome, int status)
{
    outcome->status = WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

void cop__explore_await(struct cop__outcome *outcome, pid_t process)
{
    int status = 0;

    while (waitpid(process, &status, 0) < 0 && errno == EINTR)
        ;
    cop__explore_ended(outcome, status);
}
