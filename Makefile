# What is made for the tests and the demo lies in .build/; the package is made in resources/bqsteps/.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

BUILD := .build
BIN := $(BUILD)/venv/bin
REPORTS := $(BUILD)/reports
MVN := mvn --batch-mode --no-transfer-progress
GROOVY := $(wildcard test/groovy/*.txt) $(shell find test/groovy -name '*.groovy')

.PHONY: help
help: ## list the targets
	@sed -nE 's/^([a-z-]+):.*## (.*)/\1: \2/p' $(firstword $(MAKEFILE_LIST))

.PHONY: demo run test test-groovy test-python lint mutants package golden docs release soak bench bench-docs stand-in requirements clean
demo: $(BUILD)/venv.stamp $(BUILD)/emulator.stamp $(BUILD)/classpath ## run Jenkinsfile.example against an embedded BigQuery
	@PYTHONPATH=test $(BIN)/python -m end_to_end.demo

run: $(BUILD)/venv.stamp $(BUILD)/emulator.stamp $(BUILD)/classpath ## run a Jenkinsfile against an embedded BigQuery (JENKINSFILE=path BUILDS=1)
	@PYTHONPATH=test $(BIN)/python -m end_to_end.run "$(or $(JENKINSFILE),Jenkinsfile.example)" --builds $(or $(BUILDS),1)

# The lints without those tests that are run anyway, then both halves at once, as each alone leaves processors idle.
# What Maven says comes in one piece, in the middle of pytest's.
test: $(BUILD)/venv.stamp ## run everything that CI runs
	@$(MAKE) --no-print-directory --jobs=2 --output-sync $(BUILD)/classpath $(CHECKS)
	@$(MAKE) --no-print-directory --jobs=2 --output-sync --keep-going test-python test-groovy || \
	{ grep -lE '<(failure|error)[ >]' $(REPORTS)/python.xml $(REPORTS)/groovy/*.xml | sed 's/^/failed: /'; exit 1; }

test-groovy: $(BUILD)/venv.stamp $(BUILD)/classpath ## run the tests of the steps
	@mkdir -p $(REPORTS)/groovy
	@PATH="$$PWD/$(BIN):$$PATH" $(MVN) surefire:test && status=0 || status=$$?; \
	cp $(BUILD)/groovy/surefire-reports/*.xml $(REPORTS)/groovy/; exit $$status

# One more than there are processors, as tests wait at times; a test is taken over by whoever has nothing left to do.
# The + shows how far it is while it runs, which --output-sync would hold back.
WORKERS := --numprocesses=$$(( $$(getconf _NPROCESSORS_ONLN) + 1 )) --maxprocesses=5 --dist=worksteal
test-python: $(BUILD)/venv.stamp $(BUILD)/emulator.stamp $(BUILD)/wheels.stamp $(BUILD)/classpath ## run pytest
	+@$(BIN)/pytest $(WORKERS) --junit-xml=$(REPORTS)/python.xml

CHECKS := lint-types lint-groovy lint-style lint-layers lint-package
LINTS := $(CHECKS) lint-steps lint-files
.PHONY: $(LINTS)
lint: $(BUILD)/venv.stamp ## check style, types, layers, the package, and the rules for all files
	@$(MAKE) --no-print-directory --jobs=2 --output-sync $(LINTS)

lint-style:
	@$(BIN)/ruff check --quiet
	@$(BIN)/ruff format --check --quiet
	@$(BIN)/yamllint --strict .

lint-types:
	@$(BIN)/mypy python test

lint-layers:
	@PYTHONPATH=python $(BIN)/lint-imports --no-logo

lint-groovy: # CodeNarc
	@$(MVN) --quiet exec:java@lint

lint-package:
	@$(BIN)/python python/build_package.py --check

lint-steps: $(BUILD)/classpath # the tests of what is written rather than run
	@$(MVN) --quiet -Dgroups=lint surefire:test

lint-files: # those tests of the repository and its documents that take seconds
	@$(BIN)/pytest --quiet --no-header test/python/test_{import_budget,readme,repository}.py

mutants: $(BUILD)/classpath ## change the steps and the tests' Jenkins in hundreds of ways, and count what no test notices (FILES='bqPod src/')
	@nice java -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -cp "$$(cat $(BUILD)/classpath)" mutation.Mutants $(FILES)

package: ## build resources/bqsteps/bqsteps.pyz
	@python=$$($(FIND_PYTHON)); "$$python" python/build_package.py

golden: $(BUILD)/venv.stamp $(BUILD)/emulator.stamp $(BUILD)/classpath ## accept what the golden runs do now: look at the diff
	@ACCEPT_GOLDEN=1 $(BIN)/pytest --quiet --no-header test/end_to_end/test_golden.py

docs: $(BUILD)/venv.stamp ## write the documents' tables anew from the code
	@PYTHONPATH=python:test $(BIN)/python -m documents.tables

release: ## tag a release in this clone (VERSION=1.2.3)
	@python=$$($(FIND_PYTHON)); "$$python" python/release.py "$(VERSION)"

bench: $(BUILD)/venv.stamp $(BUILD)/bench-venv.stamp $(BUILD)/wheels.stamp $(BUILD)/classpath ## measure what a call costs (QUICK=1: within two minutes)
	@PYTHONPATH=python:test $(BIN)/python -m bench $(if $(QUICK),--quick)

bench-docs: $(BUILD)/venv.stamp ## write the figures of the last `make bench` into docs/performance.md
	@PYTHONPATH=python:test $(BIN)/python -m bench.document

soak: $(BUILD)/venv.stamp ## play the matrices of misfortunes whole (RUNS=10000 SEED=first ONLY=log, kill, ensure, crowd or replay)
	@PYTHONPATH=python:test $(BIN)/python -m soak --runs $(or $(RUNS),10000) $(if $(SEED),--seed $(SEED)) $(if $(ONLY),--only $(ONLY))

stand-in: $(BUILD)/venv.stamp ## start the BigQuery that misbehaves
	@PYTHONPATH=test $(BIN)/python -m stand_in

LOCK := $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-emit-find-links \
	--no-config --custom-compile-command 'make requirements'
requirements: $(BUILD)/venv.stamp ## pin what the requirements.in files name, with hashes (UPGRADE=--upgrade for newer ones)
	$(LOCK) $(UPGRADE) --python-version 3.11 python/requirements.in -o python/requirements.txt
	$(LOCK) $(UPGRADE) --python-version 3.11 -c python/requirements.txt python/report-requirements.in -o python/report-requirements.txt
	$(LOCK) $(UPGRADE) --python-version 3.11 -c python/requirements.txt -c python/report-requirements.txt test/requirements.in -o test/requirements.txt
	$(LOCK) $(UPGRADE) --python-version 3.13 test/end_to_end/requirements.in -o test/end_to_end/requirements.txt
	$(LOCK) $(UPGRADE) --python-version 3.11 test/bench/requirements.in -o test/bench/requirements.txt

clean: ## remove everything that was made, except the package
	rm -rf $(BUILD) .bqsteps .hypothesis .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
	find python test -name __pycache__ -prune -exec rm -rf {} +

# Set-up: a stamp stands for what is made once, and again when its list changes. What was there is removed and not
# cleared: it may be a link to what other checkouts use.
.PHONY: venv emulator wheels
venv: $(BUILD)/venv.stamp ## set up the Python of the tests and tools
emulator: $(BUILD)/emulator.stamp ## set up the embedded BigQuery
wheels: $(BUILD)/wheels.stamp ## fetch the package's dependencies, for install tests without a network

FIND_PYTHON = for python in python3.13 python3.12 python3.11 python3.14 python3; do \
	if "$$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; \
	then echo "$$python"; exit; fi; done; \
	echo "make: no Python 3.11 or newer that has venv was found on PATH" >&2; exit 1
PINNED := --require-hashes --no-deps --only-binary :all:
PIP := $(BIN)/python -m pip --disable-pip-version-check

$(BUILD)/venv.stamp: test/requirements.txt
	@echo "setting up $(BUILD)/venv"
	@rm -rf $(BUILD)/venv $@
	@python=$$($(FIND_PYTHON)); "$$python" -m venv $(BUILD)/venv
	@$(PIP) install --quiet $(PINNED) -r $<
	@touch $@

# uv finds an installed Python 3.13, which the emulator needs, or gets one. DuckDB's extensions belong in a home folder.
$(BUILD)/emulator.stamp: test/end_to_end/requirements.txt $(BUILD)/venv.stamp
	@echo "setting up $(BUILD)/emulator"
	@rm -rf $(BUILD)/emulator $@
	@$(BIN)/uv venv --quiet --python 3.13 $(BUILD)/emulator
	@$(PIP) --python $(BUILD)/emulator/bin/python install --quiet $(PINNED) -r $<
	@mkdir $(BUILD)/emulator/home
	@HOME="$$PWD/$(BUILD)/emulator/home" $(BUILD)/emulator/bin/python -c \
		"import duckdb_extensions as d; [d.import_extension(n) for n in ('icu', 'ducklake', 'spatial')]"
	@touch $@

# What draws the bench's plot.
$(BUILD)/bench-venv.stamp: test/bench/requirements.txt $(BUILD)/venv.stamp
	@echo "setting up $(BUILD)/bench-venv"
	@rm -rf $(BUILD)/bench-venv $@
	@$(BIN)/python -m venv $(BUILD)/bench-venv
	@$(PIP) --python $(BUILD)/bench-venv/bin/python install --quiet $(PINNED) -r $<
	@touch $@

$(BUILD)/wheels.stamp: python/requirements.txt $(BUILD)/venv.stamp
	@echo "setting up $(BUILD)/wheels"
	@rm -rf $(BUILD)/wheels $@
	@$(PIP) download --quiet $(PINNED) --dest $(BUILD)/wheels -r $<
	@touch $@

$(BUILD)/classpath: pom.xml $(GROOVY)
	@echo "setting up $(BUILD)/groovy"
	@$(MVN) --quiet process-test-classes
	@touch $@
