/* SPDX-License-Identifier: Apache-2.0 */
/* Processes: spawn, send, receive, links, monitors, aliases, names, exit signals, dictionary,
 * flags and information, as in erts. Clauses P-01 to P-138 (docs/spec/process.md). */
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

/* Two words, so that it travels in registers. Made and opened by the functions below; a zeroed one is
 * no destination. */
typedef struct {
    uint64_t what; /* id of the pid; word of the name, alias, or of a term that is none of these */
    uint64_t more; /* enum cop_dest_kind; above it the handle or atom of the node */
} cop_dest;

/* A registry of names other than the node's own ({via, Module, Key}). GS-28. */
struct cop_via_module {
    const char *name; /* how reports and exit reasons call it */
    bool (*register_name)(cop_term key, cop_pid pid); /* yes | no */
    void (*unregister_name)(cop_term key);
    bool (*whereis_name)(cop_pid *ret_pid, cop_term key);
};

static inline cop_dest cop_dest_pid(cop_pid pid)
{
    cop_dest dest = { pid.id, pid.node << 8 };
    return dest;
}
COP_API cop_dest cop_dest_name(const char *name);
COP_API cop_dest cop_dest_atom(cop_atom name);
COP_API cop_dest cop_dest_alias(cop_ref alias);
COP_API cop_dest cop_dest_term(cop_term term); /* pid, atom, reference, {Name, Node}, else badarg */
COP_API cop_dest cop_name(const char *name, const char *node);
COP_API cop_dest cop_via(const cop_via_module *module, cop_term key);
COP_API cop_term cop_dest_show(cop_dest dest); /* as Erlang would write it: for exit reasons */
static inline cop_dest cop_dest_same(cop_dest dest)
{
    return dest;
}

/* What a destination is; COP_DEST_NONE: it was made of a term that is none. */
enum cop_dest_kind { COP_DEST_PID, COP_DEST_NONE, COP_DEST_NAME, COP_DEST_REMOTE_NAME, COP_DEST_ALIAS,
    COP_DEST_VIA };
COP_API enum cop_dest_kind cop_dest_kind_of(cop_dest dest);
COP_API cop_pid cop_dest_pid_of(cop_dest dest);
COP_API cop_atom cop_dest_name_of(cop_dest dest); /* of NAME and REMOTE_NAME */
COP_API cop_atom cop_dest_node_of(cop_dest dest); /* of REMOTE_NAME */
COP_API const cop_via_module *cop_dest_via_of(cop_dest dest, cop_term *ret_key);

#ifndef __cplusplus
#define cop_dest(X)                                                                                \
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
    int unset;                   /* so that a list of no options can be written */
    bool link, monitor;          /* one step with the spawn: P-03, P-04 */
    bool monitor_alias;          /* the monitor's reference is also an alias (explicit_unalias) */
    cop_term monitor_tag;        /* in place of 'DOWN': P-05 */
    enum cop_priority priority;
    size_t stack_size;           /* bytes; 0: 128 KB, up to 1 MB: a large stack */
    size_t heap_size_max;        /* bytes of turn and kept memory; 0: no limit (max_heap_size) */
    const char *label;           /* proc_lib:set_label/1 */
    const char *initial_call;    /* how reports name the entry; default: the symbol of fn */
    bool proc_lib;               /* '$ancestors' and '$initial_call', crash report: P-120 to P-123 */
};

/* Start a process that runs fn(arg); arg is copied into it. */
COP_API cop_pid cop_spawn_with(cop_process_main *fn, cop_term arg, const struct cop_spawn_options *options,
    cop_ref *ret_monitor);
#define cop_spawn_opt(FN, ARG, RET_MONITOR, ...)                                                   \
    cop_spawn_with((FN), (ARG), &(const struct cop_spawn_options){ .unset = 0, __VA_ARGS__ }, (RET_MONITOR))
COP_API cop_pid cop_spawn(cop_process_main *fn, cop_term arg);
COP_API cop_pid cop_spawn_link(cop_process_main *fn, cop_term arg);
COP_API cop_pid cop_spawn_monitor(cop_process_main *fn, cop_term arg, cop_ref *ret_monitor);
/* {spawn_reply, Ref, ok | error, PidOrReason} arrives later: P-11. options: Erlang's list of options. */
COP_API cop_ref cop_spawn_request(cop_process_main *fn, cop_term arg, cop_term options);

/* A process without a stack while it waits: cop_become gives the stack of the caller back, and
 * from then on each message is one call of handle_message on a borrowed stack. A server of
 * thousands is made of these; gen_server is. */
typedef struct cop_loop {
    /* One turn for each message. A call that is under way has no term: message is none, and
     * cop_current_call gives it. */
    void (*handle_message)(void *state, cop_term message);
    void (*handle_timeout)(void *state); /* after cop_loop_timeout */
    /* A turn raised what nobody caught: runs on the stack started anew, then the process goes on with
     * its next message, unless this exits. NULL: the process ends. */
    void (*handle_crash)(void *state, enum cop_class, cop_term reason, cop_term stack);
} cop_loop;

COP_NORETURN COP_API void cop_become(const cop_loop *loop, void *state);
/* Inside a turn of a loop: when no message has come timeout_ms after this turn, handle_timeout
 * runs. Any message cancels it. 0: at once if the mailbox is empty. */
COP_API void cop_loop_timeout(int64_t timeout_ms);
COP_API void cop_loop_hibernate(void); /* after this turn wait as hibernating: less memory, P-98 */

/* erlang:hibernate/3: drop the stack, wait for a message, go on in fn(arg). P-97 */
COP_NORETURN COP_API void cop_hibernate(cop_process_main *fn, cop_term arg);
COP_API void cop_hibernate_here(void); /* hibernate/0, P-99: wait for a message and return */

COP_API cop_pid cop_self(void);
COP_API bool cop_in_process(void); /* false on a thread that runs no process */
COP_API cop_pid cop_parent(void);  /* id 0 when there is none */
COP_API void cop_yield(void);
COP_API void cop_sleep(int64_t timeout_ms);
/* End the turn of a plain process: everything built or received so far is given back. */
COP_API void cop_turn_end(void);

/* --- Sending -------------------------------------------------------------------------------- */

COP_API void cop_send_to(cop_dest to, cop_term message); /* badarg: P-19, P-20 */
#define cop_send(TO, MESSAGE) cop_send_to(cop_dest(TO), (MESSAGE))
enum { COP_NOSUSPEND = 1, COP_NOCONNECT = 2, COP_SEND_PRIORITY = 4 };
enum cop_send_result { COP_SEND_OK, COP_SEND_NOSUSPEND, COP_SEND_NOCONNECT };
COP_API enum cop_send_result cop_send_flags(cop_dest to, cop_term message, unsigned flags); /* P-23, P-33 */

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

COP_API cop_term cop_receive(void);
COP_API cop_term cop_receive_within(int64_t timeout_ms);
COP_API cop_receive_scan cop_receive_begin(int64_t timeout_ms);
/* As begin, for a receive all clauses of which mention `ref`: messages that were there when ref was
 * made are not looked at. */
COP_API cop_receive_scan cop_receive_begin_ref(int64_t timeout_ms, cop_ref ref);
COP_API bool cop_receive_next(cop_term *ret_message, cop_receive_scan *scan);
COP_API void cop_receive_take(cop_receive_scan *scan); /* the message last given is ours now */

#ifndef __cplusplus
#define cop_receive_match(...) cop_receive_match_within(COP_INFINITY, __VA_ARGS__)
#define cop_receive_match_within(TIMEOUT_MS, ...)                                                  \
    __extension__({                                                                                \
        cop_receive_scan cop_scan_ = cop_receive_begin(TIMEOUT_MS);                                \
        cop_term cop_message_;                                                                     \
        bool cop_matched_ = false;                                                                 \
        while (!cop_matched_ && cop_receive_next(&cop_message_, &cop_scan_))                       \
            if (cop_match(cop_message_, __VA_ARGS__)) {                                            \
                cop_receive_take(&cop_scan_);                                                      \
                cop_matched_ = true;                                                               \
            }                                                                                      \
        cop_matched_;                                                                              \
    })
#endif

/* --- Ending, exit signals ------------------------------------------------------------------- */

COP_NORETURN COP_API void cop_exit(cop_term reason);               /* exit(Reason) */
COP_NORETURN COP_API void cop_error(cop_term reason);              /* error(Reason): {Reason, Stack} */
COP_NORETURN COP_API void cop_throw(cop_term value);               /* throw(Value) */
COP_API void cop_exit_signal(cop_pid to, cop_term reason);         /* exit(Pid, Reason), P-41 to P-54 */
COP_API void cop_exit_signal_priority(cop_pid to, cop_term reason);

/* Run fn(arg) and catch what it raises: try ... catch. The class, reason and stack (a list) live
 * for the turn. cop_defer functions registered inside run. An exit signal is not caught. */
COP_API enum cop_class cop_try(void (*fn)(void *arg), void *arg, cop_term *ret_reason, cop_term *ret_stack);

/* fn(ptr) runs when the process ends, however it ends, newest first; in cop_try when it unwinds. */
COP_API void cop_defer(void (*fn)(void *ptr), void *ptr);
COP_API void cop_defer_cancel(void (*fn)(void *ptr), void *ptr);
/* Process memory: zeroed, given back at the end of the process. NULL never: exits system_limit. */
COP_API void *cop_alloc(size_t size);
COP_API void cop_free(void *memory); /* may be given back earlier; NULL is fine */
/* A copy of term that lives for the turn, whatever happens to the original (a kept term that is replaced). */
COP_API cop_term cop_copy(cop_term term);

/* x, or exit with {badmatch, Expression, Error} naming file and line, for a false or negative x. */
#ifndef __cplusplus
#define cop_must(X)                                                                                \
    _Generic((X), bool: cop__must_true, default: cop__must_int)((X), #X, __FILE__, __LINE__)
#endif
COP_API int cop__must_int(int64_t result, const char *expression, const char *file, int line);
COP_API int cop__must_true(bool result, const char *expression, const char *file, int line);

/* --- Links and monitors --------------------------------------------------------------------- */

COP_API void cop_link(cop_pid other);   /* P-60 to P-67; raises noproc: P-62 */
COP_API void cop_unlink(cop_pid other);
struct cop_monitor_options {
    int unset;
    enum cop_alias_mode { COP_NO_ALIAS, COP_EXPLICIT_UNALIAS, COP_ALIAS_DEMONITOR,
        COP_REPLY_DEMONITOR } alias;
    cop_term tag;      /* in place of 'DOWN' */
    bool priority;
};
COP_API cop_ref cop_monitor_with(cop_dest target, const struct cop_monitor_options *options);
#define cop_monitor(TARGET)          cop_monitor_with(cop_dest(TARGET), 0)
#define cop_monitor_opt(TARGET, ...) cop_monitor_with(cop_dest(TARGET), &(const struct cop_monitor_options){ .unset = 0, __VA_ARGS__ })
COP_API bool cop_demonitor(cop_ref monitor);       /* true: one was active (info) */
COP_API bool cop_demonitor_flush(cop_ref monitor); /* and no 'DOWN' of it is or comes: P-74 */
COP_API void cop_monitor_node(cop_atom node, bool on); /* P-79 */
COP_API cop_ref cop_alias(void);                   /* explicit_unalias */
COP_API cop_ref cop_alias_reply(void);             /* P-83 */
COP_API cop_ref cop_alias_priority(void);          /* P-33 */
COP_API bool cop_unalias(cop_ref alias);
COP_API cop_ref cop_make_ref(void);

/* --- Names ---------------------------------------------------------------------------------- */

COP_API int cop_register(const char *name, cop_pid pid);       /* 0, -EEXIST, -COP_EBADARG: P-89 */
COP_API int cop_register_atom(cop_atom name, cop_pid pid);
COP_API int cop_unregister(const char *name);                  /* 0, -COP_ENOTFOUND: P-91 */
COP_API int cop_unregister_atom(cop_atom name);
COP_API bool cop_whereis_to(cop_pid *ret_pid, cop_dest dest);  /* resolves via and names too */
#define cop_whereis(RET_PID, NAME) cop_whereis_to((RET_PID), cop_dest(NAME))
COP_API cop_term cop_registered(void);                         /* list of atoms */

/* --- Flags, dictionary, information ---------------------------------------------------------- */

COP_API bool cop_trap_exit(bool on);                           /* returns the old value: P-95 */
COP_API enum cop_priority cop_set_priority(enum cop_priority priority);
COP_API int cop_process_flag(cop_term *ret_old, cop_term flag, cop_term value); /* -COP_EBADARG */
COP_API cop_term cop_put(cop_term key, cop_term value);        /* old value or none: P-106 */
COP_API cop_term cop_get(cop_term key);                        /* value or none */
COP_API cop_term cop_erase(cop_term key);
COP_API cop_term cop_dictionary(void);                         /* list of {Key, Value} */
COP_API void cop_set_label(cop_term label);
COP_API bool cop_is_alive(cop_pid pid);                        /* P-59 */
COP_API cop_term cop_processes(void);
/* {Item, Value}; none when pid is not alive; badarg for an unknown item or a remote pid. P-100 */
COP_API cop_term cop_process_info(cop_pid pid, const char *item);
/* items: list of atoms -> list of {Item, Value}; [] -> the fixed subset of P-102. */
COP_API cop_term cop_process_info_list(cop_pid pid, cop_term items);
typedef struct { uint64_t position; } cop_process_iterator;
COP_API bool cop_processes_next(cop_pid *ret_pid, cop_process_iterator *iterator); /* P-108 */
COP_API int cop_suspend_process(cop_pid pid);
COP_API int cop_resume_process(cop_pid pid);
COP_API cop_pid cop_group_leader(void);
COP_API void cop_set_group_leader(cop_pid leader, cop_pid process);
COP_API cop_atom cop_node(void);                               /* nonode@nohost */
COP_API cop_term cop_nodes(void);
COP_API uint64_t cop_random(void);                             /* the process's own generator */
COP_API int64_t cop_monotonic_ms(void);
COP_API int64_t cop_monotonic_ns(void);
COP_API int64_t cop_system_time_ms(void);

/* --- proc_lib: synchronous start -------------------------------------------------------------
 * The child calls cop_init_ack or cop_init_fail; the starter gets what it was given. P-125 to P-131 */
struct cop_start_options {
    bool link, monitor;
    int64_t timeout_ms;                /* 0: infinity */
    struct cop_spawn_options spawn;
};
enum cop_start_outcome { COP_STARTED, COP_START_FAILED };
/* *ret_result: what the child gave to ack (STARTED) or fail ({error, Reason} when it died: FAILED). */
COP_API enum cop_start_outcome cop_start_process(cop_term *ret_result, cop_pid *ret_pid, cop_ref *ret_monitor,
    cop_process_main *fn, cop_term arg, const struct cop_start_options *options);
COP_API void cop_init_ack(cop_term result);                        /* proc_lib:init_ack/1 */
COP_NORETURN COP_API void cop_init_fail(cop_term result, cop_term exit_reason); /* proc_lib:init_fail/2,3 */
/* proc_lib:stop/3: 0, or the caller exits: P-132. */
COP_API void cop_stop_process(cop_dest process, cop_term reason, int64_t timeout_ms);

/* --- Calls -----------------------------------------------------------------------------------
 * A request and its reply in one step, under all behaviours: monitor, alias and message in one
 * block, which comes back as the reply. The receiver sees {Label, {Pid, [alias | Ref]}, Request}.
 * gen.h has the friendly forms. */
enum cop_call_outcome { COP_CALL_REPLY, COP_CALL_TIMEOUT, COP_CALL_DOWN };
/* COP_CALL_DOWN: *ret_reply is the reason (noproc, or how the server exited). */
COP_API enum cop_call_outcome cop_process_call(cop_term *ret_reply, cop_pid server, cop_atom label,
    cop_term request, int64_t timeout_ms);
/* Answer to a From as received ({Pid, Tag}); any process may, once. */
COP_API void cop_process_reply(cop_term from, cop_term reply);
/* Inside handle_message of a loop: the current message, when it is a call. Cheaper than matching
 * {Label, From, Request}. From is built only when asked for. */
COP_API bool cop_current_call(cop_atom *ret_label, cop_term *ret_request);
COP_API cop_term cop_current_from(void);
/* For a call that came as a plain message: what cop_current_from gives until the turn ends. */
COP_API void cop_set_current_from(cop_term from);
COP_API void cop_current_reply(cop_term reply); /* answer the current call; its block goes back */

COP_END_DECLS

#endif
