/* SPDX-License-Identifier: Apache-2.0 */
/* Running a compiled match specification. Layer 4. A term that no clause takes costs no memory. */
#include "ets/match_spec.h"

#include <coppice/process.h>

#include "base/raise.h"
#include "base/scratch.h"

enum { LOCAL_WORDS = 64 };

struct running {
    const cop_match_spec *spec;
    const struct cop__match_clause *clause;
    cop_term term;
    cop_term *variables, *stack;
};

static bool same(cop_term a, cop_term b)
{
    return a.word == b.word || cop_identical(a, b);
}

/* The values of the keys, the last below. */
static bool push_values(cop_term *top, cop_term keys, cop_term map, size_t count)
{
    if (!cop__is_map(map))
        return false;
    for (size_t i = count; i--;)
        if (!cop_map_get(top++, map, cop__elements(keys)[i]))
            return false;
    return true;
}

static bool match_head(struct running *running)
{
    const struct cop__match_code *code = running->spec->code + running->clause->head.at;
    const struct cop__match_code *end = code + running->clause->head.count;
    cop_term *top = running->stack; /* the next free place */

    *top++ = running->term;
    for (; code < end; code++) {
        cop_term term = *--top;

        switch (code->op) {
        case COP__MATCH_ANY:
            break;
        case COP__MATCH_BIND:
            running->variables[code->number] = term;
            break;
        case COP__MATCH_SAME:
            if (!same(running->variables[code->number], term))
                return false;
            break;
        case COP__MATCH_CONST:
            if (!same(code->term, term))
                return false;
            break;
        case COP__MATCH_TUPLE:
            if (!cop__is_tuple(term) || cop__count(term) != code->number)
                return false;
            for (size_t i = code->number; i--;)
                *top++ = cop__elements(term)[i];
            break;
        case COP__MATCH_CONS:
            if (!cop__is_cons(term))
                return false;
            *top++ = cop__cell(term)[1];
            *top++ = cop__cell(term)[0];
            break;
        default: /* COP__MATCH_MAP */
            if (!push_values(top, code->term, term, code->number))
                return false;
            top += code->number;
        }
    }
    return true;
}

static cop_term bindings(const struct running *running)
{
    cop_term list = cop_nil();

    for (size_t i = running->clause->variable_count; i--;)
        list = cop_cons(running->variables[running->clause->variables[i]], list);
    return list;
}

/* *top is true or false; *ret_go: go on behind it. False: neither. */
static bool decide(bool *ret_go, cop_term value, bool go_on)
{
    bool is;

    if (!cop_to_bool(&is, value))
        return false;
    *ret_go = is == go_on;
    return true;
}

/* False: it fails. In a body nothing does: the value of what fails is 'EXIT', as in OTP. */
static bool evaluate(
    cop_term *ret, const struct running *running, struct cop__match_run run, bool in_body)
{
    const struct cop__match_code *all = running->spec->code;
    cop_term *top = running->stack, value;

    for (size_t at = run.at; at < run.at + run.count;) {
        const struct cop__match_code *code = &all[at++];
        size_t count = code->number;
        bool go;

        switch (code->op) {
        case COP__MATCH_PUSH: /* number: it outlives the specification */
            *top++ = count ? cop_copy(code->term) : code->term;
            break;
        case COP__MATCH_VARIABLE:
            *top++ = running->variables[count];
            break;
        case COP__MATCH_WHOLE:
            *top++ = running->term;
            break;
        case COP__MATCH_BINDINGS:
            *top++ = bindings(running);
            break;
        case COP__MATCH_MAKE_TUPLE:
            top -= count;
            *top = cop_tuple_from(top, count);
            top++;
            break;
        case COP__MATCH_MAKE_LIST:
            top -= count + 1;
            *top = cop_list_with_tail(top, count, top[count]);
            top++;
            break;
        case COP__MATCH_MAKE_MAP:
            top -= 2 * count;
            *top = cop_map_from(top, count);
            top++;
            break;
        case COP__MATCH_CALL:
            top -= count;
            if (!code->function(&value, top, count)) {
                if (!in_body)
                    return false;
                value = cop("'EXIT'");
            }
            *top++ = value;
            break;
        default: /* COP__MATCH_AND_THEN, COP__MATCH_OR_ELSE */
            if (!decide(&go, top[-1], code->op == COP__MATCH_AND_THEN)) {
                if (!in_body)
                    return false;
                go = false;
                top[-1] = cop("'EXIT'");
            }
            if (go)
                top--;
            else
                at = count;
        }
    }
    *ret = top[-1];
    return true;
}

static bool guards_hold(const struct running *running)
{
    cop_term value;
    bool is;

    for (size_t i = 0; i < running->clause->guard_count; i++)
        if (!evaluate(&value, running, running->clause->guards[i], false) ||
            !cop_to_bool(&is, value) || !is)
            return false;
    return true;
}

bool cop_match_spec_run_one(cop_term *ret_result, const cop_match_spec *spec, cop_term term)
{
    cop_term local[LOCAL_WORDS], *memory = local;
    struct running running = { .spec = spec, .term = term };
    size_t words = spec->variable_max + spec->stack_max + 1;
    bool taken = false;

    if (words > LOCAL_WORDS)
        memory = cop__scratch_new(words * sizeof *memory, "a match specification");
    running.variables = memory;
    running.stack = memory + spec->variable_max;
    for (size_t i = 0; !taken && i < spec->clause_count; i++) {
        running.clause = &spec->clauses[i];
        taken = match_head(&running) && guards_hold(&running);
        if (taken)
            evaluate(ret_result, &running, running.clause->body, true);
    }
    if (memory != local)
        cop__scratch_free(memory);
    return taken;
}

cop_term cop_match_spec_run(cop_term list, const cop_match_spec *spec)
{
    cop_term results = cop_nil(), item, result;

    if (!cop_is_proper_list(list))
        cop__raise("badarg", "cop_match_spec_run of no list");
    while (cop_list_next(&item, &list))
        if (cop_match_spec_run_one(&result, spec, item))
            results = cop_cons(result, results);
    return cop_list_reverse(results);
}

cop_term cop_test_ms(cop_term tuple, cop_term spec)
{
    cop_match_spec *compiled = cop__is_tuple(tuple) ? cop_match_spec_compile(spec) : NULL;
    cop_term result = cop_bool(false);

    if (!compiled)
        return cop("{error, badarg}");
    cop_match_spec_run_one(&result, compiled, tuple);
    cop_match_spec_free(compiled);
    return cop("{ok, Result}", result);
}
