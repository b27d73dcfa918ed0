/* SPDX-License-Identifier: Apache-2.0 */
/* Partition supervisors, clause by clause (docs/spec/supervisor.md, section 15). */
#include <coppice/ets.h>
#include <coppice/partition_supervisor.h>
#include <coppice/runtime.h>

#include "conformance/told_server.h"

static cop_step init(void *state, cop_term arg)
{
    cop_keep(state, arg);
    return cop_ok();
}

static cop_step handle_call(void *state, cop_term request)
{
    cop_term reason;

    if (cop_match(request, "{stop, Reason}", &reason))
        return cop_stop(reason, .reply = cop("ok"));
    return cop_reply(cop("{Self, Arg}", cop_self(), *(cop_term *)state));
}

static const cop_gen_server holder = {
    .state_size = sizeof(cop_term), .init = init, .handle_call = handle_call
};

static cop_term with_partition(cop_term arg, int64_t partition)
{
    return cop("{Arg, Partition}", arg, partition);
}

static const cop_partition_supervisor four = {
    .name = "four", .child = { .gen_server = &holder, .arg = "start" }, .partitions = 4
};
static const cop_partition_supervisor numbered = { .name = "numbered",
    .child = { .gen_server = &holder, .arg = "start" },
    .partitions = 3,
    .with_arguments = with_partition };
static const cop_partition_supervisor usual = { .name = "usual",
    .child = { .gen_server = &holder } };

static cop_pid start(const cop_partition_supervisor *definition)
{
    cop_pid pid = { 0, 0 };

    CHECK_EQ_INT(cop_partition_supervisor_start_link(&pid, definition, NULL), 0);
    return pid;
}

/* The pid of a partition, as the supervisor knows it. */
static cop_pid child_of(const char *name, int64_t partition)
{
    cop_term children = cop_supervisor_which_children(cop_dest(name)), child;
    cop_pid pid = { 0, 0 };

    while (cop_list_next(&child, &children))
        if (cop_match(child, "{Partition, Pid, worker, _}", partition, &pid))
            break;
    return pid;
}

static cop_pid at(const char *name, cop_term key)
{
    cop_pid pid = { 0, 0 };

    cop_must(cop_match(cop_call(cop_partition(name, key), cop("who")), "{Pid, _}", &pid));
    return pid;
}

/* Ends a partition, and waits until there is another. */
static void end_one(const char *name, int64_t partition)
{
    cop_pid before = child_of(name, partition), after = before;

    cop_call(before, cop("{stop, oops}"));
    while (after.id == before.id || !after.id) {
        cop_sleep(1);
        after = child_of(name, partition);
    }
}

static void start_bad(void *arg)
{
    cop_partition_supervisor_start_link(NULL, arg, NULL);
}

/* A name and a child are needed; as many partitions as schedulers unless it says. */
CLAUSE(SUP_116)
{
    static cop_partition_supervisor bad[] = { { .child = { .gen_server = &holder } },
        { .name = "childless" },
        { .name = "few", .child = { .gen_server = &holder }, .partitions = -1 } };
    struct cop_node_statistics statistics;
    cop_term reason;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        CHECK_EQ_INT(TRY(start_bad, &bad[i], &reason), COP_CLASS_ERROR);
        CHECK_MATCH(reason, "badarg");
    }
    start(&usual);
    cop_statistics(&statistics);
    CHECK_EQ_INT(cop_partition_supervisor_partitions("usual"), statistics.schedulers);
}

/* Children 0..N-1, one for one, three restarts in five seconds. */
CLAUSE(SUP_117)
{
    cop_pid supervisor = start(&four), first, second;
    cop_ref ref;

    CHECK_MATCH(cop_sys_get_state(supervisor), "#{strategy := one_for_one}");
    for (int64_t i = 0; i < 4; i++)
        CHECK(child_of("four", i).id != 0);
    CHECK_EQ_INT(child_of("four", 4).id, 0);
    first = child_of("four", 0);
    second = child_of("four", 1);
    cop_trap_exit(true);
    ref = cop_monitor(supervisor);
    for (int i = 0; i < 3; i++)
        end_one("four", 0);
    CHECK(child_of("four", 0).id != first.id);
    CHECK(child_of("four", 1).id == second.id);
    cop_call(cop_partition("four", cop("0")), cop("{stop, oops}"));
    EXPECT("{'DOWN', Ref, process, _, shutdown}", ref);
}

/* Each partition has the argument that is made for it, after a restart too. */
CLAUSE(SUP_118)
{
    start(&four);
    CHECK_MATCH(cop_call(cop_partition("four", cop("1")), cop("who")), "{_, start}");
    start(&numbered);
    for (int64_t i = 0; i < 3; i++)
        CHECK_MATCH(
            cop_call(cop_partition("numbered", cop_int(i)), cop("who")), "{_, {start, I}}", i);
    end_one("numbered", 2);
    CHECK_MATCH(cop_call(cop_partition("numbered", cop("2")), cop("who")), "{_, {start, 2}}");
}

/* An integer of any size and sign is divided, all else hashed. */
CLAUSE(SUP_119)
{
    static const struct {
        const char *key;
        int64_t partition;
    } integers[] = { { "0", 0 }, { "7", 3 }, { "-7", 3 }, { "4", 0 }, { "-1", 1 },
        { "18446744073709551617", 1 }, { "-36893488147419103235", 3 } };
    static const char *const others[] = { "a", "{user, 7}", "\"text\"", "<<\"text\">>", "1.5" };

    start(&four);
    for (size_t i = 0; i < sizeof integers / sizeof *integers; i++) {
        cop_term key;

        cop_must(cop_parse(&key, (cop_bytes){ integers[i].key, strlen(integers[i].key) }, NULL));
        CHECK_EQ_INT(at("four", key).id, child_of("four", integers[i].partition).id);
    }
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        cop_term key;

        cop_must(cop_parse(&key, (cop_bytes){ others[i], strlen(others[i]) }, NULL));
        CHECK_EQ_INT(at("four", key).id, child_of("four", cop_phash2(key, 4)).id);
    }
}

/* The same key reaches what has been started anew. */
CLAUSE(SUP_120)
{
    cop_pid before, after;

    start(&four);
    before = at("four", cop("k"));
    end_one("four", cop_phash2(cop("k"), 4));
    after = at("four", cop("k"));
    CHECK(after.id != before.id);
    CHECK(cop_is_alive(after));
}

static void call_nobody(void *arg)
{
    (void)arg;
    cop_call(cop_partition("nobody", cop("k")), cop("who"));
}

static void start_as_partition(void *arg)
{
    struct cop_gen_options options = { .name = cop_partition("four", cop("k")) };

    *(int *)arg = cop_gen_server_start_with(NULL, NULL, &holder, cop("a"), 0, &options, NULL);
}

/* No such supervisor; and no name for another to take. */
CLAUSE(SUP_121)
{
    cop_term reason;
    int result = 0;

    CHECK_EQ_INT(TRY(call_nobody, NULL, &reason), COP_CLASS_EXIT);
    CHECK_MATCH(reason, "{noproc, {'Elixir.PartitionSupervisor', partitions, [nobody]}}");
    start(&four);
    CHECK(TRY(start_as_partition, &result, NULL) != COP_CLASS_NONE || result == -COP_EALREADY);
}

CLAUSE(SUP_122)
{
    start(&four);
    CHECK_EQ_INT(cop_partition_supervisor_partitions("four"), 4);
    CHECK_MATCH(cop_supervisor_which_children(cop_dest("four")),
        "[{3, _, worker, _}, {2, _, _, _}, {1, _, _, _}, {0, _, _, _}]");
    CHECK_TERM(cop_supervisor_count_children(cop_dest("four")),
        "[{specs,4},{active,4},{supervisors,0},{workers,4}]");
}

static void resize_four(void *arg)
{
    cop_partition_supervisor_resize("four", *(int64_t *)arg);
}

/* Fewer, none, and again as many as at the start; keys follow. */
CLAUSE(SUP_123)
{
    int64_t too_many = 5, below = -1;
    cop_pid third;

    start(&four);
    third = child_of("four", 3);
    CHECK_EQ_INT(cop_partition_supervisor_resize("four", 2), 4);
    CHECK(!cop_is_alive(third));
    CHECK_EQ_INT(cop_partition_supervisor_partitions("four"), 2);
    CHECK_EQ_INT(at("four", cop("7")).id, child_of("four", 1).id);
    CHECK_EQ_INT(TRY(resize_four, &too_many, NULL), COP_CLASS_ERROR);
    CHECK_EQ_INT(TRY(resize_four, &below, NULL), COP_CLASS_ERROR);
    CHECK_EQ_INT(cop_partition_supervisor_resize("four", 0), 2);
    CHECK_EQ_INT(cop_partition_supervisor_partitions("four"), 0);
    CHECK(TRY(start_as_partition, &(int){ 0 }, NULL) != COP_CLASS_NONE);
    CHECK_EQ_INT(cop_partition_supervisor_resize("four", 4), 0);
    CHECK_EQ_INT(at("four", cop("7")).id, child_of("four", 3).id);
}
