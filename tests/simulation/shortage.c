/* SPDX-License-Identifier: Apache-2.0 */
/* Memory runs short, for one allocation of one process at a time: the process ends, or catches it,
 * and nobody else sees more than that. */
#include <coppice.h>
#include <string.h>

enum { CLIENTS = 3, ROUNDS = 6, WORDS = 2000 };

static int64_t acknowledged[CLIENTS]; /* of each client, since its server began */

static cop_step init(void *state, cop_term arg)
{
    (void)arg;
    *(cop_term *)state = cop_nil();
    return cop_ok();
}

/* Keeps what it is given, so it allocates again and again. */
static cop_step handle_call(void *state, cop_term request)
{
    cop_term *kept = state, item;

    if (cop_match(request, "{put, Item}", &item)) {
        cop_keep(kept, cop_cons(item, *kept));
        return cop_reply(cop("ok"));
    }
    if (cop_match(request, "length")) {
        size_t length = 0;

        cop_list_length(&length, *kept);
        return cop_reply(cop_int((int64_t)length));
    }
    return cop_unhandled(request);
}

static const cop_gen_server store = {
    .module = "store", .state_size = sizeof(cop_term), .init = init, .handle_call = handle_call
};

static const cop_supervisor tree = { .name = "tree",
    .intensity = 100000,
    .children = COP_CHILDREN({ .name = "s0", .gen_server = &store },
        { .name = "s1", .gen_server = &store }, { .name = "s2", .gen_server = &store }, ) };

static const char *const names[CLIENTS] = { "s0", "s1", "s2" };

static bool is_store(cop_pid pid, void *arg)
{
    cop_pid named;

    (void)arg;
    for (int i = 0; i < CLIENTS; i++)
        if (cop_whereis(&named, cop_atom_new(names[i])) && named.id == pid.id)
            return true;
    return false;
}

static bool tree_stands(void *arg)
{
    cop_pid pid;

    (void)arg;
    return cop_whereis(&pid, cop_atom_new("tree"));
}

/* What a store has acknowledged it has, unless it has begun anew. */
static void client(cop_term arg)
{
    cop_pid parent, before = { 0, 0 };
    int64_t me = 0;

    cop_must(cop_match(arg, "{Parent, Me}", &parent, &me));
    for (int i = 0; i < ROUNDS; i++, cop_turn_end()) {
        cop_pid now = { 0, 0 };
        cop_term reply;
        int64_t length;

        if (!cop_whereis(&now, cop_atom_new(names[me])) || now.id != before.id)
            acknowledged[me] = 0;
        before = now;
        if (cop_try_call(&reply, now, cop("{put, {item, I, [1, 2, 3]}}", i)))
            acknowledged[me]++;
        else if (!cop_match(reply, "system_limit") && !cop_match(reply, "{system_limit, _}") &&
                 !cop_match(reply, "noproc"))
            cop_sim_fail("it ended with %s", cop_show(reply));
        if (cop_try_call(&reply, now, cop("length")) && cop_to_int(&length, reply) &&
            length < acknowledged[me])
            cop_sim_fail("%d of %d are left", (int)length, (int)acknowledged[me]);
    }
    cop_send(parent, cop("done"));
}

static int shortage(int argc, char **argv)
{
    const struct cop_sim_faults faults = { .shortages = 1 + cop_sim_choose(60),
        .is_victim = is_store };
    cop_pid top;

    (void)argc, (void)argv;
    memset(acknowledged, 0, sizeof acknowledged);
    cop_log_set_level(COP_LOG_EMERGENCY);
    cop_must(cop_supervisor_start_link(&top, &tree, NULL) == 0);
    cop_sim_invariant("the tree stands", tree_stands, NULL);
    cop_sim_set_faults(&faults);
    for (int64_t i = 0; i < CLIENTS; i++)
        cop_spawn(client, cop("{Self, I}", cop_self(), i));
    for (int i = 0; i < CLIENTS; i++)
        cop_receive_match("done");
    cop_sim_set_faults(NULL);
    cop_sim_settle();
    for (int i = 0; i < CLIENTS; i++)
        cop_must(cop_match(cop_call(names[i], cop("length")), "_"));
    return 0;
}

/* By hand: each of the first allocations of a process fails once, and it says so. */
static void builder(cop_term arg)
{
    (void)arg;
    cop_receive_match("go");
    for (int i = 0; i < 10; i++) {
        cop_term list = cop_nil();

        for (int j = 0; j < WORDS; j++)
            list = cop_cons(cop_int(j), list);
        cop_free(cop_alloc(100));
        cop_turn_end();
    }
}

static int by_hand(int argc, char **argv)
{
    (void)argc, (void)argv;
    cop_log_set_level(COP_LOG_EMERGENCY);
    for (uint32_t nth = 1; nth <= 10; nth++) {
        cop_term reason;
        cop_ref ref;
        cop_pid pid = cop_spawn_monitor(builder, cop_nil(), &ref);

        cop_sim_fail_allocation(pid, nth);
        cop_send(pid, cop("go"));
        cop_receive_match("{'DOWN', Ref, process, _, Reason}", ref, &reason);
        if (!cop_match(reason, "system_limit") && !cop_match(reason, "{system_limit, _}"))
            cop_sim_fail("allocation %u failed, and it ended with %s", nth, cop_show(reason));
    }
    return 0;
}

static const cop_sim simulations[] = { { .name = "shortage", .main = shortage },
    { .name = "by_hand", .main = by_hand }, { 0 } };

int main(int argc, char **argv)
{
    return cop_sim_main(simulations, argc, argv);
}
