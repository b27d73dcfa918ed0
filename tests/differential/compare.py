#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compare what build/tests/scenario says of a file of scenarios with what a real BEAM said.

    compare.py SCENARIO_PROGRAM FILE.scn FILE.exp

Prints the scenarios that differ, step by step, and how many there were. FILE.known, where it is
there, names scenarios whose recorded outcome is not what the BEAM does otherwise, and says why: they
are not compared.
"""
import os
import subprocess
import sys

SHOWN_MAX = 10


def blocks(text):
    """{id: lines} of outcomes."""
    found, name = {}, None
    for line in text.split("\n"):
        if line.startswith("scn "):
            name = line[4:]
            found[name] = []
        elif line == "end":
            name = None
        elif name is not None:
            found[name].append(line)
    return found


def show_difference(name, expected, got):
    print(f"{name}: differs")
    for line in [line for line in expected if line not in got]:
        print(f"  BEAM     {line[:300]}")
    for line in [line for line in got if line not in expected]:
        print(f"  Coppice  {line[:300]}")


def known_of(outcomes):
    """{id: why} of FILE.known."""
    path = os.path.splitext(outcomes)[0] + ".known"
    if not os.path.exists(path):
        return {}
    with open(path, encoding="utf-8") as file:
        return dict(line.rstrip("\n").split(" ", 1) for line in file if line.strip())


def main():
    program, scenarios, outcomes = sys.argv[1:]
    ran = subprocess.run([program, scenarios], stdout=subprocess.PIPE, check=False)
    with open(outcomes, encoding="utf-8") as file:
        expected = blocks(file.read())
    for name, why in known_of(outcomes).items():
        del expected[name]
        print(f"{name}: not compared. {why}")
    got = blocks(ran.stdout.decode("utf-8", "replace"))
    different = [name for name in expected if got.get(name) != expected[name]]
    for name in different[:SHOWN_MAX]:
        show_difference(name, expected[name], got.get(name, ["nothing"]))
    if ran.returncode:
        print(f"{program} ended with {ran.returncode}")
    print(f"{len(expected) - len(different)} passed, {len(different)} failed")
    sys.exit(1 if different or ran.returncode or not expected else 0)


if __name__ == "__main__":
    main()
