# All set-up happens here: make, git and python3 with pip are enough. Running a target again is quick.
PYTHON ?= python3
VENV ?= .venv
PY := $(VENV)/bin/python
# Tests that fail are run once more, by themselves, and listed: one that then passes is a fault of the test to mend.
define PYTEST
$(1) -m pytest -n 2 $(2) || { [ $$? = 1 ] && echo "The tests that failed are run once more:" && $(1) -m pytest -v --lf --lfnf=none $(2); }
endef
export PIP_DISABLE_PIP_VERSION_CHECK := 1
unexport PYTHONDONTWRITEBYTECODE  # compiled once, not by each of the many processes that tests start

.PHONY: help test test-lowest test-all lint docs dist demo map clean
help:
	@echo "make test      base install, fakes: the tests to run all the time"
	@echo "make test-lowest  the same with the lowest versions of all direct dependencies, and a short run"
	@echo "make test-all  extras and real parts as well (torch, browser ...)"
	@echo "make lint      ruff and mypy --strict"
	@echo "make docs      the documentation site in out/site; any warning fails"
	@echo "make dist      wheel and sdist, built twice to the same bytes, checked, and a tour of the wheel in a clean environment"
	@echo "make demo      the whole loop with the embedded model: no network, no key, a few minutes"
	@echo "make map       write docs/map.md anew"

$(PY):
	$(PYTHON) -c 'import ensurepip' 2>/dev/null && $(PYTHON) -m venv $(VENV) \
	  || { $(PYTHON) -m venv --without-pip $(VENV) && $(PYTHON) -m pip --python $(PY) install -q pip; }
	$(PY) -m pip install -q --upgrade "pip>=25.1"

$(VENV)/.base: pyproject.toml constraints.txt | $(PY)
	$(PY) -m pip install -q -c constraints.txt -e . --group dev && touch $@

$(VENV)/.all: $(VENV)/.base
	$(PY) -c 'import torch' 2>/dev/null || $(PY) -m pip install -q "$$(grep '^torch' constraints.txt)"
	$(PY) -m pip install -q -c constraints.txt -e '.[all]' --group real && touch $@

test: $(VENV)/.base
	$(call PYTEST,$(PY),-m "not slow and not real")

LOWEST := $(VENV)-lowest
$(LOWEST)/.done: pyproject.toml tools/lowest.py | $(PY)
	$(PYTHON) tools/lowest.py > /dev/null
	rm -rf $(LOWEST) && $(PYTHON) -m venv --without-pip $(LOWEST)
	$(PYTHON) tools/lowest.py > $(LOWEST)/lowest.txt
	$(PY) -m pip --python $(LOWEST)/bin/python install -q -c $(LOWEST)/lowest.txt -e '.[review,parquet,report]' --group dev
	touch $@

test-lowest: $(LOWEST)/.done
	$(call PYTEST,$(LOWEST)/bin/python,-m "not slow and not real")
	$(LOWEST)/bin/python tools/tour.py --here

test-all: $(VENV)/.all
	$(call PYTEST,$(PY),)

lint: $(VENV)/.base
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy

$(VENV)/.docs: pyproject.toml constraints.txt $(VENV)/.base
	$(PY) -m pip install -q -c constraints.txt --group docs && touch $@

docs: $(VENV)/.docs
	$(PY) tools/commands.py
	$(PY) tools/site.py

$(VENV)/.dist: pyproject.toml $(VENV)/.base
	$(PY) -m pip install -q -c constraints.txt --group dist && touch $@

dist: $(VENV)/.dist
	rm -rf dist
	$(PY) -m build --outdir dist .
	$(PY) -m twine check --strict dist/*
	$(PY) tools/same_build.py dist
	$(PY) tools/tour.py dist/*.whl

$(VENV)/.demo: $(VENV)/.base
	$(PY) -c 'import torch' 2>/dev/null || $(PY) -m pip install -q "$$(grep '^torch' constraints.txt)"
	$(PY) -m pip install -q -c constraints.txt -e '.[local,train,report]' && touch $@

demo: $(VENV)/.demo
	$(PY) -m bootstruct demo --out out/demo

map:
	$(PYTHON) tools/map.py

clean:
	rm -rf $(VENV) $(VENV)-lowest .mypy_cache .ruff_cache .pytest_cache .hypothesis
