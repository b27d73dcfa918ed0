/* SPDX-License-Identifier: Apache-2.0 */
/* Order, equality and text of terms: TO-01 to TO-14, TP-01 to TP-16. */
#include "conformance/clause.h"

#include <coppice/etf.h>
#include <coppice/term.h>

static cop_term parse(const char *text)
{
    cop_bytes bytes = { text, strlen(text) };
    struct cop_parse_error error = { 0 };
    cop_term term = COP_NONE;

    if (cop_parse(&term, bytes, &error) < 0) {
        fprintf(stderr, "%s: %s\n", text, error.message);
        CHECK(false);
    }
    return term;
}

/* Each of the texts is a term below the next one. */
static void check_ascending(const char *const *texts, int count)
{
    for (int i = 0; i < count; i++)
        for (int j = 0; j < count; j++) {
            int order = cop_compare(parse(texts[i]), parse(texts[j]));

            if (order != (i > j) - (i < j))
                fprintf(stderr, "%s and %s: %d\n", texts[i], texts[j], order);
            CHECK_EQ_INT(order, (i > j) - (i < j));
        }
}

#define ASCENDING(...)                                    \
    check_ascending((const char *const[]){ __VA_ARGS__ }, \
        (int)(sizeof((const char *[]){ __VA_ARGS__ }) / sizeof(char *)))

/* ~p on one line and ~w. */
static void check_text(cop_term term, const char *pretty, const char *raw)
{
    CHECK_EQ_STR(cop_show(term), pretty);
    CHECK_EQ_STR(cop_show_raw(term), raw);
}

static void check_same_text(const char *text)
{
    check_text(parse(text), text, text);
}

/* The kinds of terms have an order. */
CLAUSE(TO_01)
{
    cop_pid pid = cop_pid_remote(cop_atom_new("n@h"), 1, 80, 0);
    uint32_t ids[] = { 1, 2, 3 };
    cop_term kinds[] = { cop_int(9), cop("zz"), cop_ref_remote(cop_atom_new("n@h"), 1, ids, 3),
        cop("fun erlang:abs/1"), cop_port_remote(cop_atom_new("n@h"), 1, 5), cop_from_pid(pid),
        cop("{}"), cop("#{}"), cop("[]"), cop("[a]"), cop("<<>>") };

    for (size_t i = 0; i < 11; i++)
        for (size_t j = 0; j < 11; j++)
            CHECK_EQ_INT(cop_compare(kinds[i], kinds[j]), (i > j) - (i < j));
}

/* == compares numbers by value, =:= by type too, at any depth. */
CLAUSE(TO_02)
{
    CHECK(cop_equal(cop("1"), cop("1.0")));
    CHECK(!cop_identical(cop("1"), cop("1.0")));
    CHECK(cop_equal(cop("{[1, #{a => 2}]}"), cop("{[1.0, #{a => 2.0}]}")));
    CHECK(!cop_identical(cop("{[1]}"), cop("{[1.0]}")));
    CHECK(cop_identical(cop("{[1, \"x\"]}"), cop("{[1, \"x\"]}")));
}

/* An integer and a float compare exactly. */
CLAUSE(TO_03)
{
    ASCENDING("-1.0e300", "-9007199254740993", "-9007199254740992.0", "-0.5", "0", "0.5", "1",
        "1.5", "9007199254740992.0", "9007199254740993", "18446744073709551615",
        "18446744073709551616.0", "18446744073709551617", "1.0e300");
    CHECK(!cop_equal(cop("9007199254740993"), cop("9007199254740992.0")));
    CHECK(cop_equal(cop("18446744073709551616"), cop("18446744073709551616.0")));
    CHECK(cop_equal(cop("5.0e-324"), cop("5.0e-324")));
    CHECK_EQ_INT(cop_compare(cop("0"), cop("5.0e-324")), -1);
    CHECK_EQ_INT(cop_compare(cop("0"), cop("-5.0e-324")), 1);
}

/* The zeros are == but, as from OTP 27 on, not =:=. */
CLAUSE(TO_04)
{
    CHECK(cop_equal(cop("0.0"), cop("-0.0")));
    CHECK(!cop_identical(cop("0.0"), cop("-0.0")));
    CHECK(cop_equal(cop("0"), cop("-0.0")));
}

/* Atoms compare by their text. */
CLAUSE(TO_05)
{
    ASCENDING("''", "'B'", "a", "aa", "ab", "b", "'\xc3\xa9'", "'\xe6\x97\xa5'");
}

/* Tuples: by size, then by elements. */
CLAUSE(TO_06)
{
    ASCENDING("{}", "{z}", "{a,a}", "{a,b}", "{b,a}", "{1.0,1,1}", "{2,1,1}");
}

/* Lists: by elements; a prefix is smaller; an improper tail compares as the term it is. */
CLAUSE(TO_07)
{
    ASCENDING("[]", "[a|1]", "[a|b]", "[a]", "[a,1]", "[a,b]", "[a,b,c]", "[b]");
}

/* Maps: by size, then keys in order with integers below floats, then values. */
CLAUSE(TO_08)
{
    ASCENDING("#{}", "#{z => 1}", "#{1 => a,2 => a}", "#{1 => a,2 => b}", "#{2 => a,3 => a}",
        "#{2 => a,1.0 => a}", "#{a => 1,b => 1}", "#{a => 1,c => 0}");
}

/* Values of maps compare by ==, keys exactly. */
CLAUSE(TO_09)
{
    CHECK(cop_equal(cop("#{a => 1}"), cop("#{a => 1.0}")));
    CHECK(!cop_equal(cop("#{1 => a}"), cop("#{1.0 => a}")));
    CHECK(!cop_identical(cop("#{a => 1}"), cop("#{a => 1.0}")));
}

/* Bitstrings: bit by bit; a prefix is smaller. */
CLAUSE(TO_10)
{
    ASCENDING("<<>>", "<<0:1>>", "<<0>>", "<<0,0:1>>", "<<1>>", "<<1,255>>", "<<2>>", "<<2:2>>",
        "<<128>>", "<<255>>");
}

/* Pids of one node by their numbers, of several by node; references in a total order. */
CLAUSE(TO_11)
{
    cop_atom a = cop_atom_new("a@h"), b = cop_atom_new("b@h");
    uint32_t low[] = { 9, 1, 1 }, high[] = { 1, 1, 2 };

    CHECK(cop_compare(
              cop_lift(cop_pid_remote(a, 1, 80, 0)), cop_lift(cop_pid_remote(a, 1, 81, 0))) < 0);
    CHECK(cop_compare(
              cop_lift(cop_pid_remote(a, 1, 81, 0)), cop_lift(cop_pid_remote(a, 1, 80, 1))) < 0);
    CHECK(cop_compare(
              cop_lift(cop_pid_remote(a, 1, 80, 0)), cop_lift(cop_pid_remote(b, 1, 80, 0))) < 0);
    CHECK(cop_compare(
              cop_lift(cop_pid_remote(a, 1, 80, 0)), cop_lift(cop_pid_remote(a, 2, 80, 0))) < 0);
    CHECK(cop_identical(
        cop_lift(cop_pid_remote(a, 1, 80, 0)), cop_lift(cop_pid_remote(a, 1, 80, 0))));
    CHECK(cop_compare(cop_ref_remote(a, 1, low, 3), cop_ref_remote(a, 1, high, 3)) < 0);
    CHECK(cop_compare(cop_ref_remote(a, 1, low, 3), cop_ref_remote(a, 1, low, 3)) == 0);
    CHECK(cop_compare(cop("fun a:a/1"), cop("fun a:b/1")) < 0);
}

/* Sorting keeps the order of == terms; usort keeps the first of them. */
CLAUSE(TO_12)
{
    CHECK_EQ_STR(cop_show(cop_list_sort(cop("[b, 1.0, 1, a, 0, 1.0]"))), "[0,1.0,1,1.0,a,b]");
    CHECK_EQ_STR(cop_show(cop_list_usort(cop("[b, 1, 1.0, a, b]"))), "[1,a,b]");
    CHECK_EQ_STR(cop_show(cop_list_usort(cop("[1.0, 1]"))), "[1.0]");
}

/* Terms that are == compare as 0 from both sides, so a maximum can keep its first argument. */
CLAUSE(TO_13)
{
    cop_term one = cop("1"), other = cop("1.0");

    CHECK(cop_compare(one, other) >= 0 && cop_compare(other, one) >= 0);
}

/* A walk over a map gives every pair once; its order is the map's own affair. */
CLAUSE(TO_14)
{
    cop_term map = cop_map_new(), key, value;

    for (int size = 0; size < 200; size++) {
        int64_t keys = 0, sum = 0, number;

        for (cop_map_iterator walk = cop_map_begin(map); cop_map_next(&key, &value, &walk);
             keys++) {
            CHECK(cop_to_int(&number, key));
            sum += number;
            CHECK(cop_match(value, "{V}", number));
        }
        CHECK_EQ_INT(keys, size);
        CHECK_EQ_INT(sum, size * (size - 1) / 2);
        map = cop_map_put(map, cop_lift(size), cop("{V}", size));
    }
}

/* A plain atom. */
CLAUSE(TP_01)
{
    check_same_text("abc");
    check_same_text("a_1Z");
    check_same_text("\xc3\xa9t\xc3\xa9");
}

/* Atoms that need quotes. */
CLAUSE(TP_02)
{
    check_same_text("'a b'");
    check_same_text("'Abc'");
    check_same_text("'1a'");
    check_same_text("'a.b'");
    check_same_text("''");
    check_same_text("'if'");
    check_same_text("'_a'");
    check_same_text("'line\\nend'");
    check_same_text("'\xe6\x97\xa5'");
}

/* @ needs none. */
CLAUSE(TP_03)
{
    check_same_text("a@b");
}

/* A quote inside. */
CLAUSE(TP_04)
{
    check_same_text("'it\\'s'");
    check_same_text("'back\\\\slash'");
}

/* A list of printable characters. */
CLAUSE(TP_05)
{
    check_text(parse("\"abc\""), "\"abc\"", "[97,98,99]");
    check_text(parse("[34,10,92]"), "\"\\\"\\n\\\\\"", "[34,10,92]");
}

/* Other lists. */
CLAUSE(TP_06)
{
    check_same_text("[1,2,300]");
    check_same_text("[a|b]");
    check_same_text("[]");
    check_same_text("[a,[b]|c]");
}

/* Printable binaries. */
CLAUSE(TP_07)
{
    check_text(parse("<<\"abc\">>"), "<<\"abc\">>", "<<97,98,99>>");
    check_text(parse("<<195,169>>"), "<<\"\xc3\xa9\"/utf8>>", "<<195,169>>");
    check_text(parse("<<233>>"), "<<\"\xc3\xa9\">>", "<<233>>");
    check_same_text("<<>>");
}

/* Other binaries and bitstrings. */
CLAUSE(TP_08)
{
    check_same_text("<<1,2>>");
    check_same_text("<<3:2>>");
    check_same_text("<<97,1:1>>");
}

/* Tuples. */
CLAUSE(TP_09)
{
    check_same_text("{1,a}");
    check_same_text("{}");
    check_same_text("{{a},{b,{c}}}");
}

/* Maps. */
CLAUSE(TP_10)
{
    check_same_text("#{a => 1}");
    check_same_text("#{}");
    check_same_text("#{1 => #{b => [c]},z => {}}");
}

/* A keyword list is a list of tuples. */
CLAUSE(TP_11)
{
    check_same_text("[{a,1}]");
}

/* Floats: the shortest digits that read back, in the shorter notation. */
CLAUSE(TP_12)
{
    static const char *const texts[] = { "1.0", "0.1", "-0.0", "0.0", "1.0e5", "123456789.0",
        "1.0e-5", "0.0001", "1.0e22", "0.001", "100.0", "1.0e3", "1.2e4", "1.2345678e9",
        "1234567890.0", "1.2e-4", "9007199254740991.0", "9.007199254740992e15",
        "1.7976931348623157e308", "5.0e-324", "2.2250738585072014e-308", "0.30000000000000004",
        "-1.5e-7", "9.5367431640625e-7", "1.0e23", "100001.0", "1000010.0", "1.0e15",
        "123456789012345.0", "5.684341886080802e-14" };

    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
        check_same_text(texts[i]);
}

/* Pids: 0 first for this node, another number for others. */
CLAUSE(TP_13)
{
    cop_pid there = cop_pid_remote(cop_atom_new("n@h"), 1, 80, 2);
    const char *text = cop_show(cop_lift(there));
    unsigned node = 0, id = 0, serial = 0;

    CHECK_EQ_INT(sscanf(text, "<%u.%u.%u>", &node, &id, &serial), 3);
    CHECK(node != 0);
    CHECK_EQ_INT(id, 80);
    CHECK_EQ_INT(serial, 2);
}

/* References: all their numbers, highest first. */
CLAUSE(TP_14)
{
    uint32_t ids[] = { 3, 2, 1 };
    cop_term there = cop_ref_remote(cop_atom_new("n@h"), 1, ids, 3);

    CHECK(strncmp(cop_show(there), "#Ref<", 5) == 0);
    CHECK(strstr(cop_show(there), ".1.2.3>"));
}

/* A fun of n@h, as its external format: m is its module, and it has one free variable. */
static cop_term closure(unsigned char old_index, unsigned char old_uniq, unsigned char variable)
{
    unsigned char bytes[] = { 131, 112, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        9, 0, 0, 0, 2, 0, 0, 0, 1, 119, 1, 'm', 97, old_index, 97, old_uniq, 88, 119, 3, 'n', '@',
        'h', 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 5, 97, variable };
    cop_bytes external = { (const char *)bytes, sizeof bytes };
    cop_term term = COP_NONE;

    CHECK_EQ_INT(cop_binary_to_term(&term, external), 0);
    return term;
}

/* Funs. */
CLAUSE(TP_15)
{
    check_same_text("fun erlang:abs/1");
    CHECK_EQ_STR(cop_show(closure(3, 77, 1)), "#Fun<m.3.77>");
}

/* Long terms are broken at 80 columns, with indentation. */
CLAUSE(TP_16)
{
    CHECK_EQ_STR(
        cop_show_pretty(parse("{error,{badmatch,{some_long_atom_name,another_long_atom_name,"
                              "yet_another_long_name,and_more}}}"),
            80),
        "{error,{badmatch,{some_long_atom_name,another_long_atom_name,\n"
        "                                      yet_another_long_name,and_more}}}");
    CHECK_EQ_STR(
        cop_show_pretty(parse("[{abc,\"hello world this is long\"},{defgh,<<\"binary text that is"
                              " long too\">>},{x,[1,2,3,4,5,6,7]}]"),
            80),
        "[{abc,\"hello world this is long\"},\n"
        " {defgh,<<\"binary text that is long too\">>},\n"
        " {x,[1,2,3,4,5,6,7]}]");
    CHECK_EQ_STR(cop_show_pretty(parse("#{[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20] => "
                                       "[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20]}"),
                     80),
        "#{[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20] =>\n"
        "      [1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20]}");
    CHECK_EQ_STR(cop_show_pretty(cop("{ok, \"short\"}"), 80), "{ok,\"short\"}");
}
