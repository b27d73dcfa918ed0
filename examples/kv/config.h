/* SPDX-License-Identifier: Apache-2.0 */
/* What the command line says. Written by main before the node runs, only read after that. */
#ifndef KV_CONFIG_H
#define KV_CONFIG_H

#include <stddef.h>
#include <stdint.h>

enum { PARTITIONS_MAX = 64 };
#define KV_VERSION       "0.1.0"
/* The version of Redis whose commands and texts these are; clients look at it. */
#define KV_REDIS_VERSION "7.0.15"

struct config {
    int port;                /* 0: a free one */
    const char *bind;        /* address */
    int partitions;          /* 1 to PARTITIONS_MAX */
    int clients_max;         /* connections; more are turned away */
    size_t request_size_max; /* bytes of one command */
    int64_t started_ms;      /* system time */
};

extern struct config config;

#endif
