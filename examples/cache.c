/* SPDX-License-Identifier: Apache-2.0 */
/* A cache: a table that all processes read without asking anybody, and a supervised process that
 * owns it and takes out what is too old. Reading through a server would make it the bottleneck. */
#include <coppice.h>
#include <stdio.h>

enum { LIFE_MS = 1000 };

static cop_step init(void *state, cop_term arg)
{
    (void)state, (void)arg;
    cop_ets_new("cache", .named = true, .access = COP_PUBLIC, .read_concurrency = true);
    return cop_ok(.timeout_ms = LIFE_MS);
}

/* Once in a while: all that has expired, in one step. */
static cop_step sweep(void *state, cop_term message)
{
    (void)state, (void)message;
    cop_ets_select_delete(
        cop("cache"), cop("[{{'_', '_', '$1'}, [{'<', '$1', Now}], [true]}]", cop_monotonic_ms()));
    return cop_noreply(.timeout_ms = LIFE_MS);
}

static const cop_gen_server cache = { .name = "cache_owner", .init = init, .handle_info = sweep };
static const cop_supervisor tree = { .children = COP_CHILDREN({ .gen_server = &cache }, ) };

/* The value of a key, computed when it is not there. */
static cop_term fetch(cop_term key, cop_term (*compute)(cop_term key))
{
    cop_term value;

    if (cop_match(cop_ets_lookup(cop("cache"), key), "[{_, Value, _}]", &value))
        return value;
    value = compute(key);
    cop_ets_insert(
        cop("cache"), cop("{Key, Value, Until}", key, value, cop_monotonic_ms() + LIFE_MS));
    return value;
}

static cop_term square(cop_term key)
{
    int64_t n = 0;

    cop_must(cop_to_int(&n, key));
    printf("computing %d\n", (int)n);
    return cop_int(n * n);
}

static int demo(int argc, char **argv)
{
    cop_pid pid;

    (void)argc, (void)argv;
    cop_must(cop_supervisor_start_link(&pid, &tree, NULL));
    // expect: computing 12
    // expect: 144
    printf("%s\n", cop_show(fetch(cop_int(12), square)));
    printf("%s\n", cop_show(fetch(cop_int(12), square))); // expect: 144
    cop_sleep(3 * LIFE_MS);
    printf("%s left\n", cop_show(cop_ets_info_item(cop("cache"), cop("size")))); // expect: 0 left
    return 0;
}

int main(int argc, char **argv)
{
    return cop_run_main_with(demo, argc, argv, &(struct cop_options){ .virtual_time = true });
}
