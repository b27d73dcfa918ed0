/* SPDX-License-Identifier: Apache-2.0 */
/* Are there more threads than processors? The system counts for each thread how long it could have
 * run and had to wait. Where that is much, another thread of ours does not add a processor: it
 * takes one from a peer, or from our own next thread, and both pay for the changes. So for a while
 * it has to be worth more to wake one (W5).
 *
 * The hard idea: as soon as fewer threads run none of them waits, which does not show that there is
 * room now. So the answer holds for a while, and longer each time that it comes again at once. */
#include "proc/crowd.h"

#include <stdlib.h>
#include <string.h>

#include "proc/idle.h"

enum { ASKED_MAX = 4, CROWDED_PART = 8, USED_MIN_NS = 1000000 };
enum { LOOK_NS = 32000000, HOLD_MIN_NS = 500000000 };
#define HOLD_MAX_NS 4000000000ull

_Atomic(bool) cop__crowd;

static struct {
    uint64_t looked_ns, until_ns, hold_ns;
    uint32_t next; /* scheduler to begin with */
} crowd;

void cop__crowd_start(void)
{
    memset(&crowd, 0, sizeof crowd);
    cop__store(cop__crowd, false);
}

/* Since the last look at this thread: did it wait for an eighth of the time that it wanted? */
static bool waited(struct cop__thr *thr)
{
    char text[96], *at = text;
    uint64_t ran_ns, waited_ns, ran_more_ns, waited_more_ns;

    if (!cop__thread_file(text, sizeof text, thr, "schedstat"))
        return false;
    ran_ns = strtoull(at, &at, 10);
    waited_ns = strtoull(at, &at, 10);
    if (ran_ns < thr->ran_ns || waited_ns < thr->waited_ns)
        thr->ran_ns = thr->waited_ns = 0; /* the record is another thread's now */
    ran_more_ns = ran_ns - thr->ran_ns;
    waited_more_ns = waited_ns - thr->waited_ns;
    thr->ran_ns = ran_ns;
    thr->waited_ns = waited_ns;
    return ran_more_ns + waited_more_ns >= USED_MIN_NS &&
           waited_more_ns * CROWDED_PART >= ran_more_ns + waited_more_ns;
}

static bool some_waited(void)
{
    uint32_t asked = 0;
    bool some = false;

    for (uint32_t i = 0; i < cop__node.scheds && asked < ASKED_MAX; i++) {
        struct cop__thr *thr =
            cop__load_acquire(cop__node.sched[crowd.next++ % cop__node.scheds]->thr);

        if (thr) {
            asked++;
            some |= waited(thr);
        }
    }
    return some;
}

/* Among few there is nobody to be left asleep. */
static bool may_be_crowded(void)
{
    return cop__node.scheds > 1 && cop__idle_count() + 1 < cop__node.scheds;
}

void cop__crowd_look(uint64_t now_ns)
{
    if (cop__load(cop__crowd)) {
        if (now_ns >= crowd.until_ns)
            cop__store(cop__crowd, false);
        return;
    }
    if (now_ns - crowd.looked_ns < LOOK_NS || !may_be_crowded())
        return;
    crowd.looked_ns = now_ns;
    if (some_waited()) {
        bool again = now_ns - crowd.until_ns < crowd.hold_ns;

        crowd.hold_ns = again ? 2 * crowd.hold_ns : HOLD_MIN_NS;
        if (crowd.hold_ns > HOLD_MAX_NS)
            crowd.hold_ns = HOLD_MAX_NS;
        crowd.until_ns = now_ns + crowd.hold_ns;
        cop__store(cop__crowd, true);
    }
}
