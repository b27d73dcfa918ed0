#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Taking a scheduler away from a thread in user code, in all interleavings (docs/adr/0007, 0010).

Two schedulers, and the thread A that runs a process; B stands for all other threads. A goes from
user code into the runtime and back. It marks that in `rt` with a plain store, which may linger in
its store buffer, and then looks at `claim`. In the runtime it may go idle or begin to block, and
gives its scheduler away; without one it takes an idle one or is given one. The monitor finds A by
the `thr` of a scheduler, sets claim by CAS, makes the stores visible with membarrier, and looks at
rt and thr: if A is in user code and still holds that scheduler, the monitor takes it for B;
otherwise it backs out. At any time it may ask A to yield instead.

    two owners      A is in the runtime with a scheduler that is not its own
    no owner        a scheduler is A's, but A thinks that it has lost it
    taken twice     the monitor takes what is not A's any more
    no scheduler    A works in the runtime without one
"""
import sys
from collections import deque, namedtuple

OWN, CLAIM, LOST, YIELD = "own", "claim", "lost", "yield"

# at: user, look (rt stored, claim not yet read), slow (claim was not OWN), runtime, bare (in the
#   runtime, without a scheduler); buffered: a store to rt not yet visible; rt: as others see it
# has: the scheduler A thinks it has, or None; thr: who holds each, as the monitor reads it
# owner: who holds each in truth: A, B, idle, or given (to a thread that has not yet taken it)
# monitor: idle, swap, fence, rt, thr, take, back; target: the scheduler it is about
State = namedtuple("State", "at buffered rt claim has thr owner monitor target")
START = State("user", None, 0, OWN, 0, ("A", None), ("A", "idle"), "idle", None)

BUGS = {
    "a failed CAS counts as a loss": "no owner",
    "a request to yield counts as a loss": "no owner",
    "who takes a scheduler leaves claim as it was": "no owner",
    "no membarrier before the look at rt": "two owners",
    "the owner does not look at claim": "two owners",
    "LOST is stored, whatever claim is": "two owners",
    "a thread without a scheduler yields": "no scheduler",
    "the monitor does not look at thr again": "taken twice",
    "a lost scheduler still names its thread": "taken twice",
    "a blocking section leaves its name behind": "taken twice",
}


def put(pair, index, value):
    return tuple(value if i == index else old for i, old in enumerate(pair))


def taken(s, index, bug):
    """cop__take: claim, then thr."""
    keeps = bug == "who takes a scheduler leaves claim as it was"
    return s._replace(at="runtime", has=index, claim=s.claim if keeps else OWN,
                      thr=put(s.thr, index, "A"), owner=put(s.owner, index, "A"))


def slow_step(s, bug):
    """A CAS drains the store buffer; claim is what it was when the CAS was made."""
    inside = "bare" if s.has is None else "runtime"
    if s.claim == CLAIM:
        return s._replace(at=inside, claim=OWN)
    if s.claim == OWN and bug != "a failed CAS counts as a loss":
        return s._replace(at=inside)  # the monitor has backed out meanwhile
    if s.claim == YIELD and bug == "a thread without a scheduler yields":
        return s._replace(at="runtime", claim=OWN)
    if s.claim == YIELD and bug != "a request to yield counts as a loss":
        return s._replace(at=inside, claim=OWN)
    return s._replace(at="bare", has=None)


def give_away(s, owner, leave_name=False):
    return s._replace(has=None, owner=put(s.owner, s.has, owner),
                      thr=s.thr if leave_name else put(s.thr, s.has, None))


def owner_steps(s, bug):
    if s.buffered is not None:  # the store becomes visible, at any time
        yield s._replace(buffered=None, rt=s.buffered)
    if s.at == "look":
        blind = bug == "the owner does not look at claim"
        if s.claim != OWN and not blind:
            yield s._replace(at="slow")
        else:  # the end of a blocking section finds that it has none
            yield s._replace(at="bare" if s.has is None else "runtime")
    if s.buffered is not None:
        return
    if s.at == "user":
        yield s._replace(at="look", buffered=1)  # cop__enter
    elif s.at == "slow":
        yield slow_step(s, bug)
    elif s.at == "runtime":
        yield s._replace(at="user", buffered=0)  # cop__leave
        yield give_away(s, "idle")._replace(at="bare")  # nothing to do
        yield give_away(s, "given", bug == "a blocking section leaves its name behind")._replace(
            at="user", buffered=0)
    elif s.at == "bare":  # takes an idle one, or waits until it is given one
        for index in (0, 1):
            if s.owner[index] == "idle":
                yield taken(s, index, bug)


def others_steps(s):
    for index in (0, 1):
        if s.owner[index] in ("idle", "given"):
            yield s._replace(owner=put(s.owner, index, "B"), thr=put(s.thr, index, "B"))
        elif s.owner[index] == "B":
            yield s._replace(owner=put(s.owner, index, "idle"), thr=put(s.thr, index, None))


def monitor_steps(s, bug):
    if s.monitor == "idle":
        for index in (0, 1):
            if s.thr[index] == "A":
                yield s._replace(monitor="swap", target=index)
    elif s.monitor == "swap":
        if s.claim in (OWN, YIELD):
            yield s._replace(monitor="fence", claim=CLAIM)
        if s.claim == OWN:
            yield s._replace(monitor="idle", target=None, claim=YIELD)
        yield s._replace(monitor="idle", target=None)
    elif s.monitor == "fence":
        if s.buffered is None or bug == "no membarrier before the look at rt":
            yield s._replace(monitor="rt")
    elif s.monitor == "rt":
        yield s._replace(monitor="back" if s.rt else "thr")
    elif s.monitor == "thr":
        same = s.thr[s.target] == "A" or bug == "the monitor does not look at thr again"
        yield s._replace(monitor="take" if same else "back")
    elif s.monitor == "back":
        yield s._replace(monitor="idle", target=None, claim=OWN if s.claim == CLAIM else s.claim)
    elif s.monitor == "take":
        if s.claim != CLAIM and bug != "LOST is stored, whatever claim is":
            yield s._replace(monitor="idle", target=None)  # the owner was faster
        else:
            names = bug == "a lost scheduler still names its thread"
            yield s._replace(monitor="idle", target=None, claim=LOST,
                             owner=put(s.owner, s.target, "given"),
                             thr=s.thr if names else put(s.thr, s.target, None))


def wrong(s, after):
    """What is wrong with the step from s to after, or with after."""
    if s.monitor == "take" and after.claim == LOST and s.claim == CLAIM:
        if s.owner[s.target] != "A":
            return "taken twice"
    if after.at == "runtime" and after.has is None:
        return "no scheduler"
    if after.at == "runtime" and after.owner[after.has] != "A":
        return "two owners"
    if after.monitor == "idle" and any(
            owner == "A" and after.has != index for index, owner in enumerate(after.owner)):
        return "no owner"
    return None


def explore(bug):
    """(how many states, the first violation or None)"""
    seen, todo = {START}, deque([START])
    while todo:
        state = todo.popleft()
        for after in [*owner_steps(state, bug), *others_steps(state), *monitor_steps(state, bug)]:
            problem = wrong(state, after)
            if problem:
                return len(seen), problem
            if after not in seen:
                seen.add(after)
                todo.append(after)
    return len(seen), None


def main():
    passed = failed = 0
    for bug, expected in {None: None, **BUGS}.items():
        count, problem = explore(bug)
        good = problem == expected
        passed, failed = passed + good, failed + (not good)
        name = f"bug: {bug}" if bug else "the protocol"
        print(f"{'ok' if good else 'FAILED':6} {name}: {count} states, {problem or 'no violation'}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
