# Thin aliases: what they run can be typed as well.

PYTHON ?= python3
BIN := .venv/bin

.PHONY: help test test-slow check docs bench

help:  ## List the targets.
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

.venv/.complete: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install -c constraints.txt -e '.[all,dev]'
	touch $@

test: .venv/.complete  ## The fast tests and the doctests.
	$(BIN)/pytest

test-slow: .venv/.complete  ## The slow tests.
	$(BIN)/pytest -m slow

check: .venv/.complete  ## Lint, format, types and import layers.
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: .venv/.complete  ## The documentation, into site/.
	$(BIN)/mkdocs build --strict

bench: .venv/.complete  ## Our rollouts beside the bare loop and the peers, as ratios.
	$(BIN)/pip install -q -c constraints.txt -e '.[bench]'
	$(BIN)/python benchmarks/rollouts.py
