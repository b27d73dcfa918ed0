#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The mailbox word in all interleavings: rules M1 to M5 of src/proc/README.md.

Senders push, a timer wakes, a killer sends a signal; one process fetches, looks, and parks as in
src/proc/mailbox.c and sched.c. Each step below is one atomic operation of the code, and the search
tries them in every order. Found must be, in the good variant, nothing; in each variant with a
planted bug, the bug. What is looked for:

    lost wake          the process is parked, nobody will wake it, and it has something to do
    double schedule    two wakers have queued it
    half-saved         it is queued while its context is not saved, so it could run twice
    wrong process      a message for a process that is gone reached a younger one in its slot
"""
import sys
from collections import deque, namedtuple


def explore(start, steps, wrong):
    """Searches all that can be reached; (how many states, the first violation or None)."""
    seen, todo = {start}, deque([start])
    while todo:
        state = todo.popleft()
        after = list(steps(state))
        problem = wrong(state, after)
        if problem:
            return len(seen), problem
        for next_state in after:
            if next_state not in seen:
                seen.add(next_state)
                todo.append(next_state)
    return len(seen), None


# --- Push, wake, fetch, park ---------------------------------------------------------------------

# The word: how many messages it holds, whether a signal is among them, PEND, ANY, SIG. The process:
# where it is, how often it is queued, messages received, whether the signal was. The others:
# senders (0 to push, 1 has read the word, 2 done), the timer (0 to come, 1 the time has passed, 2
# has woken), the killer (0 to send, 2 done). read_any is what a sender with a planted bug has read.
State = namedtuple("State", "messages signal pend any sig at queued received killed "
                            "senders timer killer read_any")


class Scenario:
    """waits: "message" (park_any) or "time" (park_sig). It ends when `until` holds."""

    def __init__(self, name, waits, until, senders=0, timer=False, killer=False):
        self.name, self.waits, self.until = name, waits, until
        self.start = State(0, 0, 0, 0, 0, "fetch", 0, 0, 0, (0,) * senders, 0 if timer else 2,
                           0 if killer else 2, 0)


SCENARIOS = [
    Scenario("receive two messages", "message", lambda s: s.received == 2, senders=2),
    Scenario("receive with a time-out", "message", lambda s: s.timer > 0, senders=2, timer=True),
    Scenario("receive until killed", "message", lambda s: s.killed, senders=1, killer=True),
    Scenario("sleep", "time", lambda s: s.timer > 0, senders=2, timer=True),
    Scenario("sleep until killed", "time", lambda s: s.killed, senders=1, killer=True),
]

BUGS = {
    "wake leaves no PEND (M3)": ["receive with a time-out", "sleep"],
    "signal leaves no PEND (M3)": ["sleep until killed"],
    "park does not expect an empty word (M3)": ["receive two messages", "receive until killed"],
    "parked before the context is saved (M2)": ["receive two messages", "sleep"],
    "ANY is read and cleared in two steps (M1)": ["receive two messages"],
    "a message for the inner queue stays in the word too (M6)": ["receive two messages"],
}


def push(state, bug, signal):
    """cop__wake_waiting, or cop__push: one CAS either way."""
    wake = state.any
    if wake and not signal:
        # The waker owns the process: the message goes into its inner queue, the word stays empty.
        word = 1 if bug and bug.startswith("a message for the inner queue") else 0
        return state._replace(any=0, received=state.received + 1, queued=state.queued + 1,
                              messages=state.messages + word)
    changed = state._replace(messages=state.messages + 1, any=0)
    if signal:
        wake = wake or state.sig
        changed = changed._replace(signal=1, sig=0)
        if not (bug and bug.startswith("signal leaves no PEND")):
            changed = changed._replace(pend=1)
    return changed._replace(queued=state.queued + wake)


def others(state, bug):
    """The steps of senders, timer and killer."""
    for i, at in enumerate(state.senders):
        def moved(to, base):
            return base._replace(senders=base.senders[:i] + (to,) + base.senders[i + 1:])
        if bug and bug.startswith("ANY is read"):
            if at == 0:
                yield moved(1, state)._replace(read_any=state.any)
            elif at == 1:
                yield moved(2, state)._replace(messages=state.messages + 1, any=0,
                                               queued=state.queued + state.read_any)
        elif at == 0:
            yield moved(2, push(state, bug, signal=False))
    if state.killer == 0:
        yield push(state, bug, signal=True)._replace(killer=2)
    if state.timer == 0:  # the clock passes the deadline
        yield state._replace(timer=1)
    elif state.timer == 1:  # cop__wake: one CAS
        if state.any or state.sig:
            yield state._replace(timer=2, any=0, sig=0, queued=state.queued + 1)
        else:
            pend = state.pend if bug and bug.startswith("wake leaves") else 1
            yield state._replace(timer=2, pend=pend)


def process(state, bug, scenario):
    """The step of the process, or of the base stack on its behalf."""
    early = bug and bug.startswith("parked before")
    if state.at == "fetch":  # cop__fetch: one exchange
        received = state.received + state.messages - state.signal
        yield state._replace(messages=0, signal=0, pend=0, received=received,
                             killed=state.killed or state.signal, at="look")
    elif state.at == "look":
        if scenario.until(state):
            yield state._replace(at="end")
        else:
            yield state._replace(at="park" if early else "save")
    elif state.at == "save":  # cop__switch_out
        yield state._replace(at="parked" if early else "park")
    elif state.at == "park":  # park_any, park_sig: one CAS
        then = "save" if early else "parked"
        careless = bug and bug.startswith("park does not")
        if scenario.waits == "message":
            if (state.messages or state.pend) and not careless:
                yield state._replace(at="fetch")
            else:
                yield state._replace(any=1, at=then)
        elif state.pend:
            yield state._replace(at="fetch")
        else:
            yield state._replace(sig=1, at=then)
    elif state.at == "parked" and state.queued:  # a scheduler picks it
        yield state._replace(queued=state.queued - 1, at="fetch")


def wrong(state, after):
    if state.queued > 1:
        return "double schedule"
    if state.queued and state.at != "parked":
        return "half-saved" if state.at == "save" else "scheduled while running"
    if not after and state.at != "end":
        return "lost wake"
    if state.received > len(state.senders) + state.killed:
        return "received twice"
    return None


def run(scenario, bug):
    def steps(state):
        yield from others(state, bug)
        yield from process(state, bug, scenario)
    return explore(scenario.start, steps, wrong)


# --- A slot that is reused while somebody sends --------------------------------------------------

# gen: of the slot; tag, dead: of its word; lives: which process it is (1, 0: none, 2); sender:
# where it is; seen: the word it has read, as (tag, dead)
Slot = namedtuple("Slot", "gen tag dead lives owner sender seen")

SLOT_BUGS = ["the tag stays when the slot is reused (P-14)", "the sender reads gen before the word",
             "the new process opens its word before it sets gen"]


def slot_steps(bug):
    word_first = bug != SLOT_BUGS[1]
    tag_step = 0 if bug == SLOT_BUGS[0] else 1

    def steps(s):
        opens = s._replace(tag=s.tag + tag_step, dead=False, owner=s.owner + 1)
        numbers = s._replace(gen=2, owner=s.owner + 1)
        early = bug == SLOT_BUGS[2]
        if s.owner == 0:  # the old process closes its mailbox
            yield s._replace(dead=True, lives=0, owner=1)
        elif s.owner == 1:
            yield (opens if early else numbers)._replace(lives=2)
        elif s.owner == 2:
            yield numbers if early else opens
        if s.sender == "start":
            if word_first:
                yield s._replace(seen=(s.tag, s.dead), sender="read")
            else:
                yield s._replace(sender="read" if s.gen == 1 else "refused")
        elif s.sender == "read":
            if word_first:
                yield s._replace(sender="cas" if s.gen == 1 and not s.seen[1] else "refused")
            else:
                yield s._replace(seen=(s.tag, s.dead), sender="refused" if s.dead else "cas")
        elif s.sender == "cas":
            same = s.seen == (s.tag, s.dead)
            yield s._replace(sender=f"pushed to {s.lives}" if same else "start")
    return steps


def slot_wrong(state, after):
    return "wrong process" if state.sender == "pushed to 2" else None


def run_slot(bug):
    return explore(Slot(1, 1, False, 1, 0, "start", None), slot_steps(bug), slot_wrong)


# --- The verdict ---------------------------------------------------------------------------------

def main():
    passed = failed = 0

    def verdict(what, count, problem, expected):
        nonlocal passed, failed
        good = bool(problem) == expected
        passed, failed = passed + good, failed + (not good)
        print(f"{'ok' if good else 'FAILED':6} {what}: {count} states, {problem or 'no violation'}")

    for scenario in SCENARIOS:
        verdict(scenario.name, *run(scenario, None), False)
    verdict("a slot reused under a sender", *run_slot(None), False)
    for bug, names in BUGS.items():
        for scenario in SCENARIOS:
            if scenario.name in names:
                verdict(f"bug: {bug}, {scenario.name}", *run(scenario, bug), True)
    for bug in SLOT_BUGS:
        verdict(f"bug: {bug}", *run_slot(bug), True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
