/* SPDX-License-Identifier: Apache-2.0 */
/* The slots of fd_table.h: opening, closing, waiting, and the poller's events. Layer 3; IO-1 to
 * IO-7.
 *
 * The hard idea: a slot outlives what is open in it, and three parties meet there without a lock:
 * the process that waits, the poller, and whoever closes. The waiter puts its id into the event
 * word and only then lets go of the direction; the poller exchanges the word for "ready" and wakes
 * whom it found; the closer first changes seq, so that nobody new comes in, and then takes both
 * directions by force, which a waiter notices because its id is no longer there. */
#include "base/network.h"
#include "io/fd_table.h"

#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/poller.h"
#include "io/os_process.h"
#include "proc/proc.h"

enum { CHUNK = 1024, CHUNKS = 4096, FD_BITS = 24 };
enum { FREE = 0, BUSY = 1, READY = 1, CLOSE_WHEN_BACK = 2 }; /* no process has such an id */

/* What the owner's list of resources knows of a slot. Its own block, and not part of the slot: a
 * process that is not the owner may close, and the slot be used again, while this is still in
 * the owner's list, which only the owner may change (IO-6). */
struct cop__hold {
    struct cop__resource resource;
    struct cop__fd *slot;
    uint32_t seq;
    bool listed; /* the owner has it in its list: false between give and adopt */
};

/* Sent to the owner to say that its hold is void: it drops it. A hold that was given away is before
 * it in the mailbox, because whoever closes waits for a give that has begun. */
struct courier {
    struct cop__resource resource;
    struct cop__hold *hold;
};

static _Atomic(struct cop__fd *) table[CHUNKS];

static struct cop__fd *slot_at(int fd)
{
    struct cop__fd *chunk;

    if (fd < 0 || fd >= CHUNK * CHUNKS)
        return NULL;
    chunk = atomic_load_explicit(&table[fd / CHUNK], memory_order_acquire);
    return chunk ? &chunk[fd % CHUNK] : NULL;
}

static struct cop__fd *slot_new(int fd)
{
    struct cop__fd *none = NULL, *chunk;

    if (fd >= CHUNK * CHUNKS)
        return NULL;
    if (slot_at(fd))
        return slot_at(fd);
    chunk = aligned_alloc(64, CHUNK * sizeof *chunk);
    if (!chunk)
        return NULL;
    for (int i = 0; i < CHUNK; i++)
        chunk[i] = (struct cop__fd){ .fd = fd / CHUNK * CHUNK + i };
    /* release: pairs with the acquire in slot_at */
    if (!atomic_compare_exchange_strong_explicit(
            &table[fd / CHUNK], &none, chunk, memory_order_acq_rel, memory_order_acquire))
        free(chunk); /* another thread was first */
    return slot_at(fd);
}

uint64_t cop__fd_id(const struct cop__fd *slot)
{
    return (uint64_t)atomic_load_explicit(&slot->seq, memory_order_relaxed) << FD_BITS |
           (uint32_t)slot->fd;
}

uint32_t cop__fd_seq_of(uint64_t id)
{
    return (uint32_t)(id >> FD_BITS);
}

struct cop__fd *cop__fd_find(uint64_t id)
{
    struct cop__fd *slot = slot_at((int)(id & ((1u << FD_BITS) - 1)));
    uint32_t seq = cop__fd_seq_of(id);

    /* acquire: pairs with the release in cop__fd_open */
    if (!slot || !(seq & 1) || id >> (FD_BITS + 32) ||
        atomic_load_explicit(&slot->seq, memory_order_acquire) != seq)
        return NULL;
    return slot;
}

int cop__last_error(void)
{
    return -errno;
}

uint64_t cop__deadline_ms(int64_t timeout_ms)
{
    uint64_t now;

    if (timeout_ms < 0)
        return UINT64_MAX;
    if (timeout_ms == 0)
        return 0;
    now = cop__now_ns();
    if ((uint64_t)timeout_ms > (UINT64_MAX - now) / 1000000)
        return UINT64_MAX;
    return now + (uint64_t)timeout_ms * 1000000;
}

/* --- Taking a direction, waiting -----------------------------------------------------------------
 */

static uint64_t my_id(void)
{
    return cop__proc_pid(cop__running()).id;
}

static void wake(uint64_t id)
{
    cop__unpark(cop__proc_of(id), (uint32_t)(id >> 32));
}

static bool is_dead(uint64_t id)
{
    const struct cop__proc *proc = cop__proc_of(id);

    /* the mailbox closes before anyone hears of the exit, the slot is free only after that */
    return cop__proc_gen(proc) != (uint32_t)(id >> 32) || cop__load(proc->mbox) & COP__MBOX_DEAD;
}

static bool is_open(struct cop__fd *slot, uint32_t seq)
{
    return atomic_load_explicit(&slot->seq, memory_order_acquire) == seq;
}

static void wait_a_little(uint32_t *tries)
{
    cop__pause();
    if (++*tries % 64 == 0)
        sched_yield(); /* the holder has lost its core */
}

int cop__fd_take(struct cop__fd *slot, _Atomic(uint64_t) *direction, uint32_t seq)
{
    uint32_t tries = 0;

    for (;;) {
        uint64_t held = FREE;

        if (atomic_compare_exchange_strong(direction, &held, BUSY))
            break;
        if (held == BUSY) {
            wait_a_little(&tries);
            continue;
        }
        if (!is_open(slot, seq))
            return -COP_ECLOSED;
        /* A process that ended while it waited has left its id here. */
        if (held == CLOSE_WHEN_BACK || !is_dead(held))
            return -EBUSY;
        if (atomic_compare_exchange_strong(direction, &held, BUSY))
            break;
    }
    if (is_open(slot, seq))
        return 0;
    cop__fd_drop(direction);
    return -COP_ECLOSED;
}

/* Let go of the direction, park, take it again. 1: woken, 0: the time has passed, -COP_ECLOSED. */
static int park(
    struct cop__fd *slot, _Atomic(uint64_t) *direction, uint32_t seq, uint64_t deadline_ns)
{
    uint64_t id = my_id(), held = id;
    bool woken;

    atomic_store_explicit(direction, id, memory_order_release);
    woken = cop__park(deadline_ns); /* from here on perhaps another thread */
    if (!atomic_compare_exchange_strong(direction, &held, BUSY))
        return -COP_ECLOSED;
    if (!is_open(slot, seq)) {
        cop__fd_drop(direction);
        return -COP_ECLOSED;
    }
    return woken;
}

int cop__fd_wait(struct cop__fd *slot, _Atomic(uint64_t) *word, _Atomic(uint64_t) *direction,
    uint32_t seq, uint64_t deadline_ns)
{
    uint64_t id = cop__running() ? my_id() : 0, held;

    if (!id)
        return -COP_ETIMEOUT; /* a thread without a process cannot wait */
    for (;;) {
        int woken;

        if (cop__fd_ready(word))
            return 0;
        held = atomic_load_explicit(word, memory_order_relaxed);
        if (held == READY)
            continue;
        /* held is 0, or the id of one that ended while it waited: we hold the direction */
        if (!atomic_compare_exchange_strong(word, &held, id))
            continue;
        woken = deadline_ns ? park(slot, direction, seq, deadline_ns) : 0;
        if (woken < 0)
            return woken; /* the closer has cleared the word */
        held = id;
        if (atomic_compare_exchange_strong(word, &held, 0) && !woken)
            return -COP_ETIMEOUT;
    }
}

int cop__fd_pause(
    struct cop__fd *slot, _Atomic(uint64_t) *direction, uint32_t seq, uint64_t deadline_ns)
{
    int woken;

    do
        woken = park(slot, direction, seq, deadline_ns);
    while (woken > 0);
    return woken;
}

void cop__fd_read_done(struct cop__fd *slot)
{
    uint32_t seq;

    if (atomic_load_explicit(&slot->mode, memory_order_relaxed) == COP_PASSIVE) {
        cop__fd_drop(&slot->reading);
        return;
    }
    /* Pairs with on_event: it stores the word and then looks at `reading`, we the other way round.
     */
    seq = atomic_load_explicit(&slot->seq, memory_order_relaxed);
    atomic_store(&slot->reading, FREE);
    if (atomic_load(&slot->reader) == READY)
        cop__active_deliver(slot, seq);
}

/* --- Events
 * --------------------------------------------------------------------------------------- */

static void tell(_Atomic(uint64_t) *word)
{
    uint64_t old = atomic_exchange(word, READY); /* release: what we saw is seen by the waiter */

    if (old > READY)
        wake(old);
}

static void on_event(uint64_t data, uint32_t events)
{
    struct cop__fd *slot = slot_at((int)(uint32_t)data);
    uint32_t seq = (uint32_t)(data >> 32);

    if (slot && is_open(slot, seq + 1) && cop__os_process_gone(slot)) {
        cop__poller_remove(slot->fd);
        close(slot->fd);
    }
    if (!slot || !is_open(slot, seq))
        return; /* of a connection that had this number before: IO-2 */
    if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
        atomic_store_explicit(&slot->hup, 1, memory_order_relaxed);
    if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) {
        tell(&slot->reader);
        if (atomic_load(&slot->mode) != COP_PASSIVE)
            cop__active_deliver(slot, seq);
    }
    if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR) &&
        atomic_load_explicit(&slot->writer, memory_order_relaxed) != READY)
        tell(&slot->writer);
}

/* --- Opening and closing
 * ---------------------------------------------------------------------------- */

static int close_slot(struct cop__fd *slot, uint32_t seq, bool by_hold);

static void release_hold(struct cop__resource *resource)
{
    struct cop__hold *hold = (struct cop__hold *)resource;

    close_slot(hold->slot, hold->seq, true);
    free(hold);
}

/* Runs in the new owner: it has the hold in its list now. When the slot was closed meanwhile, a
 * courier is behind it in the mailbox. */
static void adopt_hold(struct cop__resource *resource)
{
    struct cop__hold *hold = (struct cop__hold *)resource;

    hold->listed = true;
}

static void release_courier(struct cop__resource *resource)
{
    free(resource); /* the owner is gone, and the hold with it */
}

static void adopt_courier(struct cop__resource *resource)
{
    struct cop__hold *hold = ((struct courier *)resource)->hold;

    cop__resource_remove(resource);
    free(resource);
    cop__resource_remove(&hold->resource);
    free(hold);
}

/* Of a hold whose slot has just been closed. */
static void drop_hold(struct cop__hold *hold, uint64_t owner)
{
    struct cop__proc *running = cop__running();
    struct courier *courier;

    if (running && cop__proc_pid(running).id == owner && hold->listed) {
        cop__resource_remove(&hold->resource);
        free(hold);
        return;
    }
    courier = malloc(sizeof *courier);
    if (!courier)
        return; /* the hold stays with the owner until it ends */
    *courier = (struct courier){ { .release = release_courier, .adopted = adopt_courier }, hold };
    if (!cop__resource_send(&courier->resource, (cop_pid){ owner, 0 }))
        free(courier);
}

static uint64_t poll_data(const struct cop__fd *slot, uint32_t seq)
{
    return (uint64_t)seq << 32 | (uint32_t)slot->fd;
}

void cop__fd_poll_again(struct cop__fd *slot, uint32_t seq)
{
    cop__poller_again(slot->fd, poll_data(slot, seq));
}

static void fill_slot(struct cop__fd *slot, enum cop__fd_kind kind, struct cop__hold *hold,
    const struct cop_socket_options *like)
{
    static const struct cop_socket_options none;
    const struct cop_socket_options *options = like ? like : &none;
    size_t packet = options->packet_size_max, queue = options->send_buffer_max;

    slot->hold = hold;
    atomic_store_explicit(&slot->kind, (uint8_t)kind, memory_order_relaxed);
    slot->packet = (uint8_t)options->packet;
    slot->packet_size_max = packet == 0 ? 65536 : packet > 1u << 30 ? 1u << 30 : (uint32_t)packet;
    slot->send_buffer_max = queue == 0 ? 65536 : queue > 1u << 30 ? 1u << 30 : (uint32_t)queue;
    slot->send_timeout_ms = options->send_timeout_ms;
    slot->drained_r = 0;
    atomic_store(&slot->accepted, false);
    slot->send_error = 0;
    atomic_store_explicit(&slot->active_left, 0, memory_order_relaxed);
    atomic_store_explicit(&slot->hup, 0, memory_order_relaxed);
    atomic_store_explicit(&slot->mode, COP_PASSIVE, memory_order_relaxed);
    atomic_store_explicit(&slot->owner, my_id(), memory_order_relaxed);
}

int cop__fd_open(
    uint64_t *ret_id, int fd, enum cop__fd_kind kind, const struct cop_socket_options *like)
{
    struct cop__fd *slot = slot_new(fd);
    struct cop__hold *hold = slot ? malloc(sizeof *hold) : NULL;
    uint32_t seq;
    int result = 0;

    if (!hold) {
        cop__network_close(fd);
        return -ENOMEM;
    }
    /* acquire: pairs with the release in finish(), through which the last closer let go of the slot
     */
    atomic_load_explicit(&slot->reading, memory_order_acquire);
    atomic_load_explicit(&slot->writing, memory_order_acquire);
    seq = atomic_load_explicit(&slot->seq, memory_order_relaxed) + 1;
    *hold =
        (struct cop__hold){ { .release = release_hold, .adopted = adopt_hold }, slot, seq, true };
    fill_slot(slot, kind, hold, like);
    /* release: whoever finds this seq finds what was written above */
    atomic_store_explicit(&slot->seq, seq, memory_order_release);
    cop__resource_add(&hold->resource);
    if (kind != COP__FD_FILE)
        result = cop__poller_add(fd, poll_data(slot, seq));
    if (result < 0)
        cop__fd_close(slot, seq);
    else
        *ret_id = cop__fd_id(slot);
    return result;
}

/* From whoever has it; one that waits is woken, and finds its id gone. */
static void take_by_force(_Atomic(uint64_t) *direction)
{
    uint64_t held = atomic_load_explicit(direction, memory_order_relaxed);
    uint32_t tries = 0;

    for (;;) {
        if (held == BUSY) {
            wait_a_little(&tries);
            held = atomic_load_explicit(direction, memory_order_relaxed);
        } else if (atomic_compare_exchange_strong(direction, &held, BUSY)) {
            break;
        }
    }
    if (held > BUSY)
        wake(held);
}

/* What cop_tcp_write has queued goes out as far as the system takes it at once. */
static void send_queued(struct cop__fd *slot)
{
    cop_bytes queued = cop__buffer_bytes(&slot->out);

    struct iovec part = { (void *)(uintptr_t)queued.data, queued.size };
    struct msghdr message = { .msg_iov = &part };
    ssize_t sent = 0;

    message.msg_iovlen = 1; /* an int in musl */
    if (queued.size)
        sent = slot->kind == COP__FD_PIPE ? write(slot->fd, queued.data, queued.size)
                                          : cop__network_send(slot->fd, &message);
    (void)sent; /* the other side is gone or does not read: nobody is left to be told */
}

/* Both directions are ours, or nobody's any more. */
static void finish(struct cop__fd *slot)
{
    int fd = slot->fd;

    atomic_store_explicit(&slot->reader, 0, memory_order_relaxed);
    atomic_store_explicit(&slot->writer, 0, memory_order_relaxed);
    send_queued(slot);
    cop__buffer_done(&slot->in);
    cop__buffer_done(&slot->out);
    if (slot->kind == COP__FD_PROCESS && !cop__os_process_closed(slot)) {
        cop__fd_drop(&slot->reading); /* on_event does the rest */
        cop__fd_drop(&slot->writing);
        return;
    }
    if (slot->kind != COP__FD_FILE)
        cop__poller_remove(fd);
    cop__drain_closed(slot);
    cop__fd_drop(&slot->reading);
    cop__fd_drop(&slot->writing);
    cop__network_close(fd); /* last: from here on the number, and the slot, may be another's */
}

void cop__fd_close_late(struct cop__fd *slot)
{
    finish(slot);
}

/* A process that is in the system with the file closes it when it is back (file.c). */
static bool leave_to_user(struct cop__fd *slot)
{
    uint64_t held = atomic_load(&slot->reading);
    struct cop__proc *running = cop__running();

    if (slot->kind != COP__FD_FILE || held <= BUSY || is_dead(held) ||
        (running && held == cop__proc_pid(running).id)) /* it ends, and does not come back */
        return false;
    return atomic_compare_exchange_strong(&slot->reading, &held, CLOSE_WHEN_BACK);
}

static int close_slot(struct cop__fd *slot, uint32_t seq, bool by_hold)
{
    struct cop__hold *hold;
    uint64_t owner;

    if (!atomic_compare_exchange_strong(&slot->seq, &seq, seq + 1))
        return -COP_ECLOSED;
    cop__spin_lock(&slot->giving); /* from now on nobody gives it away */
    hold = slot->hold;
    owner = atomic_load(&slot->owner);
    cop__spin_unlock(&slot->giving);
    if (!leave_to_user(slot)) {
        take_by_force(&slot->reading);
        take_by_force(&slot->writing);
        finish(slot);
    }
    if (!by_hold)
        drop_hold(hold, owner);
    return 0;
}

int cop__fd_close(struct cop__fd *slot, uint32_t seq)
{
    return close_slot(slot, seq, false);
}

/* With `giving` held: whoever closes meanwhile waits for it, and then knows the right owner. */
static int give(struct cop__fd *slot, cop_pid to)
{
    struct cop__hold *hold = slot->hold;
    uint64_t own = my_id();

    if (atomic_load(&slot->owner) != own)
        return -EPERM;
    if (to.id == own)
        return 0;
    if (!hold->listed)
        return -EBUSY; /* given to us, and not adopted yet: that comes with the next receive */
    hold->listed = false;
    atomic_store(&slot->owner, to.id);
    if (cop__resource_give(&hold->resource, to))
        return 0;
    hold->listed = true;
    atomic_store(&slot->owner, own);
    return -COP_ENOPROC;
}

int cop__fd_give(uint64_t id, cop_pid to)
{
    struct cop__fd *slot = cop__fd_find(id);
    int result;

    if (!slot)
        return -COP_ECLOSED;
    if (!cop__running())
        return -EPERM;
    cop__spin_lock(&slot->giving); /* not a direction: the new owner may be waiting in it already */
    result = is_open(slot, cop__fd_seq_of(id)) ? give(slot, to) : -COP_ECLOSED;
    cop__spin_unlock(&slot->giving);
    return result;
}

void cop__fd_each(void (*look)(struct cop__fd *slot))
{
    for (int i = 0; i < CHUNKS; i++) {
        struct cop__fd *chunk = atomic_load(&table[i]);

        for (int j = 0; chunk && j < CHUNK; j++)
            if (atomic_load_explicit(&chunk[j].seq, memory_order_acquire) % 2)
                look(&chunk[j]);
    }
}

/* --- The node
 * ----------------------------------------------------------------------------------------- */

/* The kill of an orphan has done its work, or soon will have. */
static void end_orphans(struct cop__fd *chunk)
{
    for (int i = 0; chunk && i < CHUNK; i++)
        if (atomic_load(&chunk[i].orphan)) {
            waitpid(atomic_load(&chunk[i].os_pid), NULL, 0);
            close(chunk[i].fd);
        }
}

static void stop(void)
{
    for (int i = 0; i < CHUNKS; i++) {
        end_orphans(atomic_load(&table[i]));
        free(atomic_load(&table[i]));
        atomic_store(&table[i], NULL);
    }
}

__attribute__((constructor)) static void register_layer(void)
{
    static struct cop__node_hook hook = { .stop = stop };

    cop__on_poll_event = on_event;
    cop__node_hook_add(&hook);
}
