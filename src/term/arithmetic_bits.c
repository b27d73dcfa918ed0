/* SPDX-License-Identifier: Apache-2.0 */
/* Bits of integers of any size, which are two's complement as far as these operators go. Layer 1.
 */
#include "base/scratch.h"
#include "term/arithmetic.h"
#include "term/integer.h"

enum { LIMBS_MAX = 1 << 16 }; /* as integer.c has it */

/* Two's complement in `count` limbs, which are enough for the sign too. */
static uint64_t *complement(const struct cop__integer *x, size_t count)
{
    uint64_t *limbs = cop__scratch_new(count * sizeof *limbs, "an integer"), carry = 1;

    memset(limbs, 0, count * sizeof *limbs);
    memcpy(limbs, x->limbs, x->count * sizeof *limbs);
    for (size_t i = 0; x->negative && i < count; i++) {
        limbs[i] = ~limbs[i] + carry;
        carry = carry && !limbs[i];
    }
    return limbs;
}

/* The integer of two's complement; the limbs are given back. */
static cop_term give(uint64_t *limbs, size_t count)
{
    bool negative = limbs[count - 1] >> 63;
    uint64_t carry = 1;
    cop_term integer;

    for (size_t i = 0; negative && i < count; i++) {
        limbs[i] = ~limbs[i] + carry;
        carry = carry && !limbs[i];
    }
    integer = cop__new_big(cop__turn_heap(), negative, limbs, count);
    cop__scratch_free(limbs);
    return integer;
}

enum operator{ AND, OR, XOR };

static bool combine(cop_term *ret, cop_term a, cop_term b, enum operator operator)
{
    struct cop__integer x, y;
    uint64_t *left, *right;
    size_t count;

    if (!cop__is_integer(a) || !cop__is_integer(b))
        return false;
    cop__integer_of(&x, a);
    cop__integer_of(&y, b);
    count = (x.count > y.count ? x.count : y.count) + 1;
    left = complement(&x, count);
    right = complement(&y, count);
    for (size_t i = 0; i < count; i++)
        left[i] = operator== AND ? left[i] & right[i] :
                  operator== OR  ? left[i] | right[i]
                                 : left[i] ^ right[i];
    cop__scratch_free(right);
    *ret = give(left, count);
    return true;
}

bool cop__bit_and(cop_term *ret, cop_term a, cop_term b)
{
    return combine(ret, a, b, AND);
}

bool cop__bit_or(cop_term *ret, cop_term a, cop_term b)
{
    return combine(ret, a, b, OR);
}

bool cop__bit_xor(cop_term *ret, cop_term a, cop_term b)
{
    return combine(ret, a, b, XOR);
}

bool cop__bit_not(cop_term *ret, cop_term a)
{
    return combine(ret, a, cop__small(-1), XOR);
}

static bool shift(cop_term *ret, cop_term a, uint64_t bits, bool left)
{
    struct cop__integer x;
    uint64_t *from, *to;
    size_t limbs = bits / 64, count;
    unsigned rest = bits % 64;

    cop__integer_of(&x, a);
    if (!x.count || !bits) {
        *ret = a;
        return true;
    }
    if (left && limbs > LIMBS_MAX)
        return false;
    if (!left && limbs > x.count) {
        *ret = cop__small(x.negative ? -1 : 0);
        return true;
    }
    if (left && bits + 64 * x.count - (size_t)__builtin_clzll(x.limbs[x.count - 1]) >
                    (uint64_t)64 * LIMBS_MAX)
        return false;
    count = x.count + 2 + (left ? limbs : 0);
    from = complement(&x, count);
    to = complement(&x, count);
    for (size_t i = 0; i < count; i++) {
        uint64_t sign = x.negative ? UINT64_MAX : 0;

        if (left) {
            uint64_t here = i >= limbs ? from[i - limbs] : 0;
            uint64_t below = i > limbs ? from[i - limbs - 1] : 0;

            to[i] = here << rest | (rest ? below >> (64 - rest) : 0);
        } else {
            uint64_t here = i + limbs < count ? from[i + limbs] : sign;
            uint64_t above = i + limbs + 1 < count ? from[i + limbs + 1] : sign;

            to[i] = here >> rest | (rest ? above << (64 - rest) : 0);
        }
    }
    cop__scratch_free(from);
    *ret = give(to, count);
    return true;
}

/* A negative distance goes the other way. */
static bool shift_by(cop_term *ret, cop_term a, cop_term by, bool left)
{
    struct cop__integer distance;

    if (!cop__is_integer(a) || !cop__is_integer(by))
        return false;
    cop__integer_of(&distance, by);
    left ^= distance.negative;
    if (distance.count > 1) { /* more than there can be bits */
        if (left && a.word != cop__small(0).word)
            return false;
        *ret = cop__small(!left && cop_integer_sign(a) < 0 ? -1 : 0);
        return true;
    }
    return shift(ret, a, distance.count ? distance.limbs[0] : 0, left);
}

bool cop__shift_left(cop_term *ret, cop_term a, cop_term by)
{
    return shift_by(ret, a, by, true);
}

bool cop__shift_right(cop_term *ret, cop_term a, cop_term by)
{
    return shift_by(ret, a, by, false);
}
