# Every target makes the environment on first use. torch is pinned in the constraints.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip install --quiet --constraint planner/constraints.txt

# llama.cpp as the project builds it: no vision, no OpenSSL, no instructions of this CPU only.
export CMAKE_ARGS := -DLLAVA_BUILD=OFF -DGGML_NATIVE=OFF -DLLAMA_OPENSSL=OFF

export HF_HUB_OFFLINE := 1
export HF_HUB_DISABLE_TELEMETRY := 1

# Each process has whole files of tests, in the order that tests/conftest.py gives them.
PROCESSES ?= 3
SIDE_BY_SIDE := --dist loadfile --no-loadscope-reorder

.PHONY: demo test test-quick test-all fuzz check docs format clean

$(VENV)/installed: pyproject.toml planner/constraints.txt
	@echo "making $(VENV): the training stack is about 2 GB, minutes on a first run"
	$(PYTHON) -m venv $(VENV)
	$(PIP) torch==2.13.0
	$(PIP) --editable '.[train,deepspeed,parquet,dev]'
	@$(PIP) --editable '.[gguf]' || echo "llama-cpp-python was not built (no C++ compiler?): its tests are skipped"
	@touch $@

# The pages need the base install alone, none of the training stack.
$(VENV)/docs-installed: pyproject.toml planner/constraints.txt
	@test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV)
	$(PIP) --editable '.[docs]'
	@touch $@

demo: $(VENV)/installed  ## run the full pipeline on the built-in model, in build/demo
	$(BIN)/tunelock demo --into build/demo --fresh

test: $(VENV)/installed  ## run the tests, without the slow ones
	$(BIN)/python -m pytest -m "not slow or gpu" -n $(PROCESSES) $(SIDE_BY_SIDE)

# Some of its tests wait for a terminal or a time limit, while a third process works.
test-quick: $(VENV)/installed  ## run the tests that need no training
	$(BIN)/python -m pytest --quick -r fE -n 3 $(SIDE_BY_SIDE)

test-all: $(VENV)/installed  ## run every test
	$(BIN)/python -m pytest -n $(PROCESSES) $(SIDE_BY_SIDE)

fuzz: $(VENV)/installed  ## try corrupted files of every kind, in minutes, and print a table of the results
	$(BIN)/python -m tests.fuzz

check: $(VENV)/installed  ## lint, format, types, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(VENV)/docs-installed  ## build the documentation site in build/docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

format: $(VENV)/installed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV)
