/* SPDX-License-Identifier: Apache-2.0 */
/* The unit test harness: a test file includes this, writes TEST(name) { ... } and is a whole
 * program. Tests register themselves before main; nothing lists them anywhere else.
 *
 *   build/tests/term/order_test            runs all, ends with "N passed, N failed"
 *   build/tests/term/order_test NAME...    runs only these
 *
 * A failed check prints both values, file and line, and how to run that one test again; the test
 * goes on to its end so that one run shows all that is wrong. */
#ifndef COP_BASE_TEST_H
#define COP_BASE_TEST_H

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct cop__test {
    const char *name;
    void (*run)(void);
    struct cop__test *next;
};

static struct cop__test *cop__tests;
static struct cop__test **cop__tests_end = &cop__tests;
static int cop__checks_failed;
static const char *cop__test_now = "";

static inline void cop__test_add(struct cop__test *test)
{
    *cop__tests_end = test;
    cop__tests_end = &test->next;
}

#define TEST(NAME)                                                    \
    static void test_##NAME(void);                                    \
    __attribute__((constructor)) static void register_##NAME(void)    \
    {                                                                 \
        static struct cop__test entry = { #NAME, test_##NAME, NULL }; \
        cop__test_add(&entry);                                        \
    }                                                                 \
    static void test_##NAME(void)

#define CHECK(COND)                                                                               \
    do {                                                                                          \
        if (!(COND)) {                                                                            \
            cop__checks_failed++;                                                                 \
            fprintf(stderr, "%s:%d: %s: failed: %s\n", __FILE__, __LINE__, cop__test_now, #COND); \
        }                                                                                         \
    } while (0)

#define CHECK_EQ_INT(A, B)                                                                 \
    do {                                                                                   \
        int64_t check_a_ = (int64_t)(A), check_b_ = (int64_t)(B);                          \
        if (check_a_ != check_b_) {                                                        \
            cop__checks_failed++;                                                          \
            fprintf(stderr, "%s:%d: %s: %s is %" PRId64 ", %s is %" PRId64 "\n", __FILE__, \
                __LINE__, cop__test_now, #A, check_a_, #B, check_b_);                      \
        }                                                                                  \
    } while (0)

#define CHECK_EQ_STR(A, B)                                                                 \
    do {                                                                                   \
        const char *check_a_ = (A), *check_b_ = (B);                                       \
        if (!check_a_ || !check_b_ || strcmp(check_a_, check_b_) != 0) {                   \
            cop__checks_failed++;                                                          \
            fprintf(stderr, "%s:%d: %s: %s is \"%s\", %s is \"%s\"\n", __FILE__, __LINE__, \
                cop__test_now, #A, check_a_ ? check_a_ : "(null)", #B,                     \
                check_b_ ? check_b_ : "(null)");                                           \
        }                                                                                  \
    } while (0)

static bool cop__test_wanted(const char *name, int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(name, argv[i]) == 0)
            return true;
    return argc < 2;
}

int main(int argc, char **argv)
{
    int passed = 0, failed = 0;

    for (struct cop__test *test = cop__tests; test; test = test->next) {
        if (!cop__test_wanted(test->name, argc, argv))
            continue;
        cop__checks_failed = 0;
        cop__test_now = test->name;
        test->run();
        if (cop__checks_failed) {
            failed++;
            fprintf(stderr, "FAILED %s; run it alone: %s %s\n", test->name, argv[0], test->name);
        } else {
            passed++;
        }
    }
    printf("%d passed, %d failed\n", passed, failed);
    return failed ? 1 : 0;
}

#endif
