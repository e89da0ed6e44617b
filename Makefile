# A fresh machine needs Python 3.11 or newer and make; all else goes into .venv, from requirements.lock.
# Another Python: make demo PYTHON=/path/to/python3.12

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help install demo test check format clean

export FLWR_TELEMETRY_ENABLED := 0
export RAY_USAGE_STATS_ENABLED := 0
export DO_NOT_TRACK := 1

NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$python -c '$(NEW_ENOUGH)' 2>/dev/null && { echo $$python; break; }; done)

BIN := .venv/bin
INSTALLED := .venv/.installed

# For example TEST_OPTIONS="-n 8 --dist loadfile" on a machine with many cores.
TEST_OPTIONS ?= -n 2 --dist loadfile

help: ## Show this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST)

install: $(INSTALLED) ## Make .venv and install the locked packages and swann into it

demo: $(INSTALLED) ## Search, convert, train both networks and compare them, on a small dataset
	$(BIN)/swann demo --overwrite

test: $(INSTALLED) ## Run the tests and the examples in docstrings
	OMP_NUM_THREADS=$${OMP_NUM_THREADS:-1} $(BIN)/python -m pytest -q $(TEST_OPTIONS)

check: $(INSTALLED) ## Lint, formatting, types, and which module may import which
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(INSTALLED) ## Format the code and sort its imports
	$(BIN)/ruff check --fix-only --quiet
	$(BIN)/ruff format

clean: ## Remove .venv and the tools' caches
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

$(INSTALLED): requirements.lock pyproject.toml
	@$(if $(shell $(or $(PYTHON),false) -c '$(NEW_ENOUGH)' 2>/dev/null && echo yes),,$(error swann needs \
	Python 3.11 or newer, found $(or $(shell $(or $(PYTHON),python3) --version 2>/dev/null),none); \
	install one or name it: make PYTHON=/path/to/python3.11))
	@test -x $(BIN)/pip || $(PYTHON) -m venv .venv
	@test -x $(BIN)/uv || $(BIN)/pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python -r requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps -e .
	@touch $@
