# Every verb of the project. `make help` lists them; CI calls the same ones.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c

VENV ?= .venv
BIN := $(VENV)/bin
# The newest Python on PATH that is at least 3.11; name another with `make PYTHON=...`.
PYTHON ?= $(shell for p in python3.14 python3.13 python3.12 python3.11 python3; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	2>/dev/null && { echo $$p; break; }; done)
STAMP := $(VENV)/.installed
PYTEST_ARGS ?=
# Three quarters of a run are waiting, so three processes run it side by side, each with a control
# plane of its own. One process, for a debugger: `make test PYTEST_ARGS=-n0` (or `-p no:xdist`).
# A cluster that somebody else runs is there once, so the tests on it go one by one.
ONE_BY_ONE := $(or $(ANOMALY_TEST_CLUSTER),$(findstring no:xdist,$(PYTEST_ARGS)))
SIDE_BY_SIDE := $(if $(ONE_BY_ONE),,-n 3 --dist loadfile --no-loadscope-reorder)
REPLAY ?=
SPEED ?=

.PHONY: help setup control-plane demo demo-up demo-down test test-unit lint format types contracts \
	check bench bench-detection lock docs clean

help: ## List the verbs
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

setup: $(STAMP) ## Build the Python environment (.venv) from requirements.lock

$(STAMP): requirements.lock pyproject.toml
	@if [ -z "$(PYTHON)" ]; then \
		echo "No Python 3.11 or newer on PATH. Install one, or run: make PYTHON=/path/to/python3 $(MAKECMDGOALS)"; exit 1; fi
	@command -v $(PYTHON) >/dev/null || { echo "PYTHON=$(PYTHON): no such program"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "$(PYTHON) is $$($(PYTHON) --version); 3.11 or newer is needed"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "$(PYTHON) lacks the venv module. On Debian and Ubuntu: apt-get install python3-venv"; exit 1; }
	@echo "==> Python environment in $(VENV) with $$($(PYTHON) --version) (about 1 minute the first time)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check --root-user-action ignore --require-hashes -r requirements.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --root-user-action ignore --no-deps --no-build-isolation --editable .
	@touch $@
	@echo "==> Python environment ready"

control-plane: setup ## Fetch or build etcd, kube-apiserver and the others into the cache
	@$(BIN)/python -m anomaly_sandbox resolve

demo: control-plane ## The whole way on a local control plane; REPLAY=FILE.csv plays a recording
	@$(BIN)/python -m anomaly_sandbox demo $(if $(REPLAY),--replay '$(REPLAY)') $(if $(SPEED),--speed '$(SPEED)')

demo-up: control-plane ## The same, left running; end it with `make demo-down`
	@$(BIN)/python -m anomaly_sandbox demo --keep $(if $(REPLAY),--replay '$(REPLAY)') $(if $(SPEED),--speed '$(SPEED)')

demo-down: setup ## End what `make demo-up` left running
	@$(BIN)/python -m anomaly_sandbox down

test: control-plane ## All tests, with a real control plane
	@$(BIN)/python -m pytest $(SIDE_BY_SIDE) $(PYTEST_ARGS)

test-unit: setup ## Only what needs no control plane (a few minutes)
	@$(BIN)/python -m pytest $(SIDE_BY_SIDE) tests/unit tests/properties $(PYTEST_ARGS)

lint: setup ## ruff: lint and format
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

format: setup ## Let ruff mend what it can
	@$(BIN)/ruff check --fix --quiet .
	@$(BIN)/ruff format --quiet .

types: setup ## mypy --strict
	@$(BIN)/mypy

contracts: setup ## import-linter: who may import whom
	@$(BIN)/lint-imports

check: lint types contracts ## What CI runs before the tests

bench: control-plane ## Speed, memory and write budgets, beside a peer in the same run
	@$(BIN)/pip install --quiet --disable-pip-version-check --root-user-action ignore 'joblib>=1.4,<2'
	@$(BIN)/python -m pytest tests/benchmarks -m benchmark -s $(PYTEST_ARGS)

bench-detection: setup ## Detection quality on labelled recordings, beside its peers
	@$(BIN)/pip install --quiet --disable-pip-version-check --root-user-action ignore 'pyod>=3,<4'
	@$(BIN)/python -m tests.benchmarks.detection

lock: setup ## Renew requirements.lock
	@$(BIN)/pip-compile --quiet --extra operator --extra train --extra dev --generate-hashes --allow-unsafe \
		--strip-extras --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-header \
		--annotation-style line --output-file requirements.lock pyproject.toml

docs: setup ## Renew the API reference from the CRDs
	@$(BIN)/python operator/docs/generate_api_reference.py

clean: ## Remove the environment and caches (the control plane's cache stays)
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist
