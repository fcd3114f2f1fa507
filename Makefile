# The verbs. CMake and its presets do the building; this file only strings the steps together.
.DEFAULT_GOAL := help
SHELL := /bin/bash
MAKEFLAGS += --no-print-directory

PRESET  ?= release
JOBS    ?= $(shell nproc)
SECONDS ?= 60
PREFIX  ?= /usr/local
DESTDIR ?=

build := build/$(PRESET)
tools := $(CURDIR)/build/release/share/boxagnts/tools
ctest := ctest --output-on-failure -j $(JOBS)

.PHONY: help deps deps-check all programs guests run test bench proof fuzz format lint install clean

help: ## this list
	@echo "BoxAgnts. Start with: make run"
	@echo
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 18
	@echo
	@echo "  PRESET=release|dev|asan|tsan|cov (with -clang: by clang)   JOBS=$(JOBS)   SECONDS=60 for fuzz"
	@echo "  PREFIX=/usr/local DESTDIR= for install"

deps: ## install what is missing to build; does nothing when nothing is missing
	@scripts/deps.sh

deps-check:
	@scripts/deps.sh --check

all: deps-check programs guests ## build the programs and the tools

# A configured build configures itself again when it must; a stale one (the tree was moved) starts over.
programs:
	@if [[ -f $(build)/CMakeCache.txt ]] && ! grep -qx 'CMAKE_HOME_DIRECTORY:INTERNAL=$(CURDIR)' $(build)/CMakeCache.txt; \
	    then rm -rf $(build); fi
	@[[ -f $(build)/build.ninja ]] || cmake --preset $(PRESET)
	@cmake --build $(build) -j $(JOBS)

guests: # the third-party parts that are not there yet, then our own
	@scripts/guests.sh
	@if [[ -f guests/Makefile ]]; then \
	    mkdir -p $(tools) && $(MAKE) -C guests -j $(JOBS) all PREFIX="$$(scripts/prefix.sh --path)" OUT=$(tools); fi

run: deps ## install, build, and show a governed task from planner to receipt
	@$(MAKE) all PRESET=release
	@if [[ -x examples/run-demo.sh ]]; then examples/run-demo.sh build/release/bin; \
	    else echo "there is no examples/run-demo.sh yet"; fi

test: deps ## install, build, and run every test
	@$(MAKE) all PRESET=release
	@cmake --build build/release -j $(JOBS) --target benches
	@$(MAKE) programs PRESET=asan
	@$(ctest) --test-dir build/asan -L 'unit|fuzz'
	@$(ctest) --test-dir build/release

bench: deps ## measure against the numbers to reach; writes bench/results.json
	@$(MAKE) all PRESET=release
	@cmake --build build/release -j $(JOBS) --target benches
	@if [[ -f tests/bench/run.py ]]; then python3 tests/bench/run.py build/release; \
	    else for b in build/release/bench/bench_*; do [[ -x $$b ]] || continue; "$$b" || exit 1; done; fi

proof: deps ## run the proofs and print pass/total for each kind
	@$(MAKE) all PRESET=release
	@scripts/proof.py build/release

fuzz: deps ## run each fuzz target for SECONDS
	@$(MAKE) programs PRESET=fuzz
	@scripts/fuzz.sh $(SECONDS)

format: ## let clang-format decide
	@scripts/lint.sh format

lint: deps-check ## formatting, static analysis, shape of the house
	@scripts/lint.sh check
	@[[ -f build/dev-clang/build.ninja ]] || cmake --preset dev-clang
	@scripts/lint.sh tidy
	@$(MAKE) all PRESET=release
	@$(ctest) --test-dir build/release -L shape

install: ## put programs under PREFIX/bin and tools under PREFIX/share/boxagnts
	@[[ -x build/release/bin/boxagnts ]] || { echo "nothing to install yet: run make all" >&2; exit 1; }
	@DESTDIR="$(DESTDIR)" cmake --install build/release --prefix "$(PREFIX)" --strip

clean: ## remove what was built here; the third-party prefix stays
	@rm -rf build
