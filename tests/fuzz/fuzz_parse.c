/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes to cop_parse. What it takes is printed, read again and must be the same term; all walks
 * go over it. */
#include "driver.h"

#include <coppice/term.h>
#include <string.h>

#include "base/thread.h"

static void check(bool good)
{
    if (!good)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cop_bytes text = { (const char *)data, size };
    struct cop_parse_error error = { 0 };
    cop_term term = COP_NONE, again = COP_NONE;

    if (cop_parse(&term, text, &error) < 0) {
        check(error.position <= size && error.line >= 1 && error.column >= 1);
        check(cop_is_none(term));
    } else {
        text.data = cop_show_raw(term);
        text.size = strlen(text.data);
        check(cop_parse(&again, text, NULL) == 0);
        check(cop_identical(term, again));
        check(cop_compare(term, again) == 0 && cop_equal(term, again));
        check(cop_hash(term) == cop_hash(again));
        check(cop_phash2(term, 0) == cop_phash2(again, 0));
        check(strlen(cop_show(term)) > 0 && strlen(cop_show_pretty(term, 80)) > 0);
    }
    cop__heap_reset(cop__turn_heap());
    return 0;
}
