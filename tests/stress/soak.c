/* SPDX-License-Identifier: Apache-2.0 */
/* Everything at once, for as long as COPPICE_SOAK_SECONDS says (`make soak`; here a few): processes
 * that come and go, calls, crashes and restarts, a table, timers, a mailbox that is flooded, and
 * another node that comes and goes (R11, R25). Memory and the time of a call stay what they are,
 * every message to the bounded mailbox is counted, and at the end nobody is left who should have
 * ended. */
#include "stress/stress.h"

#include <coppice/ets.h>
#include <coppice/gen_server.h>
#include <coppice/log.h>
#include <coppice/mailbox.h>
#include <coppice/net_kernel.h>
#include <coppice/supervisor.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <sys/wait.h>

enum {
    SHORT_S = 6,
    WORKERS = 16,
    SERVERS = 4,
    KEYS = 5000,
    FLOODED_MAX = 10000,
    SAMPLES_MAX = 100000,
    PORT = 47113
};

static const char *const server_names[SERVERS] = { "soak_0", "soak_1", "soak_2", "soak_3" };
static const struct cop_net_kernel_options here = {
    .name = "soak@127.0.0.1", .cookie = "soak", .epmd = COP_EPMD_NONE, .port_min = PORT
};
static const struct cop_net_kernel_options there = {
    .name = "visitor@127.0.0.1", .cookie = "soak", .epmd = COP_EPMD_NONE, .no_listen = true
};

static struct {
    _Atomic(bool) over;
    _Atomic(int64_t) calls, failed_calls, crashes, sent_to_flooded, refused, visits;
    _Atomic(int64_t) slow_calls_us[4]; /* calls of this second below 100 us, 1 ms, 10 ms, above */
} soak;

static int soak_seconds(void)
{
    const char *wanted = getenv("COPPICE_SOAK_SECONDS");
    int seconds = wanted ? (int)strtol(wanted, NULL, 10) : 0;

    return seconds > 0 ? seconds : SHORT_S;
}

/* --- The servers -------------------------------------------------------------------------------
 */

static cop_step init(void *state, cop_term arg)
{
    (void)state, (void)arg;
    return cop_ok();
}

static cop_step handle_call(void *state, cop_term request)
{
    (void)state;
    return cop_reply(request);
}

static cop_step handle_cast(void *state, cop_term request)
{
    (void)state;
    if (cop_match(request, "crash")) {
        atomic_fetch_add(&soak.crashes, 1);
        cop_exit(cop("crash"));
    }
    return cop_noreply();
}

static const cop_gen_server server = {
    .module = "soak_server", .init = init, .handle_call = handle_call, .handle_cast = handle_cast
};

static cop_step flooded_init(void *state, cop_term arg)
{
    (void)state, (void)arg;
    cop_mailbox_set(&(struct cop_mailbox){ .messages_max = FLOODED_MAX, .when_full = COP_REFUSE });
    return cop_ok();
}

static cop_step flooded_info(void *state, cop_term message)
{
    int64_t *handled = state;

    (void)message;
    if (++*handled % 512 == 0)
        cop_sleep(1); /* it is slow */
    return cop_noreply();
}

static const cop_gen_server flooded = { .module = "soak_flooded",
    .state_size = sizeof(int64_t),
    .init = flooded_init,
    .handle_info = flooded_info };

static const cop_supervisor tree = {
    .name = "soak_tree",
    .intensity = 1000000,
    .children = COP_CHILDREN({ .name = "soak_0", .gen_server = &server },
        { .name = "soak_1", .gen_server = &server }, { .name = "soak_2", .gen_server = &server },
        { .name = "soak_3", .gen_server = &server },
        { .name = "soak_flooded", .gen_server = &flooded }, ),
};

/* --- The load ----------------------------------------------------------------------------------
 */

static void short_life(cop_term arg)
{
    cop_pid parent;

    if (cop_match(arg, "Parent", &parent))
        cop_send(parent, cop("alive"));
    cop_exit(cop("bye"));
}

static void spawn_some(struct stress_random *random)
{
    for (uint32_t i = 1 + stress_below(random, 20); i; i--) {
        cop_ref ref;

        cop_spawn_monitor(short_life, cop("Self", cop_self()), &ref);
        cop_receive_match("alive");
        cop_receive_match("{'DOWN', Ref, process, _, bye}", ref);
    }
}

static void call_one(struct stress_random *random)
{
    const char *name = server_names[stress_below(random, SERVERS)];
    int64_t begin_ns = cop_monotonic_ns(), us;
    cop_term reply;

    if (cop_try_call(&reply, name, cop("{echo, N}", 7), .timeout_ms = 10000))
        atomic_fetch_add(&soak.calls, 1);
    else
        atomic_fetch_add(&soak.failed_calls, 1);
    us = (cop_monotonic_ns() - begin_ns) / 1000;
    atomic_fetch_add(&soak.slow_calls_us[us < 100 ? 0 : us < 1000 ? 1 : us < 10000 ? 2 : 3], 1);
}

static void use_table(struct stress_random *random)
{
    cop_term table = cop("soak_table");
    int64_t key = stress_below(random, KEYS);
    char text[200];

    memset(text, 'x', sizeof text);
    switch (stress_below(random, 3)) {
    case 0:
        cop_ets_insert(
            table, cop("{K, Bytes}", key, cop_binary(text, 1 + stress_below(random, sizeof text))));
        break;
    case 1:
        cop_ets_lookup(table, cop_int(key));
        break;
    default:
        cop_ets_delete(table, cop_int(key));
    }
}

static void use_timers(struct stress_random *random)
{
    cop_ref late = cop_send_after(1000000, cop_self(), cop("late")),
            soon = cop_send_after(stress_below(random, 5), cop_self(), cop("soon"));

    (void)soon;
    cop_receive_match("soon");
    cop_cancel_timer(late);
}

static void flood(struct stress_random *random)
{
    cop_pid pid;

    if (!cop_whereis(&pid, "soak_flooded"))
        return;
    for (uint32_t i = stress_below(random, 500); i; i--) {
        atomic_fetch_add(&soak.sent_to_flooded, 1);
        if (cop_send_flags(cop_dest(pid), cop("more"), 0) == COP_SEND_OVERLOAD)
            atomic_fetch_add(&soak.refused, 1);
    }
}

static void worker(cop_term arg)
{
    struct stress_random random;
    int64_t who;

    cop_must(cop_match(arg, "N", &who));
    random = stress_random_for((uint64_t)who);
    while (!atomic_load(&soak.over)) {
        switch (stress_below(&random, 20)) {
        case 0:
            spawn_some(&random);
            break;
        case 1:
            if (stress_below(&random, 10) == 0)
                use_timers(&random);
            break;
        case 2:
            flood(&random);
            break;
        case 3:
            if (stress_below(&random, 200) == 0)
                cop_cast(server_names[stress_below(&random, SERVERS)], cop("crash"));
            break;
        case 4:
        case 5:
        case 6:
            use_table(&random);
            break;
        case 7:
            if (stress_below(&random, 10) == 0)
                cop_sleep(stress_below(&random, 3));
            break;
        default:
            call_one(&random);
        }
        cop_turn_end();
    }
}

/* --- The other node ----------------------------------------------------------------------------
 */

static int visit(int argc, char **argv)
{
    cop_term reply;
    int answered = 0;

    (void)argc, (void)argv;
    if (cop_net_kernel_start_link(NULL, &there, NULL) < 0)
        return 1;
    cop_net_kernel_route(cop_atom_new(here.name), "127.0.0.1", PORT);
    for (int i = 0; i < 200; i++)
        answered +=
            cop_try_call(&reply, cop_name("soak_1", here.name), cop("visit"), .timeout_ms = 2000);
    if (answered)
        cop_send(cop_name("soak_visits", here.name), cop("visited"));
    cop_try_call(&reply, cop_name("soak_2", here.name), cop("visit"), .timeout_ms = 2000);
    return 0;
}

/* Nodes one after the other, in a program of their own. */
static pid_t start_visitor(void)
{
    pid_t process;

    fflush(NULL);
    process = fork();
    if (process)
        return process;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;) {
        cop_run_main_with(visit, 0, NULL, &(struct cop_options){ .schedulers = 1 });
        usleep(100000);
    }
}

static void count_visits(cop_term arg)
{
    (void)arg;
    cop_register("soak_visits", cop_self());
    for (;;) {
        cop_receive_match("visited");
        atomic_fetch_add(&soak.visits, 1);
        cop_turn_end();
    }
}

/* --- What is measured --------------------------------------------------------------------------
 */

struct sample {
    double second, megabytes, slow; /* slow: part of the calls that took 10 ms and more */
};

static struct sample samples[SAMPLES_MAX];

static struct sample take_sample(double second)
{
    int64_t calls = 0, slow = 0;

    for (int i = 0; i < 4; i++) {
        int64_t count = atomic_exchange(&soak.slow_calls_us[i], 0);

        calls += count;
        slow += i == 3 ? count : 0;
    }
    return (struct sample){ second, (double)stress_resident_bytes() / (1 << 20),
        calls ? (double)slow / (double)calls : 0 };
}

/* MiB an hour, by the least squares of what is not the beginning. */
static double slope(int from, int count)
{
    double n = count - from, x = 0, y = 0, xx = 0, xy = 0;

    for (int i = from; i < count; i++) {
        x += samples[i].second;
        y += samples[i].megabytes;
        xx += samples[i].second * samples[i].second;
        xy += samples[i].second * samples[i].megabytes;
    }
    return n * xx - x * x > 0 ? (n * xy - x * y) / (n * xx - x * x) * 3600 : 0;
}

static double slow_part(int from, int until)
{
    double sum = 0;

    for (int i = from; i < until; i++)
        sum += samples[i].slow;
    return until > from ? sum / (until - from) : 0;
}

static void check_samples(int count)
{
    int tenth = count / 10, quarter = count / 4;
    double growth = samples[count - 1].megabytes - samples[tenth].megabytes; /* MiB */

    printf("%d s: %.1f MiB at first, %.1f MiB at last, %+.2f MiB an hour; calls of 10 ms and more "
           "%.4f %% at first, %.4f %% at last\n",
        count, samples[tenth].megabytes, samples[count - 1].megabytes, slope(tenth, count),
        100 * slow_part(tenth, quarter), 100 * slow_part(count - quarter, count));
    printf("MiB, a tenth of the time apart:");
    for (int i = 0; i < 10; i++)
        printf(" %.2f", samples[count * i / 10].megabytes);
    printf("\n");
    if (count >= 1800)
        CHECK(slope(tenth, count) < 1);
    else if (!STRESS_SANITIZED) /* these keep what was freed */
        CHECK(growth < 16);     /* less than that is no trend yet */
    if (count >= 60)
        CHECK(slow_part(count - quarter, count) < 2 * slow_part(tenth, quarter) + 0.01);
}

static void check_flooded(void)
{
    struct cop_mailbox_counts now = { 0 };
    cop_pid pid;

    CHECK(cop_whereis(&pid, "soak_flooded"));
    while (cop_mailbox_statistics(&now, pid) && now.messages)
        cop_sleep(1);
    CHECK_EQ_INT(now.sent, atomic_load(&soak.sent_to_flooded));
    CHECK_EQ_INT(now.refused, atomic_load(&soak.refused));
    CHECK_EQ_INT(now.sent, now.handled + now.refused + now.dropped);
    CHECK(now.messages_peak <= FLOODED_MAX);
}

static int64_t process_count(void)
{
    struct cop_node_statistics now;

    cop_statistics(&now);
    return (int64_t)now.processes;
}

static void soak_main(void)
{
    int seconds = soak_seconds(), count = 0;
    cop_ref workers[WORKERS];
    int64_t before;

    if (seconds > SAMPLES_MAX)
        seconds = SAMPLES_MAX;
    CHECK_EQ_INT(cop_net_kernel_start_link(NULL, &here, NULL), 0);
    CHECK_EQ_INT(cop_supervisor_start_link(NULL, &tree, NULL), 0);
    cop_ets_new("soak_table", .access = COP_PUBLIC, .named = true);
    cop_spawn(count_visits, cop("none"));
    cop_sleep(10);
    before = process_count();
    for (int64_t i = 0; i < WORKERS; i++)
        cop_spawn_monitor(worker, cop("N", i), &workers[i]);
    for (; count < seconds; count++) {
        cop_sleep(1000);
        samples[count] = take_sample(count);
        cop_turn_end();
    }
    atomic_store(&soak.over, true);
    for (int i = 0; i < WORKERS; i++)
        EXPECT("{'DOWN', Ref, process, _, normal}", workers[i]);
    check_flooded();
    check_samples(count);
    printf("%lld calls, %lld failed, %lld crashes, %lld messages to the bounded mailbox (%lld "
           "refused), "
           "%lld visits\n",
        (long long)atomic_load(&soak.calls), (long long)atomic_load(&soak.failed_calls),
        (long long)atomic_load(&soak.crashes), (long long)atomic_load(&soak.sent_to_flooded),
        (long long)atomic_load(&soak.refused), (long long)atomic_load(&soak.visits));
    CHECK(atomic_load(&soak.calls) > 0);
    CHECK(atomic_load(&soak.visits) > 0);
    for (int i = 0; i < 1000 && process_count() > before; i++)
        cop_sleep(10);
    CHECK(process_count() <= before);
}

/* The visitor first: a program that has run a node is not forked. */
TEST(everything_at_once)
{
    pid_t visitor = start_visitor();

    CHECK(visitor > 0);
    stress_seed();
    cop_log_set_level(COP_LOG_EMERGENCY);
    node_run(soak_main, 2);
    kill(visitor, SIGKILL);
    waitpid(visitor, NULL, 0);
}
