/* SPDX-License-Identifier: Apache-2.0 */
/* Active mode: what comes is read where the event is handled and sent to the owner as messages, as
 * gen_tcp does, so that a server that waits for a connection needs no stack. Layer 3; IO-4, IO-7.
 *
 * The hard idea: events of one descriptor may be handled on two threads at once, and the owner may
 * change the mode at the same time. All of them take `reading`; who finds it taken goes away, and
 * whoever lets go of it looks once more whether an event came meanwhile. The bytes pass through a
 * buffer that belongs to nobody for longer than that. */
#include "io/fd_table.h"

#include <stdlib.h>

#include "term/layout.h"

enum { READ_SIZE = 65536, READS_MAX = 16, COUNT_MAX = 32767 };

/* Buffers for reading: as many as threads have ever delivered at once. */
struct scratch {
    struct scratch *next;
    char bytes[READ_SIZE];
};

static struct {
    struct cop__spinlock lock;
    struct scratch *free;
    cop_atom tcp, closed, error, passive;
} active;

enum outcome { WAIT, AGAIN, CLOSE };

static struct scratch *scratch_get(void)
{
    struct scratch *scratch;

    cop__spin_lock(&active.lock);
    scratch = active.free;
    if (scratch)
        active.free = scratch->next;
    cop__spin_unlock(&active.lock);
    return scratch ? scratch : malloc(sizeof *scratch);
}

static void scratch_put(struct scratch *scratch)
{
    cop__spin_lock(&active.lock);
    scratch->next = active.free;
    active.free = scratch;
    cop__spin_unlock(&active.lock);
}

/* --- Messages ------------------------------------------------------------------------------------
 */

static void set_mode(struct cop__fd *slot, enum cop_active mode)
{
    atomic_store(&slot->mode, (uint8_t)mode);
}

/* {Tag, Socket} or {Tag, Socket, Third}, built in a heap of its own: the process that happens to
 * run here, if any, has no part in it. */
static void tell_owner(struct cop__fd *slot, struct cop__heap *heap, cop_atom tag, cop_term third)
{
    cop_pid owner = { atomic_load(&slot->owner), 0 };
    cop_term tuple = cop__new_tuple(heap, cop_is_none(third) ? 2 : 3);
    cop_term *items = cop__elements(tuple);

    items[0] = cop__atom(tag.index);
    items[1] = cop__port(cop__fd_id(slot));
    if (!cop_is_none(third))
        items[2] = third;
    if (!cop__send_copy(owner, tuple))
        set_mode(slot, COP_PASSIVE); /* it has just ended; its end closes the socket */
    cop__heap_reset(heap);
}

static void tell_event(struct cop__fd *slot, cop_atom tag, cop_term third)
{
    uint64_t words[8];
    struct cop__heap heap;

    cop__heap_init(&heap, words, 8);
    tell_owner(slot, &heap, tag, third);
}

static void send_data(struct cop__fd *slot, const char *data, size_t size)
{
    uint64_t words[24];
    struct cop__heap heap;
    bool last = slot->active_left > 0 && --slot->active_left == 0;

    if (last || atomic_load_explicit(&slot->mode, memory_order_relaxed) == COP_ACTIVE_ONCE)
        set_mode(slot, COP_PASSIVE);
    cop__heap_init(&heap, words, 24);
    tell_owner(slot, &heap, active.tcp, cop__new_binary(&heap, data, size));
    if (last)
        tell_event(slot, active.passive, COP_NONE);
}

/* --- Reading
 * -------------------------------------------------------------------------------------- */

static bool is_active(const struct cop__fd *slot)
{
    return atomic_load_explicit(&slot->mode, memory_order_relaxed) != COP_PASSIVE;
}

static enum outcome over(struct cop__fd *slot, int64_t error)
{
    if (error < 0)
        tell_event(slot, active.error, cop_from_atom(cop_atom_new(cop_error_name((int)error))));
    tell_event(slot, active.closed, COP_NONE);
    set_mode(slot, COP_PASSIVE);
    return CLOSE;
}

/* What is buffered, as far as it makes messages. 0, or an error; *ret_needed: bytes for the next.
 */
static int send_buffered(struct cop__fd *slot, size_t *ret_needed)
{
    static const unsigned prefix[] = {
        [COP_PACKET_LINE] = 0, [COP_PACKET_1] = 1, [COP_PACKET_2] = 2, [COP_PACKET_4] = 4
    };

    *ret_needed = 1;
    while (is_active(slot) && cop__buffer_size(&slot->in)) {
        cop_bytes held = cop__buffer_bytes(&slot->in);
        struct cop__frame frame = { 0, held.size };
        int found = 1;

        if (slot->packet != COP_PACKET_RAW)
            found = cop__buffer_frame(
                &frame, ret_needed, &slot->in, prefix[slot->packet], slot->packet_size_max);
        if (found <= 0)
            return found;
        send_data(slot, held.data + frame.skip, frame.size);
        cop__buffer_consume(&slot->in, frame.skip + frame.size);
    }
    return 0;
}

static int64_t read_raw(struct cop__fd *slot, struct scratch *scratch)
{
    int64_t count = cop__fd_read(slot, scratch->bytes, READ_SIZE);

    if (count > 0)
        send_data(slot, scratch->bytes, (size_t)count);
    return count;
}

static int64_t read_ahead(struct cop__fd *slot, size_t needed)
{
    struct cop__buffer *in = &slot->in;
    size_t held = cop__buffer_size(in);
    int64_t room = cop__buffer_reserve(
        in, needed > held ? needed - held : 1, (size_t)slot->packet_size_max + sizeof(uint32_t));
    int64_t count;

    if (room < 0)
        return room;
    count = cop__fd_read(slot, in->data + in->end, (size_t)room);
    if (count > 0)
        in->end += (uint32_t)count;
    return count;
}

static enum outcome read_and_send(struct cop__fd *slot, struct scratch *scratch)
{
    for (int reads = 0; reads < READS_MAX; reads++) {
        size_t needed = 0;
        int64_t count = send_buffered(slot, &needed);

        if (count < 0)
            return over(slot, count);
        if (!is_active(slot))
            return WAIT;
        count = slot->packet == COP_PACKET_RAW ? read_raw(slot, scratch) : read_ahead(slot, needed);
        if (count == -EAGAIN)
            return WAIT;
        if (count <= 0)
            return over(slot, count);
    }
    return AGAIN; /* others want this thread too */
}

/* With `reading` held; it is not any more at the end. */
static void deliver_taken(struct cop__fd *slot, uint32_t seq)
{
    for (;;) {
        struct scratch *scratch = scratch_get();
        enum outcome outcome = scratch ? read_and_send(slot, scratch) : AGAIN;
        uint64_t nobody = 0;

        if (scratch)
            scratch_put(scratch);
        if (outcome == AGAIN)
            cop__fd_poll_again(slot, seq);
        atomic_store(&slot->reading, 0);
        if (outcome == CLOSE) {
            cop__fd_close(slot, seq);
            return;
        }
        /* pairs with on_event, which stores the word and then tries to take `reading` */
        if (!is_active(slot) || atomic_load(&slot->reader) != 1 ||
            !atomic_compare_exchange_strong(&slot->reading, &nobody, 1))
            return;
        if (atomic_load(&slot->seq) != seq) {
            cop__fd_drop(&slot->reading);
            return;
        }
    }
}

void cop__active_deliver(struct cop__fd *slot, uint32_t seq)
{
    uint64_t nobody = 0;

    if (!atomic_compare_exchange_strong(&slot->reading, &nobody, 1))
        return;
    if (atomic_load(&slot->seq) == seq)
        deliver_taken(slot, seq);
    else
        cop__fd_drop(&slot->reading);
}

/* --- Setting the mode
 * ----------------------------------------------------------------------------- */

static int take_stream(struct cop__fd **ret_slot, cop_socket socket)
{
    struct cop__fd *slot = cop__fd_find(socket.id);
    int result =
        slot ? cop__fd_take(slot, &slot->reading, cop__fd_seq_of(socket.id)) : -COP_ECLOSED;

    if (result < 0)
        return result;
    if (!cop__fd_is_stream(slot)) {
        cop__fd_drop(&slot->reading);
        return -EINVAL;
    }
    *ret_slot = slot;
    return 0;
}

static void go_on(struct cop__fd *slot, cop_socket socket)
{
    if (is_active(slot))
        deliver_taken(slot, cop__fd_seq_of(socket.id));
    else
        cop__fd_read_done(slot);
}

int cop_tcp_set_active(cop_socket socket, enum cop_active mode)
{
    struct cop__fd *slot;
    int result;

    if (mode != COP_PASSIVE && mode != COP_ACTIVE && mode != COP_ACTIVE_ONCE)
        return -EINVAL;
    cop__enter();
    result = take_stream(&slot, socket);
    if (result == 0) {
        slot->active_left = 0;
        set_mode(slot, mode);
        go_on(slot, socket);
    }
    cop__leave();
    return result;
}

int cop_tcp_set_active_n(cop_socket socket, int count)
{
    struct cop__fd *slot;
    int64_t left;
    int result;

    cop__enter();
    result = take_stream(&slot, socket);
    if (result == 0) {
        left = (int64_t)slot->active_left + count;
        if (left > COUNT_MAX || count < -COUNT_MAX - 1) {
            cop__fd_read_done(slot);
            result = -EINVAL;
        } else {
            slot->active_left = left > 0 ? (int32_t)left : 0;
            set_mode(slot, left > 0 ? COP_ACTIVE : COP_PASSIVE);
            if (left <= 0)
                tell_event(slot, active.passive, COP_NONE);
            go_on(slot, socket);
        }
    }
    cop__leave();
    return result;
}

/* --- The node
 * --------------------------------------------------------------------------------------- */

static void start(void)
{
    active.tcp = cop_atom_new("tcp");
    active.closed = cop_atom_new("tcp_closed");
    active.error = cop_atom_new("tcp_error");
    active.passive = cop_atom_new("tcp_passive");
}

static void stop(void)
{
    struct scratch *scratch;

    while ((scratch = active.free)) {
        active.free = scratch->next;
        free(scratch);
    }
}

__attribute__((constructor)) static void register_active(void)
{
    static struct cop__node_hook hook = { .start = start, .stop = stop };

    cop__node_hook_add(&hook);
}
