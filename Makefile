# Run `make` for the list of targets. ARGS hands flags on: make nightly ARGS="--size small".
# PYTHON names the Python to build .venv with; DEVICE=cpu or gpu overrides what is found.
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
PEERS := .venv-peers
ARGS ?=
POINTS ?= 100
SEED ?= 1
export PYTHON DEVICE UPGRADE
# Compiled modules are kept: without them every process would spend seconds compiling packages anew.
unexport PYTHONDONTWRITEBYTECODE
# The environment that peer tests compare with, where `make peers` has built it.
export QILIN_PEERS ?= $(if $(wildcard $(PEERS)/bin/python),$(CURDIR)/$(PEERS)/bin/python)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup nightly up down status doctor test slow chaos lint format check bench peers lock clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*  ## ' $(MAKEFILE_LIST) | sed -E 's/:.*  ## /\t/' | \
		awk -F '\t' '{printf "make %-9s %s\n", $$1, $$2}'

$(READY): requirements.lock pyproject.toml .ci/setup
	@.ci/setup $(VENV)
	@touch $@

setup: $(READY)  ## build .venv from requirements.lock; every other target does so by itself

nightly: $(READY)  ## run one night and print where its report lies
	@$(BIN)/qilin nightly $(ARGS)

up: $(READY)  ## start server, worker, deployments and metrics; print the UI's address
	@$(BIN)/qilin up $(ARGS)

down: $(READY)  ## stop everything that `make up` started
	@$(BIN)/qilin down

status: $(READY)  ## show the running, the last and the next night
	@$(BIN)/qilin status

doctor: $(READY)  ## say what this machine has, what Qilin will use, and what is wrong
	@$(BIN)/qilin doctor

test: $(READY)  ## run the fast tests
	$(BIN)/pytest -q -m "not slow and not browser and not chaos" $(ARGS)

slow: $(READY)  ## run the slow tests and those that need a browser
	$(BIN)/pytest -q -n 2 --dist loadfile -m "slow or browser" --ignore=tests/benchmarks $(ARGS)

chaos: $(READY)  ## kill workers, scheduler, flow and server at POINTS random points, chosen by SEED
	QILIN_CHAOS_POINTS=$(POINTS) QILIN_CHAOS_SEED=$(SEED) \
		$(BIN)/pytest -q -s -m chaos $(if $(filter tests/%,$(ARGS)),,tests/chaos) $(ARGS)

lint: $(READY)  ## check style, format, types and import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(READY)  ## format the code and mend what ruff can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

check: lint test  ## lint and test: what to run before each commit

bench: $(READY)  ## measure speed against peers and print the table
	$(BIN)/python -m pytest -q -s tests/benchmarks $(ARGS)

peers: $(PEERS)/ready  ## build .venv-peers: libraries that tests and benchmarks compare with

$(PEERS)/ready: requirements-peers.lock $(READY)
	@echo "peers: installing $$(grep -c == $<) packages into $(PEERS)"
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(PEERS)
	@$(BIN)/uv pip install --quiet --no-deps --python $(PEERS)/bin/python --requirement $<
	@touch $@

lock: $(READY)  ## write the lock files anew from pyproject.toml and tests/peers.in
	@.ci/lock
	@.ci/lock peers

clean:  ## remove environments and tool caches; the store stays
	rm -rf $(VENV) $(PEERS) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
