/* SPDX-License-Identifier: Apache-2.0 */
/* Terms in the notation of scenarios, both ways (FORMAT.md, section 2). */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "names.h"
#include "scenario.h"

/* --- Reading -----------------------------------------------------------------------------------
 */

struct reading {
    const char *text, *at;
};

/* Terms that belong together, on the C heap: their number is not known before. */
struct items {
    cop_term *terms;
    size_t count, room;
};

static cop_term read_term(struct reading *reading);

static void add(struct items *items, cop_term term)
{
    if (items->count == items->room) {
        items->room = items->room ? 2 * items->room : 8;
        items->terms = realloc(items->terms, items->room * sizeof term);
    }
    items->terms[items->count++] = term;
}

static bool take(struct reading *reading, const char *token)
{
    if (strncmp(reading->at, token, strlen(token)) != 0)
        return false;
    reading->at += strlen(token);
    return true;
}

static void expect(struct reading *reading, const char *token)
{
    if (!take(reading, token))
        give_up("expected %s at %s in %s", token, reading->at, reading->text);
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static size_t hex_length(const char *at)
{
    size_t length = 0;

    while (hex_digit(at[length]) >= 0)
        length++;
    return length;
}

cop_bytes bytes_of_hex(const char *hex, size_t size)
{
    char *data;

    cop_binary_new(size / 2, &data);
    for (size_t i = 0; i + 1 < size; i += 2)
        data[i / 2] = (char)(hex_digit(hex[i]) << 4 | hex_digit(hex[i + 1]));
    return (cop_bytes){ data, size / 2 };
}

static cop_bytes take_hex(struct reading *reading)
{
    size_t length = hex_length(reading->at);
    cop_bytes bytes = bytes_of_hex(reading->at, length);

    reading->at += length;
    return bytes;
}

static cop_term read_bits(struct reading *reading)
{
    cop_bytes bytes = take_hex(reading);

    if (!take(reading, ":"))
        return cop_binary(bytes.data, bytes.size);
    return cop_bitstring(bytes.data, 8 * (bytes.size - 1) + (size_t)(*reading->at++ - '0'));
}

static cop_term read_float(struct reading *reading)
{
    uint64_t bits = strtoull(reading->at, NULL, 16);
    double value;

    memcpy(&value, &bits, sizeof value);
    reading->at += 16;
    return cop_float(value);
}

static cop_term read_integer(struct reading *reading)
{
    size_t length = (size_t)(*reading->at == '-');
    cop_term term;

    while (isdigit((unsigned char)reading->at[length]))
        length++;
    if (cop_parse(&term, (cop_bytes){ reading->at, length }, NULL) < 0)
        give_up("no integer: %s", reading->at);
    reading->at += length;
    return term;
}

static cop_term read_quoted(struct reading *reading)
{
    char text[1100];
    size_t size = 0;
    cop_atom atom;

    while (*reading->at != '\'') {
        if (take(reading, "\\x")) {
            text[size++] = (char)(hex_digit(reading->at[0]) << 4 | hex_digit(reading->at[1]));
            reading->at += 2;
        } else {
            text[size++] = *reading->at++;
        }
    }
    reading->at++;
    if (cop_atom_from_bytes(&atom, (cop_bytes){ text, size }) < 0)
        give_up("no atom: %s", reading->text);
    return cop_from_atom(atom);
}

static size_t word_length(const char *at)
{
    size_t length = 0;

    while (isalnum((unsigned char)at[length]) || at[length] == '_' || at[length] == '#')
        length++;
    return length;
}

static cop_bytes take_word(struct reading *reading)
{
    cop_bytes word = { reading->at, word_length(reading->at) };

    reading->at += word.size;
    return word;
}

static cop_term read_atom(struct reading *reading)
{
    cop_atom atom;
    cop_bytes word = take_word(reading);

    if (!word.size || cop_atom_from_bytes(&atom, word) < 0)
        give_up("no term at %s in %s", reading->at, reading->text);
    return cop_from_atom(atom);
}

static cop_term read_external(struct reading *reading)
{
    size_t length = hex_length(reading->at);
    char *hex = malloc(length + 3);
    cop_term term;
    cop_bytes bytes;

    memcpy(hex, "83", 2);
    memcpy(hex + 2, reading->at, length);
    bytes = bytes_of_hex(hex, length + 2);
    free(hex);
    reading->at += length;
    if (cop_binary_to_term(&term, bytes) < 0)
        give_up("no external term: %s", reading->text);
    return term;
}

/* *ret_tail: a bar stands where the end was expected. */
static struct items read_until(struct reading *reading, const char *end, bool *ret_tail)
{
    struct items items = { 0 };

    *ret_tail = false;
    if (take(reading, end))
        return items;
    do
        add(&items, read_term(reading));
    while (take(reading, ","));
    *ret_tail = take(reading, "|");
    if (!*ret_tail)
        expect(reading, end);
    return items;
}

static cop_term read_list(struct reading *reading)
{
    bool has_tail;
    struct items items = read_until(reading, "]", &has_tail);
    cop_term tail = cop_nil(), list;

    if (has_tail) {
        tail = read_term(reading);
        expect(reading, "]");
    }
    list = cop_list_with_tail(items.terms, items.count, tail);
    free(items.terms);
    return list;
}

static cop_term read_tuple(struct reading *reading)
{
    bool has_tail;
    struct items items = read_until(reading, "}", &has_tail);
    cop_term tuple = cop_tuple_from(items.terms, items.count);

    free(items.terms);
    return tuple;
}

static cop_term read_map(struct reading *reading)
{
    struct items items = { 0 };
    cop_term map;

    while (!take(reading, "}")) {
        add(&items, read_term(reading));
        expect(reading, "=>");
        add(&items, read_term(reading));
        take(reading, ",");
    }
    map = cop_map_from(items.terms, items.count / 2);
    free(items.terms);
    return map;
}

static cop_term read_term(struct reading *reading)
{
    char c = *reading->at;

    if (isdigit((unsigned char)c) || c == '-')
        return read_integer(reading);
    if (take(reading, "~"))
        return read_float(reading);
    if (take(reading, "'"))
        return read_quoted(reading);
    if (take(reading, "#"))
        return read_bits(reading);
    if (take(reading, "["))
        return read_list(reading);
    if (take(reading, "{"))
        return read_tuple(reading);
    if (take(reading, "%{"))
        return read_map(reading);
    if (take(reading, "!"))
        return read_external(reading);
    if (take(reading, "@"))
        return named_process(take_word(reading));
    if (take(reading, "&"))
        return named_reference(take_word(reading));
    if (take(reading, "$"))
        return registered_name(take_word(reading));
    return read_atom(reading);
}

cop_term term_of(const char *text)
{
    struct reading reading = { text, text };
    cop_term term = read_term(&reading);

    if (*reading.at)
        give_up("more than a term: %s", text);
    return term;
}

/* --- Writing -----------------------------------------------------------------------------------
 */

static void write_term(FILE *to, cop_term term);

static void write_hex(FILE *to, cop_bytes bytes)
{
    for (size_t i = 0; i < bytes.size; i++)
        fprintf(to, "%02X", (unsigned char)bytes.data[i]);
}

const char *hex_of(cop_bytes bytes)
{
    static const char digits[] = "0123456789ABCDEF";
    char *text;

    cop_binary_new(2 * bytes.size + 1, &text);
    for (size_t i = 0; i < bytes.size; i++) {
        text[2 * i] = digits[(unsigned char)bytes.data[i] >> 4];
        text[2 * i + 1] = digits[bytes.data[i] & 15];
    }
    text[2 * bytes.size] = 0;
    return text;
}

static void write_atom(FILE *to, cop_term term)
{
    cop_bytes text = { NULL, 0 };
    bool plain;

    cop_to_text(&text, term);
    if (write_registered_name(to, text))
        return;
    plain = text.size && islower((unsigned char)text.data[0]) && (unsigned char)text.data[0] < 128;
    for (size_t i = 0; i < text.size; i++) {
        unsigned char c = (unsigned char)text.data[i];

        plain = plain && c < 128 && (isalnum(c) || c == '_');
    }
    if (plain) {
        fprintf(to, "%.*s", COP_STR(text));
        return;
    }
    fputc('\'', to);
    for (size_t i = 0; i < text.size; i++) {
        unsigned char c = (unsigned char)text.data[i];

        if (c < 0x21 || c > 0x7e || c == '\'' || c == '\\')
            fprintf(to, "\\x%02X", c);
        else
            fputc(c, to);
    }
    fputc('\'', to);
}

static void write_bits(FILE *to, cop_term term)
{
    size_t bits = cop_bit_size(term);
    cop_bytes bytes = { NULL, 0 };
    enum { HEAD = 6, HEAD_PARTIAL = 7 }; /* of the external format */

    cop_to_bytes(&bytes, cop_term_to_binary(term));
    bytes.data += bits % 8 ? HEAD_PARTIAL : HEAD;
    bytes.size -= bits % 8 ? HEAD_PARTIAL : HEAD;
    fputc('#', to);
    write_hex(to, bytes);
    if (bits % 8)
        fprintf(to, ":%zu", bits % 8);
}

static void write_external(FILE *to, cop_term term)
{
    cop_bytes bytes = { NULL, 0 };

    cop_to_bytes(&bytes, cop_term_to_binary(term));
    fputc('!', to);
    write_hex(to, (cop_bytes){ bytes.data + 1, bytes.size - 1 });
}

/* Does a location say a file? False in *ret_is: it is none at all. */
static bool has_file(bool *ret_is, cop_term location)
{
    cop_term item, value;
    cop_atom name;
    bool file = false;

    *ret_is = true;
    while (cop_list_next(&item, &location)) {
        *ret_is = *ret_is && cop_match(item, "{Name, Value}", &name, &value);
        file = file || cop_match(item, "{file, _}");
    }
    *ret_is = *ret_is && cop_type_of(location) == COP_TYPE_NIL;
    return file;
}

/* A list of {Module, Function, Arity, Location}, of which at least one says a file. */
static bool is_stack(cop_term list)
{
    cop_atom module, function;
    cop_term frame, location;
    bool any = false, is = true;

    while (is && cop_list_next(&frame, &list)) {
        is = cop_match(frame, "{Module, Function, _, Location}", &module, &function, &location);
        any = (is && has_file(&is, location)) || any;
    }
    return is && any && cop_type_of(list) == COP_TYPE_NIL;
}

static void write_list(FILE *to, cop_term term)
{
    const char *between = "[";
    cop_term head;

    if (is_stack(term)) {
        fputs("'$stack'", to);
        return;
    }

    while (cop_list_next(&head, &term)) {
        fputs(between, to);
        write_term(to, head);
        between = ",";
    }
    if (cop_type_of(term) != COP_TYPE_NIL) {
        fputc('|', to);
        write_term(to, term);
    }
    fputc(']', to);
}

struct pair {
    cop_term key, value;
    const char *text;
};

static int by_key(const void *a, const void *b)
{
    const struct pair *x = a, *y = b;
    int order = cop_compare(x->key, y->key);

    return order ? order : strcmp(x->text, y->text);
}

static void write_map(FILE *to, cop_term map)
{
    size_t count = cop_map_size(map), i = 0;
    struct pair *pairs = malloc((count + 1) * sizeof *pairs);
    cop_term key, value;

    for (cop_map_iterator at = cop_map_begin(map); cop_map_next(&key, &value, &at); i++)
        pairs[i] = (struct pair){ key, value, text_of(key) };
    qsort(pairs, count, sizeof *pairs, by_key);
    fputs("%{", to);
    for (i = 0; i < count; i++) {
        fprintf(to, "%s%s=>", i ? "," : "", pairs[i].text);
        write_term(to, pairs[i].value);
    }
    fputc('}', to);
    free(pairs);
}

static void write_float(FILE *to, cop_term term)
{
    double value;
    uint64_t bits;

    cop_to_double(&value, term);
    memcpy(&bits, &value, sizeof bits);
    fprintf(to, "~%016llX", (unsigned long long)bits);
}

static void write_term(FILE *to, cop_term term)
{
    cop_ref ref;
    cop_pid pid;

    switch (cop_type_of(term)) {
    case COP_TYPE_INTEGER:
        fputs(cop_show(term), to);
        break;
    case COP_TYPE_FLOAT:
        write_float(to, term);
        break;
    case COP_TYPE_ATOM:
        write_atom(to, term);
        break;
    case COP_TYPE_TUPLE:
        if (cop_match(term, "{gen_server, call, [_ | _]}")) {
            fputs("'$call'", to);
            break;
        }
        fputc('{', to);
        for (size_t i = 0; i < cop_tuple_size(term); i++) {
            fputs(i ? "," : "", to);
            write_term(to, cop_tuple_at(term, i));
        }
        fputc('}', to);
        break;
    case COP_TYPE_MAP:
        write_map(to, term);
        break;
    case COP_TYPE_NIL:
        fputs("[]", to);
        break;
    case COP_TYPE_LIST:
        write_list(to, term);
        break;
    case COP_TYPE_BITSTRING:
        write_bits(to, term);
        break;
    case COP_TYPE_PID:
        if (cop_to_pid(&pid, term) && !pid.node)
            fprintf(to, "@%s", name_of_process(pid));
        else
            write_external(to, term);
        break;
    case COP_TYPE_REFERENCE:
        if (cop_to_ref(&ref, term))
            fprintf(to, "&%s", name_of_reference(ref));
        else
            write_external(to, term);
        break;
    case COP_TYPE_NONE:
        fputs("none", to);
        break;
    default:
        write_external(to, term);
    }
}

const char *text_of(cop_term term)
{
    char *text = NULL, *copy;
    size_t size = 0;
    FILE *to = open_memstream(&text, &size);

    if (!to)
        give_up("no memory");
    write_term(to, term);
    fclose(to);
    cop_binary_new(size + 1, &copy);
    memcpy(copy, text, size + 1);
    free(text);
    return copy;
}
