# `make` alone lists the targets. Paths are relative: the folder's own name may hold blanks and any letters.

.DEFAULT_GOAL := help
.PHONY: help run test prove drill lint fmt types bench lock readme new-system down clean
MAKEFLAGS += --no-print-directory
SHELL := /bin/sh
export PYTHON

PY   := .venv/bin/python -P
CODE := src tests tools bench systems
LOCK := .venv/bin/uv pip compile -q --python .venv/bin/python --universal --python-version 3.11 --generate-hashes \
        --no-emit-index-url --no-emit-find-links --no-header --override requirements/overrides.in -c requirements/together.in $(UPGRADE)

help:
	@echo "Orrery: data systems that run. SYSTEM=name chooses one (meteor), ARGS=\"…\" is passed on."
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

run: ## run a system on its own data (installs only what it needs)
	@sh tools/bootstrap.sh $$(sh tools/purpose.sh $(or $(SYSTEM),meteor))
	@.venv/bin/orrery run $(or $(SYSTEM),meteor) $(ARGS)

test: ## every test (installs the rest), two files at a time
	@sh tools/bootstrap.sh test
	@$(PY) -m pytest -n 2 --dist loadfile $(ARGS)

prove: ## sabotage every claim: its test must turn red (SYSTEM=meteor for one alone)
	@sh tools/bootstrap.sh test
	@.venv/bin/orrery prove $(SYSTEM) $(ARGS)

drill: ## every fault at every point, at random moments, two runs at once (minutes)
	@sh tools/bootstrap.sh test
	@.venv/bin/orrery drill $(or $(SYSTEM),meteor) $(ARGS)

lint: ## style, types and the house rules; changes nothing
	@sh tools/bootstrap.sh test
	@$(PY) -m ruff check $(CODE)
	@$(PY) -m ruff format --check $(CODE)
	@$(MAKE) types
	@$(PY) -m pytest -q tests/test_house_rules.py

fmt: ## format the code and mend what can be mended
	@sh tools/bootstrap.sh test
	@$(PY) -m ruff check --fix-only $(CODE)
	@$(PY) -m ruff format $(CODE)

types: ## the type checker alone
	@sh tools/bootstrap.sh test
	@$(PY) -m mypy
	@for jobs in systems/*/*/jobs systems/*/*/connectors; do MYPYPATH=$$jobs $(PY) -m mypy --explicit-package-bases $$jobs || exit 1; done

bench: ## compare a system with what you would use instead (`orrery bench` measures it alone, at several sizes)
	@sh tools/bootstrap.sh bench
	@.venv/bin/python bench/$(or $(SYSTEM),meteor).py $(ARGS)

lock: ## make the hashed locks again (UPGRADE=--upgrade takes newer versions)
	@sh tools/bootstrap.sh run
	@$(LOCK) requirements/uv.in -o requirements/uv.lock.txt
	@$(LOCK) pyproject.toml --extra postgres -o requirements/run.lock
	@$(LOCK) pyproject.toml --extra dbt --extra snowflake -c requirements/run.lock -o requirements/dbt.lock
	@$(LOCK) pyproject.toml --all-extras requirements/test.in -c requirements/dbt.lock -o requirements/test.lock
	@$(LOCK) pyproject.toml --extra postgres --extra dbt-postgres -c requirements/test.lock -o requirements/dbt-postgres.lock
	@$(LOCK) pyproject.toml --all-extras requirements/test.in requirements/bench.in -o requirements/bench.lock
	@$(LOCK) requirements/snowflake-emulator.in -o requirements/snowflake-emulator.lock
	@$(LOCK) --prerelease allow requirements/dbt-2.in -o requirements/dbt-2.lock

readme: ## run the claims' tests and write the tables and outputs of the READMEs
	@sh tools/bootstrap.sh test
	@$(PY) tools/readme_output.py
	@$(PY) tools/readme_bench.py
	@$(PY) tools/readme_tables.py

new-system: ## the folder of a planned system (ID=p18, DOES=multi_cloud: how its name ends)
	@sh tools/bootstrap.sh test
	@$(PY) tools/new_system.py $(ID) $(if $(DOES),--does $(DOES))

down: ## stop every server that was started here
	@if [ -x .venv/bin/orrery ]; then .venv/bin/orrery down; else echo "Nothing is installed, so nothing runs."; fi

clean: ## remove .venv and everything built; .orrery (your runs and data) stays
	@$(MAKE) down || echo "The servers of .orrery could not be stopped; should one still run, end it by hand."
	@rm -rf .venv .make .pytest_cache .mypy_cache .ruff_cache .hypothesis dist build
	@echo "Removed. Runs and data are still in .orrery; delete that folder to be rid of them too."
