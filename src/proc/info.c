/* SPDX-License-Identifier: Apache-2.0 */
/* process_info and what else asks about other processes (P-59, P-100 to P-108). A question is a
 * signal, so what the asker sent before is counted (P-105); the process asked answers it itself,
 * and nobody ever looks into another's memory. */
#include "proc/backtrace.h"
#include "proc/far.h"
#include "proc/proc.h"
#include "term/atoms.h"

#include <string.h>

static cop_term status_of(const struct cop__proc *proc, bool self)
{
    uint32_t flags = cop__load(proc->flags);

    if (flags & COP__P_EXITING)
        return cop__atom(COP__ATOM_exiting);
    if (flags & COP__P_SUSPENDED)
        return cop__atom(COP__ATOM_suspended);
    if (self)
        return cop__atom(COP__ATOM_running);
    return flags & COP__P_PARKED ? cop__atom(COP__ATOM_waiting) : cop__atom(COP__ATOM_runnable);
}

/* A loop that waits for its next message is in no function of the program: then its initial call.
 */
static cop_term current_function(const struct cop__proc *proc)
{
    cop_term items[3] = { cop__atom(COP__ATOM_erlang), cop__atom(COP__ATOM_hibernate),
        cop__small(3) };
    cop_term stack, frame;

    if (cop__load(proc->flags) & COP__P_HIBERNATING)
        return cop_tuple_from(items, 3);
    stack = cop__backtrace_now(proc);
    if (!cop_list_next(&frame, &stack))
        return cop__initial_call(proc);
    for (size_t i = 0; i < 3; i++)
        items[i] = cop_tuple_at(frame, i);
    return cop_tuple_from(items, 3);
}

static cop_term links_of(const struct cop__proc *proc)
{
    cop_term list = cop_nil();
    struct cop__map_entry *entry;

    for (uint32_t i = 0; proc->ext && (entry = cop__map_each(&proc->ext->links, &i));)
        if (!entry->value)
            list = cop_cons(cop__word(entry->key), list);
    list = cop__far_links(proc, list);
    return proc->link0 ? cop_cons(cop__word(proc->link0), list) : list;
}

static cop_term monitors_of(const struct cop__proc *proc)
{
    cop_term list = cop_nil();
    struct cop__map_entry *entry;

    for (uint32_t i = 0; proc->ext && (entry = cop__map_each(&proc->ext->monitors, &i));) {
        const struct cop__monitor *monitor = (const struct cop__monitor *)(uintptr_t)entry->value;
        cop_term object =
            monitor->name.index
                ? cop__pair(cop_from_atom(monitor->name), cop_from_atom(monitor->node))
                : cop_from_pid((cop_pid){ monitor->target, monitor->far });

        if (monitor->monitoring && (monitor->target || monitor->connection))
            list = cop_cons(cop__pair(cop__atom(COP__ATOM_process), object), list);
    }
    return list;
}

static cop_term monitored_by(const struct cop__proc *proc)
{
    cop_term list = cop_nil();
    struct cop__map_entry *entry;

    for (uint32_t i = 0; proc->ext && (entry = cop__map_each(&proc->ext->monitored_by, &i));)
        list = cop_cons(cop__word(entry->value), list);
    list = cop__far_watchers(proc, list);
    return proc->watch0 ? cop_cons(cop__word(proc->watcher0), list) : list;
}

static cop_term messages_of(const struct cop__proc *proc)
{
    cop_term list = cop_nil();

    for (const struct cop__msg *msg = proc->first; msg; msg = msg->next)
        list = cop_cons(cop__turn_copy(cop__msg_term(msg)), list);
    return cop_list_reverse(list);
}

static cop_term queue_length(const struct cop__proc *proc)
{
    int64_t count = 0;

    for (const struct cop__msg *msg = proc->first; msg; msg = msg->next)
        count++;
    return cop__small(count);
}

static cop_term priority_atom(const struct cop__proc *proc)
{
    static const uint32_t names[] = { COP__ATOM_normal, COP__ATOM_low, COP__ATOM_normal,
        COP__ATOM_high, COP__ATOM_max };

    return cop__atom(names[proc->priority <= COP_MAX ? proc->priority : 0]);
}

static cop_term memory_of(const struct cop__proc *proc)
{
    int64_t bytes = sizeof *proc;

    if (proc->ext)
        bytes += (int64_t)sizeof *proc->ext;
    if (proc->stack)
        bytes += 4096;
    return cop_int(bytes);
}

static cop_term leader_term(const struct cop__proc *proc)
{
    cop_pid leader = cop__leader_of(proc);

    return cop_from_pid(leader.id ? leader : cop__node.first);
}

/* Heap figures of the BEAM have no counterpart: a process has a turn heap of no fixed size. */
static cop_term heap_words(const struct cop__proc *proc)
{
    return cop__small(proc->stack ? COP__LENT_WORDS : 0);
}

static cop_term name_of(const struct cop__proc *proc)
{
    uint32_t name = cop__load(proc->name);

    return name ? cop__atom(name) : cop_nil();
}

static cop_term trap_exit(const struct cop__proc *proc)
{
    return cop_bool(cop__load(proc->flags) & COP__P_TRAP_EXIT);
}

static cop_term stack_words(const struct cop__proc *proc)
{
    return cop__small(proc->stack ? 128 * 1024 / 8 : 0);
}

static cop_term reductions(const struct cop__proc *proc)
{
    return cop_int(proc->reductions);
}

static cop_term queue_data(const struct cop__proc *proc)
{
    return cop__tuning(proc, cop__atom(COP__ATOM_message_queue_data));
}

static cop_term error_handler(const struct cop__proc *proc)
{
    (void)proc;
    return cop_from_atom(cop_atom_new("error_handler"));
}

static cop_term nothing(const struct cop__proc *proc)
{
    (void)proc;
    return cop_nil();
}

static cop_term parent(const struct cop__proc *proc)
{
    return proc->origin && proc->origin->parent ? cop__word(proc->origin->parent)
                                                : cop__atom(COP__ATOM_undefined);
}

static cop_term label(const struct cop__proc *proc)
{
    cop_term term = cop__label_of(proc);

    return cop_is_none(term) ? cop__atom(COP__ATOM_undefined) : term;
}

/* --- The items
 * ---------------------------------------------------------------------------------------- */

struct item {
    const char *name;
    cop_term (*get)(const struct cop__proc *proc); /* NULL: status, which depends on who asks */
};

static const struct item all_items[] = {
    /* the subset of P-102, in its order */
    { "current_function", current_function },
    { "initial_call", cop__initial_call },
    { "status", NULL },
    { "message_queue_len", queue_length },
    { "links", links_of },
    { "dictionary", cop__dictionary_of },
    { "trap_exit", trap_exit },
    { "error_handler", error_handler },
    { "priority", priority_atom },
    { "group_leader", leader_term },
    { "total_heap_size", heap_words },
    { "heap_size", heap_words },
    { "stack_size", stack_words },
    { "reductions", reductions },
    { "garbage_collection", nothing },
    { "suspending", nothing },
    /* only when asked for by name */
    { "registered_name", name_of },
    { "monitors", monitors_of },
    { "monitored_by", monitored_by },
    { "messages", messages_of },
    { "current_stacktrace", cop__backtrace_now },
    { "memory", memory_of },
    { "message_queue_data", queue_data },
    { "parent", parent },
    { "label", label },
};
enum { STANDARD_ITEMS = 16 };

/* NULL: no such item. */
static const struct item *find_item(cop_term name)
{
    cop_atom atom;

    if (!cop_to_atom(&atom, name))
        return NULL;
    for (size_t i = 0; i < sizeof all_items / sizeof all_items[0]; i++)
        if (strcmp(all_items[i].name, cop_atom_text(atom).data) == 0)
            return &all_items[i];
    return NULL;
}

static bool is_dictionary_key(cop_term item)
{
    return cop_tuple_size(item) == 2 &&
           cop_tuple_at(item, 0).word == cop__atom(COP__ATOM_dictionary).word;
}

static bool known(cop_term items)
{
    cop_term item;

    while (cop_list_next(&item, &items))
        if (!is_dictionary_key(item) && !find_item(item))
            return false;
    return cop__is_nil(items);
}

static cop_term named_item(const struct cop__proc *proc, const struct item *item, bool self)
{
    return cop__pair(cop_from_atom(cop_atom_new(item->name)),
        item->get ? item->get(proc) : status_of(proc, self));
}

/* item: one that is known. */
static cop_term info_item(const struct cop__proc *proc, cop_term item, bool self)
{
    cop_term value;

    if (!is_dictionary_key(item))
        return named_item(proc, find_item(item), self);
    if (!cop_proplist_get(&value, cop__dictionary_of(proc), cop_tuple_at(item, 1)))
        value = cop__atom(COP__ATOM_undefined);
    return cop__pair(item, value);
}

/* The answer to a list of items; [] stands for the subset of P-102. */
static cop_term info_list(const struct cop__proc *proc, cop_term items, bool self)
{
    cop_term list = cop_nil(), item;

    if (cop__is_nil(items)) {
        for (size_t i = STANDARD_ITEMS; i-- > 0;)
            list = cop_cons(named_item(proc, &all_items[i], self), list);
        item = cop_from_atom(cop_atom_new("registered_name"));
        return cop__load(proc->name) ? cop_cons(info_item(proc, item, self), list) : list;
    }
    while (cop_list_next(&item, &items))
        list = cop_cons(info_item(proc, item, self), list);
    return cop_list_reverse(list);
}

void cop__info_answer(struct cop__thr *self, struct cop__proc *proc, struct cop__msg *request)
{
    /* While this runs the process is not where it waits: what it says of itself is from before. */
    cop__answer(self, request, COP__REPLY, info_list(proc, request->term, false));
}

cop_term cop_process_info_list(cop_pid pid, cop_term items)
{
    struct cop__thr *self;
    struct cop__msg *answer;
    cop_term result = COP_NONE;

    if (!pid.id || pid.node || !known(items))
        cop__badarg("process_info");
    self = (struct cop__thr *)cop__enter();
    if (!self->current) {
        cop__leave();
        cop__badarg("process_info");
    }
    if (pid.id == cop__id_of(self->current)) {
        cop__fetch(self, self->current);
        self = cop__obey(self, self->current);
        result = info_list(self->current, items, true);
    } else {
        answer = cop__signal_call(self, pid.id, COP__INFO, items);
        if (answer)
            result = answer->term;
    }
    cop__leave();
    return result;
}

cop_term cop_process_info(cop_pid pid, const char *item)
{
    cop_term name = cop_from_atom(cop_atom_new(item)),
             list = cop_process_info_list(pid, cop_list(&name, 1)), answer;

    if (!cop_list_next(&answer, &list))
        return COP_NONE;
    /* P-100: an unnamed process, asked for its name alone */
    if (strcmp(item, "registered_name") == 0 && cop__is_nil(cop_tuple_at(answer, 1)))
        return cop_nil();
    return answer;
}

bool cop_is_alive(cop_pid pid)
{
    struct cop__thr *self;
    struct cop__proc *proc;
    struct cop__msg *answer;
    bool alive;

    if (!pid.id || pid.node)
        cop__badarg("is_process_alive");
    self = (struct cop__thr *)cop__enter();
    proc = cop__proc_of(pid.id);
    if (cop__load_acquire(proc->gen) != pid.id >> 32 ||
        (cop__load_acquire(proc->mbox) & COP__MBOX_DEAD) ||
        (cop__load_acquire(proc->flags) & COP__P_EXITING)) {
        alive = false;
    } else if (!self->current || proc == self->current) {
        alive = true;
    } else {
        answer = cop__signal_call(self, pid.id, COP__ALIVE, COP_NONE);
        alive = answer && answer->term.word == cop__atom(COP__ATOM_true).word;
    }
    cop__leave();
    return alive;
}

bool cop_processes_next(cop_pid *ret_pid, cop_process_iterator *iterator)
{
    while (++iterator->position < cop__proc_used()) {
        struct cop__proc *proc = &cop__proc_base[iterator->position];
        uint32_t gen = cop__load_acquire(proc->gen);

        if (!(cop__load_acquire(proc->mbox) & COP__MBOX_DEAD) && gen) {
            *ret_pid = cop__pid_of(cop__pid_id(gen, (uint32_t)iterator->position));
            return true;
        }
    }
    return false;
}

cop_term cop_processes(void)
{
    cop_process_iterator iterator = { 0 };
    cop_term list = cop_nil();
    cop_pid pid;

    while (cop_processes_next(&pid, &iterator))
        list = cop_cons(cop_from_pid(pid), list);
    return list;
}

int cop_suspend_process(cop_pid pid)
{
    struct cop__thr *self = (struct cop__thr *)cop__enter();
    struct cop__msg *answer = NULL;

    if (self->current && pid.id && !pid.node && pid.id != cop__id_of(self->current))
        answer = cop__signal_call(self, pid.id, COP__SUSPEND, COP_NONE);
    cop__leave();
    return answer && answer->term.word == cop__atom(COP__ATOM_true).word ? 0 : -COP_EBADARG;
}

int cop_resume_process(cop_pid pid)
{
    struct cop__thr *self = (struct cop__thr *)cop__enter();
    bool sent = pid.id && !pid.node && cop__signal_send(self, pid.id, COP__RESUME, 0, COP_NONE);

    cop__leave();
    return sent ? 0 : -COP_EBADARG;
}
