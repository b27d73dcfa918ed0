/* SPDX-License-Identifier: Apache-2.0 */
/* Several nodes in one simulation, for those who write them. Layer 7. */
#include <coppice/sim.h>
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/network.h"
#include "base/thread.h"
#include "base/world.h"
#include "sim/nursery.h"

int cop_sim_start_node(const char *name, cop_main *fn)
{
    int place, error;

    if (!cop__world)
        return -ENOTSUP;
    if (!*name || strlen(name) >= COP__WORLD_NAME)
        return -COP_EBADARG;
    if (cop__world_find(name) >= 0)
        return -COP_EALREADY;
    place = cop__world_place(name);
    if (place < 0)
        return -COP_ESYSTEMLIMIT;
    cop__enter();
    cop__sim_tell("node %s starts", name);
    cop__leave();
    error = cop__nursery_bear(place, fn);
    if (error < 0)
        cop__world->nodes[place].state = COP__WORLD_FREE;
    return error;
}

int cop_sim_kill_node(const char *name)
{
    int place = cop__world ? cop__world_find(name) : -1, error;

    if (!cop__world)
        return -ENOTSUP;
    if (place < 0)
        return -COP_ENOTFOUND;
    if (place == 0 || place == cop__world_self())
        return -COP_EBADARG;
    cop__enter();
    cop__sim_tell("FAULT: node %s is killed", name);
    cop__leave();
    cop__world->nodes[place].state = COP__WORLD_FREE;
    error = cop__nursery_kill(place);
    cop__network_drop(place);
    return error;
}

bool cop_sim_node_runs(const char *name)
{
    return cop__world && cop__world_find(name) >= 0;
}

const char *cop_sim_node(void)
{
    return cop__world ? cop__world->nodes[cop__world_self()].name : "main";
}

/* From now on, or no more. */
static int split(const char *name, const char *other, uint64_t until_ns)
{
    int place = cop__world ? cop__world_find(name) : -1;
    int other_place = cop__world ? cop__world_find(other) : -1;

    if (!cop__world)
        return -ENOTSUP;
    if (place < 0 || other_place < 0)
        return -COP_ENOTFOUND;
    if (place == other_place)
        return -COP_EBADARG;
    cop__network_split(place, other_place, until_ns);
    return 0;
}

int cop_sim_split(const char *name, const char *other, int64_t for_ms)
{
    uint64_t now_ns = cop__clock_now_ns();
    bool for_ever = for_ms < 0 || for_ms >= (int64_t)((UINT64_MAX - now_ns) / 1000000);
    int error = split(name, other, for_ever ? UINT64_MAX : now_ns + (uint64_t)for_ms * 1000000);

    if (error < 0)
        return error;
    cop__enter();
    if (for_ever)
        cop__sim_tell("FAULT: %s and %s are split", name, other);
    else
        cop__sim_tell("FAULT: %s and %s are split for %lld ms", name, other, (long long)for_ms);
    cop__leave();
    return 0;
}

int cop_sim_heal(const char *name, const char *other)
{
    int error = split(name, other, 0);

    if (error < 0)
        return error;
    cop__enter();
    cop__sim_tell("%s and %s hear each other again", name, other);
    cop__leave();
    return 0;
}

void *cop_sim_memory(void)
{
    return cop__world ? cop__world->memory : NULL;
}
