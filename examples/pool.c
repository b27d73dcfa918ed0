/* SPDX-License-Identifier: Apache-2.0 */
/* A pool of workers: a few processes that each own something dear, and a process that lends them
 * out. Who finds none waits in line; a worker whose borrower ends comes back. */
#include <coppice.h>
#include <stdio.h>

enum { WORKERS = 2 };

struct pool {
    cop_term idle;    /* kept: a list of workers */
    cop_term waiting; /* kept: a list of callers, the first first */
    cop_term lent;    /* kept: monitors of borrowers, and the worker each has */
};

static cop_term work(void *state, cop_term arg)
{
    (void)state;
    cop_sleep(100); /* a query, say */
    return cop("{done, Arg}", arg);
}

static const cop_agent worker = { .state_size = 64 };

static cop_step init(void *state, cop_term arg)
{
    struct pool *pool = state;
    cop_term idle = cop_nil();
    cop_pid pid;

    (void)arg;
    for (int i = 0; i < WORKERS; i++) {
        cop_must(cop_agent_start_link(&pid, &worker, cop("[]")));
        idle = cop_cons(cop_from_pid(pid), idle);
    }
    cop_keep(&pool->idle, idle);
    cop_keep(&pool->waiting, cop_nil());
    cop_keep(&pool->lent, cop_map_new());
    return cop_ok();
}

/* As long as there is a worker and somebody who wants one. */
static void lend(struct pool *pool)
{
    cop_term idle = pool->idle, waiting = pool->waiting, lent = pool->lent, from, one;
    cop_pid borrower;

    while (cop_type_of(idle) == COP_TYPE_LIST && cop_list_next(&from, &waiting)) {
        cop_list_next(&one, &idle);
        cop_must(cop_match(from, "{Pid, _}", &borrower));
        lent = cop_map_put(lent, cop_from_ref(cop_monitor(borrower)), one);
        cop_reply_to(from, one);
    }
    cop_keep(&pool->lent, lent);
    cop_keep(&pool->waiting, waiting);
    cop_keep(&pool->idle, idle);
}

static cop_step handle_call(void *state, cop_term request)
{
    struct pool *pool = state;

    if (!cop_match(request, "borrow"))
        return cop_unhandled(request);
    cop_keep(&pool->waiting, cop_list_append(pool->waiting, cop_cons(cop_caller(), cop_nil())));
    lend(pool);
    return cop_noreply();
}

/* The borrower is done: it has ended. */
static cop_step handle_info(void *state, cop_term message)
{
    struct pool *pool = state;
    cop_term ref, one;

    if (cop_match(message, "{'DOWN', Ref, process, _, _}", &ref) &&
        cop_map_get(&one, pool->lent, ref)) {
        cop_keep(&pool->idle, cop_cons(one, pool->idle));
        cop_keep(&pool->lent, cop_map_remove(pool->lent, ref));
        lend(pool);
    }
    return cop_noreply();
}

static const cop_gen_server pool = {
    .name = "pool",
    .state_size = sizeof(struct pool),
    .init = init,
    .handle_call = handle_call,
    .handle_info = handle_info,
};

static cop_term job(cop_term arg)
{
    cop_pid one;

    cop_must(cop_to_pid(&one, cop_call("pool", cop("borrow"), .timeout_ms = COP_INFINITY)));
    return cop_agent_get(one, work, arg);
}

static int demo(int argc, char **argv)
{
    int64_t begun_ms = cop_monotonic_ms();
    cop_task tasks[6];
    cop_pid pid;

    (void)argc, (void)argv;
    cop_must(cop_gen_server_start_link(&pid, &pool, 0));
    for (int i = 0; i < 6; i++)
        tasks[i] = cop_task_async(job, cop_int(i));
    // expect: [{done,0},{done,1},{done,2},{done,3},{done,4},{done,5}]
    printf("%s\n", cop_show(cop_task_await_many(tasks, 6, COP_INFINITY)));
    printf("%d ms\n", (int)(cop_monotonic_ms() - begun_ms)); // expect: 300 ms
    return 0;
}

int main(int argc, char **argv)
{
    return cop_run_main_with(demo, argc, argv, &(struct cop_options){ .virtual_time = true });
}
