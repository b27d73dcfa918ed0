/* SPDX-License-Identifier: Apache-2.0 */
/* The line of a source file that an instruction was made from, by the line tables (.debug_line) of
 * what was compiled with -g. Layer 0, private. */
#ifndef COP_BASE_LINES_H
#define COP_BASE_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/elf_file.h"

/* Rows of a table that lie together. */
struct cop__sequence {
    uint64_t lo, hi;
    size_t unit; /* where its table begins */
};

struct cop__line {
    const char *file;      /* base name */
    const char *directory; /* as the compiler was told it, perhaps relative; NULL: not said */
    int line;
};

struct cop__lines {
    struct cop__section line, line_texts, texts;
    struct cop__sequence *sequences; /* in no order */
    size_t sequence_count;
};

/* Read the tables, if there are any that can be read; ... */
void cop__lines_read(struct cop__lines *ret_lines, const struct cop__elf_file *file);
/* ... and learn what they cover: part of that, and for sections from elsewhere. */
void cop__lines_index(struct cop__lines *lines);
void cop__lines_free(struct cop__lines *lines);

/* What the instruction at an address of the file was made from. False, and nothing set: no table
 * knows it. The texts live as long as the tables. */
bool cop__lines_find(struct cop__line *ret_line, const struct cop__lines *lines, uint64_t address);

#endif
