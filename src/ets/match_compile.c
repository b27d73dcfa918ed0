/* SPDX-License-Identifier: Apache-2.0 */
/* Match specifications from terms to code. Layer 4.
 *
 * What has no variable in it is one comparison, however large. What has may be nested NESTING_MAX
 * deep, which bounds the recursion here. The stack that a run will need is counted while compiling.
 */
#include "ets/match_spec.h"

#include <coppice/process.h>

#include "term/stack.h"

enum { NESTING_MAX = 500, VARIABLE_DIGITS_MAX = 9 };

struct compiling {
    cop_match_spec *spec;
    struct cop__match_clause *clause;
    uint32_t *numbers; /* of the clause's variables: '$N' is numbers[index] == N */
    size_t numbers_room;
    size_t level; /* of the run's stack, at this point of the code */
    bool in_body; /* what is pushed outlives the specification */
};

static void grow_code(cop_match_spec *spec)
{
    size_t room = spec->code_room ? 2 * spec->code_room : 16;
    struct cop__match_code *code = cop_alloc(room * sizeof *code);

    /* kept terms remember their place, so they are moved by keeping them anew */
    for (size_t i = 0; i < spec->code_count; i++) {
        code[i] = spec->code[i];
        code[i].term = COP_NONE;
        if (!cop_is_none(spec->code[i].term))
            cop_keep(&code[i].term, spec->code[i].term);
        cop_keep_clear(&spec->code[i].term);
    }
    cop_free(spec->code);
    spec->code = code;
    spec->code_room = room;
}

/* How the stack changes with it: by `change`. */
static struct cop__match_code *emit(
    struct compiling *compiling, enum cop__match_op op, size_t number, int64_t change)
{
    cop_match_spec *spec = compiling->spec;
    struct cop__match_code *code;

    if (spec->code_count == spec->code_room)
        grow_code(spec);
    code = &spec->code[spec->code_count++];
    code->op = op;
    code->number = (uint32_t)number;
    compiling->level = (size_t)((int64_t)compiling->level + change);
    if (compiling->level > spec->stack_max)
        spec->stack_max = compiling->level;
    return code;
}

/* --- Variables -----------------------------------------------------------------------------------
 */

/* '$N', N without a leading 0. */
static bool is_variable(cop_term term, uint32_t *ret_number)
{
    cop_bytes text = { NULL, 0 };
    uint32_t number = 0;

    if (!cop__is_atom(term) || !cop_to_text(&text, term) || text.size < 2 ||
        text.size > 1 + VARIABLE_DIGITS_MAX || text.data[0] != '$')
        return false;
    if (text.data[1] == '0' && text.size > 2)
        return false;
    for (size_t i = 1; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        number = 10 * number + (uint32_t)(text.data[i] - '0');
    }
    *ret_number = number;
    return true;
}

static bool is_anything(cop_term term)
{
    cop_bytes text = { NULL, 0 };

    return cop__is_atom(term) && cop_to_text(&text, term) && text.size == 1 && *text.data == '_';
}

/* The index of a variable; the count of them when it is new. */
static size_t variable_at(const struct compiling *compiling, uint32_t number)
{
    size_t i = 0;

    while (i < compiling->clause->variable_count && compiling->numbers[i] != number)
        i++;
    return i;
}

static size_t add_variable(struct compiling *compiling, uint32_t number)
{
    size_t count = compiling->clause->variable_count;

    if (count == compiling->numbers_room) {
        size_t room = count ? 2 * count : 8;
        uint32_t *numbers = cop_alloc(room * sizeof *numbers);

        if (count)
            memcpy(numbers, compiling->numbers, count * sizeof *numbers);
        cop_free(compiling->numbers);
        compiling->numbers = numbers;
        compiling->numbers_room = room;
    }
    compiling->numbers[count] = number;
    if (++compiling->clause->variable_count > compiling->spec->variable_max)
        compiling->spec->variable_max = count + 1;
    return count;
}

/* --- Heads ---------------------------------------------------------------------------------------
 */

/* No variable, no '_', and no map, which would match larger ones. */
static bool is_constant(cop_term term)
{
    struct cop__stack stack;
    bool constant = true;
    uint32_t number;

    cop__stack_init(&stack);
    cop__stack_push(&stack, term.word);
    while (constant && stack.used) {
        cop_term one = cop__word(cop__stack_pop(&stack));

        if (cop__is_cons(one)) {
            cop__stack_push(&stack, cop__cell(one)[0].word);
            cop__stack_push(&stack, cop__cell(one)[1].word);
        } else if (cop__is_tuple(one)) {
            for (size_t i = 0; i < cop__count(one); i++)
                cop__stack_push(&stack, cop__elements(one)[i].word);
        } else if (cop__is_map(one) || is_anything(one) || is_variable(one, &number)) {
            constant = false;
        }
    }
    cop__stack_done(&stack);
    return constant;
}

static void emit_constant(struct compiling *compiling, enum cop__match_op op, cop_term term)
{
    struct cop__match_code *code =
        emit(compiling, op, compiling->in_body, op == COP__MATCH_CONST ? -1 : 1);

    cop_keep(&code->term, term);
}

static bool compile_head(struct compiling *compiling, cop_term term, size_t depth);

static bool compile_map_head(struct compiling *compiling, cop_term map, size_t depth)
{
    size_t pairs = cop_map_size(map), i = 0;
    cop_term *keys = cop__scratch_new((pairs ? pairs : 1) * sizeof *keys, "a match specification");
    cop_term key, value;
    bool ok = true;

    for (cop_map_iterator at = cop_map_begin(map); cop_map_next(&key, &value, &at);) {
        keys[i++] = key;
        ok = ok && is_constant(key);
    }
    cop_keep(&emit(compiling, COP__MATCH_MAP, pairs, (int64_t)pairs - 1)->term,
        cop_tuple_from(keys, pairs));
    cop__scratch_free(keys);
    for (cop_map_iterator at = cop_map_begin(map); ok && cop_map_next(&key, &value, &at);)
        ok = compile_head(compiling, value, depth + 1);
    return ok;
}

static bool compile_head(struct compiling *compiling, cop_term term, size_t depth)
{
    uint32_t number;
    size_t index;

    if (depth > NESTING_MAX)
        return false;
    for (; cop__is_cons(term) && !is_constant(term); term = cop__cell(term)[1]) {
        emit(compiling, COP__MATCH_CONS, 0, 1);
        if (!compile_head(compiling, cop__cell(term)[0], depth + 1))
            return false;
    }
    if (is_anything(term)) {
        emit(compiling, COP__MATCH_ANY, 0, -1);
    } else if (is_variable(term, &number)) {
        index = variable_at(compiling, number);
        if (index == compiling->clause->variable_count)
            emit(compiling, COP__MATCH_BIND, add_variable(compiling, number), -1);
        else
            emit(compiling, COP__MATCH_SAME, index, -1);
    } else if (cop__is_map(term)) {
        return compile_map_head(compiling, term, depth);
    } else if (is_constant(term)) {
        emit_constant(compiling, COP__MATCH_CONST, term);
    } else { /* a tuple */
        emit(compiling, COP__MATCH_TUPLE, cop__count(term), (int64_t)cop__count(term) - 1);
        for (size_t i = 0; i < cop__count(term); i++)
            if (!compile_head(compiling, cop__elements(term)[i], depth + 1))
                return false;
    }
    return true;
}

/* --- Expressions ---------------------------------------------------------------------------------
 */

static bool compile_expression(struct compiling *compiling, cop_term term, size_t depth);

/* {'andalso', A, ...}, {'orelse', A, ...}: each but the last may end it. */
static bool compile_short_circuit(
    struct compiling *compiling, cop_term tuple, enum cop__match_op op, size_t depth)
{
    size_t count = cop__count(tuple), first = compiling->spec->code_count;

    if (count < 2)
        return false;
    for (size_t i = 1; i < count; i++) {
        if (!compile_expression(compiling, cop__elements(tuple)[i], depth + 1))
            return false;
        if (i + 1 < count)
            emit(compiling, op, UINT32_MAX, -1); /* where to is known at the end */
    }
    for (size_t i = first; i < compiling->spec->code_count; i++)
        if (compiling->spec->code[i].op == op && compiling->spec->code[i].number == UINT32_MAX)
            compiling->spec->code[i].number = (uint32_t)compiling->spec->code_count;
    return true;
}

static bool compile_call(struct compiling *compiling, cop_term tuple, size_t depth)
{
    size_t count = cop__count(tuple) - 1;
    cop__match_function *function = cop__match_function_of(cop__elements(tuple)[0], count);

    if (!function)
        return false;
    for (size_t i = 0; i < count; i++)
        if (!compile_expression(compiling, cop__elements(tuple)[1 + i], depth + 1))
            return false;
    emit(compiling, COP__MATCH_CALL, count, 1 - (int64_t)count)->function = function;
    return true;
}

static bool compile_tuple(struct compiling *compiling, cop_term tuple, size_t depth)
{
    cop_term first = cop__count(tuple) ? cop__elements(tuple)[0] : COP_NONE;
    cop_bytes name = { NULL, 0 };

    if (cop__count(tuple) == 1 && cop__is_tuple(first)) {
        for (size_t i = 0; i < cop__count(first); i++)
            if (!compile_expression(compiling, cop__elements(first)[i], depth + 1))
                return false;
        emit(compiling, COP__MATCH_MAKE_TUPLE, cop__count(first), 1 - (int64_t)cop__count(first));
        return true;
    }
    if (!cop__is_atom(first) || !cop_to_text(&name, first))
        return false;
    if (strcmp(name.data, "const") == 0) {
        if (cop__count(tuple) != 2)
            return false;
        emit_constant(compiling, COP__MATCH_PUSH, cop__elements(tuple)[1]);
        return true;
    }
    if (strcmp(name.data, "andalso") == 0)
        return compile_short_circuit(compiling, tuple, COP__MATCH_AND_THEN, depth);
    if (strcmp(name.data, "orelse") == 0)
        return compile_short_circuit(compiling, tuple, COP__MATCH_OR_ELSE, depth);
    return compile_call(compiling, tuple, depth);
}

static bool compile_list(struct compiling *compiling, cop_term list, size_t depth)
{
    size_t count = 0;

    for (; cop__is_cons(list); list = cop__cell(list)[1], count++)
        if (!compile_expression(compiling, cop__cell(list)[0], depth + 1))
            return false;
    if (!compile_expression(compiling, list, depth + 1))
        return false;
    emit(compiling, COP__MATCH_MAKE_LIST, count, -(int64_t)count);
    return true;
}

static bool compile_map(struct compiling *compiling, cop_term map, size_t depth)
{
    size_t pairs = cop_map_size(map);
    cop_term key, value;

    for (cop_map_iterator at = cop_map_begin(map); cop_map_next(&key, &value, &at);)
        if (!compile_expression(compiling, key, depth + 1) ||
            !compile_expression(compiling, value, depth + 1))
            return false;
    emit(compiling, COP__MATCH_MAKE_MAP, pairs, 1 - 2 * (int64_t)pairs);
    return true;
}

static bool compile_expression(struct compiling *compiling, cop_term term, size_t depth)
{
    cop_bytes text = { NULL, 0 };
    uint32_t number;
    size_t index;

    if (depth > NESTING_MAX)
        return false;
    if (is_variable(term, &number)) {
        index = variable_at(compiling, number);
        if (index == compiling->clause->variable_count)
            return false;
        emit(compiling, COP__MATCH_VARIABLE, index, 1);
        return true;
    }
    if (cop__is_atom(term) && cop_to_text(&text, term) && strcmp(text.data, "$_") == 0)
        emit(compiling, COP__MATCH_WHOLE, 0, 1);
    else if (text.data && strcmp(text.data, "$$") == 0)
        emit(compiling, COP__MATCH_BINDINGS, 0, 1);
    else if (cop__is_tuple(term))
        return compile_tuple(compiling, term, depth);
    else if (cop__is_cons(term))
        return compile_list(compiling, term, depth);
    else if (cop__is_map(term) && cop_map_size(term))
        return compile_map(compiling, term, depth);
    else
        emit_constant(compiling, COP__MATCH_PUSH, term);
    return true;
}

/* --- Clauses -------------------------------------------------------------------------------------
 */

static struct cop__match_run run_from(const struct compiling *compiling, size_t at)
{
    return (struct cop__match_run){ at, compiling->spec->code_count - at };
}

static bool compile_guards(struct compiling *compiling, cop_term guards)
{
    struct cop__match_clause *clause = compiling->clause;
    size_t count;

    if (!cop_list_length(&count, guards))
        return false;
    clause->guards = cop_alloc((count ? count : 1) * sizeof *clause->guards);
    for (cop_term guard; cop_list_next(&guard, &guards);) {
        size_t at = compiling->spec->code_count;

        compiling->level = 0;
        if (!compile_expression(compiling, guard, 0))
            return false;
        clause->guards[clause->guard_count++] = run_from(compiling, at);
    }
    return true;
}

/* Nothing has effects: of a body's expressions all must be well-formed, and the last is its value.
 */
static bool compile_body(struct compiling *compiling, cop_term body)
{
    bool any = false;

    if (!cop_is_proper_list(body))
        return false;
    compiling->in_body = true;
    for (cop_term expression; cop_list_next(&expression, &body); any = true) {
        size_t at = compiling->spec->code_count;

        compiling->level = 0;
        if (!compile_expression(compiling, expression, 0))
            return false;
        compiling->clause->body = run_from(compiling, at);
    }
    return any;
}

/* '$$' gives them by number. */
static void sort_variables(struct compiling *compiling)
{
    size_t count = compiling->clause->variable_count;
    uint32_t *order = cop_alloc((count ? count : 1) * sizeof *order);

    for (size_t i = 0; i < count; i++) {
        size_t at = i;

        for (; at && compiling->numbers[order[at - 1]] > compiling->numbers[i]; at--)
            order[at] = order[at - 1];
        order[at] = (uint32_t)i;
    }
    compiling->clause->variables = order;
}

static bool compile_clause(struct compiling *compiling, cop_term term)
{
    size_t at = compiling->spec->code_count;

    if (!cop__is_tuple(term) || cop__count(term) != 3)
        return false;
    compiling->level = 1;
    if (compiling->spec->stack_max < 1)
        compiling->spec->stack_max = 1;
    if (!compile_head(compiling, cop__elements(term)[0], 0))
        return false;
    compiling->clause->head = run_from(compiling, at);
    sort_variables(compiling);
    return compile_guards(compiling, cop__elements(term)[1]) &&
           compile_body(compiling, cop__elements(term)[2]);
}

cop_match_spec *cop_match_spec_compile(cop_term term)
{
    cop_match_spec *spec;
    size_t count;
    bool ok = true;

    if (!cop_list_length(&count, term) || !count)
        return NULL;
    spec = cop_alloc(sizeof *spec);
    spec->clauses = cop_alloc(count * sizeof *spec->clauses);
    for (cop_term one; ok && cop_list_next(&one, &term);) {
        struct compiling compiling = { .spec = spec,
            .clause = &spec->clauses[spec->clause_count++] };

        ok = compile_clause(&compiling, one);
        cop_free(compiling.numbers);
    }
    if (ok)
        return spec;
    cop_match_spec_free(spec);
    return NULL;
}

void cop_match_spec_free(cop_match_spec *spec)
{
    if (!spec)
        return;
    for (size_t i = 0; i < spec->code_count; i++)
        cop_keep_clear(&spec->code[i].term);
    for (size_t i = 0; i < spec->clause_count; i++) {
        cop_free(spec->clauses[i].guards);
        cop_free(spec->clauses[i].variables);
    }
    cop_free(spec->clauses);
    cop_free(spec->code);
    cop_free(spec);
}
