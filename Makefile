.DEFAULT_GOAL := help
.PHONY: help demo test test-slow check fmt up down bench setup
PY := .venv/bin/python
WORKERS := -n 2 --dist loadscope --no-loadscope-reorder

help: ## show this help
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

setup: ## install what is missing (Python packages, Kafka jars, Docker engine)
	@bash deploy/setup.sh

demo: ## run real sessions through the whole pipeline and show the results
	@bash deploy/setup.sh run
	@bash examples/demo.sh

test: check ## lint, types, unit, integration and end-to-end tests
	$(PY) -m pytest -m "not slow" $(WORKERS)

test-slow: setup ## the long suites: faults, volumes, image builds
	-$(PY) -m deploy.embedded.gvisor ensure
	$(PY) -m pytest -m slow --timeout 1800 $(WORKERS)

check: setup ## formatting, lint, types, import contracts
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/lint-imports

fmt: setup ## format the code
	.venv/bin/ruff format .
	.venv/bin/ruff check --fix .

up: ## start the embedded stack and leave it running
	@bash deploy/setup.sh run
	.venv/bin/pr-telemetry up

down: ## stop the embedded stack
	.venv/bin/pr-telemetry down

bench: setup ## measure freshness and the floor figures
	$(PY) -m benchmarks.freshness
	$(PY) -m benchmarks.floor
