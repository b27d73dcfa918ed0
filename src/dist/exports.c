/* SPDX-License-Identifier: Apache-2.0 */
/* The functions that other nodes may call, by module, name and arity (D-111). Layer 6. */
#include "dist/exports.h"

#include "base/lock.h"
#include "base/map.h"
#include "base/thread.h"

enum { ARITY_MAX = 255, ARITY_BITS = 8, ATOM_BITS = 28 };

static struct cop__map exports; /* under the lock */
static struct cop__spinlock lock;

static uint64_t key_of(cop_atom module, cop_atom function, size_t arity)
{
    return (uint64_t)module.index << (ATOM_BITS + ARITY_BITS) |
           (uint64_t)function.index << ARITY_BITS | arity;
}

int cop_export(const char *module, const char *function, int arity, cop_exported *fn)
{
    uint64_t key;
    bool entered, put;

    if (!fn || arity < 0 || arity > ARITY_MAX)
        return -COP_EBADARG;
    key = key_of(cop_atom_new(module), cop_atom_new(function), (size_t)arity);
    entered = cop__enter_unless_inside();
    cop__spin_lock(&lock);
    put = cop__map_put(&exports, key, (uint64_t)(uintptr_t)fn);
    cop__spin_unlock(&lock);
    if (entered)
        cop__leave();
    return put ? 0 : -COP_ESYSTEMLIMIT;
}

cop_exported *cop__export_find(cop_atom module, cop_atom function, size_t arity)
{
    bool entered = cop__enter_unless_inside();
    cop_exported *fn = NULL;
    uint64_t *place;

    cop__spin_lock(&lock);
    place = arity <= ARITY_MAX ? cop__map_at(&exports, key_of(module, function, arity)) : NULL;
    if (place)
        fn = (cop_exported *)(uintptr_t)*place;
    cop__spin_unlock(&lock);
    if (entered)
        cop__leave();
    return fn;
}

cop_term cop__argument(cop_term arguments, size_t index)
{
    cop_term item = COP_NONE;

    while (cop_list_next(&item, &arguments))
        if (index-- == 0)
            return item;
    return COP_NONE;
}

void cop__export_default(const char *module, const char *function, int arity, cop_exported *fn)
{
    if (!cop__export_find(cop_atom_new(module), cop_atom_new(function), (size_t)arity))
        cop_export(module, function, arity, fn);
}

cop_term cop__undef_stack(cop_atom module, cop_atom function, cop_term arguments)
{
    return cop("[{M, F, Args, []}]", module, function, arguments);
}

/* The one for this list of arguments. */
static cop_exported *find_for(cop_atom module, cop_atom function, cop_term arguments)
{
    size_t arity;

    return cop_list_length(&arity, arguments) ? cop__export_find(module, function, arity) : NULL;
}

cop_term cop_apply(cop_atom module, cop_atom function, cop_term arguments)
{
    cop_exported *fn = find_for(module, function, arguments);

    if (!fn)
        cop_exit(cop("{undef, Stack}", cop__undef_stack(module, function, arguments)));
    return fn(arguments);
}

struct application {
    cop_exported *fn;
    cop_term arguments, value;
};

static void run(void *arg)
{
    struct application *application = arg;

    application->value = application->fn(application->arguments);
}

cop_term cop__apply_caught(cop_atom module, cop_atom function, cop_term arguments)
{
    struct application application = { find_for(module, function, arguments), arguments, COP_NONE };
    cop_term reason, stack;

    if (!application.fn)
        return cop("{error, undef, Stack}", cop__undef_stack(module, function, arguments));
    switch (cop_try(run, &application, &reason, &stack)) {
    case COP_CLASS_NONE:
        return cop(
            "{return, Value}", cop_is_none(application.value) ? cop("ok") : application.value);
    case COP_CLASS_THROW:
        return cop("{throw, Reason}", reason);
    case COP_CLASS_EXIT:
        return cop("{exit, Reason}", reason);
    default:
        return cop("{error, Reason, Stack}", reason, stack);
    }
}
