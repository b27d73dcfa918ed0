/* SPDX-License-Identifier: Apache-2.0 */
/* The last words of a node that a fault stops: what, where, by which rule, and where every thread
 * of a scheduler is. Written from a signal handler of a program whose memory may be damaged, so
 * nothing here locks or allocates. */
#include "proc/fault.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/symbol_scan.h"
#include "proc/idle.h"
#include "proc/verdict.h"
#include "term/atoms.h"

enum { LINE = 256, FRAMES = 32, WAITS_MAX = 200 };
static const struct timespec a_moment = { 0, 1000000 };

/* In the order of the guide. */
static const char *const rules[] = {
    "it was raised from outside, or COPPICE_ON_FAULT=stop says so",
    "F1: the code that faulted is not a process's own",
    "F2: the process is between cop_unsafe_begin and cop_unsafe_end",
    "F3: the dynamic linker is at work",
    "F4",
    "F5",
    "F6",
    "F7",
    "F8: what was called is no code, and who called is not the program's",
    "F9: the stack is in ruins, and may hold frames of other code",
    "F10: code that must not be interrupted has run over the stack, and cannot go on",
    "F11: other code than the program's is on the stack, and may hold a lock",
};

static struct {
    _Atomic(uint32_t) wanted;  /* other threads are to say where they are */
    _Atomic(uint32_t) writing; /* one at a time */
    _Atomic(uint32_t) written;
} reports;

static void write_line(const char *text, const char *end)
{
    size_t size = (size_t)(end - text);

    while (size > 0) {
        ssize_t written = write(STDERR_FILENO, text, size);

        if (written <= 0)
            return;
        text += written;
        size -= (size_t)written;
    }
}

static void put_process(char **at, const char *end, const struct cop__proc *proc)
{
    uint32_t name = proc ? cop__load(proc->name) : 0;

    if (!proc) {
        cop__put_text(at, end, "no process");
        return;
    }
    cop__put_text(at, end, "process <0.");
    cop__put_decimal(at, end, proc->index);
    cop__put_text(at, end, ".");
    cop__put_decimal(at, end, cop__load(proc->gen));
    cop__put_text(at, end, ">");
    if (name) {
        cop__put_text(at, end, " ");
        cop__put_text(at, end, cop__atom_entry(name)->text);
    }
    if (proc->origin && proc->origin->initial_call) {
        cop__put_text(at, end, " (");
        cop__put_text(at, end, proc->origin->initial_call);
        cop__put_text(at, end, ")");
    }
}

static void write_frames(const struct cop__thr *self, const void *ucontext)
{
    const struct cop__proc *proc = self ? self->current : NULL;
    const struct cop__stack *stack = proc ? proc->stack : NULL;
    uintptr_t pcs[FRAMES], lo = 0, hi = 0; /* of a foreign thread: it says only where it is */
    uint32_t count;

    if (stack) {
        lo = (uintptr_t)stack->lo;
        hi = (uintptr_t)stack->top;
    } else if (self && self->signal_stack) {
        hi = self->base_hi;
        lo = hi - COP__THREAD_STACK / 2;
    }
    count = cop__fault_walk(pcs, FRAMES, ucontext, lo, hi, stack);
    for (uint32_t i = 0; i < count; i++) {
        char line[LINE], *at = line, *end = line + sizeof line;

        cop__put_text(&at, end, "coppice:     ");
        cop__symbol_scan(at, (size_t)(end - at) - 1, pcs[i]);
        at += strlen(at);
        cop__put_text(&at, end, "\n");
        write_line(line, at);
    }
}

static void write_thread(const struct cop__thr *self, const void *ucontext)
{
    char line[LINE], *at = line, *end = line + sizeof line;

    cop__put_text(&at, end, "coppice:   a thread with ");
    put_process(&at, end, self ? self->current : NULL);
    cop__put_text(&at, end,
        self && cop__load(self->base.rt) & 1 ? ", inside the library:\n" : ", in its own code:\n");
    write_line(line, at);
    write_frames(self, ucontext);
}

/* --- The other threads ---------------------------------------------------------------------------
 */

bool cop__fault_report_wanted(void)
{
    return cop__load(reports.wanted) != 0;
}

void cop__fault_report_thread(const void *ucontext)
{
    while (atomic_exchange(&reports.writing, 1))
        cop__futex_wait(&reports.writing, 1, &a_moment);
    write_thread((struct cop__thr *)cop__own_thread(), ucontext);
    atomic_store(&reports.writing, 0);
    atomic_fetch_add(&reports.written, 1);
}

/* Those that hold a scheduler. One that does not answer has its signals blocked, or is lost. */
static void ask_others(const struct cop__thr *self)
{
    uint32_t asked = 0;

    for (uint32_t i = 0; i < cop__node.scheds; i++) {
        const struct cop__sched *sched = cop__node.sched[i];
        const struct cop__thr *thr = sched ? cop__load(sched->thr) : NULL;

        if (!thr || thr == self)
            continue;
        cop__look_at(thr);
        asked++;
    }
    for (int waits = 0; waits < WAITS_MAX && cop__load(reports.written) < asked; waits++)
        cop__futex_wait(&reports.wanted, 1, &a_moment);
}

/* --- The whole -----------------------------------------------------------------------------------
 */

static const char *name_of(int signal)
{
    return signal == SIGSEGV   ? "SIGSEGV"
           : signal == SIGBUS  ? "SIGBUS"
           : signal == SIGFPE  ? "SIGFPE"
           : signal == SIGILL  ? "SIGILL"
           : signal == SIGTRAP ? "SIGTRAP"
                               : "SIGABRT";
}

static void write_headline(const struct cop__thr *self, int signal, uintptr_t address, int rule)
{
    char line[2 * LINE], *at = line, *end = line + sizeof line;

    cop__put_text(&at, end, "coppice: the node stops: ");
    cop__put_text(&at, end, name_of(signal));
    if (address) {
        cop__put_text(&at, end, " at address ");
        cop__put_hex(&at, end, address);
    }
    cop__put_text(&at, end, " in ");
    put_process(&at, end, self ? self->current : NULL);
    cop__put_text(&at, end, "\ncoppice:   ");
    cop__put_text(&at, end, rules[rule]);
    cop__put_text(&at, end, "\n");
    write_line(line, at);
}

void cop__fault_report(
    struct cop__thr *self, int signal, uintptr_t address, int rule, const void *ucontext)
{
    if (atomic_exchange(&reports.wanted, 1))
        return; /* another thread is at it; this one's own fault ends the program soon enough */
    write_headline(self, signal, address, rule);
    cop__fault_report_thread(ucontext);
    atomic_store(&reports.written, 0);
    ask_others(self);
}
