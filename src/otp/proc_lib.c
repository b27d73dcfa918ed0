/* SPDX-License-Identifier: Apache-2.0 */
/* What proc_lib reports of a process that ends: the crash report (P-122 to P-124) and, for plain
 * processes, the line "Error in process" (P-39). The runtime calls these through hooks, in the
 * process that ends. */
#include <coppice/log.h>

#include "otp/gen_int.h"
#include "otp/hooks.h"

enum { NEIGHBOURS_MAX = 15 };

static cop_term info(cop_term list, const char *item)
{
    cop_term value;

    return cop_proplist_get(&value, list, cop_from_atom(cop_atom_new(item))) ? value
                                                                             : cop("undefined");
}

static cop_term initial_call(cop_term list)
{
    cop_term module, function;
    int64_t arity;

    if (cop_match(
            info(list, "initial_call"), "{Module, Function, Arity}", &module, &function, &arity) &&
        arity == 1)
        return cop("{Module, Function, ['Argument__1']}", module, function);
    return info(list, "initial_call");
}

/* The dictionary without what the framework keeps there. */
static cop_term own_dictionary(cop_term list)
{
    cop_term entries = info(list, "dictionary"), kept = cop_nil(), entry;

    while (cop_list_next(&entry, &entries))
        if (!cop_match(entry, "{'$ancestors', _}") && !cop_match(entry, "{'$initial_call', _}"))
            kept = cop_cons(entry, kept);
    return cop_list_reverse(kept);
}

static cop_term ancestors(cop_term list)
{
    cop_term value;

    return cop_proplist_get(&value, info(list, "dictionary"), cop("'$ancestors'")) ? value
                                                                                   : cop_nil();
}

static cop_term own_report(enum cop_class class, cop_term reason, cop_term stack)
{
    static const char *const classes[] = { "exit", "exit", "error", "throw" };
    cop_term list =
        cop_process_info_list(cop_self(), cop("[registered_name, initial_call, message_queue_len, "
                                              "messages, links, dictionary, trap_exit, status,"
                                              " heap_size, stack_size, reductions, label]"));

    cop_term who =
        cop("[{initial_call, Call}, {pid, Self}, {registered_name, Name}, {process_label, Label},"
            " {error_info, {Class, Reason, Stack}}, {ancestors, Ancestors}]",
            initial_call(list), cop_self(), info(list, "registered_name"), info(list, "label"),
            cop_atom_new(classes[class]), reason, stack, ancestors(list));
    cop_term what =
        cop("[{message_queue_len, Length}, {messages, Messages}, {links, Links}, {dictionary, "
            "Dictionary},"
            " {trap_exit, Trap}, {status, Status}, {heap_size, Heap}, {stack_size, StackSize},"
            " {reductions, Reductions}]",
            info(list, "message_queue_len"), info(list, "messages"), info(list, "links"),
            own_dictionary(list), info(list, "trap_exit"), info(list, "status"),
            info(list, "heap_size"), info(list, "stack_size"), info(list, "reductions"));

    return cop_list_append(who, what);
}

/* Linked processes that do not trap exits, and theirs: those that die with it. Only these are
 * asked, and none that waits for us to die would answer late: a question is a signal. */
static cop_term neighbours(void)
{
    cop_term found = cop_nil(), seen = cop_cons(cop("Self", cop_self()), cop_nil()), links, link,
             list;
    cop_term queue = cop_nil();
    int count = 0;
    cop_pid pid;

    if (cop_match(cop_process_info(cop_self(), "links"), "{links, Links}", &links))
        queue = links;
    while (count < NEIGHBOURS_MAX && cop_list_next(&link, &queue)) {
        if (cop_list_member(link, seen) || !cop_to_pid(&pid, link) || pid.node)
            continue;
        seen = cop_cons(link, seen);
        list = cop_process_info_list(
            pid, cop("[trap_exit, registered_name, initial_call, current_function,"
                     " message_queue_len, links, dictionary, status, heap_size, stack_size,"
                     " reductions, current_stacktrace]"));
        if (cop_is_none(list) || !cop_match(info(list, "trap_exit"), "false"))
            continue;
        count++;
        queue = cop_list_append(queue, info(list, "links"));
        found = cop_cons(
            cop("{neighbour, [{pid, Pid}, {registered_name, Name}, {initial_call, Call}, "
                "{current_function, Now},"
                " {ancestors, Ancestors}, {message_queue_len, Length}, {links, Links}, {trap_exit, "
                "false},"
                " {status, Status}, {heap_size, Heap}, {stack_size, Stack}, {reductions, "
                "Reductions},"
                " {current_stacktrace, Trace}]}",
                pid, info(list, "registered_name"), initial_call(list),
                info(list, "current_function"), ancestors(list), info(list, "message_queue_len"),
                info(list, "links"), info(list, "status"), info(list, "heap_size"),
                info(list, "stack_size"), info(list, "reductions"),
                info(list, "current_stacktrace")),
            found);
    }
    return cop_list_reverse(found);
}

static void report_crash(enum cop_class class, cop_term reason, cop_term stack)
{
    cop_term exit_reason =
        class == COP_CLASS_ERROR ? cop("{Reason, Stack}", reason, stack) : reason;

    if (cop_log_level() < COP_LOG_ERROR ||
        (class == COP_CLASS_EXIT && cop__gen_expected(exit_reason)))
        return;
    cop_log_report(COP_LOG_ERROR,
        cop("#{label => {proc_lib, crash}, report => [Own, Neighbours]}",
            own_report(class, reason, stack), neighbours()),
        cop("#{domain => [otp, sasl], error_logger => #{tag => error_report, type => "
            "crash_report}}"));
}

static void report_error(cop_pid pid, cop_term exit_reason)
{
    cop_log(COP_LOG_ERROR, "Error in process %s with exit value: %s", cop_show(cop_from_pid(pid)),
        cop_show(exit_reason));
}

void cop__proc_lib_serve(void)
{
    cop__serve_reports(report_error, report_crash);
}
