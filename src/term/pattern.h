/* SPDX-License-Identifier: Apache-2.0 */
/* Compiled patterns: what compile.c makes and pattern.c runs. Layer 1, private. */
#ifndef COP_TERM_PATTERN_H
#define COP_TERM_PATTERN_H

#include "term/layout.h"

/* An instruction is one word: a constant term, or one of these with a number above the low byte. No
 * term ends in 1111, so the two cannot be confused. */
enum cop__op {
    COP__OP_VARIABLE = 0x0f, /* slot; its first occurrence */
    COP__OP_SAME = 0x1f,     /* slot; a later one */
    COP__OP_ANY = 0x2f,
    COP__OP_TUPLE = 0x3f, /* size */
    COP__OP_CONS = 0x4f,  /* matching: head and tail follow */
    COP__OP_LIST = 0x5f,  /* building: items, after which there is a tail */
    COP__OP_MAP = 0x6f,   /* building: pairs; matching: keys follow */
    COP__OP_KEY = 0x7f,   /* matching: the next word is the key, then comes the value */
    COP__OP_MAP_END = 0x8f
};

enum {
    COP__ARGUMENTS_MAX = 16,
    COP__SLOTS_MAX = 32, /* arguments, then names that begin with _ */
    COP__OPS_MAX = 1024,
    COP__STACK_MAX = 128, /* terms under way while a pattern runs */
    COP__DEPTH_MAX = 64
};

struct cop__code {
    uint64_t flat;     /* header of a tuple whose elements are the instructions, else 0 */
    cop_term constant; /* the whole pattern, when it has no variables; else none */
    uint32_t count;    /* of instructions */
    uint32_t arguments;
    bool single;                          /* the whole pattern is one variable */
    uint8_t where[COP__ARGUMENTS_MAX];    /* flat: the element of each argument, from 1 */
    uint8_t fixed_at[COP__ARGUMENTS_MAX]; /* flat, matching: the elements that are constants */
    uint8_t fixed;
    struct cop__counted *counted; /* large binaries among the constants, held for ever */
    uint64_t ops[];               /* then the memory of the constants */
};

enum cop__purpose { COP__TO_BUILD, COP__TO_MATCH };

/* NULL and a message in `error` (position included) if the text is no pattern. */
struct cop__code *cop__pattern_compile(
    cop_bytes text, enum cop__purpose purpose, struct cop_parse_error *error);

/* To be freed with cop__pattern_free; only the losers of a race, and tests, do. */
void cop__pattern_free(struct cop__code *code);

#endif
