/* SPDX-License-Identifier: Apache-2.0 */
/* From a run that fails to a simpler one that fails in the same way. Layer 7.
 *
 * The hard idea: a run is the list of its choices, and 0 is the usual thing at each of them. So a
 * simpler run has more zeros. First all behind some place, then blocks, which become smaller: what
 * remains when single ones cannot be taken out is the story of the failure. Choices shift when one
 * before them changes what happens; the list is followed by place all the same, and only the
 * outcome counts. */
#include "sim/explore.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

enum { RUNS_MAX = 2000 };
static const uint64_t search_max_ns = 60000000000;

struct search {
    const struct cop__outcome *failed;
    const cop_sim *sim;
    uint64_t seed;
    struct cop__outcome *outcome;
    uint32_t *values, *trial;
    size_t count;
    unsigned runs;
    uint64_t end_ns; /* of real time */
};

static bool is_over(const struct search *search)
{
    return search->runs >= RUNS_MAX || cop__clock_monotonic_ns() >= search->end_ns;
}

static bool same_failure(const struct cop__outcome *a, const struct cop__outcome *b)
{
    return a->status == b->status && strcmp(a->failure, b->failure) == 0;
}

/* Does the run of trial fail as the first did? Then it is the new one to begin from. */
static bool try(struct search *search)
{
    const struct cop__schedule schedule = { search->trial, search->count };
    pid_t process;

    search->runs++;
    process = cop__explore_start(search->outcome, search->sim, search->seed, &schedule);
    if (process < 0)
        return false;
    cop__explore_await(search->outcome, process);
    if (!same_failure(search->outcome, search->failed))
        return false;
    memcpy(search->values, search->trial, search->count * sizeof *search->values);
    return true;
}

static bool try_without(struct search *search, size_t from, size_t until)
{
    bool any = false;

    for (size_t i = from; i < until && !any; i++)
        any = search->values[i] != 0;
    if (!any)
        return false;
    memcpy(search->trial, search->values, search->count * sizeof *search->trial);
    memset(search->trial + from, 0, (until - from) * sizeof *search->trial);
    return try(search);
}

/* The shortest list of choices, the rest 0, by halves. */
static void shorten(struct search *search)
{
    size_t low = 0, high = search->count;

    while (low < high && !is_over(search)) {
        size_t middle = low + (high - low) / 2;

        if (try_without(search, middle, search->count))
            high = middle;
        else
            low = middle + 1;
    }
    while (search->count && !search->values[search->count - 1])
        search->count--;
}

/* False: nothing could be taken out. */
static bool take_blocks_out(struct search *search)
{
    bool any = false;

    for (size_t size = search->count; size; size /= 2) {
        for (size_t at = 0; at < search->count && !is_over(search); at += size) {
            size_t until = at + size < search->count ? at + size : search->count;

            any = try_without(search, at, until) || any;
        }
    }
    while (search->count && !search->values[search->count - 1])
        search->count--;
    return any;
}

bool cop__shrink(struct cop__schedule *ret_schedule, const struct cop__outcome *failed,
    const cop_sim *sim, uint64_t seed)
{
    size_t count = failed->recording.count;
    struct search search = { .failed = failed, .sim = sim, .seed = seed, .count = count };

    *ret_schedule = (struct cop__schedule){ NULL, 0 };
    if (count > failed->recording.max || failed->status == -SIGALRM)
        return false; /* the list is not whole, or it would take hours */
    search.end_ns = cop__clock_monotonic_ns() + search_max_ns;
    search.outcome = cop__outcome_new();
    search.values = malloc((count + 1) * sizeof *search.values);
    search.trial = malloc((count + 1) * sizeof *search.trial);
    if (search.outcome && search.values && search.trial) {
        memcpy(search.values, failed->choices, count * sizeof *search.values);
        memcpy(search.trial, search.values, count * sizeof *search.values);
        if (try(&search)) {
            shorten(&search);
            while (take_blocks_out(&search) && !is_over(&search))
                ;
            *ret_schedule = (struct cop__schedule){ search.values, search.count };
            search.values = NULL;
        }
    }
    free(search.values);
    free(search.trial);
    cop__outcome_free(search.outcome);
    return ret_schedule->values != NULL;
}
