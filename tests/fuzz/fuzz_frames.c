/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as the frames of a connection: each is two bytes of length and a body. What comes out
 * whole is read to its end; memory stays bounded, and nothing of a broken connection is left. */
#include "driver.h"

#include <stdlib.h>
#include <string.h>

#include "base/thread.h"
#include "dist/frame.h"

static void read_terms(struct cop__etf_reader *reader)
{
    cop_term term;

    while (reader->at < reader->end && cop__etf_read(reader, &term))
        ;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cop__frames *frames = cop__frames_new(size == 0 || data[0] % 8 != 0);
    struct cop__etf_reader reader;
    int whole = 0;

    if (!frames)
        return 0;
    for (size_t at = 1; at + 2 <= size && whole >= 0;) {
        size_t length = (size_t)data[at] << 8 | data[at + 1];

        at += 2;
        if (length > size - at)
            length = size - at;
        whole = cop__frames_take(frames, &reader, data + at, length);
        if (whole < 0 && !frames->wrong)
            abort();
        if (whole > 0)
            read_terms(&reader);
        if (frames->open_bytes > size || frames->open_count > size)
            abort();
        at += length;
    }
    cop__frames_free(frames);
    cop__heap_reset(cop__turn_heap());
    return 0;
}
