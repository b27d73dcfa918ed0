/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the external term format: containers, and binary_to_term. Layer 1.
 *
 * The hard idea: every element takes at least a byte. So the elements that open containers still
 * wait for (`pending`) can never be more than the bytes that are left, and a container that
 * announces more is refused before anything is allocated for it; memory stays within a fixed
 * multiple of the bytes, even where containers that announce much lie within each other.
 *
 * Elements are read straight into their places: a tuple's words, the heads of a list's cells, or
 * scratch memory that a map is then made of. Open containers are frames on a stack in memory. */
#include "base/raise.h"
#include "term/etf.h"
#include "term/map.h"
#include "term/stack.h"

enum {
    INFLATED_MAX = 64 << 20,
    DEPTH_MAX = 1000000,
    INTEGER_MAX = 64 << 10,
    COMPRESSED_HEAD = 6 /* version, tag, size32 */
};

/* A frame is three words: the next place, how many places there are still, and what they are. */
enum { FRAME_WORDS = 3, FRAME_PLACES, FRAME_HEADS, FRAME_MAP };
/* Of a map: the first word is the place of its next key or value, the second as above, the third
 * FRAME_MAP with the number of pairs above it; below lies one more word, where the map goes. */
enum { MAP_SHIFT = 8 };

struct reading {
    struct cop__etf_reader *reader;
    struct cop__stack frames;
    size_t pending, depth;
};

static void push_frame(struct reading *reading, cop_term *places, size_t count, uint64_t what)
{
    cop__stack_push(&reading->frames, (uint64_t)(uintptr_t)places);
    cop__stack_push(&reading->frames, count);
    cop__stack_push(&reading->frames, what);
}

/* A container of so many elements begins. */
static bool open_container(struct reading *reading, size_t count)
{
    struct cop__etf_reader *reader = reading->reader;

    if (count + reading->pending > (size_t)(reader->end - reader->at))
        return cop__etf_wrong(reader, "more elements announced than there are bytes");
    if (++reading->depth > reader->depth_max)
        return cop__etf_wrong(reader, "nested too deeply");
    reading->pending += count;
    return true;
}

static bool open_tuple(struct reading *reading, size_t size, cop_term *place)
{
    if (!open_container(reading, size))
        return false;
    *place = cop__new_tuple(cop__turn_heap(), size);
    push_frame(reading, cop__elements(*place), size, FRAME_PLACES);
    return true;
}

/* A list of no elements is its tail. */
static bool open_list(struct reading *reading, size_t length, cop_term *place)
{
    cop_term *cells;

    if (!open_container(reading, length + 1))
        return false;
    if (!length) {
        push_frame(reading, place, 1, FRAME_PLACES);
        return true;
    }
    cells = (cop_term *)cop__heap_alloc(cop__turn_heap(), 2 * length);
    for (size_t i = 0; i + 1 < length; i++)
        cells[2 * i + 1] = cop__from_cell(cells + 2 * i + 2);
    *place = cop__from_cell(cells);
    push_frame(reading, cells + 2 * length - 1, 1, FRAME_PLACES);
    push_frame(reading, cells, length, FRAME_HEADS);
    return true;
}

static bool open_map(struct reading *reading, size_t pairs, cop_term *place)
{
    cop_term *keys_and_values;

    if (!open_container(reading, 2 * pairs))
        return false;
    keys_and_values = (cop_term *)cop__heap_alloc(cop__turn_heap(), 2 * pairs);
    cop__stack_push(&reading->frames, (uint64_t)(uintptr_t)place);
    push_frame(reading, keys_and_values, 2 * pairs, (uint64_t)pairs << MAP_SHIFT | FRAME_MAP);
    return true;
}

/* All pairs are there. `end` is behind the last. */
static bool close_map(struct reading *reading, const cop_term *end, size_t pairs, cop_term *place)
{
    *place = cop__new_map(cop__turn_heap(), end - 2 * pairs, pairs);
    return cop_map_size(*place) == pairs ||
           cop__etf_wrong(reading->reader, "a map with a key twice");
}

/* A fun of another node: kept with all it has, so that it can go back there. The size that it
 * announces says nothing that its parts do not, and OTP does not look at it either. */
static bool open_closure(struct reading *reading, cop_term *place)
{
    enum { SIZE = 4, ARITY = 1, UNIQ = 16, INDEX = 4, FREE = 4 };
    struct cop__etf_reader *reader = reading->reader;
    cop_term module, old_index, old_uniq, pid, uniq, *terms, *rest;
    uint64_t arity, index, free, *box;

    if (!cop__etf_has(reader, SIZE + ARITY + UNIQ + INDEX + FREE))
        return false;
    reader->at += SIZE;
    arity = cop__etf_take(reader, ARITY);
    uniq = cop_binary(reader->at, UNIQ);
    reader->at += UNIQ;
    index = cop__etf_take(reader, INDEX);
    free = cop__etf_take(reader, FREE);
    if (!cop__etf_read_atom(reader, &module) || !cop__etf_read_integer(reader, &old_index) ||
        !cop__etf_read_integer(reader, &old_uniq) || !cop__etf_read_pid(reader, &pid))
        return false;
    if (!cop__is_small(old_index) || !cop__is_small(old_uniq))
        return cop__etf_wrong(reader, "a fun whose index or uniq is none");
    if (!open_container(reading, free))
        return false;
    box = cop__heap_alloc(cop__turn_heap(), 1 + COP__CLOSURE_FREE + free + COP__CLOSURE_REST);
    *box = cop__header(COP__FUN_CLOSURE, COP__CLOSURE_FREE + free + COP__CLOSURE_REST);
    *place = cop__from_box(box);
    terms = cop__elements(*place);
    rest = terms + COP__CLOSURE_FREE + free;
    terms[COP__CLOSURE_MODULE] = module;
    terms[COP__CLOSURE_INDEX] = cop__small((int64_t)index);
    terms[COP__CLOSURE_OLD_UNIQ] = old_uniq;
    rest[COP__CLOSURE_UNIQ] = uniq;
    rest[COP__CLOSURE_ARITY] = cop__small((int64_t)arity);
    rest[COP__CLOSURE_OLD_INDEX] = old_index;
    rest[COP__CLOSURE_PID] = pid;
    push_frame(reading, terms + COP__CLOSURE_FREE, free, FRAME_PLACES);
    return true;
}

static bool open_of(struct reading *reading, unsigned tag, cop_term *place)
{
    struct cop__etf_reader *reader = reading->reader;
    unsigned size_bytes = tag == COP__ETF_SMALL_TUPLE ? 1 : 4;
    size_t count;

    if (tag == COP__ETF_NEW_FUN)
        return open_closure(reading, place);
    if (!cop__etf_has(reader, size_bytes))
        return false;
    count = cop__etf_take(reader, size_bytes);
    if (tag == COP__ETF_LIST)
        return open_list(reading, count, place);
    if (tag == COP__ETF_MAP)
        return open_map(reading, count, place);
    return open_tuple(reading, count, place);
}

static bool read_one(struct reading *reading, cop_term *place)
{
    struct cop__etf_reader *reader = reading->reader;
    unsigned tag;

    if (!cop__etf_has(reader, 1))
        return false;
    tag = (unsigned)cop__etf_take(reader, 1);
    switch (cop__etf_read_leaf(reader, tag, place)) {
    case COP__ETF_LEAF:
        return true;
    case COP__ETF_CONTAINER:
        return open_of(reading, tag, place);
    default:
        return false;
    }
}

/* The topmost frame has all its elements. */
static bool close_frame(struct reading *reading)
{
    uint64_t what = cop__stack_pop(&reading->frames), *frames;
    cop_term *end;

    cop__stack_pop(&reading->frames);
    frames = reading->frames.items;
    end = (cop_term *)(uintptr_t)cop__stack_pop(&reading->frames);
    if (what != FRAME_HEADS) /* of a list the frame of its tail is still there */
        reading->depth--;
    if ((what & ((1 << MAP_SHIFT) - 1)) != FRAME_MAP)
        return true;
    return close_map(
        reading, end, what >> MAP_SHIFT, (cop_term *)(uintptr_t)frames[--reading->frames.used]);
}

/* Small integers at the beginning of the topmost frame, where all is there and as it should be. */
static void read_quick_ones(struct reading *reading, uint64_t *frame)
{
    struct cop__etf_reader *reader = reading->reader;
    const unsigned char *at = reader->at, *end = reader->end;
    cop_term *place = (cop_term *)(uintptr_t)frame[0];
    size_t stride = frame[2] == FRAME_HEADS ? 2 : 1, left = frame[1];

    for (; left; left--, place += stride) {
        if (end - at >= 2 && *at == COP__ETF_SMALL_INTEGER) {
            *place = cop__small(at[1]);
            at += 2;
        } else if (end - at >= 5 && *at == COP__ETF_INTEGER) {
            uint32_t bytes;

            memcpy(&bytes, at + 1, sizeof bytes);
            *place = cop__small((int32_t)__builtin_bswap32(bytes));
            at += 5;
        } else {
            break;
        }
    }
    reading->pending -= frame[1] - left;
    reader->at = at;
    frame[0] = (uint64_t)(uintptr_t)place;
    frame[1] = left;
}

static bool read_elements(struct reading *reading)
{
    while (reading->frames.used) {
        uint64_t *frame = reading->frames.items + reading->frames.used - FRAME_WORDS;
        cop_term *place;

        read_quick_ones(reading, frame);
        place = (cop_term *)(uintptr_t)frame[0];
        if (!frame[1]) {
            if (!close_frame(reading))
                return false;
            continue;
        }
        frame[0] = (uint64_t)(uintptr_t)(place + (frame[2] == FRAME_HEADS ? 2 : 1));
        frame[1]--;
        reading->pending--;
        if (!read_one(reading, place))
            return false;
    }
    return true;
}

bool cop__etf_read(struct cop__etf_reader *reader, cop_term *ret_term)
{
    struct reading reading = { .reader = reader };
    cop_term term = COP_NONE;
    bool ok;

    cop__stack_init(&reading.frames);
    ok = read_one(&reading, &term) && read_elements(&reading);
    cop__stack_done(&reading.frames);
    if (ok)
        *ret_term = term;
    return ok;
}

/* --- binary_to_term ----------------------------------------------------------------------------
 */

static bool read_inflated(struct cop__etf_reader *reader,
    const struct cop_from_binary_options *options, cop_term *ret_term)
{
    size_t max = options->inflated_max ? options->inflated_max : INFLATED_MAX, size, used;
    struct cop__etf_reader inner = *reader;
    unsigned char *bytes;
    int error;
    bool ok;

    if (!options->compression)
        return cop__etf_wrong(reader, "a compressed term, and no compression is given");
    if (!cop__etf_has(reader, 4))
        return false;
    size = cop__etf_take(reader, 4);
    if (size > max)
        return cop__etf_wrong(reader, "a compressed term that would be too large");
    bytes = cop__scratch_new(size ? size : 1, "a compressed term");
    error = options->compression->inflate(
        bytes, size, reader->at, (size_t)(reader->end - reader->at), &used);
    inner.at = bytes;
    inner.end = bytes + size;
    ok = !error && cop__etf_read(&inner, ret_term);
    cop__scratch_free(bytes);
    if (ok) {
        reader->at += used;
        return true;
    }
    reader->full = inner.full;
    return cop__etf_wrong(
        reader, error ? "compressed bytes that are damaged or of another size" : inner.wrong);
}

static bool read_whole(struct cop__etf_reader *reader,
    const struct cop_from_binary_options *options, cop_term *ret_term)
{
    if (!cop__etf_has(reader, 1))
        return false;
    if (*reader->at != COP__ETF_VERSION)
        return cop__etf_wrong(reader, "no term: it does not begin with 131");
    reader->at++;
    if (reader->at < reader->end && *reader->at == COP__ETF_COMPRESSED) {
        reader->at++;
        return read_inflated(reader, options, ret_term);
    }
    return cop__etf_read(reader, ret_term);
}

int cop_binary_to_term_with(
    cop_term *ret_term, cop_bytes binary, const struct cop_from_binary_options *options)
{
    static const struct cop_from_binary_options none;
    const unsigned char *begin = (const unsigned char *)binary.data;
    struct cop__etf_reader reader = { .at = begin, .end = begin + binary.size };

    if (!options)
        options = &none;
    reader.safe = options->safe;
    reader.depth_max = options->depth_max ? options->depth_max : DEPTH_MAX;
    reader.integer_max = options->integer_max ? options->integer_max : INTEGER_MAX;
    if (read_whole(&reader, options, ret_term)) {
        if (options->ret_used)
            *options->ret_used = (size_t)(reader.at - begin);
        return 0;
    }
    if (options->ret_wrong)
        *options->ret_wrong = reader.wrong;
    if (options->ret_position)
        *options->ret_position = (size_t)(reader.at - begin);
    return reader.full ? -COP_ESYSTEMLIMIT : -COP_EBADARG;
}
