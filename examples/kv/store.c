/* SPDX-License-Identifier: Apache-2.0 */
/* The partition. It does one thing: commands on its own keys, one after the other, so that each is
 * atomic without a lock. All its memory is process memory: a partition that crashes leaves nothing
 * behind, and its supervisor starts an empty one under the same name. */
#include "store.h"
#include "commands.h"
#include "hash.h"
#include "number.h"
#include "reply.h"

#include <assert.h>
#include <string.h>

/* The longest timer we start; a key that lives longer gets another when it fires. */
#define TIMER_MS_MAX ((int64_t)1 << 31)

static cop_step init(void *state, cop_term index)
{
    struct store *store = state;

    cop_must(cop_match(index, "Index", &store->index));
    dict_init(&store->items, (struct memory){ cop_alloc, cop_free });
    return cop_ok();
}

static cop_term run(struct store *store, cop_term request)
{
    struct store_args args;
    const struct command *command;
    cop_atom name;

    args.count = cop_tuple_size(request) - 1;
    assert(args.count <= STORE_ARGS_MAX);
    cop_must(cop_to_atom(&name, cop_tuple_at(request, 0)));
    command = command_of_atom(name);
    for (size_t i = 0; i < args.count; i++) {
        args.term[i] = cop_tuple_at(request, i + 1);
        if (!cop_to_bytes(&args.bytes[i], args.term[i]))
            args.bytes[i] = (cop_bytes){ 0 };
    }
    store->commands++;
    return command->store(store, &args);
}

static cop_step handle_call(void *state, cop_term request)
{
    struct store *store = state;
    cop_term commands, command, answers = cop_nil();

    if (!cop_match(request, "{run, Commands}", &commands))
        return cop_unhandled(request);
    while (cop_list_next(&command, &commands))
        answers = cop_cons(run(store, command), answers);
    store->keys = (int64_t)dict_count(&store->items);
    return cop_reply(cop_list_reverse(answers));
}

static cop_step handle_info(void *state, cop_term message)
{
    struct store *store = state;
    struct item *item;
    cop_bytes key;
    cop_ref timer;

    if (!cop_match(message, "{timeout, Timer, Key}", &timer, &key))
        return cop_noreply();
    item =
        (struct item *)dict_find(&store->items, hash_key(key.data, key.size), key.data, key.size);
    if (item && item->timer.id == timer.id) { /* else it fired just before it was cancelled */
        item->timer.id = 0;
        store_expire(store, item, item->expires_ms);
    }
    return cop_noreply();
}

static const cop_field fields[] = {
    COP_FIELD(struct store, index),
    COP_FIELD(struct store, keys),
    COP_FIELD(struct store, expiring),
    COP_FIELD(struct store, commands),
    COP_FIELD(struct store, expired),
    COP_FIELDS_END,
};

const cop_gen_server store_server = {
    .module = "store",
    .state_size = sizeof(struct store),
    .fields = fields,
    .init = init,
    .handle_call = handle_call,
    .handle_info = handle_info,
};

/* --- Items ----------------------------------------------------------------------------------- */

struct item *store_find(struct store *store, cop_bytes key)
{
    uint64_t hash = hash_key(key.data, key.size);
    struct item *item = (struct item *)dict_find(&store->items, hash, key.data, key.size);

    /* The timer may be late; the clock is not. */
    if (item && item->expires_ms && item->expires_ms <= cop_system_time_ms()) {
        store->expired++;
        store_remove(store, item);
        return NULL;
    }
    return item;
}

struct item *store_put(struct store *store, cop_bytes key, cop_term value)
{
    uint64_t hash = hash_key(key.data, key.size);
    struct item *item = (struct item *)dict_find(&store->items, hash, key.data, key.size);

    if (!item) {
        item = cop_alloc(sizeof *item + key.size);
        memcpy(item->key, key.data, key.size);
        item->entry = (struct dict_entry){ .hash = hash, .key = item->key, .key_size = key.size };
        dict_add(&store->items, &item->entry);
    }
    cop_keep(&item->value, value);
    return item;
}

static void free_item(struct item *item)
{
    if (item->timer.id)
        cop_cancel_timer(item->timer);
    cop_keep_clear(&item->value);
    cop_free(item);
}

void store_remove(struct store *store, struct item *item)
{
    store->expiring -= item->expires_ms != 0;
    dict_remove(&store->items, &item->entry);
    free_item(item);
}

void store_expire(struct store *store, struct item *item, int64_t expires_ms)
{
    int64_t left_ms = expires_ms - cop_system_time_ms();

    store_persist(store, item);
    if (left_ms <= 0) {
        store->expired++;
        store_remove(store, item);
        return;
    }
    item->expires_ms = expires_ms;
    store->expiring++;
    item->timer = cop_start_timer(left_ms < TIMER_MS_MAX ? left_ms : TIMER_MS_MAX, cop_self(),
        cop_binary(item->key, item->entry.key_size));
}

void store_persist(struct store *store, struct item *item)
{
    if (item->timer.id)
        cop_cancel_timer(item->timer);
    item->timer.id = 0;
    store->expiring -= item->expires_ms != 0;
    item->expires_ms = 0;
}

static void remove_visited(struct dict_entry *entry, void *store)
{
    store_remove(store, (struct item *)entry);
}

void store_clear(struct store *store)
{
    uint64_t cursor = 0;

    do
        cursor = dict_scan(&store->items, cursor, remove_visited, store);
    while (cursor);
    dict_done(&store->items);
}

cop_term item_view(const struct item *item)
{
    char text[NUMBER_TEXT_MAX];
    int64_t value;

    return cop_to_int(&value, item->value) ? cop_binary(text, number_format(text, value))
                                           : item->value;
}

cop_term item_text(const struct item *item)
{
    cop_term view = item_view(item);
    cop_bytes data;

    cop_to_bytes(&data, view);
    return cop_binary_part(view, 0, data.size); /* shares a large one */
}
