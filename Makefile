# rapport: `make repro` runs the pipeline, `make test` the checks; both set up .venv themselves.
.DEFAULT_GOAL := help
SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready
SPARK := $(VENV)/spark
COMPILE := uv pip compile -q -U --universal --no-header --no-annotate --python-version 3.11
ITERATIONS ?= 3
SOURCE ?=
DATA ?=

# Telemetry of the tools is off; the project's own programs come first on the path for DVC's stages.
export MLFLOW_DISABLE_TELEMETRY := true
export DVC_NO_ANALYTICS := 1
# Threads that wait must not spin: on a busy machine LightGBM would spend its time so.
export OMP_WAIT_POLICY := PASSIVE
export PATH := $(CURDIR)/$(BIN):$(PATH)

$(STAMP): requirements/bootstrap.txt requirements/dev.txt pyproject.toml setup.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "rapport needs Python 3.11 or newer; $(PYTHON) is older. Try: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@echo "[1/4] virtual environment in $(VENV)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "[2/4] installer"
	@$(BIN)/python -m pip install -q --disable-pip-version-check -r requirements/bootstrap.txt
	@echo "[3/4] $$(grep -c == requirements/dev.txt) pinned packages, compiled once (one to three minutes)"
	@VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --compile-bytecode -r requirements/dev.txt -r requirements/bootstrap.txt
	@echo "[4/4] rapport itself, editable"
	@VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install -q --no-deps -e .
	@touch $@

# Beside the other packages, not among them: pandera would import it in every process.
$(SPARK)/.ready: requirements/spark.txt $(STAMP)
	@echo "Spark for the tests of the second engine"
	@VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install -q --compile-bytecode --target $(SPARK) -r requirements/spark.txt
	@touch $@

.PHONY: help setup repro test check loop evaluation-study lock clean
help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo "  e.g. make repro SOURCE=hillstrom DATA=path/to/folder; make loop ITERATIONS=3"

setup: $(STAMP) ## make .venv from the lock (every target does so by itself)

repro: $(STAMP) ## run the pipeline, publish the bundle, print the summary (SOURCE=, DATA= for another source)
	@python -m rapport.configure $(SOURCE) $(if $(DATA),--data "$(DATA)")
	@python -m rapport.challenge
	dvc repro
	@python -m rapport.publish
	@python -m rapport.summary

loop: $(STAMP) ## ITERATIONS=3 rounds of repro, the simulated world's answer and absorb
	@python -m rapport.loop --iterations $(ITERATIONS)
	@python -m rapport.summary

check: $(STAMP) ## ruff and mypy
	ruff check .
	ruff format --check .
	mypy

test: check $(SPARK)/.ready ## all tests, after ruff and mypy
	python -m pytest -q

evaluation-study: $(STAMP) ## can the evaluation be fooled? Figures to docs/benchmarks (DATA=folder of the public datasets)
	python benchmarks/evaluation_study.py $(if $(DATA),--data "$(DATA)")

lock: $(STAMP) ## compile the requirements anew from pyproject.toml
	$(COMPILE) pyproject.toml --extra dev -o requirements/dev.txt
	$(BIN)/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["spark"])' \
		| $(COMPILE) - -o requirements/spark.txt

clean: ## remove outputs and caches; raw data, ledger, registry and .venv stay
	rm -rf data/tables data/features data/kpis data/bundle data/out_of_fold data/evaluation data/gate data/assignments data/risk data/plan data/what_if data/report data/truth
	rm -rf build .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +
