/* SPDX-License-Identifier: Apache-2.0 */
/* What programs ask of the application controller: SUP-126 to SUP-141. Layer 5. Erlang's {error, _}
 * become C results; the order in which applications start is found here, by the caller. */
#include "application_int.h"

#include <string.h>

static int code_of(cop_term reason)
{
    if (cop_match(reason, "{already_loaded, _}") || cop_match(reason, "{already_started, _}"))
        return -COP_EALREADY;
    if (cop_match(reason, "{\"no such file or directory\", _}") ||
        cop_match(reason, "{not_loaded, _}") || cop_match(reason, "{not_started, _}"))
        return -COP_ENOTFOUND;
    if (cop_match(reason, "{running, _}"))
        return -EBUSY;
    if (cop_match(reason, "{invalid_env, _}") || cop_match(reason, "{invalid_args, _}"))
        return -COP_EBADARG;
    return -COP_EEXIT;
}

static int done(cop_term reply, cop_term *ret_error)
{
    cop_term reason;

    if (!cop_match(reply, "{error, Reason}", &reason))
        return 0;
    if (ret_error)
        *ret_error = reason;
    return code_of(reason);
}

int cop_application_load(const cop_application *application, cop_term *ret_error)
{
    int64_t index = cop__entry_of_application(application)->index;

    return done(cop__controller_call(cop("{load, Index}", index)), ret_error);
}

int cop_application_unload(const char *name, cop_term *ret_error)
{
    return done(cop__controller_call(cop("{unload, Name}", cop_atom_new(name))), ret_error);
}

static cop_term start(cop_term name, enum cop_application_type type)
{
    return cop__controller_call(cop("{start, Name, Type}", name, (int)type));
}

int cop_application_start(const char *name, enum cop_application_type type, cop_term *ret_error)
{
    return done(start(cop_from_atom(cop_atom_new(name)), type), ret_error);
}

int cop_application_stop(const char *name, cop_term *ret_error)
{
    return done(cop__controller_call(cop("{stop, Name}", cop_atom_new(name))), ret_error);
}

/* --- With all that it depends on
 * ------------------------------------------------------------------ */

struct ensuring {
    enum cop_application_type type;
    cop_term started; /* newest first */
    cop_term seen;
    cop_term error; /* {App, Reason} */
};

static bool ensure(struct ensuring *e, cop_term name, bool optional);

static bool ensure_each(struct ensuring *e, cop_term names, bool optional)
{
    cop_term name;

    while (cop_list_next(&name, &names))
        if (!ensure(e, name, optional))
            return false;
    return true;
}

static bool ensure(struct ensuring *e, cop_term name, bool optional)
{
    cop_term reply, needed, wanted, reason;
    bool running;

    if (cop_list_member(name, e->seen))
        return true;
    e->seen = cop_cons(name, e->seen);
    reply = cop__controller_call(cop("{dependencies, Name}", name));
    if (cop_match(reply, "{error, Reason}", &reason)) {
        e->error = cop("{App, Reason}", name, reason);
        return optional;
    }
    cop_must(cop_match(reply, "{ok, Running, Needed, Wanted}", &running, &needed, &wanted));
    if (running)
        return true;
    if (!ensure_each(e, needed, false) || !ensure_each(e, wanted, true))
        return false;
    reply = start(name, e->type);
    if (cop_match(reply, "ok"))
        e->started = cop_cons(name, e->started);
    else if (cop_match(reply, "{error, Reason}", &reason) &&
             !cop_match(reason, "{already_started, _}")) {
        e->error = cop("{App, Reason}", name, reason);
        return false;
    }
    return true;
}

int cop_application_ensure_all_started(
    const char *name, enum cop_application_type type, cop_term *ret_started_or_error)
{
    struct ensuring e = { .type = type, .started = cop_nil(), .seen = cop_nil() };
    bool started = ensure(&e, cop_from_atom(cop_atom_new(name)), false);
    cop_term app, rest = e.started;

    /* what was started for nothing is stopped again */
    while (!started && cop_list_next(&app, &rest))
        cop__controller_call(cop("{stop, Name}", app));
    if (ret_started_or_error)
        *ret_started_or_error = started ? cop_list_reverse(e.started) : e.error;
    return started ? 0 : code_of(cop_tuple_at(e.error, 1));
}

/* --- Environment and looking
 * ------------------------------------------------------------------------ */

bool cop_application_get_env(cop_term *ret_value, const char *name, const char *key)
{
    return cop_match(
        cop__controller_call(cop("{get_env, Name, Key}", cop_atom_new(name), cop_atom_new(key))),
        "{ok, Value}", ret_value);
}

int cop_application_set_env(const char *name, const char *key, cop_term value)
{
    return done(cop__controller_call(cop(
                    "{set_env, Name, Key, Value}", cop_atom_new(name), cop_atom_new(key), value)),
        NULL);
}

cop_term cop_application_which(void)
{
    return cop__controller_call(cop("which"));
}

bool cop_application_of(const char **ret_name, cop_pid pid)
{
    cop_term info = cop_process_info(pid, "group_leader");
    cop_pid leader;
    cop_atom name;

    if (cop_is_none(info) || !cop_match(info, "{group_leader, Leader}", &leader))
        return false;
    cop_term reply = cop__controller_call(cop("{application_of, Leader}", leader));

    if (cop_match(reply, "undefined") || !cop_to_atom(&name, reply))
        return false;
    *ret_name = cop_atom_text(name).data;
    return true;
}
