/* SPDX-License-Identifier: Apache-2.0 */
/* Copying whole terms: count, then copy. Layer 1, rule TERM-4.
 *
 * The hard idea is Cheney's: the target is its own work list. Objects are copied whole, with
 * pointers still to the source; a second finger walks over the copied words and brings over what
 * each pointer means. Header words tell themselves from terms (layout.h), so the walk needs no
 * stack. Sharing inside a term is not kept, as when Erlang sends. */
#include "term/copy.h"

#include "term/stack.h"

/* A flat tuple, the usual message: immediates only. */
static inline bool is_flat(const uint64_t *box)
{
    size_t count = cop__header_count(*box);

    if (cop__header_type(*box) != COP__TUPLE || count > 8)
        return false;
    for (size_t i = 1; i <= count; i++)
        if ((box[i] & 7) <= 1)
            return false;
    return true;
}

size_t cop__term_words(cop_term term)
{
    struct cop__stack stack;
    size_t words = 0;

    if (!cop__is_boxed(term) && !cop__is_cons(term))
        return 0;
    if (cop__is_boxed(term) && is_flat(cop__box(term)))
        return 1 + cop__count(term);
    cop__stack_init(&stack);
    for (;;) {
        const cop_term *at, *end;

        if (cop__is_cons(term)) {
            at = cop__cell(term);
            end = at + 1; /* the tail is walked on along with the list */
            words += 2;
        } else {
            struct cop__payload payload = cop__payload(*cop__box(term));

            words += 1 + payload.terms + payload.raw;
            at = cop__elements(term);
            end = at + payload.terms;
        }
        for (; at < end; at++)
            if (cop__is_cons(*at) || cop__is_boxed(*at))
                cop__stack_push(&stack, at->word);
        if (cop__is_cons(term) && (cop__is_cons(*end) || cop__is_boxed(*end))) {
            term = *end;
            continue;
        }
        if (!stack.used)
            break;
        term.word = cop__stack_pop(&stack);
    }
    cop__stack_done(&stack);
    return words;
}

/* Bring one object over to *free; its copy. Lists come over as a whole run of cells. */
static cop_term move(cop_term term, uint64_t **free_words, struct cop__counted **list)
{
    uint64_t *to = *free_words;
    const uint64_t *box;
    size_t words;

    if (cop__is_cons(term)) {
        cop_term copy = cop__from_cell(to);

        for (;;) {
            const cop_term *cell = cop__cell(term);

            to[0] = cell[0].word;
            to[1] = cell[1].word;
            to += 2;
            term = cell[1];
            if (!cop__is_cons(term))
                break;
            to[-1] = cop__from_cell(to).word;
        }
        *free_words = to;
        return copy;
    }
    box = cop__box(term);
    words = 1 + cop__payload(*box).terms + cop__payload(*box).raw;
    memcpy(to, box, words * sizeof(*to));
    if (cop__header_type(*box) == COP__COUNTED) {
        struct cop__counted *counted = (struct cop__counted *)to;

        cop__shared_retain(counted->shared);
        counted->next = *list;
        *list = counted;
    }
    *free_words = to + words;
    return cop__from_box(to);
}

cop_term cop__term_copy(cop_term term, uint64_t *to, struct cop__counted **list)
{
    uint64_t *scan = to, *free_words = to;

    if (!cop__is_boxed(term) && !cop__is_cons(term))
        return term;
    if (cop__is_boxed(term) && is_flat(cop__box(term))) {
        memcpy(to, cop__box(term), (1 + cop__count(term)) * sizeof(*to));
        return cop__from_box(to);
    }
    term = move(term, &free_words, list);
    while (scan < free_words) {
        cop_term word = { *scan };

        if (cop__is_header(word.word))
            scan += 1 + cop__payload(word.word).raw;
        else if (cop__is_boxed(word) ||
                 (cop__is_cons(word) && word.word != cop__from_cell(scan + 1).word))
            *scan++ = move(word, &free_words, list).word;
        else
            scan++;
    }
    return term;
}
