# Two commands matter: `make demo` shows the whole chain, `make test` passes every check.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test lint floors types check clean

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	@echo "Installing what Confessional needs (a few minutes the first time)…"
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev]'
	@touch $@

demo: $(READY)
	$(BIN)/confess demo $(if $(FRESH),--fresh)

test: $(READY) lint types floors check

lint:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types:
	$(BIN)/mypy

floors:
	$(BIN)/lint-imports

check:
	$(BIN)/pytest

clean:
	rm -rf $(VENV) demo
