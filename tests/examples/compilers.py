#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tests/conformance/moved.c holds with each compiler, optimisation and kind of code.

A process may be on another thread after a call that parks, and a compiler may keep the address of a thread's
variable over it; which does depends on the compiler, on -O and on -fPIC. The library is that of the
build. Programs for another processor are left out, as are sanitized ones.
"""
import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile

SOURCE = os.path.abspath(os.environ.get("COPPICE_SOURCE", "."))
BUILD = os.path.abspath(os.environ.get("COPPICE_BUILD", "build"))
COMPILERS = ["gcc", "clang"]
OPTIMISATIONS = ["-O0", "-O1", "-O2", "-O3"]
CODES = [["-fPIC"], ["-fno-pic", "-no-pie"]]


def is_special():
    with open(os.path.join(BUILD, "compile_commands.json"), encoding="utf-8") as file:
        command = json.load(file)[0]["command"]
    return any(word in command for word in ("-fsanitize", "--coverage", "aarch64-linux-gnu", "musl"))


def problem_of(compiler, optimisation, code, folder):
    """What is wrong with one way to compile it, or None."""
    program = os.path.join(folder, "moved")
    made = subprocess.run(
        [compiler, "-std=gnu11", optimisation, *code, "-D_GNU_SOURCE",
         *("-I" + os.path.join(SOURCE, name) for name in ("include", "src", "tests")),
         os.path.join(SOURCE, "tests", "conformance", "moved.c"),
         os.path.join(BUILD, "libcoppice.a"), "-pthread", "-fno-lto", "-o", program],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if made.returncode:
        return made.stdout
    ran = subprocess.run([program], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                         timeout=120)
    return ran.stdout if ran.returncode else None


def main():
    passed = failed = 0
    if is_special():
        print("0 passed, 0 failed")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        for compiler, optimisation, code in itertools.product(COMPILERS, OPTIMISATIONS, CODES):
            if not shutil.which(compiler):
                continue
            problem = problem_of(compiler, optimisation, code, folder)
            passed, failed = passed + (not problem), failed + bool(problem)
            if problem:
                print(f"{compiler} {optimisation} {' '.join(code)}: {problem}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


sys.exit(main())
