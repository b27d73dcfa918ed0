/* SPDX-License-Identifier: Apache-2.0 */
/* The total order of terms and the two equalities: TO-01 to TO-14. Layer 1.
 *
 * The hard idea: order is lexicographic, so the first difference decides and a walk needs only a
 * stack of runs still to be compared: two addresses, how many terms, and by which rules. Runs are
 * pushed in reverse, so that they come out left to right. */
#include "term/order.h"

#include "term/atoms.h"
#include "term/integer.h"
#include "term/map.h"
#include "term/node.h"
#include "term/stack.h"

enum rules { RULES_EQUAL, RULES_EXACT }; /* == or key order */

static enum cop_type type_rank(cop_term term)
{
    enum cop_type type = cop_type_of(term);

    return type == COP_TYPE_FLOAT ? COP_TYPE_INTEGER : type;
}

static int sign(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

static int compare_floats(double a, double b, enum rules rules)
{
    if (a < b || a > b)
        return a < b ? -1 : 1;
    if (rules == RULES_EQUAL)
        return 0;
    return !!__builtin_signbit(b) - !!__builtin_signbit(a);
}

static int compare_numbers(cop_term a, cop_term b, enum rules rules)
{
    bool a_float = !cop__is_integer(a), b_float = !cop__is_integer(b);

    if (!a_float && !b_float)
        return cop__integer_compare(a, b);
    if (a_float && b_float)
        return compare_floats(cop__float_value(a), cop__float_value(b), rules);
    if (rules == RULES_EXACT)
        return a_float ? 1 : -1;
    return a_float ? -cop__integer_compare_double(b, cop__float_value(a))
                   : cop__integer_compare_double(a, cop__float_value(b));
}

static int compare_bits(cop_term a, cop_term b)
{
    struct cop__bits x = cop__bits_of(a), y = cop__bits_of(b);
    size_t size = ((x.size < y.size ? x.size : y.size) + 7) / 8;
    int order = size ? memcmp(x.bytes, y.bytes, size) : 0;

    /* Unused bits are 0, so a prefix never looks larger than what it is a prefix of. */
    return order ? order : sign(x.size, y.size);
}

/* Push the run of `count` terms at a and b. */
static void push_run(
    struct cop__stack *stack, const cop_term *a, const cop_term *b, size_t count, enum rules rules)
{
    if (!count)
        return;
    cop__stack_push(stack, (uint64_t)(uintptr_t)a);
    cop__stack_push(stack, (uint64_t)(uintptr_t)b);
    cop__stack_push(stack, (uint64_t)count << 1 | (rules == RULES_EXACT));
}

/* By module, index and uniq; then by the free variables. Arity and creator follow from these. */
static int compare_closures(struct cop__stack *stack, cop_term a, cop_term b, enum rules rules)
{
    const cop_term *x = cop__elements(a), *y = cop__elements(b);
    int order = cop__atom_compare(
        cop__atom_index(x[COP__CLOSURE_MODULE]), cop__atom_index(y[COP__CLOSURE_MODULE]));

    for (int i = COP__CLOSURE_INDEX; !order && i <= COP__CLOSURE_OLD_UNIQ; i++)
        order = cop_compare(x[i], y[i]);
    if (!order)
        order = sign(cop__count(a), cop__count(b));
    if (!order)
        push_run(stack, x + COP__CLOSURE_FREE, y + COP__CLOSURE_FREE, cop__closure_free(a), rules);
    return order;
}

/* Compare the tops of two terms of one type; what is inside is pushed. */
static int compare_step(struct cop__stack *stack, cop_term a, cop_term b, enum rules rules,
    struct cop__map_pairs **scratch)
{
    enum cop_type rank = type_rank(a), other = type_rank(b);

    if (rank != other)
        return rank < other ? -1 : 1;
    switch (rank) {
    case COP_TYPE_INTEGER:
        return compare_numbers(a, b, rules);
    case COP_TYPE_ATOM:
        return cop__atom_compare(cop__atom_index(a), cop__atom_index(b));
    case COP_TYPE_REFERENCE:
    case COP_TYPE_PORT:
    case COP_TYPE_PID:
        return cop__identifier_compare(a, b);
    case COP_TYPE_FUN:
        if (cop__box_type(a) != cop__box_type(b)) /* closures are below external funs */
            return cop__box_type(a) == COP__FUN_CLOSURE ? -1 : 1;
        if (cop__box_type(a) == COP__FUN_CLOSURE)
            return compare_closures(stack, a, b, rules);
        push_run(stack, cop__elements(a), cop__elements(b), 3, rules);
        return 0;
    case COP_TYPE_TUPLE:
        if (cop__count(a) != cop__count(b))
            return sign(cop__count(a), cop__count(b));
        push_run(stack, cop__elements(a), cop__elements(b), cop__count(a), rules);
        return 0;
    case COP_TYPE_LIST:
        push_run(stack, cop__cell(a), cop__cell(b), 2, rules);
        return 0;
    case COP_TYPE_MAP: {
        const cop_term *x = cop__elements(a), *y = cop__elements(b);
        size_t count = cop__count(a);

        if (count != cop__count(b))
            return sign(count, cop__count(b));
        if (cop__box_type(a) == COP__MAP_LARGE) {
            x = cop__map_sorted(a, scratch);
            y = cop__map_sorted(b, scratch);
        }
        push_run(stack, x + count, y + count, count, rules); /* values, after the keys */
        push_run(stack, x, y, count, RULES_EXACT);
        return 0;
    }
    case COP_TYPE_BITSTRING:
        return compare_bits(a, b);
    default: /* none and nil have one value */
        return 0;
    }
}

static int compare(cop_term a, cop_term b, enum rules rules)
{
    struct cop__map_pairs *scratch = NULL;
    struct cop__stack stack;
    int order;

    cop__stack_init(&stack);
    order = compare_step(&stack, a, b, rules, &scratch);
    while (!order && stack.used) {
        uint64_t *top = stack.items + stack.used - 3;
        const cop_term *x = (const cop_term *)(uintptr_t)top[0];
        const cop_term *y = (const cop_term *)(uintptr_t)top[1];

        rules = top[2] & 1 ? RULES_EXACT : RULES_EQUAL;
        top[0] += sizeof(*x);
        top[1] += sizeof(*y);
        top[2] -= 2;
        if (top[2] < 2)
            stack.used -= 3;
        if (x->word != y->word)
            order = compare_step(&stack, *x, *y, rules, &scratch);
    }
    cop__stack_done(&stack);
    cop__map_pairs_free(scratch);
    return order < 0 ? -1 : order > 0;
}

int cop_compare(cop_term a, cop_term b)
{
    if (a.word == b.word)
        return 0;
    if (cop__is_small(a) && cop__is_small(b))
        return cop__small_value(a) < cop__small_value(b) ? -1 : 1;
    return compare(a, b, RULES_EQUAL);
}

int cop__compare_exact(cop_term a, cop_term b)
{
    if (a.word == b.word)
        return 0;
    if (cop__is_atom(a) && cop__is_atom(b))
        return cop__atom_compare(cop__atom_index(a), cop__atom_index(b));
    return compare(a, b, RULES_EXACT);
}

/* --- Equality: as above, but nothing needs an order, and maps of one size can be walked as they
 * lie, since their shape depends on their keys only (rule TERM-7) -------------------------------
 */

/* Children of two nodes of large maps: of a pair, the key is always compared exactly. */
static bool same_children(
    struct cop__stack *stack, const cop_term *a, const cop_term *b, size_t count, enum rules rules)
{
    for (size_t i = 0; i < count; i++) {
        if (a[i].word == b[i].word)
            continue;
        if (cop__is_cons(a[i]) != cop__is_cons(b[i]))
            return false;
        if (cop__is_cons(a[i])) {
            push_run(stack, cop__cell(a[i]) + 1, cop__cell(b[i]) + 1, 1, rules);
            push_run(stack, cop__cell(a[i]), cop__cell(b[i]), 1, RULES_EXACT);
        } else {
            push_run(stack, a + i, b + i, 1, rules);
        }
    }
    return true;
}

/* Small tuples that are not the same mostly differ in an immediate, and others have their parts in
 * common: that shows without a walk. */
enum { GLANCE_MAX = 8 };
static enum glance {
    GLANCE_SAME,
    GLANCE_DIFFERENT,
    GLANCE_WALK
} glance(const cop_term *a, const cop_term *b, size_t count)
{
    enum glance glance = GLANCE_SAME;

    for (size_t i = 0; i < count; i++) {
        if (a[i].word == b[i].word)
            continue;
        if (cop__is_immediate(a[i]) || cop__is_immediate(b[i]))
            return GLANCE_DIFFERENT; /* where 1 is not 1.0 */
        glance = GLANCE_WALK;
    }
    return glance;
}

static bool same_step(struct cop__stack *stack, cop_term a, cop_term b, enum rules rules)
{
    uint64_t *x, *y;
    struct cop__payload payload;

    if (a.word == b.word)
        return true;
    if (cop__is_cons(a) && cop__is_cons(b)) {
        push_run(stack, cop__cell(a), cop__cell(b), 2, rules);
        return true;
    }
    if (!cop__is_boxed(a) || !cop__is_boxed(b)) {
        if (rules == RULES_EXACT || !(cop__is_float(a) || cop__is_float(b)))
            return false;
        /* an integer and a float */
        return (cop__is_small(a) || cop__is_small(b)) && compare_numbers(a, b, rules) == 0;
    }
    x = cop__box(a);
    y = cop__box(b);
    if (rules == RULES_EQUAL && (cop__is_float(a) || cop__is_float(b)))
        return (cop__is_float(a) || cop__is_big(a)) && (cop__is_float(b) || cop__is_big(b)) &&
               compare_numbers(a, b, rules) == 0;
    if (*x != *y)
        return false;
    if (cop__header_type(*x) == COP__REF_HELD)
        return cop__held_word(a) == cop__held_word(b);
    if (cop__header_type(*x) == COP__COUNTED)
        return compare_bits(a, b) == 0;
    payload = cop__payload(*x);
    if (payload.raw)
        return memcmp(x + 1, y + 1, payload.raw * sizeof(*x)) == 0;
    switch (cop__header_type(*x)) {
    case COP__MAP_SMALL:
        push_run(stack, cop__elements(a) + payload.terms / 2, cop__elements(b) + payload.terms / 2,
            payload.terms / 2, rules);
        push_run(stack, cop__elements(a), cop__elements(b), payload.terms / 2, RULES_EXACT);
        return true;
    case COP__FUN_CLOSURE:
        push_run(
            stack, cop__elements(a), cop__elements(b), payload.terms - COP__CLOSURE_REST, rules);
        return true;
    case COP__MAP_NODE:
    case COP__MAP_CLASH:
        return same_children(stack, cop__elements(a), cop__elements(b), payload.terms, rules);
    default:
        if (rules == RULES_EXACT && payload.terms <= GLANCE_MAX) {
            enum glance seen = glance(cop__elements(a), cop__elements(b), payload.terms);

            if (seen != GLANCE_WALK)
                return seen == GLANCE_SAME;
        }
        push_run(stack, cop__elements(a), cop__elements(b), payload.terms, rules);
        return true;
    }
}

static bool same(cop_term a, cop_term b, enum rules rules)
{
    struct cop__stack stack;
    bool equal;

    cop__stack_init(&stack);
    equal = same_step(&stack, a, b, rules);
    while (equal && stack.used) {
        uint64_t *top = stack.items + stack.used - 3;
        const cop_term *x = (const cop_term *)(uintptr_t)top[0];
        const cop_term *y = (const cop_term *)(uintptr_t)top[1];

        rules = top[2] & 1 ? RULES_EXACT : RULES_EQUAL;
        top[0] += sizeof(*x);
        top[1] += sizeof(*y);
        top[2] -= 2;
        if (top[2] < 2)
            stack.used -= 3;
        if (x->word != y->word)
            equal = same_step(&stack, *x, *y, rules);
    }
    cop__stack_done(&stack);
    return equal;
}

bool cop__identical_slow(cop_term a, cop_term b)
{
    return same(a, b, RULES_EXACT);
}

bool cop_identical(cop_term a, cop_term b)
{
    return cop__identical(a, b);
}

bool cop_equal(cop_term a, cop_term b)
{
    if (a.word == b.word)
        return true;
    if (cop__is_small(a) && cop__is_small(b))
        return false;
    return same(a, b, RULES_EQUAL);
}
