# `make help` lists the tasks. Needs python3 (3.11 or newer) and make; the rest is installed into .venv.
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip install --quiet --disable-pip-version-check
# An activated environment must not decide what runs here.
unexport VIRTUAL_ENV PYTHONHOME PYTHONPATH
.DEFAULT_GOAL := help
.PHONY: demo run test lint audit docs messages reference screenshots help

demo: $(VENV)/.installed ## label, train and compete on digits, then serve (ARGS=--no-serve: stop there)
	$(PY) manage.py demo $(ARGS)

run: $(VENV)/.installed ## serve the site that is here, with a worker and beat
	$(PY) -m config.serve $(ARGS)

test: lint ## every check: lint, types, migrations, tests on SQLite and beside them on PostgreSQL and Redis
	sh tests/install_services.sh
	$(PY) manage.py makemigrations --check --dry-run --settings tests.settings
	$(PY) -m tests.both_ways $(ARGS)

lint: $(VENV)/.installed-dev ## style and types
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy .

# Asks pypi.org about each package, so that it is no part of the tests. Strict: it fails where one cannot be asked about,
# as without a network, rather than call that clean.
audit: $(VENV)/.installed-dev ## look for packages with known holes
	$(PY) -m pip_audit --local --strict --progress-spinner off

docs: $(VENV)/.installed-dev ## these documents as a site, in var/docs-site
	NO_MKDOCS_2_WARNING=1 $(PY) -m mkdocs build --quiet --strict
	@echo "Look at it: $(PY) -m http.server --directory var/docs-site 8001"

reference: $(VENV)/.installed ## the options of commands and the fields of the API, into docs/
	$(PY) -m docs_tools.reference

# Needs xgettext and msgmerge, of Debian's gettext.
messages: $(VENV)/.installed-dev ## what the site says, into locale/, and the words of its languages made ready for use
	$(PY) -m docs_tools.messages

screenshots: $(VENV)/.installed-dev ## every picture in docs/pictures, from a demo site of its own
	$(PY) -m docs_tools.screenshots

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /\1	/p' Makefile | expand -t 8

# A stamp is newer than what it was installed from, or make installs again. What checks the site includes what
# runs it, so the second stamp sets the first as well.
$(VENV)/.installed: requirements.txt constraints.txt | $(PY)
	@echo "Installing what runs the site into $(VENV) (PyTorch is large: this takes some minutes)..."
	@$(PIP) -r requirements.txt
	@touch $@

$(VENV)/.installed-dev: requirements-dev.txt requirements.txt constraints.txt | $(PY)
	@echo "Installing what runs and checks the site into $(VENV) (PyTorch is large: this takes some minutes)..."
	@$(PIP) -r requirements-dev.txt
	@touch $(VENV)/.installed $@

# Debian ships Python without ensurepip, and the package that brings it needs root.
$(PY):
	@command -v $(PYTHON) >/dev/null || \
	  { echo "Install Python 3.11 or newer, or name one that is here: make PYTHON=python3.12 ..."; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; found $$($(PYTHON) --version 2>&1):" \
	    "install one, or name one that is here: make PYTHON=python3.12 ..."; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || [ "$$(id -u)" != 0 ] || \
	  ! command -v apt-get >/dev/null || \
	  { echo "Installing python3-venv..."; export DEBIAN_FRONTEND=noninteractive; \
	    apt-get update -qq; apt-get install -qq -y --no-install-recommends python3-venv >/dev/null; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "Python's venv module is missing: install it (on Debian and Ubuntu the package python3-venv)."; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }
