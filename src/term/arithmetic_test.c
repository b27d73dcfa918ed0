/* SPDX-License-Identifier: Apache-2.0 */
/* Arithmetic against what OTP 25 gave (arithmetic_values.txt): operator, two operands, and the
 * value or err. Operators of one operand have a 0 as the second. */
#include "term/arithmetic.h"

#include "base/test.h"

static cop_term parse(const char *text)
{
    cop_bytes bytes = { text, strlen(text) };
    cop_term term = COP_NONE;

    CHECK_EQ_INT(cop_parse(&term, bytes, NULL), 0);
    return term;
}

static bool calculate(cop_term *ret, const char *name, cop_term a, cop_term b)
{
    static const struct {
        const char *name;
        bool (*two)(cop_term *, cop_term, cop_term);
        bool (*one)(cop_term *, cop_term);
    } operators[] = { { "+", cop__add, NULL }, { "-", cop__subtract, NULL },
        { "*", cop__multiply, NULL }, { "/", cop__divide, NULL }, { "div", cop__quotient, NULL },
        { "rem", cop__remainder, NULL }, { "band", cop__bit_and, NULL },
        { "bor", cop__bit_or, NULL }, { "bxor", cop__bit_xor, NULL },
        { "bsl", cop__shift_left, NULL }, { "bsr", cop__shift_right, NULL },
        { "neg", NULL, cop__negate }, { "bnot", NULL, cop__bit_not },
        { "abs", NULL, cop__absolute }, { "round", NULL, cop__round },
        { "trunc", NULL, cop__truncate }, { "float", NULL, cop__to_float } };

    for (size_t i = 0; i < sizeof operators / sizeof *operators; i++)
        if (strcmp(operators[i].name, name) == 0)
            return operators[i].two ? operators[i].two(ret, a, b) : operators[i].one(ret, a);
    CHECK_EQ_STR(name, "an operator");
    return false;
}

TEST(values_of_otp)
{
    const char *source = getenv("COPPICE_SOURCE");
    char path[512], line[4096];
    int lines = 0;
    FILE *file;

    snprintf(path, sizeof path, "%s/src/term/arithmetic_values.txt", source ? source : ".");
    file = fopen(path, "r");
    CHECK(file != NULL);
    while (file && fgets(line, sizeof line, file)) {
        char *rest = line, *words[4];
        cop_term value = COP_NONE;

        for (int i = 0; i < 4; i++)
            words[i] = strsep(&rest, " \n");
        if (!calculate(&value, words[0], parse(words[1]), parse(words[2])))
            CHECK_EQ_STR("err", words[3]);
        else if (strcmp(words[3], "err") == 0 || !cop_identical(value, parse(words[3])))
            CHECK_EQ_STR(cop_show(value), words[3]);
        lines++;
        cop__heap_reset(cop__turn_heap());
    }
    CHECK(lines > 1000);
    if (file)
        fclose(file);
}

/* What is no number, and a result that no term could hold. */
TEST(what_fails)
{
    cop_term value, big = parse("1");

    CHECK(!cop__add(&value, cop_nil(), cop_int(1)));
    CHECK(!cop__bit_and(&value, cop_float(1), cop_int(1)));
    CHECK(!cop__quotient(&value, cop_int(1), cop_int(0)));
    CHECK(!cop__shift_left(&value, cop_int(1), cop_int(INT64_C(1) << 40)));
    CHECK(cop__shift_left(&big, cop_int(1), cop_int((1 << 22) - 1)));
    CHECK(!cop__multiply(&value, big, big));
    cop__heap_reset(cop__turn_heap());
}
