/* SPDX-License-Identifier: Apache-2.0 */
/* Finding the entry of a function, and running its little program up to an instruction. Layer 0.
 *
 * The tables come from the same file as the code, so they are believed to mean well, but every read
 * is within the segment they lie in: in a node that is about to report a crash, nothing is certain.
 */
#include "base/cfi.h"

#include "base/dwarf.h"

/* --- Finding ------------------------------------------------------------------------------------
 */

enum {
    SORTED_TABLE = COP__DW_DATAREL | COP__DW_SDATA4, /* the one form that linkers write */
    ENTRY_SIZE = 8 /* of it: code and entry, both from the header */
};

static struct cop__dwarf cursor_at(const struct cop__text *text, const unsigned char *at)
{
    struct cop__dwarf cursor = { at, text->tables_end, false };

    if (at < text->tables || at > text->tables_end) {
        cursor.at = cursor.end;
        cursor.bad = true;
    }
    return cursor;
}

static int32_t entry_word(const unsigned char *table, uint64_t index, size_t field)
{
    int32_t word;

    memcpy(&word, table + index * ENTRY_SIZE + field * sizeof(word), sizeof(word));
    return word;
}

/* The entry for pc in the sorted table of .eh_frame_hdr; NULL. */
static const unsigned char *search(const struct cop__text *text, uintptr_t pc)
{
    const unsigned char *header = text->unwind;
    struct cop__dwarf cursor = cursor_at(text, header);
    uint8_t version = cop__dwarf_u8(&cursor), frame_form = cop__dwarf_u8(&cursor);
    uint8_t count_form = cop__dwarf_u8(&cursor), table_form = cop__dwarf_u8(&cursor);
    int64_t offset = (int64_t)(pc - (uintptr_t)header);
    uint64_t count, lo = 0, hi;

    if (cursor.bad || version != 1 || count_form == COP__DW_OMIT || table_form != SORTED_TABLE)
        return NULL;
    cop__dwarf_pointer(&cursor, frame_form, header);
    count = cop__dwarf_pointer(&cursor, count_form, header);
    if (cursor.bad || count > (size_t)(cursor.end - cursor.at) / ENTRY_SIZE)
        return NULL;
    for (hi = count; lo < hi;) { /* lo: the first entry above pc */
        uint64_t middle = lo + (hi - lo) / 2;

        if (entry_word(cursor.at, middle, 0) <= offset)
            lo = middle + 1;
        else
            hi = middle;
    }
    if (lo == 0)
        return NULL;
    offset = entry_word(cursor.at, lo - 1, 1);
    return (const unsigned char *)((uintptr_t)header + (uintptr_t)offset);
}

/* Begin an entry: its body, and where that begins, from where links count. */
static struct cop__dwarf open_entry(const struct cop__text *text, const unsigned char *at)
{
    struct cop__dwarf cursor = cursor_at(text, at);
    uint64_t length = cop__dwarf_fixed(&cursor, 4);

    if (length == 0xffffffff)
        length = cop__dwarf_fixed(&cursor, 8);
    if (length == 0 || length > (size_t)(cursor.end - cursor.at))
        cursor.bad = true;
    else
        cursor.end = cursor.at + length;
    return cursor;
}

/* What several functions have in common. */
static bool read_common(struct cop__cfi *cfi, const struct cop__text *text, const unsigned char *at,
    bool *ret_augmented)
{
    struct cop__dwarf cursor = open_entry(text, at);
    uint64_t id = cop__dwarf_fixed(&cursor, 4);
    uint8_t version = cop__dwarf_u8(&cursor);
    const char *letters = (const char *)cursor.at;
    const unsigned char *data_end;
    uint64_t data_size;

    while (cop__dwarf_u8(&cursor) != 0)
        ;
    if (cursor.bad || id != 0 || (version != 1 && version != 3))
        return false;
    cfi->code_align = cop__dwarf_uleb(&cursor);
    cfi->data_align = cop__dwarf_sleb(&cursor);
    cfi->ra_reg = version == 1 ? cop__dwarf_u8(&cursor) : cop__dwarf_uleb(&cursor);
    *ret_augmented = letters[0] == 'z';
    if (!*ret_augmented && letters[0] != 0)
        return false;
    if (*ret_augmented) {
        data_size = cop__dwarf_uleb(&cursor);
        data_end = cursor.at;
        if (cursor.bad || data_size > (size_t)(cursor.end - cursor.at))
            return false;
        data_end += data_size;
        for (const char *letter = letters + 1; *letter; letter++) {
            switch (*letter) {
            case 'R':
                cfi->encoding = cop__dwarf_u8(&cursor);
                break;
            case 'L': /* C++'s tables: not ours to read */
                cop__dwarf_u8(&cursor);
                break;
            case 'P':
                cop__dwarf_pointer(&cursor, cop__dwarf_u8(&cursor) & 0x7f, text->unwind);
                break;
            case 'S':
                cfi->is_signal = true;
                break;
            case 'B': /* which key signs return addresses: they are only stripped here */
                break;
            default:
                return false;
            }
        }
        cursor.at = data_end;
    }
    cfi->initial = cursor.at;
    cfi->initial_end = cursor.end;
    return !cursor.bad;
}

bool cop__cfi_find(struct cop__cfi *ret_cfi, const struct cop__text *text, uintptr_t pc)
{
    const unsigned char *entry = text->unwind ? search(text, pc) : NULL, *link;
    struct cop__cfi cfi = { .encoding = COP__DW_ABSPTR };
    struct cop__dwarf cursor;
    uint64_t back, data_size;
    bool augmented;

    if (!entry)
        return false;
    cursor = open_entry(text, entry);
    link = cursor.at;
    back = cop__dwarf_fixed(&cursor, 4);
    if (cursor.bad || back == 0 || back > (uint64_t)(link - text->tables) ||
        !read_common(&cfi, text, link - back, &augmented))
        return false;
    cfi.begin = cop__dwarf_pointer(&cursor, cfi.encoding, text->unwind);
    cfi.end = cfi.begin + cop__dwarf_pointer(&cursor, cfi.encoding & 0x0f, NULL);
    if (augmented) {
        data_size = cop__dwarf_uleb(&cursor);
        cop__dwarf_skip(&cursor, data_size);
    }
    cfi.program = cursor.at;
    cfi.program_end = cursor.end;
    if (cursor.bad || pc < cfi.begin || pc >= cfi.end)
        return false;
    *ret_cfi = cfi;
    return true;
}

/* --- Running ------------------------------------------------------------------------------------
 */

enum { REMEMBERED_MAX = 4 }; /* rows; compilers nest one */

/* A program in its run. */
struct run {
    const struct cop__cfi *cfi;
    struct cop__dwarf cursor;
    uint64_t location, pc;
    struct cop__cfi_row *row;
    const struct cop__cfi_row *initial; /* NULL while that one is made */
    struct cop__cfi_row remembered[REMEMBERED_MAX];
    unsigned depth;
};

static void set_rule(struct run *run, uint64_t reg, enum cop__cfi_how how, int64_t value)
{
    if (reg < COP__REGS) /* others are vector registers, which nobody's frame is found by */
        run->row->rule[reg] = (struct cop__cfi_rule){ how, value };
}

static void restore_rule(struct run *run, uint64_t reg)
{
    if (!run->initial)
        run->cursor.bad = true;
    else if (reg < COP__REGS)
        run->row->rule[reg] = run->initial->rule[reg];
}

static int64_t block(struct run *run)
{
    const unsigned char *at = run->cursor.at;

    cop__dwarf_skip(&run->cursor, cop__dwarf_uleb(&run->cursor));
    return (int64_t)(uintptr_t)at;
}

static int64_t factored(const struct run *run, int64_t number)
{
    return (int64_t)((uint64_t)number * (uint64_t)run->cfi->data_align);
}

static void define_cfa(struct run *run, uint64_t reg, int64_t value)
{
    run->row->cfa_is_block = false;
    run->row->cfa_reg = reg;
    run->row->cfa_value = value;
}

/* Half of it: there is no register to an expression. */
static void change_cfa(struct run *run, uint64_t reg, int64_t value)
{
    if (run->row->cfa_is_block)
        run->cursor.bad = true;
    else
        define_cfa(run, reg, value);
}

static void remember(struct run *run)
{
    if (run->depth == REMEMBERED_MAX)
        run->cursor.bad = true;
    else
        run->remembered[run->depth++] = *run->row;
}

static void recall(struct run *run)
{
    if (run->depth == 0)
        run->cursor.bad = true;
    else
        *run->row = run->remembered[--run->depth];
}

/* Instructions without an operand in their first byte: DWARF 5, 7.24, and three of GNU's. */
static void step_extended(struct run *run, uint8_t op)
{
    struct cop__dwarf *cursor = &run->cursor;
    uint64_t reg;
    int64_t number;

    switch (op) {
    case 0x00: /* nop */
        break;
    case 0x01: /* set_loc */
        run->location = cop__dwarf_pointer(cursor, run->cfi->encoding, NULL);
        break;
    case 0x02: /* advance_loc1, 2, 4 */
    case 0x03:
    case 0x04:
        run->location += cop__dwarf_fixed(cursor, (size_t)1 << (op - 2)) * run->cfi->code_align;
        break;
    case 0x05: /* offset_extended, and with a sign */
        reg = cop__dwarf_uleb(cursor);
        set_rule(run, reg, COP__CFI_OFFSET, factored(run, (int64_t)cop__dwarf_uleb(cursor)));
        break;
    case 0x11:
        reg = cop__dwarf_uleb(cursor);
        set_rule(run, reg, COP__CFI_OFFSET, factored(run, cop__dwarf_sleb(cursor)));
        break;
    case 0x2f: /* GNU_negative_offset_extended */
        reg = cop__dwarf_uleb(cursor);
        set_rule(run, reg, COP__CFI_OFFSET, -factored(run, (int64_t)cop__dwarf_uleb(cursor)));
        break;
    case 0x06: /* restore_extended */
        restore_rule(run, cop__dwarf_uleb(cursor));
        break;
    case 0x07: /* undefined */
        set_rule(run, cop__dwarf_uleb(cursor), COP__CFI_UNDEFINED, 0);
        break;
    case 0x08: /* same_value */
        set_rule(run, cop__dwarf_uleb(cursor), COP__CFI_SAME, 0);
        break;
    case 0x09: /* register */
        reg = cop__dwarf_uleb(cursor);
        set_rule(run, reg, COP__CFI_REGISTER, (int64_t)cop__dwarf_uleb(cursor));
        break;
    case 0x0a:
        remember(run);
        break;
    case 0x0b:
        recall(run);
        break;
    case 0x0c: /* def_cfa, and with a sign */
        reg = cop__dwarf_uleb(cursor);
        define_cfa(run, reg, (int64_t)cop__dwarf_uleb(cursor));
        break;
    case 0x12:
        reg = cop__dwarf_uleb(cursor);
        define_cfa(run, reg, factored(run, cop__dwarf_sleb(cursor)));
        break;
    case 0x0d: /* def_cfa_register */
        change_cfa(run, cop__dwarf_uleb(cursor), run->row->cfa_value);
        break;
    case 0x0e: /* def_cfa_offset, and with a sign */
        change_cfa(run, run->row->cfa_reg, (int64_t)cop__dwarf_uleb(cursor));
        break;
    case 0x13:
        change_cfa(run, run->row->cfa_reg, factored(run, cop__dwarf_sleb(cursor)));
        break;
    case 0x0f: /* def_cfa_expression */
        run->row->cfa_is_block = true;
        run->row->cfa_value = block(run);
        break;
    case 0x10: /* expression, val_expression */
    case 0x16:
        reg = cop__dwarf_uleb(cursor);
        number = block(run);
        set_rule(run, reg, op == 0x10 ? COP__CFI_EXPRESSION : COP__CFI_VAL_EXPRESSION, number);
        break;
    case 0x14: /* val_offset, and with a sign */
        reg = cop__dwarf_uleb(cursor);
        set_rule(run, reg, COP__CFI_VAL_OFFSET, factored(run, (int64_t)cop__dwarf_uleb(cursor)));
        break;
    case 0x15:
        reg = cop__dwarf_uleb(cursor);
        set_rule(run, reg, COP__CFI_VAL_OFFSET, factored(run, cop__dwarf_sleb(cursor)));
        break;
    case 0x2d: /* AARCH64_negate_ra_state */
        run->row->ra_signed = !run->row->ra_signed;
        break;
    case 0x2e: /* GNU_args_size: for those who run handlers in the frame */
        cop__dwarf_uleb(cursor);
        break;
    default:
        cursor->bad = true;
    }
}

static void step(struct run *run)
{
    uint8_t byte = cop__dwarf_u8(&run->cursor), low = byte & 0x3f;

    switch (byte >> 6) {
    case 1: /* advance_loc */
        run->location += low * run->cfi->code_align;
        break;
    case 2: /* offset */
        set_rule(run, low, COP__CFI_OFFSET, factored(run, (int64_t)cop__dwarf_uleb(&run->cursor)));
        break;
    case 3:
        restore_rule(run, low);
        break;
    default:
        step_extended(run, byte);
    }
}

/* Up to the first instruction of code above pc. */
static bool run_program(struct run *run, const unsigned char *at, const unsigned char *end)
{
    run->cursor = (struct cop__dwarf){ at, end, false };
    while (run->cursor.at < end && !run->cursor.bad && run->location <= run->pc)
        step(run);
    return !run->cursor.bad;
}

bool cop__cfi_row_at(struct cop__cfi_row *ret_row, const struct cop__cfi *cfi, uintptr_t pc)
{
    struct cop__cfi_row row = { .cfa_reg = COP__REGS }, initial;
    struct run run;

    run.cfi = cfi;
    run.location = cfi->begin;
    run.pc = pc;
    run.row = &row;
    run.initial = NULL;
    run.depth = 0;
    if (!run_program(&run, cfi->initial, cfi->initial_end))
        return false;
    initial = row;
    run.initial = &initial;
    if (!run_program(&run, cfi->program, cfi->program_end))
        return false;
    *ret_row = row;
    return true;
}
