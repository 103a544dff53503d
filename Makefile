# make demo   set everything up, deploy to the embedded AWS, leave a working MLflow
# make test   set everything up, run all tests
# make help   the rest

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV ?= .venv
BIN := $(CURDIR)/$(VENV)/bin
DEMO ?= .demo
DEMO_INVENTORY ?= inventories/local
DEMO_REGION ?= eu-west-2
# More words for python -m tests.gates, such as --core 2.20
GATE_ARGS ?=
# More words for ansible-playbook, such as -e stack_http_port=8090
DEMO_ARGS ?=
LATENCY ?= 0
# The files in their order, the long ones first: the last to end is then a short one, which keeps no worker idle.
PYTEST_WORKERS := -n 2 --dist loadfile --no-loadscope-reorder
UV_VERSION := 0.13.9

ORIGINAL_PATH := $(PATH)
export PATH := $(BIN):$(PATH)
# The environment is this one, whatever the shell thinks it is in.
export UV_PROJECT_ENVIRONMENT := $(VENV)
export UV_PYTHON_DOWNLOADS := never
# As pip does: the machine's own store may know a company's proxy, of which uv's bundled one knows nothing.
export UV_SYSTEM_CERTS ?= true
export ANSIBLE_CONFIG := $(CURDIR)/ansible.cfg
unexport VIRTUAL_ENV PYTHONHOME PYTHONPATH
# Without bytecode every Ansible module compiles boto3 anew: 15 s more for a run of the playbook.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help
help: ## Show the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

.PHONY: setup
setup: $(VENV)/.ready ## Make the environment in .venv

$(VENV)/.ready: pyproject.toml uv.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed; name one with make PYTHON=python3.12 ..." >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	$(BIN)/uv sync --frozen --quiet --python $(BIN)/python
	$(BIN)/python -m compileall -q -j 0 $(VENV)/lib/python3*/site-packages/{boto3,botocore,ansible,moto,jinja2,yaml,s3transfer} \
	  $(VENV)/lib/python3*/site-packages/ansible_collections/{amazon/aws,community/aws} || true
	touch $@

.PHONY: demo
demo: setup ## Deploy MLflow to the embedded AWS on this machine
	mkdir -p -m 700 $(DEMO)
	python -m emulator start --state $(DEMO)/aws --latency $(LATENCY)
	umask 077; python -m emulator env --state $(DEMO)/aws --region $(DEMO_REGION) > $(DEMO)/aws.env
	set -a; source $(DEMO)/aws.env; set +a; \
	  ansible-playbook site.yml -i $(DEMO_INVENTORY) -e stack_output_dir=$(abspath $(DEMO)) $(DEMO_ARGS)
	@echo
	@echo "MLflow: $$(sed -n 's/^MLFLOW_TRACKING_URI=//p' $(DEMO)/mlflow.env)"
	@echo "Login:  the admin's user and password are in $(DEMO)/mlflow.env"
	@echo "Client: set -a; source $(DEMO)/mlflow.env; set +a"
	@echo "Stop:   make demo-down"

.PHONY: demo-down
demo-down: setup ## Stop the embedded AWS and everything in it
	python -m emulator stop --state $(DEMO)/aws
	rm -f $(DEMO)/aws.env $(DEMO)/mlflow.env $(DEMO)/mlflow-*.env

.PHONY: test
test: setup ## Run all tests, as CI does
	# The scenarios wait for AWS most of their time, the others use the processor: two at a time need half as long.
	$(MAKE) --no-print-directory --keep-going --jobs=2 molecule lint unit

.PHONY: lint
lint: setup ## Check the style and the types
	ruff check .
	ruff format --check .
	mypy
	ansible-lint --offline --profile production
	antsibull-changelog lint

.PHONY: unit
unit: setup ## Run the tests of modules, plugins and the embedded AWS
	python -m pytest $(PYTEST_WORKERS)

# uv.lock holds two lines of ansible-core, one below Python 3.12 and one from there on.
.PHONY: other-core
other-core: setup ## Test the plugins with the other locked ansible-core, if its Python is here
	@others=$$(python -c 'import sys; print("3.11" if sys.version_info >= (3, 12) else "3.12 3.13 3.14")'); \
	if other=$$(PATH="$(ORIGINAL_PATH)" $(BIN)/python tools/pythons.py $$others); then \
	  PATH="$(ORIGINAL_PATH)" $(MAKE) --no-print-directory VENV=.venv-$${other##*/} PYTHON=$$other core; \
	else \
	  echo "other-core: no Python $$others here, not tested"; \
	fi

.PHONY: core
core: setup
	ansible --version
	python -m pytest $(PYTEST_WORKERS) tests/unit/plugins tests/unit/test_specs.py tests/integration/test_what_aws_answered.py
	ansible-playbook site.yml -i inventories/local --syntax-check

.PHONY: molecule
molecule: setup ## Run the scenario of each role and of the whole site
	python -m tests.scenarios

.PHONY: guards
guards: setup ## Call every route of both generations of MLflow as people without rights
	python -m pytest -m slow tests/integration/runtime

.PHONY: test-slow
test-slow: setup other-core ## Run the long tests: MLflow 2.18.0, faults, killed runs
	python -m pytest -m slow tests/unit tests/integration
	python -m tests.scenarios ecs_mlflow mlflow_access network verify
	python -m pytest -m slow tests/deployed

.PHONY: coverage
coverage: setup ## Report the lines and branches of plugins/ that make unit runs
	python -m pytest $(PYTEST_WORKERS) --cov --cov-report=term --cov-report=xml

.PHONY: mutants
mutants: setup ## Break the plan functions on purpose: every break must fail a test
	python -m tools.mutants

.PHONY: gates
gates: setup ## Run the gates of Ansible's community on the artifact, for each ansible-core
	python -m tests.gates $(GATE_ARGS)

# One of them, such as make sanity GATE_ARGS="--core 2.20 --python 3.13"
GATES := sanity units site importer actionlint execution-environment navigator
.PHONY: $(GATES)
$(GATES): setup
	python -m tests.gates $@ $(GATE_ARGS)

.PHONY: docs
docs: setup ## Build the site of modules, plugins and roles in build/site
	python -m tests.gates docs-lint docs-site

.PHONY: bench
bench: setup ## Measure deployment and re-runs, as ratios
	python -m tests.bench

.PHONY: format
format: setup ## Put the Python files into shape
	ruff check --fix .
	ruff format .

.PHONY: build
build: setup ## Build the collection's artifact into dist/
	ansible-galaxy collection build --force --output-path dist

# make release-check TAG=v1.2.3
.PHONY: release-check
release-check: ## Check that a tag, the versions and the changelog agree
	@version="$$(sed -n 's/^version: //p' galaxy.yml)"; \
	test "$(TAG)" = "v$$version" || { echo "tag $(TAG), but galaxy.yml says $$version" >&2; exit 1; }; \
	grep -qx "version = \"$$version\"" pyproject.toml || { echo "pyproject.toml does not say $$version" >&2; exit 1; }; \
	grep -qx "  $$version:" changelogs/changelog.yaml || { echo "no release notes of $$version" >&2; exit 1; }

.PHONY: clean
clean: ## Remove everything that make has made
	-test ! -x $(BIN)/python || $(BIN)/python -m emulator stop --state $(DEMO)/aws
	rm -rf $(VENV) $(DEMO) .cache build dist .pytest_cache .mypy_cache .ruff_cache
