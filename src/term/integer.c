/* SPDX-License-Identifier: Apache-2.0 */
/* Integers of any size: building, comparing, and their decimal text. Layer 1.
 *
 * The one form (rule TERM-2): what fits in 60 bits is small; else limbs of 64 bits, the last not 0.
 */
#include "term/integer.h"

#include <stdlib.h>

#include "base/raise.h"
#include "base/scratch.h"

enum { LIMBS_MAX = 1 << 16 }; /* 4 million bits, as OTP 27's bound */

#define TEN_19 10000000000000000000u /* the largest power of ten in a limb */

cop_term cop__new_big(struct cop__heap *heap, bool negative, const uint64_t *limbs, size_t count)
{
    uint64_t *box;

    while (count && !limbs[count - 1])
        count--;
    if (count == 0)
        return cop__small(0);
    if (count == 1 && limbs[0] <= ((uint64_t)1 << 59) - !negative)
        return cop__small(negative ? -(int64_t)limbs[0] : (int64_t)limbs[0]);
    if (count > LIMBS_MAX)
        cop__raise("system_limit", "an integer of more than 4 million bits");
    box = cop__heap_alloc(heap, 1 + count);
    *box = cop__header(negative ? COP__BIG_NEGATIVE : COP__BIG_POSITIVE, count);
    memcpy(box + 1, limbs, count * sizeof(*limbs));
    return cop__from_box(box);
}

cop_term cop__new_int(struct cop__heap *heap, int64_t value)
{
    uint64_t limb = value < 0 ? -(uint64_t)value : (uint64_t)value;

    return cop__fits_small(value) ? cop__small(value) : cop__new_big(heap, value < 0, &limb, 1);
}

cop_term cop_int(int64_t value)
{
    return cop__new_int(cop__turn_heap(), value);
}

cop_term cop_uint(uint64_t value)
{
    return cop__new_big(cop__turn_heap(), false, &value, 1);
}

void cop__integer_of(struct cop__integer *ret_integer, cop_term integer)
{
    if (cop__is_small(integer)) {
        int64_t value = cop__small_value(integer);

        ret_integer->negative = value < 0;
        ret_integer->limb = value < 0 ? -(uint64_t)value : (uint64_t)value;
        ret_integer->limbs = &ret_integer->limb;
        ret_integer->count = value != 0;
    } else {
        ret_integer->negative = cop__box_type(integer) == COP__BIG_NEGATIVE;
        ret_integer->limbs = cop__box(integer) + 1;
        ret_integer->count = cop__count(integer);
    }
}

bool cop_to_int(int64_t *ret_value, cop_term term)
{
    uint64_t limb;

    if (cop__is_small(term)) {
        *ret_value = cop__small_value(term);
        return true;
    }
    if (!cop__is_big(term) || cop__count(term) != 1)
        return false;
    limb = cop__box(term)[1];
    if (cop__box_type(term) == COP__BIG_NEGATIVE) {
        if (limb > (uint64_t)1 << 63)
            return false;
        *ret_value = (int64_t)-limb;
    } else {
        if (limb >> 63)
            return false;
        *ret_value = (int64_t)limb;
    }
    return true;
}

bool cop_to_uint(uint64_t *ret_value, cop_term term)
{
    if (cop__is_small(term) && cop__small_value(term) >= 0) {
        *ret_value = (uint64_t)cop__small_value(term);
        return true;
    }
    if (cop__box_type(term) != COP__BIG_POSITIVE || cop__count(term) != 1)
        return false;
    *ret_value = cop__box(term)[1];
    return true;
}

int cop_integer_sign(cop_term integer)
{
    if (cop__is_small(integer))
        return (cop__small_value(integer) > 0) - (cop__small_value(integer) < 0);
    return cop__is_big(integer) ? cop__box_type(integer) == COP__BIG_POSITIVE ? 1 : -1 : 0;
}

cop_term cop_integer_from_bytes(bool negative, const void *little_endian, size_t size)
{
    const unsigned char *bytes = little_endian;
    uint64_t few[8], *limbs = few;
    size_t count;
    cop_term integer;

    while (size && !bytes[size - 1])
        size--;
    count = (size + 7) / 8;
    if (count > LIMBS_MAX)
        cop__raise("system_limit", "an integer of more than 4 million bits");
    if (count > sizeof(few) / sizeof(*few)) {
        limbs = cop__scratch_new(count * sizeof(*limbs), "an integer");
    }
    memset(limbs, 0, count * sizeof(*limbs));
    for (size_t i = 0; i < size; i++)
        limbs[i / 8] |= (uint64_t)bytes[i] << i % 8 * 8;
    integer = cop__new_big(cop__turn_heap(), negative, limbs, count);
    if (limbs != few)
        cop__scratch_free(limbs);
    return integer;
}

size_t cop_integer_bytes(cop_term integer, void *ret_little_endian, size_t size)
{
    unsigned char *bytes = ret_little_endian;
    struct cop__integer value;
    size_t needed;

    if (!cop__is_integer(integer))
        return 0;
    cop__integer_of(&value, integer);
    needed = value.count * 8;
    while (needed && !(value.limbs[(needed - 1) / 8] >> (needed - 1) % 8 * 8 & 0xff))
        needed--;
    for (size_t i = 0; i < needed && i < size; i++)
        bytes[i] = (unsigned char)(value.limbs[i / 8] >> i % 8 * 8);
    return needed;
}

/* --- Order -------------------------------------------------------------------------------------
 */

static int compare_limbs(const struct cop__integer *a, const uint64_t *limbs, size_t count)
{
    if (a->count != count)
        return a->count < count ? -1 : 1;
    while (count--)
        if (a->limbs[count] != limbs[count])
            return a->limbs[count] < limbs[count] ? -1 : 1;
    return 0;
}

int cop__integer_compare(cop_term a, cop_term b)
{
    struct cop__integer x, y;
    int order;

    if (cop__is_small(a) && cop__is_small(b))
        return (cop__small_value(a) > cop__small_value(b)) -
               (cop__small_value(a) < cop__small_value(b));
    cop__integer_of(&x, a);
    cop__integer_of(&y, b);
    if (x.negative != y.negative)
        return x.negative ? -1 : 1;
    order = compare_limbs(&x, y.limbs, y.count);
    return x.negative ? -order : order;
}

/* The limbs of |value| without its fraction; whether there was a fraction. */
static bool split_double(double value, uint64_t limbs[17], size_t *ret_count)
{
    uint64_t bits, mantissa;
    int exponent; /* the value is mantissa * 2^exponent */
    size_t low;

    memcpy(&bits, &value, sizeof(bits));
    exponent = (int)(bits >> 52 & 0x7ff);
    mantissa = (bits & (((uint64_t)1 << 52) - 1)) | (exponent ? (uint64_t)1 << 52 : 0);
    exponent = (exponent ? exponent : 1) - 1075;
    *ret_count = 0;
    if (exponent < 0) {
        uint64_t whole = exponent > -64 ? mantissa >> -exponent : 0;

        limbs[0] = whole;
        *ret_count = whole != 0;
        return exponent > -64 ? whole << -exponent != mantissa : mantissa != 0;
    }
    memset(limbs, 0, 17 * sizeof(*limbs));
    low = (size_t)exponent / 64;
    limbs[low] = mantissa << exponent % 64;
    if (exponent % 64)
        limbs[low + 1] = mantissa >> (64 - exponent % 64);
    *ret_count = limbs[low + 1] ? low + 2 : low + 1;
    return false;
}

int cop__integer_compare_double(cop_term integer, double value)
{
    uint64_t limbs[17];
    struct cop__integer x;
    bool fraction, negative = value < 0;
    size_t count;
    int order;

    cop__integer_of(&x, integer);
    fraction = split_double(value, limbs, &count);
    if (x.count == 0 && count == 0)
        return fraction ? negative ? 1 : -1 : 0;
    if (x.count && x.negative != negative)
        return x.negative ? -1 : 1;
    order = compare_limbs(&x, limbs, count);
    if (order == 0 && fraction)
        order = -1; /* in magnitude */
    return negative ? -order : order;
}

bool cop__integer_to_double(double *ret_value, cop_term integer)
{
    struct cop__integer x;
    double value = 0;

    cop__integer_of(&x, integer);
    if (x.count > 16)
        return false;
    for (size_t i = x.count; i--;)
        value = value * 18446744073709551616.0 + (double)x.limbs[i];
    if (x.negative)
        value = -value;
    if (!__builtin_isfinite(value) || cop__integer_compare_double(integer, value) != 0)
        return false;
    *ret_value = value;
    return true;
}

/* --- Text --------------------------------------------------------------------------------------
 */

static unsigned digit_value(char digit)
{
    return digit <= '9' ? (unsigned)(digit - '0') : (unsigned)((digit | 0x20) - 'a' + 10);
}

cop_term cop__integer_from_digits(
    struct cop__heap *heap, bool negative, const char *digits, size_t count, unsigned base)
{
    uint64_t few[4] = { 0 }, *limbs = few;
    size_t room = count * 6 / 64 + 2, used = 0; /* a digit has less than 6 bits */
    cop_term integer;

    if (room > sizeof(few) / sizeof(*few)) {
        limbs = cop__scratch_new(room * sizeof(*limbs), "an integer");
        memset(limbs, 0, room * sizeof(*limbs));
    }
    for (size_t i = 0; i < count;) {
        uint64_t factor = 1, add = 0;

        for (; i < count && factor <= UINT64_MAX / base / base; i++) {
            factor *= base;
            add = add * base + digit_value(digits[i]);
        }
        for (size_t j = 0; j < used; j++) {
            cop__u128 product = (cop__u128)limbs[j] * factor + add;

            limbs[j] = (uint64_t)product;
            add = (uint64_t)(product >> 64);
        }
        if (add)
            limbs[used++] = add;
    }
    integer = cop__new_big(heap, negative, limbs, used);
    if (limbs != few)
        cop__scratch_free(limbs);
    return integer;
}

size_t cop__integer_text_max(cop_term integer)
{
    return cop__is_small(integer) ? 24 : cop__count(integer) * 20 + 24;
}

/* Divide in place by 10^19; the remainder. */
static uint64_t divide(uint64_t *limbs, size_t count)
{
    uint64_t rest = 0;

    while (count--) {
        cop__u128 part = (cop__u128)rest << 64 | limbs[count];

        limbs[count] = (uint64_t)(part / TEN_19);
        rest = (uint64_t)(part % TEN_19);
    }
    return rest;
}

static size_t put_limb(char *to, uint64_t value)
{
    char digits[20];
    size_t count = 0;

    do {
        digits[count++] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    for (size_t i = 0; i < count; i++)
        to[i] = digits[count - 1 - i];
    return count;
}

size_t cop__integer_text(char *to, cop_term integer)
{
    struct cop__integer value;
    uint64_t *limbs, *parts;
    size_t count, used = 0;
    char *start = to;

    cop__integer_of(&value, integer);
    if (value.negative)
        *to++ = '-';
    if (value.count <= 1)
        return (size_t)(to - start) + put_limb(to, value.count ? value.limbs[0] : 0);
    /* 10^19 is below 2^64: each limb gives at most 64/63 parts */
    limbs = cop__scratch_new(
        (value.count * 2 + value.count / 50 + 2) * sizeof(*limbs), "the text of an integer");
    memcpy(limbs, value.limbs, value.count * sizeof(*limbs));
    parts = limbs + value.count;
    for (count = value.count; count;) {
        parts[used++] = divide(limbs, count);
        while (count && !limbs[count - 1])
            count--;
    }
    to += put_limb(to, parts[--used]);
    while (used--) {
        for (int i = 18; i >= 0; i--) {
            to[i] = (char)('0' + parts[used] % 10);
            parts[used] /= 10;
        }
        to += 19;
    }
    cop__scratch_free(limbs);
    return (size_t)(to - start);
}
