/* SPDX-License-Identifier: Apache-2.0 */
/* R12: processes come and go without end: memory, slots and stacks come back, and the node is as it
 * was. */
#include "stress/stress.h"

#include <coppice/log.h>

static void child_main(cop_term arg)
{
    int64_t n = 0;

    /* some of what a process can own */
    cop_must(cop_match(arg, "{N, _}", &n));
    if (n % 8 == 0) {
        cop_put(cop("key"), arg);
        memset(cop_alloc(500), 1, 500);
    }
    if (n % 16 == 1)
        cop_send_after(600000, cop_self(), arg);
    if (n % 16 == 2)
        cop_monitor(cop_parent());
    if (n % 32 == 3)
        cop_register("short_lived", cop_self());
    if (n % 64 == 4)
        cop_error(cop("crash"));
    if (n % 2)
        cop_send(cop_self(), arg); /* dies with mail */
}

static void generations(int64_t count, cop_term payload)
{
    enum { BATCH = 500 };

    for (int64_t done = 0; done < count; done += BATCH) {
        for (int64_t i = 0; i < BATCH; i++)
            cop_spawn_monitor(child_main, cop("{N, P}", done + i, payload), &(cop_ref){ 0 });
        for (int i = 0; i < BATCH; i++)
            EXPECT("{'DOWN', _, process, _, _}");
        cop_turn_end();
        payload = cop("{a, [b, c], \"payload\"}");
    }
}

STRESS(all_comes_back)
{
    int64_t count = stress_count(300000, 20000000, 40000), before_bytes, after_bytes, start_ns;
    struct cop_node_statistics before, after;

    cop_log_set_level(COP_LOG_EMERGENCY);
    generations(count / 4, cop("first"));
    cop_statistics(&before);
    before_bytes = stress_resident_bytes();
    start_ns = cop_monotonic_ns();
    generations(count, cop("next"));
    printf("%" PRId64 " processes, %d each second\n", count,
        (int)(count * 1000000000 / (cop_monotonic_ns() - start_ns)));
    after_bytes = stress_resident_bytes();
    cop_statistics(&after); /* a slot comes back a moment after the 'DOWN' */
    for (int waits = 0; after.processes > 1 && waits < 1000; waits++) {
        cop_sleep(1);
        cop_statistics(&after);
    }
    CHECK_EQ_INT(after.processes, 1);
    CHECK(after.spawned - before.spawned >= (uint64_t)count);
    CHECK(after.stacks <= before.stacks + 64);
    if (!STRESS_SANITIZED)
        CHECK(after_bytes - before_bytes < 4 * 1024 * 1024);
    NOTHING();
}
