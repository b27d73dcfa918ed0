/* SPDX-License-Identifier: Apache-2.0 */
/* global on one node (P-139 to P-141, GLB-01 to GLB-05). Layer 5.
 *
 * A server writes the names into a table that all read, and takes them out when their process has
 * ended; who looks takes no process for alive that is not. It is started when it is first needed.
 * Its name is not OTP's global_name_server: other nodes would take it for one that takes part in
 * their protocol. */
#include <coppice/global.h>

#include <coppice/ets.h>
#include <coppice/gen_server.h>

#define SERVER "coppice_global"
#define NAMES  "coppice_global_names" /* {Name, Pid, Monitor} */

enum { WAIT_MS_MIN = 250, WAIT_MS_MAX = 8000 };

struct lock { /* one of a process; several of a requester hold a resource together */
    struct lock *next;
    cop_term resource, requester; /* kept */
    cop_pid pid;
    cop_ref monitor;
};

struct global {
    cop_term monitors; /* kept; a table {Monitor, Name} */
    struct lock *locks;
};

/* --- Names ------------------------------------------------------------------------------------ */

static cop_term names(void)
{
    return cop(NAMES);
}

/* Whoever has it in the table, alive or not. */
static bool find(cop_term name, cop_pid *ret_pid, cop_ref *ret_monitor)
{
    return cop_match(cop_ets_lookup(names(), name), "[{_, Pid, Monitor}]", ret_pid, ret_monitor);
}

static void unregister(struct global *global, cop_term name)
{
    cop_ref monitor;
    cop_pid pid;

    if (!find(name, &pid, &monitor))
        return;
    cop_demonitor_flush(monitor);
    cop_ets_delete(global->monitors, cop_from_ref(monitor));
    cop_ets_delete(names(), name);
}

static void set_name(struct global *global, cop_term name, cop_pid pid)
{
    cop_ref monitor = cop_monitor(pid);

    unregister(global, name);
    cop_ets_insert(global->monitors, cop("{Monitor, Name}", monitor, name));
    cop_ets_insert(names(), cop("{Name, Pid, Monitor}", name, pid, monitor));
}

static cop_step register_name(struct global *global, cop_term name, cop_pid pid)
{
    cop_ref monitor;
    cop_pid other;

    if (find(name, &other, &monitor) && cop_is_alive(other))
        return cop_reply(cop("no"));
    set_name(global, name, pid);
    return cop_reply(cop("yes"));
}

static bool has_ended(struct global *global, cop_ref monitor)
{
    cop_term name;

    if (!cop_match(cop_ets_take(global->monitors, cop_from_ref(monitor)), "[{_, Name}]", &name))
        return false;
    cop_ets_delete(names(), name);
    return true;
}

/* --- Locks ------------------------------------------------------------------------------------ */

static cop_step set_lock(struct global *global, cop_term resource, cop_term requester, cop_pid pid)
{
    struct lock *lock;

    for (lock = global->locks; lock; lock = lock->next)
        if (cop_identical(lock->resource, resource) && !cop_identical(lock->requester, requester))
            return cop_reply(cop("false"));
    lock = cop_alloc(sizeof *lock);
    *lock = (struct lock){ .next = global->locks, .pid = pid, .monitor = cop_monitor(pid) };
    cop_keep(&lock->resource, resource);
    cop_keep(&lock->requester, requester);
    global->locks = lock;
    return cop_reply(cop("true"));
}

static void free_lock(struct lock **place)
{
    struct lock *lock = *place;

    *place = lock->next;
    cop_demonitor_flush(lock->monitor);
    cop_keep_clear(&lock->resource);
    cop_keep_clear(&lock->requester);
    cop_free(lock);
}

static void del_lock(struct global *global, cop_term resource, cop_term requester, cop_pid pid)
{
    for (struct lock **place = &global->locks; *place; place = &(*place)->next)
        if ((*place)->pid.id == pid.id && cop_identical((*place)->resource, resource) &&
            cop_identical((*place)->requester, requester)) {
            free_lock(place);
            return;
        }
}

static void holder_has_ended(struct global *global, cop_ref monitor)
{
    for (struct lock **place = &global->locks; *place; place = &(*place)->next)
        if ((*place)->monitor.id == monitor.id) {
            free_lock(place);
            return;
        }
}

/* --- The server ------------------------------------------------------------------------------- */

static cop_step init(void *state, cop_term arg)
{
    struct global *global = state;

    (void)arg;
    cop_set_group_leader(cop_self(), cop_self()); /* of no application: with one it would end */
    cop_ets_new(NAMES, .named = true, .read_concurrency = true);
    cop_keep(&global->monitors, cop_ets_new("coppice_global_monitors"));
    return cop_ok();
}

static cop_step handle_call(void *state, cop_term request)
{
    struct global *global = state;
    cop_term name, resource, requester;
    cop_pid pid;

    if (cop_match(request, "{register, Name, Pid}", &name, &pid))
        return register_name(global, name, pid);
    if (cop_match(request, "{set_lock, Resource, Requester, Pid}", &resource, &requester, &pid))
        return set_lock(global, resource, requester, pid);
    if (cop_match(request, "{re_register, Name, Pid}", &name, &pid))
        set_name(global, name, pid);
    else if (cop_match(request, "{unregister, Name}", &name))
        unregister(global, name);
    else if (cop_match(
                 request, "{del_lock, Resource, Requester, Pid}", &resource, &requester, &pid))
        del_lock(global, resource, requester, pid);
    else
        return cop_unhandled(request);
    return cop_reply(cop("ok"));
}

static cop_step handle_info(void *state, cop_term message)
{
    cop_ref monitor;

    if (cop_match(message, "{'DOWN', Monitor, process, _, _}", &monitor) &&
        !has_ended(state, monitor))
        holder_has_ended(state, monitor);
    return cop_noreply();
}

static const cop_gen_server server = {
    .name = SERVER,
    .module = "global",
    .state_size = sizeof(struct global),
    .init = init,
    .handle_call = handle_call,
    .handle_info = handle_info,
};

/* --- Clients ---------------------------------------------------------------------------------- */

static cop_term ask(cop_term request)
{
    cop_pid pid;

    if (!cop_whereis(&pid, SERVER))
        cop_gen_server_start_with(
            &pid, NULL, &server, cop_nil(), 0, NULL, NULL); /* or another did */
    return cop_call(SERVER, request, .timeout_ms = COP_INFINITY);
}

static void check_pid(cop_pid pid)
{
    if (!pid.id)
        cop_error(cop("badarg"));
}

bool cop_global_register_name(cop_term name, cop_pid pid)
{
    check_pid(pid);
    return cop_match(ask(cop("{register, Name, Pid}", name, pid)), "yes");
}

void cop_global_re_register_name(cop_term name, cop_pid pid)
{
    check_pid(pid);
    ask(cop("{re_register, Name, Pid}", name, pid));
}

void cop_global_unregister_name(cop_term name)
{
    ask(cop("{unregister, Name}", name));
}

bool cop_global_whereis_name(cop_pid *ret_pid, cop_term name)
{
    cop_ref monitor;

    if (cop_match(cop_ets_whereis(names()), "undefined"))
        return false;
    return find(name, ret_pid, &monitor) && cop_is_alive(*ret_pid);
}

cop_term cop_global_registered_names(void)
{
    if (cop_match(cop_ets_whereis(names()), "undefined"))
        return cop_nil();
    return cop_ets_select(names(), cop("[{{'$1', '_', '_'}, [], ['$1']}]"));
}

cop_pid cop_global_send(cop_term name, cop_term message)
{
    cop_pid pid = { 0, 0 };

    if (!cop_global_whereis_name(&pid, name))
        cop_exit(cop("{badarg, {Name, Message}}", name, message));
    cop_send(pid, message);
    return pid;
}

const cop_via_module cop_global_via = {
    .name = "global",
    .register_name = cop_global_register_name,
    .unregister_name = cop_global_unregister_name,
    .whereis_name = cop_global_whereis_name,
    .is_global = true,
};

bool cop_global_set_lock(cop_term resource, cop_term requester, int64_t retries)
{
    int64_t wait_ms = WAIT_MS_MIN;
    cop_term request = cop("{set_lock, Resource, Requester, Pid}", resource, requester, cop_self());

    for (int64_t tries = 0; !cop_match(ask(request), "true"); tries++) {
        if (retries >= 0 && tries >= retries)
            return false;
        cop_sleep(1 + (int64_t)(cop_random() % (uint64_t)wait_ms));
        wait_ms = wait_ms < WAIT_MS_MAX ? 2 * wait_ms : WAIT_MS_MAX;
    }
    return true;
}

void cop_global_del_lock(cop_term resource, cop_term requester)
{
    ask(cop("{del_lock, Resource, Requester, Pid}", resource, requester, cop_self()));
}

struct transaction {
    cop_term (*fn)(cop_term arg);
    cop_term arg, value;
};

static void run_transaction(void *arg)
{
    struct transaction *transaction = arg;

    transaction->value = transaction->fn(transaction->arg);
}

bool cop_global_trans(cop_term *ret_value, cop_term resource, cop_term (*fn)(cop_term arg),
    cop_term arg, int64_t retries)
{
    struct transaction transaction = { fn, arg, COP_NONE };
    cop_term reason, stack, requester = cop_from_pid(cop_self());
    enum cop_class class;

    if (!cop_global_set_lock(resource, requester, retries))
        return false;
    class = cop_try(run_transaction, &transaction, &reason, &stack);
    cop_global_del_lock(resource, requester);
    if (class != COP_CLASS_NONE)
        cop_raise(class, reason, stack);
    if (ret_value)
        *ret_value = transaction.value;
    return true;
}
