/* SPDX-License-Identifier: Apache-2.0 */
/* The parser of what clients send: RESP arrays of bulk strings, and inline commands.
 *
 * It is incremental. The caller gives all bytes of the unfinished command, each time from its first
 * one on, wherever they now are; what was looked at is not looked at again.
 *
 *   switch (resp_parse(&resp, data, size)) {
 *   case RESP_COMMAND:  resp.argc arguments, resp_arg(&resp, data, i); it took resp.at bytes
 *   case RESP_NOTHING:  an empty line or array took resp.at bytes
 *   case RESP_MORE:     call again with at least resp.size_min bytes
 *   case RESP_ERROR:    answer resp.error and close the connection
 *   }
 *   resp_next(&resp);   after a command or nothing
 *
 * Hostile input cannot make it take more memory than request_size_max: it grows with what has
 * arrived, never with what was announced. */
#ifndef KV_RESP_H
#define KV_RESP_H

#include "memory.h"

#include <coppice/base.h>

enum { RESP_INLINE_SIZE_MAX = 64 * 1024 };      /* a line: Redis's limit */
#define RESP_BULK_SIZE_MAX ((int64_t)512 << 20) /* an argument: Redis's limit */

enum resp_result { RESP_MORE, RESP_COMMAND, RESP_NOTHING, RESP_ERROR };

struct resp_span {
    size_t start, size; /* bytes; start is counted from the first byte of the command */
};

struct resp {
    size_t at;       /* the next byte to look at */
    size_t size_min; /* RESP_MORE: no use calling with less */
    size_t argc;
    struct resp_span *args;
    char error[96]; /* RESP_ERROR: the text behind "-" */

    /* private */
    int64_t args_left;       /* of the array; -1: its head has not been read */
    int64_t bulk_size;       /* of the argument that arrives now; -1: not known yet */
    size_t searched;         /* no end of line below this */
    size_t args_max;         /* room in args */
    size_t request_size_max; /* bytes: the command, and what we keep about it */
    char *line;              /* the arguments of an inline command, without quotes; else NULL */
    struct memory memory;
};

void resp_init(struct resp *resp, struct memory memory, size_t request_size_max);
void resp_done(struct resp *resp);
enum resp_result resp_parse(struct resp *resp, const char *data, size_t size);
void resp_next(struct resp *resp);

static inline cop_bytes resp_arg(const struct resp *resp, const char *data, size_t i)
{
    cop_bytes arg = { (resp->line ? resp->line : data) + resp->args[i].start, resp->args[i].size };

    return arg;
}

#endif
