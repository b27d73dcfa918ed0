/* SPDX-License-Identifier: Apache-2.0 */
/* cop(...) builds and cop_match(...) matches: Erlang text, compiled once per call site.
 *
 *   cop_term m = cop("{put, Key, #{ttl => Ttl}}", key, 500);
 *   if (cop_match(m, "{put, Key, #{ttl := Ttl}}", &key, &ttl)) ...
 *
 * In a pattern
 *   Name        a place: it takes the next argument. The same name again is the same value and
 *               takes none, as in Erlang: cop("{X, X}", 1) is {1,1}.
 *   _ and _Name match anything and take no argument; the same _Name twice must be
 *               equal. Not in cop().
 *   ok 'A b'    atoms
 *   "text"      a list of code points
 *   <<"text">>  binaries, also <<1, 2, 3:4>> and <<"text"/utf8>>
 *   12 -3 16#ff $a 1.5e3   numbers
 *   {A, B} [A, B] [H | T]  tuples and lists
 *   #{K => V}   a map, in cop()
 *   #{K := V}   a map that has at least these keys, in cop_match(). A key is a constant or a bound
 *               variable.
 *   fun M:F/A   an external fun
 *
 * What the C type of an argument says, for values (in cop_match() they are compared with =:=)
 *   integer types, float, double   numbers
 *   bool                           an atom; but C11's `true` is an int: write cop_bool(true)
 *   cop_bytes                      a binary
 *   cop_term, cop_pid, cop_ref, cop_atom
 *   char *                         refused, since it could be text or an atom: write cop_text(s),
 *                                  or put it in the pattern
 * and for addresses, which capture (all of them, or none)
 *   int *, size_t *, int64_t *, ...   an integer that fits
 *   double *                       a float, or an integer that is one exactly
 *   bool *                         true or false
 *   cop_bytes *                    a binary, as a view
 *   cop_pid *, cop_ref *, cop_atom *  these; a reference must be of this node
 *   cop_term *                     anything
 *
 * The pattern must be a literal, with at most 16 arguments. A wrong one aborts the program at its
 * first use, with file and line; scripts/check-patterns finds it earlier. C only: C++ uses the
 * typed functions of term.h. What is named cop__ is the macros' own affair. */
#ifndef COPPICE_PATTERN_H
#define COPPICE_PATTERN_H

#include <coppice/term.h>

COP_BEGIN_DECLS

struct cop__code;

/* One per call site, static. */
struct cop__pattern {
    const char *text;
    const char *file;
    int line;
    int arguments;          /* how many the call gives */
    struct cop__code *code; /* NULL until first use; then never changes (atomic) */
    uint64_t word;          /* of a pattern that is an atom or a small integer; 0 until first use */
};

/* An argument of cop_match: a value to compare with, or an address and what may go there. */
struct cop__place {
    uint64_t word; /* the term's word, or the address */
    uint64_t kind; /* enum cop__kind */
};

enum cop__kind {
    COP__BOUND,
    COP__TO_TERM,
    COP__TO_INT8,
    COP__TO_UINT8,
    COP__TO_INT16,
    COP__TO_UINT16,
    COP__TO_INT32,
    COP__TO_UINT32,
    COP__TO_INT64,
    COP__TO_UINT64,
    COP__TO_DOUBLE,
    COP__TO_BOOL,
    COP__TO_ATOM,
    COP__TO_PID,
    COP__TO_REF,
    COP__TO_BYTES
};

COP_API cop_term cop__build(struct cop__pattern *pattern, const cop_term *arguments);
COP_API bool cop__match(
    cop_term term, struct cop__pattern *pattern, const struct cop__place *places);

#ifndef __cplusplus

/* --- A term of any argument --------------------------------------------------------------------
 */

static inline cop_term cop__lift_int(int64_t value)
{
    cop_term small;

    small.word = (uint64_t)value << 4 | 2;
    return (int64_t)small.word >> 4 == value ? small : cop_int(value);
}

static inline cop_term cop__lift_uint(uint64_t value)
{
    return value <= INT64_MAX ? cop__lift_int((int64_t)value) : cop_uint(value);
}

static inline cop_term cop__lift_bool(bool value)
{
    cop_term atom;

    atom.word = ((uint64_t)value + 1) << 4 | 3; /* false and true are the first atoms */
    return atom;
}

static inline cop_term cop__lift_term(cop_term value)
{
    return value;
}

static inline cop_term cop__lift_atom(cop_atom value)
{
    cop_term atom;

    atom.word = (uint64_t)value.index << 4 | 3;
    return atom;
}

static inline cop_term cop__lift_pid(cop_pid value)
{
    cop_term pid;

    pid.word = value.id;
    return value.node ? cop_from_pid(value) : pid;
}

static inline cop_term cop__lift_ref(cop_ref value)
{
    cop_term ref;

    ref.word = value.id;
    return ref;
}

static inline cop_term cop__lift_bytes(cop_bytes value)
{
    return cop_binary(value.data, value.size);
}

__attribute__((error("is it text or an atom? write cop_text(s), or cop(\"ok\")"))) cop_term
cop__lift_string(const char *value);

/* The term of x, for x of any type cop() takes. */
#define cop_lift(X) (COP__LIFT(X)(X))
#define COP__LIFT(X) \
    _Generic((X),                                                                                  \
        bool: cop__lift_bool,                                                                      \
        char: cop__lift_int,                                                                       \
        signed char: cop__lift_int,                                                                \
        unsigned char: cop__lift_uint,                                                             \
        short: cop__lift_int,                                                                      \
        unsigned short: cop__lift_uint,                                                            \
        int: cop__lift_int,                                                                        \
        unsigned: cop__lift_uint,                                                                  \
        long: cop__lift_int,                                                                       \
        unsigned long: cop__lift_uint,                                                             \
        long long: cop__lift_int,                                                                  \
        unsigned long long: cop__lift_uint,                                                        \
        float: cop_float,                                                                          \
        double: cop_float,                                                                         \
        cop_term: cop__lift_term,                                                                  \
        cop_atom: cop__lift_atom,                                                                  \
        cop_pid: cop__lift_pid,                                                                    \
        cop_ref: cop__lift_ref,                                                                    \
        cop_bytes: cop__lift_bytes,                                                                \
        char *: cop__lift_string,                                                                  \
        const char *: cop__lift_string)

/* --- A place of any argument ------------------------------------------------------------------ */

#define COP__PLACE_VALUE(NAME, TYPE)                                            \
    static inline struct cop__place cop__place_##NAME(TYPE value) {             \
        struct cop__place place = { cop__lift_##NAME(value).word, COP__BOUND }; \
                                                                                \
        return place;                                                           \
    }
#define COP__PLACE_ADDRESS(KIND)                                                    \
    static inline struct cop__place cop__place_##KIND(void *address) {              \
        struct cop__place place = { (uint64_t)(uintptr_t)address, COP__TO_##KIND }; \
                                                                                    \
        return place;                                                               \
    }

#define cop__lift_double cop_float
COP__PLACE_VALUE(bool, bool)
COP__PLACE_VALUE(int, int64_t)
COP__PLACE_VALUE(uint, uint64_t)
COP__PLACE_VALUE(double, double)
COP__PLACE_VALUE(term, cop_term)
COP__PLACE_VALUE(atom, cop_atom)
COP__PLACE_VALUE(pid, cop_pid)
COP__PLACE_VALUE(ref, cop_ref)
COP__PLACE_VALUE(bytes, cop_bytes)
COP__PLACE_ADDRESS(INT8)
COP__PLACE_ADDRESS(UINT8)
COP__PLACE_ADDRESS(INT16)
COP__PLACE_ADDRESS(UINT16)
COP__PLACE_ADDRESS(INT32)
COP__PLACE_ADDRESS(UINT32)
COP__PLACE_ADDRESS(INT64)
COP__PLACE_ADDRESS(UINT64)
COP__PLACE_ADDRESS(DOUBLE)
COP__PLACE_ADDRESS(BOOL)
COP__PLACE_ADDRESS(TERM)
COP__PLACE_ADDRESS(ATOM)
COP__PLACE_ADDRESS(PID)
COP__PLACE_ADDRESS(REF)
COP__PLACE_ADDRESS(BYTES)
#undef cop__lift_double
#undef COP__PLACE_VALUE
#undef COP__PLACE_ADDRESS

__attribute__((error(
    "is it text or an atom? write cop_text(s), or put the atom in the pattern"))) struct cop__place
cop__place_string(const char *value);

#define COP__PLACE(X) \
    _Generic((X),                                                                                  \
        bool: cop__place_bool,                                                                     \
        char: cop__place_int,                                                                      \
        signed char: cop__place_int,                                                               \
        unsigned char: cop__place_uint,                                                            \
        short: cop__place_int,                                                                     \
        unsigned short: cop__place_uint,                                                           \
        int: cop__place_int,                                                                       \
        unsigned: cop__place_uint,                                                                 \
        long: cop__place_int,                                                                      \
        unsigned long: cop__place_uint,                                                            \
        long long: cop__place_int,                                                                 \
        unsigned long long: cop__place_uint,                                                       \
        float: cop__place_double,                                                                  \
        double: cop__place_double,                                                                 \
        cop_term: cop__place_term,                                                                 \
        cop_atom: cop__place_atom,                                                                 \
        cop_pid: cop__place_pid,                                                                   \
        cop_ref: cop__place_ref,                                                                   \
        cop_bytes: cop__place_bytes,                                                               \
        char *: cop__place_string,                                                                 \
        const char *: cop__place_string,                                                           \
        signed char *: cop__place_INT8,                                                            \
        unsigned char *: cop__place_UINT8,                                                         \
        short *: cop__place_INT16,                                                                 \
        unsigned short *: cop__place_UINT16,                                                       \
        int *: cop__place_INT32,                                                                   \
        unsigned *: cop__place_UINT32,                                                             \
        long *: cop__place_INT64,                                                                  \
        unsigned long *: cop__place_UINT64,                                                        \
        long long *: cop__place_INT64,                                                             \
        unsigned long long *: cop__place_UINT64,                                                   \
        double *: cop__place_DOUBLE,                                                               \
        bool *: cop__place_BOOL,                                                                   \
        cop_term *: cop__place_TERM,                                                               \
        cop_atom *: cop__place_ATOM,                                                               \
        cop_pid *: cop__place_PID,                                                                 \
        cop_ref *: cop__place_REF,                                                                 \
        cop_bytes *: cop__place_BYTES)(X)

/* --- The macros --------------------------------------------------------------------------------
 */

/* An atom costs a load and a branch at the call site, and no call. */
static inline cop_term cop__constant(struct cop__pattern *pattern)
{
    cop_term constant;

    constant.word = __atomic_load_n(&pattern->word, __ATOMIC_RELAXED);
    return constant.word ? constant : cop__build(pattern, (const cop_term *)0);
}

static inline bool cop__match_site(
    cop_term term, struct cop__pattern *pattern, const struct cop__place *places)
{
    uint64_t word = __atomic_load_n(&pattern->word, __ATOMIC_RELAXED);

    return word ? word == term.word : cop__match(term, pattern, places);
}

/* "" TEXT "" refuses all but a literal. */
#define COP__SITE(TEXT, COUNT)                                                                  \
    __extension__({                                                                             \
        static struct cop__pattern cop__site = { "" TEXT "", __FILE__, __LINE__, COUNT, 0, 0 }; \
        &cop__site;                                                                             \
    })

#define COP__COUNT(...) \
    COP__COUNT_(__VA_ARGS__, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0, )
#define COP__COUNT_(TEXT, A, B, C, D, E, F, G, H, I, J, K, L, M, N, O, P, COUNT, ...) COUNT
#define COP__PASTE(A, B)                                                              COP__PASTE_(A, B)

#define COP__PASTE_(A, B) A##B

#define COP__LIFTS_1(A)       cop_lift(A)
#define COP__LIFTS_2(A, ...)  cop_lift(A), COP__LIFTS_1(__VA_ARGS__)
#define COP__LIFTS_3(A, ...)  cop_lift(A), COP__LIFTS_2(__VA_ARGS__)
#define COP__LIFTS_4(A, ...)  cop_lift(A), COP__LIFTS_3(__VA_ARGS__)
#define COP__LIFTS_5(A, ...)  cop_lift(A), COP__LIFTS_4(__VA_ARGS__)
#define COP__LIFTS_6(A, ...)  cop_lift(A), COP__LIFTS_5(__VA_ARGS__)
#define COP__LIFTS_7(A, ...)  cop_lift(A), COP__LIFTS_6(__VA_ARGS__)
#define COP__LIFTS_8(A, ...)  cop_lift(A), COP__LIFTS_7(__VA_ARGS__)
#define COP__LIFTS_9(A, ...)  cop_lift(A), COP__LIFTS_8(__VA_ARGS__)
#define COP__LIFTS_10(A, ...) cop_lift(A), COP__LIFTS_9(__VA_ARGS__)
#define COP__LIFTS_11(A, ...) cop_lift(A), COP__LIFTS_10(__VA_ARGS__)
#define COP__LIFTS_12(A, ...) cop_lift(A), COP__LIFTS_11(__VA_ARGS__)
#define COP__LIFTS_13(A, ...) cop_lift(A), COP__LIFTS_12(__VA_ARGS__)
#define COP__LIFTS_14(A, ...) cop_lift(A), COP__LIFTS_13(__VA_ARGS__)
#define COP__LIFTS_15(A, ...) cop_lift(A), COP__LIFTS_14(__VA_ARGS__)
#define COP__LIFTS_16(A, ...) cop_lift(A), COP__LIFTS_15(__VA_ARGS__)

#define COP__PLACES_1(A)       COP__PLACE(A)
#define COP__PLACES_2(A, ...)  COP__PLACE(A), COP__PLACES_1(__VA_ARGS__)
#define COP__PLACES_3(A, ...)  COP__PLACE(A), COP__PLACES_2(__VA_ARGS__)
#define COP__PLACES_4(A, ...)  COP__PLACE(A), COP__PLACES_3(__VA_ARGS__)
#define COP__PLACES_5(A, ...)  COP__PLACE(A), COP__PLACES_4(__VA_ARGS__)
#define COP__PLACES_6(A, ...)  COP__PLACE(A), COP__PLACES_5(__VA_ARGS__)
#define COP__PLACES_7(A, ...)  COP__PLACE(A), COP__PLACES_6(__VA_ARGS__)
#define COP__PLACES_8(A, ...)  COP__PLACE(A), COP__PLACES_7(__VA_ARGS__)
#define COP__PLACES_9(A, ...)  COP__PLACE(A), COP__PLACES_8(__VA_ARGS__)
#define COP__PLACES_10(A, ...) COP__PLACE(A), COP__PLACES_9(__VA_ARGS__)
#define COP__PLACES_11(A, ...) COP__PLACE(A), COP__PLACES_10(__VA_ARGS__)
#define COP__PLACES_12(A, ...) COP__PLACE(A), COP__PLACES_11(__VA_ARGS__)
#define COP__PLACES_13(A, ...) COP__PLACE(A), COP__PLACES_12(__VA_ARGS__)
#define COP__PLACES_14(A, ...) COP__PLACE(A), COP__PLACES_13(__VA_ARGS__)
#define COP__PLACES_15(A, ...) COP__PLACE(A), COP__PLACES_14(__VA_ARGS__)
#define COP__PLACES_16(A, ...) COP__PLACE(A), COP__PLACES_15(__VA_ARGS__)

/* Build a term: cop("{ok, Value}", value). */
#define cop(...)           COP__PASTE(COP__BUILD_, COP__COUNT(__VA_ARGS__))(__VA_ARGS__)
#define COP__BUILD_0(TEXT) cop__constant(COP__SITE(TEXT, 0))
#define COP__BUILD_1(TEXT, ...) \
    cop__build(COP__SITE(TEXT, 1), (const cop_term[]){ COP__LIFTS_1(__VA_ARGS__) })
#define COP__BUILD_2(TEXT, ...) \
    cop__build(COP__SITE(TEXT, 2), (const cop_term[]){ COP__LIFTS_2(__VA_ARGS__) })
#define COP__BUILD_3(TEXT, ...) \
    cop__build(COP__SITE(TEXT, 3), (const cop_term[]){ COP__LIFTS_3(__VA_ARGS__) })
#define COP__BUILD_4(TEXT, ...) \
    cop__build(COP__SITE(TEXT, 4), (const cop_term[]){ COP__LIFTS_4(__VA_ARGS__) })
#define COP__BUILD_5(TEXT, ...) \
    cop__build(COP__SITE(TEXT, 5), (const cop_term[]){ COP__LIFTS_5(__VA_ARGS__) })
#define COP__BUILD_6(TEXT, ...) \
    cop__build(COP__SITE(TEXT, 6), (const cop_term[]){ COP__LIFTS_6(__VA_ARGS__) })
#define COP__BUILD_7(TEXT, ...) \
    cop__build(COP__SITE(TEXT, 7), (const cop_term[]){ COP__LIFTS_7(__VA_ARGS__) })
#define COP__BUILD_8(TEXT, ...) \
    cop__build(COP__SITE(TEXT, 8), (const cop_term[]){ COP__LIFTS_8(__VA_ARGS__) })
#define COP__BUILD_9(TEXT, ...) \
    cop__build(COP__SITE(TEXT, 9), (const cop_term[]){ COP__LIFTS_9(__VA_ARGS__) })
#define COP__BUILD_10(TEXT, ...) \
    cop__build(COP__SITE(TEXT, 10), (const cop_term[]){ COP__LIFTS_10(__VA_ARGS__) })
#define COP__BUILD_11(TEXT, ...) \
    cop__build(COP__SITE(TEXT, 11), (const cop_term[]){ COP__LIFTS_11(__VA_ARGS__) })
#define COP__BUILD_12(TEXT, ...) \
    cop__build(COP__SITE(TEXT, 12), (const cop_term[]){ COP__LIFTS_12(__VA_ARGS__) })
#define COP__BUILD_13(TEXT, ...) \
    cop__build(COP__SITE(TEXT, 13), (const cop_term[]){ COP__LIFTS_13(__VA_ARGS__) })
#define COP__BUILD_14(TEXT, ...) \
    cop__build(COP__SITE(TEXT, 14), (const cop_term[]){ COP__LIFTS_14(__VA_ARGS__) })
#define COP__BUILD_15(TEXT, ...) \
    cop__build(COP__SITE(TEXT, 15), (const cop_term[]){ COP__LIFTS_15(__VA_ARGS__) })
#define COP__BUILD_16(TEXT, ...) \
    cop__build(COP__SITE(TEXT, 16), (const cop_term[]){ COP__LIFTS_16(__VA_ARGS__) })

/* A call site with its places, as two arguments. */
#define COP__PATTERN_0(TEXT) COP__SITE(TEXT, 0), (const struct cop__place *)0
#define COP__PATTERN_1(TEXT, ...)                   \
    COP__SITE(TEXT, 1), (const struct cop__place[]) \
    {                                               \
        COP__PLACES_1(__VA_ARGS__)                  \
    }
#define COP__PATTERN_2(TEXT, ...)                   \
    COP__SITE(TEXT, 2), (const struct cop__place[]) \
    {                                               \
        COP__PLACES_2(__VA_ARGS__)                  \
    }
#define COP__PATTERN_3(TEXT, ...)                   \
    COP__SITE(TEXT, 3), (const struct cop__place[]) \
    {                                               \
        COP__PLACES_3(__VA_ARGS__)                  \
    }
#define COP__PATTERN_4(TEXT, ...)                   \
    COP__SITE(TEXT, 4), (const struct cop__place[]) \
    {                                               \
        COP__PLACES_4(__VA_ARGS__)                  \
    }
#define COP__PATTERN_5(TEXT, ...)                   \
    COP__SITE(TEXT, 5), (const struct cop__place[]) \
    {                                               \
        COP__PLACES_5(__VA_ARGS__)                  \
    }
#define COP__PATTERN_6(TEXT, ...)                   \
    COP__SITE(TEXT, 6), (const struct cop__place[]) \
    {                                               \
        COP__PLACES_6(__VA_ARGS__)                  \
    }
#define COP__PATTERN_7(TEXT, ...)                   \
    COP__SITE(TEXT, 7), (const struct cop__place[]) \
    {                                               \
        COP__PLACES_7(__VA_ARGS__)                  \
    }
#define COP__PATTERN_8(TEXT, ...)                   \
    COP__SITE(TEXT, 8), (const struct cop__place[]) \
    {                                               \
        COP__PLACES_8(__VA_ARGS__)                  \
    }
#define COP__PATTERN_9(TEXT, ...)                   \
    COP__SITE(TEXT, 9), (const struct cop__place[]) \
    {                                               \
        COP__PLACES_9(__VA_ARGS__)                  \
    }
#define COP__PATTERN_10(TEXT, ...)                   \
    COP__SITE(TEXT, 10), (const struct cop__place[]) \
    {                                                \
        COP__PLACES_10(__VA_ARGS__)                  \
    }
#define COP__PATTERN_11(TEXT, ...)                   \
    COP__SITE(TEXT, 11), (const struct cop__place[]) \
    {                                                \
        COP__PLACES_11(__VA_ARGS__)                  \
    }
#define COP__PATTERN_12(TEXT, ...)                   \
    COP__SITE(TEXT, 12), (const struct cop__place[]) \
    {                                                \
        COP__PLACES_12(__VA_ARGS__)                  \
    }
#define COP__PATTERN_13(TEXT, ...)                   \
    COP__SITE(TEXT, 13), (const struct cop__place[]) \
    {                                                \
        COP__PLACES_13(__VA_ARGS__)                  \
    }
#define COP__PATTERN_14(TEXT, ...)                   \
    COP__SITE(TEXT, 14), (const struct cop__place[]) \
    {                                                \
        COP__PLACES_14(__VA_ARGS__)                  \
    }
#define COP__PATTERN_15(TEXT, ...)                   \
    COP__SITE(TEXT, 15), (const struct cop__place[]) \
    {                                                \
        COP__PLACES_15(__VA_ARGS__)                  \
    }
#define COP__PATTERN_16(TEXT, ...)                   \
    COP__SITE(TEXT, 16), (const struct cop__place[]) \
    {                                                \
        COP__PLACES_16(__VA_ARGS__)                  \
    }
#define COP__PATTERN(...) COP__PASTE(COP__PATTERN_, COP__COUNT(__VA_ARGS__))(__VA_ARGS__)

/* Match a term: cop_match(term, "{ok, Value}", &value); whether it matched. */
#define cop_match(TERM, ...) cop__match_site(TERM, COP__PATTERN(__VA_ARGS__))

#endif /* C */

COP_END_DECLS

#endif
