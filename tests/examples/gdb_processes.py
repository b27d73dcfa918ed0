#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""scripts/gdb/coppice-gdb.py lists processes and finds the frames of parked ones.

It runs tests/examples/parked.c under gdb. Without gdb, or where gdb may not trace, it says so and
counts nothing.
"""
import os
import re
import shutil
import subprocess
import sys

SOURCE = os.environ.get("COPPICE_SOURCE", ".")
BUILD = os.environ.get("COPPICE_BUILD", "build")
PROGRAM = os.path.join(BUILD, "tests", "examples", "parked")
SCRIPT = os.path.join(SOURCE, "scripts", "gdb", "coppice-gdb.py")


def skip(reason):
    print(f"skipped: {reason}\n0 passed, 0 failed")
    sys.exit(0)


def gdb(*commands):
    words = ["gdb", "-q", "-nx", "-batch", "-ex", "set debuginfod enabled off", "-ex", "run", "-ex",
             f"source {SCRIPT}"]
    for command in commands:
        words += ["-ex", command]
    ran = subprocess.run([*words, "--args", PROGRAM, "--trap"], stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, text=True, timeout=100)
    return ran.stdout


def main():
    if not shutil.which("gdb"):
        skip("no gdb here; apt-get install gdb")
    output = gdb("coppice ps", "coppice bt all", "coppice bt 4", "coppice bt 999")
    if "SIGTRAP" not in output:
        if re.search(r"ptrace|Cannot|not in executable format", output):
            skip(f"gdb cannot run the program: {output.strip().splitlines()[-1]}")
        print(output)
    row = r"^<0\.\d+\.\d+> +"
    checks = {
        "the first process runs": row + r"running +0 +main$",
        "a process in a receive": row + r"the receiver +waiting +0 +receiver$",
        "a process that sleeps, with a message": row + r"the sleeper +waiting +1 +sleeper$",
        "a loop": row + r"the loop +waiting +0 +on_message$",
        "how many": r"^4 processes$",
        "frames of the receive": r"in cop_receive\b[^<]*in wait_in_depth\b[^<]*in wait_in_depth\b[^<]*"
                                 r"in wait_in_depth\b[^<]*in receiver\b[^<]*in cop__run_entry\b",
        "frames of the sleep": r"in cop_sleep\b[^<]*in sleeper\b[^<]*in cop__run_entry\b",
        "frames of the one that runs": r"in (raise|__pthread_kill|show)\b[^<]*in first_main\b",
        "a loop has no stack": r"no stack: it starts anew with its next message",
        "none with that number": r"no process 999",
    }
    failed = 0
    for what, pattern in checks.items():
        if not re.search(pattern, output, re.M):
            failed += 1
            print(f"not found: {what}: {pattern}")
    if failed:
        print(output)
    print(f"{len(checks) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
