# closedwon: every target does its own set-up. `make demo` to see it, `make test` to check it.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8000
export UV_PYTHON_DOWNLOADS := never
export UV_PROJECT_ENVIRONMENT := $(VENV)
export SPARK_LOCAL_IP := 127.0.0.1
export CLOSEDWON_TEST_DATA ?= $(abspath ../shared/data)

.PHONY: help
help: ## what can be made
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | sort | expand -t 14

$(BIN)/uv:
	@bash scripts/make-venv.sh "$(PYTHON)" "$(VENV)"

$(VENV)/.run: $(BIN)/uv pyproject.toml uv.lock
	@$(BIN)/uv sync --quiet --frozen --inexact --no-default-groups --python $(BIN)/python
	@touch $@

$(VENV)/.dev: $(BIN)/uv pyproject.toml uv.lock
	@$(BIN)/uv sync --quiet --frozen --inexact --all-extras --all-groups --python $(BIN)/python
	@touch $@ $(VENV)/.run

src/closedwon/ui/static/vendor/.done: package.json package-lock.json scripts/assets.py | $(BIN)/uv
	@$(BIN)/python scripts/assets.py
	@touch $@

.PHONY: assets
assets: src/closedwon/ui/static/vendor/.done ## web assets, pinned, no CDN

.PHONY: demo
demo: $(VENV)/.run assets ## the example company: site, worker, one login per role
	@$(BIN)/closedwon demo --port $(PORT)

.PHONY: system
system:
	@bash scripts/test-system.sh

.PHONY: setup
setup: $(VENV)/.dev assets ## everything for development

.PHONY: test
test: system setup lint ## lint, types, contracts and every test, on SQLite and PostgreSQL, DuckDB and Spark
	@bash scripts/test.sh

.PHONY: lint
lint: $(VENV)/.dev ## style, types, import contracts, migrations
	@$(BIN)/ruff check src tests benchmarks scripts conftest.py
	@$(BIN)/ruff format --check --quiet src tests benchmarks scripts conftest.py
	@$(BIN)/mypy
	@PYTHONPATH=src $(BIN)/lint-imports --no-cache --verbose > build-contracts.log 2>&1 || { tail -40 build-contracts.log; rm -f build-contracts.log; exit 1; }; rm -f build-contracts.log
	@echo "lint, types and contracts are clean"

.PHONY: format
format: $(VENV)/.dev ## format and mend what can be mended
	@$(BIN)/ruff check --fix --quiet src tests benchmarks scripts conftest.py || true
	@$(BIN)/ruff format --quiet src tests benchmarks scripts conftest.py

.PHONY: bench
bench: $(VENV)/.dev ## benchmarks, as ratios to a hand-written floor
	@bash scripts/bench.sh $(BIN)/python

.PHONY: docs
docs: $(VENV)/.dev ## generated reference pages
	@$(BIN)/python scripts/docs.py
