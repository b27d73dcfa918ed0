/* SPDX-License-Identifier: Apache-2.0 */
/* Persistent terms, clause by clause (docs/spec/persistent_term.md). */
#include <coppice/persistent_term.h>

#include "conformance/node.h"

static cop_term long_list(int64_t first)
{
    cop_term list = cop_nil();

    for (int64_t i = 1000; i > 0; i--)
        list = cop_cons(cop_int(first + i), list);
    return list;
}

static void run_get(void *arg)
{
    (void)arg;
    cop_persistent_term_get(cop("nokey"), COP_NONE);
}

/* Replaced; keys are compared exactly. also: PT-04, PT-05 */
CLAUSE(PT_01)
{
    cop_term key = cop("{a, 1}");

    cop_persistent_term_put(key, cop("x"));
    CHECK(cop_match(cop_persistent_term_get(key, COP_NONE), "x"));
    CHECK(cop_match(cop_persistent_term_get(cop("{a, 1.0}"), cop("no")), "no"));
    cop_persistent_term_put(key, cop("{y, [1, 2, #{}]}"));
    CHECK(cop_match(cop_persistent_term_get(key, COP_NONE), "{y, [1, 2, #{}]}"));
    cop_persistent_term_put(key, cop("{y, [1, 2, #{}]}"));
    CHECK(cop_match(cop_persistent_term_info(), "#{count := 1}"));
    CHECK(cop_persistent_term_erase(key) && !cop_persistent_term_erase(key));
    CHECK(cop_match(cop_persistent_term_get(key, cop("gone")), "gone"));
}

CLAUSE(PT_02)
{
    CHECK(cop_persistent_term_put_new(cop("k"), cop("1")));
    CHECK(cop_persistent_term_put_new(cop("k"), cop("1")));
    CHECK(!cop_persistent_term_put_new(cop("k"), cop("2")));
    CHECK(cop_match(cop_persistent_term_get(cop("k"), COP_NONE), "1"));
}

CLAUSE(PT_03)
{
    cop_term reason = COP_NONE;

    CHECK_EQ_INT(cop_try(run_get, NULL, &reason, NULL), COP_CLASS_ERROR);
    CHECK(cop_match(reason, "badarg"));
}

/* A thousand come and go; what is left is as it should be. also: PT-07 */
CLAUSE(PT_06)
{
    cop_term all, one, key, value;
    size_t length = 0;

    for (int64_t i = 0; i < 1000; i++)
        cop_persistent_term_put(cop("{key, I}", i), cop("{value, I}", i));
    for (int64_t i = 0; i < 1000; i++)
        if (i % 3)
            CHECK(cop_persistent_term_erase(cop("{key, I}", i)));
    for (int64_t i = 1; i < 1000; i += 3)
        cop_persistent_term_put(cop("{key, I}", i), cop("{value, I}", i));
    all = cop_persistent_term_all();
    CHECK(cop_list_length(&length, all) && length == 667);
    CHECK(cop_match(cop_persistent_term_info(), "#{count := 667, memory := _}"));
    while (cop_list_next(&one, &all)) {
        int64_t i = -1;

        CHECK(cop_match(one, "{Key, Value}", &key, &value) && cop_match(key, "{key, I}", &i));
        CHECK(cop_match(value, "{value, I}", i) && i % 3 != 2);
    }
}

/* Erased and replaced, and still read. */
CLAUSE(PT_08)
{
    cop_term key = cop("list"), got;
    int64_t first = 0, last = 0;

    cop_persistent_term_put(key, long_list(0));
    got = cop_persistent_term_get(key, COP_NONE);
    cop_persistent_term_put(key, long_list(1000));
    cop_sleep(5);
    for (int i = 0; i < 2000; i++) { /* so that what was replaced is freed where nobody holds it */
        cop_persistent_term_put(cop("other"), cop_int(i));
        if (i % 100 == 0)
            cop_sleep(1);
    }
    CHECK(cop_match(got, "[First | _]", &first) && first == 1);
    CHECK(cop_match(cop_list_reverse(got), "[Last | _]", &last) && last == 1000);
    CHECK(cop_match(cop_persistent_term_get(key, COP_NONE), "[1001 | _]"));
}

static void reader_main(cop_term arg)
{
    cop_term list = COP_NONE;
    cop_pid owner;

    cop_must(cop_match(arg, "{Owner, List}", &owner, &list));
    cop_send(owner, cop("{got, Address, List}", (int64_t)list.word, list));
    cop_sleep(COP_INFINITY);
}

/* Twice got, it is the same memory; and the same in who it is sent to. */
CLAUSE(PT_09)
{
    cop_term key = cop("list"), first, second, sent = COP_NONE;
    int64_t address = 0;

    cop_persistent_term_put(key, long_list(0));
    first = cop_persistent_term_get(key, COP_NONE);
    second = cop_persistent_term_get(key, COP_NONE);
    CHECK(first.word == second.word);
    cop_spawn_link(reader_main, cop("{Self, List}", cop_self(), first));
    cop_receive_match("{got, Address, List}", &address, &sent);
    CHECK(address == (int64_t)first.word && sent.word == first.word);
}

static void putter_main(cop_term arg)
{
    (void)arg;
    cop_persistent_term_put(cop("left"), cop("{by, Self}", cop_self()));
}

CLAUSE(PT_10)
{
    cop_pid pid = cop_spawn(putter_main, cop_nil());
    cop_ref ref = cop_monitor(pid);

    cop_receive_match("{'DOWN', Ref, process, _, _}", ref);
    CHECK(cop_match(cop_persistent_term_get(cop("left"), COP_NONE), "{by, Pid}", pid));
}

enum { READERS = 4, ROUNDS = 3000 };

static void race_main(cop_term arg)
{
    int64_t seed = 0;

    cop_must(cop_match(arg, "Seed", &seed));
    for (int i = 0; i < ROUNDS; i++) {
        int64_t key = (seed * 7 + i) % 5, value = 0, last = 0;
        cop_term got;

        if (i % 7 == 0)
            cop_persistent_term_put(cop("{race, Key}", key), long_list(i));
        else if (i % 31 == 0)
            cop_persistent_term_erase(cop("{race, Key}", key));
        got = cop_persistent_term_get(cop("{race, Key}", key), cop("[1]"));
        cop_must(cop_match(got, "[Value | _]", &value));
        cop_must(cop_match(cop_list_reverse(got), "[Last | _]", &last));
        cop_must(last == value || last == value + 999);
        if (i % 16 == 0)
            cop_turn_next(COP_NONE);
    }
}

static void race(void)
{
    cop_ref refs[READERS];

    for (int64_t i = 0; i < READERS; i++)
        refs[i] = cop_monitor(cop_spawn(race_main, cop_int(i)));
    for (int i = 0; i < READERS; i++)
        cop_receive_match("{'DOWN', Ref, process, _, normal}", refs[i]);
}

TEST(readers_and_writers_at_once)
{
    node_run(race, 2);
}
