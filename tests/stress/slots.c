/* SPDX-License-Identifier: Apache-2.0 */
/* Slots of processes are used again; pids are not. Two schedulers spawn, kill and send to pids they
 * remember, nearly all of them stale. Every message carries the pid it was sent to: one that
 * reaches a younger process, like an exit signal, link, monitor or name that does, ends the test
 * (P-14, P-57). */
#include "stress/stress.h"

#include <coppice/log.h>
#include <stdatomic.h>

enum { REMEMBERED = 512, ACTORS = 4 };

static _Atomic(uint64_t) remembered[REMEMBERED];
static _Atomic(uint64_t) aliases[REMEMBERED];

/* Lives for a few messages, and knows itself. */
static void target_main(cop_term arg)
{
    int messages = 0, who = 0;
    cop_ref alias = cop_alias();
    uint64_t to;

    cop_must(cop_match(arg, "{Place, Messages}", &who, &messages));
    atomic_store(&aliases[who], alias.id);
    while (messages-- > 0) {
        cop_term message = cop_receive();
        cop_ref ref;

        if (cop_match(message, "{to, Id}", &to) && to != cop_self().id)
            cop_exit(cop("{wrong, message}"));
        if (cop_match(message, "{alias, Ref}", &ref) && ref.id != alias.id)
            cop_exit(cop("{wrong, alias}"));
        cop_turn_end();
    }
}

static void disturb(struct stress_random *random)
{
    uint32_t place = stress_below(random, REMEMBERED);
    cop_pid pid = { atomic_load(&remembered[place]), 0 };
    cop_ref alias = { atomic_load(&aliases[place]) };

    if (!pid.id)
        return;
    switch (stress_below(random, 10)) {
    case 0:
        cop_exit_signal(pid, cop("{killed, Id}", pid.id));
        break;
    case 1:
        cop_link(pid);
        cop_unlink(pid);
        break;
    case 2:
        cop_demonitor_flush(cop_monitor(pid));
        break;
    case 3:
        if (cop_register("passing", pid) == 0)
            cop_unregister("passing");
        break;
    case 4:
        if (alias.id)
            cop_send(alias, cop("{alias, Ref}", alias));
        break;
    default:
        cop_send(pid, cop("{to, Id}", pid.id));
    }
}

static void end_place(int place)
{
    cop_pid pid = { atomic_load(&remembered[place]), 0 };

    if (pid.id)
        cop_exit_signal(pid, cop("{killed, Id}", pid.id));
}

/* Spawns at places of its own, disturbs everywhere, and looks at how those it spawned ended. */
static void actor_main(cop_term arg)
{
    struct stress_random random;
    int who, lives, wrong = 0;
    cop_term message, reason;
    cop_pid owner, pid;
    uint64_t id;

    cop_must(cop_match(arg, "{Owner, Who, Lives}", &owner, &who, &lives));
    cop_trap_exit(true);
    random = stress_random_for((uint64_t)who);
    for (int live = 0, ended = 0; ended < lives;) {
        if (live < lives && live - ended < REMEMBERED / ACTORS / 4) {
            int place = who + ACTORS * (int)stress_below(&random, REMEMBERED / ACTORS);

            end_place(place); /* or it would wait for messages for ever, when nobody remembers it */
            pid = cop_spawn_monitor(
                target_main, cop("{P, M}", place, (int)stress_below(&random, 4)), &(cop_ref){ 0 });
            atomic_store(&remembered[place], pid.id);
            live++;
        }
        disturb(&random);
        while (!cop_is_none(message = cop_receive_within(0))) {
            if (!cop_match(message, "{'DOWN', _, process, Pid, R}", &pid, &reason))
                continue; /* 'EXIT' of a link that was there for a moment */
            ended++;
            if (cop_match(reason, "{killed, Id}", &id) ? id != pid.id
                                                       : !cop_match(reason, "normal")) {
                wrong++;
                fprintf(
                    stderr, "%s ended with %s\n", cop_show(cop_from_pid(pid)), cop_show(reason));
            }
        }
        for (int i = who; live == lives && i < REMEMBERED; i += ACTORS)
            end_place(i);
        cop_turn_end();
    }
    cop_send(owner, cop("{wrong, W}", wrong));
}

STRESS(a_stale_pid_hits_nobody)
{
    int lives = stress_count(20000, 1000000, 6000);
    struct cop_node_statistics now;

    cop_log_set_level(COP_LOG_EMERGENCY);
    for (int i = 0; i < REMEMBERED; i++) {
        atomic_store(&remembered[i], 0);
        atomic_store(&aliases[i], 0);
    }
    for (int i = 0; i < ACTORS; i++)
        cop_spawn(actor_main, cop("{Self, I, Lives}", cop_self(), i, lives));
    for (int i = 0; i < ACTORS; i++) {
        int wrong = -1;

        EXPECT("{wrong, W}", &wrong);
        CHECK_EQ_INT(wrong, 0);
    }
    cop_statistics(&now);
    CHECK(now.spawned >= (uint64_t)lives * ACTORS);
}
