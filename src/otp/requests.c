/* SPDX-License-Identifier: Apache-2.0 */
/* Requests without waiting (GS-51 to GS-57). A request is a monitor whose reference is also the
 * alias the reply comes through: reply_demonitor makes the two end together. */
#include <coppice/gen.h>

/* A name of this node or of a registry is resolved first, so that a failure names what was asked
 * for (GS-51). */
cop_ref cop_send_request_to(cop_dest server, cop_term request)
{
    static const struct cop_monitor_options options = { .alias = COP_REPLY_DEMONITOR };
    cop_dest target = server;
    cop_ref ref;
    cop_pid pid;

    if (cop_whereis_to(&pid, server)) {
        target = cop_dest_pid(pid);
    } else if (cop_dest_kind_of(server) != COP_DEST_REMOTE_NAME ||
               cop_dest_node_of(server).index == cop_node().index) {
        ref = cop_make_ref();
        cop_send(
            cop_self(), cop("{'DOWN', Ref, process, Server, noproc}", ref, cop_dest_show(server)));
        return ref;
    }
    ref = cop_monitor_with(target, &options);
    cop_send_to(
        target, cop("{'$gen_call', {Self, [alias | Ref]}, Request}", cop_self(), ref, request));
    return ref;
}

/* Is message the answer to request? */
static enum cop_response response_in(cop_term *ret, cop_term message, cop_ref request)
{
    cop_term reply, object, reason;

    if (cop_match(message, "{[alias | Ref], Reply}", request, &reply)) {
        *ret = reply;
        return COP_RESPONSE;
    }
    if (cop_match(message, "{'DOWN', Ref, process, Object, Reason}", request, &object, &reason)) {
        *ret = cop("{Reason, Object}", reason, object);
        return COP_RESPONSE_ERROR;
    }
    return COP_NO_REPLY;
}

static enum cop_response receive(cop_term *ret, cop_ref request, int64_t timeout_ms)
{
    cop_receive_scan scan = cop_receive_begin_ref(timeout_ms, request);
    cop_term message;

    while (cop_receive_next(&message, &scan)) {
        enum cop_response response = response_in(ret, message, request);

        if (response != COP_NO_REPLY) {
            cop_receive_take(&scan);
            return response;
        }
    }
    return COP_RESPONSE_TIMEOUT;
}

/* Monitor and alias go; a reply that comes later is dropped. One that has come is taken out. */
static void abandon(cop_ref request)
{
    cop_term ignored;

    cop_demonitor_flush(request);
    cop_unalias(request);
    receive(&ignored, request, 0);
}

enum cop_response cop_receive_response(cop_term *ret, cop_ref request, int64_t timeout_ms)
{
    enum cop_response response = receive(ret, request, timeout_ms);

    if (response == COP_RESPONSE_TIMEOUT)
        abandon(request);
    return response;
}

enum cop_response cop_wait_response(cop_term *ret, cop_ref request, int64_t timeout_ms)
{
    return receive(ret, request, timeout_ms);
}

enum cop_response cop_check_response(cop_term *ret, cop_term message, cop_ref request)
{
    return response_in(ret, message, request);
}

/* --- Collections ------------------------------------------------------------------------------ */

struct entry {
    struct entry *next;
    cop_ref request;
    cop_term label; /* kept */
};

struct cop_requests {
    struct entry *first;
    size_t size;
};

cop_requests *cop_requests_new(void)
{
    return cop_alloc(sizeof(cop_requests));
}

static void drop(cop_requests *collection, struct entry **place)
{
    struct entry *entry = *place;

    *place = entry->next;
    collection->size--;
    cop_keep_clear(&entry->label);
    cop_free(entry);
}

void cop_requests_free(cop_requests *collection)
{
    if (!collection)
        return;
    while (collection->first) {
        abandon(collection->first->request);
        drop(collection, &collection->first);
    }
    cop_free(collection);
}

int cop_requests_add(cop_requests *collection, cop_ref request, cop_term label)
{
    struct entry *entry;

    for (entry = collection->first; entry; entry = entry->next)
        if (entry->request.id == request.id)
            return -EEXIST;
    entry = cop_alloc(sizeof *entry);
    entry->request = request;
    cop_keep(&entry->label, label);
    entry->next = collection->first;
    collection->first = entry;
    collection->size++;
    return 0;
}

size_t cop_requests_size(const cop_requests *collection)
{
    return collection->size;
}

cop_term cop_requests_to_list(const cop_requests *collection)
{
    cop_term list = cop_nil();

    for (const struct entry *entry = collection->first; entry; entry = entry->next)
        list = cop_cons(cop("{Request, Label}", entry->request, entry->label), list);
    return list;
}

void cop_requests_send_to(
    cop_requests *collection, cop_dest server, cop_term request, cop_term label)
{
    cop_requests_add(collection, cop_send_request_to(server, request), label);
}

static enum cop_response match_any(
    cop_term *ret, cop_term *ret_label, cop_requests *collection, cop_term message, bool remove)
{
    for (struct entry **place = &collection->first; *place; place = &(*place)->next) {
        enum cop_response response = response_in(ret, message, (*place)->request);

        if (response == COP_NO_REPLY)
            continue;
        *ret_label = cop_copy((*place)->label);
        if (remove)
            drop(collection, place);
        return response;
    }
    return COP_NO_REPLY;
}

static enum cop_response receive_any(
    cop_term *ret, cop_term *ret_label, cop_requests *collection, int64_t timeout_ms, bool remove)
{
    cop_receive_scan scan = cop_receive_begin(timeout_ms);
    cop_term message;

    if (!collection->size)
        return COP_NO_REQUEST;
    while (cop_receive_next(&message, &scan)) {
        enum cop_response response = match_any(ret, ret_label, collection, message, remove);

        if (response != COP_NO_REPLY) {
            cop_receive_take(&scan);
            return response;
        }
    }
    return COP_RESPONSE_TIMEOUT;
}

enum cop_response cop_requests_receive(
    cop_term *ret, cop_term *ret_label, cop_requests *collection, int64_t timeout_ms, bool remove)
{
    enum cop_response response = receive_any(ret, ret_label, collection, timeout_ms, remove);

    if (response == COP_RESPONSE_TIMEOUT)
        for (const struct entry *entry = collection->first; entry; entry = entry->next)
            abandon(entry->request);
    return response;
}

enum cop_response cop_requests_wait(
    cop_term *ret, cop_term *ret_label, cop_requests *collection, int64_t timeout_ms, bool remove)
{
    return receive_any(ret, ret_label, collection, timeout_ms, remove);
}

enum cop_response cop_requests_check(
    cop_term *ret, cop_term *ret_label, cop_requests *collection, cop_term message, bool remove)
{
    return collection->size ? match_any(ret, ret_label, collection, message, remove)
                            : COP_NO_REQUEST;
}
