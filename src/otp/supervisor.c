/* SPDX-License-Identifier: Apache-2.0 */
/* supervisor: a gen_server that traps exits and starts again what ends. Layer 5, on public headers
 * only, as OTP's is.
 *
 *   supervisor_init.c     the tree is checked and started
 *   supervisor_start.c    one child is started        supervisor_stop.c  one child is terminated
 *   supervisor_restart.c  a child has ended           intensity.c        how often that was
 *   supervisor_calls.c    requests                    supervisor_client.c  who makes them
 *   child_spec.c, child_spec_term.c, start_code.c     what a child is
 *   child_table.c         the children                supervisor_report.c  what is said of them */
#include "supervisor_int.h"

#include <stdatomic.h>

#include "otp/dynamic_supervisor_int.h"

cop_step cop__supervisor_cast(void *state, cop_term request)
{
    cop_term which;
    int64_t serial;
    bool counts, goes_on;

    if (cop_match(request, "{try_again_restart, Which}", &which))
        goes_on = cop__retry_restart(state, which);
    else if (cop_match(
                 request, "{restart_after_delay, Which, Serial, Counts}", &which, &serial, &counts))
        goes_on = cop__restart_after_delay(state, which, (uint32_t)serial, counts);
    else
        return cop_unhandled(request);
    return goes_on ? cop_noreply() : cop_stop(cop("shutdown"));
}

cop_step cop__supervisor_info(void *state, cop_term message)
{
    cop_term reason;
    cop_pid pid;

    if (!cop_match(message, "{'EXIT', Pid, Reason}", &pid, &reason))
        cop_log(COP_LOG_ERROR, "Supervisor received unexpected message: %s", cop_show(message));
    else if (!cop__child_exited(state, pid, reason))
        return cop_stop(cop("shutdown"));
    return cop_noreply();
}

static void terminate(void *state, cop_term reason)
{
    (void)reason;
    cop__stop_all(state);
}

/* What sys:get_state and reports show; not all children of a simple_one_for_one. */
static cop_term get_state(void *state)
{
    static const char *const strategies[] = { "one_for_one", "one_for_all", "rest_for_one",
        "simple_one_for_one" };
    struct cop__sup *sup = state;
    cop_term children =
        sup->children.simple ? cop_int((int64_t)sup->children.count) : cop__which_children(sup);

    return cop("#{name => Name, strategy => Strategy, intensity => Intensity, period => Period, "
               "restarts => Restarts, children => Children}",
        cop__supervisor_name(sup), cop_atom_new(strategies[sup->strategy]),
        cop_int(sup->intensity.intensity), cop_int(sup->intensity.period_s),
        cop_int(sup->intensity.total), children);
}

static const cop_gen_server supervisor = {
    .module = "supervisor",
    .state_size = sizeof(struct cop__sup),
    .init = cop__supervisor_init,
    .handle_call = cop__supervisor_call,
    .handle_cast = cop__supervisor_cast,
    .handle_info = cop__supervisor_info,
    .terminate = terminate,
    .code_change = cop__supervisor_code_change,
    .trap_exit = true,
    .get_state = get_state,
};

int cop__supervisor_start(cop_pid *ret_pid, const cop_supervisor *tree, cop_atom name, cop_term arg,
    bool root, cop_term *ret_error)
{
    struct cop_gen_options options = { .timeout_ms = 0 };

    if (name.index)
        options.name = cop_dest_atom(name);
    return cop_gen_server_start_with(ret_pid, NULL, &supervisor,
        cop("{Tree, Name, Root, Arg}", cop_uint((uintptr_t)tree),
            name.index ? cop_from_atom(name) : cop("undefined"), cop_bool(root), arg),
        1, &options, ret_error);
}

int cop_supervisor_start_link_as(cop_pid *ret_pid, const cop_supervisor *tree, const char *name,
    cop_term arg, cop_term *ret_error)
{
    if (!name)
        name = tree->name;
    return cop__supervisor_start(ret_pid, tree, name ? cop_atom_new(name) : (cop_atom){ 0 },
        cop_is_none(arg) ? cop_nil() : arg, false, ret_error);
}

int cop_supervisor_start_link(cop_pid *ret_pid, const cop_supervisor *tree, cop_term *ret_error)
{
    return cop_supervisor_start_link_as(ret_pid, tree, NULL, cop_nil(), ret_error);
}

/* An exit reason cannot tell a tree that gave up from one that shut itself down: both end with
 * shutdown. The exit status of cop_run should, and there is one root in a program. */
static _Atomic bool root_gave_up;

void cop__supervisor_root_gives_up(void)
{
    /* pairs with the load below; the end of the process, which the reader waits for, orders them */
    atomic_store_explicit(&root_gave_up, true, memory_order_release);
}

bool cop__supervisor_root_gave_up(void)
{
    return atomic_exchange_explicit(&root_gave_up, false, memory_order_acquire);
}
