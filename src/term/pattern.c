/* SPDX-License-Identifier: Apache-2.0 */
/* Running patterns: what cop(...) and cop_match(...) call. Layer 1.
 *
 * The hard idea: most patterns are a flat tuple of atoms and variables. For these the instructions
 * are the elements themselves, and one loop builds or matches; the rest run on a small stack. What
 * is captured is stored only after the last comparison. */
#include "term/pattern.h"

#include <stdio.h>
#include <stdlib.h>

#include "term/atoms.h"
#include "term/integer.h"
#include "term/map.h"
#include "term/order.h"

/* --- First use ---------------------------------------------------------------------------------
 */

static void complain_count(const struct cop__pattern *pattern, const struct cop__code *code)
{
    fprintf(stderr, "%s:%d: pattern \"%s\" names %u variable%s, %d %s given\n", pattern->file,
        pattern->line, pattern->text, code->arguments, code->arguments == 1 ? "" : "s",
        pattern->arguments, pattern->arguments == 1 ? "was" : "were");
    abort();
}

static void complain_syntax(const struct cop__pattern *pattern, const struct cop_parse_error *error)
{
    fprintf(stderr, "%s:%d: pattern \"%s\": at character %d: %s\n", pattern->file, pattern->line,
        pattern->text, error->column, error->message);
    abort();
}

static __attribute__((noinline, cold)) struct cop__code *first_use(
    struct cop__pattern *pattern, enum cop__purpose purpose)
{
    cop_bytes text = { pattern->text, strlen(pattern->text) };
    struct cop_parse_error error;
    struct cop__code *code = cop__pattern_compile(text, purpose, &error), *other = NULL;

    if (!code)
        complain_syntax(pattern, &error);
    if ((int)code->arguments != pattern->arguments)
        complain_count(pattern, code);
    if (cop__is_immediate(code->constant))
        __atomic_store_n(&pattern->word, code->constant.word, __ATOMIC_RELAXED);
    /* release: pairs with the acquire in code_of */
    if (__atomic_compare_exchange_n(
            &pattern->code, &other, code, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
        return code;
    cop__pattern_free(code);
    return other;
}

static inline struct cop__code *code_of(struct cop__pattern *pattern, enum cop__purpose purpose)
{
    struct cop__code *code = __atomic_load_n(&pattern->code, __ATOMIC_ACQUIRE);

    return __builtin_expect(!code, 0) ? first_use(pattern, purpose) : code;
}

/* --- Building ----------------------------------------------------------------------------------
 */

static cop_term build_flat(const struct cop__code *code, const cop_term *arguments)
{
    size_t count = code->count;
    uint64_t *box = cop__heap_alloc(cop__turn_heap(), count + 1);

    box[0] = code->flat;
    for (size_t i = 0; i < count; i++) {
        uint64_t op = code->ops[i];

        box[i + 1] = cop__is_header(op) ? arguments[op >> 8].word : op;
    }
    return cop__from_box(box);
}

static cop_term build_list(struct cop__heap *heap, const cop_term *items, size_t count)
{
    cop_term *cells = (cop_term *)cop__heap_alloc(heap, 2 * count);

    for (size_t i = 0; i < count; i++) {
        cells[2 * i] = items[i];
        cells[2 * i + 1] = i + 1 < count ? cop__from_cell(cells + 2 * i + 2) : items[count];
    }
    return cop__from_cell(cells);
}

static __attribute__((noinline)) cop_term build_any(
    const struct cop__code *code, const cop_term *arguments)
{
    struct cop__heap *heap = cop__turn_heap();
    cop_term stack[COP__STACK_MAX], term;
    size_t used = 0;

    for (size_t i = 0; i < code->count; i++) {
        uint64_t op = code->ops[i];
        size_t number = op >> 8;

        switch (cop__is_header(op) ? op & 0xff : 0) {
        case COP__OP_VARIABLE:
            term = arguments[number];
            break;
        case COP__OP_TUPLE:
            used -= number;
            term = cop__new_tuple(heap, number);
            memcpy(cop__elements(term), stack + used, number * sizeof(term));
            break;
        case COP__OP_LIST:
            used -= number + 1;
            term = build_list(heap, stack + used, number);
            break;
        case COP__OP_MAP:
            used -= 2 * number;
            term = cop__new_map(heap, stack + used, number);
            break;
        default: /* a constant */
            term.word = op;
        }
        stack[used++] = term;
    }
    return stack[0];
}

cop_term cop__build(struct cop__pattern *pattern, const cop_term *arguments)
{
    const struct cop__code *code = code_of(pattern, COP__TO_BUILD);

    if (code->flat)
        return build_flat(code, arguments);
    if (code->single)
        return arguments[0];
    return cop_is_none(code->constant) ? build_any(code, arguments) : code->constant;
}

/* --- Matching: what fits, and storing it -------------------------------------------------------
 */

static bool fits_integer(cop_term term, int64_t min, int64_t max)
{
    return cop__is_small(term) && cop__small_value(term) >= min && cop__small_value(term) <= max;
}

static __attribute__((noinline)) bool fits(enum cop__kind kind, cop_term term)
{
    union {
        int64_t integer;
        uint64_t natural;
        double number;
        bool truth;
        cop_pid pid;
        cop_bytes bytes;
    } ignored;

    switch (kind) {
    case COP__TO_INT8:
        return fits_integer(term, INT8_MIN, INT8_MAX);
    case COP__TO_UINT8:
        return fits_integer(term, 0, UINT8_MAX);
    case COP__TO_INT16:
        return fits_integer(term, INT16_MIN, INT16_MAX);
    case COP__TO_UINT16:
        return fits_integer(term, 0, UINT16_MAX);
    case COP__TO_INT32:
        return fits_integer(term, INT32_MIN, INT32_MAX);
    case COP__TO_UINT32:
        return fits_integer(term, 0, UINT32_MAX);
    case COP__TO_INT64:
        return cop__is_small(term) || cop_to_int(&ignored.integer, term);
    case COP__TO_UINT64:
        return cop_to_uint(&ignored.natural, term);
    case COP__TO_DOUBLE:
        return cop_to_double(&ignored.number, term);
    case COP__TO_BOOL:
        return cop_to_bool(&ignored.truth, term);
    case COP__TO_ATOM:
        return cop__is_atom(term);
    case COP__TO_PID:
        return cop_to_pid(&ignored.pid, term);
    case COP__TO_REF:
        return cop__is_local_ref(term);
    case COP__TO_BYTES:
        return cop_is_binary(term);
    default:
        return true;
    }
}

/* The term fits. */
static __attribute__((noinline)) void store(struct cop__place place, cop_term term)
{
    void *to = (void *)(uintptr_t)place.word;

    switch ((enum cop__kind)place.kind) {
    case COP__BOUND:
        break;
    case COP__TO_TERM:
        *(cop_term *)to = term;
        break;
    case COP__TO_INT8:
    case COP__TO_UINT8:
        *(uint8_t *)to = (uint8_t)cop__small_value(term);
        break;
    case COP__TO_INT16:
    case COP__TO_UINT16:
        *(uint16_t *)to = (uint16_t)cop__small_value(term);
        break;
    case COP__TO_INT32:
    case COP__TO_UINT32:
        *(uint32_t *)to = (uint32_t)cop__small_value(term);
        break;
    case COP__TO_INT64:
        cop_to_int(to, term);
        break;
    case COP__TO_UINT64:
        cop_to_uint(to, term);
        break;
    case COP__TO_DOUBLE:
        cop_to_double(to, term);
        break;
    case COP__TO_BOOL:
        cop_to_bool(to, term);
        break;
    case COP__TO_ATOM:
        cop_to_atom(to, term);
        break;
    case COP__TO_PID:
        cop_to_pid(to, term);
        break;
    case COP__TO_REF:
        cop_to_ref(to, term);
        break;
    case COP__TO_BYTES:
        cop_to_bytes(to, term);
        break;
    }
}

/* The kinds whose usual term is told by its tag alone; the others have a tag that no term has. */
enum { NO_TAG = 0xff };
static const uint8_t usual_tag[] = {
    [COP__BOUND] = NO_TAG,
    [COP__TO_TERM] = NO_TAG,
    [COP__TO_INT8] = NO_TAG,
    [COP__TO_UINT8] = NO_TAG,
    [COP__TO_INT16] = NO_TAG,
    [COP__TO_UINT16] = NO_TAG,
    [COP__TO_INT32] = NO_TAG,
    [COP__TO_UINT32] = NO_TAG,
    [COP__TO_INT64] = COP__TAG_SMALL,
    [COP__TO_UINT64] = NO_TAG,
    [COP__TO_DOUBLE] = NO_TAG,
    [COP__TO_BOOL] = NO_TAG,
    [COP__TO_ATOM] = COP__TAG_ATOM,
    [COP__TO_PID] = COP__TAG_PID,
    [COP__TO_REF] = COP__TAG_REF,
    [COP__TO_BYTES] = NO_TAG,
};

static inline bool accepts(struct cop__place place, cop_term term)
{
    if (usual_tag[place.kind] == (term.word & 15) || place.kind == COP__TO_TERM)
        return true;
    return place.kind == COP__BOUND ? cop__identical(cop__word(place.word), term)
                                    : fits((enum cop__kind)place.kind, term);
}

/* As store, without a call for what programs capture most. */
static inline void capture(struct cop__place place, cop_term term)
{
    void *to = (void *)(uintptr_t)place.word;

    if (place.kind == COP__TO_INT64 && cop__is_small(term))
        *(int64_t *)to = cop__small_value(term);
    else if (place.kind == COP__TO_PID && cop__is_local_pid(term))
        *(cop_pid *)to = (cop_pid){ term.word, 0 };
    else if (place.kind == COP__TO_TERM)
        *(cop_term *)to = term;
    else if (place.kind != COP__BOUND)
        store(place, term);
}

/* One place is of a kind that its term's tag does not decide. */
static __attribute__((noinline)) bool match_places(
    const struct cop__code *code, const uint64_t *box, const struct cop__place *places)
{
    for (size_t i = 0; i < code->arguments; i++)
        if (!accepts(places[i], cop__word(box[code->where[i]])))
            return false;
    for (size_t i = 0; i < code->arguments; i++)
        capture(places[i], cop__word(box[code->where[i]]));
    return true;
}

/* No call while the constants differ, or all places are pids, integers or terms. */
static inline bool match_flat(
    const struct cop__code *code, cop_term term, const struct cop__place *places)
{
    const uint64_t *box = cop__box(term);

    if (!cop__is_boxed(term) || box[0] != code->flat)
        return false;
    for (size_t i = 0; i < code->fixed; i++)
        if (box[code->fixed_at[i]] != code->ops[code->fixed_at[i] - 1])
            return false;
    for (size_t i = 0; i < code->arguments; i++) {
        uint64_t word = box[code->where[i]], kind = places[i].kind;

        if (kind == COP__TO_PID
                ? (word & 15) != COP__TAG_PID
                : kind != COP__TO_TERM && (kind != COP__TO_INT64 || (word & 15) != COP__TAG_SMALL))
            return match_places(code, box, places);
    }
    for (size_t i = 0; i < code->arguments; i++) {
        uint64_t word = box[code->where[i]], kind = places[i].kind;
        uint64_t *to = (uint64_t *)(uintptr_t)places[i].word;

        to[0] = kind == COP__TO_INT64 ? (uint64_t)cop__small_value(cop__word(word)) : word;
        if (kind == COP__TO_PID)
            to[1] = 0;
    }
    return true;
}

/* "Value" */
static inline bool match_single(cop_term term, const struct cop__place *place)
{
    if (!accepts(*place, term))
        return false;
    capture(*place, term);
    return true;
}

/* The key of an OP_KEY; a variable must have a value by now. */
static cop_term key_of(const struct cop__pattern *pattern, uint64_t op,
    const struct cop__place *places, const cop_term *slots)
{
    size_t slot = op >> 8;

    if (!cop__is_header(op))
        return cop__word(op);
    if (places[slot].kind == COP__BOUND)
        return cop__word(places[slot].word);
    if ((op & 0xff) == COP__OP_SAME)
        return slots[slot];
    fprintf(stderr, "%s:%d: pattern \"%s\": a key must be a value, not an address\n", pattern->file,
        pattern->line, pattern->text);
    abort();
}

static __attribute__((noinline)) bool match_any(const struct cop__pattern *pattern,
    const struct cop__code *code, cop_term term, const struct cop__place *places)
{
    cop_term slots[COP__SLOTS_MAX], stack[COP__STACK_MAX]; /* a slot is read after it is written */
    size_t used = 0;

    stack[used++] = term;
    for (size_t i = 0; i < code->count; i++) {
        uint64_t op = code->ops[i];
        size_t number = op >> 8;

        switch (cop__is_header(op) ? op & 0xff : 0) {
        case COP__OP_VARIABLE:
            term = stack[--used];
            if (number < COP__ARGUMENTS_MAX && !accepts(places[number], term))
                return false;
            slots[number] = term;
            break;
        case COP__OP_SAME:
            if (!cop__identical(slots[number], stack[--used]))
                return false;
            break;
        case COP__OP_ANY:
            used--;
            break;
        case COP__OP_TUPLE:
            term = stack[--used];
            if (!cop__is_tuple(term) || cop__count(term) != number)
                return false;
            for (size_t j = number; j--;)
                stack[used++] = cop__elements(term)[j];
            break;
        case COP__OP_CONS:
            term = stack[--used];
            if (!cop__is_cons(term))
                return false;
            stack[used++] = cop__cell(term)[1];
            stack[used++] = cop__cell(term)[0];
            break;
        case COP__OP_MAP:
            if (!cop__is_map(stack[used - 1]))
                return false;
            break;
        case COP__OP_KEY:
            op = code->ops[++i];
            if (!cop__map_find(&stack[used], stack[used - 1], key_of(pattern, op, places, slots)))
                return false;
            if (cop__is_header(op) && places[op >> 8].kind == COP__BOUND)
                slots[op >> 8].word = places[op >> 8].word;
            used++;
            break;
        case COP__OP_MAP_END:
            used--;
            break;
        default: /* a constant */
            if (!cop__identical(stack[--used], cop__word(op)))
                return false;
        }
    }
    for (size_t i = 0; i < code->arguments; i++)
        capture(places[i], slots[i]);
    return true;
}

bool cop__match(cop_term term, struct cop__pattern *pattern, const struct cop__place *places)
{
    const struct cop__code *code = code_of(pattern, COP__TO_MATCH);

    if (code->flat)
        return match_flat(code, term, places);
    if (code->single)
        return match_single(term, places);
    if (!cop_is_none(code->constant))
        return cop__identical(term, code->constant);
    return match_any(pattern, code, term, places);
}
