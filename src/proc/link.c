/* SPDX-License-Identifier: Apache-2.0 */
/* Links. The first lies in the descriptor, since nearly every process has exactly one; more go to a
 * map.
 *
 * Unlinking is a conversation, or an unlink and a new link that cross would leave one side linked
 * and the other not: the side that unlinks keeps the entry with the number of its unlink until the
 * other has acknowledged that number. Meanwhile exits over the old link are ignored (P-64). */
#include "proc/far.h"
#include "proc/proc.h"
#include "term/atoms.h"

#include <stdlib.h>

enum { ACTIVE = 0 };

bool cop__link_active(const struct cop__proc *proc, uint64_t other)
{
    uint64_t *entry;

    if (proc->link0 == other)
        return true;
    entry = proc->ext ? cop__map_at(&proc->ext->links, other) : NULL;
    return entry && *entry == ACTIVE;
}

uint64_t *cop__link_unlinking(const struct cop__proc *proc, uint64_t other)
{
    uint64_t *entry = proc->ext ? cop__map_at(&proc->ext->links, other) : NULL;

    return entry && *entry != ACTIVE ? entry : NULL;
}

void cop__link_add(struct cop__proc *proc, uint64_t other)
{
    if (proc->link0 == other)
        return;
    if (!proc->link0 && !(proc->ext && cop__map_at(&proc->ext->links, other)))
        proc->link0 = other;
    else if (!cop__map_put(&cop__ext_of(proc)->links, other, ACTIVE))
        cop__out_of_memory("a link");
}

bool cop__link_remove(struct cop__proc *proc, uint64_t other)
{
    uint64_t value;

    if (proc->link0 == other) {
        proc->link0 = 0;
        return true;
    }
    return proc->ext && cop__map_remove(&proc->ext->links, other, &value) && value == ACTIVE;
}

/* P-62: a local process that is not there. What it sent before may still be in the outer queue, so
 * the message takes the same way. */
static void link_failed(struct cop__thr *self, struct cop__proc *proc, uint64_t other)
{
    cop_term noproc = cop__atom(COP__ATOM_noproc);
    cop_term items[3] = { cop__atom(COP__ATOM_EXIT), cop__word(other), noproc };

    cop__link_remove(proc, other);
    if (cop__load(proc->flags) & COP__P_TRAP_EXIT) {
        struct cop__msg *msg = cop__msg_tuple(self, COP__PLAIN, items, 3);

        if (!cop__push(self, cop__id_of(proc), msg))
            cop__msg_free(self, msg);
        cop__leave();
        return;
    }
    cop__leave();
    cop_error(noproc);
}

void cop_link(cop_pid other)
{
    struct cop__thr *self = (struct cop__thr *)cop__enter();
    struct cop__proc *proc = self->current;

    if (!proc || !other.id) {
        cop__leave();
        cop__badarg("link");
    }
    if (other.node) {
        cop__far_link_to(self, proc, other);
        self = cop__obey(self, proc);
        cop__leave();
        return;
    }
    if (other.id != cop__id_of(proc) && !cop__link_active(proc, other.id)) {
        uint64_t *unlinking = cop__link_unlinking(proc, other.id);

        if (unlinking)
            *unlinking = ACTIVE; /* the acknowledgement under way will find another number */
        else
            cop__link_add(proc, other.id);
        if (!cop__signal_send(self, other.id, COP__LINK, 0, cop__word(other.id))) {
            link_failed(self, proc, other.id);
            return;
        }
    }
    self = cop__charge(self, 1);
    cop__leave();
}

void cop_unlink(cop_pid other)
{
    struct cop__thr *self = (struct cop__thr *)cop__enter();
    struct cop__proc *proc = self->current;

    if (!proc || !other.id) {
        cop__leave();
        cop__badarg("unlink");
    }
    if (other.node) {
        cop__far_unlink_from(proc, other);
        cop__leave();
        return;
    }
    if (cop__link_remove(proc, other.id)) {
        struct cop__ext *ext = cop__ext_of(proc);

        if (cop__signal_send(self, other.id, COP__UNLINK, ++ext->unlink_count, COP_NONE) &&
            !cop__map_put(&ext->links, other.id, ext->unlink_count))
            cop__out_of_memory("a link");
    }
    cop__leave();
}
