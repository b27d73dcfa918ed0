/* SPDX-License-Identifier: Apache-2.0 */
/* cop() and cop_match(): what they build, capture and refuse. */
#include "base/test.h"

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "term/pattern.h"

#define SHOWS(TERM, TEXT) CHECK_EQ_STR(cop_show(TERM), TEXT)

static const char bytes_of_hello[] = "hello";

static cop_bytes hello(void)
{
    return (cop_bytes){ bytes_of_hello, 5 };
}

TEST(builds_constants)
{
    SHOWS(cop("ok"), "ok");
    SHOWS(cop("{}"), "{}");
    SHOWS(cop("[]"), "[]");
    SHOWS(cop("#{}"), "#{}");
    SHOWS(cop(" { error , 'Not found' } "), "{error,'Not found'}");
    SHOWS(cop("[1, -2, 16#ff, $a, 1_000, -1.5e-3]"), "[1,-2,255,97,1000,-0.0015]");
    SHOWS(cop("{\"text\", <<\"bin\">>, <<1, 2, 3:4>>, <<\"\\x{e9}\"/utf8>>}"),
        "{\"text\",<<\"bin\">>,<<1,2,3:4>>,<<\"\xc3\xa9\"/utf8>>}");
    SHOWS(cop("#{b => 1, a => [x | y]}"), "#{a => [x|y],b => 1}");
    SHOWS(cop("123456789012345678901234567890"), "123456789012345678901234567890");
    SHOWS(cop("fun erlang:abs/1"), "fun erlang:abs/1");
}

TEST(lifts_every_type)
{
    signed char sc = -1;
    unsigned char uc = 2;
    short s = -3;
    unsigned short us = 4;
    unsigned u = 5;
    long l = -6;
    unsigned long ul = UINT64_MAX;
    long long ll = INT64_MIN;
    unsigned long long ull = 7;
    float f = 0.5f;
    bool b = true;
    cop_atom atom = cop_atom_new("an atom");
    cop_pid pid = { cop__pid_word(80, 1), 0 };
    cop_ref ref = { cop__ref_word(3, 7) };
    cop_term most;

    SHOWS(cop("{A, B, C, D, E, F}", sc, uc, s, us, 1, u), "{-1,2,-3,4,1,5}");
    SHOWS(cop("{A, B, C, D}", l, ul, ll, ull), "{-6,18446744073709551615,-9223372036854775808,7}");
    SHOWS(cop("{A, B, C, D}", f, 2.0, b, hello()), "{0.5,2.0,true,<<\"hello\">>}");
    SHOWS(
        cop("{A, B, C, D}", atom, pid, ref, cop("[x]")), "{'an atom',<0.80.1>,#Ref<0.0.3.7>,[x]}");
    SHOWS(cop("[H | T]", 1, cop("[2]")), "[1,2]");
    SHOWS(cop("#{K => V}", 1, cop("#{K => V}", 2, 3)), "#{1 => #{2 => 3}}");
    SHOWS(cop("{X, X, Y}", 1, 2), "{1,1,2}");
    SHOWS(cop_lift(12), "12");
    most = cop(
        "{A,B,C,D,E,F,G,H,I,J,K,L,M,N,O,P}", 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16);
    SHOWS(most, "{1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16}");
}

TEST(captures_what_fits)
{
    int i = 0;
    unsigned u = 0;
    int64_t i64 = 0;
    uint64_t u64 = 0;
    short s = 0;
    unsigned short us = 0;
    signed char sc = 0;
    unsigned char uc = 0;
    double d = 0;
    bool b = false;
    cop_term t = COP_NONE;
    cop_bytes bytes = { NULL, 0 };
    cop_atom atom = { 0 };
    cop_pid pid = { 0, 0 }, some = { cop__pid_word(1, 2), 0 };
    cop_ref ref = { 0 }, one = { cop__ref_word(1, 2) };

    CHECK(cop_match(cop("{-5, 6}"), "{A, B}", &i, &u));
    CHECK_EQ_INT(i, -5);
    CHECK_EQ_INT(u, 6);
    CHECK(cop_match(cop("{9223372036854775807, 18446744073709551615}"), "{A, B}", &i64, &u64));
    CHECK(i64 == INT64_MAX && u64 == UINT64_MAX);
    CHECK(!cop_match(cop("{9223372036854775808, 1}"), "{A, B}", &i64, &u64));
    CHECK(!cop_match(cop("4294967296"), "A", &i));
    CHECK(!cop_match(cop("-1"), "A", &u));
    CHECK(!cop_match(cop("32768"), "A", &s));
    CHECK(cop_match(cop("255"), "A", &uc) && uc == 255);
    CHECK(!cop_match(cop("256"), "A", &uc));
    CHECK(cop_match(cop("{-128, -32768, 65535}"), "{A, B, C}", &sc, &s, &us));
    CHECK(sc == -128 && s == -32768 && us == 65535);
    CHECK(!cop_match(cop("128"), "A", &sc));
    CHECK(!cop_match(cop("65536"), "A", &us));
    CHECK(!cop_match(cop("{1, -1}"), "{A, B}", &sc, &us));
    CHECK(cop_match(cop("{1.5, true}"), "{D, B}", &d, &b) && b);
    CHECK(d > 1.4 && d < 1.6);
    CHECK(cop_match(cop("2"), "D", &d));
    CHECK(!cop_match(cop("9007199254740993"), "D", &d));
    CHECK(!cop_match(cop("maybe_not"), "B", &b));
    CHECK(cop_match(cop("{T, B}", some, one), "{P, R}", &pid, &ref));
    CHECK(pid.id == some.id && ref.id == one.id);
    CHECK(cop_match(cop("{{x}, <<\"hello\">>, abc}"), "{T, B, A}", &t, &bytes, &atom));
    CHECK_EQ_INT(bytes.size, 5);
    CHECK_EQ_STR(cop_atom_text(atom).data, "abc");
    CHECK(!cop_match(cop("<<1:1>>"), "B", &bytes));
    CHECK(!cop_match(cop("x"), "P", &pid));
    CHECK(!cop_match(cop("1"), "A", &atom));
    CHECK(!cop_match(cop("x"), "R", &ref));
    CHECK(cop_match(cop("[a, R, #{k => v}]", one), "[A, R, #{k := T}]", &atom, &ref, &t));
    CHECK_EQ_STR(cop_show(t), "v");
}

TEST(captures_all_or_nothing)
{
    int i = 7;
    cop_term t = COP_NONE;

    CHECK(!cop_match(cop("{1, {2, x}}"), "{A, {T, y}}", &i, &t));
    CHECK(!cop_match(cop("{1, 2, z}"), "{A, B, y}", &i, &t));
    CHECK_EQ_INT(i, 7);
    CHECK(cop_is_none(t));
}

TEST(compares_bound_values_exactly)
{
    CHECK(cop_match(cop("{1, a}"), "{X, a}", 1));
    CHECK(!cop_match(cop("{1.0, a}"), "{X, a}", 1));
    CHECK(cop_match(cop("{<<\"hello\">>, a}"), "{X, a}", hello()));
    CHECK(!cop_match(cop("0.0"), "X", -0.0));
    CHECK(cop_match(cop("{a, a}"), "{X, X}", cop("a")));
    CHECK(!cop_match(cop("{a, b}"), "{X, X}", cop("a")));
    CHECK(cop_match(cop("{a, b, a}"), "{_X, _, _X}"));
    CHECK(!cop_match(cop("{a, b, b}"), "{_X, _, _X}"));
}

TEST(matches_structure)
{
    cop_term head = COP_NONE, tail = COP_NONE, m = cop("#{a => 1, {b} => [x, y], 3 => z}");
    int i = 0;

    CHECK(cop_match(cop("[1, 2, 3]"), "[H, 2 | T]", &head, &tail));
    SHOWS(tail, "[3]");
    CHECK(!cop_match(cop("[1]"), "[H, 2 | T]", &head, &tail));
    CHECK(cop_match(cop("\"abc\""), "\"abc\""));
    CHECK(!cop_match(cop("\"abd\""), "\"abc\""));
    CHECK(cop_match(cop("{x, <<\"k\">>}"), "{x, <<\"k\">>}"));
    CHECK(cop_match(cop("123456789012345678901"), "123456789012345678901"));
    CHECK(cop_match(m, "#{a := A, {b} := [_ | T]}", &i, &tail));
    CHECK_EQ_INT(i, 1);
    CHECK(cop_match(m, "#{K := z}", 3));
    CHECK(!cop_match(m, "#{K := z}", 4));
    CHECK(cop_match(m, "#{}"));
    CHECK(!cop_match(cop("[]"), "#{}"));
    CHECK(cop_match(cop("{'DOWN', 1, process, 2, why}"), "{'DOWN', X, process, _, Why}", 1, &head));
    CHECK(cop_match(cop("{k, #{k => v}}"), "{K, #{K := V}}", &head, &tail));
}

/* Run in a child; its complaint. */
static const char *complaint_of(void (*wrong)(void))
{
    static char text[512];
    int ends[2], status = 0;
    ssize_t size = 0, got;
    pid_t child;

    CHECK_EQ_INT(pipe(ends), 0);
    child = fork();
    if (child == 0) {
        signal(SIGABRT, SIG_DFL);
        dup2(ends[1], 2);
        wrong();
        _exit(0);
    }
    close(ends[1]);
    while ((got = read(ends[0], text + size, sizeof(text) - 1 - (size_t)size)) > 0)
        size += got;
    text[size] = 0;
    close(ends[0]);
    waitpid(child, &status, 0);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    return text;
}

static void wrong_count(void)
{
    cop("{port, Port}", 1, 2); /* wrong on purpose */
}

static void wrong_syntax(void)
{
    cop("{a, b"); /* wrong on purpose */
}

static void wrong_arrow(void)
{
    cop_match(cop("a"), "#{a => b}"); /* wrong on purpose */
}

static void wrong_key(void)
{
    int key;

    cop_match(cop("#{}"), "#{K := a}", &key); /* wrong on purpose */
}

TEST(complains_at_first_use)
{
    CHECK(strstr(
        complaint_of(wrong_count), "pattern \"{port, Port}\" names 1 variable, 2 were given\n"));
    CHECK(strstr(complaint_of(wrong_count), __FILE__ ":"));
    CHECK(strstr(complaint_of(wrong_syntax), "at character 6: expected , or }"));
    CHECK(strstr(complaint_of(wrong_arrow), "matching wants :="));
    CHECK(strstr(complaint_of(wrong_key), "a key must be a value, not an address"));
}

static cop_term shared_site(int value)
{
    return cop("{shared, [Value, {deep, \"const\"}]}", value);
}

static void *use_site(void *start)
{
    int good = 0;

    pthread_barrier_wait(start);
    for (int i = 0; i < 100; i++)
        good += cop_match(shared_site(i), "{shared, [X, {deep, \"const\"}]}", i);
    return (void *)(intptr_t)good;
}

TEST(first_use_by_many_threads)
{
    pthread_barrier_t start;
    pthread_t threads[8];
    void *good;

    pthread_barrier_init(&start, NULL, 8);
    for (int i = 0; i < 8; i++)
        pthread_create(&threads[i], NULL, use_site, &start);
    for (int i = 0; i < 8; i++) {
        pthread_join(threads[i], &good);
        CHECK_EQ_INT((intptr_t)good, 100);
    }
    pthread_barrier_destroy(&start);
}
