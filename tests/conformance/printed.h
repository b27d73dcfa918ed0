/* SPDX-License-Identifier: Apache-2.0 */
/* What a test prints on standard output, to look at. */
#ifndef COP_TEST_PRINTED_H
#define COP_TEST_PRINTED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conformance/clause.h"

/* All that is in the file, in a static buffer. */
static inline const char *contents(const char *path)
{
    static char text[8192];
    FILE *file = fopen(path, "r");
    size_t size = file ? fread(text, 1, sizeof text - 1, file) : 0;

    if (file)
        fclose(file);
    text[size] = 0;
    return text;
}

static inline const char *temporary(void)
{
    static char path[64];
    int fd;

    memcpy(path, "/tmp/coppice-printed-XXXXXX", sizeof "/tmp/coppice-printed-XXXXXX");
    fd = mkstemp(path);
    CHECK(fd >= 0);
    close(fd);
    return path;
}

struct printed {
    const char *path;
    int saved;
};

static inline struct printed printed_begin(void)
{
    struct printed printed = { temporary(), -1 };
    FILE *file = fopen(printed.path, "w");

    fflush(stdout);
    printed.saved = dup(STDOUT_FILENO);
    dup2(fileno(file), STDOUT_FILENO);
    fclose(file);
    return printed;
}

/* In a static buffer. */
static inline const char *printed_end(struct printed printed)
{
    const char *text;

    fflush(stdout);
    dup2(printed.saved, STDOUT_FILENO);
    close(printed.saved);
    text = contents(printed.path);
    unlink(printed.path);
    return text;
}

#endif
