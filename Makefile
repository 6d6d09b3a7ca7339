# The targets for people; `make` lists them.

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
LOCK   := service/locks/dev.txt
OUT    ?= build/demo
DIST   ?= dist
VERSION = $(shell sed -n 's/^__version__ = "\(.*\)"$$/\1/p' service/nedc_bench/version.py)
IMAGE  ?= nedc-bench:dev
WORKERS ?= 4
SIDE_BY_SIDE = -n $(WORKERS) --no-loadscope-reorder

.DEFAULT_GOAL := help
unexport PYTHONDONTWRITEBYTECODE # or each process that the tests start compiles the package once more
.PHONY: help venv hooks lint typecheck test test-fast demo docs picture bench bench-service bench-coverage deliver promote rollback diff renders image compose-up compose-down compose-logs compose-test e2e lock settings-docs chart-docs golden rename version package clean

help: ## print the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-22s %s\n", $$1, $$2}'

venv: $(VENV)/.ready ## install the project and its tools to .venv, from the hash lock [VENV=FOLDER]

$(VENV)/.ready: $(LOCK) pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed: make PYTHON=python3.11 ...")'
	@echo 'Installing the project and its tools to $(VENV), which takes about three minutes.'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(LOCK)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

hooks: venv ## check style and types at each commit from now on
	$(BIN)/pre-commit install

lint: venv ## check style, formatting and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/zizmor --offline --quiet .github
	$(BIN)/hadolint Dockerfile.api

typecheck: venv ## check types
	$(BIN)/mypy

test: venv ## run all tests, except those that need a Docker engine (compose-test) or a cluster (e2e) [NEDC_BENCH_EVERYTHING=1: large corpora whole]
	tests/tools.sh
	$(BIN)/python -m pytest $(SIDE_BY_SIDE)

test-fast: WORKERS = 2 # each has to import all tests first
test-fast: venv ## run the tests that start no server, worker or browser, after each change
	$(BIN)/python -m pytest $(SIDE_BY_SIDE) -m "not slow and not compose and not cluster and not gitops"

demo: venv ## start the service, score the example corpus over HTTP, and write the reports
	@$(BIN)/python docs/demo.py tests/data/chb-mit $(OUT)

docs: venv ## build the documentation's site to build/docs, and fail on a broken link
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet --strict
	@echo 'Open build/docs/index.html'

picture: venv ## take the picture of a report that README shows; needs Chromium
	PYTHONPATH=tests $(BIN)/python docs/site/picture.py

bench: venv ## measure speed and memory, compared with timescoring; prints ratios and JSON
	PYTHONPATH=tests $(BIN)/python -m bench.bench
	PYTHONPATH=tests $(BIN)/python -m bench.bench_bids
	PYTHONPATH=tests $(BIN)/python -m bench.bench_curves

bench-service: venv ## measure the service's latency, throughput and memory, compared with an empty handler
	PYTHONPATH=tests $(BIN)/python -m bench.bench_service

bench-coverage: venv ## measure how often confidence intervals contain the truth, over 1,000 simulated studies
	PYTHONPATH=tests $(BIN)/python -m bench.bench_coverage

image: ## build the service's image, nedc-bench:dev [IMAGE=NAME; PYTHON_IMAGE=BASE; releases use service/image/base.txt]
	@echo 'Building $(IMAGE): a minute or two the first time, for the base image, Debian packages and wheels; seconds later.'
	DOCKER_BUILDKIT=1 docker build --file Dockerfile.api --tag $(IMAGE) \
		--build-arg VERSION="$(VERSION)" \
		$(if $(PYTHON_IMAGE),--build-arg PYTHON_IMAGE="$(PYTHON_IMAGE)") \
		--build-arg REVISION="$$(git describe --always --abbrev=40 --dirty --exclude '*')" .

e2e: venv ## test chart and environments on the cluster of KUBECONFIG, which enforces NetworkPolicies and runs the Prometheus operator, with the image IMAGE or one built now (LOAD_IMAGE, LOAD_ARCHIVE, GITOPS_REPO)
	$(BIN)/python -m pytest -m "cluster or gitops" tests/e2e

promote: venv ## promote a release to the next environment: FROM=staging TO=prod [RELEASE=TAG@DIGEST, an earlier one] [UNASKED=1: skip Argo CD's health check]
	$(BIN)/python environments/promote.py promote "$(FROM)" "$(TO)" --image "$(RELEASE)" $(if $(UNASKED),--unasked)

deliver: venv ## deploy a release to the first environment: TO=dev CHART=v1.2.3 RELEASE=TAG@DIGEST
	$(BIN)/python environments/promote.py deliver "$(TO)" --chart "$(CHART)" --image "$(RELEASE)"

rollback: venv ## revert the last promotion of an environment, and its values if needed: ENV=prod
	$(BIN)/python environments/promote.py rollback "$(ENV)"

diff: venv ## show how the working tree, or a promotion, changes an environment's manifests: ENV=prod [FROM=staging]
	$(BIN)/python environments/promote.py diff "$(ENV)" --source "$(FROM)"

renders: venv ## render the manifests of every environment, which CI compares
	$(BIN)/python environments/promote.py renders

compose-up: $(if $(filter file,$(origin IMAGE)),image) ## start service, Redis and Prometheus, wait until they are healthy, and print their addresses; a given IMAGE is not built
	@echo 'Starting the service, Redis and Prometheus; this returns once all are healthy.'
	IMAGE=$(IMAGE) docker compose up --detach --wait --wait-timeout 300
	@for place in api:8000 prometheus:9090 alertmanager:9093 grafana:3000; do \
		address=$$(docker compose port $${place%:*} $${place#*:} 2>/dev/null) || continue; \
		printf '  %-13s http://%s\n' $${place%:*} $$address; done
	@printf '\n  curl http://%s/api/v1/evaluate -H "Prefer: wait=30" -F reference=@%s -F hypothesis=@%s\n' \
		$$(docker compose port api 8000) tests/data/chb-mit/ref/chb05_06.csv_bi tests/data/chb-mit/hyp/chb05_06.csv_bi

compose-down: ## stop and remove them; their data stays, unless ARGS=--volumes
	docker compose --profile '*' down $(ARGS)

compose-logs: ## follow their logs
	docker compose logs --follow --tail 100

compose-test: venv image ## test the image and the stack on a Docker engine: figures, faults, alerts, sizes and times
	IMAGE=$(IMAGE) $(BIN)/python -m pytest -m compose tests/e2e/compose

rename: venv ## rename a fork: REPOSITORY=https://HOST/OWNER/NAME IMAGE_REPOSITORY=REGISTRY/PATH [CHARTS=REGISTRY/PATH] [PAGES=URL] [START_OVER=1]
	$(BIN)/python environments/names.py rename --repository "$(REPOSITORY)" --image "$(IMAGE_REPOSITORY)" \
		--charts "$(CHARTS)" --pages "$(PAGES)" $(if $(START_OVER),--start-over)
	PYTHONPATH=tests $(BIN)/python -m chart.document
	$(BIN)/python environments/promote.py renders
	PYTHONPATH=tests $(BIN)/python -m chart.golden

lock: venv ## update the hash locks from pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --custom-compile-command 'make lock' --extra dev --extra docs --extra dask --extra edf --extra service pyproject.toml -o $(LOCK)
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --custom-compile-command 'make lock' --extra service pyproject.toml -o service/locks/service.txt
	printf 'hatchling>=1.27\n' | $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --custom-compile-command 'make lock' --constraint $(LOCK) - -o service/locks/build.txt

settings-docs: venv ## update the table of settings in docs/deployment.md
	PYTHONPATH=tests $(BIN)/python -m documented_settings

chart-docs: venv ## update the chart's generated files: README's values, the schema's descriptions, rules, dashboards, pairs
	PYTHONPATH=tests $(BIN)/python -m chart.document

golden: renders ## update the chart's golden renders; git diff then shows the effect of a change
	PYTHONPATH=tests $(BIN)/python -m chart.golden

version: venv ## name the next release, in the package, the chart and the changelog, and renew what follows from it: VERSION=1.2.3
	perl -pi -e 's/^__version__ = .*/__version__ = "$(VERSION)"/' service/nedc_bench/version.py
	perl -pi -e 's/^(version|appVersion): .*/$$1: $(VERSION)/' charts/nedc-bench/Chart.yaml
	perl -pi -e 's/^## Unreleased$$/## Unreleased\n\n## $(VERSION), '"$$(date +%F)"'/' CHANGELOG.md
	$(MAKE) golden

package: venv ## package the chart into dist/; a release pins its image: DIGEST=sha256:...
	rm -rf build/chart && mkdir -p build $(DIST) && cp -R charts/nedc-bench build/chart
	sed 's/^  tag: ""/  tag: "$(if $(DIGEST),$(VERSION)@$(DIGEST))"/' charts/nedc-bench/values.yaml > build/chart/values.yaml
	$(BIN)/python -c 'import helm_python; print(helm_python.package("build/chart", destination="$(DIST)"))'

clean: ## remove generated files
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find service tests -name __pycache__ -type d -prune -exec rm -rf {} +
