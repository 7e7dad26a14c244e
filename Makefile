# Argus. Needs Python 3.11 or newer, make and git; each target sets up what it needs in .venv.
#   make run     the main job on paper: EURUSD and BTC on a simulated market (Ctrl-C ends it)
#   make test    the whole test suite, as CI runs it
#   make check   format, lint, types, import contracts
#   make bench   the benchmarks of docs/benchmarks.md, short versions
#   make chaos   20 seeds of 10,000 orders under faults, then 200 kills under Ray (about an hour)
#   make clean   remove what the other targets made

PYTHON ?= python3
VENV := .venv
READY := $(VENV)/.ready
PY := $(VENV)/bin/python

.PHONY: run test check bench chaos clean

run: $(READY)
	@$(PY) cli.py run --symbols EURUSD,BTC

test: $(READY)
	@$(PY) -m pytest

check: $(READY)
	@$(PY) -m ruff format --check .
	@$(PY) -m ruff check .
	@$(PY) -m mypy
	@$(VENV)/bin/lint-imports

bench: $(READY)
	@$(PY) -m benchmarks.cycle --symbols 10
	@$(PY) -m benchmarks.cycle --symbols 1000
	@$(PY) -m benchmarks.startup

chaos: $(READY)
	@$(PY) -m benchmarks.chaos --venue paper --intents 10000 --seeds 20 --kills 200

clean:
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	    || { echo "Argus needs Python 3.11 or newer: make PYTHON=python3.11 run" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(READY)
