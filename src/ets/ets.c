/* SPDX-License-Identifier: Apache-2.0 */
/* The operations on objects by key. Layer 4. Each is one bracket of enter and leave: find the
 * table, check the right, lock or read, copy what goes out, let go, leave; then raise what is to be
 * raised. */
#include <coppice/ets.h>

#include <stdlib.h>

#include "base/raise.h"
#include "ets/ets_int.h"
#include "ets/tables.h"
#include "proc/message.h"
#include "proc/retire.h"
#include "term/arithmetic.h"
#include "term/hash.h"

/* --- One operation ---------------------------------------------------------------------------- */

static bool may(const struct cop__thr *self, const struct cop__table *table, enum cop__right right)
{
    if (right == COP__RIGHT_NONE || table->access == COP_PUBLIC ||
        (right == COP__RIGHT_READ && table->access == COP_PROTECTED))
        return true;
    return self->current && atomic_load_explicit(&table->owner, memory_order_relaxed) ==
                                cop__proc_pid(self->current).id;
}

/* Somebody writes several objects: who begins to read waits (ETS-T4). */
static void wait_for_several(const struct cop__table *table)
{
    uint32_t tries = 0;

    while (atomic_load_explicit(&table->several, memory_order_acquire) % 2) {
        cop__pause();
        if (++tries % 128 == 0)
            sched_yield();
    }
}

struct cop__table *cop__ets_begin(cop_term id, enum cop__right right, const char *function)
{
    struct cop__thr *self = (struct cop__thr *)cop__enter();
    struct cop__table *table = cop__table_find(id);

    if (__builtin_expect(!table || !may(self, table, right), 0)) {
        cop__leave();
        cop__badarg(function);
    }
    if (__builtin_expect(right == COP__RIGHT_READ &&
                             atomic_load_explicit(&table->several, memory_order_acquire) % 2,
            0))
        wait_for_several(table);
    return table;
}

void cop__ets_end(void)
{
    cop__charge(cop__own_thr(), 1);
    cop__leave();
}

static COP_NORETURN void fail(const char *function)
{
    cop__leave();
    cop__badarg(function);
}

static COP_NORETURN void no_memory(void)
{
    cop__leave();
    cop__raise("system_limit", "no memory for an object of a table");
}

uint64_t cop__ets_hash(const struct cop__table *table, cop_term key)
{
    uint64_t hash = table->type == COP_ORDERED_SET ? 1 : cop__hash_secret(key);

    return hash + 1 > 1 ? hash : 2; /* 0 is an empty place, and the highest an end */
}

/* --- Reading ---------------------------------------------------------------------------------- */

/* The rows of a key, newest first: as they were at one moment. false: no memory. */
static bool read_rows(
    const struct cop__table *table, cop_term key, uint64_t hash, struct cop__page *page)
{
    const struct cop__table_kind *kind = table->kind;
    struct cop__row *row;
    uint32_t begun;

    do {
        begun = kind->begin_read(table, hash);
        page->count = 0;
        for (row = kind->find(table, key, hash, NULL); row;
             row = kind->find_more(table, row, key, hash)) {
            if (page->count == page->room && !cop__page_grow(page))
                return false;
            page->rows[page->count++] = row;
            if (!cop__table_is_bag(table))
                break;
        }
    } while (!kind->end_read(table, hash, begun));
    return true;
}

bool cop__page_grow(struct cop__page *page)
{
    size_t room = page->room ? 2 * page->room : COP__PAGE_ROWS;
    struct cop__row **rows =
        page->lent ? malloc(room * sizeof(*rows)) : realloc(page->rows, room * sizeof(*rows));

    if (!rows)
        return false;
    if (page->lent)
        memcpy(rows, page->rows, page->count * sizeof(*rows));
    page->lent = false;
    page->rows = rows;
    page->room = room;
    return true;
}

void cop__page_done(struct cop__page *page)
{
    if (!page->lent)
        free(page->rows);
}

#define PAGE_ON_STACK(NAME)          \
    struct cop__row *NAME##_rows[8]; \
    struct cop__page NAME = { .rows = NAME##_rows, .room = 8, .lent = true }

static struct cop__row *read_one(const struct cop__table *table, cop_term key, uint64_t hash)
{
    const struct cop__table_kind *kind = table->kind;
    struct cop__row *row;
    uint32_t begun;

    do {
        begun = kind->begin_read(table, hash);
        row = kind->find(table, key, hash, NULL);
    } while (!kind->end_read(table, hash, begun));
    return row;
}

/* Built from the newest on, so that the oldest comes first (ETS-16). */
static cop_term list_of(const struct cop__page *page)
{
    cop_term list = cop_nil();

    for (size_t i = 0; i < page->count; i++)
        list = cop_cons(cop__row_copy(page->rows[i]), list);
    return list;
}

cop_term cop_ets_lookup(cop_term id, cop_term key)
{
    struct cop__table *table = cop__ets_begin(id, COP__RIGHT_READ, "ets_lookup");
    uint64_t hash = cop__ets_hash(table, key);
    cop_term list = cop_nil();

    if (!cop__table_is_bag(table)) {
        struct cop__row *row = read_one(table, key, hash);

        if (row)
            list = cop_cons(cop__row_copy(row), list);
    } else {
        PAGE_ON_STACK(page);

        if (!read_rows(table, key, hash, &page))
            no_memory();
        list = list_of(&page);
        cop__page_done(&page);
    }
    cop__ets_end();
    return list;
}

bool cop_ets_member(cop_term id, cop_term key)
{
    struct cop__table *table = cop__ets_begin(id, COP__RIGHT_READ, "ets_member");
    bool is = read_one(table, key, cop__ets_hash(table, key)) != NULL;

    cop__ets_end();
    return is;
}

/* none: there is no such position. */
static cop_term element_of(const struct cop__row *row, int position)
{
    cop_term object = cop__row_object(row);

    if (position < 1 || (size_t)position > cop_tuple_size(object))
        return COP_NONE;
    return cop_copy(cop_tuple_at(object, (size_t)position - 1));
}

cop_term cop_ets_lookup_element(cop_term id, cop_term key, int position, cop_term missing)
{
    struct cop__table *table = cop__ets_begin(id, COP__RIGHT_READ, "ets_lookup_element");
    uint64_t hash = cop__ets_hash(table, key);
    bool is_bag = cop__table_is_bag(table);
    cop_term list = cop_nil(), element = missing;
    struct cop__row *one;
    PAGE_ON_STACK(page);

    if (is_bag) {
        if (!read_rows(table, key, hash, &page))
            no_memory();
    } else {
        one = read_one(table, key, hash);
        page.count = one != NULL;
        page.rows[0] = one;
    }
    for (size_t i = 0; i < page.count; i++) {
        element = element_of(page.rows[i], position);
        if (cop_is_none(element))
            break;
        list = is_bag ? cop_cons(element, list) : list;
    }
    is_bag = is_bag && page.count;
    cop__page_done(&page);
    if (cop_is_none(element))
        fail("ets_lookup_element: no such key, or no such position");
    cop__ets_end();
    return is_bag ? list : element;
}

/* --- Putting in ------------------------------------------------------------------------------- */

struct fresh { /* rows made of the objects of a list, before anything is locked */
    struct cop__row **rows;
    size_t count, room;
    struct cop__row *lent[8];
};

static void fresh_done(struct fresh *fresh)
{
    if (fresh->rows != fresh->lent)
        free(fresh->rows);
}

static void fresh_free(struct cop__thr *self, struct fresh *fresh)
{
    for (size_t i = 0; i < fresh->count; i++)
        if (fresh->rows[i])
            cop__row_free(self, fresh->rows[i]);
    fresh_done(fresh);
}

static bool is_object(const struct cop__table *table, cop_term object)
{
    return cop__is_tuple(object) && cop_tuple_size(object) >= table->key_position;
}

static struct cop__row *make_row(
    struct cop__thr *self, const struct cop__table *table, cop_term object)
{
    struct cop__row *row = cop__row_new(self, object);

    if (row)
        row->hash = cop__ets_hash(table, cop__row_key(row, table->key_position));
    return row;
}

static bool add_fresh(struct fresh *fresh, struct cop__row *row)
{
    if (fresh->count == fresh->room) {
        size_t room = 2 * fresh->room;
        struct cop__row **rows = fresh->rows == fresh->lent
                                     ? malloc(room * sizeof(*rows))
                                     : realloc(fresh->rows, room * sizeof(*rows));

        if (!rows)
            return false;
        if (fresh->rows == fresh->lent)
            memcpy(rows, fresh->lent, sizeof fresh->lent);
        fresh->rows = rows;
        fresh->room = room;
    }
    fresh->rows[fresh->count++] = row;
    return true;
}

enum made { MADE, MADE_BAD, MADE_NO_MEMORY };

static enum made make_rows(
    struct cop__thr *self, const struct cop__table *table, cop_term objects, struct fresh *fresh)
{
    cop_term object;

    fresh->rows = fresh->lent;
    fresh->room = 8;
    fresh->count = 0;
    if (cop__is_tuple(objects))
        objects = cop_cons(objects, cop_nil());
    while (cop_list_next(&object, &objects)) {
        struct cop__row *row;

        if (!is_object(table, object))
            return MADE_BAD;
        row = make_row(self, table, object);
        if (!row || !add_fresh(fresh, row))
            return MADE_NO_MEMORY;
    }
    return cop__is_nil(objects) ? MADE : MADE_BAD;
}

/* Of a bag: is this very object there? */
static struct cop__row *find_object(
    const struct cop__table *table, const struct cop__row *like, struct cop__row *from)
{
    cop_term key = cop__row_key(like, table->key_position);

    for (struct cop__row *row = from; row;
         row = table->kind->find_more(table, row, key, like->hash))
        if (cop_identical(cop__row_object(row), cop__row_object(like)))
            return row;
    return NULL;
}

/* Locked. false: no memory; then the row is still the caller's. */
static bool put_row(struct cop__thr *self, struct cop__table *table, struct cop__row *row)
{
    cop_term key = cop__row_key(row, table->key_position);
    struct cop__view space;
    struct cop__row *old =
        table->type == COP_DUPLICATE_BAG ? NULL : table->kind->find(table, key, row->hash, &space);

    if (!old || table->type == COP_DUPLICATE_BAG)
        return table->kind->insert(self, table, row);
    if (table->type != COP_BAG) {
        table->kind->replace(self, table, old, row);
        return true;
    }
    if (!find_object(table, row, old))
        return table->kind->insert(self, table, row);
    cop__row_free(self, row); /* it stays where it is */
    return true;
}

static void begin_several(struct cop__table *table)
{
    table->kind->lock_all(table);
    atomic_fetch_add_explicit(&table->several, 1, memory_order_relaxed);
    atomic_thread_fence(memory_order_release); /* odd comes before what is written */
}

static void end_several(struct cop__table *table)
{
    atomic_fetch_add_explicit(&table->several, 1, memory_order_release);
    table->kind->unlock_all(table);
}

/* ETS-17: OTP puts the objects of a list into a bag from the last on. */
static bool put_rows(struct cop__thr *self, struct cop__table *table, struct fresh *fresh)
{
    bool done = true;

    for (size_t i = 0; done && i < fresh->count; i++) {
        size_t at = table->type == COP_BAG ? fresh->count - 1 - i : i;

        done = put_row(self, table, fresh->rows[at]);
        if (done)
            fresh->rows[at] = NULL;
    }
    return done;
}

static bool any_there(const struct cop__table *table, const struct fresh *fresh)
{
    struct cop__view space;

    for (size_t i = 0; i < fresh->count; i++)
        if (table->kind->find(table, cop__row_key(fresh->rows[i], table->key_position),
                fresh->rows[i]->hash, &space))
            return true;
    return false;
}

/* True: they were put in. */
static bool insert(cop_term id, cop_term objects, bool only_new, const char *function)
{
    struct cop__table *table = cop__ets_begin(id, COP__RIGHT_WRITE, function);
    struct cop__thr *self = cop__own_thr();
    bool one, deleted, done = true, memory = true;
    struct fresh fresh;
    uint64_t hash;
    enum made made = make_rows(self, table, objects, &fresh);

    if (made != MADE || fresh.count == 0) {
        fresh_free(self, &fresh);
        if (made == MADE_BAD)
            fail(function);
        if (made == MADE_NO_MEMORY)
            no_memory();
        cop__ets_end();
        return true; /* of no objects */
    }
    one = fresh.count == 1;
    hash = fresh.rows[0]->hash;
    if (one)
        table->kind->lock_key(table, hash);
    else
        begin_several(table);
    deleted = atomic_load_explicit(&table->deleted, memory_order_relaxed);
    if (!deleted) {
        done = !only_new || !any_there(table, &fresh);
        memory = !done || put_rows(self, table, &fresh);
    }
    if (one)
        table->kind->unlock_key(table, hash);
    else
        end_several(table);
    if (!deleted && done && memory)
        fresh_done(&fresh);
    else
        fresh_free(self, &fresh);
    if (deleted)
        fail(function);
    if (!memory)
        no_memory();
    cop__ets_end();
    return done;
}

void cop_ets_insert(cop_term id, cop_term objects)
{
    insert(id, objects, false, "ets_insert");
}

bool cop_ets_insert_new(cop_term id, cop_term objects)
{
    return insert(id, objects, true, "ets_insert_new");
}

/* --- Taking out ------------------------------------------------------------------------------- */

/* Lock the key; the table may have been deleted since it was found. */
static void lock(struct cop__table *table, uint64_t hash, const char *function)
{
    table->kind->lock_key(table, hash);
    if (__builtin_expect(atomic_load_explicit(&table->deleted, memory_order_relaxed), 0)) {
        table->kind->unlock_key(table, hash);
        fail(function);
    }
}

/* All rows of a key; with `page`, they are noted before, with space for a view. Locked. */
static bool remove_key(struct cop__thr *self, struct cop__table *table, cop_term key, uint64_t hash,
    struct cop__page *page, struct cop__view *noted)
{
    struct cop__view space;
    struct cop__row *row;

    if (page) {
        for (row = table->kind->find(table, key, hash, noted); row;
             row = table->kind->find_more(table, row, key, hash)) {
            if (page->count == page->room && !cop__page_grow(page))
                return false;
            page->rows[page->count++] = row;
        }
    }
    while ((row = table->kind->find(table, key, hash, &space)))
        table->kind->remove(self, table, row);
    return true;
}

void cop_ets_delete(cop_term id, cop_term key)
{
    struct cop__table *table = cop__ets_begin(id, COP__RIGHT_WRITE, "ets_delete");
    uint64_t hash = cop__ets_hash(table, key);

    lock(table, hash, "ets_delete");
    remove_key(cop__own_thr(), table, key, hash, NULL, NULL);
    table->kind->unlock_key(table, hash);
    cop__ets_end();
}

/* What is taken out is retired, so it can be copied after it is unlocked. */
cop_term cop_ets_take(cop_term id, cop_term key)
{
    struct cop__table *table = cop__ets_begin(id, COP__RIGHT_WRITE, "ets_take");
    uint64_t hash = cop__ets_hash(table, key);
    struct cop__view space;
    cop_term list;
    bool done;
    PAGE_ON_STACK(page);

    lock(table, hash, "ets_take");
    done = remove_key(cop__own_thr(), table, key, hash, &page, &space);
    table->kind->unlock_key(table, hash);
    list = done ? list_of(&page) : cop_nil();
    cop__page_done(&page);
    if (!done)
        no_memory();
    cop__ets_end();
    return list;
}

void cop_ets_delete_object(cop_term id, cop_term object)
{
    struct cop__table *table = cop__ets_begin(id, COP__RIGHT_WRITE, "ets_delete_object");
    struct cop__view space;
    struct cop__row *row;
    cop_term key;
    uint64_t hash;

    if (!is_object(table, object))
        fail("ets_delete_object: no object of this table");
    key = cop_tuple_at(object, table->key_position - 1);
    hash = cop__ets_hash(table, key);
    lock(table, hash, "ets_delete_object");
    row = table->kind->find(table, key, hash, &space);
    while (row) {
        struct cop__row *next = table->kind->find_more(table, row, key, hash);

        if (cop_identical(cop__row_object(row), object))
            table->kind->remove(cop__own_thr(), table, row);
        row = next;
    }
    table->kind->unlock_key(table, hash);
    cop__ets_end();
}

void cop_ets_delete_all(cop_term id)
{
    struct cop__table *table = cop__ets_begin(id, COP__RIGHT_WRITE, "ets_delete_all_objects");
    bool deleted;

    begin_several(table);
    deleted = atomic_load_explicit(&table->deleted, memory_order_relaxed);
    if (!deleted)
        table->kind->clear(cop__own_thr(), table);
    end_several(table);
    if (deleted)
        fail("ets_delete_all_objects");
    cop__ets_end();
}

/* --- Changing elements ------------------------------------------------------------------------ */

/* A change: makes the new object of the old one, and what is returned. none: it is not in order. */
typedef cop_term change_fn(
    const struct cop__table *table, cop_term object, cop_term what, cop_term *ret_result);

/* A copy of the tuple with another element. */
static cop_term tuple_with(cop_term tuple, size_t index, cop_term element)
{
    size_t count = cop_tuple_size(tuple);
    uint64_t *words = cop__heap_alloc(cop__turn_heap(), count + 1);

    words[0] = cop__header(COP__TUPLE, count);
    for (size_t i = 0; i < count; i++)
        words[i + 1] = cop_tuple_at(tuple, i).word;
    words[index + 1] = element.word;
    return cop__from_box(words);
}

static cop_term with_key(const struct cop__table *table, cop_term object, cop_term key)
{
    return tuple_with(object, table->key_position - 1, key);
}

/* Is there still what there was? */
static bool is_same(const struct cop__row *now, const struct cop__row *before)
{
    if (!now || !before || !cop__row_is_view(now) || !cop__row_is_view(before))
        return now == before;
    return memcmp(now->tree, before->tree, COP__PAIR_WORDS * sizeof(uint64_t)) == 0;
}

/* The new row is made of the old one with nothing locked, and put in its place if that is still the
 * row of this key. */
static bool change(cop_term id, cop_term key, cop_term what, cop_term missing, change_fn *fn,
    cop_term *ret_result, const char *function)
{
    struct cop__table *table = cop__ets_begin(id, COP__RIGHT_WRITE, function);
    struct cop__thr *self = cop__own_thr();
    uint64_t hash = cop__ets_hash(table, key);
    struct cop__row *old, *row;
    struct cop__view space;
    cop_term object;
    bool same, done = true;

    if (cop__table_is_bag(table) || (!cop_is_none(missing) && !is_object(table, missing)))
        fail(function);
    do {
        old = read_one(table, key, hash);
        if (!old && cop_is_none(missing)) {
            cop__ets_end();
            return false;
        }
        object = old ? cop__row_object(old) : with_key(table, missing, key);
        object = fn(table, object, what, ret_result);
        if (cop_is_none(object))
            fail(function);
        row = make_row(self, table, object);
        if (!row)
            no_memory();
        table->kind->lock_key(table, hash);
        same = is_same(table->kind->find(table, key, hash, &space), old) &&
               !atomic_load_explicit(&table->deleted, memory_order_relaxed);
        if (same && old)
            table->kind->replace(self, table, old, row);
        else if (same)
            done = table->kind->insert(self, table, row);
        table->kind->unlock_key(table, hash);
        if (!same || !done)
            cop__row_free(self, row);
        if (!done)
            no_memory();
        if (atomic_load_explicit(&table->deleted, memory_order_relaxed))
            fail(function);
    } while (!same);
    if (!cop_is_none(*ret_result))
        *ret_result = cop_copy(*ret_result); /* it may lie in the old row */
    cop__ets_end();
    return true;
}

static bool element_at(
    const struct cop__table *table, cop_term object, cop_term position, size_t *ret_index)
{
    int64_t at;

    if (!cop_to_int(&at, position) || at < 1 || (uint64_t)at > cop_tuple_size(object) ||
        (uint64_t)at == table->key_position)
        return false;
    *ret_index = (size_t)at - 1;
    return true;
}

static cop_term put_element(const struct cop__table *table, cop_term object, cop_term change)
{
    size_t index;

    if (!cop__is_tuple(change) || cop_tuple_size(change) != 2 ||
        !element_at(table, object, cop_tuple_at(change, 0), &index))
        return COP_NONE;
    return tuple_with(object, index, cop_tuple_at(change, 1));
}

static cop_term put_elements(
    const struct cop__table *table, cop_term object, cop_term what, cop_term *ret_result)
{
    cop_term change;

    (void)ret_result;
    if (cop__is_tuple(what))
        return put_element(table, object, what);
    while (!cop_is_none(object) && cop_list_next(&change, &what))
        object = put_element(table, object, change);
    return cop__is_nil(what) ? object : COP_NONE;
}

bool cop_ets_update_element(cop_term id, cop_term key, cop_term elements, cop_term missing)
{
    cop_term result = COP_NONE;

    return change(id, key, elements, missing, put_elements, &result, "ets_update_element");
}

/* {Position, N} or {Position, N, Threshold, Value}: ETS-24, ETS-25. */
static cop_term add_one(
    const struct cop__table *table, cop_term object, cop_term change, cop_term *ret_result)
{
    size_t size = cop__is_tuple(change) ? cop_tuple_size(change) : 0, index;
    cop_term n, sum, threshold;
    int order;

    if ((size != 2 && size != 4) || !element_at(table, object, cop_tuple_at(change, 0), &index))
        return COP_NONE;
    n = cop_tuple_at(change, 1);
    if (!cop__is_integer(n) || !cop__is_integer(cop_tuple_at(object, index)))
        return COP_NONE;
    if (!cop__add(&sum, cop_tuple_at(object, index), n))
        return COP_NONE;
    if (size == 4) {
        threshold = cop_tuple_at(change, 2);
        if (!cop__is_integer(threshold) || !cop__is_integer(cop_tuple_at(change, 3)))
            return COP_NONE;
        order = cop_compare(sum, threshold);
        if (cop_compare(n, cop__small(0)) < 0 ? order < 0 : order > 0)
            sum = cop_tuple_at(change, 3);
    }
    *ret_result = sum;
    return tuple_with(object, index, sum);
}

static cop_term add_all(
    const struct cop__table *table, cop_term object, cop_term what, cop_term *ret_result)
{
    cop_term change, results = cop_nil(), result;

    if (cop__is_integer(what)) {
        uint64_t words[5] = { 0, 0, cop__header(COP__TUPLE, 2),
            cop__small((int64_t)table->key_position + 1).word, what.word };

        return add_one(table, object, cop__from_box(words + 2), ret_result);
    }
    if (cop__is_tuple(what))
        return add_one(table, object, what, ret_result);
    while (!cop_is_none(object) && cop_list_next(&change, &what)) {
        object = add_one(table, object, change, &result);
        results = cop_cons(result, results);
    }
    if (!cop__is_nil(what))
        return COP_NONE;
    *ret_result = cop_list_reverse(results);
    return object;
}

/* N, or {Position, N}, for the element that is not the key of a pair: a counter as most are. */
static bool is_plain_count(const struct cop__table *table, cop_term what, int64_t *ret_n)
{
    size_t other = 3 - table->key_position;

    if (cop__is_small(what)) {
        *ret_n = cop__small_value(what);
        return table->key_position == 1;
    }
    if (!cop__is_tuple(what) || cop_tuple_size(what) != 2 ||
        cop_tuple_at(what, 0).word != cop__small((int64_t)other).word ||
        !cop__is_small(cop_tuple_at(what, 1)))
        return false;
    *ret_n = cop__small_value(cop_tuple_at(what, 1));
    return true;
}

/* False: it is no such counter, or not there; nothing has happened. */
static bool count_in_place(cop_term id, cop_term key, cop_term what, cop_term *ret_sum)
{
    struct cop__table *table = cop__ets_begin(id, COP__RIGHT_WRITE, "ets_update_counter");
    uint64_t hash = cop__ets_hash(table, key);
    bool done = false;
    int64_t n;

    if (!cop__table_is_bag(table) && table->key_position <= 2 && is_plain_count(table, what, &n)) {
        lock(table, hash, "ets_update_counter");
        done = table->kind->add(table, key, hash, n, ret_sum);
        table->kind->unlock_key(table, hash);
    }
    cop__ets_end();
    return done;
}

cop_term cop_ets_update_counter(cop_term id, cop_term key, cop_term what, cop_term missing)
{
    cop_term result = COP_NONE;

    if (count_in_place(id, key, what, &result))
        return result;
    if (!change(id, key, what, missing, add_all, &result, "ets_update_counter"))
        cop__badarg("ets_update_counter: no such key");
    return result;
}

/* --- Keys in order ---------------------------------------------------------------------------- */

/* The key, or {Key, Objects}. */
static cop_term found(cop_term id, struct cop__table *table, struct cop__row *row, bool objects)
{
    cop_term key = row ? cop_copy(cop__row_key(row, table->key_position)) : COP_NONE;

    cop__ets_end();
    if (cop_is_none(key))
        return cop("'$end_of_table'");
    return objects ? cop("{Key, Objects}", key, cop_ets_lookup(id, key)) : key;
}

static cop_term end_key(cop_term id, bool last, bool objects, const char *function)
{
    struct cop__table *table = cop__ets_begin(id, COP__RIGHT_READ, function);
    struct cop__row *row;
    uint32_t begun;

    do {
        begun = table->kind->begin_read(table, 0);
        row = table->kind->end(table, last);
    } while (table->type == COP_ORDERED_SET && !table->kind->end_read(table, 0, begun));
    return found(id, table, row, objects);
}

static cop_term next_key(cop_term id, cop_term key, bool before, bool objects, const char *function)
{
    struct cop__table *table = cop__ets_begin(id, COP__RIGHT_READ, function);
    uint64_t hash = cop__ets_hash(table, key);
    struct cop__row *row;
    uint32_t begun;
    bool known;

    do {
        begun = table->kind->begin_read(table, hash);
        row = table->kind->neighbour(table, key, hash, before, &known);
    } while (!table->kind->end_read(table, hash, begun));
    if (!known)
        fail(function); /* ETS-30 */
    return found(id, table, row, objects);
}

cop_term cop_ets_first(cop_term table)
{
    return end_key(table, false, false, "ets_first");
}

cop_term cop_ets_last(cop_term table)
{
    return end_key(table, true, false, "ets_last");
}

cop_term cop_ets_next(cop_term table, cop_term key)
{
    return next_key(table, key, false, false, "ets_next");
}

cop_term cop_ets_previous(cop_term table, cop_term key)
{
    return next_key(table, key, true, false, "ets_prev");
}

cop_term cop_ets_first_lookup(cop_term table)
{
    return end_key(table, false, true, "ets_first_lookup");
}

cop_term cop_ets_last_lookup(cop_term table)
{
    return end_key(table, true, true, "ets_last_lookup");
}

cop_term cop_ets_next_lookup(cop_term table, cop_term key)
{
    return next_key(table, key, false, true, "ets_next_lookup");
}

cop_term cop_ets_previous_lookup(cop_term table, cop_term key)
{
    return next_key(table, key, true, true, "ets_prev_lookup");
}
