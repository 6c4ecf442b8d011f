# make app | synthesize | test | unit | proof NAME | bench | lint: each makes .venv and installs what it needs by itself.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# uv picks the CPU or CUDA build of torch by what the machine has; a folder of ready wheels, where one is named, comes first.
UV_INSTALL = UV_FIND_LINKS="$${UV_FIND_LINKS:-$${PIP_FIND_LINKS:-}}" $(BIN)/uv pip install -q -p $(BIN)/python $(TORCH_BACKEND)
TORCH_BACKEND = $(shell sh scripts/torch-backend)
# A browser is opened where there is a screen to open it on.
OPEN = $(if $(or $(DISPLAY),$(WAYLAND_DISPLAY),$(filter Darwin,$(shell uname -s))),--open-browser)
export DO_NOT_TRACK ?= 1
export GRADIO_ANALYTICS_ENABLED ?= False

.PHONY: app synthesize test engine lint unit proof chaos agreement campaign synthesis ray update campaigns batches learning differences bench clean

app: $(VENV)/.core
	@echo "Starting ReasonRank Studio ..."
	@$(BIN)/python app.py $(OPEN) $(ARGS)

# Training data from a recipe: `make synthesize RECIPE=demo ARGS="--limit 10"`.
synthesize: $(VENV)/.core
	@$(BIN)/python -m training synthesize $(or $(RECIPE),demo) $(ARGS)

# LONG=yes runs two more tests of some minutes each: a correction followed to the model that serves, and a vLLM engine inside a process.
test: $(VENV)/.dev engine
	@LONG="$(LONG)" sh scripts/run-tests

# A real vLLM server for one test, about 2 GB and only where its CPU build runs; ENGINE=no leaves it out, and the test says that it skips.
engine: $(VENV)/bin/uv
	@ENGINE="$(ENGINE)" sh scripts/engine "$(PYTHON)" $(BIN)/uv $(TORCH_BACKEND)

lint: $(VENV)/.dev
	@sh scripts/lint

unit: $(VENV)/.dev
	@HF_HUB_OFFLINE=1 OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n 2 -m "not store and not oracle and not model and not database and not browser and not engine and not process"

# `make proof chaos ARGS="--seeds 0-9999"`: the name is a goal of its own to make, which has nothing to do.
proof: $(VENV)/.dev
	@sh scripts/proof $(filter-out proof,$(MAKECMDGOALS)) $(ARGS)

chaos agreement campaign synthesis ray update campaigns batches learning differences:
	@:

bench: $(VENV)/.dev
	@HF_HUB_OFFLINE=1 $(BIN)/python benchmarks/embedded.py
	@HF_HUB_OFFLINE=1 $(BIN)/python benchmarks/visitors.py
	@HF_HUB_OFFLINE=1 OMP_NUM_THREADS=1 $(BIN)/python benchmarks/strategies.py --repeats 1 --busy-service 2 --at-once 128 --marks 1000 3000
	@HF_HUB_OFFLINE=1 OMP_NUM_THREADS=1 $(BIN)/python benchmarks/quality.py
	@HF_HUB_OFFLINE=1 OMP_NUM_THREADS=1 $(BIN)/python benchmarks/annotation_load.py
	@HF_HUB_OFFLINE=1 OMP_NUM_THREADS=1 $(BIN)/python benchmarks/planted_faults.py --seeds 2
	@HF_HUB_OFFLINE=1 OMP_NUM_THREADS=1 $(BIN)/python benchmarks/synthesis.py
	@HF_HUB_OFFLINE=1 OMP_NUM_THREADS=1 $(BIN)/python benchmarks/synthesis_memory.py
	@HF_HUB_OFFLINE=1 OMP_NUM_THREADS=1 $(BIN)/python benchmarks/evaluation.py
	@HF_HUB_OFFLINE=1 OMP_NUM_THREADS=1 $(BIN)/python benchmarks/thinking.py
	@HF_HUB_OFFLINE=1 OMP_NUM_THREADS=1 $(BIN)/python benchmarks/router_worlds.py --worlds 20

$(VENV)/bin/uv:
	@sh scripts/check-python "$(PYTHON)"
	@echo "Making $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install -q --disable-pip-version-check uv==0.13.9

$(VENV)/.core: requirements.txt $(VENV)/bin/uv
	@echo "Installing what the app needs (about 2 GB on disk) ..."
	@$(UV_INSTALL) -r requirements.txt
	@touch $@

$(VENV)/.dev: requirements-dev.txt requirements-ray.txt requirements.txt $(VENV)/bin/uv
	@echo "Installing what the tests need ..."
	@$(UV_INSTALL) -r requirements-dev.txt
	@touch $(VENV)/.core $@

clean:
	rm -rf $(VENV) .venv-engine .mypy_cache .ruff_cache .pytest_cache
