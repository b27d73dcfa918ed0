/* SPDX-License-Identifier: Apache-2.0 */
/* Binaries and bitstrings: in place up to 64 bytes, shared and counted above. Layer 1, rule TERM-5.
 */
#include "term/layout.h"

#include "base/raise.h"
#include "base/thread.h"

cop_term cop__new_bits(struct cop__heap *heap, uint64_t bits, unsigned char **ret_bytes)
{
    struct cop__counted *counted;
    uint64_t *box;
    bool entered;

    if (bits <= COP__INLINE_BITS_MAX) {
        size_t words = (bits + 63) / 64;

        box = cop__heap_alloc(heap, 1 + words);
        *box = cop__header(COP__BINARY, bits);
        if (words)
            box[words] = 0;
        *ret_bytes = (unsigned char *)(box + 1);
        return cop__from_box(box);
    }
    counted = (struct cop__counted *)cop__heap_alloc(heap, COP__COUNTED_WORDS);
    counted->header = cop__header(COP__COUNTED, COP__COUNTED_WORDS - 1);
    counted->bit_offset = 0;
    counted->bit_size = bits;
    counted->next = heap->counted;
    entered = cop__enter_unless_inside(); /* one step for an exit signal */
    counted->shared = cop__shared_new((bits + 7) / 8);
    if (counted->shared)
        heap->counted = counted;
    if (entered)
        cop__leave();
    if (!counted->shared)
        cop__raise("system_limit", "no memory for a binary");
    *ret_bytes = (unsigned char *)cop__shared_bytes(counted->shared);
    return cop__from_box(counted);
}

cop_term cop__new_binary(struct cop__heap *heap, const void *data, size_t size)
{
    unsigned char *bytes;
    cop_term binary;

    if (size > UINT64_MAX / 8)
        cop__raise("system_limit", "a binary larger than the address space");
    binary = cop__new_bits(heap, size * 8, &bytes);
    if (size)
        memcpy(bytes, data, size);
    return binary;
}

cop_term cop_binary(const void *data, size_t size)
{
    return cop__new_binary(cop__turn_heap(), data, size);
}

cop_term cop_text(const char *text)
{
    return cop_binary(text, strlen(text));
}

cop_term cop_binary_new(size_t size, char **ret_data)
{
    unsigned char *bytes;
    cop_term binary;

    if (size > UINT64_MAX / 8)
        cop__raise("system_limit", "a binary larger than the address space");
    binary = cop__new_bits(cop__turn_heap(), size * 8, &bytes);
    *ret_data = (char *)bytes;
    return binary;
}

cop_term cop_bitstring(const void *data, size_t bits)
{
    size_t size = bits / 8 + (bits % 8 != 0);
    unsigned char *bytes;
    cop_term bitstring = cop__new_bits(cop__turn_heap(), bits, &bytes);

    if (size)
        memcpy(bytes, data, size);
    if (bits % 8)
        bytes[size - 1] &= (unsigned char)(0xff00 >> bits % 8);
    return bitstring;
}

cop_term cop_binary_part(cop_term binary, size_t start, size_t size)
{
    struct cop__heap *heap = cop__turn_heap();
    const struct cop__counted *whole;
    struct cop__counted *part;
    struct cop__bits bits;

    if (!cop__is_bitstring(binary))
        cop__raise("badarg", "cop_binary_part of what is no binary");
    bits = cop__bits_of(binary);
    if (start > bits.size / 8 || size > bits.size / 8 - start)
        cop__raise("badarg", "cop_binary_part outside of the binary");
    if (size * 8 <= COP__INLINE_BITS_MAX)
        return cop__new_binary(heap, bits.bytes + start, size);
    whole = (const struct cop__counted *)cop__box(binary);
    part = (struct cop__counted *)cop__heap_alloc(heap, COP__COUNTED_WORDS);
    *part = *whole;
    part->bit_offset += start * 8;
    part->bit_size = size * 8;
    cop__shared_retain(part->shared);
    part->next = heap->counted;
    heap->counted = part;
    return cop__from_box(part);
}

bool cop_is_binary(cop_term term)
{
    return cop__is_bitstring(term) && cop__bits_of(term).size % 8 == 0;
}

size_t cop_bit_size(cop_term bitstring)
{
    return cop__is_bitstring(bitstring) ? cop__bits_of(bitstring).size : 0;
}

bool cop_to_bytes(cop_bytes *ret_value, cop_term term)
{
    struct cop__bits bits;

    if (!cop__is_bitstring(term))
        return false;
    bits = cop__bits_of(term);
    if (bits.size % 8)
        return false;
    ret_value->data = (const char *)bits.bytes;
    ret_value->size = bits.size / 8;
    return true;
}
