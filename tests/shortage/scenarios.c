/* SPDX-License-Identifier: Apache-2.0 */
/* What is done while something is short (walk.h): each part of the library once, with what it keeps
 * larger than what was there before. */
#include "shortage/walk.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MANY = 300, WAIT_MS = 2000 };

/* --- Processes ----------------------------------------------------------------------------------
 */

static void idle_main(cop_term arg)
{
    (void)arg;
    cop_receive_match_within(WAIT_MS, "stop");
}

static void spawn_some(void)
{
    cop_pid pids[MANY];

    for (int i = 0; i < MANY; i++)
        pids[i] = cop_spawn(idle_main, cop("{some, [argument, I]}", i));
    for (int i = 0; i < MANY; i++)
        cop_send(pids[i], cop("stop"));
    for (int i = 0; i < MANY; i++)
        while (cop_is_alive(pids[i]))
            cop_yield();
}

static void link_some(void)
{
    cop_pid pids[MANY];
    cop_ref refs[MANY];

    cop_trap_exit(true);
    for (int i = 0; i < MANY; i++) {
        pids[i] = cop_spawn_link(idle_main, cop_nil());
        refs[i] = cop_monitor(pids[i]);
    }
    for (int i = 0; i < MANY; i++)
        cop_exit_signal(pids[i], cop("{some, reason}"));
    for (int i = 0; i < MANY; i++) {
        cop_receive_match_within(WAIT_MS, "{'EXIT', _, _}");
        cop_receive_match_within(WAIT_MS, "{'DOWN', Ref, process, _, _}", refs[i]);
    }
}

static void send_some(void)
{
    char *large = calloc(1, 20000);
    cop_term list = cop_nil();

    for (int i = 0; i < MANY; i++)
        cop_send(cop_self(), cop("{number, I, <<1, 2, 3>>}", i));
    for (int i = 0; i < MANY; i++)
        list = cop_cons(cop("{element, I}", i), list);
    for (int i = 0; i < 10; i++)
        cop_send(cop_self(), list);
    if (large)
        cop_send(cop_self(), cop_binary(large, 20000));
    free(large);
    for (int i = 0; i < MANY + 11; i++)
        cop_receive_within(0);
}

static void name_some(void)
{
    char name[32];

    for (int i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "shortage_%d", i);
        cop_register(name, cop_self());
        cop_unregister(name);
    }
    for (int i = 0; i < 20; i++)
        cop_put(cop_int(i), cop("{value, I}", i));
    cop_alias();
    cop_process_info_list(cop_self(), cop("[links, monitors, dictionary, memory]"));
}

static void time_some(void)
{
    for (int i = 0; i < MANY; i++)
        cop_send_after(i % 3, cop_self(), cop("{timer, I}", i));
    for (int i = 0; i < MANY; i++)
        cop_receive_match_within(WAIT_MS, "{timer, _}");
    cop_sleep(1);
}

/* --- Terms --------------------------------------------------------------------------------------
 */

static void build_some(void)
{
    cop_term list = cop_nil(), map = cop_map_new(), kept = COP_NONE, back = COP_NONE;
    struct cop_parse_error error;
    cop_bytes binary;

    for (int i = 0; i < MANY; i++) {
        list = cop_cons(cop("{I, 1.5, \"text\"}", i), list);
        map = cop_map_put(map, cop_int(i), list);
    }
    cop_keep(&kept, list);
    cop_show(map);
    if (cop_to_bytes(&binary, cop_term_to_binary(list)))
        cop_binary_to_term(&back, binary);
    cop_equal(back, kept);
    cop_parse(&back, (cop_bytes){ "[{a, 1}, #{b => <<1, 2>>}]", 26 }, &error);
    cop_keep_clear(&kept);
    cop_free(cop_alloc(100000));
}

/* --- Behaviours ---------------------------------------------------------------------------------
 */

static cop_step init(void *state, cop_term arg)
{
    (void)state, (void)arg;
    return cop_ok();
}

static cop_step handle_call(void *state, cop_term request)
{
    (void)state;
    if (cop_match(request, "crash"))
        cop_exit(cop("crashed"));
    return cop_reply(request);
}

static cop_step handle_cast(void *state, cop_term request)
{
    (void)state, (void)request;
    return cop_noreply();
}

static const cop_gen_server server = {
    .state_size = 100, .init = init, .handle_call = handle_call, .handle_cast = handle_cast
};

static void call_some(void)
{
    cop_pid pid;
    cop_term reply;

    if (cop_gen_server_start_link(&pid, &server, cop_nil()) != 0)
        return;
    for (int i = 0; i < MANY; i++)
        cop_call(pid, cop("{request, I, [1, 2, 3]}", i));
    for (int i = 0; i < MANY; i++)
        cop_cast(pid, cop("{cast, I}", i));
    cop_sys_get_status(pid);
    cop_try_call(&reply, pid, cop("still"));
    cop_stop_server(pid, cop("normal"), WAIT_MS);
}

static const cop_supervisor tree = { .strategy = COP_ONE_FOR_ALL,
    .intensity = 10,
    .children = COP_CHILDREN({ .name = "a", .gen_server = &server },
        { .name = "b", .gen_server = &server }, { .name = "c", .gen_server = &server }, ) };

static void supervise(void)
{
    cop_term reply;
    cop_pid top;

    cop_trap_exit(true);
    if (cop_supervisor_start_link(&top, &tree, NULL) != 0)
        return;
    cop_try_call(&reply, "b", cop("crash"));
    cop_supervisor_which_children(cop_dest_pid(top));
    cop_exit_signal(top, cop("shutdown"));
    cop_receive_match_within(WAIT_MS, "{'EXIT', Top, _}", top);
}

static cop_term compute(cop_term arg)
{
    return cop("{done, Arg, [1, 2, 3]}", arg);
}

static const cop_registry registry = { .name = "names" };
static const cop_dynamic_supervisor pool = { .name = "pool" };

static void registries(void)
{
    cop_pid pid;

    if (cop_registry_start_link(&pid, &registry, NULL) != 0)
        return;
    for (int i = 0; i < 50; i++)
        cop_registry_register(NULL, "names", cop_int(i), cop("{value, I}", i));
}

static void groups(void)
{
    cop_pid pid;

    if (cop_pg_start_link(&pid, "scope", NULL) != 0)
        return;
    for (int i = 0; i < 50; i++)
        cop_pg_join_these("scope", cop_int(i), cop_from_pid(cop_self()));
    cop_pg_leave_these("scope", cop_int(3), cop_from_pid(cop_self()));
}

static void tasks(void)
{
    for (int i = 0; i < 50; i++)
        cop_task_await(cop_task_async(compute, cop_int(i)), WAIT_MS);
}

static void children(void)
{
    const cop_child child = { .name = "child", .gen_server = &server, .anonymous = true };
    cop_pid top, pid;

    if (cop_dynamic_supervisor_start_link(&top, &pool, NULL) != 0)
        return;
    for (int i = 0; i < 20; i++)
        cop_dynamic_supervisor_start_child(&pid, "pool", &child);
}

static void persist(void)
{
    for (int i = 0; i < 50; i++)
        cop_persistent_term_put(cop_int(i), cop("{kept, I}", i));
    for (int i = 0; i < 50; i++)
        cop_persistent_term_erase(cop_int(i));
}

/* --- Tables -------------------------------------------------------------------------------------
 */

static void fill(cop_term table)
{
    for (int i = 0; i < MANY; i++)
        cop_ets_insert(table, cop("{I, [a, list], <<1, 2>>}", i));
    for (int i = 0; i < MANY; i += 3)
        cop_ets_delete(table, cop_int(i));
    cop_ets_tab2list(table);
}

static void tables(void)
{
    fill(cop_ets_new("t1", .type = COP_SET));
    fill(cop_ets_new("t2", .type = COP_ORDERED_SET));
    fill(cop_ets_new("t3", .type = COP_BAG));
}

/* --- Sockets and files --------------------------------------------------------------------------
 */

static void client_main(cop_term arg)
{
    cop_socket socket;
    int64_t port = 0;

    cop_to_int(&port, arg);
    if (cop_tcp_connect(&socket, "127.0.0.1", (int)port, .timeout_ms = WAIT_MS) < 0)
        return;
    cop_tcp_send(socket, "hello\n", 6);
    cop_tcp_close(socket);
}

static void sockets(void)
{
    cop_socket listener, socket;
    cop_bytes line;

    if (cop_tcp_listen(&listener, 0) < 0)
        return;
    for (int i = 0; i < 5; i++) {
        cop_spawn(client_main, cop_int(cop_tcp_port(listener)));
        if (cop_tcp_accept(&socket, listener, .timeout_ms = 50) < 0)
            continue;
        cop_tcp_read_line_within(&line, socket, 50);
        cop_tcp_close(socket);
    }
    cop_tcp_close(listener);
}

static void programs(void)
{
    cop_os_process process;

    if (cop_os_spawn(&process, "/bin/true") == 0)
        cop_os_wait(process, WAIT_MS);
}

const struct scenario scenarios[] = {
    { "start", NULL },
    { "spawn", spawn_some },
    { "link", link_some },
    { "send", send_some },
    { "name", name_some },
    { "time", time_some },
    { "build", build_some },
    { "call", call_some },
    { "supervise", supervise },
    { "registries", registries },
    { "groups", groups },
    { "tasks", tasks },
    { "children", children },
    { "persist", persist },
    { "tables", tables },
    { "sockets", sockets },
    { "programs", programs },
    { NULL, NULL },
};
