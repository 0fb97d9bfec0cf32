# `make demo` trains and shows a model on the built-in corpus; `make test` passes the tests. Both set up .venv first.
PYTHON ?= python3
BIN := .venv/bin
DEMO ?= demo

.PHONY: demo test lint types check bench soak soak-kills clean

.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@

demo: .venv/ready
	$(BIN)/rnnlm clean builtin:stories --out $(DEMO)
	$(BIN)/rnnlm tokenize $(DEMO)
	$(BIN)/rnnlm vocab $(DEMO)
	$(BIN)/rnnlm train $(DEMO)
	$(BIN)/rnnlm evaluate $(DEMO)
	$(BIN)/rnnlm generate $(DEMO) -n 3
	$(BIN)/rnnlm next $(DEMO) --prompt "the little " -k 5

test: .venv/ready
	$(BIN)/python -m pytest

lint: .venv/ready
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: .venv/ready
	$(BIN)/mypy

check: lint types test

# The long forms of what `make test` does in short: 200 kills and as many signals, every system call of a run failing.
soak: soak-kills

soak-kills: .venv/ready
	RNNLM_KILLS=200 $(BIN)/python -m pytest tests/faults/test_kills.py tests/faults/test_saves.py

bench: .venv/ready
	$(BIN)/python benchmarks/reading.py

clean:
	rm -rf .venv $(DEMO) dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis
