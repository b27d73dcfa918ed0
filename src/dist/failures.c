/* SPDX-License-Identifier: Apache-2.0 */
/* Who has shown a wrong cookie lately: more than so many of an address within a second, and it is
 * not listened to for the rest of it. Guessing is slow then, and costs this node nothing. Layer 6.
 *
 * A table of fixed size, by the hash of the address: two addresses that share a place share a
 * limit, which only who guesses will notice. */
#include "base/lock.h"
#include "dist/nodes.h"
#include "proc/proc.h"

enum { PLACES = 256, FAILURES_MAX = 10 };

static struct {
    uint64_t began_ns;
    unsigned count;
} places[PLACES];
static struct cop__spinlock lock;

/* The address without its port: "127.0.0.1:40000". */
static unsigned place_of(cop_socket socket)
{
    char text[64];
    uint32_t hash = 2166136261u;
    size_t size;

    if (cop_tcp_peer(socket, text, sizeof text) < 0)
        return 0;
    size = strlen(text);
    while (size && text[size - 1] != ':')
        size--;
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ (unsigned char)text[i]) * 16777619u;
    return (hash ^ hash >> 16) % PLACES;
}

static bool is_current(unsigned place, uint64_t now_ns)
{
    return places[place].count && now_ns - places[place].began_ns < UINT64_C(1000000000);
}

void cop__failure_note(cop_socket socket)
{
    unsigned place = place_of(socket);
    uint64_t now_ns = cop__now_ns();

    cop__enter();
    cop__spin_lock(&lock);
    if (!is_current(place, now_ns)) {
        places[place].began_ns = now_ns;
        places[place].count = 0;
    }
    places[place].count++;
    cop__spin_unlock(&lock);
    cop__leave();
}

bool cop__failures_too_many(cop_socket socket)
{
    unsigned place = place_of(socket);
    bool too_many;

    cop__enter();
    cop__spin_lock(&lock);
    too_many = is_current(place, cop__now_ns()) && places[place].count >= FAILURES_MAX;
    cop__spin_unlock(&lock);
    cop__leave();
    return too_many;
}
