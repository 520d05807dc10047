# All targets of the project. `make help` lists them; CI uses the same ones.
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
# Tests wait three quarters of the time, so three processes run in parallel, each with its own control
# plane. For a debugger, use one process: `make test PYTEST_ARGS=-n0` (or `-p no:xdist`).
# Tests on an existing cluster run one after the other, because they share it.
ONE_BY_ONE := $(or $(ANOMALY_TEST_CLUSTER),$(findstring no:xdist,$(PYTEST_ARGS)))
SIDE_BY_SIDE := $(if $(ONE_BY_ONE),,-n 3 --dist loadfile --no-loadscope-reorder)
# Where it is set, each process of each run compiles all the tests anew.
test test-unit: export PYTHONDONTWRITEBYTECODE :=
REPLAY ?=
SPEED ?=

.PHONY: help setup control-plane browser demo demo-up demo-down demo-training demo-training-up test test-unit \
	lint format types contracts check bench bench-patterns bench-detection bench-rootcause \
	bench-training-run bench-ensemble lock docs clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-18s %s\n", $$1, $$2}'

setup: $(STAMP) ## Create the Python environment (.venv) from requirements.lock

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

control-plane: setup ## Download or build etcd, kube-apiserver and the other programs into the cache
	@$(BIN)/python -m anomaly_sandbox resolve

browser: setup ## Find a Chromium for the browser tests, or unpack one into the cache
	@$(BIN)/python -m anomaly_sandbox browser

demo: control-plane ## Run the demo on a local control plane; REPLAY=FILE.csv replays a recording
	@$(BIN)/python -m anomaly_sandbox demo $(if $(REPLAY),--replay '$(REPLAY)') $(if $(SPEED),--speed '$(SPEED)')

demo-up: control-plane ## Run the demo and leave it running, with its dashboard; `make demo-down` ends it
	@$(BIN)/python -m anomaly_sandbox demo --keep $(if $(REPLAY),--replay '$(REPLAY)') $(if $(SPEED),--speed '$(SPEED)')

demo-training: control-plane ## Run the demo of a training run: a glitch found, the checkpoint to go back to
	@$(BIN)/python -m anomaly_sandbox demo-training

demo-training-up: control-plane ## The same, left running; `make demo-down` ends it
	@$(BIN)/python -m anomaly_sandbox demo-training --keep

demo-down: setup ## End a demo that was left running
	@$(BIN)/python -m anomaly_sandbox down

test: control-plane ## Run all tests, with real local control planes
	@$(BIN)/python -m pytest $(SIDE_BY_SIDE) $(PYTEST_ARGS)

test-unit: setup ## Run the tests that need no control plane (a few minutes)
	@$(BIN)/python -m pytest $(SIDE_BY_SIDE) tests/unit tests/properties $(PYTEST_ARGS)

lint: setup ## Check lint and format with ruff
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

format: setup ## Fix lint and format with ruff
	@$(BIN)/ruff check --fix --quiet .
	@$(BIN)/ruff format --quiet .

types: setup ## Check types with mypy --strict
	@$(BIN)/mypy

contracts: setup ## Check the import rules with import-linter
	@$(BIN)/lint-imports

check: lint types contracts ## Run lint, types and contracts, as CI does before the tests

bench: control-plane ## Measure speed, memory and API writes, compared with a peer
	@$(BIN)/pip install --quiet --disable-pip-version-check --root-user-action ignore 'joblib>=1.4,<2'
	@$(BIN)/python -m pytest tests/benchmarks --ignore tests/benchmarks/patterns -m benchmark -s $(PYTEST_ARGS)

bench-patterns: control-plane ## Play faults of the shop on a control plane: names, severities, life cycle
	@$(BIN)/python -m pytest tests/benchmarks/patterns -m benchmark -s $(PYTEST_ARGS)

bench-detection: setup ## Measure detection quality on labelled recordings, compared with peers
	@$(BIN)/pip install --quiet --disable-pip-version-check --root-user-action ignore 'pyod>=3,<4'
	@$(BIN)/python -m tests.benchmarks.detection

bench-rootcause: setup ## Measure how often the root cause is named on recorded issues
	@$(BIN)/python -m tests.benchmarks.rootcause $(BENCH_ARGS)

bench-training-run: setup ## Measure which faults of a training run are found, and how quiet stable runs are
	@$(BIN)/python -m tests.benchmarks.training_run $(BENCH_ARGS)

bench-ensemble: setup ## Measure members and vote rules on labelled rows: does a vote beat its members
	@$(BIN)/python -m tests.benchmarks.ensemble $(BENCH_ARGS)

lock: setup ## Update requirements.lock
	@$(BIN)/pip-compile --quiet --extra cli --extra dashboard --extra mcp --extra operator --extra serve --extra train --extra dev --generate-hashes --allow-unsafe \
		--strip-extras --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-header \
		--annotation-style line --output-file requirements.lock pyproject.toml

docs: setup ## Generate the API reference from the CRDs
	@$(BIN)/python operator/docs/generate_api_reference.py

clean: ## Remove the environment and caches (keeps the control plane programs)
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist
