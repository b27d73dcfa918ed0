/* SPDX-License-Identifier: Apache-2.0 */
/* The watcher: a process that monitors all that have names, and tells how they ended. */
#include <stdlib.h>

#include "names.h"
#include "puppet.h"

static cop_pid watcher;

struct watched {
    struct watched *next;
    cop_ref monitor;
    const char *name;
};

static void saw_end(struct watched *all, cop_ref monitor, cop_term reason)
{
    while (all && all->monitor.id != monitor.id)
        all = all->next;
    if (!all)
        return;
    has_ended(all->name);
    say("exit %s %s", all->name, text_of(reason));
}

static void watch_all(cop_term unused)
{
    struct watched *all = NULL;
    int64_t name_address;
    cop_term reason;
    cop_ref monitor;
    cop_pid from, pid;

    (void)unused;
    for (;; cop_turn_end()) {
        cop_term message = cop_receive();

        if (cop_match(message, "{watch, From, Pid, Name}", &from, &pid, &name_address)) {
            struct watched *watched = cop_alloc(sizeof *watched);

            *watched =
                (struct watched){ all, cop_monitor(pid), (const char *)(uintptr_t)name_address };
            all = watched;
            cop_send(from, cop("'$watched'"));
        } else if (cop_match(message, "{'DOWN', Ref, process, _, Reason}", &monitor, &reason)) {
            saw_end(all, monitor, reason);
        }
    }
}

void begin_watching(void)
{
    watcher = cop_spawn(watch_all, cop_nil());
}

const char *watch(const char *name, cop_pid pid)
{
    const char *kept = name_process(name, pid);

    cop_send(watcher, cop("{watch, Self, Pid, Name}", cop_self(), pid, (int64_t)(uintptr_t)kept));
    cop_receive_match("'$watched'");
    return kept;
}

bool is_watcher(cop_pid pid)
{
    return pid.id == watcher.id;
}
