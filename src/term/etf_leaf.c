/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the external term format: terms that have no others in them. Layer 1.
 *
 * Strict: what OTP refuses is refused, what it normalises is normalised (D-95, D-96). Each length
 * is compared with what is left before it is used. */
#include "term/atoms.h"
#include "term/etf.h"
#include "term/held.h"
#include "term/node.h"
#include "term/text.h"
#include "term/utf8.h"

enum { FLOAT_TEXT_SIZE = 31, OLD_CREATION_MAX = 3, REFERENCE_IDS_MAX = 5 };

/* --- Atoms -------------------------------------------------------------------------------------
 */

static bool find_atom(struct cop__etf_reader *reader, cop_bytes text, cop_term *ret_atom)
{
    cop_atom atom;
    int error = 0;

    if (!cop_atom_existing(&atom, text)) {
        if (reader->safe)
            return cop__etf_wrong(reader, "an atom that does not exist");
        error = cop_atom_from_bytes(&atom, text);
    }
    if (error == -COP_EBADARG)
        return cop__etf_wrong(reader, "an atom that is no UTF-8");
    if (error && cop__utf8_count(text.data, text.size) > COP__ATOM_CHARACTERS_MAX)
        return cop__etf_wrong(reader, "an atom of more than 255 characters");
    if (error) {
        reader->full = true;
        return cop__etf_wrong(reader, "the atom table is full");
    }
    *ret_atom = cop__atom(atom.index);
    return true;
}

static bool latin1_atom(struct cop__etf_reader *reader, size_t size, cop_term *ret_atom)
{
    char text[2 * COP__ATOM_CHARACTERS_MAX];
    size_t used = 0;

    if (size > COP__ATOM_CHARACTERS_MAX)
        return cop__etf_wrong(reader, "an atom of more than 255 characters");
    for (size_t i = 0; i < size; i++)
        used += cop__utf8_put(text + used, reader->at[i]);
    return find_atom(reader, (cop_bytes){ text, used }, ret_atom);
}

static bool text_atom(
    struct cop__etf_reader *reader, unsigned size_bytes, bool latin1, cop_term *ret_atom)
{
    size_t size;

    if (!cop__etf_has(reader, size_bytes))
        return false;
    size = cop__etf_take(reader, size_bytes);
    if (!cop__etf_has(reader, size))
        return false;
    if (latin1 ? !latin1_atom(reader, size, ret_atom)
               : !find_atom(reader, (cop_bytes){ (const char *)reader->at, size }, ret_atom))
        return false;
    reader->at += size;
    return true;
}

static bool cached_atom(struct cop__etf_reader *reader, cop_term *ret_atom)
{
    size_t index;

    if (!cop__etf_has(reader, 1))
        return false;
    index = cop__etf_take(reader, 1);
    if (index >= reader->cache_count)
        return cop__etf_wrong(reader, "an atom of a cache that is not there");
    *ret_atom = reader->cache[index];
    return true;
}

static bool atom_of(struct cop__etf_reader *reader, unsigned tag, cop_term *ret_atom)
{
    switch (tag) {
    case COP__ETF_ATOM:
        return text_atom(reader, 2, true, ret_atom);
    case COP__ETF_SMALL_ATOM:
        return text_atom(reader, 1, true, ret_atom);
    case COP__ETF_ATOM_UTF8:
        return text_atom(reader, 2, false, ret_atom);
    case COP__ETF_SMALL_ATOM_UTF8:
        return text_atom(reader, 1, false, ret_atom);
    case COP__ETF_ATOM_CACHE_REF:
        return cached_atom(reader, ret_atom);
    default:
        return cop__etf_wrong(reader, "another term where an atom is expected");
    }
}

bool cop__etf_read_atom(struct cop__etf_reader *reader, cop_term *ret_atom)
{
    return cop__etf_has(reader, 1) && atom_of(reader, (unsigned)cop__etf_take(reader, 1), ret_atom);
}

/* --- Numbers -----------------------------------------------------------------------------------
 */

static bool take_float(struct cop__etf_reader *reader, cop_term *ret_term)
{
    uint64_t bits;
    double value;

    if (!cop__etf_has(reader, 8))
        return false;
    bits = cop__etf_take(reader, 8);
    memcpy(&value, &bits, sizeof value);
    if (!__builtin_isfinite(value))
        return cop__etf_wrong(reader, "a float that is not finite");
    *ret_term = cop__new_float(cop__turn_heap(), value);
    return true;
}

static size_t take_digits(const char **at, char *to)
{
    size_t count = 0;

    for (; **at >= '0' && **at <= '9'; ++*at)
        to[count++] = **at;
    return count;
}

/* As OTP wrote floats before R11: digits, point, digits, perhaps an exponent, then zeros. */
static bool float_of_text(double *ret_value, const char *at)
{
    char digits[FLOAT_TEXT_SIZE + 1];
    bool negative = *at == '-', down;
    long exponent = 0;
    size_t whole, part;

    at += *at == '-' || *at == '+';
    whole = take_digits(&at, digits);
    if (!whole || *at++ != '.')
        return false;
    part = take_digits(&at, digits + whole);
    if (!part)
        return false;
    if (*at == 'e' || *at == 'E') {
        at++;
        down = *at == '-';
        at += *at == '-' || *at == '+';
        if (*at < '0' || *at > '9')
            return false;
        for (; *at >= '0' && *at <= '9'; at++)
            exponent = exponent < 100000 ? 10 * exponent + (*at - '0') : exponent;
        exponent = down ? -exponent : exponent;
    }
    digits[whole + part] = 0;
    if (*at || !cop__float_from_digits(ret_value, digits, exponent - (long)part))
        return false;
    *ret_value = negative ? -*ret_value : *ret_value;
    return true;
}

static bool take_text_float(struct cop__etf_reader *reader, cop_term *ret_term)
{
    char text[FLOAT_TEXT_SIZE + 1] = "";
    double value;

    if (!cop__etf_has(reader, FLOAT_TEXT_SIZE))
        return false;
    memcpy(text, reader->at, FLOAT_TEXT_SIZE);
    if (text[FLOAT_TEXT_SIZE - 1] || !float_of_text(&value, text))
        return cop__etf_wrong(reader, "text that is no float");
    reader->at += FLOAT_TEXT_SIZE;
    *ret_term = cop__new_float(cop__turn_heap(), value);
    return true;
}

static bool take_big(struct cop__etf_reader *reader, unsigned size_bytes, cop_term *ret_term)
{
    bool negative;
    size_t size;

    if (!cop__etf_has(reader, size_bytes + 1))
        return false;
    size = cop__etf_take(reader, size_bytes);
    negative = cop__etf_take(reader, 1) != 0;
    if (!cop__etf_has(reader, size))
        return false;
    if (size > reader->integer_max)
        return cop__etf_wrong(reader, "an integer with too many digits");
    *ret_term = cop_integer_from_bytes(negative, reader->at, size);
    reader->at += size;
    return true;
}

static bool take_fixed(struct cop__etf_reader *reader, unsigned size, cop_term *ret_term)
{
    if (!cop__etf_has(reader, size))
        return false;
    if (size == 1)
        *ret_term = cop__small((int64_t)cop__etf_take(reader, 1));
    else
        *ret_term = cop__small((int32_t)cop__etf_take(reader, 4));
    return true;
}

static bool integer_of(struct cop__etf_reader *reader, unsigned tag, cop_term *ret_term)
{
    switch (tag) {
    case COP__ETF_SMALL_INTEGER:
        return take_fixed(reader, 1, ret_term);
    case COP__ETF_INTEGER:
        return take_fixed(reader, 4, ret_term);
    case COP__ETF_SMALL_BIG:
        return take_big(reader, 1, ret_term);
    case COP__ETF_LARGE_BIG:
        return take_big(reader, 4, ret_term);
    default:
        return cop__etf_wrong(reader, "another term where an integer is expected");
    }
}

bool cop__etf_read_integer(struct cop__etf_reader *reader, cop_term *ret_integer)
{
    return cop__etf_has(reader, 1) &&
           integer_of(reader, (unsigned)cop__etf_take(reader, 1), ret_integer);
}

/* --- Bits and strings --------------------------------------------------------------------------
 */

static bool take_bits(struct cop__etf_reader *reader, bool partial, cop_term *ret_term)
{
    unsigned last = 8;
    size_t size;

    if (!cop__etf_has(reader, partial ? 5 : 4))
        return false;
    size = cop__etf_take(reader, 4);
    if (partial)
        last = (unsigned)cop__etf_take(reader, 1);
    if (!cop__etf_has(reader, size))
        return false;
    if (partial && (size ? last < 1 || last > 8 : last != 0))
        return cop__etf_wrong(reader, "a last byte of other than 1 to 8 bits");
    *ret_term = cop_bitstring(reader->at, size ? 8 * (size - 1) + last : 0);
    reader->at += size;
    return true;
}

static bool take_string(struct cop__etf_reader *reader, cop_term *ret_term)
{
    cop_term *cells;
    size_t size;

    if (!cop__etf_has(reader, 2))
        return false;
    size = cop__etf_take(reader, 2);
    *ret_term = cop__nil();
    if (!size || !cop__etf_has(reader, size))
        return !size;
    cells = (cop_term *)cop__heap_alloc(cop__turn_heap(), 2 * size);
    for (size_t i = 0; i < size; i++) {
        cells[2 * i] = cop__small(reader->at[i]);
        cells[2 * i + 1] = i + 1 < size ? cop__from_cell(cells + 2 * i + 2) : cop__nil();
    }
    reader->at += size;
    *ret_term = cop__from_cell(cells);
    return true;
}

/* --- Identifiers -------------------------------------------------------------------------------
 */

/* The creation that ends an identifier: of one byte in the old tags, which had two bits for it. */
static bool take_creation(struct cop__etf_reader *reader, unsigned size, uint32_t *ret_creation)
{
    *ret_creation = (uint32_t)cop__etf_take(reader, size);
    return size != 1 || *ret_creation <= OLD_CREATION_MAX ||
           cop__etf_wrong(reader, "a creation of more than two bits");
}

static bool is_here(const struct cop__etf_reader *reader, cop_term node, uint32_t creation)
{
    struct cop__node_id here = reader->here.name ? reader->here : cop__local_node();

    return cop__atom_index(node) == here.name && creation == here.creation;
}

static cop_atom atom_value(cop_term atom)
{
    return (cop_atom){ cop__atom_index(atom) };
}

static bool take_pid(struct cop__etf_reader *reader, unsigned creation_size, cop_term *ret_term)
{
    uint32_t id, serial, creation;
    cop_term node;

    if (!cop__etf_read_atom(reader, &node) || !cop__etf_has(reader, 8 + creation_size))
        return false;
    id = (uint32_t)cop__etf_take(reader, 4);
    serial = (uint32_t)cop__etf_take(reader, 4);
    if (!take_creation(reader, creation_size, &creation))
        return false;
    if (is_here(reader, node, creation)) {
        *ret_term = cop__word(cop__pid_word(id, serial));
        return cop__pid_slot(ret_term->word) == id || cop__etf_wrong(reader, "no pid of this node");
    }
    *ret_term = cop_from_pid(cop_pid_remote(atom_value(node), creation, id, serial));
    return true;
}

static bool take_port(
    struct cop__etf_reader *reader, unsigned id_size, unsigned creation_size, cop_term *ret_term)
{
    uint32_t creation;
    cop_term node;
    uint64_t id;

    if (!cop__etf_read_atom(reader, &node) || !cop__etf_has(reader, id_size + creation_size))
        return false;
    id = cop__etf_take(reader, id_size);
    if (!take_creation(reader, creation_size, &creation))
        return false;
    if (is_here(reader, node, creation)) {
        *ret_term = cop__port(id);
        return ret_term->word >> 4 == id || cop__etf_wrong(reader, "no port of this node");
    }
    *ret_term = cop_port_remote(atom_value(node), creation, id);
    return true;
}

/* Ids lowest first. One with the name of this node that is none of ours was made by another that
 * had the name, as all nodes without a name have the same. */
static bool reference_of(struct cop__etf_reader *reader, cop_term node, uint32_t creation,
    const uint32_t ids[], size_t count, cop_term *ret_term)
{
    uint32_t local[REFERENCE_IDS_MAX] = { 0 }, again[3];
    uint64_t word;

    if (is_here(reader, node, creation)) {
        if (count == 0 || ids[0] >> 18)
            return cop__etf_wrong(reader, "no reference of this node");
        memcpy(local, ids, count * sizeof *ids);
        word = cop__ref_from_ids(local);
        cop__ref_ids(again, word);
        if (count <= 3 && memcmp(local, again, sizeof again) == 0) {
            *ret_term = cop__ref_of(word);
            return true;
        }
    }
    *ret_term = cop_ref_remote(atom_value(node), creation, ids, count);
    return true;
}

/* Tag 101: one id, and the creation behind it. */
static bool take_old_reference(struct cop__etf_reader *reader, cop_term *ret_term)
{
    uint32_t id, creation;
    cop_term node;

    if (!cop__etf_read_atom(reader, &node) || !cop__etf_has(reader, 5))
        return false;
    id = (uint32_t)cop__etf_take(reader, 4);
    if (!take_creation(reader, 1, &creation))
        return false;
    if (id >> 18)
        return cop__etf_wrong(reader, "a reference whose first number has more than 18 bits");
    return reference_of(reader, node, creation, &id, 1, ret_term);
}

static bool take_reference(
    struct cop__etf_reader *reader, unsigned creation_size, cop_term *ret_term)
{
    uint32_t ids[REFERENCE_IDS_MAX] = { 0 }, creation;
    cop_term node;
    size_t count;

    if (!cop__etf_has(reader, 2))
        return false;
    count = cop__etf_take(reader, 2);
    if (count > REFERENCE_IDS_MAX)
        return cop__etf_wrong(reader, "a reference of more than five numbers");
    if (!cop__etf_read_atom(reader, &node) || !cop__etf_has(reader, creation_size + 4 * count))
        return false;
    if (!take_creation(reader, creation_size, &creation))
        return false;
    for (size_t i = 0; i < count; i++)
        ids[i] = (uint32_t)cop__etf_take(reader, 4);
    if (creation_size == 1 && ids[0] >> 18)
        return cop__etf_wrong(reader, "a reference whose first number has more than 18 bits");
    return reference_of(reader, node, creation, ids, count, ret_term);
}

/* fun M:F/A. */
static bool take_export(struct cop__etf_reader *reader, cop_term *ret_term)
{
    cop_term module, function, arity;

    if (!cop__etf_read_atom(reader, &module) || !cop__etf_read_atom(reader, &function) ||
        !cop__etf_read_integer(reader, &arity))
        return false;
    if (!cop__is_small(arity) || cop__small_value(arity) < 0 ||
        cop__small_value(arity) > UINT32_MAX)
        return cop__etf_wrong(reader, "a fun whose arity is none");
    *ret_term =
        cop_fun(atom_value(module), atom_value(function), (uint32_t)cop__small_value(arity));
    return true;
}

bool cop__etf_read_pid(struct cop__etf_reader *reader, cop_term *ret_pid)
{
    unsigned tag;

    if (!cop__etf_has(reader, 1))
        return false;
    tag = (unsigned)cop__etf_take(reader, 1);
    if (tag != COP__ETF_NEW_PID && tag != COP__ETF_PID)
        return cop__etf_wrong(reader, "another term where a pid is expected");
    return take_pid(reader, tag == COP__ETF_PID ? 1 : 4, ret_pid);
}

static bool take_leaf(struct cop__etf_reader *reader, unsigned tag, cop_term *ret_term)
{
    switch (tag) {
    case COP__ETF_SMALL_INTEGER:
    case COP__ETF_INTEGER:
    case COP__ETF_SMALL_BIG:
    case COP__ETF_LARGE_BIG:
        return integer_of(reader, tag, ret_term);
    case COP__ETF_NIL:
        *ret_term = cop__nil();
        return true;
    case COP__ETF_ATOM:
    case COP__ETF_SMALL_ATOM:
    case COP__ETF_ATOM_UTF8:
    case COP__ETF_SMALL_ATOM_UTF8:
    case COP__ETF_ATOM_CACHE_REF:
        return atom_of(reader, tag, ret_term);
    case COP__ETF_NEW_FLOAT:
        return take_float(reader, ret_term);
    case COP__ETF_FLOAT:
        return take_text_float(reader, ret_term);
    case COP__ETF_BINARY:
        return take_bits(reader, false, ret_term);
    case COP__ETF_BIT_BINARY:
        return take_bits(reader, true, ret_term);
    case COP__ETF_STRING:
        return take_string(reader, ret_term);
    case COP__ETF_NEW_PID:
        return take_pid(reader, 4, ret_term);
    case COP__ETF_PID:
        return take_pid(reader, 1, ret_term);
    case COP__ETF_V4_PORT:
        return take_port(reader, 8, 4, ret_term);
    case COP__ETF_NEW_PORT:
        return take_port(reader, 4, 4, ret_term);
    case COP__ETF_PORT:
        return take_port(reader, 4, 1, ret_term);
    case COP__ETF_NEWER_REFERENCE:
        return take_reference(reader, 4, ret_term);
    case COP__ETF_NEW_REFERENCE:
        return take_reference(reader, 1, ret_term);
    case COP__ETF_REFERENCE:
        return take_old_reference(reader, ret_term);
    case COP__ETF_EXPORT:
        return take_export(reader, ret_term);
    default:
        return cop__etf_wrong(reader, "an unknown tag");
    }
}

enum cop__etf_kind cop__etf_read_leaf(
    struct cop__etf_reader *reader, unsigned tag, cop_term *ret_term)
{
    switch (tag) {
    case COP__ETF_SMALL_TUPLE:
    case COP__ETF_LARGE_TUPLE:
    case COP__ETF_LIST:
    case COP__ETF_MAP:
    case COP__ETF_NEW_FUN:
        return COP__ETF_CONTAINER;
    default:
        return take_leaf(reader, tag, ret_term) ? COP__ETF_LEAF : COP__ETF_WRONG;
    }
}
