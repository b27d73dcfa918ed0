/* SPDX-License-Identifier: Apache-2.0 */
/* References: the creator's slot and a counter of that slot, so that one is also an address (an
 * alias) and making one touches nothing shared. */
#include "proc/deadlock.h"
#include "proc/proc.h"
#include "term/layout.h"

static _Atomic(uint64_t) outside = 1; /* slot 0: made outside any process */

uint64_t cop__ref_new(struct cop__proc *proc)
{
    uint64_t ref;

    if (!proc)
        return cop__ref_word(0, atomic_fetch_add_explicit(&outside, 1, memory_order_relaxed));
    ref = cop__ref_word(proc->index, cop__next_ref(proc));
    if (proc->ext) {
        proc->ext->mark_ref = ref;
        proc->ext->mark_last = proc->last;
    }
    return ref;
}

cop_ref cop_make_ref(void)
{
    struct cop__thr *self = (struct cop__thr *)cop__enter();
    cop_ref ref = { cop__ref_new(self->current) };

    cop__leave();
    return ref;
}
