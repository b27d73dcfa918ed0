/* SPDX-License-Identifier: Apache-2.0 */
/* Atoms that C code names: their indices are constants, and they are in the table before anybody
 * looks. Layer 1, private to the library. Add a line; the order beyond the first three is free.
 *
 *   cop__atom(COP__ATOM_ok)     the term
 */
#ifndef COP_TERM_ATOMS_H
#define COP_TERM_ATOMS_H

#include "term/layout.h"

/* X(C name, text); index 0 is "no atom", false and true are known to pattern.h. */
#define COP__ATOMS(X)                           \
    X(false, "false")                           \
    X(true, "true")                             \
    X(ok, "ok")                                 \
    X(error, "error")                           \
    X(undefined, "undefined")                   \
    X(empty, "")                                \
    X(normal, "normal")                         \
    X(shutdown, "shutdown")                     \
    X(kill, "kill")                             \
    X(killed, "killed")                         \
    X(noproc, "noproc")                         \
    X(noconnection, "noconnection")             \
    X(nonode_at_nohost, "nonode@nohost")        \
    X(badarg, "badarg")                         \
    X(badmatch, "badmatch")                     \
    X(badmap, "badmap")                         \
    X(badkey, "badkey")                         \
    X(badarith, "badarith")                     \
    X(function_clause, "function_clause")       \
    X(case_clause, "case_clause")               \
    X(system_limit, "system_limit")             \
    X(nocatch, "nocatch")                       \
    X(timeout, "timeout")                       \
    X(timeout_value, "timeout_value")           \
    X(infinity, "infinity")                     \
    X(simulated, "simulated")                   \
    X(overload, "overload")                     \
    X(deadlock, "deadlock")                     \
    X(long_message_queue, "long_message_queue") \
    X(DOWN, "DOWN")                             \
    X(EXIT, "EXIT")                             \
    X(process, "process")                       \
    X(port, "port")                             \
    X(time_offset, "time_offset")               \
    X(CHANGE, "CHANGE")                         \
    X(clock_service, "clock_service")           \
    X(gen_call, "$gen_call")                    \
    X(gen_cast, "$gen_cast")                    \
    X(gen_event, "$gen_event")                  \
    X(ancestors, "$ancestors")                  \
    X(initial_call, "$initial_call")            \
    X(process_label, "$process_label")          \
    X(alias, "alias")                           \
    X(reply, "reply")                           \
    X(noreply, "noreply")                       \
    X(stop, "stop")                             \
    X(ignore, "ignore")                         \
    X(continue, "continue")                     \
    X(hibernate, "hibernate")                   \
    X(call, "call")                             \
    X(cast, "cast")                             \
    X(info, "info")                             \
    X(init, "init")                             \
    X(terminate, "terminate")                   \
    X(start, "start")                           \
    X(started, "started")                       \
    X(already_started, "already_started")       \
    X(already_present, "already_present")       \
    X(not_found, "not_found")                   \
    X(running, "running")                       \
    X(runnable, "runnable")                     \
    X(waiting, "waiting")                       \
    X(exiting, "exiting")                       \
    X(suspended, "suspended")                   \
    X(garbage_collecting, "garbage_collecting") \
    X(system, "system")                         \
    X(local, "local")                           \
    X(global, "global")                         \
    X(via, "via")                               \
    X(nil, "nil")                               \
    X(none, "none")                             \
    X(yes, "yes")                               \
    X(no, "no")                                 \
    X(node, "node")                             \
    X(link, "link")                             \
    X(monitor, "monitor")                       \
    X(links, "links")                           \
    X(monitors, "monitors")                     \
    X(monitored_by, "monitored_by")             \
    X(messages, "messages")                     \
    X(message_queue_len, "message_queue_len")   \
    X(message_queue_data, "message_queue_data") \
    X(memory, "memory")                         \
    X(status, "status")                         \
    X(dictionary, "dictionary")                 \
    X(registered_name, "registered_name")       \
    X(reductions, "reductions")                 \
    X(priority, "priority")                     \
    X(trap_exit, "trap_exit")                   \
    X(group_leader, "group_leader")             \
    X(current_function, "current_function")     \
    X(low, "low")                               \
    X(high, "high")                             \
    X(max, "max")                               \
    X(badfun, "badfun")                         \
    X(tcp, "tcp")                               \
    X(tcp_closed, "tcp_closed")                 \
    X(tcp_error, "tcp_error")                   \
    X(tcp_passive, "tcp_passive")               \
    X(closed, "closed")                         \
    X(supervisor, "supervisor")                 \
    X(worker, "worker")                         \
    X(permanent, "permanent")                   \
    X(transient, "transient")                   \
    X(temporary, "temporary")                   \
    X(restarting, "restarting")                 \
    X(brutal_kill, "brutal_kill")               \
    X(name, "name")                             \
    X(id, "id")                                 \
    X(pid, "pid")                               \
    X(erlang, "erlang")                         \
    X(apply, "apply")                           \
    X(min_heap_size, "min_heap_size")           \
    X(fullsweep_after, "fullsweep_after")       \
    X(min_bin_vheap_size, "min_bin_vheap_size") \
    X(max_heap_size, "max_heap_size")           \
    X(nodedown, "nodedown")                     \
    X(nodeup, "nodeup")                         \
    X(nodedown_reason, "nodedown_reason")       \
    X(node_type, "node_type")                   \
    X(visible, "visible")                       \
    X(hidden, "hidden")                         \
    X(connection_closed, "connection_closed")   \
    X(connect, "connect")                       \
    X(disconnect, "disconnect")                 \
    X(net_tick_timeout, "net_tick_timeout")     \
    X(global_name_server, "global_name_server") \
    X(erpc, "erpc")                             \
    X(net_kernel, "net_kernel")                 \
    X(rex, "rex")                               \
    X(user, "user")                             \
    X(logger_proxy, "logger_proxy")             \
    X(execute_call, "execute_call")             \
    X(execute_cast, "execute_cast")             \
    X(proc_lib, "proc_lib")                     \
    X(init_p, "init_p")                         \
    X(file, "file")                             \
    X(line, "line")                             \
    X(cop_must, "cop_must")                     \
    X(success_only, "success_only")             \
    X(error_only, "error_only")                 \
    X(cancel_timer, "cancel_timer")             \
    X(tag, "tag")                               \
    X(reply_tag, "reply_tag")                   \
    X(badopt, "badopt")                         \
    X(spawn_reply, "spawn_reply")               \
    X(reason, "reason")                         \
    X(fault, "fault")

enum {
    COP__ATOM_NONE,
#define COP__ATOM_INDEX(NAME, TEXT) COP__ATOM_##NAME,
    COP__ATOMS(COP__ATOM_INDEX)
#undef COP__ATOM_INDEX
        COP__ATOMS_PRELOADED
};

_Static_assert(COP__ATOM_false == 1 && COP__ATOM_true == 2, "pattern.h writes these as numbers");

enum {
    COP__ATOMS_MAX = 1 << 20, /* the bound of the table, as of OTP */
    COP__ATOM_CHARACTERS_MAX = 255
};

struct cop__atom_entry {
    const char *text; /* zero-terminated UTF-8; lives for ever */
    uint32_t size;    /* in bytes */
    uint32_t hash;    /* of the text; 0: not known yet */
};

/* The entry of an atom somebody holds; index from 1. */
const struct cop__atom_entry *cop__atom_entry(uint32_t index);
uint32_t cop__atom_hash(uint32_t index);
/* How many atoms there are, and the bound. */
uint32_t cop__atom_count(void);
int cop__atom_compare(uint32_t a, uint32_t b); /* by text: TO-05 */

#endif
