# `make demo` and `make test` do all the set-up themselves. PYTHON=/path/to/python chooses the
# interpreter; `make rebuild CMAKE_ARGS=-DTELLUS_NATIVE=ON` compiles for this machine's processor.
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
TO_RUN := $(VENV)/.installed-demo
DOCUMENTING := $(VENV)/.installed-docs
PETSC := $(VENV)/.installed-petsc
BROWSER := $(VENV)/.installed-browser
# A file of tests stays in one process, as its fixtures are made once; each takes up to 2 GB. The
# last files are those of examples in docstrings, so that no process waits for another's.
PARALLEL := -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder
CXX_SOURCES := $(wildcard csrc/*.hpp csrc/*.cpp)
INSTALLED_FROM := pyproject.toml constraints.txt CMakeLists.txt scripts/setup.sh $(CXX_SOURCES)

.PHONY: help demo test test-all coverage docs notebooks gallery web house lint format venv petsc browser rebuild clean

help:
	@echo "make demo      the main job, start to end: roll out, compare, report"
	@echo "make test      lint and the tests that take seconds"
	@echo "make test-all  lint and every test, the published benchmarks included"
	@echo "make coverage  the tests of make test: which lines and branches none of them reaches"
	@echo "make docs      the documentation as a site, docs/_build/html"
	@echo "make notebooks run docs/notebooks anew, which the site shows as they were committed"
	@echo "make gallery   run the examples small and draw them; goes on where it stopped"
	@echo "make web       compile the page of tellus web anew, CLOSURE=MODEL into it"
	@echo "make house     the rooms and their imports, drawn into CONTRIBUTING.md"
	@echo "make lint      ruff, mypy, import-linter, clang-format: check only"
	@echo "make format    let ruff and clang-format rewrite the sources"
	@echo "make venv      only set up .venv (the others do it when needed)"
	@echo "make petsc     PETSc and petsc4py for --stokes mumps, by apt on Debian and Ubuntu"
	@echo "make browser   node, Chromium and playwright-core, which the test of the page needs"
	@echo "make rebuild   compile the extension from scratch (after another CMAKE_ARGS, say)"
	@echo "make clean     remove .venv, build products and caches"

demo: $(TO_RUN)
	$(BIN)/tellus demo

# To rewrite the tests' assertions takes half a minute in every process, so what pytest made of
# them is kept, whatever the environment says of bytecode.
test test-all coverage: export PYTHONDONTWRITEBYTECODE :=
test test-all coverage: export PYTHONPYCACHEPREFIX := $(CURDIR)/$(VENV)/pycache

test: lint
	$(BIN)/pytest $(PARALLEL) -m "not slow"

test-all: lint
	$(BIN)/pytest $(PARALLEL)

coverage: $(INSTALLED)
	$(BIN)/pytest $(PARALLEL) -m "not slow" --cov --cov-report=term

docs: $(DOCUMENTING)
	$(BIN)/sphinx-build -W --keep-going -b html docs docs/_build/html
	@echo "open docs/_build/html/index.html"

notebooks: $(DOCUMENTING)
	cd docs/notebooks && ../../$(BIN)/jupyter execute --inplace *.ipynb

gallery: $(INSTALLED)
	$(BIN)/python scripts/gallery.py

# Only who changes csrc/ or a closure needs the compiler; what it makes is committed.
web: $(INSTALLED)
	$(BIN)/python -m pip install -q -c constraints.txt ziglang
	$(BIN)/python scripts/web.py $(CLOSURE)

house: $(INSTALLED)
	$(BIN)/python scripts/house.py

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/clang-format --dry-run -Werror $(CXX_SOURCES)

format: $(INSTALLED)
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .
	$(BIN)/clang-format -i $(CXX_SOURCES)

venv: $(INSTALLED)

# The install is editable: Python edits take effect at once, so only what the install or the
# extension is made from is listed here.
$(INSTALLED): $(INSTALLED_FROM)
	@PYTHON="$(PYTHON)" sh scripts/setup.sh $(VENV) dev
	@touch $@ $(TO_RUN)

# The same without developers' tools.
$(TO_RUN): $(INSTALLED_FROM)
	@PYTHON="$(PYTHON)" sh scripts/setup.sh $(VENV) all
	@touch $@

# Only `make docs` needs these, so only it installs them.
$(DOCUMENTING): $(INSTALLED)
	$(BIN)/python -m pip install -q -c constraints.txt --no-build-isolation -e '.[docs]'
	@touch $@

petsc: $(PETSC)

# Nothing else asks for it: on Debian and Ubuntu it installs packages of the system.
$(PETSC): $(INSTALLED) scripts/petsc.sh
	@sh scripts/petsc.sh $(VENV)
	@touch $@

browser: $(BROWSER)

$(BROWSER): scripts/browser.sh | $(INSTALLED)
	@sh scripts/browser.sh $(VENV)
	@touch $@

# CMake remembers options in build/, so one that is no longer given would stay on.
rebuild:
	rm -rf build $(INSTALLED)
	@$(MAKE) venv

clean:
	rm -rf $(VENV) build dist docs/_build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage*
