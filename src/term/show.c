/* SPDX-License-Identifier: Apache-2.0 */
/* Terms as text on one line: TP-01 to TP-15. Layer 1.
 *
 * The hard idea: what is still to be printed is a stack of runs (terms, how many, how they are
 * separated and closed), so depth costs memory and no C stack. */
#include "term/text.h"

#include "term/map.h"
#include "term/stack.h"

/* What a run is the inside of. */
enum run { RUN_TUPLE, RUN_LIST, RUN_MAP };

/* A run on the stack: where its terms are, the next step, how many steps, and its kind. */
enum { RUN_AT, RUN_STEP, RUN_STEPS, RUN_KIND, RUN_WORDS };

struct printer {
    struct cop__text *text;
    struct cop__stack stack;
    struct cop__map_pairs *scratch;
    bool pretty;
};

static void push_run(struct printer *printer, const cop_term *at, size_t steps, enum run run)
{
    cop__stack_push(&printer->stack, (uint64_t)(uintptr_t)at);
    cop__stack_push(&printer->stack, 0);
    cop__stack_push(&printer->stack, steps);
    cop__stack_push(&printer->stack, run);
}

static void put_term(struct printer *printer, cop_term term)
{
    switch (cop_type_of(term)) {
    case COP_TYPE_TUPLE:
        cop__text_putc(printer->text, '{');
        push_run(printer, cop__elements(term), cop__count(term), RUN_TUPLE);
        break;
    case COP_TYPE_LIST:
        if (printer->pretty && cop__text_is_string(term)) {
            cop__text_string(printer->text, term);
        } else {
            cop__text_putc(printer->text, '[');
            push_run(printer, cop__cell(term), 0, RUN_LIST);
        }
        break;
    case COP_TYPE_MAP:
        cop__text_puts(printer->text, "#{");
        push_run(printer, cop__map_sorted(term, &printer->scratch), 2 * cop__count(term), RUN_MAP);
        break;
    default:
        cop__text_leaf(printer->text, term, printer->pretty);
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
    printer->stack.used -= RUN_WORDS;
    return cop_term_none();
}

void cop__text_term(struct cop__text *text, cop_term term, bool pretty)
{
    struct printer printer;

    printer.text = text;
    printer.scratch = NULL;
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
