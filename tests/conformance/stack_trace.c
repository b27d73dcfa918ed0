/* SPDX-License-Identifier: Apache-2.0 */
/* Stacks in exit reasons and in process_info: {Module, Function, Arity, Location}, as OTP has them.
 * Names need symbols, and lines need -g; without unwind tables (a static program on some systems)
 * there is only who raised. So the tests ask for what this build has. */
#include "conformance/node.h"

#include <string.h>

#include "base/symbols.h"
#include "base/unwind.h"

static bool has_names(void)
{
    struct cop__symbol symbol;

    return cop__symbol_of(&symbol, (uintptr_t)has_names) && symbol.function;
}

/* Those of the machine and of the way it was linked. */
static bool has_tables(void)
{
    const struct cop__text *text = cop__text_of((uintptr_t)has_tables);

    return text && text->unwind;
}

static bool is_frame_of(cop_term frame, const char *function)
{
    cop_atom module = { 0 }, name = { 0 };
    cop_term location = COP_NONE, file;

    if (!cop_match(frame, "{Module, Name, 0, Location}", &module, &name, &location))
        return false;
    if (!has_names())
        return cop_atom_text(name).data[0] == '+';
    if (strcmp(cop_atom_text(name).data, function) != 0)
        return false;
    if (!cop_proplist_get(&file, location, cop("file")))
        return true;
    return cop_equal(file, cop_string("stack_trace.c")) &&
           strcmp(cop_atom_text(module).data, "stack_trace") == 0;
}

static bool has_frame(cop_term stack, const char *function)
{
    cop_term frame;

    while (cop_list_next(&frame, &stack))
        if (is_frame_of(frame, function))
            return true;
    return false;
}

static __attribute__((noinline)) void raise_inside(cop_term reason)
{
    cop_error(reason);
}

static __attribute__((noinline)) void raise_between(cop_term reason)
{
    raise_inside(reason);
    cop_put(reason, reason); /* no tail call */
}

static void raising_main(cop_term reason)
{
    raise_between(reason);
    cop_put(reason, reason);
}

/* The first frame is the function that raised, in its file; its callers follow. also: P-34 */
CLAUSE(a_stack_begins_where_the_error_was_raised)
{
    cop_term stack = COP_NONE, first;
    cop_ref ref = { 0 };

    cop_spawn_monitor(raising_main, cop("broken"), &ref);
    EXPECT("{'DOWN', Ref, process, _, {broken, Stack}}", ref, &stack);
    CHECK(cop_list_next(&first, &stack));
    CHECK(is_frame_of(first, "raise_inside"));
    if (!has_tables())
        return;
    CHECK(has_frame(stack, "raise_between"));
    CHECK(has_frame(stack, "raising_main"));
}

static void try_raise(void *arg)
{
    (void)arg;
    raise_inside(cop("caught"));
    cop_put(cop("a"), cop("b"));
}

static void try_badarg(void *arg)
{
    (void)arg;
    cop_demonitor((cop_ref){ 0 });
    cop_put(cop("a"), cop("b"));
}

/* A caught error has its stack too; a function of the library that refuses its argument is named
 * first, as a built-in function of erlang is. also: P-37 */
CLAUSE(a_caught_error_has_its_stack)
{
    cop_term reason, stack, first;

    CHECK_EQ_INT(cop_try(try_raise, NULL, &reason, &stack), COP_CLASS_ERROR);
    CHECK(cop_list_next(&first, &stack));
    CHECK(is_frame_of(first, "raise_inside"));
    CHECK(!has_tables() || has_frame(stack, "try_raise"));
    CHECK_EQ_INT(cop_try(try_badarg, NULL, &reason, &stack), COP_CLASS_ERROR);
    CHECK(cop_match(stack, "[{erlang, demonitor, 0, []} | _]"));
    CHECK(!has_tables() || has_frame(stack, "try_badarg"));
}

/* --- process_info --------------------------------------------------------------------------------
 */

static __attribute__((noinline)) void wait_inside(void)
{
    cop_receive_match("go_on");
    cop_put(cop("a"), cop("b"));
}

static void waiting_main(cop_term owner)
{
    cop_pid to;

    cop_must(cop_to_pid(&to, owner));
    cop_send(to, cop("ready"));
    wait_inside();
    cop_put(cop("a"), cop("b"));
}

static void check_waiting(cop_pid pid)
{
    cop_term function = cop_tuple_at(cop_process_info(pid, "current_function"), 1);
    cop_term stack = cop_tuple_at(cop_process_info(pid, "current_stacktrace"), 1), first;
    cop_atom name = { 0 };

    if (!has_names() || !has_tables())
        return;
    CHECK(cop_match(function, "{_, Name, 0}", &name));
    CHECK_EQ_STR(cop_atom_text(name).data, "wait_inside");
    CHECK(cop_list_next(&first, &stack));
    CHECK(is_frame_of(first, "wait_inside"));
    CHECK(has_frame(stack, "waiting_main"));
}

/* A process that waits is in the function that does, whether it was asked before it ever did so or
 * has done so for long. also: P-101 */
CLAUSE(a_waiting_process_shows_where)
{
    cop_pid pid = cop_spawn(waiting_main, cop("Self", cop_self()));

    EXPECT("ready");
    for (int i = 0; i < 20; i++) {
        check_waiting(pid);
        cop_turn_end();
    }
    cop_exit_signal(pid, cop("kill"));
}

/* It can ask about itself. */
CLAUSE(a_process_sees_its_own_stack)
{
    cop_term stack = cop_tuple_at(cop_process_info(cop_self(), "current_stacktrace"), 1), first;

    if (!has_names() || !has_tables())
        return;
    CHECK(cop_list_next(&first, &stack));
    CHECK(is_frame_of(first, "process_a_process_sees_its_own_stack"));
}
