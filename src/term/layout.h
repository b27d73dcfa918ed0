/* SPDX-License-Identifier: Apache-2.0 */
/* What the bits of a term mean (docs/adr/0001): tags, header words, predicates and accessors.
 * Layer 1, private; everything that looks inside a term goes through here (rule TERM-1).
 *
 * The hard idea: a header word ends in 1111, which no term does. So a run of words can be walked
 * from left to right, cells and boxed values mixed, without knowing where each begins; copying
 * needs no stack because of it. */
#ifndef COP_TERM_LAYOUT_H
#define COP_TERM_LAYOUT_H

#include <coppice/term.h>
#include <string.h>

#include "base/heap.h"
#include "base/thread.h"

enum {
    COP__TAG_SMALL = 0x2, /* the low four bits of an immediate */
    COP__TAG_ATOM = 0x3,
    COP__TAG_PID = 0x4,
    COP__TAG_REF = 0x5,
    COP__TAG_PORT = 0x6,
    COP__WORD_NIL = 0x7
};

/* The low byte of a header word; what is above it is the count. */
enum cop__header_type {
    COP__TUPLE = 0x0f,        /* count: elements, which follow */
    COP__FLOAT = 0x1f,        /* count 1: the bits of a double */
    COP__BIG_POSITIVE = 0x2f, /* count: limbs of 64 bits, least first, the last one not 0 */
    COP__BIG_NEGATIVE = 0x3f,
    COP__BINARY = 0x4f,      /* count: length in bits, at most COP__INLINE_BITS_MAX; bytes follow */
    COP__COUNTED = 0x5f,     /* struct cop__counted; longer than COP__INLINE_BITS_MAX */
    COP__MAP_SMALL = 0x6f,   /* count: pairs; keys in key order, then values */
    COP__MAP_LARGE = 0x7f,   /* count: pairs; one word: the root node */
    COP__MAP_NODE = 0x8f,    /* count: bitmap of 16; children: node or cons of key and value */
    COP__MAP_CLASH = 0x9f,   /* count: pairs of one hash, in key order; children: conses */
    COP__PID_REMOTE = 0xaf,  /* node handle, serial << 32 | id */
    COP__REF_REMOTE = 0xbf,  /* count: ids (1 to 5); node handle, ids, two to a word */
    COP__PORT_REMOTE = 0xcf, /* node handle, id */
    COP__FUN_EXTERNAL = 0xdf, /* module, function (atoms), arity (small integer) */
    COP__FUN_CLOSURE = 0xef,  /* a fun of another node: count terms, see cop__closure */
    COP__REF_HELD = 0xff /* struct cop__counted: a reference of this node that holds something */
};

enum {
    COP__INLINE_BITS_MAX = 64 * 8,
    COP__MAP_SMALL_MAX = 32,
    COP__COUNTED_WORDS = sizeof(struct cop__counted) / sizeof(uint64_t)
};

static inline cop_term cop__word(uint64_t word)
{
    cop_term term = { word };
    return term;
}

/* --- Immediates ------------------------------------------------------------------------------ */

static inline bool cop__is_small(cop_term term)
{
    return (term.word & 15) == COP__TAG_SMALL;
}

static inline int64_t cop__small_value(cop_term term)
{
    return (int64_t)term.word >> 4;
}

static inline bool cop__fits_small(int64_t value)
{
    return (int64_t)((uint64_t)value << 4) >> 4 == value;
}

static inline cop_term cop__small(int64_t value)
{
    return cop__word((uint64_t)value << 4 | COP__TAG_SMALL);
}

static inline bool cop__is_atom(cop_term term)
{
    return (term.word & 15) == COP__TAG_ATOM;
}

static inline uint32_t cop__atom_index(cop_term term)
{
    return (uint32_t)(term.word >> 4);
}

static inline cop_term cop__atom(uint32_t index)
{
    return cop__word((uint64_t)index << 4 | COP__TAG_ATOM);
}

static inline bool cop__is_nil(cop_term term)
{
    return term.word == COP__WORD_NIL;
}

static inline cop_term cop__nil(void)
{
    return cop__word(COP__WORD_NIL);
}

/* Pids and references of this node. The word is also the `id` of cop_pid and cop_ref, so going
 * between the two costs nothing and 0 stays "none". */
static inline bool cop__is_local_pid(cop_term term)
{
    return (term.word & 15) == COP__TAG_PID;
}

static inline uint64_t cop__pid_word(uint32_t slot, uint32_t generation)
{
    return (uint64_t)generation << 32 | (uint64_t)slot << 4 | COP__TAG_PID;
}

static inline uint32_t cop__pid_slot(uint64_t word) /* the number in <0.number.serial> */
{
    return (uint32_t)word >> 4;
}

static inline uint32_t cop__pid_generation(uint64_t word) /* the serial */
{
    return (uint32_t)(word >> 32);
}

static inline bool cop__is_local_ref(cop_term term)
{
    return (term.word & 15) == COP__TAG_REF;
}

static inline uint64_t cop__ref_word(uint32_t slot, uint64_t counter)
{
    return counter << 28 | (uint64_t)(slot & 0xffffff) << 4 | COP__TAG_REF;
}

static inline uint32_t cop__ref_slot(uint64_t word)
{
    return (uint32_t)(word >> 4) & 0xffffff;
}

static inline uint64_t cop__ref_counter(uint64_t word)
{
    return word >> 28;
}

/* The three numbers a local reference has on the wire and in print, #Ref<0.ids[2].ids[1].ids[0]>.
 * The first has only 18 bits, as old peers want it. */
static inline void cop__ref_ids(uint32_t ids[3], uint64_t word)
{
    ids[0] = (uint32_t)cop__ref_counter(word) & 0x3ffff;
    ids[1] = cop__ref_slot(word);
    ids[2] = (uint32_t)(cop__ref_counter(word) >> 18);
}

static inline uint64_t cop__ref_from_ids(const uint32_t ids[3])
{
    return cop__ref_word(ids[1], (uint64_t)ids[2] << 18 | (ids[0] & 0x3ffff));
}

static inline bool cop__is_local_port(cop_term term)
{
    return (term.word & 15) == COP__TAG_PORT;
}

static inline cop_term cop__port(uint64_t id)
{
    return cop__word(id << 4 | COP__TAG_PORT);
}

/* Neither boxed nor a cell: the word is the whole value. */
static inline bool cop__is_immediate(cop_term term)
{
    return (term.word & 7) > 1;
}

/* --- Cells ----------------------------------------------------------------------------------- */

static inline bool cop__is_cons(cop_term term)
{
    return (term.word & 7) == 1;
}

static inline cop_term *cop__cell(cop_term cons) /* head, tail */
{
    return (cop_term *)(uintptr_t)(cons.word - 1);
}

static inline cop_term cop__from_cell(const void *cell)
{
    return cop__word((uint64_t)(uintptr_t)cell + 1);
}

/* --- Boxed values ---------------------------------------------------------------------------- */

static inline bool cop__is_boxed(cop_term term)
{
    return (term.word & 7) == 0 && term.word;
}

static inline uint64_t *cop__box(cop_term boxed)
{
    return (uint64_t *)(uintptr_t)boxed.word;
}

static inline cop_term cop__from_box(const void *box)
{
    return cop__word((uint64_t)(uintptr_t)box);
}

static inline uint64_t cop__header(enum cop__header_type type, uint64_t count)
{
    return count << 8 | type;
}

static inline unsigned cop__header_type(uint64_t header)
{
    return header & 0xff;
}

static inline uint64_t cop__header_count(uint64_t header)
{
    return header >> 8;
}

static inline bool cop__is_header(uint64_t word)
{
    return (word & 15) == 15;
}

/* The header type of a boxed term, 0 of any other. */
static inline unsigned cop__box_type(cop_term term)
{
    return cop__is_boxed(term) ? cop__header_type(*cop__box(term)) : 0;
}

static inline bool cop__is_tuple(cop_term term)
{
    return cop__box_type(term) == COP__TUPLE;
}

static inline cop_term *cop__elements(cop_term tuple)
{
    return (cop_term *)(cop__box(tuple) + 1);
}

static inline uint64_t cop__count(cop_term boxed)
{
    return cop__header_count(*cop__box(boxed));
}

static inline bool cop__is_float(cop_term term)
{
    return cop__box_type(term) == COP__FLOAT;
}

static inline double cop__float_value(cop_term term)
{
    double value;

    memcpy(&value, cop__box(term) + 1, sizeof(value));
    return value;
}

static inline bool cop__is_big(cop_term term)
{
    unsigned type = cop__box_type(term);

    return type == COP__BIG_POSITIVE || type == COP__BIG_NEGATIVE;
}

static inline bool cop__is_integer(cop_term term)
{
    return cop__is_small(term) || cop__is_big(term);
}

static inline bool cop__is_bitstring(cop_term term)
{
    unsigned type = cop__box_type(term);

    return type == COP__BINARY || type == COP__COUNTED;
}

static inline bool cop__is_map(cop_term term)
{
    unsigned type = cop__box_type(term);

    return type == COP__MAP_SMALL || type == COP__MAP_LARGE;
}

static inline bool cop__is_remote_ref(cop_term term)
{
    return cop__box_type(term) == COP__REF_REMOTE;
}

static inline bool cop__is_held_ref(cop_term term)
{
    return cop__box_type(term) == COP__REF_HELD;
}

static inline uint64_t cop__held_word(cop_term reference)
{
    return ((const struct cop__counted *)cop__box(reference))->bit_size;
}

/* The header says that there is a count to take and to give back. */
static inline bool cop__is_counted(uint64_t header)
{
    return cop__header_type(header) == COP__COUNTED || cop__header_type(header) == COP__REF_HELD;
}

/* Words after a header: terms, or raw bits; never both. */
struct cop__payload {
    size_t terms;
    size_t raw;
};

static inline struct cop__payload cop__payload(uint64_t header)
{
    size_t count = cop__header_count(header);

    switch (cop__header_type(header)) {
    case COP__TUPLE:
    case COP__MAP_CLASH:
        return (struct cop__payload){ count, 0 };
    case COP__MAP_SMALL:
        return (struct cop__payload){ 2 * count, 0 };
    case COP__MAP_LARGE:
        return (struct cop__payload){ 1, 0 };
    case COP__MAP_NODE:
        return (struct cop__payload){ (size_t)__builtin_popcountll(count), 0 };
    case COP__FUN_CLOSURE:
        return (struct cop__payload){ count, 0 };
    case COP__FUN_EXTERNAL:
        return (struct cop__payload){ 3, 0 };
    case COP__FLOAT:
        return (struct cop__payload){ 0, 1 };
    case COP__BINARY:
        return (struct cop__payload){ 0, (count + 63) / 64 };
    case COP__COUNTED:
    case COP__REF_HELD:
        return (struct cop__payload){ 0, COP__COUNTED_WORDS - 1 };
    case COP__PID_REMOTE:
    case COP__PORT_REMOTE:
        return (struct cop__payload){ 0, 2 };
    case COP__REF_REMOTE:
        return (struct cop__payload){ 0, 1 + (count + 1) / 2 };
    default: /* big integers */
        return (struct cop__payload){ 0, count };
    }
}

/* The terms of a closure: what tells it from others (module, index, uniq of its function, then the
 * free variables), and after that what only its own node has a use for. */
enum {
    COP__CLOSURE_MODULE,
    COP__CLOSURE_INDEX,
    COP__CLOSURE_OLD_UNIQ,
    COP__CLOSURE_FREE,
    COP__CLOSURE_REST = 4 /* at the end, as follows */
};
enum { COP__CLOSURE_UNIQ, COP__CLOSURE_ARITY, COP__CLOSURE_OLD_INDEX, COP__CLOSURE_PID };

static inline size_t cop__closure_free(cop_term closure)
{
    return cop__count(closure) - COP__CLOSURE_FREE - COP__CLOSURE_REST;
}

static inline const cop_term *cop__closure_rest(cop_term closure)
{
    return cop__elements(closure) + cop__count(closure) - COP__CLOSURE_REST;
}

/* --- Bits ------------------------------------------------------------------------------------ */

/* Where the bits of a bitstring lie. They begin at a byte (rule TERM-5), and the unused ones of the
 * last byte are 0, so bytes can be compared and hashed as they are. */
struct cop__bits {
    const unsigned char *bytes;
    uint64_t size;
};

static inline struct cop__bits cop__bits_of(cop_term bitstring)
{
    uint64_t *box = cop__box(bitstring);
    struct cop__bits bits = { (const unsigned char *)(box + 1), cop__header_count(*box) };

    if (cop__header_type(*box) == COP__COUNTED) {
        const struct cop__counted *counted = (const struct cop__counted *)box;

        bits.bytes =
            (const unsigned char *)cop__shared_bytes(counted->shared) + counted->bit_offset / 8;
        bits.size = counted->bit_size;
    }
    return bits;
}

/* --- Building in a given heap: the public constructors use the one of the turn ---------------- */

static inline cop_term cop__new_cons(struct cop__heap *heap, cop_term head, cop_term tail)
{
    cop_term *cell = (cop_term *)cop__heap_alloc(heap, 2);

    cell[0] = head;
    cell[1] = tail;
    return cop__from_cell(cell);
}

/* Room for a tuple; the caller fills the elements. */
static inline cop_term cop__new_tuple(struct cop__heap *heap, size_t count)
{
    uint64_t *box = cop__heap_alloc(heap, count + 1);

    *box = cop__header(COP__TUPLE, count);
    return cop__from_box(box);
}

/* {First, Second}, on the heap of the turn. */
static inline cop_term cop__pair(cop_term first, cop_term second)
{
    cop_term tuple = cop__new_tuple(cop__turn_heap(), 2);

    cop__elements(tuple)[0] = first;
    cop__elements(tuple)[1] = second;
    return tuple;
}

cop_term cop__new_float(struct cop__heap *heap, double value);
cop_term cop__new_int(struct cop__heap *heap, int64_t value);
/* The integer of these limbs and this sign, brought to its one form; the limbs are copied. */
cop_term cop__new_big(struct cop__heap *heap, bool negative, const uint64_t *limbs, size_t count);
/* Room for a bitstring of so many bits; those after the last one are 0 already. */
cop_term cop__new_bits(struct cop__heap *heap, uint64_t bits, unsigned char **ret_bytes);
cop_term cop__new_binary(struct cop__heap *heap, const void *data, size_t size);

#endif
