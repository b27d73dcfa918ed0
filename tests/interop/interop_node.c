/* SPDX-License-Identifier: Apache-2.0 */
/* The node that the acceptance table of docs/spec/distribution.md talks to:
 *
 *   interop_node --name N@HOST | --sname N  --cookie C  [--port P] [--no-epmd] [--hidden]
 *                [--ticktime MS] [--connect NODE] [--allow NODE] [--route NODE:PORT]
 *                [--connect-all] [--isolated] [--tls DIR]
 *
 * A gen_server counter (calls incr, get, {add, N}, sleep; cast {add, N}; crash), a gen_server echo,
 * a supervisor sup with counter, echo, w1, w2 and w3, exported functions of the module demo, a pg
 * group workers in the default scope, and a PubSub named bridge, pool size 4, that answers what
 * comes by topic ping by topic pong. With --isolated counter and echo have operating-system
 * processes of their own. It says "ready PORT" on stdout when it can be connected to. */
#include <coppice.h>
#ifdef WITH_TLS
#include <coppice/tls.h>
#endif

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SLEEP_MS = 100 * 1000 };

/* --- counter
 * ---------------------------------------------------------------------------------------- */

struct counter {
    int64_t count;
};

static const cop_field counter_fields[] = { COP_FIELD(struct counter, count), COP_FIELDS_END };

static cop_step counter_init(void *state, cop_term arg)
{
    (void)state, (void)arg;
    return cop_ok();
}

static COP_NORETURN void crash(void)
{
    cop_error(cop("crashed"));
}

static cop_step counter_call(void *state, cop_term request)
{
    struct counter *counter = state;
    int64_t n;

    if (cop_match(request, "incr"))
        return cop_reply(++counter->count);
    if (cop_match(request, "get"))
        return cop_reply(counter->count);
    if (cop_match(request, "{add, N}", &n))
        return cop_reply(counter->count += n);
    if (cop_match(request, "crash"))
        crash();
    if (cop_match(request, "sleep")) {
        cop_send_after(SLEEP_MS, cop_self(), cop("{awake, From}", cop_caller()));
        return cop_noreply();
    }
    return cop_unhandled(request);
}

static cop_step counter_cast(void *state, cop_term request)
{
    struct counter *counter = state;
    int64_t n;

    if (cop_match(request, "{add, N}", &n))
        counter->count += n;
    else if (cop_match(request, "crash"))
        crash();
    return cop_noreply();
}

static cop_step counter_info(void *state, cop_term message)
{
    cop_term from;

    (void)state;
    if (cop_match(message, "{awake, From}", &from))
        cop_reply_to(from, cop("awake"));
    else if (cop_match(message, "crash"))
        crash();
    return cop_noreply();
}

static const cop_gen_server counter = {
    .name = "counter",
    .state_size = sizeof(struct counter),
    .fields = counter_fields,
    .init = counter_init,
    .handle_call = counter_call,
    .handle_cast = counter_cast,
    .handle_info = counter_info,
};

/* --- echo, w1 to w3
 * ----------------------------------------------------------------------------------- */

static cop_step echo_call(void *state, cop_term request)
{
    (void)state;
    return cop_reply(request);
}

static cop_step echo_cast(void *state, cop_term request)
{
    cop_pid to;
    cop_term term;

    (void)state;
    if (cop_match(request, "{To, Term}", &to, &term))
        cop_send(to, term);
    return cop_noreply();
}

static const cop_gen_server echo = {
    .name = "echo",
    .init = counter_init,
    .handle_call = echo_call,
    .handle_cast = echo_cast,
};

static cop_step worker_init(void *state, cop_term arg)
{
    (void)state, (void)arg;
    cop_pg_join("pg", cop("workers"), cop_self());
    return cop_ok();
}

static const cop_gen_server worker = {
    .module = "worker",
    .init = worker_init,
    .handle_call = echo_call,
    .handle_cast = echo_cast,
};

/* --- bridge
 * --------------------------------------------------------------------------------------------------
 */

static const struct cop_pubsub bridge = { .name = "bridge", .pool_size = 4 };

static void ping_to_pong_main(cop_term arg)
{
    (void)arg;
    cop_pubsub_subscribe("bridge", "ping");
    for (;; cop_turn_end())
        cop_pubsub_broadcast("bridge", "pong", cop_receive());
}

static const cop_supervisor bridge_sup = {
    .strategy = COP_REST_FOR_ONE,
    .children =
        COP_CHILDREN({ .name = "pubsub", .start = cop_pubsub_start_child, .context = &bridge },
            { .name = "ping_to_pong", .process = ping_to_pong_main }, ),
};

/* --- demo
 * ------------------------------------------------------------------------------------------------
 */

static cop_term only(cop_term arguments)
{
    cop_term value = COP_NONE;

    cop_list_next(&value, &arguments);
    return value;
}

static cop_term demo_add(cop_term arguments)
{
    int64_t a, b;

    if (!cop_match(arguments, "[A, B]", &a, &b))
        cop_error(cop("badarith"));
    return cop_int(a + b);
}

static cop_term demo_crash(cop_term arguments)
{
    (void)arguments;
    cop_cast("counter", cop("crash"));
    return cop("ok");
}

static cop_term demo_loop(cop_term arguments)
{
    cop_term reason, term;
    cop_pid to;

    (void)arguments;
    for (;;) {
        cop_term message = cop_receive();

        if (cop_match(message, "{exit, Reason}", &reason))
            cop_exit(reason);
        if (cop_match(message, "{To, Term}", &to, &term))
            cop_send(to, cop("{Self, Term}", cop_self(), term));
        cop_turn_end();
    }
}

static cop_term demo_throw(cop_term arguments)
{
    cop_throw(only(arguments));
}

static cop_term demo_exit(cop_term arguments)
{
    cop_exit(only(arguments));
}

static cop_term demo_error(cop_term arguments)
{
    cop_error(only(arguments));
}

/* Call a process of another node, and say what came of it: [NameOrPid, Request, TimeoutMs]. */
static cop_term demo_call(cop_term arguments)
{
    int64_t timeout_ms = 5000;
    cop_term server, request;

    cop_must(cop_match(arguments, "[Server, Request | _]", &server, &request));
    cop_match(arguments, "[_, _, TimeoutMs]", &timeout_ms);
    return cop_call(server, request, .timeout_ms = timeout_ms);
}

/* A server that holds one request and handles one in 400 ms, and skips what was given up. */
static cop_step narrow_init(void *state, cop_term arg)
{
    (void)state, (void)arg;
    cop_mailbox_set(&(struct cop_mailbox){ .messages_max = 1, .skip_given_up = true });
    return cop_ok();
}

static cop_step narrow_call(void *state, cop_term request)
{
    int *handled = state;

    (void)request;
    cop_sleep(400);
    return cop_reply(cop("N", (int64_t)++ * handled));
}

static const cop_gen_server narrow = { .name = "narrow",
    .module = "narrow",
    .state_size = sizeof(int),
    .init = narrow_init,
    .handle_call = narrow_call };

static cop_term demo_narrow(cop_term arguments)
{
    cop_pid pid;

    (void)arguments;
    cop_must(cop_gen_server_start(&pid, &narrow, 0) == 0);
    return cop_from_pid(pid);
}

static cop_term demo_members(cop_term arguments)
{
    return cop_pg_members("pg", only(arguments));
}

/* Tell Parent of all that comes from what is monitored and linked: [Parent, Monitored, Linked]. */
static cop_term demo_watch(cop_term arguments)
{
    cop_term monitored, linked, item;
    cop_pid parent, pid;

    cop_must(cop_match(arguments, "[Parent, Monitored, Linked]", &parent, &monitored, &linked));
    cop_trap_exit(true);
    while (cop_list_next(&item, &monitored))
        cop_monitor(item);
    while (cop_list_next(&item, &linked))
        if (cop_to_pid(&pid, item))
            cop_link(pid);
    cop_send(parent, cop("{Self, watching}", cop_self()));
    for (;;) {
        cop_send(parent, cop("{Self, told, Message}", cop_self(), cop_receive()));
        cop_turn_end();
    }
    return COP_NONE;
}

/* The new process prints here. */
static cop_term demo_spawn(cop_term arguments)
{
    cop_atom node, module, function;
    cop_term args;
    cop_pid pid;
    int error;

    cop_must(cop_whereis_to(&pid, cop_dest("user")));
    cop_set_group_leader(pid, cop_self());
    cop_must(cop_match(arguments, "[Node, M, F, Args]", &node, &module, &function, &args));
    error = cop_spawn_at(&pid, NULL, node, module, function, args, cop("[]"));
    return error ? cop("{error, Reason}", cop_atom_new(cop_error_name(error)))
                 : cop("{ok, Pid}", pid);
}

/* [To, Size, Count]: so many binaries of so many bytes, without ever waiting for an answer. */
static cop_term demo_flood(cop_term arguments)
{
    int64_t size, count;
    cop_term binary = COP_NONE;
    char *bytes;
    cop_pid to;

    cop_must(cop_match(arguments, "[To, Size, Count]", &to, &size, &count));
    cop_register("flooder", cop_self());
    cop_keep(&binary, cop_binary_new((size_t)size, &bytes));
    memset(bytes, 'x', (size_t)size);
    for (; count > 0; count--, cop_turn_end())
        cop_send(to, binary);
    return cop("ok");
}

static cop_term demo_node_info(cop_term arguments)
{
    cop_atom node;
    cop_term info = COP_NONE;

    if (cop_to_atom(&node, only(arguments)))
        info = cop_net_kernel_node_info(node);
    return cop_is_none(info) ? cop("undefined") : info;
}

/* [To, Node, Ms]: ping a node in so many ms, and say what it said. */
static cop_term demo_ping_later(cop_term arguments)
{
    int64_t ms;
    cop_atom node;
    cop_pid to;

    cop_must(cop_match(arguments, "[To, Node, Ms]", &to, &node, &ms));
    cop_send(to, cop("{Self, waiting}", cop_self()));
    cop_sleep(ms);
    cop_send(to,
        cop("{Self, Result}", cop_self(), cop_atom_new(cop_net_adm_ping(node) ? "pong" : "pang")));
    return cop("ok");
}

/* A child that is a process of another node: cluster:child(To), whom it tells that it has begun. */
static cop_atom far_node;
static cop_pid far_parent;

static cop_child_start start_far(cop_term arg, const void *context)
{
    cop_pid pid = { 0, 0 };
    int error = cop_spawn_at(&pid, NULL, far_node, cop_atom_new("cluster"), cop_atom_new("child"),
        cop("[To]", far_parent), cop("[link]"));

    (void)arg, (void)context;
    return cop_child_started(error, pid, cop_from_atom(cop_atom_new(cop_error_name(error))));
}

static const cop_supervisor far_sup = {
    .name = "far_sup",
    .intensity = 100,
    .children = COP_CHILDREN({ .name = "far", .start = start_far }, ),
};

/* [To, Node]: supervise a process of Node until told to stop. */
static cop_term demo_supervise(cop_term arguments)
{
    cop_term reason = COP_NONE;
    cop_pid pid;
    int error;

    cop_must(cop_match(arguments, "[To, Node]", &far_parent, &far_node));
    error = cop_supervisor_start_link(&pid, &far_sup, &reason);
    cop_send(far_parent, cop("{Self, Error}", cop_self(), (int64_t)error));
    cop_receive_match("stop");
    return cop("ok");
}

static cop_term demo_get_state(cop_term arguments)
{
    return cop_sys_get_state(only(arguments));
}

/* [To, Count]: 1 to Count, in order. */
static cop_term demo_count_to(cop_term arguments)
{
    int64_t count;
    cop_pid to;

    cop_must(cop_match(arguments, "[To, Count]", &to, &count));
    for (int64_t i = 1; i <= count; i++) {
        cop_send(to, cop("{Self, I}", cop_self(), i));
        if (i % 100 == 0)
            cop_turn_end();
    }
    return cop("ok");
}

static cop_term demo_large_then_small(cop_term arguments)
{
    int64_t size;
    cop_pid to;
    char *bytes;
    cop_term large;

    cop_must(cop_match(arguments, "[To, Size]", &to, &size));
    large = cop_binary_new((size_t)size, &bytes);
    memset(bytes, 'x', (size_t)size);
    cop_send(to, cop("{Self, Large}", cop_self(), large));
    cop_send(to, cop("{Self, small}", cop_self()));
    return cop("ok");
}

/* erpc:call from here: [Node, M, F, Args]. */
static cop_term demo_erpc(cop_term arguments)
{
    cop_term args;
    cop_atom node, module, function;

    cop_must(cop_match(arguments, "[Node, M, F, Args]", &node, &module, &function, &args));
    return cop_erpc_call(cop_atom_text(node).data, cop_atom_text(module).data,
        cop_atom_text(function).data, args, 5000);
}

/* --- The node
 * ------------------------------------------------------------------------------------------------
 */

static struct cop_net_kernel_options options;
static const char *peer_to_connect;
static const char *route;      /* NODE:PORT */
static const char *allowed[2]; /* the one node that may connect, and the end */

static void set_route(const char *text)
{
    const char *colon = strchr(text, ':');
    char node[300];

    cop_must(colon != NULL);
    snprintf(node, sizeof node, "%.*s", (int)(colon - text), text);
    cop_must(cop_net_kernel_route(
                 cop_atom_new(node), "127.0.0.1", (int)strtol(colon + 1, NULL, 10)) == 0);
}

static cop_child_start start_ready(cop_term arg, const void *context)
{
    static const cop_pid nobody;

    (void)arg, (void)context;
    if (route)
        set_route(route);
    if (peer_to_connect)
        cop_net_kernel_connect_node(cop_atom_new(peer_to_connect));
    printf("ready %d\n", cop_net_kernel_port());
    fflush(stdout);
    return cop_child_started(-ECANCELED, nobody, COP_NONE);
}

static const cop_supervisor sup = {
    .name = "sup",
    .intensity = 100000,
    .children = COP_CHILDREN({ .name = "counter", .gen_server = &counter },
        { .name = "echo", .gen_server = &echo }, { .name = "w1", .gen_server = &worker },
        { .name = "w2", .gen_server = &worker }, { .name = "w3", .gen_server = &worker }, ),
};

/* With --isolated: two of them are not in this operating-system process. */
static const cop_supervisor isolated_sup = {
    .name = "sup",
    .intensity = 100000,
    .children = COP_CHILDREN({ .name = "counter", .gen_server = &counter, .isolate = true },
        { .name = "echo", .gen_server = &echo, .isolate = true },
        { .name = "w1", .gen_server = &worker }, { .name = "w2", .gen_server = &worker },
        { .name = "w3", .gen_server = &worker }, ),
};

static const cop_supervisor isolated_tree = {
    .children = COP_CHILDREN(
        { .name = "net_kernel", .start = cop_net_kernel_start_child, .context = &options },
        { .name = "pg", .start = cop_pg_start_child, .arg = "pg" },
        { .name = "bridge_sup", .supervisor = &bridge_sup },
        { .name = "sup", .supervisor = &isolated_sup },
        { .name = "ready", .start = start_ready }, ),
};

static const cop_supervisor tree = {
    .children = COP_CHILDREN(
        { .name = "net_kernel", .start = cop_net_kernel_start_child, .context = &options },
        { .name = "pg", .start = cop_pg_start_child, .arg = "pg" },
        { .name = "bridge_sup", .supervisor = &bridge_sup }, { .name = "sup", .supervisor = &sup },
        { .name = "ready", .start = start_ready }, ),
};

static int usage(void)
{
    fputs("usage: interop_node --name N@HOST | --sname N --cookie C [--port P] [--no-epmd] "
          "[--builtin-epmd] [--hidden] [--ticktime MS] [--connect NODE] [--allow NODE] [--route "
          "NODE:PORT] "
          "[--connect-all] [--isolated] [--tls DIR: cert.pem, key.pem, ca.pem]\n",
        stderr);
    return 2;
}

/* N is N@this-machine. */
static const char *short_name(const char *alive)
{
    static char name[300];
    char host[128];

    if (strchr(alive, '@') || gethostname(host, sizeof host) != 0)
        return alive;
    host[strcspn(host, ".")] = 0;
    snprintf(name, sizeof name, "%s@%s", alive, host);
    return name;
}

#ifdef WITH_TLS
static struct cop_tls_config tls;

/* The first of these files that is in the folder. */
static const char *file_in(const char *folder, const char *const *names)
{
    for (; *names; names++) {
        size_t size = strlen(folder) + strlen(*names) + 2;
        char *path = malloc(size);

        snprintf(path, size, "%s/%s", folder, *names);
        if (access(path, R_OK) == 0)
            return path;
        free(path);
    }
    return NULL;
}

static bool take_tls(const char *folder)
{
    static const char *const certificates[] = { "cert.pem", "node.pem", "server.pem", NULL },
                             *const keys[] = { "key.pem", "node-key.pem", "node.key", "server.key",
                                 NULL },
                             *const authorities[] = { "ca.pem", "cacert.pem", "cacerts.pem",
                                 "ca.crt", NULL };

    tls.certificate_file = file_in(folder, certificates);
    tls.key_file = file_in(folder, keys);
    tls.ca_file = file_in(folder, authorities);
    options.transport = &cop_dist_tls;
    options.transport_config = &tls;
    return true;
}
#else
static bool take_tls(const char *folder)
{
    (void)folder;
    fputs("interop_node: built without the module coppice-tls\n", stderr);
    return false;
}
#endif

static bool take_option(const char *option, const char *value)
{
    if (strcmp(option, "--tls") == 0)
        return take_tls(value);
    if (strcmp(option, "--name") == 0)
        options.name = value;
    else if (strcmp(option, "--sname") == 0)
        options.name = short_name(value);
    else if (strcmp(option, "--cookie") == 0)
        options.cookie = value;
    else if (strcmp(option, "--port") == 0)
        options.port_min = (int)strtol(value, NULL, 10);
    else if (strcmp(option, "--ticktime") == 0)
        options.ticktime_ms = strtol(value, NULL, 10);
    else if (strcmp(option, "--connect") == 0)
        peer_to_connect = value;
    else if (strcmp(option, "--route") == 0)
        route = value;
    else if (strcmp(option, "--allow") == 0)
        allowed[0] = value;
    else
        return false;
    return true;
}

int main(int argc, char **argv)
{
    bool isolated = false;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--no-epmd") == 0)
            options.epmd = COP_EPMD_NONE;
        else if (strcmp(argv[i], "--builtin-epmd") == 0)
            options.epmd = COP_EPMD_BUILTIN;
        else if (strcmp(argv[i], "--hidden") == 0)
            options.hidden = true;
        else if (strcmp(argv[i], "--connect-all") == 0)
            options.connect_all = true;
        else if (strcmp(argv[i], "--isolated") == 0)
            isolated = true;
        else if (i + 1 >= argc || !take_option(argv[i], argv[i + 1]))
            return usage();
        else
            i++;
    }
    if (!options.name)
        return usage();
    if (allowed[0])
        options.allow = allowed;
    cop_export("demo", "add", 2, demo_add);
    cop_export("demo", "crash", 0, demo_crash);
    cop_export("demo", "loop", 0, demo_loop);
    cop_export("demo", "throw", 1, demo_throw);
    cop_export("demo", "exit", 1, demo_exit);
    cop_export("demo", "error", 1, demo_error);
    cop_export("demo", "call", 2, demo_call);
    cop_export("demo", "call", 3, demo_call);
    cop_export("demo", "members", 1, demo_members);
    cop_export("demo", "narrow", 0, demo_narrow);
    cop_export("demo", "watch", 3, demo_watch);
    cop_export("demo", "spawn", 4, demo_spawn);
    cop_export("demo", "get_state", 1, demo_get_state);
    cop_export("demo", "ping_later", 3, demo_ping_later);
    cop_export("demo", "flood", 3, demo_flood);
    cop_export("demo", "supervise", 2, demo_supervise);
    cop_export("demo", "node_info", 1, demo_node_info);
    cop_export("demo", "count_to", 2, demo_count_to);
    cop_export("demo", "large_then_small", 2, demo_large_then_small);
    cop_export("demo", "erpc", 4, demo_erpc);
    return cop_run(isolated ? &isolated_tree : &tree);
}
