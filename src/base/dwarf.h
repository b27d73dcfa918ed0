/* SPDX-License-Identifier: Apache-2.0 */
/* Reading DWARF as it lies in unwind tables: numbers of all their forms, within bounds. A read past
 * the end gives 0 and marks the cursor, so a caller checks once, at the end. Layer 0, private;
 * async-signal-safe. Written from the DWARF 5 standard (7.6, 7.7) and the LSB's chapter on
 * exception frames. */
#ifndef COP_BASE_DWARF_H
#define COP_BASE_DWARF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct cop__dwarf {
    const unsigned char *at, *end;
    bool bad; /* something was not there */
};

/* How a pointer is written (DW_EH_PE_): its form in the low half, what it is relative to in the
 * high one. */
enum {
    COP__DW_ABSPTR = 0x00,
    COP__DW_ULEB = 0x01,
    COP__DW_UDATA2 = 0x02,
    COP__DW_UDATA4 = 0x03,
    COP__DW_UDATA8 = 0x04,
    COP__DW_SLEB = 0x09,
    COP__DW_SDATA2 = 0x0a,
    COP__DW_SDATA4 = 0x0b,
    COP__DW_SDATA8 = 0x0c,
    COP__DW_PCREL = 0x10,
    COP__DW_DATAREL = 0x30,
    COP__DW_OMIT = 0xff
};

static inline void cop__dwarf_skip(struct cop__dwarf *cursor, uint64_t size)
{
    if (size > (size_t)(cursor->end - cursor->at)) {
        cursor->at = cursor->end;
        cursor->bad = true;
    } else {
        cursor->at += size;
    }
}

/* A number of 1, 2, 4 or 8 bytes, little-endian as both our machines. */
static inline uint64_t cop__dwarf_fixed(struct cop__dwarf *cursor, size_t size)
{
    const unsigned char *from = cursor->at;
    uint64_t value = 0;

    cop__dwarf_skip(cursor, size);
    if (!cursor->bad)
        memcpy(&value, from, size);
    return value;
}

static inline uint8_t cop__dwarf_u8(struct cop__dwarf *cursor)
{
    return (uint8_t)cop__dwarf_fixed(cursor, 1);
}

static inline int64_t cop__dwarf_signed(struct cop__dwarf *cursor, size_t size)
{
    unsigned unused = (unsigned)(64 - 8 * size);

    return (int64_t)(cop__dwarf_fixed(cursor, size) << unused) >> unused;
}

static inline uint64_t cop__dwarf_uleb(struct cop__dwarf *cursor)
{
    uint64_t value = 0;
    uint8_t byte;
    unsigned shift = 0;

    do {
        byte = cop__dwarf_u8(cursor);
        if (shift < 64)
            value |= (uint64_t)(byte & 0x7f) << shift;
        shift += 7;
    } while (byte & 0x80);
    return value;
}

static inline int64_t cop__dwarf_sleb(struct cop__dwarf *cursor)
{
    uint64_t value = 0;
    uint8_t byte;
    unsigned shift = 0;

    do {
        byte = cop__dwarf_u8(cursor);
        if (shift < 64)
            value |= (uint64_t)(byte & 0x7f) << shift;
        shift += 7;
    } while (byte & 0x80);
    if (shift < 64 && byte & 0x40)
        value |= ~(uint64_t)0 << shift;
    return (int64_t)value;
}

/* A pointer of an encoding; `data` is the base of data-relative ones. */
static inline uint64_t cop__dwarf_pointer(
    struct cop__dwarf *cursor, uint8_t encoding, const unsigned char *data)
{
    uintptr_t base = 0;
    uint64_t value;

    switch (encoding & 0x70) {
    case 0:
        break;
    case COP__DW_PCREL:
        base = (uintptr_t)cursor->at;
        break;
    case COP__DW_DATAREL:
        base = (uintptr_t)data;
        break;
    default: /* relative to a text or function that nobody tells us of */
        cursor->bad = true;
    }
    switch (encoding & 0x0f) {
    case COP__DW_ABSPTR:
    case COP__DW_UDATA8:
    case COP__DW_SDATA8:
        value = cop__dwarf_fixed(cursor, 8);
        break;
    case COP__DW_ULEB:
        value = cop__dwarf_uleb(cursor);
        break;
    case COP__DW_UDATA2:
        value = cop__dwarf_fixed(cursor, 2);
        break;
    case COP__DW_UDATA4:
        value = cop__dwarf_fixed(cursor, 4);
        break;
    case COP__DW_SLEB:
        value = (uint64_t)cop__dwarf_sleb(cursor);
        break;
    case COP__DW_SDATA2:
        value = (uint64_t)cop__dwarf_signed(cursor, 2);
        break;
    case COP__DW_SDATA4:
        value = (uint64_t)cop__dwarf_signed(cursor, 4);
        break;
    default:
        value = 0;
        cursor->bad = true;
    }
    return base + value;
}

#endif
