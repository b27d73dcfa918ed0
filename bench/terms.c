/* SPDX-License-Identifier: Apache-2.0 */
/* What the small things cost by themselves: match N, build N (cop_match and cop of a 3-tuple) and
 * switch N (a yield between two processes). They print ns=, nanoseconds for one. */
#include "bench.h"

enum { BUILDS_A_TURN = 100 };

static void report_each(const char *name, int64_t n, const struct watch *watch)
{
    report(name, n, watch);
    report_more("ns", (double)watch->ns / (double)n);
    report_end();
}

void bench_match(struct params params)
{
    int64_t n = param_number(params, 0), value, sum = 0;
    cop_term message = cop("{put, Key, Value}", cop_text("a key"), 7), key;
    struct watch watch = { 0 };

    watch_start(&watch);
    for (int64_t i = 0; i < n; i++) {
        __asm__ volatile("" : "+r"(message.word)); /* not known to be the same each time */
        if (cop_match(message, "{put, Key, Value}", &key, &value))
            sum += value;
    }
    watch_stop(&watch);
    require(sum == n * 7);
    report_each("match", n, &watch);
}

void bench_build(struct params params)
{
    int64_t turns = param_number(params, 0) / BUILDS_A_TURN, value;
    cop_term key = COP_NONE, last = COP_NONE;
    struct watch watch = { 0 };

    cop_keep(&key, cop_text("a key"));
    watch_start(&watch);
    for (int64_t i = 0; i < turns; i++) {
        cop_turn_end();
        for (int64_t j = 0; j < BUILDS_A_TURN; j++)
            last = cop("{put, Key, Value}", key, j);
    }
    watch_stop(&watch);
    require(cop_match(last, "{put, _, Value}", &value) && value == BUILDS_A_TURN - 1);
    report_each("build", turns * BUILDS_A_TURN, &watch);
}

/* --- switch N -------------------------------------------------------------------------------- */

static void yield_main(cop_term arg)
{
    cop_pid reporter;
    int64_t n;

    cop_must(cop_match(arg, "{Reporter, N}", &reporter, &n));
    cop_receive_match("go");
    for (int64_t i = 0; i < n; i++)
        cop_yield();
    cop_send(reporter, cop("done"));
}

void bench_switch(struct params params)
{
    int64_t each = param_number(params, 0) / 2;
    cop_term arg = cop("{Reporter, N}", cop_self(), each);
    cop_pid a = cop_spawn_link(yield_main, arg), b = cop_spawn_link(yield_main, arg);
    struct watch watch = { 0 };

    watch_start(&watch);
    cop_send(a, cop("go"));
    cop_send(b, cop("go"));
    cop_receive_match("done");
    cop_receive_match("done");
    watch_stop(&watch);
    report_each("switch", each * 2, &watch);
}
