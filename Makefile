# The few commands of daily work; `make` alone lists them.
#
#   make test DATABASE_URL=postgres://...   on a server instead of the private PostgreSQL
#   make test ARGS="-k summaries -x"        further arguments of pytest (or of the benchmarks)
#   make demo PORT=9000 SERVE=0 PYTHON=python3.13

PYTHON_BIN := .venv/bin/python
ARGS ?=
export PYTHON PORT SERVE

.DEFAULT_GOAL := help
.PHONY: help docs install install-dev demo test chaos lint bench lock stop clean \
        lint-style lint-format lint-types lint-imports lint-migrations lint-deploy lint-packages

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install:
	@.ci/install runtime

install-dev:
	@.ci/install dev

demo: install ## migrate some hundreds of sample browsers, verify, and serve the admin (SERVE=0: no server)
	@$(PYTHON_BIN) -m dynprot.demo

test: install-dev ## run the tests (DATABASE_URL=...: on that server; ARGS=...: pytest's)
	@$(PYTHON_BIN) -m pytest -n logical --maxprocesses=8 --dist=loadfile $(ARGS)

chaos: install-dev ## kill hundreds of imports at random places, compare (N=300 kills; SEED=number of the first round)
	@$(PYTHON_BIN) -m tests.faults.chaos --kills $(or $(N),300) $(if $(SEED),--seed $(SEED))

bench: install-dev ## measure, against bare COPY and the usual ways (ARGS=...)
	@$(PYTHON_BIN) -m benchmarks $(ARGS)

lint: lint-style lint-format lint-types lint-imports lint-migrations lint-deploy lint-packages ## check style, types, floors, migrations, settings, packages (make -k lint: all of them)

lint-style: install-dev
	@echo "ruff check"
	@$(PYTHON_BIN) -m ruff check --quiet .

lint-format: install-dev
	@echo "ruff format"
	@$(PYTHON_BIN) -m ruff format --quiet --check . || { $(PYTHON_BIN) -m ruff format --check .; exit 1; }

lint-types: install-dev
	@echo "mypy"
	@$(PYTHON_BIN) -m mypy --no-error-summary

lint-imports: install-dev
	@echo "import-linter"
	@.venv/bin/lint-imports > var/import-linter.log 2>&1 || { cat var/import-linter.log; exit 1; }

lint-migrations: install-dev
	@echo "migrations"
	@DJANGO_SETTINGS_MODULE=dynprot.settings.test $(PYTHON_BIN) manage.py makemigrations --check --dry-run > var/migrations.log 2>&1 || { cat var/migrations.log; exit 1; }

# The values are never used: this only looks at the settings, as production has them.
lint-deploy: install-dev
	@echo "check --deploy"
	@DYNPROT_ENV_FILE= DJANGO_SETTINGS_MODULE=dynprot.settings.production \
		DJANGO_SECRET_KEY="$$($(PYTHON_BIN) -c 'import secrets; print(secrets.token_urlsafe(64))')" \
		DATABASE_URL=postgres://nobody@localhost/nothing ALLOWED_HOSTS=dynprot.example \
		$(PYTHON_BIN) -W error manage.py check --deploy --fail-level INFO > var/deploy.log 2>&1 || { cat var/deploy.log; exit 1; }

lint-packages: install-dev
	@echo "pip-audit"
	@.ci/audit

docs: install-dev ## write the pages that are made from tables (docs/cleaning-rules.md, docs/run-states.md)
	@$(PYTHON_BIN) -m audit.local_storage.rules_page > docs/cleaning-rules.md
	@DJANGO_SETTINGS_MODULE=dynprot.settings.development $(PYTHON_BIN) -m audit.runs.states_page > docs/run-states.md

lock: install-dev ## resolve requirements*.txt again into the lock files
	@.ci/lock

# These two need no packages, so that they work whatever became of the environment.
ANY_PYTHON = $(if $(wildcard $(PYTHON_BIN)),$(PYTHON_BIN),$(or $(PYTHON),python3))

stop: ## end the private PostgreSQL
	@$(ANY_PYTHON) -m dynprot.embedded stop

clean: ## end it and delete what was made: its data, photos, the demo, the environment
	@$(ANY_PYTHON) -m dynprot.embedded remove
	@rm -rf var .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache .coverage .coverage.* htmlcov
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
