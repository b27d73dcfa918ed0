/* SPDX-License-Identifier: Apache-2.0 */
/* Reading frames (frame.h). All of it may be hostile: each count and size is compared with what is
 * there, and a size that is announced is never allocated before its bytes are here. */
#include "dist/frame.h"

#include <stdlib.h>
#include <string.h>

#include "dist/bytes.h"

enum { DEPTH_MAX = 1000000, INTEGER_MAX = 64 << 10, FRAGMENT_HEAD = 16 };

struct cop__frames *cop__frames_new(bool headers)
{
    struct cop__frames *frames = calloc(1, sizeof *frames);

    if (frames)
        frames->headers = headers;
    return frames;
}

static void free_one(struct cop__fragmented *one)
{
    if (one)
        free(one->bytes);
    free(one);
}

void cop__frames_free(struct cop__frames *frames)
{
    struct cop__fragmented *one;

    if (!frames)
        return;
    while ((one = frames->open)) {
        frames->open = one->next;
        free_one(one);
    }
    free_one(frames->done);
    free(frames);
}

static int wrong(struct cop__frames *frames, const char *what)
{
    frames->wrong = what;
    return -1;
}

/* --- The atoms of a header (D-51) ----------------------------------------------------------------
 */

static unsigned field_of(const unsigned char *fields, unsigned index)
{
    return fields[index / 2] >> (index % 2 ? 4 : 0) & 15;
}

/* An atom that is new to the cache. */
static bool new_atom(struct cop__etf_reader *reader, unsigned size_bytes, cop_term *ret_atom)
{
    cop_atom atom;
    cop_bytes text;

    if (!cop__etf_has(reader, size_bytes))
        return false;
    text.size = cop__etf_take(reader, size_bytes);
    if (!cop__etf_has(reader, text.size))
        return false;
    text.data = (const char *)reader->at;
    if (cop_atom_from_bytes(&atom, text) != 0)
        return cop__etf_wrong(
            reader, "an atom that is no UTF-8 of at most 255 characters, or one too many");
    reader->at += text.size;
    *ret_atom = cop_from_atom(atom);
    return true;
}

/* The table of the frame's atoms; how many there are, or -1. */
static int read_atoms(struct cop__frames *frames, struct cop__etf_reader *reader)
{
    const unsigned char *fields;
    unsigned count, long_atoms;

    if (!cop__etf_has(reader, 1))
        return -1;
    count = (unsigned)cop__etf_take(reader, 1);
    if (!count)
        return 0;
    if (!cop__etf_has(reader, count / 2 + 1))
        return -1;
    fields = reader->at;
    reader->at += count / 2 + 1;
    long_atoms = field_of(fields, count) & 1;
    for (unsigned i = 0; i < count; i++) {
        unsigned field = field_of(fields, i);
        cop_term *slot;

        if (!cop__etf_has(reader, 1))
            return -1;
        slot = &frames->cache[(field & 7) * 256 + cop__etf_take(reader, 1)];
        if (field & 8) {
            if (!new_atom(reader, 1 + long_atoms, slot))
                return -1;
        } else if (cop_is_none(*slot)) {
            cop__etf_wrong(reader, "an atom of the cache that was never sent");
            return -1;
        }
        frames->atoms[i] = *slot;
    }
    return (int)count;
}

/* --- Fragments (D-57, D-58) ----------------------------------------------------------------------
 */

static struct cop__fragmented **find(struct cop__frames *frames, uint64_t sequence)
{
    struct cop__fragmented **place = &frames->open;

    while (*place && (*place)->sequence != sequence)
        place = &(*place)->next;
    return place;
}

static bool append(struct cop__frames *frames, struct cop__fragmented *one,
    const unsigned char *bytes, size_t size)
{
    if (frames->open_bytes + size > COP__FRAGMENT_BYTES_MAX)
        return false;
    if (one->room - one->size < size) {
        size_t room = 2 * one->size > one->size + size ? 2 * one->size : one->size + size;
        unsigned char *grown = realloc(one->bytes, room ? room : 1);

        if (!grown)
            return false;
        one->bytes = grown;
        one->room = room;
    }
    if (size)
        memcpy(one->bytes + one->size, bytes, size);
    one->size += size;
    frames->open_bytes += size;
    return true;
}

/* The last part is here: the message is whole. */
static int complete(
    struct cop__frames *frames, struct cop__etf_reader *reader, struct cop__fragmented **place)
{
    struct cop__fragmented *one = *place;

    *place = one->next;
    frames->open_count--;
    frames->open_bytes -= one->size;
    frames->done = one;
    reader->at = one->bytes;
    reader->end = one->bytes + one->size;
    reader->cache = one->atoms;
    reader->cache_count = one->atom_count;
    return 1;
}

static int first_fragment(
    struct cop__frames *frames, struct cop__etf_reader *reader, uint64_t sequence, uint64_t count)
{
    struct cop__fragmented *one;
    struct cop__etf_reader control;
    cop_term term;
    int atoms;

    if (*find(frames, sequence))
        return wrong(frames, "a fragmented message begins twice");
    if (!count || frames->open_count >= COP__FRAGMENTED_MAX)
        return wrong(frames, "too many fragmented messages, or one of no fragment");
    atoms = read_atoms(frames, reader);
    if (atoms < 0)
        return wrong(frames, reader->wrong);
    control = *reader;
    control.cache = frames->atoms;
    control.cache_count = (size_t)atoms;
    if (!cop__etf_read(&control, &term))
        return wrong(frames, "a control message does not end in the first fragment");
    one = calloc(1, sizeof *one + (size_t)atoms * sizeof *one->atoms);
    if (!one)
        return wrong(frames, "no memory for a fragmented message");
    one->sequence = sequence;
    one->left = count - 1;
    one->atom_count = (size_t)atoms;
    if (atoms)
        memcpy(one->atoms, frames->atoms, (size_t)atoms * sizeof *one->atoms);
    one->next = frames->open;
    frames->open = one;
    frames->open_count++;
    if (!append(frames, one, reader->at, (size_t)(reader->end - reader->at)))
        return wrong(frames, "fragmented messages are too large");
    return one->left ? 0 : complete(frames, reader, &frames->open);
}

static int next_fragment(
    struct cop__frames *frames, struct cop__etf_reader *reader, uint64_t sequence, uint64_t left)
{
    struct cop__fragmented **place = find(frames, sequence), *one = *place;

    if (!one || one->left != left || !left)
        return wrong(frames, "a fragment without its beginning, or out of order");
    one->left--;
    if (!append(frames, one, reader->at, (size_t)(reader->end - reader->at)))
        return wrong(frames, "fragmented messages are too large");
    return one->left ? 0 : complete(frames, reader, place);
}

/* --- A frame -------------------------------------------------------------------------------------
 */

/* 112, 131, control, 131, payload. */
static int pass_through(struct cop__frames *frames, struct cop__etf_reader *reader)
{
    if (frames->headers || reader->end - reader->at < 2 || reader->at[0] != COP__PASS_THROUGH ||
        reader->at[1] != COP__ETF_VERSION)
        return wrong(frames, "a frame of the other format");
    reader->at += 2;
    return 1;
}

int cop__frames_take(struct cop__frames *frames, struct cop__etf_reader *reader,
    const unsigned char *bytes, size_t size)
{
    uint64_t sequence, number;
    unsigned type;
    int atoms;

    free_one(frames->done);
    frames->done = NULL;
    *reader = (struct cop__etf_reader){
        .at = bytes, .end = bytes + size, .depth_max = DEPTH_MAX, .integer_max = INTEGER_MAX
    };
    if (!frames->headers)
        return pass_through(frames, reader);
    if (size < 3 || bytes[0] != COP__ETF_VERSION)
        return wrong(frames, "a frame of the other format");
    type = bytes[1];
    reader->at += 2;
    if (type == COP__FRAME_PLAIN) {
        atoms = read_atoms(frames, reader);
        if (atoms < 0)
            return wrong(frames, reader->wrong);
        reader->cache = frames->atoms;
        reader->cache_count = (size_t)atoms;
        return 1;
    }
    if ((type != COP__FRAME_FIRST && type != COP__FRAME_NEXT) ||
        !cop__etf_has(reader, FRAGMENT_HEAD))
        return wrong(frames, "a frame of no known kind");
    sequence = cop__etf_take(reader, 8);
    number = cop__etf_take(reader, 8);
    return type == COP__FRAME_FIRST ? first_fragment(frames, reader, sequence, number)
                                    : next_fragment(frames, reader, sequence, number);
}
