/* SPDX-License-Identifier: Apache-2.0 */
/* Timers (P-110 to P-119): each one comes once, not early and after those that were due before, or
 * was cancelled and never comes; what cancel says is true. And waits with a time-out end. */
#include <coppice.h>

enum { TIMERS = 24 };

struct timer {
    cop_ref ref;
    int64_t due_ms;
    bool fired, cancelled;
};

static struct timer timers[TIMERS];
static int64_t last_due_ms, last_number; /* of those that came */

static void fired(int64_t number)
{
    struct timer *timer = &timers[number];
    int64_t now_ms = cop_monotonic_ms();

    if (timer->fired || timer->cancelled)
        cop_sim_fail("timer %d came %s", (int)number, timer->fired ? "twice" : "though cancelled");
    if (now_ms < timer->due_ms)
        cop_sim_fail("timer %d was %d ms early", (int)number, (int)(timer->due_ms - now_ms));
    if (timer->due_ms < last_due_ms || (timer->due_ms == last_due_ms && number < last_number))
        cop_sim_fail("timer %d came after %d", (int)number, (int)last_number);
    timer->fired = true;
    last_due_ms = timer->due_ms;
    last_number = number;
}

static void take_all(int64_t timeout_ms)
{
    int64_t number;

    while (cop_receive_match_within(timeout_ms, "{tick, N}", &number)) {
        fired(number);
        cop_turn_end();
    }
}

static void cancel(int64_t number)
{
    struct timer *timer = &timers[number];
    int64_t left_ms = cop_cancel_timer(timer->ref), came;

    if (left_ms >= 0) {
        if (timer->fired || timer->cancelled)
            cop_sim_fail("timer %d was cancelled, and had ended before", (int)number);
        timer->cancelled = true;
    } else if (!timer->fired && !timer->cancelled) {
        if (!cop_receive_match_within(0, "{tick, N}", number))
            cop_sim_fail("timer %d is no more, and its message is not here", (int)number);
        came = last_number;
        timer->fired = true; /* taken out of order */
        last_number = came;
    }
}

/* Sleeps in steps: a time-out that is set while another one is armed later or earlier. */
static void sleeper(cop_term arg)
{
    cop_pid parent;

    cop_must(cop_match(arg, "Parent", &parent));
    for (int i = 0; i < 4; i++) {
        int64_t wait_ms = cop_sim_choose(50), begin_ms = cop_monotonic_ms();

        if (!cop_is_none(cop_receive_within(wait_ms)) && cop_monotonic_ms() - begin_ms > wait_ms)
            cop_sim_fail("a wait did not end");
    }
    cop_send(parent, cop("awake"));
}

/* A server whose time-out is set anew by each message. */
static cop_step init(void *state, cop_term parent)
{
    *(cop_pid *)state = (cop_pid){ 0, 0 };
    cop_must(cop_match(parent, "Parent", (cop_pid *)state));
    return cop_ok(.timeout_ms = 40);
}

static cop_step handle_cast(void *state, cop_term request)
{
    int64_t timeout_ms = 0;

    (void)state;
    cop_must(cop_match(request, "{wait, Ms}", &timeout_ms));
    return cop_noreply(.timeout_ms = timeout_ms);
}

static cop_step handle_info(void *state, cop_term message)
{
    if (cop_match(message, "timeout"))
        cop_send(*(cop_pid *)state, cop("awake"));
    return cop_stop(cop("normal"));
}

static const cop_gen_server idler = { .module = "idler",
    .state_size = sizeof(cop_pid),
    .init = init,
    .handle_cast = handle_cast,
    .handle_info = handle_info };

static int timers_main(int argc, char **argv)
{
    int64_t count = 1 + cop_sim_choose(TIMERS - 1), started = 0;
    cop_pid server;

    (void)argc, (void)argv;
    cop_sim_set_faults(
        &(struct cop_sim_faults){ .pauses = cop_sim_choose(50), .pause_max_ms = 20 });
    cop_spawn(sleeper, cop("Self", cop_self()));
    cop_must(cop_gen_server_start(&server, &idler, cop_self()));
    while (started < count) {
        switch (cop_sim_choose(6)) {
        case 3:
            if (started)
                cancel(cop_sim_choose((uint32_t)started));
            break;
        case 4:
            take_all(cop_sim_choose(8));
            break;
        case 5:
            cop_cast(server, cop("{wait, Ms}", 1 + (int64_t)cop_sim_choose(60)));
            break;
        default: {
            int64_t in_ms = cop_sim_choose(12);

            timers[started].due_ms = cop_monotonic_ms() + in_ms;
            timers[started].ref = cop_send_after(in_ms, cop_self(), cop("{tick, N}", started));
            started++;
        }
        }
        if (timers[started ? started - 1 : 0].due_ms < last_due_ms)
            last_due_ms = 0;
    }
    take_all(1000);
    for (int64_t i = 0; i < started; i++)
        if (!timers[i].fired && !timers[i].cancelled)
            cop_sim_fail("timer %d never came", (int)i);
    cop_receive_match("awake");
    cop_receive_match("awake");
    return 0;
}

static const cop_sim simulations[] = { { .name = "timers", .main = timers_main }, { 0 } };

int main(int argc, char **argv)
{
    return cop_sim_main(simulations, argc, argv);
}
