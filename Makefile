# The commands of the house. Each makes the environment that it needs, once, in .venv/.

PYTHON ?= python3
RUN := .venv/run
LEARN := .venv/learn
PIP_FLAGS := --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: help demo test check bench fuzz docs format clean

help: ## show this list (what plain make does)
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/'

demo: $(RUN)/installed ## restore a picture from examples/ with the run half alone; results in out/
	@mkdir -p out
	$(RUN)/bin/pixelmend restore examples/lighthouse_noisy.png -o out/lighthouse_restored.png \
		--compare out/lighthouse_before_after.png

test: check ## everything that must hold: check, then all tests
	$(LEARN)/bin/python -m pytest -q

check: $(LEARN)/installed ## ruff, mypy strict, and the layers of the house
	$(LEARN)/bin/ruff check
	$(LEARN)/bin/ruff format --check
	$(LEARN)/bin/mypy
	$(LEARN)/bin/python -m pytest -q tests/test_layers.py

bench: $(LEARN)/installed ## what is promised about time, memory and size, measured; speed beside every peer
	@status=0; $(LEARN)/bin/python benchmarks/promises.py || status=1; \
		$(LEARN)/bin/python benchmarks/speed.py || status=1; exit $$status

fuzz: $(LEARN)/installed ## read 20,000 damaged pictures, send the service all that its document allows: nothing may break
	$(LEARN)/bin/python -m tests.images.fuzzing --files 20000
	$(LEARN)/bin/python -m tests.service.fuzzing --examples 100

docs: $(LEARN)/installed ## build the documentation into site/, to be opened from the disk: site/index.html
	NO_MKDOCS_2_WARNING=1 $(LEARN)/bin/python -m mkdocs build --strict --quiet

format: $(LEARN)/installed ## put the code into form
	$(LEARN)/bin/ruff check --fix
	$(LEARN)/bin/ruff format

clean: ## remove environments and everything that commands left behind
	rm -rf .venv out site build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(RUN)/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(RUN)
	$(RUN)/bin/pip install $(PIP_FLAGS) --editable .
	@touch $@

$(LEARN)/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(LEARN)
	$(LEARN)/bin/pip install $(PIP_FLAGS) --editable '.[dev]'
	@touch $@
