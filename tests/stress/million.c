/* SPDX-License-Identifier: Apache-2.0 */
/* A million idle processes that own no stack: all start, each answers, and each costs at most 320
 * bytes. */
#include "stress/stress.h"

static void handle(void *state, cop_term message)
{
    cop_pid from;

    (void)state;
    if (cop_match(message, "{ping, From}", &from))
        cop_send(from, cop("pong"));
}

static const cop_loop loop = { .handle_message = handle };

static void idle_loop_main(cop_term arg)
{
    cop_pid owner;

    cop_must(cop_to_pid(&owner, arg));
    cop_send(owner, cop("ready"));
    cop_become(&loop, NULL);
}

STRESS(a_million_idle_loops)
{
    int count = stress_count(1000000, 1000000, 100000), batch = 1000;
    int64_t before, bytes, start_ns = cop_monotonic_ns();
    cop_pid *pids = malloc((size_t)count * sizeof *pids);
    struct cop_node_statistics now;

    memset(pids, 0, (size_t)count * sizeof *pids); /* resident before the count begins */
    for (int i = 0; i < batch; i++)                /* and what the first ones leave in caches */
        cop_spawn(idle_loop_main, cop("Self", cop_self()));
    for (int i = 0; i < batch; i++)
        EXPECT("ready");
    cop_turn_end();
    before = stress_resident_bytes();
    for (int made = 0; made < count; made += batch) {
        for (int i = 0; i < batch; i++)
            pids[made + i] = cop_spawn(idle_loop_main, cop("Self", cop_self()));
        for (int i = 0; i < batch; i++)
            EXPECT("ready");
        cop_turn_end();
    }
    bytes = (stress_resident_bytes() - before) / count;
    cop_statistics(&now);
    CHECK(now.processes >= (uint64_t)count);
    printf("%d idle processes: %" PRId64 " bytes each, all there after %d ms\n", count, bytes,
        (int)((cop_monotonic_ns() - start_ns) / 1000000));
    if (!STRESS_SANITIZED)
        CHECK(bytes <= 320);
    for (int sent = 0; sent < count; sent += batch) {
        for (int i = 0; i < batch; i++)
            cop_send(pids[sent + i], cop("{ping, Self}", cop_self()));
        for (int i = 0; i < batch; i++)
            EXPECT("pong");
        cop_turn_end();
    }
    free(pids);
    NOTHING();
}
