/* SPDX-License-Identifier: Apache-2.0 */
/* Copying whole terms: count, then copy. Layer 1, rule TERM-4.
 *
 * The hard idea is Cheney's: the target is its own work list. Objects are copied whole, with
 * pointers still to the source; a second finger walks over the copied words and brings over what
 * each pointer means. Header words tell themselves from terms (layout.h), so the walk needs no
 * stack. Sharing inside a term is not kept, as when Erlang sends.
 *
 * Cells that were made together lie together. A walk that guesses so needs not wait for each tail
 * to know where the next cell is. */
#include "term/copy.h"

#include "base/clock.h"
#include "term/stack.h"

/* --- Sealed terms ------------------------------------------------------------------------------
 */

static uint64_t secret;

__attribute__((constructor)) static void make_secret(void)
{
    secret = cop__clock_seed() * 0x9e3779b97f4a7c15ull;
}

static inline uint64_t seal_of(const uint64_t *tree)
{
    return (uint64_t)(uintptr_t)tree ^ secret;
}

void cop__seal(uint64_t *tree, struct cop__shared *shared)
{
    tree[-2] = (uint64_t)(uintptr_t)shared;
    tree[-1] = seal_of(tree);
}

/* Whatever lies before a tree may be read: every heap and block begins with a few words of its own.
 * The sanitizers do not know that. */
__attribute__((no_sanitize("address", "thread"))) static inline struct cop__shared *sealed(
    const uint64_t *root)
{
    return __builtin_expect(root[-1] == seal_of(root), 0)
               ? (struct cop__shared *)(uintptr_t)root[-2]
               : NULL;
}

/* --- Counting ----------------------------------------------------------------------------------
 */

static inline bool is_pointer(cop_term term)
{
    return !cop__is_immediate(term) && !cop_is_none(term);
}

/* The cells of a list up to its end, or to a sealed rest; heads that are pointers go on the stack.
 * The term after them. */
static inline cop_term count_cells(
    cop_term list, size_t *words, struct cop__stack *stack, bool to_send)
{
    const cop_term *cell = cop__cell(list);

    for (;;) {
        cop_term tail = cell[1];

        *words += 2;
        if (is_pointer(cell[0]))
            cop__stack_push(stack, cell[0].word);
        if (tail.word == cop__from_cell(cell + 2).word) {
            cell += 2;
        } else {
            if (!cop__is_cons(tail) || (to_send && sealed((const uint64_t *)cop__cell(tail))))
                return tail;
            cell = cop__cell(tail);
        }
    }
}

static inline size_t count_words(cop_term term, bool to_send)
{
    struct cop__stack stack;
    size_t words = 0;

    if (!is_pointer(term))
        return 0;
    if (cop__is_boxed(term) && cop__is_flat_tuple(cop__box(term)))
        return 1 + cop__count(term);
    cop__stack_init(&stack);
    for (;;) {
        const uint64_t *root = (const uint64_t *)(uintptr_t)(term.word & ~(uint64_t)7);

        if (to_send && sealed(root)) {
            words += COP__COUNTED_WORDS;
        } else if (cop__is_cons(term)) {
            cop_term rest = count_cells(term, &words, &stack, to_send);

            if (is_pointer(rest))
                cop__stack_push(&stack, rest.word);
        } else {
            struct cop__payload payload = cop__payload(*root);
            const cop_term *at = cop__elements(term), *end = at + payload.terms;

            words += 1 + payload.terms + payload.raw;
            for (; at < end; at++)
                if (is_pointer(*at))
                    cop__stack_push(&stack, at->word);
        }
        if (!stack.used)
            break;
        term.word = cop__stack_pop(&stack);
    }
    cop__stack_done(&stack);
    return words;
}

size_t cop__term_words(cop_term term)
{
    return count_words(term, false);
}

size_t cop__term_words_to_send(cop_term term)
{
    return count_words(term, true);
}

/* --- Copying -----------------------------------------------------------------------------------
 */

struct target {
    uint64_t *free, *end;
    struct cop__counted *list; /* what the copy holds */
    bool to_send;
};

static inline uint64_t *take(struct target *target, size_t words)
{
    uint64_t *at = target->free;

    if (__builtin_expect((size_t)(target->end - at) < words, 0))
        return NULL;
    target->free = at + words;
    return at;
}

/* A counted binary that no term points to: it holds what the copy points into. */
static cop_term hold(cop_term term, struct cop__shared *shared, struct target *target)
{
    struct cop__counted *counted = (struct cop__counted *)take(target, COP__COUNTED_WORDS);

    if (!counted)
        return COP_NONE;
    cop__shared_retain(shared);
    *counted = (struct cop__counted){ .header = cop__header(COP__COUNTED, COP__COUNTED_WORDS - 1),
        .shared = shared,
        .next = target->list };
    target->list = counted;
    return term;
}

/* A whole run of cells comes over at once. */
static inline cop_term move_cells(cop_term list, struct target *target)
{
    const cop_term *cell = cop__cell(list);
    uint64_t *to = take(target, 2);
    cop_term copy = cop__from_cell(to);

    for (;;) {
        cop_term tail;

        if (!to)
            return COP_NONE;
        tail = cell[1];
        to[0] = cell[0].word;
        to[1] = tail.word;
        if (tail.word == cop__from_cell(cell + 2).word) {
            cell += 2;
        } else {
            if (!cop__is_cons(tail) ||
                (target->to_send && sealed((const uint64_t *)cop__cell(tail))))
                return copy;
            cell = cop__cell(tail);
        }
        to[1] = cop__from_cell(to + 2).word;
        to = take(target, 2);
    }
}

/* Bring one object over; its copy, or none when there is no room. */
static inline cop_term move(cop_term term, struct target *target)
{
    const uint64_t *root = (const uint64_t *)(uintptr_t)(term.word & ~(uint64_t)7);
    struct cop__shared *shared = target->to_send ? sealed(root) : NULL;
    struct cop__payload payload;
    uint64_t *to;
    size_t words;

    if (shared)
        return hold(term, shared, target);
    if (cop__is_cons(term))
        return move_cells(term, target);
    payload = cop__payload(*root);
    words = 1 + payload.terms + payload.raw;
    to = take(target, words);
    if (!to)
        return COP_NONE;
    for (size_t i = 0; i < words; i++)
        to[i] = root[i];
    if (cop__is_counted(*root)) {
        struct cop__counted *counted = (struct cop__counted *)to;

        cop__shared_retain(counted->shared);
        counted->next = target->list;
        target->list = counted;
    }
    return cop__from_box(to);
}

static inline cop_term copy(cop_term term, struct target *target)
{
    uint64_t *scan = target->free;

    term = move(term, target);
    if (cop_is_none(term))
        return term;
    while (scan < target->free) {
        cop_term word = { *scan };

        if (cop__is_header(word.word)) {
            scan += 1 + cop__payload(word.word).raw;
        } else if (is_pointer(word) && word.word != cop__from_cell(scan + 1).word) {
            word = move(word, target);
            if (cop_is_none(word))
                return word;
            *scan++ = word.word;
        } else {
            scan++;
        }
    }
    return term;
}

static inline cop_term copy_all(
    cop_term term, uint64_t *to, struct cop__counted **list, bool to_send)
{
    struct target target = { to, (uint64_t *)UINTPTR_MAX, *list, to_send };

    if (!is_pointer(term))
        return term;
    if (cop__is_boxed(term) && cop__is_flat_tuple(cop__box(term))) {
        memcpy(to, cop__box(term), (1 + cop__count(term)) * sizeof(*to));
        return cop__from_box(to);
    }
    term = copy(term, &target);
    *list = target.list;
    return term;
}

cop_term cop__term_copy(cop_term term, uint64_t *to, struct cop__counted **list)
{
    return copy_all(term, to, list, false);
}

cop_term cop__term_copy_to_send(cop_term term, uint64_t *to, struct cop__counted **list)
{
    return copy_all(term, to, list, true);
}

cop_term cop__term_copy_within(cop_term term, uint64_t *to, size_t room, struct cop__counted **list)
{
    struct target target = { to, to + room, NULL, true };

    term = copy(term, &target);
    if (cop_is_none(term))
        cop__counted_release_all(target.list);
    else
        *list = target.list;
    return term;
}
