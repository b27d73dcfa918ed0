/* SPDX-License-Identifier: Apache-2.0 */
/* ets: tables of tuples in memory, shared by all processes of the node.
 *
 *   cop_term prices = cop_ets_new("prices", .named = true, .access = COP_PUBLIC);
 *
 *   cop_ets_insert(prices, cop("{apple, 120}"));
 *   cop_ets_lookup(prices, cop("apple"));            [{apple, 120}]
 *   cop_ets_update_counter(prices, cop("apple"), cop("{2, 5}"));
 *
 * Objects are copied in and out. Each operation is atomic and isolated. Reads take no lock, and
 * writers of different keys of a hash table rarely wait for each other. A table belongs to a
 * process and ends with it, unless it has an heir.
 *
 * In all functions `table` is what cop_ets_new gave, or the name of a named table: cop("prices").
 * What is no table, access that is not allowed and arguments of a wrong form exit the caller with
 * badarg (ETS-08, ETS-09). Terms that are returned live until the end of the turn. None of these
 * functions waits for anything but the short time in which another writes; long ones yield. */
#ifndef COPPICE_ETS_H
#define COPPICE_ETS_H

#include <coppice/file.h>
#include <coppice/process.h>

COP_BEGIN_DECLS

enum cop_table_type { COP_SET, COP_ORDERED_SET, COP_BAG, COP_DUPLICATE_BAG };
enum cop_table_access { COP_PROTECTED, COP_PUBLIC, COP_PRIVATE };

struct cop_table_options {
    int unset; /* so that a list of no options can be written */
    enum cop_table_type type;
    enum cop_table_access access; /* protected: all read, the owner writes */
    bool named;
    int key_position;                                     /* of the key in an object; 0: 1 */
    cop_pid heir;                                         /* id 0: none */
    cop_term heir_data;                                   /* none: [] */
    bool read_concurrency, write_concurrency, compressed; /* write: more locks. Others: no effect */
};

/* Make a table that belongs to the caller; written cop_ets_new("name", .type = COP_BAG).
 *
 * Returns  the table: a reference, or its name for a named one.
 * Exits    the caller with badarg: a name that is taken, an option of a wrong form; system_limit.
 * Parks    no.
 * Context  any process.
 * OTP      ets:new/2. Clauses ETS-01 to ETS-05, ETS-12.
 */
COP_API cop_term cop_ets_new_with(const char *name, const struct cop_table_options *options);
#define cop_ets_new(...) COP__ETS_NEW(__VA_ARGS__, )
#define COP__ETS_NEW(NAME, ...) \
    cop_ets_new_with((NAME), &(const struct cop_table_options){ .unset = 0, __VA_ARGS__ })

/* End a table.
 *
 * Exits    the caller with badarg.
 * Parks    yields.
 * Context  any process with the right to write.
 * OTP      ets:delete/1. Clauses ETS-08, ETS-09.
 */
COP_API void cop_ets_delete_table(cop_term table);

/* Give a named table another name; one that is not named stays so.
 *
 * Returns  the name, or the table where it is not named.
 * Exits    the caller with badarg: the name is taken.
 * Parks    no.
 * Context  any process with the right to write.
 * OTP      ets:rename/2. Clause ETS-10.
 */
COP_API cop_term cop_ets_rename(cop_term table, const char *name);

/* Which table has this name, and which tables there are.
 *
 * Returns  whereis: its reference, or the atom undefined; all: a list, in no order.
 * Parks    no.
 * Context  any process.
 * OTP      ets:whereis/1, all/0. Clauses ETS-09, ETS-10.
 */
COP_API cop_term cop_ets_whereis(cop_term name);
COP_API cop_term cop_ets_all(void);

/* Make another process the owner: it gets {'ETS-TRANSFER', Table, Self, Data}.
 *
 * Exits    the caller with badarg: it is not the owner, `to` is itself, gone, or of another node.
 * Parks    no.
 * Context  the owner.
 * OTP      ets:give_away/3. Clause ETS-06.
 */
COP_API void cop_ets_give_away(cop_term table, cop_pid to, cop_term data);

/* Who becomes the owner when the owner ends: it gets {'ETS-TRANSFER', Table, Owner, Data}. heir id
 * 0: nobody.
 *
 * Exits    the caller with badarg: it is not the owner, heir is of another node.
 * Parks    no.
 * Context  the owner.
 * OTP      ets:setopts/2. Clause ETS-07.
 */
COP_API void cop_ets_set_heir(cop_term table, cop_pid heir, cop_term data);

/* --- Objects ---------------------------------------------------------------------------------- */

/* Put an object in, or each of a list: all of them or none, and nobody sees only some.
 *
 * Returns  cop_ets_insert_new: false when a key is there already; then nothing was put in.
 * Exits    the caller with badarg: what is no tuple, or too short for its key.
 * Parks    no.
 * Context  any process with the right to write.
 * OTP      ets:insert/2, insert_new/2. Clauses ETS-14 to ETS-19.
 */
COP_API void cop_ets_insert(cop_term table, cop_term objects);
COP_API bool cop_ets_insert_new(cop_term table, cop_term objects);

/* The objects with this key; whether there is one; all of them, taken out.
 *
 * Returns  a list, in the order in which they were put in.
 * Exits    the caller with badarg.
 * Parks    no.
 * Context  any process with the right to read; for take, to write.
 * OTP      ets:lookup/2, member/2, take/2. Clauses ETS-16, ETS-20, ETS-22.
 */
COP_API cop_term cop_ets_lookup(cop_term table, cop_term key);
COP_API bool cop_ets_member(cop_term table, cop_term key);
COP_API cop_term cop_ets_take(cop_term table, cop_term key);

/* One element of the object with this key; of a bag a list of them.
 *
 * Returns  the element; or `missing` where there is no such object, unless that is none.
 * Exits    the caller with badarg: no such object and no `missing`, or no such position.
 * Parks    no.
 * Context  any process with the right to read.
 * OTP      ets:lookup_element/3,4. Clause ETS-20.
 */
COP_API cop_term cop_ets_lookup_element(
    cop_term table, cop_term key, int position, cop_term missing);

/* Take out what has this key, or what is exactly this object, or everything.
 *
 * Exits    the caller with badarg.
 * Parks    yields.
 * Context  any process with the right to write.
 * OTP      ets:delete/2, delete_object/2, delete_all_objects/1. Clauses ETS-21, ETS-47.
 */
COP_API void cop_ets_delete(cop_term table, cop_term key);
COP_API void cop_ets_delete_object(cop_term table, cop_term object);
COP_API void cop_ets_delete_all(cop_term table);

/* Change elements of the object with this key: {Position, Value}, or a list of these.
 *
 * Returns  false: there is no such object. One is made of `missing`, unless that is none.
 * Exits    the caller with badarg: a bag, the position of the key, or one that is not there.
 * Parks    no.
 * Context  any process with the right to write.
 * OTP      ets:update_element/3,4. Clause ETS-23.
 */
COP_API bool cop_ets_update_element(
    cop_term table, cop_term key, cop_term elements, cop_term missing);

/* Add to integers of the object with this key: N (to the element after the key), {Position, N},
 * {Position, N, Threshold, Value}, or a list of the last two.
 *
 * Returns  the new value, or a list of them. Without such an object one is made of `missing`, whose
 *          key is then the one that was looked for, unless that is none.
 * Exits    the caller with badarg, and nothing has changed.
 * Parks    no.
 * Context  any process with the right to write.
 * OTP      ets:update_counter/3,4. Clauses ETS-24 to ETS-27.
 */
COP_API cop_term cop_ets_update_counter(
    cop_term table, cop_term key, cop_term change, cop_term missing);

/* --- Walking ---------------------------------------------------------------------------------- */

/* Keys: the first, the last, the neighbours of one. Of an ordered table in order; of others in some
 * order, for which first and last, next and previous are the same.
 *
 * Returns  the key, or the atom '$end_of_table'. With _lookup: {Key, Objects}.
 * Exits    the caller with badarg: a key that is not there, in a table that is not ordered.
 * Parks    no.
 * Context  any process with the right to read.
 * OTP      ets:first/1, last/1, next/2, prev/2, first_lookup/1 and its like. Clauses ETS-28 to
 *          ETS-30, ETS-34.
 */
COP_API cop_term cop_ets_first(cop_term table);
COP_API cop_term cop_ets_last(cop_term table);
COP_API cop_term cop_ets_next(cop_term table, cop_term key);
COP_API cop_term cop_ets_previous(cop_term table, cop_term key);
COP_API cop_term cop_ets_first_lookup(cop_term table);
COP_API cop_term cop_ets_last_lookup(cop_term table);
COP_API cop_term cop_ets_next_lookup(cop_term table, cop_term key);
COP_API cop_term cop_ets_previous_lookup(cop_term table, cop_term key);

/* Fix a table, so that a walk over it sees each object that is there all the time exactly once,
 * whatever is deleted meanwhile. As often as it was fixed it is to be let go; the end of the
 * process does so too.
 *
 * Exits    the caller with badarg.
 * Parks    yields.
 * Context  any process with the right to read.
 * OTP      ets:safe_fixtable/2. Clauses ETS-31, ETS-33.
 */
COP_API void cop_ets_safe_fixtable(cop_term table, bool fix);

/* All objects, or what a function makes of them: fn gets the object and what it returned last.
 *
 * Returns  a list; an ordered table's in order. For fold what fn returned last.
 * Exits    the caller with badarg; with what fn raises.
 * Parks    yields, and whatever fn does.
 * Options  backwards: of an ordered table from the last to the first (foldr).
 * Context  any process with the right to read.
 * OTP      ets:tab2list/1, foldl/3, foldr/3. Clause ETS-44.
 */
COP_API cop_term cop_ets_tab2list(cop_term table);
typedef cop_term cop_ets_fold_fn(cop_term object, cop_term accumulator, void *arg);
COP_API cop_term cop_ets_fold(
    cop_term table, cop_ets_fold_fn *fn, void *arg, cop_term accumulator, bool backwards);

/* The objects of slot index: of an ordered table the one at this place.
 *
 * Returns  a list, or the atom '$end_of_table' for the number of slots.
 * Exits    the caller with badarg: beyond that.
 * Parks    yields.
 * Context  any process with the right to read.
 * OTP      ets:slot/2. Clause ETS-48.
 */
COP_API cop_term cop_ets_slot(cop_term table, int64_t index);

/* --- Asking with patterns and match specifications (coppice/match_spec.h) --------------------- */

/* What a match specification makes of the objects; how many of them it makes true.
 *
 * Returns  the results; of an ordered table in order, or backwards.
 * Exits    the caller with badarg: a malformed specification.
 * Parks    yields.
 * Context  any process with the right to read.
 * OTP      ets:select/2, select_reverse/2, select_count/2. Clauses ETS-38 to ETS-41, ETS-43.
 */
COP_API cop_term cop_ets_select(cop_term table, cop_term spec);
COP_API cop_term cop_ets_select_reverse(cop_term table, cop_term spec);
COP_API int64_t cop_ets_select_count(cop_term table, cop_term spec);

/* Take out those that the specification makes true, or put in their place what it makes of them.
 *
 * Returns  how many.
 * Exits    the caller with badarg: a malformed specification; for replace also a bag, and a
 *          specification that does not evidently keep the key.
 * Parks    yields.
 * Context  any process with the right to write.
 * OTP      ets:select_delete/2, select_replace/2. Clause ETS-41.
 */
COP_API int64_t cop_ets_select_delete(cop_term table, cop_term spec);
COP_API int64_t cop_ets_select_replace(cop_term table, cop_term spec);

/* At most `limit` results at a time.
 *
 * Returns  {Results, Continuation}, or the atom '$end_of_table'. continue takes the continuation,
 *          which may also be '$end_of_table'. It is a plain term.
 * Exits    the caller with badarg: also a limit below 1, and what is no continuation.
 * Parks    yields.
 * Context  any process with the right to read.
 * OTP      ets:select/1,3, select_reverse/1,3. Clause ETS-42.
 */
COP_API cop_term cop_ets_select_some(cop_term table, cop_term spec, int64_t limit);
COP_API cop_term cop_ets_select_some_reverse(cop_term table, cop_term spec, int64_t limit);
COP_API cop_term cop_ets_select_continue(cop_term continuation);

/* The same with a pattern, the head of a match specification: the list of its variables, the
 * objects themselves, or take them out.
 *
 * Returns  a list.
 * Exits    the caller with badarg.
 * Parks    yields.
 * Context  any process with the right to read; for delete, to write.
 * OTP      ets:match/2, match_object/2, match_delete/2. Clauses ETS-35 to ETS-37.
 */
COP_API cop_term cop_ets_match(cop_term table, cop_term pattern);
COP_API cop_term cop_ets_match_object(cop_term table, cop_term pattern);
COP_API void cop_ets_match_delete(cop_term table, cop_term pattern);

/* --- About a table ---------------------------------------------------------------------------- */

/* What there is to know of a table, or one item: id, decentralized_counters, read_concurrency,
 * write_concurrency, compressed, memory (in words), owner, heir, name, size, node, named_table,
 * type, keypos, protection; by name also fixed, safe_fixed and safe_fixed_monotonic_time.
 *
 * Returns  a list of {Item, Value}, or the value; the atom undefined for what is no table.
 * Exits    the caller with badarg: no such item.
 * Parks    no.
 * Context  any process.
 * OTP      ets:info/1,2. Clauses ETS-33, ETS-46.
 */
COP_API cop_term cop_ets_info(cop_term table);
COP_API cop_term cop_ets_info_item(cop_term table, cop_term item);

/* --- To a file and back ----------------------------------------------------------------------- */

struct cop_tab2file_options {
    int unset;                 /* so that a list of no options can be written */
    bool md5sum, object_count; /* written behind the objects, for who verifies */
    bool sync;                 /* wait until it is on the disk */
};

/* Write a table to a file, in the form of ets:tab2file, which Erlang reads and the other way round;
 * written cop_ets_tab2file(table, "prices.ets", &reason, .object_count = true). What others write
 * meanwhile may or may not be in it. The file appears, or is replaced, when it is whole.
 *
 * Returns  0; -COP_ENOTFOUND with badtab, -errno with {file_error, Path, Name}: in *ret_reason,
 *          which may be NULL, and lives until the end of the turn.
 * Exits    the caller with badarg: it may not read the table, or that ends meanwhile.
 * Parks    yes, in the system; other processes run meanwhile.
 * Context  any process with the right to read.
 * OTP      ets:tab2file/2,3. Clauses ETS-51 to ETS-53.
 */
COP_API int cop_ets_tab2file_with(cop_term table, cop_bytes path,
    const struct cop_tab2file_options *options, cop_term *ret_reason);

struct cop_file2tab_options {
    int unset;
    bool verify; /* the file is whole, as far as it says itself; else what can be read is taken */
    bool safe;   /* make no new atoms: for files from outside */
    cop_term table; /* put the objects into this one; none: make the one that was written */
};

/* Make a table of a file; written cop_ets_file2tab(&table, "prices.ets", &reason, .verify = true).
 *
 * Returns  0 and the table, which belongs to the caller; -errno or -COP_ESYNTAX, and in
 *          *ret_reason, which may be NULL, {read_error, Reason}, badfile, checksum_error,
 *          invalid_object_count, unsupported_file_version or cannot_create_table. Then there is no
 *          table; one that was given may have some of the objects.
 * Exits    the caller with badarg: a table was given that it may not write.
 * Parks    yes, in the system; other processes run meanwhile.
 * Context  any process.
 * OTP      ets:file2tab/1,2. Clauses ETS-52 to ETS-55.
 */
COP_API int cop_ets_file2tab_with(cop_term *ret_table, cop_bytes path,
    const struct cop_file2tab_options *options, cop_term *ret_reason);

/* What a file says of the table in it.
 *
 * Returns  0 and [{name, N}, {type, T}, {protection, P}, {named_table, B}, {keypos, K}, {size, S},
 *          {extended_info, L}, {version, {Major, Minor}}], which lives until the end of the turn;
 *          else as cop_ets_file2tab.
 * Parks    yes, in the system.
 * Context  any process.
 * OTP      ets:tabfile_info/1. Clause ETS-56.
 */
COP_API int cop_ets_tabfile_info(cop_term *ret_info, cop_bytes path, cop_term *ret_reason);

#ifndef __cplusplus
#define cop_ets_tab2file(TABLE, PATH, ...) COP__ETS_TAB2FILE((TABLE), (PATH), __VA_ARGS__, )
#define COP__ETS_TAB2FILE(TABLE, PATH, RET_REASON, ...)  \
    cop_ets_tab2file_with((TABLE), cop_bytes_from(PATH), \
        &(const struct cop_tab2file_options){ .unset = 0, __VA_ARGS__ }, (RET_REASON))
#define cop_ets_file2tab(RET_TABLE, PATH, ...) COP__ETS_FILE2TAB((RET_TABLE), (PATH), __VA_ARGS__, )
#define COP__ETS_FILE2TAB(RET_TABLE, PATH, RET_REASON, ...)  \
    cop_ets_file2tab_with((RET_TABLE), cop_bytes_from(PATH), \
        &(const struct cop_file2tab_options){ .unset = 0, __VA_ARGS__ }, (RET_REASON))
#endif

COP_END_DECLS

#endif
