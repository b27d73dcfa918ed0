/* SPDX-License-Identifier: Apache-2.0 */
/* Line tables. Layer 0. Written from the DWARF 5 standard, 6.2 and 7.22; versions 2 to 5.
 *
 * A table is a program that counts an address and a line upwards; each unit of the source has one.
 * All are run once to learn which addresses each covers, and then one to find a line. */
#include "base/lines.h"

#include <stdlib.h>
#include <string.h>

#include "base/dwarf.h"

enum { OPCODES_MAX = 256, FORMATS_MAX = 16, FORMAT_64 = 8 };

struct unit {
    size_t begin;
    uint16_t version;
    uint8_t offset_size, instruction_min, line_range, opcode_base;
    int8_t line_base;
    uint8_t lengths[OPCODES_MAX]; /* how many operands an opcode has */
    struct cop__dwarf files, program;
};

struct row {
    uint64_t address, file;
    int64_t line;
};

/* Is told of each pair of rows: `from` holds up to the address of `to`. True: enough. */
typedef bool visit(
    void *arg, const struct unit *unit, const struct row *from, const struct row *to);

/* --- Headers ------------------------------------------------------------------------------------
 */

/* The next table; *at goes behind it. False: there is no more, or none that makes sense. */
static bool read_unit(struct unit *ret_unit, const struct cop__section *section, size_t *at)
{
    struct cop__dwarf all = { section->data + *at, section->data + section->size, false };
    struct unit unit = { .begin = *at, .offset_size = 4 };
    struct cop__dwarf unread;
    uint64_t size, header_size;

    if (all.at == all.end)
        return false;
    size = cop__dwarf_fixed(&all, 4);
    if (size == 0xffffffff) {
        unit.offset_size = FORMAT_64;
        size = cop__dwarf_fixed(&all, 8);
    }
    unread = all;
    cop__dwarf_skip(&all, size);
    if (all.bad)
        return false;
    unread.end = all.at;
    *at = (size_t)(all.at - section->data);
    unit.version = (uint16_t)cop__dwarf_fixed(&unread, 2);
    *ret_unit = unit;
    if (unit.version < 2 || unit.version > 5)
        return true; /* one from the future: it says nothing */
    if (unit.version == 5)
        cop__dwarf_skip(&unread, 2); /* sizes of addresses and segments */
    header_size = cop__dwarf_fixed(&unread, unit.offset_size);
    unit.program = unread;
    cop__dwarf_skip(&unit.program, header_size);
    unit.instruction_min = cop__dwarf_u8(&unread);
    if (unit.version >= 4)
        cop__dwarf_skip(&unread, 1); /* operations of an instruction: one, on our machines */
    cop__dwarf_skip(&unread, 1);     /* is_stmt */
    unit.line_base = (int8_t)cop__dwarf_u8(&unread);
    unit.line_range = cop__dwarf_u8(&unread);
    unit.opcode_base = cop__dwarf_u8(&unread);
    for (int i = 1; i < unit.opcode_base; i++)
        unit.lengths[i] = cop__dwarf_u8(&unread);
    unit.files = unread;
    if (unread.bad || unit.program.bad || unit.line_range == 0)
        unit.program.end = unit.program.at;
    *ret_unit = unit;
    return true;
}

/* --- Programs ------------------------------------------------------------------------------------
 */

static void run_extended(struct cop__dwarf *program, struct row *row, bool *ret_end)
{
    enum { END_SEQUENCE = 1, SET_ADDRESS = 2 };
    uint64_t size = cop__dwarf_uleb(program);
    struct cop__dwarf operands = *program;

    cop__dwarf_skip(program, size);
    switch (cop__dwarf_u8(&operands)) {
    case END_SEQUENCE:
        *ret_end = true;
        break;
    case SET_ADDRESS:
        row->address = cop__dwarf_fixed(&operands, 8);
        break;
    }
}

/* One opcode. True: row is a row of the table now. */
static bool run_standard(
    const struct unit *unit, uint8_t opcode, struct cop__dwarf *program, struct row *row)
{
    enum { COPY = 1, ADVANCE_PC, ADVANCE_LINE, SET_FILE, CONST_ADD_PC = 8, FIXED_ADVANCE_PC = 9 };

    switch (opcode) {
    case COPY:
        return true;
    case ADVANCE_PC:
        row->address += cop__dwarf_uleb(program) * unit->instruction_min;
        return false;
    case ADVANCE_LINE:
        row->line = (int64_t)((uint64_t)row->line + (uint64_t)cop__dwarf_sleb(program));
        return false;
    case SET_FILE:
        row->file = cop__dwarf_uleb(program);
        return false;
    case CONST_ADD_PC:
        row->address +=
            (uint64_t)((255 - unit->opcode_base) / unit->line_range) * unit->instruction_min;
        return false;
    case FIXED_ADVANCE_PC:
        row->address += cop__dwarf_fixed(program, 2);
        return false;
    default:
        for (int i = 0; i < unit->lengths[opcode]; i++)
            cop__dwarf_uleb(program);
        return false;
    }
}

static void run(const struct unit *unit, visit *fn, void *arg)
{
    static const struct row first = { .file = 1, .line = 1 };
    struct cop__dwarf program = unit->program;
    struct row row = first, last = first;
    bool has_last = false, is_row, end;

    while (program.at < program.end && !program.bad) {
        uint8_t opcode = cop__dwarf_u8(&program);

        end = false;
        if (opcode >= unit->opcode_base) {
            int step = opcode - unit->opcode_base;

            row.address += (uint64_t)(step / unit->line_range) * unit->instruction_min;
            row.line += unit->line_base + step % unit->line_range;
            is_row = true;
        } else if (opcode == 0) {
            run_extended(&program, &row, &end);
            is_row = end;
        } else {
            is_row = run_standard(unit, opcode, &program, &row);
        }
        if (!is_row)
            continue;
        if (has_last && fn(arg, unit, &last, &row))
            return;
        last = row;
        has_last = !end;
        if (end)
            row = first;
    }
}

/* --- File names ----------------------------------------------------------------------------------
 */

static const char *text_at(const struct cop__section *texts, uint64_t offset)
{
    return offset < texts->size ? (const char *)texts->data + offset : NULL;
}

/* A text that lies in the cursor's own section, which ends with a NUL. */
static const char *text_here(struct cop__dwarf *cursor)
{
    const char *text = (const char *)cursor->at;

    cop__dwarf_skip(cursor, strnlen(text, (size_t)(cursor->end - cursor->at)) + 1);
    return cursor->bad ? NULL : text;
}

struct field {
    const char *text;
    uint64_t number;
};

/* A field of a version 5 table. */
static struct field read_field(const struct cop__lines *lines, const struct unit *unit,
    struct cop__dwarf *cursor, uint64_t form)
{
    enum {
        DATA2 = 0x05,
        DATA4 = 0x06,
        DATA8 = 0x07,
        STRING = 0x08,
        BLOCK = 0x09,
        DATA1 = 0x0b,
        STRP = 0x0e,
        UDATA = 0x0f,
        DATA16 = 0x1e,
        LINE_STRP = 0x1f
    };
    struct field field = { NULL, 0 };

    switch (form) {
    case STRING:
        field.text = text_here(cursor);
        break;
    case LINE_STRP:
        field.text = text_at(&lines->line_texts, cop__dwarf_fixed(cursor, unit->offset_size));
        break;
    case STRP:
        field.text = text_at(&lines->texts, cop__dwarf_fixed(cursor, unit->offset_size));
        break;
    case UDATA:
        field.number = cop__dwarf_uleb(cursor);
        break;
    case DATA1:
        field.number = cop__dwarf_fixed(cursor, 1);
        break;
    case DATA2:
        field.number = cop__dwarf_fixed(cursor, 2);
        break;
    case DATA4:
        cop__dwarf_skip(cursor, 4);
        break;
    case DATA8:
        cop__dwarf_skip(cursor, 8);
        break;
    case DATA16:
        cop__dwarf_skip(cursor, 16);
        break;
    case BLOCK:
        cop__dwarf_skip(cursor, cop__dwarf_uleb(cursor));
        break;
    default:
        cursor->bad = true;
    }
    return field;
}

struct entry {
    const char *path;
    uint64_t directory;
};

/* Entry `wanted` of a version 5 table; the cursor goes behind the table unless it is found. */
static struct entry read_table(const struct cop__lines *lines, const struct unit *unit,
    struct cop__dwarf *cursor, uint64_t wanted)
{
    enum { PATH = 1, DIRECTORY = 2 };
    static const struct entry none;
    uint64_t kinds[FORMATS_MAX], forms[FORMATS_MAX], count;
    uint8_t formats = cop__dwarf_u8(cursor);

    if (formats > FORMATS_MAX) {
        cursor->bad = true;
        return none;
    }
    for (int i = 0; i < formats; i++) {
        kinds[i] = cop__dwarf_uleb(cursor);
        forms[i] = cop__dwarf_uleb(cursor);
    }
    count = cop__dwarf_uleb(cursor);
    for (uint64_t at = 0; at < count && formats && !cursor->bad; at++) {
        struct entry entry = none;

        for (int i = 0; i < formats; i++) {
            struct field field = read_field(lines, unit, cursor, forms[i]);

            if (kinds[i] == PATH)
                entry.path = field.text;
            else if (kinds[i] == DIRECTORY)
                entry.directory = field.number;
        }
        if (at == wanted)
            return entry;
    }
    return none;
}

static void find_file_5(struct cop__line *ret_line, const struct cop__lines *lines,
    const struct unit *unit, uint64_t wanted)
{
    struct cop__dwarf directories = unit->files, files = unit->files;
    struct entry file;

    read_table(lines, unit, &files, UINT64_MAX); /* behind the directories */
    file = read_table(lines, unit, &files, wanted);
    ret_line->file = file.path;
    ret_line->directory = read_table(lines, unit, &directories, file.directory).path;
}

/* Before version 5: a list of directories, then one of files, both counted from 1. */
static void find_file_4(struct cop__line *ret_line, const struct unit *unit, uint64_t wanted)
{
    struct cop__dwarf cursor = unit->files, directories = unit->files;
    const char *name;
    uint64_t directory;

    do
        name = text_here(&cursor);
    while (name && name[0]);
    for (uint64_t at = 1; (name = text_here(&cursor)) && name[0]; at++) {
        directory = cop__dwarf_uleb(&cursor);
        cop__dwarf_uleb(&cursor); /* time */
        cop__dwarf_uleb(&cursor); /* size */
        if (at != wanted)
            continue;
        ret_line->file = name;
        for (at = 1; (name = text_here(&directories)) && name[0]; at++)
            if (at == directory)
                ret_line->directory = name;
        return;
    }
}

/* --- Interface -----------------------------------------------------------------------------------
 */

struct indexing {
    struct cop__lines *lines;
    size_t room;
};

/* Rows follow each other within a sequence; where one does not begin at the end of the last, a new
 * one has begun. */
static bool add_rows(
    void *arg, const struct unit *unit, const struct row *from, const struct row *to)
{
    struct indexing *index = arg;
    struct cop__lines *lines = index->lines;
    struct cop__sequence *last = lines->sequences + lines->sequence_count, *larger;

    if (from->address == 0 || to->address <= from->address)
        return false; /* what the linker threw away lies at 0 */
    if (lines->sequence_count > 0 && last[-1].hi == from->address && last[-1].unit == unit->begin) {
        last[-1].hi = to->address;
        return false;
    }
    if (lines->sequence_count == index->room) {
        size_t room = index->room ? index->room * 2 : 64;

        larger = realloc(lines->sequences, room * sizeof *larger);
        if (!larger)
            return true; /* these have no lines */
        lines->sequences = larger;
        index->room = room;
    }
    lines->sequences[lines->sequence_count++] =
        (struct cop__sequence){ from->address, to->address, unit->begin };
    return false;
}

void cop__lines_index(struct cop__lines *lines)
{
    struct indexing index = { .lines = lines };
    struct unit unit = { 0 };
    size_t at = 0;

    while (read_unit(&unit, &lines->line, &at))
        run(&unit, add_rows, &index);
}

void cop__lines_read(struct cop__lines *ret_lines, const struct cop__elf_file *file)
{
    struct cop__lines lines = { 0 };

    if (cop__elf_read(&lines.line, file, cop__elf_section_named(file, ".debug_line"))) {
        cop__elf_read(&lines.line_texts, file, cop__elf_section_named(file, ".debug_line_str"));
        cop__elf_read(&lines.texts, file, cop__elf_section_named(file, ".debug_str"));
        cop__lines_index(&lines);
    }
    *ret_lines = lines;
}

void cop__lines_free(struct cop__lines *lines)
{
    free(lines->line.data);
    free(lines->line_texts.data);
    free(lines->texts.data);
    free(lines->sequences);
    *lines = (struct cop__lines){ 0 };
}

struct search {
    uint64_t address;
    struct row found;
    bool is_found;
};

static bool is_there(
    void *arg, const struct unit *unit, const struct row *from, const struct row *to)
{
    struct search *search = arg;

    (void)unit;
    if (search->address < from->address || search->address >= to->address)
        return false;
    search->found = *from;
    search->is_found = true;
    return true;
}

/* Of the unit that has the address. */
static bool find_in(
    struct cop__line *ret_line, const struct cop__lines *lines, size_t at, uint64_t address)
{
    struct search search = { .address = address };
    struct cop__line line = { 0 };
    struct unit unit = { 0 };
    const char *slash;

    if (!read_unit(&unit, &lines->line, &at))
        return false;
    run(&unit, is_there, &search);
    if (!search.is_found || search.found.line <= 0 || search.found.line > INT32_MAX)
        return false;
    if (unit.version == 5)
        find_file_5(&line, lines, &unit, search.found.file);
    else
        find_file_4(&line, &unit, search.found.file);
    if (!line.file)
        return false;
    line.line = (int)search.found.line;
    slash = strrchr(line.file, '/');
    if (slash)
        line.file = slash + 1;
    *ret_line = line;
    return true;
}

bool cop__lines_find(struct cop__line *ret_line, const struct cop__lines *lines, uint64_t address)
{
    for (size_t i = 0; i < lines->sequence_count; i++)
        if (address >= lines->sequences[i].lo && address < lines->sequences[i].hi &&
            find_in(ret_line, lines, lines->sequences[i].unit, address))
            return true;
    return false;
}
