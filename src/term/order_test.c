/* SPDX-License-Identifier: Apache-2.0 */
/* Order and equality of many terms, against what OTP 25 gave (order_values.txt): lines of a kind,
 * the outcome and terms, separated by tabs. `sort`: places after a stable sort from 1, then how
 * each relates to the next (< ~ =); `cmp`: how two relate both ways. */
#include "base/test.h"

#include "term/layout.h"

static cop_term parse(const char *text)
{
    cop_bytes bytes = { text, strlen(text) };
    cop_term term = COP_NONE;

    CHECK_EQ_INT(cop_parse(&term, bytes, NULL), 0);
    return term;
}

static char relation(cop_term a, cop_term b)
{
    int order = cop_compare(a, b);

    CHECK_EQ_INT(order, -cop_compare(b, a));
    CHECK_EQ_INT(cop_equal(a, b), order == 0);
    CHECK(!cop_identical(a, b) || cop_hash(a) == cop_hash(b));
    return order < 0 ? '<' : order > 0 ? '>' : cop_identical(a, b) ? '=' : '~';
}

static void check_sort(char **fields, int count)
{
    char order[512] = "", relations[128] = "";
    cop_term terms[128], sorted, item;
    int terms_count = count - 3, used = 0;

    /* cop_list_sort is stable by the whole term: sort [Term] of those, remember by position */
    for (int i = 0; i < terms_count; i++)
        terms[i] = parse(fields[3 + i]);
    sorted = cop_list_sort(cop_list(terms, (size_t)terms_count));
    for (cop_term last = COP_NONE; cop_list_next(&item, &sorted); last = item) {
        for (int i = 0; i < terms_count; i++)
            if (terms[i].word == item.word) {
                snprintf(order + strlen(order), sizeof(order) - strlen(order), used ? " %d" : "%d",
                    i + 1);
                terms[i] = COP_NONE; /* of equal small integers, the first is taken first */
                break;
            }
        if (!cop_is_none(last))
            relations[used - 1] = relation(last, item);
        used++;
    }
    CHECK_EQ_STR(order, fields[1]);
    CHECK_EQ_STR(terms_count == 1 ? "-" : relations, fields[2]);
}

TEST(as_otp_25)
{
    const char *source = getenv("COPPICE_SOURCE");
    char path[4096], *line = NULL, *rest = NULL, *fields[128];
    size_t room = 0, lines = 0;
    FILE *file;

    snprintf(path, sizeof(path), "%s/src/term/order_values.txt", source ? source : ".");
    file = fopen(path, "r");
    CHECK(file != NULL);
    while (file && getline(&line, &room, file) > 0) {
        int count = 0;

        for (char *at = strtok_r(line, "\t\n", &rest); at && count < 128;
             at = strtok_r(NULL, "\t\n", &rest))
            fields[count++] = at;
        if (strcmp(fields[0], "cmp") == 0) {
            cop_term a = parse(fields[2]), b = parse(fields[3]);
            char both[] = { relation(a, b), ' ', relation(b, a), 0 };

            CHECK_EQ_STR(both, fields[1]);
        } else {
            check_sort(fields, count);
        }
        lines++;
        cop__heap_reset(cop__turn_heap());
    }
    CHECK_EQ_INT(lines, 220);
    free(line);
    if (file)
        fclose(file);
}
