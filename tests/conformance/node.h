/* SPDX-License-Identifier: Apache-2.0 */
/* A test whose body is a process: in a file that includes this, the body of each CLAUSE is the
 * first process of a node, run twice, with one scheduler and with two; nodes follow one another in
 * one program. When the body returns, the node and all processes it has left behind end.
 *
 * EXPECT waits for the next message that matches, at most WAIT_MS, which only a failure reaches;
 * NOTHING shows that no message is there or comes in a short while. */
#ifndef COP_CONFORMANCE_NODE_H
#define COP_CONFORMANCE_NODE_H

#include <coppice/runtime.h>
#include <coppice/timer.h>

#include "conformance/clause.h"

enum { WAIT_MS = 20000, SHORT_MS = 15 };

static void (*node_body)(void);

static inline int node_main(int argc, char **argv)
{
    (void)argc, (void)argv;
    node_body();
    return 0;
}

/* Run body as the first process of a node with this many schedulers. */
static inline void node_run(void (*body)(void), int schedulers)
{
    const struct cop_options options = { .schedulers = schedulers };

    node_body = body;
    CHECK_EQ_INT(cop_run_main_with(node_main, 0, NULL, &options), 0);
}

#undef CLAUSE
#define CLAUSE(ID)                  \
    static void process_##ID(void); \
    TEST(ID)                        \
    {                               \
        node_run(process_##ID, 1);  \
        node_run(process_##ID, 2);  \
    }                               \
    static void process_##ID(void)

/* A message that matches comes; what it captures is ours. */
#define EXPECT(...) CHECK(cop_receive_match_within(WAIT_MS, __VA_ARGS__))

/* No message that matches is in the mailbox or comes in a short while. */
#define NEVER(...) CHECK(!cop_receive_match_within(SHORT_MS, __VA_ARGS__))

/* The mailbox is empty and stays so for a short while. */
#define NOTHING()                                                \
    do {                                                         \
        cop_term nothing_ = cop_receive_within(SHORT_MS);        \
        if (!cop_is_none(nothing_)) {                            \
            CHECK(cop_is_none(nothing_));                        \
            fprintf(stderr, "  it is %s\n", cop_show(nothing_)); \
        }                                                        \
    } while (0)

/* A term is what Erlang would write as TEXT. */
#define CHECK_TERM(TERM, TEXT)                                               \
    do {                                                                     \
        cop_term term_ = (TERM);                                             \
        CHECK_EQ_STR(cop_is_none(term_) ? "none" : cop_show(term_), (TEXT)); \
    } while (0)

/* TRY(function, arg, &reason): the class of what it raised. */
#define TRY(FN, ARG, RET_REASON) cop_try((FN), (ARG), (RET_REASON), NULL)

/* --- Processes that nearly every test needs
 * -------------------------------------------------------- */

/* Waits for ever. */
static inline void idle_main(cop_term arg)
{
    (void)arg;
    for (;;)
        cop_receive_match("never");
}

/* Ends with the reason it is given: exit(Reason). */
static inline void exit_main(cop_term reason)
{
    cop_exit(reason);
}

/* Waits for {exit, Reason} and does so; answers {ping, From} with {pong, Self}. */
static inline void obedient_main(cop_term arg)
{
    cop_term reason;
    cop_pid from;

    (void)arg;
    for (;;) {
        cop_term message = cop_receive();

        if (cop_match(message, "{exit, Reason}", &reason))
            cop_exit(reason);
        if (cop_match(message, "{ping, From}", &from))
            cop_send(from, cop("{pong, Self}", cop_self()));
        cop_turn_end();
    }
}

/* A trapping process that sends each message M it gets to its starter as {Self, M}. */
static inline void witness_main(cop_term arg)
{
    cop_pid owner;

    if (!cop_to_pid(&owner, arg))
        return;
    cop_trap_exit(true);
    cop_send(owner, cop("{Self, ready}", cop_self()));
    for (;;) {
        cop_send(owner, cop("{Self, M}", cop_self(), cop_receive()));
        cop_turn_end();
    }
}

/* It has taken in all that we sent it before. */
static inline void settle(cop_pid pid)
{
    cop_is_alive(pid);
}

/* Wait until pid is gone, and say why it went: the reason lives for the turn. */
static inline cop_term reason_of_exit(cop_pid pid)
{
    cop_ref ref = cop_monitor(pid);
    cop_term reason = COP_NONE;

    EXPECT("{'DOWN', Ref, process, _, Reason}", ref, &reason);
    return reason;
}

#endif
