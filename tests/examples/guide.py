#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The programs of README.md and docs/guide compile without a warning and print what they say.

A program is a ```c block with an #include and a main function; its "// expect:" lines are what it must print, and
one without any is a server, which is not run. It is compiled as a reader would, with the compiler of the build. README's program must be that
of examples/counter.c.
"""
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile

SOURCE = os.path.abspath(os.environ.get("COPPICE_SOURCE", "."))
BUILD = os.path.abspath(os.environ.get("COPPICE_BUILD", "build"))
WARNINGS = ["-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Werror",
            "-Wno-gnu-statement-expression", "-Wno-gnu-zero-variadic-macro-arguments"]


def compiler():
    """The build's compiler, and its sanitizers and coverage, since the library needs them too."""
    with open(os.path.join(BUILD, "compile_commands.json"), encoding="utf-8") as file:
        words = shlex.split(json.load(file)[0]["command"])
    first_flag = next(i for i, word in enumerate(words) if word.startswith("-"))
    needed = ("-fsanitize", "--coverage")
    return words[:first_flag] + [word for word in words if word.startswith(needed)]


def programs(path):
    """(line, text) of each whole program of a page."""
    with open(os.path.join(SOURCE, path), encoding="utf-8") as file:
        text = file.read()
    for found in re.finditer(r"^```c\n(.*?)^```$", text, re.M | re.S):
        if re.search(r"^#include(?s:.*)^int main\(", found.group(1), re.M):
            yield text.count("\n", 0, found.start()) + 1, found.group(1)


def essence(code):
    """Code without comments and layout."""
    code = re.sub(r"/\*.*?\*/|//[^\n]*", "", code, flags=re.S)
    return re.sub(r"\s+", " ", code).strip()


def modules_of(text):
    """What the modules that a program includes want; None: one is not built."""
    wants = []
    for name, libraries in (("tls", ["-lssl", "-lcrypto"]), ("zlib", ["-lz"])):
        if f"<coppice/{name}.h>" not in text:
            continue
        archive = os.path.join(BUILD, "modules", f"libcoppice-{name}.a")
        if not os.path.exists(archive):
            return None
        wants += ["-I" + os.path.join(SOURCE, "modules", name, "include"), archive, *libraries]
    return wants


def problem_of(text, folder, command):
    """What is wrong with a program, or None."""
    source, program = os.path.join(folder, "program.c"), os.path.join(folder, "program")
    modules = modules_of(text)
    if modules is None:
        return None
    with open(source, "w", encoding="utf-8") as file:
        file.write(text)
    made = subprocess.run(
        [*command, *WARNINGS, "-I" + os.path.join(SOURCE, "include"), source,
         *modules, os.path.join(BUILD, "libcoppice.a"), "-pthread", "-fno-lto", "-o", program],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if made.returncode:
        return made.stdout
    expected = re.findall(r"// expect: ?(.*)", text)
    if not expected:
        return None
    ran = subprocess.run([program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                         timeout=30)
    if ran.returncode or ran.stdout.splitlines() != expected:
        return f"status {ran.returncode}, printed {ran.stdout!r}, expected {expected}\n{ran.stderr}"
    return None


def main():
    guide = os.path.join(SOURCE, "docs", "guide")
    pages = ["README.md", *(f"docs/guide/{name}" for name in sorted(os.listdir(guide)))]
    command, passed, failed = compiler(), 0, 0
    with tempfile.TemporaryDirectory() as folder:
        for page in pages:
            for line, text in programs(page):
                problem = problem_of(text, folder, command)
                passed, failed = passed + (not problem), failed + bool(problem)
                if problem:
                    print(f"{page}:{line}: {problem}")
    with open(os.path.join(SOURCE, "examples", "counter.c"), encoding="utf-8") as file:
        counter = essence(file.read())
    same = any(essence(text) == counter for _, text in programs("README.md"))
    passed, failed = passed + same, failed + (not same)
    if not same:
        print("README.md: its program is not examples/counter.c")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
