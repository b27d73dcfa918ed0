/* SPDX-License-Identifier: Apache-2.0 */
/* Arithmetic. Layer 1. Small integers go through 128 bits; others through limbs, sign and
 * magnitude, schoolbook: numbers of guards are short. */
#include "term/arithmetic.h"

#include "base/scratch.h"
#include "term/integer.h"

enum { LIMBS_MAX = 1 << 16 }; /* as integer.c has it */

__extension__ typedef __int128 wide;

static cop_term of_wide(wide value)
{
    bool negative = value < 0;
    cop__u128 magnitude = negative ? -(cop__u128)value : (cop__u128)value;
    uint64_t limbs[] = { (uint64_t)magnitude, (uint64_t)(magnitude >> 64) };

    return cop__new_big(cop__turn_heap(), negative, limbs, 2);
}

static bool both_small(cop_term a, cop_term b)
{
    return cop__is_small(a) && cop__is_small(b);
}

static bool both_integers(cop_term a, cop_term b)
{
    return cop__is_integer(a) && cop__is_integer(b);
}

/* --- Floats ------------------------------------------------------------------------------------
 */

/* The nearest double; false: no number, or one that no double comes near. */
static bool as_double(double *ret, cop_term number)
{
    struct cop__integer x;
    double value = 0;

    if (cop__is_float(number)) {
        *ret = cop__float_value(number);
        return true;
    }
    if (!cop__is_integer(number))
        return false;
    cop__integer_of(&x, number);
    if (x.count > 16)
        return false;
    for (size_t i = x.count; i--;)
        value = value * 18446744073709551616.0 + (double)x.limbs[i];
    *ret = x.negative ? -value : value;
    return __builtin_isfinite(value);
}

static bool two_doubles(double *ret_a, double *ret_b, cop_term a, cop_term b)
{
    return as_double(ret_a, a) && as_double(ret_b, b);
}

static bool finite_float(cop_term *ret, double value)
{
    if (!__builtin_isfinite(value))
        return false;
    *ret = cop__new_float(cop__turn_heap(), value);
    return true;
}

/* A double as an integer, toward zero or to the nearest, halves away from zero. From its bits,
 * since the library links no libm. */
static cop_term of_double(double value, bool nearest)
{
    enum { FRACTION = 52, BIAS = 1023 };
    uint64_t limbs[17] = { 0 }, bits;
    int shift;

    memcpy(&bits, &value, sizeof bits);
    shift = (int)(bits >> FRACTION & 0x7ff) - BIAS - FRACTION;
    bits = (bits & (((uint64_t)1 << FRACTION) - 1)) | (uint64_t)1 << FRACTION;
    if (shift < -FRACTION - 1)
        return cop__small(0); /* below a half */
    if (shift < 0) {
        limbs[0] = (bits + (nearest ? (uint64_t)1 << (-shift - 1) : 0)) >> -shift;
    } else {
        limbs[shift / 64] = bits << shift % 64;
        if (shift % 64)
            limbs[shift / 64 + 1] = bits >> (64 - shift % 64);
    }
    return cop__new_big(cop__turn_heap(), value < 0, limbs, 17);
}

bool cop__to_float(cop_term *ret, cop_term a)
{
    double value;

    return as_double(&value, a) && finite_float(ret, value);
}

bool cop__truncate(cop_term *ret, cop_term a)
{
    if (cop__is_integer(a))
        *ret = a;
    else if (cop__is_float(a))
        *ret = of_double(cop__float_value(a), false);
    else
        return false;
    return true;
}

bool cop__round(cop_term *ret, cop_term a)
{
    if (!cop__is_float(a))
        return cop__truncate(ret, a);
    *ret = of_double(cop__float_value(a), true);
    return true;
}

/* --- Limbs ---------------------------------------------------------------------------------------
 */

static uint64_t *new_limbs(size_t count)
{
    uint64_t *limbs = cop__scratch_new((count ? count : 1) * sizeof *limbs, "an integer");

    memset(limbs, 0, count * sizeof *limbs);
    return limbs;
}

static cop_term give(bool negative, uint64_t *limbs, size_t count)
{
    cop_term integer = cop__new_big(cop__turn_heap(), negative, limbs, count);

    cop__scratch_free(limbs);
    return integer;
}

static int compare_magnitudes(const struct cop__integer *a, const struct cop__integer *b)
{
    if (a->count != b->count)
        return a->count < b->count ? -1 : 1;
    for (size_t i = a->count; i--;)
        if (a->limbs[i] != b->limbs[i])
            return a->limbs[i] < b->limbs[i] ? -1 : 1;
    return 0;
}

static cop_term add_magnitudes(
    const struct cop__integer *a, const struct cop__integer *b, bool negative)
{
    size_t count = (a->count > b->count ? a->count : b->count) + 1;
    uint64_t *sum = new_limbs(count), carry = 0;

    for (size_t i = 0; i < count; i++) {
        cop__u128 limb =
            (cop__u128)(i < a->count ? a->limbs[i] : 0) + (i < b->count ? b->limbs[i] : 0) + carry;

        sum[i] = (uint64_t)limb;
        carry = (uint64_t)(limb >> 64);
    }
    return give(negative, sum, count);
}

/* a is the larger. */
static cop_term subtract_magnitudes(
    const struct cop__integer *a, const struct cop__integer *b, bool negative)
{
    uint64_t *difference = new_limbs(a->count), borrow = 0;

    for (size_t i = 0; i < a->count; i++) {
        cop__u128 limb = (cop__u128)a->limbs[i] - (i < b->count ? b->limbs[i] : 0) - borrow;

        difference[i] = (uint64_t)limb;
        borrow = (uint64_t)(limb >> 64) & 1;
    }
    return give(negative, difference, a->count);
}

static bool add_integers(cop_term *ret, cop_term a, cop_term b, bool negate_b)
{
    struct cop__integer x, y;
    int order;

    cop__integer_of(&x, a);
    cop__integer_of(&y, b);
    y.negative ^= negate_b;
    order = compare_magnitudes(&x, &y);
    if (x.negative == y.negative) {
        if (x.count >= LIMBS_MAX || y.count >= LIMBS_MAX)
            return false;
        *ret = add_magnitudes(&x, &y, x.negative);
    } else if (order >= 0) {
        *ret = subtract_magnitudes(&x, &y, x.negative);
    } else {
        *ret = subtract_magnitudes(&y, &x, y.negative);
    }
    return true;
}

static bool multiply_integers(cop_term *ret, cop_term a, cop_term b)
{
    struct cop__integer x, y;
    uint64_t *product;
    size_t count;

    cop__integer_of(&x, a);
    cop__integer_of(&y, b);
    count = x.count + y.count;
    if (count > LIMBS_MAX)
        return false;
    product = new_limbs(count);
    for (size_t i = 0; i < x.count; i++) {
        uint64_t carry = 0;

        for (size_t j = 0; j < y.count; j++) {
            cop__u128 limb = (cop__u128)x.limbs[i] * y.limbs[j] + product[i + j] + carry;

            product[i + j] = (uint64_t)limb;
            carry = (uint64_t)(limb >> 64);
        }
        product[i + y.count] = carry;
    }
    *ret = give(x.negative != y.negative, product, count);
    return true;
}

/* By one limb: the quotient in place of the dividend. */
static uint64_t divide_by_limb(uint64_t *limbs, size_t count, uint64_t divisor)
{
    uint64_t rest = 0;

    while (count--) {
        cop__u128 limb = (cop__u128)rest << 64 | limbs[count];

        limbs[count] = (uint64_t)(limb / divisor);
        rest = (uint64_t)(limb % divisor);
    }
    return rest;
}

static void shift_up(uint64_t *to, const uint64_t *from, size_t count, unsigned bits)
{
    uint64_t carry = 0;

    for (size_t i = 0; i < count; i++) {
        uint64_t limb = from[i];

        to[i] = limb << bits | carry;
        carry = bits ? limb >> (64 - bits) : 0;
    }
    to[count] = carry;
}

/* One digit of the quotient, of the rest's limbs at `rest`, which is reduced (Knuth, algorithm D).
 */
static uint64_t next_digit(uint64_t *rest, const uint64_t *divisor, size_t count)
{
    cop__u128 top = (cop__u128)rest[count] << 64 | rest[count - 1];
    cop__u128 digit = rest[count] >= divisor[count - 1] ? UINT64_MAX : top / divisor[count - 1];
    uint64_t borrow = 0, carry = 0;

    for (size_t i = 0; i < count; i++) {
        cop__u128 product = digit * divisor[i] + carry;
        cop__u128 limb = (cop__u128)rest[i] - (uint64_t)product - borrow;

        carry = (uint64_t)(product >> 64);
        rest[i] = (uint64_t)limb;
        borrow = (uint64_t)(limb >> 64) & 1;
    }
    borrow = rest[count] < (cop__u128)carry + borrow;
    rest[count] = 0;
    while (borrow) { /* at most twice: the digit was too large */
        uint64_t up = 0;

        digit--;
        for (size_t i = 0; i < count; i++) {
            cop__u128 limb = (cop__u128)rest[i] + divisor[i] + up;

            rest[i] = (uint64_t)limb;
            up = (uint64_t)(limb >> 64);
        }
        borrow = !up;
    }
    return (uint64_t)digit;
}

/* Of magnitudes; the divisor is not 0. *rest is as long as the divisor. */
static void divide_magnitudes(
    const struct cop__integer *a, const struct cop__integer *b, uint64_t *quotient, uint64_t *rest)
{
    unsigned bits = (unsigned)__builtin_clzll(b->limbs[b->count - 1]);
    uint64_t *work, *divisor;

    if (b->count == 1) {
        memcpy(quotient, a->limbs, a->count * sizeof *quotient);
        rest[0] = divide_by_limb(quotient, a->count, b->limbs[0]);
        return;
    }
    work = new_limbs(a->count + 1);
    divisor = new_limbs(b->count + 1);
    shift_up(work, a->limbs, a->count, bits);
    shift_up(divisor, b->limbs, b->count, bits);
    for (size_t i = a->count - b->count + 1; i--;)
        quotient[i] = next_digit(work + i, divisor, b->count);
    for (size_t i = 0; i < b->count; i++)
        rest[i] = work[i] >> bits | (bits && i + 1 < b->count ? work[i + 1] << (64 - bits) : 0);
    cop__scratch_free(divisor);
    cop__scratch_free(work);
}

/* Toward zero; the rest has the sign of the dividend. */
static bool divide_integers(cop_term *ret_quotient, cop_term *ret_rest, cop_term a, cop_term b)
{
    struct cop__integer x, y;
    uint64_t *quotient, *rest;

    if (!both_integers(a, b) || b.word == cop__small(0).word)
        return false;
    if (both_small(a, b)) {
        *ret_quotient = cop__new_int(cop__turn_heap(), cop__small_value(a) / cop__small_value(b));
        *ret_rest = cop__small(cop__small_value(a) % cop__small_value(b));
        return true;
    }
    cop__integer_of(&x, a);
    cop__integer_of(&y, b);
    if (compare_magnitudes(&x, &y) < 0) {
        *ret_quotient = cop__small(0);
        *ret_rest = a;
        return true;
    }
    quotient = new_limbs(x.count);
    rest = new_limbs(y.count);
    divide_magnitudes(&x, &y, quotient, rest);
    *ret_quotient = give(x.negative != y.negative, quotient, x.count);
    *ret_rest = give(x.negative, rest, y.count);
    return true;
}

/* --- Operators -----------------------------------------------------------------------------------
 */

bool cop__add(cop_term *ret, cop_term a, cop_term b)
{
    double x, y;

    if (both_small(a, b)) {
        *ret = cop__new_int(cop__turn_heap(), cop__small_value(a) + cop__small_value(b));
        return true;
    }
    if (both_integers(a, b))
        return add_integers(ret, a, b, false);
    return two_doubles(&x, &y, a, b) && finite_float(ret, x + y);
}

bool cop__subtract(cop_term *ret, cop_term a, cop_term b)
{
    double x, y;

    if (both_small(a, b)) {
        *ret = cop__new_int(cop__turn_heap(), cop__small_value(a) - cop__small_value(b));
        return true;
    }
    if (both_integers(a, b))
        return add_integers(ret, a, b, true);
    return two_doubles(&x, &y, a, b) && finite_float(ret, x - y);
}

bool cop__multiply(cop_term *ret, cop_term a, cop_term b)
{
    double x, y;

    if (both_small(a, b)) {
        *ret = of_wide((wide)cop__small_value(a) * cop__small_value(b));
        return true;
    }
    if (both_integers(a, b))
        return multiply_integers(ret, a, b);
    return two_doubles(&x, &y, a, b) && finite_float(ret, x * y);
}

bool cop__divide(cop_term *ret, cop_term a, cop_term b)
{
    double x, y;

    return two_doubles(&x, &y, a, b) && y != 0 && finite_float(ret, x / y);
}

bool cop__negate(cop_term *ret, cop_term a)
{
    if (cop__is_float(a))
        return finite_float(ret, -cop__float_value(a));
    return cop__subtract(ret, cop__small(0), a);
}

bool cop__absolute(cop_term *ret, cop_term a)
{
    struct cop__integer x;

    if (cop__is_float(a))
        return finite_float(ret, __builtin_fabs(cop__float_value(a)));
    if (!cop__is_integer(a))
        return false;
    cop__integer_of(&x, a);
    *ret = x.negative ? cop__new_big(cop__turn_heap(), false, x.limbs, x.count) : a;
    return true;
}

bool cop__quotient(cop_term *ret, cop_term a, cop_term b)
{
    cop_term rest;

    return divide_integers(ret, &rest, a, b);
}

bool cop__remainder(cop_term *ret, cop_term a, cop_term b)
{
    cop_term quotient;

    return divide_integers(&quotient, ret, a, b);
}
