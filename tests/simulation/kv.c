/* SPDX-License-Identifier: Apache-2.0 */
/* The partitions of examples/kv: every write that was acknowledged is readable until its partition
 * crashes, and a partition that has crashed comes back, empty. */
/* link: examples/kv/partitions.c */
/* link: examples/kv/store.c */
/* link: examples/kv/strings.c */
/* link: examples/kv/keys.c */
/* link: examples/kv/expiry.c */
/* link: examples/kv/commands.c */
/* link: examples/kv/clients.c */
/* link: examples/kv/config.c */
/* link: examples/kv/server.c */
/* link: examples/kv/session.c */
/* link: examples/kv/batch.c */
/* link: examples/kv/dict.c */
/* link: examples/kv/glob.c */
/* link: examples/kv/hash.c */
/* link: examples/kv/number.c */
/* link: examples/kv/reply.c */
/* link: examples/kv/resp.c */
/* link: examples/kv/connection.c */
/* link: examples/kv/listener.c */
/* link: examples/kv/tree.c */
#include "../../examples/kv/commands.h"
#include "../../examples/kv/config.h"
#include "../../examples/kv/partitions.h"
#include "../../examples/kv/tree.h"

#include <stdio.h>
#include <string.h>

enum { CLIENTS = 3, KEYS = 3, OPERATIONS = 12 };

struct written {
    cop_pid store;            /* which acknowledged it; id 0: nothing is known */
    int64_t value;            /* 0: none, it was removed */
    int64_t ends_ms, gone_ms; /* it may end from then on, and must have by then; 0: never */
};

/* True: the partition answered; false: it has ended, and nothing is known. */
static bool run(cop_term *ret_answer, cop_pid *ret_store, cop_bytes key, cop_term command)
{
    cop_term answers, rest;

    if (!partition_find(ret_store, partition_of_key(key)))
        return false;
    if (!cop_try_call(&answers, *ret_store, cop("{run, [Command]}", command)))
        return false;
    rest = answers;
    return cop_list_next(ret_answer, &rest);
}

static void write_key(cop_bytes key, struct written *known, int64_t value)
{
    int64_t seconds = cop_sim_choose(3) == 1 ? 1 + cop_sim_choose(2) : 0,
            asked_ms = cop_monotonic_ms();
    char text[24], time[24];
    cop_term answer;

    snprintf(text, sizeof text, "%d", (int)value);
    snprintf(time, sizeof time, "%d", (int)seconds);
    known->store.id = 0; /* until it is acknowledged */
    if (!run(&answer, &known->store, key,
            seconds ? cop("{set, Key, Text, <<\"EX\">>, Time}", key, cop_text(text), cop_text(time))
                    : cop("{set, Key, Text}", key, cop_text(text)))) {
        known->store.id = 0;
        return;
    }
    known->value = value;
    known->ends_ms = seconds ? asked_ms + seconds * 1000 : 0;
    known->gone_ms = seconds ? cop_monotonic_ms() + seconds * 1000 : 0;
}

static void check_key(cop_bytes key, struct written *known)
{
    int64_t asked_ms = cop_monotonic_ms();
    cop_pid store;
    cop_term answer;
    cop_bytes bytes;
    char text[24];

    if (!known->store.id || !run(&answer, &store, key, cop("{get, Key}", key)))
        return;
    if (store.id != known->store.id) { /* it has crashed since */
        if (cop_to_bytes(&bytes, answer))
            cop_sim_fail("a new partition has an old key");
        return;
    }
    snprintf(text, sizeof text, "%d", (int)known->value);
    if (!cop_to_bytes(&bytes, answer)) {
        if (!known->ends_ms || cop_monotonic_ms() < known->ends_ms)
            cop_sim_fail(
                "%.*s = %s was acknowledged and is gone: %s", COP_STR(key), text, cop_show(answer));
    } else if (bytes.size != strlen(text) || memcmp(bytes.data, text, bytes.size) != 0) {
        cop_sim_fail("%.*s is %.*s and should be %s", COP_STR(key), COP_STR(bytes), text);
    } else if (known->ends_ms && asked_ms > known->gone_ms) {
        cop_sim_fail("%.*s is there after its time", COP_STR(key));
    }
}

static void client(cop_term arg)
{
    struct written known[KEYS] = { 0 };
    int64_t index;
    cop_pid parent;

    cop_must(cop_match(arg, "{Parent, Index}", &parent, &index));
    for (int64_t i = 0; i < OPERATIONS; i++) {
        size_t which = cop_sim_choose(KEYS);
        char name[32];
        cop_bytes key = { name,
            (size_t)snprintf(name, sizeof name, "key-%d-%zu", (int)index, which) };

        switch (cop_sim_choose(4)) {
        case 1:
        case 2:
            write_key(key, &known[which], 1 + i);
            break;
        case 3:
            cop_sleep(cop_sim_choose(1500));
            break;
        default:
            check_key(key, &known[which]);
        }
        cop_turn_end();
    }
    cop_send(parent, cop("done"));
}

static void run_clients(cop_process_main *main)
{
    for (int64_t i = 0; i < CLIENTS; i++)
        cop_spawn_link(main, cop("{Self, I}", cop_self(), i));
    for (int64_t i = 0; i < CLIENTS; i++)
        cop_receive_match("done");
}

static bool is_partition(cop_pid pid, void *arg)
{
    (void)arg;
    for (size_t i = 0; i < (size_t)config.partitions; i++) {
        cop_pid partition;

        if (partition_find(&partition, i) && partition.id == pid.id)
            return true;
    }
    return false;
}

static int kv_partitions(int argc, char **argv)
{
    cop_supervisor tree = partitions;
    cop_term error;
    cop_pid top;

    (void)argc, (void)argv;
    cop_log_set_level(COP_LOG_EMERGENCY);
    commands_init();
    tree.intensity = 1000000; /* it may crash as often as it likes */
    cop_must(cop_supervisor_start_link(&top, &tree, &error));
    cop_sim_set_faults(&(struct cop_sim_faults){ .kills = cop_sim_choose(20),
        .crashes = cop_sim_choose(20),
        .pauses = cop_sim_choose(10),
        .is_victim = is_partition });
    run_clients(client);
    cop_sim_set_faults(NULL);
    cop_sleep(1000);
    for (size_t i = 0; i < (size_t)config.partitions; i++)
        if (!partition_find(&top, i))
            cop_sim_fail("partition %zu did not come back", i);
    return 0;
}

/* --- The same over connections, with the whole server
 * ---------------------------------------------
 */

struct connection {
    cop_socket socket;
    bool open;
};

static void connect_again(struct connection *connection)
{
    if (connection->open)
        cop_tcp_close(connection->socket);
    while (cop_tcp_connect(&connection->socket, "127.0.0.1", config.port, .timeout_ms = 5000) < 0)
        cop_sleep(10);
    connection->open = true;
}

/* The line that answers; false: the connection is lost, or the server says that it cannot. */
static bool ask(struct connection *connection, const char *command, cop_bytes *ret_line)
{
    if (!connection->open)
        connect_again(connection);
    if (cop_tcp_send(connection->socket, command, strlen(command)) < 0 ||
        cop_tcp_read_line_within(ret_line, connection->socket, 60000) < 0) {
        connect_again(connection);
        return false;
    }
    return ret_line->size && ret_line->data[0] != '-';
}

static void set_key(struct connection *connection, cop_bytes key, struct written *known, int value)
{
    cop_pid before = { 0, 0 }, after = { 0, 0 };
    char command[80];
    cop_bytes line;

    partition_find(&before, partition_of_key(key));
    known->store.id = 0;
    snprintf(command, sizeof command, "SET %.*s %d\r\n", COP_STR(key), value);
    if (!ask(connection, command, &line))
        return;
    if (line.size != 3 || memcmp(line.data, "+OK", 3) != 0)
        cop_sim_fail("SET was answered with %.*s", COP_STR(line));
    partition_find(&after, partition_of_key(key));
    if (before.id && before.id == after.id)
        *known = (struct written){ .store = after, .value = value };
}

static void get_key(struct connection *connection, cop_bytes key, struct written *known)
{
    cop_pid after = { 0, 0 };
    char command[80], expected[24];
    cop_bytes line;
    bool is_there;

    snprintf(command, sizeof command, "GET %.*s\r\n", COP_STR(key));
    if (!ask(connection, command, &line))
        return;
    is_there = !(line.size == 3 && memcmp(line.data, "$-1", 3) == 0);
    if (is_there && cop_tcp_read_line_within(&line, connection->socket, 60000) < 0) {
        connect_again(connection);
        return;
    }
    partition_find(&after, partition_of_key(key));
    if (!known->store.id || known->store.id != after.id)
        return; /* it has crashed since */
    snprintf(expected, sizeof expected, "%d", (int)known->value);
    if (!is_there)
        cop_sim_fail("%.*s = %s was acknowledged and is gone", COP_STR(key), expected);
    if (line.size != strlen(expected) || memcmp(line.data, expected, line.size) != 0)
        cop_sim_fail("%.*s is %.*s and should be %s", COP_STR(key), COP_STR(line), expected);
}

static void remote_client(cop_term arg)
{
    struct written known[KEYS] = { 0 };
    struct connection connection = { .open = false };
    int64_t index;
    cop_pid parent;

    cop_must(cop_match(arg, "{Parent, Index}", &parent, &index));
    for (int i = 0; i < OPERATIONS; i++) {
        size_t which = cop_sim_choose(KEYS);
        char name[32];
        cop_bytes key = { name,
            (size_t)snprintf(name, sizeof name, "key-%d-%zu", (int)index, which) };

        if (cop_sim_choose(2))
            set_key(&connection, key, &known[which], 1 + i);
        else
            get_key(&connection, key, &known[which]);
        cop_turn_end();
    }
    cop_send(parent, cop("done"));
}

static int kv_server(int argc, char **argv)
{
    cop_term error;
    cop_pid top;

    (void)argc, (void)argv;
    cop_log_set_level(COP_LOG_EMERGENCY);
    commands_init();
    config.port = 7379;
    cop_must(cop_supervisor_start_link(&top, &kv, &error) == 0);
    cop_sim_set_faults(&(struct cop_sim_faults){ .kills = cop_sim_choose(3),
        .cuts = cop_sim_choose(6),
        .pauses = cop_sim_choose(5),
        .pause_max_ms = 100,
        .delay_max_ms = 1 + cop_sim_choose(20),
        .is_victim = is_partition });
    run_clients(remote_client);
    return 0;
}

static const cop_sim simulations[] = { { .name = "kv", .main = kv_partitions },
    { .name = "kv_server", .main = kv_server }, { 0 } };

int main(int argc, char **argv)
{
    return cop_sim_main(simulations, argc, argv);
}
