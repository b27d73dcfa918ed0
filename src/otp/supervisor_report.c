/* SPDX-License-Identifier: Apache-2.0 */
/* What a supervisor reports: SUP-20, SUP-90 to SUP-93. Layer 5. A report that the log level keeps
 * out is not built: it would be the larger part of the work of a restart. */
#include "supervisor_int.h"

bool cop__is_expected(cop_term reason)
{
    return cop_match(reason, "normal") || cop_match(reason, "shutdown") ||
           cop_match(reason, "{shutdown, _}");
}

cop_term cop__supervisor_name(const struct cop__sup *sup)
{
    if (sup->name.index)
        return cop("{local, Name}", sup->name);
    return cop("{Pid, Module}", cop_self(), sup->module);
}

static cop_term pid_property(const struct cop__child *child)
{
    cop_term pid = child->pid.id ? cop_from_pid(child->pid) : cop("undefined");

    return child->state == COP__CHILD_RESTARTING ? cop("{restarting, Pid}", pid) : pid;
}

/* first is {pid, _} or {nb_children, _}; the order is part of the contract (SUP-92). */
static cop_term properties(cop_term first, const struct cop__spec *spec, cop_term args)
{
    return cop("[First, {id, Id}, {mfargs, Mfargs}, {restart_type, Restart}, "
               "{significant, Significant}, {shutdown, Shutdown}, {child_type, Type}]",
        first, spec->id, cop__spec_mfargs(spec, args), cop__spec_restart(spec),
        cop_bool(spec->significant), cop__spec_shutdown(spec), cop__spec_type(spec));
}

static cop_term child_properties(const struct cop__child *child)
{
    return properties(cop("{pid, Pid}", pid_property(child)), child->spec, child->args);
}

static void report(struct cop__sup *sup, const char *context, cop_term reason, cop_term offender)
{
    cop_atom ctx = cop_atom_new(context);

    cop_log_report(COP_LOG_ERROR,
        cop("#{label => {supervisor, Ctx}, report => [{supervisor, Name}, {errorContext, Ctx}, "
            "{reason, Reason}, {offender, Offender}]}",
            ctx, cop__supervisor_name(sup), reason, offender),
        cop("#{domain => [otp, sasl], logger_formatter => #{title => \"SUPERVISOR REPORT\"}, "
            "error_logger => #{tag => error_report, type => supervisor_report}}"));
}

void cop__report_error(
    struct cop__sup *sup, const char *context, cop_term reason, const struct cop__child *child)
{
    if (cop_log_level() >= COP_LOG_ERROR)
        report(sup, context, reason, child_properties(child));
}

/* Children of simple_one_for_one that ended for the same reason, together: SUP-86 */
void cop__report_children(struct cop__sup *sup, cop_term reason, int64_t count)
{
    if (cop_log_level() >= COP_LOG_ERROR)
        report(sup, "shutdown_error", reason,
            properties(cop("{nb_children, N}", count), sup->template_spec, sup->template_args));
}

void cop__report_progress(struct cop__sup *sup, const struct cop__child *child)
{
    if (cop_log_level() < COP_LOG_INFO)
        return;
    cop_log_report(COP_LOG_INFO,
        cop("#{label => {supervisor, progress}, report => [{supervisor, Name}, {started, Child}]}",
            cop__supervisor_name(sup), child_properties(child)),
        cop("#{domain => [otp, sasl], logger_formatter => #{title => \"PROGRESS REPORT\"}, "
            "error_logger => #{tag => info_report, type => progress}}"));
}
