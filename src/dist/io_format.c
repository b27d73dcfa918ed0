/* SPDX-License-Identifier: Apache-2.0 */
/* io_lib:format (io_format.h): what stands between text is ~F.P.PadModC. Layer 6. */
#include "dist/io_format.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "term/text.h"
#include "term/utf8.h"

enum { WIDTH_MAX = 4096, NONE = INT32_MIN };

struct formatting {
    const unsigned char *at, *end; /* of the format */
    cop_term arguments;
    struct cop__text text;
};

struct control {
    int width, precision; /* NONE: not given; a negative width is to the left */
    int32_t pad;
    int letter;
};

static bool take(struct formatting *formatting, cop_term *ret_argument)
{
    return cop_list_next(ret_argument, &formatting->arguments);
}

static bool take_int(struct formatting *formatting, int *ret_value)
{
    cop_term argument;
    int64_t value;

    if (!take(formatting, &argument) || !cop_to_int(&value, argument) || value > WIDTH_MAX ||
        value < -WIDTH_MAX)
        return false;
    *ret_value = (int)value;
    return true;
}

/* A number, or * for one of the arguments; NONE where there is neither. */
static bool read_number(struct formatting *formatting, int *ret_value)
{
    bool negative = false;
    int value = 0;

    *ret_value = NONE;
    if (formatting->at < formatting->end && *formatting->at == '*') {
        formatting->at++;
        return take_int(formatting, ret_value);
    }
    if (formatting->at < formatting->end && *formatting->at == '-') {
        negative = true;
        formatting->at++;
    }
    if (formatting->at >= formatting->end || *formatting->at < '0' || *formatting->at > '9')
        return !negative;
    for (; formatting->at < formatting->end && *formatting->at >= '0' && *formatting->at <= '9';
         formatting->at++)
        if ((value = value * 10 + (*formatting->at - '0')) > WIDTH_MAX)
            return false;
    *ret_value = negative ? -value : value;
    return true;
}

static bool dot(struct formatting *formatting)
{
    if (formatting->at >= formatting->end || *formatting->at != '.')
        return false;
    formatting->at++;
    return true;
}

/* What follows a ~. */
static bool read_control(struct formatting *formatting, struct control *control)
{
    *control = (struct control){ NONE, NONE, ' ', 0 };
    if (!read_number(formatting, &control->width))
        return false;
    if (dot(formatting)) {
        if (!read_number(formatting, &control->precision))
            return false;
        if (dot(formatting)) {
            if (formatting->at >= formatting->end)
                return false;
            control->pad = cop__utf8_next(&formatting->at, formatting->end);
        }
    }
    while (
        formatting->at < formatting->end && (*formatting->at == 't' || *formatting->at == 'l' ||
                                                *formatting->at == 'k' || *formatting->at == 'K'))
        if (*formatting->at++ == 'K' && !take(formatting, &(cop_term){ 0 }))
            return false;
    if (formatting->at >= formatting->end)
        return false;
    control->letter = *formatting->at++;
    return true;
}

static void put_pad(struct cop__text *text, int32_t pad, size_t count)
{
    while (count--)
        text->size += cop__utf8_put(cop__text_room(text, 4), pad);
}

/* In a field: padded to its width; what does not fit is shown as stars, as io_lib does. */
static void put_field(struct cop__text *text, const struct control *control, cop_bytes bytes)
{
    size_t count = (size_t)cop__utf8_count(bytes.data, bytes.size);
    size_t width = control->width == NONE ? count
                   : control->width < 0   ? (size_t)-control->width
                                          : (size_t)control->width;

    if (count > width) {
        put_pad(text, '*', width);
        return;
    }
    if (control->width > 0)
        put_pad(text, control->pad, width - count);
    cop__text_put(text, bytes.data, bytes.size);
    if (control->width < 0 && control->width != NONE)
        put_pad(text, control->pad, width - count);
}

/* As many characters as the precision says; without one, as the width says. */
static void put_string(struct cop__text *text, const struct control *control, cop_bytes bytes)
{
    size_t max = control->precision != NONE ? (size_t)abs(control->precision)
                 : control->width != NONE   ? (size_t)abs(control->width)
                                            : SIZE_MAX;
    const unsigned char *at = (const unsigned char *)bytes.data, *end = at + bytes.size;
    struct control field = *control;

    while (at < end && max--)
        cop__utf8_next(&at, end);
    bytes.size = (size_t)((const char *)at - bytes.data);
    if (control->precision != NONE && control->width == NONE)
        field.width = control->precision;
    put_field(text, &field, bytes);
}

static void put_term(struct cop__text *text, const struct control *control, cop_term term)
{
    const char *shown = control->letter == 'p' || control->letter == 'P' ? cop_show_pretty(term, 80)
                                                                         : cop_show_raw(term);

    put_field(text, control, (cop_bytes){ shown, strlen(shown) });
}

static bool put_integer(struct formatting *formatting, const struct control *control, cop_term term)
{
    bool upper = control->letter == 'B' || control->letter == 'X' || control->letter == '#';
    int base = control->precision == NONE ? 10 : control->precision;
    char digits[80], *at = digits + sizeof digits;
    int64_t value;
    uint64_t magnitude;

    if (cop_type_of(term) != COP_TYPE_INTEGER || base < 2 || base > 36)
        return false;
    if (!cop_to_int(&value, term)) { /* a large one: in tens only */
        if (base != 10)
            return false;
        put_term(&formatting->text, control, term);
        return true;
    }
    magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do
        *--at = (upper ? "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                       : "0123456789abcdefghijklmnopqrstuvwxyz")[magnitude % (unsigned)base];
    while (magnitude /= (unsigned)base);
    if (control->letter == '#' || control->letter == '+') {
        *--at = '#';
        if (base >= 10)
            *--at = (char)('0' + base % 10);
        *--at = (char)('0' + (base >= 10 ? base / 10 : base));
    }
    if (value < 0)
        *--at = '-';
    put_field(&formatting->text, control, (cop_bytes){ at, (size_t)(digits + sizeof digits - at) });
    return true;
}

/* An exponent as Erlang has it: e+1, not e+01. The new size. */
static int without_zeros(char *digits)
{
    char *at = strchr(digits, 'e') + 2, *from = at;

    while (*from == '0' && from[1])
        from++;
    memmove(at, from, strlen(from) + 1);
    return (int)strlen(digits);
}

static bool put_float(struct cop__text *text, const struct control *control, cop_term term)
{
    int precision = control->precision == NONE ? 6 : control->precision;
    char digits[512];
    double value;
    bool exponent;
    int size;

    if (!cop_to_double(&value, term) || precision < 0 || precision > 100)
        return false;
    exponent = control->letter == 'e' ||
               (control->letter == 'g' && value != 0 && !(fabs(value) >= 0.1 && fabs(value) < 1e4));
    size = snprintf(
        digits, sizeof digits, exponent ? "%.*e" : "%.*f", precision - (exponent ? 1 : 0), value);
    if (size <= 0 || (size_t)size >= sizeof digits)
        return false;
    if (exponent)
        size = without_zeros(digits);
    put_field(text, control, (cop_bytes){ digits, (size_t)size });
    return true;
}

static bool put_character(struct cop__text *text, const struct control *control, cop_term term)
{
    size_t count = control->precision != NONE ? (size_t)abs(control->precision) : 1;
    int64_t value;

    if (!cop_to_int(&value, term) || !cop__utf8_valid(value))
        return false;
    if (control->precision == NONE && control->width != NONE)
        count = (size_t)abs(control->width);
    put_pad(text, (int32_t)value, count);
    return true;
}

/* What a control sequence stands for. */
static bool put_control(struct formatting *formatting, struct control *control)
{
    struct cop__text *text = &formatting->text;
    cop_term argument, ignored;
    cop_bytes bytes;

    switch (control->letter) {
    case '~':
        put_pad(text, '~', control->width > 0 ? (size_t)control->width : 1);
        return true;
    case 'n':
        put_pad(text, '\n', control->width > 0 ? (size_t)control->width : 1);
        return true;
    default:
        break;
    }
    if (!take(formatting, &argument))
        return false;
    switch (control->letter) {
    case 'i':
        return true;
    case 'P':
    case 'W': /* a depth, which only shortens */
        if (!take(formatting, &ignored))
            return false;
        put_term(text, control, argument);
        return true;
    case 'p':
    case 'w':
        put_term(text, control, argument);
        return true;
    case 's':
        if (!cop_to_text(&bytes, argument))
            return false;
        put_string(text, control, bytes);
        return true;
    case 'c':
        return put_character(text, control, argument);
    case 'x':
    case 'X': /* a prefix, before the digits */
        if (!take(formatting, &ignored) || !cop_to_text(&bytes, ignored))
            return false;
        cop__text_put(text, bytes.data, bytes.size);
        return put_integer(formatting, control, argument);
    case 'b':
    case 'B':
    case '+':
    case '#':
        return put_integer(formatting, control, argument);
    case 'e':
    case 'f':
    case 'g':
        return put_float(text, control, argument);
    default:
        return false;
    }
}

static bool put_all(struct formatting *formatting)
{
    struct control control;

    while (formatting->at < formatting->end) {
        if (*formatting->at != '~') {
            cop__text_putc(&formatting->text, (char)*formatting->at++);
            continue;
        }
        formatting->at++;
        if (!read_control(formatting, &control) || !put_control(formatting, &control))
            return false;
    }
    return cop_type_of(formatting->arguments) == COP_TYPE_NIL;
}

bool cop__io_format(cop_bytes *ret_text, cop_term format, cop_term arguments)
{
    struct formatting formatting = { .arguments = arguments };
    cop_bytes text;

    if (!cop_to_text(&text, format) || !cop_is_proper_list(arguments))
        return false;
    formatting.at = (const unsigned char *)text.data;
    formatting.end = formatting.at + text.size;
    cop__text_init(&formatting.text);
    if (!put_all(&formatting)) {
        cop__text_done(&formatting.text);
        return false;
    }
    ret_text->size = formatting.text.size;
    ret_text->data = cop__text_keep(&formatting.text);
    return true;
}
