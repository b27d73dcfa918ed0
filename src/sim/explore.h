/* SPDX-License-Identifier: Apache-2.0 */
/* Runs of simulations, each in an operating-system process of its own. */
#ifndef COP_SIM_EXPLORE_H
#define COP_SIM_EXPLORE_H

#include <coppice/sim.h>

#include "proc/simulate.h"

enum { COP__SIM_CHOICES_MAX = 1 << 20, COP__SIM_SECONDS_MAX = 60 /* of real time, a run */ };

/* How a run ended. It lies in memory that both processes see. */
struct cop__outcome {
    uint64_t steps, trace, virtual_ms;
    int status; /* of the program: 0 is good; minus a signal that ended it */
    char failure[COP__SIM_TEXT];
    struct cop__recording recording;
    uint32_t choices[COP__SIM_CHOICES_MAX];
};

struct cop__outcome *cop__outcome_new(void); /* NULL: no memory */
void cop__outcome_free(struct cop__outcome *outcome);
bool cop__outcome_failed(const struct cop__outcome *outcome);

/* Starts a run that writes to outcome. schedule NULL: by the seed. Returns its process, or -1. */
pid_t cop__explore_start(struct cop__outcome *outcome, const cop_sim *sim, uint64_t seed,
    const struct cop__schedule *schedule);
void cop__explore_await(struct cop__outcome *outcome, pid_t process);
void cop__explore_ended(struct cop__outcome *outcome, int status); /* status of waitpid */

/* Takes out of the choices of a failed run what is not needed for the failure. ret_schedule->values
 * is a block of its own. */
bool cop__shrink(struct cop__schedule *ret_schedule, const struct cop__outcome *failed,
    const cop_sim *sim, uint64_t seed);

#endif
