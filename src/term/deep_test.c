/* SPDX-License-Identifier: Apache-2.0 */
/* Terms a million levels deep go through every walk on a small C stack. */
#include "base/test.h"

#include <pthread.h>

#include "term/copy.h"

enum { LEVELS = 1000000 };

static cop_term deep(int kind)
{
    cop_term term = cop("leaf"), pair[2];

    for (int i = 0; i < LEVELS; i++) {
        pair[0] = kind == 3 ? cop("k") : term;
        pair[1] = term;
        term = kind == 0   ? cop_tuple_from(&term, 1)
               : kind == 1 ? cop_cons(term, cop_nil())
               : kind == 2 ? cop_list_with_tail(&pair[1], 1, cop("{t}"))
                           : cop_map_from(pair, 1);
    }
    return term;
}

static void check_walks(int kind)
{
    cop_term a = deep(kind), b = deep(kind), other = cop_nil();
    struct cop__counted *list = NULL;
    size_t words = cop__term_words(a);
    uint64_t *memory = malloc(words * sizeof(*memory));
    cop_bytes text;

    CHECK(memory != NULL);
    CHECK(cop_identical(a, cop__term_copy(a, memory, &list)));
    CHECK(cop_identical(a, b));
    CHECK(cop_equal(a, b));
    CHECK_EQ_INT(cop_compare(a, b), 0);
    CHECK(cop_hash(a) == cop_hash(b));
    CHECK_EQ_INT(cop_phash2(a, 0), cop_phash2(b, 0));
    text.data = cop_show_raw(a);
    text.size = strlen(text.data);
    CHECK_EQ_INT(cop_parse(&other, text, NULL), 0);
    CHECK(cop_identical(a, other));
    text.data = cop_show_pretty(a, 80);
    CHECK(strlen(text.data) >= LEVELS);
    free(memory);
    cop__heap_reset(cop__turn_heap());
}

static void *run(void *kind)
{
    check_walks(*(int *)kind);
    return NULL;
}

/* In a thread of 128 KB of stack. */
static void run_small(int kind)
{
    pthread_attr_t attributes;
    pthread_t thread;

    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 128 * 1024);
    CHECK_EQ_INT(pthread_create(&thread, &attributes, run, &kind), 0);
    pthread_join(thread, NULL);
    pthread_attr_destroy(&attributes);
}

TEST(tuples)
{
    run_small(0);
}

TEST(lists_by_the_head)
{
    run_small(1);
}

TEST(improper_lists)
{
    run_small(2);
}

TEST(maps)
{
    run_small(3);
}
