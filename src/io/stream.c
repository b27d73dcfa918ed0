/* SPDX-License-Identifier: Apache-2.0 */
/* Read-ahead: bytes come into one buffer per socket, which grows to what the packet mode allows and no further
 * (IO-4), and are given out by line, by length prefix or by count. */
#include "io/io.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

enum { FIRST_CAPACITY = 4096, SLACK = 4096 };

__attribute__((noinline)) int cop__io_errno(void)
{
    return *cop__errno();
}

/* Room for `size` more bytes after end. */
static bool make_room(struct cop__socket *socket, size_t size)
{
    size_t have = socket->end - socket->start, capacity = socket->capacity ? socket->capacity : FIRST_CAPACITY;
    char *data;

    if (socket->capacity - socket->end >= size && socket->data)
        return true;
    if (socket->start) {
        memmove(socket->data, socket->data + socket->start, have);
        socket->start = 0;
        socket->end = have;
        if (socket->capacity - have >= size)
            return true;
    }
    while (capacity - have < size)
        capacity *= 2;
    data = realloc(socket->data, capacity);
    if (!data)
        return false;
    socket->data = data;
    socket->capacity = capacity;
    return true;
}

int64_t cop__stream_fill(struct cop__socket *socket, size_t size_wanted)
{
    size_t room;
    ssize_t got;

    if (socket->start == socket->end)
        socket->start = socket->end = 0;
    if (!make_room(socket, size_wanted))
        return -ENOMEM;
    room = socket->capacity - socket->end;
    do
        got = recv(socket->fd, socket->data + socket->end, room, 0);
    while (got < 0 && cop__io_errno() == EINTR);
    if (got > 0) {
        socket->end += (size_t)got;
        /* Saves the read that would say EAGAIN. Not when the other side has hung up: its end came in
         * the same event as these bytes, and no other event will tell of it. */
        if ((size_t)got < room && !atomic_load(&socket->hung_up))
            socket->read_drained = true;
        return got;
    }
    if (got == 0) {
        socket->at_end = true;
        return -COP_ECLOSED;
    }
    if (cop__io_errno() == EAGAIN) {
        socket->read_drained = true;
        return -EAGAIN;
    }
    return -cop__io_errno();
}

static int64_t line_unit(const char *data, size_t size, size_t size_max, size_t *ret_used)
{
    const char *newline = size ? memchr(data, '\n', size) : NULL;
    size_t length;

    if (!newline)
        return size >= size_max ? -EMSGSIZE : 0;
    length = (size_t)(newline - data);
    *ret_used = length + 1;
    return length > size_max ? -EMSGSIZE : (int64_t)(length + 1);
}

int64_t cop__stream_unit(const struct cop__socket *socket, enum cop_packet packet, size_t *ret_skip, size_t *ret_used)
{
    const unsigned char *data = (const unsigned char *)socket->data + socket->start;
    size_t size = socket->end - socket->start, prefix, length = 0;

    *ret_skip = 0;
    if (packet == COP_PACKET_RAW) {
        *ret_used = size;
        return (int64_t)size;
    }
    if (packet == COP_PACKET_LINE)
        return line_unit((const char *)data, size, socket->packet_size_max, ret_used);
    prefix = packet == COP_PACKET_1 ? 1 : packet == COP_PACKET_2 ? 2 : 4;
    if (size < prefix)
        return 0;
    for (size_t i = 0; i < prefix; i++)
        length = length << 8 | data[i];
    if (length > socket->packet_size_max)
        return -EMSGSIZE;
    if (size < prefix + length)
        return 0;
    *ret_skip = prefix;
    *ret_used = prefix + length;
    return (int64_t)length + 1; /* so that an empty packet is not "not yet" */
}

void cop__stream_free(struct cop__socket *socket)
{
    free(socket->data);
    free(socket->out);
    socket->data = socket->out = NULL;
    socket->start = socket->end = socket->capacity = socket->out_size = 0;
}
