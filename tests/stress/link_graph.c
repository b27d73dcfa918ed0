/* SPDX-License-Identifier: Apache-2.0 */
/* Random graphs of links and monitors under random kills. Mortals link to each other, and end by
 * chance, by error, or because a neighbour did; each is replaced. Watchers monitor, link to and
 * kill them at random, and keep books: each monitor fires once and never after demonitor, each link
 * gives one 'EXIT' and none after unlink (P-58, P-60, P-64, P-74, P-75). At the end all mortals are
 * killed and the books must close. */
#include "stress/stress.h"

#include <coppice/log.h>

#include <stdatomic.h>

enum { MORTALS = 120, WATCHERS = 8, HELD_MAX = 64 };

static _Atomic(uint64_t) board[MORTALS]; /* who lives in each place, or did */

static cop_pid at_random(struct stress_random *random)
{
    return (cop_pid){ atomic_load(&board[stress_below(random, MORTALS)]), 0 };
}

/* --- Mortals
 * ------------------------------------------------------------------------------------------ */

static void link_to(void *pid)
{
    cop_link(*(cop_pid *)pid);
}

static void mortal_main(cop_term arg)
{
    struct stress_random random;
    int64_t who;

    cop_must(cop_match(arg, "Who", &who));
    random = stress_random_for((uint64_t)who);
    for (;;) {
        cop_pid other = at_random(&random);
        cop_term reason;

        switch (stress_below(&random, 24)) {
        case 0:
            cop_exit(cop("{ended, W}", who));
        case 1:
            if (stress_below(&random, 4) == 0)
                cop_exit(cop("normal"));
            break;
        case 2:
            if (stress_below(&random, 4) == 0)
                cop_error(cop("crashed"));
            break;
        case 3:
        case 4:
        case 5:
            cop_try(link_to, &other, &reason, NULL);
            break;
        case 6:
        case 7:
            cop_unlink(other);
            break;
        case 8:
            cop_demonitor_flush(cop_monitor(other));
            break;
        case 9:
            cop_send(other, cop("hello"));
            break;
        case 10:
            cop_is_alive(other);
            break;
        default:
            cop_receive_within(stress_below(&random, 64) == 0);
        }
        cop_turn_end();
    }
}

/* --- Watchers
 * ----------------------------------------------------------------------------------------- */

struct books {
    struct {
        cop_ref ref;
        cop_pid pid;
    } monitor[HELD_MAX];
    cop_pid link[HELD_MAX];
    int monitors, links;
    int64_t monitored, fired, wrong;
};

static void note_wrong(struct books *books, const char *what, cop_term message)
{
    if (books->wrong++ < 3)
        fprintf(stderr, "%s: %s\n", what, cop_is_none(message) ? "" : cop_show(message));
}

static void account(struct books *books, cop_term message)
{
    cop_pid pid;
    cop_ref ref;

    if (cop_match(message, "{'DOWN', Ref, process, Pid, _}", &ref, &pid)) {
        for (int i = 0; i < books->monitors; i++) {
            if (books->monitor[i].ref.id == ref.id) {
                if (books->monitor[i].pid.id != pid.id)
                    note_wrong(books, "another process's 'DOWN'", message);
                books->monitor[i] = books->monitor[--books->monitors];
                books->fired++;
                return;
            }
        }
        note_wrong(books, "'DOWN' of no monitor", message);
    } else if (cop_match(message, "{'EXIT', Pid, _}", &pid)) {
        for (int i = 0; i < books->links; i++) {
            if (books->link[i].id == pid.id) {
                books->link[i] = books->link[--books->links];
                return;
            }
        }
        note_wrong(books, "'EXIT' of no link", message);
    }
}

static void drop_monitor(struct books *books, int i, bool flush)
{
    cop_ref ref = books->monitor[i].ref;
    bool was = flush ? cop_demonitor_flush(ref) : cop_demonitor(ref);

    if (!flush && !was) {
        if (!cop_receive_match_within(0, "{'DOWN', Ref, process, _, _}", ref))
            note_wrong(books, "fired, but no 'DOWN' is there", COP_NONE);
        books->fired++;
    }
    if (cop_receive_match_within(0, "{'DOWN', Ref, _, _, _}", ref))
        note_wrong(books, "'DOWN' after demonitor", COP_NONE);
    books->monitor[i] = books->monitor[--books->monitors];
}

static void drop_link(struct books *books, int i)
{
    cop_pid pid = books->link[i];

    cop_unlink(pid);
    cop_receive_match_within(0, "{'EXIT', Pid, _}", pid);
    books->link[i] = books->link[--books->links];
}

static bool holds_link(const struct books *books, cop_pid pid)
{
    for (int i = 0; i < books->links; i++)
        if (books->link[i].id == pid.id)
            return true;
    return false;
}

static void act(struct books *books, struct stress_random *random)
{
    cop_pid pid = at_random(random);

    switch (stress_below(random, 8)) {
    case 0:
    case 1:
    case 2:
        if (books->monitors < HELD_MAX) {
            books->monitor[books->monitors].pid = pid;
            books->monitor[books->monitors++].ref = cop_monitor(pid);
            books->monitored++;
        }
        break;
    case 3:
        if (books->monitors)
            drop_monitor(books, (int)stress_below(random, (uint32_t)books->monitors),
                stress_below(random, 2));
        break;
    case 4:
    case 5:
        if (books->links < HELD_MAX && !holds_link(books, pid)) {
            books->link[books->links++] = pid;
            cop_link(pid);
        }
        break;
    case 6:
        if (books->links)
            drop_link(books, (int)stress_below(random, (uint32_t)books->links));
        break;
    default:
        if (stress_below(random, 4) == 0)
            cop_exit_signal(pid, stress_below(random, 2) ? cop("kill") : cop("stopped"));
    }
}

static void watcher_main(cop_term arg)
{
    struct books books = { .monitors = 0 };
    struct stress_random random;
    bool finish = false;
    cop_pid owner;
    int64_t who;

    cop_must(cop_match(arg, "{Owner, Who}", &owner, &who));
    random = stress_random_for((uint64_t)who);
    cop_trap_exit(true);
    while (!finish || books.monitors || books.links) {
        cop_term message = cop_receive_within(finish ? WAIT_MS : 0);

        if (cop_is_none(message) && finish) {
            note_wrong(&books, "monitors or links that never fired", COP_NONE);
            break;
        }
        if (!cop_is_none(message) && cop_match(message, "finish"))
            finish = true;
        else if (!cop_is_none(message))
            account(&books, message);
        else
            act(&books, &random);
        cop_turn_end();
    }
    for (cop_term message; !cop_is_none(message = cop_receive_within(SHORT_MS)); cop_turn_end())
        account(&books, message);
    cop_send(owner,
        cop("{watched, Monitored, Fired, Wrong}", books.monitored, books.fired, books.wrong));
}

/* --- The whole
 * ------------------------------------------------------------------------------------------- */

static int64_t spawned;

static cop_ref new_mortal(int place)
{
    cop_ref ref = { 0 };
    cop_pid pid = cop_spawn_monitor(mortal_main, cop("Who", 1000 + ++spawned), &ref);

    atomic_store(&board[place], pid.id);
    return ref;
}

STRESS(books_close)
{
    int64_t lives = stress_count(20000, 1000000, 6000), monitored = 0, fired = 0, wrong = 0;
    cop_ref mortal[MORTALS];
    cop_pid watcher[WATCHERS], pid;

    spawned = 0;
    cop_log_set_level(COP_LOG_EMERGENCY);
    for (int i = 0; i < MORTALS; i++)
        mortal[i] = new_mortal(i);
    for (int i = 0; i < WATCHERS; i++)
        watcher[i] = cop_spawn(watcher_main, cop("{Self, I}", cop_self(), i));
    while (spawned < lives) {
        cop_ref ref = { 0 };
        int place = 0;

        EXPECT("{'DOWN', Ref, process, Pid, _}", &ref, &pid);
        while (place < MORTALS && mortal[place].id != ref.id)
            place++;
        CHECK(place < MORTALS);
        if (place < MORTALS)
            mortal[place] = new_mortal(place);
        cop_turn_end();
    }
    for (int i = 0; i < WATCHERS; i++)
        cop_send(watcher[i], cop("finish"));
    for (int i = 0; i < MORTALS; i++)
        cop_exit_signal((cop_pid){ atomic_load(&board[i]), 0 }, cop("kill"));
    for (int i = 0; i < MORTALS; i++)
        EXPECT("{'DOWN', Ref, process, _, _}", mortal[i]);
    for (int i = 0; i < WATCHERS; i++) {
        int64_t m = 0, f = 0, w = 1;

        EXPECT("{watched, M, F, W}", &m, &f, &w);
        monitored += m;
        fired += f;
        wrong += w;
    }
    printf(
        "%" PRId64 " lives, %" PRId64 " monitors, %" PRId64 " fired\n", spawned, monitored, fired);
    CHECK_EQ_INT(wrong, 0);
    NOTHING();
}
