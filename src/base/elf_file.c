/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the file of a loaded object. Layer 0.
 *
 * It is read, not mapped: who shortens a mapped file ends the program with SIGBUS. */
#include "base/elf_file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PARTS_MAX = 256 };
#define SECTION_SIZE_MAX ((uint64_t)128 << 20)

static bool read_at(const struct cop__elf_file *file, void *ret, uint64_t size, uint64_t offset)
{
    char *to = ret;

    if (offset > file->size || size > file->size - offset)
        return false;
    while (size > 0) {
        ssize_t got = pread(file->fd, to, size, (off_t)offset);

        if (got <= 0)
            return false;
        to += got;
        offset += (uint64_t)got;
        size -= (uint64_t)got;
    }
    return true;
}

/* The program headers that are in memory are those of the file; so are the notes, among which is
 * the build id. A file that was replaced by another build says something else there. */
static bool is_what_was_loaded(
    const struct cop__elf_file *file, const Elf64_Ehdr *header, const struct cop__text *text)
{
    Elf64_Phdr parts[PARTS_MAX];
    char note[1024];

    if (header->e_phnum != text->part_count || header->e_phnum > PARTS_MAX ||
        header->e_phentsize != sizeof parts[0] ||
        !read_at(file, parts, header->e_phnum * sizeof parts[0], header->e_phoff) ||
        memcmp(parts, text->parts, header->e_phnum * sizeof parts[0]) != 0)
        return false;
    for (int i = 0; i < header->e_phnum; i++)
        if (parts[i].p_type == PT_NOTE && parts[i].p_filesz <= sizeof note &&
            (!read_at(file, note, parts[i].p_filesz, parts[i].p_offset) ||
                memcmp(note, (const char *)(text->bias + parts[i].p_vaddr), parts[i].p_filesz) !=
                    0))
            return false;
    return true;
}

static bool read_sections(struct cop__elf_file *file, const Elf64_Ehdr *header)
{
    struct cop__section names;

    if (header->e_shentsize != sizeof(Elf64_Shdr) || header->e_shnum == 0 ||
        header->e_shstrndx >= header->e_shnum)
        return false;
    file->sections = calloc(header->e_shnum, sizeof(Elf64_Shdr));
    if (!file->sections ||
        !read_at(file, file->sections, header->e_shnum * sizeof(Elf64_Shdr), header->e_shoff))
        return false;
    file->section_count = header->e_shnum;
    if (!cop__elf_read(&names, file, &file->sections[header->e_shstrndx]))
        return false;
    file->names = (char *)names.data;
    file->names_size = names.size;
    return true;
}

bool cop__elf_open(struct cop__elf_file *ret_file, const struct cop__text *text)
{
    struct cop__elf_file file = { .fd = open(text->path[0] ? text->path : "/proc/self/exe",
                                      O_RDONLY | O_CLOEXEC) };
    Elf64_Ehdr header;
    struct stat status;

    if (file.fd < 0)
        return false;
    if (fstat(file.fd, &status) == 0)
        file.size = (uint64_t)status.st_size;
    if (read_at(&file, &header, sizeof header, 0) && memcmp(header.e_ident, ELFMAG, SELFMAG) == 0 &&
        header.e_ident[EI_CLASS] == ELFCLASS64 && is_what_was_loaded(&file, &header, text) &&
        read_sections(&file, &header)) {
        *ret_file = file;
        return true;
    }
    cop__elf_close(&file);
    return false;
}

void cop__elf_close(struct cop__elf_file *file)
{
    close(file->fd);
    free(file->sections);
    free(file->names);
}

const Elf64_Shdr *cop__elf_section_of_type(const struct cop__elf_file *file, uint32_t type)
{
    for (size_t i = 0; i < file->section_count; i++)
        if (file->sections[i].sh_type == type)
            return &file->sections[i];
    return NULL;
}

const Elf64_Shdr *cop__elf_section_named(const struct cop__elf_file *file, const char *name)
{
    for (size_t i = 0; i < file->section_count; i++)
        if (file->sections[i].sh_name < file->names_size &&
            strcmp(file->names + file->sections[i].sh_name, name) == 0)
            return &file->sections[i];
    return NULL;
}

bool cop__elf_read(
    struct cop__section *ret_section, const struct cop__elf_file *file, const Elf64_Shdr *section)
{
    *ret_section = (struct cop__section){ 0 };
    if (!section || section->sh_type == SHT_NOBITS || section->sh_flags & SHF_COMPRESSED ||
        section->sh_size > SECTION_SIZE_MAX || section->sh_size > file->size)
        return false;
    ret_section->data = malloc(section->sh_size + 1);
    if (!ret_section->data)
        return false;
    if (!read_at(file, ret_section->data, section->sh_size, section->sh_offset)) {
        free(ret_section->data);
        ret_section->data = NULL;
        return false;
    }
    ret_section->data[section->sh_size] = 0;
    ret_section->size = section->sh_size;
    return true;
}
