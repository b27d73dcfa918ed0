/* SPDX-License-Identifier: Apache-2.0 */
/* The end of a server that loses nothing: no new connections, and what the old ones have sent is
 * still answered. Layer 3.
 *
 * The hard idea: those who serve connections need not know. Their side is shut for reading, so they
 * read what has come, answer it, and then see the end of the stream, as if the client had hung up.
 */
#include <coppice/socket.h>

#include "base/network.h"
#include "io/fd_table.h"

static _Atomic(bool) draining;
static _Atomic(int64_t) accepted; /* connections that are open */

bool cop__is_draining(void)
{
    return atomic_load_explicit(&draining, memory_order_relaxed);
}

static void shut(struct cop__fd *slot)
{
    if (slot->kind == COP__FD_LISTENER || atomic_load(&slot->accepted))
        cop__network_shut_read(slot->fd);
}

/* One of the two sees the other: who drains sets the flag and looks for connections, who accepts
 * makes it one and looks at the flag. */
void cop__drain_accepted(struct cop__fd *slot)
{
    atomic_store(&slot->accepted, true);
    atomic_fetch_add(&accepted, 1);
    if (atomic_load(&draining))
        shut(slot);
}

void cop__drain_closed(struct cop__fd *slot)
{
    if (atomic_exchange(&slot->accepted, false))
        atomic_fetch_sub(&accepted, 1);
}

size_t cop_tcp_drain(void)
{
    if (!atomic_exchange(&draining, true)) {
        cop__enter();
        cop__fd_each(shut);
        cop__leave();
    }
    return (size_t)atomic_load(&accepted);
}

static void forget(void)
{
    atomic_store(&draining, false);
    atomic_store(&accepted, 0);
}

__attribute__((constructor)) static void add_hook(void)
{
    static struct cop__node_hook hook = { .start = forget };

    cop__node_hook_add(&hook);
}
