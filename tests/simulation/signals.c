/* SPDX-License-Identifier: Apache-2.0 */
/* Links, monitors, exit signals and names, against what their contract promises (P-17, P-55, P-57
 * to P-80): one process watches others in all ways and is told of each end exactly once, after all
 * that was sent before, when the name is free. */
#include <coppice.h>
#include <stdio.h>

enum { WORKERS = 4, MONITORS = 24, OPERATIONS = 24 };

struct watched {
    cop_pid pid;
    char name[8];
    int64_t sent, seen; /* messages it is to send, and those that came */
    bool linked, told;  /* told: it has ended, for all we have heard */
};

struct watch {
    cop_ref ref;
    struct watched *who; /* NULL: demonitored, or told */
};

struct world {
    struct watched workers[WORKERS];
    struct watch monitors[MONITORS];
    size_t worker_count, monitor_count;
};

static void worker(cop_term arg)
{
    cop_pid watcher;
    cop_atom name;
    int64_t count;
    cop_term reason;

    cop_must(cop_match(arg, "{Watcher, Name, Count}", &watcher, &name, &count));
    if (cop_register_atom(name, cop_self()) < 0)
        cop_sim_fail("the name of a process that had ended was not free");
    for (int64_t i = 1; i <= count; i++)
        cop_send(watcher, cop("{Self, I}", cop_self(), i));
    if (cop_receive_match("{stop, Reason}", &reason))
        cop_exit(reason);
}

/* It was told that one has ended: nothing of it may come later, and nothing of it may be left. */
static void told_of(struct watched *who)
{
    cop_pid named;

    who->told = true;
    if (cop_whereis(&named, who->name) &&
        cop_identical(cop_from_pid(named), cop_from_pid(who->pid)))
        cop_sim_fail("%s has ended, and has its name still", who->name);
}

static struct watched *find(struct world *world, cop_pid pid)
{
    for (size_t i = 0; i < world->worker_count; i++)
        if (world->workers[i].pid.id == pid.id)
            return &world->workers[i];
    cop_sim_fail("a message from nobody");
    return NULL;
}

static void on_number(struct world *world, cop_pid pid, int64_t number)
{
    struct watched *who = find(world, pid);

    if (who->told)
        cop_sim_fail("a message of %s came after its end was told", who->name);
    if (number != ++who->seen)
        cop_sim_fail("%s: message %d where %d was due", who->name, (int)number, (int)who->seen);
}

static void on_down(struct world *world, cop_ref ref)
{
    for (size_t i = 0; i < world->monitor_count; i++) {
        struct watch *watch = &world->monitors[i];

        if (watch->ref.id != ref.id)
            continue;
        if (!watch->who)
            cop_sim_fail("a 'DOWN' too many");
        told_of(watch->who);
        watch->who = NULL;
        return;
    }
    cop_sim_fail("a 'DOWN' of no monitor");
}

static void on_exit(struct world *world, cop_pid pid)
{
    struct watched *who = find(world, pid);

    if (!who->linked)
        cop_sim_fail("an 'EXIT' of %s, which is not linked", who->name);
    who->linked = false;
    told_of(who);
}

/* False: nothing came in that time. */
static bool take_one(struct world *world, int64_t timeout_ms)
{
    cop_term message = cop_receive_within(timeout_ms);
    cop_pid pid;
    cop_ref ref;
    int64_t number;

    if (cop_is_none(message))
        return false;
    if (cop_match(message, "{'DOWN', Ref, process, _, _}", &ref))
        on_down(world, ref);
    else if (cop_match(message, "{'EXIT', Pid, _}", &pid))
        on_exit(world, pid);
    else if (cop_match(message, "{Pid, N}", &pid, &number))
        on_number(world, pid, number);
    else
        cop_sim_fail("an unknown message: %s", cop_show(message));
    cop_turn_end();
    return true;
}

static void start(struct world *world)
{
    struct watched *who = &world->workers[world->worker_count];
    bool link = cop_sim_choose(2);

    snprintf(who->name, sizeof who->name, "w%zu", world->worker_count++);
    who->sent = cop_sim_choose(4);
    who->linked = link;
    who->pid = cop_spawn_with(worker,
        cop("{Self, Name, N}", cop_self(), cop_atom_new(who->name), who->sent),
        &(struct cop_spawn_options){ .link = link }, NULL);
}

static void watch(struct world *world, struct watched *who)
{
    if (world->monitor_count < MONITORS)
        world->monitors[world->monitor_count++] = (struct watch){ cop_monitor(who->pid), who };
}

static void unwatch(struct world *world)
{
    struct watch *watch;

    if (!world->monitor_count)
        return;
    watch = &world->monitors[cop_sim_choose((uint32_t)world->monitor_count)];
    cop_demonitor_flush(watch->ref);
    watch->who = NULL;
}

static void unlink_from(struct watched *who)
{
    cop_unlink(who->pid);
    while (cop_receive_match_within(0, "{'EXIT', Pid, _}", who->pid))
        ;
    who->linked = false;
}

static void operate(struct world *world)
{
    struct watched *who = &world->workers[cop_sim_choose((uint32_t)world->worker_count)];

    switch (cop_sim_choose(10)) {
    case 0:
        break;
    case 1:
    case 2:
        watch(world, who);
        break;
    case 3:
        unwatch(world);
        break;
    case 4:
        if (!who->linked)
            cop_link(who->pid);
        who->linked = true;
        break;
    case 5:
        unlink_from(who);
        break;
    case 6: /* both cross on their way */
        unlink_from(who);
        cop_link(who->pid);
        who->linked = true;
        break;
    case 7:
        cop_exit_signal(who->pid, cop_sim_choose(2) ? cop("kill") : cop("shutdown"));
        break;
    case 8:
        cop_send(who->pid, cop("{stop, R}", cop_sim_choose(2) ? cop("normal") : cop("bye")));
        break;
    default:
        take_one(world, 0);
    }
}

static void check_all_told(const struct world *world)
{
    for (size_t i = 0; i < world->monitor_count; i++)
        if (world->monitors[i].who)
            cop_sim_fail("a monitor of %s never fired", world->monitors[i].who->name);
    for (size_t i = 0; i < world->worker_count; i++)
        if (world->workers[i].linked)
            cop_sim_fail("the link to %s was never broken", world->workers[i].name);
}

static int signals(int argc, char **argv)
{
    (void)argc, (void)argv;
    cop_trap_exit(true);
    for (int round = 0; round < 2; round++) {
        struct world world = { .worker_count = 0 };
        int operations = (int)cop_sim_choose(OPERATIONS);

        for (int i = 1 + (int)cop_sim_choose(WORKERS); i; i--)
            start(&world);
        while (operations--)
            operate(&world);
        for (size_t i = 0; i < world.worker_count; i++)
            cop_send(world.workers[i].pid, cop("{stop, over}"));
        while (take_one(&world, 60000))
            ;
        check_all_told(&world);
    }
    return 0;
}

static const cop_sim simulations[] = { { .name = "signals", .main = signals }, { 0 } };

int main(int argc, char **argv)
{
    return cop_sim_main(simulations, argc, argv);
}
