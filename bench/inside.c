/* SPDX-License-Identifier: Apache-2.0 */
/* What cannot be seen from outside, and so the only benchmarks that use private headers:
 * enter N (into a runtime call and out of it), context N (from one stack to another). */
#include "bench.h"

#include "base/thread.h"
#include "proc/switch.h"

static void report_each(const char *name, int64_t n, const struct watch *watch)
{
    report(name, n, watch);
    report_more("ns", (double)watch->ns / (double)n);
    report_end();
}

void bench_enter(struct params params)
{
    int64_t n = param_number(params, 0);
    struct watch watch = { 0 };

    watch_start(&watch);
    for (int64_t i = 0; i < n; i++) {
        cop__enter();
        cop__leave();
    }
    watch_stop(&watch);
    report_each("enter", n, &watch);
}

/* --- context N ------------------------------------------------------------------------------- */

static void *here, *there; /* where the two stacks are left */

static void go_back(struct cop__thr *self, struct cop__proc *left)
{
    for (;;) {
        struct cop__arrival arrival = cop__switch(&there, here, self, left);

        self = arrival.self;
        left = arrival.left;
    }
}

void bench_context(struct params params)
{
    enum { STACK_SIZE = 16384 };
    static _Alignas(64) char stack[STACK_SIZE];
    int64_t pairs = param_number(params, 0) / 2;
    struct watch watch = { 0 };

    there = cop__switch_prepare(stack + STACK_SIZE, go_back);
    watch_start(&watch);
    cop__enter(); /* on that stack nobody may look for a process */
    for (int64_t i = 0; i < pairs; i++)
        cop__switch(&here, there, NULL, NULL);
    cop__leave();
    watch_stop(&watch);
    report_each("context", 2 * pairs, &watch);
}
