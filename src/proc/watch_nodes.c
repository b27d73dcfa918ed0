/* SPDX-License-Identifier: Apache-2.0 */
/* Who wants to hear of nodes that come and go (D-44, D-83): the processes of monitor_nodes. The
 * messages are sent by the process that has brought the connection up, before it reads anything, or
 * that has ended it. Layer 2. */
#include <stdlib.h>

#include "base/lock.h"
#include "proc/proc.h"
#include "proc/simulate.h"
#include "term/atoms.h"

struct watcher { /* one turning on */
    struct watcher *next;
    uint64_t process;
    unsigned kinds;
    bool info;
};

static struct watcher *watchers; /* the last turned on first */
static struct cop__spinlock lock;

static cop_term info_of(const struct watcher *watcher, bool up, bool visible, uint32_t reason)
{
    cop_term list = cop_nil();

    if (!up && watcher->info)
        list = cop_cons(cop__pair(cop__atom(COP__ATOM_nodedown_reason), cop__atom(reason)), list);
    if (watcher->kinds & COP_NODES_HIDDEN)
        list = cop_cons(cop__pair(cop__atom(COP__ATOM_node_type),
                            cop__atom(visible ? COP__ATOM_visible : COP__ATOM_hidden)),
            list);
    return list;
}

static void tell(
    const struct watcher *watcher, uint32_t name, bool up, bool visible, uint32_t reason)
{
    const cop_term items[3] = { cop__atom(up ? COP__ATOM_nodeup : COP__ATOM_nodedown),
        cop__atom(name), info_of(watcher, up, visible, reason) };
    bool plain = !watcher->info && !watcher->kinds;

    cop__send_copy(cop__pid_of(watcher->process), cop_tuple_from(items, plain ? 2 : 3));
}

/* The list is copied under the lock: messages are made outside it. */
void cop__nodes_changed(uint32_t name, bool up, bool visible, uint32_t reason)
{
    struct watcher *copies = NULL, *copy;
    unsigned kind = visible ? COP_NODES_VISIBLE : COP_NODES_HIDDEN;

    if (cop__unlikely(cop__simulated))
        cop__sim_tell("%s %s%s%s", up ? "connected with" : "lost the connection with",
            cop_atom_text((cop_atom){ name }).data, up ? "" : ": ",
            up ? "" : cop_atom_text((cop_atom){ reason }).data);
    cop__spin_lock(&lock);
    for (const struct watcher *watcher = watchers; watcher; watcher = watcher->next)
        if ((watcher->kinds ? watcher->kinds : COP_NODES_VISIBLE) & kind) {
            copy = malloc(sizeof *copy);
            if (!copy)
                break;
            *copy = *watcher;
            copy->next = copies;
            copies = copy;
        }
    cop__spin_unlock(&lock);
    while ((copy = copies)) {
        copies = copy->next;
        tell(copy, name, up, visible, reason);
        free(copy);
    }
}

static void remove_matching(const struct watcher *like, bool all)
{
    struct watcher **place = &watchers, *watcher;

    while ((watcher = *place)) {
        bool same =
            like ? watcher->process == like->process &&
                       (all || (watcher->kinds == like->kinds && watcher->info == like->info))
                 : true;

        if (!same) {
            place = &watcher->next;
            continue;
        }
        *place = watcher->next;
        free(watcher);
        if (like && !all)
            return;
    }
}

/* A process that watches has this among its resources, once. Released also when no process runs:
 * at the end of the node. */
struct watching {
    struct cop__resource resource; /* first */
    uint64_t process;
};

static void release(struct cop__resource *resource)
{
    const struct watcher like = { .process = ((struct watching *)resource)->process };

    cop__spin_lock(&lock);
    remove_matching(&like, true);
    cop__spin_unlock(&lock);
    free(resource);
}

static bool is_watching(uint64_t process)
{
    const struct watcher *watcher = watchers;

    while (watcher && watcher->process != process)
        watcher = watcher->next;
    return watcher != NULL;
}

void cop_monitor_nodes(bool on, unsigned kinds, bool info)
{
    struct watcher *watcher = calloc(1, sizeof *watcher);
    struct watching *watching = calloc(1, sizeof *watching);
    bool first;

    if (!watcher || !watching)
        cop_error(cop__atom(COP__ATOM_system_limit));
    *watcher = (struct watcher){ .process = cop_self().id, .kinds = kinds, .info = info };
    cop__enter();
    cop__spin_lock(&lock);
    first = !is_watching(watcher->process);
    if (on) {
        watcher->next = watchers;
        watchers = watcher;
    } else {
        remove_matching(watcher, false);
    }
    cop__spin_unlock(&lock);
    if (on && first) {
        watching->process = watcher->process;
        watching->resource.release = release;
        cop__resource_add(&watching->resource);
    } else {
        free(watching);
    }
    if (!on)
        free(watcher);
    cop__leave();
}

static void node_stopped(void)
{
    cop__spin_lock(&lock);
    remove_matching(NULL, true);
    cop__spin_unlock(&lock);
}

__attribute__((constructor)) static void add_hook(void)
{
    static struct cop__node_hook hook = { .stop = node_stopped };

    cop__node_hook_add(&hook);
}
