/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a pattern. What compiles for building is built, what compiles for matching is
 * matched with a few terms, and what was built. */
#include "driver.h"

#include <coppice/term.h>
#include <string.h>

#include "base/thread.h"
#include "term/pattern.h"

/* The site of a pattern compiled already. */
static struct cop__pattern site_of(struct cop__code *code)
{
    return (struct cop__pattern){ "(fuzz)", __FILE__, __LINE__, (int)code->arguments, code, 0 };
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cop_bytes text = { (const char *)data, size };
    struct cop_parse_error error;
    struct cop__code *build = cop__pattern_compile(text, COP__TO_BUILD, &error);
    struct cop__code *match = cop__pattern_compile(text, COP__TO_MATCH, &error);
    struct cop__pattern site;
    struct cop__place places[COP__ARGUMENTS_MAX];
    cop_term arguments[COP__ARGUMENTS_MAX], built = cop_nil();

    for (int i = 0; i < COP__ARGUMENTS_MAX; i++) {
        arguments[i] = cop("{argument, N}", i);
        places[i] = (struct cop__place){ arguments[i].word, COP__BOUND };
    }
    if (build) {
        site = site_of(build);
        built = cop__build(&site, arguments);
        if (!strlen(cop_show(built)))
            abort();
    }
    if (match) {
        /* without maps, what builds matches what it built */
        bool matched;

        site = site_of(match);
        matched = cop__match(built, &site, places);
        if (build && !matched && !memchr(data, '#', size))
            abort();
        cop__match(cop("{a, [b | c], #{d => e}, \"f\", <<\"g\">>}"), &site, places);
        cop__match(cop("[[[[]]]]"), &site, places);
        cop__pattern_free(match);
    }
    cop__heap_reset(cop__turn_heap());
    if (build)
        cop__pattern_free(build);
    return 0;
}
