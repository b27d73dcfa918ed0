/* SPDX-License-Identifier: Apache-2.0 */
/* atomics and counters: arrays behind a reference that holds them (term/held.h). Layer 4.
 *
 * Counters that are written concurrently have a lane of cells for each core or so: a writer adds in
 * the lane of the core it is on, and a reader adds up the lanes. Lanes begin at a cache line, and a
 * line of one lane is never that of another. */
#include <coppice/atomics.h>

#include <sched.h>
#include <unistd.h>

#include "base/raise.h"
#include "term/held.h"

enum { LINE = 64, CELLS_OF_LINE = LINE / (int)sizeof(int64_t), LANES_MAX = 64 };
#define SIZE_MAX_OF_ARRAY ((size_t)1 << 32)

struct array {
    size_t size;
    size_t lanes; /* a power of two */
    size_t lane;  /* cells from one lane to the next */
    bool is_unsigned;
    _Alignas(LINE) _Atomic(int64_t) cells[];
};

static void release_atomics(struct cop__shared *shared)
{
    cop__held_free(shared);
}

static void release_counters(struct cop__shared *shared)
{
    cop__held_free(shared);
}

static cop_term new_array(
    cop__held_kind *kind, size_t size, size_t lanes, bool is_unsigned, const char *what)
{
    size_t lane = lanes == 1 ? size : (size + CELLS_OF_LINE - 1) / CELLS_OF_LINE * CELLS_OF_LINE;
    struct array *array;
    cop_term term;

    if (size == 0 || size > SIZE_MAX_OF_ARRAY)
        cop__raise("badarg", what);
    term = cop__held_new(
        cop_make_ref().id, sizeof *array + lanes * lane * sizeof array->cells[0], kind);
    if (cop_is_none(term))
        cop__raise("system_limit", "no memory for an array of counters");
    array = (struct array *)cop__held_of(term, kind)->data;
    array->size = size;
    array->lanes = lanes;
    array->lane = lane;
    array->is_unsigned = is_unsigned;
    return term;
}

static struct array *array_of(cop_term term, cop__held_kind *kind, const char *what)
{
    struct cop__held *held = cop__held_of(term, kind);

    if (__builtin_expect(!held, 0))
        cop__raise("badarg", what);
    return (struct array *)held->data;
}

static inline void check_index(const struct array *array, size_t index)
{
    if (__builtin_expect(index - 1 >= array->size, 0))
        cop__raise("badarg", "an array of counters has no such index: they begin at 1");
}

static size_t memory_of(const struct array *array)
{
    return sizeof(struct cop__held) + sizeof *array +
           array->lanes * array->lane * sizeof array->cells[0];
}

/* --- atomics ---------------------------------------------------------------------------------- */

static _Atomic(int64_t) *atomic_at(cop_term atomics, size_t index)
{
    struct array *array = array_of(atomics, release_atomics, "not a reference of cop_atomics_new");

    check_index(array, index);
    return &array->cells[index - 1];
}

cop_term cop_atomics_new_with(size_t size, const struct cop_atomics_options *options)
{
    return new_array(release_atomics, size, 1, options && options->is_unsigned,
        "cop_atomics_new: the size is 1 to 2^32");
}

int64_t cop_atomics_get(cop_term atomics, size_t index)
{
    return atomic_load(atomic_at(atomics, index));
}

void cop_atomics_put(cop_term atomics, size_t index, int64_t value)
{
    atomic_store(atomic_at(atomics, index), value);
}

void cop_atomics_add(cop_term atomics, size_t index, int64_t n)
{
    atomic_fetch_add(atomic_at(atomics, index), n);
}

/* The sums of C's atomics wrap around; those of C's integers must not. */
static int64_t wrapped(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a + (uint64_t)b);
}

static int64_t negated(int64_t n)
{
    return (int64_t)(0 - (uint64_t)n);
}

int64_t cop_atomics_add_get(cop_term atomics, size_t index, int64_t n)
{
    return wrapped(atomic_fetch_add(atomic_at(atomics, index), n), n);
}

void cop_atomics_sub(cop_term atomics, size_t index, int64_t n)
{
    atomic_fetch_sub(atomic_at(atomics, index), n);
}

int64_t cop_atomics_sub_get(cop_term atomics, size_t index, int64_t n)
{
    return wrapped(atomic_fetch_sub(atomic_at(atomics, index), n), negated(n));
}

int64_t cop_atomics_exchange(cop_term atomics, size_t index, int64_t value)
{
    return atomic_exchange(atomic_at(atomics, index), value);
}

bool cop_atomics_compare_exchange(
    cop_term atomics, size_t index, int64_t expected, int64_t desired, int64_t *ret_actual)
{
    bool done = atomic_compare_exchange_strong(atomic_at(atomics, index), &expected, desired);

    if (!done && ret_actual)
        *ret_actual = expected;
    return done;
}

cop_term cop_atomics_info(cop_term atomics)
{
    const struct array *array =
        array_of(atomics, release_atomics, "not a reference of cop_atomics_new");

    return cop("#{size => Size, min => Min, max => Max, memory => Memory}", (int64_t)array->size,
        array->is_unsigned ? cop_int(0) : cop_int(INT64_MIN),
        array->is_unsigned ? cop_uint(UINT64_MAX) : cop_int(INT64_MAX), (int64_t)memory_of(array));
}

/* --- counters --------------------------------------------------------------------------------- */

static struct array *counters_of(cop_term counters, size_t index)
{
    struct array *array =
        array_of(counters, release_counters, "not a reference of cop_counters_new");

    check_index(array, index);
    return array;
}

cop_term cop_counters_new_with(size_t size, const struct cop_counters_options *options)
{
    bool concurrent = options && options->write_concurrency;
    long cores = concurrent ? sysconf(_SC_NPROCESSORS_ONLN) : 1;
    size_t lanes = 1;

    while ((long)lanes < cores && lanes < LANES_MAX)
        lanes *= 2;
    return new_array(
        release_counters, size, lanes, false, "cop_counters_new: the size is 1 to 2^32");
}

/* Relaxed: a counter says nothing of other memory. */
void cop_counters_add(cop_term counters, size_t index, int64_t n)
{
    struct array *array = counters_of(counters, index);
    size_t lane = array->lanes == 1 ? 0 : (size_t)sched_getcpu() & (array->lanes - 1);

    atomic_fetch_add_explicit(
        &array->cells[lane * array->lane + index - 1], n, memory_order_relaxed);
}

void cop_counters_sub(cop_term counters, size_t index, int64_t n)
{
    cop_counters_add(counters, index, negated(n));
}

int64_t cop_counters_get(cop_term counters, size_t index)
{
    const struct array *array = counters_of(counters, index);
    int64_t sum = 0;

    for (size_t lane = 0; lane < array->lanes; lane++)
        sum = wrapped(sum, atomic_load_explicit(&array->cells[lane * array->lane + index - 1],
                               memory_order_relaxed));
    return sum;
}

void cop_counters_put(cop_term counters, size_t index, int64_t value)
{
    struct array *array = counters_of(counters, index);

    atomic_store_explicit(&array->cells[index - 1], value, memory_order_relaxed);
    for (size_t lane = 1; lane < array->lanes; lane++)
        atomic_store_explicit(
            &array->cells[lane * array->lane + index - 1], 0, memory_order_relaxed);
}

cop_term cop_counters_info(cop_term counters)
{
    const struct array *array = counters_of(counters, 1);

    return cop(
        "#{size => Size, memory => Memory}", (int64_t)array->size, (int64_t)memory_of(array));
}
