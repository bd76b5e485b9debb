# Two commands do everything on a fresh Debian machine with Python 3.11, make and git:
#   make demo   set up, then convert, build and run the digits example on an emulated Cortex-M4
#   make test   set up, then run the tests
# Others: make test-all (with the long sweeps), make check (linters, types and prose), make wheel-test, make clean,
#   make analyze-code (GCC's analyzer, clang-tidy and cppcheck over the engine's C),
#   make site (the documentation as a site, in build/site),
#   make fuzz-networks FUZZ_SECONDS=600 SEED=0 (random networks in all forms, as long as told; or COUNT=20000 C=9),
#   make fuzz-readers, make fuzz-console FUZZ_SECONDS=600 SEED=0 (changed files of all formats, random commands)

VENV := .venv
PYTHON ?= python3
BIN := $(VENV)/bin
# The last tflite-runtime release needs NumPy 1 and Python 3.11 or older: a second environment.
OLD_VENV := .venv-tflite-runtime
# Says what it fetches; pip alone is silent for minutes or prints hundreds of lines.
INSTALL := scripts/install_packages.py

.DEFAULT_GOAL := help
.PHONY: help demo test test-all site fuzz-networks fuzz-readers fuzz-console check analyze-code setup setup-dev \
	wheel-test clean

help:
	@sed -n 's/^# \{0,1\}//p' Makefile | head -8

$(VENV)/ready: pyproject.toml scripts/install-tools.sh
	sh scripts/install-tools.sh
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python $(INSTALL) "Python packages: up to 0.2 GB" --editable .
	touch $@

$(VENV)/ready-dev: $(VENV)/ready
	sh scripts/install-tools.sh --tests
	$(BIN)/python $(INSTALL) "Python packages for tests: up to 0.8 GB, mostly TensorFlow" --editable '.[dev]'
	touch $@

# Where Python is newer than 3.11 there is no such release: the test that needs it says so.
$(OLD_VENV)/ready: scripts/install-tools.sh
	sh scripts/install-tools.sh
	$(PYTHON) -m venv $(OLD_VENV)
	-$(OLD_VENV)/bin/python $(INSTALL) "tflite-runtime for one test: 20 MB" \
		'tflite-runtime==2.14.0' 'numpy==1.26.4'
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

check: setup-dev
	$(BIN)/ruff check --no-cache .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/bandit --quiet --recursive --configfile pyproject.toml converter
	$(BIN)/python scripts/check_prose.py
	find firmware -name '*.[ch]' -print0 | xargs -0 $(BIN)/clang-format --dry-run -Werror

# The C as other compilers and rules see it: about four minutes of one core, so not part of check.
analyze-code: setup-dev
	sh scripts/install-tools.sh --analysis
	$(BIN)/python scripts/analyze_code.py

wheel-test: setup-dev
	sh scripts/test-wheel.sh $(BIN)/python

clean:
	rm -rf build dist $(VENV) $(OLD_VENV)
