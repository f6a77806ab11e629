# One command each, from a bare checkout: every target makes .venv, installs what it needs and builds the native core.
#   make demo | test | lint | bench | bench-accuracy | docs | readme | coverage | wheel | smoke | faults | kills | sanitize | build | clean        make test ARGS="-k dropout"

PYTHON ?= python3
VENV ?= .venv
BUILD ?= build/dev
SANITIZE ?= OFF
ARGS ?=

.DEFAULT_GOAL := build
.DELETE_ON_ERROR:
.PHONY: build demo test lint bench bench-accuracy docs readme coverage wheel smoke faults kills sanitize run-sanitized clean distclean

BIN := $(VENV)/bin
STAMPS := $(VENV)/stamps
PIP := $(BIN)/python -m pip install -qq
NATIVE := $(wildcard native/*.cpp native/*.hpp)

export PIP_DISABLE_PIP_VERSION_CHECK = 1
export KERAS_BACKEND ?= jax

# Prints what pyproject.toml requires to build, or for an extra, without the packages named after it.
define REQUIREMENTS
import re, sys, tomllib
project = tomllib.load(open("pyproject.toml", "rb"))
wanted, *without = sys.argv[1:]
extras = project["project"]["optional-dependencies"]
for requirement in project["build-system"]["requires"] if wanted == "build" else extras[wanted]:
    if re.match(r"[\w.-]+", requirement)[0] not in without:
        print(requirement)
endef
export REQUIREMENTS

# --- what the targets stand on ---------------------------------------------------------------------------------------

$(STAMPS)/venv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	  { echo "tabgrad needs Python 3.11 or later; set PYTHON=/path/to/python3, it is now $(PYTHON)" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "$(PYTHON) has no venv or pip; on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	@echo "creating $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@mkdir -p $(STAMPS)
	@touch $@

$(STAMPS)/requires-%: pyproject.toml $(STAMPS)/venv
	@$(BIN)/python -c "$$REQUIREMENTS" $* $(WITHOUT) > $@.txt
	@echo "installing into $(VENV):" $$(cat $@.txt)
	@$(PIP) -r $@.txt
	@touch $@

# cmake and ninja from PyPI, where the machine has none or too old ones.
$(STAMPS)/tools: $(STAMPS)/requires-build
	@$(BIN)/python -c "from scikit_build_core.build import get_requires_for_build_editable as ask; print(*ask(), sep='\n')" > $@.txt
	@$(PIP) -r $@.txt
	@touch $@

# An editable install: Python sources are read where they lie, only the native core is built, and incrementally.
$(STAMPS)/build: $(NATIVE) CMakeLists.txt pyproject.toml $(STAMPS)/tools
	@printf '#include <span>\nint main() { return int(std::span<int>{}.size()); }\n' | \
	  $(CXX) -std=c++20 -x c++ -fsyntax-only - 2>/dev/null || \
	  { echo "tabgrad needs a C++20 compiler (GCC 11, Clang 14 or later); set CXX, it is now $(CXX)" >&2; exit 1; }
	@echo "building the native core in $(BUILD)"
	@$(PIP) --no-build-isolation --editable . -C build-dir=$(BUILD) -C install.strip=false \
	  -C cmake.define.TABGRAD_WERROR=ON -C cmake.define.TABGRAD_SANITIZE=$(SANITIZE)
	@touch $@

# --- the targets -----------------------------------------------------------------------------------------------------

build: $(STAMPS)/build

# The models of the demonstration and a page about each lie in build/demo.
demo: build $(STAMPS)/requires-examples $(STAMPS)/requires-report
	@mkdir -p build/demo
	@for job in "dry_bean Class" "concrete compressive_strength"; do set -- $$job; \
	  fit="tabgrad fit examples/data/$$1.csv.gz --target $$2 --out build/demo/$$1.tabgrad --report build/demo/$$1.html"; \
	  echo; echo "== $$fit --overwrite"; $(BIN)/$$fit --overwrite || exit 1; done
	@rm -f build/demo/tuned.journal
	@set -- tune examples/data/concrete.csv.gz --target compressive_strength --n-iter 12 --cv 3 --preset single \
	  --time-limit 12 --out build/demo/tuned.tabgrad --overwrite; echo; echo "== tabgrad $$*"; $(BIN)/tabgrad "$$@"
	@for example in 01_linear_regression 02_classification 03_grid_search; do \
	  echo; echo "== examples/$$example.py"; $(BIN)/python examples/$$example.py || exit 1; done

# The suite on every core, each taking its share and then of what the others have left, so that what tests of one file
# share is made once; what asserts a duration alone after it, collected from the files that have such tests. The many
# processes that tests start read compiled sources. Pytest's 5 says that ARGS chose none there.
test: export PYTHONDONTWRITEBYTECODE =
test: build $(STAMPS)/requires-test
	@$(BIN)/python -m pytest -q -n logical --dist worksteal -m "not timing" $(ARGS); side_by_side=$$?; \
	  timed=$$(grep -rl --include="test_*.py" "mark.timing" tests); \
	  $(BIN)/python -m pytest -q -o testpaths="$$timed" -m timing $(ARGS); alone=$$?; \
	  test $$side_by_side = 0 -o $$side_by_side = 5 && test $$alone = 0 -o $$alone = 5 && test $$side_by_side$$alone != 55

lint: build $(STAMPS)/requires-lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/clang-format --dry-run -Werror $(NATIVE)
	$(BIN)/python native/check_symbols.py $(BUILD)

bench: build $(STAMPS)/requires-bench
	$(BIN)/python benchmarks/run.py $(ARGS)

# On the tables of examples/data, and of DATA=FOLDER; BASELINES=FILE.jsonl adds a record of systems that are not run here.
bench-accuracy: build $(STAMPS)/requires-accuracy
	$(BIN)/python benchmarks/accuracy.py --also cores,million $(if $(DATA),--tables $(DATA)) \
	  $(if $(BASELINES),--baselines $(BASELINES)) $(ARGS)

# Faults put into formulas and kernels, one at a time: the suite must catch each (an hour or two on two cores).
faults: build $(STAMPS)/requires-test
	$(BIN)/python tests/faults.py $(ARGS)

# Two hundred searches killed at random moments, each of which must go on to the same results (some minutes).
kills: build $(STAMPS)/requires-test
	$(BIN)/python tests/search/kills.py $(or $(ARGS),200)

# The pages in build/docs; whatever Sphinx has to warn of, broken cross-references too, is an error.
docs: build $(STAMPS)/requires-docs
	$(BIN)/python -m sphinx -q -W --keep-going -E -b html -d build/doctrees docs build/docs
	@echo "build/docs/index.html"

# What is taken from the code: the README's list of parts, the help of the command line and the names of Keras in docs/;
# tests fail where they lag.
readme: build $(STAMPS)/requires-test
	$(BIN)/python docs/parts.py --write
	$(BIN)/python docs/command_line.py --write
	$(BIN)/python docs/presets.py --write
	$(BIN)/python docs/keras_names.py --write

# The suite with the share of lines and branches that it runs; the bar stands in pyproject.toml.
coverage: build $(STAMPS)/requires-test $(STAMPS)/requires-coverage
	$(BIN)/python -m pytest -q --cov --cov-report=term $(ARGS)

# The source distribution, and from it the wheel, in dist/.
wheel: $(STAMPS)/requires-wheel
	@rm -rf dist
	$(BIN)/python -m build -o dist .

# The wheel in an empty environment, away from the sources.
smoke: wheel
	@rm -rf build/smoke && $(PYTHON) -m venv build/smoke
	@build/smoke/bin/python -m pip install -qq dist/tabgrad-*.whl pytest pytest-timeout
	cd tests && ../build/smoke/bin/python -m pytest -q -m smoke -p no:cacheprovider test_smoke.py

# The suite under AddressSanitizer and UndefinedBehaviorSanitizer (GCC), in an environment of its own without Keras.
sanitize:
	@$(MAKE) --no-print-directory run-sanitized VENV=.venv-sanitize BUILD=build/sanitize SANITIZE=ON WITHOUT="keras jax"

# libstdc++ is loaded beside libasan, which otherwise does not find __cxa_throw in a C program such as Python; the
# quarantine of freed memory stays small, since joblib takes its growth in a worker process (256 MB) for a leak and
# retires the worker; the captured output stays off the file descriptors, where the sanitizers write their report.
run-sanitized: build $(STAMPS)/requires-test
	@test -f "$$($(CXX) -print-file-name=libasan.so)" || { echo "make sanitize needs GCC with libasan" >&2; exit 1; }
	LD_PRELOAD="$$($(CXX) -print-file-name=libasan.so) $$($(CXX) -print-file-name=libstdc++.so)" \
	ASAN_OPTIONS=detect_leaks=0:quarantine_size_mb=32 UBSAN_OPTIONS=print_stacktrace=1 PYTHONMALLOC=malloc \
	$(BIN)/python -m pytest -q -m "not timing and not peers" --timeout 600 --capture sys $(ARGS)

clean:
	rm -rf build dist .venv-sanitize $(STAMPS)/build .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find src tests examples benchmarks native -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

distclean: clean
	rm -rf .venv
