# All set-up happens here: make, git and python3 with pip are enough. Running a target again is quick.
PYTHON ?= python3
VENV ?= .venv
PY := $(VENV)/bin/python
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help test test-all lint demo map clean
help:
	@echo "make test      base install, fakes: the tests to run all the time"
	@echo "make test-all  extras and real parts as well (torch, browser ...)"
	@echo "make lint      ruff and mypy --strict"
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
	$(PY) -m pytest -n 2 -m "not slow and not real"

test-all: $(VENV)/.all
	$(PY) -m pytest -n 2

lint: $(VENV)/.base
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy

$(VENV)/.demo: $(VENV)/.base
	$(PY) -c 'import torch' 2>/dev/null || $(PY) -m pip install -q "$$(grep '^torch' constraints.txt)"
	$(PY) -m pip install -q -c constraints.txt -e '.[local,train,report]' && touch $@

demo: $(VENV)/.demo
	$(PY) -m bootstruct demo --out out/demo

map:
	$(PYTHON) tools/map.py

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
