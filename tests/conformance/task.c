/* SPDX-License-Identifier: Apache-2.0 */
/* Tasks, clause by clause (docs/spec/task.md). */
#include <coppice/task.h>
#include <stdatomic.h>

#include "conformance/told_server.h"

/* The work of most of these: a term says what to do. */
static cop_term work(cop_term arg)
{
    cop_term value;
    cop_pid pid;
    int64_t ms;

    if (cop_match(arg, "{give, Value}", &value))
        return value;
    if (cop_match(arg, "{error, Value}", &value))
        cop_error(value);
    if (cop_match(arg, "{exit, Value}", &value))
        cop_exit(value);
    if (cop_match(arg, "{throw, Value}", &value))
        cop_throw(value);
    if (cop_match(arg, "{sleep, Ms, Value}", &ms, &value)) {
        cop_sleep(ms);
        return value;
    }
    if (cop_match(arg, "{trap, Pid}", &pid)) { /* ignores shutdown */
        cop_trap_exit(true);
        cop_send(pid, cop("trapping"));
        cop_sleep(COP_INFINITY);
    }
    if (cop_match(arg, "{trap_and_give, Pid}", &pid)) { /* gives a result when told to shut down */
        cop_trap_exit(true);
        cop_send(pid, cop("trapping"));
        cop_receive_match("{'EXIT', _, _}");
        return cop("last_words");
    }
    if (cop_match(arg, "{tell, Pid}", &pid)) {
        cop_send(pid, cop("{told, Self, Ancestors, Callers}", cop_self(),
                          cop_get(cop("'$ancestors'")), cop_get(cop("'$callers'"))));
        return cop("told");
    }
    if (cop_match(arg, "self"))
        return cop_from_pid(cop_self());
    return cop("{did, Arg}", arg);
}

static cop_task give(const char *value)
{
    return cop_task_async(work, cop("{give, Value}", cop_atom_new(value)));
}

static void until_gone(cop_task task)
{
    while (cop_is_alive(task.pid))
        cop_sleep(1);
}

/* What a task is, and what its owner receives: the result, then the end. also: TSK-02, TSK-03 */
CLAUSE(TSK_01)
{
    cop_task task = give("x");

    CHECK(task.owner.id == cop_self().id && task.pid.id && task.ref.id);
    CHECK_MATCH(cop_receive_within(WAIT_MS), "{Ref, x}", task.ref);
    CHECK_MATCH(
        cop_receive_within(WAIT_MS), "{'DOWN', Ref, process, Pid, normal}", task.ref, task.pid);
    NOTHING();
}

/* A trapping owner hears of the end through the link as well. */
CLAUSE(TSK_04)
{
    cop_task task;

    cop_trap_exit(true);
    task = give("x");
    CHECK_TERM(cop_task_await(task, 0), "x");
    EXPECT("{'EXIT', Pid, normal}", task.pid);
    NOTHING();
}

/* Tasks without a result. */
CLAUSE(TSK_05)
{
    cop_pid pid;

    cop_trap_exit(true);
    pid = cop_task_start_link(work, cop("{exit, why}"));
    EXPECT("{'EXIT', Pid, why}", pid);
    pid = cop_task_start(work, cop("{tell, Self}", cop_self()));
    EXPECT("{told, Pid, _, _}", pid);
    NOTHING();
}

static cop_term nested(cop_term arg)
{
    cop_task_await(cop_task_async(work, arg), 0);
    return cop_from_pid(cop_self());
}

/* Ancestors and callers, of a task in a task too. */
CLAUSE(TSK_06)
{
    cop_term outer = COP_NONE, ancestors = COP_NONE, callers = COP_NONE;

    outer = cop_task_await(cop_task_async(nested, cop("{tell, Self}", cop_self())), 0);
    EXPECT("{told, _, Ancestors, Callers}", &ancestors, &callers);
    CHECK(cop_match(callers, "[Outer, Self]", outer, cop_self()));
    CHECK(cop_match(ancestors, "[Outer, Self | _]", outer, cop_self()));
}

/* A failure is reported once and ends the task. */
CLAUSE(TSK_08)
{
    static const char *const ends[] = { "{error, oops}", "{throw, oops}", "{exit, oops}" };

    for (int i = 0; i < 3; i++) {
        cop_term what = COP_NONE, reason = COP_NONE;
        cop_pid pid;

        cop_parse(&what, (cop_bytes){ ends[i], strlen(ends[i]) }, NULL);
        cop_trap_exit(true);
        watch_log();
        pid = cop_task_start_link(work, what);
        EXPECT("{log, 3, #{label := {'Elixir.Task.Supervisor', terminating}}, _}");
        unwatch_log();
        EXPECT("{'EXIT', Pid, Reason}", pid, &reason);
        CHECK(i != 0 || cop_match(reason, "{oops, [_ | _]}"));
        CHECK(i != 1 || cop_match(reason, "{{nocatch, oops}, [_ | _]}"));
        CHECK(i != 2 || cop_match(reason, "oops"));
        while (cop_receive_match_within(SHORT_MS, "{log, _, _, _}"))
            ;
    }
}

/* A task without a process. also: TSK-28 */
CLAUSE(TSK_09)
{
    cop_task task = cop_task_completed(cop("x"));
    cop_term value = COP_NONE;

    CHECK(task.pid.id == 0);
    CHECK_TERM(cop_task_await(task, 0), "x");
    CHECK_EQ_INT(cop_task_shutdown(&value, cop_task_completed(cop("y")), 0), COP_TASK_OK);
    CHECK_TERM(value, "y");
    CHECK_EQ_INT(cop_task_ignore(&value, cop_task_completed(cop("z"))), COP_TASK_OK);
    NOTHING();
}

/* await leaves nothing behind. */
CLAUSE(TSK_10)
{
    CHECK_TERM(cop_task_await(give("x"), 0), "x");
    CHECK_TERM(cop_task_await(cop_task_async(work, cop("{sleep, 5, y}")), COP_INFINITY), "y");
    NOTHING();
}

struct asking {
    cop_task task;
    int64_t timeout_ms;
    int what;
};

static void run_ask(void *arg)
{
    const struct asking *asking = arg;
    cop_task two[2] = { asking->task, asking->task };
    cop_term value;

    switch (asking->what) {
    case 0:
        cop_task_await(asking->task, asking->timeout_ms);
        break;
    case 1:
        cop_task_yield(&value, asking->task, asking->timeout_ms);
        break;
    case 2:
        cop_task_shutdown(&value, asking->task, asking->timeout_ms);
        break;
    case 3:
        cop_task_ignore(&value, asking->task);
        break;
    default:
        cop_task_await_many(two, 1, asking->timeout_ms);
    }
}

/* Only the owner may ask. */
CLAUSE(TSK_11)
{
    struct asking asking = { give("x"), 0, 0 };
    cop_term reason = COP_NONE;

    asking.task.owner = cop_spawn(idle_main, cop_nil());
    for (asking.what = 0; asking.what < 5; asking.what++) {
        CHECK_EQ_INT(TRY(run_ask, &asking, &reason), COP_CLASS_ERROR);
        CHECK_MATCH(reason, "{badarg, _}");
    }
}

/* A task that died: its reason, and what was asked. */
CLAUSE(TSK_12)
{
    struct asking asking = { .what = 0 };
    cop_term reason = COP_NONE;

    cop_trap_exit(true);
    asking.task = cop_task_async(work, cop("{exit, normal}"));
    CHECK_EQ_INT(TRY(run_ask, &asking, &reason), COP_CLASS_EXIT);
    CHECK_MATCH(reason, "{normal, {'Elixir.Task', await, [#{pid := _, owner := _}, 5000]}}");
    asking.task = cop_task_async(work, cop("{error, oops}"));
    CHECK_EQ_INT(TRY(run_ask, &asking, &reason), COP_CLASS_EXIT);
    CHECK_MATCH(reason, "{{oops, [_ | _]}, {'Elixir.Task', await, _}}");
    asking.task = cop_task_async(work, cop("{sleep, 20000, x}"));
    cop_exit_signal(asking.task.pid, cop("kill"));
    CHECK_EQ_INT(TRY(run_ask, &asking, &reason), COP_CLASS_EXIT);
    CHECK_MATCH(reason, "{killed, _}");
}

/* A time-out, after which no result comes; a second await runs into one too. also: TSK-15 */
CLAUSE(TSK_13)
{
    struct asking asking = { cop_task_async(work, cop("{sleep, 20, x}")), 5, 0 };
    cop_term reason = COP_NONE;

    CHECK_EQ_INT(TRY(run_ask, &asking, &reason), COP_CLASS_EXIT);
    CHECK_MATCH(reason, "{timeout, {'Elixir.Task', await, [_, 5]}}");
    until_gone(asking.task);
    NOTHING();
    asking.task = give("x");
    CHECK_TERM(cop_task_await(asking.task, 0), "x");
    CHECK_EQ_INT(TRY(run_ask, &asking, &reason), COP_CLASS_EXIT);
    CHECK_MATCH(reason, "{timeout, _}");
}

/* Many, in their order, within one time. also: TSK-17 */
CLAUSE(TSK_16)
{
    struct asking asking = { .what = 4, .timeout_ms = 5 };
    cop_task tasks[3];
    cop_term reason = COP_NONE;

    tasks[0] = cop_task_async(work, cop("{sleep, 10, a}"));
    tasks[1] = give("b");
    tasks[2] = cop_task_async(work, cop("{sleep, 5, c}"));
    CHECK_TERM(cop_task_await_many(tasks, 3, 0), "[a,b,c]");
    CHECK_TERM(cop_task_await_many(tasks, 0, 0), "[]");
    NOTHING();
    cop_trap_exit(true);
    asking.task = cop_task_async(work, cop("{sleep, 20, a}"));
    CHECK_EQ_INT(TRY(run_ask, &asking, &reason), COP_CLASS_EXIT);
    CHECK_MATCH(reason, "{timeout, {'Elixir.Task', await_many, [[_], 5]}}");
    asking.timeout_ms = 0;
    asking.task = cop_task_async(work, cop("{exit, why}"));
    CHECK_EQ_INT(TRY(run_ask, &asking, &reason), COP_CLASS_EXIT);
    CHECK_MATCH(reason, "{why, {'Elixir.Task', await_many, _}}");
}

/* yield, again and again. */
CLAUSE(TSK_18)
{
    cop_task task = cop_task_async(work, cop("{sleep, 15, x}"));
    cop_term value = COP_NONE;
    int times = 0;

    CHECK_EQ_INT(cop_task_yield(&value, task, COP_AT_ONCE), COP_TASK_NOTHING);
    while (cop_task_yield(&value, task, 1) == COP_TASK_NOTHING)
        times++;
    CHECK_TERM(value, "x");
    CHECK(times > 0);
    cop_trap_exit(true);
    CHECK_EQ_INT(
        cop_task_yield(&value, cop_task_async(work, cop("{exit, why}")), 0), COP_TASK_EXIT);
    CHECK_TERM(value, "why");
    CHECK_EQ_INT(
        cop_task_yield(&value, cop_task_async(work, cop("{exit, normal}")), 0), COP_TASK_EXIT);
    CHECK_TERM(value, "normal");
}

/* yield_many: what becomes of those that are late, and how many are waited for. */
CLAUSE(TSK_20)
{
    enum cop_task_outcome outcomes[3];
    cop_term values[3];
    cop_task tasks[3];

    cop_trap_exit(true);
    tasks[0] = give("a");
    tasks[1] = cop_task_async(work, cop("{sleep, 20000, b}"));
    tasks[2] = cop_task_async(work, cop("{exit, c}"));
    CHECK_EQ_INT((int)cop_task_yield_many(outcomes, values, tasks, 3, 400, COP_TASK_LEAVE, 0), 2);
    CHECK_EQ_INT(outcomes[0], COP_TASK_OK);
    CHECK_EQ_INT(outcomes[1], COP_TASK_NOTHING);
    CHECK_EQ_INT(outcomes[2], COP_TASK_EXIT);
    CHECK_TERM(values[0], "a");
    CHECK_TERM(values[2], "c");
    CHECK(cop_is_alive(tasks[1].pid));
    CHECK_EQ_INT((int)cop_task_yield_many(outcomes, values, tasks + 1, 1, 5, COP_TASK_KILL, 0), 0);
    CHECK(!cop_is_alive(tasks[1].pid));
    tasks[0] = cop_task_async(work, cop("{sleep, 20000, b}"));
    tasks[1] = give("b");
    CHECK_EQ_INT(
        (int)cop_task_yield_many(outcomes, values, tasks, 2, COP_INFINITY, COP_TASK_KILL, 1), 1);
    CHECK_EQ_INT(outcomes[1], COP_TASK_OK);
    CHECK(cop_is_alive(tasks[0].pid));
    CHECK_EQ_INT((int)cop_task_yield_many(outcomes, values, tasks, 1, 5, COP_TASK_IGNORE, 0), 0);
    CHECK(cop_is_alive(tasks[0].pid));
}

/* Told to shut down: nothing if it did, its result if there is one, killed if it does not.
 * also: TSK-22, TSK-25 */
CLAUSE(TSK_21)
{
    cop_task task = cop_task_async(work, cop("{sleep, 20000, x}"));
    cop_term value = COP_NONE;

    CHECK_EQ_INT(cop_task_shutdown(&value, task, 0), COP_TASK_NOTHING);
    CHECK(!cop_is_alive(task.pid));
    task = give("x");
    until_gone(task);
    CHECK_EQ_INT(cop_task_shutdown(&value, task, 0), COP_TASK_OK);
    CHECK_TERM(value, "x");
    task = cop_task_async(work, cop("{trap_and_give, Self}", cop_self()));
    EXPECT("trapping");
    CHECK_EQ_INT(cop_task_shutdown(&value, task, 0), COP_TASK_OK);
    CHECK_TERM(value, "last_words");
    task = cop_task_async(work, cop("{trap, Self}", cop_self()));
    EXPECT("trapping");
    CHECK_EQ_INT(cop_task_shutdown(&value, task, 10), COP_TASK_EXIT);
    CHECK_TERM(value, "killed");
    NOTHING();
}

/* Killed at once. */
CLAUSE(TSK_23)
{
    cop_task task = cop_task_async(work, cop("{trap, Self}", cop_self()));
    cop_term value = COP_NONE;

    EXPECT("trapping");
    CHECK_EQ_INT(cop_task_shutdown(&value, task, COP_BRUTAL_KILL), COP_TASK_NOTHING);
    task = give("x");
    until_gone(task);
    CHECK_EQ_INT(cop_task_shutdown(&value, task, COP_BRUTAL_KILL), COP_TASK_OK);
    NOTHING();
}

/* One that has ended before. */
CLAUSE(TSK_24)
{
    cop_task task;
    cop_term value = COP_NONE;

    cop_trap_exit(true);
    task = cop_task_async(work, cop("{exit, why}"));
    until_gone(task);
    CHECK_EQ_INT(cop_task_shutdown(&value, task, 0), COP_TASK_EXIT);
    CHECK_TERM(value, "why");
    CHECK_EQ_INT(cop_task_shutdown(&value, task, 0), COP_TASK_EXIT);
    CHECK_TERM(value, "noproc");
    task = cop_task_async(work, cop("{exit, normal}"));
    until_gone(task);
    CHECK_EQ_INT(cop_task_shutdown(&value, task, 0), COP_TASK_EXIT);
    CHECK_TERM(value, "normal");
}

static void owner_of_stubborn(cop_term arg)
{
    cop_task task = cop_task_async(work, cop("{sleep, 20000, x}"));
    cop_term value;
    cop_pid pid;

    cop_must(cop_match(arg, "Pid", &pid));
    cop_send(pid, cop("{task, Pid}", task.pid));
    cop_task_shutdown(&value, task, COP_INFINITY);
}

/* Whenever the owner is killed while it shuts a task down, the task ends. */
CLAUSE(TSK_26)
{
    for (int i = 0; i < 50; i++) {
        cop_pid owner = cop_spawn(owner_of_stubborn, cop("Self", cop_self())), task = { 0, 0 };

        EXPECT("{task, Pid}", &task);
        cop_exit_signal(owner, cop("kill"));
        reason_of_exit(owner);
        reason_of_exit(task);
        cop_turn_end();
    }
}

/* Not wanted any more: it runs on, and nothing comes. */
CLAUSE(TSK_27)
{
    cop_task task = cop_task_async(work, cop("{sleep, 10, x}"));
    cop_term value = COP_NONE;

    CHECK_EQ_INT(cop_task_ignore(&value, task), COP_TASK_NOTHING);
    CHECK(cop_is_alive(task.pid));
    until_gone(task);
    NOTHING();
    task = give("x");
    until_gone(task);
    CHECK_EQ_INT(cop_task_ignore(&value, task), COP_TASK_OK);
    CHECK_TERM(value, "x");
}

static void owner_main(cop_term arg)
{
    cop_task task = cop_task_async(work, cop("{sleep, 20000, x}"));
    cop_term reason;
    cop_pid pid;

    cop_must(cop_match(arg, "{Pid, Reason}", &pid, &reason));
    cop_send(pid, cop("{task, Pid}", task.pid));
    cop_exit(reason);
}

/* The owner's abnormal end is the task's, a normal one is not. also: TSK-30 */
CLAUSE(TSK_29)
{
    cop_pid task = { 0, 0 };

    cop_spawn(owner_main, cop("{Self, why}", cop_self()));
    EXPECT("{task, Pid}", &task);
    reason_of_exit(task);
    cop_spawn(owner_main, cop("{Self, normal}", cop_self()));
    EXPECT("{task, Pid}", &task);
    cop_sleep(5);
    CHECK(cop_is_alive(task));
}

static void fragile_owner(cop_term arg)
{
    (void)arg;
    cop_task_await(cop_task_async(work, cop("{exit, oops}")), 0);
}

/* A linked task takes its owner along. */
CLAUSE(TSK_32)
{
    cop_ref ref;

    cop_spawn_monitor(fragile_owner, cop_nil(), &ref);
    EXPECT_DOWN(ref, "oops");
}

/* --- Streams ---------------------------------------------------------------------------------- */

static cop_term list_of(int count, const char *pattern_of_first)
{
    cop_term list = cop_nil();

    (void)pattern_of_first;
    for (int i = count; i >= 1; i--)
        list = cop_cons(cop("{give, N}", i), list);
    return list;
}

static void run_bad_stream(void *arg)
{
    const struct cop_task_stream_options *options = arg;

    cop_task_stream_with(cop("[a]"), work, options);
}

/* Nothing runs before it is asked for; bad options. */
CLAUSE(TSK_33)
{
    struct cop_task_stream_options bad = { .max_concurrency = -1 };
    cop_term list = cop("[{tell, Self}]", cop_self());
    cop_task_stream *stream = cop_task_stream_new(list, work);
    cop_term result = COP_NONE;

    NEVER("{told, _, _, _}");
    CHECK(cop_task_stream_next(&result, stream));
    CHECK_TERM(result, "{ok,told}");
    EXPECT("{told, _, _, _}");
    CHECK(!cop_task_stream_next(&result, stream));
    cop_task_stream_free(stream);
    CHECK_EQ_INT(TRY(run_bad_stream, &bad, NULL), COP_CLASS_ERROR);
}

/* In the order of the input, or as they come. also: TSK-35, TSK-37 */
CLAUSE(TSK_34)
{
    cop_term list = cop("[{sleep, 20, a}, {sleep, 1, b}]"), result = COP_NONE;
    cop_task_stream *stream = cop_task_stream_new(list, work, .max_concurrency = 2);

    CHECK(cop_task_stream_next(&result, stream));
    CHECK_TERM(result, "{ok,a}");
    CHECK(cop_task_stream_next(&result, stream));
    CHECK_TERM(result, "{ok,b}");
    CHECK(!cop_task_stream_next(&result, stream));
    cop_task_stream_free(stream);
    stream = cop_task_stream_new(list, work, .max_concurrency = 2, .unordered = true);
    CHECK(cop_task_stream_next(&result, stream));
    CHECK_TERM(result, "{ok,b}");
    CHECK(cop_task_stream_next(&result, stream));
    CHECK_TERM(result, "{ok,a}");
    cop_task_stream_free(stream);
    NOTHING();
}

static _Atomic(int) running, most;

static cop_term counted(cop_term arg)
{
    int now = atomic_fetch_add(&running, 1) + 1, before = atomic_load(&most);

    while (now > before && !atomic_compare_exchange_weak(&most, &before, now))
        ;
    cop_sleep(1);
    atomic_fetch_sub(&running, 1);
    return arg;
}

/* Never more than so many at once; a slow first one does not stop the others. */
CLAUSE(TSK_36)
{
    cop_task_stream *stream = cop_task_stream_new(list_of(30, ""), counted, .max_concurrency = 3);
    cop_term result = COP_NONE;
    int seen = 0;

    atomic_store(&most, 0);
    while (cop_task_stream_next(&result, stream)) {
        seen++;
        CHECK(cop_match(result, "{ok, {give, N}}", seen));
    }
    cop_task_stream_free(stream);
    CHECK_EQ_INT(seen, 30);
    CHECK(atomic_load(&most) <= 3);
    stream = cop_task_stream_new(
        cop("[{sleep, 30, slow}, {tell, Self}, {tell, Self}, {tell, Self}]", cop_self()), work,
        .max_concurrency = 2);
    CHECK(cop_task_stream_next(&result, stream));
    CHECK_TERM(result, "{ok,slow}");
    for (int i = 0; i < 3; i++)
        CHECK(cop_receive_match_within(0, "{told, _, _, _}")); /* they ran meanwhile */
    cop_task_stream_free(stream);
}

static void run_slow_stream(void *arg)
{
    cop_term result;
    cop_task_stream *stream =
        cop_task_stream_new(cop("[{sleep, 20000, x}]"), work, .timeout_ms = 5);

    (void)arg;
    cop_task_stream_next(&result, stream);
}

/* Each has its own time; when it is over the consumer exits, or that piece is killed.
 * also: TSK-39, TSK-40, TSK-42 */
CLAUSE(TSK_38)
{
    cop_term reason = COP_NONE, result = COP_NONE;
    cop_task_stream *stream;

    CHECK_EQ_INT(TRY(run_slow_stream, NULL, &reason), COP_CLASS_EXIT);
    CHECK_MATCH(reason, "{timeout, {'Elixir.Task.Supervised', stream, [5]}}");
    stream = cop_task_stream_new(cop("[{sleep, 20000, x}, {give, y}, {sleep, 10, z}]"), work,
        .timeout_ms = 500, .kill_on_timeout = true, .max_concurrency = 1);
    CHECK(cop_task_stream_next(&result, stream));
    CHECK_TERM(result, "{exit,timeout}");
    CHECK(cop_task_stream_next(&result, stream));
    CHECK_TERM(result, "{ok,y}");
    CHECK(cop_task_stream_next(&result, stream));
    CHECK_TERM(result, "{ok,z}");
    cop_task_stream_free(stream);
    stream = cop_task_stream_new(cop("[{sleep, 20000, x}]"), work, .timeout_ms = 5,
        .kill_on_timeout = true, .zip_input_on_exit = true);
    CHECK(cop_task_stream_next(&result, stream));
    CHECK_TERM(result, "{exit,{{sleep,20000,x},timeout}}");
    cop_task_stream_free(stream);
    NOTHING();
}

static void fragile_consumer(cop_term arg)
{
    cop_task_stream *stream = cop_task_stream_new(arg, work);
    cop_term result;

    while (cop_task_stream_next(&result, stream))
        ;
}

/* A crash takes a linked consumer along; a trapping one, or one that is not linked, gets it. */
CLAUSE(TSK_41)
{
    cop_term list = cop("[{give, a}, {exit, oops}, {give, b}]"), result = COP_NONE;
    cop_task_stream *stream;
    cop_ref ref;

    cop_spawn_monitor(fragile_consumer, list, &ref);
    EXPECT_DOWN(ref, "oops");
    for (int i = 0; i < 2; i++) {
        cop_trap_exit(i == 0);
        stream = cop_task_stream_new(list, work, .no_link = i == 1);
        CHECK(cop_task_stream_next(&result, stream));
        CHECK_TERM(result, "{ok,a}");
        CHECK(cop_task_stream_next(&result, stream));
        CHECK_TERM(result, "{exit,oops}");
        CHECK(cop_task_stream_next(&result, stream));
        CHECK_TERM(result, "{ok,b}");
        cop_task_stream_free(stream);
        NOTHING(); /* TSK-44 */
    }
}

static bool take_two(cop_term result, void *arg)
{
    int *seen = arg;

    (void)result;
    return ++*seen < 2;
}

static bool take_badly(cop_term result, void *arg)
{
    (void)result, (void)arg;
    cop_error(cop("oops"));
}

struct each {
    cop_term list;
    cop_task_take_fn *take;
    int seen;
};

static void run_each(void *arg)
{
    struct each *each = arg;
    struct cop_task_stream_options options = { .max_concurrency = 4 };

    cop_task_stream_each(each->list, work, &options, each->take, &each->seen);
}

/* Stopped early, or by what the consumer raises, what runs is killed. also: TSK-44, TSK-45 */
CLAUSE(TSK_43)
{
    struct each each = { COP_NONE, take_two, 0 };
    cop_pid pid = { 0, 0 };
    cop_term reason = COP_NONE;

    each.list = cop("[{give, a}, {give, b}, {trap, Self}, {trap, Self}]", cop_self());
    CHECK_EQ_INT(TRY(run_each, &each, &reason), COP_CLASS_NONE);
    CHECK_EQ_INT(each.seen, 2);
    each.take = take_badly;
    CHECK_EQ_INT(TRY(run_each, &each, &reason), COP_CLASS_ERROR);
    CHECK_TERM(reason, "oops");
    while (cop_receive_match_within(0, "trapping"))
        ;
    NOTHING();
    CHECK_MATCH(cop_process_info(cop_self(), "links"), "{links, []}");
    (void)pid;
}

/* Of nothing. */
CLAUSE(TSK_46)
{
    cop_task_stream *stream = cop_task_stream_new(cop("[]"), work);
    cop_term result = COP_NONE;

    CHECK(!cop_task_stream_next(&result, stream));
    cop_task_stream_free(stream);
    cop_task_stream_free(NULL);
}

static void consumer_main(cop_term arg)
{
    cop_task_stream *stream = cop_task_stream_new(arg, work);
    cop_term result;

    while (cop_task_stream_next(&result, stream))
        ;
}

/* The consumer's death ends the tasks. */
CLAUSE(TSK_47)
{
    cop_term list = cop("[{tell, Self}, {sleep, 20000, x}]", cop_self()), links = COP_NONE, link;
    cop_pid consumer = cop_spawn(consumer_main, list), task = { 0, 0 };

    EXPECT("{told, _, _, _}");
    while (!task.id) { /* the one that sleeps */
        cop_match(cop_process_info(consumer, "links"), "{links, Links}", &links);
        if (cop_list_next(&link, &links))
            cop_to_pid(&task, link);
        cop_sleep(1);
    }
    cop_exit_signal(consumer, cop("why"));
    reason_of_exit(task);
}
