/* SPDX-License-Identifier: Apache-2.0 */
/* Terms: Erlang's values, built and matched in Erlang's own notation.
 *
 *   cop_term m = cop("{put, Key, Value}", key, value);
 *   if (cop_match(m, "{put, Key, Value}", &key, &value)) ...
 *   if (cop_match(m, "{'DOWN', Ref, process, _, Why}", ref, &why)) ...
 *
 * Variables are the places, in order; their names are documentation. A value is bound and
 * compared; an address is unbound and captures, and only if the whole pattern matched. The C type
 * of each argument says what is wanted: an int64_t * takes an integer that fits, a cop_bytes * a
 * binary, a cop_term * anything. The pattern must be a literal.
 *
 * A term lives until the end of the turn (your callback's return, or cop_turn_end() in a plain
 * process); keep it longer with cop_keep, and never free anything. Sending copies. */
#ifndef COPPICE_TERM_H
#define COPPICE_TERM_H

#include <coppice/base.h>
#include <stdio.h>

COP_BEGIN_DECLS

/* One word per term. Small integers, atoms, local pids, references, ports and [] are the word
 * itself; all else is a pointer into the memory of the turn. A zeroed cop_term is "no term". */
typedef struct {
    uint64_t word;
} cop_term;

/* Pids, references and atoms as C values: they own no memory and may be kept in any struct. */
typedef struct {
    uint64_t id;   /* 0: no process */
    uint64_t node; /* 0: this node; else a handle of the node's name and creation */
} cop_pid;

typedef struct {
    uint64_t id; /* 0: no reference */
} cop_ref;

typedef struct {
    uint32_t index; /* 0: no atom */
} cop_atom;

enum cop_type {
    COP_TYPE_NONE, /* a zeroed cop_term */
    COP_TYPE_INTEGER,
    COP_TYPE_FLOAT,
    COP_TYPE_ATOM,
    COP_TYPE_REFERENCE,
    COP_TYPE_FUN,
    COP_TYPE_PORT,
    COP_TYPE_PID,
    COP_TYPE_TUPLE,
    COP_TYPE_MAP,
    COP_TYPE_NIL,
    COP_TYPE_LIST,
    COP_TYPE_BITSTRING /* binaries are bitstrings of whole bytes */
};

/* --- No term --------------------------------------------------------------------------------- */

#define COP_NONE (cop_term_none())

static inline cop_term cop_term_none(void)
{
    cop_term none = { 0 };
    return none;
}

static inline bool cop_is_none(cop_term term)
{
    return term.word == 0;
}

/* --- Typed constructors ---------------------------------------------------------------------- */

/* Integers, floats and booleans.
 *
 * Returns  the term; it lives until the end of the turn.
 * Exits    badarith for a float that is not finite.
 * Parks    no.
 * Context  any thread.
 * OTP      literals; TO-02 to TO-04.
 */
COP_API cop_term cop_int(int64_t value);
COP_API cop_term cop_uint(uint64_t value);
COP_API cop_term cop_float(double value);
COP_API cop_term cop_bool(bool value); /* the atom */

/* Text: a binary of the bytes, as "text" in Elixir; or a list of its code points, as in Erlang.
 *
 * Returns  the term; it lives until the end of the turn. The text is copied.
 * Exits    badarg where cop_string's text is no UTF-8.
 * Parks    no.
 * Context  any thread.
 * OTP      literals; TP-05, TP-07.
 */
COP_API cop_term cop_text(const char *text);
COP_API cop_term cop_string(const char *text);

/* Binaries and bitstrings. Up to 64 bytes lie in the term; longer ones are shared by all copies and
 * parts, and counted. cop_binary_new gives room that is to be filled before anyone sees the term.
 * cop_bitstring takes whole bytes, of which the last may be used in its high bits only.
 *
 * Returns  the term; it and *ret_data live until the end of the turn.
 * Exits    system_limit without memory; badarg for a part that lies outside, or of no binary.
 * Parks    no.
 * Options  sizes and start in bytes, of cop_bitstring in bits.
 * Context  any thread.
 * OTP      list_to_binary/1, binary:part/3.
 */
COP_API cop_term cop_binary(const void *data, size_t size);
COP_API cop_term cop_binary_new(size_t size, char **ret_data);
COP_API cop_term cop_bitstring(const void *data, size_t bits);
COP_API cop_term cop_binary_part(cop_term binary, size_t start, size_t size);

/* An integer of any size from its magnitude, least byte first, and its sign.
 *
 * Returns  the term; it lives until the end of the turn.
 * Exits    system_limit above 4 million bits.
 * Parks    no.
 * Options  size in bytes.
 * Context  any thread.
 * OTP      binary:decode_unsigned/2.
 */
COP_API cop_term cop_integer_from_bytes(bool negative, const void *little_endian, size_t size);

/* The atom of a text that the program wrote. Atoms are never freed: of text that comes from outside
 * use cop_atom_existing, or bound what you take.
 *
 * Returns  the atom, a value to keep anywhere.
 * Exits    system_limit when the table (1,048,576 atoms) is full or the text has more than 255
 *          characters; badarg where it is no UTF-8.
 * Parks    no.
 * Context  any thread.
 * OTP      list_to_atom/1.
 */
COP_API cop_atom cop_atom_new(const char *text);

/* The same for text of run time.
 *
 * Returns  0; -COP_ESYSTEMLIMIT when the table is full or the text too long; -COP_EBADARG where it
 *          is no UTF-8.
 * Parks    no.
 * Context  any thread.
 * OTP      binary_to_atom/2.
 */
COP_API int cop_atom_from_bytes(cop_atom *ret_atom, cop_bytes text);

/* The atom of a text, if there is one already.
 *
 * Returns  whether there is.
 * Parks    no.
 * Context  any thread.
 * OTP      binary_to_existing_atom/2.
 */
COP_API bool cop_atom_existing(cop_atom *ret_atom, cop_bytes text);

/* The text of an atom.
 *
 * Returns  UTF-8 that lives for ever and has a zero after it; of no atom, nothing.
 * Parks    no.
 * Context  any thread.
 * OTP      atom_to_binary/2.
 */
COP_API cop_bytes cop_atom_text(cop_atom atom);

/* The terms of C values. A zeroed value gives no term.
 *
 * Returns  the term; a pid of another node lives until the end of the turn, the others need no
 *          memory.
 * Parks    no.
 * Context  any thread.
 * OTP      none.
 */
COP_API cop_term cop_from_atom(cop_atom atom);
COP_API cop_term cop_from_pid(cop_pid pid);
COP_API cop_term cop_from_ref(cop_ref ref);

/* Lists and tuples. Items are copied as words: the new term refers to them.
 *
 * Returns  the term; it lives until the end of the turn.
 * Exits    system_limit without memory.
 * Parks    no.
 * Context  any thread.
 * OTP      [], [H | T], list_to_tuple/1.
 */
COP_API cop_term cop_nil(void);
COP_API cop_term cop_cons(cop_term head, cop_term tail);
COP_API cop_term cop_list(const cop_term *items, size_t count);
COP_API cop_term cop_list_with_tail(const cop_term *items, size_t count, cop_term tail);
COP_API cop_term cop_tuple_from(const cop_term *items, size_t count);

/* Maps. cop_map_from takes keys and values by turns; of equal keys (=:=) the last one counts. The
 * others give a new map, which shares most of a large old one.
 *
 * Returns  the term; it lives until the end of the turn.
 * Exits    badmap where a map was wanted; system_limit without memory.
 * Parks    no.
 * Context  any thread.
 * OTP      maps:new/0, maps:from_list/1, maps:put/3, maps:remove/2; TO-09.
 */
COP_API cop_term cop_map_new(void);
COP_API cop_term cop_map_from(const cop_term *keys_and_values, size_t pairs);
COP_API cop_term cop_map_put(cop_term map, cop_term key, cop_term value);
COP_API cop_term cop_map_remove(cop_term map, cop_term key);

/* Values of other nodes, and funs: cop_fun is `fun Module:Function/Arity`. Other funs come from
 * cop_binary_to_term only. The names of nodes are kept for ever, up to 65,535.
 *
 * Returns  the term, which lives until the end of the turn, or the pid, which may be kept anywhere.
 * Exits    system_limit when the table of nodes is full; badarg for a count above 5.
 * Parks    no.
 * Context  any thread.
 * OTP      what binary_to_term/1 makes of them.
 */
COP_API cop_term cop_fun(cop_atom module, cop_atom function, uint32_t arity);
COP_API cop_pid cop_pid_remote(cop_atom node, uint32_t creation, uint32_t id, uint32_t serial);
COP_API cop_term cop_ref_remote(
    cop_atom node, uint32_t creation, const uint32_t *ids, size_t count);
COP_API cop_term cop_port_remote(cop_atom node, uint32_t creation, uint64_t id);

/* --- Typed accessors ------------------------------------------------------------------------- */

/* What kind of term it is.
 *
 * Returns  the type; the types are in term order, but for FLOAT, which is a number too.
 * Parks    no.
 * Context  any thread.
 * OTP      is_integer/1 and its like; TO-01.
 */
COP_API enum cop_type cop_type_of(cop_term term);

/* The C value of a term. cop_to_double takes a float, and an integer that is one exactly;
 * cop_to_ref a reference of this node; cop_to_bytes a binary.
 *
 * Returns  false where the term is of another type or does not fit, and *ret_value is as it was.
 *          Bytes are a view that lives as long as the term.
 * Parks    no.
 * Context  any thread.
 * OTP      matching.
 */
COP_API bool cop_to_int(int64_t *ret_value, cop_term term);
COP_API bool cop_to_uint(uint64_t *ret_value, cop_term term);
COP_API bool cop_to_double(double *ret_value, cop_term term);
COP_API bool cop_to_bool(bool *ret_value, cop_term term);
COP_API bool cop_to_atom(cop_atom *ret_value, cop_term term);
COP_API bool cop_to_pid(cop_pid *ret_value, cop_term term);
COP_API bool cop_to_ref(cop_ref *ret_value, cop_term term);
COP_API bool cop_to_bytes(cop_bytes *ret_value, cop_term term);

/* The node a pid is of.
 *
 * Returns  its name; nonode@nohost for a pid of this node that has no cluster.
 * Parks    no.
 * Context  any thread.
 * OTP      node/1.
 */
COP_API cop_atom cop_pid_node(cop_pid pid);

/* The text of a binary, an atom, or character data: a list of code points, binaries and such lists.
 *
 * Returns  false where the term is none of these. What was a list is new UTF-8 that lives until the
 *          end of the turn and has a zero after it; the others are views.
 * Parks    no.
 * Context  any thread.
 * OTP      unicode:characters_to_binary/1.
 */
COP_API bool cop_to_text(cop_bytes *ret_value, cop_term term);

/* The bytes of I/O data: a binary, or a list of bytes, binaries and such lists.
 *
 * Returns  a binary that lives until the end of the turn; false where the term is no I/O data.
 * Exits    system_limit: no memory.
 * Parks    no.
 * Context  any thread.
 * OTP      iolist_to_binary/1.
 */
COP_API bool cop_iolist_to_binary(cop_term *ret_binary, cop_term iodata);

/* Bitstrings: whether it is one of whole bytes, and its size in bits (0 of what is none).
 *
 * Returns  as said.
 * Parks    no.
 * Context  any thread.
 * OTP      is_binary/1, bit_size/1.
 */
COP_API bool cop_is_binary(cop_term term);
COP_API size_t cop_bit_size(cop_term bitstring);

/* An integer of any size: -1, 0 or 1 for its sign, and its magnitude, least byte first.
 *
 * Returns  cop_integer_bytes the bytes it needs; at most `size` are written. 0 of what is no
 *          integer.
 * Parks    no.
 * Options  size in bytes.
 * Context  any thread.
 * OTP      binary:encode_unsigned/2.
 */
COP_API int cop_integer_sign(cop_term integer);
COP_API size_t cop_integer_bytes(cop_term integer, void *ret_little_endian, size_t size);

/* Walk a list: while (cop_list_next(&item, &rest)) ...; at the end *list is its tail, [] if proper.
 *
 * Returns  whether there was an item.
 * Parks    no.
 * Context  any thread.
 * OTP      [H | T].
 */
COP_API bool cop_list_next(cop_term *ret_head, cop_term *list);

/* Questions about lists. Members are looked for by =:=; cop_proplist_get gives element 2 of the
 * first tuple whose element 1 is == key.
 *
 * Returns  false for no; length only of proper lists.
 * Parks    no.
 * Context  any thread.
 * OTP      length/1, lists:member/2, lists:keyfind/3.
 */
COP_API bool cop_is_proper_list(cop_term term);
COP_API bool cop_list_length(size_t *ret_length, cop_term list);
COP_API bool cop_list_member(cop_term item, cop_term list);
COP_API bool cop_proplist_get(cop_term *ret_value, cop_term list, cop_term key);

/* New lists of old ones. Sorting is stable; usort keeps the first of == items.
 *
 * Returns  the list; it lives until the end of the turn.
 * Exits    badarg where a proper list was wanted.
 * Parks    no.
 * Context  any thread.
 * OTP      lists:reverse/1, ++, lists:sort/1, lists:usort/1; TO-12.
 */
COP_API cop_term cop_list_reverse(cop_term list);
COP_API cop_term cop_list_append(cop_term first, cop_term second);
COP_API cop_term cop_list_sort(cop_term list);
COP_API cop_term cop_list_usort(cop_term list);

/* Tuples: the number of elements (0 of what is no tuple), and one of them, counted from 0.
 *
 * Returns  cop_tuple_at no term for what is outside.
 * Parks    no.
 * Context  any thread.
 * OTP      tuple_size/1, element/2 (which counts from 1).
 */
COP_API size_t cop_tuple_size(cop_term tuple);
COP_API cop_term cop_tuple_at(cop_term tuple, size_t index);

/* Maps: the number of pairs (0 of what is no map), and the value of a key (=:=).
 *
 * Returns  cop_map_get false when there is no such key, or no map.
 * Parks    no.
 * Context  any thread.
 * OTP      map_size/1, maps:find/2.
 */
COP_API size_t cop_map_size(cop_term map);
COP_API bool cop_map_get(cop_term *ret_value, cop_term map, cop_term key);

typedef struct {
    cop_term map;
    uint64_t position[68]; /* private */
} cop_map_iterator;

/* Walk a map; the order is unspecified, but the same for equal maps.
 *   for (cop_map_iterator i = cop_map_begin(map); cop_map_next(&key, &value, &i);)
 *
 * Returns  cop_map_next whether there was a pair.
 * Parks    no.
 * Context  any thread; the map must live.
 * OTP      maps:iterator/1, maps:next/1; TO-14.
 */
COP_API cop_map_iterator cop_map_begin(cop_term map);
COP_API bool cop_map_next(cop_term *ret_key, cop_term *ret_value, cop_map_iterator *iterator);

/* --- Order, equality, hash (TO-) ------------------------------------------------------------- */

/* The total order of terms, and the two equalities: == and =:=.
 *
 * Returns  cop_compare -1, 0 or 1; 0 means ==. As from OTP 27 on, 0.0 and -0.0 are == but not =:=.
 * Parks    no; takes no C stack for deep terms.
 * Context  any thread.
 * OTP      <, ==, =:=; TO-01 to TO-13.
 */
COP_API int cop_compare(cop_term a, cop_term b);
COP_API bool cop_equal(cop_term a, cop_term b);
COP_API bool cop_identical(cop_term a, cop_term b);

/* Hashes: 64 bits that are equal for =:= terms and the same in every run and on every machine; and
 * Erlang's own, value for value. Who chooses the terms can make either collide: a table with keys
 * from outside needs a keyed hash of its own, or a map, which is safe.
 *
 * Returns  the hash, of cop_phash2 below range (0: 2^32).
 * Parks    no.
 * Context  any thread.
 * OTP      none; erlang:phash2/2.
 */
COP_API uint64_t cop_hash(cop_term term);
COP_API uint32_t cop_phash2(cop_term term, uint32_t range);

/* --- Text (TP-) ------------------------------------------------------------------------------ */

/* Erlang's notation: as ~tp without line breaks; as ~tw; as ~tp with line breaks. Lists of
 * printable Latin-1 characters are shown as strings, binaries of any printable UTF-8; keys of maps
 * in order.
 *
 * Returns  UTF-8 with a zero after it; it lives until the end of the turn.
 * Exits    system_limit without memory.
 * Parks    no.
 * Options  columns of a line, usually 80.
 * Context  any thread.
 * OTP      io_lib:format/2; TP-01 to TP-16.
 */
COP_API const char *cop_show(cop_term term);
COP_API const char *cop_show_raw(cop_term term);
COP_API const char *cop_show_pretty(cop_term term, int columns);

/* As cop_show, into a buffer, with snprintf's contract.
 *
 * Returns  the bytes it needs, without the zero that ends it.
 * Exits    system_limit without memory.
 * Parks    no.
 * Options  size in bytes, 0 to ask only.
 * Context  any thread.
 * OTP      io_lib:format/2.
 */
COP_API size_t cop_format_term(char *buffer, size_t size, cop_term term);

struct cop_parse_error {
    size_t position;  /* in bytes from the start of the text */
    int line, column; /* from 1 */
    char message[96];
};

/* One term in Erlang notation from text of run time, which may be hostile: memory is bounded by its
 * length, numbers have at most 100,000 digits. No variables; comments and a final dot are taken. It
 * makes the atoms it names.
 *
 * Returns  0; -COP_ESYNTAX, or -COP_ESYSTEMLIMIT when the atom table is full, with *ret_error
 *          filled if it is not NULL. The term lives until the end of the turn.
 * Parks    no.
 * Context  any thread.
 * OTP      erl_scan:string/1 and erl_parse:parse_term/1.
 */
COP_API int cop_parse(cop_term *ret_term, cop_bytes text, struct cop_parse_error *ret_error);

/* --- Memory ---------------------------------------------------------------------------------- */

/* Keep a term beyond the turn: copy it into memory of the process and put it in *place, in place of
 * what was kept there. cop_keep_clear gives back what *place keeps, and makes it none.
 *
 * Exits    system_limit without memory.
 * Parks    no.
 * Context  any process; *place starts zeroed and belongs to the process.
 * OTP      a variable of the state.
 */
COP_API void cop_keep(cop_term *place, cop_term term);
COP_API void cop_keep_clear(cop_term *place);

COP_END_DECLS

#include <coppice/pattern.h>

#endif
