/* SPDX-License-Identifier: Apache-2.0 */
/* Raising and catching: exit, error and throw, cop_try, cop_defer, cop_must.
 *
 * Catching is a jump within the process's own stack. What nobody catches ends the process; in a
 * loop the loop's handle_crash hears of it first, on the same stack started anew. */
#include "base/raise.h"
#include "base/reserve.h"
#include "proc/backtrace.h"
#include "proc/proc.h"
#include "term/atoms.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void (*cop__report_process_error)(cop_pid pid, cop_term exit_reason);
void (*cop__report_crash)(enum cop_class class, cop_term reason, cop_term stack);

void cop__serve_reports(void (*process_error)(cop_pid pid, cop_term exit_reason),
    void (*crash)(enum cop_class class, cop_term reason, cop_term stack))
{
    cop__report_process_error = process_error;
    cop__report_crash = crash;
}

/* --- Defers
 * ------------------------------------------------------------------------------------------ */

void cop_defer(void (*fn)(void *ptr), void *ptr)
{
    struct cop__thr *self = (struct cop__thr *)cop__enter();
    struct cop__ext *ext;
    struct cop__defer *defer = cop__must_alloc(sizeof *defer);

    if (!self->current) {
        cop__leave();
        cop__badarg("defer");
    }
    if (!defer)
        cop__out_of_memory("a defer");
    ext = cop__ext_of(self->current);
    *defer = (struct cop__defer){ ext->defers, fn, ptr };
    ext->defers = defer;
    cop__leave();
}

void cop_defer_cancel(void (*fn)(void *ptr), void *ptr)
{
    struct cop__thr *self = (struct cop__thr *)cop__enter();
    struct cop__ext *ext = self->current ? self->current->ext : NULL;

    for (struct cop__defer **place = ext ? &ext->defers : NULL; place && *place;
         place = &(*place)->next) {
        if ((*place)->fn == fn && (*place)->ptr == ptr) {
            struct cop__defer *defer = *place;

            *place = defer->next;
            cop__must_free(defer);
            break;
        }
    }
    cop__leave();
}

/* Newest first, each as user code; down to `until`. rt odd on entry and return. */
void cop__defers_run(struct cop__proc *proc, struct cop__defer *until)
{
    while (proc->ext && proc->ext->defers != until && proc->ext->defers) {
        struct cop__defer *defer = proc->ext->defers, taken = *defer;

        proc->ext->defers = defer->next;
        cop__must_free(defer);
        cop__leave();
        taken.fn(taken.ptr);
        cop__enter();
    }
}

/* --- Raising
 * -------------------------------------------------------------------------------------------- */

/* The exit reason of what was raised: P-34. */
static cop_term reason_of(enum cop_class class, cop_term reason, cop_term stack)
{
    if (class == COP_CLASS_EXIT)
        return reason;
    if (class == COP_CLASS_THROW)
        reason = cop__pair(cop__atom(COP__ATOM_nocatch), reason);
    return cop__pair(reason, stack);
}

/* Nobody caught it. Reports, then the end. rt odd. */
static COP_NORETURN void end_raised(
    struct cop__proc *proc, enum cop_class class, cop_term reason, cop_term stack)
{
    cop_term exit_reason = reason_of(class, reason, stack);

    proc->ext->reporting = true;
    proc->ext->exit_reason = exit_reason;
    cop__leave();
    if (cop__load(proc->flags) & COP__P_PROC_LIB) {
        if (cop__report_crash)
            cop__report_crash(class, reason, stack);
    } else if (class != COP_CLASS_EXIT && cop__report_process_error) {
        cop__report_process_error(cop__pid_of(cop__id_of(proc)), exit_reason);
    }
    cop__exit_process((struct cop__thr *)cop__enter(), proc, exit_reason);
}

/* First thing on a loop's stack that was started anew because its turn raised. */
void cop__crash_main(struct cop__thr *self, struct cop__proc *proc)
{
    struct cop__ext *ext = proc->ext;
    enum cop_class class = ext->raised;
    cop_term reason = ext->raised_reason, stack = ext->raised_stack;

    (void)self;
    cop__leave();
    proc->loop->handle_crash(proc->state, class, reason, stack);
    cop__enter();
    ext->crashing = false;
}

static COP_NORETURN void raise_inside(struct cop__thr *self, struct cop__proc *proc,
    enum cop_class class, cop_term reason, cop_term stack)
{
    struct cop__ext *ext = cop__ext_of(proc);
    struct cop__catch *catch = proc->stack->catch;

    if ((cop__load(proc->flags) & COP__P_EXITING) && !catch) {
        /* in a defer, or a report: that one is dropped and the exit goes on */
        cop__exit_process(self, proc, ext->exit_reason);
    }
    ext->raised = class;
    ext->raised_reason = reason;
    ext->raised_stack = stack;
    if (catch) {
        proc->stack->catch = catch->outer;
        cop__store(proc->stack->unsafe, catch->unsafe);
        cop__defers_run(proc, catch->defers);
        cop__leave();
        longjmp(catch->at, 1);
    }
    if ((cop__load(proc->flags) & COP__P_LOOP) && proc->loop->handle_crash && !ext->crashing) {
        ext->crashing = true;
        cop__store(proc->flags, cop__load(proc->flags) | COP__P_CRASHED);
        cop__switch_out(self, COP__ACT_RESTART);
        __builtin_unreachable();
    }
    if (ext->reporting)
        cop__exit_process(self, proc, ext->exit_reason);
    end_raised(proc, class, reason, stack);
}

static COP_NORETURN void raise_outside(enum cop_class class, cop_term reason)
{
    fprintf(stderr, "coppice: %s %s outside any process; the program stops\n",
        class == COP_CLASS_ERROR   ? "error"
        : class == COP_CLASS_THROW ? "throw"
                                   : "exit",
        cop_show(reason));
    abort();
}

static bool is_orderly(cop_term reason)
{
    if (cop_tuple_size(reason) == 2)
        reason = cop_tuple_at(reason, 0);
    return reason.word == cop__atom(COP__ATOM_normal).word ||
           reason.word == cop__atom(COP__ATOM_shutdown).word;
}

/* Will anybody see the stack? Who leaves in an orderly way does not pay for it. */
static bool wants_stack(const struct cop__proc *proc, enum cop_class class, cop_term reason)
{
    if (proc->stack->catch)
        return proc->stack->catch->wants_stack;
    if (class != COP_CLASS_EXIT)
        return true;
    return cop__load(proc->flags) & (COP__P_LOOP | COP__P_PROC_LIB) && !is_orderly(reason);
}

/* `from` is where the public function would return to, and `first` a frame that goes before that
 * of its caller, or none. */
static COP_NORETURN void raise_with(
    enum cop_class class, cop_term reason, cop_term first, const void *from)
{
    struct cop__thr *self = (struct cop__thr *)cop__enter();
    cop_term stack = cop__nil();

    if (!self->current) {
        cop__leave();
        raise_outside(class, reason);
    }
    if (wants_stack(self->current, class, reason))
        stack = cop__backtrace_from(self->current, from);
    if (!cop_is_none(first))
        stack = cop_cons(first, stack);
    raise_inside(self, self->current, class, reason, stack);
}

/* base/raise.h: a lower layer ends the process, without a term at hand. */
static void raise_from_below(const char *reason, const char *detail)
{
    (void)detail;
    if (cop__load(cop__self_thr()->base.rt) & 1)
        cop__leave(); /* raised inside the runtime */
    if (cop__self_thr()->current) {
        struct cop__thr *self = (struct cop__thr *)cop__enter();

        /* no stack: there may be no memory for it */
        raise_inside(
            self, self->current, COP_CLASS_ERROR, cop_from_atom(cop_atom_new(reason)), cop__nil());
    }
}

__attribute__((constructor)) static void serve_raise(void)
{
    cop__raise_hook = raise_from_below;
}

void cop_exit(cop_term reason)
{
    raise_with(COP_CLASS_EXIT, reason, COP_NONE, __builtin_return_address(0));
}

void cop_error(cop_term reason)
{
    raise_with(COP_CLASS_ERROR, reason, COP_NONE, __builtin_return_address(0));
}

void cop_throw(cop_term value)
{
    raise_with(COP_CLASS_THROW, value, COP_NONE, __builtin_return_address(0));
}

void cop_raise(enum cop_class class, cop_term reason, cop_term stack)
{
    struct cop__thr *self;

    if (class != COP_CLASS_EXIT && class != COP_CLASS_ERROR && class != COP_CLASS_THROW)
        cop__badarg("raise");
    self = (struct cop__thr *)cop__enter();
    if (!self->current) {
        cop__leave();
        raise_outside(class, reason);
    }
    raise_inside(self, self->current, class, reason, stack);
}

/* As OTP shows a built-in function: {erlang, Function, 0, []}. */
void cop__badarg(const char *function)
{
    cop_term frame[4] = { cop__atom(COP__ATOM_erlang), cop_from_atom(cop_atom_new(function)),
        cop__small(0), cop__nil() };

    raise_with(COP_CLASS_ERROR, cop__atom(COP__ATOM_badarg), cop_tuple_from(frame, 4),
        __builtin_return_address(0));
}

/* --- Catching
 * -------------------------------------------------------------------------------------------- */

enum cop_class cop_try(void (*fn)(void *arg), void *arg, cop_term *ret_reason, cop_term *ret_stack)
{
    struct cop__thr *self = (struct cop__thr *)cop__enter();
    struct cop__proc *proc = self->current;
    struct cop__stack *stack;
    struct cop__ext *ext;
    struct cop__catch here;

    if (!proc) {
        cop__leave();
        fn(arg);
        return COP_CLASS_NONE;
    }
    stack = proc->stack;
    here.outer = stack->catch;
    here.defers = proc->ext ? proc->ext->defers : NULL;
    here.unsafe = cop__load(stack->unsafe);
    here.wants_stack = ret_stack != NULL;
    stack->catch = &here;
    cop__leave();
    if (setjmp(here.at) == 0) {
        fn(arg);
        stack->catch = here.outer;
        return COP_CLASS_NONE;
    }
    ext = cop__self_thr()->current->ext;
    if (ret_reason)
        *ret_reason = ext->raised_reason;
    if (ret_stack)
        *ret_stack = ext->raised_stack;
    return ext->raised;
}

/* --- cop_must
 * -------------------------------------------------------------------------------------------- */

/* {badmatch, {Expression, Error}} with the place as the first frame. */
static COP_NORETURN void must_failed(
    cop_term error, const char *expression, const char *file, int line, const void *from)
{
    cop_term location[2] = { cop__pair(cop__atom(COP__ATOM_file), cop_string(file)),
        cop__pair(cop__atom(COP__ATOM_line), cop__small(line)) };
    cop_term frame[4] = { cop__atom(COP__ATOM_erlang), cop__atom(COP__ATOM_cop_must), cop__small(1),
        cop_list(location, 2) };

    raise_with(COP_CLASS_ERROR,
        cop__pair(cop__atom(COP__ATOM_badmatch), cop__pair(cop_text(expression), error)),
        cop_tuple_from(frame, 4), from);
}

int cop__must_int(int64_t result, const char *expression, const char *file, int line)
{
    if (cop__unlikely(result < 0)) {
        const char *name = cop_error_name((int)result);

        must_failed(
            cop_from_atom(cop_atom_new(name)), expression, file, line, __builtin_return_address(0));
    }
    return (int)result;
}

int cop__must_true(bool result, const char *expression, const char *file, int line)
{
    if (cop__unlikely(!result))
        must_failed(
            cop__atom(COP__ATOM_false), expression, file, line, __builtin_return_address(0));
    return 1;
}
