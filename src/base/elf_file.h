/* SPDX-License-Identifier: Apache-2.0 */
/* The file that a loaded object came from, and its sections. Everything in it is checked against
 * its size: it may have been replaced, or be no ELF file at all. Layer 0, private. */
#ifndef COP_BASE_ELF_FILE_H
#define COP_BASE_ELF_FILE_H

#include <elf.h>
#include <stddef.h>

#include "base/text.h"

struct cop__elf_file {
    int fd;
    uint64_t size;
    Elf64_Shdr *sections;
    size_t section_count;
    char *names; /* of sections, NUL-terminated as a whole */
    size_t names_size;
};

struct cop__section {
    unsigned char *data; /* to be freed */
    size_t size;
};

/* Open the file of an object, if it still is what was loaded. False: it is not, or cannot be read;
 * else close it with cop__elf_close. */
bool cop__elf_open(struct cop__elf_file *ret_file, const struct cop__text *text);
void cop__elf_close(struct cop__elf_file *file);

/* The first section of a type; NULL. */
const Elf64_Shdr *cop__elf_section_of_type(const struct cop__elf_file *file, uint32_t type);
const Elf64_Shdr *cop__elf_section_named(const struct cop__elf_file *file, const char *name);

/* A copy of a section with a NUL behind it. False, and empty: NULL was given, it is compressed, too
 * large, or does not lie in the file. */
bool cop__elf_read(
    struct cop__section *ret_section, const struct cop__elf_file *file, const Elf64_Shdr *section);

#endif
