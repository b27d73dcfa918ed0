/* SPDX-License-Identifier: Apache-2.0 */
/* The process dictionary (P-106) and labels. A list: dictionaries are small, and most are empty.
 * What the framework keeps there in OTP ('$ancestors', '$initial_call') is derived from the
 * process's origin. */
#include "proc/proc.h"
#include "term/atoms.h"

static struct cop__dict_entry **place_of(struct cop__ext *ext, cop_term key)
{
    struct cop__dict_entry **place = &ext->dictionary;

    while (*place && !cop_identical((*place)->key, key))
        place = &(*place)->next;
    return place;
}

static struct cop__proc *current(const char *function)
{
    struct cop__proc *proc = cop__self_thr()->current;

    if (!proc)
        cop__badarg(function);
    return proc;
}

/* A copy of a kept term that lives for the turn: the place may change under the reader. */
static cop_term for_turn(cop_term kept)
{
    return cop__turn_copy(kept);
}

cop_term cop_put(cop_term key, cop_term value)
{
    struct cop__ext *ext = cop__ext_of(current("put"));
    struct cop__dict_entry **place = place_of(ext, key);
    cop_term old = COP_NONE;

    if (*place) {
        old = for_turn((*place)->value);
    } else {
        struct cop__dict_entry *entry = cop_alloc(sizeof *entry);

        cop_keep(&entry->key, key);
        *place = entry;
    }
    cop_keep(&(*place)->value, value);
    return old;
}

static cop_term ancestors(const struct cop__proc *proc)
{
    return proc->origin && proc->origin->ancestors ? proc->origin->ancestors->term : COP_NONE;
}

/* {Module, Function, 1} as far as C has them: the module's name is the entry's. */
cop_term cop__initial_call(const struct cop__proc *proc)
{
    cop_term items[3] = { cop__atom(COP__ATOM_erlang), cop__atom(COP__ATOM_apply), cop__small(2) };

    if (proc->origin && proc->origin->initial_call) {
        items[0] = cop_from_atom(cop_atom_new(proc->origin->initial_call));
        items[1] = cop__atom(COP__ATOM_init);
        items[2] = cop__small(1);
    }
    return cop_tuple_from(items, 3);
}

/* What set_label gave, else the label of the spawn's options. */
cop_term cop__label_of(const struct cop__proc *proc)
{
    if (proc->ext && !cop_is_none(proc->ext->label))
        return for_turn(proc->ext->label);
    return proc->origin && proc->origin->label ? cop_text(proc->origin->label) : COP_NONE;
}

cop_term cop_get(cop_term key)
{
    struct cop__proc *proc = current("get");
    struct cop__dict_entry *entry = proc->ext ? *place_of(proc->ext, key) : NULL;

    if (entry)
        return for_turn(entry->value);
    if (cop__load(proc->flags) & COP__P_PROC_LIB) {
        if (key.word == cop__atom(COP__ATOM_ancestors).word)
            return ancestors(proc);
        if (key.word == cop__atom(COP__ATOM_initial_call).word)
            return cop__initial_call(proc);
    }
    return key.word == cop__atom(COP__ATOM_process_label).word ? cop__label_of(proc) : COP_NONE;
}

cop_term cop_erase(cop_term key)
{
    struct cop__proc *proc = current("erase");
    struct cop__dict_entry **place = proc->ext ? place_of(proc->ext, key) : NULL, *entry;
    cop_term old;

    if (!place || !*place)
        return COP_NONE;
    entry = *place;
    old = for_turn(entry->value);
    *place = entry->next;
    cop_keep_clear(&entry->key);
    cop_keep_clear(&entry->value);
    cop_free(entry);
    return old;
}

cop_term cop__dictionary_of(const struct cop__proc *proc)
{
    cop_term list = cop_nil(), label = cop__label_of(proc);

    if (proc->ext) {
        for (const struct cop__dict_entry *entry = proc->ext->dictionary; entry;
             entry = entry->next)
            list = cop_cons(cop__pair(for_turn(entry->key), for_turn(entry->value)), list);
    }
    if (!cop_is_none(label))
        list = cop_cons(cop__pair(cop__atom(COP__ATOM_process_label), label), list);
    if (cop__load(proc->flags) & COP__P_PROC_LIB) {
        list =
            cop_cons(cop__pair(cop__atom(COP__ATOM_initial_call), cop__initial_call(proc)), list);
        if (!cop_is_none(ancestors(proc)))
            list = cop_cons(cop__pair(cop__atom(COP__ATOM_ancestors), ancestors(proc)), list);
    }
    return list;
}

cop_term cop_dictionary(void)
{
    return cop__dictionary_of(current("get"));
}

void cop_set_label(cop_term label)
{
    cop_keep(&cop__ext_of(current("set_label"))->label, label);
}

/* Entries and kept terms are process memory: they go with it. */
void cop__dictionary_free(struct cop__proc *proc)
{
    if (proc->ext) {
        proc->ext->dictionary = NULL;
        proc->ext->label = COP_NONE;
        proc->ext->tuning = COP_NONE;
    }
}
