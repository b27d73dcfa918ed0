/* SPDX-License-Identifier: Apache-2.0 */
/* Exit signals to a process that computes or blocks, and so does not look into its mailbox.
 *
 * Who sent one asks the thread to look at itself, by an operating-system signal. That may come at
 * a bad moment: inside the runtime, in the C library where it cannot be ended, before the process
 * has come to the thread. So the monitor asks again until the process is gone. */
#include "proc/fault.h"

#include "proc/handoff.h"
#include "proc/proc.h"
#include "term/atoms.h"

enum { ASKED_MAX = 64, EAGER_LOOKS = 50, SELDOM = 16, GIVE_UP_LOOKS = 1 << 16 };

/* Whom the monitor asks. What is lost when there are more is only that it is asked again. */
static struct {
    struct cop__spinlock lock;
    struct asked {
        uint64_t id; /* 0: none */
        uint32_t looks;
    } asked[ASKED_MAX];
    uint32_t next;
    _Atomic(uint32_t) count;
} kills;

void cop__kills_start(void)
{
    cop__spin_lock(&kills.lock);
    for (int i = 0; i < ASKED_MAX; i++)
        kills.asked[i].id = 0;
    cop__store(kills.count, 0);
    cop__spin_unlock(&kills.lock);
}

static void remember(uint64_t id)
{
    struct asked *place = &kills.asked[kills.next % ASKED_MAX];

    for (int i = 0; i < ASKED_MAX; i++) {
        if (kills.asked[i].id == id) {
            kills.asked[i].looks = 0;
            return;
        }
        if (!kills.asked[i].id)
            place = &kills.asked[i];
    }
    if (place->id)
        kills.next++;
    else
        cop__store(kills.count, cop__load(kills.count) + 1);
    *place = (struct asked){ id, 0 };
}

/* NULL: it is gone. */
static struct cop__proc *find(uint64_t id)
{
    struct cop__proc *proc = cop__proc_of(id);

    return cop__load(proc->gen) == (uint32_t)(id >> 32) && !(cop__load(proc->mbox) & COP__MBOX_DEAD)
               ? proc
               : NULL;
}

void cop__kill_running(uint64_t to)
{
    struct cop__proc *proc = find(to);
    struct cop__thr *thr;

    if (!proc || cop__on_fault() == COP_ON_FAULT_OFF)
        return;
    cop__spin_lock(&kills.lock);
    remember(to);
    cop__spin_unlock(&kills.lock);
    cop__monitor_wake();
    thr = cop__load_acquire(proc->on);
    if (thr && thr != cop__self_thr())
        cop__look_at(thr);
}

bool cop__kills_unheard(void)
{
    return cop__load(kills.count) > 0;
}

static bool is_due(const struct asked *asked)
{
    return asked->looks < EAGER_LOOKS || asked->looks % SELDOM == 0;
}

void cop__kills_repeat(void)
{
    if (!cop__kills_unheard())
        return;
    cop__spin_lock(&kills.lock);
    for (int i = 0; i < ASKED_MAX; i++) {
        struct asked *asked = &kills.asked[i];
        struct cop__proc *proc = asked->id ? find(asked->id) : NULL;
        struct cop__thr *thr = proc ? cop__load_acquire(proc->on) : NULL;

        if (asked->id && (!proc || asked->looks > GIVE_UP_LOOKS)) {
            asked->id = 0;
            cop__store(kills.count, cop__load(kills.count) - 1);
        }
        if (asked->id && is_due(asked) && thr)
            cop__look_at(thr);
        asked->looks++;
    }
    cop__spin_unlock(&kills.lock);
}

/* --- In the handler ------------------------------------------------------------------------------
 */

static bool is_fatal(const struct cop__proc *proc, const struct cop__msg *msg)
{
    uint32_t flags = cop__load(proc->flags);
    uint64_t reason;

    if (msg->kind != COP__EXIT && msg->kind != COP__EXIT_LINK)
        return false;
    reason = cop__elements(msg->term)[2].word;
    if (msg->kind == COP__EXIT_LINK && !cop__link_active(proc, msg->from))
        return false;
    if (msg->kind == COP__EXIT && reason == cop__atom(COP__ATOM_kill).word)
        return true;
    return !(flags & COP__P_TRAP_EXIT) && reason != cop__atom(COP__ATOM_normal).word;
}

/* The owner is interrupted in its own code, so what is in the word only grows, at the front. */
bool cop__kill_pending(const struct cop__proc *proc)
{
    uint64_t word = cop__load_acquire(proc->mbox);

    if (!(word & COP__MBOX_PEND))
        return false;
    for (const struct cop__msg *msg = (const struct cop__msg *)(uintptr_t)(word & COP__MBOX_PTR);
         msg; msg = msg->next)
        if (is_fatal(proc, msg))
            return true;
    return false;
}
