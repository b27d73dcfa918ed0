#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Scenarios made at random by a generator in Erlang or Elixir, with what these make of them.

    generated.py SCENARIO_PROGRAM GENERATOR SEED COUNT       GENERATOR.escript, or .exs for Elixir

Another seed and a larger count are the long form. Without escript or elixir nothing can be compared: that fails.
"""
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))


def main():
    program, generator, seed, count = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        name = os.path.join(folder, "generated")
        runs = "elixir" if generator.endswith(".exs") else "escript"
        subprocess.run([runs, generator, seed, count, name], check=True)
        compared = subprocess.run([os.path.join(HERE, "compare.py"), program, f"{name}.scn", f"{name}.exp"],
                                  check=False)
    if compared.returncode:
        print(f"run it again: {' '.join(sys.argv)}")
    sys.exit(compared.returncode)


if __name__ == "__main__":
    main()
