/* SPDX-License-Identifier: Apache-2.0 */
/* Names under races: many processes register and unregister the same few names, send to them, look
 * them up and end. At most one process has a name, a process has at most one, a message to a name
 * reaches a process that had it, and a name is free when its process's end is known (P-55, P-89 to
 * P-93). */
#include "stress/stress.h"

enum { NAMES = 5, WORKERS = 40 };

static const char *const names[NAMES] = { "alpha", "beta", "gamma", "delta", "epsilon" };

static void send_to_name(void *name)
{
    cop_send((const char *)name, cop("{to, N}", cop_atom_new(name)));
}

/* Registers, and as long as it lives answers for its name; exits with wrong if anything is. */
static void worker_main(cop_term arg)
{
    int who, rounds, mine = -1;
    bool had[NAMES] = { false };
    struct stress_random random;

    cop_must(cop_match(arg, "{Who, Rounds}", &who, &rounds));
    random = stress_random_for((uint64_t)who);
    for (int i = 0; i < rounds; i++) {
        int name = (int)stress_below(&random, NAMES);
        cop_pid found = { 0, 0 };
        cop_term message, reason;
        cop_atom to;

        switch (stress_below(&random, 6)) {
        case 0:
            if (cop_register(names[name], cop_self()) == 0)
                had[mine = name] = true;
            break;
        case 1:
            if (mine >= 0)
                cop_unregister(names[mine]); /* another may have done so, and a third taken it */
            mine = -1;
            break;
        case 2:
            cop_try(send_to_name, (void *)(uintptr_t)names[name], &reason, NULL);
            break;
        case 3:
            if (cop_whereis(&found, names[name]) && found.id == cop_self().id && !had[name])
                cop_exit(cop("{wrong, never_registered}"));
            break;
        case 4:
            if (stress_below(&random, 8) == 0)
                cop_exit(cop("{ended, I}", name));
            break;
        default:
            while (!cop_is_none(message = cop_receive_within(0)))
                if (cop_match(message, "{to, A}", &to) && !had[0] && !had[1] && !had[2] &&
                    !had[3] && !had[4])
                    cop_exit(cop("{wrong, not_for_me}"));
        }
        cop_turn_end();
    }
    cop_exit(cop("{ended, all}"));
}

STRESS(one_owner_at_a_time)
{
    int lives = stress_count(3000, 100000, 1000), started = 0, wrong = 0;

    for (; started < WORKERS; started++)
        cop_spawn_monitor(worker_main, cop("{Who, 300}", started), &(cop_ref){ 0 });
    for (int ended = 0; ended < lives; ended++) {
        cop_term reason = COP_NONE;
        cop_pid pid, found;

        EXPECT("{'DOWN', _, process, Pid, R}", &pid, &reason);
        if (!cop_match(reason, "{ended, _}")) {
            fprintf(stderr, "%s\n", cop_show(reason));
            wrong++;
        }
        for (int i = 0; i < NAMES; i++)
            wrong += cop_whereis(&found, names[i]) && found.id == pid.id;
        if (started < lives) {
            cop_spawn_monitor(worker_main, cop("{Who, 300}", started), &(cop_ref){ 0 });
            started++;
        }
        cop_turn_end();
    }
    CHECK_EQ_INT(wrong, 0);
    for (int i = 0; i < NAMES; i++)
        CHECK_EQ_INT(cop_unregister(names[i]), -COP_ENOTFOUND);
}

/* Ends while it holds the name; the next takes it as soon as the end is known. */
static void holder_main(cop_term arg)
{
    (void)arg;
    cop_must(cop_register("held", cop_self()));
    cop_receive_match("stop");
}

/* Looks, sends and registers without pause, to get in between. */
static void intruder_main(cop_term arg)
{
    static const char held[] = "held";
    cop_term reason;
    cop_pid found;

    (void)arg;
    for (;;) {
        if (cop_whereis(&found, held) && found.id == cop_self().id)
            cop_exit(cop("wrong"));
        cop_try(send_to_name, (void *)(uintptr_t)held, &reason, NULL);
        cop_yield();
        cop_turn_end();
    }
}

STRESS(a_name_is_free_at_the_end)
{
    int rounds = stress_count(5000, 200000, 1500);
    cop_pid intruder = cop_spawn(intruder_main, COP_NONE);

    for (int i = 0; i < rounds; i++) {
        cop_ref ref = { 0 };
        cop_pid pid = cop_spawn_monitor(holder_main, COP_NONE, &ref);

        if (i % 2)
            cop_send(pid, cop("stop"));
        else
            cop_exit_signal(pid, cop("stop"));
        if (!cop_receive_match_within(WAIT_MS, "{'DOWN', Ref, process, Pid, _}", ref, pid)) {
            CHECK(false); /* 'DOWN' */
            break;
        }
        cop_turn_end();
    }
    CHECK(cop_is_alive(intruder));
}
