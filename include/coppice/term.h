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

/* --- Typed constructors; each returns a term of this turn. Parks no; any thread. ------------ */

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

COP_API cop_term cop_int(int64_t value);
COP_API cop_term cop_uint(uint64_t value);
COP_API cop_term cop_float(double value);
COP_API cop_term cop_bool(bool value);
COP_API cop_term cop_text(const char *text);              /* a binary of the bytes, as "text" in Elixir */
COP_API cop_term cop_string(const char *text);            /* a list of code points, as "text" in Erlang */
COP_API cop_term cop_binary(const void *data, size_t size);
COP_API cop_term cop_binary_new(size_t size, char **ret_data); /* to be filled before anyone sees it */
COP_API cop_term cop_bitstring(const void *data, size_t bits);
COP_API cop_term cop_binary_part(cop_term binary, size_t start, size_t size); /* shares large ones */
COP_API cop_term cop_integer_from_bytes(bool negative, const void *little_endian, size_t size);
COP_API cop_atom cop_atom_new(const char *text);          /* aborts the process: system_limit */
COP_API int cop_atom_from_bytes(cop_atom *ret_atom, cop_bytes text); /* -COP_ESYSTEMLIMIT, -COP_EBADARG */
COP_API bool cop_atom_existing(cop_atom *ret_atom, cop_bytes text);
COP_API cop_bytes cop_atom_text(cop_atom atom);           /* lives for ever, zero-terminated */
COP_API cop_term cop_from_atom(cop_atom atom);
COP_API cop_term cop_from_pid(cop_pid pid);
COP_API cop_term cop_from_ref(cop_ref ref);
COP_API cop_term cop_nil(void);
COP_API cop_term cop_cons(cop_term head, cop_term tail);
COP_API cop_term cop_list(const cop_term *items, size_t count);
COP_API cop_term cop_list_with_tail(const cop_term *items, size_t count, cop_term tail);
COP_API cop_term cop_tuple_from(const cop_term *items, size_t count);
COP_API cop_term cop_map_new(void);
COP_API cop_term cop_map_from(const cop_term *keys_and_values, size_t pairs); /* later keys win */
COP_API cop_term cop_map_put(cop_term map, cop_term key, cop_term value);
COP_API cop_term cop_map_remove(cop_term map, cop_term key);
COP_API cop_term cop_fun(cop_atom module, cop_atom function, uint32_t arity);
COP_API cop_pid cop_pid_remote(cop_atom node, uint32_t creation, uint32_t id, uint32_t serial);
COP_API cop_term cop_ref_remote(cop_atom node, uint32_t creation, const uint32_t *ids, size_t count);
COP_API cop_term cop_port_remote(cop_atom node, uint32_t creation, uint64_t id);
COP_API cop_term cop_fun_opaque(const void *external_format, size_t size);

/* --- Typed accessors: false or a negative error where the term is of another type ----------- */

COP_API enum cop_type cop_type_of(cop_term term);
COP_API bool cop_to_int(int64_t *ret_value, cop_term term);
COP_API bool cop_to_uint(uint64_t *ret_value, cop_term term);
COP_API bool cop_to_double(double *ret_value, cop_term term);   /* a float, or an integer that fits */
COP_API bool cop_to_bool(bool *ret_value, cop_term term);
COP_API bool cop_to_atom(cop_atom *ret_value, cop_term term);
COP_API bool cop_to_pid(cop_pid *ret_value, cop_term term);
COP_API bool cop_to_ref(cop_ref *ret_value, cop_term term);     /* of this node */
COP_API bool cop_to_bytes(cop_bytes *ret_value, cop_term term); /* a binary, a view */
COP_API bool cop_to_text(cop_bytes *ret_value, cop_term term);  /* binary, atom or character list (iodata too) */
COP_API bool cop_is_binary(cop_term term);
COP_API size_t cop_bit_size(cop_term bitstring);
COP_API int cop_integer_sign(cop_term integer);
COP_API size_t cop_integer_bytes(cop_term integer, void *ret_little_endian, size_t size); /* needed size */
COP_API bool cop_is_proper_list(cop_term term);
COP_API bool cop_list_next(cop_term *ret_head, cop_term *list); /* while (cop_list_next(&item, &rest)) */
COP_API bool cop_list_length(size_t *ret_length, cop_term list);
COP_API cop_term cop_list_reverse(cop_term list);
COP_API cop_term cop_list_append(cop_term first, cop_term second);
COP_API bool cop_list_member(cop_term item, cop_term list);     /* =:= */
COP_API cop_term cop_list_sort(cop_term list);                  /* stable, by == order */
COP_API cop_term cop_list_usort(cop_term list);
COP_API bool cop_proplist_get(cop_term *ret_value, cop_term list, cop_term key); /* lists:keyfind(Key, 1, _) */
COP_API size_t cop_tuple_size(cop_term tuple);                  /* 0 for what is no tuple */
COP_API cop_term cop_tuple_at(cop_term tuple, size_t index);    /* from 0; none outside */
COP_API size_t cop_map_size(cop_term map);
COP_API bool cop_map_get(cop_term *ret_value, cop_term map, cop_term key);

/* Walk a map; the order is unspecified (TO-14).
 *   for (cop_map_iterator i = cop_map_begin(map); cop_map_next(&key, &value, &i);) */
typedef struct {
    cop_term map;
    uint64_t position[36]; /* private */
} cop_map_iterator;
COP_API cop_map_iterator cop_map_begin(cop_term map);
COP_API bool cop_map_next(cop_term *ret_key, cop_term *ret_value, cop_map_iterator *iterator);

/* --- Order, equality, hash (TO-) ------------------------------------------------------------ */

COP_API int cop_compare(cop_term a, cop_term b);      /* <0, 0, >0; 0 means == */
COP_API bool cop_equal(cop_term a, cop_term b);       /* == */
COP_API bool cop_identical(cop_term a, cop_term b);   /* =:= */
COP_API uint64_t cop_hash(cop_term term);             /* equal for =:= terms; the same in every run */
COP_API uint32_t cop_phash2(cop_term term, uint32_t range); /* erlang:phash2/2, value for value */

/* --- Text (TP-) ----------------------------------------------------------------------------- */

COP_API const char *cop_show(cop_term term);          /* as ~tp without line breaks; lives for the turn */
COP_API const char *cop_show_raw(cop_term term);      /* as ~tw */
COP_API size_t cop_format_term(char *buffer, size_t size, cop_term term); /* snprintf's contract, ~tp */
COP_API const char *cop_show_pretty(cop_term term, int columns); /* ~p with line breaks (TP-16) */

struct cop_parse_error {
    size_t position; /* in bytes from the start of the text */
    int line, column; /* from 1 */
    char message[96];
};
/* One term in Erlang notation from text of run time; no variables. */
COP_API int cop_parse(cop_term *ret_term, cop_bytes text, struct cop_parse_error *ret_error);

/* --- Memory --------------------------------------------------------------------------------- */

/* Copy term into process memory and put it in *place, in place of what was kept there. */
COP_API void cop_keep(cop_term *place, cop_term term);
/* Give back what *place keeps; *place becomes none. */
COP_API void cop_keep_clear(cop_term *place);

COP_END_DECLS

#include <coppice/pattern.h>

#endif
