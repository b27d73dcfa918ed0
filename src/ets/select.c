/* SPDX-License-Identifier: Apache-2.0 */
/* Walks over whole tables: match specifications, folding, slots. Layer 4.
 *
 * A walk takes a page of rows at a time: copies of them, within one bracket. What is done with them
 * is done outside, so a walk over a large table yields as any work does, and user code may be
 * called. Meanwhile the table is fixed. A specification whose only head gives the whole key is a
 * lookup. */
#include <coppice/match_spec.h>
#include <stdlib.h>

#include "base/raise.h"
#include "ets/ets_int.h"
#include "proc/message.h"

/* --- Pages ------------------------------------------------------------------------------------ */

struct walk {
    cop_term id;
    enum cop__right right;
    const char *function;
    struct cop__cursor cursor;
    struct cop__page page;
    cop_term *objects; /* of the page */
    size_t object_room;
};

static bool is_ordered(cop_term id, const char *function)
{
    struct cop__table *table = cop__ets_begin(id, COP__RIGHT_NONE, function);
    bool is = table->type == COP_ORDERED_SET;

    cop__ets_end();
    return is;
}

static void begin_walk(struct walk *walk, cop_term id, enum cop__right right, const char *function)
{
    struct cop__table *table = cop__ets_begin(id, right, function);

    *walk = (struct walk){ .id = id, .right = right, .function = function };
    cop__ets_fix(table);
    cop__ets_end();
}

static void free_walk(struct walk *walk)
{
    cop__page_done(&walk->page);
    free(walk->objects);
    walk->page.rows = NULL;
    walk->objects = NULL;
}

static void end_walk(struct walk *walk)
{
    struct cop__table *table = cop__ets_begin(walk->id, COP__RIGHT_NONE, walk->function);

    cop__ets_unfix(cop__own_thr(), table);
    free_walk(walk);
    cop__ets_end();
}

/* Copies of the next page. False: there is none. The table may have gone: then it raises. */
static bool next_page(struct walk *walk)
{
    struct cop__table *table;
    struct cop__page *page = &walk->page;
    bool memory;

    if (walk->cursor.ended)
        return false;
    table = cop__ets_begin(walk->id, COP__RIGHT_NONE, walk->function);
    memory = table->kind->page(table, &walk->cursor, page);
    if (memory && page->count > walk->object_room) {
        cop_term *objects = realloc(walk->objects, page->room * sizeof *objects);

        memory = objects != NULL;
        if (objects) {
            walk->objects = objects;
            walk->object_room = page->room;
        }
    }
    if (!memory) {
        free_walk(walk);
        cop__leave();
        cop__raise("system_limit", "no memory for a walk over a table");
    }
    for (size_t i = 0; i < page->count; i++)
        walk->objects[i] = cop__row_copy(page->rows[i]);
    cop__charge(cop__own_thr(), (int32_t)page->count / 4);
    cop__ets_end();
    return true;
}

/* --- Whole tables ----------------------------------------------------------------------------- */

cop_term cop_ets_tab2list(cop_term id)
{
    cop_term list = cop_nil();
    struct walk walk;

    begin_walk(&walk, id, COP__RIGHT_READ, "ets_tab2list");
    walk.cursor.backwards = true;
    while (next_page(&walk))
        for (size_t i = 0; i < walk.page.count; i++)
            list = cop_cons(walk.objects[i], list);
    end_walk(&walk);
    return list;
}

struct folding {
    struct walk walk;
    cop_ets_fold_fn *fn;
    void *arg;
    cop_term accumulator;
};

static void run_fold(void *arg)
{
    struct folding *folding = arg;

    while (next_page(&folding->walk))
        for (size_t i = 0; i < folding->walk.page.count; i++)
            folding->accumulator =
                folding->fn(folding->walk.objects[i], folding->accumulator, folding->arg);
}

cop_term cop_ets_fold(
    cop_term id, cop_ets_fold_fn *fn, void *arg, cop_term accumulator, bool backwards)
{
    struct folding folding = { .fn = fn, .arg = arg, .accumulator = accumulator };
    cop_term reason, stack;
    enum cop_class class;

    begin_walk(&folding.walk, id, COP__RIGHT_READ, "ets_fold");
    folding.walk.cursor.backwards = backwards;
    class = cop_try(run_fold, &folding, &reason, &stack);
    if (class != COP_CLASS_NONE && cop_match(cop_ets_info_item(id, cop("type")), "undefined"))
        free_walk(&folding.walk); /* it was deleted meanwhile */
    else
        end_walk(&folding.walk);
    if (class != COP_CLASS_NONE)
        cop_raise(class, reason, stack);
    return folding.accumulator;
}

cop_term cop_ets_slot(cop_term id, int64_t index)
{
    struct cop__table *table = cop__ets_begin(id, COP__RIGHT_READ, "ets_slot");
    size_t slots = table->kind->slots(table);
    cop_term list = cop_nil();
    struct walk walk;
    int64_t at = 0;

    cop__ets_end();
    if (index < 0 || (uint64_t)index > slots)
        cop__badarg("ets_slot: no such slot");
    if ((uint64_t)index == slots)
        return cop("'$end_of_table'");
    begin_walk(&walk, id, COP__RIGHT_READ, "ets_slot");
    while (next_page(&walk))
        for (size_t i = 0; i < walk.page.count; i++, at++)
            if (at == index)
                list = cop_cons(walk.objects[i], list);
    end_walk(&walk);
    return list;
}

/* --- Specifications --------------------------------------------------------------------------- */

static cop_match_spec *compile(cop_term spec, const char *function)
{
    cop_match_spec *compiled = cop_match_spec_compile(spec);

    if (!compiled)
        cop__badarg(function);
    return compiled;
}

/* Does the pattern stand for itself alone? */
static bool is_ground(cop_term pattern)
{
    cop_term item, key, value;
    cop_atom atom;

    if (cop_to_atom(&atom, pattern)) {
        cop_bytes text = cop_atom_text(atom);

        return !(text.size == 1 && text.data[0] == '_') && !(text.size > 1 && text.data[0] == '$');
    }
    if (cop__is_tuple(pattern)) {
        for (size_t i = 0; i < cop_tuple_size(pattern); i++)
            if (!is_ground(cop_tuple_at(pattern, i)))
                return false;
        return true;
    }
    if (cop_type_of(pattern) == COP_TYPE_LIST) {
        while (cop_list_next(&item, &pattern))
            if (!is_ground(item))
                return false;
        return is_ground(pattern);
    }
    if (cop_type_of(pattern) == COP_TYPE_MAP) {
        for (cop_map_iterator i = cop_map_begin(pattern); cop_map_next(&key, &value, &i);)
            return false; /* it matches larger maps too */
        return false;
    }
    return true;
}

/* The key that the only clause demands, or none. */
static cop_term key_of(cop_term id, cop_term spec)
{
    cop_term clause, head;
    int64_t position;

    if (!cop_list_next(&clause, &spec) || !cop__is_nil(spec) || !cop__is_tuple(clause) ||
        cop_tuple_size(clause) != 3)
        return COP_NONE;
    head = cop_tuple_at(clause, 0);
    if (!cop__is_tuple(head) || !cop_to_int(&position, cop_ets_info_item(id, cop("keypos"))) ||
        cop_tuple_size(head) < (size_t)position)
        return COP_NONE;
    head = cop_tuple_at(head, (size_t)position - 1);
    return is_ground(head) ? head : COP_NONE;
}

/* What is done with each object that a clause takes; false: enough. */
typedef bool take_fn(cop_term object, cop_term result, void *arg);

struct query {
    cop_term id;
    enum cop__right right;
    const char *function;
    bool backwards, keeps; /* keeps: what is taken stays in the turn */
    take_fn *take;
    void *arg;
};

/* What a page left in the heap of the turn is given back, but for the key where the walk goes on.
 */
static void forget_page(struct walk *walk, const struct cop__heap_mark *before)
{
    cop_term kept = COP_NONE;
    bool has_key = !cop_is_none(walk->cursor.key);

    if (has_key)
        cop_keep(&kept, walk->cursor.key);
    cop__heap_back(cop__turn_heap(), before);
    if (has_key)
        walk->cursor.key = cop_copy(kept);
    cop_keep_clear(&kept);
}

static void ask_rows(const struct query *query, const cop_match_spec *spec)
{
    struct walk walk;
    cop_term result;

    begin_walk(&walk, query->id, query->right, query->function);
    walk.cursor.backwards = query->backwards;
    for (;;) {
        struct cop__heap_mark before = cop__heap_mark(cop__turn_heap());
        bool taken = false;

        if (!next_page(&walk))
            break;
        for (size_t i = 0; i < walk.page.count; i++)
            if (cop_match_spec_run_one(&result, spec, walk.objects[i])) {
                taken = true;
                query->take(walk.objects[i], result, query->arg);
            }
        if (!taken || !query->keeps)
            forget_page(&walk, &before);
    }
    end_walk(&walk);
}

static void ask_key(const struct query *query, const cop_match_spec *spec, cop_term key)
{
    cop_term objects, object, result;

    if (query->right == COP__RIGHT_WRITE) { /* that it may be written to is checked first */
        cop__ets_begin(query->id, COP__RIGHT_WRITE, query->function);
        cop__ets_end();
    }
    objects = cop_ets_lookup(query->id, key);
    while (cop_list_next(&object, &objects))
        if (cop_match_spec_run_one(&result, spec, object))
            query->take(object, result, query->arg);
}

static void ask(const struct query *query, cop_term spec)
{
    cop_match_spec *compiled = compile(spec, query->function);
    cop_term key;

    cop__ets_begin(query->id, query->right, query->function);
    cop__ets_end();
    key = key_of(query->id, spec);
    if (cop_is_none(key))
        ask_rows(query, compiled);
    else
        ask_key(query, compiled, key);
    cop_match_spec_free(compiled);
}

static bool collect(cop_term object, cop_term result, void *arg)
{
    cop_term *list = arg;

    (void)object;
    *list = cop_cons(result, *list);
    return true;
}

/* The list is built from its end, so the walk goes the other way. */
static cop_term select_all(cop_term id, cop_term spec, bool reverse, const char *function)
{
    cop_term list = cop_nil();
    const struct query query = { .id = id,
        .right = COP__RIGHT_READ,
        .function = function,
        .backwards = !reverse,
        .keeps = true,
        .take = collect,
        .arg = &list };

    ask(&query, spec);
    return is_ordered(id, function) ? list : cop_list_reverse(list);
}

cop_term cop_ets_select(cop_term id, cop_term spec)
{
    return select_all(id, spec, false, "ets_select");
}

cop_term cop_ets_select_reverse(cop_term id, cop_term spec)
{
    return select_all(id, spec, true, "ets_select_reverse");
}

static bool count_true(cop_term object, cop_term result, void *arg)
{
    int64_t *count = arg;

    (void)object;
    if (cop_match(result, "true"))
        (*count)++;
    return true;
}

int64_t cop_ets_select_count(cop_term id, cop_term spec)
{
    int64_t count = 0;
    const struct query query = { .id = id,
        .right = COP__RIGHT_READ,
        .function = "ets_select_count",
        .take = count_true,
        .arg = &count };

    ask(&query, spec);
    return count;
}

/* --- Taking out and replacing ----------------------------------------------------------------- */

/* All rows that are this object; with `put`, it takes the place of one. How many. */
static int64_t exchange(cop_term id, cop_term object, cop_term put, const char *function)
{
    struct cop__table *table = cop__ets_begin(id, COP__RIGHT_WRITE, function);
    struct cop__thr *self = cop__own_thr();
    cop_term key = cop_tuple_at(object, table->key_position - 1);
    uint64_t hash = cop__ets_hash(table, key);
    struct cop__row *row, *next, *fresh = NULL;
    struct cop__view space;
    int64_t count = 0;

    if (!cop_is_none(put)) {
        fresh = cop__row_new(self, put);
        if (!fresh) {
            cop__leave();
            cop__raise("system_limit", "no memory for an object of a table");
        }
        fresh->hash = hash;
    }
    table->kind->lock_key(table, hash);
    row = atomic_load_explicit(&table->deleted, memory_order_relaxed)
              ? NULL
              : table->kind->find(table, key, hash, &space);
    for (; row; row = next) {
        next = table->kind->find_more(table, row, key, hash);
        if (!cop_identical(cop__row_object(row), object))
            continue;
        count++;
        if (fresh) {
            table->kind->replace(self, table, row, fresh);
            break;
        }
        table->kind->remove(self, table, row);
    }
    table->kind->unlock_key(table, hash);
    if (fresh && count == 0)
        cop__row_free(self, fresh);
    cop__ets_end();
    return count;
}

struct exchanging {
    cop_term id;
    const char *function;
    int64_t count;
};

static bool delete_true(cop_term object, cop_term result, void *arg)
{
    struct exchanging *exchanging = arg;

    if (cop_match(result, "true"))
        exchanging->count += exchange(exchanging->id, object, COP_NONE, exchanging->function);
    return true;
}

static int64_t select_delete(cop_term id, cop_term spec, const char *function)
{
    struct exchanging exchanging = { id, function, 0 };
    const struct query query = { .id = id,
        .right = COP__RIGHT_WRITE,
        .function = function,
        .take = delete_true,
        .arg = &exchanging };

    ask(&query, spec);
    return exchanging.count;
}

int64_t cop_ets_select_delete(cop_term id, cop_term spec)
{
    return select_delete(id, spec, "ets_select_delete");
}

static bool replace_one(cop_term object, cop_term result, void *arg)
{
    struct exchanging *exchanging = arg;

    exchanging->count += exchange(exchanging->id, object, result, exchanging->function);
    return true;
}

static bool is_variable(cop_term term)
{
    cop_atom atom;
    cop_bytes text;

    if (!cop_to_atom(&atom, term))
        return false;
    text = cop_atom_text(atom);
    if (text.size < 2 || text.data[0] != '$')
        return false;
    for (size_t i = 1; i < text.size; i++)
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
    return true;
}

/* Is what the body makes of an object certain to have its key (ETS-41)? */
static bool keeps_key(cop_term clause, size_t position)
{
    cop_term head = cop_tuple_at(clause, 0), body = cop_tuple_at(clause, 2), made, key, made_key;
    cop_term inner;
    int64_t at;

    if (!cop__is_tuple(head) || cop_tuple_size(head) < position || !cop_list_next(&made, &body) ||
        !cop__is_nil(body))
        return false;
    key = cop_tuple_at(head, position - 1);
    if (cop_match(made, "'$_'"))
        return true;
    if (cop_match(made, "{const, Inner}", &inner)) {
        if (!cop__is_tuple(inner) || cop_tuple_size(inner) < position)
            return false;
        return is_ground(key) && cop_identical(cop_tuple_at(inner, position - 1), key);
    }
    if (!cop_match(made, "{Inner}", &inner) || !cop__is_tuple(inner) ||
        cop_tuple_size(inner) < position)
        return false;
    made_key = cop_tuple_at(inner, position - 1);
    if (cop_match(made_key, "{element, At, '$_'}", &at))
        return (size_t)at == position;
    if (is_variable(key))
        return cop_identical(key, made_key);
    if (cop_match(made_key, "{const, Inner}", &inner))
        made_key = inner;
    else if (cop__is_tuple(made_key))
        return false;
    return is_ground(key) && cop_identical(key, made_key);
}

int64_t cop_ets_select_replace(cop_term id, cop_term spec)
{
    struct exchanging exchanging = { id, "ets_select_replace", 0 };
    const struct query query = { .id = id,
        .right = COP__RIGHT_WRITE,
        .function = "ets_select_replace",
        .take = replace_one,
        .arg = &exchanging };
    struct cop__table *table = cop__ets_begin(id, COP__RIGHT_WRITE, "ets_select_replace");
    size_t position = table->key_position;
    bool is_bag = table->type == COP_BAG;
    cop_term clauses = spec, clause;
    cop_match_spec *compiled;

    cop__ets_end();
    compiled = compile(spec, "ets_select_replace");
    cop_match_spec_free(compiled);
    if (is_bag)
        cop__badarg("ets_select_replace: a bag");
    while (cop_list_next(&clause, &clauses))
        if (!keeps_key(clause, position))
            cop__badarg("ets_select_replace: the key may change");
    ask(&query, spec);
    return exchanging.count;
}

/* --- Patterns --------------------------------------------------------------------------------- */

static cop_term spec_of(cop_term pattern, const char *result)
{
    return cop_cons(cop("{Pattern, [], [Result]}", pattern, cop_atom_new(result)), cop_nil());
}

cop_term cop_ets_match(cop_term id, cop_term pattern)
{
    return select_all(id, spec_of(pattern, "$$"), false, "ets_match");
}

cop_term cop_ets_match_object(cop_term id, cop_term pattern)
{
    return select_all(id, spec_of(pattern, "$_"), false, "ets_match_object");
}

void cop_ets_match_delete(cop_term id, cop_term pattern)
{
    select_delete(id, spec_of(pattern, "true"), "ets_match_delete");
}

/* --- A few at a time -------------------------------------------------------------------------- */

/* {'$ets', Table, Spec, Limit, Backwards, Stripe, Bucket, Started, Key, Ended, Rest} */
#define CONTINUATION \
    "{'$ets_continuation', Id, Spec, Limit, Backwards, Stripe, Bucket, Started, Key, Ended, Rest}"

/* The first of `rest`, at most so many, in order; *rest is what is left. */
static cop_term take_first(cop_term *rest, int64_t limit, int64_t *ret_count)
{
    cop_term list = cop_nil(), item;

    *ret_count = 0;
    while (*ret_count < limit && cop_list_next(&item, rest)) {
        list = cop_cons(item, list);
        (*ret_count)++;
    }
    return list; /* reversed */
}

static cop_term select_some(
    cop_term id, cop_term spec, int64_t limit, const struct cop__cursor *from, cop_term rest)
{
    const char *function = "ets_select";
    cop_match_spec *compiled = compile(spec, function);
    int64_t count;
    cop_term list = take_first(&rest, limit, &count), result;
    struct walk walk;

    begin_walk(&walk, id, COP__RIGHT_READ, function);
    walk.cursor = *from;
    while (count < limit && next_page(&walk))
        for (size_t i = 0; i < walk.page.count; i++) {
            if (!cop_match_spec_run_one(&result, compiled, walk.objects[i]))
                continue;
            if (count < limit)
                list = cop_cons(result, list);
            else
                rest = cop_cons(result, rest);
            count++;
        }
    end_walk(&walk);
    cop_match_spec_free(compiled);
    if (count == 0)
        return cop("'$end_of_table'");
    if (count > limit)
        rest = cop_list_reverse(rest);
    list = cop_list_reverse(list);
    if (walk.cursor.ended && cop__is_nil(rest))
        return cop("{List, '$end_of_table'}", list);
    return cop("{List, Continuation}", list,
        cop(CONTINUATION, id, spec, limit, walk.cursor.backwards, (int64_t)walk.cursor.stripe,
            (int64_t)walk.cursor.bucket, walk.cursor.started,
            cop_is_none(walk.cursor.key) ? cop_nil() : walk.cursor.key, walk.cursor.ended, rest));
}

static cop_term begin_some(cop_term id, cop_term spec, int64_t limit, bool backwards)
{
    const struct cop__cursor cursor = { .backwards = backwards };

    if (limit < 1)
        cop__badarg("ets_select: the limit is below 1");
    return select_some(id, spec, limit, &cursor, cop_nil());
}

cop_term cop_ets_select_some(cop_term id, cop_term spec, int64_t limit)
{
    return begin_some(id, spec, limit, false);
}

cop_term cop_ets_select_some_reverse(cop_term id, cop_term spec, int64_t limit)
{
    return begin_some(id, spec, limit, true);
}

cop_term cop_ets_select_continue(cop_term continuation)
{
    struct cop__cursor cursor = { 0 };
    cop_term id, spec, rest;
    int64_t limit, stripe, bucket;

    if (cop_match(continuation, "'$end_of_table'"))
        return continuation;
    if (!cop_match(continuation, CONTINUATION, &id, &spec, &limit, &cursor.backwards, &stripe,
            &bucket, &cursor.started, &cursor.key, &cursor.ended, &rest) ||
        limit < 1 || stripe < 0)
        cop__badarg("ets_select: no continuation");
    cursor.stripe = (size_t)stripe;
    cursor.bucket = (uint64_t)bucket;
    return select_some(id, spec, limit, &cursor, rest);
}
