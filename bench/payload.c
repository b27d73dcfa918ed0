/* SPDX-License-Identifier: Apache-2.0 */
/* payload KIND N: what a message costs by what it carries. */
#include "bench.h"

#include <string.h>

enum { BURST = 100, ITEMS = 100, KEYS = 50, LOOKED_AT = 7 };

/* --- The values: the element that is looked at is 7 in each ---------------------------------- */

static cop_term make_list(void)
{
    cop_term items[ITEMS];

    for (int i = 0; i < ITEMS; i++)
        items[i] = cop_int(LOOKED_AT + i);
    return cop_list(items, ITEMS);
}

static cop_term make_binary(size_t size)
{
    char *data;
    cop_term binary = cop_binary_new(size, &data);

    memset(data, LOOKED_AT, size);
    return binary;
}

static cop_term make_map(void)
{
    cop_term map = cop_map_new();

    for (int i = 1; i <= KEYS; i++) {
        char name[16];

        snprintf(name, sizeof name, "name%04d", i);
        map = cop_map_put(
            map, cop_int(i), cop("{item, Id, Name, [A, B]}", i, cop_text(name), i, i + 1));
    }
    return map;
}

static bool look_list(int64_t *ret_value, cop_term value)
{
    return cop_match(value, "[First | _]", ret_value);
}

static bool look_binary(int64_t *ret_value, cop_term value)
{
    cop_bytes bytes;

    if (!cop_match(value, "Bytes", &bytes))
        return false;
    *ret_value = bytes.data[0];
    return true;
}

static bool look_map(int64_t *ret_value, cop_term value)
{
    return cop_match(value, "#{7 := {item, Id, _, _}}", ret_value);
}

static cop_term make_binary_1k(void)
{
    return make_binary(1024);
}

static cop_term make_binary_64k(void)
{
    return make_binary(65536);
}

static const struct kind {
    const char *name;
    cop_term (*make)(void);
    bool (*look)(int64_t *ret_value, cop_term value);
} kinds[] = {
    { "list100", make_list, look_list },
    { "bin1k", make_binary_1k, look_binary },
    { "bin64k", make_binary_64k, look_binary },
    { "map50", make_map, look_map },
};

static int find_kind(const char *name)
{
    for (int i = 0; i < (int)(sizeof kinds / sizeof kinds[0]); i++)
        if (strcmp(kinds[i].name, name) == 0)
            return i;
    return -1;
}

/* --- The receiver ---------------------------------------------------------------------------- */

static void consume_main(cop_term arg)
{
    cop_pid from;
    cop_term value;
    int64_t kind, element, sum = 0;

    cop_must(cop_match(arg, "Kind", &kind));
    for (;; cop_turn_end()) {
        cop_term message = cop_receive();

        if (cop_match(message, "{value, Value}", &value)) {
            cop_must(kinds[kind].look(&element, value));
            sum += element;
        } else if (cop_match(message, "{sync, From}", &from)) {
            cop_send(from, cop("synced"));
        } else if (cop_match(message, "{sum, From}", &from)) {
            cop_send(from, cop("{sum, Sum}", sum));
        }
    }
}

/* --- The sender ------------------------------------------------------------------------------ */

void bench_payload(struct params params)
{
    int kind = find_kind(param_text(params, 0));
    int64_t bursts = param_number(params, 1) / BURST, sum;
    cop_pid self = cop_self(), peer;
    cop_term value = COP_NONE;
    struct watch watch = { 0 };

    require(kind >= 0);
    cop_keep(&value, kinds[kind].make());
    peer = cop_spawn_link(consume_main, cop("Kind", kind));
    watch_start(&watch);
    for (int64_t i = 0; i < bursts; i++, cop_turn_end()) {
        for (int j = 0; j < BURST; j++)
            cop_send(peer, cop("{value, Value}", value));
        cop_send(peer, cop("{sync, From}", self));
        cop_receive_match("synced");
    }
    watch_stop(&watch);
    cop_send(peer, cop("{sum, From}", self));
    cop_receive_match("{sum, Sum}", &sum);
    require(sum == bursts * BURST * LOOKED_AT);
    report("payload", bursts * BURST, &watch);
    report_end();
}
