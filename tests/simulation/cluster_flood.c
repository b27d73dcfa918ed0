/* SPDX-License-Identifier: Apache-2.0 */
/* Calls from other nodes to a server with a bounded mailbox (OVL-13, OVL-14): one that does not get
 * in, or is dropped, ends with overload at once; one whose caller gave up is skipped where the
 * server wants that; every one of them is counted once, and none leaves a monitor behind. */
#include "cluster.h"

enum { CLIENTS = 4, CALLS = 12 };

struct shared {
    bool ready;
    int when_full, finished; /* clients */
    bool skips;
    int done, overloads, timeouts, late; /* calls that ended so; those that were handled after it */
    bool given_up[2 * CLIENTS][CALLS];
    struct cop_mailbox_counts counts;
    bool counted;
};

static struct shared *shared(void)
{
    return cop_sim_memory();
}

/* --- The server --------------------------------------------------------------------------------
 */

static cop_step init(void *state, cop_term arg)
{
    (void)state, (void)arg;
    cop_mailbox_set(&(struct cop_mailbox){ .messages_max = 2,
        .when_full = (enum cop_when_full)shared()->when_full,
        .skip_given_up = shared()->skips });
    return cop_ok();
}

static cop_step handle_call(void *state, cop_term request)
{
    int64_t client, number;

    (void)state;
    cop_must(cop_match(request, "{Client, Number}", &client, &number));
    shared()->late += shared()->given_up[client][number];
    cop_sleep(cop_sim_choose(300));
    return cop_reply(request);
}

static const cop_gen_server server = {
    .name = "server", .module = "server", .init = init, .handle_call = handle_call
};

static int serve(int argc, char **argv)
{
    cop_term watchers;
    cop_pid pid;

    (void)argc, (void)argv;
    join_cluster();
    cop_must(cop_gen_server_start_link(&pid, &server, cop("none")));
    shared()->ready = true;
    while (shared()->finished < 2 * CLIENTS)
        cop_sleep(1000);
    cop_sleep(10000);
    cop_must(cop_mailbox_statistics(&shared()->counts, pid));
    watchers = cop_process_info(pid, "monitored_by");
    if (!cop_match(watchers, "{_, []}"))
        cop_sim_fail("who watches it still: %s", cop_show(watchers));
    shared()->counted = true;
    return 0;
}

/* --- Clients -----------------------------------------------------------------------------------
 */

static void client(cop_term arg)
{
    int64_t self;

    cop_must(cop_match(arg, "I", &self));
    for (int64_t i = 0; i < CALLS; i++) {
        bool patient = cop_sim_choose(2);
        cop_term reply;

        if (cop_try_call(&reply, cop_name("server", node_names[1]), cop("{Self, I}", self, i),
                .timeout_ms = patient ? 30000 : 1 + cop_sim_choose(600)))
            shared()->done++;
        else if (cop_match(reply, "overload"))
            shared()->overloads++;
        else if (!patient && cop_match(reply, "timeout"))
            shared()->timeouts++;
        else
            cop_sim_fail("a call ended with %s", cop_show(reply));
        shared()->given_up[self][i] = true;
        if (cop_sim_choose(3) == 1)
            cop_sleep(cop_sim_choose(200));
        cop_turn_end();
    }
    if (!cop_is_none(cop_receive_within(10000)))
        cop_sim_fail("something came late");
    shared()->finished++;
}

static void begin_clients(int first)
{
    for (int i = first; i < first + CLIENTS; i++)
        cop_spawn(client, cop("I", i));
}

static int call_from_elsewhere(int argc, char **argv)
{
    (void)argc, (void)argv;
    join_cluster();
    begin_clients(CLIENTS);
    while (!shared()->counted)
        cop_sleep(1000);
    return 0;
}

/* What the clients saw against what the mailbox counted. A refusal may cross the caller's time-out.
 */
static void check(void)
{
    const struct cop_mailbox_counts *now = &shared()->counts;
    int64_t kept_out = (int64_t)(now->refused + now->dropped);

    cop_sim_note(
        "%d done, %d overload, %d timeout; %d handled, %d of these late, %d refused, %d dropped, "
        "%d skipped",
        shared()->done, shared()->overloads, shared()->timeouts, (int)now->handled, shared()->late,
        (int)now->refused, (int)now->dropped, (int)now->skipped);
    if (now->sent != 2 * CLIENTS * CALLS || now->messages ||
        now->sent != now->handled + now->refused + now->dropped + now->skipped)
        cop_sim_fail("%d sent = %d handled + %d refused + %d dropped + %d skipped", (int)now->sent,
            (int)now->handled, (int)now->refused, (int)now->dropped, (int)now->skipped);
    if (shared()->overloads > kept_out || kept_out > shared()->overloads + shared()->timeouts)
        cop_sim_fail(
            "%d calls ended with overload, %d did not get in", shared()->overloads, (int)kept_out);
    if (now->skipped && !shared()->skips)
        cop_sim_fail("calls are skipped");
}

static int flood(int argc, char **argv)
{
    (void)argc, (void)argv;
    shared()->when_full = (int)cop_sim_choose(3);
    shared()->skips = cop_sim_choose(2);
    join_cluster();
    cop_sim_set_faults(
        &(struct cop_sim_faults){ .delay_max_ms = 1 + cop_sim_choose(30), .pauses = 1 });
    start_node(1, serve);
    while (!shared()->ready)
        cop_sleep(10);
    start_node(2, call_from_elsewhere);
    begin_clients(0);
    while (!shared()->counted)
        cop_sleep(1000);
    check();
    return 0;
}

static const cop_sim simulations[] = {
    { .name = "flood", .main = flood, .steps_max = 300000, .several_nodes = true }, { 0 }
};

int main(int argc, char **argv)
{
    return cop_sim_main(simulations, argc, argv);
}
