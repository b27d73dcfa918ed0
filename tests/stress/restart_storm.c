/* SPDX-License-Identifier: Apache-2.0 */
/* R1: one supervised worker crashes and is restarted 100,000 times (COPPICE_RESTARTS in place of
 * that). Memory after the first tenth and at the end may differ by 2 % or 1 MiB, and no process is
 * left over. */
#include "stress/stress.h"

#include <coppice/gen_server.h>
#include <coppice/log.h>
#include <coppice/supervisor.h>

static cop_step init(void *state, cop_term arg)
{
    (void)state, (void)arg;
    cop_send("storm", cop("{up, Self}", cop_self()));
    return cop_ok();
}

static const cop_gen_server worker = { .module = "worker", .state_size = 64, .init = init };
static const cop_supervisor tree = { .intensity = INT32_MAX,
    .children = COP_CHILDREN({ .name = "worker", .gen_server = &worker }, ) };

static int64_t count_processes(void)
{
    size_t count = 0;

    cop_list_length(&count, cop_processes());
    return (int64_t)count;
}

static void storm(cop_term arg)
{
    const char *wanted = getenv("COPPICE_RESTARTS");
    int64_t restarts = wanted ? strtol(wanted, NULL, 10) : 100000, warm_bytes = 0;
    int64_t processes, began_ms = cop_monotonic_ms();
    cop_pid sup, pid;

    (void)arg;
    cop_register("storm", cop_self());
    cop_log_set_level(COP_LOG_EMERGENCY);
    cop_must(cop_supervisor_start_link(&sup, &tree, NULL));
    EXPECT("{up, Pid}", &pid);
    processes = count_processes();
    for (int64_t i = 0; i < restarts; i++) {
        cop_exit_signal(pid, cop("kill"));
        EXPECT("{up, Pid}", &pid);
        cop_turn_end();
        if (i == restarts / 10)
            warm_bytes = stress_resident_bytes();
    }
    int64_t grown = stress_resident_bytes() - warm_bytes;

    /* the address sanitizer keeps freed memory back, so that its use is seen */
    CHECK(STRESS_SANITIZED || grown < 1024 * 1024 || grown < warm_bytes / 50);
    CHECK_EQ_INT(count_processes(), processes);
    printf("%lld restarts in %lld ms, memory grew by %lld KiB\n", (long long)restarts,
        (long long)(cop_monotonic_ms() - began_ms), (long long)(grown / 1024));
    cop_send("main", cop("done"));
    (void)cop_receive_match("never");
}

static void run(void)
{
    cop_register("main", cop_self());
    cop_spawn(storm, COP_NONE);
    CHECK(cop_receive_match_within(280 * 1000, "done"));
}

TEST(restart_storm)
{
    node_run(run, 1);
    node_run(run, 2);
}
