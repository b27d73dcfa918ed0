/* SPDX-License-Identifier: Apache-2.0 */
/* cop_hash: 64 bits of any term, equal for =:= terms and the same in every run. Layer 1.
 *
 * It decides the shape of large maps, so it depends on values only: atoms go in by text, local and
 * remote identifiers by their numbers. It does not resist an attacker: who chooses binary keys
 * can make them collide, and a map of n such keys is searched in n steps. For keys from outside use
 * a table with a keyed hash, as examples/kv does. */
#include "term/atoms.h"
#include "term/integer.h"
#include "term/node.h"
#include "term/stack.h"

static inline uint64_t mix(uint64_t hash, uint64_t word)
{
    cop__u128 product =
        (cop__u128)(hash ^ word ^ 0xa0761d6478bd642fu) * (hash + 0xe7037ed1a0b428dbu);

    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t mix_bytes(uint64_t hash, const unsigned char *bytes, size_t size)
{
    uint64_t word = 0;

    for (; size >= 8; size -= 8, bytes += 8) {
        memcpy(&word, bytes, 8);
        hash = mix(hash, word);
    }
    word = 0;
    if (size)
        memcpy(&word, bytes, size);
    return mix(hash, word ^ (uint64_t)size << 56);
}

static inline uint64_t mix_immediate(uint64_t hash, cop_term term)
{
    if (cop__is_atom(term))
        return mix(hash, (uint64_t)cop__atom_hash(cop__atom_index(term)) << 8 | COP__TAG_ATOM);
    return mix(hash, term.word);
}

static void push_run(struct cop__stack *stack, const cop_term *terms, size_t count)
{
    cop__stack_push(stack, (uint64_t)(uintptr_t)terms);
    cop__stack_push(stack, count);
}

/* Mix the top of a boxed term or cell; what is inside is pushed. */
static uint64_t mix_step(struct cop__stack *stack, uint64_t hash, cop_term term)
{
    struct cop__payload payload;
    struct cop__bits bits;
    uint64_t *box;

    if (cop__is_cons(term)) {
        push_run(stack, cop__cell(term), 2);
        return mix(hash, 1);
    }
    if (!cop__is_boxed(term))
        return mix_immediate(hash, term);
    box = cop__box(term);
    switch (cop__header_type(*box)) {
    case COP__BINARY:
    case COP__COUNTED:
        bits = cop__bits_of(term);
        return mix_bytes(mix(hash, bits.size << 8 | COP__BINARY), bits.bytes, (bits.size + 7) / 8);
    case COP__PID_REMOTE:
    case COP__REF_REMOTE:
    case COP__PORT_REMOTE: {
        struct cop__node node = cop__node_of(box[1]);

        hash = mix(mix(hash, *box), (uint64_t)cop__atom_hash(node.name) << 32 | node.creation);
        return mix_bytes(hash, (unsigned char *)(box + 2), (cop__payload(*box).raw - 1) * 8);
    }
    }
    payload = cop__payload(*box);
    hash = mix(hash, *box);
    if (payload.raw)
        return mix_bytes(hash, (unsigned char *)(box + 1), payload.raw * 8);
    if (payload.terms)
        push_run(stack, cop__elements(term), payload.terms);
    return hash;
}

uint64_t cop_hash(cop_term term)
{
    struct cop__stack stack;
    uint64_t hash = 0x9e3779b97f4a7c15u;

    if (cop__is_immediate(term))
        return mix_immediate(hash, term);
    cop__stack_init(&stack);
    hash = mix_step(&stack, hash, term);
    while (stack.used) {
        uint64_t *top = stack.items + stack.used - 2;
        cop_term next = *(const cop_term *)(uintptr_t)top[0];

        top[0] += sizeof(next);
        if (--top[1] == 0)
            stack.used -= 2;
        hash = mix_step(&stack, hash, next);
    }
    cop__stack_done(&stack);
    return hash;
}
