/* SPDX-License-Identifier: Apache-2.0 */
/* Terms as text on one line: TP-01 to TP-15. Layer 1.
 *
 * The hard idea: what is still to be printed is a stack of runs (terms, how many, how they are
 * separated and closed), so depth costs memory and no C stack. */
#include "term/text.h"

#include "base/raise.h"
#include "base/scratch.h"
#include "term/map.h"
#include "term/outline.h"
#include "term/stack.h"

/* What a run is the inside of. */
enum run { RUN_TUPLE, RUN_LIST, RUN_MAP };

/* A run on the stack: where its terms are, the next step, how many steps, its kind, and
 * its node in the outline. */
enum { RUN_AT, RUN_STEP, RUN_STEPS, RUN_KIND, RUN_NODE, RUN_WORDS };

struct printer {
    struct cop__text *text;
    struct cop__stack stack;
    struct cop__map_pairs *scratch;
    struct cop__outline *outline; /* to be noted where terms begin and end, or NULL */
    bool pretty;
};

static void note_begin(struct printer *printer, enum cop__outline_kind kind)
{
    struct cop__outline *outline = printer->outline;

    if (!outline)
        return;
    if (outline->used == outline->capacity) {
        size_t capacity = outline->capacity ? 2 * outline->capacity : 64;

        outline->nodes = cop__scratch_resize(
            outline->nodes, capacity * sizeof(*outline->nodes), "the outline of a term");
        outline->capacity = capacity;
    }
    outline->nodes[outline->used++] =
        (struct cop__outline_node){ .kind = kind, .from = printer->text->size };
}

static void note_end(struct printer *printer, size_t node)
{
    if (printer->outline) {
        printer->outline->nodes[node].to = printer->text->size;
        printer->outline->nodes[node].next = printer->outline->used;
    }
}

static size_t last_node(const struct printer *printer)
{
    return printer->outline ? printer->outline->used - 1 : 0;
}

static void push_run(struct printer *printer, const cop_term *at, size_t steps, enum run run)
{
    cop__stack_push(&printer->stack, (uint64_t)(uintptr_t)at);
    cop__stack_push(&printer->stack, 0);
    cop__stack_push(&printer->stack, steps);
    cop__stack_push(&printer->stack, run);
    cop__stack_push(&printer->stack, last_node(printer));
}

static bool is_tagged(cop_term tuple)
{
    return cop__count(tuple) > 1 && cop__is_atom(cop__elements(tuple)[0]);
}

static void put_leaf(struct printer *printer, cop_term term, bool string)
{
    note_begin(printer, COP__OUTLINE_LEAF);
    if (string)
        cop__text_string(printer->text, term);
    else
        cop__text_leaf(printer->text, term, printer->pretty);
    note_end(printer, last_node(printer));
}

static void put_term(struct printer *printer, cop_term term)
{
    switch (cop_type_of(term)) {
    case COP_TYPE_TUPLE:
        note_begin(printer, !cop__count(term) ? COP__OUTLINE_LEAF
                            : is_tagged(term) ? COP__OUTLINE_TAGGED
                                              : COP__OUTLINE_TUPLE);
        cop__text_putc(printer->text, '{');
        push_run(printer, cop__elements(term), cop__count(term), RUN_TUPLE);
        break;
    case COP_TYPE_LIST:
        if (printer->pretty && cop__text_is_string(term)) {
            put_leaf(printer, term, true);
        } else {
            note_begin(printer, COP__OUTLINE_LIST);
            cop__text_putc(printer->text, '[');
            push_run(printer, cop__cell(term), 0, RUN_LIST);
        }
        break;
    case COP_TYPE_MAP:
        note_begin(printer, cop__count(term) ? COP__OUTLINE_MAP : COP__OUTLINE_LEAF);
        cop__text_puts(printer->text, "#{");
        push_run(printer, cop__map_sorted(term, &printer->scratch), 2 * cop__count(term), RUN_MAP);
        break;
    default:
        put_leaf(printer, term, false);
    }
}

/* The next term of the run on top, with what stands before it; none when the run is closed. */
static cop_term next_of_run(struct printer *printer)
{
    uint64_t *run = printer->stack.items + printer->stack.used - RUN_WORDS;
    const cop_term *at = (const cop_term *)(uintptr_t)run[RUN_AT];
    size_t step = run[RUN_STEP]++;

    if (run[RUN_KIND] == RUN_LIST) {
        cop_term tail = at[1];

        if (step == 0)
            return at[0];
        if (cop__is_cons(tail)) {
            run[RUN_AT] = (uint64_t)(uintptr_t)cop__cell(tail);
            cop__text_putc(printer->text, ',');
            return cop__cell(tail)[0];
        }
        if (!cop__is_nil(tail) && !run[RUN_STEPS]) {
            run[RUN_STEPS] = 1; /* the tail is out */
            if (printer->outline)
                printer->outline->nodes[run[RUN_NODE]].improper = true;
            cop__text_putc(printer->text, '|');
            return tail;
        }
        cop__text_putc(printer->text, ']');
    } else if (step < run[RUN_STEPS]) {
        if (run[RUN_KIND] == RUN_TUPLE) {
            if (step)
                cop__text_putc(printer->text, ',');
            return at[step];
        }
        if (step % 2) {
            cop__text_puts(printer->text, " => ");
            return at[run[RUN_STEPS] / 2 + step / 2];
        }
        if (step)
            cop__text_putc(printer->text, ',');
        return at[step / 2];
    } else {
        cop__text_putc(printer->text, '}');
    }
    note_end(printer, run[RUN_NODE]);
    printer->stack.used -= RUN_WORDS;
    return cop_term_none();
}

void cop__text_outline(
    struct cop__text *text, cop_term term, bool pretty, struct cop__outline *outline)
{
    struct printer printer;

    printer.text = text;
    printer.scratch = NULL;
    printer.outline = outline;
    printer.pretty = pretty;
    cop__stack_init(&printer.stack);
    put_term(&printer, term);
    while (printer.stack.used) {
        term = next_of_run(&printer);
        if (!cop_is_none(term))
            put_term(&printer, term);
    }
    cop__stack_done(&printer.stack);
    cop__map_pairs_free(printer.scratch);
}

void cop__text_term(struct cop__text *text, cop_term term, bool pretty)
{
    cop__text_outline(text, term, pretty, NULL);
}

const char *cop__text_keep(struct cop__text *text)
{
    char *kept = (char *)cop__heap_alloc(cop__turn_heap(), text->size / 8 + 1);

    memcpy(kept, text->data, text->size);
    kept[text->size] = 0;
    cop__text_done(text);
    return kept;
}

static const char *show(cop_term term, bool pretty)
{
    struct cop__text text;

    cop__text_init(&text);
    cop__text_term(&text, term, pretty);
    return cop__text_keep(&text);
}

const char *cop_show(cop_term term)
{
    return show(term, true);
}

const char *cop_show_raw(cop_term term)
{
    return show(term, false);
}

size_t cop_format_term(char *buffer, size_t size, cop_term term)
{
    struct cop__text text;
    size_t needed;

    cop__text_init(&text);
    cop__text_term(&text, term, true);
    needed = text.size;
    if (size) {
        size_t fits = needed < size ? needed : size - 1;

        memcpy(buffer, text.data, fits);
        buffer[fits] = 0;
    }
    cop__text_done(&text);
    return needed;
}
