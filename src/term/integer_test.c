/* SPDX-License-Identifier: Apache-2.0 */
/* Integers of any size: limits of their forms, bytes, and text. */
#include "term/integer.h"

#include "base/test.h"

#define SHOWS(TERM, TEXT) CHECK_EQ_STR(cop_show(TERM), TEXT)

TEST(limits)
{
    static const int64_t values[] = { 0, 1, -1, INT32_MAX, INT32_MIN, ((int64_t)1 << 59) - 1,
        (int64_t)1 << 59, -((int64_t)1 << 59), -((int64_t)1 << 59) - 1, INT64_MAX, INT64_MIN };
    int64_t seen = 5;
    uint64_t natural = 5;

    for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
        CHECK(cop_to_int(&seen, cop_int(values[i])) && seen == values[i]);
        for (size_t j = 0; j < sizeof(values) / sizeof(*values); j++)
            CHECK_EQ_INT(cop_compare(cop_int(values[i]), cop_int(values[j])),
                (values[i] > values[j]) - (values[i] < values[j]));
    }
    CHECK(cop__is_small(cop_int(values[5])) && cop__is_big(cop_int(values[6])));
    CHECK(cop__is_small(cop_int(values[7])) && cop__is_big(cop_int(values[8])));
    CHECK(cop_to_uint(&natural, cop_uint(UINT64_MAX)) && natural == UINT64_MAX);
    CHECK(!cop_to_int(&seen, cop_uint(UINT64_MAX)) && !cop_to_uint(&natural, cop_int(-1)));
    CHECK(!cop_to_int(&seen, cop("-9223372036854775809")));
}

TEST(bytes)
{
    unsigned char bytes[20] = { 0 }, seen[20] = { 0 };
    cop_term term;

    bytes[16] = 1;
    term = cop_integer_from_bytes(true, bytes, 20);
    SHOWS(term, "-340282366920938463463374607431768211456");
    CHECK_EQ_INT(cop_integer_sign(term), -1);
    CHECK_EQ_INT(cop_integer_bytes(term, seen, 20), 17);
    CHECK(memcmp(bytes, seen, 20) == 0);
    CHECK_EQ_INT(cop_integer_bytes(term, seen, 0), 17);
    SHOWS(cop_integer_from_bytes(false, "\xff", 1), "255");
    SHOWS(cop_integer_from_bytes(true, bytes, 0), "0");
    CHECK_EQ_INT(cop_integer_bytes(cop_int(256), seen, 20), 2);
}

TEST(text_of_many_sizes)
{
    char text[400];

    for (size_t size = 1; size < 390; size++) {
        cop_term term = COP_NONE;

        text[0] = '1';
        memset(text + 1, size % 2 ? '0' : '9', size - 1);
        text[size] = 0;
        CHECK_EQ_INT(cop_parse(&term, (cop_bytes){ text, size }, NULL), 0);
        SHOWS(term, text);
    }
    SHOWS(cop("16#ffffffffffffffffffffffff"), "79228162514264337593543950335");
    SHOWS(cop("36#zz"), "1295");
    cop__heap_reset(cop__turn_heap());
}

TEST(huge_text_is_refused)
{
    size_t size = COP__DIGITS_MAX + 1;
    char *text = malloc(size);
    struct cop_parse_error error = { 0 };
    cop_term term = COP_NONE;

    CHECK(text != NULL);
    memset(text, '7', size);
    CHECK_EQ_INT(cop_parse(&term, (cop_bytes){ text, size }, &error), -COP_ESYNTAX);
    CHECK_EQ_STR(error.message, "a number of too many digits");
    CHECK(cop_is_none(term));
    CHECK_EQ_INT(cop_parse(&term, (cop_bytes){ text, size - 1 }, &error), 0);
    cop__heap_reset(cop__turn_heap());
    free(text);
}
