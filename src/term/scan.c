/* SPDX-License-Identifier: Apache-2.0 */
/* Constants of Erlang's notation. Layer 1; the text may be hostile: nothing here is read beyond its
 * end, nothing grows faster than it. */
#include "term/scan.h"

#include "term/atoms.h"
#include "term/integer.h"
#include "term/text.h"
#include "term/utf8.h"

static bool is_digit(int c)
{
    return c >= '0' && c <= '9';
}

static bool is_name(int c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '_' || c == '@';
}

void cop__scan_space(struct cop__scan *scan)
{
    int c;

    while ((c = cop__scan_peek(scan)) == ' ' || (c >= '\t' && c <= '\r') || c == '%') {
        scan->at++;
        if (c == '%')
            while ((c = cop__scan_peek(scan)) >= 0 && c != '\n')
                scan->at++;
    }
}

static int32_t next_character(struct cop__scan *scan)
{
    const unsigned char *start = (const unsigned char *)scan->text.data, *at = start + scan->at;
    int32_t c = cop__utf8_next(&at, start + scan->text.size);

    scan->at = (size_t)(at - start);
    return c;
}

/* A letter of a name, ASCII or of Latin-1; steps over it. */
static bool take_name_character(struct cop__scan *scan)
{
    size_t at = scan->at;
    int c = cop__scan_peek(scan);

    if (c < 128) {
        if (!is_name(c))
            return false;
        scan->at++;
        return true;
    }
    c = next_character(scan);
    if (c >= 0xc0 && c <= 0xff && c != 0xd7 && c != 0xf7)
        return true;
    scan->at = at;
    return false;
}

static cop_bytes take_name(struct cop__scan *scan)
{
    size_t start = scan->at;
    cop_bytes name;

    while (take_name_character(scan))
        ;
    name.data = scan->text.data + start;
    name.size = scan->at - start;
    return name;
}

bool cop__scan_variable(struct cop__scan *scan, cop_bytes *ret_name)
{
    int c = cop__scan_peek(scan);

    if (!(c >= 'A' && c <= 'Z') && c != '_')
        return false;
    *ret_name = take_name(scan);
    return true;
}

/* --- Characters in quotes ----------------------------------------------------------------------
 */

static int hex_value(int c)
{
    return is_digit(c)                              ? c - '0'
           : (c | 0x20) >= 'a' && (c | 0x20) <= 'z' ? (c | 0x20) - 'a' + 10
                                                    : 99;
}

/* What stands after a backslash; -1 when it is nothing known. */
static int32_t take_escape(struct cop__scan *scan)
{
    static const char letters[] = "bdefnrstv", meanings[] = "\b\177\033\f\n\r \t\v";
    int c = cop__scan_peek(scan);
    const char *letter;
    int32_t value = 0;

    if (c >= '0' && c <= '7') {
        for (int i = 0; i < 3 && (c = cop__scan_peek(scan)) >= '0' && c <= '7'; i++, scan->at++)
            value = value * 8 + c - '0';
        return value;
    }
    if (c == 'x') {
        bool braces = cop__scan_ahead(scan, 1) == '{';
        int digits = 0;

        scan->at += braces ? 2 : 1;
        while (hex_value(cop__scan_peek(scan)) < 16 && digits < (braces ? 8 : 2)) {
            value = value > 0x10ffff ? value : value * 16 + hex_value(cop__scan_peek(scan));
            scan->at++;
            digits++;
        }
        if (!digits || (braces && cop__scan_peek(scan) != '}') || !cop__utf8_valid(value))
            return -1;
        scan->at += braces;
        return value;
    }
    if (c == '^') {
        c = cop__scan_ahead(scan, 1);
        if (c < '@' || c > '_')
            return -1;
        scan->at += 2;
        return c & 31;
    }
    letter = c > 0 && c < 128 ? strchr(letters, c) : NULL;
    if (letter) {
        scan->at++;
        return meanings[letter - letters];
    }
    return next_character(scan); /* any other character is itself */
}

/* The next character before `quote`: -1 at the quote, which is stepped over; -2 and *wrong when
 * there is none. */
static int32_t take_quoted(struct cop__scan *scan, char quote, const char **wrong)
{
    int32_t c = cop__scan_peek(scan);

    if (c < 0) {
        *wrong = "the quote is never closed";
        return -2;
    }
    if (c == quote) {
        scan->at++;
        return -1;
    }
    c = next_character(scan);
    if (c == '\\')
        c = take_escape(scan);
    if (c >= 0)
        return c;
    *wrong = "a character that is none";
    return -2;
}

static const char *scan_string(struct cop__scan *scan, cop_term *ret_term)
{
    cop_term list = cop__nil(), *tail = &list;
    const char *wrong = NULL;
    int32_t c;

    while (cop__scan_peek(scan) == '"') { /* "a" "b" is one */
        scan->at++;
        while ((c = take_quoted(scan, '"', &wrong)) >= 0) {
            *tail = cop__new_cons(scan->heap, cop__small(c), cop__nil());
            tail = cop__cell(*tail) + 1;
        }
        if (wrong)
            return wrong;
        cop__scan_space(scan);
    }
    *ret_term = list;
    return NULL;
}

/* --- Atoms -------------------------------------------------------------------------------------
 */

static const char *new_atom(struct cop__scan *scan, cop_bytes name, cop_term *ret_term)
{
    cop_atom atom;
    int error = cop_atom_from_bytes(&atom, name);

    if (!error) {
        *ret_term = cop__atom(atom.index);
        return NULL;
    }
    if (error == -COP_EBADARG)
        return "an atom that is no UTF-8";
    if (cop__utf8_count(name.data, name.size) > COP__ATOM_CHARACTERS_MAX)
        return "an atom of more than 255 characters";
    scan->full = true;
    return "the atom table is full";
}

static const char *scan_quoted_atom(struct cop__scan *scan, cop_term *ret_term)
{
    char name[4 * COP__ATOM_CHARACTERS_MAX + 4];
    const char *wrong = NULL;
    cop_bytes bytes = { name, 0 };
    int32_t c;

    scan->at++;
    while ((c = take_quoted(scan, '\'', &wrong)) >= 0) {
        if (bytes.size > sizeof(name) - 4)
            return "an atom of more than 255 characters";
        bytes.size += cop__utf8_put(name + bytes.size, c);
    }
    return wrong ? wrong : new_atom(scan, bytes, ret_term);
}

static const char *scan_atom(struct cop__scan *scan, cop_term *ret_term)
{
    int c = cop__scan_peek(scan);
    size_t start = scan->at;

    if (c == '\'')
        return scan_quoted_atom(scan, ret_term);
    if (c >= 128) {
        c = next_character(scan);
        scan->at = start;
    }
    if (!((c >= 'a' && c <= 'z') || (c >= 0xdf && c <= 0xff && c != 0xf7)))
        return "expected a term";
    return new_atom(scan, take_name(scan), ret_term);
}

/* fun Module:Function/Arity, after the word `fun`. */
static const char *scan_fun(struct cop__scan *scan, cop_term *ret_term)
{
    cop_term module, function;
    const char *wrong;
    uint32_t arity = 0;
    uint64_t *box;

    cop__scan_space(scan);
    wrong = scan_atom(scan, &module);
    if (!wrong && cop__scan_peek(scan) != ':')
        wrong = "expected fun Module:Function/Arity";
    if (wrong)
        return wrong;
    scan->at++;
    wrong = scan_atom(scan, &function);
    if (!wrong && (cop__scan_peek(scan) != '/' || !is_digit(cop__scan_ahead(scan, 1))))
        wrong = "expected fun Module:Function/Arity";
    if (wrong)
        return wrong;
    for (scan->at++; is_digit(cop__scan_peek(scan)) && arity < 1000; scan->at++)
        arity = arity * 10 + (uint32_t)(cop__scan_peek(scan) - '0');
    if (arity > 255)
        return "an arity above 255";
    box = cop__heap_alloc(scan->heap, 4);
    box[0] = cop__header(COP__FUN_EXTERNAL, 3);
    box[1] = module.word;
    box[2] = function.word;
    box[3] = cop__small(arity).word;
    *ret_term = cop__from_box(box);
    return NULL;
}

/* --- Numbers -----------------------------------------------------------------------------------
 */

/* Digits below base, with _ between them, put behind what is in `digits`. */
static void take_digits(struct cop__scan *scan, struct cop__text *digits, int base)
{
    for (;; scan->at++) {
        int c = cop__scan_peek(scan);

        if (hex_value(c) < base)
            cop__text_putc(digits, (char)c);
        else if (c != '_' || hex_value(cop__scan_ahead(scan, 1)) >= base)
            return;
    }
}

static const char *scan_float(
    struct cop__scan *scan, struct cop__text *digits, bool negative, cop_term *ret_term)
{
    size_t whole = digits->size;
    long exponent = 0;
    double value;
    int c;

    scan->at++; /* the point */
    take_digits(scan, digits, 10);
    if ((cop__scan_peek(scan) | 0x20) == 'e') {
        bool minus = cop__scan_ahead(scan, 1) == '-';

        scan->at += minus || cop__scan_ahead(scan, 1) == '+' ? 2 : 1;
        if (!is_digit(cop__scan_peek(scan)))
            return "an exponent without digits";
        for (; is_digit(c = cop__scan_peek(scan)); scan->at++)
            exponent = exponent > 1000000 ? exponent : exponent * 10 + (c - '0');
        exponent = minus ? -exponent : exponent;
    }
    if (digits->size > COP__DIGITS_MAX)
        return "a number of too many digits";
    exponent -= (long)(digits->size - whole);
    cop__text_putc(digits, 0);
    if (!cop__float_from_digits(&value, digits->data, exponent))
        return "a float out of range";
    *ret_term = cop__new_float(scan->heap, negative ? -value : value);
    return NULL;
}

static const char *scan_number_with(
    struct cop__scan *scan, struct cop__text *digits, cop_term *ret_term)
{
    bool negative = cop__scan_peek(scan) == '-';
    unsigned base = 10;

    if (negative || cop__scan_peek(scan) == '+')
        scan->at++;
    if (cop__scan_peek(scan) == '$') {
        int32_t c;

        scan->at++;
        c = next_character(scan);
        if (c == '\\')
            c = take_escape(scan);
        if (c < 0)
            return "a character that is none";
        *ret_term = cop__small(negative ? -c : c);
        return NULL;
    }
    if (!is_digit(cop__scan_peek(scan)))
        return "expected a number";
    take_digits(scan, digits, 10);
    if (cop__scan_peek(scan) == '.' && is_digit(cop__scan_ahead(scan, 1)))
        return scan_float(scan, digits, negative, ret_term);
    if (cop__scan_peek(scan) == '#' && digits->size <= 2) {
        base = (unsigned)(digits->data[0] - '0');
        if (digits->size == 2)
            base = base * 10 + (unsigned)(digits->data[1] - '0');
        if (base < 2 || base > 36)
            return "a base that is not from 2 to 36";
        digits->size = 0;
        scan->at++;
        take_digits(scan, digits, (int)base);
        if (!digits->size)
            return "a number without digits";
    }
    if (digits->size > COP__DIGITS_MAX)
        return "a number of too many digits";
    *ret_term = cop__integer_from_digits(scan->heap, negative, digits->data, digits->size, base);
    return NULL;
}

static const char *scan_number(struct cop__scan *scan, cop_term *ret_term)
{
    struct cop__text digits;
    const char *wrong;

    cop__text_init(&digits);
    wrong = scan_number_with(scan, &digits, ret_term);
    cop__text_done(&digits);
    return wrong;
}

/* --- Binaries ----------------------------------------------------------------------------------
 */

struct bits {
    struct cop__text bytes; /* the last one may be begun only */
    unsigned used;          /* bits of the last byte in use, 0 when it is full */
};

static void put_bits(struct bits *bits, uint64_t value, unsigned count)
{
    while (count--) {
        if (!bits->used)
            cop__text_putc(&bits->bytes, 0);
        if (value >> count & 1)
            bits->bytes.data[bits->bytes.size - 1] |= (char)(0x80 >> bits->used);
        bits->used = (bits->used + 1) % 8;
    }
}

static const char *scan_binary_string(struct cop__scan *scan, struct bits *bits)
{
    size_t start = scan->at;
    const char *wrong = NULL;
    bool utf8 = false;
    int32_t c;

    /* Twice: what comes after the string says how it is written. */
    for (int pass = 0; pass < 2; pass++) {
        scan->at = start + 1;
        while ((c = take_quoted(scan, '"', &wrong)) >= 0) {
            char bytes[4];
            size_t count = 1;

            if (!pass)
                continue;
            if (!utf8 && c > 255)
                return "a character above 255 in a binary without /utf8";
            if (utf8)
                count = cop__utf8_put(bytes, c);
            else
                bytes[0] = (char)c;
            for (size_t i = 0; i < count; i++)
                put_bits(bits, (unsigned char)bytes[i], 8);
        }
        if (wrong)
            return wrong;
        utf8 =
            scan->text.size - scan->at >= 5 && memcmp(scan->text.data + scan->at, "/utf8", 5) == 0;
    }
    scan->at += utf8 ? 5 : 0;
    return NULL;
}

static const char *scan_segment(struct cop__scan *scan, struct bits *bits)
{
    unsigned size = 8;
    const char *wrong;
    cop_term number;
    int64_t value;

    if (cop__scan_peek(scan) == '"')
        return scan_binary_string(scan, bits);
    wrong = scan_number(scan, &number);
    if (wrong)
        return wrong;
    if (!cop__is_small(number))
        return "a segment that is no small integer";
    value = cop__small_value(number);
    if (cop__scan_peek(scan) == ':') {
        size = 0;
        for (scan->at++; is_digit(cop__scan_peek(scan)) && size < 1000; scan->at++)
            size = size * 10 + (unsigned)(cop__scan_peek(scan) - '0');
        if (size < 1 || size > 64)
            return "a segment whose size is not from 1 to 64";
    }
    put_bits(bits, (uint64_t)value, size);
    return NULL;
}

static const char *scan_segments(struct cop__scan *scan, struct bits *bits)
{
    scan->at += 2;
    cop__scan_space(scan);
    if (cop__scan_peek(scan) == '>' && cop__scan_ahead(scan, 1) == '>') {
        scan->at += 2;
        return NULL;
    }
    for (;;) {
        const char *wrong = scan_segment(scan, bits);

        if (wrong)
            return wrong;
        cop__scan_space(scan);
        if (cop__scan_peek(scan) == '>' && cop__scan_ahead(scan, 1) == '>') {
            scan->at += 2;
            return NULL;
        }
        if (cop__scan_peek(scan) != ',')
            return "expected , or >>";
        scan->at++;
        cop__scan_space(scan);
    }
}

static const char *scan_binary(struct cop__scan *scan, cop_term *ret_term)
{
    struct bits bits;
    const char *wrong;
    unsigned char *bytes;

    cop__text_init(&bits.bytes);
    bits.used = 0;
    wrong = scan_segments(scan, &bits);
    if (!wrong) {
        *ret_term = cop__new_bits(scan->heap, bits.bytes.size * 8 - (8 - bits.used) % 8, &bytes);
        memcpy(bytes, bits.bytes.data, bits.bytes.size);
    }
    cop__text_done(&bits.bytes);
    return wrong;
}

const char *cop__scan_constant(struct cop__scan *scan, cop_term *ret_term)
{
    int c = cop__scan_peek(scan);
    size_t start = scan->at;
    cop_bytes name;

    if (c == '"')
        return scan_string(scan, ret_term);
    if (c == '<' && cop__scan_ahead(scan, 1) == '<')
        return scan_binary(scan, ret_term);
    if (is_digit(c) || c == '-' || c == '+' || c == '$')
        return scan_number(scan, ret_term);
    if (c == 'f') {
        name = take_name(scan);
        if (name.size == 3 && memcmp(name.data, "fun", 3) == 0)
            return scan_fun(scan, ret_term);
        scan->at = start;
    }
    return scan_atom(scan, ret_term);
}
