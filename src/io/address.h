/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses of sockets: from text, by name, and to text. */
#ifndef COP_IO_ADDRESS_H
#define COP_IO_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

enum { COP__ADDRESSES_MAX = 8 };

struct cop__address {
    socklen_t size;
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        struct sockaddr_un path;
    } u;
};

/* A numeric address; false when it is none. */
bool cop__address_parse(struct cop__address *ret_address, const char *text, int port);
/* Up to COP__ADDRESSES_MAX addresses of a host; how many, or -ENOENT, -EAGAIN, -ENOMEM. Blocks in
 * the system for names, so rt must be even; numeric addresses do not block. */
int cop__address_resolve(struct cop__address *ret_addresses, const char *host, int port);
int cop__address_path(struct cop__address *ret_address, const char *path); /* 0, -ENAMETOOLONG */
/* "127.0.0.1:7000", "[::1]:7000", or a path. As snprintf. */
int cop__address_show(char *ret_text, size_t size, const struct cop__address *address);

#endif
