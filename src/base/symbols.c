/* SPDX-License-Identifier: Apache-2.0 */
/* Names of code. Layer 0.
 *
 * A symbol table is read once, its functions sorted by address; what was asked for once is
 * remembered, since the same few places raise again and again. */
#include "base/symbols.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/elf_file.h"
#include "base/lines.h"
#include "base/text.h"

enum { OBJECTS_MAX = 256, REMEMBERED = 1024 };

struct function {
    uintptr_t lo, hi; /* hi is lo where the table does not tell */
    const char *name, *unit;
    bool global;
};

struct object {
    uintptr_t bias;
    char *path;
    const char *name;           /* its last part */
    struct function *functions; /* by lo */
    size_t count;
    struct cop__lines lines;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of all below */
static struct object objects[OBJECTS_MAX];
static size_t object_count;
static struct {
    uintptr_t pc;
    struct cop__symbol symbol;
} remembered[REMEMBERED];

static int by_address(const void *a, const void *b)
{
    const struct function *x = a, *y = b;

    if (x->lo != y->lo)
        return x->lo < y->lo ? -1 : 1;
    return (int)x->global - (int)y->global;
}

/* GCC calls parts of a function f.cold, f.part.0, f.constprop.0: all are f. */
static void cut_suffix(char *name)
{
    char *dot = name[0] ? strchr(name + 1, '.') : NULL;

    if (dot)
        *dot = 0;
}

/* Optimisation at link time leaves names there that are none: "<artificial>". */
static bool is_source(const char *name)
{
    return name[0] && name[0] != '<' && !strstr(name, "ltrans");
}

static void add_functions(
    struct object *object, const struct cop__section *symbols, const struct cop__section *names)
{
    size_t count = symbols->size / sizeof(Elf64_Sym);
    const char *unit = NULL;

    object->functions = calloc(count ? count : 1, sizeof object->functions[0]);
    if (!object->functions)
        return;
    for (size_t i = 0; i < count; i++) {
        Elf64_Sym symbol;
        char *name;

        memcpy(&symbol, symbols->data + i * sizeof symbol, sizeof symbol);
        if (symbol.st_name >= names->size)
            continue;
        name = (char *)names->data + symbol.st_name;
        if (ELF64_ST_TYPE(symbol.st_info) == STT_FILE)
            unit = is_source(name) ? name : NULL; /* of the local symbols that follow */
        if (ELF64_ST_TYPE(symbol.st_info) != STT_FUNC || symbol.st_shndx == SHN_UNDEF || !name[0])
            continue;
        cut_suffix(name);
        object->functions[object->count++] = (struct function){
            .lo = object->bias + symbol.st_value,
            .hi = object->bias + symbol.st_value + symbol.st_size,
            .name = name,
            .unit = ELF64_ST_BIND(symbol.st_info) == STB_LOCAL ? unit : NULL,
            .global = ELF64_ST_BIND(symbol.st_info) != STB_LOCAL,
        };
    }
    qsort(object->functions, object->count, sizeof object->functions[0], by_address);
}

static void read_functions(struct object *object, const struct cop__elf_file *file)
{
    const Elf64_Shdr *section = cop__elf_section_of_type(file, SHT_SYMTAB);
    struct cop__section symbols, names;

    if (!section)
        section = cop__elf_section_of_type(file, SHT_DYNSYM);
    if (!section || section->sh_link >= file->section_count ||
        !cop__elf_read(&symbols, file, section))
        return;
    /* the names stay: functions point into them */
    if (cop__elf_read(&names, file, &file->sections[section->sh_link]))
        add_functions(object, &symbols, &names);
    free(symbols.data);
}

/* The loader's text goes with the object, so this is a copy. */
static void set_name(struct object *object, const struct cop__text *text)
{
    char exe[4096];
    ssize_t size = text->path[0] ? 0 : readlink("/proc/self/exe", exe, sizeof exe - 1);
    const char *slash;

    exe[size > 0 ? size : 0] = 0;
    object->path = strdup(text->path);
    object->name = strdup(text->path[0] ? text->path : exe);
    slash = object->name ? strrchr(object->name, '/') : NULL;
    if (slash)
        object->name = slash + 1;
    if (!object->name || !object->name[0])
        object->name = "program";
}

static const struct object *object_of(const struct cop__text *text)
{
    struct object *object = objects;
    struct cop__elf_file file;

    for (size_t i = 0; i < object_count; i++)
        if (objects[i].bias == text->bias && objects[i].path &&
            strcmp(objects[i].path, text->path) == 0)
            return &objects[i];
    if (object_count == OBJECTS_MAX)
        return NULL;
    object = &objects[object_count++];
    *object = (struct object){ .bias = text->bias };
    set_name(object, text);
    if (cop__elf_open(&file, text)) {
        read_functions(object, &file);
        cop__lines_read(&object->lines, &file);
        cop__elf_close(&file);
    }
    return object;
}

static const struct function *function_of(const struct object *object, uintptr_t pc)
{
    size_t lo = 0, hi = object->count;
    const struct function *found;

    while (lo < hi) {
        size_t middle = lo + (hi - lo) / 2;

        if (object->functions[middle].lo <= pc)
            lo = middle + 1;
        else
            hi = middle;
    }
    if (lo == 0)
        return NULL;
    found = &object->functions[lo - 1];
    return found->hi == found->lo || pc < found->hi ? found : NULL;
}

static void find(struct cop__symbol *ret_symbol, const struct cop__text *text, uintptr_t pc)
{
    const struct object *object = object_of(text);
    const struct function *function = object ? function_of(object, pc) : NULL;
    struct cop__symbol symbol = { .object = object ? object->name : "?",
        .offset = pc - text->bias };

    if (function) {
        symbol.function = function->name;
        symbol.unit = function->unit;
    }
    if (object)
        cop__lines_find(&symbol.source, &object->lines, symbol.offset);
    *ret_symbol = symbol;
}

bool cop__symbol_of(struct cop__symbol *ret_symbol, uintptr_t pc)
{
    size_t slot = (pc ^ pc >> 10) % REMEMBERED;
    const struct cop__text *text;

    bool known;

    pthread_mutex_lock(&lock);
    if (remembered[slot].pc != pc) {
        cop__text_refresh();
        text = cop__text_of(pc);
        if (text) {
            find(&remembered[slot].symbol, text, pc);
            remembered[slot].pc = pc;
        }
    }
    known = remembered[slot].pc == pc && pc != 0;
    if (known)
        *ret_symbol = remembered[slot].symbol;
    pthread_mutex_unlock(&lock);
    return known;
}
