/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses to and from text. Layer 3. Names are looked up by the system in a blocking section, but
 * for localhost, which is this machine even where no file says so (RFC 6761). */
#include "io/address.h"

#include <arpa/inet.h>
#include <coppice/base.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "proc/park.h"

bool cop__address_parse(struct cop__address *ret_address, const char *text, int port)
{
    struct cop__address address = { 0 };

    if (inet_pton(AF_INET, text, &address.u.v4.sin_addr) == 1) {
        address.size = sizeof address.u.v4;
        address.u.v4.sin_family = AF_INET;
        address.u.v4.sin_port = htons((uint16_t)port);
    } else if (inet_pton(AF_INET6, text, &address.u.v6.sin6_addr) == 1) {
        address.size = sizeof address.u.v6;
        address.u.v6.sin6_family = AF_INET6;
        address.u.v6.sin6_port = htons((uint16_t)port);
    } else {
        return false;
    }
    *ret_address = address;
    return true;
}

static int resolve_error(int error)
{
    return error == EAI_AGAIN ? -EAGAIN : error == EAI_MEMORY ? -ENOMEM : -ENOENT;
}

/* localhost, and names that end in .localhost: 6.3 of RFC 6761. */
static bool is_localhost(const char *host)
{
    static const char name[] = "localhost";
    size_t size = strlen(host), length = sizeof name - 1;

    if (size < length || strcasecmp(host + size - length, name) != 0)
        return false;
    return size == length || host[size - length - 1] == '.';
}

int cop__address_resolve(struct cop__address *ret_addresses, const char *host, int port)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG };
    struct addrinfo *found = NULL;
    int error, count = 0;

    if (cop__address_parse(ret_addresses, host, port))
        return 1;
    if (is_localhost(host)) {
        cop__address_parse(&ret_addresses[0], "127.0.0.1", port);
        cop__address_parse(&ret_addresses[1], "::1", port);
        return 2;
    }
    cop_blocking_begin();
    error = getaddrinfo(host, NULL, &hints, &found);
    cop_blocking_end();
    if (error)
        return resolve_error(error);
    for (struct addrinfo *one = found; one && count < COP__ADDRESSES_MAX; one = one->ai_next) {
        struct cop__address *address = &ret_addresses[count];

        if (one->ai_addrlen > sizeof address->u ||
            (one->ai_family != AF_INET && one->ai_family != AF_INET6))
            continue;
        *address = (struct cop__address){ .size = one->ai_addrlen };
        memcpy(&address->u, one->ai_addr, one->ai_addrlen);
        if (one->ai_family == AF_INET)
            address->u.v4.sin_port = htons((uint16_t)port);
        else
            address->u.v6.sin6_port = htons((uint16_t)port);
        count++;
    }
    freeaddrinfo(found);
    return count ? count : -ENOENT;
}

int cop__address_path(struct cop__address *ret_address, const char *path)
{
    struct cop__address address = { 0 };
    size_t size = strlen(path);

    if (size == 0 || size >= sizeof address.u.path.sun_path)
        return -ENAMETOOLONG;
    address.u.path.sun_family = AF_UNIX;
    memcpy(address.u.path.sun_path, path, size);
    address.size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size + 1);
    *ret_address = address;
    return 0;
}

int cop__address_show(char *ret_text, size_t size, const struct cop__address *address)
{
    char text[INET6_ADDRSTRLEN] = "";

    switch (address->u.any.sa_family) {
    case AF_INET:
        inet_ntop(AF_INET, &address->u.v4.sin_addr, text, sizeof text);
        return snprintf(ret_text, size, "%s:%d", text, ntohs(address->u.v4.sin_port));
    case AF_INET6:
        inet_ntop(AF_INET6, &address->u.v6.sin6_addr, text, sizeof text);
        return snprintf(ret_text, size, "[%s]:%d", text, ntohs(address->u.v6.sin6_port));
    default: /* a peer of a Unix-domain socket has a path only when it bound one */
        if (address->size <= offsetof(struct sockaddr_un, sun_path))
            return snprintf(ret_text, size, "%s", "");
        return snprintf(
            ret_text, size, "%.*s", (int)sizeof address->u.path.sun_path, address->u.path.sun_path);
    }
}
