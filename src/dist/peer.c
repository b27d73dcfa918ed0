/* SPDX-License-Identifier: Apache-2.0 */
/* The table of nodes, and what becomes of a connection (peer.h). Layer 6.
 *
 * The hard idea: a number for each attempt. Whatever is done over a connection names the number,
 * and counts only while that one is current; so a late writer, a killed attempt or a tie of a
 * process from before can do nothing to the next connection of the same node, which may be up
 * already. */
#include "dist/peer.h"

#include <stdlib.h>
#include <string.h>

#include "dist/nodes.h"
#include "proc/fault.h"
#include "proc/proc.h"
#include "term/atoms.h"

enum { PEERS_MAX = 1 << 16, INDEX_BITS = 16 };

/* Entries below `count` never change. The map is under the lock. */
static struct cop__peer *peers[PEERS_MAX];
static _Atomic(uint32_t) count = 1; /* 0 is the index of none */
static struct cop__map by_name;
static struct cop__spinlock lock;
static _Atomic(uint64_t) attempts;

static struct cop__peer *make_peer(uint32_t name)
{
    uint32_t index = cop__load(count);
    struct cop__peer *peer = index < PEERS_MAX ? calloc(1, sizeof *peer) : NULL;

    if (!peer)
        return NULL;
    peer->index = index;
    peer->name = name;
    cop__queue_init(&peer->queue);
    if (!cop__map_put(&by_name, name, index)) {
        free(peer);
        return NULL;
    }
    peers[index] = peer;
    cop__store_release(count, index + 1);
    return peer;
}

struct cop__peer *cop__peer_find(uint32_t name, bool make)
{
    bool entered = cop__enter_unless_inside();
    struct cop__peer *peer;
    uint64_t *place;

    cop__spin_lock(&lock);
    place = cop__map_at(&by_name, name);
    peer = place ? peers[*place] : make ? make_peer(name) : NULL;
    cop__spin_unlock(&lock);
    if (entered)
        cop__leave();
    return peer;
}

struct cop__peer *cop__peer_of_connection(uint64_t connection)
{
    uint32_t index = (uint32_t)(connection & (PEERS_MAX - 1));

    return index && index < cop__load_acquire(count) ? peers[index] : NULL;
}

struct cop__peer *cop__peer_next(struct cop__peer *peer)
{
    uint32_t index = peer ? peer->index + 1 : 1;

    return index < cop__load_acquire(count) ? peers[index] : NULL;
}

struct cop__peer_view cop__peer_look(struct cop__peer *peer)
{
    bool entered = cop__enter_unless_inside();
    struct cop__peer_view view;

    cop__spin_lock(&peer->lock);
    view = (struct cop__peer_view){ peer->state, peer->outgoing, peer->visible, peer->creation,
        peer->flags, peer->queue.bytes };
    cop__spin_unlock(&peer->lock);
    if (entered)
        cop__leave();
    return view;
}

/* --- Attempts, connections and their end
 * ---------------------------------------------------------- */

static uint64_t new_number(const struct cop__peer *peer)
{
    return (atomic_fetch_add_explicit(&attempts, 1, memory_order_relaxed) + 1) << INDEX_BITS |
           peer->index;
}

static void begin(struct cop__peer *peer, uint64_t controller, bool outgoing)
{
    peer->state = COP__PEER_PENDING;
    peer->outgoing = outgoing;
    peer->connection = new_number(peer);
    peer->controller = controller;
    peer->reason = 0;
    peer->writer = 0;
    peer->writer_waits = false;
    cop__store(peer->bytes_in, 0);
    cop__store(peer->bytes_out, 0);
    cop__store(peer->messages_in, 0);
    cop__store(peer->messages_out, 0);
    cop__store(peer->release, 0);
}

/* With the lock held: there is an attempt or a connection. True: ask for the attempt to be made. */
static bool ensure(struct cop__peer *peer)
{
    if (peer->state != COP__PEER_DOWN || !cop__nodes_may_connect())
        return false;
    begin(peer, 0, true);
    return true;
}

uint64_t cop__peer_join(struct cop__peer *peer, uint64_t process)
{
    uint64_t connection = 0;
    bool made;

    cop__spin_lock(&peer->lock);
    made = ensure(peer);
    if (peer->state != COP__PEER_DOWN && cop__map_put(&peer->members, process, 1))
        connection = peer->connection;
    cop__spin_unlock(&peer->lock);
    if (made)
        cop__nodes_connect(peer->name, connection);
    return connection;
}

void cop__peer_leave(struct cop__peer *peer, uint64_t connection, uint64_t process)
{
    cop__spin_lock(&peer->lock);
    if (peer->connection == connection)
        cop__map_remove(&peer->members, process, NULL);
    cop__spin_unlock(&peer->lock);
}

uint64_t cop__peer_attempt(struct cop__peer *peer, uint64_t controller, bool outgoing)
{
    uint64_t connection = 0;

    cop__spin_lock(&peer->lock);
    if (peer->state == COP__PEER_DOWN) {
        begin(peer, controller, outgoing);
        connection = peer->connection;
    }
    cop__spin_unlock(&peer->lock);
    return connection;
}

bool cop__peer_claim(struct cop__peer *peer, uint64_t connection, uint64_t controller)
{
    bool ours;

    cop__spin_lock(&peer->lock);
    ours = peer->state == COP__PEER_PENDING && peer->connection == connection && !peer->controller;
    if (ours)
        peer->controller = controller;
    cop__spin_unlock(&peer->lock);
    return ours;
}

static void end_process(uint64_t id, uint32_t reason)
{
    if (id)
        cop__exit_as(cop__self_thr(), id, cop__atom(COP__ATOM_undefined), cop__atom(reason));
}

/* What was queued and who is registered stay: for them it is the same attempt. */
uint64_t cop__peer_take_over(struct cop__peer *peer, uint64_t controller)
{
    uint64_t connection = 0, before = 0;

    cop__spin_lock(&peer->lock);
    if (peer->state == COP__PEER_PENDING) {
        before = peer->controller;
        peer->controller = controller;
        peer->outgoing = false;
        connection = peer->connection;
    }
    cop__spin_unlock(&peer->lock);
    end_process(before, COP__ATOM_kill);
    return connection;
}

bool cop__peer_is_settled(struct cop__peer *peer)
{
    bool settled;

    cop__spin_lock(&peer->lock);
    settled = peer->ending == 0;
    cop__spin_unlock(&peer->lock);
    return settled;
}

bool cop__peer_up(struct cop__peer *peer, uint64_t connection, uint64_t controller, uint64_t flags,
    uint32_t creation)
{
    bool ours;

    cop__spin_lock(&peer->lock);
    ours = peer->state == COP__PEER_PENDING && peer->connection == connection &&
           peer->controller == controller;
    if (ours) {
        peer->state = COP__PEER_UP;
        peer->flags = flags;
        peer->visible = flags & COP__DF_PUBLISHED;
        peer->creation = creation;
    }
    cop__spin_unlock(&peer->lock);
    return ours;
}

static void wake_suspended(struct cop__map *suspended)
{
    struct cop__map_entry *entry;

    for (uint32_t i = 0; (entry = cop__map_each(suspended, &i));)
        cop__unpark(cop__proc_of(entry->key), cop__pid_generation(entry->key));
    cop__map_free(suspended);
    *suspended = (struct cop__map){ 0 };
}

void cop__peer_down(struct cop__peer *peer, uint64_t connection, uint64_t controller)
{
    struct cop__thr *self = cop__self_thr();
    struct cop__map members, suspended;
    struct cop__map_entry *entry;
    bool was_up, visible;
    uint64_t reason, writer, successor;

    cop__spin_lock(&peer->lock);
    if (peer->state == COP__PEER_DOWN || peer->connection != connection ||
        (controller && peer->controller != controller)) {
        cop__spin_unlock(&peer->lock);
        return;
    }
    was_up = peer->state == COP__PEER_UP;
    visible = peer->visible;
    reason = peer->reason;
    writer = peer->writer;
    members = peer->members;
    suspended = peer->suspended;
    peer->members = peer->suspended = (struct cop__map){ 0 };
    cop__queue_clear(&peer->queue);
    peer->state = COP__PEER_DOWN;
    peer->controller = peer->writer = 0;
    peer->visible = false;
    successor = peer->successor;
    peer->successor = 0;
    if (successor)
        begin(peer, successor, false);
    peer->ending++;
    cop__spin_unlock(&peer->lock);
    for (uint32_t i = 0; (entry = cop__map_each(&members, &i));)
        cop__signal_send(self, entry->key, COP__NODE_DOWN, connection, COP_NONE);
    cop__map_free(&members);
    wake_suspended(&suspended);
    end_process(writer, COP__ATOM_kill);
    if (was_up && cop__load(peer->kind) == COP__PEER_NODE)
        cop__nodes_changed(
            peer->name, false, visible, reason ? (uint32_t)reason : COP__ATOM_connection_closed);
    cop__spin_lock(&peer->lock);
    peer->ending--;
    cop__spin_unlock(&peer->lock);
}

bool cop__peer_succeed(struct cop__peer *peer, uint64_t successor)
{
    bool ours;

    cop__spin_lock(&peer->lock);
    ours = peer->state == COP__PEER_UP && !peer->successor;
    if (ours)
        peer->successor = successor;
    cop__spin_unlock(&peer->lock);
    return ours;
}

/* Whether it is still to follow, and what it follows. */
static uint64_t followed(struct cop__peer *peer, uint64_t successor, bool *ret_follows)
{
    uint64_t number = 0;

    cop__spin_lock(&peer->lock);
    *ret_follows = peer->successor == successor;
    if (*ret_follows || (peer->state == COP__PEER_PENDING && peer->controller == successor))
        number = peer->connection;
    cop__spin_unlock(&peer->lock);
    return number;
}

uint64_t cop__peer_replace(struct cop__peer *peer, uint64_t successor)
{
    bool follows;
    uint64_t number = followed(peer, successor, &follows);

    if (number && follows)
        cop__peer_disconnect(peer, number, COP__ATOM_connection_closed);
    return followed(peer, successor, &follows);
}

void cop__peer_abandon(struct cop__peer *peer, uint64_t successor)
{
    bool follows;
    uint64_t number = followed(peer, successor, &follows);

    if (number && !follows) {
        cop__peer_down(peer, number, successor);
        return;
    }
    cop__spin_lock(&peer->lock);
    if (peer->successor == successor)
        peer->successor = 0;
    cop__spin_unlock(&peer->lock);
    if (follows) { /* it may have begun between the two looks */
        number = followed(peer, successor, &follows);
        if (number)
            cop__peer_down(peer, number, successor);
    }
}

void cop__peer_disconnect(struct cop__peer *peer, uint64_t connection, uint32_t reason)
{
    uint64_t controller = 0;
    bool there;

    cop__spin_lock(&peer->lock);
    there = peer->state != COP__PEER_DOWN && (!connection || peer->connection == connection);
    if (there) {
        connection = peer->connection;
        controller = peer->controller;
        if (!peer->reason)
            peer->reason = reason;
    }
    cop__spin_unlock(&peer->lock);
    if (!there)
        return;
    cop__peer_down(peer, connection, 0);
    end_process(controller, COP__ATOM_kill);
}

void cop__peer_reset(struct cop__peer *peer)
{
    cop__map_free(&peer->members);
    cop__map_free(&peer->suspended);
    peer->members = peer->suspended = (struct cop__map){ 0 };
    cop__queue_clear(&peer->queue);
    peer->state = COP__PEER_DOWN;
    peer->controller = peer->writer = peer->successor = 0;
    peer->ending = 0;
}

/* --- The queue ---------------------------------------------------------------------------------
 */

static void wake_writer(uint64_t writer)
{
    if (writer)
        cop__unpark(cop__proc_of(writer), cop__pid_generation(writer));
}

/* One of the two. */
static bool queue_up(struct cop__peer *peer, uint64_t connection, uint64_t sender,
    const unsigned char *bytes, size_t size, struct cop__large *large)
{
    bool made, queued = false;
    uint64_t wake = 0, number;

    cop__spin_lock(&peer->lock);
    made = !connection && ensure(peer);
    number = peer->connection;
    if (peer->state != COP__PEER_DOWN && (!connection || peer->connection == connection)) {
        queued = large || cop__queue_frame(&peer->queue, sender, bytes, size);
        if (large)
            cop__queue_large(&peer->queue, large);
        cop__store(peer->messages_out, cop__load(peer->messages_out) + 1);
        if (queued && peer->writer_waits) {
            peer->writer_waits = false;
            wake = peer->writer;
        }
    }
    cop__spin_unlock(&peer->lock);
    if (made)
        cop__nodes_connect(peer->name, number);
    wake_writer(wake);
    return queued;
}

bool cop__peer_queue(struct cop__peer *peer, uint64_t connection, uint64_t sender,
    const unsigned char *bytes, size_t size)
{
    return queue_up(peer, connection, sender, bytes, size, NULL);
}

bool cop__peer_queue_large(struct cop__peer *peer, uint64_t connection, struct cop__large *large)
{
    if (queue_up(peer, connection, large->sender, NULL, 0, large))
        return true;
    cop__large_free(large);
    return false;
}

bool cop__peer_await_room(struct cop__peer *peer, bool wait)
{
    bool short_enough;

    for (;;) {
        struct cop__proc *proc = cop__running();

        cop__spin_lock(&peer->lock);
        short_enough = peer->queue.bytes < COP__QUEUE_HIGH || peer->state == COP__PEER_DOWN;
        if (!short_enough && wait && proc &&
            !cop__map_put(&peer->suspended, cop__proc_pid(proc).id, 1))
            short_enough = true; /* no memory to wait with */
        cop__spin_unlock(&peer->lock);
        if (short_enough || !wait || !proc)
            return short_enough;
        cop__park(UINT64_MAX);
    }
}

bool cop__peer_take(struct cop__peer *peer, uint64_t connection, struct cop__chunk **ret_chunks,
    struct cop__fragment *ret_fragment)
{
    struct cop__map suspended = { 0 };
    bool is_up;

    *ret_chunks = NULL;
    ret_fragment->large = NULL;
    cop__spin_lock(&peer->lock);
    is_up = peer->connection == connection && peer->state == COP__PEER_UP;
    if (is_up) {
        *ret_chunks = cop__queue_take(&peer->queue);
        if (!*ret_chunks)
            cop__queue_fragment(ret_fragment, &peer->queue);
        peer->writer_waits = !*ret_chunks && !ret_fragment->large;
        if (peer->suspended.count && peer->queue.bytes < COP__QUEUE_LOW) {
            suspended = peer->suspended;
            peer->suspended = (struct cop__map){ 0 };
        }
    }
    cop__spin_unlock(&peer->lock);
    if (suspended.count)
        wake_suspended(&suspended);
    return is_up;
}
