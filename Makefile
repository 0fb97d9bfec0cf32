# `make demo` trains and shows a model on the built-in corpus; `make test` passes the tests. Both set up .venv first.
PYTHON ?= python3
BIN := .venv/bin
DEMO ?= demo

# The index that torch comes from, when it is not the one that pip uses for everything else. On Linux,
# TORCH_INDEX=https://download.pytorch.org/whl/cpu avoids a download of several gigabytes for GPUs.
TORCH_INDEX ?=

# $(call torch-first,ENVIRONMENT,FILE) installs the torch version that FILE pins, before anything else requires torch.
ifneq ($(TORCH_INDEX),)
torch-first = $(1)/bin/pip install --quiet --no-deps --index-url $(TORCH_INDEX) "$$(grep '^torch==' $(2))"
endif

.PHONY: demo test site test-page test-tools test-lowest test-core lint types check audit release bench soak soak-kills soak-mutations soak-together soak-processes clean

.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(call torch-first,.venv,constraints.txt)
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
	$(BIN)/rnnlm report $(DEMO) --out $(DEMO)/report.html

# Two processes, each with whole files, so that what a file's tests share is made once.
test: .venv/ready
	$(BIN)/python -m pytest -n 2 --dist loadfile

# The pages and the site in Debian's chromium: apt-get install chromium.
test-page: .venv/page
	$(BIN)/python -m pytest tests/page

.venv/page: .venv/ready
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev,page,site]'
	@touch $@

# The documents as a site: build/site/index.html, which can be read and searched from file://.
site: .venv/site $(DEMO)/report.html
	$(BIN)/python site/build.py build/site $(DEMO)/report.html

.venv/site: .venv/ready
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev,site]'
	@touch $@

$(DEMO)/report.html:
	$(MAKE) demo

# Other people's programs on what this one writes, in a separate environment: transformers, lm-evaluation-harness,
# minicons, TensorBoard.
test-tools: .venv-tools/ready
	.venv-tools/bin/python -m pytest -W ignore tests/tools

.venv-tools/ready: pyproject.toml constraints-tools.txt
	$(PYTHON) -m venv .venv-tools
	$(call torch-first,.venv-tools,constraints-tools.txt)
	.venv-tools/bin/pip install --quiet --constraint constraints-tools.txt --editable '.[tools]'
	@touch $@

# The tests with the lowest versions of the direct dependencies, extras and test tools that pyproject.toml allows.
test-lowest: .venv-lowest/ready
	.venv-lowest/bin/python -m pytest -n 2 --dist loadfile

.venv-lowest/ready: pyproject.toml constraints.txt .ci/lowest.py
	$(PYTHON) -m venv .venv-lowest
	.venv-lowest/bin/pip install --quiet --constraint constraints.txt packaging
	.venv-lowest/bin/python .ci/lowest.py dev > .venv-lowest/lowest.txt
	$(call torch-first,.venv-lowest,.venv-lowest/lowest.txt)
	.venv-lowest/bin/pip install --quiet --only-binary :all: --requirement .venv-lowest/lowest.txt
	.venv-lowest/bin/pip install --quiet --no-deps --editable .
	@touch $@

# The tests without any extra; a test that needs one is skipped, and the reason names the extra.
test-core: .venv-core/ready
	.venv-core/bin/python -m pytest -n 2 --dist loadfile -r s

.venv-core/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv-core
	$(call torch-first,.venv-core,constraints.txt)
	.venv-core/bin/pip install --quiet --constraint constraints.txt --editable . pytest pytest-xdist hypothesis
	@touch $@

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

# The wheel and the source distribution, built twice with equal bytes, and the demo from the wheel alone.
release: .venv/ready
	.ci/release

# The long forms of what `make test` does in short: 200 kills and as many signals, every system call of a run failing;
# 100,000 changes of artifacts, a line of 100 MB.
soak: soak-kills soak-mutations soak-together soak-processes

soak-kills: .venv/ready
	RNNLM_KILLS=200 $(BIN)/python -m pytest tests/faults/test_kills.py tests/faults/test_saves.py

soak-mutations: .venv/ready
	RNNLM_MUTATIONS=100000 RNNLM_LINE_BYTES=100000000 $(BIN)/python -m pytest tests/faults/test_mutations.py tests/faults/test_cases.py

soak-together: .venv/ready
	RNNLM_PAIRS=5 RNNLM_FLAGS=500 $(BIN)/python -m pytest tests/faults/test_together.py

soak-processes: .venv/ready
	$(BIN)/python -m pytest tests/faults/soak_processes.py

bench: .venv/ready
	$(BIN)/python benchmarks/reading.py

clean:
	rm -rf .venv .venv-audit .venv-lowest .venv-core .venv-tools $(DEMO) dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis
