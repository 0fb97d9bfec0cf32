# `make demo` trains and shows a model on the built-in corpus; `make test` passes the tests. Both set up .venv first.
PYTHON ?= python3
BIN := .venv/bin
DEMO ?= demo

.PHONY: demo test lint types check audit bench soak soak-kills soak-mutations clean

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

# Two processes, each with whole files, so that what a file's tests share is made once.
test: .venv/ready
	$(BIN)/python -m pytest -n 2 --dist loadfile

lint: .venv/ready
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: .venv/ready
	$(BIN)/mypy

check: lint types test

# Whether the locked versions have known faults: 0 none has, 1 some have, 2 nothing or not everything could be checked.
# pip-audit and what it needs are kept apart from what is locked.
audit:
	@test -x .venv-audit/bin/pip-audit || { $(PYTHON) -m venv .venv-audit && \
		.venv-audit/bin/pip install --quiet pip-audit==2.10.1; } || \
		{ echo "nothing was checked: pip-audit cannot be installed here"; exit 2; }
	@$(PYTHON) .ci/audit.py .venv-audit/bin/pip-audit

# The long forms of what `make test` does in short: 200 kills and as many signals, every system call of a run failing;
# 100,000 changes of artifacts, a line of 100 MB.
soak: soak-kills soak-mutations

soak-kills: .venv/ready
	RNNLM_KILLS=200 $(BIN)/python -m pytest tests/faults/test_kills.py tests/faults/test_saves.py

soak-mutations: .venv/ready
	RNNLM_MUTATIONS=100000 RNNLM_LINE_BYTES=100000000 $(BIN)/python -m pytest tests/faults/test_mutations.py tests/faults/test_cases.py

bench: .venv/ready
	$(BIN)/python benchmarks/reading.py

clean:
	rm -rf .venv .venv-audit $(DEMO) dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis
