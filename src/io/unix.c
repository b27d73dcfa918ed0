/* SPDX-License-Identifier: Apache-2.0 */
/* Unix-domain stream sockets: the same handles and calls as TCP, opened by path. Layer 3.
 *
 * A path left by a server that has died is in the way of the next one. It is removed only when it
 * is a socket and nobody answers there. */
#include <coppice/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/stream.h"

static bool is_abandoned(const struct cop__address *address)
{
    struct stat status;
    int fd, refused;

    if (lstat(address->u.path.sun_path, &status) < 0 || !S_ISSOCK(status.st_mode))
        return false;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    refused = connect(fd, &address->u.any, address->size) < 0 && cop__last_error() == -ECONNREFUSED;
    close(fd);
    return refused;
}

static int listen_at(
    uint64_t *ret_id, const struct cop__address *address, const struct cop_socket_options *options)
{
    int result = cop__stream_listen(ret_id, address, options);

    if (result == -EADDRINUSE && is_abandoned(address) && unlink(address->u.path.sun_path) == 0)
        result = cop__stream_listen(ret_id, address, options);
    return result;
}

static int connect_to(
    uint64_t *ret_id, const struct cop__address *address, const struct cop_socket_options *options)
{
    return cop__stream_connect(ret_id, address, options, cop__options_deadline(options));
}

static int open_path(cop_socket *ret_socket, const char *path,
    const struct cop_socket_options *options,
    int (*open)(uint64_t *, const struct cop__address *, const struct cop_socket_options *))
{
    struct cop__address address;
    uint64_t id = 0;
    int result;

    if (!path || !cop_in_process())
        return -COP_EBADARG;
    result = cop__address_path(&address, path);
    if (result < 0)
        return result;
    cop__enter();
    result = open(&id, &address, options);
    cop__leave();
    if (result == 0)
        ret_socket->id = id;
    return result;
}

int cop_unix_listen(
    cop_socket *ret_listener, const char *path, const struct cop_socket_options *options)
{
    return open_path(ret_listener, path, options, listen_at);
}

int cop_unix_connect(
    cop_socket *ret_socket, const char *path, const struct cop_socket_options *options)
{
    return open_path(ret_socket, path, options, connect_to);
}
