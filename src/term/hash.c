/* SPDX-License-Identifier: Apache-2.0 */
/* cop_hash: 64 bits of any term, equal for =:= terms and the same in every run; the second hash of
 * large maps; and the hash of tables, which nobody outside knows. Layer 1.
 *
 * The first two decide the shape of large maps, so they depend on values only: atoms go in by text,
 * local and remote identifiers by their numbers. cop_hash is the quick one, and who chooses binary
 * keys can make as many of them collide as he likes. The second hash is SipHash-2-4 under a key
 * that everyone knows: two keys that collide in it are found by trying four thousand million, many
 * that collide all together are not found (rule TERM-10). */
#include "term/hash.h"

#include "base/clock.h"
#include "term/atoms.h"
#include "term/integer.h"
#include "term/node.h"
#include "term/stack.h"

struct digest {
    uint64_t v[4]; /* cop_hash uses the first */
};

typedef void absorb(struct digest *digest, uint64_t word);

/* What a walk does with the words and the atoms of a term; always known where it is compiled. */
struct sink {
    absorb *word, *atom;
};

#define INLINE inline __attribute__((always_inline))

/* --- The walk ------------------------------------------------------------------------------------
 */

static INLINE void absorb_bytes(
    struct digest *digest, struct sink sink, const void *bytes, size_t size)
{
    const unsigned char *at = bytes;
    uint64_t word = 0;

    for (size_t left = size; left >= 8; left -= 8, at += 8) {
        memcpy(&word, at, 8);
        sink.word(digest, word);
    }
    word = 0;
    if (size % 8)
        memcpy(&word, at, size % 8);
    sink.word(digest, word ^ (uint64_t)(size % 8) << 56);
}

static INLINE void absorb_immediate(struct digest *digest, struct sink sink, cop_term term)
{
    if (cop__is_atom(term))
        sink.atom(digest, cop__atom_index(term));
    else
        sink.word(digest, term.word);
}

static void push_run(struct cop__stack *stack, const cop_term *terms, size_t count)
{
    cop__stack_push(stack, (uint64_t)(uintptr_t)terms);
    cop__stack_push(stack, count);
}

/* Absorb the top of a boxed term or cell; what is inside is pushed. */
static INLINE void absorb_step(
    struct digest *digest, struct sink sink, struct cop__stack *stack, cop_term term)
{
    struct cop__payload payload;
    struct cop__bits bits;
    uint64_t *box;

    if (cop__is_cons(term)) {
        push_run(stack, cop__cell(term), 2);
        sink.word(digest, 1);
        return;
    }
    if (!cop__is_boxed(term)) {
        absorb_immediate(digest, sink, term);
        return;
    }
    box = cop__box(term);
    switch (cop__header_type(*box)) {
    case COP__BINARY:
    case COP__COUNTED:
        bits = cop__bits_of(term);
        sink.word(digest, bits.size << 8 | COP__BINARY);
        absorb_bytes(digest, sink, bits.bytes, (bits.size + 7) / 8);
        return;
    case COP__REF_HELD:
        absorb_immediate(digest, sink, cop__word(cop__held_word(term)));
        return;
    case COP__PID_REMOTE:
    case COP__REF_REMOTE:
    case COP__PORT_REMOTE: {
        struct cop__node_id node = cop__node_of(box[1]);

        sink.word(digest, *box);
        sink.word(digest, (uint64_t)cop__atom_hash(node.name) << 32 | node.creation);
        absorb_bytes(digest, sink, box + 2, (cop__payload(*box).raw - 1) * 8);
        return;
    }
    }
    payload = cop__payload(*box);
    if (cop__header_type(*box) == COP__FUN_CLOSURE)
        payload.terms -= COP__CLOSURE_REST;
    sink.word(digest, *box);
    if (payload.raw)
        absorb_bytes(digest, sink, box + 1, payload.raw * 8);
    else if (payload.terms)
        push_run(stack, cop__elements(term), payload.terms);
}

static INLINE void absorb_term(struct digest *digest, struct sink sink, cop_term term)
{
    struct cop__stack stack;

    if (cop__is_immediate(term)) {
        absorb_immediate(digest, sink, term);
        return;
    }
    cop__stack_init(&stack);
    absorb_step(digest, sink, &stack, term);
    while (stack.used) {
        uint64_t *top = stack.items + stack.used - 2;
        cop_term next = *(const cop_term *)(uintptr_t)top[0];

        top[0] += sizeof(next);
        if (--top[1] == 0)
            stack.used -= 2;
        absorb_step(digest, sink, &stack, next);
    }
    cop__stack_done(&stack);
}

/* --- The quick one -------------------------------------------------------------------------------
 */

static INLINE void mix(struct digest *digest, uint64_t word)
{
    uint64_t hash = digest->v[0];
    cop__u128 product =
        (cop__u128)(hash ^ word ^ 0xa0761d6478bd642fu) * (hash + 0xe7037ed1a0b428dbu);

    digest->v[0] = (uint64_t)product ^ (uint64_t)(product >> 64);
}

static INLINE void mix_atom(struct digest *digest, uint64_t index)
{
    mix(digest, (uint64_t)cop__atom_hash((uint32_t)index) << 8 | COP__TAG_ATOM);
}

uint64_t cop_hash(cop_term term)
{
    struct digest digest = { { 0x9e3779b97f4a7c15u, 0, 0, 0 } };

    absorb_term(&digest, (struct sink){ mix, mix_atom }, term);
    return digest.v[0];
}

/* --- The hash of tables: the quick one, from a start that is another in each run
 * ------------------
 */

static uint64_t secret;

__attribute__((constructor)) static void make_secret(void)
{
    cop__hash_secret_set(cop__clock_seed());
}

void cop__hash_secret_set(uint64_t seed)
{
    secret = seed * 0xd6e8feb86659fd93u;
}

uint64_t cop__hash_secret(cop_term term)
{
    struct digest digest = { { 0x9e3779b97f4a7c15u ^ secret, 0, 0, 0 } };

    absorb_term(&digest, (struct sink){ mix, mix_atom }, term);
    return digest.v[0];
}

/* --- The second hash of a map's key: SipHash-2-4 (Aumasson and Bernstein) ------------------------
 */

static inline uint64_t rotate(uint64_t word, int bits)
{
    return word << bits | word >> (64 - bits);
}

static inline void sip_round(uint64_t *v)
{
    v[0] += v[1];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[0] = rotate(v[0], 32);
    v[2] += v[3];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[2] = rotate(v[2], 32);
}

static INLINE void sip(struct digest *digest, uint64_t word)
{
    digest->v[3] ^= word;
    sip_round(digest->v);
    sip_round(digest->v);
    digest->v[0] ^= word;
}

static INLINE void sip_atom(struct digest *digest, uint64_t index)
{
    const struct cop__atom_entry *entry = cop__atom_entry((uint32_t)index);

    sip(digest, (uint64_t)entry->size << 8 | COP__TAG_ATOM);
    absorb_bytes(digest, (struct sink){ sip, NULL }, entry->text, entry->size);
}

uint64_t cop__hash_second(cop_term term)
{
    struct digest digest = { { 0x736f6d6570736575u, 0x646f72616e646f6du, 0x6c7967656e657261u,
        0x7465646279746573u } };

    absorb_term(&digest, (struct sink){ sip, sip_atom }, term);
    digest.v[2] ^= 0xff;
    for (int i = 0; i < 4; i++)
        sip_round(digest.v);
    return digest.v[0] ^ digest.v[1] ^ digest.v[2] ^ digest.v[3];
}
