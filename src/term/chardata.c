/* SPDX-License-Identifier: Apache-2.0 */
/* Character data and byte data as bytes. Layer 1. */
#include "term/stack.h"
#include "term/text.h"
#include "term/utf8.h"

/* As unicode:characters_to_binary/1, but what a binary holds is taken as it is; or, where numbers
 * are bytes, as iolist_to_binary/1. */
static bool put_data(struct cop__text *text, cop_term list, bool bytes_only)
{
    struct cop__stack stack;
    bool good = true;

    cop__stack_init(&stack);
    cop__stack_push(&stack, list.word);
    while (good && stack.used) {
        cop_term at = { cop__stack_pop(&stack) };
        cop_bytes bytes;

        if (cop__is_cons(at)) {
            cop__stack_push(&stack, cop__cell(at)[1].word);
            cop__stack_push(&stack, cop__cell(at)[0].word);
        } else if (bytes_only && cop__is_small(at)) {
            good = cop__small_value(at) >= 0 && cop__small_value(at) <= 255;
            *cop__text_room(text, 1) = (char)cop__small_value(at);
            text->size += good;
        } else if (cop__is_small(at)) {
            good = cop__utf8_valid(cop__small_value(at));
            if (good)
                text->size += cop__utf8_put(cop__text_room(text, 4), (int32_t)cop__small_value(at));
        } else if (cop_to_bytes(&bytes, at)) {
            cop__text_put(text, bytes.data, bytes.size);
        } else {
            good = cop__is_nil(at);
        }
    }
    cop__stack_done(&stack);
    return good;
}

bool cop_to_text(cop_bytes *ret_value, cop_term term)
{
    struct cop__text text;
    cop_atom atom;

    if (cop_to_atom(&atom, term)) {
        *ret_value = cop_atom_text(atom);
        return true;
    }
    if (cop_to_bytes(ret_value, term))
        return true;
    if (!cop__is_nil(term) && !cop__is_cons(term))
        return false;
    cop__text_init(&text);
    if (!put_data(&text, term, false)) {
        cop__text_done(&text);
        return false;
    }
    ret_value->size = text.size;
    ret_value->data = cop__text_keep(&text);
    return true;
}

bool cop_iolist_to_binary(cop_term *ret_binary, cop_term iodata)
{
    struct cop__text text;
    bool good;

    if (cop_is_binary(iodata)) {
        *ret_binary = iodata;
        return true;
    }
    if (!cop__is_nil(iodata) && !cop__is_cons(iodata))
        return false;
    cop__text_init(&text);
    good = put_data(&text, iodata, true);
    if (good)
        *ret_binary = cop_binary(text.data, text.size);
    cop__text_done(&text);
    return good;
}
