#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Taking a scheduler away from a thread that runs user code, in all interleavings (docs/adr/0007).

The owner goes from user code into the runtime and back. It marks that in `rt` with a plain store,
which may linger in its store buffer, and then looks at `claim`. A monitor sets claim by CAS, makes
the store visible with membarrier, and looks at rt: even means the owner is in user code, and the
scheduler is taken and given to another thread; odd means it backs out. Only one of the two may get
it, and one of them must.

    two owners    the owner is in the runtime, and the scheduler is another thread's
    no owner      the owner gave the scheduler up, and the monitor has backed out
"""
import sys
from collections import deque, namedtuple

# owner_at: user, look (rt stored, claim not yet read), slow (claim was not 0), runtime, gone
# buffered: a store to rt not yet visible; rt: as others see it; claim: 0 free, 1 wanted, 2 taken
# monitor_at: idle, fence, check; seen_rt: what the monitor has read; holder: owner or other
State = namedtuple("State", "owner_at buffered rt claim monitor_at seen_rt holder")
START = State("user", None, 0, 0, "idle", None, "owner")

BUGS = {
    "a failed CAS counts as a loss": "no owner",
    "no membarrier before the look at rt": "two owners",
    "the owner does not look at claim": "two owners",
    "claim is taken by a plain store": "two owners",
}


def owner_steps(s, bug):
    if s.buffered is not None:  # the store becomes visible, at any time
        yield s._replace(buffered=None, rt=s.buffered)
    if s.owner_at == "user" and s.buffered is None:
        yield s._replace(owner_at="look", buffered=1)  # cop__enter, first half
    elif s.owner_at == "look":  # second half
        blind = bug == "the owner does not look at claim"
        yield s._replace(owner_at="runtime" if s.claim == 0 or blind else "slow")
    elif s.owner_at == "slow" and s.buffered is None:  # a CAS from 1 to 0 drains the buffer
        if s.claim == 1:
            yield s._replace(owner_at="runtime", claim=0)
        elif s.claim == 2 or bug == "a failed CAS counts as a loss":
            yield s._replace(owner_at="gone")
        else:  # the monitor has backed out meanwhile
            yield s._replace(owner_at="runtime")
    elif s.owner_at == "runtime" and s.buffered is None:
        yield s._replace(owner_at="user", buffered=0)  # cop__leave


def monitor_steps(s, bug):
    if s.monitor_at == "idle" and s.holder == "owner" and s.claim == 0:
        yield s._replace(monitor_at="fence", claim=1)
    elif s.monitor_at == "fence":
        if s.buffered is None or bug == "no membarrier before the look at rt":
            yield s._replace(monitor_at="check", seen_rt=s.rt)
    elif s.monitor_at == "check":
        if s.seen_rt:
            yield s._replace(monitor_at="idle", seen_rt=None, claim=0 if s.claim == 1 else s.claim)
        elif s.claim == 1 or bug == "claim is taken by a plain store":
            yield s._replace(monitor_at="idle", seen_rt=None, claim=2, holder="other")
        else:  # the owner was faster
            yield s._replace(monitor_at="idle", seen_rt=None)


def wrong(s):
    if s.owner_at == "runtime" and s.holder == "other":
        return "two owners"
    if s.owner_at == "gone" and s.holder == "owner" and s.monitor_at == "idle":
        return "no owner"
    return None


def explore(bug):
    """(how many states, the first violation or None)"""
    seen, todo = {START}, deque([START])
    while todo:
        state = todo.popleft()
        problem = wrong(state)
        if problem:
            return len(seen), problem
        for after in [*owner_steps(state, bug), *monitor_steps(state, bug)]:
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
