/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes to cop_binary_to_term. What it takes is written, read again and must be the same term,
 * and written once more the same bytes; memory stays within the promise. */
#include "driver.h"

#include <coppice/etf.h>
#include <string.h>

#include "base/thread.h"

static void check(bool good)
{
    if (!good)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cop_bytes bytes = { (const char *)data, size }, once, twice;
    const char *wrong = NULL;
    cop_term term = COP_NONE, again = COP_NONE;
    size_t used = 0, position = 0;

    if (cop_binary_to_term(
            &term, bytes, .ret_used = &used, .ret_wrong = &wrong, .ret_position = &position) < 0) {
        check(wrong && position <= size && cop_is_none(term));
        check(cop__heap_size(cop__turn_heap()) <= 32 * size + (1 << 20));
    } else {
        check(used <= size);
        check(cop__heap_size(cop__turn_heap()) <= 32 * size + (1 << 20));
        check(cop_to_bytes(&once, cop_term_to_binary(term)));
        check(cop_binary_to_term(&again, once, .integer_max = size, .safe = true) == 0);
        check(cop_identical(term, again) && cop_compare(term, again) == 0);
        check(cop_hash(term) == cop_hash(again));
        check(cop_phash2(term, 0) == cop_phash2(again, 0));
        check(cop_to_bytes(&twice, cop_term_to_binary(again)));
        check(once.size == twice.size && memcmp(once.data, twice.data, once.size) == 0);
        check(strlen(cop_show(term)) > 0);
    }
    cop__heap_reset(cop__turn_heap());
    return 0;
}
