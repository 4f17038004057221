# The workbook's commands. `make report` and `make test` work on a fresh clone: each makes what it needs in .venv first,
# and skips that when nothing changed. Written for GNU Make 3.81 (what macOS brings) and later.

VENV := .venv
ifeq ($(OS),Windows_NT)
BIN := $(VENV)/Scripts
else
BIN := $(VENV)/bin
endif

# PYTHON=... names the interpreter; otherwise the first of these that runs and is 3.11 or later.
PYTHONS := $(if $(PYTHON),"$(PYTHON)",python3.12 python3.13 python3.11 python3.14 python3 python)

PIP     := $(BIN)/python -m pip --disable-pip-version-check
INSTALL := $(PIP) install --quiet --compile --require-hashes --only-binary :all:
PROJECT := $(PIP) install --quiet --no-deps --no-build-isolation --editable .

COMPILE := $(BIN)/uv pip compile pyproject.toml --group build --universal --generate-hashes --python-version 3.11 \
           --quiet --no-header --no-annotate --no-emit-index-url --no-emit-find-links
# What the martech command is told: DATA=folder or URL, MONTH=2026-10, ARGS=anything else it understands.
TOLD = $(if $(DATA),--data "$(DATA)") $(if $(MONTH),--month "$(MONTH)") $(ARGS)

.DEFAULT_GOAL := help
.PHONY: help report test setup apps lab bench truth lint format lock lock-check clean

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' Makefile

# --- what people run -------------------------------------------------------------------------------------------------

report: $(VENV)/.run  ## the monthly report into reports/ (DATA=... MONTH=2026-10 ARGS=--pdf)
	@$(BIN)/martech report $(TOLD)

apps: $(VENV)/.run  ## the notebooks as apps in the browser (DATA=... ARGS="--port 8866")
	@$(BIN)/martech apps $(TOLD)

lab: $(VENV)/.run  ## the notebooks in JupyterLab (DATA=...)
	@$(BIN)/martech lab $(TOLD)

setup: $(VENV)/.dev  ## the environment with everything a contributor needs, in .venv

# --- what keeps it right ---------------------------------------------------------------------------------------------

test: $(VENV)/.dev  ## every test, two files at a time (ARGS="-k audit")
	@$(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)

truth: $(VENV)/.dev  ## the slow checks against worlds whose answer is known, in full
	@MARTECH_TRUTH=full $(BIN)/python -m pytest -n 2 -rP tests/truth tests/test_triangulation.py tests/test_attribution_credit.py tests/test_attribution_segment.py $(ARGS)

bench: $(VENV)/.dev  ## time the speed claims and write the README's table anew
	@$(BIN)/python benchmarks/run_all.py $(ARGS)

lint: $(VENV)/.dev  ## ruff on code and notebooks, types, stripped notebooks
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/nbstripout --verify notebooks/*.ipynb

format: $(VENV)/.dev  ## let ruff and nbstripout put right what they can
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .
	@$(BIN)/nbstripout notebooks/*.ipynb

lock: $(VENV)/.dev  ## pin again after a change in pyproject.toml (ARGS=--upgrade for newer versions)
	@$(COMPILE) --output-file requirements.lock $(ARGS)
	@$(COMPILE) --group dev --constraint requirements.lock --output-file requirements-dev.lock $(ARGS)

lock-check: $(VENV)/.dev  ## would the locks install, from wheels alone, on Linux, macOS and Windows?
	@.ci/lock-check $(BIN)

clean:  ## remove .venv, caches and builds; reports stay
	rm -rf $(VENV) dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# --- the environment: each stamp is newer than what it was made from -------------------------------------------------

$(VENV)/.made:
	@chosen=; for python in $(PYTHONS); do \
	  if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then chosen=$$python; break; fi; \
	done; \
	if [ -z "$$chosen" ]; then \
	  echo 'The workbook needs Python 3.11 or later, and none of these is one: $(subst ",,$(PYTHONS)).' >&2; \
	  echo 'Install one, or name it: make $(MAKECMDGOALS) PYTHON=/path/to/python3' >&2; exit 1; \
	fi; \
	echo "Making .venv with $$chosen (once)"; "$$chosen" -m venv $(VENV)
	@touch $@

$(VENV)/.run: $(VENV)/.made requirements.lock pyproject.toml
	@echo "Installing what requirements.lock pins (again only when it or pyproject.toml changes)"
	@$(INSTALL) -r requirements.lock
	@$(PROJECT)
	@touch $@

# pyspark alone is published without wheels. What builds it is pinned too: it stands in the first lock, installed before.
$(VENV)/.dev: $(VENV)/.run requirements-dev.lock
	@echo "Installing what requirements-dev.lock pins (again only when it or pyproject.toml changes)"
	@$(INSTALL) --no-binary pyspark --no-build-isolation -r requirements-dev.lock
	@touch $@
