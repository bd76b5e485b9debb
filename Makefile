# Two commands do everything on a fresh Debian machine with Python 3.11, make and git:
#   make demo   set up, then convert, build and run the digits example on an emulated Cortex-M4
#   make test   set up, then run the tests
# Others: make test-all (with the long sweeps), make check (linters, types and prose), make wheel-test, make clean,
#   make lock, make test-newest, make test-oldest, make sbom (the lock files of packages, and other versions),
#   make analyze-code (GCC's analyzer, clang-tidy and cppcheck over the engine's C),
#   make site (the documentation as a site, in build/site),
#   make fuzz-networks FUZZ_SECONDS=600 SEED=0 (random networks in all forms, as long as told; or COUNT=20000 C=9),
#   make fuzz-readers, make fuzz-console FUZZ_SECONDS=600 SEED=0 (changed files of all formats, random commands),
#   make fuzz-guided FUZZ_COUNT=100000 SEED=1 (the console and exported examples by libFuzzer, with coverage)

VENV := .venv
PYTHON ?= python3
BIN := $(VENV)/bin
# The last tflite-runtime release needs NumPy 1 and Python 3.11 or older: a second environment.
OLD_VENV := .venv-tflite-runtime
# Says what it fetches; pip alone is silent for minutes or prints hundreds of lines.
INSTALL := scripts/install_packages.py
LOCK := $(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
	-c requirements/constraints.in pyproject.toml requirements/build.in

.DEFAULT_GOAL := help
.PHONY: help demo test test-all site fuzz-networks fuzz-readers fuzz-console fuzz-guided check analyze-code setup setup-dev \
	lock test-newest test-oldest sbom wheel-test clean

help:
	@sed -n 's/^# \{0,1\}//p' Makefile | head -9

# Packages have the versions and hashes of the lock files.
$(VENV)/ready: pyproject.toml requirements/base.txt scripts/install-tools.sh
	sh scripts/install-tools.sh
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python $(INSTALL) "Python packages: up to 0.2 GB" --require-hashes -r requirements/base.txt
	$(BIN)/python $(INSTALL) "microlut itself" --no-deps --no-build-isolation --editable .
	touch $@

$(VENV)/ready-dev: $(VENV)/ready requirements/dev.txt
	sh scripts/install-tools.sh --tests
	$(BIN)/python $(INSTALL) "Python packages for tests: up to 0.8 GB, mostly TensorFlow" \
		--require-hashes -r requirements/dev.txt
	touch $@

# Where Python is newer than 3.11 there is no such release: the test that needs it says so.
$(OLD_VENV)/ready: scripts/install-tools.sh requirements/tflite-runtime.txt
	sh scripts/install-tools.sh
	$(PYTHON) -m venv $(OLD_VENV)
	-$(OLD_VENV)/bin/python $(INSTALL) "tflite-runtime for one test: 20 MB" \
		--require-hashes -r requirements/tflite-runtime.txt
	touch $@

setup: $(VENV)/ready

setup-dev: $(VENV)/ready-dev $(OLD_VENV)/ready

demo: setup
	@echo "demo: converting the digits example, building it and running it in QEMU: up to a minute"
	$(BIN)/microlut demo --output build/digits

test: setup-dev
	$(BIN)/python -m pytest -n auto --dist worksteal -q -m 'not sweep'

test-all: setup-dev
	$(BIN)/python -m pytest -n auto --dist worksteal -q

site: setup-dev
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build

fuzz-networks: setup-dev
	$(BIN)/python scripts/fuzz_networks.py --shrink --seed $(or $(SEED),0) \
		$(if $(COUNT),--count $(COUNT)) $(if $(or $(FUZZ_SECONDS),$(SECONDS)),--seconds $(or $(FUZZ_SECONDS),$(SECONDS))) \
		$(if $(C),--c $(C) --emulate $(C))

fuzz-readers: setup-dev
	$(BIN)/python scripts/fuzz_readers.py --seed $(or $(SEED),0) --seconds $(or $(FUZZ_SECONDS),600)

fuzz-console: setup-dev
	$(BIN)/python scripts/fuzz_console.py --seed $(or $(SEED),0) --seconds $(or $(FUZZ_SECONDS),600)

# Needs Clang's runtime libraries (Debian: llvm, libclang-rt-dev), which no test needs.
fuzz-guided: setup-dev
	$(BIN)/python scripts/fuzz_guided.py --seed $(or $(SEED),1) --count $(or $(FUZZ_COUNT),100000)

check: setup-dev
	$(BIN)/ruff check --no-cache .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy --platform win32 --cache-dir .mypy_cache/win32
	$(BIN)/mypy --platform darwin --cache-dir .mypy_cache/darwin
	$(BIN)/lint-imports
	$(BIN)/bandit -q --recursive --configfile pyproject.toml converter
	$(BIN)/python scripts/check_prose.py
	find firmware -name '*.[ch]' -print0 | xargs -0 $(BIN)/clang-format --dry-run -Werror

# The C as other compilers and rules see it: about four minutes of one core, so not part of check.
analyze-code: setup-dev
	sh scripts/install-tools.sh --analysis
	$(BIN)/python scripts/analyze_code.py

# UPGRADE=--upgrade takes newer releases of packages that are in the lock files already.
lock: setup-dev
	$(LOCK) $(UPGRADE) --extra dev --extra examples -o requirements/dev.txt
	$(LOCK) -c requirements/dev.txt -o requirements/base.txt
	$(BIN)/python scripts/list_licences.py

# The tests with the newest releases that pyproject.toml allows, and with the oldest.
test-newest: setup-dev
	$(PYTHON) -m venv $(VENV)-newest
	$(VENV)-newest/bin/python $(INSTALL) "newest packages: up to 0.8 GB" --upgrade --editable '.[dev,examples]'
	$(VENV)-newest/bin/python -m pytest -n auto --dist worksteal -q -m 'not sweep'

test-oldest: setup-dev
	$(PYTHON) -m venv $(VENV)-oldest
	$(VENV)-oldest/bin/python $(INSTALL) "oldest packages: up to 0.8 GB" -c requirements/oldest.txt --editable '.[dev,examples]'
	$(VENV)-oldest/bin/python -m pytest -n auto --dist worksteal -q -m 'not sweep'

# The packages of a bare installation as a bill of materials in CycloneDX's format.
sbom: setup-dev
	rm -rf build/sbom
	mkdir -p dist
	$(PYTHON) -m venv --without-pip build/sbom
	$(BIN)/uv pip install --python build/sbom/bin/python --require-hashes -r requirements/base.txt
	$(BIN)/uv pip install --python build/sbom/bin/python --no-deps --no-build-isolation .
	$(BIN)/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible \
		--output-file dist/microlut.cdx.json build/sbom/bin/python

wheel-test: setup-dev
	sh scripts/test-wheel.sh $(BIN)/python

clean:
	rm -rf build dist $(VENV) $(VENV)-newest $(VENV)-oldest $(OLD_VENV)
