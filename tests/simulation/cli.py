#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a person sees of a program of simulations: seeds that pass, one that fails, the run made
simpler, and the same story each time it is asked for."""
import os
import re
import subprocess
import sys

BUILD = os.environ.get("COPPICE_BUILD", "build")
BANK = os.path.join(BUILD, "tests", "simulation", "bank")
COUNTER = os.path.join(BUILD, "examples", "counter")
WRONG = {**os.environ, "COPPICE_LOST_UPDATE": "1"}
failed = []


def run(*words, env=None):
    """(status, all output)"""
    ran = subprocess.run(words, env=env or os.environ, text=True, timeout=100,
                         stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return ran.returncode, ran.stdout


def check(what, holds, text=""):
    if not holds:
        failed.append(what)
        print(f"failed: {what}\n{text}")


def main():
    status, text = run(BANK, "--seeds", "20", "--from", "5")
    check("seeds pass", status == 0 and "bank: 20 seeds from 5" in text, text)

    status, text = run(BANK, "--seeds", "50", env=WRONG)
    check("a seed fails", status == 1 and "an update is lost" in text, text)
    found = re.search(r"simplest: +(.*)", text)
    check("it is made simpler", found is not None, text)
    if found:
        command = found.group(1).split()
        first, second = run(*command, env=WRONG), run(*command, env=WRONG)
        check("the simplest run fails in the same way",
              first[0] == 1 and "FAILED: an update is lost" in first[1], first[1])
        check("its story is the same to the byte", first == second, first[1])
        check("the story tells who sent what to whom",
              re.search(r"account <[\d.]+> -> <[\d.]+>: reply", first[1]), first[1])
    found = re.search(r"again: +(.*)", text)
    if found:
        first, second = (run(*found.group(1).split(), env=WRONG) for _ in range(2))
        check("the seed fails again, the same way", first == second and first[0] == 1, first[1])

    status, text = run(BANK, "--seed", "3")
    check("one seed", status == 0 and re.search(r"seed 3: \d+ steps, .* passed", text), text)
    for words in (["--seeds"], ["--seeds", "x"], ["--nonsense"], ["nobody"], ["--schedule", "1:"],
                  ["--jobs", "0"]):
        status, text = run(BANK, *words)
        check(f"wrong arguments are refused: {words}", status == 1 and "bank" in text, text)

    env = {**os.environ, "COPPICE_SIM_SEED": "7", "COPPICE_SIM_STORY": "1"}
    first, second = run(COUNTER, env=env), run(COUNTER, env=env)
    check("any program is simulated", "simulated seed 7:" in first[1], first[1])
    trace = re.compile(r"trace (\w+)")
    check("and is the same run each time",
          trace.findall(first[1]) == trace.findall(second[1]) != [], first[1])
    print(f"{16 - len(failed)} passed, {len(failed)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
