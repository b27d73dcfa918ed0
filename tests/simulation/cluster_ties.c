/* SPDX-License-Identifier: Apache-2.0 */
/* Links and monitors between nodes that are cut, split and killed (D-66, D-67, D-83): each tie ends
 * once, with the reason of the process or with noconnection; nothing of a process comes after its
 * own end was told; and a link that one side still has, the other has too. */
#include "cluster.h"

enum { WORKERS = 6, MONITORS = 24, OPERATIONS = 30 };

struct worker {
    cop_pid pid;
    int64_t seen; /* the last number that came from it */
    bool linked, ended;
};

struct watch {
    cop_ref ref;
    struct worker *who; /* NULL: told, or given up */
    bool named;
};

struct watcher {
    struct worker workers[WORKERS];
    struct watch watches[MONITORS];
    size_t worker_count, watch_count;
    bool peace;
};

/* --- The other nodes ---------------------------------------------------------------------------
 */

static bool is_linked(cop_pid pid)
{
    cop_term links;

    cop_must(cop_match(cop_process_info(cop_self(), "links"), "{links, Links}", &links));
    return cop_list_member(cop_from_pid(pid), links);
}

/* Counts for its watcher, and says what links it has when asked. */
static cop_term work(cop_term arguments)
{
    cop_pid watcher;
    int64_t number = 0;
    cop_term reason;

    cop_must(cop_match(arguments, "[Watcher]", &watcher));
    for (;;) {
        cop_term message = cop_receive();

        if (cop_match(message, "count"))
            cop_send(watcher, cop("{Self, N}", cop_self(), ++number));
        else if (cop_match(message, "links"))
            cop_send(watcher, cop("{links, Self, Linked}", cop_self(), is_linked(watcher)));
        else if (cop_match(message, "{stop, Reason}", &reason))
            cop_exit(reason);
        cop_turn_end();
    }
}

static int other(int argc, char **argv)
{
    (void)argc, (void)argv;
    cop_export("test", "work", 1, work);
    cop_register("main", cop_self());
    join_cluster();
    cop_receive_match("stop");
    return 0;
}

/* --- What comes --------------------------------------------------------------------------------
 */

static struct worker *find(struct watcher *watcher, cop_pid pid)
{
    for (size_t i = 0; i < watcher->worker_count; i++)
        if (watcher->workers[i].pid.id == pid.id && watcher->workers[i].pid.node == pid.node)
            return &watcher->workers[i];
    return NULL;
}

static void ended(struct worker *who, cop_term reason)
{
    if (!cop_match(reason, "noconnection"))
        who->ended = true;
}

static void on_down(struct watcher *watcher, cop_ref ref, cop_term reason)
{
    for (size_t i = 0; i < watcher->watch_count; i++) {
        struct watch *watch = &watcher->watches[i];

        if (watch->ref.id != ref.id)
            continue;
        if (!watch->who)
            cop_sim_fail("a 'DOWN' too many: %s", cop_show(reason));
        if (!watch->named)
            ended(watch->who, reason);
        watch->who = NULL;
        return;
    }
    cop_sim_fail("a 'DOWN' of no monitor");
}

static void on_end(struct watcher *watcher, cop_pid pid, cop_term reason)
{
    struct worker *who = find(watcher, pid);

    if (!who || !who->linked)
        cop_sim_fail("an 'EXIT' of %s, which is not linked", cop_show(cop_from_pid(pid)));
    who->linked = false;
    ended(who, reason);
}

static void on_number(struct watcher *watcher, cop_pid pid, int64_t number)
{
    struct worker *who = find(watcher, pid);

    if (!who)
        return;
    if (who->ended)
        cop_sim_fail("a message of one whose end was told");
    if (number <= who->seen)
        cop_sim_fail("number %d after %d", (int)number, (int)who->seen);
    who->seen = number;
}

/* False: nothing came in that time. */
static bool take_one(struct watcher *watcher, int64_t timeout_ms)
{
    cop_term message = cop_receive_within(timeout_ms), reason;
    struct worker *who;
    int64_t number;
    bool linked;
    cop_pid pid;
    cop_ref ref;

    if (cop_is_none(message))
        return false;
    if (cop_match(message, "peace"))
        watcher->peace = true;
    else if (cop_match(message, "{'DOWN', Ref, process, _, Reason}", &ref, &reason))
        on_down(watcher, ref, reason);
    else if (cop_match(message, "{'EXIT', Pid, Reason}", &pid, &reason))
        on_end(watcher, pid, reason);
    else if (cop_match(message, "{Pid, N}", &pid, &number))
        on_number(watcher, pid, number);
    else if (cop_match(message, "{links, Pid, Linked}", &pid, &linked) &&
             (who = find(watcher, pid)) != NULL && who->linked != linked)
        cop_sim_fail("%s: the watcher %s the link, the worker %s", cop_show(cop_from_pid(pid)),
            who->linked ? "has" : "has not", linked ? "has" : "has not");
    cop_turn_end();
    return true;
}

/* --- What is done ------------------------------------------------------------------------------
 */

static void start(struct watcher *watcher)
{
    struct worker *who = &watcher->workers[watcher->worker_count];
    bool link = cop_sim_choose(2), monitor = cop_sim_choose(2);
    cop_term options = cop_nil();
    cop_ref ref;

    if (watcher->worker_count == WORKERS || watcher->watch_count == MONITORS)
        return;
    *who = (struct worker){ .linked = link };
    if (link)
        options = cop("[link | T]", options);
    if (monitor)
        options = cop("[monitor | T]", options);
    if (cop_spawn_at(&who->pid, &ref, node_atom(1 + (int)cop_sim_choose(NODES - 1)),
            cop_atom_new("test"), cop_atom_new("work"), cop("[Self]", cop_self()), options) < 0)
        return;
    watcher->worker_count++;
    if (monitor)
        watcher->watches[watcher->watch_count++] = (struct watch){ ref, who, false };
}

static void watch(struct watcher *watcher, struct worker *who)
{
    bool named = cop_sim_choose(4) == 1;
    cop_ref ref;

    if (watcher->watch_count == MONITORS)
        return;
    ref = named ? cop_monitor(cop_name("main", node_names[1 + cop_sim_choose(NODES - 1)]))
                : cop_monitor(who->pid);
    watcher->watches[watcher->watch_count++] = (struct watch){ ref, who, named };
}

static void unwatch(struct watcher *watcher)
{
    struct watch *watch;

    if (!watcher->watch_count)
        return;
    watch = &watcher->watches[cop_sim_choose((uint32_t)watcher->watch_count)];
    cop_demonitor_flush(watch->ref);
    watch->who = NULL;
}

static void unlink_from(struct worker *who)
{
    cop_unlink(who->pid);
    while (cop_receive_match_within(0, "{'EXIT', Pid, _}", who->pid))
        ;
    who->linked = false;
}

static void link_to(struct worker *who)
{
    if (who->linked)
        return;
    cop_link(who->pid);
    who->linked = true;
}

static void operate(struct watcher *watcher)
{
    struct worker *who;

    if (!watcher->worker_count) {
        start(watcher);
        return;
    }
    who = &watcher->workers[cop_sim_choose((uint32_t)watcher->worker_count)];
    switch (cop_sim_choose(11)) {
    case 0:
        break;
    case 1:
        watch(watcher, who);
        break;
    case 2:
        unwatch(watcher);
        break;
    case 3:
        link_to(who);
        break;
    case 4:
        unlink_from(who);
        break;
    case 5: /* both cross on their way */
        unlink_from(who);
        link_to(who);
        break;
    case 6:
        cop_exit_signal(who->pid, cop_sim_choose(2) ? cop("kill") : cop("shutdown"));
        break;
    case 7:
        cop_send(who->pid, cop("{stop, R}", cop_sim_choose(2) ? cop("normal") : cop("bye")));
        break;
    case 8:
        start(watcher);
        break;
    case 9:
        cop_send(who->pid, cop("count"));
        break;
    default:
        take_one(watcher, cop_sim_choose(TICK_MS));
    }
}

static void check_all_told(const struct watcher *watcher)
{
    for (size_t i = 0; i < watcher->watch_count; i++)
        if (watcher->watches[i].who)
            cop_sim_fail("a monitor never fired");
    for (size_t i = 0; i < watcher->worker_count; i++)
        if (watcher->workers[i].linked)
            cop_sim_fail(
                "a link to %s was never broken", cop_show(cop_from_pid(watcher->workers[i].pid)));
    if (!cop_match(cop_process_info(cop_self(), "monitors"), "{_, []}"))
        cop_sim_fail("monitors are left: %s", cop_show(cop_process_info(cop_self(), "monitors")));
}

static void stop_all(struct watcher *watcher)
{
    for (size_t i = 0; i < watcher->worker_count; i++)
        cop_send(watcher->workers[i].pid, cop("{stop, over}"));
    for (int i = 1; i < NODES; i++)
        cop_send(cop_name("main", node_names[i]), cop("stop"));
    while (take_one(watcher, 10 * TICK_MS))
        ;
}

static void make_trouble(cop_term arg)
{
    cop_pid watcher;

    cop_must(cop_match(arg, "Watcher", &watcher));
    live_in_trouble(other, true);
    cop_send(watcher, cop("peace"));
}

static int ties(int argc, char **argv)
{
    struct watcher watcher = { .worker_count = 0 };
    int operations = (int)cop_sim_choose(OPERATIONS);

    (void)argc, (void)argv;
    cop_trap_exit(true);
    join_cluster();
    for (int i = 1; i < NODES; i++)
        start_node(i, other);
    cop_spawn(make_trouble, cop("Self", cop_self()));
    while (operations--)
        operate(&watcher);
    while (!watcher.peace)
        take_one(&watcher, COP_INFINITY);
    while (take_one(&watcher, 10 * TICK_MS))
        ;
    for (size_t i = 0; i < watcher.worker_count; i++)
        cop_send(watcher.workers[i].pid, cop("links"));
    while (take_one(&watcher, 2 * TICK_MS))
        ;
    stop_all(&watcher);
    check_all_told(&watcher);
    return 0;
}

static const cop_sim simulations[] = {
    { .name = "ties", .main = ties, .steps_max = 300000, .several_nodes = true }, { 0 }
};

int main(int argc, char **argv)
{
    return cop_sim_main(simulations, argc, argv);
}
