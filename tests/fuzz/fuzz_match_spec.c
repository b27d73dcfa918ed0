/* SPDX-License-Identifier: Apache-2.0 */
/* Any text that is a term as a match specification, run over some terms and over itself. */
#include "driver.h"

#include <coppice/match_spec.h>

#include "base/thread.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cop_term spec_term, result;
    cop_match_spec *spec;

    if (cop_parse(&spec_term, (cop_bytes){ (const char *)data, size }, NULL) == 0) {
        spec = cop_match_spec_compile(spec_term);
        if (spec) {
            cop_match_spec_run_one(&result, spec, spec_term);
            cop_match_spec_run_one(&result, spec, cop("{1, 2.5, [a | b], #{k => <<\"v\">>}}"));
            cop_match_spec_run_one(
                &result, spec, cop("{-18446744073709551616, {x}, [1, 2], 36893488147419103233}"));
            cop_match_spec_run_one(&result, spec, cop("{1}"));
            cop_show(cop_match_spec_run(cop("[{1}, {a}, x]"), spec));
        }
        cop_match_spec_free(spec);
    }
    cop__heap_reset(cop__turn_heap());
    return 0;
}
