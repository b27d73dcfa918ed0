/* SPDX-License-Identifier: Apache-2.0 */
/* registry: processes under keys of any form, in tables that all read without a lock.
 *
 *   static const cop_registry rooms = { .name = "rooms" };
 *
 *   cop_registry_register(NULL, "rooms", cop("{room, 7}"), cop("open"));
 *   cop_registry_lookup("rooms", cop("{room, 7}"));                      [{Pid, open}]
 *   cop_call(cop_via(&cop_registry_via, cop("{rooms, {room, 7}}")), request);
 *
 * With unique keys a key belongs to one process, with duplicate ones to any number. A process
 * registers itself, and its entries go when it ends. Registering, looking up and dispatching go
 * through no process (REG-34). In all functions `registry` is its name; one that is not there is
 * badarg (REG-28). Clauses REG-01 to REG-34. */
#ifndef COPPICE_REGISTRY_H
#define COPPICE_REGISTRY_H

#include <coppice/supervisor.h>

COP_BEGIN_DECLS

enum cop_registry_keys {
    COP_UNIQUE,
    COP_DUPLICATE,       /* entries lie in the partition of the process */
    COP_DUPLICATE_BY_KEY /* in that of the key: a dispatch looks at one partition */
};

/* What a registry is made of; a static const. */
typedef struct cop_registry {
    const char *name; /* registered name: needed */
    enum cop_registry_keys keys;
    int partitions;               /* 0: 1 */
    const char *const *listeners; /* registered names, ends with NULL: REG-26 */
    const char *meta;             /* a list of {Key, Value} as Erlang text */
} cop_registry;

/* Start a registry, linked to the caller.
 *
 * Returns  0 and *ret_pid; a negative error and *ret_error, which may be NULL, as
 *          cop_supervisor_start_link.
 * Exits    the caller with badarg: no name, partitions below 0, a meta that is no such list.
 * Parks    until it is up.
 * Context  any process. definition lives as long as the registry.
 * OTP      Registry.start_link/1. Clauses REG-01, REG-29, REG-33.
 */
COP_API int cop_registry_start_link(
    cop_pid *ret_pid, const cop_registry *definition, cop_term *ret_error);

/* A registry under a supervisor: { COP_REGISTRY_CHILD(&rooms), .name = "rooms" }.
 *
 * Returns  what the supervisor is to know.
 * Parks    until it is up.
 * Context  a supervisor, which calls it; definition is a cop_registry.
 * OTP      Registry.child_spec/1. Clause REG-33.
 */
COP_API cop_child_start cop_registry_start_child(cop_term arg, const void *definition);
#define COP_REGISTRY_CHILD(DEFINITION) \
    .start = cop_registry_start_child, .context = (DEFINITION), .type_supervisor = true

/* Register the calling process under a key, with a value. It is linked to the owner of the
 * partition, which takes its entries out when it ends.
 *
 * Returns  0, and *ret_pid, which may be NULL, is the owner; -COP_EALREADY, and *ret_pid is the
 *          process that has the key.
 * Exits    the caller with badarg; also when a listener is not registered, after the entry was
 *          written (REG-27).
 * Parks    no.
 * Context  any process.
 * OTP      Registry.register/3. Clauses REG-02 to REG-06, REG-26.
 */
COP_API int cop_registry_register(
    cop_pid *ret_pid, const char *registry, cop_term key, cop_term value);

/* Take the caller's entries under a key out: all of them, or those whose value matches a pattern
 * and guards, as in a match specification (guards none: []).
 *
 * Exits    the caller with badarg.
 * Parks    no.
 * Context  any process.
 * OTP      Registry.unregister/2, unregister_match/4. Clauses REG-10, REG-11.
 */
COP_API void cop_registry_unregister(const char *registry, cop_term key);
COP_API void cop_registry_unregister_match(
    const char *registry, cop_term key, cop_term pattern, cop_term guards);

/* Who is there: the entries of a key; of these, the ones whose values match; the keys of a process,
 * one for each entry; its values under a key; the results of a match specification over
 * {Key, Pid, Value}.
 *
 * Returns  a list in no order, of lookup and match of {Pid, Value}, until the end of the turn.
 * Exits    the caller with badarg.
 * Parks    no; select yields.
 * Context  any process.
 * OTP      Registry.lookup/2, match/4, keys/2, values/3, select/2. Clauses REG-07, REG-08, REG-12,
 *          REG-13, REG-16, REG-18.
 */
COP_API cop_term cop_registry_lookup(const char *registry, cop_term key);
COP_API cop_term cop_registry_match(
    const char *registry, cop_term key, cop_term pattern, cop_term guards);
COP_API cop_term cop_registry_keys_of(const char *registry, cop_pid pid);
COP_API cop_term cop_registry_values(const char *registry, cop_term key, cop_pid pid);
COP_API cop_term cop_registry_select(const char *registry, cop_term spec);

/* How many: of all entries, of those of a key whose values match, of those that a specification
 * makes true.
 *
 * Returns  the number.
 * Exits    the caller with badarg.
 * Parks    no; count_select yields.
 * Context  any process.
 * OTP      Registry.count/1, count_match/4, count_select/2. Clauses REG-15, REG-17, REG-18.
 */
COP_API int64_t cop_registry_count(const char *registry);
COP_API int64_t cop_registry_count_match(
    const char *registry, cop_term key, cop_term pattern, cop_term guards);
COP_API int64_t cop_registry_count_select(const char *registry, cop_term spec);

/* Change the value of a key that the caller has, in a registry with unique keys.
 *
 * Returns  {New, Old}, or the atom error: it has not. It lives until the end of the turn.
 * Exits    the caller with badarg: keys are not unique; with what fn raises.
 * Parks    no.
 * Context  any process.
 * OTP      Registry.update_value/3. Clause REG-14.
 */
typedef cop_term cop_registry_update_fn(cop_term old, cop_term arg);
COP_API cop_term cop_registry_update_value(
    const char *registry, cop_term key, cop_registry_update_fn *fn, cop_term arg);

/* Call fn in the caller with the entries of a key, a list of {Pid, Value} that is not empty: once,
 * or with COP_DUPLICATE once for each partition that has some. parallel: in a linked task each.
 *
 * Exits    the caller with badarg; with what fn raises.
 * Parks    whatever fn does; parallel: until all have returned.
 * Context  any process.
 * OTP      Registry.dispatch/4. Clauses REG-19 to REG-21, REG-32.
 */
typedef void cop_registry_dispatch_fn(cop_term entries, cop_term arg);
COP_API void cop_registry_dispatch(
    const char *registry, cop_term key, cop_registry_dispatch_fn *fn, cop_term arg, bool parallel);

/* What a registry knows of itself: values under keys that are atoms or tuples.
 *
 * Returns  meta: {ok, Value} or the atom error, until the end of the turn.
 * Exits    the caller with badarg: also a key of another type.
 * Parks    no.
 * Context  any process.
 * OTP      Registry.meta/2, put_meta/3, delete_meta/2. Clause REG-25.
 */
COP_API cop_term cop_registry_meta(const char *registry, cop_term key);
COP_API void cop_registry_put_meta(const char *registry, cop_term key, cop_term value);
COP_API void cop_registry_delete_meta(const char *registry, cop_term key);

/* Names of processes as {via, 'Elixir.Registry', {Registry, Key}} or {Registry, Key, Value}:
 * cop_via(&cop_registry_via, cop("{rooms, lobby}")) is a destination, and a start option .name.
 * Clauses REG-22 to REG-24. */
extern COP_API const cop_via_module cop_registry_via;

/* Run fn(arg) in the caller while no other process runs one under this key. Who waits goes on in
 * the order of asking. Keys of locks and of entries have nothing to do with each other.
 *
 * Returns  what fn returned; it lives until the end of the turn.
 * Exits    the caller with badarg; with what fn raises, after the lock was released.
 * Parks    until it is the caller's turn.
 * Context  any process.
 * OTP      Registry.lock/3. Clause REG-31.
 */
typedef cop_term cop_registry_locked_fn(cop_term arg);
COP_API cop_term cop_registry_lock(
    const char *registry, cop_term key, cop_registry_locked_fn *fn, cop_term arg);

COP_END_DECLS

#endif
