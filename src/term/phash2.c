/* SPDX-License-Identifier: Apache-2.0 */
/* erlang:phash2/2, value for value, so that data partitioned by it can be shared with BEAM nodes.
 * Layer 1; checked against values that OTP 25 gave (phash2_test.c).
 *
 * The hard idea: one 32-bit state runs through the whole term in order, except through maps, whose
 * pairs are hashed apart and joined by xor so that their order does not matter. Marks on the stack
 * say where a pair and a map end. */
#include "term/atoms.h"
#include "term/node.h"
#include "term/stack.h"

#define GOLDEN(N) ((uint32_t)(0x9e3779b9u * (N)))

/* Marks: words that are no term and no address. */
enum { MARK_PAIR_END = 0x0f, MARK_MAP_END = 0x1f };

struct hasher {
    struct cop__stack stack;
    uint32_t hash;
    uint32_t pairs; /* xor over the pairs of the innermost map */
};

/* Jenkins' mixing of three words. */
static void mix(uint32_t *a, uint32_t *b, uint32_t *c)
{
    static const struct {
        uint8_t first, second, third;
    } shifts[3] = { { 13, 8, 13 }, { 12, 16, 5 }, { 3, 10, 15 } };

    for (int i = 0; i < 3; i++) {
        *a = (*a - *b - *c) ^ *c >> shifts[i].first;
        *b = (*b - *c - *a) ^ *a << shifts[i].second;
        *c = (*c - *a - *b) ^ *b >> shifts[i].third;
    }
}

static uint32_t add2(uint32_t hash, uint32_t first, uint32_t second, uint32_t seed)
{
    uint32_t a = seed + first, b = seed + second;

    mix(&a, &b, &hash);
    return hash;
}

static uint32_t add(uint32_t hash, uint32_t word, uint32_t seed)
{
    return add2(hash, word, 0, seed);
}

static uint32_t add_limb(uint32_t hash, uint64_t limb, bool negative)
{
    return add2(hash, (uint32_t)limb, (uint32_t)(limb >> 32), negative ? GOLDEN(10) : GOLDEN(11));
}

static uint32_t add_small(uint32_t hash, int64_t value)
{
    if (value < -((int64_t)1 << 27) || value >= (int64_t)1 << 27)
        return add_limb(hash, value < 0 ? -(uint64_t)value : (uint64_t)value, value < 0);
    if (value < 0)
        hash = add(hash, (uint32_t)-value, GOLDEN(1));
    return add(hash, (uint32_t)value, GOLDEN(1));
}

static uint32_t add_bytes(uint32_t seed, const unsigned char *bytes, size_t size)
{
    uint32_t words[3] = { GOLDEN(1), GOLDEN(1), seed };
    size_t left = size;

    for (; left >= 12; left -= 12, bytes += 12) {
        for (unsigned i = 0; i < 12; i++)
            words[i / 4] += (uint32_t)bytes[i] << i % 4 * 8;
        mix(&words[0], &words[1], &words[2]);
    }
    words[2] += (uint32_t)size;
    for (unsigned i = 0; i < left; i++) /* the low byte of the third word belongs to the size */
        words[i / 4] += (uint32_t)bytes[i] << (i < 8 ? i % 4 : i % 4 + 1) * 8;
    mix(&words[0], &words[1], &words[2]);
    return words[2];
}

static uint32_t add_bits(uint32_t hash, cop_term bitstring)
{
    struct cop__bits bits = cop__bits_of(bitstring);
    size_t size = bits.size / 8;
    unsigned rest = bits.size % 8;

    if (!bits.size)
        return GOLDEN(13) + hash;
    hash = add_bytes(GOLDEN(13) + hash, bits.bytes, size);
    if (rest)
        hash = add2(hash, rest, (uint32_t)bits.bytes[size] >> (8 - rest), GOLDEN(15));
    return hash;
}

/* Of an atom's text; characters up to 255 count as one byte. */
static uint32_t atom_hash(uint32_t index)
{
    const struct cop__atom_entry *entry = cop__atom_entry(index);
    const unsigned char *at = (const unsigned char *)entry->text, *end = at + entry->size;
    uint32_t hash = 0, high;

    while (at < end) {
        unsigned char c = *at++;

        if (at < end && (c & 0xfe) == 0xc2 && (*at & 0xc0) == 0x80)
            c = (unsigned char)(c << 6 | (*at++ & 0x3f));
        hash = (hash << 4) + c;
        high = hash & 0xf0000000;
        hash ^= high >> 24;
        hash ^= high;
    }
    return hash;
}

static bool is_byte(cop_term term)
{
    return cop__is_small(term) && cop__small_value(term) >= 0 && cop__small_value(term) < 256;
}

/* Bytes at the front of a list go in by fours; what comes then is pushed. */
static void hash_list(struct hasher *hasher, cop_term list)
{
    uint32_t word = 0;
    int used = 0;

    while (cop__is_cons(list) && is_byte(cop__cell(list)[0])) {
        word = (word << 8) + (uint32_t)cop__small_value(cop__cell(list)[0]);
        if (++used == 4) {
            hasher->hash = add(hasher->hash, word, GOLDEN(4));
            word = 0;
            used = 0;
        }
        list = cop__cell(list)[1];
    }
    if (used)
        hasher->hash = add(hasher->hash, word, GOLDEN(4));
    if (cop__is_cons(list)) {
        cop__stack_push(&hasher->stack, cop__cell(list)[1].word);
        list = cop__cell(list)[0];
    }
    cop__stack_push(&hasher->stack, list.word);
}

static void hash_map(struct hasher *hasher, cop_term map)
{
    cop_term key, value;

    hasher->hash = add(hasher->hash, (uint32_t)cop_map_size(map), GOLDEN(16));
    if (!cop_map_size(map))
        return;
    cop__stack_push(&hasher->stack, hasher->pairs);
    cop__stack_push(&hasher->stack, hasher->hash);
    cop__stack_push(&hasher->stack, MARK_MAP_END);
    hasher->hash = 0;
    hasher->pairs = 0;
    for (cop_map_iterator walk = cop_map_begin(map); cop_map_next(&key, &value, &walk);) {
        cop__stack_push(&hasher->stack, MARK_PAIR_END);
        cop__stack_push(&hasher->stack, value.word);
        cop__stack_push(&hasher->stack, key.word);
    }
}

static void hash_mark(struct hasher *hasher, uint64_t mark)
{
    if (mark == MARK_PAIR_END) {
        hasher->pairs ^= hasher->hash;
        hasher->hash = 0;
    } else {
        hasher->hash = add((uint32_t)cop__stack_pop(&hasher->stack), hasher->pairs, GOLDEN(19));
        hasher->pairs = (uint32_t)cop__stack_pop(&hasher->stack);
    }
}

static uint32_t add_float(uint32_t hash, double value)
{
    uint64_t bits;

    value = value == 0 ? 0.0 : value; /* -0.0 as 0.0 */
    memcpy(&bits, &value, sizeof(bits));
    return add2(hash, (uint32_t)(bits >> 32), (uint32_t)bits, GOLDEN(12));
}

static void hash_term(struct hasher *hasher, cop_term term)
{
    uint32_t hash = hasher->hash, ids[5];
    cop_pid pid = { 0, 0 };
    const cop_term *parts;

    switch (cop_type_of(term)) {
    case COP_TYPE_ATOM:
        hash = hash ? add(hash, atom_hash(cop__atom_index(term)), GOLDEN(3))
                    : atom_hash(cop__atom_index(term));
        break;
    case COP_TYPE_NIL:
        hash = hash ? add(hash, 2, GOLDEN(2)) : 3468870702u;
        break;
    case COP_TYPE_INTEGER:
        if (cop__is_small(term))
            hash = add_small(hash, cop__small_value(term));
        else
            for (size_t i = 0; i < cop__count(term); i++)
                hash =
                    add_limb(hash, cop__box(term)[1 + i], cop__box_type(term) == COP__BIG_NEGATIVE);
        break;
    case COP_TYPE_FLOAT:
        hash = add_float(hash, cop__float_value(term));
        break;
    case COP_TYPE_BITSTRING:
        hash = add_bits(hash, term);
        break;
    case COP_TYPE_PID:
        cop_to_pid(&pid, term);
        hash = add(hash, (pid.node ? (uint32_t)pid.id : cop__pid_slot(pid.id)) & 0x7fff, GOLDEN(5));
        break;
    case COP_TYPE_PORT:
        hash = add(
            hash, (uint32_t)(cop__is_boxed(term) ? cop__box(term)[2] : term.word >> 4), GOLDEN(6));
        break;
    case COP_TYPE_REFERENCE:
        cop__reference_ids(ids, term);
        hash = add(hash, ids[0], GOLDEN(7));
        break;
    case COP_TYPE_FUN:
        if (cop__box_type(term) == COP__FUN_EXTERNAL) {
            parts = cop__elements(term);
            hash = add2(hash, (uint32_t)cop__small_value(parts[2]),
                atom_hash(cop__atom_index(parts[0])), GOLDEN(1));
            hash = add(hash, atom_hash(cop__atom_index(parts[1])), GOLDEN(14));
        } else {
            size_t free = cop__closure_free(term);

            parts = cop__elements(term);
            hash = add2(hash, (uint32_t)free,
                atom_hash(cop__atom_index(parts[COP__CLOSURE_MODULE])), GOLDEN(1));
            hash = add2(hash, (uint32_t)cop__small_value(parts[COP__CLOSURE_INDEX]),
                (uint32_t)cop__small_value(parts[COP__CLOSURE_OLD_UNIQ]), GOLDEN(1));
            while (free--)
                cop__stack_push(&hasher->stack, parts[COP__CLOSURE_FREE + free].word);
        }
        break;
    case COP_TYPE_TUPLE:
        hash = add(hash, (uint32_t)cop__count(term), GOLDEN(9));
        for (size_t i = cop__count(term); i--;)
            cop__stack_push(&hasher->stack, cop__elements(term)[i].word);
        break;
    case COP_TYPE_LIST:
        hash_list(hasher, term);
        return;
    case COP_TYPE_MAP:
        hash_map(hasher, term);
        return;
    case COP_TYPE_NONE:
        break;
    }
    hasher->hash = hash;
}

uint32_t cop_phash2(cop_term term, uint32_t range)
{
    struct hasher hasher;

    cop__stack_init(&hasher.stack);
    hasher.hash = hasher.pairs = 0;
    hash_term(&hasher, term);
    while (hasher.stack.used) {
        uint64_t word = cop__stack_pop(&hasher.stack);

        if (cop__is_header(word))
            hash_mark(&hasher, word);
        else
            hash_term(&hasher, cop__word(word));
    }
    cop__stack_done(&hasher.stack);
    return range ? hasher.hash % range : hasher.hash;
}
