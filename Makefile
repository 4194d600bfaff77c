# make demo   sandbox data through the whole pipeline      make up    the Dagster UI, live data
# make test   the tests (make test-all: the long ones too)   make run   one live ingest and load
# make dashboard   charts of it all, in a browser
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUNNABLE := $(VENV)/.runnable
INSTALLED := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help install demo dashboard test test-all parity-year up run lint audit docs site sample screenshots wheel requirements bench clean

help:
	@sed -n 's/^# //p' Makefile | head -3

install: $(INSTALLED)

# All is pinned with its hashes; nothing is fetched but what the two files name.
$(RUNNABLE): automation/requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.10 or newer is needed, this is " + sys.version.split()[0]) if sys.version_info < (3, 10) else 0'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r automation/requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

# The tools of the tests, and the servers and engines that these try the pipeline with.
$(INSTALLED): $(RUNNABLE) requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	@touch $@

demo: $(RUNNABLE)
	$(BIN)/crypto-pipeline demo

test: install
	$(BIN)/python -m pytest

# And the long tier: kills, Spark, Snowflake, S3, other versions of PostgreSQL, the year.
test-all: test
	$(BIN)/python -m pytest -m 'long or year'

# The market dashboard; its library of charts is installed for it, pinned with its hashes.
dashboard: $(RUNNABLE)
	@$(BIN)/python -c 'import jinja2, plotly' 2>/dev/null || \
	    $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes \
	        -r automation/requirements-dashboard.txt
	$(BIN)/crypto-pipeline dashboard

up: $(RUNNABLE)
	$(BIN)/crypto-pipeline up

# The year of real responses through PostgreSQL, delta-rs and Spark, row for row; minutes.
parity-year: install
	$(BIN)/python -m pytest -n 0 -m year crypto_pipeline_tests/lakehouse/spark/test_year.py

run: $(RUNNABLE)
	$(BIN)/crypto-pipeline run

lint: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/shellcheck automation/run_pipeline.sh automation/docker/make_roles.sh .ci/run
	$(BIN)/hadolint automation/docker/Dockerfile
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec automation/docker/compose.yaml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/ci.yml

# Known vulnerabilities of what is installed, and the list of it all (SBOM, CycloneDX).
audit: install
	$(BIN)/python automation/audit.py build/sbom.json

docs: install
	$(BIN)/crypto-pipeline docs docs

# The landing file that the README loads.
sample: install
	$(BIN)/python -m crypto_pipeline_tests.sample docs/sample/market_snapshot.json
	$(BIN)/python -m crypto_pipeline_tests.example_rows

# The documentation as a site, in build/html; a link or an anchor that leads nowhere is an error.
site: $(RUNNABLE)
	@$(BIN)/python -c 'import mmdr, zensical' 2>/dev/null || \
	    $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes \
	        -r automation/requirements-site.txt
	$(BIN)/python automation/site.py

# The images of the UI and the dashboard in docs/images, from the demo; with the Chromium that is installed.
screenshots: install
	@$(BIN)/python -c 'import PIL, playwright, plotly' 2>/dev/null || \
	    $(BIN)/python -m pip install --quiet --disable-pip-version-check --group screenshots
	$(BIN)/python -m crypto_pipeline_tests.screenshots docs/images

# Writes the generated lists in sql/ anew, from the registry of columns and the rules.
sql: install
	$(BIN)/python -m crypto_pipeline.cli.generated_sql

# For Databricks: the Spark path alone, without Dagster.
wheel: install
	$(BIN)/python -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist ./databricks
	@ls dist/crypto_pipeline_spark-*.whl

bench: install
	@$(BIN)/python -c 'import dlt' 2>/dev/null || \
	    $(BIN)/python -m pip install --quiet --disable-pip-version-check --group peers
	$(BIN)/python -m crypto_pipeline_tests.benchmarks

# Needs uv; records versions and hashes, no address of any index.
requirements:
	uv pip compile --quiet --universal --python-version 3.10 --generate-hashes \
	    --no-strip-extras --no-header --no-annotate --no-emit-index-url \
	    --group build --group dev pyproject.toml --output-file requirements.txt
	uv pip compile --quiet --universal --python-version 3.10 --generate-hashes \
	    --no-strip-extras --no-header --no-annotate --no-emit-index-url \
	    --group build pyproject.toml --constraint requirements.txt \
	    --output-file automation/requirements.txt
	uv pip compile --quiet --universal --python-version 3.10 --generate-hashes \
	    --no-strip-extras --no-header --no-annotate --no-emit-index-url \
	    --group dashboard --constraint requirements.txt \
	    --output-file automation/requirements-dashboard.txt
	uv pip compile --quiet --universal --python-version 3.10 --generate-hashes \
	    --no-strip-extras --no-header --no-annotate --no-emit-index-url \
	    --group site --constraint requirements.txt \
	    --output-file automation/requirements-site.txt

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
