/* SPDX-License-Identifier: Apache-2.0 */
/* atomics and counters, clause by clause (docs/spec/atomics.md). */
#include <coppice/atomics.h>
#include <coppice/etf.h>
#include <coppice/ets.h>

#include "conformance/node.h"

enum { WORKERS = 8, ROUNDS = 20000 };

struct asking {
    cop_term array;
    size_t index;
    bool counters;
};

static void run_get(void *arg)
{
    struct asking *asking = arg;

    if (asking->counters)
        cop_counters_get(asking->array, asking->index);
    else
        cop_atomics_get(asking->array, asking->index);
}

static bool is_badarg(cop_term array, size_t index, bool counters)
{
    struct asking asking = { array, index, counters };
    cop_term reason = COP_NONE;

    return cop_try(run_get, &asking, &reason, NULL) == COP_CLASS_ERROR &&
           cop_match(reason, "badarg");
}

static void run_new(void *arg)
{
    if (*(bool *)arg)
        cop_counters_new(0);
    else
        cop_atomics_new(0);
}

/* All are 0; none is no array. */
CLAUSE(ATM_01)
{
    cop_term array = cop_atomics_new(3), reason = COP_NONE;

    CHECK(cop_type_of(array) == COP_TYPE_REFERENCE);
    for (size_t i = 1; i <= 3; i++)
        CHECK_EQ_INT(cop_atomics_get(array, i), 0);
    CHECK_EQ_INT(cop_try(run_new, &(bool){ false }, &reason, NULL), COP_CLASS_ERROR);
    CHECK(cop_match(reason, "badarg"));
}

static void maker_main(cop_term arg)
{
    cop_term array = cop_atomics_new(1);
    cop_pid owner;

    cop_must(cop_match(arg, "Owner", &owner));
    cop_atomics_put(array, 1, 42);
    cop_send(owner, cop("{made, Array}", array));
}

/* Sent by who then ends; kept over turns, in a table, and through bytes. */
CLAUSE(ATM_02)
{
    cop_term array = COP_NONE, kept = COP_NONE, table = cop_ets_new("arrays"), back = COP_NONE;
    cop_term bytes;
    cop_bytes view;
    cop_ref ref;

    cop_spawn(maker_main, cop("Self", cop_self()));
    cop_receive_match("{made, Array}", &array);
    cop_keep(&kept, array);
    cop_ets_insert(table, cop("{Array, Array}", array));
    cop_turn_next(COP_NONE);
    CHECK_EQ_INT(cop_atomics_get(kept, 1), 42);
    array = cop_ets_lookup_element(table, kept, 2, COP_NONE);
    cop_atomics_add(array, 1, 1);
    CHECK_EQ_INT(cop_atomics_get(kept, 1), 43);
    CHECK(cop_identical(array, kept) && cop_compare(array, kept) == 0);
    CHECK(cop_hash(array) == cop_hash(kept) &&
          cop_phash2(array, 1 << 20) == cop_phash2(kept, 1 << 20));
    CHECK(!cop_identical(array, cop_atomics_new(1)));
    bytes = cop_term_to_binary(cop("{x, Array}", array));
    cop_must(cop_to_bytes(&view, bytes));
    CHECK_EQ_INT(cop_binary_to_term(&back, view), 0);
    CHECK(cop_match(back, "{x, Back}", &back) && cop_identical(back, kept));
    CHECK_EQ_INT(cop_atomics_get(back, 1), 43);
    CHECK(strncmp(cop_show(kept), "#Ref<0.", 7) == 0);
    CHECK(!cop_to_ref(&ref, kept)); /* it could not hold the array */
    cop_keep_clear(&kept);
    cop_ets_delete_table(table);
}

/* From 1 to the size, and only of an array of its kind. */
CLAUSE(ATM_03)
{
    cop_term array = cop_atomics_new(2);

    CHECK(is_badarg(array, 0, false) && is_badarg(array, 3, false) &&
          is_badarg(array, SIZE_MAX, false));
    CHECK(is_badarg(cop("x"), 1, false) && is_badarg(cop_from_ref(cop_make_ref()), 1, false));
    CHECK(is_badarg(cop_counters_new(1), 1, false));
}

CLAUSE(ATM_04)
{
    cop_term array = cop_atomics_new(2);

    cop_atomics_put(array, 1, 5);
    cop_atomics_add(array, 1, 2);
    cop_atomics_sub(array, 1, 3);
    CHECK_EQ_INT(cop_atomics_get(array, 1), 4);
    CHECK_EQ_INT(cop_atomics_add_get(array, 1, 10), 14);
    CHECK_EQ_INT(cop_atomics_sub_get(array, 1, 20), -6);
    CHECK_EQ_INT(cop_atomics_exchange(array, 1, 9), -6);
    CHECK_EQ_INT(cop_atomics_get(array, 1), 9);
    CHECK_EQ_INT(cop_atomics_get(array, 2), 0);
}

CLAUSE(ATM_05)
{
    cop_term array = cop_atomics_new(1), naturals = cop_atomics_new(1, .is_unsigned = true);

    cop_atomics_put(array, 1, INT64_MAX);
    CHECK(cop_atomics_add_get(array, 1, 1) == INT64_MIN);
    CHECK(cop_atomics_sub_get(array, 1, 1) == INT64_MAX);
    CHECK(cop_atomics_sub_get(array, 1, INT64_MIN) == -1);
    CHECK((uint64_t)cop_atomics_sub_get(naturals, 1, 1) == UINT64_MAX);
}

CLAUSE(ATM_06)
{
    cop_term array = cop_atomics_new(1);
    int64_t actual = -1;

    CHECK(cop_atomics_compare_exchange(array, 1, 0, 5, &actual) && actual == -1);
    CHECK(!cop_atomics_compare_exchange(array, 1, 0, 6, &actual) && actual == 5);
    CHECK(!cop_atomics_compare_exchange(array, 1, 0, 6, NULL));
    CHECK_EQ_INT(cop_atomics_get(array, 1), 5);
}

CLAUSE(ATM_07)
{
    CHECK(cop_match(cop_atomics_info(cop_atomics_new(100)),
        "#{size := 100, min := -9223372036854775808, max := 9223372036854775807, memory := _}"));
    CHECK(cop_match(cop_atomics_info(cop_atomics_new(1, .is_unsigned = true)),
        "#{min := 0, max := 18446744073709551615}"));
}

static void adder_main(cop_term arg)
{
    cop_term atomics = COP_NONE, counters = COP_NONE, wide = COP_NONE;

    cop_must(cop_match(arg, "{Atomics, Counters, Wide}", &atomics, &counters, &wide));
    for (int i = 0; i < ROUNDS; i++) {
        cop_atomics_add(atomics, 2, 1);
        cop_counters_add(counters, 3, 1);
        cop_counters_add(wide, 3, 3);
        cop_counters_sub(wide, 3, 1);
        if (i % 100 == 0)
            cop_yield();
    }
}

/* Many add at once. also: CNT-02 */
CLAUSE(ATM_08)
{
    cop_term atomics = cop_atomics_new(2), counters = cop_counters_new(3);
    cop_term wide = cop_counters_new(3, .write_concurrency = true);
    cop_ref refs[WORKERS];

    for (int i = 0; i < WORKERS; i++)
        refs[i] = cop_monitor(cop_spawn(adder_main, cop("{A, C, W}", atomics, counters, wide)));
    for (int i = 0; i < WORKERS; i++)
        cop_receive_match("{'DOWN', Ref, process, _, normal}", refs[i]);
    CHECK_EQ_INT(cop_atomics_get(atomics, 2), WORKERS * ROUNDS);
    CHECK_EQ_INT(cop_counters_get(counters, 3), WORKERS * ROUNDS);
    CHECK_EQ_INT(cop_counters_get(wide, 3), 2 * WORKERS * ROUNDS);
    CHECK_EQ_INT(cop_atomics_get(atomics, 1) + cop_counters_get(wide, 2), 0);
}

CLAUSE(CNT_01)
{
    cop_term reason = COP_NONE;

    CHECK_EQ_INT(cop_counters_get(cop_counters_new(2), 2), 0);
    CHECK_EQ_INT(cop_try(run_new, &(bool){ true }, &reason, NULL), COP_CLASS_ERROR);
    CHECK(cop_match(reason, "badarg"));
}

/* Both kinds do the same. also: CNT-04, CNT-05 */
CLAUSE(CNT_03)
{
    cop_term both[] = { cop_counters_new(2), cop_counters_new(2, .write_concurrency = true) };

    for (size_t i = 0; i < 2; i++) {
        cop_counters_put(both[i], 1, INT64_MAX);
        cop_counters_add(both[i], 1, 1);
        CHECK(cop_counters_get(both[i], 1) == INT64_MIN);
        cop_counters_put(both[i], 1, 10);
        cop_counters_sub(both[i], 1, 3);
        CHECK_EQ_INT(cop_counters_get(both[i], 1), 7);
        CHECK(is_badarg(both[i], 0, true) && is_badarg(both[i], 3, true));
        CHECK(cop_match(cop_counters_info(both[i]), "#{size := 2, memory := _}"));
    }
    CHECK(is_badarg(cop_atomics_new(1), 1, true));
}
