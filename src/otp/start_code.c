/* SPDX-License-Identifier: Apache-2.0 */
/* The node's table of C code that supervisors and the application controller may start, and state
 * machines may change to. Layer 5.
 *
 * A request to start a child is a message, and a message may come from another node: a pointer in
 * it would be a way to run anything. So messages carry the index of an entry of this table, or the
 * name of a module in it, and only code that this program has itself listed can be started.
 *
 * The table only grows: buckets are lists that are pushed to with a compare-and-swap and never
 * shortened, so that readers need no lock and a process may be killed at any point in here. */
#include "otp/start_code.h"

#include "otp/gen_event_int.h"

#include <stdatomic.h>
#include <stdlib.h>

enum { BUCKETS = 256 };

static struct cop__entry *_Atomic buckets[BUCKETS];
static _Atomic uint32_t sequence;

static size_t bucket_of(cop_atom module)
{
    return (module.index * UINT32_C(2654435761)) >> 24;
}

static bool same_limits(const struct cop_limits *a, const struct cop_limits *b)
{
    return a->memory_max_bytes == b->memory_max_bytes && a->cpu_max_s == b->cpu_max_s &&
           a->open_files_max == b->open_files_max && a->seccomp == b->seccomp &&
           a->seccomp_filter == b->seccomp_filter && a->schedulers == b->schedulers;
}

static bool same(const struct cop__entry *a, const struct cop__entry *b)
{
    return a->kind == b->kind && a->module.index == b->module.index && a->object == b->object &&
           a->process == b->process && a->start == b->start && a->context == b->context &&
           a->isolate == b->isolate && same_limits(&a->limits, &b->limits);
}

/* Between head and end (NULL: all). */
static struct cop__entry *find(
    struct cop__entry *head, const struct cop__entry *end, const struct cop__entry *wanted)
{
    for (struct cop__entry *code = head; code != end; code = code->next)
        if (same(code, wanted))
            return code;
    return NULL;
}

static const struct cop__entry *intern(struct cop__entry wanted)
{
    size_t bucket = bucket_of(wanted.module);
    /* pairs with the release in the exchange below: what an entry holds is seen with it */
    struct cop__entry *head = atomic_load_explicit(&buckets[bucket], memory_order_acquire);
    struct cop__entry *code = find(head, NULL, &wanted);

    if (code)
        return code;
    code = malloc(sizeof(*code));
    if (!code)
        cop_error(cop("system_limit"));
    *code = wanted;
    code->index =
        (atomic_fetch_add_explicit(&sequence, 1, memory_order_relaxed) << 8) | (uint32_t)bucket;
    code->next = head;
    while (!atomic_compare_exchange_weak_explicit(
        &buckets[bucket], &code->next, code, memory_order_release, memory_order_acquire)) {
        struct cop__entry *theirs = find(code->next, head, &wanted);

        if (theirs) {
            free(code);
            return theirs;
        }
        head = code->next;
    }
    return code;
}

const struct cop__entry *cop__entry_of_child(const cop_child *child, cop_atom module)
{
    struct cop__entry wanted = { .module = module };

    wanted.isolate = child->isolate;
    if (child->isolate)
        wanted.limits = child->limits;
    if (child->gen_server) {
        wanted.kind = COP__ENTRY_GEN_SERVER;
        wanted.object = child->gen_server;
        wanted.unnamed = *child->gen_server;
        wanted.unnamed.name = NULL;
        if (!wanted.unnamed.module)
            wanted.unnamed.module =
                child->gen_server->name ? child->gen_server->name : cop_atom_text(module).data;
    } else if (child->supervisor) {
        wanted.kind = COP__ENTRY_SUPERVISOR;
        wanted.object = child->supervisor;
    } else if (child->process) {
        wanted.kind = COP__ENTRY_PROCESS;
        wanted.process = child->process;
    } else {
        wanted.kind = COP__ENTRY_FUNCTION;
        wanted.start = child->start;
        wanted.context = child->context;
    }
    return intern(wanted);
}

const struct cop__entry *cop__entry_of_application(const cop_application *application)
{
    return intern((struct cop__entry){ .kind = COP__ENTRY_APPLICATION,
        .object = application,
        .module = cop_atom_new(application->name) });
}

const struct cop__entry *cop__entry_of_statem(const cop_gen_statem *statem)
{
    const char *name = statem->module ? statem->module : statem->name ? statem->name : "gen_statem";

    return intern((struct cop__entry){
        .kind = COP__ENTRY_GEN_STATEM, .object = statem, .module = cop_atom_new(name) });
}

/* In place of a module it has a number of its address, which spreads functions over the buckets. */
const struct cop__entry *cop__entry_of_function(enum cop__entry_kind kind, const void *fn)
{
    return intern((struct cop__entry){
        .kind = kind, .object = fn, .module = { (uint32_t)((uintptr_t)fn >> 4) } });
}

void cop__entry_make_handler_known(const cop_event_handler *handler)
{
    intern((struct cop__entry){ .kind = COP__ENTRY_EVENT_HANDLER,
        .object = handler,
        .module = cop_atom_new(handler->module) });
}

/* The one made known first. */
const cop_event_handler *cop__entry_of_handler_named(cop_atom module)
{
    const cop_event_handler *first = NULL;

    for (struct cop__entry *code =
             atomic_load_explicit(&buckets[bucket_of(module)], memory_order_acquire);
         code; code = code->next)
        if (code->module.index == module.index && code->kind == COP__ENTRY_EVENT_HANDLER)
            first = code->object;
    return first;
}

const struct cop__entry *cop__entry_at(int64_t index)
{
    if (index < 0 || index > UINT32_MAX)
        return NULL;
    struct cop__entry *code = atomic_load_explicit(&buckets[index % BUCKETS], memory_order_acquire);

    while (code && code->index != index)
        code = code->next;
    return code;
}

const struct cop__entry *cop__entry_of_module(cop_atom module)
{
    const struct cop__entry *first = NULL;

    for (struct cop__entry *code =
             atomic_load_explicit(&buckets[bucket_of(module)], memory_order_acquire);
         code; code = code->next)
        if (code->module.index == module.index && code->kind < COP__ENTRY_APPLICATION)
            first = code;
    return first;
}

cop_atom cop__entry_function(const struct cop__entry *code)
{
    return cop_atom_new(code->kind == COP__ENTRY_FUNCTION ? "start" : "start_link");
}
