/* SPDX-License-Identifier: Apache-2.0 */
/* Work that is worth too little to be stolen is not left behind either. A process starts many
 * short ones, which its own scheduler does soonest, and then two more and computes until the first
 * of these has run: only another scheduler can take it. */
#include "stress/stress.h"

#include <stdatomic.h>

static _Atomic(int64_t) ran;

static void short_main(cop_term arg)
{
    (void)arg;
}

static void telling_main(cop_term arg)
{
    int64_t round;

    cop_must(cop_match(arg, "Round", &round));
    atomic_store(&ran, round);
}

static void many_short(int count)
{
    for (int i = 0; i < count; i++)
        cop_spawn_monitor(short_main, COP_NONE, &(cop_ref){ 0 });
    for (int i = 0; i < count; i++)
        EXPECT("{'DOWN', _, process, _, normal}");
    cop_turn_end();
}

STRESS(a_process_that_computes_holds_up_none)
{
    enum { PATIENCE_MS = 20000 };
    struct stress_random random = stress_random_for(1);

    for (int64_t round = 1; round <= stress_count(100, 3000, 50); round++) {
        int64_t end_ms;

        many_short((int)stress_below(&random, 2000) + 1);
        end_ms = cop_monotonic_ms() + PATIENCE_MS;
        cop_spawn(telling_main, cop("Round", round));
        cop_spawn(short_main, COP_NONE); /* pushes the first out of the slot nobody steals from */
        while (atomic_load(&ran) != round && cop_monotonic_ms() < end_ms)
            continue;
        CHECK_EQ_INT(atomic_load(&ran), round);
    }
}
