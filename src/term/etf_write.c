/* SPDX-License-Identifier: Apache-2.0 */
/* Writing the external term format, canonically (D-89 to D-92). Layer 1.
 *
 * The bytes grow in a scratch block and are copied once into the binary they become. Runs of terms
 * that are still to be written lie on a stack in memory, so no depth needs C stack. */
#include <float.h>
#include <stdio.h>

#include "base/raise.h"
#include "term/atoms.h"
#include "term/etf.h"
#include "term/integer.h"
#include "term/map.h"
#include "term/node.h"
#include "term/stack.h"
#include "term/utf8.h"

enum {
    AT_ONCE_MAX = 65536,
    STRING_MAX = 65535,
    BUFFER_SIZE = 1024,
    FLOAT_TEXT_SIZE = 31,
    OLD_PORT_BITS = 28
};

/* A frame is three words: the next term, how many there are still, and what they are. RUN: in a
 * row. PAIRS: keys in a row, and for each its value `distance` behind it; every other term is a
 * value. LIST: the first word is the list itself. CLOSURE: no term, but where in the bytes the size
 * of a fun belongs that is complete now. */
enum { FRAME_WORDS = 3, FRAME_RUN, FRAME_PAIRS, FRAME_LIST, FRAME_CLOSURE };
enum { DISTANCE_SHIFT = 8 };

/* --- Bytes -------------------------------------------------------------------------------------
 */

static void more_room(struct cop__etf_writer *writer, size_t size)
{
    size_t used = (size_t)(writer->at - writer->base), room = (size_t)(writer->end - writer->base);

    do
        room = room ? 2 * room : BUFFER_SIZE;
    while (room - used < size);
    if (writer->base == writer->local) {
        writer->base = cop__scratch_new(room, "the bytes of a term");
        if (used)
            memcpy(writer->base, writer->local, used);
    } else {
        writer->base = cop__scratch_resize(writer->base, room, "the bytes of a term");
    }
    writer->at = writer->base + used;
    writer->end = writer->base + room;
}

static inline unsigned char *room(struct cop__etf_writer *writer, size_t size)
{
    unsigned char *at;

    if (__builtin_expect((size_t)(writer->end - writer->at) < size, 0))
        more_room(writer, size);
    at = writer->at;
    writer->at += size;
    return at;
}

static inline void put_at(unsigned char *at, uint64_t value, unsigned size)
{
    while (size--) {
        at[size] = (unsigned char)value;
        value >>= 8;
    }
}

static inline void put(struct cop__etf_writer *writer, uint64_t value, unsigned size)
{
    put_at(room(writer, size), value, size);
}

/* A tag, and a number of so many bytes behind it. */
static inline void put_tag(
    struct cop__etf_writer *writer, enum cop__etf_tag tag, uint64_t value, unsigned size)
{
    unsigned char *at = room(writer, 1 + size);

    *at = (unsigned char)tag;
    put_at(at + 1, value, size);
}

static void put_bytes(struct cop__etf_writer *writer, const void *bytes, size_t size)
{
    if (size)
        memcpy(room(writer, size), bytes, size);
}

/* --- Leaves ------------------------------------------------------------------------------------
 */

/* The bytes of text in Latin-1, or -1 where it has other characters. */
static int to_latin1(unsigned char *to, cop_bytes text)
{
    const unsigned char *at = (const unsigned char *)text.data, *end = at + text.size;
    int size = 0;

    while (at < end) {
        int32_t c = cop__utf8_next(&at, end);

        if (c > 0xff)
            return -1;
        to[size++] = (unsigned char)c;
    }
    return size;
}

static void put_atom(struct cop__etf_writer *writer, uint32_t index)
{
    cop_bytes text = cop_atom_text((cop_atom){ index });
    unsigned char latin1[COP__ATOM_CHARACTERS_MAX];
    int size = writer->minor_version < 2 ? to_latin1(latin1, text) : -1;

    if (size >= 0) {
        put_tag(writer, COP__ETF_ATOM, (uint64_t)size, 2);
        put_bytes(writer, latin1, (size_t)size);
        return;
    }
    if (text.size <= 255)
        put_tag(writer, COP__ETF_SMALL_ATOM_UTF8, text.size, 1);
    else
        put_tag(writer, COP__ETF_ATOM_UTF8, text.size, 2);
    put_bytes(writer, text.data, text.size);
}

static void put_integer(struct cop__etf_writer *writer, cop_term integer)
{
    struct cop__integer big;
    size_t size;

    if (cop__is_small(integer)) {
        int64_t value = cop__small_value(integer);

        if (value >= 0 && value <= 255) {
            put_tag(writer, COP__ETF_SMALL_INTEGER, (uint64_t)value, 1);
            return;
        }
        if (value >= INT32_MIN && value <= INT32_MAX) {
            put_tag(writer, COP__ETF_INTEGER, (uint32_t)value, 4);
            return;
        }
    }
    cop__integer_of(&big, integer);
    size = cop_integer_bytes(integer, NULL, 0);
    if (size <= 255)
        put_tag(writer, COP__ETF_SMALL_BIG, size, 1);
    else
        put_tag(writer, COP__ETF_LARGE_BIG, size, 4);
    put(writer, big.negative, 1);
    cop_integer_bytes(integer, room(writer, size), size);
}

/* The 20 decimals of the minor version 0, whatever the locale's point. */
static void put_text_float(struct cop__etf_writer *writer, double value)
{
    char text[FLOAT_TEXT_SIZE + 1] = "";

    snprintf(text, sizeof text, "%.20e", value);
    text[text[0] == '-' ? 2 : 1] = '.';
    put_tag(writer, COP__ETF_FLOAT, 0, 0);
    put_bytes(writer, text, FLOAT_TEXT_SIZE);
}

static void put_float(struct cop__etf_writer *writer, double value)
{
    uint64_t bits;

    if (writer->minor_version == 0) {
        put_text_float(writer, value);
        return;
    }
    memcpy(&bits, &value, sizeof bits);
    put_tag(writer, COP__ETF_NEW_FLOAT, bits, 8);
}

static void put_bits(struct cop__etf_writer *writer, cop_term bitstring)
{
    struct cop__bits bits = cop__bits_of(bitstring);
    size_t size = (bits.size + 7) / 8;

    if (size > UINT32_MAX)
        cop__raise("system_limit", "a binary of more than 4 GiB has no external format");
    if (bits.size % 8) {
        put_tag(writer, COP__ETF_BIT_BINARY, size, 4);
        put(writer, bits.size % 8, 1);
    } else {
        put_tag(writer, COP__ETF_BINARY, size, 4);
    }
    put_bytes(writer, bits.bytes, size);
}

/* The node of an identifier; gives its creation. */
static uint32_t put_node(struct cop__etf_writer *writer, cop_term identifier)
{
    bool local = !cop__is_boxed(identifier);
    struct cop__node_id node = local && writer->here.name
                                   ? writer->here
                                   : cop__node_of(local ? 0 : cop__box(identifier)[1]);

    put_atom(writer, node.name);
    return node.creation;
}

static void put_pid(struct cop__etf_writer *writer, cop_term pid)
{
    uint64_t number = cop__is_boxed(pid)
                          ? cop__box(pid)[2]
                          : (uint64_t)cop__pid_generation(pid.word) << 32 | cop__pid_slot(pid.word);
    uint32_t creation;

    put_tag(writer, COP__ETF_NEW_PID, 0, 0);
    if (pid.word == writer->shown && writer->shown) {
        struct cop__node_id node = cop__node_of(writer->shown_as.node);

        put_atom(writer, node.name);
        creation = node.creation;
        number = writer->shown_as.id;
    } else {
        creation = put_node(writer, pid);
    }
    put(writer, (uint32_t)number, 4);
    put(writer, number >> 32, 4);
    put(writer, creation, 4);
}

static void put_port(struct cop__etf_writer *writer, cop_term port)
{
    uint64_t id = cop__is_boxed(port) ? cop__box(port)[2] : port.word >> 4;
    bool old = id >> OLD_PORT_BITS == 0;
    uint32_t creation;

    put_tag(writer, old ? COP__ETF_NEW_PORT : COP__ETF_V4_PORT, 0, 0);
    creation = put_node(writer, port);
    put(writer, id, old ? 4 : 8);
    put(writer, creation, 4);
}

static void put_reference(struct cop__etf_writer *writer, cop_term reference)
{
    uint32_t ids[5];
    size_t count = cop__reference_ids(ids, reference);

    put_tag(writer, COP__ETF_NEWER_REFERENCE, count, 2);
    put(writer, put_node(writer, reference), 4);
    for (size_t i = 0; i < count; i++)
        put(writer, ids[i], 4);
}

/* --- Containers --------------------------------------------------------------------------------
 */

static void push_frame(struct cop__stack *frames, uint64_t next, uint64_t count, uint64_t what)
{
    if (!count)
        return;
    cop__stack_push(frames, next);
    cop__stack_push(frames, count);
    cop__stack_push(frames, what);
}

static void push_run(struct cop__stack *frames, const cop_term *terms, size_t count)
{
    push_frame(frames, (uint64_t)(uintptr_t)terms, count, FRAME_RUN);
}

/* Its cells; *ret_bytes: all its heads are bytes, and it is proper. */
static size_t look_at_list(cop_term list, bool *ret_bytes)
{
    size_t count = 0;

    for (; cop__is_cons(list); list = cop__cell(list)[1], count++) {
        cop_term head = cop__cell(list)[0];

        if (!cop__is_small(head) || (uint64_t)cop__small_value(head) > 255)
            break;
    }
    *ret_bytes = cop__is_nil(list);
    for (; cop__is_cons(list); list = cop__cell(list)[1])
        count++;
    return count;
}

static void put_list(struct cop__etf_writer *writer, struct cop__stack *frames, cop_term list)
{
    bool bytes;
    size_t count = look_at_list(list, &bytes);

    if (bytes && count <= STRING_MAX) {
        unsigned char *at;

        put_tag(writer, COP__ETF_STRING, count, 2);
        for (at = room(writer, count); cop__is_cons(list); list = cop__cell(list)[1])
            *at++ = (unsigned char)cop__small_value(cop__cell(list)[0]);
        return;
    }
    if (count > UINT32_MAX)
        cop__raise("system_limit", "a list too long for the external format");
    put_tag(writer, COP__ETF_LIST, count, 4);
    if (count <= AT_ONCE_MAX && (size_t)(writer->end - writer->at) < 5 * count)
        more_room(writer, 5 * count); /* once, for a list of integers */
    push_frame(frames, list.word, count + 1, FRAME_LIST);
}

static void put_map(struct cop__etf_writer *writer, struct cop__stack *frames, cop_term map,
    struct cop__map_pairs **scratch)
{
    size_t pairs = cop_map_size(map);
    const cop_term *keys = cop__box_type(map) != COP__MAP_LARGE ? cop__elements(map)
                           : writer->unordered                  ? cop__map_listed(map, scratch)
                                                                : cop__map_sorted(map, scratch);

    put_tag(writer, COP__ETF_MAP, pairs, 4);
    push_frame(frames, (uint64_t)(uintptr_t)keys, 2 * pairs,
        (uint64_t)pairs << DISTANCE_SHIFT | FRAME_PAIRS);
}

static void put_closure(struct cop__etf_writer *writer, struct cop__stack *frames, cop_term closure)
{
    const cop_term *terms = cop__elements(closure), *rest = cop__closure_rest(closure);
    size_t free = cop__closure_free(closure);

    put_tag(writer, COP__ETF_NEW_FUN, 0, 4); /* the size comes last: see end_closure */
    push_frame(frames, (uint64_t)(writer->at - writer->base) - 4, 1, FRAME_CLOSURE);
    put(writer, (uint64_t)cop__small_value(rest[COP__CLOSURE_ARITY]), 1);
    put_bytes(writer, cop__bits_of(rest[COP__CLOSURE_UNIQ]).bytes, 16);
    put(writer, (uint64_t)cop__small_value(terms[COP__CLOSURE_INDEX]), 4);
    put(writer, free, 4);
    put_atom(writer, cop__atom_index(terms[COP__CLOSURE_MODULE]));
    put_integer(writer, rest[COP__CLOSURE_OLD_INDEX]);
    put_integer(writer, terms[COP__CLOSURE_OLD_UNIQ]);
    put_pid(writer, rest[COP__CLOSURE_PID]);
    push_run(frames, terms + COP__CLOSURE_FREE, free);
}

/* What has nothing in it, and is frequent, without more ado. */
static inline bool put_quick(struct cop__etf_writer *writer, cop_term term)
{
    unsigned char *at;

    if (cop__is_small(term)) {
        int64_t value = cop__small_value(term);
        uint32_t bytes = __builtin_bswap32((uint32_t)value);

        _Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "bytes are turned round");
        if ((uint64_t)value <= 255) {
            at = room(writer, 2);
            at[0] = COP__ETF_SMALL_INTEGER;
            at[1] = (unsigned char)value;
            return true;
        }
        if (value != (int32_t)value)
            return false;
        at = room(writer, 5);
        at[0] = COP__ETF_INTEGER;
        memcpy(at + 1, &bytes, sizeof bytes);
        return true;
    }
    if (cop__is_atom(term)) {
        put_atom(writer, cop__atom_index(term));
        return true;
    }
    if (cop__box_type(term) == COP__BINARY) {
        put_bits(writer, term);
        return true;
    }
    return false;
}

static void put_tuple(struct cop__etf_writer *writer, struct cop__stack *frames, cop_term tuple)
{
    size_t count = cop__count(tuple);
    const cop_term *next = cop__elements(tuple);

    if (count > UINT32_MAX)
        cop__raise("system_limit", "a tuple too large for the external format");
    if (count <= 255)
        put_tag(writer, COP__ETF_SMALL_TUPLE, count, 1);
    else
        put_tag(writer, COP__ETF_LARGE_TUPLE, count, 4);
    for (; count && put_quick(writer, *next); count--)
        next++;
    push_run(frames, next, count);
}

/* The top of a term; what is inside is pushed. */
static void put_step(struct cop__etf_writer *writer, struct cop__stack *frames, cop_term term,
    struct cop__map_pairs **scratch)
{
    switch (cop_type_of(term)) {
    case COP_TYPE_INTEGER:
        put_integer(writer, term);
        break;
    case COP_TYPE_FLOAT:
        put_float(writer, cop__float_value(term));
        break;
    case COP_TYPE_ATOM:
        put_atom(writer, cop__atom_index(term));
        break;
    case COP_TYPE_REFERENCE:
        put_reference(writer, term);
        break;
    case COP_TYPE_FUN:
        if (cop__box_type(term) == COP__FUN_EXTERNAL) {
            put_tag(writer, COP__ETF_EXPORT, 0, 0);
            push_run(frames, cop__elements(term), 3);
        } else {
            put_closure(writer, frames, term);
        }
        break;
    case COP_TYPE_PORT:
        put_port(writer, term);
        break;
    case COP_TYPE_PID:
        put_pid(writer, term);
        break;
    case COP_TYPE_TUPLE:
        put_tuple(writer, frames, term);
        break;
    case COP_TYPE_MAP:
        put_map(writer, frames, term, scratch);
        break;
    case COP_TYPE_NIL:
        put_tag(writer, COP__ETF_NIL, 0, 0);
        break;
    case COP_TYPE_LIST:
        put_list(writer, frames, term);
        break;
    case COP_TYPE_BITSTRING:
        put_bits(writer, term);
        break;
    default:
        cop__raise("badarg", "cop_term_to_binary of no term");
    }
}

/* The size of a fun counts itself, but not the tag. */
static void end_closure(struct cop__etf_writer *writer, uint64_t offset)
{
    unsigned char *size_at = writer->base + offset;

    put_at(size_at, (uint64_t)(writer->at - size_at), 4);
}

/* The next term of the topmost frame, which goes when that was its last. */
static cop_term next_term(struct cop__stack *frames)
{
    uint64_t *frame = frames->items + frames->used - FRAME_WORDS;
    cop_term term;

    switch (frame[2] & ((1 << DISTANCE_SHIFT) - 1)) {
    case FRAME_LIST:
        term = cop__word(frame[0]);
        if (frame[1] > 1) { /* else it is the tail */
            cop_term *cell = cop__cell(term);

            term = cell[0];
            frame[0] = cell[1].word;
        }
        break;
    case FRAME_PAIRS: {
        const cop_term *key = (const cop_term *)(uintptr_t)frame[0];
        bool value = frame[1] % 2;

        term = key[value ? frame[2] >> DISTANCE_SHIFT : 0];
        if (value)
            frame[0] += sizeof term;
        break;
    }
    default:
        term = *(const cop_term *)(uintptr_t)frame[0];
        frame[0] += sizeof term;
    }
    if (!--frame[1])
        frames->used -= FRAME_WORDS;
    return term;
}

/* What can be written at once at the beginning of the topmost frame. */
static void put_quick_ones(struct cop__etf_writer *writer, uint64_t *frame)
{
    if (frame[2] == FRAME_RUN) {
        const cop_term *next = (const cop_term *)(uintptr_t)frame[0];
        uint64_t left = frame[1];

        for (; left > 1 && put_quick(writer, *next); left--)
            next++;
        frame[0] = (uint64_t)(uintptr_t)next;
        frame[1] = left;
    } else if (frame[2] == FRAME_LIST) {
        cop_term list = cop__word(frame[0]);
        uint64_t left = frame[1];

        for (; left > 1 && put_quick(writer, cop__cell(list)[0]); left--)
            list = cop__cell(list)[1];
        frame[0] = list.word;
        frame[1] = left;
    }
}

void cop__etf_writer_done(struct cop__etf_writer *writer)
{
    if (writer->base != writer->local)
        cop__scratch_free(writer->base);
}

unsigned char *cop__etf_room(struct cop__etf_writer *writer, size_t size)
{
    return room(writer, size);
}

void cop__etf_write(struct cop__etf_writer *writer, cop_term term)
{
    struct cop__map_pairs *scratch = NULL;
    struct cop__stack frames;

    cop__stack_init(&frames);
    put_step(writer, &frames, term, &scratch);
    while (frames.used) {
        if (frames.items[frames.used - 1] == FRAME_CLOSURE) {
            end_closure(writer, frames.items[frames.used - FRAME_WORDS]);
            frames.used -= FRAME_WORDS;
            continue;
        }
        put_quick_ones(writer, frames.items + frames.used - FRAME_WORDS);
        put_step(writer, &frames, next_term(&frames), &scratch);
    }
    cop__stack_done(&frames);
    cop__map_pairs_free(scratch);
}

/* --- term_to_binary ----------------------------------------------------------------------------
 */

/* 131, 80, size32, deflated; none where that is no shorter than the bytes, which begin with 131. */
static cop_term deflated(
    const unsigned char *bytes, size_t size, const struct cop_to_binary_options *options)
{
    enum { HEAD = 6 };
    size_t room_left = size > HEAD + 1 ? size - HEAD - 1 : 0; /* shorter than it was */
    unsigned char *to;
    cop_term binary = COP_NONE;

    if (!room_left || size - 1 > UINT32_MAX)
        return COP_NONE;
    to = cop__scratch_new(size, "a compressed term");
    if (options->compression->deflate(
            to + HEAD, &room_left, bytes + 1, size - 1, options->level ? options->level : 6) == 0) {
        to[0] = COP__ETF_VERSION;
        to[1] = COP__ETF_COMPRESSED;
        put_at(to + 2, size - 1, 4);
        binary = cop_binary(to, HEAD + room_left);
    }
    cop__scratch_free(to);
    return binary;
}

cop_term cop_term_to_binary_with(cop_term term, const struct cop_to_binary_options *options)
{
    static const struct cop_to_binary_options none;
    struct cop__etf_writer writer = { .minor_version = 2 };
    unsigned char local[COP__ETF_LOCAL_SIZE];
    cop_term binary = COP_NONE;
    size_t size;

    if (!options)
        options = &none;
    if (options->minor_version < COP_MINOR_VERSION_0 || options->minor_version > 2 ||
        options->level < 0 || options->level > 9)
        cop__raise("badarg", "minor_version is 1 or 2, and level 1 to 9");
    if (options->minor_version)
        writer.minor_version = options->minor_version == 1   ? 1
                               : options->minor_version == 2 ? 2
                                                             : 0;
    writer.unordered = options->unordered;
    cop__etf_writer_local(&writer, local);
    put(&writer, COP__ETF_VERSION, 1);
    cop__etf_write(&writer, term);
    size = (size_t)(writer.at - writer.base);
    if (options->compression)
        binary = deflated(writer.base, size, options);
    if (cop_is_none(binary))
        binary = cop_binary(writer.base, size);
    cop__etf_writer_done(&writer);
    return binary;
}
