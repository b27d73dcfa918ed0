/* SPDX-License-Identifier: Apache-2.0 */
/* The functions of match specifications (ETS-40). Layer 4. */
#include <coppice/process.h>

#include "ets/match_spec.h"
#include "term/arithmetic.h"

static bool give(cop_term *ret, bool value)
{
    *ret = cop_bool(value);
    return true;
}

/* --- Types ---------------------------------------------------------------------------------------
 */

#define TYPE_TEST(NAME, IS)                                          \
    static bool NAME(cop_term *ret, const cop_term *x, size_t count) \
    {                                                                \
        enum cop_type type = cop_type_of(x[0]);                      \
                                                                     \
        (void)count;                                                 \
        return give(ret, (IS));                                      \
    }

TYPE_TEST(is_atom, type == COP_TYPE_ATOM)
TYPE_TEST(is_binary, type == COP_TYPE_BITSTRING && cop_is_binary(x[0]))
TYPE_TEST(is_float, type == COP_TYPE_FLOAT)
TYPE_TEST(is_function, type == COP_TYPE_FUN)
TYPE_TEST(is_integer, type == COP_TYPE_INTEGER)
TYPE_TEST(is_list, type == COP_TYPE_LIST || type == COP_TYPE_NIL)
TYPE_TEST(is_map, type == COP_TYPE_MAP)
TYPE_TEST(is_number, type == COP_TYPE_INTEGER || type == COP_TYPE_FLOAT)
TYPE_TEST(is_pid, type == COP_TYPE_PID)
TYPE_TEST(is_port, type == COP_TYPE_PORT)
TYPE_TEST(is_reference, type == COP_TYPE_REFERENCE)
TYPE_TEST(is_tuple, type == COP_TYPE_TUPLE)

static bool is_map_key(cop_term *ret, const cop_term *x, size_t count)
{
    cop_term value;

    (void)count;
    return cop__is_map(x[1]) && give(ret, cop_map_get(&value, x[1], x[0]));
}

/* {is_record, Term, Tag, Size} */
static bool is_record(cop_term *ret, const cop_term *x, size_t count)
{
    int64_t size;

    (void)count;
    if (!cop__is_atom(x[1]) || !cop_to_int(&size, x[2]))
        return false;
    return give(ret, cop__is_tuple(x[0]) && size > 0 && cop__count(x[0]) == (uint64_t)size &&
                         cop__elements(x[0])[0].word == x[1].word);
}

/* --- Comparisons ---------------------------------------------------------------------------------
 */

#define COMPARISON(NAME, IS)                                         \
    static bool NAME(cop_term *ret, const cop_term *x, size_t count) \
    {                                                                \
        (void)count;                                                 \
        return give(ret, (IS));                                      \
    }

COMPARISON(equal, cop_equal(x[0], x[1]))
COMPARISON(not_equal, !cop_equal(x[0], x[1]))
COMPARISON(identical, cop_identical(x[0], x[1]))
COMPARISON(not_identical, !cop_identical(x[0], x[1]))
COMPARISON(less, cop_compare(x[0], x[1]) < 0)
COMPARISON(less_or_equal, cop_compare(x[0], x[1]) <= 0)
COMPARISON(greater, cop_compare(x[0], x[1]) > 0)
COMPARISON(greater_or_equal, cop_compare(x[0], x[1]) >= 0)

static bool max_of(cop_term *ret, const cop_term *x, size_t count)
{
    (void)count;
    *ret = cop_compare(x[0], x[1]) >= 0 ? x[0] : x[1];
    return true;
}

static bool min_of(cop_term *ret, const cop_term *x, size_t count)
{
    (void)count;
    *ret = cop_compare(x[0], x[1]) <= 0 ? x[0] : x[1];
    return true;
}

/* --- Truth: all values are there, and all must be booleans ---------------------------------------
 */

static bool and_of(cop_term *ret, const cop_term *x, size_t count)
{
    bool all = true, one;

    for (size_t i = 0; i < count; i++) {
        if (!cop_to_bool(&one, x[i]))
            return false;
        all = all && one;
    }
    return give(ret, all);
}

static bool or_of(cop_term *ret, const cop_term *x, size_t count)
{
    bool any = false, one;

    for (size_t i = 0; i < count; i++) {
        if (!cop_to_bool(&one, x[i]))
            return false;
        any = any || one;
    }
    return give(ret, any);
}

static bool xor_of(cop_term *ret, const cop_term *x, size_t count)
{
    bool a, b;

    (void)count;
    return cop_to_bool(&a, x[0]) && cop_to_bool(&b, x[1]) && give(ret, a != b);
}

static bool not_of(cop_term *ret, const cop_term *x, size_t count)
{
    bool a;

    (void)count;
    return cop_to_bool(&a, x[0]) && give(ret, !a);
}

/* --- Numbers -------------------------------------------------------------------------------------
 */

#define UNARY(NAME, FUNCTION)                                        \
    static bool NAME(cop_term *ret, const cop_term *x, size_t count) \
    {                                                                \
        (void)count;                                                 \
        return FUNCTION(ret, x[0]);                                  \
    }
#define BINARY(NAME, FUNCTION)                                       \
    static bool NAME(cop_term *ret, const cop_term *x, size_t count) \
    {                                                                \
        (void)count;                                                 \
        return FUNCTION(ret, x[0], x[1]);                            \
    }

BINARY(add, cop__add)
BINARY(subtract, cop__subtract)
BINARY(multiply, cop__multiply)
BINARY(divide, cop__divide)
BINARY(quotient, cop__quotient)
BINARY(remainder_of, cop__remainder)
BINARY(bit_and, cop__bit_and)
BINARY(bit_or, cop__bit_or)
BINARY(bit_xor, cop__bit_xor)
BINARY(shift_left, cop__shift_left)
BINARY(shift_right, cop__shift_right)
UNARY(negate, cop__negate)
UNARY(bit_not, cop__bit_not)
UNARY(absolute, cop__absolute)
UNARY(round_of, cop__round)
UNARY(truncate_of, cop__truncate)
UNARY(to_float, cop__to_float)

static bool plus(cop_term *ret, const cop_term *x, size_t count)
{
    (void)count;
    *ret = x[0];
    return cop__is_integer(x[0]) || cop__is_float(x[0]);
}

/* --- Parts and sizes -----------------------------------------------------------------------------
 */

static bool give_size(cop_term *ret, uint64_t size)
{
    *ret = cop_uint(size);
    return true;
}

static bool element(cop_term *ret, const cop_term *x, size_t count)
{
    int64_t at;

    (void)count;
    if (!cop__is_tuple(x[1]) || !cop_to_int(&at, x[0]) || at < 1 || (uint64_t)at > cop__count(x[1]))
        return false;
    *ret = cop__elements(x[1])[at - 1];
    return true;
}

static bool head(cop_term *ret, const cop_term *x, size_t count)
{
    (void)count;
    if (!cop__is_cons(x[0]))
        return false;
    *ret = cop__cell(x[0])[0];
    return true;
}

static bool tail(cop_term *ret, const cop_term *x, size_t count)
{
    (void)count;
    if (!cop__is_cons(x[0]))
        return false;
    *ret = cop__cell(x[0])[1];
    return true;
}

static bool length(cop_term *ret, const cop_term *x, size_t count)
{
    size_t size;

    (void)count;
    return cop_list_length(&size, x[0]) && give_size(ret, size);
}

static bool tuple_size(cop_term *ret, const cop_term *x, size_t count)
{
    (void)count;
    return cop__is_tuple(x[0]) && give_size(ret, cop__count(x[0]));
}

/* Of a tuple, or the whole bytes of a bitstring. */
static bool size(cop_term *ret, const cop_term *x, size_t count)
{
    if (cop__is_bitstring(x[0]))
        return give_size(ret, cop__bits_of(x[0]).size / 8);
    return tuple_size(ret, x, count);
}

static bool byte_size(cop_term *ret, const cop_term *x, size_t count)
{
    (void)count;
    return cop__is_bitstring(x[0]) && give_size(ret, (cop__bits_of(x[0]).size + 7) / 8);
}

static bool bit_size(cop_term *ret, const cop_term *x, size_t count)
{
    (void)count;
    return cop__is_bitstring(x[0]) && give_size(ret, cop__bits_of(x[0]).size);
}

static bool map_size(cop_term *ret, const cop_term *x, size_t count)
{
    (void)count;
    return cop__is_map(x[0]) && give_size(ret, cop_map_size(x[0]));
}

static bool map_get(cop_term *ret, const cop_term *x, size_t count)
{
    (void)count;
    return cop__is_map(x[1]) && cop_map_get(ret, x[1], x[0]);
}

/* {binary_part, Binary, Start, Length}; a negative length goes back. */
static bool binary_part(cop_term *ret, const cop_term *x, size_t count)
{
    int64_t start, part;
    cop_bytes bytes;

    (void)count;
    if (!cop_to_bytes(&bytes, x[0]) || !cop_to_int(&start, x[1]) || !cop_to_int(&part, x[2]))
        return false;
    if (start < 0 || (uint64_t)start > bytes.size)
        return false;
    if (part < 0 ? (uint64_t)-part > (uint64_t)start
                 : (uint64_t)part > bytes.size - (uint64_t)start)
        return false;
    *ret = cop_binary_part(
        x[0], (size_t)(part < 0 ? start + part : start), (size_t)(part < 0 ? -part : part));
    return true;
}

static bool self(cop_term *ret, const cop_term *x, size_t count)
{
    (void)x, (void)count;
    if (!cop_in_process())
        return false;
    *ret = cop_from_pid(cop_self());
    return true;
}

/* {node} is this one, {node, X} that of a pid, reference or port. */
static bool node(cop_term *ret, const cop_term *x, size_t count)
{
    enum cop_type type = count ? cop_type_of(x[0]) : COP_TYPE_PID;
    cop_pid pid = { 0, 0 };

    if (type != COP_TYPE_PID && type != COP_TYPE_REFERENCE && type != COP_TYPE_PORT)
        return false;
    if (count && cop__is_boxed(x[0]))
        pid.node = cop__box(x[0])[1];
    *ret = cop_from_atom(pid.node ? cop_pid_node(pid) : cop_node());
    return true;
}

/* --- The table -----------------------------------------------------------------------------------
 */

enum { ANY = 255 };

static const struct {
    const char *name;
    uint8_t least, most; /* arguments */
    cop__match_function *function;
} functions[] = {
    { "is_atom", 1, 1, is_atom },
    { "is_binary", 1, 1, is_binary },
    { "is_float", 1, 1, is_float },
    { "is_function", 1, 1, is_function },
    { "is_integer", 1, 1, is_integer },
    { "is_list", 1, 1, is_list },
    { "is_map", 1, 1, is_map },
    { "is_map_key", 2, 2, is_map_key },
    { "is_number", 1, 1, is_number },
    { "is_pid", 1, 1, is_pid },
    { "is_port", 1, 1, is_port },
    { "is_record", 3, 3, is_record },
    { "is_reference", 1, 1, is_reference },
    { "is_tuple", 1, 1, is_tuple },
    { "==", 2, 2, equal },
    { "/=", 2, 2, not_equal },
    { "=:=", 2, 2, identical },
    { "=/=", 2, 2, not_identical },
    { "<", 2, 2, less },
    { "=<", 2, 2, less_or_equal },
    { ">", 2, 2, greater },
    { ">=", 2, 2, greater_or_equal },
    { "and", 1, ANY, and_of },
    { "or", 1, ANY, or_of },
    { "xor", 2, 2, xor_of },
    { "not", 1, 1, not_of },
    { "+", 1, 1, plus },
    { "+", 2, 2, add },
    { "-", 1, 1, negate },
    { "-", 2, 2, subtract },
    { "*", 2, 2, multiply },
    { "/", 2, 2, divide },
    { "div", 2, 2, quotient },
    { "rem", 2, 2, remainder_of },
    { "band", 2, 2, bit_and },
    { "bor", 2, 2, bit_or },
    { "bxor", 2, 2, bit_xor },
    { "bnot", 1, 1, bit_not },
    { "bsl", 2, 2, shift_left },
    { "bsr", 2, 2, shift_right },
    { "abs", 1, 1, absolute },
    { "round", 1, 1, round_of },
    { "trunc", 1, 1, truncate_of },
    { "float", 1, 1, to_float },
    { "element", 2, 2, element },
    { "hd", 1, 1, head },
    { "tl", 1, 1, tail },
    { "length", 1, 1, length },
    { "size", 1, 1, size },
    { "tuple_size", 1, 1, tuple_size },
    { "byte_size", 1, 1, byte_size },
    { "bit_size", 1, 1, bit_size },
    { "map_size", 1, 1, map_size },
    { "map_get", 2, 2, map_get },
    { "binary_part", 3, 3, binary_part },
    { "max", 2, 2, max_of },
    { "min", 2, 2, min_of },
    { "self", 0, 0, self },
    { "node", 0, 1, node },
};

cop__match_function *cop__match_function_of(cop_term name, size_t count)
{
    cop_bytes text = { NULL, 0 };

    if (!cop__is_atom(name) || !cop_to_text(&text, name))
        return NULL;
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
        if (strlen(functions[i].name) == text.size &&
            memcmp(functions[i].name, text.data, text.size) == 0 && count >= functions[i].least &&
            (functions[i].most == ANY || count <= functions[i].most))
            return functions[i].function;
    return NULL;
}
