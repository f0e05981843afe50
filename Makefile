# One command each. The environment is made once, in .venv, and again only when what it is built from changes.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
NATIVE := $(shell find csrc -type f 2>/dev/null)
# Benches run beside the peers where the extra `bench` is installed.
HAVE_PEERS := 'import importlib.util as u, sys; sys.exit(not all(map(u.find_spec, ("deepwave", "devito"))))'
# Benchmarks join the test run at toy size. Each process runs whole files, on one thread where a test does not ask
# for more.
SUITES := tests $(wildcard benches)
PYTEST := SEISKERN_TOY=1 OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q --benchmark-disable \
          --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help setup demo figures lint test test-full bench gpu format clean

help:
	@echo 'make demo       simulate an earthquake; figures and data in demo/'
	@echo 'make test       format, types, tests, examples and benches at toy size'
	@echo 'make test-full  the same, with the slow tests'
	@echo 'make bench      benches at full size, beside deepwave and Devito if installed'
	@echo 'make gpu        the GPU tests, the quickest blocks, then the GPU benches, into benches/baselines/; fails without a GPU'
	@echo 'make figures    the demo, and its figure into the README'
	@echo 'make format     rewrite the sources in the house format'

setup: $(STAMP)

$(STAMP): pyproject.toml setup.py constraints.txt $(NATIVE)
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev,plot]'
	touch $@

demo: $(STAMP)
	$(BIN)/seiskern demo

figures: demo
	mkdir -p docs/figures
	cp demo/snapshots.png docs/figures/demo.png

lint: $(STAMP)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	find csrc examples tests -name '*.h' -o -name '*.cpp' -o -name '*.cu' -o -name '*.c' | xargs --no-run-if-empty $(BIN)/clang-format --dry-run -Werror
	$(BIN)/mypy

test: lint
	$(PYTEST) $(SUITES)

test-full: lint
	$(PYTEST) -m 'slow or not slow' $(SUITES)

bench: $(STAMP)
	$(BIN)/python -m pytest -q --benchmark-only $(wildcard benches)
	$(BIN)/seiskern bench elastic $(shell $(BIN)/python -c $(HAVE_PEERS) && echo --peers)
	$(BIN)/seiskern bench adjoint $(shell $(BIN)/python -c $(HAVE_PEERS) && echo --peers)

gpu: $(STAMP)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev,plot,cuda13]'
	SEISKERN_REQUIRE_GPU=1 $(BIN)/python -m pytest -q -m gpu tests
	$(BIN)/seiskern tune
	mkdir -p benches/baselines
	$(BIN)/seiskern bench elastic adjoint --device cuda --json \
	    $(shell $(BIN)/python -c $(HAVE_PEERS) && echo --peers) | tee benches/baselines/gpu-$(shell git rev-parse --short HEAD).json

format: $(STAMP)
	$(BIN)/ruff check --fix
	$(BIN)/ruff format
	find csrc examples tests -name '*.h' -o -name '*.cpp' -o -name '*.cu' -o -name '*.c' | xargs --no-run-if-empty $(BIN)/clang-format -i

clean:
	rm -rf build demo *.egg-info .mypy_cache .pytest_cache .ruff_cache
