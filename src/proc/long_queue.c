/* SPDX-License-Identifier: Apache-2.0 */
/* The system event long_message_queue: a process finds that many messages wait in its mailbox, or
 * that there are few again. Layer 2.
 *
 * The hard idea: nobody counts a mailbox. Its owner looks when it takes messages in and before it
 * waits, and counts only as far as it must; and only while somebody wants to know. */
#include "proc/long_queue.h"

#include <coppice/runtime.h>

#include "base/lock.h"
#include "proc/proc.h"
#include "term/atoms.h"

_Atomic(uint32_t) cop__long_queue_from;
static struct {
    struct cop__spinlock lock;
    uint64_t receiver;
    uint32_t until;  /* so few are no long queue any more */
    uint32_t number; /* of this setting, never 0: processes remember by which they are known */
} setting;

static uint32_t count_up_to(const struct cop__proc *proc, uint32_t max)
{
    uint32_t count = 0;

    for (const struct cop__msg *msg = proc->first; msg && count < max; msg = msg->next)
        count++;
    return count;
}

bool cop__long_queue_tell(struct cop__thr *self, uint64_t receiver, uint64_t about, bool on)
{
    cop_term items[4] = { cop__atom(COP__ATOM_monitor), cop__word(about),
        cop__atom(COP__ATOM_long_message_queue), cop__atom(on ? COP__ATOM_true : COP__ATOM_false) };
    struct cop__msg *msg = cop__msg_tuple(self, COP__PLAIN, items, 4);

    if (cop__push(self, receiver, msg))
        return true;
    cop__msg_free(self, msg);
    return false;
}

/* Another may have been set meanwhile. */
static void end_for(uint64_t receiver)
{
    cop__spin_lock(&setting.lock);
    if (setting.receiver == receiver)
        cop__store(cop__long_queue_from, 0);
    cop__spin_unlock(&setting.lock);
}

void cop__long_queue_look_slow(struct cop__thr *self, struct cop__proc *proc)
{
    uint32_t from, until, number;
    uint64_t receiver;
    bool was, is;

    cop__spin_lock(&setting.lock);
    from = cop__load(cop__long_queue_from);
    until = setting.until;
    number = setting.number;
    receiver = setting.receiver;
    cop__spin_unlock(&setting.lock);
    if (!from || receiver == cop__id_of(proc))
        return;
    was = proc->ext && proc->ext->long_queue == number;
    is = was ? count_up_to(proc, until + 1) > until : count_up_to(proc, from) == from;
    if (is == was)
        return;
    cop__ext_of(proc)->long_queue = is ? number : 0;
    if (!cop__long_queue_tell(self, receiver, cop__id_of(proc), is))
        end_for(receiver);
}

void cop_system_monitor_queues(cop_pid receiver, uint32_t from, uint32_t until)
{
    static uint32_t numbers;

    if (receiver.id && (receiver.node || !from || until >= from))
        cop__badarg("system_monitor");
    cop__enter();
    cop__spin_lock(&setting.lock);
    if (++numbers == 0)
        numbers = 1;
    setting.number = numbers;
    setting.receiver = receiver.id;
    setting.until = until;
    cop__store(cop__long_queue_from, receiver.id ? from : 0);
    cop__spin_unlock(&setting.lock);
    cop__leave();
}

static void forget(void)
{
    cop__store(cop__long_queue_from, 0);
}

static struct cop__node_hook hook = { .start = forget };

__attribute__((constructor)) static void add_hook(void)
{
    cop__node_hook_add(&hook);
}
