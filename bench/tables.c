/* SPDX-License-Identifier: Apache-2.0 */
/* Tables (benchmark 12 of docs/bench-definitions.md), and a call of a state machine. */
#include "bench.h"

#include <stdlib.h>
#include <string.h>

static void fill(cop_term table, int64_t keys)
{
    for (int64_t i = 0; i < keys; i++) {
        cop_ets_insert(table, cop("{I, I}", i));
        cop_turn_end();
    }
}

static int64_t size_of(cop_term table)
{
    int64_t size = 0;

    cop_to_int(&size, cop_ets_info_item(table, cop("size")));
    return size;
}

void bench_ets_insert(struct params params)
{
    int64_t keys = param_number(params, 0);
    double before = memory_bytes("VmRSS");
    cop_term table = cop_ets_new("bench", .named = true);
    struct watch watch = { 0 };

    watch_start(&watch);
    fill(table, keys);
    watch_stop(&watch);
    require(size_of(table) == keys);
    report("ets_insert", keys, &watch);
    report_more("bytes_per_key", (memory_bytes("VmRSS") - before) / (double)keys);
    report_end();
}

/* --- Random keys, by several processes -------------------------------------------------------- */

enum operation { READ, WRITE, COUNT, ORDERED_LOOKUP, PERSISTENT };

static int64_t once(enum operation operation, cop_term table, int64_t key)
{
    switch (operation) {
    case READ:
    case ORDERED_LOOKUP:
        return cop_type_of(cop_ets_lookup(table, cop_int(key))) == COP_TYPE_LIST;
    case WRITE:
        cop_ets_insert(table, cop("{Key, Key}", key));
        return 1;
    case PERSISTENT:
        return cop_tuple_size(cop_persistent_term_get(cop_int(key), COP_NONE)) == 2;
    default:
        cop_ets_update_counter(table, cop_int(key), cop_int(1), COP_NONE);
        return 1;
    }
}

static void worker_main(cop_term arg)
{
    cop_pid owner;
    int64_t operation, keys, count, random, done = 0;

    cop_must(cop_match(arg, "{Owner, Operation, Keys, Count, Random}", &owner, &operation, &keys,
        &count, &random));
    cop_receive_match("go");
    for (int64_t i = 0; i < count; i++) {
        random = next_random(random);
        done += once((enum operation)operation, cop("bench"), random % keys);
        cop_turn_end();
    }
    cop_send(owner, cop("{done, Done}", done));
}

static void by_many(const char *name, enum operation operation, struct params params)
{
    int64_t workers = param_number(params, 0), keys = param_number(params, 1);
    int64_t count = param_number(params, 2) / workers, done = 0;
    cop_pid *pids = calloc((size_t)workers, sizeof *pids);
    struct watch watch = { 0 };

    for (int64_t i = 0; i < workers; i++)
        pids[i] = cop_spawn(worker_main, cop("{Self, Operation, Keys, Count, Random}", cop_self(),
                                             (int64_t)operation, keys, count, 42 + i));
    watch_start(&watch);
    for (int64_t i = 0; i < workers; i++)
        cop_send(pids[i], cop("go"));
    for (int64_t i = 0; i < workers; i++) {
        int64_t one = 0;

        cop_receive_match("{done, Done}", &one);
        done += one;
    }
    watch_stop(&watch);
    require(done == count * workers);
    report(name, done, &watch);
    report_end();
    free(pids);
}

static void random_keys(const char *name, enum operation operation, struct params params)
{
    cop_term table = cop_ets_new("bench", .named = true, .access = COP_PUBLIC,
        .type = operation == ORDERED_LOOKUP ? COP_ORDERED_SET : COP_SET, .read_concurrency = true,
        .write_concurrency = true);

    fill(table, param_number(params, 1));
    by_many(name, operation, params);
}

void bench_ets_read(struct params params)
{
    random_keys("ets_read", READ, params);
}

void bench_ets_write(struct params params)
{
    random_keys("ets_write", WRITE, params);
}

void bench_ets_counter(struct params params)
{
    random_keys("ets_counter", COUNT, params);
}

void bench_ets_ord_lookup(struct params params)
{
    random_keys("ets_ord_lookup", ORDERED_LOOKUP, params);
}

void bench_persistent_term(struct params params)
{
    for (int64_t i = 0; i < param_number(params, 1); i++) {
        cop_persistent_term_put(cop_int(i), cop("{I, I}", i));
        cop_turn_end();
    }
    by_many("persistent_term", PERSISTENT, params);
}

/* --- Ordered tables, specifications ----------------------------------------------------------- */

static int64_t fill_at_random(cop_term table, int64_t keys)
{
    int64_t random = 42;

    for (int64_t i = 0; i < keys; i++) {
        random = next_random(random);
        cop_ets_insert(table, cop("{Key, I}", random, i));
        cop_turn_end();
    }
    return size_of(table);
}

void bench_ets_ord_insert(struct params params)
{
    int64_t keys = param_number(params, 0), size;
    cop_term table = cop_ets_new("bench", .named = true, .type = COP_ORDERED_SET);
    struct watch watch = { 0 };

    watch_start(&watch);
    size = fill_at_random(table, keys);
    watch_stop(&watch);
    require(size > 0 && size <= keys);
    report("ets_ord_insert", keys, &watch);
    report_end();
}

void bench_ets_ord_next(struct params params)
{
    cop_term table = cop_ets_new("bench", .named = true, .type = COP_ORDERED_SET), key;
    int64_t size = fill_at_random(table, param_number(params, 0)), seen = 0, at;
    struct watch watch = { 0 };

    watch_start(&watch);
    for (key = cop_ets_first(cop("bench")); cop_to_int(&at, key); seen++) {
        require(cop_type_of(cop_ets_lookup(cop("bench"), key)) == COP_TYPE_LIST);
        key = cop_ets_next(cop("bench"), key);
        cop_turn_end(); /* the key is no pointer */
    }
    watch_stop(&watch);
    require(seen == size);
    report("ets_ord_next", seen, &watch);
    report_end();
}

void bench_ets_select(struct params params)
{
    int64_t keys = param_number(params, 0), rounds = 3, found = 0;
    cop_term table = cop_ets_new("bench", .named = true);
    struct watch watch = { 0 };

    fill(table, keys);
    watch_start(&watch);
    for (int64_t i = 0; i < rounds; i++) {
        found += cop_ets_select_count(
            cop("bench"), cop("[{{'$1', '$2'}, [{'==', {'rem', '$1', 10}, 0}], [true]}]"));
        cop_turn_end();
    }
    watch_stop(&watch);
    require(found == rounds * ((keys + 9) / 10));
    report("ets_select", keys * rounds, &watch);
    report_end();
}

/* --- A state machine -------------------------------------------------------------------------- */

struct adder {
    int64_t value;
};

static cop_step adder_init(void *data, cop_term start)
{
    struct adder *adder = data;

    cop_must(cop_match(start, "Value", &adder->value));
    return cop_ok(.state = cop("adding"));
}

static cop_step adding(void *data, const cop_event *event)
{
    struct adder *adder = data;
    int64_t n;

    if (cop_event_match(event, COP_EVENT_CALL, "{add, N}", &n))
        return cop_reply(adder->value += n);
    return cop_unhandled(event->content);
}

static const cop_gen_statem adder = {
    .module = "adder",
    .data_size = sizeof(struct adder),
    .callback_mode = COP_STATE_FUNCTIONS,
    .init = adder_init,
    .states = COP_STATES({ "adding", adding }, ),
};

void bench_statem_call(struct params params)
{
    int64_t n = param_number(params, 0), last = 0;
    struct watch watch = { 0 };
    cop_pid server;

    cop_must(cop_gen_statem_start_link(&server, &adder, 0));
    watch_start(&watch);
    for (int64_t i = 0; i < n; i++) {
        cop_must(cop_to_int(&last, cop_gen_statem_call(server, cop("{add, N}", 1))));
        cop_turn_end();
    }
    watch_stop(&watch);
    require(last == n);
    report("statem_call", n, &watch);
    report_end();
}
