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

/* Both directions, or one. */
static int split(const char *from, const char *to, bool both, uint64_t until_ns)
{
    int place = cop__world ? cop__world_find(from) : -1;
    int other = cop__world ? cop__world_find(to) : -1;

    if (!cop__world)
        return -ENOTSUP;
    if (place < 0 || other < 0)
        return -COP_ENOTFOUND;
    if (place == other)
        return -COP_EBADARG;
    cop__network_split(place, other, until_ns);
    if (both)
        cop__network_split(other, place, until_ns);
    cop__enter();
    if (!until_ns)
        cop__sim_tell("%s and %s hear each other again", from, to);
    else
        cop__sim_tell("FAULT: %s is split from %s%s", from, to, both ? "" : ", one way");
    cop__leave();
    return 0;
}

static uint64_t after_ms(int64_t for_ms)
{
    uint64_t now_ns = cop__clock_now_ns();

    return for_ms < 0 || for_ms >= (int64_t)((UINT64_MAX - now_ns) / 1000000)
               ? UINT64_MAX
               : now_ns + (uint64_t)for_ms * 1000000;
}

int cop_sim_split(const char *name, const char *other, int64_t for_ms)
{
    return split(name, other, true, after_ms(for_ms));
}

int cop_sim_split_one_way(const char *from, const char *to, int64_t for_ms)
{
    return split(from, to, false, after_ms(for_ms));
}

int cop_sim_heal(const char *name, const char *other)
{
    return split(name, other, true, 0);
}

void *cop_sim_memory(void)
{
    return cop__world ? cop__world->memory : NULL;
}
