# latephase: `make` lists what can be made. Needs python3 (3.11 or later) and a package index that pip can reach.

PYTHON ?= python3
PYTEST_ARGS ?= -n auto --maxprocesses 4 --dist worksteal
REPRODUCE_ARGS ?=

# Half of `make test` is spent in the compiler of JAX. Its older emitter takes half as long and writes programs that pass the
# same tests; `make test-all` and with it .ci/run test what users run. With GPUs or another jaxlib: make test FAST_COMPILE=
FAST_COMPILE ?= XLA_FLAGS="$$XLA_FLAGS --xla_cpu_use_fusion_emitters=false"

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
READY_BENCH := $(VENV)/.ready-bench
READY_DOCS := $(VENV)/.ready-docs
KERNEL := $(wildcard src/latephase/late/*/kernel/*.p*x*)
# What meets every library that pyproject.toml names, and leaves most of the mathematics to the other tests.
LIBRARIES := -m "not campaign" tests/core tests/problem tests/store tests/report tests/cli \
  tests/runs/test_simulate.py tests/runs/test_ensemble.py tests/runs/test_compare.py \
  tests/training/methods tests/certificates/file tests/margin/exact
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.DEFAULT_GOAL := help
.PHONY: help setup reproduce test test-quick test-all test-long test-pages test-lowest test-newest lint format docs bench clean

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile

setup: $(READY) ## make .venv with everything pinned in constraints.txt

reproduce: $(READY) ## the paper: report, figures, data, and the table of claims (REPRODUCE_ARGS="--trials 1000")
	@$(BIN)/latephase reproduce $(REPRODUCE_ARGS)

test: $(READY) ## the tests but for long campaigns and browsers (PYTEST_ARGS="-k fatou")
	@$(FAST_COMPILE) $(BIN)/python -m pytest -m "not campaign and not browser" $(PYTEST_ARGS)

test-quick: $(READY) ## the tests that follow no run: input, margins, certificates, files
	@$(FAST_COMPILE) $(BIN)/python -m pytest -m "not slow" $(PYTEST_ARGS)

test-all: $(READY) ## all tests but those of test-pages and test-long, as .ci/run does
	@$(BIN)/python -m pytest -m "not browser and not marathon" $(PYTEST_ARGS)

test-long: $(READY) ## hours: 10^5 enclosures of each kind of proof, hundreds of random problems
	@$(BIN)/python -m pytest -m marathon $(PYTEST_ARGS)

test-pages: $(READY) ## explorer, report and comparison in Chromium, where there is one; one after the other
	@$(BIN)/python -m pytest tests/browser

test-lowest: .venv-lowest/.ready ## what meets libraries, with the oldest ones that pyproject.toml allows
	@$(FAST_COMPILE) .venv-lowest/bin/python -m pytest $(PYTEST_ARGS) -W ignore::DeprecationWarning -W ignore::PendingDeprecationWarning $(LIBRARIES)

test-newest: .venv-newest/.ready ## the same with the newest ones that there are (make clean for newer ones)
	@.venv-newest/bin/python -m pytest $(PYTEST_ARGS) $(LIBRARIES)

lint: $(READY) ## style, formatting, types and the order of the rooms
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(READY) ## mend what the style checker can mend by itself
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(READY_DOCS) ## the documentation site, examples and notebooks run anew; a warning is an error
	@rm -rf build/docs docs/generated
	@$(BIN)/python -m sphinx --fail-on-warning --keep-going --quiet docs build/docs
	@echo "the site: build/docs/index.html"

bench: $(READY_BENCH) ## speed as ratios, measured in one run (adds PyTorch to .venv)
	@$(BIN)/python benchmarks/run.py

clean: ## remove .venv, caches and builds (never reports or stores)
	rm -rf $(VENV) .venv-lowest .venv-newest build dist .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	rm -rf docs/generated
	rm -f $(addprefix src/latephase/late/*/kernel/*.,c so pyd)
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamps are written last, so an interrupted set-up is made again and a finished one is not.
$(READY): pyproject.toml constraints.txt $(KERNEL)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "latephase needs Python 3.11 or later, got: $$($(PYTHON) --version 2>&1); name one with: make PYTHON=python3.12" >&2; exit 1; }
	@echo "setting up $(VENV) (a minute or two, once)"
	@$(PYTHON) -m venv $(VENV)
	@$(PIP_INSTALL) --editable '.[dev]'
	@touch $@

# Without constraints.txt. Old releases warn of what the Python and the libraries beside them have since deprecated.
.venv-%/.ready: pyproject.toml $(READY)
	@echo "setting up .venv-$* (a minute, once)"
	@$(PYTHON) -m venv .venv-$*
	@$(BIN)/uv pip install --quiet --python .venv-$*/bin/python --resolution $(if $(filter lowest,$*),lowest-direct,highest) --editable '.[test]'
	@touch $@

$(READY_BENCH): $(READY)
	@echo "adding what the benchmarks compare with (PyTorch, a large download, once)"
	@$(PIP_INSTALL) --editable '.[dev,bench]'
	@touch $@

$(READY_DOCS): $(READY)
	@echo "adding what the documentation is made with (Sphinx, once)"
	@$(PIP_INSTALL) --editable '.[dev,docs]'
	@touch $@
