/* SPDX-License-Identifier: Apache-2.0 */
/* Parts: processes of the operating system that run some processes of this node, each a runtime of
 * its own, connected by the frames of the cluster. Layer 6.
 *
 * Toward its parts the node has one name for good, nonode@nohost, so that a pid of it means the
 * same there before net_kernel gives it another name, and after. */
#include "dist/nodes.h"
#include "proc/proc.h"
#include "term/atoms.h"

#include <stdatomic.h>

static _Atomic(bool) has_parts;
static struct cop__peer *_Atomic whole;

struct cop__peer *cop__part_peer(uint32_t name, enum cop__peer_kind kind)
{
    struct cop__peer *peer = cop__peer_find(name, true);

    if (!peer)
        return NULL;
    if (cop__load(peer->kind) != kind)
        cop__store(peer->kind, (uint8_t)kind);
    atomic_store(&has_parts, true);
    if (kind == COP__PEER_WHOLE)
        cop__store_release(whole, peer);
    cop__serve_remote();
    return peer;
}

bool cop__has_parts(void)
{
    return atomic_load(&has_parts);
}

void cop__parts_forget(void)
{
    atomic_store(&has_parts, false);
    cop__store_release(whole, NULL);
}

struct cop__peer *cop__whole(void)
{
    return cop__load_acquire(whole);
}

/* --- The process that the node knows by another pid: it is seen when it speaks for the first time,
 * which is before anybody else can know its pid
 * --- */

static _Atomic(uint64_t) shown, shown_parent;
static cop_pid shown_as;

void cop__part_shows(uint64_t parent, cop_pid as)
{
    shown_as = as;
    cop__store(shown, 0);
    cop__store_release(shown_parent, parent);
}

uint64_t cop__part_shown(cop_pid *ret_as)
{
    uint64_t parent = cop__load_acquire(shown_parent);
    struct cop__proc *running = cop__running();

    if (!parent)
        return 0;
    *ret_as = shown_as;
    if (!cop__load(shown) && running && running->origin && running->origin->parent == parent)
        cop__store(shown, cop__proc_pid(running).id);
    return cop__load(shown);
}

struct cop__node_id cop__name_toward(const struct cop__peer *peer)
{
    return (struct cop__node_id){
        cop__load(peer->kind) == COP__PEER_PART ? COP__ATOM_nonode_at_nohost : 0, 0
    };
}
