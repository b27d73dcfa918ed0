/* SPDX-License-Identifier: Apache-2.0 */
/* Names without locks or memory. Layer 0; symbols.c is what everybody else uses. */
#include "base/symbol_scan.h"

#include <elf.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"

enum { BATCH = 128, NAME_MAX_BYTES = 96, SECTIONS_MAX = 4096 };

/* --- Text ----------------------------------------------------------------------------------------
 */

void cop__put_text(char **at, const char *end, const char *text)
{
    while (*text && *at + 1 < end)
        *(*at)++ = *text++;
    **at = 0;
}

static void put_number(char **at, const char *end, uint64_t value, unsigned base)
{
    char digits[24], *first = digits + sizeof digits;

    *--first = 0;
    do
        *--first = "0123456789abcdef"[value % base];
    while (value /= base);
    cop__put_text(at, end, first);
}

void cop__put_hex(char **at, const char *end, uint64_t value)
{
    cop__put_text(at, end, "0x");
    put_number(at, end, value, 16);
}

void cop__put_decimal(char **at, const char *end, uint64_t value)
{
    put_number(at, end, value, 10);
}

/* --- The file ------------------------------------------------------------------------------------
 */

static bool read_at(int fd, void *ret, size_t size, uint64_t offset)
{
    return pread(fd, ret, size, (off_t)offset) == (ssize_t)size;
}

/* The table of all symbols, or else of those that are exported. */
static bool find_table(Elf64_Shdr *ret_table, int fd, const Elf64_Ehdr *header)
{
    bool found = false;

    for (unsigned i = 0; i < header->e_shnum && i < SECTIONS_MAX; i++) {
        Elf64_Shdr section;

        if (!read_at(fd, &section, sizeof section, header->e_shoff + i * sizeof section))
            return found;
        if (section.sh_type == SHT_SYMTAB || (section.sh_type == SHT_DYNSYM && !found)) {
            *ret_table = section;
            found = true;
        }
        if (section.sh_type == SHT_SYMTAB)
            return true;
    }
    return found;
}

/* The last function that begins at or before the address. */
static bool find_function(Elf64_Sym *ret_symbol, int fd, const Elf64_Shdr *table, uint64_t address)
{
    Elf64_Sym batch[BATCH];
    bool found = false;

    for (uint64_t at = 0; at < table->sh_size; at += sizeof batch) {
        uint64_t left = table->sh_size - at;
        size_t size = left < sizeof batch ? (size_t)left : sizeof batch;

        if (!read_at(fd, batch, size, table->sh_offset + at))
            break;
        for (size_t i = 0; i < size / sizeof batch[0]; i++) {
            const Elf64_Sym *symbol = &batch[i];

            if (ELF64_ST_TYPE(symbol->st_info) != STT_FUNC || symbol->st_shndx == SHN_UNDEF ||
                symbol->st_value > address ||
                (symbol->st_size && address >= symbol->st_value + symbol->st_size) ||
                (found && symbol->st_value < ret_symbol->st_value))
                continue;
            *ret_symbol = *symbol;
            found = true;
        }
    }
    return found;
}

static bool put_function(char **at, const char *end, int fd, uint64_t address)
{
    char name[NAME_MAX_BYTES] = { 0 };
    Elf64_Ehdr header;
    Elf64_Shdr table, names;
    Elf64_Sym symbol;

    if (!read_at(fd, &header, sizeof header, 0) || memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
        header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_shentsize != sizeof table ||
        !find_table(&table, fd, &header) || !find_function(&symbol, fd, &table, address) ||
        !read_at(fd, &names, sizeof names, header.e_shoff + table.sh_link * sizeof names) ||
        symbol.st_name >= names.sh_size ||
        pread(fd, name, sizeof name - 1, (off_t)(names.sh_offset + symbol.st_name)) <= 0 ||
        !name[0])
        return false;
    cop__put_text(at, end, name);
    cop__put_text(at, end, "+");
    cop__put_hex(at, end, address - symbol.st_value);
    return true;
}

void cop__symbol_scan(char *ret_text, size_t size, uintptr_t pc)
{
    const struct cop__text *text = cop__text_of(pc);
    char *at = ret_text, *end = ret_text + size;
    const char *path, *slash;
    int fd;

    *at = 0;
    if (!text) {
        cop__put_text(&at, end, "no known code at ");
        cop__put_hex(&at, end, pc);
        return;
    }
    path = text->path[0] ? text->path : "/proc/self/exe";
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        if (put_function(&at, end, fd, pc - text->bias))
            cop__put_text(&at, end, " ");
        close(fd);
    }
    slash = strrchr(path, '/');
    cop__put_text(&at, end, "(");
    cop__put_text(&at, end, text->path[0] ? (slash ? slash + 1 : path) : "program");
    cop__put_text(&at, end, "+");
    cop__put_hex(&at, end, pc - text->bias);
    cop__put_text(&at, end, ")");
}
