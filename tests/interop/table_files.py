#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Erlang reads the tables that Coppice wrote to files, and the other way round, with all checks on.

Without erl nothing can be compared: that fails.
"""
import os
import subprocess
import sys
import tempfile

PROGRAM = os.path.join(os.path.abspath(os.environ.get("COPPICE_BUILD", "build")), "tests", "table_files")
TYPES = ["set", "ordered_set", "bag", "duplicate_bag"]
READ = """{ok, T} = ets:file2tab("%s", [{verify, true}]), io:format("~0p~n", [lists:sort(ets:tab2list(T))]), halt()."""
WRITE = READ.replace(", halt()", """, ok = ets:tab2file(T, "%s", [{extended_info, [md5sum, object_count]}]), halt()""")


def output(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=100).stdout


def erlang(text):
    return output("erl", "-noinput", "-boot", "no_dot_erlang", "-eval", text)


def problem_of(kind, folder):
    ours, theirs = os.path.join(folder, "ours"), os.path.join(folder, "theirs")
    written = output(PROGRAM, "write", ours, kind)
    if written:
        return written
    here = output(PROGRAM, "read", ours)
    there = erlang(WRITE % (ours, theirs))
    again = output(PROGRAM, "read", theirs)
    if here != there:
        return f"Erlang reads {there[:200]}, we read {here[:200]}"
    if here != again:
        return f"of Erlang's file we read {again[:200]}, of ours {here[:200]}"
    return None


def main():
    passed = failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for kind in TYPES:
            problem = problem_of(kind, folder)
            passed, failed = passed + (not problem), failed + bool(problem)
            if problem:
                print(f"{kind}: {problem}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


sys.exit(main())
