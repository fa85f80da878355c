# Everything a checkout needs, from a machine that has only Python 3.11+, g++ and make.
#
#   make demo     build, take simulated muon data for about a minute, fit the muon lifetime
#   make test     build, run all tests
#   make check    what is judged without running it: style, types, layers, warnings, documentation
#   make model    check the protocol of the ring with the model checker Spin (package: spin)
#   make docs     the documentation as web pages, in docs/_build/html
#   make screenshots  pictures of the page of a run, for the documentation (package: chromium)
#   make bench    measure beside queues, sockets and the machine's limit; half an hour on an idle machine
#   make format   bring the Python files into their standard form
#   make size     count the files and lines of src; make size SINCE=REVISION: beside an older one
#   make clean    remove everything that make has made, except recorded runs
#
# PYTHON=python3.12 chooses the interpreter, VENV=dir another place for the environment.

PYTHON ?= python3
VENV   ?= .venv
export PYTHON
# A quarter of the processor time of a short run is the compiling of modules that nobody has kept.
unexport PYTHONDONTWRITEBYTECODE

bin    := $(abspath $(VENV))/bin
pip    := $(bin)/python -m pip --disable-pip-version-check
native := CMakeLists.txt pyproject.toml $(shell find core -name '*.[ch]pp' -o -name CMakeLists.txt)

# Each step leaves a stamp, so that a second call has nothing to do.
environment := $(VENV)/pyvenv.cfg
project     := $(VENV)/.mimocorb-built
tools       := $(VENV)/.tools-installed
peers       := $(VENV)/.peers-installed

# The same build options for the checked wheel here and in tests/project, so that it compiles once.
strict := --no-build-isolation --no-deps --config-settings=build-dir=build/strict \
  --config-settings=cmake.define.MIMOCORB_WERROR=ON

.PHONY: demo test check model docs screenshots bench format size clean machine core-test
.DELETE_ON_ERROR:

demo: $(project)
	cd examples && PATH="$(bin):$$PATH" ../run_daq.py simultest_setup.yaml
	cd examples && $(bin)/python analyse_lifetime.py

# Five processes: most tests wait for the processes that they start, more than they compute.
test: $(tools) core-test
	$(bin)/python -m pytest -n 5 --dist worksteal

check: $(tools)
	$(bin)/ruff check
	$(bin)/ruff format --check
	$(bin)/mypy
	$(bin)/lint-imports
	PATH="$(bin):$$PATH" $(pip) wheel --quiet --wheel-dir build/wheel $(strict) .
	$(MAKE) --no-print-directory docs

model:
	$(PYTHON) core/model/run.py

docs: $(tools)
	$(bin)/sphinx-build -W --keep-going -n -q -b html docs docs/_build/html

screenshots: $(tools)
	PATH="$(bin):$$PATH" $(bin)/python tools/draw_page.py

# make bench OPTIONS="--only 1-1,latency --reference-python PATH"
bench: $(peers)
	@$(bin)/python benchmarks/run.py $(OPTIONS)

format: $(tools)
	$(bin)/ruff check --fix
	$(bin)/ruff format

size:
	@$(PYTHON) tools/size.py $(SINCE)

clean:
	rm -rf $(VENV) build dist docs/_build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache

machine:
	@tools/machine.sh

$(environment): | machine
	$(PYTHON) -m venv $(VENV)
	$(pip) install --quiet --upgrade 'pip>=25.1'

$(project): $(native) | machine $(environment)
	$(pip) install --quiet --editable '.[plots,analysis,web]'
	@touch $@

$(tools): pyproject.toml $(project)
	$(pip) install --quiet --group build --group test --group lint --group docs
	@touch $@

$(peers): pyproject.toml $(project)
	$(pip) install --quiet --group bench
	@touch $@

# The native core builds and is tested without Python; cmake and ninja come from the environment.
ifneq ($(wildcard core/tests/CMakeLists.txt),)
core-test: build/core/.tested

build/core/.tested: $(native) $(wildcard core/tests/*) | $(tools)
	@PATH="$(bin):$$PATH" cmake -S core -B build/core -G Ninja -DMIMOCORB_CORE_TESTS=ON
	@PATH="$(bin):$$PATH" cmake --build build/core
	@PATH="$(bin):$$PATH" ctest --test-dir build/core --output-on-failure --parallel 2
	@touch $@
endif
