/* SPDX-License-Identifier: Apache-2.0 */
/* Match specifications, clause by clause (docs/spec/match_spec.md). Each outcome is OTP 25's. */
#include <coppice/match_spec.h>
#include <stdlib.h>

#include "conformance/clause.h"

static cop_term parse(const char *text)
{
    cop_term term = COP_NONE;

    CHECK_EQ_INT(cop_parse(&term, (cop_bytes){ text, strlen(text) }, NULL), 0);
    return term;
}

/* The results of a list of terms, or "malformed". */
static const char *results(const char *terms, const char *spec_text)
{
    cop_match_spec *spec = cop_match_spec_compile(parse(spec_text));
    const char *text = "malformed";

    if (spec)
        text = cop_show_raw(cop_match_spec_run(parse(terms), spec));
    cop_match_spec_free(spec);
    return text;
}

/* The value of an expression in the body, with '$1' bound to 1. */
static const char *value(const char *expression)
{
    char spec[512];

    snprintf(spec, sizeof spec, "[{{'$1'}, [], [%s]}]", expression);
    return results("[{1}]", spec);
}

/* Does a guard hold, with '$1' bound to 1? */
static const char *guard(const char *expression)
{
    char spec[512];

    snprintf(spec, sizeof spec, "[{{'$1'}, [%s], [yes]}]", expression);
    return results("[{1}]", spec);
}

/* Heads: tuples, lists, maps by their keys, variables, anything. */
CLAUSE(ETS_36)
{
    CHECK_EQ_STR(results("[{1}, {2}]", "[{'$1', [], ['$1']}]"), "[{1},{2}]");
    CHECK_EQ_STR(results("[{1}, {a}, {1.0}]", "[{{1}, [], ['$_']}]"), "[{1}]");
    CHECK_EQ_STR(results("[{1, 1.0}, {2, 2}]", "[{{'$1', '$1'}, [], ['$1']}]"), "[2]");
    CHECK_EQ_STR(results("[{[1, 2]}, {[]}]", "[{{['$1' | '_']}, [], ['$1']}]"), "[1]");
    CHECK_EQ_STR(results("[{[1, 2 | 3]}]", "[{{['$1', '$2' | '$3']}, [], ['$$']}]"), "[[1,2,3]]");
    CHECK_EQ_STR(results("[{#{a => 1, b => 2}}]", "[{{#{a => '$1'}}, [], ['$1']}]"), "[1]");
    CHECK_EQ_STR(
        results("[{#{a => 1, b => 2}}]", "[{{#{a => '$1', b => '$1'}}, [], ['$1']}]"), "[]");
    CHECK_EQ_STR(results("[{#{1 => x}}]", "[{{#{1.0 => x}}, [], [ok]}]"), "[]");
    CHECK_EQ_STR(results("[{#{a => 1}}]", "[{{#{'$1' => 1}}, [], ['$1']}]"), "malformed");
    CHECK_EQ_STR(results("[{#{a => 1}}]", "[{{#{'_' => 1}}, [], [ok]}]"), "malformed");
    CHECK_EQ_STR(results("[x, {1}]", "[{x, [], [ok]}]"), "[ok]");
    CHECK_EQ_STR(results("[{'$x'}, {1}]", "[{{'$x'}, [], ['$x']}]"), "['$x']");
    CHECK_EQ_STR(results("[{1}]", "[{{'$01'}, [], ['$1']}]"), "malformed");
}

/* The first clause counts; the last expression is the result; what is built. */
CLAUSE(ETS_38)
{
    CHECK_EQ_STR(
        results("[{1}, {2}, {3}]", "[{{1}, [], [one]}, {{'$1'}, [{'<', '$1', 3}], [{{less, "
                                   "'$1'}}]}]"),
        "[one,{less,2}]");
    CHECK_EQ_STR(value("a, b, '$1'"), "[1]");
    CHECK_EQ_STR(value("'$_'"), "[{1}]");
    CHECK_EQ_STR(results("[{1, 2, 3}]", "[{{'$2', '_', '$1'}, [], ['$$']}]"), "[[3,1]]");
    CHECK_EQ_STR(results("[{1, 2}]", "[{'_', [], ['$$']}]"), "[[]]");
    CHECK_EQ_STR(value("{{'$1', a, {{}}}}"), "[{1,a,{}}]");
    CHECK_EQ_STR(value("['$1', '$_' | '$1']"), "[[1,{1}|1]]");
    CHECK_EQ_STR(value("#{'$1' => [], a => '$1'}"), "[#{1 => [],a => 1}]");
    CHECK_EQ_STR(value("{const, {'$1', {x}}}"), "[{'$1',{x}}]");
    CHECK_EQ_STR(value("<<\"bin\">>"), "[<<98,105,110>>]");
}

/* What fails in a guard is false, in a body 'EXIT'; what is malformed is none. */
CLAUSE(ETS_39)
{
    CHECK_EQ_STR(guard("{'>', {hd, '$1'}, 0}"), "[]");
    CHECK_EQ_STR(guard("{'or', true, {hd, 1}}"), "[]");
    CHECK_EQ_STR(guard("'$1'"), "[]");
    CHECK_EQ_STR(guard("foo"), "[]");
    CHECK_EQ_STR(guard("true, true"), "[yes]");
    CHECK_EQ_STR(value("{hd, '$1'}"), "['EXIT']");
    CHECK_EQ_STR(value("{{'$1', {hd, '$1'}}}"), "[{1,'EXIT'}]");
    CHECK_EQ_STR(value("{is_atom, {hd, '$1'}}"), "[true]");
    CHECK_EQ_STR(value("{hd, '$1'}, b"), "[b]");
    for (const char *const *bad =
             (const char *const[]){ "[]", "x", "['_']", "[{'_', [], []}]", "[{{'$1'}, x, [ok]}]",
                 "[{{'$1'}, [], ok}]", "[{{'$1'}, [], ['$2']}]", "[{{'$1'}, ['$2'], [ok]}]",
                 "[{{'$1'}, [{foo, 1}], [ok]}]", "[{{'$1'}, [{is_list}], [ok]}]",
                 "[{{'$1'}, [], [{1, 2}]}]", "[{{'$1'}, [], [{}]}]", "[{{'$1'}, [], [{const}]}]",
                 "[{{'$1'}, [], [{'andalso'}]}]", "[{{'$1'}, [], [{message, 1}]}]",
                 "[{{'$1'}, [], [{is_boolean, true}]}]", "[{{'$1'}, [], [ok]} | x]", NULL };
         *bad; bad++)
        CHECK_EQ_STR(results("[{1}]", *bad), "malformed");
}

/* The functions. */
CLAUSE(ETS_40)
{
    static const char *const cases[][2] = {
        { "{'and', true, true, false}", "[false]" }, { "{'and', false, 1}", "['EXIT']" },
        { "{'or', false, true}", "[true]" }, { "{'xor', true, true}", "[false]" },
        { "{'not', 1}", "['EXIT']" }, { "{'andalso', true, 1}", "[1]" },
        { "{'andalso', false, {hd, 1}}", "[false]" }, { "{'andalso', 1, true}", "['EXIT']" },
        { "{{a, {'andalso', 1, true}}}", "[{a,'EXIT'}]" }, { "{'orelse', true, 1}", "[true]" },
        { "{'orelse', false, false, 7}", "[7]" }, { "{'+', 1}", "[1]" }, { "{'-', 1}", "[-1]" },
        { "{'*', 100000000000000000000, 3}", "[300000000000000000000]" },
        { "{'*', 1.0e300, 1.0e300}", "['EXIT']" }, { "{'/', 7, 2}", "[3.5]" },
        { "{'div', 7, 0}", "['EXIT']" }, { "{'rem', -7, 2}", "[-1]" },
        { "{'bsl', 1, 100}", "[1267650600228229401496703205376]" }, { "{'bsr', 1, -3}", "[8]" },
        { "{'bor', 1, {'bnot', 2}}", "[-3]" }, { "{'bxor', 5, 3}", "[6]" },
        { "{'band', 5, 3}", "[1]" }, { "{abs, -1.5}", "[1.5]" }, { "{round, -2.5}", "[-3]" },
        { "{trunc, 1.5}", "[1]" }, { "{float, 1}", "[1.0]" }, { "{element, 1, {{a}}}", "[a]" },
        { "{element, 2, {{a}}}", "['EXIT']" }, { "{hd, [1, 2]}", "[1]" },
        { "{tl, [1, 2]}", "[[2]]" }, { "{length, [1 | 2]}", "['EXIT']" },
        { "{size, <<1, 2>>}", "[2]" }, { "{size, <<1:3>>}", "[0]" },
        { "{byte_size, <<1:3>>}", "[1]" }, { "{bit_size, <<1:3>>}", "[3]" },
        { "{tuple_size, '$_'}", "[1]" }, { "{map_get, a, #{a => 1}}", "[1]" },
        { "{map_get, b, #{a => 1}}", "['EXIT']" }, { "{map_size, #{a => 1}}", "[1]" },
        { "{is_map_key, a, #{a => 1}}", "[true]" },
        { "{binary_part, <<\"abc\">>, 3, -2}", "[<<98,99>>]" },
        { "{is_record, {{a, 1}}, a, 2}", "[true]" },
        { "{is_record, {{a, 1}}, '$1', 2}", "['EXIT']" }, { "{is_integer, '$1'}", "[true]" },
        { "{is_number, 1.5}", "[true]" }, { "{is_float, '$1'}", "[false]" },
        { "{is_list, []}", "[true]" }, { "{is_binary, <<1:3>>}", "[false]" },
        { "{is_function, '$1'}", "[false]" }, { "{is_tuple, '$_'}", "[true]" },
        { "{is_pid, '$1'}", "[false]" }, { "{is_port, '$1'}", "[false]" },
        { "{is_reference, '$1'}", "[false]" }, { "{is_map, #{}}", "[true]" },
        { "{is_atom, a}", "[true]" }, { "{'==', 1, 1.0}", "[true]" },
        { "{'=:=', 1, 1.0}", "[false]" }, { "{'/=', 1, 1.0}", "[false]" },
        { "{'=/=', 1, 1.0}", "[true]" }, { "{'<', 1, a}", "[true]" },
        { "{'=<', 1, 1.0}", "[true]" }, { "{'>', 1, 0}", "[true]" }, { "{'>=', 0, 1}", "[false]" },
        { "{max, 1, 2}", "[2]" }, { "{min, 1, 2}", "[1]" }, { "{node}", "[nonode@nohost]" },
        { "{node, 1}", "['EXIT']" }, { "{self}", "['EXIT']" }, /* there is no process here */
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        CHECK_EQ_STR(value(cases[i][0]), cases[i][1]);
}

/* Compile once and run; test_ms; a specification may be large and deep, to a bound. */
CLAUSE(ETS_45)
{
    enum { CLAUSES = 300 };
    cop_match_spec *spec;
    cop_term list = cop_nil(), deep = cop("'$1'"), result;

    CHECK_EQ_STR(cop_show(cop_test_ms(parse("{1}"), parse("[{{'$1'}, [], ['$1']}]"))), "{ok,1}");
    CHECK_EQ_STR(cop_show(cop_test_ms(parse("{2}"), parse("[{{1}, [], ['$_']}]"))), "{ok,false}");
    CHECK_EQ_STR(cop_show(cop_test_ms(parse("{2}"), parse("[]"))), "{error,badarg}");
    CHECK_EQ_STR(cop_show(cop_test_ms(parse("x"), parse("[{'_', [], [ok]}]"))), "{error,badarg}");
    for (int i = CLAUSES; i--;)
        list = cop_cons(
            cop("{{I, '$1'}, [{is_atom, '$1'}], [{{'$1', {const, <<\"text\">>}, J}}]}", i, i),
            list);
    spec = cop_match_spec_compile(list);
    CHECK(spec != NULL);
    for (int i = 0; i < CLAUSES; i++) {
        CHECK(cop_match_spec_run_one(&result, spec, cop("{I, a}", i)));
        CHECK(cop_match(result, "{a, <<\"text\">>, I}", i));
        CHECK(!cop_match_spec_run_one(&result, spec, cop("{I, 1}", i)));
    }
    cop_match_spec_free(spec);
    for (int i = 0; i < 400; i++)
        deep = cop_tuple_from(&deep, 1);
    spec = cop_match_spec_compile(cop("[{Deep, [], ['$1']}]", deep));
    CHECK(spec && cop_match_spec_run_one(&result, spec, deep) && cop_match(result, "'$1'"));
    cop_match_spec_free(spec);
    for (int i = 0; i < 100000; i++)
        deep = cop_tuple_from(&deep, 1);
    CHECK(!cop_match_spec_compile(cop("[{Deep, [], ['$1']}]", deep)));
}
