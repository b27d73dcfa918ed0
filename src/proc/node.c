/* SPDX-License-Identifier: Apache-2.0 */
/* The node: start in order of dependence, run a first process, stop. Sequential nodes in one
 * program work: each starts from nothing and gives all back. */
#include <coppice/runtime.h>

#include "base/reserve.h"
#include "base/clock.h"
#include "base/poller.h"
#include "proc/activation.h"
#include "base/text.h"
#include "proc/fault.h"
#include "proc/guard.h"
#include "proc/idle.h"
#include "proc/simulate.h"
#include "term/atoms.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SCHEDULERS_MAX = 64 };
enum { PROCESSES_MIN = 1024, PROCESSES_DEFAULT = 16 * 1000 * 1000, PROCESSES_SANITIZED = 1 << 20 };

struct cop__node cop__node;
static struct cop__node_hook *hooks;

void cop__node_hook_add(struct cop__node_hook *hook)
{
    hook->next = hooks;
    hooks = hook;
}

static uint32_t scheduler_count(const struct cop_options *options)
{
    const char *wanted = getenv("COPPICE_SCHEDULERS");
    long count = options->virtual_time || cop__simulated  ? 1
                 : options->schedulers > 0                ? options->schedulers
                 : wanted && strtol(wanted, NULL, 10) > 0 ? strtol(wanted, NULL, 10)
                                                          : sysconf(_SC_NPROCESSORS_ONLN);

    return count < 1 ? 1 : count > SCHEDULERS_MAX ? SCHEDULERS_MAX : (uint32_t)count;
}

/* Slots of the table: one more, since slot 0 is nobody's. */
static uint32_t process_slots(const struct cop_options *options)
{
    const char *wanted = getenv("COPPICE_PROCESSES");
    unsigned long max = options->processes_max ? options->processes_max
                        : wanted               ? strtoul(wanted, NULL, 10)
                                               : 0;

    if (!max)
        return COP__ASAN || COP__TSAN ? PROCESSES_SANITIZED : PROCESSES_DEFAULT;
    return (max < PROCESSES_MIN          ? PROCESSES_MIN
               : max > PROCESSES_DEFAULT ? PROCESSES_DEFAULT
                                         : (uint32_t)max) +
           1;
}

static bool start_schedulers(uint32_t count)
{
    uint64_t now_ns = cop__now_ns(), seed = cop__clock_seed();

    cop__global_start();
    cop__idle_start(count); /* as many threads will search */
    cop__node.scheds = count;
    for (uint32_t i = 0; i < count; i++) {
        struct cop__sched *sched = aligned_alloc(64, (sizeof *sched + 63) & ~(size_t)63);

        if (!sched)
            return false;
        memset(sched, 0, sizeof *sched);
        sched->index = i;
        sched->random = (seed ^ (i + 1) * 0x9e3779b97f4a7c15ull) | 1;
        sched->now_ns = now_ns;
        sched->free_last = &sched->free_first;
        cop__wheel_start(sched, now_ns / 1000000);
        cop__node.sched[i] = sched;
    }
    return true;
}

static void stop_schedulers(void)
{
    struct cop__thr *self = cop__self_thr();

    for (uint32_t i = 0; i < cop__node.scheds; i++) {
        struct cop__sched *sched = cop__node.sched[i];

        cop__wheel_stop(self, sched);
        cop__origins_give_back(self, sched);
        cop__stacks_give_back(sched);
        cop__blocks_give_back(&sched->blocks);
        free(sched);
        cop__node.sched[i] = NULL;
    }
}

static void start_failed(const char *what)
{
    fprintf(stderr, "coppice: the node cannot start: no memory for %s\n", what);
    cop_halt(1); /* some threads may run already */
}

static void start_node(const struct cop_options *options)
{
    uint32_t processes = process_slots(options);

    cop__node = (struct cop__node){ 0 };
    cop__sim_begin();
    if (!cop__simulated) {
        cop__choices_start();
        cop__clock_virtual(options->virtual_time);
    }
    cop__node.origin_ns = cop__now_ns();
    if (!cop__reserve_start())
        start_failed("what is set aside");
    if (!cop__table_start(processes))
        start_failed("the process table");
    if (!cop__stacks_start(processes))
        start_failed("stacks");
    if (!cop__names_start())
        start_failed("names");
    if (cop__poller_start() < 0)
        start_failed("the poller");
    cop__timers_node_start();
    if (!start_schedulers(scheduler_count(options)))
        start_failed("schedulers");
    for (struct cop__node_hook *hook = hooks; hook; hook = hook->next)
        if (hook->start)
            hook->start();
    if (options->boot_line)
        fprintf(stderr, "coppice %s: %u schedulers, stack guards: %s\n", cop_version(),
            cop__node.scheds, cop__guard_mode());
}

/* What the processes that were still there held: their blocks are given back, nobody hears of them.
 */
static void drop_processes(void)
{
    struct cop__thr *self = cop__self_thr();

    for (uint32_t i = 1; i < cop__proc_used(); i++) {
        struct cop__proc *proc = &cop__proc_base[i];
        struct cop__msg *msg, *next;

        if (cop__load(proc->mbox) & COP__MBOX_DEAD)
            continue;
        for (msg = cop__mailbox_close(self, proc); msg; msg = next) {
            next = msg->next;
            if (msg->kind == COP__ADOPT)
                cop__signal_refused(self, msg, COP_NONE); /* given, and not taken in */
            else
                cop__msg_free(self, msg);
        }
        for (msg = proc->owed; msg; msg = next) {
            next = msg->next;
            cop__msg_free(self, msg);
        }
        if (proc->start)
            cop__msg_free(self, proc->start);
        if (proc->current)
            cop__msg_free(self, proc->current);
        while (proc->ext && proc->ext->resources) {
            struct cop__resource *resource = proc->ext->resources;

            proc->ext->resources = resource->next;
            resource->release(resource);
        }
        while (proc->ext && proc->ext->monitors.count) {
            uint32_t position = 0;
            struct cop__map_entry *entry = cop__map_each(&proc->ext->monitors, &position);
            struct cop__monitor *monitor = (struct cop__monitor *)(uintptr_t)entry->value;

            monitor->monitoring = false;
            cop__monitor_drop(self, proc, monitor);
        }
        while (proc->ext && proc->ext->defers) {
            struct cop__defer *defer = proc->ext->defers;

            proc->ext->defers = defer->next;
            free(defer);
        }
        if (proc->ext && proc->ext->timer && cop__load(proc->ext->timer->state) == COP__TIMER_FIRED)
            cop__block_put(
                &self->base, proc->ext->timer, proc->ext->timer->class); /* in no wheel any more */
        cop__dictionary_free(proc);
        cop__memory_free_all(self, proc);
        cop__ext_free(self, proc);
        cop__origin_release(self, proc->origin, 1);
        cop__turn_clear(self, proc);
    }
}

/* False: user code runs on, and may use what a node is made of: nothing is given back. */
static bool stop_node(void)
{
    if (!cop__threads_join()) {
        cop__os_signals_stop();
        return false;
    }
    cop__faults_stop();
    drop_processes();
    for (struct cop__node_hook *hook = hooks; hook; hook = hook->next)
        if (hook->stop)
            hook->stop();
    cop__os_signals_stop();
    cop__timers_node_stop(cop__self_thr());
    stop_schedulers();
    cop__poller_stop();
    cop__names_stop();
    cop__stacks_stop();
    cop__table_stop();
    cop__sim_end();
    cop__choices_stop();
    return true;
}

/* --- The first process
 * ------------------------------------------------------------------------------- */

static struct {
    cop_main *main;
    int argc;
    char **argv;
    int status;
    bool returned;
} first;

static void stop_all(int status)
{
    cop__node.exit_status = status;
    atomic_store(&cop__node.stopping, 1);
    atomic_fetch_add(&cop__urgent, 1);
    cop__futex_wake(&cop__node.stopping, 1);
    cop__wake_all();
}

void cop__sim_stop(void)
{
    if (!cop__load(cop__node.stopping))
        stop_all(1);
}

static void first_exited(void *unused)
{
    (void)unused;
    if (!first.returned && !cop__load(cop__node.stopping)) {
        struct cop__proc *proc = cop__self_thr()->current;

        fprintf(
            stderr, "coppice: the first process exited: %s\n", cop_show(proc->ext->exit_reason));
        first.status = 1;
    }
    stop_all(first.returned ? first.status : 1);
}

static void first_main(cop_term arg)
{
    (void)arg;
    cop_defer(first_exited, NULL);
    first.status = first.main(first.argc, first.argv);
    first.returned = true;
}

int cop__node_run(cop_main *fn, int argc, char **argv, const struct cop_options *options)
{
    static const struct cop_options defaults;
    static _Atomic(uint32_t) running;

    if (!options)
        options = &defaults;
    if (atomic_exchange(&running, 1)) {
        fprintf(stderr, "coppice: a node runs already in this program\n");
        return 1;
    }
    first.main = fn;
    first.argc = argc;
    first.argv = argv;
    first.status = 1;
    first.returned = false;
    cop__os_signals_start();
    cop__text_refresh();
    start_node(options);
    cop__faults_start(options->on_fault);
    cop__node.first = cop_spawn_with(first_main, COP_NONE,
        &(const struct cop_spawn_options){ .initial_call = "main", .stack_size = 512 * 1024 },
        NULL);
    if (!cop__threads_start(cop__node.scheds, options->threads_max))
        start_failed("threads");
    while (!atomic_load(&cop__node.stopping))
        cop__futex_wait(&cop__node.stopping, 0, NULL);
    if (stop_node())
        atomic_store(&running, 0); /* else no other node may follow in this program */
    return cop__node.exit_status;
}

void cop_halt(int status)
{
    fflush(NULL);
    _exit(status);
}

void cop_stop_node(int status)
{
    if (cop__on_stop_node) {
        cop__on_stop_node(status);
        return;
    }
    stop_all(status);
}

void (*cop__on_stop_node)(int status);

const char *cop_version(void)
{
    return "0.1.0";
}

void cop_statistics(struct cop_node_statistics *ret)
{
    *ret = (struct cop_node_statistics){ .schedulers = cop__node.scheds,
        .spawned = cop__load(cop__node.spawned) };
    cop__idle_statistics(ret);
    for (uint32_t i = 0; i < cop__node.scheds; i++) {
        struct cop__sched *sched = cop__node.sched[i];

        ret->context_switches += cop__load(sched->turns);
        ret->steals += cop__load(sched->steals);
        ret->spawned += cop__load(sched->spawned);
        ret->exited += cop__load(sched->exited);
        ret->reductions += cop__load(sched->reductions);
        ret->run_queue += cop__load_acquire(sched->tail) - cop__load_acquire(sched->head);
    }
    /* The counters are read one after the other, while processes come and go. */
    ret->processes = ret->spawned > ret->exited ? ret->spawned - ret->exited : 0;
    ret->stacks = cop__stacks_made();
}
