# What can be done here. A bare `make` prints this list.

.DEFAULT_GOAL := help
.PHONY: help run demo test test-office check bench accuracy model bases format lint setup setup-dev clean

PYTHON ?= python3
BIN := .venv/bin
# As many workers as cores; the tests of a module stay on one of them, since they share what it starts.
PARALLEL ?= -n auto --dist loadfile --no-loadscope-reorder

# Labelled mail: a folder with manifest.tsv and the archives that it names.
CORPUS ?= ../shared/corpus

SIGNATURES := services/scanner/signatures
CONTENT := services/antispam/database

help:
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: setup ## Run a gateway on 127.0.0.1:2525 with a mailbox behind it, all in var/
	@exec $(BIN)/python -m cli.develop

demo: setup ## Send a few telling messages and show what becomes of each
	@$(BIN)/python -m cli.demo

test: setup-dev ## Run all tests; servers that they need are started, and installed where missing
	$(BIN)/python -m pytest $(PARALLEL)

test-office: setup-dev ## Have LibreOffice open what the cure made; it is installed where missing, and large
	$(BIN)/python -m pytest tests/office/libreoffice.py

check: lint test ## Run everything that must hold before a change goes: format, lint, types, imports, tests

bench: setup-dev ## Measure throughput, latency and CPU per message
	$(BIN)/python -m bench

accuracy: setup-dev ## Measure spam caught and good mail flagged on CORPUS, cross-validated by source
	$(BIN)/python -m bench.accuracy --corpus $(CORPUS)

model: setup-dev ## Train the statistical model from CORPUS and the mail written for the project
	$(BIN)/python -m cli.maker.model $(CORPUS)

bases: setup-dev ## Build the databases that come with the gateway from their sources
	rm -rf $(SIGNATURES)/shipped
	$(BIN)/python -m cli.maker.bases --make-only --portable $(SIGNATURES)/sources $(SIGNATURES)/shipped
	rm -rf $(CONTENT)/shipped
	$(BIN)/python -m cli.maker.bases --family as --make-only $(CONTENT)/sources $(CONTENT)/shipped

format: setup-dev ## Format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lint: setup-dev ## Check format, style, types and who imports whom
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml

setup: .venv/.installed ## Make the environment that the gateway runs in

setup-dev: .venv/.installed-dev ## The same with what tests and checks need

clean: ## Remove the environment and all caches; var/ stays
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -not -path './var/*' -prune -exec rm -rf {} +

# Debian's Python has no ensurepip, so the environment borrows the pip of the system.
$(BIN)/python:
	$(PYTHON) -m venv --without-pip .venv
	$(BIN)/python -c 'import os, sysconfig; print(os.getcwd(), file=open(sysconfig.get_path("purelib") + "/mailwarden.pth", "w"))'

.venv/.installed: requirements.lock | $(BIN)/python
	$(PYTHON) -m pip --python $(BIN)/python install --quiet --require-hashes -r requirements.lock
	@touch $@

.venv/.installed-dev: requirements-dev.lock | $(BIN)/python
	$(PYTHON) -m pip --python $(BIN)/python install --quiet --require-hashes -r requirements-dev.lock
	@touch $@ .venv/.installed
