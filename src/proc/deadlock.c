/* SPDX-License-Identifier: Apache-2.0 */
/* Following who waits for whom, while they run on. Layer 2.
 *
 * What was seen is looked at once more. Each link that is there at both times, of the same call,
 * was there from the first to the second; so between the two looks all were, and a circle of
 * waiting processes stays. */
#include "proc/deadlock.h"

#include "proc/proc.h"
#include "term/atoms.h"

enum { CIRCLE_MAX = 64 };

struct link {
    uint64_t id, waits_for, call;
};

/* False: it is gone, waits for nobody, or its callers may be answered by others. */
static bool look(struct link *ret_link, uint64_t id)
{
    struct cop__proc *proc = cop__proc_of(id);

    ret_link->id = id;
    ret_link->call = __atomic_load_n(&proc->ref_count, __ATOMIC_ACQUIRE);
    ret_link->waits_for = cop__waited_for(proc);
    return ret_link->waits_for && cop__load(proc->gen) == cop__pid_generation(id) &&
           !(cop__load(proc->flags) & COP__P_OWES);
}

static cop_term name_of(uint64_t id)
{
    uint32_t name = cop__load(cop__proc_of(id)->name);

    return name ? cop__atom(name) : cop__word(id);
}

static bool is_there(const struct link *link)
{
    struct link now;

    return look(&now, link->id) && now.waits_for == link->waits_for && now.call == link->call;
}

bool cop__closes_circle(struct cop__proc *proc, uint64_t server, cop_term *ret_reason)
{
    struct link links[CIRCLE_MAX];
    uint64_t own = cop__id_of(proc), at = server;
    cop_term names = cop_nil();
    uint32_t count = 0;

    if (cop__load(proc->flags) & COP__P_OWES)
        return false;
    do {
        if (count == CIRCLE_MAX || !look(&links[count], at))
            return false;
        at = links[count++].waits_for;
    } while (at != own);
    for (uint32_t i = 0; i < count; i++)
        if (!is_there(&links[i]))
            return false;
    while (count--)
        names = cop_cons(name_of(links[count].id), names);
    *ret_reason = cop__pair(cop__atom(COP__ATOM_deadlock), cop_cons(name_of(own), names));
    return true;
}
