# SPDX-License-Identifier: Apache-2.0
# All a person needs, as one-line commands; meson and ninja do the work below. `make help` lists them.

SAN    = address
PREFIX = /usr/local

all: setup-build          ## install what is missing, build library, tools and examples into build/
	@scripts/build

demo: all                 ## build and run the key-value server, and watch it heal
	@scripts/demo

test: setup               ## everything a change must pass, under 10 minutes on 2 cores
	@scripts/test

check: setup              ## the suite under one sanitizer: SAN=address|thread|undefined|torture|choice
	@scripts/test --sanitizer $(SAN)

sim: all setup            ## simulations: TEST=name SEEDS=200, or SEED=7 for one run and its story
	@scripts/sim "$(TEST)" "$(SEEDS)" "$(SEED)"

stress: setup             ## the stress tests in their long form, plain and under each sanitizer
	@scripts/test --stress

soak: all setup           ## everything at once for SECONDS=3600: memory and the time of a call stay as they are
	@scripts/soak $(or $(SECONDS),3600)

fuzz: setup               ## every fuzz target for SECONDS=60 (needs clang)
	@scripts/fuzz --seconds $(or $(SECONDS),60)

cross: setup              ## long form of the clang, musl and aarch64 builds
	@scripts/cross --long

bench: all setup          ## the benchmarks beside the BEAM, as a table of ratios
	@scripts/bench

coverage: setup           ## line coverage of src/, file by file
	@scripts/coverage

install: all              ## headers, libraries, coppice.pc, CMake package: DESTDIR= PREFIX=
	@scripts/install "$(DESTDIR)" "$(PREFIX)"

format: setup             ## put every C file into the house format
	@scripts/format

clean:                    ## remove all that was built
	rm -rf build build-*

setup:
	@scripts/setup

setup-build:
	@scripts/setup build

help:                     ## this list
	@sed -n 's/^\([a-z]*\):[^#]*## */\1\t/p' $(MAKEFILE_LIST) | expand -t 12

.PHONY: all demo test check sim stress soak fuzz cross bench coverage install format clean setup setup-build help
