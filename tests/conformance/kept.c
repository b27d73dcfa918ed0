/* SPDX-License-Identifier: Apache-2.0 */
/* What a process keeps, and what becomes of it when it is sent: a larger kept term is shared with
 * the messages that hold it (docs/adr/0009). No clause of OTP's speaks of it; nothing may show. */
#include "conformance/node.h"

#include <string.h>

enum { ITEMS = 100, READERS = 4, ROUNDS = 50 };

static const char text[] = "a binary that is too long for its place in a heap, and so is counted";

static cop_term long_list(int64_t first)
{
    cop_term items[ITEMS];

    for (int i = 0; i < ITEMS; i++)
        items[i] = cop("{item, I, Name}", first + i, cop_binary(text, sizeof text));
    return cop_list(items, ITEMS);
}

static bool is_long_list(cop_term list, int64_t first)
{
    cop_term head;
    cop_bytes name;
    int64_t i = first;

    for (; cop_match(list, "[Head | Tail]", &head, &list); i++)
        if (!cop_match(head, "{item, I, Name}", i, &name) || name.size != sizeof text)
            return false;
    return i == first + ITEMS && cop_match(list, "[]");
}

static cop_term kept_list;

/* A message stays whole when its sender has forgotten what it kept. also: P-24 */
CLAUSE(a_sent_term_outlives_what_was_kept)
{
    cop_term whole, inside, rest;

    cop_keep(&kept_list, long_list(0));
    cop_send(cop_self(), kept_list);
    cop_send(cop_self(), cop("{[a, Kept], Kept}", kept_list));
    cop_send(cop_self(), cop("[first | Kept]", kept_list));
    cop_keep_clear(&kept_list);
    cop_turn_end();
    whole = cop_receive();
    CHECK(is_long_list(whole, 0));
    CHECK(cop_match(cop_receive(), "{[a, Kept], Kept}", &inside));
    CHECK(is_long_list(inside, 0));
    CHECK(cop_match(cop_receive(), "[first | Kept]", &rest));
    CHECK(is_long_list(rest, 0));
}

static void reader_main(cop_term arg)
{
    cop_term list, kept = COP_NONE;
    cop_pid to;
    int64_t first;

    cop_must(cop_match(arg, "To", &to));
    for (;; cop_turn_end()) {
        cop_must(cop_match(cop_receive(), "{First, List}", &first, &list));
        cop_must(is_long_list(list, first));
        cop_send(to, cop("{read, List}", list)); /* what was received is sent on, and kept */
        cop_keep(&kept, list);
        cop_must(is_long_list(kept, first));
        cop_keep_clear(&kept);
    }
}

static void keeper_main(cop_term arg)
{
    cop_term list = COP_NONE, readers = COP_NONE;
    cop_pid reader;

    cop_keep(&readers, arg);
    for (int i = 0; i < ROUNDS; i++, cop_turn_end()) {
        cop_keep(&list, long_list(i));
        for (cop_term rest = readers; cop_match(rest, "[Reader | Rest]", &reader, &rest);)
            cop_send(reader, cop("{I, List}", i, list));
        if (i % 2)
            cop_keep_clear(&list);
        else
            list = COP_NONE; /* left for the exit to clear */
    }
}

/* Many read what one keeps while it forgets, keeps anew and ends. */
CLAUSE(readers_outlive_the_keeper)
{
    cop_term readers = cop("[]"), list;
    size_t length;

    for (int i = 0; i < READERS; i++)
        readers =
            cop("[Reader | Rest]", cop_spawn_link(reader_main, cop("Self", cop_self())), readers);
    cop_spawn_link(keeper_main, readers);
    for (int i = 0; i < READERS * ROUNDS; i++, cop_turn_end()) {
        EXPECT("{read, List}", &list);
        CHECK(cop_list_length(&length, list));
        CHECK_EQ_INT(length, ITEMS);
    }
}

/* Bytes that look like what lies before a kept term are only bytes. */
CLAUSE(bytes_before_a_term_are_no_seal)
{
    uint64_t words[8];
    cop_term binary, tuple;

    for (int i = 0; i < 8; i++)
        words[i] = UINT64_MAX;
    binary = cop_binary((const char *)words, sizeof words);
    tuple = cop("{after, {the, {binary, [x]}}}");
    cop_send(cop_self(), cop("{Tuple, Binary}", tuple, binary));
    cop_turn_end();
    EXPECT("{{after, {the, {binary, [x]}}}, _}");
}

static cop_term kept_small;

/* What replaces a kept term may be made of it, as a state mostly is of the one before. */
CLAUSE(a_kept_term_may_replace_what_it_is_made_of)
{
    cop_term left, right, tail;
    cop_bytes bytes;

    cop_keep(&kept_small, cop("{[1, 2], {a, Text}}", cop_binary(text, sizeof text)));
    for (int i = 0; i < ROUNDS; i++, cop_turn_end()) {
        cop_must(cop_match(kept_small, "{Left, Right}", &left, &right));
        cop_keep(&kept_small, cop("{Right, Left}", right, left));
    }
    CHECK(cop_match(kept_small, "{[1, 2], {a, Text}}", &bytes));
    CHECK_EQ_INT(bytes.size, sizeof text);
    CHECK(memcmp(bytes.data, text, sizeof text) == 0);

    cop_keep(&kept_small, cop("[]"));
    for (int64_t i = 0; i < ROUNDS; i++, cop_turn_end()) /* grows out of its place */
        cop_keep(&kept_small, cop("[I | Kept]", i, kept_small));
    for (int64_t i = ROUNDS; i-- > 0; cop_turn_end()) { /* and back into it */
        CHECK(cop_match(kept_small, "[I | Tail]", i, &tail));
        cop_keep(&kept_small, tail);
    }
    CHECK(cop_match(kept_small, "[]"));
}

/* A binary that was in what was replaced lives on in the messages that have it. also: P-24 */
CLAUSE(a_binary_outlives_the_kept_term_that_is_replaced)
{
    cop_bytes bytes;

    for (int i = 0; i < ROUNDS; i++, cop_turn_end()) {
        cop_keep(&kept_small, cop("{I, Text}", i, cop_binary(text, sizeof text)));
        cop_send(cop_self(), kept_small);
        cop_keep(&kept_small, cop("{I, none}", i));
        CHECK(cop_match(kept_small, "{I, none}", i));
    }
    for (int i = 0; i < ROUNDS; i++, cop_turn_end()) {
        CHECK(cop_match(cop_receive(), "{I, Text}", i, &bytes));
        CHECK_EQ_INT(bytes.size, sizeof text);
        CHECK(memcmp(bytes.data, text, sizeof text) == 0);
    }
    cop_keep_clear(&kept_small);
}
