/* SPDX-License-Identifier: Apache-2.0 */
/* Who is connected. Sessions do not say goodbye: a monitor tells, so one that crashes is forgotten
 * like any other. */
#include "clients.h"
#include "config.h"
#include "dict.h"
#include "hash.h"

#include <stdio.h>

struct client {
    struct dict_entry entry; /* by pid */
    cop_pid pid;
    int64_t id;
    int64_t since_ms; /* monotonic */
    cop_term name;    /* kept */
    char address[64];
};

struct clients {
    struct dict all;
    int64_t entered;
};

/* --- Calls of the sessions ------------------------------------------------------------------- */

bool clients_enter(int64_t *ret_id, const char *address)
{
    return cop_match(
        cop_call("clients", cop("{enter, Pid, Address}", cop_self(), cop_text(address))),
        "{ok, Id}", ret_id);
}

void clients_set_name(cop_bytes name)
{
    cop_call("clients", cop("{set_name, Pid, Name}", cop_self(), name));
}

cop_term clients_list(void)
{
    return cop_list_sort(cop_call("clients", cop("list")));
}

void clients_count(int64_t *ret_now, int64_t *ret_ever)
{
    cop_must(cop_match(cop_call("clients", cop("count")), "{Now, Ever}", ret_now, ret_ever));
}

/* --- The server ------------------------------------------------------------------------------ */

static cop_step init(void *state, cop_term arg)
{
    struct clients *clients = state;

    (void)arg;
    dict_init(&clients->all, (struct memory){ cop_alloc, cop_free });
    return cop_ok();
}

static struct client *find(struct clients *clients, cop_pid pid)
{
    return (struct client *)dict_find(
        &clients->all, hash_key(&pid, sizeof pid), (const char *)&pid, sizeof pid);
}

static int64_t enter(struct clients *clients, cop_pid pid, cop_bytes address)
{
    struct client *client = cop_alloc(sizeof *client);

    client->pid = pid;
    client->id = ++clients->entered;
    client->since_ms = cop_monotonic_ms();
    snprintf(client->address, sizeof client->address, "%.*s", COP_STR(address));
    client->entry = (struct dict_entry){ .hash = hash_key(&pid, sizeof pid),
        .key = (const char *)&client->pid,
        .key_size = sizeof client->pid };
    dict_add(&clients->all, &client->entry);
    cop_monitor(pid);
    return client->id;
}

static void leave(struct clients *clients, struct client *client)
{
    dict_remove(&clients->all, &client->entry);
    cop_keep_clear(&client->name);
    cop_free(client);
}

static void list_visited(struct dict_entry *entry, void *list)
{
    struct client *client = (struct client *)entry;
    cop_term row = cop("{Id, Address, Name, AgeS}", client->id, cop_text(client->address),
        cop_is_none(client->name) ? cop_text("") : client->name,
        (cop_monotonic_ms() - client->since_ms) / 1000);

    *(cop_term *)list = cop_cons(row, *(cop_term *)list);
}

static cop_term list(struct clients *clients)
{
    cop_term rows = cop_nil();
    uint64_t cursor = 0;

    do
        cursor = dict_scan(&clients->all, cursor, list_visited, &rows);
    while (cursor);
    return rows;
}

static cop_step handle_call(void *state, cop_term request)
{
    struct clients *clients = state;
    struct client *client;
    cop_pid pid;
    cop_bytes address;
    cop_term name;

    if (cop_match(request, "{enter, Pid, Address}", &pid, &address)) {
        if (dict_count(&clients->all) >= (size_t)config.clients_max)
            return cop_reply(cop("full"));
        return cop_reply(cop("{ok, Id}", enter(clients, pid, address)));
    }
    if (cop_match(request, "{set_name, Pid, Name}", &pid, &name)) {
        client = find(clients, pid);
        if (client)
            cop_keep(&client->name, name);
        return cop_reply(cop("ok"));
    }
    if (cop_match(request, "list"))
        return cop_reply(list(clients));
    if (cop_match(request, "count"))
        return cop_reply(cop("{Now, Ever}", dict_count(&clients->all), clients->entered));
    return cop_unhandled(request);
}

static cop_step handle_info(void *state, cop_term message)
{
    struct clients *clients = state;
    struct client *client;
    cop_pid pid;

    if (cop_match(message, "{'DOWN', _, process, Pid, _}", &pid)) {
        client = find(clients, pid);
        if (client)
            leave(clients, client);
    }
    return cop_noreply();
}

const cop_gen_server clients_server = {
    .state_size = sizeof(struct clients),
    .module = "clients",
    .init = init,
    .handle_call = handle_call,
    .handle_info = handle_info,
};
