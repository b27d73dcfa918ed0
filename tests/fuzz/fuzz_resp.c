/* SPDX-License-Identifier: Apache-2.0 */
/* link: examples/kv/resp.c */
/* link: examples/kv/number.c */
/* Fuzz target: the parser of requests of examples/kv. The first byte says in what steps the rest
 * arrives. Whatever comes, the parser must stay inside the bytes it was given and inside its memory
 * limit, make progress, and find the same commands as when all bytes come at once. */
#include "../../examples/kv/resp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REQUEST_SIZE_MAX = 1 << 16 };

static size_t allocated; /* bytes in use */

static void *alloc(size_t size)
{
    size_t *block = calloc(1, size + sizeof *block);

    if (!block)
        abort();
    *block = size;
    allocated += size;
    if (allocated > 2 * REQUEST_SIZE_MAX)
        abort();
    return block + 1;
}

static void release(void *memory)
{
    size_t *block = memory;

    if (!block)
        return;
    allocated -= block[-1];
    free(block - 1);
}

/* A number for what was found: commands, their arguments, and how it ended. */
static uint64_t digest(const char *data, size_t size, size_t step)
{
    struct resp resp;
    uint64_t found = 0;
    size_t start = 0, end = step < size ? step : size;

    resp_init(&resp, (struct memory){ alloc, release }, REQUEST_SIZE_MAX);
    for (;;) {
        /* A copy of exactly these bytes, so that a sanitizer sees a read behind them. */
        char *copy = malloc(end - start + !(end - start));
        enum resp_result result;

        memcpy(copy, data + start, end - start);
        result = resp_parse(&resp, copy, end - start);
        for (size_t i = 0; result == RESP_COMMAND && i < resp.argc; i++) {
            cop_bytes arg = resp_arg(&resp, copy, i);

            found = found * 31 + arg.size + 1;
            for (size_t j = 0; j < arg.size; j++)
                found = found * 31 + (unsigned char)arg.data[j];
        }
        free(copy);
        if (result == RESP_ERROR || (result == RESP_MORE && end == size)) {
            found = found * 31 + (uint64_t)result;
            break;
        }
        if (result == RESP_MORE) {
            end = end + step < size ? end + step : size;
            continue;
        }
        if (resp.at == 0 || resp.at > end - start)
            abort();
        start += resp.at;
        resp_next(&resp);
    }
    resp_done(&resp);
    if (allocated)
        abort();
    return found;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t step = size ? data[0] % 64 + 1u : 1;

    if (size < 2 || size > 4096)
        return 0;
    if (digest((const char *)data + 1, size - 1, step) !=
        digest((const char *)data + 1, size - 1, size))
        abort();
    return 0;
}
