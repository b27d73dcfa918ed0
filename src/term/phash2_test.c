/* SPDX-License-Identifier: Apache-2.0 */
/* cop_phash2 against values of OTP 25. */
#include "base/test.h"

#include "term/layout.h"
#include "term/phash2_values.h"

static void check(uint32_t wanted, const char *text)
{
    cop_bytes bytes = { text, strlen(text) };
    struct cop_parse_error error = { 0 };
    cop_term term = cop_nil();

    CHECK_EQ_INT(cop_parse(&term, bytes, &error), 0);
    if (cop_phash2(term, 0) != wanted)
        fprintf(stderr, "phash2 of %s\n", text);
    CHECK_EQ_INT(cop_phash2(term, 0), wanted);
    CHECK_EQ_INT(cop_phash2(term, 1000), wanted % 1000);
}

TEST(as_otp_25)
{
#define ONE(WANTED, TEXT) check(WANTED, TEXT);
    PHASH2_VALUES(ONE)
#undef ONE
}
