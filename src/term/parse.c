/* SPDX-License-Identifier: Apache-2.0 */
/* Reading terms from text. Layer 1.
 *
 * The text may be hostile: open brackets are a stack in memory, at most eight bytes for each
 * character; numbers have at most COP__DIGITS_MAX digits. See scan.c for what stands between
 * brackets. */
#include "term/parse.h"

#include "term/map.h"
#include "term/scan.h"
#include "term/stack.h"

/* An open bracket: kind in the low bits, above it flags and the number of parts read. */
enum {
    OPEN_TUPLE,
    OPEN_LIST,
    OPEN_MAP,
    OPEN_KIND = 3,
    IN_TAIL = 4,
    ASSOC = 8,
    EXACT = 16,
    COUNT_SHIFT = 8
};

struct parser {
    const struct cop__reader *reader;
    struct cop__scan scan;
    struct cop__stack open;
    size_t part_at; /* where the part being read begins */
};

static const char *give(
    struct parser *parser, enum cop__part_kind kind, size_t count, cop_term term, cop_bytes name)
{
    struct cop__part part = { kind, count, term, name, parser->part_at };

    return parser->reader->take(parser->reader->context, &part);
}

static const char *give_term(struct parser *parser, cop_term term)
{
    cop_bytes no_name = { NULL, 0 };

    return give(parser, COP__PART_TERM, 0, term, no_name);
}

static const char *give_whole(struct parser *parser, uint64_t bracket)
{
    cop_bytes no_name = { NULL, 0 };
    size_t count = bracket >> COUNT_SHIFT;
    enum cop__part_kind kind;

    switch (bracket & OPEN_KIND) {
    case OPEN_TUPLE:
        kind = COP__PART_TUPLE;
        break;
    case OPEN_LIST:
        kind = COP__PART_LIST;
        break;
    default:
        kind = bracket & EXACT ? COP__PART_MAP_MATCH : COP__PART_MAP;
        count /= 2;
    }
    return give(parser, kind, count, cop_term_none(), no_name);
}

static char closing(uint64_t bracket)
{
    return (bracket & OPEN_KIND) == OPEN_LIST ? ']' : '}';
}

static bool take_character(struct parser *parser, char c)
{
    if (cop__scan_peek(&parser->scan) != c)
        return false;
    parser->scan.at++;
    return true;
}

/* A part begins here. *ret_open when it opened a bracket that did not close at once. */
static const char *begin_part(struct parser *parser, bool *ret_open)
{
    struct cop__scan *scan = &parser->scan;
    uint64_t bracket;
    const char *wrong;
    cop_bytes name;
    cop_term term;
    int c = cop__scan_peek(scan);

    *ret_open = false;
    parser->part_at = scan->at;
    if (c == '{' || c == '[' || (c == '#' && cop__scan_ahead(scan, 1) == '{')) {
        bracket = c == '{' ? OPEN_TUPLE : c == '[' ? OPEN_LIST : OPEN_MAP;
        scan->at += c == '#' ? 2 : 1;
        cop__scan_space(scan);
        if (!take_character(parser, closing(bracket))) {
            cop__stack_push(&parser->open, bracket);
            *ret_open = true;
            return NULL;
        }
        return c == '[' ? give_term(parser, cop__nil()) : give_whole(parser, bracket);
    }
    if (parser->reader->variables && cop__scan_variable(scan, &name))
        return give(parser, COP__PART_VARIABLE, 0, cop_term_none(), name);
    wrong = cop__scan_constant(scan, &term);
    return wrong ? wrong : give_term(parser, term);
}

/* Between a key and its value. */
static const char *take_arrow(struct parser *parser, uint64_t *bracket)
{
    struct cop__scan *scan = &parser->scan;
    int first = cop__scan_peek(scan), second = cop__scan_ahead(scan, 1);

    if (first == '=' && second == '>')
        *bracket |= ASSOC;
    else if (first == ':' && second == '=' && parser->reader->variables)
        *bracket |= EXACT;
    else
        return parser->reader->variables ? "expected => or :=" : "expected =>";
    if ((*bracket & ASSOC) && (*bracket & EXACT))
        return "=> and := in one map";
    scan->at += 2;
    return NULL;
}

/* A part has ended: what comes before the next one. Closes brackets as long as they close.
 * *ret_done when the outermost part is complete. */
static const char *end_part(struct parser *parser, bool *ret_done)
{
    const char *wrong;

    *ret_done = false;
    while (parser->open.used) {
        uint64_t *bracket = &parser->open.items[parser->open.used - 1];
        bool list = (*bracket & OPEN_KIND) == OPEN_LIST;
        bool map = (*bracket & OPEN_KIND) == OPEN_MAP;

        cop__scan_space(&parser->scan);
        parser->part_at = parser->scan.at;
        if (!(*bracket & IN_TAIL))
            *bracket += 1 << COUNT_SHIFT;
        if (map && (*bracket >> COUNT_SHIFT) % 2)
            return take_arrow(parser, bracket);
        if (!(*bracket & IN_TAIL)) {
            if (take_character(parser, ','))
                return NULL;
            if (list && take_character(parser, '|')) {
                *bracket |= IN_TAIL;
                return NULL;
            }
        }
        if (!take_character(parser, closing(*bracket)))
            return list ? *bracket & IN_TAIL ? "expected ]" : "expected , or | or ]"
                        : "expected , or }";
        if (list && !(*bracket & IN_TAIL)) {
            wrong = give_term(parser, cop__nil());
            if (wrong)
                return wrong;
        }
        wrong = give_whole(parser, cop__stack_pop(&parser->open));
        if (wrong)
            return wrong;
    }
    *ret_done = true;
    return NULL;
}

static const char *read_all(struct parser *parser)
{
    bool done = false, open;
    const char *wrong;

    while (!done) {
        cop__scan_space(&parser->scan);
        wrong = begin_part(parser, &open);
        if (!wrong && !open)
            wrong = end_part(parser, &done);
        if (wrong)
            return wrong;
    }
    cop__scan_space(&parser->scan);
    if (!parser->reader->variables && take_character(parser, '.'))
        cop__scan_space(&parser->scan);
    parser->part_at = parser->scan.at;
    return parser->scan.at < parser->reader->text.size ? "expected the end of the text" : NULL;
}

static void fill_error(
    struct cop_parse_error *error, cop_bytes text, size_t position, const char *message)
{
    error->position = position;
    error->line = error->column = 1;
    for (size_t i = 0; i < position && i < text.size; i++) {
        if (text.data[i] == '\n') {
            error->line++;
            error->column = 1;
        } else if ((text.data[i] & 0xc0) != 0x80) { /* columns are characters */
            error->column++;
        }
    }
    snprintf(error->message, sizeof(error->message), "%s", message);
}

int cop__read(const struct cop__reader *reader, struct cop_parse_error *ret_error)
{
    struct parser parser;
    const char *wrong;

    parser.reader = reader;
    parser.scan = (struct cop__scan){ reader->text, 0, reader->heap, false };
    parser.part_at = 0;
    cop__stack_init(&parser.open);
    wrong = read_all(&parser);
    cop__stack_done(&parser.open);
    if (!wrong)
        return 0;
    if (ret_error)
        fill_error(ret_error, reader->text, parser.part_at, wrong);
    return parser.scan.full ? -COP_ESYSTEMLIMIT : -COP_ESYNTAX;
}

/* --- cop_parse: parts are terms on a stack -----------------------------------------------------
 */

struct builder {
    struct cop__heap *heap;
    struct cop__stack terms;
};

static const char *build(void *context, const struct cop__part *part)
{
    struct builder *builder = context;
    struct cop__stack *stack = &builder->terms;
    size_t taken = part->kind == COP__PART_LIST  ? part->count + 1
                   : part->kind == COP__PART_MAP ? 2 * part->count
                                                 : part->count;
    const cop_term *parts = (const cop_term *)(stack->items + stack->used - taken);
    cop_term term = part->term;

    switch (part->kind) {
    case COP__PART_TUPLE:
        term = cop__new_tuple(builder->heap, taken);
        memcpy(cop__elements(term), parts, taken * sizeof(term));
        break;
    case COP__PART_LIST:
        term = parts[part->count];
        for (size_t i = part->count; i--;)
            term = cop__new_cons(builder->heap, parts[i], term);
        break;
    case COP__PART_MAP:
        term = cop__new_map(builder->heap, parts, part->count);
        break;
    default:
        break;
    }
    stack->used -= taken;
    cop__stack_push(stack, term.word);
    return NULL;
}

int cop_parse(cop_term *ret_term, cop_bytes text, struct cop_parse_error *ret_error)
{
    struct builder builder = { .heap = cop__turn_heap() };
    struct cop__reader reader = { text, builder.heap, false, build, &builder };
    int error;

    cop__stack_init(&builder.terms);
    error = cop__read(&reader, ret_error);
    if (!error)
        ret_term->word = builder.terms.items[0];
    cop__stack_done(&builder.terms);
    return error;
}
