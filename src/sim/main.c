/* SPDX-License-Identifier: Apache-2.0 */
/* The main function of a program of simulations, and a single run. Layer 7. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sim/explore.h"
#include "sim/run.h"

enum { SEEDS = 200, JOBS_MAX = 64, TWICE_EVERY = 16 };

struct arguments {
    const char *program;
    const char *names[32];
    size_t name_count;
    uint64_t seeds, from, seed;
    struct cop__schedule schedule;
    long jobs;
    bool one, story, quiet;
};

/* --- One run, in this process --------------------------------------------------------------------
 */

static int run_here(const cop_sim *sim, uint64_t seed, const struct cop__schedule *schedule,
    bool story, struct cop__sim_run *ret_run)
{
    *ret_run = (struct cop__sim_run){
        .seed = seed ? seed : 1, .schedule = schedule, .steps_max = sim->steps_max
    };
    if (story || cop__sim_story_wanted())
        ret_run->story = stderr;
    return cop__sim_run(sim, ret_run);
}

static void print_run(const struct cop__sim_run *run, int status)
{
    fprintf(stderr, "coppice: simulated seed %llu: %llu steps, %llu.%03llu s, trace %016llx: %s\n",
        (unsigned long long)run->seed, (unsigned long long)run->steps,
        (unsigned long long)run->virtual_ms / 1000, (unsigned long long)run->virtual_ms % 1000,
        (unsigned long long)run->trace,
        *run->failure ? run->failure
        : status      ? "it returned another status than 0"
                      : "passed");
}

int cop_simulate(uint64_t seed, cop_main *fn)
{
    const cop_sim sim = { .name = "simulation", .main = fn };
    struct cop__sim_run run;
    int status = run_here(&sim, seed, NULL, false, &run);

    if (status) {
        print_run(&run, status);
        fprintf(stderr, "coppice: its story: run this program with COPPICE_SIM_STORY=1\n");
    }
    return status;
}

/* --- Arguments -----------------------------------------------------------------------------------
 */

/* "12:1,40:3": the choices that are not 0, by their place. */
static bool parse_schedule(struct cop__schedule *ret_schedule, const char *text)
{
    uint32_t *values = calloc(COP__SIM_CHOICES_MAX, sizeof *values);
    size_t count = 0;

    while (values && *text) {
        char *end;
        unsigned long place = strtoul(text, &end, 10), value;

        if (*end != ':' || place >= COP__SIM_CHOICES_MAX)
            break;
        text = end + 1;
        value = strtoul(text, &end, 10);
        if (end == text || value > UINT32_MAX || (*end && *end != ','))
            break;
        values[place] = (uint32_t)value;
        count = place + 1 > count ? place + 1 : count;
        text = *end ? end + 1 : end;
    }
    if (!values || *text || !count) {
        free(values);
        return false;
    }
    *ret_schedule = (struct cop__schedule){ values, count };
    return true;
}

static bool number(uint64_t *ret_value, const char *text)
{
    char *end;

    if (!text || !*text)
        return false;
    errno = 0;
    *ret_value = strtoull(text, &end, 0);
    return !*end && !errno;
}

static bool option(struct arguments *arguments, const char *name, const char *value, bool *ret_took)
{
    uint64_t jobs;

    *ret_took = true;
    if (strcmp(name, "--seeds") == 0)
        return number(&arguments->seeds, value);
    if (strcmp(name, "--from") == 0)
        return number(&arguments->from, value);
    if (strcmp(name, "--seed") == 0)
        return arguments->one = number(&arguments->seed, value);
    if (strcmp(name, "--schedule") == 0)
        return arguments->one = value && parse_schedule(&arguments->schedule, value);
    if (strcmp(name, "--jobs") == 0) {
        bool good = number(&jobs, value) && jobs >= 1 && jobs <= JOBS_MAX;

        arguments->jobs = good ? (long)jobs : 1;
        return good;
    }
    *ret_took = false;
    return strcmp(name, "--story") == 0 && (arguments->story = true);
}

static bool parse_arguments(struct arguments *arguments, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        bool took;

        if (argv[i][0] != '-') {
            if (arguments->name_count == sizeof arguments->names / sizeof *arguments->names)
                return false;
            arguments->names[arguments->name_count++] = argv[i];
            continue;
        }
        if (!option(arguments, argv[i], i + 1 < argc ? argv[i + 1] : NULL, &took)) {
            fprintf(stderr, "%s: %s is no option, or has a wrong value\n", argv[0], argv[i]);
            return false;
        }
        i += took;
    }
    return true;
}

static bool is_wanted(const struct arguments *arguments, const cop_sim *sim)
{
    for (size_t i = 0; i < arguments->name_count; i++)
        if (strcmp(arguments->names[i], sim->name) == 0)
            return true;
    return !arguments->name_count;
}

static bool names_exist(const struct arguments *arguments, const cop_sim *simulations)
{
    for (size_t i = 0; i < arguments->name_count; i++) {
        const cop_sim *sim = simulations;

        while (sim->name && strcmp(sim->name, arguments->names[i]) != 0)
            sim++;
        if (sim->name)
            continue;
        fprintf(stderr, "%s: there is no simulation %s; there are:", arguments->program,
            arguments->names[i]);
        for (sim = simulations; sim->name; sim++)
            fprintf(stderr, " %s", sim->name);
        fprintf(stderr, "\n");
        return false;
    }
    return true;
}

/* --- Many seeds ----------------------------------------------------------------------------------
 */

/* As parse_schedule takes it; one that chooses nothing is 0:0. */
static void print_schedule(const struct cop__schedule *schedule)
{
    const char *between = "";

    for (size_t i = 0; i < schedule->count; i++) {
        if (schedule->values[i])
            fprintf(stderr, "%s%zu:%u", between, i, schedule->values[i]);
        between = schedule->values[i] ? "," : between;
    }
    if (!*between)
        fprintf(stderr, "0:0");
}

static void print_failure(
    const struct arguments *arguments, const cop_sim *sim, uint64_t seed, struct cop__outcome *run)
{
    struct cop__schedule schedule = { NULL, 0 };
    struct cop__sim_run again;

    fprintf(stderr, "%s: seed %llu fails after %llu steps: ", sim->name, (unsigned long long)seed,
        (unsigned long long)run->steps);
    if (run->status == -SIGALRM)
        fprintf(stderr, "it was still computing after %d s of real time\n", COP__SIM_SECONDS_MAX);
    else if (run->status < 0)
        fprintf(stderr, "signal %d (%s)\n", -run->status, strsignal(-run->status));
    else
        fprintf(stderr, "%s\n", *run->failure ? run->failure : "it returned another status than 0");
    fprintf(stderr, "  again:      %s %s --seed %llu --story\n", arguments->program, sim->name,
        (unsigned long long)seed);
    if (cop__shrink(&schedule, run, sim, seed)) {
        size_t count = 0;

        for (size_t i = 0; i < schedule.count; i++)
            count += schedule.values[i] != 0;
        fprintf(stderr, "  simplest:   %s %s --seed %llu --story --schedule ", arguments->program,
            sim->name, (unsigned long long)seed);
        print_schedule(&schedule);
        fprintf(
            stderr, "\n  that is %zu choices of %zu. Its story:\n", count, run->recording.count);
    } else {
        fprintf(stderr, "  it could not be made simpler. Its story:\n");
    }
    fflush(NULL);
    run_here(sim, seed, schedule.values ? &schedule : NULL, true, &again);
    free((void *)schedule.values);
}

struct job {
    struct cop__outcome *outcome;
    pid_t process; /* 0: none */
    uint64_t seed;
};

struct exploration {
    const struct arguments *arguments;
    const cop_sim *sim;
    struct cop__outcome *second; /* of a seed that is run twice */
    uint64_t next, end, done, steps, failed_seed;
    struct cop__outcome *failed; /* NULL: none */
};

/* The same seed once more must be the same run. */
static void check_twice(struct exploration *exploration, struct job *job)
{
    pid_t process = cop__explore_start(exploration->second, exploration->sim, job->seed, NULL);

    if (process < 0)
        return;
    cop__explore_await(exploration->second, process);
    if (exploration->second->trace != job->outcome->trace ||
        exploration->second->steps != job->outcome->steps)
        snprintf(job->outcome->failure, sizeof job->outcome->failure,
            "not the same run again: trace %016llx, then %016llx; something depends on what is not "
            "the seed's",
            (unsigned long long)job->outcome->trace,
            (unsigned long long)exploration->second->trace);
}

static void ended(struct exploration *exploration, struct job *job, int status)
{
    cop__explore_ended(job->outcome, status);
    job->process = 0;
    if (!cop__outcome_failed(job->outcome) && job->seed % TWICE_EVERY == 0)
        check_twice(exploration, job);
    exploration->done++;
    exploration->steps += job->outcome->steps;
    if (!cop__outcome_failed(job->outcome) ||
        (exploration->failed && exploration->failed_seed < job->seed))
        return;
    exploration->failed = job->outcome;
    exploration->failed_seed = job->seed;
}

static bool start_next(struct exploration *exploration, struct job *job)
{
    if (exploration->failed || exploration->next >= exploration->end)
        return false;
    job->seed = exploration->next++;
    job->process = cop__explore_start(job->outcome, exploration->sim, job->seed, NULL);
    if (job->process > 0)
        return true;
    fprintf(stderr, "%s: cannot fork: %s\n", exploration->arguments->program, strerror(errno));
    job->process = 0;
    return false;
}

static void run_jobs(struct exploration *exploration, struct job *jobs, long count)
{
    long running = 0;

    for (long i = 0; i < count; i++)
        running += start_next(exploration, &jobs[i]);
    while (running > 0) {
        int status = 0;
        pid_t process = waitpid(-1, &status, 0);

        for (long i = 0; i < count; i++) {
            if (process <= 0 || jobs[i].process != process)
                continue;
            ended(exploration, &jobs[i], status);
            running--;
            running += start_next(exploration, &jobs[i]);
            break;
        }
    }
}

static bool explore(const struct arguments *arguments, const cop_sim *sim)
{
    struct exploration exploration = { .arguments = arguments,
        .sim = sim,
        .next = arguments->from,
        .end = arguments->from + arguments->seeds };
    struct job jobs[JOBS_MAX] = { 0 };
    bool good = true;

    exploration.second = cop__outcome_new();
    for (long i = 0; i < arguments->jobs; i++)
        good = (jobs[i].outcome = cop__outcome_new()) && good;
    if (good && exploration.second) {
        run_jobs(&exploration, jobs, arguments->jobs);
        if (exploration.failed)
            print_failure(arguments, sim, exploration.failed_seed, exploration.failed);
        else
            printf("%s: %llu seeds from %llu, %llu steps, all passed\n", sim->name,
                (unsigned long long)exploration.done, (unsigned long long)arguments->from,
                (unsigned long long)exploration.steps);
    } else {
        fprintf(stderr, "%s: no memory\n", arguments->program);
    }
    good = good && !exploration.failed && exploration.done == arguments->seeds;
    for (long i = 0; i < arguments->jobs; i++)
        cop__outcome_free(jobs[i].outcome);
    cop__outcome_free(exploration.second);
    return good;
}

/* Addresses are the same in each run: what depends on them by mistake can be found, and a story is
 * the same to the byte. */
static void fix_addresses(char **argv)
{
    int old = personality(0xffffffff);

    if (old == -1 || (old & ADDR_NO_RANDOMIZE) ||
        personality((unsigned long)old | ADDR_NO_RANDOMIZE) == -1)
        return;
    execv("/proc/self/exe", argv); /* it comes back only when it cannot */
}

int cop_sim_main(const cop_sim *simulations, int argc, char **argv)
{
    struct arguments arguments = { .program = argv[0],
        .seeds = SEEDS,
        .from = 1,
        .seed = 1,
        .jobs = sysconf(_SC_NPROCESSORS_ONLN) };
    int status = 0;

    if (!parse_arguments(&arguments, argc, argv) || !names_exist(&arguments, simulations))
        return 1;
    fix_addresses(argv);
    if (arguments.jobs < 1 || arguments.jobs > JOBS_MAX)
        arguments.jobs = arguments.jobs < 1 ? 1 : JOBS_MAX;
    for (const cop_sim *sim = simulations; sim->name; sim++) {
        if (!is_wanted(&arguments, sim))
            continue;
        if (arguments.one) {
            struct cop__sim_run run;
            int result = run_here(sim, arguments.seed,
                arguments.schedule.values ? &arguments.schedule : NULL, arguments.story, &run);

            print_run(&run, result);
            status = result ? 1 : status;
        } else if (!explore(&arguments, sim)) {
            status = 1;
        }
    }
    free((void *)arguments.schedule.values);
    return status;
}
