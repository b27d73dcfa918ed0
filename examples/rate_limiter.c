/* SPDX-License-Identifier: Apache-2.0 */
/* A rate limiter: so many requests a second for each client. Asking it is one atomic operation on a
 * table, in the process that asks; the supervised owner only begins a new second. */
#include <coppice.h>
#include <stdio.h>

enum { REQUESTS_A_SECOND = 3, WINDOW_MS = 1000 };

static cop_step init(void *state, cop_term arg)
{
    (void)state, (void)arg;
    cop_ets_new("limits", .named = true, .access = COP_PUBLIC, .write_concurrency = true);
    cop_send_after(WINDOW_MS, cop_self(), cop("next_window"));
    return cop_ok();
}

static cop_step handle_info(void *state, cop_term message)
{
    (void)state, (void)message;
    cop_ets_delete_all(cop("limits"));
    cop_send_after(WINDOW_MS, cop_self(), cop("next_window"));
    return cop_noreply();
}

static const cop_gen_server limiter = {
    .name = "limiter", .init = init, .handle_info = handle_info
};
static const cop_supervisor tree = { .children = COP_CHILDREN({ .gen_server = &limiter }, ) };

/* Counted up to one above the limit, and no further. */
static bool is_allowed(cop_term client)
{
    int64_t count = 0;

    cop_must(cop_to_int(
        &count, cop_ets_update_counter(cop("limits"), client,
                    cop("{2, 1, Max, Max}", REQUESTS_A_SECOND + 1), cop("{client, 0}"))));
    return count <= REQUESTS_A_SECOND;
}

static void ask(const char *name, int times)
{
    int allowed = 0;

    for (int i = 0; i < times; i++)
        allowed += is_allowed(cop_from_atom(cop_atom_new(name)));
    printf("%s: %d of %d\n", name, allowed, times);
}

static int demo(int argc, char **argv)
{
    cop_pid pid;

    (void)argc, (void)argv;
    cop_must(cop_supervisor_start_link(&pid, &tree, NULL));
    ask("ann", 5); // expect: ann: 3 of 5
    ask("bob", 2); // expect: bob: 2 of 2
    ask("ann", 1); // expect: ann: 0 of 1
    cop_sleep(WINDOW_MS + 1);
    ask("ann", 5); // expect: ann: 3 of 5
    return 0;
}

int main(int argc, char **argv)
{
    return cop_run_main_with(demo, argc, argv, &(struct cop_options){ .virtual_time = true });
}
