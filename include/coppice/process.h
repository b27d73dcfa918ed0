/* SPDX-License-Identifier: Apache-2.0 */
/* Processes: spawn, send, receive, links, monitors, aliases, names, exit signals, dictionary,
 * flags and information, as in erts. Clauses P-01 to P-138 (docs/spec/process.md).
 *
 * How to read the comments. A term that is returned lives until the end of the turn; keep it longer
 * with cop_keep; never free anything. Terms that are given are copied.
 *
 * Exits    what ends the caller, unless cop_try catches it.
 * Parks    yes: the process waits and others run meanwhile. yields: others may run, when the share
 *          of the caller is used up. After either, the process may be on another thread: hold no C
 *          lock across it. no: neither.
 * Context  any process: also a callback. any thread: also one that runs no process.
 *
 * A fatal exit signal (P-41 to P-46) ends a process inside any call that parks or yields. */
#ifndef COPPICE_PROCESS_H
#define COPPICE_PROCESS_H

#include <coppice/term.h>

COP_BEGIN_DECLS

/* --- Destinations ---------------------------------------------------------------------------
 * What a message, call or monitor may be addressed to: a pid, a registered name ("counter"), an
 * alias, a term that is any of these or {Name, Node}, cop_name("counter", "n1@host"), or
 * cop_via(&module, key). All functions of this family are macros over a cop_dest, so that each of
 * these can be written at its place: cop_send(pid, m), cop_send("counter", m). */

typedef struct cop_via_module cop_via_module;

/* Two words, so that it travels in registers. Made and opened by the functions below; a zeroed one
 * is no destination. */
typedef struct {
    uint64_t what; /* id of the pid; word of the name, alias, or of a term that is none of these */
    uint64_t more; /* enum cop_dest_kind; above it the handle or atom of the node */
} cop_dest;

/* A registry of names other than the node's own ({via, Module, Key}). GS-28. */
struct cop_via_module {
    const char *name;                                 /* how reports and exit reasons call it */
    bool (*register_name)(cop_term key, cop_pid pid); /* yes | no */
    void (*unregister_name)(cop_term key);
    bool (*whereis_name)(cop_pid *ret_pid, cop_term key);
    bool is_global; /* shown as {global, Key} in place of {via, Module, Key} */
};

/* A destination of each kind. cop_dest() picks the one for its argument's type. cop_dest_term
 * takes a pid, an atom, a reference or {Name, Node}; any other term is badarg where it is used.
 *
 * Returns  the destination, a plain value. A name is looked up each time it is used (P-21), not
 *          now.
 * Parks    no.
 * Context  any thread.
 * OTP      what stands on the left of `!`, and the ServerRef of gen_server. P-19 to P-22, GS-24.
 */
static inline cop_dest cop_dest_pid(cop_pid pid)
{
    cop_dest dest = { pid.id, pid.node << 8 };
    return dest;
}
COP_API cop_dest cop_dest_name(const char *name);
COP_API cop_dest cop_dest_atom(cop_atom name);
COP_API cop_dest cop_dest_alias(cop_ref alias);
COP_API cop_dest cop_dest_term(cop_term term);
COP_API cop_dest cop_name(const char *name, const char *node);
COP_API cop_dest cop_via(const cop_via_module *module, cop_term key);

/* A destination as Erlang would write it, as it appears in exit reasons.
 *
 * Returns  a pid, an atom, {Name, Node}, a reference or {via, Module, Key}.
 * Parks    no.
 * Context  any thread.
 * OTP      none.
 */
COP_API cop_term cop_dest_show(cop_dest dest);
static inline cop_dest cop_dest_same(cop_dest dest)
{
    return dest;
}

enum cop_dest_kind {
    COP_DEST_PID, /* 0, so that a pid needs no more than its node */
    COP_DEST_NONE,
    COP_DEST_NAME,
    COP_DEST_REMOTE_NAME,
    COP_DEST_ALIAS,
    COP_DEST_VIA
};

/* What a destination is, and what it was made of. Each accessor is for its kind only: name_of for
 * NAME and REMOTE_NAME, node_of for REMOTE_NAME, via_of for VIA.
 *
 * Returns  COP_DEST_NONE: it was made of a term that is no destination. *ret_key lives as long as
 *          the term given to cop_via.
 * Parks    no.
 * Context  any thread; for who writes a behaviour.
 * OTP      none.
 */
COP_API enum cop_dest_kind cop_dest_kind_of(cop_dest dest);
COP_API cop_pid cop_dest_pid_of(cop_dest dest);
COP_API cop_atom cop_dest_name_of(cop_dest dest); /* of NAME and REMOTE_NAME */
COP_API cop_atom cop_dest_node_of(cop_dest dest); /* of REMOTE_NAME */
COP_API const cop_via_module *cop_dest_via_of(cop_dest dest, cop_term *ret_key);

#ifndef __cplusplus
#define cop_dest(X) \
    _Generic((X),                                                                                  \
        cop_pid: cop_dest_pid,                                                                     \
        char *: cop_dest_name,                                                                     \
        const char *: cop_dest_name,                                                               \
        cop_atom: cop_dest_atom,                                                                   \
        cop_ref: cop_dest_alias,                                                                   \
        cop_term: cop_dest_term,                                                                   \
        cop_dest: cop_dest_same)(X)
#endif

/* --- Spawning ------------------------------------------------------------------------------- */

typedef void cop_process_main(cop_term arg);

/* What can be raised. */
enum cop_class { COP_CLASS_NONE, COP_CLASS_EXIT, COP_CLASS_ERROR, COP_CLASS_THROW };

enum cop_priority { COP_PRIORITY_DEFAULT, COP_LOW, COP_NORMAL, COP_HIGH, COP_MAX };

struct cop_spawn_options {
    int unset;            /* so that a list of no options can be written */
    bool link, monitor;   /* one step with the spawn: P-03, P-04 */
    bool monitor_alias;   /* the monitor's reference is also an alias (explicit_unalias) */
    cop_term monitor_tag; /* in place of 'DOWN': P-05 */
    enum cop_priority priority;
    size_t stack_size;        /* bytes; 0: 128 KB, up to 1 MB: a large stack */
    size_t heap_size_max;     /* bytes of turn and kept memory; 0: no limit (max_heap_size) */
    const char *label;        /* proc_lib:set_label/1 */
    const char *initial_call; /* how reports name the entry; default: the symbol of fn */
    bool proc_lib;            /* '$ancestors', '$initial_call', crash report: P-120 to P-123 */
};

/* Start a process that runs fn(arg). It ends with reason normal when fn returns. Link and monitor
 * are made before it can run.
 *
 * Returns  its pid, at once; *ret_monitor is written when options say monitor.
 * Exits    the caller with badarg: no fn, a stack over 1 MB; with system_limit: too many
 *          processes.
 * Parks    yields.
 * Options  see struct cop_spawn_options; NULL: none. ret_monitor may be NULL. Strings are not
 *          copied: give constants.
 * Context  any thread that has a node; link and monitor are for processes.
 * OTP      spawn/1, spawn_link/1, spawn_monitor/1, spawn_opt/2. Clauses P-01 to P-08, P-12 to
 *          P-15.
 */
COP_API cop_pid cop_spawn_with(cop_process_main *fn, cop_term arg,
    const struct cop_spawn_options *options, cop_ref *ret_monitor);
#define cop_spawn_opt(FN, ARG, RET_MONITOR, ...) \
    cop_spawn_with(                              \
        (FN), (ARG), &(const struct cop_spawn_options){ .unset = 0, __VA_ARGS__ }, (RET_MONITOR))
COP_API cop_pid cop_spawn(cop_process_main *fn, cop_term arg);
COP_API cop_pid cop_spawn_link(cop_process_main *fn, cop_term arg);
COP_API cop_pid cop_spawn_monitor(cop_process_main *fn, cop_term arg, cop_ref *ret_monitor);

/* Start a process, and hear of it by message: {spawn_reply, Ref, ok, Pid} or {spawn_reply, Ref,
 * error, badopt}.
 *
 * Returns  the request's reference, which is the monitor's too if options say monitor.
 * Parks    yields.
 * Options  Erlang's list: link, monitor, {priority, P}, {reply_tag, T}, {reply, no |
 *          error_only...}.
 * Context  any process.
 * OTP      spawn_request/2. Clause P-11.
 */
COP_API cop_ref cop_spawn_request(cop_process_main *fn, cop_term arg, cop_term options);

/* The callbacks of a loop (cop_become). */
typedef struct cop_loop {
    /* One turn for each message. A call that is under way has no term: message is none, and
     * cop_current_call gives it. */
    void (*handle_message)(void *state, cop_term message);
    void (*handle_timeout)(void *state); /* after cop_loop_timeout */
    /* A cast (cop_process_cast), without building {Label, Request}. NULL: it is a message. */
    void (*handle_cast)(void *state, cop_atom label, cop_term request);
    /* A turn raised what nobody caught: runs on the stack started anew, then the process goes on
     * with its next message, unless this exits. NULL: the process ends. */
    void (*handle_crash)(void *state, enum cop_class, cop_term reason, cop_term stack);
} cop_loop;

/* Become a process without a stack while it waits: the stack of the caller goes back, and from
 * then on each message is one call of handle_message, one turn, on a borrowed stack. What
 * thousands of idle servers are made of; gen_server is built on it.
 *
 * Returns  never. What lay on the stack is gone; state is the caller's and must not lie there.
 * Parks    yes.
 * Context  a plain process, at the end of its start. loop must live as long as the process.
 * OTP      the receive loop of a behaviour, gen:loop. Clause P-97 in its spirit.
 */
COP_NORETURN COP_API void cop_become(const cop_loop *loop, void *state);

/* When no message has come timeout_ms from now, handle_timeout runs. Any message cancels it.
 *
 * Exits    the caller with timeout_value: negative, or more than 2^32 - 1 ms (P-28).
 * Parks    no.
 * Options  timeout_ms; 0: as soon as the mailbox is empty; COP_INFINITY: no time-out.
 * Context  a turn of a loop.
 * OTP      the time-out a gen_server callback returns. Clauses P-28 to P-30.
 */
COP_API void cop_loop_timeout(int64_t timeout_ms);

/* After this turn the loop waits as one that hibernates, for process_info: a loop that waits holds
 * no stack in any case.
 *
 * Parks    no.
 * Context  a turn of a loop.
 * OTP      hibernate as a gen_server callback returns it. Clause P-98.
 */
COP_API void cop_loop_hibernate(void);

/* Drop the stack, wait for a message, and go on in fn(arg). The message is still in the mailbox
 * then. A cop_try around the call does not protect any more, and the turn's memory is given back.
 *
 * Returns  never.
 * Parks    yes, unless a message is there already.
 * Context  any process; a loop becomes a plain process again.
 * OTP      erlang:hibernate/3. Clauses P-97, P-98.
 */
COP_NORETURN COP_API void cop_hibernate(cop_process_main *fn, cop_term arg);

/* Wait until there is a message, and keep the stack.
 *
 * Parks    yes, unless a message is there already.
 * Context  any process.
 * OTP      erlang:hibernate/0. Clause P-99.
 */
COP_API void cop_hibernate_here(void);

/* The running process, and who started it.
 *
 * Returns  a pid, a plain value; cop_parent: id 0 when no process did. cop_in_process: whether
 *          there is a running process.
 * Exits    with badarg where no process runs; cop_in_process does not.
 * Parks    no.
 * Context  any process; cop_in_process any thread.
 * OTP      self/0, process_info(parent).
 */
COP_API cop_pid cop_self(void);
COP_API bool cop_in_process(void);
COP_API cop_pid cop_parent(void);

/* Let others run: yield goes to the end of the queue, sleep waits. A computation that makes no
 * call of this library yields nowhere, so put a cop_yield in each of its rounds.
 *
 * Exits    the caller with timeout_value (P-28).
 * Parks    yes. Messages do not end a sleep.
 * Options  timeout_ms; COP_INFINITY: for ever, until a signal ends the process.
 * Context  any process.
 * OTP      erlang:yield/0, timer:sleep/1.
 */
COP_API void cop_yield(void);
COP_API void cop_sleep(int64_t timeout_ms);

/* Leave the scheduler to others at once, for a call that is known to block: getaddrinfo, fsync, a
 * slow library. Without these the runtime notices after a while and does the same (docs/adr/0010).
 * A call of this library in between ends the section.
 *
 * Parks    end: until there is a scheduler again; the process may then be on another thread.
 * Context  any process, in pairs; elsewhere they do nothing.
 * OTP      a dirty scheduler, which a NIF must be bound to beforehand.
 */
COP_API void cop_blocking_begin(void);
COP_API void cop_blocking_end(void);

/* End the turn of a plain process: all terms built or received so far are given back. A process
 * that loops over cop_receive for ever calls it once a round, or its memory grows.
 *
 * Parks    no.
 * Context  a plain process: the turn of a loop ends by itself, and there this does nothing. Also a
 *          thread without a process, for the terms it has built.
 * OTP      none: the garbage collector.
 */
COP_API void cop_turn_end(void);

/* End the turn and begin the next without going back to the loop: all terms built or received so
 * far are given back but keep, and a call that is under way. For a behaviour that does many steps
 * for one message, as gen_server does when a callback continues.
 *
 * Returns  a copy of keep that lives for the new turn.
 * Exits    with badarg where no process runs.
 * Parks    yields.
 * Context  any process, where no caller further up still uses a term of the turn.
 * OTP      none: the garbage collector.
 */
COP_API cop_term cop_turn_next(cop_term keep);

/* --- Sending -------------------------------------------------------------------------------- */

/* Send message: a copy of it goes to the mailbox of `to`. To a process that is gone, an inactive
 * alias or a node out of reach it is dropped in silence (P-18, P-22).
 *
 * Exits    the caller with badarg: a local name that is not registered, no destination at all;
 *          with {badarg, {Via, Message}}: a via name that is not.
 * Parks    yields, sooner when the receiver has too much to do.
 * Context  any thread.
 * OTP      `!`, erlang:send/2. Clauses P-16 to P-24, P-32, P-80, P-94.
 */
COP_API void cop_send_to(cop_dest to, cop_term message);
#define cop_send(TO, MESSAGE) cop_send_to(cop_dest(TO), (MESSAGE))

enum { COP_NOSUSPEND = 1, COP_NOCONNECT = 2, COP_SEND_PRIORITY = 4 };
enum cop_send_result { COP_SEND_OK, COP_SEND_NOSUSPEND, COP_SEND_NOCONNECT, COP_SEND_OVERLOAD };

/* The same with flags.
 *
 * Returns  COP_SEND_OK; NOCONNECT or NOSUSPEND: not sent, since that would have meant to connect to
 *          a node, or to wait; OVERLOAD: the receiver's mailbox is full, and refuses
 *          (coppice/mailbox.h).
 * Exits    as cop_send.
 * Parks    yields.
 * Options  flags: COP_NOSUSPEND, COP_NOCONNECT; COP_SEND_PRIORITY: before all ordinary messages, if
 *          `to` is an alias of cop_alias_priority.
 * Context  any thread.
 * OTP      erlang:send/3. Clauses P-23, P-33.
 */
COP_API enum cop_send_result cop_send_flags(cop_dest to, cop_term message, unsigned flags);

/* --- Receiving ------------------------------------------------------------------------------
 *   cop_term m = cop_receive();                              the oldest message
 *   cop_term m = cop_receive_within(100);                    none (cop_is_none) after 100 ms
 *   cop_receive_match("{pong, N}", &n);                      the oldest that matches; others stay
 *   if (!cop_receive_match_within(100, "{pong, N}", &n)) ...
 * Several clauses:
 *   cop_receive_scan scan = cop_receive_begin(timeout_ms);
 *   while (cop_receive_next(&m, &scan))                      parks when all have been looked at
 *       if (cop_match(m, ...)) { cop_receive_take(&scan); ...; break; }
 */
typedef struct {
    int64_t timeout_ms;
    uint64_t internal[6];
} cop_receive_scan;

/* Take the oldest message, waiting for one. A call that was made to this process looks as
 * {Label, {Pid, Tag}, Request}; answer it with cop_process_reply.
 *
 * Returns  the message; lives until the end of the turn. within: none when the time has passed.
 * Exits    the caller with timeout_value (P-28).
 * Parks    yes, when there is none; else yields.
 * Options  timeout_ms; 0: look once; COP_INFINITY: as cop_receive.
 * Context  a plain process. In a turn of a loop it takes what the loop would have been given.
 * OTP      receive M -> M end, receive ... after. Clauses P-25 to P-31.
 */
COP_API cop_term cop_receive(void);
COP_API cop_term cop_receive_within(int64_t timeout_ms);

/* Begin to look through the mailbox, from the oldest message on. begin_ref is for a receive all
 * clauses of which mention `ref`: it passes over all that was there when ref was made, if it is
 * the newest reference of this process, so its cost does not depend on the mailbox's length.
 *
 * Returns  the scan, a plain value: one loop of cop_receive_next. No other receive inside that
 *          loop.
 * Exits    the caller with timeout_value (P-28).
 * Parks    no.
 * Options  timeout_ms of the whole scan, from now (P-29); 0: what is there; COP_INFINITY.
 * Context  a plain process.
 * OTP      a receive with several clauses, selective receive with a reference. P-25 to P-30.
 */
COP_API cop_receive_scan cop_receive_begin(int64_t timeout_ms);
COP_API cop_receive_scan cop_receive_begin_ref(int64_t timeout_ms, cop_ref ref);

/* The next message to look at. It stays in the mailbox, in its place, unless cop_receive_take is
 * called for it.
 *
 * Returns  true and *ret_message, which lives until the next step of the scan unless it is taken;
 *          false: the time has passed.
 * Parks    yes, when all have been looked at.
 * Context  the process that began the scan, in the same turn.
 * OTP      receive. Clauses P-25 to P-31.
 */
COP_API bool cop_receive_next(cop_term *ret_message, cop_receive_scan *scan);

/* The message that cop_receive_next gave last is taken out of the mailbox, and lives until the end
 * of the turn. The scan ends with this.
 *
 * Parks    yields.
 * Context  the process that began the scan, in the same turn.
 * OTP      the end of a receive.
 */
COP_API void cop_receive_take(cop_receive_scan *scan);

#ifndef __cplusplus
#define cop_receive_match(...) cop_receive_match_within(COP_INFINITY, __VA_ARGS__)
#define cop_receive_match_within(TIMEOUT_MS, ...) \
    cop__received(cop__receive_match(TIMEOUT_MS, COP__PATTERN(__VA_ARGS__)))
/* none: the time has passed. */
COP_API cop_term cop__receive_match(
    int64_t timeout_ms, struct cop__pattern *pattern, const struct cop__place *places);
static inline bool cop__received(cop_term outcome)
{
    return outcome.word != 0;
}
#endif

/* --- Ending, exit signals ------------------------------------------------------------------- */

/* Raise: the innermost cop_try around it catches, else the process ends, with reason Reason,
 * {Reason, Stack} or {{nocatch, Value}, Stack}.
 *
 * Returns  never.
 * Parks    no.
 * Context  any process. On a thread that runs none the program is aborted with a message.
 * OTP      exit/1, error/1, throw/1. Clauses P-34 to P-36, P-39.
 */
COP_NORETURN COP_API void cop_exit(cop_term reason);
COP_NORETURN COP_API void cop_error(cop_term reason);
COP_NORETURN COP_API void cop_throw(cop_term value);

/* Raise what was caught once more, with the stack it was caught with, as if cop_try had not been
 * there.
 *
 * Returns  never.
 * Exits    badarg where class is none of those of cop_try.
 * Parks    no.
 * Context  as cop_exit.
 * OTP      erlang:raise/3. Clauses P-34, P-121.
 */
COP_NORETURN COP_API void cop_raise(enum cop_class class_, cop_term reason, cop_term stack);

/* Send an exit signal. It ends the receiver, or becomes the message {'EXIT', From, Reason} in one
 * that traps exits; kill ends either, with killed; normal ends no one but the sender itself. To a
 * process that is gone: nothing.
 *
 * Exits    the caller with badarg: no pid; with reason, before it returns: to itself and fatal
 *          (P-49).
 * Parks    yields.
 * Options  _priority: where it becomes a message, before all ordinary ones.
 * Context  any thread.
 * OTP      exit/2, exit_signal/2,3. Clauses P-41 to P-54, P-33.
 */
COP_API void cop_exit_signal(cop_pid to, cop_term reason);
COP_API void cop_exit_signal_priority(cop_pid to, cop_term reason);

/* Run fn(arg) and catch what it raises. Functions that cop_defer registered inside run when it
 * unwinds. An exit signal is not caught. Locals of the caller that fn changes must be volatile, as
 * with setjmp.
 *
 * Returns  COP_CLASS_NONE: fn returned; else what was raised, and *ret_reason and *ret_stack (a
 *          list; both may be NULL) live until the end of the turn.
 * Parks    if fn does.
 * Context  any process. On a thread that runs none nothing is caught.
 * OTP      try ... catch Class:Reason:Stack. Clauses P-34, P-35, P-37.
 */
COP_API enum cop_class cop_try(
    void (*fn)(void *arg), void *arg, cop_term *ret_reason, cop_term *ret_stack);

/* fn(ptr) runs when the process ends, however it ends, newest first, before anyone hears of the
 * end; inside cop_try when that unwinds. What it raises is dropped. cancel takes the newest with
 * this fn and ptr back.
 *
 * Exits    defer: the caller with badarg where no process runs.
 * Parks    no.
 * Context  any process. fn may call anything but must not wait for long: the exit waits for it.
 * OTP      try ... after. Clause P-55.
 */
COP_API void cop_defer(void (*fn)(void *ptr), void *ptr);
COP_API void cop_defer_cancel(void (*fn)(void *ptr), void *ptr);

/* A copy of term that lives for the turn, whatever becomes of the original (a kept term that is
 * replaced).
 *
 * Returns  the copy; it lives until the end of the turn.
 * Exits    the caller with system_limit: no memory.
 * Parks    no.
 * Context  any thread.
 * OTP      none: terms are collected there.
 */
COP_API cop_term cop_copy(cop_term term);

/* Memory of the process: zeroed, given back when the process ends; cop_free gives it back earlier.
 *
 * Returns  size bytes aligned for any type, the process's own; never NULL.
 * Exits    the caller with system_limit: no memory.
 * Parks    no.
 * Context  any process, and only by the process that asked for it. On a thread that runs none:
 *          memory of the program. cop_free(NULL) is fine.
 * OTP      none.
 */
COP_API void *cop_alloc(size_t size);
COP_API void cop_free(void *memory);

#ifndef __cplusplus
#define cop_must(X) \
    _Generic((X), bool : cop__must_true, default : cop__must_int)((X), #X, __FILE__, __LINE__)
#endif
COP_API int cop__must_int(int64_t result, const char *expression, const char *file, int line);
COP_API int cop__must_true(bool result, const char *expression, const char *file, int line);

/* --- Links and monitors --------------------------------------------------------------------- */

/* Link the caller with other, or end the link. When one of two linked processes ends the other
 * gets an exit signal with its reason. There is one link per pair; a link to oneself is none.
 * After unlink no exit of that link comes any more; a message that is there already stays.
 *
 * Exits    the caller with badarg: no pid. link: with noproc, when other is not there and the
 *          caller does not trap exits; when it does, {'EXIT', Pid, noproc} comes.
 * Parks    yields.
 * Context  any process.
 * OTP      link/1, unlink/1. Clauses P-60 to P-67.
 */
COP_API void cop_link(cop_pid other);
COP_API void cop_unlink(cop_pid other);

struct cop_monitor_options {
    int unset;
    enum cop_alias_mode {
        COP_NO_ALIAS,
        COP_EXPLICIT_UNALIAS,
        COP_ALIAS_DEMONITOR,
        COP_REPLY_DEMONITOR
    } alias;
    cop_term tag; /* in place of 'DOWN' */
    bool priority;
};
/* Be told, once, when target ends: {'DOWN', Ref, process, Object, Reason}. Object is the pid, or
 * {Name, Node} for a target given by name. A target that is not there: reason noproc, at once.
 *
 * Returns  the monitor's reference, a plain value; with an alias mode it is an alias too (P-84 to
 *          P-86).
 * Exits    the caller with badarg: no process or name.
 * Parks    yields.
 * Options  alias; tag in place of 'DOWN', copied; priority (P-33). NULL and cop_monitor: none.
 * Context  any process. Monitoring oneself never fires (P-72).
 * OTP      monitor/2,3. Clauses P-68 to P-72, P-77, P-78, P-84 to P-86.
 */
COP_API cop_ref cop_monitor_with(cop_dest target, const struct cop_monitor_options *options);
#define cop_monitor(TARGET) cop_monitor_with(cop_dest(TARGET), 0)
#define cop_monitor_opt(TARGET, ...) \
    cop_monitor_with(                \
        cop_dest(TARGET), &(const struct cop_monitor_options){ .unset = 0, __VA_ARGS__ })

/* Wait until what a monitor watches has ended, and take the message of it. With the newest
 * reference of the process only what has come since is looked at.
 *
 * Returns  true and *ret_reason, which may be NULL; false: the time has passed.
 * Exits    the caller with timeout_value (P-28).
 * Parks    yes, unless it is there already.
 * Options  timeout_ms; COP_INFINITY.
 * Context  the process that made the monitor.
 * OTP      receive {'DOWN', Ref, process, _, Reason} -> Reason end. Clause P-68.
 */
COP_API bool cop_receive_down(cop_term *ret_reason, cop_ref monitor, int64_t timeout_ms);

/* End a monitor. After flush no 'DOWN' of it is in the mailbox or comes; the plain form leaves one
 * that is there already.
 *
 * Returns  true: it was active, so no 'DOWN' came; false: it had fired, was ended, or is not ours.
 * Exits    the caller with badarg: no reference.
 * Parks    no.
 * Context  any process.
 * OTP      demonitor(Ref, [info]), demonitor(Ref, [flush, info]). Clauses P-73 to P-76.
 */
COP_API bool cop_demonitor(cop_ref monitor);
COP_API bool cop_demonitor_flush(cop_ref monitor);

/* Ask for {nodedown, Node} when the connection to node is lost, which is made if there is none; on
 * false: ask no more. As many messages come as it was turned on. A node that cannot be reached, and
 * any without net_kernel, is down.
 *
 * Parks    yields.
 * Context  any process.
 * OTP      monitor_node/2. Clause P-79.
 */
COP_API void cop_monitor_node(cop_atom node, bool on);

enum cop_nodes_kind {
    COP_NODES_VISIBLE = 1,
    COP_NODES_HIDDEN = 2,
    COP_NODES_CONNECTED = 3, /* both */
    COP_NODES_THIS = 4,
    COP_NODES_KNOWN = 8 /* connected, this, and whatever was once */
};

/* Get messages when nodes come and go: {nodeup, Node}, {nodedown, Node} of visible nodes; with any
 * kinds or info {nodeup, Node, Info} and {nodedown, Node, Info}, Info a list of {node_type, visible
 * | hidden} where kinds has hidden ones, and {nodedown_reason, Reason} for info.
 *
 * Returns  nothing. Each turning on counts: as many messages come, until as many turnings off.
 * Parks    no.
 * Options  kinds: 0 or COP_NODES_VISIBLE, COP_NODES_HIDDEN, COP_NODES_CONNECTED.
 * Context  any process; it ends with it.
 * OTP      net_kernel:monitor_nodes/1,2. Clause D-44.
 */
COP_API void cop_monitor_nodes(bool on, unsigned kinds, bool info);

/* A reference to which any process can send, and which the caller can make deaf again: _reply after
 * the first message, all by cop_unalias. _priority takes messages sent with COP_SEND_PRIORITY.
 *
 * Returns  the reference, a plain value; it is inactive once the process ends.
 * Exits    with badarg where no process runs.
 * Parks    no.
 * Context  any process.
 * OTP      alias/0,1. Clauses P-80 to P-83, P-87, P-33.
 */
COP_API cop_ref cop_alias(void);
COP_API cop_ref cop_alias_reply(void);
COP_API cop_ref cop_alias_priority(void);

/* Make an alias of the caller deaf: messages through it are dropped from now on.
 *
 * Returns  true: it was active; false: it was not, or is another process's.
 * Exits    the caller with badarg: no reference.
 * Parks    no.
 * Context  any process.
 * OTP      unalias/1. Clauses P-81, P-82.
 */
COP_API bool cop_unalias(cop_ref alias);

/* A reference that no other equals.
 *
 * Returns  the reference, a plain value; never an alias (P-88).
 * Parks    no.
 * Context  any thread.
 * OTP      make_ref/0. Clause P-88.
 */
COP_API cop_ref cop_make_ref(void);

/* --- Names ---------------------------------------------------------------------------------- */

/* Give a process a name, or take a name away. A process has at most one, and it is free again
 * before anyone hears of the process's end.
 *
 * Returns  register: 0; -EEXIST: the name is taken; -COP_EBADARG: the process has a name, is gone
 *          or is not local, or the name is undefined. unregister: 0, or -COP_ENOTFOUND.
 * Parks    no.
 * Context  any thread, for any process.
 * OTP      register/2, unregister/1. Clauses P-89 to P-91, P-93, P-94.
 */
COP_API int cop_register(const char *name, cop_pid pid);
COP_API int cop_register_atom(cop_atom name, cop_pid pid);
COP_API int cop_unregister(const char *name);
COP_API int cop_unregister_atom(cop_atom name);

/* The process behind a name, also one of a via module; a pid is found to be itself, alive or not.
 *
 * Returns  true and *ret_pid; false: nobody has the name.
 * Parks    no; a via module's whereis_name may.
 * Context  any thread.
 * OTP      whereis/1, Module:whereis_name/1. Clause P-92.
 */
COP_API bool cop_whereis_to(cop_pid *ret_pid, cop_dest dest);
#define cop_whereis(RET_PID, NAME) cop_whereis_to((RET_PID), cop_dest(NAME))

/* All names of this node.
 *
 * Returns  a list of atoms, in no order.
 * Parks    no.
 * Context  any thread.
 * OTP      registered/0. Clause P-92.
 */
COP_API cop_term cop_registered(void);

/* --- Flags, dictionary, information ---------------------------------------------------------- */

/* From now on exit signals become messages {'EXIT', From, Reason}, but kill; or they do not any
 * more. What has arrived before is decided by the old value.
 *
 * Returns  the old value; false at the start.
 * Exits    with badarg where no process runs.
 * Parks    no.
 * Context  any process.
 * OTP      process_flag(trap_exit, Bool). Clauses P-52, P-95, P-96.
 */
COP_API bool cop_trap_exit(bool on);

/* Set the priority of the caller, from its next wait on. COP_HIGH and COP_MAX run before all
 * others, which can starve; COP_LOW waits for all
 * others, but for one turn in sixteen.
 *
 * Returns  the old one; COP_NORMAL at the start.
 * Exits    the caller with badarg: no priority.
 * Parks    no.
 * Context  any process.
 * OTP      process_flag(priority, Level). Clause P-95.
 */
COP_API enum cop_priority cop_set_priority(enum cop_priority priority);

/* Set a flag by its Erlang name: trap_exit, priority; message_queue_data, min_heap_size,
 * fullsweep_after and min_bin_vheap_size are remembered and have no effect.
 *
 * Returns  0 and *ret_old; -COP_EBADARG: another flag, or a bad value.
 * Parks    no.
 * Context  any process.
 * OTP      process_flag/2. Clause P-95.
 */
COP_API int cop_process_flag(cop_term *ret_old, cop_term flag, cop_term value);

/* The process dictionary: values of the process under keys that are terms. In C a field of the
 * state is nearly always better.
 *
 * Returns  put and erase: the old value, get: the value; none (cop_is_none) where there was none.
 *          cop_dictionary: a list of {Key, Value}. All are copies that live until the turn ends.
 * Exits    the caller with badarg where no process runs; with system_limit: no memory.
 * Parks    no.
 * Context  any process.
 * OTP      put/2, get/0,1, erase/1; none stands for undefined. Clauses P-106, P-107.
 */
COP_API cop_term cop_put(cop_term key, cop_term value);
COP_API cop_term cop_get(cop_term key);
COP_API cop_term cop_erase(cop_term key);
COP_API cop_term cop_dictionary(void);

/* Attach a term to the caller that reports and process_info show.
 *
 * Parks    no.
 * Context  any process. label is copied.
 * OTP      proc_lib:set_label/1. Clause P-134.
 */
COP_API void cop_set_label(cop_term label);

/* Is the process alive? An exit signal that the caller sent before counts.
 *
 * Returns  false from the moment it begins to exit.
 * Exits    the caller with badarg: no pid, or a remote one.
 * Parks    yes: the process asked answers.
 * Context  any process. On a thread that runs none: a look, without the order of signals.
 * OTP      is_process_alive/1. Clauses P-55, P-59.
 */
COP_API bool cop_is_alive(cop_pid pid);

/* All processes: as a list, or one by one with an iterator that starts as { 0 }. Those that start
 * or end meanwhile may be there or not.
 *
 * Returns  a list of pids; next: true and *ret_pid, false at the end.
 * Parks    no.
 * Context  any thread.
 * OTP      processes/0, processes_iterator/0, processes_next/1. Clause P-108.
 */
COP_API cop_term cop_processes(void);
typedef struct {
    uint64_t position;
} cop_process_iterator;
COP_API bool cop_processes_next(cop_pid *ret_pid, cop_process_iterator *iterator);

/* What a process says of itself; the process asked answers, so what the caller sent it before is
 * counted (P-105).
 *
 * Returns  {Item, Value}, and [] for the name of one that has none; _list: a list of {Item, Value}
 *          in the order asked. none (cop_is_none): the process is not alive.
 * Exits    the caller with badarg: an unknown item, no pid, a remote pid.
 * Parks    yes, unless it is the caller itself.
 * Options  items: atoms and {dictionary, Key}; []: the fixed subset of P-102.
 * Context  any process.
 * OTP      process_info/1,2. Clauses P-100 to P-105.
 */
COP_API cop_term cop_process_info(cop_pid pid, const char *item);
COP_API cop_term cop_process_info_list(cop_pid pid, cop_term items);

/* Stop a process until it is resumed as often as it was suspended. For debugging only.
 *
 * Returns  0; -COP_EBADARG: not a living local process, or the caller itself.
 * Parks    suspend: yes, until it has stopped. resume: no.
 * Context  any process.
 * OTP      suspend_process/1, resume_process/1. Clause P-104.
 */
COP_API int cop_suspend_process(cop_pid pid);
COP_API int cop_resume_process(cop_pid pid);

/* The process that a group of processes has in common; a child has its parent's. Nothing in this
 * library uses it for output.
 *
 * Returns  the leader of the caller; the first process, if none was set.
 * Parks    no.
 * Context  any process. Another's leader changes when that process handles the signal.
 * OTP      group_leader/0,2. Clauses P-12, P-138.
 */
COP_API cop_pid cop_group_leader(void);
COP_API void cop_set_group_leader(cop_pid leader, cop_pid process);

/* This node's name, and those it is connected with.
 *
 * Returns  an atom, nonode@nohost without a cluster; a list of atoms.
 * Parks    no.
 * Context  any thread.
 * OTP      node/0, nodes/0.
 */
COP_API cop_atom cop_node(void);
COP_API cop_term cop_nodes(void);

/* Chance and time. They go through the library, so that a run can be repeated from a seed
 * (COPPICE_SEED); rand() and clock_gettime() escape that.
 *
 * Returns  64 random bits of the process's own generator, not for secrets; the monotonic clock,
 *          which timers use; the wall clock since 1970.
 * Exits    cop_random: with badarg where no process runs.
 * Parks    no.
 * Context  cop_random any process, the clocks any thread.
 * OTP      rand:uniform/1, erlang:monotonic_time/1, system_time/1.
 */
COP_API uint64_t cop_random(void);
COP_API int64_t cop_monotonic_ms(void);
COP_API int64_t cop_monotonic_ns(void);
COP_API int64_t cop_system_time_ms(void);

/* --- proc_lib: synchronous start -------------------------------------------------------------
 * The child calls cop_init_ack or cop_init_fail; the starter gets what it was given. P-125 to
 * P-131 */
struct cop_start_options {
    bool link, monitor;
    int64_t timeout_ms; /* 0: infinity */
    struct cop_spawn_options spawn;
};
enum cop_start_outcome { COP_STARTED, COP_START_FAILED };

/* Start a process and wait until it says that it is ready, or that it is not. When a start fails
 * the child has ended, its name is free, and no 'EXIT' of it remains.
 *
 * Returns  COP_STARTED: *ret_result is what the child gave to cop_init_ack. COP_START_FAILED: what
 *          it gave to cop_init_fail, {error, Reason} when it ended before, {error, timeout}.
 *          *ret_pid and *ret_monitor (both may be NULL) are the child's.
 * Exits    the caller with badarg: spawn.monitor is set (P-131); with the child's reason, when it
 *          is linked, does not trap exits, and the child ended abnormally (P-129).
 * Parks    yes.
 * Options  timeout_ms, 0: infinity; then the child is killed. See struct cop_spawn_options.
 * Context  any process.
 * OTP      proc_lib:start/5, start_link/5, start_monitor/5. Clauses P-120 to P-131.
 */
COP_API enum cop_start_outcome cop_start_process(cop_term *ret_result, cop_pid *ret_pid,
    cop_ref *ret_monitor, cop_process_main *fn, cop_term arg,
    const struct cop_start_options *options);

/* Tell the starter that the process is ready: its cop_start_process returns result. The second
 * time, or when nobody waits, nothing happens.
 *
 * Parks    no.
 * Context  a process of cop_start_process.
 * OTP      proc_lib:init_ack/1. Clause P-125.
 */
COP_API void cop_init_ack(cop_term result);

/* End with exit_reason; the starter gets result once all the process owned is released.
 *
 * Returns  never.
 * Parks    no.
 * Context  a process of cop_start_process, before cop_init_ack.
 * OTP      proc_lib:init_fail/2,3. Clauses P-125, P-128.
 */
COP_NORETURN COP_API void cop_init_fail(cop_term result, cop_term exit_reason);

/* Ask a process that answers system messages (sys.h) to end, and wait until it has.
 *
 * Exits    the caller with noproc; with the process's reason, if that is another one; with timeout:
 *          the process goes on then; with {calling_self, ...}.
 * Parks    yes.
 * Options  timeout_ms of all of it; COP_INFINITY.
 * Context  any process.
 * OTP      proc_lib:stop/3. Clauses P-132, P-133.
 */
COP_API void cop_stop_process(cop_dest process, cop_term reason, int64_t timeout_ms);

/* --- Calls -----------------------------------------------------------------------------------
 * A request and its reply in one step, under all behaviours: monitor, alias and message in one
 * block, which comes back as the reply. The receiver sees {Label, {Pid, [alias | Ref]}, Request},
 * and {Label, {Pid, Ref}, Request} when the caller waits for ever. gen.h has the friendly forms. */
enum cop_call_outcome { COP_CALL_REPLY, COP_CALL_TIMEOUT, COP_CALL_DOWN };

/* Send a request and wait for the reply. An answer that comes after the time has passed is
 * dropped; one more answer to a call without a time-out comes as the message {Ref, Reply}.
 *
 * Returns  COP_CALL_REPLY: *ret_reply is the reply. COP_CALL_DOWN: it is the reason, noproc or how
 *          the server ended. COP_CALL_TIMEOUT: the atom timeout. It lives until the end of the
 *          turn.
 * Exits    the caller with timeout_value (P-28); with badarg where no process runs.
 * Parks    yes.
 * Options  label: the tag the server sees, '$gen_call' for gen_server. timeout_ms; COP_INFINITY.
 * Context  any process.
 * OTP      gen:call/4. Clauses GS-31 to GS-33, GS-37, GS-38, GS-43, GS-44, GS-88.
 */
COP_API enum cop_call_outcome cop_process_call(
    cop_term *ret_reply, cop_pid server, cop_atom label, cop_term request, int64_t timeout_ms);

/* Send the message {Label, Request} without building it first.
 *
 * Returns  as cop_send_flags.
 * Exits    the caller with badarg: no pid.
 * Parks    yields.
 * Options  label: the tag the receiver sees, '$gen_cast' for gen_server. flags as cop_send_flags.
 * Context  any thread.
 * OTP      what gen_server:cast/2 does. Clauses P-16 to P-22, GS-45.
 */
COP_API enum cop_send_result cop_process_cast(
    cop_pid to, cop_atom label, cop_term request, unsigned flags);

/* Take the casts with this label that are at the head of the mailbox, oldest first, up to the first
 * message that is none: what a server can handle together. It does not wait.
 *
 * Returns  how many; ret_requests has the requests, which live until the end of the turn.
 * Exits    the caller with badarg where no process runs.
 * Parks    no.
 * Options  max: room in ret_requests.
 * Context  any process.
 * OTP      none.
 */
COP_API size_t cop_receive_casts(cop_term *ret_requests, size_t max, cop_atom label);

/* Answer a call, given From as it was received ({Pid, Tag}). The first answer counts; one to a
 * caller that has given up is dropped.
 *
 * Exits    the caller with badarg: no From.
 * Parks    yields.
 * Context  any process; cheapest in the one that received the call.
 * OTP      gen:reply/2. Clause GS-33.
 */
COP_API void cop_process_reply(cop_term from, cop_term reply);

/* The call that this turn is about; cheaper than to match {Label, From, Request}. The From is
 * built only when it is asked for.
 *
 * Returns  true, *ret_label and *ret_request, which live until the end of the turn; false, and
 *          none: the current message is no call, or has been answered.
 * Parks    no.
 * Context  handle_message of a loop.
 * OTP      handle_call/3's arguments.
 */
COP_API bool cop_current_call(cop_atom *ret_label, cop_term *ret_request);
COP_API cop_term cop_current_from(void);

/* For a call that came as a plain message, or that was put off: what cop_current_from gives until
 * the turn ends. None: the call under way again.
 *
 * Parks    no.
 * Context  handle_message of a loop.
 * OTP      none.
 */
COP_API void cop_set_current_from(cop_term from);

/* Answer the call that this turn is about. Its block goes back as the reply: the request is not
 * valid any more after this.
 *
 * Returns  whether the current message is a call and had not been answered.
 * Parks    yields.
 * Context  handle_message of a loop.
 * OTP      {reply, Reply, State}.
 */
COP_API bool cop_current_reply(cop_term reply);

COP_END_DECLS

#endif
