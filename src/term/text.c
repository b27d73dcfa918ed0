/* SPDX-License-Identifier: Apache-2.0 */
/* Words of Erlang's notation: atoms, numbers, strings, binaries, identifiers. Layer 1; TP-01 to
 * TP-15. */
#include "term/text.h"

#include <stdio.h>

#include "base/scratch.h"
#include "term/atoms.h"
#include "term/integer.h"
#include "term/node.h"
#include "term/utf8.h"

void cop__text_init(struct cop__text *text)
{
    text->data = text->local;
    text->size = 0;
    text->capacity = sizeof(text->local);
}

void cop__text_done(struct cop__text *text)
{
    if (text->data != text->local)
        cop__scratch_free(text->data);
}

char *cop__text_room(struct cop__text *text, size_t size)
{
    if (text->capacity - text->size < size) {
        size_t capacity =
            text->capacity * 2 > text->size + size ? text->capacity * 2 : text->size + size;
        bool local = text->data == text->local;
        char *data = cop__scratch_resize(local ? NULL : text->data, capacity, "a text");

        if (local)
            memcpy(data, text->local, text->size);
        text->data = data;
        text->capacity = capacity;
    }
    return text->data + text->size;
}

void cop__text_put(struct cop__text *text, const char *data, size_t size)
{
    if (size) {
        memcpy(cop__text_room(text, size), data, size);
        text->size += size;
    }
}

static void put_number(struct cop__text *text, uint64_t value)
{
    char digits[24];

    cop__text_put(
        text, digits, (size_t)snprintf(digits, sizeof(digits), "%llu", (unsigned long long)value));
}

bool cop__text_is_printable(int32_t c)
{
    return (c >= ' ' && c <= '~') || (c >= 0xa0 && c < 0xd800) || (c > 0xdfff && c < 0xfffe) ||
           (c > 0xffff && c <= 0x10ffff) || (c >= '\b' && c <= '\r') || c == 27;
}

void cop__text_character(struct cop__text *text, int32_t c, char quote)
{
    static const char letters[] = "btnvfr"; /* of 8 to 13 */
    char *to = cop__text_room(text, 12);

    if (c == quote || c == '\\') {
        to[0] = '\\';
        to[1] = (char)c;
        text->size += 2;
    } else if (c >= '\b' && c <= '\r') {
        to[0] = '\\';
        to[1] = letters[c - '\b'];
        text->size += 2;
    } else if (c == 27 || c == 127) {
        to[0] = '\\';
        to[1] = c == 27 ? 'e' : 'd';
        text->size += 2;
    } else if (c < ' ' || (c > 127 && c < 0xa0)) {
        text->size += (size_t)snprintf(to, 12, "\\x{%X}", (unsigned)c);
    } else {
        text->size += cop__utf8_put(to, c);
    }
}

/* --- Atoms: TP-01 to TP-04 ---------------------------------------------------------------------
 */

static bool is_reserved(cop_bytes text)
{
    static const char words[] =
        " after and andalso band begin bnot bor bsl bsr bxor case catch cond div"
        " else end fun if let not of or orelse receive rem try when xor ";
    char word[16];

    if (text.size < 2 || text.size > 8)
        return false;
    if (text.size == 4 && memcmp(text.data, "else", 4) == 0) /* reserved in maybe ... end only */
        return false;
    snprintf(word, sizeof(word), " %.*s ", COP_STR(text));
    return strstr(words, word) != NULL;
}

static bool is_lower(int32_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 0xdf && c <= 0xff && c != 0xf7);
}

static bool is_name_character(int32_t c)
{
    return is_lower(c) || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '@' || (c >= 0xc0 && c <= 0xde && c != 0xd7);
}

static bool needs_quotes(cop_bytes name)
{
    const unsigned char *at = (const unsigned char *)name.data, *end = at + name.size;

    if (!is_lower(cop__utf8_next(&at, end)))
        return true;
    while (at < end)
        if (!is_name_character(cop__utf8_next(&at, end)))
            return true;
    return is_reserved(name);
}

static void put_atom(struct cop__text *text, uint32_t index)
{
    cop_atom atom = { index };
    cop_bytes name = cop_atom_text(atom);
    const unsigned char *at = (const unsigned char *)name.data, *end = at + name.size;

    if (!needs_quotes(name)) {
        cop__text_put(text, name.data, name.size);
        return;
    }
    cop__text_putc(text, '\'');
    while (at < end)
        cop__text_character(text, cop__utf8_next(&at, end), '\'');
    cop__text_putc(text, '\'');
}

/* --- Strings and binaries: TP-05, TP-07, TP-08 -------------------------------------------------
 */

bool cop__text_is_string(cop_term list)
{
    cop_term item;

    if (!cop__is_cons(list))
        return false;
    while (cop_list_next(&item, &list)) {
        int64_t c = cop__is_small(item) ? cop__small_value(item) : -1;

        if (c < 0 || c > 0xff || !cop__text_is_printable((int32_t)c))
            return false;
    }
    return cop__is_nil(list);
}

void cop__text_string(struct cop__text *text, cop_term list)
{
    cop_term item;

    cop__text_putc(text, '"');
    while (cop_list_next(&item, &list))
        cop__text_character(text, (int32_t)cop__small_value(item), '"');
    cop__text_putc(text, '"');
}

enum printable { NOT_PRINTABLE, PRINTABLE_LATIN1, PRINTABLE_UTF8 };

static enum printable printable(const unsigned char *bytes, size_t size)
{
    const unsigned char *at = bytes, *end = bytes + size;
    bool ascii = true, latin1 = true;

    if (size == 0)
        return NOT_PRINTABLE;
    while (at < end) {
        int32_t c = cop__utf8_next(&at, end);

        if (c < 0 || !cop__text_is_printable(c))
            break;
        ascii = ascii && c < 128;
    }
    if (at == end)
        return ascii ? PRINTABLE_LATIN1 : PRINTABLE_UTF8;
    for (at = bytes; at < end; at++)
        latin1 = latin1 && cop__text_is_printable(*at);
    return latin1 ? PRINTABLE_LATIN1 : NOT_PRINTABLE;
}

void cop__text_bits(struct cop__text *text, cop_term bitstring, bool pretty)
{
    struct cop__bits bits = cop__bits_of(bitstring);
    size_t size = bits.size / 8;
    const unsigned char *at = bits.bytes, *end = at + size;
    enum printable kind = pretty && bits.size % 8 == 0 ? printable(at, size) : NOT_PRINTABLE;

    cop__text_puts(text, "<<");
    if (kind != NOT_PRINTABLE) {
        cop__text_putc(text, '"');
        while (at < end)
            cop__text_character(
                text, kind == PRINTABLE_UTF8 ? cop__utf8_next(&at, end) : *at++, '"');
        cop__text_puts(text, kind == PRINTABLE_UTF8 ? "\"/utf8" : "\"");
    } else {
        for (; at < end; at++) {
            if (at != bits.bytes)
                cop__text_putc(text, ',');
            put_number(text, *at);
        }
        if (bits.size % 8) {
            if (size)
                cop__text_putc(text, ',');
            put_number(text, (unsigned)*at >> (8 - bits.size % 8));
            cop__text_putc(text, ':');
            put_number(text, bits.size % 8);
        }
    }
    cop__text_puts(text, ">>");
}

/* --- Leaves ------------------------------------------------------------------------------------
 */

/* As in Erlang: 0 for this node, else the number of the atom. */
static uint64_t node_number(cop_term identifier)
{
    uint64_t handle = cop__is_boxed(identifier) ? cop__box(identifier)[1] : 0;

    return handle ? cop__node_of(handle).name : 0;
}

static void put_dotted(
    struct cop__text *text, const char *open, uint64_t node, const uint64_t *numbers, size_t count)
{
    cop__text_puts(text, open);
    put_number(text, node);
    for (size_t i = 0; i < count; i++) {
        cop__text_putc(text, '.');
        put_number(text, numbers[i]);
    }
    cop__text_putc(text, '>');
}

static void put_reference(struct cop__text *text, cop_term reference)
{
    uint32_t ids[5];
    uint64_t numbers[5];
    size_t count = cop__reference_ids(ids, reference);

    for (size_t i = 0; i < count; i++)
        numbers[i] = ids[count - 1 - i];
    put_dotted(text, "#Ref<", node_number(reference), numbers, count);
}

static void put_pid(struct cop__text *text, cop_term pid)
{
    uint64_t numbers[2];
    cop_pid value = { 0, 0 };

    cop_to_pid(&value, pid);
    numbers[0] = value.node ? (uint32_t)value.id : cop__pid_slot(value.id);
    numbers[1] = value.id >> 32;
    put_dotted(text, "<", node_number(pid), numbers, 2);
}

static void put_fun(struct cop__text *text, cop_term fun)
{
    if (cop__box_type(fun) == COP__FUN_EXTERNAL) {
        const cop_term *parts = cop__elements(fun);

        cop__text_puts(text, "fun ");
        put_atom(text, cop__atom_index(parts[0]));
        cop__text_putc(text, ':');
        put_atom(text, cop__atom_index(parts[1]));
        cop__text_putc(text, '/');
        put_number(text, (uint64_t)cop__small_value(parts[2]));
    } else {
        const cop_term *parts = cop__elements(fun);

        cop__text_puts(text, "#Fun<");
        put_atom(text, cop__atom_index(parts[COP__CLOSURE_MODULE]));
        cop__text_putc(text, '.');
        cop__text_leaf(text, cop__closure_rest(fun)[COP__CLOSURE_OLD_INDEX], false);
        cop__text_putc(text, '.');
        cop__text_leaf(text, parts[COP__CLOSURE_OLD_UNIQ], false);
        cop__text_putc(text, '>');
    }
}

void cop__text_leaf(struct cop__text *text, cop_term leaf, bool pretty)
{
    uint64_t number;

    switch (cop_type_of(leaf)) {
    case COP_TYPE_INTEGER: {
        char *to = cop__text_room(text, cop__integer_text_max(leaf));

        text->size += cop__integer_text(to, leaf);
        break;
    }
    case COP_TYPE_FLOAT:
        text->size +=
            cop__float_text(cop__text_room(text, COP__FLOAT_TEXT_MAX), cop__float_value(leaf));
        break;
    case COP_TYPE_ATOM:
        put_atom(text, cop__atom_index(leaf));
        break;
    case COP_TYPE_REFERENCE:
        put_reference(text, leaf);
        break;
    case COP_TYPE_FUN:
        put_fun(text, leaf);
        break;
    case COP_TYPE_PORT:
        number = cop__is_boxed(leaf) ? cop__box(leaf)[2] : leaf.word >> 4;
        put_dotted(text, "#Port<", node_number(leaf), &number, 1);
        break;
    case COP_TYPE_PID:
        put_pid(text, leaf);
        break;
    case COP_TYPE_NIL:
        cop__text_puts(text, "[]");
        break;
    case COP_TYPE_BITSTRING:
        cop__text_bits(text, leaf, pretty);
        break;
    default:
        cop__text_puts(text, "none");
    }
}
