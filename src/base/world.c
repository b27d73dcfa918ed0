/* SPDX-License-Identifier: Apache-2.0 */
/* Whose turn it is. Layer 0.
 *
 * The hard idea: nodes in separate processes are one run because nothing happens in two at once. A
 * node that has the turn is the world: its clock is the clock, its generator makes the choices. It
 * gives the turn away between two steps, or when it has nothing to do; and when none has, it moves
 * the time of all to what is due next. */
#include "base/world.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/lock.h"
#include "base/network.h"

enum { STEPS_CHOSEN = 64, STEPS_MAX = 4096 };

struct cop__world *cop__world;
static int self;
static uint32_t steps_left; /* of this turn */

bool cop__world_make(void)
{
    void *memory =
        mmap(NULL, sizeof *cop__world, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED || !cop__network_open())
        return false;
    cop__world = memory;
    self = 0;
    steps_left = 1;
    cop__world->started = 1;
    cop__world->nodes[0] = (struct cop__world_node){ .name = "main", .state = COP__WORLD_RUNS };
    return true;
}

void cop__world_discard(void)
{
    cop__network_discard();
    if (cop__world)
        munmap(cop__world, sizeof *cop__world);
    cop__world = NULL;
    self = 0;
}

int cop__world_self(void)
{
    return self;
}

void cop__world_join(int place)
{
    self = place;
}

int cop__world_find(const char *name)
{
    for (int i = 0; i < COP__WORLD_NODES; i++)
        if (cop__world->nodes[i].state != COP__WORLD_FREE &&
            strcmp(cop__world->nodes[i].name, name) == 0)
            return i;
    return -1;
}

/* Where it was before, so that it is still split from whom it was; else one that nobody had, or has
 * any more. */
static int place_for(const char *name)
{
    int unused = -1, left = -1;

    for (int i = COP__WORLD_NODES - 1; i > 0; i--) {
        const struct cop__world_node *node = &cop__world->nodes[i];

        if (node->state != COP__WORLD_FREE)
            continue;
        if (strcmp(node->name, name) == 0)
            return i;
        if (*node->name)
            left = i;
        else
            unused = i;
    }
    if (unused >= 0 || left < 0)
        return unused;
    for (int i = 0; i < COP__WORLD_NODES; i++) {
        cop__network_split(left, i, 0);
        cop__network_split(i, left, 0);
    }
    return left;
}

int cop__world_place(const char *name)
{
    int place = place_for(name);

    if (place < 0)
        return -1;
    cop__world->nodes[place] =
        (struct cop__world_node){ .state = COP__WORLD_RUNS, .number = ++cop__world->started };
    snprintf(cop__world->nodes[place].name, COP__WORLD_NAME, "%s", name);
    return place;
}

/* --- The turn ------------------------------------------------------------------------------------
 */

/* How long it is, if nothing ends it: mostly short, sometimes as long as there is work. */
static void begin_turn(void)
{
    steps_left = cop__choose(COP__CHOOSE_NODE, STEPS_CHOSEN);
    if (!steps_left)
        steps_left = STEPS_MAX;
}

void cop__world_wait(void)
{
    _Atomic(uint32_t) *turn = &cop__world->turns[self];

    while (!atomic_exchange_explicit(turn, 0, memory_order_acquire))
        cop__futex_wait_shared(turn, 0);
    cop__clock_jump(cop__world->now_ns);
    cop__choices_restore(cop__world->choices);
    begin_turn();
}

void cop__world_wake(int node)
{
    _Atomic(uint32_t) *turn = &cop__world->turns[node];

    cop__world->nodes[node].state = COP__WORLD_RUNS;
    atomic_store_explicit(turn, 1, memory_order_release);
    cop__futex_wake_shared(turn);
}

static void give(int to)
{
    cop__world->now_ns = cop__clock_now_ns();
    cop__world->choices = cop__choices_save();
    cop__world_wake(to);
}

/* Its own turn goes on, or another's comes and then its own again. */
static void turn_to(int to)
{
    if (to == self) {
        cop__world->nodes[self].state = COP__WORLD_RUNS;
        return;
    }
    give(to);
    cop__world_wait();
}

static bool can_run(int place)
{
    const struct cop__world_node *node = &cop__world->nodes[place];

    return node->state == COP__WORLD_RUNS ||
           (node->state == COP__WORLD_WAITS &&
               (node->due_ns <= cop__clock_now_ns() || cop__network_has_news_for(place)));
}

/* One of those that have something to do; this node first, if it is one. -1: none. */
static int choose_node(void)
{
    int places[COP__WORLD_NODES];
    uint32_t count = 0;

    for (int i = 0; i < COP__WORLD_NODES; i++) {
        int place = (self + i) % COP__WORLD_NODES;

        if (can_run(place))
            places[count++] = place;
    }
    return count ? places[cop__choose(COP__CHOOSE_NODE, count)] : -1;
}

void cop__world_step(void)
{
    if (--steps_left)
        return;
    begin_turn();
    turn_to(choose_node());
}

/* --- When nothing can be done here ---------------------------------------------------------------
 */

static int who_settles(void)
{
    for (int i = 0; i < COP__WORLD_NODES; i++)
        if (cop__world->nodes[i].state == COP__WORLD_WAITS && cop__world->nodes[i].settles)
            return i;
    return -1;
}

static uint64_t next_due_ns(void)
{
    uint64_t first_ns = UINT64_MAX;

    for (int i = 0; i < COP__WORLD_NODES; i++) {
        uint64_t network_ns = cop__network_due_ns(i), due_ns = cop__world->nodes[i].due_ns;

        if (cop__world->nodes[i].state == COP__WORLD_FREE)
            continue;
        first_ns = network_ns < first_ns ? network_ns : first_ns;
        first_ns = due_ns < first_ns ? due_ns : first_ns;
    }
    return first_ns;
}

/* Who goes on, now or after a jump of time. -1: nobody, ever. */
static int next_node(void)
{
    for (;;) {
        int to = choose_node();
        uint64_t due_ns;

        if (to >= 0)
            return to;
        to = who_settles();
        if (to >= 0) {
            cop__world->nodes[to].settles = false;
            cop__world->nodes[to].settled = true;
            return to;
        }
        due_ns = next_due_ns();
        if (due_ns == UINT64_MAX)
            return -1;
        cop__clock_jump(due_ns);
        cop__choices_note(due_ns);
    }
}

enum cop__world_news cop__world_idle(uint64_t due_ns, bool settles)
{
    struct cop__world_node *own = &cop__world->nodes[self];
    int to;

    own->state = COP__WORLD_WAITS;
    own->due_ns = due_ns;
    own->settles = settles;
    own->settled = false;
    to = next_node();
    if (to < 0) {
        own->state = COP__WORLD_RUNS;
        return COP__WORLD_STUCK;
    }
    turn_to(to);
    return own->settled ? COP__WORLD_SETTLED : COP__WORLD_GO;
}

/* --- Ends ----------------------------------------------------------------------------------------
 */

void cop__world_fail(const char *text)
{
    if (!cop__world->over)
        snprintf(cop__world->failure, sizeof cop__world->failure, "%s", text);
    cop__world->over = true;
    if (self == 0)
        return;
    give(0);
    for (;;)
        pause(); /* until it is killed */
}

void cop__world_leave(void)
{
    int to;

    cop__world->nodes[self].state = COP__WORLD_FREE;
    to = next_node();
    if (to < 0)
        cop__world_fail("nothing can run any more, in no node: who waits does so for ever");
    else
        give(to);
}
