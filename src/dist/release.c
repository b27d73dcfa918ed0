/* SPDX-License-Identifier: Apache-2.0 */
/* sys:get_state answers with the bare state up to OTP 26.0, and with {ok, State} from 26.1 on; each
 * side fails on the other's form, and nothing that was negotiated tells them apart. So a node is
 * asked for its release, once, when it matters (D-102). Layer 6. */
#include <coppice/rpc.h>
#include <coppice/sys.h>

#include "dist/nodes.h"
#include "dist/peer.h"
#include "proc/proc.h"

enum { ASK_MS = 2000, NEW_FORM = 26, UNKNOWN = 1000 };

struct question {
    cop_atom node;
    cop_term answer;
};

static void ask(void *arg)
{
    struct question *question = arg;

    question->answer = cop_erpc_call(
        cop_atom_text(question->node).data, "erlang", "system_info", cop("[otp_release]"), ASK_MS);
}

/* Known, or asked for now, which parks. */
static bool has_new_form(struct cop__peer *peer)
{
    struct question question = { { peer->name }, COP_NONE };
    uint32_t release = cop__load(peer->release);
    cop_term reason;
    cop_bytes text;

    if (!release) {
        release = UNKNOWN;
        if (cop_try(ask, &question, &reason, NULL) == COP_CLASS_NONE &&
            cop_to_text(&text, question.answer) && text.size == 2)
            release = (uint32_t)(text.data[0] - '0') * 10 + (uint32_t)(text.data[1] - '0');
        cop__store(peer->release, release);
    }
    return release >= NEW_FORM;
}

static struct cop__peer *peer_of(cop_dest to)
{
    cop_atom node;

    if (cop_dest_kind_of(to) == COP_DEST_PID && cop_dest_pid_of(to).node)
        node = cop_pid_node(cop_dest_pid_of(to));
    else if (cop_dest_kind_of(to) == COP_DEST_REMOTE_NAME)
        node = cop_dest_node_of(to);
    else
        return NULL;
    return node.index == cop_node().index ? NULL : cop__peer_find(node.index, false);
}

/* {From, State}: in a process of its own, since it may have to wait. */
static void answer_main(cop_term arg)
{
    cop_term from = cop_tuple_at(arg, 0), state = cop_tuple_at(arg, 1);
    struct cop__peer *peer = peer_of(cop_dest_term(cop_tuple_at(from, 0)));

    cop_process_reply(from, !peer || has_new_form(peer) ? cop("{ok, State}", state) : state);
}

static void state_to_far(cop_term from, cop_term state)
{
    cop_spawn(answer_main, cop("{From, State}", from, state));
}

static cop_term state_from_far(cop_dest server, cop_term answer)
{
    struct cop__peer *peer = peer_of(server);
    cop_term state;

    if (peer && cop_match(answer, "{ok, State}", &state) && has_new_form(peer))
        return state;
    return answer;
}

void cop__releases_start(void)
{
    cop__state_to_far = state_to_far;
    cop__state_from_far = state_from_far;
}
